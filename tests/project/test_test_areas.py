"""Laws of the test areas: what lies in one is never trained on, and is scored apart."""

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.images.image import Image
from napari_unet.images.tiled_plane import TILE
from napari_unet.images.tiles import Region
from napari_unet.project import schema
from napari_unet.project.area_checks import AreaCheck, Origin
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project
from napari_unet.project.split import BLOCK, BUFFER_ZONE, Block, is_candidate, training_pixels
from napari_unet.project.stored_tiles import TileKey, write_tile
from napari_unet.protocol import messages as m

if TYPE_CHECKING:
    from napari_unet.network.unet import UNet

SIDE = 5 * BLOCK
CLASSES = (1, 2)
NOISE = np.random.default_rng(0).normal(size=(SIDE, SIDE)).astype(np.float32)

strokes = st.tuples(
    st.just("stroke"), st.integers(0, SIDE), st.integers(0, SIDE), st.integers(1, 150), st.integers(1, 150),
    st.integers(0, 2),
)  # fmt: skip
rectangles = st.tuples(
    st.just("area"), st.integers(-20, SIDE), st.integers(-20, SIDE), st.integers(9, 150), st.integers(9, 150),
    st.integers(0, 1),
)  # fmt: skip


def painted_project(folder: Path, pixels: np.ndarray = NOISE) -> Project:
    """A project with one image and two classes."""
    made = Project(folder)
    for _ in CLASSES:
        made.add_class()
    made.settings.write(Settings(tile=64, width=4, hold_out=True))
    made.add_image(Image("image", pixels, "yx"))
    return made


def reach(areas: tuple[Region, ...], pixels: int = 0) -> np.ndarray:
    """Pixels in areas."""
    inside = np.zeros((SIDE, SIDE), bool)
    for area in areas:
        inside[max(0, area.y0 - pixels) : area.y1 + pixels, max(0, area.x0 - pixels) : area.x1 + pixels] = True
    return inside


@settings(max_examples=30)
@given(st.lists(st.one_of(strokes, rectangles), min_size=2, max_size=8))
def test_nothing_in_a_test_area_is_ever_trained_on(sequence: list[tuple[Any, ...]]) -> None:
    """Whatever is painted, drawn and removed in whatever order, and read bit by bit or at once."""
    with tempfile.TemporaryDirectory() as folder, painted_project(Path(folder) / "p.unet") as project:
        following = Annotations(project)
        for kind, y, x, height, width, value in sequence:
            if kind == "stroke":
                labels = project.strokes.plane(1, 0)
                labels[y : y + height, x : x + width] = value
                project.commit(1, 0, labels)
            else:
                kept = project.test_areas.of(1).get(0, ())
                project.test_areas.replace(1, 0, (Region(y, x, y + height, x + width), *(kept if value else ())))
            following.refresh(project.settings.read())
            areas = project.test_areas.of(1).get(0, ())
            if (1, 0) not in following.planes:
                continue
            plane = following.planes[1, 0]
            assert plane.areas == areas
            assert not (plane.trained[:] & reach(areas, BUFFER_ZONE)).any()
            assert not (plane.held_out[:] & reach(areas)).any()
            fresh = Annotations(project)
            fresh.refresh(project.settings.read())
            np.testing.assert_array_equal(fresh.planes[1, 0].trained, plane.trained)
            np.testing.assert_array_equal(fresh.planes[1, 0].held_out, plane.held_out)


def test_a_removed_area_gives_its_strokes_back(tmp_path: Path) -> None:
    """They are trained on or held out as if the area had never been: the hash decides block by block."""
    labels = np.random.default_rng(1).choice(np.array([0, 1, 2], np.uint8), (SIDE, SIDE), p=[0.9, 0.05, 0.05])
    with painted_project(tmp_path / "p.unet") as project:
        below = np.zeros_like(labels)
        below[4 * BLOCK :] = labels[4 * BLOCK :]
        project.commit(1, 0, below)  # both classes are trained on from here on
        assert project.test_areas.replace(1, 0, [Region(0, 0, 240, 300)])
        assert not project.test_areas.replace(1, 0, [Region(0, 0, 240, 300)])
        project.commit(1, 0, labels)
        annotations = Annotations(project)
        annotations.refresh(project.settings.read())
        assert not annotations.planes[1, 0].trained[:240, :300].any()
        assert project.test_areas.replace(1, 0, [])
        assert annotations.refresh(project.settings.read()) == [(1, 0)]
        plane, fingerprint = annotations.planes[1, 0], project.images.get(1).fingerprint
        held = np.zeros_like(labels, bool)
        for row, column in np.ndindex(4, 5):
            block = np.s_[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK]
            held[block] = is_candidate(fingerprint, Block(0, row, column)) & (labels[block] > 0)
        assert held.any()
        np.testing.assert_array_equal(plane.held_out[: 4 * BLOCK], held[: 4 * BLOCK])
        np.testing.assert_array_equal(plane.trained, training_pixels(labels, plane.held_out[:]))


@pytest.mark.parametrize("apart", [True, False])
def test_imported_labels_are_held_out_when_their_area_goes(tmp_path: Path, apart: bool) -> None:
    """As if the area had never been, whether a class was learned elsewhere before or not; no sooner, and once."""
    labels = np.random.default_rng(1).choice(np.array([0, 1, 2], np.uint8), (SIDE, SIDE), p=[0.9, 0.05, 0.05])
    ends = []
    for areas in ([Region(0, 0, 240 if apart else SIDE, SIDE)], []):
        with painted_project(tmp_path / f"{len(areas)}.unet") as project:
            project.settings.write(Settings(hold_out=False))
            if apart:
                project.commit(1, 0, np.where(np.arange(SIDE)[:, None] < 4 * BLOCK, 0, labels).astype(np.uint8))
            project.test_areas.replace(1, 0, areas)
            project.commit(1, 0, labels, source="import")
            inside = [side for side in project.strokes.sides(1) if side.block.row < 3]
            assert (inside == []) == (areas != [])
            project.test_areas.replace(1, 0, [])
            ends.append(sorted(project.strokes.sides(1)))
            project.commit(1, 0, np.full((SIDE, SIDE), 1, np.uint8))
            assert set(ends[-1]) <= set(project.strokes.sides(1))
    assert ends[0] == ends[1]
    assert any(side.held_out for side in ends[0])


def test_a_prediction_beside_imported_labels_in_an_area_is_never_scored(tmp_path: Path) -> None:
    """Where both lie in one block, the block is trained on for ever, as the others that take a prediction."""
    with painted_project(tmp_path / "p.unet") as project:
        project.settings.write(Settings(hold_out=False))
        project.test_areas.replace(1, 0, [Region(0, 0, SIDE, 20)])
        project.commit(1, 0, np.where(np.arange(SIDE) < 20, 1, np.zeros((SIDE, 1))), source="import")
        done = project.strokes.commit(1, 0, np.full((SIDE, SIDE), 1, np.uint8), source="prediction")
        assert (done.labels[:, 20 + BUFFER_ZONE :] == 1).all()
        project.test_areas.replace(1, 0, [])
        assert len(project.strokes.sides(1)) == 25
        assert not any(side.held_out for side in project.strokes.sides(1))


def test_areas_are_cut_at_the_rim_and_kept(tmp_path: Path) -> None:
    """They are cut to the image; empty ones vanish; another reader sees them."""
    with painted_project(tmp_path / "p.unet") as project:
        project.test_areas.replace(1, 0, [Region(-5, 300, 40, 999), Region(400, 0, 500, 10), Region(3, 3, 3, 9)])
        with Project(project.folder, read_only=True) as reader:
            assert reader.test_areas.of(1) == {0: (Region(0, 300, 40, SIDE),)}
            assert reader.strokes.changed_planes(0) == []  # nothing is painted
            revision = reader.strokes.revision
            project.commit(1, 0, np.full((SIDE, SIDE), 1, np.uint8))
            project.test_areas.replace(1, 0, [])
            assert reader.strokes.changed_planes(revision + 1) == [(1, 0)]


# An older project


@pytest.fixture
def first_format(tmp_path: Path) -> Path:
    """A project as the first format made it, with an image, two classes and a tile of strokes."""
    folder = tmp_path / "old.unet"
    folder.mkdir()
    with sqlite3.connect(folder / DATABASE) as database:
        database.executescript(schema.STEPS[0])
        image = ("image", "a.tif", "a.tif", 0, f"[{SIDE}, {SIDE}]", "<f4", "yx", 0, 1.0, 1.0, "px", "abc")
        database.execute("INSERT INTO images VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", image)
        database.executemany("INSERT INTO classes (name, colour) VALUES (?, ?)", [("a", "#000000"), ("b", "#FFFFFF")])
        write_tile(database, TileKey(1, 0, 0, 0), np.tile(np.array([1, 2], np.uint8), (TILE, TILE // 2)), 1)
        database.execute("PRAGMA user_version = 1")
    database.close()
    return folder


def test_a_project_of_the_first_format_opens(first_format: Path) -> None:
    """A reader sees it with its strokes and changes no byte; a writer brings it up to date, and areas can be drawn."""
    before = (first_format / DATABASE).read_bytes()
    with Project(first_format, read_only=True) as reader:
        assert reader.test_areas.of(1) == {}
        assert (reader.strokes.plane(1, 0)[:TILE, :TILE] > 0).all()
        assert reader.strokes.changed_planes(0) == [(1, 0)]
    assert (first_format / DATABASE).read_bytes() == before
    with Project(first_format) as project:
        assert (project.strokes.plane(1, 0)[:TILE, :TILE] > 0).all()
        assert project.test_areas.replace(1, 0, [Region(0, 0, 40, 40)])
        with Project(first_format, read_only=True) as reader:
            assert reader.test_areas.of(1) == {0: (Region(0, 0, 40, 40),)}


# Scores


def by_brightness(strength: float) -> "UNet":
    """A network that calls bright pixels class 2, exactly so for a large strength; wrong for a negative one."""
    from napari_unet.network.unet import Architecture, build

    network = build(Architecture(1, 2, 4)).eval()
    network.head.weight.data.zero_()
    network.head.weight.data[1, 4] = strength  # the first intensity channel behind the features
    return network


@pytest.fixture
def stripes(tmp_path: Path) -> Iterator[Project]:
    """Stripes of bright and dark with strokes on every fourth row, right but for the last block of rows."""
    bright = np.tile(np.repeat(np.array([0, 1], np.uint8), 16), (SIDE, SIDE // 32))
    noise = np.random.default_rng(0).normal(0, 0.05, bright.shape).astype(np.float32)
    with painted_project(tmp_path / "stripes.unet", bright + noise) as project:
        truth = bright + 1
        truth[-BLOCK:] = 3 - truth[-BLOCK:]
        labels = np.zeros_like(truth)
        labels[::4] = truth[::4]
        project.commit(1, 0, labels)
        yield project


def test_areas_are_scored_apart(stripes: Project) -> None:
    """No pixel counts twice, the Dice of each area is its own, and the held-out Dice is that of the other blocks."""
    from napari_unet.network.device import Device
    from napari_unet.training.selection import Selection

    wrong, right, empty = Region(SIDE - BLOCK, 0, SIDE, SIDE), Region(20, 30, 190, 150), Region(1, 1, 4, 90)
    annotations = Annotations(stripes)
    annotations.refresh(stripes.settings.read())
    selection = Selection(annotations, Device("cpu", "", False))
    before = selection.consider(by_brightness(9), CLASSES, 1)
    assert before.areas == ()
    assert before.mean_dice is not None
    stripes.test_areas.replace(1, 0, [wrong, right, empty])
    annotations.refresh(stripes.settings.read())
    score = selection.rescore()
    assert score is not None
    assert score == selection.score()
    found = {Region(a.y0, a.x0, a.y1, a.x1): a for a in score.areas}
    assert found.keys() == {wrong, right, empty}
    labels = stripes.strokes.plane(1, 0)
    assert found[right].mean_dice == pytest.approx(1)
    assert found[wrong].mean_dice == pytest.approx(0)
    assert (found[empty].mean_dice, found[empty].classes) == (None, ())
    for area, result in found.items():
        for one in result.classes:
            assert one.pixels == (labels[area.slices] == one.class_id).sum()
    assert score.mean_dice == pytest.approx(1)  # the wrong block of rows is in an area now
    held = annotations.planes[1, 0].held_out[:]
    assert [c.pixels for c in score.classes] == [int((held & (labels == k)).sum()) for k in CLASSES]
    assert sum(c.pixels for c in score.classes) < sum(c.pixels for c in before.classes)


def test_only_checked_areas_at_random_are_published(stripes: Project) -> None:
    """One that is open, one where the network was unsure and one by hand do not count; a check is seen at once."""
    from napari_unet.network.device import Device
    from napari_unet.training.selection import Selection

    rows = [Region(40 * row, 10, 40 * row + 30, 110) for row in range(8)]
    stripes.test_areas.replace(1, 0, rows)
    truth = stripes.strokes.plane(1, 0)
    for row, area in enumerate(rows[:7]):
        origin: Origin = "unsure" if row == 6 else "random"
        stripes.area_checks.add(1, AreaCheck(0, area, origin, truth[area.slices], row != 5))
    annotations = Annotations(stripes)
    annotations.refresh(stripes.settings.read())
    selection = Selection(annotations, Device("cpu", "", False))
    score = selection.consider(by_brightness(9), CLASSES, 1)
    assert len(score.areas) == 8
    assert score.checked is not None
    assert score.checked.areas == 5
    assert score.checked.pixels == sum((truth[area.slices] > 0).sum() for area in rows[:5])
    assert [each.value for each in score.checked.classes] == pytest.approx([1, 1])
    stripes.area_checks.finish(1, 0, rows[5])
    annotations.refresh(stripes.settings.read())
    again = selection.rescore()
    assert again is not None
    assert again.checked is not None
    assert again.checked.areas == 6
    stripes.test_areas.replace(1, 0, rows[1:])  # moved away: its check counts no more
    annotations.refresh(stripes.settings.read())
    last = selection.rescore()
    assert last is not None
    assert last.checked is not None
    assert last.checked.areas == 5


def test_the_worker_takes_an_area_to_heart(stripes: Project) -> None:
    """Training and waiting alike: on one message the weights in it are 0 and a score with it is sent."""
    from napari_unet.network.device import Device
    from napari_unet.worker.engine import Engine

    said: list[Any] = []
    engine = Engine(said.append, Device("cpu", "", False))
    engine.receive(m.Open(str(stripes.folder)))
    engine.receive(m.Train(on=True))
    for _ in range(3):
        engine.work()
    engine.receive(m.Train(on=False))
    area = Region(0, 0, 100, SIDE)
    stripes.test_areas.replace(1, 0, [area])
    said.clear()
    engine.receive(m.Annotated())
    engine.work()
    (scored,) = (message for message in said if isinstance(message, m.Scored))
    assert [(a.y0, a.x0, a.y1, a.x1) for a in scored.score.areas] == [(0, 0, 100, SIDE)]
    assert scored.score.areas[0].pixels == (stripes.strokes.plane(1, 0)[:100] > 0).sum()
    engine.receive(m.ShowWeights(1, 0))
    engine.work()
    (weights,) = (message for message in said if isinstance(message, m.Weights))
    assert not weights.array()[: 100 + BUFFER_ZONE].any()
    assert weights.array().any()
