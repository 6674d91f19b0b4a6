"""F44 to F49: nothing foreign is ever run, and nothing is written outside of the project, at any entry."""

import contextlib
import dataclasses
import io
import json
import os
import pickle
import shutil
import sqlite3
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
import zarr
from safetensors.torch import save_file

from napari_unet.cli import main as command
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.labels import read_labels
from napari_unet.images.reading import open_image
from napari_unet.images.tiles import Region
from napari_unet.project import test_areas
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


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A project of one image with two classes and a stroke."""
    folder = tmp_path / "p.unet"
    with Project(folder) as project:
        for _ in range(2):
            project.add_class()
        record = project.add_image(Image("drawn", np.eye(20), "yx"))
        project.commit(record.id, 0, np.eye(20, dtype=np.uint8))
    return folder


def written(folder: Path, *statements: str) -> None:
    """Change the database of a project as no version of this program does."""
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


FOREIGN = {
    "a view that never ends": [
        "ALTER TABLE scores RENAME TO old",
        "CREATE VIEW scores AS WITH RECURSIVE n(id, record) AS "
        "(SELECT 1, '{}' UNION ALL SELECT id + 1, '{}' FROM n) SELECT id, record FROM n ORDER BY id DESC",
    ],
    "a trigger that blanks every stroke": [
        "CREATE TRIGGER t AFTER INSERT ON scores BEGIN UPDATE tiles SET labels = x''; END"
    ],
    "a virtual table": ["CREATE VIRTUAL TABLE v USING fts5(a)"],
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_views_and_triggers_are_refused_before_anything_is_read(kind: str, made: Path) -> None:
    """No version makes any: whoever opens the project, for reading, writing or a check, is told in one line."""
    from napari_unet.api import verify

    written(made, *FOREIGN[kind])
    entries: list[Callable[[], object]] = [
        lambda: Project(made), lambda: Project(made, read_only=True), lambda: verify(made)
    ]  # fmt: skip
    for entry in entries:
        with pytest.raises(UserError, match=r"^NU-P12: .*which no version of this program makes"):
            entry()


NESTED = "[" * 100_000
STROKE = "INSERT INTO kept_strokes VALUES (1, 1, 0, 1, 0, 0, 2000000000, 2000000000, x'{}')"
SETTING = "INSERT OR REPLACE INTO settings VALUES ('tile', '{}')"
SCORE = "INSERT INTO scores VALUES (1, '', 1, '{}')"
CHANNELS = "UPDATE images SET chosen_channels = '{}'"
AREAS = "INSERT INTO test_areas VALUES (1, 0, 9, '[{}]')"
CHECK = "INSERT INTO area_checks VALUES (1, 0, {}, '{}', x'{}', 1)"
STRANGE_ROWS = {
    "a colour that is no hex": "UPDATE classes SET colour = 'url(file:///etc/hostname)' WHERE id = 2",
    "a class with the number 70,000": "UPDATE classes SET id = 70000 WHERE id = 2",
    "a name without an end": "UPDATE classes SET name = hex(zeroblob(100000)) WHERE id = 2",
    "areas of fractions": AREAS.format("[1.5, 1.5, 9.5, 9.5]"),
    "an area of words": AREAS.format('["a", "b", "c", "d"]'),
    "200,000 areas": AREAS.format(", ".join(["[1, 1, 9, 9]"] * 200_000)),
    "JSON nested a hundred thousand times": AREAS.format(NESTED),
    "settings nested likewise": SETTING.format(NESTED),
    "scores nested likewise": SCORE.format(NESTED),
    "channels nested likewise": CHANNELS.format(NESTED),
    "a check of two billion pixels a side": CHECK.format("0, 0, 2000000000, 2000000000", "random", "00"),
    "a check without its bytes": CHECK.format("0, 0, 8, 8", "random", zlib.compress(bytes(2**26)).hex()),
    "a check from nowhere": CHECK.format("0, 0, 8, 8", "the moon", zlib.compress(bytes(64)).hex()),
    "a stroke without its bytes": STROKE.format(zlib.compress(bytes(2**26)).hex()),
}


@pytest.mark.parametrize("kind", STRANGE_ROWS)
def test_a_row_that_no_version_writes_is_one_line(kind: str, made: Path) -> None:
    """Whatever reads it raises that line; ``verify`` prints it."""
    from napari_unet.api import verify

    written(made, STRANGE_ROWS[kind])
    lines = verify(made)
    assert {line[:8] for line in lines} == {"NU-P12: "}
    assert max(map(len, lines)) < 500


@pytest.mark.parametrize("reference", ["x" * 100_000, "/x" * 50_000, "a\0b"])
def test_an_image_at_an_impossible_place_is_not_there(reference: str, made: Path) -> None:
    """The system refuses to look there, which is no error of ours; the line stays short."""
    from napari_unet.api import verify

    with contextlib.closing(sqlite3.connect(made / DATABASE)) as database:
        database.execute("UPDATE images SET reference = ?, relative = '', inside = 0", (reference,))
        database.commit()
    (line,) = verify(made)
    assert line.startswith("NU-P04: ")
    assert len(line) < 4500
    with Project(made) as project, pytest.raises(UserError, match=r"^NU-P04: "):
        project.images.open(1)


def test_more_test_areas_than_are_read_are_not_written(made: Path) -> None:
    """What would make the project unreadable is refused when it is drawn, and so is a colour that is none."""
    with Project(made) as project:
        many = [Region(y, x, y + 1, x + 1) for y in range(20) for x in range(20)]
        project.test_areas.replace(1, 0, many)
        assert len(project.test_areas.of(1)[0]) == 400
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(test_areas, "MOST_AREAS", 399)
            with pytest.raises(UserError, match=r"^NU-A17: "):
                project.test_areas.replace(1, 0, [*many[1:], Region(0, 0, 2, 2), Region(0, 0, 3, 3)])
        for wrong in ({"colour": "red"}, {"name": "x" * 10_001}):
            with pytest.raises(UserError, match=r"^NU-A18: "):
                project.classes.add(**wrong)
            with pytest.raises(UserError, match=r"^NU-A18: "):
                project.classes.change(1, **wrong)


STRANGE_FACTS: dict[str, Any] = {
    "scores that are a list": {"held_out_dice": [1]},
    "a mean in words": {"mean_held_out_dice": "high"},
    "a mean without an end": {"mean_held_out_dice": float("inf")},
    "a rate without an end": {"learning_rate": 1e-3, "rate": float("nan")},
    "steps without an end": {"since_stroke": float("inf")},
    "a state of chance": {"random": {"bit_generator": "MT19937"}},
}


@pytest.mark.parametrize("kind", STRANGE_FACTS)
def test_a_network_with_strange_facts_is_one_line(kind: str, tmp_path: Path) -> None:
    """Whoever lists, predicts with or goes on from it hears the same, before anything relies on them."""
    import torch

    from napari_unet.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
    from napari_unet.network.unet import Architecture, build
    from napari_unet.packaging.model_list import list_models

    network = build(Architecture(1, 2, 4))
    path = tmp_path / "net.safetensors"
    sound = Checkpoint(network.architecture, (1, 2), ("a", "b"), 1, dict(network.state_dict()))
    save_checkpoint(sound, path)
    assert [model["step"] for model in list_models([path])] == [1]
    save_checkpoint(dataclasses.replace(sound, facts=STRANGE_FACTS[kind]), path)
    for read in (load_checkpoint, lambda path: list_models([path])):
        with pytest.raises(UserError, match=r"^NU-M02: "):
            read(path)
    assert list_models([tmp_path])[0]["error"].startswith("NU-M02: ")
    assert torch.get_num_threads()


@pytest.mark.parametrize("note", ['{"sha256": Infinity}', "[" * 100_000, '{"sha256": "x", "step": -Infinity}'])
def test_a_strange_note_is_one_line(note: str, tmp_path: Path) -> None:
    """Infinity, which JSON does not know, and lists in lists."""
    from napari_unet.network.checkpoint import load_checkpoint

    (tmp_path / "net.safetensors").write_bytes(header({"__metadata__": {"napari_unet": json.dumps(record())}}))
    (tmp_path / "net.json").write_text(note)
    with pytest.raises(UserError, match=r"^NU-M02: "):
        load_checkpoint(tmp_path / "net.safetensors")


def test_an_array_of_64_axes_is_one_line(tmp_path: Path) -> None:
    """NumPy takes as many; there are not as many letters."""
    for axes in (21, 64):
        np.save(tmp_path / "a.npy", np.zeros((1,) * (axes - 2) + (2, 2), np.uint8))
        with pytest.raises(UserError, match=rf"^NU-I01: an image of {axes} axes"):
            open_image(tmp_path / "a.npy")


NAMES = {
    "line\nbreak": "line\\nbreak", "\x1b]0;title\x07\x1b[31mred": "\\x1b]0;title\\x07\\x1b[31mred",
    "back\rwards": "back\\rwards", "\u202egnp": "\\u202egnp", "\udc80byte": "\\udc80byte",
    "\u212b 5\u202fµm 細胞 ü": "\u212b 5\u202fµm 細胞 ü",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_shows_names_and_does_not_obey_them(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escapes and line ends of names of files, projects and classes are printed as they would be written."""
    from napari_unet.cli import output
    from napari_unet.packaging import model_list

    assert command(["verify", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert NAMES[name] in error
    assert error.count("\n") == 1
    estimates = {name: {"value": 0.9, "low": 0.8, "high": 0.95}}
    model = {
        "path": name, "mean_held_out_dice": None, "held_out_dice": {name: 0.5}, "step": 1, "channels": 1,
        "channels_trained_on": name, "trained_on": [name], "pixel_sizes": [name],
        "estimated_dice": estimates, "began_with": name,
        "dice_to_publish": {"classes": estimates, "rectangles": 4, "images": 1},
    }  # fmt: skip
    monkeypatch.setattr(model_list, "list_models", lambda paths: [model])
    assert command(["models", "anything"]) == 0
    output.print_warnings([name])
    printed = capsys.readouterr()
    assert printed.out.count(NAMES[name]) == 7
    assert printed.out.count("\n") == printed.err.count("\n") == 1
    assert printed.err == f"warning: {NAMES[name]}\n"


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


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("what", ["chunk", "folder", "metadata", "pipe"])
def test_no_chunk_leads_out_of_a_zarr_image(what: str, version: int, tmp_path: Path) -> None:
    """F45: a link to a file elsewhere is not read as pixels, nor one to a folder; a link inside of the image is."""
    pixels = np.arange(37 * 29, dtype=np.uint16).reshape(37, 29)
    image, separate = tmp_path / "gift.zarr", version == 3
    made = zarr.create_array(image, shape=pixels.shape, chunks=(8, 8), dtype="u2", zarr_format=version)
    made[...] = pixels
    chunk = image / ("c/2/1" if separate else "2.1")
    chunk.rename(image / "elsewhere")
    chunk.symlink_to(image / "elsewhere")
    np.testing.assert_array_equal(open_image(image).read(0)[..., 0], pixels)
    (tmp_path / "secret").mkdir()
    (image / "elsewhere").rename(tmp_path / "secret" / "1")
    if what == "metadata":
        named = image / ("zarr.json" if separate else ".zarray")
        named.rename(tmp_path / "metadata")
        named.symlink_to(tmp_path / "metadata")
    chunk.unlink()
    if what == "pipe":
        os.mkfifo(chunk)
    elif what == "folder" and separate:
        shutil.rmtree(chunk.parent)
        chunk.parent.symlink_to(tmp_path / "secret")
    else:
        chunk.symlink_to(tmp_path / "secret" / "1")
    with pytest.raises(UserError, match=r"^NU-I12: .*(outside of its folder|no file but a pipe)"):
        open_image(image).read(0)


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
