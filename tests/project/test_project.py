"""Laws of the project on disk: every stroke is kept, and no pixel changes sides."""

import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal
from unittest.mock import Mock, create_autospec

import numpy as np
import pytest
from drawing import Drawing
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from napari_unet import storage
from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.evaluation.estimated_dice import EstimatedDice, as_record
from napari_unet.export.model_description import ModelDescription
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import open_image
from napari_unet.images.tiled_plane import TiledPlane
from napari_unet.images.tiles import Region
from napari_unet.project import images as images_module
from napari_unet.project.classes import ClassLabel, distinct_names
from napari_unet.project.database import DATABASE
from napari_unet.project.joining import as_joining
from napari_unet.project.project import Project
from napari_unet.project.split import BLOCK, BUFFER_ZONE, held_out_pixels, training_pixels

HEIGHT, WIDTH = 270, 90  # two tiles of strokes, ten blocks of the split


def picture(height: int = HEIGHT, width: int = WIDTH, planes: int = 2) -> Image:
    """Noise, some planes of it."""
    return Image("drawn", np.random.default_rng(0).integers(0, 99, (planes, height, width), np.uint8), "zyx")


@pytest.fixture
def drawing() -> Drawing:
    """Draw an image of two planes, without strokes."""
    return Drawing(picture())


def add_classes(project: Project, number: int) -> None:
    """Add classes 1 to ``number``."""
    for _ in range(number):
        project.add_class()


def refused(code: str, folder: Path, *, read_only: bool = False) -> None:
    """Opening the folder is refused."""
    with pytest.raises(UserError) as caught:
        Project(folder, read_only=read_only)
    assert caught.value.code == code


def content(folder: Path) -> dict[str, bytes]:
    """Every file in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


edits = st.tuples(
    st.integers(0, 1),  # plane
    st.integers(0, HEIGHT - 1),
    st.integers(0, WIDTH - 1),
    st.integers(1, 120),
    st.integers(1, 60),
    st.sampled_from([0, 1, 2, 3]),  # 0 erases
)


@settings(max_examples=25)
@given(st.lists(edits, max_size=8))
def test_the_store_equals_what_was_committed(sequence: list[tuple[int, ...]]) -> None:
    """After any paints and erasures the store is the layer, here and opened anew; a second commit changes nothing."""
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "p.unet") as project:
        for _ in range(3):
            project.add_class()
        image_id = project.add_image(picture()).id
        layer = np.zeros((2, HEIGHT, WIDTH), np.uint8)
        for plane, y, x, height, width, value in sequence:
            before = layer[plane].copy()
            layer[plane, y : y + height, x : x + width] = value
            revision = project.strokes.revision
            changed = project.commit(image_id, plane, layer[plane])
            assert bool(changed) == (not np.array_equal(before, layer[plane]))
            assert (project.strokes.revision > revision) == bool(changed)
            assert project.commit(image_id, plane, layer[plane]) == []
        counts = {k: int((layer == k).sum()) for k in (1, 2, 3)}
        assert project.strokes.labelled_pixels() == counts
        with Project(project.folder, read_only=True) as again:
            for plane in range(2):
                np.testing.assert_array_equal(project.strokes.plane(image_id, plane), layer[plane])
                np.testing.assert_array_equal(again.strokes.plane(image_id, plane), layer[plane])
            assert again.strokes.labelled_pixels() == counts


def test_rows_without_strokes_are_not_gone_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plane on screen is compared every two seconds, and a whole stack after undo: most of it is not painted."""
    labels = np.zeros((1000, 600), np.uint8)
    labels[300:310, 5:50] = 1
    with Project(tmp_path / "p.unet") as project:
        project.add_class()
        project.add_image(Image("large", np.zeros(labels.shape, np.uint8), "yx"))
        looked_at = create_autospec(TiledPlane.area, side_effect=TiledPlane.area)
        monkeypatch.setattr(TiledPlane, "area", looked_at)
        for painted in (labels, 0 * labels):
            assert project.commit(1, 0, painted) == [(1, 0)]
        assert {call.args[1].row for call in looked_at.call_args_list} == {1}
        part = Region(500, 250, 900, 600)
        assert project.commit(1, 0, np.ones(part.shape, np.uint8), part) == [
            (row, column) for row in (1, 2, 3) for column in (0, 1, 2)
        ]


def test_a_reader_hears_of_changes(project: Project) -> None:
    """A second connection sees exactly the planes that changed since the revision that it knew."""
    with Project(project.folder, read_only=True) as reader:
        assert reader.strokes.changed_planes(0) == []
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        for plane in (1, 0):
            known = reader.strokes.revision
            assert not reader.strokes.plane(1, plane).any()
            labels[5, 5] = plane + 1
            project.commit(1, plane, labels)
            assert reader.strokes.changed_planes(known) == [(1, plane)]
            np.testing.assert_array_equal(reader.strokes.plane(1, plane), labels)
        assert reader.strokes.changed_planes(reader.strokes.revision) == []


def test_a_reader_cannot_write(project: Project) -> None:
    """Opened read-only, a project refuses strokes and classes with a plain error."""
    with Project(project.folder, read_only=True) as reader:
        with pytest.raises(UserError, match=r"^NU-P11: "):
            reader.commit(1, 0, np.ones((HEIGHT, WIDTH), np.uint8))
        with pytest.raises(UserError, match=r"^NU-P11: "):
            reader.add_class()
        assert not reader.strokes.plane(1, 0).any()


def test_strokes_of_another_shape_are_refused(project: Project) -> None:
    """They, a plane that is not there and an image that is not there are errors, and nothing is stored."""
    labels = np.ones((HEIGHT, WIDTH), np.uint8)
    for image_id, plane, strokes, code in [(1, 0, labels[1:], "A07"), (1, 2, labels, "A08"), (9, 0, labels, "P05")]:
        with pytest.raises(UserError, match=rf"^NU-{code}: "):
            project.commit(image_id, plane, strokes)
    assert project.strokes.revision == 0


def test_a_class_number_is_never_used_again(tmp_path: Path) -> None:
    """A removed class keeps its number and its strokes, in this session and the next."""
    with Project(tmp_path / "p.unet") as project:
        assert [project.add_class().id for _ in range(3)] == [1, 2, 3]
        image_id = project.add_image(picture()).id
        project.commit(image_id, 0, np.full((HEIGHT, WIDTH), 3, np.uint8))
        project.classes.remove(3)
        assert [label.id for label in project.classes.all()] == [1, 2]
        assert 3 not in project.strokes.labelled_pixels()
    with Project(tmp_path / "p.unet") as project:
        assert project.add_class().id == 4
        assert (project.strokes.plane(image_id, 0) == 3).all()


def test_a_removed_class_comes_back_by_its_name(tmp_path: Path) -> None:
    """With its number, its colour and its strokes; of two of one name the newer one, and none that is not removed."""
    with Project(tmp_path / "p.unet") as project:
        everything = [project.add_class(name) for name in ("background", "cell")]
        project.classes.remove(2)
        everything.append(project.add_class("cell"))
        project.commit(project.add_image(picture()).id, 0, np.full((HEIGHT, WIDTH), 3, np.uint8))
        with pytest.raises(UserError, match=r"^NU-A18: there is a class called 'cell' already"):
            project.classes.bring_back("cell")
        assert project.classes.bring_back("nobody") is None
        project.classes.remove(3)
        assert project.classes.bring_back("cell") == everything[2]
        assert project.strokes.labelled_pixels()[3] == HEIGHT * WIDTH
        assert project.classes.all() == [everything[0], everything[2]]
        project.classes.change(3, name="other cell")
        assert project.classes.bring_back("cell") == everything[1]
        assert [label.id for label in project.classes.all()] == [1, 2, 3]


def test_two_classes_have_two_names(tmp_path: Path) -> None:
    """A name is given once, by default too; a class keeps its own, and one that was removed gives its name free."""
    with Project(tmp_path / "p.unet") as project:
        for name in ("background", "class 3"):
            project.add_class(name)
        assert project.add_class().name == "class 3 (3)"
        with pytest.raises(UserError, match=r"^NU-A18: there is a class called 'class 3' already"):
            project.add_class("class 3")
        with pytest.raises(UserError, match=r"^NU-A18: there is a class called 'background' already"):
            project.classes.change(2, name="background")
        project.classes.change(2, name="class 3", colour="#112233")
        project.classes.remove(2)
        project.classes.change(3, name="class 3")
        assert project.classes.names() == {1: "background", 3: "class 3"}


@pytest.mark.parametrize("name", ["cell\n1 = fake", "a\rb", "a\tb", "a\x1b[31m", "a\u2028b", "a\x85", "\ud800"])
def test_a_class_has_a_name_of_one_line(tmp_path: Path, name: str) -> None:
    """Line breaks and other control characters are refused, by renaming too; every other letter stays."""
    with Project(tmp_path / "p.unet") as project:
        project.add_class("Zellkern \u00b5m \U0001f469\u200d\U0001f52c")
        with pytest.raises(UserError, match=r"^NU-A18: .*control character"):
            project.add_class(name)
        with pytest.raises(UserError, match=r"^NU-A18: .*control character"):
            project.classes.change(1, name=name)
        assert project.classes.names() == {1: "Zellkern \u00b5m \U0001f469\u200d\U0001f52c"}


def test_a_class_that_was_never_there_is_not_changed(tmp_path: Path) -> None:
    """A script that is wrong about a number is told so; a class is not left without a name either."""
    with Project(tmp_path / "p.unet") as project:
        project.add_class("background")
        for change in (partial(project.classes.change, 2, name="cell"), partial(project.classes.remove, 2)):
            with pytest.raises(UserError, match=r"^NU-A12: 2 is not one of the classes"):
                change()
        with pytest.raises(UserError, match=r"^NU-A18: .*without a name"):
            project.classes.change(1, name=" ")
        assert project.classes.names() == {1: "background"}


def test_records_name_both_of_two_classes_of_one_name() -> None:
    """As projects of earlier versions may have them."""
    names = distinct_names({1: "background", 4: "cell", 2: "cell", 3: "cell (4)"})
    assert names == {1: "background", 2: "cell", 3: "cell (4)", 4: "cell (4) (4)"}
    assert as_record([EstimatedDice(2, 0.5), EstimatedDice(3, 0.7)], {2: "cell", 3: "cell"}).keys() == {
        "cell",
        "cell (3)",
    }
    labels = [ClassLabel(class_id, "cell", "#112233") for class_id in (2, 3)]
    record = ModelDescription("", 7, {"2": 0.5, "3": 0.75}).training_record(labels)
    assert record["held_out_dice"] == {"cell": 0.5, "cell (3)": 0.75}


def test_there_are_255_classes_at_most(tmp_path: Path) -> None:
    """The last number is 255; one more is refused and names no class."""
    with Project(tmp_path / "p.unet") as project:
        assert [project.add_class().id for _ in range(255)][-1] == 255
        with pytest.raises(UserError, match=r"^NU-A06: "):
            project.add_class()
        assert len(project.classes.all()) == 255


@pytest.mark.parametrize("number", [1, 8, 9, 12])
def test_painted_pixels_are_counted_for_few_and_many_classes(tmp_path: Path, number: int) -> None:
    """While painting, and when the project is opened again."""
    labels = np.random.default_rng(0).integers(0, number + 1, (HEIGHT, WIDTH)).astype(np.uint8)
    expected = {class_id: int((labels == class_id).sum()) for class_id in range(1, number + 1)}
    with Project(tmp_path / "p.unet") as project:
        add_classes(project, number)
        project.add_image(picture())
        assert project.strokes.labelled_pixels() == dict.fromkeys(expected, 0)
        project.commit(1, 0, labels)
        assert project.strokes.labelled_pixels() == expected
    with Project(tmp_path / "p.unet", read_only=True) as project:
        assert project.strokes.labelled_pixels() == expected
        assert project.strokes.labelled_pixels_by_image() == {1: sum(expected.values())}


def test_settings_and_classes_survive(project: Project) -> None:
    """What the user chose is there when the project is opened again."""
    project.settings.write(Settings(tile=64, learning_rate=0.01))
    project.classes.change(2, name="Zelle", colour="#112233")
    project.scores.add(7, {"mean_dice": None})
    project.close()
    with Project(project.folder) as again:
        assert again.settings.read() == Settings(tile=64, learning_rate=0.01)
        assert (again.classes.all()[1].name, again.classes.all()[1].rgb) == ("Zelle", (0x11, 0x22, 0x33))
        assert again.scores.all() == [{"mean_dice": None}]


def test_settings_of_scripts_are_stored_as_plain_values_or_refused(project: Project) -> None:
    """Numbers of NumPy are taken; what is no number is refused with one line, and nothing is stored then."""
    stored = project.settings.write(Settings(batch=np.int64(5), object_split=np.float32(0.5), hold_out=np.True_))  # type: ignore[arg-type]
    assert stored == project.settings.read() == Settings(batch=5, object_split=0.5, hold_out=True)
    for wrong in ([5], np.array([5]), object()):
        with pytest.raises(UserError, match=r"^NU-C01: batch cannot be "):
            project.settings.write(Settings(batch=wrong))  # type: ignore[arg-type]
    assert project.settings.read() == stored


@pytest.mark.parametrize(
    ("row", "what"), [(("warp", "9"), "there is no setting 'warp'"), (("preset", '"later"'), "preset cannot be later")]
)
def test_settings_of_another_version_are_refused_with_the_project(
    project: Project, row: tuple[str, str], what: str
) -> None:
    """Nobody typed them, so the line says where they stand, and to update rather than to correct a name."""
    with project.database.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", row)
    with pytest.raises(UserError) as caught:
        project.settings.read()
    assert str(caught.value).startswith(f"NU-C01: {what}, {project.folder}, update napari-unet-live")


# The split


def test_a_block_never_changes_sides(tmp_path: Path) -> None:
    """However painting grows, shrinks and comes back, the side of a class in a block stays as it was first decided."""
    random = np.random.default_rng(2)
    with Project(tmp_path / "p.unet") as project:
        project.settings.write(Settings(hold_out=True))
        add_classes(project, 2)
        image_id = project.add_image(picture(640, 640, 1)).id
        known: dict[tuple[object, int], bool] = {}
        for step in range(12):
            y, x = random.integers(0, 560, 2)
            labels = np.zeros((640, 640), np.uint8) if step == 7 else project.strokes.plane(image_id, 0)
            labels[y : y + 130, x : x + 130] = 1 + step % 2
            project.commit(image_id, 0, labels)
            sides = {(side.block, side.class_id): side.held_out for side in project.strokes.sides(image_id)}
            assert known.items() <= sides.items()
            known = sides
    assert {True, False} == set(known.values())


def test_strokes_of_the_hand_are_all_trained_on_unless_the_user_asks(tmp_path: Path) -> None:
    """Imported labels lose a part to the score at once, the hand's only by the setting, and no side changes by it."""
    labels = np.ones((10 * BLOCK, 10 * BLOCK), np.uint8)
    with Project(tmp_path / "p.unet") as project:
        add_classes(project, 2)
        ids = [
            project.add_image(Image(f"i{number}", np.full(labels.shape, number, np.uint8), "yx")).id
            for number in range(3)
        ]

        def held_out() -> list[int]:
            return [sum(side.held_out for side in project.strokes.sides(image_id)) for image_id in ids]

        project.commit(ids[0], 0, labels)
        assert held_out() == [0, 0, 0]
        project.commit(ids[1], 0, labels, source="import")
        imported = held_out()[1]
        assert imported > 0
        project.settings.write(Settings(hold_out=True))
        project.commit(ids[2], 0, labels)
        of_the_hand = held_out()[2]
        assert of_the_hand > 0
        project.settings.write(Settings(hold_out=False))
        project.commit(ids[1], 0, 0 * labels)
        project.commit(ids[1], 0, labels)
        project.commit(ids[2], 0, 2 * labels)  # another class, so sides of its own
        assert held_out() == [0, imported, of_the_hand]
        with project.database.transaction() as connection:
            connection.execute("UPDATE settings SET value = 'maybe' WHERE name = 'hold_out'")
        project.commit(ids[0], 0, 2 * labels)  # a damaged setting loses no stroke
        assert (project.strokes.plane(ids[0], 0) == 2).all()


def test_one_block_in_five_is_held_out(tmp_path: Path) -> None:
    """Of 400 painted blocks about 80 are held out (within four standard deviations)."""
    with Project(tmp_path / "p.unet") as project:
        project.settings.write(Settings(hold_out=True))
        add_classes(project, 1)
        image_id = project.add_image(picture(20 * BLOCK, 20 * BLOCK, 1)).id
        labels = np.zeros((20 * BLOCK, 20 * BLOCK), np.uint8)
        labels[30::BLOCK, 30::BLOCK] = 1
        project.commit(image_id, 0, labels)
        sides = project.strokes.sides(image_id)
    assert len(sides) == 400
    assert 48 <= sum(side.held_out for side in sides) <= 112


def test_the_first_block_of_every_class_is_trained_on(tmp_path: Path) -> None:
    """Wherever the first stroke of a class falls, it teaches something."""
    with Project(tmp_path / "p.unet") as project:
        project.settings.write(Settings(hold_out=True))
        add_classes(project, 64)
        image_id = project.add_image(picture(8 * BLOCK, 8 * BLOCK, 1)).id
        labels = np.zeros((8 * BLOCK, 8 * BLOCK), np.uint8)
        for class_id, (row, column) in enumerate(np.ndindex(8, 8), start=1):
            labels[row * BLOCK + 3, column * BLOCK + 3] = class_id
            project.commit(image_id, 0, labels)
        first = project.strokes.sides(image_id)
        assert len(first) == 64
        assert not any(side.held_out for side in first)
        project.commit(image_id, 0, np.full_like(labels, 1))
        assert any(side.held_out for side in project.strokes.sides(image_id))


def test_no_trained_pixel_is_near_a_held_out_one(tmp_path: Path) -> None:
    """Every labelled pixel is trained on, held out, or within the buffer zone of a held-out one; never two of these."""
    with Project(tmp_path / "p.unet") as project:
        project.settings.write(Settings(hold_out=True))
        add_classes(project, 2)
        image_id = project.add_image(picture(5 * BLOCK, 5 * BLOCK, 1)).id
        labels = np.random.default_rng(1).choice(
            np.array([0, 1, 2], np.uint8), (5 * BLOCK, 5 * BLOCK), p=[0.7, 0.2, 0.1]
        )
        project.commit(image_id, 0, labels)
        held = held_out_pixels(labels, 0, project.strokes.sides(image_id))
    trained = training_pixels(labels, held)
    assert held.any()
    assert trained.any()
    assert not (held & trained).any()
    painted = np.argwhere(labels > 0)
    distances, _ = cKDTree(np.argwhere(held)).query(painted)
    np.testing.assert_array_equal(trained[tuple(painted.T)], distances > BUFFER_ZONE)


# What is on disk


@pytest.mark.parametrize("class_id", [1, 2])
def test_accepted_predictions_are_never_scored(tmp_path: Path, class_id: int) -> None:
    """Held-out blocks take none of any class; what is accepted is trained on, also in blocks painted later."""
    with Project(tmp_path / "a.unet") as project:
        project.settings.write(Settings(hold_out=True))
        for _ in range(2):
            project.add_class()
        record = project.add_image(Image("i", np.random.default_rng(0).random((1024, 1024)).astype("f4"), "yx"))
        painted = np.zeros((1024, 1024), np.uint8)
        painted[:512:4, ::4] = 1
        project.commit(record.id, 0, painted)
        held = {side.block for side in project.strokes.sides(record.id) if side.held_out}
        assert held
        predicted = np.full((1024, 1024), class_id, np.uint8)
        labels = project.strokes.commit(record.id, 0, predicted, source="prediction").labels
        assert not labels[painted > 0].any()
        for block in held:
            assert not labels[block.row * 64 : (block.row + 1) * 64, block.column * 64 : (block.column + 1) * 64].any()
        assert not held & {side.block for side in project.strokes.sides(record.id) if not side.held_out}
        assert labels[512:].all()
        np.testing.assert_array_equal(project.strokes.plane(record.id, 0), np.maximum(painted, labels))
        assert project.strokes.commit(record.id, 0, predicted, source="prediction").tiles == []
        assert {side.block for side in project.strokes.sides(record.id) if side.held_out} == held


@pytest.mark.parametrize("repaint", [False, True])
def test_a_prediction_is_taken_over_where_it_may_be(tmp_path: Path, repaint: bool) -> None:
    """Never in a test area; over what is painted only to repaint it, which erases what cannot be taken over."""
    with Project(tmp_path / "a.unet") as project:
        for _ in range(3):
            project.add_class()
        project.classes.remove(3)
        record = project.add_image(picture(200, 200, 1))
        painted = np.zeros((200, 200), np.uint8)
        painted[:, 20:60] = 1
        project.commit(record.id, 0, painted)
        project.test_areas.replace(record.id, 0, [Region(100, 0, 200, 200)])
        region, predicted = Region(0, 10, 200, 50), np.full((200, 40), 2, np.uint8)
        predicted[:, :5], predicted[:, 5:7] = 0, 3
        done = project.strokes.commit(record.id, 0, predicted, region, source="prediction", repaint=repaint)
        expected = np.zeros((200, 40), np.uint8)
        expected[: 100 - BUFFER_ZONE, 7 : 40 if repaint else 10] = 2
        np.testing.assert_array_equal(done.labels, expected)
        left = np.where((predicted > 0) & repaint, 0, painted[region.slices])
        np.testing.assert_array_equal(
            project.strokes.plane(record.id, 0, region), np.where(expected > 0, expected, left)
        )
        np.testing.assert_array_equal(project.strokes.plane(record.id, 0)[:, 50:], painted[:, 50:])
        assert not any(side.held_out for side in project.strokes.sides(record.id) if side.class_id == 2)


@pytest.mark.parametrize(
    ("value", "dtype", "code"),
    [
        (1.5, "f4", "NU-A02"),
        (np.nan, "f8", "NU-A02"),
        (np.inf, "f4", "NU-A02"),
        (1, "S1", "NU-A02"),
        (-1, "i2", "NU-A03"),
        (-1.0, "f4", "NU-A03"),
        (257, "u2", "NU-A04"),
        (2**40 + 1, "i8", "NU-A04"),
        (3, "u1", "NU-A12"),
        (255, "i4", "NU-A12"),
    ],
)
@pytest.mark.parametrize("source", ["hand", "prediction"])
def test_numbers_that_are_no_classes_are_refused(
    project: Project, value: float, dtype: str, code: str, source: Literal["hand", "prediction"]
) -> None:
    """A commit neither rounds nor wraps into another class, and nothing of it is stored; a prediction may say more."""
    labels = np.ones((HEIGHT, WIDTH), dtype)
    labels[7, 8] = value
    if (code, source) == ("NU-A12", "prediction"):  # of a class that was removed since
        assert not project.strokes.commit(1, 0, labels, source=source).labels[7, 8]
        return
    with pytest.raises(UserError, match=rf"^{code}: "):
        project.strokes.commit(1, 0, labels, source=source)
    assert project.strokes.revision == 0
    assert not project.strokes.plane(1, 0).any()


@pytest.mark.parametrize("dtype", [bool, "i1", "u2", "i8", "f2", "f8"])
def test_whole_numbers_of_any_type_are_strokes(project: Project, dtype: str) -> None:
    """They are stored as the classes that they are."""
    labels = np.eye(HEIGHT, WIDTH, dtype=dtype)
    assert project.commit(1, 0, labels)
    np.testing.assert_array_equal(project.strokes.plane(1, 0), labels.astype(np.uint8))


def test_strokes_of_a_class_that_is_lost_stay(project: Project) -> None:
    """A damaged database may lose the row of a class: what is painted beside its strokes is saved all the same."""
    labels = np.eye(HEIGHT, WIDTH, dtype=np.uint8) * 2
    project.commit(1, 0, labels)
    with project.database.transaction() as connection:
        connection.execute("DELETE FROM classes WHERE id = 2")
    labels[5] = 1
    assert project.commit(1, 0, labels)
    labels[6] = 2
    with pytest.raises(UserError, match=r"^NU-A12: "):
        project.commit(1, 0, labels)


def test_a_newer_project_is_read_and_left_alone(project: Project) -> None:
    """An older program shows what it knows of what a newer one made, and changes nothing in it."""
    labels = np.ones((HEIGHT, WIDTH), np.uint8)
    project.commit(1, 0, labels)
    project.settings.write(Settings(tile=64))
    folder = project.folder
    project.close()
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute("ALTER TABLE images ADD COLUMN stain TEXT NOT NULL DEFAULT ''")
        database.execute("ALTER TABLE tiles ADD COLUMN painter TEXT NOT NULL DEFAULT ''")
        database.execute("CREATE TABLE orbits (name TEXT)")
        database.execute("INSERT INTO settings VALUES ('warp', '9')")
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = content(folder)
    refused("NU-P02", folder)
    with Project(folder, read_only=True) as reader:
        assert reader.is_newer
        assert reader.images.all()[0].name == picture().name
        assert reader.settings.read() == Settings(tile=64)
        np.testing.assert_array_equal(reader.strokes.plane(1, 0), labels)
        with pytest.raises(UserError, match=r"^NU-P11: "):
            reader.commit(1, 0, np.zeros_like(labels))
        with pytest.raises(UserError, match=r"^NU-P11: "):
            reader.add_class()
    assert content(folder) == before


def test_there_is_one_writer(project: Project) -> None:
    """A second writer, of this process or another, is refused in one line; readers are not; the next one is let in."""
    refused("NU-P09", project.folder)
    with pytest.raises(UserError, match=r"another window of this napari"):
        Project(project.folder)
    with Project(project.folder, read_only=True) as reader:
        assert not reader.is_newer
    script = "import sys; from napari_unet import Project; Project(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", script, project.folder], capture_output=True, text=True, check=False)
    assert f"NU-P09: the project is open in another program (process {os.getpid()} on " in done.stderr
    project.close()
    with Project(project.folder):
        refused("NU-P09", project.folder)


def test_a_dead_writer_holds_nothing(tmp_path: Path) -> None:
    """A process that is killed while it has the project open leaves it to the next one, strokes and all."""
    script = (
        "import os, sys, numpy as np; from napari_unet import Project; from napari_unet.images.image import Image\n"
        "project = Project(sys.argv[1]); project.add_class(); project.add_image(Image('i', np.eye(9), 'yx'))\n"
        "project.commit(1, 0, np.eye(9, dtype=np.uint8)); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "p.unet"], check=False)
    assert (tmp_path / "p.unet" / "writer.lock").exists()
    with Project(tmp_path / "p.unet") as project:
        np.testing.assert_array_equal(project.strokes.plane(1, 0), np.eye(9, dtype=np.uint8))


@pytest.mark.parametrize("note", [b"", b"[[[[", b'{"pid": "x"}', b"\xff" * 9000])
def test_the_note_of_a_lock_is_only_for_people(project: Project, note: bytes) -> None:
    """Whatever is written in the lock's file, it is the lock that counts."""
    (project.folder / "writer.lock").write_bytes(note)
    refused("NU-P09", project.folder)
    project.close()
    with Project(project.folder):
        pass


@pytest.mark.parametrize("name", ["notes.txt", DATABASE])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_foreign_folder_is_refused_and_left_alone(tmp_path: Path, name: str, read_only: bool) -> None:
    """A folder with other people's files is no project, whatever the file is called."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("dear diary " * 1000)
    before = content(tmp_path)
    refused("NU-P01", tmp_path / "mine", read_only=read_only)
    refused("NU-P01", tmp_path / "mine" / name, read_only=read_only)
    with pytest.raises(UserError) as refusal:
        Project(tmp_path / "mine", read_only=read_only)
    assert ("does not exist yet" in refusal.value.fix) == (not read_only and name != DATABASE)
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", [".DS_Store", "desktop.ini", "Thumbs.db"])
def test_what_a_file_manager_leaves_is_nobodys(tmp_path: Path, name: str) -> None:
    """A folder that looks empty to the user becomes a project; one that is only looked at does not."""
    (tmp_path / name).write_bytes(b"icons")
    refused("NU-P01", tmp_path, read_only=True)
    with Project(tmp_path) as project:
        project.add_class()
    assert (tmp_path / name).read_bytes() == b"icons"


@pytest.mark.parametrize("read_only", [False, True])
def test_a_path_that_is_too_long_for_a_database_is_named_as_the_reason(tmp_path: Path, read_only: bool) -> None:
    """Rather than damage: there is no copy to restore."""
    place = tmp_path.joinpath(*["deep" * 50] * 3)
    with Project(tmp_path / "p.unet"):
        pass
    place.mkdir(parents=True)
    (tmp_path / "p.unet").rename(place / "p.unet")
    with pytest.raises(UserError, match=r"^NU-P01: the path of the project is too long .* shorter"):
        Project(place / "p.unet", read_only=read_only)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path, read_only: bool) -> None:
    """A database of another program under our name gets none of our tables."""
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")
    database.close()
    before = content(tmp_path)
    refused("NU-P01", tmp_path, read_only=read_only)
    assert content(tmp_path) == before


def test_a_folder_that_is_not_there_is_not_made_by_a_reader(tmp_path: Path) -> None:
    """Reading creates nothing."""
    with pytest.raises(UserError, match=r"^NU-P01: there is no such project, .*none\.unet, check the name$"):
        Project(tmp_path / "none.unet", read_only=True)
    assert not (tmp_path / "none.unet").exists()


def test_a_damaged_tile_is_found(project: Project) -> None:
    """Bytes that are not those that were written are named, one line each, and never taken for strokes."""
    labels = np.random.default_rng(0).integers(0, 3, (HEIGHT, WIDTH)).astype(np.uint8)
    project.commit(1, 0, labels)
    assert list(project.strokes.damaged_tiles()) == []
    assert project.integrity() == []
    folder = project.folder
    project.close()
    with sqlite3.connect(folder / DATABASE) as database:
        (packed,) = database.execute("SELECT labels FROM tiles WHERE tile_row = 1").fetchone()
        damaged = bytearray(packed)
        damaged[len(damaged) // 2] ^= 1
        database.execute("UPDATE tiles SET labels = ? WHERE tile_row = 1", (bytes(damaged),))
    database.close()
    before = content(folder)
    with Project(folder, read_only=True) as reader:
        (tile,) = reader.strokes.damaged_tiles()
        assert str(tile).startswith("NU-P03: ")
        np.testing.assert_array_equal(reader.strokes.plane(1, 0)[:256], labels[:256])
        assert not reader.strokes.plane(1, 0)[256:].any()
        assert reader.notices == []
    assert content(folder) == before
    with Project(folder) as again:
        np.testing.assert_array_equal(again.strokes.plane(1, 0)[:256], labels[:256])
        assert not again.strokes.plane(1, 1).any()
        (line,) = again.notices
        assert line.startswith("NU-P03: 1 annotation tiles")
        (kept,) = folder.glob("damaged-*/tile-1-0-1-0")
        assert kept.read_bytes() == bytes(damaged)
        assert list(again.strokes.damaged_tiles()) == []
        again.commit(1, 0, labels)
        np.testing.assert_array_equal(again.strokes.plane(1, 0), labels)
    assert kept.read_bytes() == bytes(damaged)


def test_a_stroke_after_a_damaged_tile_is_seen_by_readers(project: Project) -> None:
    """A revision is never given twice, though the damaged tile had the newest one."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for part in (slice(9), slice(260, None)):
        labels[part] = 1
        project.commit(1, 0, labels)
    with Project(project.folder, read_only=True) as reader:
        since = reader.strokes.revision
        with project.database.transaction() as connection:
            connection.execute("UPDATE tiles SET labels = x'00' WHERE tile_row = 1")
        project.planes.drop_image(1)
        assert not project.strokes.plane(1, 0)[256:].any()
        assert reader.strokes.damaged_tiles() == []
        assert reader.strokes.changed_planes(since) == [(1, 0)]
        since = reader.strokes.revision
        project.commit(1, 0, labels)
        assert reader.strokes.changed_planes(since) == [(1, 0)]
        np.testing.assert_array_equal(reader.strokes.plane(1, 0), labels)


def test_a_damaged_tile_where_there_is_no_plane_is_taken_out(project: Project) -> None:
    """The rows of a database may say anything of where it lies."""
    for key in ((1, 0, 7, 0), (1, 9, 0, 0), (1, 0, -1, 0)):
        with project.database.transaction() as connection:
            connection.execute("INSERT INTO tiles VALUES (?, ?, ?, ?, 1, 9, 9, 9, x'00')", key)
    project.planes.set_aside(project.strokes.damaged_tiles())
    assert project.strokes.painted_planes(1) == []


def test_a_damaged_tile_is_not_painted_over_unless_it_is_safe(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its bytes cannot be set aside, the plane is refused and the bytes stay."""
    project.commit(1, 0, np.ones((HEIGHT, WIDTH), np.uint8))
    folder = project.folder
    project.close()
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute("UPDATE tiles SET labels = x'00' WHERE tile_row = 1")
    database.close()
    monkeypatch.setattr(storage.SystemDisk, "flush", Mock(side_effect=OSError(28, "No space left on device")))
    with Project(folder) as again:
        with pytest.raises(UserError, match=r"^NU-E01: "):
            again.commit(1, 0, np.zeros((HEIGHT, WIDTH), np.uint8))
        assert [tile.packed for tile in again.strokes.damaged_tiles()] == [b"\0"]


STRANGE = {
    "shape": "[1000000000, 1000000000, 1000000000]",
    "axes": "zzz",
    "shape ": "[[1, 2], 3]",
    "corrected_axes": "zz",
    "chosen_channels": "[1]",
}


@pytest.mark.parametrize("column", STRANGE)
def test_strange_rows_are_one_line(project: Project, column: str) -> None:
    """Sizes beyond every memory, axes that are none, names that are none: NU-P12, and nothing is allocated."""
    folder = project.folder
    project.close()
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute(f"UPDATE images SET {column} = ?", (STRANGE[column],))  # noqa: S608
    database.close()
    with Project(folder) as again:
        for read in (
            again.images,
            again.images.channels,
            lambda: again.strokes.plane(1, 0),
            lambda: again.images.get(1),
        ):
            with pytest.raises(UserError, match=r"^NU-P12: "):
                read()
        assert len(list(again.unreadable_rows())) >= 1


@pytest.mark.parametrize("name", ["models", "images", "worker.log", "writer.lock", DATABASE])
def test_links_out_of_the_project_are_refused(project: Project, tmp_path: Path, name: str) -> None:
    """A project from a stranger cannot have files written or taken from elsewhere."""
    folder = project.folder
    project.close()
    outside = tmp_path / "outside"
    inside = folder / name
    if inside.exists():
        inside.rename(outside)
    inside.symlink_to(outside)
    refused("NU-P13", folder)
    refused("NU-P13", folder, read_only=True)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((1, 12, 9), "zyx"), ((12, 9, 1), "yxc"), ((1, 1, 12, 9), "tzyx"), ((2, 1, 12, 9), "tcyx"), ((1, 1), "yx")],
)
def test_axes_of_length_1_are_still_there_in_the_copy(tmp_path: Path, shape: tuple[int, ...], axes: str) -> None:
    """An image of a layer in memory opens again as it was, whatever is painted on it."""
    image = Image("drawn", np.random.default_rng(0).integers(0, 99, shape, np.uint8), axes)
    with Project(tmp_path / "p.unet") as project:
        record = project.add_image(image)
        found = project.images.open(record.id)
        assert (found.axes, found.annotation_shape) == (image.axes, image.annotation_shape)
        np.testing.assert_array_equal(found.read(0), image.read(0))


def test_a_file_that_was_added_without_its_axes_of_length_1_opens_again(tmp_path: Path) -> None:
    """They were dropped on reading, so a project remembers the others alone."""
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 99, (1, 3, 12, 9), np.uint8))
    with Project(tmp_path / "p.unet") as project:
        record = project.add_image(open_image(tmp_path / "a.npy", "tcyx"), tmp_path / "a.npy")
        found = project.images.open(record.id)
    assert (record.axes, found.axes, found.channels) == ("cyx", "cyx", 3)


def test_a_copy_that_lies_outside_is_no_copy(project: Project, tmp_path: Path) -> None:
    """An image that the project calls its own lies in the project."""
    np.save(tmp_path / "secret.npy", np.eye(9))
    folder = project.folder
    project.close()
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute("UPDATE images SET relative = '../secret.npy', reference = '/etc/passwd'")
    database.close()
    with Project(folder) as again, pytest.raises(UserError, match=r"^NU-P12: .*outside of the project"):
        again.images.open(1)


def test_a_copy_that_is_gone_is_found_outside(project: Project, tmp_path: Path) -> None:
    """An image that lived in memory is one of a file then; so it is where an earlier version left it marked as a copy.

    Shown again where it was, it is a copy as before.
    """
    here, there = project.images.get(1).path, tmp_path / "backup.npy"
    here.rename(there)
    project.images.relocate(1, there)
    assert (project.images.all()[0].path, project.images.get(1).inside) == (there, False)
    assert project.images.open(1).fingerprint() == project.images.get(1).fingerprint
    with project.database.transaction() as connection:
        connection.execute("UPDATE images SET inside = 1")
    assert (project.images.all()[0].path, project.images.get(1).inside) == (there, False)
    there.rename(here)
    project.images.relocate(1, here)
    assert (project.images.get(1).path, project.images.get(1).inside) == (here, True)


# Images


def test_a_project_moved_with_its_image_opens(tmp_path: Path) -> None:
    """Folder and image may travel together; images that lived in memory travel inside."""
    pixels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    (tmp_path / "here").mkdir()
    path = tmp_path / "here" / "cell.npy"
    np.save(path, pixels)
    with Project(tmp_path / "here" / "p.unet") as project:
        project.add_image(open_image(path), path)
        project.add_image(Image("drawn", pixels.T.copy(), "yx"))
    shutil.move(tmp_path / "here", tmp_path / "there")
    with Project(tmp_path / "there" / "p.unet", read_only=True) as project:
        first, second = (np.asarray(project.images.open(record.id).pixels) for record in project.images.all())
    np.testing.assert_array_equal(first, pixels)
    np.testing.assert_array_equal(second, pixels.T)


def test_missing_and_changed_images_are_told(tmp_path: Path) -> None:
    """A file that is gone or holds another image is refused; the strokes stay, and the file can be pointed to."""
    path = tmp_path / "cell.npy"
    np.save(path, np.zeros((10, 10), np.uint8))
    with Project(tmp_path / "p.unet") as project:
        add_classes(project, 1)
        image_id = project.add_image(open_image(path), path).id
        labels = np.ones((10, 10), np.uint8)
        project.commit(image_id, 0, labels)
        path.rename(tmp_path / "moved.npy")
        with pytest.raises(UserError, match=r"^NU-P04: "):
            project.images.open(image_id)
        project.images.relocate(image_id, tmp_path / "moved.npy")
        assert project.images.open(image_id).height == 10
        np.save(tmp_path / "moved.npy", np.ones((10, 10), np.uint8))
        with pytest.raises(UserError, match=r"^NU-P06: "):
            project.images.open(image_id)
        np.testing.assert_array_equal(project.strokes.plane(image_id, 0), labels)


def test_a_corrected_pixel_size_is_that_of_the_image_ever_after(project: Project) -> None:
    """A reader and the opened image have it; the image is the same one as before, by its strokes and fingerprint."""
    project.commit(1, 0, np.ones((HEIGHT, WIDTH), np.uint8))
    before = project.images.get(1)
    size = PixelSize(0.5, 0.25, "um")
    project.images.set_pixel_size(1, size)
    assert project.images.get(1) == replace(before, pixel_size=size)
    assert project.images.open(1).pixel_size == size
    assert project.add_image(picture()).pixel_size == size
    assert project.strokes.plane(1, 0).all()
    with Project(project.folder, read_only=True) as reader:
        assert reader.images.get(1).pixel_size == size
        with pytest.raises(UserError, match=r"^NU-P11: "):
            reader.images.set_pixel_size(1, PixelSize())


def test_the_distance_of_slices_is_remembered(tmp_path: Path) -> None:
    """It stays when only y and x are corrected, and a reader has it; in another unit it is not known any more."""
    with Project(tmp_path / "p.unet") as project:
        stack = Image("stack", np.zeros((3, 8, 9), np.uint8), "zyx", PixelSize(0.5, 0.5, "um", 1.5))
        added = project.add_image(stack)
        assert added.pixel_size == project.images.open(added.id).pixel_size == stack.pixel_size
        project.images.set_pixel_size(added.id, PixelSize(0.25, 0.25, "um"))
        with Project(project.folder, read_only=True) as reader:
            assert reader.images.get(added.id).pixel_size == PixelSize(0.25, 0.25, "um", 1.5)
        for said, remembered in (
            (PixelSize(0.25, 0.25, "um", 2.0), PixelSize(0.25, 0.25, "um", 2.0)),
            (PixelSize(250.0, 250.0, "nm"), PixelSize(250.0, 250.0, "nm")),
            (PixelSize(1.0, 1.0, "pixel", 2.0), PixelSize()),
        ):
            project.images.set_pixel_size(added.id, said)
            assert project.images.get(added.id).pixel_size == remembered


@pytest.mark.parametrize(
    "size", [PixelSize(0.0, 1.0, "um"), PixelSize(1.0, -1.0, "um"), PixelSize(math.nan, 1.0, "um"),
             PixelSize(1.0, math.inf, "um"), PixelSize(1.0, 1.0, "parsec"), PixelSize(1.0, 1.0, "um", 0.0)],
)  # fmt: skip
def test_an_impossible_pixel_size_is_refused(project: Project, size: PixelSize) -> None:
    """In one line, and what was remembered stays."""
    before = project.images.get(1)
    with pytest.raises(UserError, match=r"^NU-I30: "):
        project.images.set_pixel_size(1, size)
    assert project.images.get(1) == before


@pytest.mark.parametrize(
    ("size", "known"),
    [
        (PixelSize(-0.3, 0.3, "um"), PixelSize()),
        (PixelSize(0.3, math.nan, "um"), PixelSize()),
        (PixelSize(0.3, math.inf, "um"), PixelSize()),
        (PixelSize(0.3, 0.3, "um", 0.0), PixelSize(0.3, 0.3, "um")),
    ],
)
def test_an_impossible_pixel_size_of_a_file_is_not_known(project: Project, size: PixelSize, known: PixelSize) -> None:
    """It hinders no image, neither where it is found nor where an earlier version remembered it."""
    image = Image("other", np.eye(9), "yx", size)
    assert project.add_image(image).pixel_size == project.images.open(2).pixel_size == known
    if math.isfinite(size.x):
        with project.database.transaction() as connection:
            row = (size.y, size.x, size.unit, size.z)
            connection.execute("UPDATE images SET pixel_y = ?, pixel_x = ?, unit = ?, pixel_z = ? WHERE id = 2", row)
        assert [record.pixel_size for record in project.images.all()] == [PixelSize(), known]
        assert list(project.unreadable_rows()) == []


@pytest.mark.parametrize("axes", ["cyx", "tyx", "yxz", "xyc"])
def test_corrected_axes_are_those_of_the_image_ever_after(tmp_path: Path, axes: str) -> None:
    """The same pixels under other names; the file as it says it is, is still known as this image."""
    from napari_unet.api import verify

    pixels = np.random.default_rng(0).integers(0, 99, (3, 40, 50), np.uint8)
    np.save(tmp_path / "stack.npy", pixels)
    with Project(tmp_path / "p.unet") as project:
        add_classes(project, 1)
        record = project.add_image(open_image(tmp_path / "stack.npy", "zyx"), tmp_path / "stack.npy")
        assert not project.strokes.plane(record.id, 2).any()
        project.images.set_axes(record.id, axes.upper())
        corrected, image = project.images.get(record.id), project.images.open(record.id)
        as_meant = Image("stack", pixels, axes)
        assert (corrected.annotation_shape, corrected.channels) == (as_meant.annotation_shape, as_meant.channels)
        for plane in range(as_meant.planes):
            np.testing.assert_array_equal(image.read(plane), as_meant.read(plane))
        assert project.add_image(open_image(tmp_path / "stack.npy", "zyx"), tmp_path / "stack.npy") == corrected
        strokes = np.ones(corrected.annotation_shape[-2:], np.uint8)
        project.commit(record.id, corrected.planes - 1, strokes)
        np.testing.assert_array_equal(project.strokes.plane(record.id, corrected.planes - 1), strokes)
    assert verify(tmp_path / "p.unet") == []


def stack(name: str, planes: int = 3, width: int = 50) -> Image:
    """Noise in planes, as a file whose first axis has no name is read."""
    pixels = np.random.default_rng(planes * width).integers(0, 99, (planes, 40, width), np.uint8)
    return Image(name, pixels, "zyx")


def test_corrected_axes_are_those_of_all_images_like_it(tmp_path: Path) -> None:
    """Of those that are there and of those that join; not of painted ones, and not of other numbers of channels."""
    from napari_unet.api import verify

    with Project(tmp_path / "p.unet") as project:
        add_classes(project, 1)
        first, wider, deep = (project.add_image(one) for one in (stack("a"), stack("b", width=60), stack("c", 20)))
        with_area = project.add_image(stack("d", width=70))
        project.test_areas.replace(with_area.id, 2, [Region(0, 0, 9, 9)])
        undone = np.zeros((40, 60), np.uint8)
        for drawn in (undone + 1, undone):
            project.commit(wider.id, 2, drawn)
        project.images.set_axes(first.id, "cyx")
        later = project.add_image(stack("e", width=80))
        assert [record.axes for record in project.images.all()] == ["cyx", "cyx", "zyx", "zyx", "cyx"]
        assert later.found_axes == "zyx"
        assert (later.channels, later.planes) == (3, 1)
        np.testing.assert_array_equal(
            project.images.open(later.id).read(0), stack("e", width=80).pixels.transpose(1, 2, 0)
        )
        assert project.add_image(stack("e", width=80)) == later
        project.commit(wider.id, 0, undone + 1)
        with pytest.raises(UserError, match=r"^NU-I09: it would have 1 channel "):
            project.add_image(stack("f", 20, width=90))
        assert project.add_image(stack("g", width=90)).channels == 3
        assert project.images.get(deep.id) == deep
    assert verify(tmp_path / "p.unet") == []


@pytest.mark.parametrize(("axes", "alike"), [("yxz", [True, False, True]), ("tyx", [True, True, True])])
def test_rows_and_columns_are_exchanged_in_images_of_the_same_shape_only(
    tmp_path: Path, axes: str, alike: list[bool]
) -> None:
    """An image of another shape may have its slices first, as its file says; how planes are called does no harm."""
    with Project(tmp_path / "p.unet") as project:
        for image in (stack("a"), stack("b", planes=5)):
            project.add_image(image)
        project.images.set_axes(1, axes)
        project.add_image(Image("c", stack("a").pixels + 1, "zyx"))
        assert [record.axes == axes for record in project.images.all()] == alike


def test_the_last_correction_of_axes_counts(tmp_path: Path) -> None:
    """Back as the files say is a correction too; channels are those that were chosen of the corrected axes."""
    with Project(tmp_path / "p.unet") as project:
        project.add_image(stack("a"))
        project.add_image(stack("b", width=60))
        project.images.set_axes(1, "cyx")
        project.images.set_channels(2, [0, 2])
        joined = project.add_image(stack("c", width=70))
        assert (joined.axes, joined.chosen) == ("cyx", (0, 2))
        project.images.set_axes(2, "zyx")
        joined = project.add_image(stack("d", width=80))
        assert (joined.axes, joined.chosen) == ("zyx", ())
        assert {record.axes for record in project.images.all()} == {"zyx"}


def test_alpha_is_left_out_only_where_it_was_found(tmp_path: Path) -> None:
    """An axis that is no channels any more has no alpha channel; back as it was, it has."""
    with Project(tmp_path / "p.unet") as project:
        project.add_image(Image("drawn", np.zeros((20, 30, 4), np.uint8), "yxc", alpha=True))
        for axes, channels, planes in (("yxz", 1, 4), ("cyx", 20, 1), ("yxc", 3, 1)):
            project.images.set_axes(1, axes)
            for found in (project.images.get(1), project.images.open(1)):
                assert (found.channels, found.planes) == (channels, planes)


@pytest.mark.parametrize("axes", ["", "yx", "zzyx", "zcx", "z1x", "zyxc", "ÿyx"])
def test_axes_that_do_not_fit_are_refused(project: Project, axes: str) -> None:
    """In one line, and what was remembered stays."""
    before = project.images.get(1)
    with pytest.raises(UserError, match=r"^NU-I32: "):
        project.images.set_axes(1, axes)
    assert project.images.get(1) == before


def test_axes_stay_once_something_was_painted(project: Project) -> None:
    """Strokes lie on planes; so do test areas."""
    other = project.add_image(Image("other", np.zeros((2, 30, 30), np.uint8), "zyx"))
    project.commit(1, 0, np.ones((HEIGHT, WIDTH), np.uint8))
    project.test_areas.replace(other.id, 0, [Region(0, 0, 9, 9)])
    for image_id in (1, other.id):
        with pytest.raises(UserError, match=r"^NU-I33: "):
            project.images.set_axes(image_id, "tyx")
    project.test_areas.replace(other.id, 0, [])
    with pytest.raises(UserError, match=r"^NU-I09: "):
        project.images.set_axes(other.id, "cyx")
    project.images.set_axes(other.id, "tyx")
    assert (project.images.get(1).axes, project.images.get(other.id).axes) == ("zyx", "tyx")


def test_an_image_of_another_kind_joins_no_painted_project(tmp_path: Path) -> None:
    """Not even its copy is made; before something is painted, and after all of it was undone, it joins."""
    with Project(tmp_path / "p.unet") as project:
        project.add_class()
        first = project.add_image(picture())
        colours = Image("colours", np.zeros((40, 50, 3), np.uint8), "yxc")
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        labels[:9] = 1
        project.commit(first.id, 0, labels)
        copies = list((project.folder / "images").iterdir())
        with pytest.raises(UserError, match=r"^NU-I09: it would have 3 channels"):
            project.add_image(colours)
        assert list((project.folder / "images").iterdir()) == copies
        assert len(project.images.all()) == 1
        second = project.add_image(Image("other", np.eye(HEIGHT, WIDTH), "yx"))
        for image_id, drawn in ((second.id, labels), (first.id, 0 * labels)):
            project.commit(image_id, 0, drawn)
            with pytest.raises(UserError, match=r"^NU-I09: it would have 3 channels"):
                project.add_image(colours)
        project.commit(second.id, 0, 0 * labels)
        assert project.add_image(colours).channels == 3


def test_of_the_painted_images_one_of_each_kind_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding an image to a project of thousands makes no record of each."""
    with Project(tmp_path / "p.unet") as project:
        project.add_class()
        for number in range(8):
            record = project.add_image(Image("drawn", np.full((9, 9 + number % 2), number), "yx"))
            project.commit(record.id, 0, np.ones(record.annotation_shape, np.uint8))
        made = Mock(side_effect=images_module.image_record)
        monkeypatch.setattr(images_module, "image_record", made)
        project.add_image(Image("drawn", np.full((9, 9), 8), "yx"))
    assert made.call_count == 2


def several(name: str, seed: int, channels: int = 3) -> Image:
    """Noise in some channels."""
    pixels = np.random.default_rng(seed).integers(0, 99, (channels, 40, 50), np.uint8)
    return Image(name, pixels, "cyx")


def test_only_chosen_channels_are_seen_by_all_images_alike(tmp_path: Path) -> None:
    """Of images that are there and of those that join later; the image stays the one that it was."""
    from napari_unet.api import verify

    with Project(tmp_path / "p.unet") as project:
        first, second = several("first", 0), several("second", 1)
        four = project.add_image(several("four", 2, channels=4))
        before = project.add_image(first)
        project.add_image(second)
        project.images.set_channels(before.id, [2, 0])
        later = several("later", 3)
        assert as_joining(project.database, later).chosen == (0, 2)
        project.add_image(later)
        for record, image in zip(project.images.all()[1:], (first, second, later), strict=True):
            opened = project.images.open(record.id)
            np.testing.assert_array_equal(opened.read(0), image.read(0)[..., [0, 2]])
            assert (record.channels, record.all_channels, opened.channels) == (2, 3, 2)
            assert opened.fingerprint() == image.fingerprint() == record.fingerprint
        assert project.images.get(four.id) == four
        assert project.add_image(first).id == before.id
        project.images.set_channels(before.id, [0, 1, 2])
        assert project.images.get(before.id) == before
        assert as_joining(project.database, several("last", 4)).chosen == ()
    assert verify(tmp_path / "p.unet") == []


def test_channels_may_be_chosen_by_numbers_of_numpy(tmp_path: Path) -> None:
    """They are kept as those of Python, and the image is read by them."""
    with Project(tmp_path / "p.unet") as project:
        image_id = project.add_image(several("a", 0)).id
        project.images.set_channels(image_id, [np.int64(2), np.uint8(0)])
        assert project.images.get(image_id).chosen == (0, 2)
        assert project.images.open(image_id).read(0).shape == (40, 50, 2)


def test_channels_that_cannot_be_chosen_are_refused(tmp_path: Path) -> None:
    """None of them, one that is not there, ticks, and any once it was painted on; nothing has changed then."""
    with Project(tmp_path / "p.unet") as project:
        add_classes(project, 1)
        image_id = project.add_image(several("a", 0)).id
        other = project.add_image(several("b", 1)).id
        for chosen in ([], [3], [-1, 0], [False, True, False]):
            with pytest.raises(UserError, match=r"^NU-I34: "):
                project.images.set_channels(image_id, chosen)
        project.images.set_channels(image_id, [1])
        project.commit(image_id, 0, np.ones((40, 50), np.uint8))
        with pytest.raises(UserError, match=r"^NU-I33: "):
            project.images.set_channels(image_id, [2])
        with pytest.raises(UserError, match=r"^NU-I09: "):
            project.images.set_channels(other, [0, 1])
        project.images.set_channels(other, [2])
        assert [record.chosen for record in project.images.all()] == [(1,), (2,)]


def test_other_axes_have_other_channels(tmp_path: Path) -> None:
    """A choice is of the channels that were there; all of the new ones are seen."""
    with Project(tmp_path / "p.unet") as project:
        project.add_image(several("a", 0))
        project.images.set_channels(1, [1])
        project.images.set_axes(1, "ycx")
        assert (project.images.get(1).chosen, project.images.get(1).channels) == ((), 40)


def test_the_same_image_is_added_once(project: Project) -> None:
    """Adding equal pixels again gives the record that is there."""
    assert project.add_image(picture()) == project.images.all()[0]
    assert len(project.images.all()) == 1


# Power cuts


PAINTER = """
import sys
import numpy as np
from napari_unet.project.project import Project
project = Project(sys.argv[1])
for stroke in range(int(sys.argv[2]), 1000):
    labels = project.strokes.plane(1, 0)
    labels.flat[stroke * 20] = 1 + stroke % 2
    project.commit(1, 0, labels)
    print(stroke, flush=True)
"""


def test_a_kill_loses_no_acknowledged_stroke(project: Project) -> None:
    """Whenever the painting process is killed, every stroke whose commit returned is in the project."""
    folder = project.folder
    project.close()
    painted = 0
    for lines in (1, 7, 20, 2, 40):
        child = subprocess.Popen(
            [sys.executable, "-c", PAINTER, str(folder), str(painted)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        heard = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL) if hasattr(signal, "SIGKILL") else child.kill()
        heard += child.stdout.read().splitlines(keepends=True)
        child.stdout.close()
        child.wait()
        painted = int([line for line in heard if line.endswith("\n")][-1]) + 1
        with Project(folder) as again:
            labels = again.strokes.plane(1, 0).ravel()[: painted * 20 : 20]
            assert again.integrity() == []
        np.testing.assert_array_equal(labels, 1 + np.arange(painted) % 2)


def test_what_killed_writes_left_behind_is_swept(tmp_path: Path) -> None:
    """When the project is opened for writing: our old temporary files, and neither young ones nor others' files."""
    folder = tmp_path / "p.unet"
    with Project(folder) as project:
        project.models.mkdir(exist_ok=True)
        (folder / "images").mkdir(exist_ok=True)
    old, new = ".writing-0123456789abcdef", ".writing-fedcba9876543210"
    ours = [folder / f"{old}.json", folder / "models" / f"{old}.safetensors", folder / "images" / f"{old}.npy"]
    ours += [folder / ".writing-salvaged.sqlite", folder / old]
    young = [folder / "models" / f"{new}.safetensors"]
    others = [folder / ".writing-desk.txt", folder / "models" / "writing-0123456789abcdef", tmp_path / old]
    for path in (*ours, *young, *others):
        path.write_bytes(b"x")
        age = 0 if path in young else 4000
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    Project(folder, read_only=True).close()
    assert all(path.exists() for path in ours)
    Project(folder).close()
    assert [path for path in ours if path.exists()] == []
    assert all(path.exists() for path in (*young, *others))


def test_the_names_that_scripts_use_are_kept(tmp_path: Path) -> None:
    """What the pages of the documentation called before there were repositories does the same."""
    with Project(tmp_path / "p.unet") as project:
        assert [project.add_class(name) for name in ("background", "cell")] == project.classes.all()
        record = project.add_image(picture(9, 9))
        assert project.images.all() == project.images.all() == [record]
        labels = np.eye(9, dtype=np.uint8)
        assert project.commit(record.id, plane=1, labels=labels) == [(0, 0)]
        np.testing.assert_array_equal(project.strokes.plane(record.id, 1), labels)
        project.images.set_pixel_size(record.id, PixelSize(0.5, 0.5, "um"))
        assert project.images.get(record.id).pixel_size == PixelSize(0.5, 0.5, "um")


def test_a_path_that_is_no_text_joins_no_project(tmp_path: Path) -> None:
    """Nor does a name: the database holds text. A layer of such a name is kept under one that can be written."""
    strange = os.fsdecode(b"cell\xe9")
    with Project(tmp_path / "p.unet") as project:
        with pytest.raises(UserError, match="NU-I10"):
            project.images.add(picture(), tmp_path / f"{strange}.tif")
        assert project.images.all() == []
        assert project.images.add(replace(picture(), name=strange)).name == "cell?"


def test_a_file_that_is_elsewhere_may_be_told_as_text(project: Project) -> None:
    """Of an image that is there."""
    (record,) = project.images.all()
    project.images.relocate(record.id, str(project.folder / "elsewhere.tif"))
    assert project.images.get(record.id).path == project.folder / "elsewhere.tif"
    with pytest.raises(UserError, match="NU-P05"):
        project.images.relocate(99, "elsewhere.tif")
