"""A plane too large for one layer, in a real window: layers follow the user, strokes end where they were painted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_worker import SilentClient
from hand import Hand
from image_files import write_pyramid
from napari.layers import Image, Labels
from qtpy.QtCore import QPoint
from window import messages, settle

from napari_unet.controller import cover
from napari_unet.gui.layers.placement import covering, geometry
from napari_unet.gui.sections.status_line import TOO_FAR_OUT
from napari_unet.images import image
from napari_unet.images.reading import open_image
from napari_unet.images.tiled_plane import TILE
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project
from napari_unet.project.strokes import Strokes
from napari_unet.protocol import messages as m

SHAPE = (1000, 700)
SIDE = 256


class Recorder(SilentClient):
    """Keeps what it is told, and says what is put into its inbox."""

    def __init__(self, log: Path) -> None:
        super().__init__(log)
        self.inbox: list[Any] = []

    def poll(self) -> list[Any]:
        said, self.inbox = self.inbox, []
        return [m.Alive(), *said]


class Wanderer(Hand):
    """A hand that goes to places of a plane before it paints there."""

    def go(self, y: float, x: float, pixels: float = 120) -> None:
        """Look at a place, with so many rows on screen, until the layers lie there."""
        camera = self.viewer.scene.camera
        camera.center = (0, y, x)
        camera.zoom = self.viewer.canvas.size[0] / pixels
        settle(seconds=0.3)

    def pixel(self, y: float, x: float) -> QPoint:
        part = self.panel.canvas.cover
        return super().pixel(y - part.y0, x - part.x0)


@pytest.fixture
def wanderer(viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wanderer:
    """A project with a pyramid of 1000 x 700 px, of which 256 x 256 are covered at once."""
    monkeypatch.setattr(cover, "SIDE", SIDE)
    for module in (cover, image):
        monkeypatch.setattr(module, "LARGE", SIDE**2)
    finest = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
    write_pyramid(tmp_path / "a.ome.zarr", [finest, finest[::2, ::2], finest[::4, ::4]])
    with Project(tmp_path / "p.unet") as project:
        project.add_image(open_image(tmp_path / "a.ome.zarr"), tmp_path / "a.ome.zarr")
    made = Wanderer.of_project(viewer, tmp_path / "p.unet", Recorder)
    settle(seconds=0.3)
    return made


def test_strokes_through_moving_layers_are_where_they_were_painted(wanderer: Wanderer) -> None:
    """In the corners, the middle and over places painted before; the database holds the tiles that were touched."""
    canvas, expected = wanderer.panel.canvas, np.zeros(SHAPE, np.uint8)
    assert wanderer.viewer.layers[0].multiscale
    covers = set()
    for class_id, y, x in ((1, 40, 40), (2, 960, 660), (1, 500, 350), (2, 30, 660), (1, 960, 45), (2, 40, 60)):
        wanderer.go(y, x)
        covers.add(canvas.cover)
        assert canvas.annotation.data.shape == canvas.prediction.data.shape == (SIDE, SIDE)
        wanderer.draw(class_id, (y, x - 15), (y, x + 15))
        settle(seconds=0.2)
        part = canvas.cover
        assert (float(y), float(x)) in part
        assert (wanderer.stored()[y, x - 12 : x + 12] == class_id).all()
        np.testing.assert_array_equal(wanderer.stored()[part.slices], wanderer.painted)
        expected[part.slices] = wanderer.painted
        np.testing.assert_array_equal(wanderer.stored(), expected)
    assert len(covers) == 6 - 1  # the last place was covered from before
    project = wanderer.panel.controller.project
    rows = project.database.execute("SELECT tile_row, tile_column FROM tiles").fetchall()
    touched = {(int(y) // TILE, int(x) // TILE) for y, x in np.argwhere(expected)}
    assert set(rows) == touched
    assert messages() == []


@pytest.mark.parametrize(
    "turned", [{}, {"rotate": 30}, {"shear": [0.2], "affine": [[1, 0.1, 3], [0, 2, 1], [0, 0, 1]]}]
)
def test_a_layer_over_a_part_lies_there(turned: dict[str, Any]) -> None:
    """However the image is scaled, moved and turned, a pixel of the part is where it is in the image."""
    over = Image(np.zeros((300, 200), np.uint8), scale=(0.5, 2), translate=(7, -3), **turned)
    part = Region(40, 120, 90, 200)
    layer = Labels(np.zeros(part.shape, np.uint8), **covering(geometry(over, False), part))
    for y, x in ((0, 0), (10, 70)):
        expected = over.data_to_world((y + part.y0, x + part.x0))
        np.testing.assert_allclose(layer.data_to_world((y, x)), expected)


def test_what_is_predicted_lies_where_it_belongs(wanderer: Wanderer) -> None:
    """Tiles are asked for where layers lie, cut to them, and those of the place before come too late."""
    wanderer.go(700, 300)
    canvas, worker = wanderer.panel.canvas, wanderer.panel.controller.worker.client
    looks = [message for message in worker.sent if isinstance(message, m.Look)]
    assert looks[-1].covered == canvas.cover
    visible = looks[-1].visible
    assert abs((visible.y0 + visible.y1) / 2 - 700) < 3
    assert abs((visible.x0 + visible.x1) / 2 - 300) < 3
    assert visible.shape[0] == pytest.approx(120, abs=4)
    region = Region(canvas.cover.y0 - 10, 290, canvas.cover.y0 + 20, 310)
    wanderer.answer(region, 2)
    assert (canvas.prediction.data[:20, 290 - canvas.cover.x0 : 310 - canvas.cover.x0] == 2).all()
    assert np.count_nonzero(canvas.prediction.data) == 20 * 20
    place = canvas.prediction.data_to_world((0, 290 - canvas.cover.x0))
    assert tuple(place) == (canvas.cover.y0, 290)
    late = wanderer.panel.controller.generation
    wanderer.go(100, 100)
    assert not canvas.prediction.data.any()
    wanderer.answer(Region(90, 90, 110, 110), 2, generation=late)
    assert not canvas.prediction.data.any()


def test_nothing_is_painted_from_too_far_away(wanderer: Wanderer) -> None:
    """One line says so; the brush is back when the user is near again."""
    panel = wanderer.panel
    wanderer.go(500, 350, pixels=600)
    assert panel.status_line.text() == TOO_FAR_OUT
    wanderer.drag((500, 340), (500, 360))
    panel.painting.paint_with(2)
    settle(seconds=0.2)
    wanderer.drag((500, 340), (500, 360))
    settle(seconds=0.2)
    assert not wanderer.stored().any()
    wanderer.go(500, 350)
    assert panel.status_line.text() != TOO_FAR_OUT
    wanderer.draw(2, (500, 340), (500, 360))
    settle(seconds=0.2)
    assert (wanderer.stored()[500, 343:358] == 2).all()


def test_layers_stay_with_strokes_that_the_disk_did_not_take(
    wanderer: Wanderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are nowhere else; once they are saved the layers go where the user looks."""
    wanderer.go(500, 350)
    canvas, before = wanderer.panel.canvas, wanderer.panel.canvas.cover
    real = Strokes.commit

    def full(*_: Any) -> list[tuple[int, int]]:
        raise image.UserError("NU-P07", "the project cannot be written", "here", "free some space")

    monkeypatch.setattr(Strokes, "commit", full)
    wanderer.draw(1, (500, 340), (500, 360))
    wanderer.go(100, 100)
    assert canvas.cover == before
    monkeypatch.setattr(Strokes, "commit", real)
    assert settle(lambda: canvas.cover != before, 10)
    assert (wanderer.stored()[500, 343:358] == 1).all()
