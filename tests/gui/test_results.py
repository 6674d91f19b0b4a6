"""Laws of the section of the results: counts as they come, knobs that are settings, an export that stays in place."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import tifffile
from hand import SIDE, Hand, open_black_image
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QWidget
from window import settle

from napari_unet.config import Settings, changed
from napari_unet.errors import UserError
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.gui.remembered import Remembered, remember, remembered
from napari_unet.gui.sections.class_table import QUALITY
from napari_unet.gui.sections.estimate_lines import NONE_YET
from napari_unet.images.reading import open_image
from napari_unet.objects.class_counts import ClassCount
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m


def counted(hand: Hand, *classes: ClassCount, **other: Any) -> None:
    """Let the worker tell the counts of what is on screen."""
    controller = hand.panel.controller
    place = {"generation": controller.generation, "image_id": controller.image.id, "plane": 0} | other
    hand.worker.inbox = [m.Counted(**place, classes=classes)]
    settle(lambda: not hand.worker.inbox, 5)


def settings_of(hand: Hand) -> Settings:
    return hand.panel.controller.present_project().settings.read()


def test_counts_and_shares_are_told_as_they_come(hand: Hand) -> None:
    """In the names of the classes; an answer to an older wish is dropped; another project begins without."""
    counts = hand.panel.results.counts
    first = counts.counts.text()
    counted(hand, ClassCount(2, 3, 0.5), generation=hand.panel.controller.generation - 1)
    assert counts.counts.text() == first
    counted(hand, ClassCount(2, 12, 0.314, 23.4))
    assert counts.counts.text() == "12 class 2, 31 %"
    assert "of the plane" not in counts.counts.toolTip()
    estimates = (EstimatedDice(1, None, reason="why"), EstimatedDice(2, 0.9, 0.8, 0.95))
    controller = hand.panel.controller
    hand.worker.inbox = [m.Estimated(controller.generation, controller.image.id, controller.view.plane, estimates)]
    bounds = "class 2: 21 % to 47 % of the plane, by the interval of its estimated Dice"
    assert settle(lambda: counts.counts.toolTip() == f"12 class 2, 31 %\n{bounds}", 5)
    assert counts.remark.text() == ""
    assert not counts.all_button.isVisibleTo(counts)
    hand.panel.class_table.renamed.emit(2, "<b>cell")
    counted(hand, ClassCount(2, 1, 0.0123, 23.4))
    assert counts.counts.text() == "1 <b>cell, 1.2 %"
    hand.panel.class_table.renamed.emit(2, "nuclei of the proximal tubule")
    counted(hand, ClassCount(2, 12, 0.31, 23.4))
    assert counts.counts.text() == "12 nuclei of the proxi…, 31 %"
    assert counts.counts.toolTip().startswith("12 nuclei of the proximal tubule, 31 %")
    counted(hand)
    assert counts.counts.text() == first
    place = {"generation": hand.panel.controller.generation, "image_id": hand.panel.controller.image.id, "plane": 0}
    hand.worker.inbox = [m.Counted(**place, classes=(), reason="Not counted here")]
    assert settle(lambda: counts.counts.text() == counts.counts.toolTip() == "Not counted here", 5)


def test_the_shares_of_all_classes_are_in_sight(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are shortened until the line, which a remark lets be one only, holds them all."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((SIDE, SIDE), np.uint16))
    label, table = hand.panel.results.counts.counts, hand.panel.class_table
    table.added.emit()
    table.renamed.emit(2, "glandular epithelium")
    table.renamed.emit(3, "stromal nucleus")
    counted(hand, ClassCount(2, 2, 0.61, too_small=16), ClassCount(3, 42, 0.11))
    assert "left out" in hand.panel.results.counts.remark.text()
    assert "61 %" in label.text()
    assert label.text().endswith("…, 11 %")
    assert label.fontMetrics().horizontalAdvance(label.text()) <= label.width() - 10
    assert "2 glandular epithelium, 61 %" in label.toolTip()
    table.renamed.emit(2, "nucleus, living")
    table.renamed.emit(3, "nucleus, dead")
    assert label.text().startswith("2 nucleus, l")  # shorter, both would be "nucleus…"


def test_numbers_of_another_plane_or_image_are_not_shown(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, qualities and the text in the corner go when the slider moves or another image comes."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((2, SIDE, SIDE), np.uint16))
    panel, controller, text = hand.panel, hand.panel.controller, viewer.canvas.overlays.text
    panel.score_card.on_image.click()
    other = viewer.add_image(np.ones((2, SIDE, SIDE), np.uint16), name="other")

    def shown() -> list[bool]:
        quality = panel.class_table.table.item(0, QUALITY).text()
        none_yet = panel.score_card.estimate.headline.text() == NONE_YET
        return ["12 class 2" in panel.results.counts.counts.text(), quality == "0.90", text.visible, not none_yet]

    def tell() -> None:
        place = {"generation": controller.generation, "image_id": controller.image.id, "plane": controller.view.plane}
        both = (EstimatedDice(1, 0.9, 0.8, 1.0), EstimatedDice(2, 0.5, 0.4, 0.6))
        hand.worker.inbox = [m.Counted(**place, classes=(ClassCount(2, 12, 0.3),)), m.Estimated(**place, classes=both)]
        assert settle(lambda: all(shown()), 5)

    tell()
    viewer.dims.set_current_step(0, 1)
    assert settle(lambda: not any(shown()), 5)
    tell()
    panel.choose_image(other)
    assert not any(shown())


def test_counts_follow_the_classes(hand: Hand) -> None:
    """One that is renamed has its new name at once, one that is removed is gone: the next counts may never come."""
    table, counts = hand.panel.class_table, hand.panel.results.counts
    table.named.emit("debris")
    counted(hand, ClassCount(2, 12, 0.3), ClassCount(3, 4, 0.2))
    assert "4 debris, 20 %" in counts.counts.text()
    table.renamed.emit(2, "nuclei")
    assert "12 nuclei, 30 %" in counts.counts.text()
    table.removed.emit(3)
    assert counts.counts.text() == "12 nuclei, 30 %"


def test_a_count_among_specks_is_questioned(hand: Hand) -> None:
    """What is left out is said, as a question where it is more than what is counted; one click counts it."""
    counts = hand.panel.results.counts
    counted(hand, ClassCount(2, 12, 0.3, 20.0, 3, 1))
    assert counts.remark.text() == "4 left out"
    counted(hand, ClassCount(2, 10, 0.3, 100.0, 145))
    assert counts.remark.text() == "145 left out: right size?"
    assert "Too small: 145, too large: 0. What is over 3 times narrower" in counts.remark.toolTip()
    hand.panel.settings_form.fields["object_range"].value = 1.5
    counted(hand, ClassCount(2, 10, 0.3, 100.0, 150))
    assert "What is over 1.5 times narrower" in counts.remark.toolTip()
    assert counts.all_button.isVisibleTo(hand.panel)
    counts.all_button.click()
    assert settle(lambda: settings_of(hand).object_range == 0, 5)


def test_the_size_that_was_found_is_named_until_one_is_set(hand: Hand) -> None:
    """Of the class with most area; a size that is set counts again where every size did."""
    knobs = hand.panel.results.knobs
    counted(hand, ClassCount(2, 12, 0.3, 23.4), ClassCount(3, 1, 0.4, 70.0))
    assert knobs.size.text() == "23 px found"  # class 3 is none of the project
    hand.panel.results.counts.all_button.click()
    assert settle(lambda: settings_of(hand).object_range == 0, 5)
    knobs.size.setValue(31)
    assert settle(lambda: settings_of(hand).object_size == 31, 5)
    assert settings_of(hand).object_range == Settings().object_range
    assert knobs.size.text() == "31 px"


def test_settings_that_are_refused_are_not_shown(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Knobs and the form go back to what is in force, and send nothing of it along later."""
    knobs, form, project = hand.panel.results.knobs, hand.panel.settings_form, hand.panel.controller.project
    full = UserError("NU-P07", "the project cannot be written", str(project.folder), "check free space")
    with monkeypatch.context() as patch:
        patch.setattr(hand.panel.controller, "change_settings", Mock(side_effect=full))
        knobs.size.setValue(31)
        form.fields["border_weight"].value = 50
        assert settle(lambda: knobs.size.value() == 0, 5)
        assert form.fields["border_weight"].value == Settings().border_weight
    knobs.split.setValue(10)
    assert settle(lambda: settings_of(hand).object_split == 0.1, 5)
    assert settings_of(hand) == changed(Settings(), {"object_split": 0.1})


def test_a_size_has_the_unit_of_the_image(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found or set, where the size of a pixel is known."""
    scaled = {"scale": (0.5, 0.5), "units": ("um", "um")}
    hand = open_black_image(viewer, monkeypatch, np.zeros((SIDE, SIDE), np.uint8), **scaled)
    size = hand.panel.results.knobs.size
    for typical, said in ((2468.0, "1200 µm found"), (52.6, "26 µm found")):
        counted(hand, ClassCount(2, 12, 0.3, typical))
        assert size.text() == said
    assert size.fontMetrics().horizontalAdvance(size.text()) <= size.lineEdit().width()
    size.setValue(31)
    assert size.text() == "31 px, 15.5 µm"
    assert settle(lambda: settings_of(hand).object_size == 31, 5)
    assert size.text() == "31 px, 15.5 µm"
    assert size.fontMetrics().horizontalAdvance(size.text()) <= size.lineEdit().width()


def test_a_line_across_an_object_is_its_size(hand: Hand) -> None:
    """One drag; the layer of strokes is selected again after it, nothing is painted, and no line is left."""
    annotation = hand.panel.canvas.annotation
    before = annotation.data.copy()
    hand.panel.results.knobs.measure_button.click()
    settle(seconds=0.1)
    hand.drag((40, 30), (40, 70))
    assert settle(lambda: settings_of(hand).object_size, 10)
    assert settings_of(hand).object_size == pytest.approx(40, abs=2)
    assert hand.viewer.layers.selection.active is annotation
    np.testing.assert_array_equal(annotation.data, before)
    assert not hand.viewer.layers["drawing"].visible


def test_knobs_are_settings_of_the_project(hand: Hand) -> None:
    """Separate, holes and border by name; a class that is new is offered, other changes of the settings are shown."""
    knobs, controller = hand.panel.results.knobs, hand.panel.controller
    hand.panel.class_table.added.emit()
    hand.panel.class_table.renamed.emit(3, "rim")
    assert [knobs.border.itemText(k) for k in range(knobs.border.count())] == ["none", "class 2", "rim"]
    knobs.split.setValue(80)
    for box, index in ((knobs.holes, 2), (knobs.border, 2)):
        box.setCurrentIndex(index)
        box.activated.emit(index)
    assert settle(lambda: settings_of(hand).object_border == 3, 5)
    assert (settings_of(hand).object_split, settings_of(hand).object_holes) == (0.8, 1_000_000)
    controller.change_settings(Settings(object_split=0.25, object_size=12, object_holes=0))
    assert (knobs.split.value(), knobs.size.value()) == (25, 12)
    assert (knobs.holes.currentText(), knobs.border.currentText()) == ("none", "none")
    counted(hand, ClassCount(2, 4, 0.3), ClassCount(3, 0, 0.05))
    controller.change_settings(Settings(object_border=3))
    counted(hand, ClassCount(2, 4, 0.3), ClassCount(3, 0, 0.05))
    assert hand.panel.results.counts.counts.text() == "4 class 2, 30 %\nrim 5.0 %"


def test_outlines_are_the_choice_of_what_is_shown(hand: Hand) -> None:
    """The tick and "Also show" say the same, whichever is changed."""
    outlines, kind = hand.panel.results.knobs.outlines, hand.panel.view_row.kind
    outlines.click()
    assert kind.currentText() == "objects"
    assert hand.panel.object_layer.layer.visible
    kind.setCurrentText("uncertainty")
    assert not outlines.isChecked()
    outlines.click()
    outlines.click()
    assert kind.currentText() == "nothing"


@pytest.fixture
def filed(viewer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hand:
    """The panel on a file, in a project of two images."""
    for grey, name in enumerate(("a", "b")):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.full((SIDE, SIDE), grey, np.uint8))
    hand = open_black_image(viewer, monkeypatch, np.zeros((SIDE, SIDE), np.uint8))
    with Project(tmp_path / "cells.unet") as project:
        for name in ("a", "b"):
            project.add_image(open_image(tmp_path / f"{name}.tif"), tmp_path / f"{name}.tif")
    hand.panel.open_project(tmp_path / "cells.unet")
    return hand


def test_all_images_go_beside_the_project_by_themselves(filed: Hand, tmp_path: Path) -> None:
    """One click, no question; the line said before what is written and where, and says it after."""
    row = filed.panel.export_row
    assert row.plan.text() == "2 images → cells-results"
    assert str(tmp_path / "cells-results") in row.plan.toolTip()
    row.button.click()
    wish = next(message for message in filed.worker.sent if isinstance(message, m.Export))
    assert wish == m.Export((1, 2), str(tmp_path / "cells-results"), ("tiff", "png", "csv"))
    paths = tuple(str(tmp_path / "cells-results" / f"{name}.tif") for name in "ab")
    filed.worker.inbox = [m.Exported(paths)]
    assert settle(lambda: row.exported.text() == "2 files in cells-results", 5)
    assert "a.tif\nb.tif" in row.exported.toolTip()


def test_export_does_not_move_and_opens_the_folder(
    filed: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every widget of the section keeps its place before, during and after; the button shows the files."""
    row, results = filed.panel.export_row, filed.panel.results
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))

    def places() -> list[Any]:
        settle(seconds=0.2)
        stay = [
            w for w in results.findChildren(QWidget) if not row.going.isAncestorOf(w) and w.parent() is not row.done
        ]
        return [w.geometry() for w in stay if w not in (row.plan, row.going, row.done)] + [results.geometry()]

    before = places()
    row.button.click()
    assert row.going.isVisible()
    assert places() == before
    filed.worker.inbox = [m.Exported(tuple(str(tmp_path / "r" / f"{k}.tif") for k in range(14)))]
    assert settle(lambda: row.done.isVisible(), 5)
    assert places() == before
    row.open_button.click()
    assert opened == [str(tmp_path / "r")]


def test_choices_are_remembered(filed: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Formats, this image only, and the folder of the project, for the next panel; other projects have their own."""
    row = filed.panel.export_row
    row.images.setCurrentIndex(1)
    row.images.activated.emit(1)
    assert row.plan.text() == "a → cells-results"
    row.formats_button.tick(("csv", "geojson"))
    asked: list[str] = []
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *of: asked.append(of[2]) or str(tmp_path / "mine"))
    row.folder_button.click()
    row.button.click()
    assert asked == [str(Path.home())]
    wish = next(message for message in filed.worker.sent if isinstance(message, m.Export))
    assert wish == m.Export((1,), str(tmp_path / "mine"), ("csv", "geojson"))
    kept = remembered()
    assert (kept.formats, kept.all_images) == (("csv", "geojson"), False)
    again = type(row)(filed.panel.controller, lambda: None)
    assert (again.formats, again.all_images, again.folder) == (("csv", "geojson"), False, tmp_path / "mine")
    filed.panel.open_project(tmp_path / "other.unet")
    assert row.folder == tmp_path / "other-results"


def test_the_folder_of_the_images_takes_a_folder_of_results(filed: Hand, tmp_path: Path) -> None:
    """Whoever chooses the place of the images has the results in a folder there: no mask takes an image's name."""
    row = filed.panel.export_row
    row.choose_folder(tmp_path)
    assert row.folder == tmp_path / "cells-results"
    row.button.click()
    assert any(isinstance(message, m.Export) for message in filed.worker.sent)


def test_choices_hold_for_the_day_where_no_file_can_be_written(own_home: Path) -> None:
    """A folder of settings that takes no file; they are written as soon as it does."""
    place = own_home / ".config" / "napari-unet"
    place.parent.mkdir()
    place.write_bytes(b"no folder")
    remember(Remembered(("csv",)))
    assert remembered().formats == ("csv",)
    place.unlink()
    remember(Remembered(("tiff",)))
    assert (place / "panel.json").is_file()
    assert remembered().formats == ("tiff",)


def test_what_is_remembered_may_be_damaged(own_home: Path) -> None:
    """A file that is not ours is as none."""
    file = own_home / ".config" / "napari-unet" / "panel.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(b'{"formats": 3}')
    assert remembered().formats is None
