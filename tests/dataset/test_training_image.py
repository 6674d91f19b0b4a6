"""Laws of what a network remembers of its training images, and of images that are unlike them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unet.config import Settings
from napari_unet.dataset.training_image import as_fact, difference, remembered, rescaling, training_image
from napari_unet.errors import UserError
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.rescaling import rescaled, scaled_back
from napari_unet.project.project import Project

SHAPE = (96, 128)
RAMP = np.linspace(0, 1000, SHAPE[0] * SHAPE[1]).reshape(SHAPE)


def planes(size: float = 0.5, unit: str = "um", spread: float = 1.0, wide: float | None = None) -> NormalisedPlanes:
    """A ramp with this pixel size (and another along x) and range."""
    return NormalisedPlanes(Image("ramp", RAMP * spread, "yx", PixelSize(size, wide or size, unit)))


TRAINED = (training_image(planes()),)


@pytest.fixture(scope="module")
def ramp_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project trained for two steps on the ramp, dark and bright."""
    from napari_unet.api import add_annotation, train

    folder = tmp_path_factory.mktemp("trained") / "ramp.unet"
    labels = np.zeros(SHAPE, np.uint8)
    labels[8:12], labels[80:84] = 1, 2
    with Project(folder) as made:
        made.settings.write(Settings(tile=64, width=4, prediction_tile=64))
        add_annotation(made, planes().image, labels[np.newaxis], ["dark", "bright"])
        erased = made.add_image(Image("erased", RAMP[::-1].copy(), "yx", PixelSize(9.0, 9.0, "um"))).id
        made.add_image(Image("unpainted", RAMP[:, ::-1].copy(), "yx", PixelSize(5.0, 5.0, "um")))
        for painted in (labels, np.zeros_like(labels)):
            made.commit(erased, 0, painted)
        train(made, steps=2, device="cpu")
    return folder


@pytest.mark.parametrize("name", ["best", "last"])
def test_a_network_remembers_what_it_was_trained_on(ramp_folder: Path, name: str) -> None:
    """Painted images with channels, pixel size and range, no others; and the versions at work."""
    from napari_unet.network.checkpoint import load_checkpoint

    facts = load_checkpoint(ramp_folder / "models" / f"{name}.safetensors").facts
    assert remembered(facts) == TRAINED
    assert facts["trained_on"]["versions"]["torch"]


def test_a_record_that_makes_no_sense_is_none() -> None:
    """Old files and forged records remember nothing; a sound one comes back through JSON."""
    assert remembered(json.loads(json.dumps(as_fact(TRAINED)))) == TRAINED
    damaged: list[dict[str, Any]] = [{}, {"trained_on": 3}, {"trained_on": {"images": [{"name": "x"}]}}]
    assert [remembered(facts) for facts in damaged] == [()] * len(damaged)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (planes(), ""),
        (planes(500.0, "nm"), ""),
        (planes(0.6), ""),
        (planes(0.41), ""),
        (planes(0.64), "pixels of 0.64 x 0.64 um, trained on 0.5 x 0.5 um"),
        (planes(0.39), "pixels of"),
        (planes(0.5, wide=1.0), "pixels of 0.5 x 1 um"),
        (planes(640.0, "nm"), "trained on 500 x 500 nm"),
        (planes(7.0, "pixel"), ""),
        (planes(7.0, "furlong"), ""),
        (planes(1e-300), ""),
        (planes(spread=1e-300), "intensities span"),
        (planes(spread=9.0), ""),
        (planes(spread=11.0), "intensities span"),
        (planes(spread=1 / 11), "intensities span"),
        (planes(spread=0.0), "intensities are the same everywhere, trained on a span of"),
        (NormalisedPlanes(Image("colour", np.zeros((8, 9, 3), np.uint8), "yxc")), ""),
    ],
)
def test_an_image_unlike_the_trained_ones_is_told(image: NormalisedPlanes, told: str) -> None:
    """One line beyond a factor of 1.25 in pixel size or 10 in range, whatever the unit; unknown sizes are silent."""
    line = difference(TRAINED, image)
    assert bool(line) == bool(told)
    if told:
        assert line.startswith("NU-I16: ")
        assert told in line
        assert "\n" not in line


def test_the_nearest_training_image_counts() -> None:
    """Whoever was trained on two pixel sizes knows both."""
    both = (*TRAINED, training_image(planes(4.0)))
    assert difference(both, planes(4.2)) == ""
    assert difference(both, planes(1.5)) != ""
    assert rescaling(both, planes(3.0)) == pytest.approx((0.75, 0.75))
    assert rescaling(both, planes(1000.0, "nm", wide=500.0)) == pytest.approx((2.0, 1.0))


def test_an_empty_image_is_known_to_who_learned_from_one() -> None:
    """Empty fields of view and empty channels are told as long as none was trained on."""
    assert difference((*TRAINED, training_image(planes(spread=0.0))), planes(spread=0.0)) == ""


@pytest.mark.parametrize("image", [planes(1.0, "pixel"), planes(0.01)])
def test_what_cannot_be_rescaled_is_refused(image: NormalisedPlanes) -> None:
    """Without a pixel size, or with one that has nothing to do with the trained ones."""
    with pytest.raises(UserError, match=r"^NU-I17: "):
        rescaling(TRAINED, image)


@pytest.mark.parametrize("factors", [(0.5, 0.5), (2.0, 2.0), (1.7, 0.3), (1.0, 1.0)])
def test_rescaling_and_back_keeps_places(factors: tuple[float, float]) -> None:
    """A smooth plane comes back within one coarse pixel of its values, and exactly for a factor of 1."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    pixels = np.stack([y, x], axis=2)
    back = scaled_back(np.moveaxis(rescaled(pixels, factors), 2, 0), *SHAPE)
    for channel, factor in enumerate(factors):
        limit = 0 if factors == (1.0, 1.0) else 1 / min(1, factor)
        assert np.abs(back[channel] - pixels[..., channel]).max() <= limit


def test_the_network_sees_the_trained_pixel_size(ramp_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image of twice the pixel size is enlarged for the network; the mask has the image's own size."""
    from napari_unet.api import load_model, predict
    from napari_unet.prediction import mask

    seen: list[tuple[int, ...]] = []
    unchanged = mask.resumable_plane

    def noting(predictor: Any, pixels: Any, *others: Any) -> Any:
        seen.append(pixels.shape)
        return unchanged(predictor, pixels, *others)

    monkeypatch.setattr(mask, "resumable_plane", noting)
    model = load_model(ramp_folder, "cpu")
    coarse = Image("coarse", RAMP[::2, ::2], "yx", PixelSize(1.0, 1.0, "um"))
    plain, scaled = (predict(model, coarse, rescale=rescale) for rescale in (False, True))
    assert seen == [(48, 64, 1), (96, 128, 1)]
    assert plain.shape == scaled.shape == (1, 48, 64)


def test_a_file_that_differs_is_told_and_predicted(ramp_folder: Path, tmp_path: Path) -> None:
    """The warning comes beside the mask; with rescaling there is nothing left to warn of, and the record says so."""
    from napari_unet.api import load_model, predict_file

    tifffile.imwrite(tmp_path / "a.tif", RAMP.astype(np.float32), imagej=True, resolution=(1, 1),
                     metadata={"unit": "um"})  # fmt: skip
    model, lines = load_model(ramp_folder, "cpu"), []
    for rescale in (False, True):
        out = tmp_path / str(rescale)
        files = predict_file(model, tmp_path / "a.tif", out, rescale=rescale, probabilities=True, warn=lines.append)
        assert all(path.is_file() for path in files)
        record = json.loads((out / "a.json").read_text("utf-8"))
        assert record["rescaled"] == ([2.0, 2.0] if rescale else [1.0, 1.0])
        most = np.load(out / "a-probabilities.npy")[0].argmax(0)
        np.testing.assert_array_equal(tifffile.imread(out / "a.tif"), most)
    assert [line.split(":")[0] for line in lines] == ["NU-I16"]
