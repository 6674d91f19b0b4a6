"""Tab goes through the panel as one reads it: from top to bottom, and through each row from left to right."""

from collections.abc import Iterator
from itertools import pairwise

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLayout, QScrollArea, QWidget


def tab_as_laid_out(box: QWidget) -> None:
    """Let Tab go through the widgets of a box in the order of its layout; Qt takes that in which they were made."""
    for before, after in pairwise(_stops(box)):
        QWidget.setTabOrder(before, after)


def _stops(widget: QWidget) -> Iterator[QWidget]:
    """Yield the widgets where Tab stops, this one and those laid out in it."""
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
        yield widget
    if isinstance(widget, QScrollArea):
        yield from _stops(widget.widget())
    elif (layout := widget.layout()) is not None:
        yield from _stops_in(layout)


def _stops_in(layout: QLayout) -> Iterator[QWidget]:
    places = list(range(layout.count()))
    if isinstance(layout, QGridLayout):  # its items come as they were added
        places.sort(key=layout.getItemPosition)
    for item in map(layout.itemAt, places):
        if (inner := item.widget()) is not None:
            yield from _stops(inner)
        elif (inner := item.layout()) is not None:
            yield from _stops_in(inner)
