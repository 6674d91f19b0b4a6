"""The live curve of loss and Dice over steps, or of Dice over annotation time, and what more of it may bring."""

import math
from collections.abc import Sequence
from typing import Any

import pyqtgraph
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_unet.controller.annotation_clock import PAUSE_S
from napari_unet.evaluation.forecast import HORIZON_MIN, LEAST_SPAN_MIN, LEAST_TIMES, Forecast, forecast
from napari_unet.gui.sections.remark import Remark

_HEIGHT = 130
_POINTS = 2000
_LOSS, _DICE = "#E69F00", "#56B4E9"
_MOST_UNCERTAIN = 0.1  # Dice; a wider forecast helps nobody to decide
STEP, ANNOTATION_TIME = "training step", "annotation time [min]"


class LearningCurve(QWidget):  # type: ignore[misc]
    """Plot with a choice of its axis, and one line about the next minutes.

    Attributes
    ----------
    dice_curve, loss_curve : what is drawn, of pyqtgraph
    axis : the choice of the horizontal axis
    forecast : the line about the next minutes
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._losses: list[tuple[int, float]] = []  # with the step
        self._dice: list[tuple[int, float]] = []
        self._annotated: list[tuple[float, float]] = []  # minutes and Dice
        self._plot = pyqtgraph.PlotWidget(background=None)
        self._plot.setFixedHeight(_HEIGHT)
        # A plot asks for 640 pixels and would take half of the window.
        self._plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setMenuEnabled(False)
        self._plot.setYRange(0, 1)
        self._plot.getAxis("bottom").enableAutoSIPrefix(False)  # the choice below is its label
        self._legend = self._plot.addLegend(offset=(-5, 5), labelTextSize="8pt")
        self.loss_curve = self._plot.plot(pen=pyqtgraph.mkPen(_LOSS, width=1), name="loss")
        self.dice_curve = self._plot.plot(pen=pyqtgraph.mkPen(_DICE, width=2), symbol="o", symbolSize=4,
                                           symbolBrush=_DICE, symbolPen=None, name="Dice")  # fmt: skip
        self.axis = QComboBox()
        self.axis.setAccessibleName("horizontal axis of the curve")
        self.axis.addItems([STEP, ANNOTATION_TIME])
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
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.axis)
        row.addStretch()
        layout.addLayout(row)
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

    def _tell(self, expected: Forecast | None) -> None:
        self.forecast.setText(forecast_text(expected))
        self.forecast.setVisible(bool(self.forecast.text()))

    def _change_axis(self) -> None:
        self._legend.clear()
        for curve in (self.dice_curve,) if self._over_time else (self.loss_curve, self.dice_curve):
            self._legend.addItem(curve, curve.name())
        self._draw()

    def _draw(self) -> None:
        _set_points(self.dice_curve, self._annotated if self._over_time else self._dice)
        self._draw_losses()

    def _draw_losses(self) -> None:
        _set_points(self.loss_curve, [] if self._over_time else self._losses)

    @property
    def _over_time(self) -> bool:
        return bool(self.axis.currentText() == ANNOTATION_TIME)


def forecast_text(expected: Forecast | None) -> str:
    """Return what ten more minutes may bring, or "" when it is not known well enough."""
    if expected is None or expected.uncertainty > _MOST_UNCERTAIN:
        return ""
    uncertainty = math.ceil(expected.uncertainty * 100) / 100  # never ± 0.00
    return f"{HORIZON_MIN:.0f} more minutes of painting: about +{expected.gain:.2f} ± {uncertainty:.2f}"


def _set_points(curve: Any, points: Sequence[tuple[int, float]] | Sequence[tuple[float, float]]) -> None:
    curve.setData(*zip(*points, strict=True)) if points else curve.setData([], [])
