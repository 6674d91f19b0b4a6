"""One line that says what to do now, or what goes on."""

import time
from collections.abc import Callable

from qtpy.QtCore import QTimer

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import (
    ActionEnded,
    ClassesChanged,
    ErrorLine,
    ImageRemoved,
    ImageShown,
    ProjectOpened,
    StrokesSaved,
    WorkAsked,
)
from napari_unet.gui.sections.class_table import ClassTable
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.gui.sections.steady_text import SteadyText
from napari_unet.project.classes import BACKGROUND, ClassLabel, default_name
from napari_unet.protocol.messages import Progress, Tile

NO_IMAGE = "Open an image: drop a file here, or use File > Open"
NONE_SHOWN = "Click an image in the list to go on, or drop another one here"
ELSEWHERE = "To paint, click a class: another layer is selected"
HIDDEN = "To paint, click a class: the layer of your strokes is hidden"
COVERED = "Another image lies over this one: choose it at the top to paint on it, or hide it"
BELOW = "The image lies over your strokes: drag the layer annotation above it in the list of layers"
TOO_FAR_OUT = "Zoom in to paint: too much of the image is on screen"
READ_ONLY = "Read-only project: look around; nothing that you paint is kept"
_NOT_FLAT = "NU-A20"
_TICK_MS = 500
_PATIENCE_S = 3.0  # for the worker to read new strokes, before what it waits for is told


class StatusLine(SteadyText):
    """Text of two lines under the classes.

    Parameters
    ----------
    controller : tells what goes on
    shown : the image on screen
    table : has the classes, with how much is painted of each
    clock : seconds, monotonic

    Attributes
    ----------
    progress : what the worker last said, None before it said anything
    """

    def __init__(
        self,
        controller: Controller,
        shown: ShownImage,
        table: ClassTable,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(lines=2)
        self.progress: Progress | None = None
        self._controller = controller
        self._shown = shown
        self._table = table
        self._clock = clock
        self._said = ""  # an error or an offer, until something else happens
        self._overlay_at: float | None = None  # when the newest tile came
        self._waits_since: float | None = None  # when the worker began to wait for strokes; None while it does not
        self._too_far_out = False
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.timeout.connect(self._show)
        self._timer.start()
        self._subscribe()
        shown.looked.connect(self._looked)
        self._show()

    def say(self, text: str) -> None:
        """Show a text until something else happens."""
        self._said = text
        self._show()

    def stop(self) -> None:
        """Change no more by itself."""
        self._timer.stop()

    def _subscribe(self) -> None:
        subscribe = self._controller.subscribe
        subscribe(Progress, self._show_progress)
        subscribe(Tile, self._tile_came)
        subscribe(ErrorLine, lambda error: self.say(error.line))
        subscribe(StrokesSaved, lambda _: self._wait_anew())
        for over in (StrokesSaved, WorkAsked, ClassesChanged):
            subscribe(over, lambda _: self.say(""))
        for picked in (self._table.chosen, self._table.clicked):
            picked.connect(lambda _: self.say(""))
        subscribe(ProjectOpened, lambda _: self._show_progress(None))
        for other in (ImageShown, ImageRemoved, ProjectOpened):
            subscribe(other, lambda _: self._forget())
        subscribe(ActionEnded, lambda _: self._show())

    def _forget(self) -> None:
        self._overlay_at = None
        self.say("")

    def _show_progress(self, progress: Progress | None) -> None:
        self.progress = progress
        if progress is None or progress.state != "waiting":
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = self._clock()
        self._show()

    def _wait_anew(self) -> None:
        if self._waits_since is not None:
            self._waits_since = self._clock()

    def _tile_came(self, tile: Tile) -> None:
        self._overlay_at = self._clock()

    def _looked(self) -> None:
        if self._said.startswith(_NOT_FLAT):  # who looks at the plane again can draw again
            self.say("")
        too_far_out = self._shown.canvas.annotation_layer.is_too_far_out
        if too_far_out != self._too_far_out:
            self._too_far_out = too_far_out
            self._show()

    def _show(self) -> None:
        text = self._said or self._advice()
        if text != self.text():
            self.setText(text)

    def _advice(self) -> str:
        controller = self._controller
        if controller.project is None:
            return NO_IMAGE
        if controller.image is None:
            return NONE_SHOWN if controller.project.images.count() else NO_IMAGE
        if controller.project.read_only:
            return READ_ONLY
        if self._too_far_out:
            return TOO_FAR_OUT
        if self._shown.shapes.wish:
            return self._shown.shapes.wish
        covering = self._shown.covering
        if covering:
            return BELOW if covering == [self._shown.canvas.image] else COVERED
        if self._shown.canvas.is_looked_at:
            return ELSEWHERE
        annotation = self._shown.canvas.annotation
        if annotation is not None and not annotation.visible:  # napari paints nothing on it then
            return HIDDEN
        first = first_strokes(self._table.classes, self._table.painted)
        if first:
            return first
        if controller.training.is_on and self._waits_since is not None:
            if self.progress is not None and self._clock() - self._waits_since > _PATIENCE_S:
                return _as_sentence(self.progress.reason)
        age = None if self._overlay_at is None else self._clock() - self._overlay_at
        return going_on(self.progress, age, is_on=controller.training.is_on, is_bare=self._is_bare())

    def _is_bare(self) -> bool:
        """Tell whether the overlay has holes where the user looks, which are easily taken for background."""
        view = self._controller.view
        return view.visible is not None and self._controller.strokes.predicted.is_bare(view.plane, view.visible)


def first_strokes(classes: list[ClassLabel], painted: dict[int, int]) -> str:
    """Return what is to be painted before anything can be learned, or "" once two classes are painted."""
    if len(classes) < 2:
        return "Add a second class: learning needs two"
    missing = [(key, label) for key, label in enumerate(classes, 1) if not painted.get(label.id)]
    if len(classes) - len(missing) >= 2 or not missing:
        return ""
    if len(missing) == len(classes):
        (_, first), (key, second) = missing[:2]
        return f"Paint a line on {_named(first)}, then press {key} and paint one on {_named(second)}"
    key, label = missing[0]
    return f"Now press {key} and paint a line on {_named(label)}"


def going_on(progress: Progress | None, overlay_age: float | None, *, is_on: bool, is_bare: bool) -> str:
    """Return how learning goes.

    Parameters
    ----------
    progress : what the worker last said
    overlay_age : seconds since the newest part of the overlay came, None without an overlay
    is_on : the user wants to learn
    is_bare : some of what is on screen is not predicted yet
    """
    if not is_on:
        return "Paused: press Start to go on" if overlay_age is not None else "Press Start to learn your strokes"
    if overlay_age is None:
        return "Learning; the overlay comes in a moment"
    if is_bare:
        return "Learning; bare parts are not predicted yet"
    if progress is not None and progress.state == "resting":
        return "All strokes are learned: paint where the overlay is wrong"
    return f"Learning; overlay of {_age(overlay_age)} ago"


def _as_sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:]


def _age(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _named(label: ClassLabel) -> str:
    """Return the name of a class as part of a sentence; one that has no name yet is what the user looks for."""
    is_unnamed = label.name == default_name(label.id) and label.id != BACKGROUND
    return "what you look for" if is_unnamed else label.name
