"""The live curve of loss and Dice over steps, or of Dice over annotation time, and what more of it may bring."""

import math
from collections.abc import Sequence
from typing import Any

import pyqtgraph
from qtpy.QtCore import QEvent
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_unet.controller.annotation_clock import PAUSE_S
from napari_unet.evaluation.forecast import HORIZON_MIN, LEAST_SPAN_MIN, LEAST_TIMES, Forecast, forecast
from napari_unet.gui.plain_text import PlainLabel
from napari_unet.gui.sections.remark import Remark
from napari_unet.gui.sections.section import column, row

_HEIGHT = 130
_POINTS = 2000
_LOSS, _DICE = "#E69F00", "#56B4E9"
_MOST_UNCERTAIN = 0.1  # Dice; a wider forecast helps nobody to decide
STEP, ANNOTATION_TIME = "training step", "annotation time [min]"


class LearningCurve(QWidget):  # type: ignore[misc]
    """Plot with a choice of its axis, and one line about the next minutes.

    Attributes
    ----------
    plot, dice_curve, loss_curve : what is drawn, of pyqtgraph
    axis : the choice of the horizontal axis
    forecast : the line about the next minutes
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._losses: list[tuple[int, float]] = []  # with the step
        self._dice: list[tuple[int, float]] = []
        self._annotated: list[tuple[float, float]] = []  # minutes and Dice
        self.plot = pyqtgraph.PlotWidget(background=None)
        self.plot.setFixedHeight(_HEIGHT)
        # A plot asks for 640 pixels and would take half of the window.
        self.plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.hideButtons()
        self.plot.setMenuEnabled(False)
        self.plot.setYRange(0, 1)
        self.plot.getPlotItem().enableAutoRange(x=True, y=False)
        self.plot.getAxis("bottom").enableAutoSIPrefix(False)  # the choice below is its label
        self.loss_curve = self.plot.plot(pen=pyqtgraph.mkPen(_LOSS, width=1), name="loss")
        self.dice_curve = self.plot.plot(pen=pyqtgraph.mkPen(_DICE, width=2), symbol="o", symbolSize=4,
                                           symbolBrush=_DICE, symbolPen=None, name="Dice")  # fmt: skip
        self.axis = QComboBox()
        self.axis.setAccessibleName("horizontal axis of the curve")
        self.axis.addItems([STEP, ANNOTATION_TIME])
        self.axis.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.axis.setToolTip(
            "Annotation time is the time of strokes, from press to release of the mouse, and of pauses\n"
            f"below {PAUSE_S:.0f} s between them. Scores from before it was measured are left out."
        )
        self.axis.currentTextChanged.connect(lambda _: self._change_axis())
        self.forecast = Remark()
        self.forecast.setToolTip(
            "Curves that saturate are fitted to held-out Dice over annotation time and carried on; ± is half of the\n"
            "95 % interval. It supposes that you go on painting as before, and it rests on held-out strokes: what\n"
            "these do not show, it does not know. A new class or a new kind of image makes it wrong.\n"
            f"Nothing is said before scores at {LEAST_TIMES} times within {LEAST_SPAN_MIN:.0f} minutes of annotation, "
            f"or while ± exceeds {_MOST_UNCERTAIN}."
        )
        layout = column(self)
        layout.addWidget(self.plot)
        below = row()
        self._loss_name = _name_of(self.loss_curve, _LOSS)
        for widget in (self._loss_name, _name_of(self.dice_curve, _DICE), self.axis):
            below.addWidget(widget, widget is self.axis)
        layout.addLayout(below)
        layout.addWidget(self.forecast)
        self.restore(())

    def add_loss(self, step: int, loss: float) -> None:
        """Append to the curve of losses."""
        if not self._losses or step > self._losses[-1][0]:
            self._losses = [*self._losses[-_POINTS:], (step, loss)]
            self._draw_losses()

    def add_dice(self, step: int, dice: float | None, annotation_s: float | None) -> None:
        """Append to the curves of Dice; without annotation time to the one over steps only. None ends the forecast."""
        if dice is None:
            self._tell(None)
            return
        self._dice = [*self._dice[-_POINTS:], (step, dice)]
        if annotation_s is not None:
            self._annotated = [*self._annotated[-_POINTS:], (annotation_s / 60, dice)]
            self._tell(forecast(self._annotated))
        self._draw()

    def restore(self, records: Sequence[dict[str, Any]]) -> None:
        """Draw the records of a project, and nothing of what was drawn before."""
        scored = [record for record in records if record.get("mean_dice") is not None]
        self._losses = [(r["step"], r["loss"]) for r in records if r.get("loss") is not None]
        self._dice = [(r["step"], r["mean_dice"]) for r in scored]
        self._annotated = [(r["annotation_s"] / 60, r["mean_dice"]) for r in scored if "annotation_s" in r]
        self._tell(forecast(self._annotated) if scored[-1:] == list(records[-1:]) else None)
        self._draw()

    def changeEvent(self, event: Any) -> None:
        """Draw axes and words in the colour that the theme has for text."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._dress()

    def showEvent(self, event: Any) -> None:
        """Take the colours of the window that it is in."""
        super().showEvent(event)
        self._dress()

    def _dress(self) -> None:
        self.plot.setBackground(self.palette().color(QPalette.ColorRole.Window))
        colour = self.axis.palette().color(QPalette.ColorRole.WindowText)
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(colour)
            axis.setTextPen(colour)

    def _tell(self, expected: Forecast | None) -> None:
        self.forecast.setText(forecast_text(expected))
        self.forecast.setVisible(bool(self.forecast.text()))

    def _change_axis(self) -> None:
        self._loss_name.setVisible(not self._over_time)
        self._draw()

    def _draw(self) -> None:
        _set_points(self.dice_curve, self._annotated if self._over_time else self._dice)
        self._draw_losses()

    def _draw_losses(self) -> None:
        losses = [] if self._over_time else self._losses
        _set_points(self.loss_curve, losses)
        # A Dice ends at 1, a loss does not.
        self.plot.setYRange(0, max(1.0, *(loss for _, loss in losses)) if losses else 1)

    @property
    def _over_time(self) -> bool:
        return bool(self.axis.currentText() == ANNOTATION_TIME)


def forecast_text(expected: Forecast | None) -> str:
    """Return what ten more minutes may bring, or "" when it is not known well enough."""
    if expected is None or expected.uncertainty > _MOST_UNCERTAIN:
        return ""
    uncertainty = math.ceil(expected.uncertainty * 100) / 100  # never ± 0.00
    return f"{HORIZON_MIN:.0f} more minutes of painting: about +{expected.gain:.2f} ± {uncertainty:.2f}"


def _name_of(curve: Any, colour: str) -> QWidget:
    """Return the name of a curve behind a dot of its colour; it stands beside the plot, where no curve runs."""
    widget = QWidget()
    dot = PlainLabel("●")
    dot.setStyleSheet(f"color: {colour}")
    line = row(widget)
    for label in (dot, PlainLabel(curve.name())):
        line.addWidget(label)
    return widget


def _set_points(curve: Any, points: Sequence[tuple[int, float]] | Sequence[tuple[float, float]]) -> None:
    curve.setData(*zip(*points, strict=True)) if points else curve.setData([], [])
