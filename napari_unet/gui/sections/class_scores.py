"""Held-out Dice of every class with the evidence that stands behind it."""

from collections.abc import Sequence

from qtpy.QtWidgets import QGridLayout, QLabel, QWidget
from superqt import QElidingLabel

from napari_unet.counted import counted
from napari_unet.evaluation.scores import ClassScore
from napari_unet.gui.plain_text import PlainLabel, show_tags, untagged
from napari_unet.gui.sections.faint_text import make_faint
from napari_unet.gui.sections.steady_text import PADDING
from napari_unet.project.classes import ClassLabel

# Below two blocks there is no interval, and one of two is hardly one; 100 pixels are about three dabs of the brush.
LEAST_BLOCKS, LEAST_PIXELS = 3, 100
_COUNTED = "Counted: strokes are connected held-out pixels within a block of 64 px; blocks and pixels hold this class."


class ClassScores(QWidget):  # type: ignore[misc]
    """Two lines for each class: name and Dice, then the evidence; grey where there is too little of it."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(0, 1)
        self.rows: list[tuple[QElidingLabel, QLabel, QElidingLabel]] = []

    def show_scores(self, scores: Sequence[ClassScore], classes: Sequence[ClassLabel]) -> None:
        """Show the scores of these classes, and nothing of what was shown before."""
        names = {label.id: label.name for label in classes}
        while len(self.rows) < len(scores):
            self.rows.append(self._row(2 * len(self.rows)))
        for number, (name, dice, evidence) in enumerate(self.rows):
            for label in (name, dice, evidence):
                label.setVisible(number < len(scores))
            if number < len(scores):
                score = scores[number]
                name.setText(names.get(score.class_id, str(score.class_id)))
                dice.setText(class_text(score))
                evidence.setText(evidence_text(score))
                for label in (name, dice):
                    label.graphicsEffect().setEnabled(bool(shortage(score)))
                for label in (name, dice, evidence):
                    label.setToolTip(untagged(f"{name.text()}: {evidence_text(score)}\n{_COUNTED}"))

    def _row(self, line: int) -> tuple[QElidingLabel, QLabel, QElidingLabel]:
        name, dice, evidence = QElidingLabel(), PlainLabel(), QElidingLabel()
        for label in (name, evidence):
            show_tags(label)
            label.setEllipsesWidth(PADDING)
        for label in (name, dice, evidence):
            make_faint(label)
        self._grid.addWidget(name, line, 0)
        self._grid.addWidget(dice, line, 1)
        self._grid.addWidget(evidence, line + 1, 0, 1, 2)
        return name, dice, evidence


def shortage(score: ClassScore) -> str:
    """Return why there is too little evidence to trust a Dice, or "" when there is enough."""
    if score.blocks < LEAST_BLOCKS:
        return f"{score.blocks} of {LEAST_BLOCKS} blocks"
    return f"{score.pixels} of {LEAST_PIXELS} px" if score.pixels < LEAST_PIXELS else ""


def evidence_text(score: ClassScore) -> str:
    """Return the evidence behind a Dice, and what is still missing."""
    found = f"{counted(score.strokes, 'stroke')}, {counted(score.blocks, 'block')}, {score.pixels:,} px"
    return f"too few held out: {shortage(score)} ({found})" if shortage(score) else found


def class_text(score: ClassScore) -> str:
    """Return a Dice with its 95 % interval, or n/a."""
    if score.dice is None:
        return "n/a"
    if score.low is None or score.high is None:
        return f"{score.dice:.2f}"
    return f"{score.dice:.2f} [{score.low:.2f}, {score.high:.2f}]"
