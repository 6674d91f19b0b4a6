"""Damages files at random, from a seed, and opens them under limits: ``python fuzzer.py COUNT SEED``.

Prints one JSON object: how many were opened, refused with a coded line, or did anything else.
"""

import io
import json
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
import zarr
from PIL import Image as Picture
from safetensors.torch import save_file

from napari_unet.errors import PROGRAM_ERROR, UserError
from napari_unet.images.reading import open_image
from napari_unet.images.tiles import Region
from napari_unet.network.checkpoint import load_checkpoint
from napari_unet.protocol.channel import Channel, encode
from napari_unet.protocol.messages import Progress, Tile, ToWindow

_MEMORY = 6 * 2**30  # bytes; torch alone takes two thirds of it as addresses
_SECONDS = 10
_PIXELS = np.random.default_rng(0).integers(0, 2**16, (3, 40, 50), np.uint16)


class TooLong(Exception):
    """An opening took longer than it may."""


class Pipe(io.BytesIO):
    """Bytes with what else a file has."""

    mode, name = "rb", "pipe"


def samples(folder: Path) -> dict[str, Path]:
    """A sound file of each kind."""
    for name, options in {
        "plain.tif": {}, "lzw.tif": {"compression": "lzw"}, "tiled.tif": {"tile": (16, 16), "compression": "zlib"},
        "imagej.tif": {"imagej": True, "metadata": {"axes": "ZYX"}}, "ome.ome.tif": {"metadata": {"axes": "ZYX"}},
    }.items():  # fmt: skip
        tifffile.imwrite(folder / name, _PIXELS, **options)
    colours = (_PIXELS[0, :, :, None] >> np.array([8, 4, 0])).astype(np.uint8)
    Picture.fromarray(colours).save(folder / "rgb.png")
    Picture.fromarray(colours).save(folder / "rgb.jpg")
    Picture.fromarray(_PIXELS[0]).save(folder / "grey16.png")
    np.save(folder / "plain.npy", _PIXELS)
    for version in (2, 3):
        zarr.save_array(str(folder / f"v{version}.zarr"), _PIXELS, zarr_format=version)
    save_file({"weights.a": torch.arange(99.0)}, folder / "net.safetensors", metadata={"napari_unet": "{}"})
    messages = [Tile(3, 1, 0, Region(64, 0, 66, 3), bytes(range(6)), 12), Progress("training", 5, 0.25, 0)]
    (folder / "pipe.messages").write_bytes(b"".join(encode(message) for message in messages))
    return {path.name: path for path in sorted(folder.iterdir())}


def damage(data: bytes, chance: np.random.Generator) -> bytes:
    """Cut off, flip bits in the head or anywhere, overwrite, insert or repeat."""
    raw = bytearray(data)
    if not raw:
        return b"\0"
    at = int(chance.integers(len(raw)))
    match chance.integers(6):
        case 0:
            del raw[at:]
        case 1:
            for place in chance.integers(0, min(len(raw), 200), 3):
                raw[place] ^= 1 << int(chance.integers(8))
        case 2:
            for place in chance.integers(0, len(raw), 8):
                raw[place] ^= 1 << int(chance.integers(8))
        case 3:
            raw[at : at + 16] = b"\xff" * 16
        case 4:
            raw[at:at] = chance.bytes(9)
        case 5:
            raw[at:at] = raw[at : at + 64] * 3
    return bytes(raw)


def damaged_copy(sample: Path, target: Path, chance: np.random.Generator) -> None:
    """The file, or one file of the folder, damaged."""
    if sample.is_dir():
        shutil.copytree(sample, target)
        files = [path for path in sorted(target.rglob("*")) if path.is_file()]
        chosen = files[int(chance.integers(len(files)))]
        chosen.write_bytes(damage(chosen.read_bytes(), chance))
    else:
        target.write_bytes(damage(sample.read_bytes(), chance))


def read(path: Path) -> object:
    """Open whatever it is and use all of it."""
    if path.suffix == ".safetensors":
        return load_checkpoint(path)
    if path.suffix == ".messages":
        channel: Channel[Any] = Channel(Pipe(path.read_bytes()), Pipe(), ToWindow)
        while True:
            message = channel.receive()
            if isinstance(message, Tile):
                message.array()
    image = open_image(path)
    return [image.read(plane) for plane in range(min(image.planes, 3))]


def outcome(do: Callable[[], object]) -> str:
    """What came of it, in a word."""
    signal.alarm(_SECONDS)
    try:
        do()
    except UserError as error:
        if error.code == PROGRAM_ERROR:
            return f"our own error: {error}"
        return "refused" if str(error).startswith("NU-") and "\n" not in str(error) else f"not one line: {error}"
    except EOFError:
        return "ended"
    except TooLong:
        return "too long"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return "opened"


def too_long(*_: object) -> None:
    """Come when the alarm rings."""
    raise TooLong


def main(count: int, seed: int) -> dict[str, int]:
    """Damage and open so many files of all kinds in turn."""
    signal.signal(signal.SIGALRM, too_long)
    chance = np.random.default_rng(seed)
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        sound = Path(name) / "sound"
        sound.mkdir()
        kinds = samples(sound)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        for number in range(count):
            kind = list(kinds)[number % len(kinds)]
            target = Path(name) / f"{number}-{kind}"
            damaged_copy(kinds[kind], target, chance)
            result = outcome(lambda target=target: read(target))
            found[result if result in {"refused", "opened", "ended"} else f"{kind} {number}: {result}"] += 1
            shutil.rmtree(target) if target.is_dir() else target.unlink()
    return dict(found)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
