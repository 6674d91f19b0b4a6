"""Laws of "where next": what is unsure, unlike or rare comes first, what is painted never, and nothing waits for it."""

from typing import Any

import numpy as np
import pytest
import torch
from drawing import Drawing
from tiled import tiled

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.checkpoint import Checkpoint, save_checkpoint
from napari_unet.network.device import Device
from napari_unet.network.unet import Architecture, UNet, build
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.training.acquisition import REGION_SIDE, Acquisition, RankedTile, painted_cells
from napari_unet.worker.engine import Engine

HEIGHT, WIDTH, TILE = 192, 256, 64
BRIGHT, GREY, DARK = 1.0, 0.5, 0.0
CPU = Device("cpu", "", False)


def by_intensity() -> UNet:
    """A network that calls bright pixels class 2, dark ones class 1, and is in doubt in between."""
    network = build(Architecture(1, 2, 4))
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.weight[1, 4] = 9
        network.head.bias[:] = torch.tensor([0.0, 0.0])
    return network


@pytest.fixture
def drawing() -> Drawing:
    """Draw columns of tiles: dark, bright, grey, and striped with dark and bright."""
    pixels = np.zeros((HEIGHT, WIDTH), np.float32)
    for column, value in enumerate((DARK, BRIGHT, GREY, BRIGHT)):
        pixels[:, column * TILE : (column + 1) * TILE] = value
    pixels[:, 3 * TILE :: 4] = pixels[:, 3 * TILE + 1 :: 4] = DARK
    pixels += np.random.default_rng(0).normal(0, 0.01, pixels.shape)
    settings = Settings(tile=64, width=4, prediction_tile=TILE)
    return Drawing(Image("columns", pixels.astype(np.float32), "yx"), None, ("background", "cell"), settings)


def paint(project: Project, *strokes: tuple[int, int, int], image_id: int = 1) -> None:
    """Lines of 40 px: class, row, first column."""
    labels = project.strokes.plane(image_id, 0)
    for class_id, row, column in strokes:
        labels[row : row + 3, column : column + 40] = class_id
    project.commit(image_id, 0, labels)


def ranked(project: Project, weights: tuple[float, float, float], regions: tuple[Region, ...] = ()) -> list[RankedTile]:
    """Places on the first image, the best first."""
    annotations = Annotations(project)
    annotations.refresh(project.settings.read())
    acquisition = Acquisition(by_intensity(), (1, 2), annotations, CPU)
    for region in regions or (Region(0, 0, HEIGHT, WIDTH),):
        acquisition.add((1, 0), region)
    return acquisition.ranked_tiles(weights)


def column(place: RankedTile) -> int:
    return place.region.x0 // TILE


def test_doubt_comes_first(project: Project) -> None:
    """Of dark, bright and grey tiles the network is unsure of the grey ones."""
    places = ranked(project, (1.0, 0.0, 0.0))
    assert {column(place) for place in places[:3]} == {2}
    assert places[0].reason == "the network is unsure here"
    assert len(places) == 12


def test_what_is_like_nothing_painted_comes_first(project: Project) -> None:
    """With strokes on dark, bright and grey, stripes are novel."""
    paint(project, (1, 30, 10), (2, 30, 75), (2, 30, 140))
    places = ranked(project, (0.0, 1.0, 0.0))
    assert {column(place) for place in places[:3]} == {3}
    assert places[0].reason == "unlike anything painted so far"


def test_a_rare_class_comes_first_where_it_is_predicted(project: Project) -> None:
    """Ten times as much of class 1 as of class 2 is painted: places with class 2 are sought, and named."""
    paint(project, *((1, row, 10) for row in range(10, 180, 12)), (2, 20, 75))
    places = ranked(project, (0.0, 0.0, 1.0))
    assert {column(place) for place in places[:2]} == {1}
    assert places[0].reason == "class 'cell' is rare and predicted here"


def test_no_place_lies_in_a_test_area(project: Project) -> None:
    """What is painted there is never learned from, so nobody is sent there."""
    project.test_areas.replace(1, 0, [Region(0, 2 * TILE, HEIGHT, 3 * TILE)])
    places = ranked(project, (1.0, 0.0, 0.0))
    assert 2 not in {column(place) for place in places}
    assert len(places) == 9


def test_painting_a_place_makes_it_less_useful(project: Project) -> None:
    """A stroke through the best place moves it back; a place painted all over is no place."""
    best = ranked(project, (1.0, 0.0, 0.0))[0]
    paint(project, (1, best.region.y0 + 30, best.region.x0 + 12))
    again = ranked(project, (1.0, 0.0, 0.0))
    assert again[0].region != best.region
    score = next(place.score for place in again if place.region == best.region)
    assert 0 < score < best.score
    labels = project.strokes.plane(1, 0)
    labels[best.region.slices] = 1
    project.commit(1, 0, labels)
    assert best.region not in [place.region for place in ranked(project, (1.0, 0.0, 0.0))]


@pytest.mark.parametrize("height", [64, 61, 90])
def test_cells_near_a_stroke_are_not_free(height: int) -> None:
    """Any painted pixel makes its cell painted; cells within two of it are not free, across a region's rim too."""
    labelled = np.zeros((height, 128), bool)
    labelled[5, 63] = True
    painted, free = painted_cells(tiled(labelled), Region(0, 64, height, 128))
    assert painted.shape == free.shape == (-(-height // 8), 8)
    assert not painted.any()
    expected = np.ones_like(free)
    expected[:3, :2] = False
    np.testing.assert_array_equal(free, expected)
    painted, _ = painted_cells(tiled(labelled), Region(0, 0, height, 64))
    assert np.argwhere(painted).tolist() == [[0, 7]]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_every_network_can_be_asked(project: Project, padding: Any) -> None:
    """Also one that reads a margin, and at the rim of a plane whose sides are no multiples of anything."""
    odd = np.random.default_rng(0).normal(0, 1, (REGION_SIDE + 37, 101)).astype(np.float32)
    image_id = project.add_image(Image("odd", odd, "yx")).id
    annotations = Annotations(project)
    annotations.refresh(project.settings.read())
    architecture = Architecture(1, 2, 4, depth=2, padding=padding, up="nearest" if padding == "valid" else "transposed")
    acquisition = Acquisition(build(architecture), (1, 2), annotations, CPU)
    for region in (Region(0, 0, REGION_SIDE, 101), Region(REGION_SIDE, 0, REGION_SIDE + 37, 101)):
        acquisition.add((image_id, 0), region)
    covered = np.zeros(odd.shape, int)
    for place in acquisition.ranked_tiles():
        covered[place.region.slices] += 1
    assert covered[:, : 64 + 37].max() == 1
    assert covered.min() == 1


# The engine


class Clock:
    """Time that passes only when it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.05
        return self.now


@pytest.fixture
def engine(project: Project) -> tuple[Engine, list[Any]]:
    """An engine with the network by intensity, and what it says."""
    network = by_intensity()
    save_checkpoint(
        Checkpoint(network.architecture, (1, 2), ("a", "b"), 40, dict(network.state_dict())),
        project.models / "best.safetensors",
    )
    return opened(project)


def opened(project: Project) -> tuple[Engine, list[Any]]:
    said: list[Any] = []
    engine = Engine(said.append, CPU, Clock())
    engine.receive(m.Open(str(project.folder)))
    return engine, said


def rest(engine: Engine) -> int:
    """Work until nothing is left to do; the number of slices."""
    for slices in range(1000):
        if not engine.has_work:
            return slices
        engine.work()
    raise AssertionError("the engine never rests")


def answers(said: list[Any]) -> list[m.Suggested]:
    return [message for message in said if isinstance(message, m.Suggested)]


def test_asked_again_it_proposes_the_next_best(engine: tuple[Engine, list[Any]]) -> None:
    """No place twice until all were proposed; then, or after a stroke, it begins again with the best."""
    work, said = engine
    for number in range(13):
        work.receive(m.Suggest(number, 1, 0))
        rest(work)
    found = [answer.region for answer in answers(said)]
    assert [answer.number for answer in answers(said)] == list(range(13))
    assert len(set(found[:12])) == 12
    assert found[12] == found[0]
    work.receive(m.Annotated())
    work.receive(m.Suggest(13, 1, 0))
    rest(work)
    assert answers(said)[-1].region == found[0]


def test_without_a_network_one_line_says_what_to_paint(project: Project) -> None:
    """The answer has no place."""
    work, said = opened(project)
    work.receive(m.Suggest(7, 1, 0))
    rest(work)
    assert answers(said) == [m.Suggested(7, "paint strokes of two classes first")]


def test_a_stroke_ends_the_question(engine: tuple[Engine, list[Any]]) -> None:
    """Who paints while the engine looks for a place is not led away from the stroke."""
    work, said = engine
    work.receive(m.Suggest(1, 1, 0))
    work.work()
    work.receive(m.Annotated())
    rest(work)
    assert answers(said) == []


def test_what_is_on_screen_goes_before_looking(engine: tuple[Engine, list[Any]]) -> None:
    """Tiles that are due come first; no slice looks at more than one region."""
    work, said = engine
    work.receive(m.Look(1, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
    work.receive(m.Suggest(1, 1, 0))
    slices = rest(work)
    assert slices >= 12 + 2  # the plane's tiles, its only region, the answer
    kinds = [type(message) for message in said if isinstance(message, m.Tile | m.Suggested)]
    assert kinds == [m.Tile] * 12 + [m.Suggested]


def test_another_image_is_proposed_when_it_is_more_useful(engine: tuple[Engine, list[Any]], project: Project) -> None:
    """On an image that is painted nearly all over, an untouched one wins; one that is lost or of colours never does."""
    labels = np.where(np.arange(WIDTH) < TILE, 1, 2) * np.ones((HEIGHT, 1), int)
    labels[:, 3 * TILE :] = 0
    rng = np.random.default_rng(0)
    project.commit(1, 0, np.zeros(labels.shape, np.uint8))  # else one of colours would be refused
    other = project.add_image(Image("grey", rng.normal(GREY, 0.3, (HEIGHT, WIDTH)).astype(np.float32), "yx"))
    project.add_image(Image("colours", rng.integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8), "yxc"))
    project.commit(1, 0, labels.astype(np.uint8))
    lost = project.add_image(Image("lost", rng.normal(GREY, 0.2, (HEIGHT, WIDTH)).astype(np.float32), "yx"))
    lost.path.unlink()
    work, said = engine
    work.receive(m.Annotated())
    work.receive(m.Suggest(1, 1, 0))
    rest(work)
    assert answers(said)[-1].image_id == other.id


def test_what_is_remembered_is_bounded(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest regions stay, and those that are painted on, with which the others are compared."""
    monkeypatch.setattr("napari_unet.training.acquisition._MOST_REGIONS", 3)
    paint(project, (1, 10, 10))
    annotations = Annotations(project)
    annotations.refresh(Settings())
    stack = project.add_image(Image("stack", np.zeros((1, 64, 6 * REGION_SIDE), np.float32), "zyx"))
    regions = [Region(0, side, 64, side + REGION_SIDE) for side in range(0, 6 * REGION_SIDE, REGION_SIDE)]
    acquisition = Acquisition(by_intensity(), (1, 2), annotations, CPU)
    acquisition.add((1, 0), Region(0, 0, HEIGHT, WIDTH))
    for region in regions:
        acquisition.add((stack.id, 0), region)
    assert ((1, 0), Region(0, 0, HEIGHT, WIDTH)) in acquisition
    assert [((stack.id, 0), region) in acquisition for region in regions] == [False] * 4 + [True] * 2
    assert acquisition.ranked_tiles()


def test_looking_is_bounded(engine: tuple[Engine, list[Any]], project: Project) -> None:
    """However large the image and many the planes, the answer comes within the time for looking."""
    pixels = np.random.default_rng(0).normal(0, 1, (9, 8 * REGION_SIDE, 8 * REGION_SIDE)).astype(np.float32)
    stack = project.add_image(Image("stack", pixels, "zyx"))
    work, said = engine
    work.receive(m.Suggest(1, stack.id, 4))
    assert rest(work) <= 61  # 3 s, 0.05 s for each slice
    assert len(answers(said)) == 1
