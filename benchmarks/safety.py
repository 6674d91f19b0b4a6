"""What it costs to try every file in another process first, to read through a pipe, and to count the commits.

    python -m benchmarks.safety

Prints JSON: milliseconds, medians over the repetitions, of a plane of 2048 x 2048 px.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import imageio.v3 as imageio
import numpy as np
import tifffile
from skimage import data

from napari_unet.decoder.client import DecoderClient
from napari_unet.decoder.trial import DecoderTrial
from napari_unet.images.image import Image
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project
from napari_unet.project.revision_file import RevisionFile

_SIDE = 2048
_COMMITS = 2000  # of the number alone


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9)
    repeat = parser.parse_args().repeat
    pixels = np.tile(data.camera(), (_SIDE // 512, _SIDE // 512))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiff, png = folder / "plane.tif", folder / "plane.png"
        tifffile.imwrite(tiff, pixels)
        imageio.imwrite(png, pixels)
        found = {
            "start of the process": _ms(_starting(tiff), min(3, repeat)),
            "trial of a TIFF": _trial(tiff, repeat), "trial of a PNG": _trial(png, repeat),
            "reading the TIFF": _ms(lambda: open_image(tiff).pixels[...], repeat),
            "reading it through the pipe": _piped(tiff, repeat),
            **_commits(folder, pixels, repeat),
        }  # fmt: skip
    print(json.dumps({what: round(value, 3) for what, value in found.items()}, indent=1))


def _ms(work: Callable[[], object], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return median(times)


def _starting(path: Path) -> Callable[[], None]:
    """Return what starts a process, asks it for a file that another has tried, and ends it."""

    def start() -> None:
        client = DecoderClient()
        client.open(path).result()
        client.stop()

    return start


def _trial(path: Path, repeat: int) -> float:
    """Time trials by a process that runs already; a file of another time is tried anew."""
    trial = DecoderTrial()
    trial(path, None)
    numbers = iter(range(repeat))

    def once() -> None:
        os.utime(path, ns=(0, next(numbers)))
        trial(path, None)

    found = _ms(once, repeat)
    trial.stop()
    return found


def _piped(path: Path, repeat: int) -> float:
    client = DecoderClient()
    image = client.open(path).result()
    found = _ms(lambda: image.pixels[...], repeat)
    client.stop()
    return found


def _commits(folder: Path, pixels: np.ndarray, repeat: int) -> dict[str, float]:
    """Time commits of a stroke, and apart from them asking for and writing the number of the newest."""
    with Project(folder / "p.unet") as project:
        image_id = project.add_image(Image("plane", pixels, "yx")).id
        project.add_class()
        labels = np.zeros(pixels.shape, np.uint8)
        chance = np.random.default_rng(0)

        def stroke() -> None:
            y, x = chance.integers(0, _SIDE - 60, 2)
            labels[y : y + 9, x : x + 60] ^= 1
            project.commit(image_id, 0, labels)

        commit = _ms(stroke, 10 * repeat)
        file = RevisionFile(folder)
        numbers = iter(range(1, _COMMITS + 1))

        def note() -> None:
            project.database.newest_revision()
            file.write(next(numbers))

        number = _ms(note, _COMMITS)
        file.close()
    return {"commit of a stroke": commit, "of it the number of the commit": number}


if __name__ == "__main__":
    main()
