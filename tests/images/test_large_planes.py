"""Laws of planes larger than memory: read, painted and learned from by parts, with the numbers of the whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import write_pyramid

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.weight_map import border_weights
from napari_unet.evaluation.label_check import strokes_of
from napari_unet.images import lazy_plane, normalisation, planes
from napari_unet.images.image import LARGE, Image
from napari_unet.images.lazy_plane import LazyPlane
from napari_unet.images.normalisation import measure_normalisation
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.reading import open_image
from napari_unet.images.thumbnail import thumbnail
from napari_unet.images.tiled_plane import TILE, TiledPlane
from napari_unet.images.tiles import Region, read_mirrored
from napari_unet.project.images import Images
from napari_unet.project.project import Project
from napari_unet.project.split import held_out_pixels, training_pixels

SHAPE = (2 * TILE + 90, 3 * TILE - 40)
HUGE = 50_000


class Endless:
    """A plane that is drawn where it is read: rows of cells, and how much was read at once and in all."""

    def __init__(self, side: int) -> None:
        self.shape, self.dtype, self.most, self.total = (side, side), np.dtype(np.uint8), 0, 0

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        rows, columns = (np.arange(*part.indices(side)) for part, side in zip(key, self.shape, strict=True))
        self.most = max(self.most, rows.size * columns.size)
        self.total += rows.size * columns.size
        inside = (rows[:, None] % 40 - 20) ** 2 + (columns[None, :] % 50 - 20) ** 2 < 150
        return np.where(inside, 180, 60).astype(np.uint8) + (rows[:, None] * 7 + columns[None, :] * 3) % 11


@pytest.fixture
def huge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Project, Endless]]:
    """A project with two classes and a plane of 50 000 x 50 000 pixels that lies nowhere."""
    pixels = Endless(HUGE)
    monkeypatch.setattr(Images, "open", lambda self, image_id: Image("huge", pixels, "yx"))
    with Project(tmp_path / "p.unet") as project:
        project.add_image(Image("huge", pixels, "yx"), tmp_path / "nowhere")
        project.add_class()
        project.add_class()
        yield project, pixels


boxes = st.tuples(*(st.integers(0, side - 1) for side in SHAPE), st.integers(1, 200), st.integers(1, 200))
edits = st.tuples(st.sampled_from(["stroke", "stroke", "region", "area"]), boxes, st.integers(0, 3))


@settings(max_examples=25)
@given(st.lists(edits, min_size=2, max_size=6))
def test_what_is_kept_by_tiles_is_what_the_whole_plane_gives(tmp_path_factory: Any, sequence: list[Any]) -> None:
    """Labels, split, weights and places of classes, whatever is painted, erased and kept for testing, in any order."""
    with Project(tmp_path_factory.mktemp("p") / "p.unet") as project:
        project.add_image(Image("grey", np.zeros(SHAPE, np.uint8), "yx"))
        for _ in range(3):
            project.add_class()
        painted, annotations = np.zeros(SHAPE, np.uint8), Annotations(project)
        for kind, (y, x, height, width), value in sequence:
            before = painted.copy()
            region = Region(y, x, y + height, x + width).clipped(*SHAPE)
            if kind == "area":
                project.test_areas.replace(1, 0, [region])
            else:
                painted[region.slices] = value
            if kind == "region":
                project.commit(1, 0, painted[region.slices], region)
            else:
                project.commit(1, 0, painted)
            annotations.refresh(project.settings.read())
            np.testing.assert_array_equal(project.strokes.plane(1, 0), painted)
            np.testing.assert_array_equal(project.strokes.plane(1, 0, region), painted[region.slices])
            if (1, 0) in annotations.planes:
                refuse_difference(annotations, project, painted, before)


def test_a_stroke_changes_what_lies_beside_it_in_another_tile(tmp_path: Path) -> None:
    """Border weights and buffer zones reach over the rim of a tile, read bit by bit as read at once."""
    with Project(tmp_path / "p.unet") as project:
        project.add_image(Image("grey", np.zeros(SHAPE, np.uint8), "yx"))
        for _ in range(3):
            project.add_class()
        painted, annotations = np.zeros(SHAPE, np.uint8), Annotations(project)
        painted[:300, TILE - 8 : TILE - 1] = 1
        painted[:300, TILE - 14 : TILE - 9] = 2
        for class_id in (0, 2, 1, 3):
            before = painted.copy()
            painted[:300, TILE : TILE + 4] = class_id
            project.commit(1, 0, painted)
            annotations.refresh(project.settings.read())
            refuse_difference(annotations, project, painted, before)


def refuse_difference(annotations: Annotations, project: Project, painted: np.ndarray, before: np.ndarray) -> None:
    """Compare with what is computed from the whole plane at once."""
    plane, areas = annotations.planes[1, 0], project.test_areas.of(1).get(0, ())
    held_out = held_out_pixels(painted, 0, project.strokes.sides(1), areas)
    trained = training_pixels(painted, held_out, areas)
    np.testing.assert_array_equal(plane.labels, painted)
    np.testing.assert_array_equal(plane.held_out, held_out)
    np.testing.assert_array_equal(plane.trained, trained)
    assert not (plane.new[:] & ~trained).any()
    assert (plane.new[:] | ~trained | (before == painted)).all()
    whole = border_weights(painted, project.settings.read().border_weight, project.settings.read().border_sigma)
    np.testing.assert_allclose(plane.border[:][trained], whole[trained], rtol=1e-3)
    for class_id in range(1, 4):
        wanted = np.flatnonzero(trained & (painted == class_id))
        np.testing.assert_array_equal(plane.positions.get(class_id, np.zeros(0, int)), wanted)
    assert sum(np.count_nonzero(plane.held_out[block.slices]) for block in plane.held_out_blocks) == held_out.sum()
    for class_id, box, inside in strokes_of(plane.labels):
        assert (painted[box.slices][inside] == class_id).all()
    assert sum(inside.sum() for *_, inside in strokes_of(plane.labels)) == np.count_nonzero(painted)


@given(st.tuples(*[st.integers(-60, 400)] * 4), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_a_tiled_plane_is_an_array(corners: tuple[int, int, int, int], seed: int) -> None:
    """Written and read by region it gives what an array gives, and holds no tile that nobody wrote into."""
    shape = (TILE + 30, 2 * TILE)
    random = np.random.default_rng(seed)
    region = Region(*sorted(corners[:2]), *sorted(corners[2:]))
    region = Region(region.y0, region.y1, region.x0, region.x1).clipped(*shape)
    plane, array = TiledPlane(shape, np.uint8, 1), np.ones(shape, np.uint8)
    values = random.integers(0, 9, region.shape).astype(np.uint8)
    plane.write(region, values)
    array[region.slices] = values
    np.testing.assert_array_equal(plane, array)
    other = Region(10, 20, 290, 300)
    np.testing.assert_array_equal(plane[other.slices], array[other.slices])
    assert set(plane.tiles) == set(plane.places(region))
    assert sum(part.shape[0] * part.shape[1] for part, _ in plane.parts(other)) <= 280 * 280


@pytest.mark.parametrize("axes", ["yx", "yxc"])
def test_a_plane_read_by_pieces_is_the_plane(monkeypatch: pytest.MonkeyPatch, axes: str) -> None:
    """Any region, mirrored rim and all; what was read before stays, within the memory that was given."""
    monkeypatch.setattr(lazy_plane, "PIECE", 64)
    pixels = np.random.default_rng(0).integers(0, 4000, (200, 150, 3)[: len(axes)], np.uint16)
    whole = NormalisedPlanes(Image("noise", pixels, axes))[0]
    assert isinstance(whole, np.ndarray)
    monkeypatch.setattr(planes, "WHOLE", 0)
    by_pieces = NormalisedPlanes(Image("noise", pixels, axes))[0]
    assert isinstance(by_pieces, LazyPlane)
    np.testing.assert_array_equal(np.asarray(by_pieces), whole)
    for region in (Region(0, 0, 200, 150), Region(63, 1, 65, 150), Region(-20, 100, 90, 190), Region(5, 5, 6, 6)):
        np.testing.assert_array_equal(read_mirrored(by_pieces, region), read_mirrored(whole, region))


def learned(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> tuple[list[float], np.ndarray]:
    """Losses of some steps, and what the network says then."""
    from napari_unet.network.device import Device
    from napari_unet.training.learner import Learner

    with Project(folder) as project:
        project.settings.write(Settings(tile=64, width=4, batch=2))
        project.add_image(Image("noise", pixels, "yx"))
        project.add_class()
        project.add_class()
        project.commit(1, 0, labels)
        learner = Learner(project, Device("cpu", "", False))
        losses = [learner.step() for _ in range(4)]
        learner.show_newest(score=True)
        assert learner.predictor is not None
        found = learner.predictor.classes(learner.annotations.pixels(1)[0], Region(40, 100, 200, 180))
        return losses, found


def test_learning_from_pieces_is_learning_from_the_plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same strokes and seed give the same losses and the same answer, bit by bit."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (230, 300), np.uint8)
    labels = np.zeros(pixels.shape, np.uint8)
    labels[20:26, 10:200], labels[150:156, 40:290] = 1, 2
    expected = learned(tmp_path / "whole.unet", pixels, labels)
    monkeypatch.setattr(planes, "WHOLE", 0)
    monkeypatch.setattr(lazy_plane, "PIECE", 64)
    losses, found = learned(tmp_path / "pieces.unet", pixels, labels)
    assert losses == expected[0]
    np.testing.assert_array_equal(found, expected[1])


def test_strokes_cost_space_only_where_they_are(huge: tuple[Project, Endless]) -> None:
    """On 50 000 x 50 000 pixels two dabs are four tiles on disk and in memory; learning reads little else."""
    from napari_unet.network.device import Device
    from napari_unet.training.learner import Learner

    project, pixels = huge
    project.settings.write(Settings(tile=64, width=4, batch=1))
    for class_id, (y, x) in ((1, (30_000, 41_000)), (2, (HUGE - 60, 20))):
        patch = np.zeros((300, 300), np.uint8)
        patch[100:130, 20:60] = class_id
        region = Region(min(y, HUGE - 300), x, min(y, HUGE - 300) + 300, x + 300)
        project.commit(1, 0, patch, region)
    rows = project.database.execute("SELECT COUNT(*) FROM tiles").fetchone()[0]
    assert rows <= 4
    pixels.most = pixels.total = 0
    learner = Learner(project, Device("cpu", "", False))
    held = learner.annotations.planes[1, 0]
    assert held.labels.nbytes <= rows * TILE**2
    assert held.border.nbytes <= 4 * rows * TILE**2
    learner.step()
    learner.show_newest(score=True)
    assert learner.predictor is not None
    learner.predictor.classes(learner.annotations.pixels(1)[0], Region(30_000, 41_000, 30_256, 41_256))
    assert pixels.most <= 1024**2
    assert pixels.total < HUGE**2 / 100


def test_normalisation_of_a_large_plane_reads_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """It touches few places, and the percentiles are those of the plane within its noise."""
    pixels = Endless(HUGE)
    assert HUGE**2 > LARGE
    found = measure_normalisation(Image("huge", pixels, "yx"))
    assert pixels.total == (normalisation.SQUARES * normalisation.SQUARE) ** 2
    sample = Endless(2000)
    near = measure_normalisation(Image("sample", sample, "yx"))
    assert found.low[0] == pytest.approx(near.low[0], abs=1)
    assert found.high[0] == pytest.approx(near.high[0], abs=1)


def test_a_small_section_on_an_empty_slide_has_contrast(tmp_path: Path) -> None:
    """What lies between the sampled squares of a plane that is one value elsewhere is seen by the network."""
    section = np.random.default_rng(0).integers(100, 600, (1024, 1536), np.uint16)
    slide = zarr.create_array(tmp_path / "slide.zarr", shape=(30_000, 30_000), chunks=(2048, 2048), dtype=np.uint16)
    slide[14_400:15_424, 14_400:15_936] = section
    image = open_image(tmp_path / "slide.zarr")
    seen = measure_normalisation(image).apply(image.read(0, slice(14_400, 15_424), slice(14_400, 15_936)))
    assert np.ptp(seen) > 1


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_a_pyramid_opens_with_all_its_levels(tmp_path: Path, name: str) -> None:
    """The finest is the image, the others are there for looking, and a thumbnail comes from a coarse one."""
    finest = np.random.default_rng(0).integers(0, 255, (128, 192), np.uint8)
    levels = [finest, finest[::2, ::2], finest[::4, ::4]]
    write_pyramid(tmp_path / name, levels)
    image = open_image(tmp_path / name)
    np.testing.assert_array_equal(image.pixels, finest)
    for found, level in zip(image.coarser, levels[1:], strict=True):
        np.testing.assert_array_equal(found, level)
    np.testing.assert_array_equal(image.coarse(50).read(0)[..., 0], levels[1])
    np.testing.assert_array_equal(image.coarse(1000).read(0)[..., 0], finest)
    assert thumbnail(image, 48).shape == (32, 48, 3)


def test_a_damaged_level_leaves_the_image(tmp_path: Path) -> None:
    """A level that is no smaller, or not there, is no level; the image opens without it."""
    finest = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    write_pyramid(tmp_path / "same.zarr", [finest, finest[::2, ::2], finest])
    assert [level.shape for level in open_image(tmp_path / "same.zarr").coarser] == [(32, 32)]
    write_pyramid(tmp_path / "gone.zarr", [finest, finest[::2, ::2]])
    (tmp_path / "gone.zarr/1/zarr.json").unlink()
    image = open_image(tmp_path / "gone.zarr")
    assert image.coarser == ()
    np.testing.assert_array_equal(image.pixels, finest)
