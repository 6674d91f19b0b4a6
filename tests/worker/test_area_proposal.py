"""Laws of the rectangles that the worker proposes: no stroke lies in them, and they are filled with its answer."""

from typing import Any

import numpy as np
import pytest
from squares import HEIGHT, WIDTH, Clock, of, paint, rest

from napari_unet.dataset.annotated import Annotations
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.project.area_checks import AreaCheck, Origin
from napari_unet.project.project import Project
from napari_unet.project.split import BUFFER_ZONE
from napari_unet.protocol import messages as m
from napari_unet.training.area_proposal import area_side, is_free, least_sure_area, random_area, random_square
from napari_unet.worker.engine import Engine

SIDE = area_side(HEIGHT, WIDTH)


def opened(project: Project) -> tuple[Engine, list[Any]]:
    """An engine, and what it says."""
    said: list[Any] = []
    engine = Engine(said.append, Device("cpu", "", False), Clock())
    engine.receive(m.Open(str(project.folder)))
    return engine, said


def proposed(project: Project, origin: Origin, number: int = 1) -> m.AreaProposed:
    """The answer of a new engine."""
    engine, said = opened(project)
    engine.receive(m.ProposeArea(number, 1, 0, origin))
    rest(engine)
    (answer,) = of(m.AreaProposed, said)
    return answer


@pytest.mark.parametrize("origin", ["random", "unsure"])
def test_a_rectangle_is_filled_with_the_answer_of_the_network(trained: Project, origin: Origin) -> None:
    """It lies in the plane, has its own number and origin, and holds what the network says there."""
    paint(trained)
    answer = proposed(trained, origin, 7)
    region = answer.region
    assert region is not None
    assert (answer.number, answer.origin, answer.image_id, answer.plane, answer.reason) == (7, origin, 1, 0, "")
    assert region == region.clipped(HEIGHT, WIDTH)
    assert region.shape == (SIDE, SIDE)
    learner = opened(trained)[0].learner
    assert learner is not None
    assert learner.predictor is not None
    whole = learner.predictor.classes(learner.annotations.pixels(1)[0], Region(0, 0, HEIGHT, WIDTH))
    np.testing.assert_array_equal(answer.array(), whole[region.slices])


@pytest.mark.parametrize("origin", ["random", "unsure"])
def test_no_rectangle_lies_on_strokes_or_on_another(trained: Project, origin: Origin) -> None:
    """What was learned says nothing new; where strokes leave no room, one line says what to do."""
    labels = np.ones((HEIGHT, WIDTH), np.uint8)
    free = Region(0, 0, SIDE + 20, WIDTH)
    labels[free.slices] = 0
    trained.commit(1, 0, labels)
    other = Region(0, 0, SIDE + 20, WIDTH // 2)
    trained.test_areas.replace(1, 0, [other])
    region = proposed(trained, origin).region
    assert region is not None
    assert region.y1 + BUFFER_ZONE <= free.y1
    assert region.x0 - BUFFER_ZONE >= other.x1
    labels[:] = 1
    trained.commit(1, 0, labels)
    answer = proposed(trained, origin)
    assert answer.region is None
    assert ("add one" if origin == "random" else "another image") in answer.reason


def test_places_at_random_are_everywhere(annotations: Annotations) -> None:
    """Every place that is free has its share; none is drawn by what the network thinks of it."""
    random = np.random.default_rng(0)
    drawn = [random_area(annotations, (1, 0), random) for _ in range(300)]
    assert None not in drawn
    corners = np.array([(area.y0, area.x0) for area in drawn if area is not None])
    for axis, room in ((0, HEIGHT - SIDE), (1, WIDTH - SIDE)):
        assert corners[:, axis].min() < 0.1 * room
        assert corners[:, axis].max() > 0.9 * room
        assert abs(corners[:, axis].mean() / room - 0.5) < 0.1


@pytest.mark.parametrize("side", [24, 64])
def test_what_lies_at_the_frame_is_seen_as_often_as_the_middle(side: int) -> None:
    """Of rectangles at random: the strip along the frame that is as wide as they are has its share of them."""
    random, shape = np.random.default_rng(0), (200, 300)
    seen = np.zeros(shape)
    for _ in range(4000):
        area = random_square(shape, side, random)
        assert area.shape == (side, side)
        seen[area.slices] += 1
    middle = seen[side:-side, side:-side].mean()
    for strip in (seen[:side, side:-side], seen[-side:, side:-side], seen[side:-side, :side], seen[side:-side, -side:]):
        assert 0.9 * middle < strip.mean() < 1.1 * middle
    assert seen[0, side:-side].mean() > 0.4 * middle


def test_rectangles_at_random_are_spread_over_all_planes_of_all_images(trained: Project) -> None:
    """A larger image has more of them; one that the network cannot predict, or that is not there, has none."""
    paint(trained)
    rng = np.random.default_rng(0)
    stack = trained.add_image(Image("stack", rng.normal(0, 1, (4, HEIGHT, WIDTH)).astype(np.float32), "zyx"))
    gone = trained.add_image(Image("gone", rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), "yx"))
    trained.images.get(gone.id).path.unlink()
    engine, said = opened(trained)
    for number in range(30):
        engine.receive(m.ProposeArea(number, 1, 0, "random"))
        rest(engine)
        answer = of(m.AreaProposed, said)[-1]
        assert answer.region is not None
        trained.area_checks.add(answer.image_id, AreaCheck(answer.plane, answer.region, "random", answer.array(), True))
    keys = [(answer.image_id, answer.plane) for answer in of(m.AreaProposed, said)]
    counts = {image_id: sum(key[0] == image_id for key in keys) for image_id in (1, stack.id)}
    assert sum(counts.values()) == 30
    assert 3 <= counts[1] <= 9
    assert {plane for image_id, plane in keys if image_id == stack.id} == {0, 1, 2, 3}


def test_the_least_sure_tile_that_is_free_is_taken(project: Project) -> None:
    """In the order in which they are ranked, in the middle of the tile; as large at the rim as elsewhere."""
    paint(project)
    annotations = Annotations(project)
    annotations.refresh(project.settings.read())
    painted, free, small = Region(0, 0, 64, 64), Region(86, 100, 150, 164), Region(140, 0, 150, 64)
    assert least_sure_area(annotations, (1, 0), [painted]) is None
    assert least_sure_area(annotations, (1, 0), [painted, free, small]) == Region(93, 107, 143, 157)
    assert least_sure_area(annotations, (1, 0), [small, free]) == Region(100, 7, 150, 57)
    assert not is_free(annotations, (1, 0), Region(39, 0, 80, 80))
    assert is_free(annotations, (1, 0), Region(40, 0, 80, 80))


def test_without_a_network_one_line_says_what_to_paint(project: Project) -> None:
    """There is nothing to fill a rectangle with."""
    assert proposed(project, "random") == m.AreaProposed(1, "random", "paint strokes of two classes first")


def test_a_newer_wish_takes_the_place_of_one_before(trained: Project) -> None:
    """However large the plane, a search ends in time, and only the newest wish is answered."""
    pixels = np.random.default_rng(0).normal(0, 1, (2000, 2000)).astype(np.float32)
    large = trained.add_image(Image("large", pixels, "yx"))
    engine, said = opened(trained)
    for number in (1, 2):
        engine.receive(m.ProposeArea(number, large.id, 0, "unsure"))
        engine.work()
    rest(engine)
    assert [(answer.number, answer.image_id) for answer in of(m.AreaProposed, said)] == [(2, large.id)]


def test_a_rectangle_leaves_nothing_to_learn(trained: Project) -> None:
    """While learning is paused, the overlay stays as it is when a rectangle is filled and corrected, up to a stroke."""
    paint(trained)
    engine, said = opened(trained)
    area = Region(60, 60, 100, 100)
    trained.test_areas.replace(1, 0, [area])
    engine.receive(m.Annotated())
    trained.strokes.commit(1, 0, np.full(area.shape, 1, np.uint8), area)
    engine.receive(m.Annotated())
    rest(engine)
    trained.strokes.commit(1, 0, np.full((5, 5), 2, np.uint8), Region(70, 70, 75, 75))
    engine.receive(m.Annotated())
    rest(engine)
    assert not any(progress.behind for progress in of(m.Progress, said))
    trained.strokes.commit(1, 0, np.full((5, 5), 2, np.uint8), Region(5, 5, 10, 10))
    engine.receive(m.Annotated())
    assert of(m.Progress, said)[-1].behind


def test_a_class_that_goes_is_to_be_unlearned(trained: Project) -> None:
    """The network on screen still predicts it."""
    paint(trained)
    engine, said = opened(trained)
    trained.classes.change(2, name="cell")
    engine.receive(m.Annotated())
    rest(engine)
    assert not of(m.Progress, said)[-1].behind
    trained.classes.remove(2)
    engine.receive(m.Annotated())
    assert of(m.Progress, said)[-1].behind
