"""Laws of errors of this program: no file of a user is blamed for them, and no damaged file is called one."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from image_files import write_ngff

from napari_unet.errors import LOG_NAME, PROGRAM_ERROR, PROGRAM_ERRORS, UserError, is_ours, program_error
from napari_unet.images import reading
from napari_unet.images.readers import tiff
from napari_unet.images.readers.damage import damage_told
from napari_unet.images.readers.file_pixels import lazy
from napari_unet.images.reading import open_image

GREY = np.arange(12 * 10, dtype=np.uint16).reshape(12, 10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    return tmp_path / "a.tif"


def code_of(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        open_image(path).fingerprint()
    assert "\n" not in str(caught.value)
    return caught.value.code


class Endless:
    """An array for which no memory is enough."""

    shape, dtype = (12, 10), np.dtype(np.uint16)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Find no room."""
        raise MemoryError("Unable to allocate 64 GiB")


def test_a_lack_of_memory_is_no_damage_once_a_file_is_open(path: Path) -> None:
    """Who reads its pixels can ask for fewer; while it is opened its sizes may be forged."""
    with pytest.raises(MemoryError):
        lazy(path, Endless()).read((slice(None), slice(None)))
    with pytest.raises(UserError, match=r"^NU-I11: "), damage_told(path):
        raise MemoryError("Unable to allocate 64 GiB")


@pytest.mark.parametrize("missing", ["is_reduced", "levels", "aszarr"])
def test_an_attribute_that_a_library_no_longer_has_is_ours(
    path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """A newer library is no damage of the file: the line says so and names the log, which has the traceback."""
    whole = tifffile.TiffFile.series
    every = whole.fget if isinstance(whole, property) else whole.func

    def changed(file: tifffile.TiffFile) -> list[SimpleNamespace]:
        series = every(file)[0]
        parts = {
            name: getattr(series, name) for name in ("keyframe", "levels", "aszarr", "pages", "size", "dataoffset")
        }
        keyframe = SimpleNamespace(shape=series.keyframe.shape, is_reduced=False)
        parts |= {"nbytes": series.nbytes, "keyframe": keyframe if missing == "is_reduced" else series.keyframe}
        for holder in (parts, vars(keyframe)):
            holder.pop(missing, None)
        return [SimpleNamespace(**parts)]

    monkeypatch.setattr(tifffile.TiffFile, "series", property(changed))
    assert code_of(path) == PROGRAM_ERROR
    assert "AttributeError" in (own_home / LOG_NAME).read_text()


@pytest.mark.parametrize("kind", PROGRAM_ERRORS)
def test_a_fault_in_a_reader_is_ours(path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    """Whatever its type, it is never told as damage, a missing codec or a format that is not known."""

    def faulty(path: Path, expand_palette: bool) -> Any:
        raise kind("a fault")

    faulty.__code__ = faulty.__code__.replace(co_filename=str(Path(reading.__file__)))
    monkeypatch.setitem(reading.OPENERS, "tiff", faulty)
    assert code_of(path) == PROGRAM_ERROR


@pytest.mark.parametrize("kind", [AttributeError, TypeError, NotImplementedError])
def test_the_same_from_a_library_is_damage(path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    """Libraries raise them where they parse a mutated file."""

    def parse(*_: Any, **__: Any) -> Any:
        raise kind("a broken file")

    monkeypatch.setattr(tiff.tifffile, "TiffFile", parse)
    assert code_of(path) == "NU-I11"


def test_a_codec_that_is_not_installed_is_no_fault(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that lacks another one says so by an ImportError."""

    def parse(*_: Any, **__: Any) -> Any:
        raise ImportError("no codec")

    monkeypatch.setattr(tiff.tifffile, "TiffFile", parse)
    assert code_of(path) == "NU-I13"


def test_an_argument_that_a_library_no_longer_takes_is_ours(path: Path) -> None:
    """The TypeError is raised at the call, or in the library where it hands its arguments on; both are ours."""
    with pytest.raises(UserError, match=f"^{PROGRAM_ERROR}: "), damage_told(path):
        tifffile.imread(path, no_such_argument=1)
    with pytest.raises(UserError, match=f"^{PROGRAM_ERROR}: "), damage_told(path):
        np.no_such_function()


def metadata_with_other_values(value: Any) -> Iterator[Any]:
    """Yield JSON with each of its values, one after the other, in the place of which something else stands."""
    for other in (None, 5, -1.5, "x", [], {}, [None], {"a": 1}, True):
        if other != value:
            yield other
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            for inside in metadata_with_other_values(value[key]):
                changed = copy.copy(value)
                changed[key] = inside
                yield changed


@pytest.mark.parametrize(("version", "name"), [("0.4", ".zattrs"), ("0.4", "0/.zarray"), ("0.5", "zarr.json")])
def test_no_value_in_the_metadata_is_our_error(tmp_path: Path, version: str, name: str) -> None:
    """A Zarr image with anything in the place of any value opens or is refused as the user's, in one line."""
    pixels = np.arange(2 * 3 * 4 * 17 * 13, dtype=np.uint16).reshape(2, 3, 4, 17, 13)
    write_ngff(tmp_path / "a.zarr", pixels, version)
    file = tmp_path / "a.zarr" / name
    sound = json.loads(file.read_text())
    outcomes: list[str] = []
    for metadata in metadata_with_other_values(sound):
        file.write_text(json.dumps(metadata))
        try:
            open_image(tmp_path / "a.zarr").fingerprint()
        except UserError as error:
            outcomes.append(str(error))
        else:
            outcomes.append("opened")
    assert [line for line in outcomes if line.startswith(PROGRAM_ERROR)] == []
    assert len(outcomes) > 100


def test_the_log_does_not_grow_without_end(own_home: Path) -> None:
    """A long log begins anew; where none can be written the line says what to report instead."""
    log = own_home / LOG_NAME
    log.write_text("x" * 2**21)
    assert str(log) in str(program_error(TypeError("a"), "b"))
    assert log.stat().st_size < 2**20
    log.unlink()
    log.mkdir()
    assert "what you did before" in str(program_error(TypeError("a"), "b"))


def test_an_error_without_a_traceback_is_nobodys() -> None:
    """What was never raised was raised nowhere."""
    assert not is_ours(TypeError("a"))
    assert not is_ours(ValueError("unexpected keyword argument"))
