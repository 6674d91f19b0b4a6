"""Laws of the feature cache: what was computed before a stroke gives the same answer sooner, and never an older one."""

from typing import Any

import numpy as np
import pytest
import torch
from drawing import Drawing
from skimage import data

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.images.halved_plane import HalvedPlane
from napari_unet.images.image import Image
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import Region, grid
from napari_unet.network import feature_cache as feature_cache_module
from napari_unet.network.base import BaseWeights, from_base, package_base
from napari_unet.network.device import Device
from napari_unet.network.feature_cache import CachedPlane, FeatureCache
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import DeepShallowHead, UNet
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.training.instant_head import fit_head
from napari_unet.training.learner import Learner
from napari_unet.worker.engine import Engine

CPU = Device("cpu", "test", bfloat16=False)
HEIGHT, WIDTH, TILE = 150, 203, 128  # px; the rim is odd
HERE, HALF = CachedPlane(1, 0), CachedPlane(1, 0, halved=True)


@pytest.fixture(scope="module", params=[1, 3])
def planes(request: pytest.FixtureRequest) -> NormalisedPlanes:
    """A stained section in colours or grey."""
    pixels = data.immunohistochemistry()[:HEIGHT, :WIDTH]
    image = Image("tissue", pixels, "yxc") if request.param == 3 else Image("tissue", pixels[..., 0].copy(), "yx")
    return NormalisedPlanes(image)


@pytest.fixture
def drawing() -> Drawing:
    """Draw the section in four tiles, nothing painted yet."""
    section = Image("tissue", data.immunohistochemistry()[:HEIGHT, :WIDTH], "yxc")
    return Drawing(section, settings=Settings(tile=64, prediction_tile=TILE))


def based(channels: int, seed: int = 0) -> UNet:
    """A network with base weights and a head that was fitted to noise."""
    base = package_base()
    network = from_base(base, channels, 2).eval()
    assert isinstance(network.head, DeepShallowHead)
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(200, network.feature_channels, generator=random)
    fit_head(network.head, features, torch.arange(200) % 2, seed=seed)
    return network


def paint(project: Project) -> None:
    """Strokes of both classes."""
    labels = project.strokes.plane(1, 0)
    labels[20:24, 10:90] = 1
    labels[120:124, 10:90] = 2
    project.commit(1, 0, labels)


@pytest.fixture
def looking(project: Project) -> tuple[Engine, list[Any]]:
    """An engine that was shown the section and told to train, and the list of what it says."""
    said: list[Any] = []
    engine = Engine(said.append, CPU)
    engine.receive(m.Open(str(project.folder)))
    engine.receive(m.Train(on=True))
    engine.receive(m.Look(1, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
    return engine, said


def fill_cache(engine: Engine) -> int:
    """Rehearse to the end; return how often something was done."""
    for times in range(100):
        if not engine.rehearse():
            return times
    raise AssertionError("the rehearsal never ends")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The sizes of all batches that any network decodes from now on."""
    sizes: list[tuple[int, ...]] = []
    decoded = UNet.decoded

    def counted(network: UNet, x: torch.Tensor) -> list[torch.Tensor]:
        sizes.append(tuple(x.shape))
        return decoded(network, x)

    monkeypatch.setattr(UNet, "decoded", counted)
    return sizes


@pytest.mark.parametrize("place", [HERE, HALF])
def test_what_is_cached_is_what_is_predicted(planes: NormalisedPlanes, place: CachedPlane) -> None:
    """Any part of a tile, with any head on the same body, gets the logits that looking anew would give it."""
    channels = planes.image.channels
    plane = HalvedPlane(planes[0]) if place.halved else planes[0]
    feature_cache = FeatureCache(based(channels), CPU)
    height, width, _ = plane.shape
    tiles = list(grid(height, width, TILE))
    for tile in tiles:
        feature_cache.add(place, plane, tile)
    other_head = based(channels, seed=1)
    parts = [*tiles, Region(8, 16, 24, 60), Region(5, 3, 6, 4)]
    for part in parts:
        branches = feature_cache.branches(other_head, place, part)
        assert branches is not None
        known = branches.sum(0)
        expected = Predictor(other_head, (1, 2), CPU).probabilities(plane, part)
        np.testing.assert_allclose(torch.softmax(known, 0).numpy(), expected, atol=1e-4)
        features = feature_cache.features(other_head, place, part)
        assert features is not None
        head = other_head.head
        with torch.no_grad():
            np.testing.assert_allclose(head(features[None])[0].numpy(), known.numpy(), atol=1e-3)


def test_nothing_else_is_cached(planes: NormalisedPlanes) -> None:
    """Other weights, other planes, the half resolution, and what reaches beyond a tile have to be looked at."""
    channels = planes.image.channels
    feature_cache = FeatureCache(based(channels), CPU)
    tile = Region(0, 0, TILE, TILE)
    feature_cache.add(HERE, planes[0], tile)
    trained = based(channels)
    with torch.no_grad():
        trained.get_parameter("merge.0.0.weight")[0, 0, 0, 0] += 1e-6
    assert feature_cache.branches(based(channels), HERE, tile) is not None
    assert feature_cache.branches(trained, HERE, tile) is None
    assert feature_cache.features(trained, HERE, tile) is None
    assert feature_cache.branches(based(4 - channels), HERE, tile) is None
    for place in (HALF, CachedPlane(1, 1), CachedPlane(2, 0)):
        assert feature_cache.branches(based(channels), place, tile) is None
    assert feature_cache.branches(based(channels), HERE, Region(0, 0, TILE, TILE + 1)) is None


def test_no_more_is_kept_than_there_is_room_for(planes: NormalisedPlanes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of the tiles that are wanted; the others are forgotten or never looked at."""
    network = based(planes.image.channels)
    numbers = 24 + 48 / 4 + 14 * planes.image.channels
    monkeypatch.setattr(feature_cache_module, "MOST_BYTES", 2 * 64 * 64 * 4 * numbers)
    feature_cache = FeatureCache(network, CPU)
    tiles = [(HERE, Region(0, x, 64, x + 64)) for x in (0, 64, 128)]
    for expected in tiles[:2]:
        found = feature_cache.keep(tiles)
        assert found == expected
        feature_cache.add(HERE, planes[0], expected[1])
    assert feature_cache.keep(tiles) is None
    assert feature_cache.keep(tiles[1:]) == tiles[2]
    assert feature_cache.branches(network, *tiles[0]) is None
    assert feature_cache.branches(network, *tiles[1]) is not None
    assert feature_cache.nbytes == pytest.approx(feature_cache_module.MOST_BYTES / 2, rel=0.15)  # and rims
    assert feature_cache.keep([]) is None


def test_the_first_answer_looks_at_nothing_again(
    project: Project, looking: tuple[Engine, list[Any]], looks: list[tuple[int, ...]]
) -> None:
    """From the stroke to the last tile on screen no body is run, and the tiles are as if it had been."""
    engine, said = looking
    assert fill_cache(engine) == 5  # torch's compiler and four tiles
    assert len(looks) == 4
    looks.clear()
    paint(project)
    engine.receive(m.Annotated())
    while not (tiles := [message for message in said if isinstance(message, m.Tile)])[3:]:
        engine.work()
    assert not looks
    assert engine.learner is not None
    predictor = engine.learner.predictor
    assert predictor is not None
    plane = engine.learner.annotations.pixels(1)[0]
    for tile in tiles:
        assert (predictor.classes(plane, tile.region) == tile.array()).mean() > 0.999
    assert len(looks) == 4
    looks.clear()
    for _ in range(3):  # the objects of the plane have their turn before the first step
        engine.work()
    assert looks


def test_after_a_step_everything_is_looked_at(
    project: Project, looking: tuple[Engine, list[Any]], looks: list[tuple[int, ...]]
) -> None:
    """The body has changed; what was cached is given back."""
    engine, said = looking
    fill_cache(engine)
    paint(project)
    engine.receive(m.Annotated())
    engine.work()
    learner = engine.learner
    assert learner is not None
    learner.step()
    learner.show_newest()
    assert learner.screen_cache.features is None
    looks.clear()
    said.clear()
    engine.receive(m.Look(2, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
    engine.work()
    assert [message for message in said if isinstance(message, m.Tile)]
    assert looks
    assert not engine.rehearse()


def test_an_image_that_is_read_differently_is_cached_anew(
    project: Project, looking: tuple[Engine, list[Any]], looks: list[tuple[int, ...]]
) -> None:
    """A corrected axis makes other pixels of the same image."""
    engine, _ = looking
    fill_cache(engine)
    assert not fill_cache(engine)
    engine.receive(m.Corrected(1))
    engine.receive(m.Look(2, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
    looks.clear()
    assert fill_cache(engine) == 4
    assert len(looks) == 4


def test_dropped_features_do_not_answer_the_next_stroke(project: Project, looks: list[tuple[int, ...]]) -> None:
    """After the image was read anew, a head is fitted to its new pixels, not to features of the old ones."""
    learner = Learner(project, CPU, base=BaseWeights())
    assert learner.screen_cache.fill([(HERE, Region(0, 0, TILE, TILE))], learner.settings, learner.device)
    paint(project)
    looks.clear()
    learner.refresh()
    assert learner.trainer is not None
    assert not looks  # the strokes lie in the tile that is cached
    learner.annotations.reopen(1)
    learner.screen_cache.drop()
    labels = project.strokes.plane(1, 0)
    labels[40:44, 10:90] = 1
    project.commit(1, 0, labels)
    learner.refresh()
    assert looks


def test_what_cannot_be_cached_costs_nothing(
    project: Project, looking: tuple[Engine, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full memory is passed over in silence, an unreadable image is one line; the next image is tried again."""
    engine, said = looking
    errors = [MemoryError("no"), UserError("NU-I01", "unreadable", "an image", "look")]

    def fail(*_: Any) -> bool:
        raise errors.pop(0)

    with monkeypatch.context() as broken:
        broken.setattr(FeatureCache, "add", fail)
        assert fill_cache(engine) == 1  # torch's compiler
        engine.receive(m.Look(2, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
        assert not fill_cache(engine)
    assert not errors
    assert [message.line for message in said if isinstance(message, m.Noticed)] == [
        "NU-I01: unreadable, an image, look"
    ]
    engine.receive(m.Look(3, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
    assert fill_cache(engine) == 4


def test_networks_without_base_weights_have_no_feature_cache(project: Project, looks: list[tuple[int, ...]]) -> None:
    """Their first answer needs training anyway."""
    for base, preset in ((None, "fast"), (BaseWeights(), "light")):
        project.settings.write(Settings(preset=preset))  # type: ignore[arg-type]
        learner = Learner(project, CPU, base=base)
        assert not learner.screen_cache.fill([(HERE, Region(0, 0, 64, 64))], learner.settings, CPU)
    assert not looks
