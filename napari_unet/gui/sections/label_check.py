"""The question about strokes that the network keeps contradicting: keep, flip to what it says, or erase them.

Of a stroke that ran over a border, its end is asked about: keep it, or trim it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from qtpy.QtWidgets import QPushButton, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ClassesChanged, ImageShown, ProjectOpened, StrokesSaved
from napari_unet.evaluation.label_check import Doubt, doubted_pixels
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.marks import Mark
from napari_unet.gui.layers.place import show_place
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.section import column, row
from napari_unet.gui.sections.steady_text import SteadyText
from napari_unet.project.project import Project
from napari_unet.protocol.messages import Doubted

OUTLINES = "label check"
_COLOUR = "red"
_RIM = 4  # px between a stroke and its outline
_AROUND = 24  # px that are shown around the end of a stroke, which by itself says little
_KEPT = 0.5  # share of a stroke's pixels that were kept, from which on it is not asked about


class LabelCheck(QWidget):  # type: ignore[misc]
    """Box that is hidden until there is a stroke to ask about on the present image.

    Parameters
    ----------
    viewer : napari's viewer, whose camera and planes are moved
    canvas : has the annotation layer, on which a repainted stroke appears so that undo works
    controller : knows the project and the present image, and tells of doubts
    """

    def __init__(self, viewer: Any, canvas: Canvas, controller: Controller) -> None:
        super().__init__()
        self._viewer = viewer
        self._canvas = canvas
        self._controller = controller
        self._said: tuple[Doubt, ...] = ()
        self._open: list[Doubt] = []  # those of the present image that are still to be answered
        self.line = SteadyText()
        attempt, buttons = Attempt(controller), row()
        self.buttons = {}
        for name, tip, action in (
            ("Show", "Go to the stroke", self._go),
            ("Keep", "The stroke is right; do not ask again", self._keep),
            (
                "Flip",
                "Repaint it as the network says, and erase what it is checked by; undo works",
                self._flip,
            ),
            ("Erase", "Erase it; undo works", self._erase),
            ("Trim", "Erase what lies beyond the border; undo works", self._erase),
            ("Trim all", "The same for all strokes that ran over on this image, as one stroke to undo", self._trim_all),
            ("Later", "Ask about the next one first", self._later),
        ):
            self.buttons[name] = button = QPushButton(name)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, action=action: attempt(action))
            buttons.addWidget(button)
        layout = column(self)
        layout.addWidget(self.line)
        layout.addLayout(buttons)
        self.hide()
        controller.subscribe(Doubted, lambda doubted: self.show_doubts(doubted.strokes))
        for changed in (StrokesSaved, ClassesChanged, ImageShown):
            controller.subscribe(changed, lambda _: self.show_doubts())
        controller.subscribe(ProjectOpened, lambda _: self.show_doubts(()))

    def show_doubts(self, doubts: Sequence[Doubt] | None = None) -> None:
        """Ask about these strokes, or about those that are left, on the image that is shown now."""
        if doubts is not None:
            self._said = tuple(doubts)
        asked = [doubt for doubt in self._said if self._is_open(doubt)]
        self._open = [doubt for doubt in self._open if doubt in asked] + [d for d in asked if d not in self._open]
        self._show()

    def _show(self) -> None:
        if self._open and self._controller.project is not None:
            self._ask(self._open[0], self._controller.project)  # first, for all buttons at once would widen the panel
        self.setVisible(bool(self._open))
        marks = [Mark(doubt.plane, doubt.region.grown(_RIM), colour=_COLOUR) for doubt in self._open]
        self._canvas.marks.draw(OUTLINES, marks)

    def _ask(self, doubt: Doubt, project: Project) -> None:
        names = {label.id: f"'{label.name}'" for label in project.classes.all()}
        painted, predicted = (names.get(k, "another class") for k in (doubt.class_id, doubt.predicted))
        several = f" (1 of {len(self._open)})" if len(self._open) > 1 else ""
        is_end = bool(doubt.beyond)
        self.line.setText((f"{painted} ran over here?" if is_end else f"{painted}, or {predicted} here?") + several)
        several_ends = is_end and len(self._ends) > 1
        is_wanted = {"Flip": not is_end, "Erase": not is_end, "Trim": is_end, "Trim all": several_ends}
        for name in sorted(is_wanted, key=is_wanted.__getitem__):  # those that go are hidden first, as above
            self.buttons[name].setVisible(is_wanted[name])

    @property
    def _ends(self) -> list[Doubt]:
        return [doubt for doubt in self._open if doubt.beyond]

    def _is_open(self, doubt: Doubt) -> bool:
        """Tell whether a stroke is on the present image, still painted like that, and was not kept."""
        project, image = self._controller.project, self._controller.image
        if project is None or image is None or image.id != doubt.image_id:
            return False
        pixels = _pixels(project, doubt)
        if not pixels.any() or not {doubt.class_id, doubt.predicted} <= project.classes.names().keys():
            return False
        kept = project.strokes.kept_labels(image.id, doubt.plane, doubt.region)
        return bool(np.mean(kept[pixels] == doubt.class_id) <= _KEPT)

    def _go(self) -> None:
        if self._open and self._canvas.annotation is not None:
            region = self._open[0].region.grown(_AROUND if self._open[0].beyond else _RIM)
            if self._canvas.placement is not None:
                self._canvas.follow(region.clipped(*self._canvas.placement.plane_shape))
            show_place(self._viewer, self._canvas, self._open[0].plane, region)

    def _keep(self) -> None:
        project = self._controller.project
        if self._open and project is not None:
            doubt = self._open[0]
            origin = (doubt.region.y0, doubt.region.x0)
            project.strokes.keep_stroke(doubt.image_id, doubt.plane, doubt.class_id, _pixels(project, doubt), origin)
            self.show_doubts()

    def _flip(self) -> None:
        project = self._controller.project
        if self._open and project is not None:
            self._go()  # the watcher compares the plane that is shown
            doubt = self._open[0]
            pixels = _pixels(project, doubt)
            labels = self._controller.strokes.repaint(doubt.plane, pixels, doubt.predicted, doubt.region)
            self._canvas.annotation_layer.paint(doubt.plane, labels, doubt.region, pixels)
            self._check()

    def _erase(self) -> None:
        if self._open:
            self._go()  # as above
            self._erase_all(self._open[:1])

    def _trim_all(self) -> None:
        self._erase_all(self._ends)

    def _erase_all(self, doubts: Sequence[Doubt]) -> None:
        """Erase what is doubted by one commit; the layer shows it as one stroke that undo takes back."""
        project, annotation = self._controller.project, self._canvas.annotation_layer
        if project is None:
            return
        parts = [(doubt.plane, _pixels(project, doubt), doubt.region) for doubt in doubts]
        self._controller.strokes.erase(parts)
        with annotation.one_stroke():
            for plane, pixels, region in parts:
                annotation.paint(plane, np.zeros(region.shape, np.uint8), region, pixels)
        self._check()

    def _check(self) -> None:
        if self._canvas.watcher is not None:
            self._canvas.watcher.check()

    def _later(self) -> None:
        self._open = self._open[1:] + self._open[:1]
        self._show()


def _pixels(project: Project, doubt: Doubt) -> Bool[np.ndarray, "h w"]:
    """Return what is doubted of a stroke in its box, as it is stored now."""
    return doubted_pixels(doubt, project.strokes.plane(doubt.image_id, doubt.plane, doubt.region))
