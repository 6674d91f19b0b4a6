"""Laws of tiles that are computed while the last one is on its way: nothing is lost, mixed up or waited for."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet.images.image import Image
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.inference import BegunClasses, Predictor
from napari_unet.network.unet import Architecture, build
from napari_unet.prediction.mask import predict_mask
from napari_unet.prediction.plane import resumable_plane
from napari_unet.prediction.resumable import run_to_end

CPU = Device("cpu", "", False)
FULL = torch.OutOfMemoryError("CUDA out of memory")
NOISE = np.random.default_rng(0).normal(size=(150, 270, 1)).astype(np.float32)


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(build(Architecture(channels=1, classes=2, width=4, depth=2)).eval(), (1, 2), CPU)


def noting(monkeypatch: pytest.MonkeyPatch, refuse: Any = lambda event, region: False) -> list[str]:
    """Note what is begun and taken, and fail for lack of memory where it is wanted."""
    noted: list[str] = []
    begin, take = Predictor.begin_classes, BegunClasses.take
    regions: dict[int, Region] = {}
    alive: list[BegunClasses] = []  # so that no id is used twice

    def begun(self: Predictor, plane: Any, region: Region) -> BegunClasses:
        if refuse("begin", region):
            raise FULL
        noted.append(f"begin {region.y0} {region.x0}")
        answer = begin(self, plane, region)
        regions[id(answer)] = region
        alive.append(answer)
        return answer

    def taken(self: BegunClasses) -> np.ndarray:
        region = regions[id(self)]
        if refuse("take", region):
            raise FULL
        noted.append(f"take {region.y0} {region.x0}")
        return take(self)

    monkeypatch.setattr(Predictor, "begin_classes", begun)
    monkeypatch.setattr(BegunClasses, "take", taken)
    return noted


def test_the_next_tile_is_begun_before_the_last_is_taken(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One tile is in flight, never two, and none is left behind."""
    noted = noting(monkeypatch)
    run_to_end(resumable_plane(predictor, NOISE, 128))
    order = ["0 0", "0 128", "0 256", "128 0", "128 128", "128 256"]
    expected = [f"begin {order[0]}"]
    for before, after in pairwise(order):
        expected += [f"begin {after}", f"take {before}"]
    assert noted == [*expected, f"take {order[-1]}"]


@pytest.mark.parametrize("event", ["begin", "take"])
@pytest.mark.parametrize("size", [100, 128])
def test_a_lack_of_memory_loses_nothing(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, event: str, size: int
) -> None:
    """Whether it shows when a tile is begun or when it is taken: halves are predicted, and counted, once each."""
    predictor.estimate_anew()
    whole = run_to_end(resumable_plane(predictor, NOISE, 512))
    counted = predictor.take_sums()
    noting(monkeypatch, lambda at, region: at == event and max(region.shape) > size)
    predictor.estimate_anew()
    np.testing.assert_array_equal(run_to_end(resumable_plane(predictor, NOISE, 128)), whole)
    np.testing.assert_array_equal(predictor.take_sums().shown, counted.shown)


@pytest.mark.parametrize("event", ["begin", "take"])
def test_other_errors_and_a_memory_that_is_never_enough_are_told(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    """A lost device is not answered by smaller tiles, and halving ends."""
    calls = []

    def refuse(at: str, region: Region) -> bool:
        if at == event:
            calls.append(region)
            raise RuntimeError("CUDA error: device-side assert triggered")
        return False

    with monkeypatch.context() as once:
        noting(once, refuse)
        with pytest.raises(RuntimeError, match="device-side assert"):
            run_to_end(resumable_plane(predictor, NOISE, 128))
    assert len(calls) == 1
    noting(monkeypatch, lambda at, region: at == event)
    with pytest.raises(torch.OutOfMemoryError):
        run_to_end(resumable_plane(predictor, NOISE, 128))


def images() -> list[Image]:
    """Draw one image of every kind that is normalised in its own way."""
    random = np.random.default_rng(1)
    broken = random.normal(5, 2, (70, 90)).astype(np.float32)
    broken[3, 4:7] = np.nan, np.inf, -np.inf
    return [
        Image("grey", random.integers(0, 255, (2, 70, 90), np.uint8), "zyx"),
        Image("colour", random.integers(0, 255, (70, 90, 3), np.uint8), "yxc"),
        Image("channels first", random.integers(0, 5000, (3, 70, 90), np.uint16), "cyx"),
        Image("offset", random.integers(4 * 10**9, 4 * 10**9 + 99, (70, 90), np.uint32), "yx"),
        Image("big-endian", random.normal(5, 2, (70, 90)).astype(">f8"), "yx"),
        Image("broken", broken, "yx"),
        Image("constant channel", np.stack([broken, np.full_like(broken, 9)]), "cyx"),
    ]


@pytest.mark.parametrize("image", images(), ids=lambda image: image.name)
def test_a_mask_is_that_of_planes_normalised_at_once(image: Image) -> None:
    """Whatever the type, with context planes too, and in tiles."""
    for context_planes in (0, 1):
        architecture = Architecture(image.channels * (2 * context_planes + 1), 2, 4, context_planes=context_planes)
        predictor = Predictor(build(replace(architecture, depth=2)).eval(), (1, 2), CPU)
        planes = NormalisedPlanes(image)
        mask = predict_mask(predictor, planes, 32)
        for plane in range(image.planes):
            expected = predictor.classes(planes.with_context(plane, context_planes), Region(0, 0, 70, 90))
            np.testing.assert_array_equal(mask[plane] + 1, expected)
