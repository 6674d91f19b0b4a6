"""F44 to F49: nothing foreign is ever run, and nothing is written outside of the project, at any entry."""

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import tifffile
from safetensors.torch import save_file

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.labels import read_labels
from napari_unet.images.reading import open_image
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.protocol.channel import Channel
from napari_unet.protocol.child_process import child_environment
from napari_unet.storage import sha256

SUSPICIOUS = ("os.system", "subprocess.Popen", "pickle.find_class", "socket.connect", "os.exec", "os.posix_spawn")
heard: list[str] = []


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event in SUSPICIOUS:
        heard.append(event)


sys.addaudithook(_listen)


class Touch:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.path}'",)


class SetState:
    """The same by REDUCE and BUILD."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return Touch, (Path(self.path),), {"nested": Touch(Path(self.path))}


def plain(sentinel: Path, protocol: int = 2) -> bytes:
    return pickle.dumps(Touch(sentinel), protocol)


def torch_file(content: Any) -> bytes:
    import torch

    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def npy(sentinel: Path) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([Touch(sentinel)], object), allow_pickle=True)
    return stream.getvalue()


def npz(sentinel: Path) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, a=np.array([Touch(sentinel)], object))
    return stream.getvalue()


def script_module(sentinel: Path) -> bytes:
    import torch

    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch gives this format up
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), stream)
    return stream.getvalue() + plain(sentinel)


def header(record: Any, body: bytes = b"") -> bytes:
    """A safetensors file with this header."""
    text = record if isinstance(record, bytes) else json.dumps(record).encode()
    return len(text).to_bytes(8, "little") + text + body


def yaml_tag(sentinel: Path) -> bytes:
    return f"!!python/object/apply:os.system ['touch {sentinel}']".encode()


PAYLOADS: dict[str, Callable[[Path], bytes]] = {
    "pickle protocol 0": lambda s: plain(s, 0),
    "pickle protocol 2": plain,
    "pickle protocol 5": lambda s: plain(s, 5),
    "reduce and build": lambda s: pickle.dumps(SetState(s)),
    "nested pickle": lambda s: pickle.dumps({"weights": [plain(s), Touch(s)]}),
    "torch zip": lambda s: torch_file({"weights": Touch(s)}),
    "torch legacy": lambda s: pickle.dumps(0x1950A86A20F9469CFC6C) + plain(s),
    "torchscript": script_module,
    "npy of objects": npy,
    "npz of objects": npz,
    "joblib": lambda s: zlib.compress(plain(s)),
    "yaml tag": yaml_tag,
    "json with a class": lambda s: json.dumps({"py/reduce": ["os.system", f"touch {s}"]}).encode(),
    "python source": lambda s: f"import os; os.system('touch {s}')".encode(),
    "shell script": lambda s: f"#!/bin/sh\ntouch {s}\n".encode(),
    "safetensors header of 2^60": lambda s: (2**60).to_bytes(8, "little") + plain(s),
    "safetensors with a pickle as header": lambda s: header(plain(s)),
    "safetensors with a class path": lambda s: header(
        {"__metadata__": {"napari_unet": json.dumps({"format": 2, "architecture": {"class": "os.system"}})}}
    ),
    "safetensors with sizes of a bomb": lambda s: header(
        {"__metadata__": {"napari_unet": json.dumps(record(channels=2**40))}}
    ),
    "safetensors nested a thousand times": lambda s: header({"__metadata__": {"napari_unet": "[" * 10**5}}),
    "safetensors overlapping": lambda s: header(
        {
            "weights.a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "weights.b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
        },
        bytes(12),
    ),
    "safetensors beyond the end": lambda s: header(
        {"weights.a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    ),
    "empty": lambda s: b"",
    "zip slip": lambda s: zip_slip(s),
    "tar slip": lambda s: tar_slip(s),
    "msgpack extension": lambda s: msgspec.msgpack.encode(msgspec.msgpack.Ext(1, plain(s))),
}
ENDINGS = (".safetensors", ".pt", ".npy", ".tif", ".png")


def record(**sizes: int) -> dict[str, Any]:
    architecture = {"channels": 1, "classes": 2, "width": 2, "depth": 1, **sizes}
    return {
        "format": 2, "architecture": architecture, "class_ids": [1, 2], "class_names": ["a", "b"], "step": 1,
        "facts": {},
    }  # fmt: skip


def zip_slip(sentinel: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(f"../../../..{sentinel}", "x")
    return stream.getvalue()


def tar_slip(sentinel: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo(str(sentinel))
        archive.addfile(info, io.BytesIO(b""))
    return stream.getvalue()


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[Path]:
    """A file that nobody may touch; at the end nothing suspicious was heard either."""
    path = tmp_path / "sentinel"
    heard.clear()
    yield path
    assert not path.exists()
    assert heard == []


def tree(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_file_runs_anything(payload: str, ending: str, sentinel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every entry each payload, whatever it is called, is one NU line; switches of libraries change nothing."""
    from napari_unet.api import verify
    from napari_unet.network.base import base_weights
    from napari_unet.network.checkpoint import load_checkpoint

    data = PAYLOADS[payload](sentinel)
    folder = sentinel.parent
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.setenv("NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE", "1")
    path = folder / f"gift{ending}"
    path.write_bytes(data)
    tifffile.imwrite(folder / "cell.tif", np.zeros((8, 8), np.uint8))
    (folder / "cell_seg.npy").write_bytes(data)  # a sidecar that other programs load
    before = tree(folder)
    heard.clear()  # making a payload may have spoken
    entries: list[Callable[[], object]] = [
        lambda: open_image(path),
        lambda: read_labels(path, open_image(folder / "cell.tif")),
        lambda: load_checkpoint(path),
        lambda: base_weights(str(path)),
        lambda: Project(path),
        lambda: Project(path, read_only=True),
        lambda: verify(path),
    ]
    for entry in entries:
        with pytest.raises(UserError, match=r"^NU-[A-Z]\d\d: "):
            entry()
    open_image(folder / "cell.tif").read(0)
    assert tree(folder) == before


@pytest.mark.parametrize("payload", ["pickle protocol 5", "torch zip", "npy of objects", "json with a class"])
def test_no_project_runs_anything(payload: str, sentinel: Path) -> None:
    """A project whose every file but the database is a payload opens, and tells what is damaged."""
    from napari_unet.api import verify

    folder = sentinel.parent / "p.unet"
    with Project(folder) as project:
        project.add_class()
        project.add_image(Image("drawn", np.eye(20), "yx"))
    data = PAYLOADS[payload](sentinel)
    (image,) = (folder / "images").iterdir()
    image.write_bytes(data)
    (folder / "models").mkdir()
    for name in ("best.safetensors", "last.safetensors", "previous.safetensors", "best.json", "last.json"):
        (folder / "models" / name).write_bytes(data)
    for name in ("__init__.py", "torch.py", "json.py", "conftest.py", "sitecustomize.py"):
        (folder / name).write_text(f"import os; os.system('touch {sentinel}')")
    heard.clear()
    lines = verify(folder)
    assert len(lines) >= 3
    assert all(line.startswith("NU-") for line in lines)
    with Project(folder) as project, pytest.raises(UserError):
        project.images.open(1)
    (folder / DATABASE).write_bytes(data)
    with pytest.raises(UserError):
        Project(folder)


CODECS = ["pickle", "vlen-utf8", "json2", "msgpack2", "base64", "numcodecs.pickle", "categorize", "../evil", "shuffle"]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("codec", CODECS)
def test_only_known_codecs_are_opened(codec: str, version: int, sentinel: Path) -> None:
    """A Zarr image names its codecs; only those of the list are ever built."""
    folder = sentinel.parent / "gift.zarr"
    folder.mkdir()
    (folder / ("c" if version == 3 else "0.0")).write_bytes(plain(sentinel))
    if version == 2:
        metadata: dict[str, Any] = {
            "zarr_format": 2, "shape": [2, 2], "chunks": [2, 2], "dtype": "|u1", "order": "C", "fill_value": 0,
            "compressor": {"id": codec}, "filters": [{"id": codec}],
        }  # fmt: skip
    else:
        metadata = {
            "zarr_format": 3, "node_type": "array", "shape": [2, 2], "data_type": "uint8", "fill_value": 0,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2]}}, "attributes": {},
            "chunk_key_encoding": {"name": "default"},
            "codecs": [{"name": "sharding_indexed", "configuration": {"codecs": [{"name": codec}]}}],
        }  # fmt: skip
    (folder / (".zarray" if version == 2 else "zarr.json")).write_text(json.dumps(metadata))
    with pytest.raises(UserError, match=r"^NU-I13: "):
        open_image(folder)


@pytest.mark.parametrize("dtype", ["|O", "object", "string", "|S9", "<M8[s]", "|V8", "r64"])
def test_only_numbers_are_pixels(dtype: str, sentinel: Path) -> None:
    """Objects, texts and records of a Zarr image are refused before anything is decoded."""
    folder = sentinel.parent / "gift.zarr"
    folder.mkdir()
    metadata = {"zarr_format": 2, "shape": [2, 2], "chunks": [2, 2], "dtype": dtype, "order": "C", "fill_value": 0,
                "compressor": None, "filters": None}  # fmt: skip
    (folder / ".zarray").write_text(json.dumps(metadata))
    (folder / "0.0").write_bytes(plain(sentinel))
    with pytest.raises(UserError, match=r"^NU-I03: "):
        open_image(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc", "0/../../outside"])
def test_a_zarr_image_stays_in_its_folder(name: str, sentinel: Path) -> None:
    """F45: its levels lie in it."""
    folder = sentinel.parent / "gift.zarr"
    folder.mkdir()
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / ".zattrs").write_text(json.dumps({"multiscales": [{"datasets": [{"path": name}]}]}))
    with pytest.raises(UserError, match=r"^NU-I1[12]: "):
        open_image(folder)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_message_runs_anything(payload: str, sentinel: Path) -> None:
    """F15: whatever comes over the pipe is a message of the list, an end, or refused."""

    class Pipe(io.BytesIO):
        mode, name = "rb", "pipe"

    data = PAYLOADS[payload](sentinel)
    heard.clear()
    for framed in (data, len(data).to_bytes(4, "big") + data):
        for expected in (m.ToWindow, m.ToWorker):
            with pytest.raises((UserError, EOFError)):
                Channel(Pipe(framed), Pipe(), expected).receive()


@pytest.mark.parametrize("planted", ["torch.py", "json.py", "numpy.py", "sitecustomize.py", "napari_unet.py"])
def test_the_worker_imports_nothing_from_where_it_is_started(planted: str, sentinel: Path) -> None:
    """S13: a module that lies where an image lies is not imported, whatever the environment says."""
    folder = sentinel.parent
    (folder / planted).write_text(f"open({str(sentinel)!r}, 'w')")
    environment = child_environment({**os.environ, "PYTHONPATH": str(folder), "NAPARI_UNET_DEVICE": "cpu"})
    code = "import runpy, sys; sys.argv = ['x']; import json, numpy, napari_unet.worker.__main__"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    heard.clear()  # this test starts a process itself
    assert done.returncode == 0, done.stderr
    assert not sentinel.exists()
    control = subprocess.run(
        [sys.executable, "-c", f"import {planted.removesuffix('.py')}"], cwd=folder, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )  # fmt: skip
    heard.clear()
    assert control.returncode in (0, 1)
    assert sentinel.exists()  # without the switch and the cleaned environment it is imported
    sentinel.unlink()


def test_the_payloads_would_run(tmp_path: Path) -> None:
    """The checks above can fail: unpickled, the payload touches the file and is heard."""
    heard.clear()
    pickle.loads(plain(tmp_path / "touched"))  # noqa: S301
    assert (tmp_path / "touched").exists()
    assert {"pickle.find_class", "os.system"} <= set(heard)
    heard.clear()


@pytest.mark.parametrize("share", [i / 20 for i in range(20)])
def test_a_network_with_a_flipped_bit_is_refused(tmp_path: Path, share: float) -> None:
    """F47: its checksum tells, wherever the bit is; cut off anywhere it is refused too."""
    import torch

    from napari_unet.network.checkpoint import load_checkpoint

    path = tmp_path / "net.safetensors"
    save_file({"weights.a": torch.arange(400.0)}, path, metadata={"napari_unet": json.dumps(record())})
    whole = path.read_bytes()
    (tmp_path / "net.json").write_text(json.dumps({"sha256": sha256(path)}))
    damaged = bytearray(whole)
    damaged[int(share * len(whole))] ^= 4
    for data in (bytes(damaged), whole[: int(share * len(whole))]):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"^NU-M02: .*checksum differs"):
            load_checkpoint(path)


def test_a_fifo_or_a_folder_is_no_network(tmp_path: Path) -> None:
    """F47: nothing waits for ever."""
    from napari_unet.network.checkpoint import load_checkpoint

    (tmp_path / "folder.safetensors").mkdir()
    os.mkfifo(tmp_path / "fifo.safetensors")
    for name in ("folder", "fifo"):
        with pytest.raises(UserError, match=r"^NU-M01: "):
            load_checkpoint(tmp_path / f"{name}.safetensors")
    shutil.rmtree(tmp_path / "folder.safetensors")
