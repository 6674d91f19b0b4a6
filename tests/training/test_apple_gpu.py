"""Laws for Apple's GPU, which has no numbers of double precision: tried on the CPU with these forbidden."""

from typing import Any

import numpy as np
import pytest
import torch
from drawing import Drawing
from torch.utils._python_dispatch import TorchDispatchMode

from napari_unet.config import Settings
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.base import base_weights
from napari_unet.network.device import Device
from napari_unet.network.feature_cache import CachedPlane
from napari_unet.project.project import Project
from napari_unet.training.learner import Learner

SIDE = 96


class NoDoubles(TorchDispatchMode):
    """Refuses every operation whose result is of double precision, as an Apple GPU does."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do the operation and look at what came out."""
        found = function(*args, **(kwargs or {}))
        for each in found if isinstance(found, tuple | list) else [found]:
            if isinstance(each, torch.Tensor) and each.dtype == torch.float64:
                raise TypeError(f"{function} gives a tensor of double precision")
        return found


@pytest.fixture
def drawing() -> Drawing:
    """Draw noise of 32 bits with strokes of two classes."""
    pixels = np.random.default_rng(0).integers(0, 2**31, (SIDE, SIDE)).astype(np.uint32)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[10:14, 5:90], labels[70:74, 5:90] = 1, 2
    return Drawing(Image("noise", pixels, "yx"), labels, settings=Settings(preset="fast", tile=64, batch=2))


@pytest.mark.parametrize("pixel_share", [1.0, 0.5])
def test_learning_and_predicting_need_no_double_precision(
    project: Project, monkeypatch: pytest.MonkeyPatch, pixel_share: float
) -> None:
    """From the first answer over steps and a further stroke to a prediction with its estimate."""
    monkeypatch.setattr(Device, "torch_device", torch.device("cpu"))
    settings = Settings(preset="fast", tile=64, batch=2, pixel_share=pixel_share)
    project.settings.write(settings)
    everything = Region(0, 0, SIDE, SIDE)
    with NoDoubles():
        learner = Learner(project, Device("mps", "", bfloat16=False), 0, base_weights("auto"))
        while learner.screen_cache.fill([(CachedPlane(1, 0), everything)], learner.settings, learner.device):
            pass
        learner.answer()
        for _ in range(2):
            assert np.isfinite(learner.step())
        labels = project.strokes.plane(1, 0)
        labels[40:44, 5:90] = 1
        project.commit(1, 0, labels)
        learner.refresh()
        assert np.isfinite(learner.step())
        learner.show_newest(score=True)
        predictor = learner.predictor
        assert predictor is not None
        predictor.estimate_anew()
        plane = learner.annotations.with_context((1, 0), 0)
        assert predictor.classes(plane, everything).shape == (SIDE, SIDE)
        assert predictor.take_sums().shown.sum() == SIDE * SIDE
