"""Laws of the class table: the row that is selected is the class on the brush, and every number is of its own class."""

import pytest

pytest.importorskip("qtpy")
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit
from window import User, settle

from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.gui.sections.class_table import NAME, QUALITY, ClassTable
from napari_unet.project.classes import ClassLabel

CLASSES = [ClassLabel(1, "background", "#56B4E9"), ClassLabel(2, "cell", "#E69F00"), ClassLabel(3, "debris", "#CC79A7")]


def qualities(table: ClassTable) -> list[str]:
    """Return the texts of the column of the estimates."""
    return [table.table.item(row, QUALITY).text() for row in range(len(table.classes))]


@pytest.mark.parametrize(("gone", "next_one"), [(2, 3), (3, 2)])
def test_when_the_selected_class_goes_a_neighbour_is_chosen(qtbot: object, gone: int, next_one: int) -> None:
    """Everybody who follows the choice hears of it, also where the neighbour takes the same row."""
    table = ClassTable()
    table.show_classes(CLASSES, {})
    table.select(gone)
    chosen: list[int] = []
    table.chosen.connect(chosen.append)
    table.show_classes([label for label in CLASSES if label.id != gone], {})
    assert (table.selected, chosen[-1:]) == (next_one, [next_one])


def test_an_estimate_stays_with_its_class(qtbot: object) -> None:
    """When rows move up, and when a class comes that has none yet."""
    table = ClassTable()
    table.show_classes(CLASSES[:2], {})
    table.show_estimates([EstimatedDice(1, 0.9), EstimatedDice(2, 0.52)])
    table.show_classes(CLASSES, {})
    assert qualities(table) == ["0.90", "0.52", "n/a"]
    table.show_classes([CLASSES[0], CLASSES[2]], {})
    assert qualities(table) == ["0.90", "n/a"]


@pytest.mark.parametrize("row", [1, 3])
def test_a_name_that_is_refused_stays_in_no_row(qtbot: object, row: int) -> None:
    """Typed into its field, for a class or a new one, while nobody takes it."""
    table = ClassTable()
    table.show_classes(CLASSES, {})
    table.show()
    before = table.table.item(row, NAME).text()
    names: list[str] = []
    table.renamed.connect(lambda _, name: names.append(name))
    table.named.connect(names.append)
    table.begin_name(table.classes[row].id if row < 3 else None)
    field = table.table.findChild(QLineEdit)
    field.setText("another")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert settle(lambda: names == ["another"], 5)
    assert table.table.item(row, NAME).text() == before


def test_the_brush_follows_when_its_class_is_removed(listened: User) -> None:
    """With the row selected that is highlighted, so that what is painted next is kept."""
    panel = listened.panel
    table, annotation = panel.class_table, panel.canvas.annotation
    table.table.item(2, 1).setText("debris")
    table.select(2)
    QTest.keyClick(table.table, Qt.Key.Key_Delete)
    assert (table.selected, annotation.selected_label) == (3, 3)
    listened.drag((32, 32), (48, 48))
    assert (listened.stored() == 3).any()
