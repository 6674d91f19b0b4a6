"""Laws of the network and of predicting with it."""

import numpy as np
import pytest
import torch

from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import Architecture, UNet, build
from napari_unet.prediction.plane import predict_probabilities, resumable_plane
from napari_unet.prediction.resumable import run_to_end

FLOAT, HALF = Device("cpu", "", False), Device("cpu", "", True)
CLASS_IDS = (1, 2, 5)
WHOLE = 2048
SIZES = [(55, 3), (33, 70), (100, 130), (96, 96)]


def network(channels: int = 1, seed: int = 3) -> UNet:
    """A small untrained network; its random head answers differently from pixel to pixel."""
    return build(Architecture(channels, len(CLASS_IDS), 4), seed).eval()


def plane(size: tuple[int, int], channels: int = 1) -> np.ndarray:
    """Normalised noise, the right half brighter."""
    pixels = np.random.default_rng(7).normal(0, 0.7, (*size, channels)).astype(np.float32)
    pixels[:, size[1] // 2 :] += 1
    return np.clip(pixels, -3, 3)


def check_tiling(device: Device, size: tuple[int, int], channels: int, tile: int, tolerance: float) -> None:
    """Compare a prediction in tiles with the prediction at once."""
    predictor, pixels = Predictor(network(channels), CLASS_IDS, device), plane(size, channels)
    expected = run_to_end(resumable_plane(predictor, pixels, WHOLE))
    assert set(np.unique(expected)) <= set(CLASS_IDS)
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(run_to_end(resumable_plane(predictor, pixels, tile)), expected)
    np.testing.assert_allclose(
        predict_probabilities(predictor, pixels, tile), predict_probabilities(predictor, pixels, WHOLE), atol=tolerance
    )


@pytest.mark.parametrize("tile", [48, 64, 80])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_tiling_changes_nothing(size: tuple[int, int], channels: int, tile: int) -> None:
    """Classes are the same bit for bit and probabilities up to the rounding of float32."""
    check_tiling(FLOAT, size, channels, tile, 1e-5)


@pytest.mark.parametrize("tile", [48, 80])
def test_tiling_changes_nothing_in_half_precision(tile: int) -> None:
    """The law holds in the number format of fast processors as well, which others emulate."""
    check_tiling(HALF, (100, 130), 1, tile, 1e-5)


def test_a_smaller_halo_breaks_the_tiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The law above can fail: without the halo tiles show their rims."""
    monkeypatch.setattr(Architecture, "halo", 0)
    with pytest.raises(AssertionError):
        check_tiling(FLOAT, (100, 130), 1, 48, 1e-5)


def test_a_pixel_depends_on_nothing_beyond_the_halo() -> None:
    """Changing a pixel changes logits inside the halo around it and none outside."""
    made = network()
    halo = made.architecture.halo
    side = 2 * halo + 64
    x = torch.from_numpy(plane((64, side)))[None].permute(0, 3, 1, 2)
    changed = x.clone()
    changed[0, 0, 32, side // 2] += 2
    with torch.inference_mode():
        columns = (made(x) != made(changed)).any(dim=2).any(dim=1)[0].nonzero().ravel() - side // 2
    assert columns.abs().max() <= halo
    assert columns.abs().max() > 32


def test_weights_depend_on_the_seed_alone() -> None:
    """The same seed gives the same network whatever was drawn before, another seed another one; no draw is spent."""
    torch.manual_seed(1)
    first = network().state_dict()
    expected = torch.random.get_rng_state()
    torch.rand(5)
    again, other = network().state_dict(), network(seed=4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    torch.manual_seed(1)
    assert torch.equal(expected, torch.random.get_rng_state())


def test_intensities_reach_the_head() -> None:
    """The channel norm makes features blind to how bright an image is; the logits are not."""
    made = network()
    dark, bright = (torch.full((1, 1, 64, 64), value) for value in (0.3, 1.2))
    with torch.inference_mode():
        features = [made.features(x) for x in (dark, bright)]
        logits = [made(x) for x in (dark, bright)]
    width = made.architecture.width
    assert torch.allclose(features[0][:, :width], features[1][:, :width], atol=0.02)
    assert torch.allclose(features[1][:, width:], bright.expand(-1, 5, -1, -1), atol=1e-5)
    assert (logits[0] - logits[1]).abs().min() > 0.05
