"""Laws of the predicted classes that are kept: only what the worker said, of what is on screen."""

from pathlib import Path

import numpy as np
import pytest
from controller_bench import SIDE, VIEW, Bench, tile

from napari_unet.errors import UserError
from napari_unet.images.tiles import Region

PLACE = Region(4, 6, 6, 9)  # of the tile
SAID = [[1, 2, 1], [2, 1, 2]]
WHOLE = Region(0, 0, SIDE, SIDE)


@pytest.fixture(autouse=True)
def first_tile(bench: Bench) -> None:
    """Let the worker predict a tile of the first plane."""
    bench.controller.view.look(0, VIEW)
    bench.client.inbox = [tile(bench.controller.generation)]
    bench.controller.tick()


def predicted(bench: Bench, plane: int = 0, region: Region = PLACE) -> np.ndarray:
    """Class ids of a region."""
    return bench.controller.strokes.predicted.of(plane, region)


def test_what_the_worker_said_is_kept_and_nothing_else(bench: Bench) -> None:
    """Pixel by pixel, in any region that reaches over the tile, even beyond the plane."""
    np.testing.assert_array_equal(predicted(bench), SAID)
    whole = predicted(bench, region=WHOLE)
    np.testing.assert_array_equal(whole[PLACE.slices], SAID)
    assert np.count_nonzero(whole) == 6
    beyond = predicted(bench, region=Region(-2, 0, 6, 9))
    np.testing.assert_array_equal(beyond[6:8, 6:9], SAID)
    assert not predicted(bench, plane=1, region=WHOLE).any()


def test_a_region_is_bare_until_all_of_it_is_predicted(bench: Bench) -> None:
    """What reaches beyond the plane is not missing."""
    predicted = bench.controller.strokes.predicted
    assert not predicted.is_bare(0, PLACE)
    assert predicted.is_bare(0, WHOLE)
    assert predicted.is_bare(1, PLACE)
    assert not predicted.is_bare(1, Region(SIDE, 0, SIDE + 40, 40))
    bench.controller.leave_image()
    assert not predicted.is_bare(0, WHOLE)


def test_tiles_of_a_wish_that_has_passed_are_not_kept(bench: Bench) -> None:
    """Another plane is on screen; of the one before stays what was known."""
    old = bench.controller.generation
    bench.controller.view.look(1, VIEW)
    bench.client.inbox = [tile(old, plane=1)]
    bench.controller.tick()
    assert not predicted(bench, plane=1).any()
    bench.controller.view.look(0, VIEW)
    np.testing.assert_array_equal(predicted(bench), SAID)


def test_another_project_or_a_corrected_image_has_no_prediction(bench: Bench, tmp_path: Path) -> None:
    """The same id and plane may be other pixels by then; nothing can be accepted from before."""
    image = bench.controller.image
    bench.controller.correct(image)
    assert not predicted(bench).any()
    bench.controller.show_image(image)
    with pytest.raises(UserError, match=r"^NU-A11: "):
        bench.controller.strokes.accept(0, np.ones((SIDE, SIDE), bool))
    bench.client.inbox = [tile(bench.controller.generation)]
    bench.controller.tick()
    assert predicted(bench).any()
    bench.controller.open_project(tmp_path / "q.unet")
    assert not predicted(bench).any()


def test_an_answer_is_a_copy(bench: Bench) -> None:
    """Whoever writes into it changes nothing that is kept."""
    predicted(bench)[...] = 9
    np.testing.assert_array_equal(predicted(bench), SAID)
