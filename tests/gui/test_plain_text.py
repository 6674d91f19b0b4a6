"""Law of texts: whatever files, projects and classes are called, no label and no tool tip obeys tags in a name."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

pytest.importorskip("napari")
from fake_worker import SilentClient
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QLabel, QMessageBox, QWidget
from window import User, settle

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ErrorLine, Notice
from napari_unet.errors import UserError
from napari_unet.evaluation.scores import ClassScore, Score
from napari_unet.gui.hooks import layer_files
from napari_unet.gui.plain_text import PlainLabel, untagged
from napari_unet.gui.sections.image_facts import CorrectionDialog
from napari_unet.gui.sections.read_only_offer import open_or_read
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project
from napari_unet.protocol.messages import Ready, Scored

if os.name == "nt":
    pytest.skip("Windows takes no < in a name", allow_module_level=True)

MOST_COLUMNS = 9  # a list does not say how many it has
TAGS = ["<img src=file:%2Fetc%2Fhostname>", "<b>x", "&lt;i&gt;"]


def texts(widget: QWidget) -> Iterator[tuple[QWidget, str]]:
    """Yield every text below a widget that Qt might take for rich, with the widget that shows it."""
    for each in [widget, *widget.findChildren(QWidget)]:
        yield each, each.toolTip()
        if isinstance(each, QLabel) and each.textFormat() != Qt.TextFormat.PlainText:
            yield each, each.text()
        if isinstance(each, QAbstractItemView) and each.model() is not None:
            model = each.model()
            for row in range(model.rowCount()):
                for column in range(MOST_COLUMNS):
                    place = model.index(row, column)
                    tip = model.data(place, Qt.ItemDataRole.ToolTipRole) if place.isValid() else ""
                    yield each, str(tip or "")


def obeyed(widget: QWidget) -> list[str]:
    return [text for _, text in texts(widget) if Qt.mightBeRichText(text)]


@pytest.mark.parametrize("tag", TAGS)
def test_no_label_and_no_tool_tip_of_the_panel_obeys_a_name(tag: str, viewer: Any, tmp_path: Path) -> None:
    """Of folder, file, channels and classes, and of every line that is told, in the panel and in notifications."""
    path, folder = tmp_path / f"{tag}.ome.tif", tmp_path / f"{tag}.unet"
    pixels = np.random.default_rng(0).integers(0, 999, (2, 90, 80)).astype(np.uint16)
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": "CYX", "Channel": {"Name": [tag, "b"]}})
    with Project(folder) as project:
        for name in (tag, "cell"):
            project.add_class(name)
        record = project.add_image(open_image(path), path)
        project.commit(record.id, 0, np.eye(90, 80, dtype=np.uint8))
    user = User.of_project(viewer, folder, SilentClient)
    panel, publish = user.panel, user.panel.controller.publish
    assert settle(lambda: panel.canvas.annotation is not None, 20)
    line = str(UserError("NU-I11", f"the image is damaged ({tag})", str(path), tag))
    scores = tuple(ClassScore(k, 0.5, 0.4, 0.6, 900, 9, 9) for k in (1, 2))
    for news in (Ready("cpu", tag), ErrorLine(line), Notice(line), Scored(Score(1, 0.5, scores), 0.1)):
        publish(news)
        settle(seconds=0.1)
        assert obeyed(panel) == []
    shown = [label.text() for label in panel.findChildren(QLabel)]
    assert any(tag in text for text in shown)
    told = [str(record.message) for record in notification_manager.records]
    assert sum("NU-I11" in message for message in told) >= 2
    assert not any(map(Qt.mightBeRichText, told))
    correction = CorrectionDialog(record, [tag, "b"], lambda *_: None, panel)
    assert obeyed(correction) == []
    with pytest.raises(UserError, match="NU-E07") as caught:
        layer_files.write_labels_png(str(tmp_path / "a.png"), np.full((9, 9), 300), {"name": tag})
    assert not Qt.mightBeRichText(str(caught.value))


def test_a_question_does_not_obey_a_name(viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project that is open elsewhere is offered by its name."""
    asked: list[str] = []

    def question(parent: object, title: str, text: str, buttons: object) -> object:
        asked.append(text)
        return QMessageBox.StandardButton.Cancel

    def refuse(controller: Controller, folder: Path) -> None:
        raise UserError("NU-P09", "open elsewhere", str(folder), "close it there")

    monkeypatch.setattr(Controller, "open_project", refuse)
    monkeypatch.setattr(QMessageBox, "question", question)
    with pytest.raises(UserError):
        open_or_read(Controller(SilentClient), tmp_path / TAGS[1], None)
    assert "<b>x" in asked[0].replace("\u200b", "")
    assert not Qt.mightBeRichText(asked[0])


def test_tags_would_be_obeyed(qtbot: Any) -> None:
    """The checks above can fail: a plain QLabel obeys, and Qt takes the texts for rich before they are made plain."""
    for tag in TAGS:
        assert Qt.mightBeRichText(f"a {tag}")
        assert not Qt.mightBeRichText(untagged(f"a {tag}"))
        assert untagged(tag).replace("\u200b", "") == tag
        label = QLabel(f"a {tag}")
        label.setToolTip(f"a {tag}")
        assert len(obeyed(label)) == 2
        assert obeyed(PlainLabel(f"a {tag}")) == []
    assert untagged("a & b, 3 > 2") == "a & b, 3 > 2"
