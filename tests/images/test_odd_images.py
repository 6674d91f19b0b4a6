"""Every kind of image goes through the whole job: paint, train, predict, with a finite network and a mask that fits."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project

SMALL = Settings(tile=64, width=4, batch=1, prediction_tile=64)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(100, 20, shape)


def with_nan(*shape: int) -> np.ndarray:
    pixels = random(*shape).astype(np.float32)
    pixels[..., :3, :3] = np.nan
    pixels[..., 10, 10] = np.inf
    return pixels


IMAGES: dict[str, Callable[[], Image]] = {
    "uint8": lambda: Image("i", random(60, 70).astype(np.uint8), "yx"),
    "uint16": lambda: Image("i", random(60, 70).astype(np.uint16), "yx"),
    "float32 with NaN": lambda: Image("i", with_nan(60, 70), "yx"),
    "big-endian": lambda: Image("i", random(60, 70).astype(">u2"), "yx"),
    "negative strides": lambda: Image("i", random(60, 70).astype(np.uint8)[::-1, ::-1], "yx"),
    "tiny": lambda: Image("i", random(5, 7).astype(np.uint8), "yx"),
    "not divisible by 16": lambda: Image("i", random(61, 133).astype(np.uint8), "yx"),
    "constant": lambda: Image("i", np.full((60, 70), 7, np.uint8), "yx"),
    "rgb": lambda: Image("i", random(60, 70, 3).astype(np.uint8), "yxc"),
    "rgba": lambda: Image("i", random(60, 70, 4).astype(np.uint8), "yxc", alpha=True),
    "channels first": lambda: Image("i", random(5, 60, 70).astype(np.uint16), "cyx"),
    "z stack": lambda: Image("i", random(3, 60, 70).astype(np.uint8), "zyx"),
    "time, z and channels": lambda: Image("i", random(2, 2, 3, 60, 70).astype(np.uint8), "tzcyx"),
    "bool": lambda: Image("i", random(60, 70) > 100, "yx"),
    "extreme floats": lambda: Image("i", (random(60, 70) * 1e37).astype(np.float64), "yx"),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_every_image_is_learned_and_predicted(kind: str, tmp_path: Path) -> None:
    """The network stays finite and the mask has the image's planes, height and width."""
    from napari_unet.api import add_annotation, load_model, predict, train

    image = IMAGES[kind]()
    labels = np.zeros((image.planes, image.height, image.width), np.uint8)
    labels[:, 0:4, 0:4], labels[:, -2:, -4:] = 1, 2
    with Project(tmp_path / "p.unet") as project:
        project.settings.write(SMALL)
        add_annotation(project, image, labels)
        assert project.images.open(1).channels == image.channels
        train(project, steps=3, device="cpu")
    model = load_model(tmp_path / "p.unet", "cpu")
    mask = predict(model, image, tile=64)
    assert mask.shape == labels.shape
    assert set(np.unique(mask)) <= {0, 1}
    assert np.isfinite(next(iter(model.predictor.network.parameters())).detach().numpy()).all()


@pytest.mark.parametrize(
    ("pixels", "axes", "code"),
    [
        (np.zeros((0, 10), np.uint8), "yx", "NU-I02"),
        (np.zeros((10,), np.uint8), "y", "NU-I01"),
        (np.zeros((10, 10), complex), "yx", "NU-I03"),
        (np.zeros((10, 10), object), "yx", "NU-I03"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(pixels: np.ndarray, axes: str, code: str) -> None:
    with pytest.raises(UserError, match=code) as refused:
        Image("i", pixels, axes)
    assert "\n" not in str(refused.value)


def test_an_lzw_tiff_is_read_and_its_pixel_size_comes_out_again(tmp_path: Path) -> None:
    """Compressed in, calibrated out: what goes to Fiji has the pixel size of what came from the microscope."""
    pixels = random(48, 40).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, compression="lzw", imagej=True, resolution=(4, 4), metadata={"unit": "um"}
    )
    image = open_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.read(0)[..., 0], pixels)
    assert (image.pixel_size.y, image.pixel_size.x, image.pixel_size.unit) == (0.25, 0.25, "um")
