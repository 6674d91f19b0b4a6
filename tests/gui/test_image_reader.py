"""Laws of image files opened in napari by us: nothing is read as a whole, and the panel knows the file again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from fake_worker import SilentClient
from image_files import write_ngff, write_pyramid
from napari.layers import Image
from napari.plugins import _initialize_plugins, _npe2
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog, QRadioButton
from window import User, messages, settle

from napari_unet.errors import UserError
from napari_unet.gui.hooks import image_reader
from napari_unet.gui.layers import source
from napari_unet.images.readers.file_pixels import FilePixels
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project

RANDOM = np.random.default_rng(0)
FINEST = RANDOM.integers(0, 60000, (2048, 1600)).astype(np.uint16)  # more than fits on screen at its resolution
LEVELS = [FINEST[::step, ::step] for step in (1, 2, 4, 8)]
COLOURS = RANDOM.integers(0, 255, (40, 50, 3), np.uint8)
STACK = RANDOM.integers(0, 60000, (3, 2, 40, 50)).astype(np.uint16)


def write_ome_tiff(path: Path, pixels: np.ndarray, axes: str, names: list[str] | None = None) -> Path:
    """With pixels of 0.5 x 0.25 um; a plane as a pyramid of four levels."""
    metadata: dict[str, Any] = {"axes": axes, "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    metadata |= {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    if names:
        metadata["Channel"] = {"Name": names}
    levels = [pixels[::step, ::step] for step in (2, 4, 8)] if axes == "YX" else []
    with tifffile.TiffWriter(path, ome=True) as file:
        colours = {"photometric": "rgb"} if axes.endswith("S") else {}
        file.write(pixels, metadata=metadata, tile=(128, 128), subifds=len(levels), **colours)
        for level in levels:
            file.write(level, tile=(128, 128), subfiletype=1)
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """One image of every kind that a microscope makes."""
    write_pyramid(tmp_path / "pyramid.ome.zarr", LEVELS)
    write_ngff(tmp_path / "tczyx.zarr", STACK[None], "0.5")
    zarr.save_array(tmp_path / "plain.zarr", STACK[0])
    np.save(tmp_path / "last.npy", np.moveaxis(STACK[0], 0, -1))
    return {
        "pyramid.zarr": tmp_path / "pyramid.ome.zarr",
        "channels and z": tmp_path / "tczyx.zarr",
        "plain.zarr": tmp_path / "plain.zarr",
        "pyramid.tif": write_ome_tiff(tmp_path / "pyramid.ome.tif", FINEST, "YX"),
        "colours": write_ome_tiff(tmp_path / "colours.ome.tif", COLOURS, "YXS"),
        "z and channels": write_ome_tiff(tmp_path / "zcyx.ome.tif", STACK, "ZCYX", ["DAPI", "GFP"]),
    }


KINDS = ["pyramid.zarr", "channels and z", "plain.zarr", "pyramid.tif", "colours", "z and channels"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_the_image_of_its_file(
    files: dict[str, Path], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pixels, axes and pixel size, and the file is found, without ever reading all of the pixels."""
    most = largest_read(monkeypatch)
    expected = open_image(files[kind])
    layer = Image(**image_reader.layer_of(files[kind]))
    assert layer.multiscale == kind.startswith("pyramid")
    found, path = source.image_of(layer)
    assert path == files[kind]
    assert (found.axes, found.pixel_size) == (expected.axes, expected.pixel_size)
    assert found.pixels.dtype == expected.pixels.dtype
    assert not isinstance(found.pixels, np.ndarray)
    assert layer.axis_labels == tuple(expected.axes.removesuffix("c") if kind == "colours" else expected.axes)
    with Project(tmp_path / "p.unet") as project:
        record = project.add_image(found, path)
        assert not record.inside
        if kind.startswith("pyramid"):
            assert max(most) < FINEST.size / 4
        np.testing.assert_array_equal(project.images.open(record.id).read(0), expected.read(0))
    assert layer.metadata["channel_names"] == (("DAPI", "GFP") if kind == "z and channels" else ())


def largest_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pixels every read of a file gave."""
    sizes: list[int] = [0]
    real = FilePixels.__getitem__

    def counting(self: Any, key: Any) -> Any:
        pixels = real(self, key)
        sizes.append(np.size(pixels))
        return pixels

    monkeypatch.setattr(FilePixels, "__getitem__", counting)
    return sizes


def test_axes_that_napari_cannot_show_are_put_in_order(tmp_path: Path) -> None:
    """Rows and columns last, still read when they are looked at."""
    axes = [{"name": name, "type": "channel" if name == "c" else "space"} for name in "yxc"]
    pixels = np.moveaxis(STACK[0], 0, -1)
    zarr.save_array(tmp_path / "a.zarr" / "0", pixels)
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}]
    group = zarr.open_group(tmp_path / "a.zarr", mode="a")
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    layer = Image(**image_reader.layer_of(tmp_path / "a.zarr"))
    assert layer.axis_labels == ("c", "y", "x")
    assert not isinstance(layer.data, np.ndarray)
    np.testing.assert_array_equal(np.asarray(layer.data), STACK[0])


def test_the_contrast_of_a_large_plane_is_that_of_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of a dark place in the middle; where all is the same or nothing is finite, napari says."""
    monkeypatch.setattr(image_reader, "SEEN_WHOLE", 100)
    pixels = np.full((160, 200), 7, np.float32)
    zarr.save_array(tmp_path / "flat.zarr", pixels)
    assert image_reader.layer_of(tmp_path / "flat.zarr")["contrast_limits"] is None
    zarr.save_array(tmp_path / "nothing.zarr", pixels * np.nan)
    assert image_reader.layer_of(tmp_path / "nothing.zarr")["contrast_limits"] is None
    pixels[:, 20], pixels[:, 150], pixels[:, 160] = 900, -3, np.nan
    zarr.save_array(tmp_path / "a.zarr", pixels)
    layer = Image(**image_reader.layer_of(tmp_path / "a.zarr"))
    assert tuple(layer.contrast_limits) == (-3, 900)


def test_pages_that_are_left_out_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest image of a file is shown, and one notice names the others."""
    told: list[str] = []
    monkeypatch.setattr(image_reader, "show_warning", told.append)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(STACK[0, 0, :9, :7], metadata=None)
        file.write(STACK[0, 0], metadata=None)
    np.testing.assert_array_equal(image_reader.layer_of(tmp_path / "a.tif")["data"], STACK[0, 0])
    assert [line.split(" pages")[0] for line in told] == ["NU-I20: 1 of 2"]


def test_only_folders_are_claimed(files: dict[str, Path], tmp_path: Path) -> None:
    """As for every folder napari asks which reader to take wherever two name an ending: never for a TIFF."""
    """Wherever two readers name an ending napari asks which to take: never for a TIFF."""
    _initialize_plugins()
    for kind, path in files.items():
        assert ("napari-unet-live" in _npe2.get_readers(str(path))) == path.is_dir(), kind
        assert (image_reader.image_reader(str(path)) is not None) == path.is_dir()
    assert image_reader.image_reader(str(tmp_path / "pictures")) is None
    assert image_reader.image_reader([str(tmp_path / "pictures")]) is None


def foreign(tmp_path: Path) -> dict[str, Path]:
    """Zarr folders that hold no image that could be opened, or none themselves."""
    write_pyramid(tmp_path / "plate.zarr" / "A" / "1" / "0", LEVELS)
    for folder in ("plate.zarr", "plate.zarr/A", "plate.zarr/A/1"):
        zarr.open_group(tmp_path / folder, mode="a").attrs["ome"] = {"version": "0.5"}
    write_pyramid(tmp_path / "labels.zarr" / "labels" / "cells", LEVELS)
    zarr.open_group(tmp_path / "labels.zarr" / "labels", mode="a").attrs["ome"] = {"labels": ["cells"]}
    zarr.open_group(tmp_path / "labels.zarr", mode="a")
    zarr.open_group(tmp_path / "nothing.zarr", mode="w")
    (tmp_path / "empty.zarr").mkdir()
    write_pyramid(tmp_path / "damaged.zarr", LEVELS)
    (tmp_path / "damaged.zarr" / "zarr.json").write_text("{")
    write_pyramid(tmp_path / "lost.zarr", LEVELS)
    (tmp_path / "lost.zarr" / "0" / "zarr.json").unlink()
    return {path.stem: path for path in tmp_path.glob("*.zarr")}


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    """It says which folder is an image where there is one."""
    codes = {}
    for name, path in foreign(tmp_path).items():
        read = image_reader.image_reader(str(path))
        assert read is not None
        with pytest.raises(UserError) as caught:
            read(str(path))
        assert "\n" not in str(caught.value)
        codes[name] = caught.value.code, caught.value.fix.partition("such as ")[2]
    assert codes == {
        "plate": ("NU-I12", "A/1/0"),
        "labels": ("NU-I12", "labels/cells"),
        "nothing": ("NU-I12", ""),
        "empty": ("NU-I12", ""),
        "damaged": ("NU-I11", ""),
        "lost": ("NU-I11", ""),
    }
    several = [str(tmp_path / "nothing.zarr"), str(tmp_path / "empty.zarr")]
    read = image_reader.image_reader(several)
    assert read is not None
    with pytest.raises(UserError, match=r"^NU-I60: 2 images"):
        read(several)


def drop(viewer: Any, *paths: Path) -> None:
    """Let go of files over napari's canvas; what napari asks is answered by us as reader."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place = QPointF(50, 50)
    event = QDropEvent(place, Qt.CopyAction, data, Qt.LeftButton, Qt.NoModifier)
    viewer.window._qt_viewer.dropEvent(event)
    settle(seconds=0.1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What napari asked; every time U-Net is chosen."""
    from napari._qt.dialogs.qt_reader_dialog import QtReaderDialog

    questions: list[str] = []

    def choose(dialog: Any) -> int:
        questions.append(dialog._current_file)
        [ours] = [button for button in dialog.findChildren(QRadioButton) if button.text() == "U-Net"]
        ours.setChecked(True)
        return 1

    monkeypatch.setattr(QtReaderDialog, "exec_", choose)
    return questions


def opened(viewer: Any) -> User:
    """The panel, which takes the layer up, with a worker that never answers."""
    user = User.__new__(User)
    user.viewer = viewer
    _, user.panel = viewer.window.add_plugin_dock_widget("napari-unet-live")
    user.panel.controller.worker.start_process = SilentClient
    assert settle(lambda: user.panel.canvas.annotation is not None, 20)
    return user


def check_stroke(viewer: Any, path: Path, most: list[int]) -> None:
    """The panel knows the file of the layer, and stores a stroke that is painted on it."""
    user = opened(viewer)
    record = user.panel.controller.image
    assert (record.path, record.inside) == (path, False)
    assert user.panel.controller.project.folder.parent == path.parent
    user.draw(2, (1000, 400), (1000, 1200))
    assert settle(lambda: user.stored().any(), 5)
    assert (user.stored()[1000, 420:1180] == 2).all()
    np.testing.assert_array_equal(user.stored(), user.painted)
    assert max(most) < FINEST.size / 3
    assert messages() == []


def test_a_dropped_ome_zarr_is_painted_on(
    viewer: Any, files: dict[str, Path], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for every folder napari asks which reader; the pyramid stays on disk, and the stroke is in the project."""
    most = largest_read(monkeypatch)
    path = files["pyramid.zarr"]
    drop(viewer, path)
    [layer] = viewer.layers
    assert asked == [str(path)]
    assert layer.multiscale
    assert layer.source.path == str(path)
    check_stroke(viewer, path, most)


def test_a_large_tiff_opened_by_command_is_painted_on(
    viewer: Any, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the menu, beside a damaged file, which is one line."""
    from napari._app_model import get_app_model

    most, path = largest_read(monkeypatch), files["pyramid.tif"]
    damaged = path.with_name("damaged.tif")
    damaged.write_bytes(path.read_bytes()[:900])
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(damaged), str(path)], ""))
    get_app_model().commands.execute_command("napari-unet-live.open_files").result()
    assert [line.partition(":")[0] for line in messages()] == ["NU-I11"]
    notification_manager.records.clear()
    [layer] = viewer.layers
    assert layer.multiscale
    assert tuple(layer.scale) == (0.5, 0.25)
    assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
    check_stroke(viewer, path, most)


def test_channels_behind_planes_are_known_and_shown(viewer: Any, files: dict[str, Path]) -> None:
    """Where our layers cannot lie over the file's order of axes, the panel brings the image in its own."""
    path = files["z and channels"]
    viewer.add_image(**image_reader.layer_of(path))
    user = opened(viewer)
    record = user.panel.controller.image
    assert (record.path, record.inside, record.axes) == (path, False, "zcyx")
    assert [(each.axes, each.channels) for each in user.panel.controller.project.images.all()] == [("zcyx", 2)]
    user.draw(1, (20, 10), (20, 40))
    assert settle(lambda: user.stored().any(), 5)
    np.testing.assert_array_equal(user.stored(), user.painted[0])
    assert not user.painted[1:].any()
    assert messages() == []


def test_several_dropped_folders_are_opened_or_told_one_by_one(viewer: Any, tmp_path: Path, asked: list[str]) -> None:
    """A line for each that is none, a layer for each that is one."""
    folders = foreign(tmp_path)
    zarr.save_array(tmp_path / "image.zarr", FINEST)
    drop(viewer, folders["plate"], tmp_path / "image.zarr", folders["damaged"])
    assert [layer.name for layer in viewer.layers] == ["image"]
    assert [line.partition(":")[0] for line in messages()] == ["NU-I12", "NU-I11"]
    assert all("\n" not in line for line in messages())
