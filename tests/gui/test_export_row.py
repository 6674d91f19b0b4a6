"""Laws of the row that offers the formats."""

import pytest

from napari_unet.export.formats import FORMATS, MODEL_FORMAT

pytest.importorskip("qtpy.QtWidgets", exc_type=ImportError)
from napari_unet.controller.controller import Controller
from napari_unet.gui.sections.export_row import ExportRow
from napari_unet.protocol.messages import CancelExport, PauseExport


def export_row(qtbot: object) -> tuple[ExportRow, list[object]]:
    """A row, and what it tells the worker."""
    controller, sent = Controller(lambda log: None), []
    controller.worker.send = sent.append
    row = ExportRow(controller, lambda: None)
    qtbot.addWidget(row)
    return row, sent


def test_every_format_is_offered_and_what_is_ticked_is_named(qtbot: object) -> None:
    """Boxes and menu hold every format once; ticking one in the menu adds it, in the order shown."""
    row, _ = export_row(qtbot)
    assert sorted([*row.boxes, *row.more]) == sorted([*FORMATS, MODEL_FORMAT])
    assert row.formats == ("tiff", "png", "csv")
    row.boxes["png"].setChecked(False)
    row.more["geojson"].setChecked(True)
    assert row.formats == ("tiff", "csv", "geojson")


def test_the_row_tells_how_far_it_is_and_takes_no_second_export(qtbot: object) -> None:
    """A bar with two buttons while there is an export; the next one begins without a pause."""
    row, sent = export_row(qtbot)
    assert row.going.isHidden()
    row.show_share(0.0)
    assert not row.button.isEnabled()
    assert not row.going.isHidden()
    row.show_share(0.42)
    assert row.bar.value() == 42
    for button in (row.pause, row.pause, row.pause, row.cancel):
        button.click()
    assert sent == [PauseExport(on=True), PauseExport(on=False), PauseExport(on=True), CancelExport()]
    row.show_share(None)
    assert row.button.isEnabled()
    assert row.going.isHidden()
    assert not row.pause.isChecked()
    assert len(sent) == 4
