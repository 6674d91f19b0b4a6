"""Laws of exporting masks."""

import csv
import errno
import os
import shutil
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from napari_unet.errors import UserError
from napari_unet.export import (
    coco,
    formats,
    geojson,
    imagej_roi,
    mask_png,
    mask_tiff,
    montage,
    object_table,
    ome_tiff,
    ome_zarr,
)
from napari_unet.export.file_stem import file_stem
from napari_unet.export.formats import FORMATS, MODEL_FORMAT, format_named
from napari_unet.export.joint_table import write_joint_tables
from napari_unet.export.plane_axes import imagej_axes
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import open_image
from napari_unet.objects.objects import AS_PAINTED

few_examples = settings(max_examples=40)
plane_shapes = st.lists(st.integers(1, 4), max_size=4).map(tuple)
# Cn: macOS refuses characters that are not assigned.
printable = st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"]), max_size=40)
UNICODE_NAME = "Zellen 3 \u00b5m \u7d30\u80de \U0001f52c"


def classes_of(count: int) -> list[ClassStyle]:
    colours = np.random.default_rng(count).integers(0, 256, (count, 3)).tolist()
    return [ClassStyle(f"class {value}", tuple(colour)) for value, colour in enumerate(colours)]


def export(
    mask: np.ndarray, image: Image, classes: list[ClassStyle], folder: Path, names: list[str], stem: str | None = None
) -> list[Path]:
    """Export a mask with every connected piece as an object."""
    return formats.export(Segmentation(mask, image, classes, AS_PAINTED), folder, names, stem)


def example(
    plane_shape: tuple[int, ...] = (),
    height: int = 7,
    width: int = 9,
    classes: int = 4,
    size: PixelSize | None = None,
    name: str = "cells",
) -> tuple[np.ndarray, Image, list[ClassStyle]]:
    """Make a random mask, its image and its classes."""
    random = np.random.default_rng(sum(plane_shape) + height * width)
    pixels = random.integers(0, 255, (*plane_shape, height, width)).astype(np.uint8)
    image = Image(name, pixels, "tzpq"[: len(plane_shape)] + "yx", size or PixelSize(0.5, 0.25, "um"))
    mask = random.integers(0, classes, (image.planes, height, width)).astype(np.uint8)
    return mask, image, classes_of(classes)


def read_png(path: Path) -> np.ndarray:
    with PillowImage.open(path) as image:
        assert image.mode == "P"
        return np.asarray(image)


@few_examples
@given(plane_shapes, st.integers(1, 9), st.integers(1, 9), st.integers(1, 255))
def test_tiff_round_trip_is_the_identity(shape: tuple[int, ...], height: int, width: int, classes: int) -> None:
    """Any mask of 1..255 classes read from its TIFF has the same planes, type and values."""
    mask, image, styles = example(shape, height, width, classes)
    with TemporaryDirectory() as folder:
        (path,) = export(mask, image, styles, Path(folder), ["tiff"])
        with tifffile.TiffFile(path) as file:
            assert file.is_imagej
            found = np.stack([page.asarray() for page in file.pages])
    assert found.dtype == np.uint8
    assert np.array_equal(found, mask)


@few_examples
@given(plane_shapes, st.integers(1, 9), st.integers(1, 9), st.integers(1, 255))
def test_png_round_trip_is_the_identity(shape: tuple[int, ...], height: int, width: int, classes: int) -> None:
    """Any mask of 1..255 classes read from its PNG files, in the order of their names, has the same values."""
    mask, image, styles = example(shape, height, width, classes)
    with TemporaryDirectory() as folder:
        paths = export(mask, image, styles, Path(folder), ["png"])
        assert sorted(Path(folder).iterdir()) == paths
        found = np.stack([read_png(path) for path in paths])
    assert np.array_equal(found, mask)


@pytest.mark.parametrize("axes", ["t", "z", "tz", "zt", "p", "zp", "pt", "ztp"])
def test_tiff_keeps_planes_under_their_axes(tmp_path: Path, axes: str) -> None:
    """Plane (t, z, ...) of an image is plane (t, z, ...) of the TIFF, whatever order the image keeps them in."""
    shape = tuple(range(2, 2 + len(axes)))
    pixels = np.zeros((*shape, 5, 6), np.uint8)
    mask = np.arange(pixels.size, dtype=np.int64).reshape(-1, 5, 6).astype(np.uint8) % 250
    (path,) = export(mask, Image("cells", pixels, axes + "yx"), classes_of(250), tmp_path, ["tiff"])
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        found, found_axes = series.asarray(), series.axes
    order = [found_axes.index(axis) for axis in imagej_axes(axes) + "YX"]
    assert np.array_equal(found.transpose(order).reshape(mask.shape), mask)


@given(st.permutations("tzpqm").flatmap(lambda axes: st.integers(0, 5).map(lambda n: "".join(axes[:n]))))
def test_imagej_axes_are_distinct_and_keep_z_and_t(axes: str) -> None:
    """Up to three plane axes get different ImageJ letters, z and t their own; more become one."""
    named = imagej_axes(axes)
    assert set(named) <= set("TZC")
    assert len(set(named)) == len(named) == (len(axes) if len(axes) <= 3 else 1)
    assert len(axes) > 3 or all(new == old.upper() for new, old in zip(named, axes, strict=True) if old in "zt")


@few_examples
@given(st.floats(1e-4, 1e4), st.floats(1e-4, 1e4), st.sampled_from(["um", "nm", "\N{MICRO SIGN}m", "\u00c5", "mm"]))
def test_tiff_resolution_gives_the_pixel_size_back(y: float, x: float, unit: str) -> None:
    """The inverse of a TIFF's resolution is the pixel size, and its unit is ImageJ's spelling of the unit."""
    mask, image, styles = example(size=PixelSize(y, x, unit))
    with TemporaryDirectory() as folder:
        (path,) = export(mask, image, styles, Path(folder), ["tiff"])
        with tifffile.TiffFile(path) as file:
            tags, metadata = file.pages.first.tags, file.imagej_metadata
            found = [tags[name].value for name in ("YResolution", "XResolution")]
    assert [lengths / pixels for pixels, lengths in found] == pytest.approx([y, x], rel=1e-6)
    assert metadata["unit"] == {"\N{MICRO SIGN}m": "um", "\u00c5": "\\u00c5".lower()}.get(unit, unit)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (PixelSize(1e-10, 2e-10, "m", 3e-10), PixelSize(1e-4, 2e-4, "um", 3e-4)),
        (PixelSize(5e9, 5e9, "pm"), PixelSize(5e3, 5e3, "um")),
        (PixelSize(1e-12, 1e-12, "um"), PixelSize(1e-6, 1e-6, "pm")),
        (PixelSize(1e30, 1e30, "m"), PixelSize()),
        (PixelSize(1e-10, 1e-10, "parsec"), PixelSize()),
    ],
)
def test_tiff_of_any_pixel_size_is_written(tmp_path: Path, size: PixelSize, expected: PixelSize) -> None:
    """Where a ratio of two 32-bit numbers does not hold it in its unit, it is told in another one, or not."""
    mask, image, styles = example(plane_shape=(2,), size=size)
    paths = export(mask, replace(image, axes="zyx"), styles, tmp_path, ["tiff", "objects"])
    for path in paths:
        found = open_image(path).pixel_size
        assert (found.unit, found.z is None) == (expected.unit, expected.z is None)
        assert [found.y, found.x, found.z or 0] == pytest.approx([expected.y, expected.x, expected.z or 0])


def test_tiff_of_unknown_pixel_size_claims_none(tmp_path: Path) -> None:
    """Without a pixel size the TIFF names no unit."""
    mask, image, styles = example(size=PixelSize())
    (path,) = export(mask, image, styles, tmp_path, ["tiff"])
    with tifffile.TiffFile(path) as file:
        assert "unit" not in file.imagej_metadata


@pytest.mark.parametrize("classes", [1, 2, 16, 17, 255, 256])
def test_class_colours_stand_at_the_mask_values(tmp_path: Path, classes: int) -> None:
    """Entry v of the PNG palette is the colour of the class with mask value v, and a pixel takes one byte."""
    mask, image, styles = example(classes=classes)
    (path,) = export(mask, image, styles, tmp_path, ["png"])
    with PillowImage.open(path) as file:
        palette = np.reshape(file.getpalette("RGB"), (-1, 3))
    assert np.array_equal(palette[:classes], [style.colour for style in styles])
    assert path.read_bytes()[24] == 8  # the bit depth in the PNG header


def test_tiff_names_its_classes_and_shows_them(tmp_path: Path) -> None:
    """ImageJ's info lists value = class name, and its display range is that of the values."""
    mask, image, styles = example(classes=3)
    (path,) = export(mask, image, styles, tmp_path, ["tiff"])
    with tifffile.TiffFile(path) as file:
        metadata = file.imagej_metadata
    assert metadata["Info"].splitlines() == ["0 = class 0", "1 = class 1", "2 = class 2"]
    assert (metadata["min"], metadata["max"]) == (0, 2)


def test_csv_holds_every_object_of_every_plane(tmp_path: Path) -> None:
    """Areas in the table add up to the pixels of each class of each plane, and every float is read back exactly."""
    mask, image, styles = example((2, 3))
    path, _ = export(mask, image, styles, tmp_path, ["csv"])
    with open(path, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for plane in range(image.planes):
        for value in range(1, len(styles)):
            mine = [row for row in rows if (row["plane"], row["class"]) == (str(plane), str(value))]
            assert sum(int(row["area_px"]) for row in mine) == np.count_nonzero(mask[plane] == value)
            assert {row["class_name"] for row in mine} <= {styles[value].name}
    assert all(float(row["area_um2"]) == int(row["area_px"]) * 0.125 for row in rows)
    assert b"\r" not in path.read_bytes()


def test_csv_without_objects_has_its_header(tmp_path: Path) -> None:
    """A mask of background alone gives a table of one line, the header."""
    mask, image, styles = example()
    path, _ = export(np.zeros_like(mask), image, styles, tmp_path, ["csv"])
    assert path.read_bytes().count(b"\n") == 1


@few_examples
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_csv_keeps_any_class_name(name: str) -> None:
    """A class may have any name, with quotes, commas and line breaks, and the table gives it back."""
    mask, image, _ = example(classes=2)
    styles = [ClassStyle("background", (0, 0, 0)), ClassStyle(name, (1, 2, 3))]
    with TemporaryDirectory() as folder:
        path, _ = export(mask, image, styles, Path(folder), ["csv", "csv"])
        with open(path, encoding="utf-8", newline="") as stream:
            assert {row["class_name"] for row in csv.DictReader(stream)} == {name}


def test_csv_numbers_channels_as_the_image_does(tmp_path: Path) -> None:
    """Where the first and third of four channels are chosen, no column speaks of the second."""
    pixels = np.arange(1, 5, dtype=np.uint8)[:, None, None] * np.ones((4, 3, 3), np.uint8)
    image = Image("cells", pixels, "cyx", chosen=(0, 2))
    path, _ = export(np.ones((1, 3, 3), np.uint8), image, classes_of(2), tmp_path, ["csv"])
    with open(path, encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    found = {name: float(value) for name, value in row.items() if "intensity" in name}
    assert found == {f"{kind}_intensity_c{c}": c for c in (1, 3) for kind in ("mean", "min", "max")}


def test_csv_leaves_cells_without_a_number_empty(tmp_path: Path) -> None:
    """The mean over NaN alone, and an estimate that is not known; tables of several images too."""
    image = Image("cells", np.full((3, 3), np.nan, np.float32), "yx")
    written = export(np.ones((1, 3, 3), np.uint8), image, classes_of(2), tmp_path, ["csv"])
    written += write_joint_tables(tmp_path, "p", {1: "cells", 2: "others"}, written)
    for path, column in zip(written, ("mean_intensity_c1", "estimated_dice") * 2, strict=True):
        with open(path, encoding="utf-8", newline="") as stream:
            (row,) = csv.DictReader(stream)
        assert row[column] == ""
        assert "nan" not in row.values()


@few_examples
@given(printable)
def test_any_name_can_be_exported(name: str) -> None:
    """Whatever an image is called, its files are written into the folder named and nowhere else."""
    mask, image, styles = example(name=name)
    with TemporaryDirectory() as folder:
        paths = export(mask, image, styles, Path(folder) / "out", sorted(FORMATS))
        # macOS may give names back in another normal form.
        found = {unicodedata.normalize("NFC", path.name) for path in (Path(folder) / "out").iterdir()}
        assert found == {unicodedata.normalize("NFC", path.name) for path in paths}
        assert [path.name for path in Path(folder).iterdir()] == ["out"]


def test_a_line_of_a_tiff_is_a_class(tmp_path: Path) -> None:
    """Also where a project of an earlier version has a class of several lines."""
    mask, image, _ = example(classes=2)
    styles = [ClassStyle("bg\n1 = fake", (0, 0, 0)), ClassStyle("cell", (1, 2, 3))]
    (path,) = export(mask, image, styles, tmp_path, ["tiff"])
    with tifffile.TiffFile(path) as file:
        assert (file.imagej_metadata or {})["Info"].splitlines() == ["0 = bg 1 = fake", "1 = cell"]


@given(
    st.one_of(
        st.text(), st.from_regex(r"(con|aux|lpt1)[. ]*.*", fullmatch=True), st.text("a\u00e9.\U0001f52c ", min_size=150)
    )
)
def test_stems_are_file_names_everywhere(name: str) -> None:
    """A stem is never empty, too long, a path, a device or hidden, and making it safe again changes nothing."""
    stem = file_stem(name)
    assert 0 < len(stem.encode()) <= 200
    assert not set(stem) & set('<>:"/\\|?*\0\n\r\t')
    assert stem == stem.strip(". ")
    assert stem.split(".")[0].strip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}
    assert file_stem(stem) == stem


def test_unicode_and_spaces_stay_in_names(tmp_path: Path) -> None:
    """Letters of any script, spaces, dots inside and emoji are kept; a given stem takes the place of the name."""
    mask, image, styles = example((12,), name=UNICODE_NAME)
    assert file_stem(f"{UNICODE_NAME}.ome") == f"{UNICODE_NAME}.ome"
    paths = export(mask, image, styles, tmp_path, ["tiff", "png"])
    assert [path.name for path in paths[:2]] == [f"{UNICODE_NAME}.tif", f"{UNICODE_NAME}_p000.png"]
    assert export(mask, image, styles, tmp_path, ["csv"], "v1.2")[0].name == "v1.2.csv"


def fail_writing(path: Any, *_: object, **__: object) -> None:
    if isinstance(path, Path):
        (path / "half" if path.is_dir() else path).write_bytes(b"half")
    else:
        path.write(b"half")  # numpy is given an opened file
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail_moving(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


WRITERS: dict[str, tuple[object, str]] = {
    "tiff": (mask_tiff, "write_stack"),
    "png": (mask_png.PillowImage.Image, "save"),
    "csv": (object_table, "write_table"),
    "objects": (mask_tiff, "write_stack"),
    "ome-tiff": (ome_tiff, "write_ome_pages"),
    "ome-zarr": (ome_zarr, "write_levels"),
    "imagej-roi": (imagej_roi, "roiwrite"),
    "geojson": (geojson, "write_features"),
    "coco": (coco, "write_content"),
    "npy": (np, "save"),
    "montage": (montage, "write_picture"),
}


def contents(paths: Iterable[Path]) -> dict[Path, bytes]:
    """Every file, also those in folders, hidden ones included."""
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return {file: file.read_bytes() for file in files if file.is_file()}


def fail_saving(_: object, path: Path, **__: object) -> None:
    fail_writing(path)


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("step", ["write", "move"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str) -> None:
    """When the disk fills up the old file is byte-identical, no temporary stays, and the user reads NU-E01."""
    mask, image, styles = example()
    before = contents(export(mask, image, styles, tmp_path, [name]))
    if step == "move":
        monkeypatch.setattr(os, "replace", fail_moving)
    else:
        monkeypatch.setattr(*WRITERS[name], fail_saving if name == "png" else fail_writing)
    with pytest.raises(UserError, match="NU-E01"):
        export(np.zeros_like(mask), image, styles, tmp_path, [name])
    assert contents(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, name: str) -> None:
    """A folder whose place is taken by a file is refused with NU-E01."""
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(UserError, match="NU-E01"):
        export(*example(), tmp_path / "out", [name])


def one_pixel_off(save: Callable[..., None]) -> Callable[..., None]:
    def wrong(path: Path, stack: np.ndarray, *rest: object) -> None:
        changed = np.array(stack)
        changed.flat[-1] ^= 1
        save(path, changed, *rest)

    return wrong


def one_plane_short(save: Callable[..., None]) -> Callable[..., None]:
    def wrong(path: Path, stack: np.ndarray, *rest: object) -> None:
        save(path, stack[..., :-1, :], *rest)

    return wrong


def other_type(save: Callable[..., None]) -> Callable[..., None]:
    def wrong(path: Path, stack: np.ndarray, *rest: object) -> None:
        save(path, stack.astype(np.uint16), *rest)

    return wrong


def cut_off(save: Callable[..., None]) -> Callable[..., None]:
    def wrong(path: Path, *rest: object) -> None:
        save(path, *rest)
        os.truncate(path, path.stat().st_size // 2)

    return wrong


def empty(_: Callable[..., None]) -> Callable[..., None]:
    return lambda path, *_: Path(path).write_bytes(b"")


def writing_that_of(path: Path) -> Callable[..., None]:
    """A writer that leaves what lies at another path."""

    def copy(*given: Any, **_: object) -> None:
        target = next(value for value in given if isinstance(value, Path) or hasattr(value, "write"))
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        elif isinstance(target, Path):
            target.write_bytes(path.read_bytes())
        else:
            target.write(path.read_bytes())

    return copy


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_file_of_another_mask_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A sound file in which one pixel differs never takes the name: NU-E03, and the old file stays."""
    mask, image, styles = example((2,))
    mask[1, 2:5, 2:5] = 1
    before = contents(export(mask, image, styles, tmp_path / "out", [name]))
    mask[1, 2, 2] = 0
    other = export(mask, image, styles, tmp_path / "other", [name])
    mask[1, 2, 2] = 1
    # Of a PNG stack the second plane is the wrong one; the first is then refused, which is as well.
    monkeypatch.setattr(*WRITERS[name], writing_that_of(other[-1] if name == "png" else other[0]))
    with pytest.raises(UserError, match="NU-E03"):
        export(mask, image, styles, tmp_path / "out", [name])
    assert contents((tmp_path / "out").iterdir()) == before


def png_wrong(change: Callable[[PillowImage.Image], PillowImage.Image]) -> Callable[..., None]:
    save = PillowImage.Image.save

    def wrong(self: PillowImage.Image, path: Path, **options: object) -> None:
        save(change(self), path, **options)

    return wrong


def flipped(image: PillowImage.Image) -> PillowImage.Image:
    changed = image.copy()
    changed.putpixel((0, 0), image.getpixel((0, 0)) ^ 1)
    return changed


def recoloured(image: PillowImage.Image) -> PillowImage.Image:
    changed = image.copy()
    changed.putpalette([7] * 768)
    return changed


def refuses(tmp_path: Path, name: str, wrong: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that a wrong writer is caught and that the file of a right one stays."""
    mask, image, styles = example((2,) if name == "tiff" else ())
    before = contents(export(mask, image, styles, tmp_path, [name]))
    monkeypatch.setattr(*WRITERS[name], wrong)
    with pytest.raises(UserError, match="NU-E03"):
        export(mask, image, styles, tmp_path, [name])
    assert contents(tmp_path.iterdir()) == before


@pytest.mark.parametrize("damage", [one_pixel_off, one_plane_short, cut_off, empty])
def test_a_wrong_tiff_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[..., object]) -> None:
    """A TIFF with one wrong pixel, another shape or missing bytes never takes the name: NU-E03."""
    refuses(tmp_path, "tiff", damage(mask_tiff.write_stack), monkeypatch)


def test_a_tiff_of_another_type_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal values in another type are not the mask: NU-E03."""

    def wide(path: Path, stack: np.ndarray, *_: object) -> None:
        tifffile.imwrite(path, stack.astype(np.uint16), imagej=True, resolution=(4, 2), metadata={"axes": "TYX"})

    refuses(tmp_path, "tiff", wide, monkeypatch)


def test_a_tiff_of_another_pixel_size_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right pixels at the wrong scale are not the result: NU-E03."""

    def unscaled(path: Path, stack: np.ndarray, *_: object) -> None:
        tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TYX"})

    refuses(tmp_path, "tiff", unscaled, monkeypatch)


def test_a_tiff_that_imagej_does_not_know_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right pixels in a file without ImageJ's description are not the result: NU-E03."""

    def plain(path: Path, stack: np.ndarray, *_: object) -> None:
        tifffile.imwrite(path, stack, resolution=(4, 2))

    refuses(tmp_path, "tiff", plain, monkeypatch)


@pytest.mark.parametrize(
    "change", [flipped, recoloured, lambda image: image.convert("L"), lambda image: image.rotate(90, expand=True)]
)
def test_a_wrong_png_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[PillowImage.Image], PillowImage.Image]
) -> None:
    """A PNG with one wrong pixel, other colours, no palette or another shape never takes the name: NU-E03."""
    refuses(tmp_path, "png", png_wrong(change), monkeypatch)


def test_a_damaged_png_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PNG that no program can read never takes the name: NU-E03."""

    def damaged(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"\x89PNG\r\n\x1a\n and no more")

    refuses(tmp_path, "png", damaged, monkeypatch)


def changed_digit(text: str) -> str:
    return text[:-2] + str((int(text[-2]) + 1) % 10) + text[-1]


@pytest.mark.parametrize(
    "change",
    [
        changed_digit,
        lambda text: text.replace("area_px", "area"),
        lambda text: text[: text[:-1].rindex("\n") + 1],
        lambda text: text + text.splitlines(keepends=True)[-1],
        lambda text: text.replace('"class 1"', '"class 2"', 1),
        lambda text: text[:-1] + ",1\n",
        lambda _: "",
    ],
)
def test_a_wrong_table_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str]) -> None:
    """A table with one other digit, header, name, cell or a row too many or few never takes the name: NU-E03."""
    write = object_table.write_table

    def wrong(path: Path, *rest: object) -> None:
        write(path, *rest)
        text = path.read_bytes().decode()
        assert change(text) != text
        path.write_bytes(change(text).encode())

    refuses(tmp_path, "csv", wrong, monkeypatch)


@pytest.mark.parametrize("name", [MODEL_FORMAT, "TIFF", "", "docx"])
def test_other_formats_are_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    """A format that is unknown or still to come is told in one line with those that exist, and no file appears."""
    with pytest.raises(UserError, match=r"^NU-E02: ") as caught:
        export(*example(), tmp_path, ["tiff", name])
    assert all(known in caught.value.fix for known in FORMATS)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_formats_are_found_by_name() -> None:
    """Every registered name finds its writer."""
    assert {name: format_named(name) for name in FORMATS} == FORMATS


def test_a_mask_of_another_image_is_refused(tmp_path: Path) -> None:
    """A mask of another shape, or with a value that no class has, is refused with NU-E04 and no file appears."""
    mask, image, styles = example((2,))
    wrong_masks = [mask[:1], mask[:, :-1], np.full_like(mask, len(styles))]
    for wrong in wrong_masks:
        with pytest.raises(UserError, match="NU-E04"):
            export(wrong, image, styles, tmp_path, ["tiff"])
    assert list(tmp_path.iterdir()) == []
