"""Laws of the row that offers the formats."""

import pytest

from napari_unet.results.formats import FORMATS, MODEL_FORMAT

pytest.importorskip("qtpy.QtWidgets", exc_type=ImportError)
from napari_unet.gui.export_row import ExportRow


def test_every_format_is_offered_and_what_is_ticked_is_named(qtbot: object) -> None:
    """Boxes and menu hold every format once; ticking one in the menu adds it, in the order shown."""
    row = ExportRow()
    qtbot.addWidget(row)
    assert sorted([*row.boxes, *row.more]) == sorted([*FORMATS, MODEL_FORMAT])
    assert row.formats == ("tiff", "png", "csv")
    row.boxes["png"].setChecked(False)
    row.more["geojson"].setChecked(True)
    assert row.formats == ("tiff", "csv", "geojson")
