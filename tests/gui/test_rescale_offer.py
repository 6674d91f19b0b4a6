"""A copy at the trained pixel size, in a real napari window: offered where sizes differ, and made by a click."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fake_worker import SilentClient
from window import User, messages, settle

from napari_unet.images import rescaled_copy
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project
from napari_unet.protocol.messages import OtherPixelSize

SHAPE = (3, 96, 64)


@pytest.fixture
def user_of_two_sizes(viewer: Any, tmp_path: Path) -> User:
    """A project of a painted image and a stack of another pixel size, in the panel; its worker says nothing."""
    values = np.random.default_rng(0).integers(0, 4000, SHAPE).astype(np.uint16)
    with Project(tmp_path / "p.unet") as project:
        project.add_class("background")
        project.add_class("cell")
        for name, size, pixels in (("learned", 0.25, values[0]), ("other", 0.5, values)):
            file = tmp_path / f"{name}.tif"
            tifffile.imwrite(file, pixels, photometric="minisblack")
            record = project.add_image(open_image(file, axes="zyx"[-pixels.ndim :]), file)
            project.images.set_pixel_size(record.id, PixelSize(size, size, "um"))
    return User.of_project(viewer, tmp_path / "p.unet", SilentClient)


def hear(user: User, image_id: int, factor: float) -> None:
    """The worker compared an image with those trained on."""
    user.panel.controller.hear(OtherPixelSize(image_id, (factor, factor)))


def test_the_offer_is_there_only_where_sizes_differ(user_of_two_sizes: User) -> None:
    """On the image that was compared, until its pixel size is corrected, or it is painted on and so learned."""
    panel, images = user_of_two_sizes.panel, user_of_two_sizes.panel.project_images
    button = panel.head.offer
    assert not button.isVisibleTo(panel)
    hear(user_of_two_sizes, 2, 2.0)
    assert not button.isVisibleTo(panel)
    images.switch(2)
    assert button.isVisibleTo(panel)
    assert button.text() == "Add a copy at 0.25 µm/px"
    images.switch(1)
    assert not button.isVisibleTo(panel)
    panel.controller.project.images.set_pixel_size(2, PixelSize(0.25, 0.25, "um"))
    images.switch(2)
    assert not button.isVisibleTo(panel)
    hear(user_of_two_sizes, 2, 1.5)
    assert button.isVisibleTo(panel)
    panel.canvas.annotation.paint((0, 50, 30), 2)
    settle(lambda: not button.isVisibleTo(panel), 5)
    assert not button.isVisibleTo(panel)
    assert messages() == []


def test_a_click_adds_one_image_and_switches_to_it(user_of_two_sizes: User) -> None:
    """With the planes, type and range of the other, at the trained pixel size; the other stays as it is."""
    panel = user_of_two_sizes.panel
    panel.project_images.switch(2)
    hear(user_of_two_sizes, 2, 2.0)
    before = panel.controller.project.images.get(2)
    panel.head.offer.click()
    panel.head.offer.click()
    assert settle(lambda: panel.controller.image.id == 3, 20)
    first, other, copy = panel.controller.project.images.all()
    assert (first.name, other) == ("learned", before)
    assert (copy.name, copy.inside, copy.axes, copy.shape) == ("other (0.25 µm)", True, "zyx", (3, 192, 128))
    assert copy.pixel_size == PixelSize(0.25, 0.25, "um")
    pixels = panel.controller.project.images.open(3).pixels
    assert pixels.dtype == np.uint16
    source = tifffile.imread(other.path)
    assert source.min() <= np.asarray(pixels).min() <= np.asarray(pixels).max() <= source.max()
    assert user_of_two_sizes.painted.shape == (3, 192, 128)
    assert not panel.head.offer.isVisibleTo(panel)
    assert panel.head.offer.isEnabled()
    assert messages() == []


def test_a_copy_that_is_too_large_is_one_line(user_of_two_sizes: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is added, and the offer stays."""
    monkeypatch.setattr(rescaled_copy, "MOST_BYTES", 1000)
    panel = user_of_two_sizes.panel
    panel.project_images.switch(2)
    hear(user_of_two_sizes, 2, 2.0)
    panel.head.offer.click()
    assert panel.status_line.text().startswith("NU-I17: ")
    assert panel.head.offer.isEnabled()
    assert len(panel.controller.project.images.all()) == 2


def test_a_copy_for_another_project_is_dropped(user_of_two_sizes: User, tmp_path: Path) -> None:
    """It came too late."""
    panel = user_of_two_sizes.panel
    panel.project_images.switch(2)
    hear(user_of_two_sizes, 2, 2.0)
    panel.head.offer.click()
    with Project(tmp_path / "q.unet") as project:
        project.add_class("background")
        project.add_image(Image("alone", np.zeros((40, 40), np.uint8), "yx"))
    panel.open_project(tmp_path / "q.unet")
    assert settle(panel.head.offer.isEnabled, 20)
    assert [record.name for record in panel.controller.project.images.all()] == ["alone"]
    assert not panel.head.offer.isVisibleTo(panel)
