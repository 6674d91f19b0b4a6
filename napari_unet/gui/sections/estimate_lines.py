"""The estimated Dice of the plane on screen: a line for each class, with its interval or with what is missing."""

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QWidget
from superqt import QElidingLabel

from napari_unet.counted import counted
from napari_unet.evaluation.estimated_dice import EstimatedDice, interval_text, mean_estimate
from napari_unet.gui.plain_text import PlainLabel, show_tags, untagged
from napari_unet.gui.sections.steady_text import PADDING
from napari_unet.project.classes import ClassLabel

_WIDEST_NAME = 120  # px that a name keeps where the line is short of room; the panel is 285 px wide
NONE_YET = "Estimated Dice: comes with the prediction"
_TIP = (
    "Dice: how far two masks agree, twice their common pixels over the sum of both; 1 is perfect. This is what it\n"
    "would be if you labelled every pixel of the plane, estimated from how sure the network is of each pixel; in 9 of\n"
    "10 cases the true value lies in the brackets. Checked rectangles correct it, and give the value to publish."
)


class EstimateLines(QWidget):  # type: ignore[misc]
    """Shows the mean in one line, and the classes below."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(_TIP)
        self.headline = PlainLabel(NONE_YET)
        self.headline.setWordWrap(True)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self.headline, 0, 0, 1, 2)
        self.rows: list[tuple[QElidingLabel, QElidingLabel]] = []

    def show_estimates(self, estimates: Sequence[EstimatedDice], classes: Sequence[ClassLabel]) -> None:
        """Show these estimates, and nothing of what was shown before."""
        self.headline.setText(estimate_headline(estimates))
        names = {label.id: label.name for label in classes}
        while len(self.rows) < len(estimates):
            self.rows.append(self._row(len(self.rows) + 1))
        for number, (name, said) in enumerate(self.rows):
            for label in (name, said):
                label.setVisible(number < len(estimates))
            if number < len(estimates):
                estimate = estimates[number]
                name.setText(names.get(estimate.class_id, str(estimate.class_id)))
                name.setToolTip(untagged(name.text()))
                name.setMinimumWidth(min(name.sizeHint().width(), _WIDEST_NAME))
                said.setText(interval_text(estimate) if estimate.value is not None else estimate.reason)
                said.setToolTip(untagged(said.text()) if estimate.value is None else _tip(estimate))

    def _row(self, line: int) -> tuple[QElidingLabel, QElidingLabel]:
        name, said = QElidingLabel(), QElidingLabel()
        for label in (name, said):
            show_tags(label)
            label.setEllipsesWidth(PADDING)
        said.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._grid.addWidget(name, line, 0)
        self._grid.addWidget(said, line, 1)
        return name, said


def _tip(estimate: EstimatedDice) -> str:
    """Return what a value means, and by how many checked rectangles it was corrected."""
    number = estimate.checked_areas
    return f"{_TIP}\nCorrected by {counted(number, 'checked rectangle')}." if number else _TIP


def estimate_headline(estimates: Sequence[EstimatedDice]) -> str:
    """Return the mean over the classes, or why there is none."""
    if not estimates:
        return NONE_YET
    mean = mean_estimate(estimates)
    return "Estimated Dice: not for every class yet" if mean is None else f"Estimated Dice: {mean:.2f}"


def canvas_text(estimates: Sequence[EstimatedDice], classes: Sequence[ClassLabel]) -> str:
    """Return the text that stands on the image."""
    names = {label.id: label.name for label in classes}
    lines = [f"{names.get(each.class_id, each.class_id)} {interval_text(each)}" for each in estimates]
    return "\n".join([estimate_headline(estimates), *lines])
