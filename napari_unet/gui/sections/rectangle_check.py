"""Checking a rectangle: the program proposes and fills one, the user corrects it, and all of them say the Dice."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import (
    ActionEnded,
    AreaEmptied,
    ImageShown,
    ProjectOpened,
    WorkerDied,
    WorkerStopped,
)
from napari_unet.controller.rectangle_checks import RectangleChecks, Standing
from napari_unet.evaluation.scores import CheckedDice
from napari_unet.gui.layers.place import show_place
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.rectangle_texts import done_text, further_text, result_text
from napari_unet.gui.sections.remark import Remark
from napari_unet.gui.sections.section import column, keep_room, row
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.gui.sections.steady_text import SteadyText
from napari_unet.images.tiles import Region
from napari_unet.project.area_checks import Origin
from napari_unet.protocol.messages import AreaProposed, Scored

_TIP = (
    "The program proposes a rectangle and fills it with its prediction; you correct what is wrong, above all borders,\n"
    "and press Done. Nothing in it is ever learned. The quality over all rectangles at random is the one to publish:\n"
    "they lie anywhere in your images, so that it speaks for all of them.\n"
    'To move or delete one, choose the layer "checked rectangles", click it and drag it, or press Delete: what you\n'
    "painted in it is then learned."
)
_MENU: dict[Origin, str] = {
    "random": "At random, in all images: for a number to publish",
    "unsure": "Where it is least sure: for finding errors",
}
_WHY: dict[Origin, str] = {
    "random": "Chosen at random: it counts for the quality to publish.",
    "unsure": "Where it is least sure: errors are likely here, so it does not count for the quality to publish.",
}
_CONTOUR = 2  # px of the lines around what is labelled, while borders are to be corrected
_WAITING = "looking for a place …"


class RectangleCheck(QWidget):  # type: ignore[misc]
    """Shows the rectangle that is open, and the Dice over those that are done.

    Parameters
    ----------
    viewer : napari's viewer, whose camera and planes are moved
    controller : commits, and hears of proposals and scores
    shown : has the layers of strokes and test areas
    switch : shows the image in which a rectangle is proposed; gets its id

    Attributes
    ----------
    button : with the menu of what to propose; to be put where checking is chosen
    choices : actions of the menu by origin, and "drawn" for a rectangle by hand
    line : what is to be done with the open rectangle
    done, show_button, give_up : what can be done with it
    result : the Dice to publish, and what stands behind it; to be put among the details
    """

    def __init__(self, viewer: Any, controller: Controller, shown: ShownImage, switch: Callable[[int], object]) -> None:
        super().__init__()
        self._viewer = viewer
        self._controller = controller
        self._shown = shown
        self._switch = switch
        self._checks = RectangleChecks(controller)
        self._attempt = Attempt(controller)
        self._standing = Standing()
        self._checked: CheckedDice | None = None
        self._last = ""  # what the last Done was worth
        self._origin: Origin = "random"  # of the rectangle that was done last
        self._outlined: Labels | None = None  # the annotation layer while it shows lines
        self._contour = 0  # px, that of the user, which the lines take the place of
        self.button = QPushButton("Check a rectangle")
        self.button.setToolTip(_TIP)
        self.choices = self._make_menu()
        self.line, self.result = SteadyText(lines=2), Remark()
        self.done, self.show_button, self.give_up = QPushButton("Done"), QPushButton("Show"), QPushButton("Give up")
        self.done.setToolTip(
            "Every pixel in the rectangle is right. Hold Space to see the bare image before you press:\n"
            "what is only nodded through makes the quality look better than it is."
        )
        self.show_button.setToolTip("Go to the rectangle")
        self.give_up.setToolTip("Take the rectangle and its filling away; what you corrected stays, and is learned")
        buttons = row()
        for button, action in ((self.done, self._finish), (self.show_button, self._go), (self.give_up, self._leave)):
            button.clicked.connect(lambda _=False, action=action: self._attempt(action))
            keep_room(button)
            buttons.addWidget(button)
        layout = column(self)
        layout.addWidget(self.line)
        layout.addLayout(buttons)
        controller.subscribe(AreaProposed, self._proposed)
        controller.subscribe(AreaEmptied, lambda emptied: self._show_stored(emptied.plane, emptied.region))
        controller.subscribe(Scored, self._scored)
        controller.subscribe(ImageShown, lambda _: self._image_shown())
        for ended in (WorkerDied, WorkerStopped):
            controller.subscribe(ended, lambda _: self._wait_no_more())
        controller.subscribe(ProjectOpened, lambda _: self._forget())
        controller.subscribe(ActionEnded, lambda _: self._show())
        self._show()

    @property
    def is_open(self) -> bool:
        """Tell whether there is a rectangle to correct."""
        return self._standing.open is not None

    def ask(self, origin: Origin) -> None:
        """Ask for a rectangle; one that is open has to be finished first."""
        if self._checks.open is None:
            self._checks.ask(origin)
            self._last = _WAITING
            self._show()
        else:
            self._go()

    def _make_menu(self) -> dict[str, Any]:
        menu, wishes = QMenu(self.button), {origin: partial(self.ask, origin) for origin in _MENU}
        found: dict[str, Any] = {}
        for name, text, action in (
            *((origin, text, wishes[origin]) for origin, text in _MENU.items()),
            ("drawn", "Draw one by hand: for a number of its own", self._shown.areas.draw),
        ):
            found[name] = menu.addAction(text)
            found[name].triggered.connect(lambda _=False, action=action: self._attempt(action))
        self.button.setMenu(menu)
        return found

    def _proposed(self, proposed: AreaProposed) -> None:
        """Make the rectangle that was proposed, but never while a stroke is under way."""
        watcher = self._shown.canvas.watcher
        if not self._checks.is_wanted(proposed) or watcher is None:
            return
        self._last = ""
        if not watcher.is_painting and self._brings_up(proposed):
            self._attempt(partial(self._begin, proposed))
        self._show()

    def _brings_up(self, proposed: AreaProposed) -> bool:
        """Show the image of a rectangle, and tell whether it is on screen; why it cannot be opened was told."""
        shown = self._controller.image
        if proposed.region is not None and shown is not None and shown.id != proposed.image_id:
            self._switch(proposed.image_id)
            shown = self._controller.image
        return proposed.region is None or (shown is not None and shown.id == proposed.image_id)

    def _begin(self, proposed: AreaProposed) -> None:
        if proposed.region is not None:
            # The layers have to lie there before anything is committed: what they hold is compared with the project.
            self._bring_into_view(proposed.plane, proposed.region)
        self._shown.saving.check()
        check = self._checks.begin(proposed)
        self._show_stored(check.plane, check.region)
        self._shown.kept_areas.show()

    def _finish(self) -> None:
        self._shown.saving.save()
        check = self._checks.open
        changed = self._checks.finish()
        if check is not None:
            self._last, self._origin = done_text(check, changed), check.origin
            self._shown.canvas.annotation_layer.forget_edits()
        self._show()

    def _leave(self) -> None:
        self._shown.saving.save()
        self._checks.give_up()
        self._last = ""
        self._shown.kept_areas.show()
        self._show()

    def _go(self) -> None:
        check = self._checks.open
        if check is not None:
            self._bring_into_view(check.plane, check.region)

    def _bring_into_view(self, plane: int, region: Region) -> None:
        canvas = self._shown.canvas
        if canvas.placement is not None:
            canvas.follow(region.clipped(*canvas.placement.plane_shape))
        show_place(self._viewer, canvas, plane, region)

    def _show_stored(self, plane: int, region: Region) -> None:
        """Paint what the project holds in a region onto the annotation layer; undo brings nothing else back."""
        project, image, canvas = self._controller.project, self._controller.image, self._shown.canvas
        if project is not None and image is not None:
            labels = project.strokes.plane(image.id, plane, region)
            canvas.annotation_layer.paint(plane, labels, region, np.ones(labels.shape, bool))
            canvas.annotation_layer.forget_edits()
            self._shown.saving.check()

    def _scored(self, scored: Scored) -> None:
        self._checked = scored.score.checked
        self._show()

    def _forget(self) -> None:
        self._checked, self._last = None, ""
        self._show()

    def _image_shown(self) -> None:
        """Forget what was asked for, and told, of the image before."""
        self._last = ""
        self._checks.withdraw()
        self._show()

    def _wait_no_more(self) -> None:
        """Take the text away that an answer of the worker was to replace: none comes any more."""
        if self._last == _WAITING:
            self._last = ""
            self._write()
            self.setVisible(bool(self.line.text()))

    def _show(self) -> None:
        self._standing = self._checks.standing()
        self._write()
        self.setVisible(bool(self.line.text()))

    def _write(self) -> None:
        project, image, check = self._controller.project, self._controller.image, self._standing.open
        self.button.setEnabled(image is not None)
        for button in (self.done, self.show_button, self.give_up):
            button.setVisible(check is not None)
        self._outline(check is not None)
        self._shown.areas.hold_back(None if check is None else (check.plane, check.region))
        if project is None or image is None:
            self.line.setText("")
            self.result.setText("")
            return
        if check is None:
            told = self._last
            if told not in ("", _WAITING):
                told += "\n" + further_text(self._origin, self._checked, self._standing.done.areas)
            self.line.setText(self._standing.problem or told)
            self.line.setToolTip("")
        else:
            changed = check.changed(project.strokes.plane(image.id, check.plane, check.region))
            self.line.setText(
                f"Correct what is wrong in it, above all borders, then press Done ({changed:,} px so far)"
            )
            self.line.setToolTip(_WHY[check.origin])
        self.result.setText(result_text(self._checked, self._standing.done, project.classes.all()))

    def _outline(self, on: bool) -> None:
        """Show labels as lines while a rectangle is open: filled, they would hide the borders in the image."""
        layer = self._shown.canvas.annotation
        if layer is None or on == (layer is self._outlined):
            return
        # Noted first: napari tells of the change while it happens, and whoever hears of it comes here again.
        self._outlined = layer if on else None
        if on:
            self._contour = int(layer.contour)
        layer.contour = _CONTOUR if on else self._contour
