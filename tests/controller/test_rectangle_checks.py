"""Laws of checking a rectangle: it is never trained on, counts once the user says so, and leaves nothing behind."""

import numpy as np
import pytest
from controller_bench import SIDE, Bench

from napari_unet.controller.news import AreaEmptied
from napari_unet.controller.rectangle_checks import Checked, RectangleChecks
from napari_unet.dataset.annotated import Annotations
from napari_unet.errors import UserError
from napari_unet.images.tiles import Region
from napari_unet.project.area_checks import Origin
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m

AREA = Region(20, 30, 50, 60)
FILLED = np.where(np.arange(30) < 12, 2, 1) * np.ones((30, 1), int)


def answer(number: int = 1, region: Region | None = AREA, origin: Origin = "random") -> m.AreaProposed:
    """What the worker proposes on the first plane."""
    if region is None:
        return m.AreaProposed(number, origin, "no place is left")
    return m.AreaProposed(number, origin, "", 1, 0, region, FILLED.astype(np.uint8).tobytes())


@pytest.fixture
def checks(bench: Bench) -> RectangleChecks:
    """Those of the bench."""
    return RectangleChecks(bench.controller)


def project_of(bench: Bench) -> Project:
    """The project of the bench."""
    return bench.controller.present_project()


def trained(bench: Bench) -> int:
    """Count the pixels that would be trained on or held out, over the first plane."""
    annotations = Annotations(project_of(bench))
    annotations.refresh(project_of(bench).settings.read())
    plane = annotations.planes.get((1, 0))
    return 0 if plane is None else int((plane.trained[:] | plane.held_out[:]).sum())


def test_the_worker_is_asked_for_the_plane_on_screen(bench: Bench, checks: RectangleChecks) -> None:
    """Only the answer to the newest wish is wanted, in whatever image, until it is given up."""
    bench.controller.view.look(1, AREA)
    checks.ask("random")
    checks.ask("unsure")
    assert bench.client.sent[-2:] == [m.ProposeArea(1, 1, 1, "random"), m.ProposeArea(2, 1, 1, "unsure")]
    assert not checks.is_wanted(answer(1))
    assert checks.is_wanted(answer(2))
    assert checks.is_wanted(answer(2, None))
    assert checks.is_wanted(m.AreaProposed(2, "random", "", 9, 0, AREA))
    checks.withdraw()
    assert not checks.is_wanted(answer(2))


def test_a_rectangle_is_filled_and_never_trained_on(bench: Bench, checks: RectangleChecks) -> None:
    """Its pixels are the user's to correct; Done says how many were, and only then it counts."""
    check = checks.begin(answer())
    project = project_of(bench)
    np.testing.assert_array_equal(project.strokes.plane(1, 0, AREA), FILLED)
    assert project.test_areas.of(1) == {0: (AREA,)}
    assert trained(bench) == 0
    assert checks.open is not None
    assert checks.open.region == check.region == AREA
    assert checks.checked("random") == Checked()
    labels = project.strokes.plane(1, 0)
    labels[25:30, 40:45] = 1
    bench.controller.strokes.commit(0, labels)
    changed = int((FILLED[5:10, 10:15] != 1).sum())
    assert changed
    bench.client.sent.clear()
    assert checks.finish() == changed
    assert m.Annotated() in bench.client.sent
    assert checks.open is None
    assert checks.checked("random") == Checked(1, changed, 0)
    assert checks.checked("unsure") == Checked()
    assert trained(bench) == 0


def test_nothing_corrected_is_told(bench: Bench, checks: RectangleChecks) -> None:
    """A prediction that was only nodded through agrees with itself; several areas add up."""
    checks.begin(answer())
    assert checks.finish() == 0
    checks.begin(answer(region=AREA.moved(0, -30)))
    labels = project_of(bench).strokes.plane(1, 0)
    labels[20, 0] = 1
    bench.controller.strokes.commit(0, labels)
    assert checks.finish() == 1
    assert checks.checked("random") == Checked(2, 1, 1)


def test_unlabelled_pixels_are_not_done(bench: Bench, checks: RectangleChecks) -> None:
    """Erasing what is wrong would make the rest look right."""
    checks.begin(answer())
    labels = project_of(bench).strokes.plane(1, 0)
    labels[20, 30:34] = 0
    bench.controller.strokes.commit(0, labels)
    with pytest.raises(UserError, match=r"^NU-A19: 4 pixels of the rectangle are unlabelled"):
        checks.finish()
    assert checks.open is not None


def test_what_cannot_be_begun_changes_nothing(bench: Bench, checks: RectangleChecks) -> None:
    """No place, strokes that came meanwhile, nothing that is open."""
    for act in (checks.finish, checks.give_up):
        with pytest.raises(UserError, match=r"^NU-A19: no rectangle is being checked"):
            act()
    with pytest.raises(UserError, match=r"^NU-A19: .*no place is left$"):
        checks.begin(answer(region=None))
    bench.labels[25, 35] = 1
    bench.controller.strokes.commit(0, bench.labels)
    with pytest.raises(UserError, match=r"^NU-A19: the rectangle was painted on meanwhile"):
        checks.begin(answer())
    assert project_of(bench).test_areas.of(1) == {}
    np.testing.assert_array_equal(project_of(bench).strokes.plane(1, 0), bench.labels)


@pytest.mark.parametrize("way", ["give up", "delete", "move"])
def test_no_filling_is_left_behind(bench: Bench, checks: RectangleChecks, way: str) -> None:
    """However the area goes before it is done: of its pixels only those that the user painted are trained on."""
    emptied: list[AreaEmptied] = []
    bench.controller.subscribe(AreaEmptied, emptied.append)
    checks.begin(answer())
    project = project_of(bench)
    labels = project.strokes.plane(1, 0)
    labels[22:25, 33:36] = 1  # filled with class 2
    bench.controller.strokes.commit(0, labels)
    if way == "give up":
        checks.give_up()
    else:
        moved = AREA.moved(40, 0)
        bench.controller.strokes.mark_test_areas({0: (moved,)} if way == "move" else {})
    expected = np.zeros((SIDE, SIDE), np.uint8)
    expected[22:25, 33:36] = 1
    np.testing.assert_array_equal(project.strokes.plane(1, 0), expected)
    assert emptied == [AreaEmptied(0, AREA)]
    assert project.area_checks.of(1) == ()
    assert checks.open is None
    assert trained(bench) == 9


def test_a_checked_rectangle_that_goes_leaves_its_labels(bench: Bench, checks: RectangleChecks) -> None:
    """They are the user's own by now; the number to publish is without them."""
    checks.begin(answer())
    checks.finish()
    bench.controller.strokes.mark_test_areas({})
    np.testing.assert_array_equal(project_of(bench).strokes.plane(1, 0, AREA), FILLED)
    assert checks.checked("random") == Checked()


def test_a_class_that_is_gone_is_not_filled(bench: Bench, checks: RectangleChecks) -> None:
    """The network may still know a class that the user has removed."""
    project_of(bench).classes.remove(2)
    checks.begin(answer())
    np.testing.assert_array_equal(project_of(bench).strokes.plane(1, 0, AREA), np.where(FILLED == 2, 0, 1))
