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
    """The menu holds every format once; ticking one adds it, in the order shown, to the button's text as well."""
    row, _ = export_row(qtbot)
    items = row.formats_button.items
    assert sorted(items) == sorted([*FORMATS, MODEL_FORMAT])
    assert row.formats == ("tiff", "png", "csv")
    items["png"].setChecked(False)
    items["geojson"].setChecked(True)
    assert row.formats == ("tiff", "csv", "geojson")
    assert row.formats_button.text_of_names == "TIFF, CSV, GeoJSON"
    assert row.formats_button.text() == "3 formats"


def test_the_row_tells_how_far_it_is_and_takes_no_second_export(qtbot: object) -> None:
    """A bar with two buttons while there is an export; the next one begins without a pause."""
    row, sent = export_row(qtbot)
    row.show()
    assert not row.going.isVisible()
    row.show_share(0.0)
    assert not row.button.isEnabled()
    assert row.going.isVisible()
    row.show_share(0.42)
    assert row.bar.value() == 42
    for button in (row.pause, row.pause, row.pause, row.cancel):
        button.click()
    assert sent == [PauseExport(on=True), PauseExport(on=False), PauseExport(on=True), CancelExport()]
    row.show_share(None)
    assert row.button.isEnabled()
    assert not row.going.isVisible()
    assert not row.pause.isChecked()
    assert len(sent) == 4
