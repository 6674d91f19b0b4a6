"""The live curve of loss and Dice over steps, or of Dice over annotation time, and what more of it may bring."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import pyqtgraph
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_unet.controller.annotation_clock import PAUSE_S
from napari_unet.evaluation.forecast import HORIZON_MIN, LEAST_SPAN_MIN, LEAST_TIMES, Forecast, forecast
from napari_unet.gui.plain_text import PlainLabel
from napari_unet.gui.sections.remark import Remark
from napari_unet.gui.sections.section import column, row

_HEIGHT = 130
_POINTS = 2000
_LOSS, _ESTIMATED, _HELD_OUT = "#E69F00", "#56B4E9", "#CC79A7"
_MOST_UNCERTAIN = 0.1  # Dice; a wider forecast helps nobody to decide
STEP, ANNOTATION_TIME = "training step", "annotation time [min]"


class _Scored(NamedTuple):
    """One score of the curve; ``minutes`` of annotation, None where they were not measured."""

    step: int
    minutes: float | None
    estimated: float | None
    held_out: float | None


_Point = TypeVar("_Point", tuple[int, float], _Scored)


class LearningCurve(QWidget):  # type: ignore[misc]
    """Plot with a choice of its axis, and one line about the next minutes.

    The Dice is the estimated one of the painted images. That of held-out strokes has a curve where there are any.

    Attributes
    ----------
    plot, dice_curve, held_out_curve, loss_curve : what is drawn, of pyqtgraph
    axis : the choice of the horizontal axis
    forecast : the line about the next minutes
    """

    def __init__(self) -> None:
        super().__init__()
        self._losses: list[tuple[int, float]] = []  # with the step, which rises
        self._scores: list[_Scored] = []
        self._scores_by_step: list[_Scored] = []  # those of them that stay over steps, which rise
        self.plot = pyqtgraph.PlotWidget(background=None)
        self.plot.setFixedHeight(_HEIGHT)
        # A plot asks for 640 pixels and would take half of the window.
        self.plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.plot.setMouseEnabled(x=False, y=False)
        for part in (self.plot, self.plot.viewport()):
            part.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # there is nothing in it for the keyboard
        self.plot.hideButtons()
        self.plot.setMenuEnabled(False)
        self.plot.setYRange(0, 1)
        self.plot.getPlotItem().enableAutoRange(x=True, y=False)
        self.plot.getAxis("bottom").enableAutoSIPrefix(False)  # the choice below is its label
        self.loss_curve = self.plot.plot(pen=pyqtgraph.mkPen(_LOSS, width=1), name="loss")
        self.held_out_curve = self._dotted_curve(_HELD_OUT, "held out")
        self.dice_curve = self._dotted_curve(_ESTIMATED, "Dice")
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
            "Curves that saturate are fitted to the estimated Dice over annotation time and carried on; ± is half of\n"
            "the 95 % interval. It supposes that you go on painting as before, and it knows no more than the estimate\n"
            "does. A new class or a new kind of image makes it wrong.\n"
            f"Nothing is said before scores at {LEAST_TIMES} times within {LEAST_SPAN_MIN:.0f} minutes of annotation, "
            f"or while ± exceeds {_MOST_UNCERTAIN}."
        )
        layout = column(self)
        layout.addWidget(self.plot)
        below = row()
        self._loss_name = _name_of(self.loss_curve, _LOSS)
        self._held_out_name = _name_of(self.held_out_curve, _HELD_OUT)
        for widget in (self._loss_name, _name_of(self.dice_curve, _ESTIMATED), self._held_out_name, self.axis):
            below.addWidget(widget, widget is self.axis)
        layout.addLayout(below)
        layout.addWidget(self.forecast)
        self.restore(())

    def add_loss(self, step: int, loss: float) -> None:
        """Append to the curve of losses; of a network that goes on from an earlier step, nothing later stays."""
        if self._losses and step == self._losses[-1][0]:
            return
        if self._losses and step < self._losses[-1][0]:
            _drop_from(self._scores_by_step, step)
            self._draw()
        _go_on(self._losses, (step, loss))
        self._draw_losses()

    def add_score(self, step: int, estimated: float | None, held_out: float | None, annotation_s: float | None) -> None:
        """Append to the curves of Dice; without annotation time to those over steps only.

        Of a network that is scored again the newest score counts. Over steps, nothing stays that is later than the
        newest score: another network began, or an earlier one is shown again.
        """
        new = _scored(step, estimated, held_out, annotation_s)
        if annotation_s is None and self._scores and self._scores[-1].step == step:
            new = new._replace(minutes=self._scores.pop().minutes)
        self._scores = [*self._scores[-_POINTS:], new]
        _go_on(self._scores_by_step, new)
        self._draw()

    def restore(self, records: Sequence[dict[str, Any]]) -> None:
        """Draw the records of a project, and nothing of what was drawn before."""
        self._scores = [
            _scored(r["step"], r.get("estimated"), r.get("mean_dice"), r.get("annotation_s")) for r in records
        ]
        self._losses, self._scores_by_step = [], []
        for record, scored in zip(records, self._scores, strict=True):
            _go_on(self._scores_by_step, scored)
            if record.get("loss") is not None:
                _go_on(self._losses, (record["step"], record["loss"]))
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

    def _dotted_curve(self, colour: str, name: str) -> Any:
        pen = pyqtgraph.mkPen(colour, width=2)
        return self.plot.plot(pen=pen, symbol="o", symbolSize=4, symbolBrush=colour, symbolPen=None, name=name)

    def _change_axis(self) -> None:
        self._loss_name.setVisible(not self._over_time)
        self._draw()

    def _draw(self) -> None:
        timed = [one for one in self._scores if one.minutes is not None]
        shown = timed if self._over_time else self._scores_by_step
        x = [one.minutes if self._over_time else float(one.step) for one in shown]
        _set_points(self.dice_curve, _known(x, [one.estimated for one in shown]))
        held_out = _known(x, [one.held_out for one in shown])
        _set_points(self.held_out_curve, held_out)
        self._held_out_name.setVisible(bool(held_out))
        is_known = bool(self._scores) and self._scores[-1].estimated is not None
        estimated = _known([one.minutes for one in timed], [one.estimated for one in timed])
        self.forecast.setText(forecast_text(forecast(estimated)) if is_known else "")
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


def _scored(step: int, estimated: float | None, held_out: float | None, annotation_s: float | None) -> _Scored:
    return _Scored(step, None if annotation_s is None else annotation_s / 60, estimated, held_out)


def _go_on(points: list[_Point], new: _Point) -> None:
    """Append a point in the place of all that are not before its step, and forget the oldest of very many."""
    _drop_from(points, new[0])
    del points[:-_POINTS]
    points.append(new)


def _drop_from(points: list[_Point], step: int) -> None:
    """Drop the points from a step on; steps rise."""
    while points and points[-1][0] >= step:
        points.pop()


def _known(x: Sequence[float | None], y: Sequence[float | None]) -> list[tuple[float, float]]:
    return [(at, value) for at, value in zip(x, y, strict=True) if at is not None and value is not None]


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
