"""Laws of strokes that cannot be saved, and of projects that can only be looked at; no window is needed for them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, create_autospec

import numpy as np
import pytest

napari_layers = pytest.importorskip("napari.layers")
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QMessageBox

from napari_unet.annotations.project import Project
from napari_unet.errors import UserError
from napari_unet.gui import read_only_offer
from napari_unet.gui.annotation_clock import AnnotationClock
from napari_unet.gui.controller import Controller
from napari_unet.gui.read_only_offer import open_or_read
from napari_unet.gui.strokes import StrokeWatcher

pytestmark = pytest.mark.filterwarnings("default")  # napari's own


def test_a_plane_that_could_not_be_saved_is_handed_over_until_it_is(qapp: Any) -> None:
    """Whichever plane is shown meanwhile; afterwards only the one that is shown is compared."""
    layer = napari_layers.Labels(np.zeros((5, 8, 8), np.uint8))
    dims = SimpleNamespace(point=(2.0, 0.0, 0.0), displayed=(1, 2), ndim=3, ndisplay=2)
    parent = QObject()
    saves = Mock(return_value=False)
    watcher = StrokeWatcher(layer, dims, saves, AnnotationClock(lambda: 0.0), parent)
    watcher.check()
    saves.assert_called_with([2])
    dims.point = (4.0, 0.0, 0.0)
    watcher.check()
    saves.assert_called_with([2, 4])
    dims.point = (0.0, 0.0, 0.0)
    watcher.check()
    saves.assert_called_with([0, 2, 4])
    saves.return_value = True
    watcher.check()
    saves.assert_called_with([0, 2, 4])
    assert watcher.unsaved == set()
    watcher.check()
    saves.assert_called_with([0])
    watcher.stop()


@pytest.mark.parametrize("code", ["NU-P02", "NU-P09", "NU-P10"])
@pytest.mark.parametrize("taken", [True, False])
def test_what_cannot_be_written_may_be_looked_at(code: str, taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is asked once, with the line that says why; without a yes the project is not opened."""
    controller = create_autospec(Controller, instance=True)
    error = UserError(code, "what", "where", "fix")
    project = create_autospec(Project, instance=True)
    controller.open_project.side_effect = [error, project]
    answer = QMessageBox.StandardButton.Open if taken else QMessageBox.StandardButton.Cancel
    question = Mock(return_value=answer)
    monkeypatch.setattr(read_only_offer.QMessageBox, "question", question)
    if taken:
        assert open_or_read(controller, Path("p.unet"), None) is project
        controller.open_project.assert_called_with(Path("p.unet"), read_only=True)
    else:
        with pytest.raises(UserError, match=code):
            open_or_read(controller, Path("p.unet"), None)
        assert controller.open_project.call_count == 1
    question.assert_called_once()
    assert f"{code}: what, where, fix" in question.call_args.args[2]


def test_other_refusals_are_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is no project cannot be looked at either."""
    controller = create_autospec(Controller, instance=True)
    controller.open_project.side_effect = UserError("NU-P01", "what", "where", "fix")
    monkeypatch.setattr(read_only_offer.QMessageBox, "question", Mock(side_effect=AssertionError))
    with pytest.raises(UserError, match="NU-P01"):
        open_or_read(controller, Path("p.unet"), None)
