"""Lengths on napari's layers: rows, columns and slices in the unit of the image, both ways."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_worker import SilentClient
from napari.layers import Image as NapariImage
from window import User, messages

from napari_unet.gui.layers import source
from napari_unet.gui.layers.calibration import layer_pixel_size, scale_and_units, scale_layer
from napari_unet.gui.sections.image_facts import facts
from napari_unet.images.image import Image, PixelSize
from napari_unet.project.project import Project

SPACED = PixelSize(0.5, 0.25, "um", 1.5)
SHAPES = {"z": 3, "t": 2, "c": 2, "y": 70, "x": 90}


@pytest.mark.parametrize("axes", ["yx", "zyx", "tzyx", "ctzyx", "tyx"])
@pytest.mark.parametrize("size", [PixelSize(), PixelSize(0.5, 0.25, "um"), SPACED])
def test_a_layer_tells_the_size_that_it_was_given(axes: str, size: PixelSize) -> None:
    """As far as it has the axes; times and channels have no length."""
    scale, units = scale_and_units(axes, size)
    layer = NapariImage(np.zeros([SHAPES[axis] for axis in axes], np.uint8), scale=scale, units=units)
    known = size if "z" in axes else PixelSize(size.y, size.x, size.unit)
    assert layer_pixel_size(layer, axes) == known
    assert [factor for factor, axis in zip(layer.scale, axes, strict=True) if axis in "tc"] == [1] * len(
        set(axes) & set("tc")
    )


@pytest.mark.parametrize("unit", ["cm", "m", "pm", "nm", "um", "mm", "angstrom", "inch"])
def test_every_unit_is_called_as_files_are_read(unit: str) -> None:
    """A layer has units written out, "centimeter"; exports know them by their symbols."""
    layer = NapariImage(np.zeros((3, 7, 9), np.uint8), scale=(2, 0.5, 0.25), units=(unit, unit, unit))
    assert layer_pixel_size(layer, "zyx") == PixelSize(0.5, 0.25, unit, 2.0)


def test_a_unit_that_was_written_out_is_known(tmp_path: Path) -> None:
    """As projects have it to which earlier versions added a layer in centimetres."""
    with Project(tmp_path / "p.unet") as project:
        project.images.add(Image("a", np.zeros((7, 9), np.uint8), "yx", PixelSize(0.5, 0.25, "centimeter")))
        for image in (project.images.get(1), project.images.open(1)):
            assert image.pixel_size == PixelSize(0.5, 0.25, "cm")


def test_a_scale_in_other_units_is_no_distance_of_slices() -> None:
    """Slices that are counted, not measured, have no distance."""
    layer = NapariImage(np.zeros((3, 7, 9), np.uint8), scale=(2, 0.5, 0.25), units=("pixel", "um", "um"))
    assert source.image_in(layer).pixel_size == PixelSize(0.5, 0.25, "um")


def test_a_mirrored_layer_has_pixels_of_a_size() -> None:
    """A negative scale turns it around, and makes no negative length."""
    layer = NapariImage(np.zeros((3, 7, 9), np.uint8), scale=(-1.5, -0.5, 0.25), units=("um",) * 3)
    assert layer_pixel_size(layer, "zyx") == SPACED


def test_scaling_keeps_the_place_and_what_is_not_known() -> None:
    """A layer that was moved by two slices and ten rows still is; without a distance the scale of slices stays."""
    layer = NapariImage(np.zeros((3, 7, 9), np.uint8), scale=(2, 1, 1), translate=(4, 10, 0))
    scale_layer(layer, "zyx", PixelSize(0.5, 0.25, "um"))
    assert (tuple(layer.scale), tuple(layer.translate)) == ((2, 0.5, 0.25), (4, 5, 0))
    scale_layer(layer, "zyx", SPACED)
    assert (tuple(layer.scale), tuple(layer.translate)) == ((1.5, 0.5, 0.25), (3, 5, 0))
    assert layer_pixel_size(layer, "zyx") == SPACED


def test_slices_are_as_far_apart_in_the_window_as_in_the_image(viewer: Any, tmp_path: Path) -> None:
    """On every layer of ours, whatever image was shown before, and the panel says so; napari warns of nothing."""
    images = {"flat": "yx", "stack": "zyx", "times": "tyx", "hyper": "tczyx"}
    with Project(tmp_path / "p.unet") as project:
        project.classes.add("background")
        for number, (name, axes) in enumerate(images.items()):
            pixels = np.random.default_rng(number).integers(0, 255, [SHAPES[axis] for axis in axes], np.uint8)
            project.images.add(Image(name, pixels, axes, SPACED if "z" in axes else PixelSize()))
    user = User.of_project(viewer, tmp_path / "p.unet", SilentClient)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for name in ("stack", "flat", "hyper", "times", "stack"):
            user.switch(name)
            record = user.panel.controller.image
            axes = source.layer_axes(record)
            assert viewer.dims.axis_labels[-len(axes) :] == tuple(axes)  # beside its sliders
            wanted = scale_and_units(axes.removeprefix("c"), record.pixel_size)
            for layer in viewer.layers:
                if layer.visible:
                    count = len(wanted[0])
                    assert tuple(layer.scale)[-count:] == wanted[0]
                    assert [str(unit) for unit in layer.units][-count:] == [
                        {"um": "micrometer"}.get(unit, unit) for unit in wanted[1]
                    ]
    assert not [each for each in warned if "unit" in str(each.message).lower()]
    assert messages() == []
    assert facts(record).startswith("z 3 x 1.5 µm · ")
    assert facts(record).endswith(" px · 0.5 x 0.25 µm")
