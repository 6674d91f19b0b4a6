"""The estimated Dice of the plane on screen, the held-out strokes, and the live curve of loss and Dice."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QWidget

from napari_unet.counted import counted
from napari_unet.evaluation.scores import AGREEMENT_STROKES, Score
from napari_unet.gui.sections.class_scores import ClassScores
from napari_unet.gui.sections.estimate_lines import EstimateLines
from napari_unet.gui.sections.learning_curve import LearningCurve
from napari_unet.gui.sections.remark import Remark
from napari_unet.gui.sections.section import column
from napari_unet.project.classes import ClassLabel


class ScoreCard(QWidget):  # type: ignore[misc]
    """Card with the estimate, one curve for the trend, and the newest score on held-out strokes where there are any."""

    copy_wanted = Signal(object)  # with the score that is shown, or None

    def __init__(self) -> None:
        super().__init__()
        self._score: Score | None = None
        self.estimate = EstimateLines()
        self.headline = Remark()
        self.headline.setToolTip(
            'Dice on strokes that are never trained on, which the setting "Hold out strokes" keeps. Strokes lie\n'
            "inside of their class and errors at its border, so this is a guard against a worse network and no\n"
            "estimate for the image."
        )
        self.curve = LearningCurve()
        layout = column(self)
        self.milestones = Remark()
        self.milestones.setToolTip(
            "Mean Dice of three networks on the same held-out pixels: the one that is shown, the best so far, and the\n"
            "first one that was shown. The best was chosen on these pixels, which makes it look a little too good."
        )
        self.class_scores = ClassScores()
        layout.addWidget(self.estimate)
        layout.addWidget(self.headline)
        layout.addWidget(self.milestones)
        layout.addWidget(self.class_scores)
        self.agreement = Remark()
        self.agreement.setToolTip(
            "Each new stroke is compared with what lay on screen before it was learned; the mean over the classes of\n"
            f"the share of their pixels that was right, over the last {AGREEMENT_STROKES} strokes outside test areas.\n"
            "You paint where the overlay is wrong, so this is a lower bound for the image. It nears 1 when there is\n"
            "nothing left to correct."
        )
        layout.addWidget(self.agreement)
        layout.addWidget(self.curve)
        self.copy_button = QPushButton("Copy as text")
        self.copy_button.setToolTip("Put a paragraph for the methods section of a paper into the clipboard")
        self.copy_button.clicked.connect(lambda: self.copy_wanted.emit(self._score))
        self.on_image = QCheckBox("On the image")
        self.on_image.setToolTip(
            "Write the estimated Dice into the corner of the image, and frame blocks of strokes that are held out"
        )
        layout.insertWidget(1, self.on_image)

    def add_loss(self, step: int, loss: float) -> None:
        """Append to the curve of losses."""
        self.curve.add_loss(step, loss)

    def show_score(self, score: Score, classes: Sequence[ClassLabel], annotation_s: float | None) -> None:
        """Show the newest score, which came after so many seconds of annotation; None for one that is not recorded."""
        self._score = score
        self.headline.setText(headline(score))
        self.milestones.setText(milestones(score))
        self.class_scores.show_scores(score.classes if score.blocks else (), classes)
        self.curve.add_score(score.step, score.estimated, score.mean_dice, annotation_s)

    def show_agreement(self, share: float | None, strokes: int) -> None:
        """Tell how the newest strokes agreed with the overlay."""
        behind = f"class mean, {counted(strokes, 'stroke')}"
        self.agreement.setText(
            "" if share is None else f"New strokes agreed with the overlay: {share:.2f} of pixels ({behind})"
        )

    def restore(self, records: Sequence[dict[str, Any]]) -> None:
        """Draw the curve of a project that was opened again."""
        self.curve.restore(records)

    def clear(self) -> None:
        """Forget another project's curve."""
        self.curve.restore(())
        self.headline.setText("")
        self.estimate.show_estimates((), ())
        self._score = None
        self.milestones.setText("")
        self.agreement.setText("")
        self.class_scores.show_scores((), ())


def headline(score: Score) -> str:
    """Return the mean Dice on held-out strokes and how much evidence it has; "" where none are held out."""
    if not score.blocks:
        return ""
    if score.mean_dice is None:
        return f"Held-out strokes: n/a (not every class has some yet) · step {score.step}"
    pixels, blocks = sum(c.pixels for c in score.classes), len(score.blocks)
    return (
        f"Held-out strokes: Dice {score.mean_dice:.3f} · {counted(blocks, 'block')}, {pixels:,} px · step {score.step}"
    )


def milestones(score: Score) -> str:
    """Return the Dice now, best and at start, or "" unless one can be compared."""
    known = [("best", score.best), ("at start", score.start)]
    parts = [f"{name} {m.mean_dice:.3f}" for name, m in known if m is not None and m.mean_dice is not None]
    return " · ".join([f"now {score.mean_dice:.3f}", *parts]) if parts and score.mean_dice is not None else ""
