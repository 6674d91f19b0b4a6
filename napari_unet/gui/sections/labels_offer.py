"""A button that offers a Labels layer of another program as annotation of the image on screen."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from napari.layers import Labels, Layer
from napari.utils.events import Event
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QMenu, QPushButton

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageRemoved, ImageShown
from napari_unet.gui.plain_text import untagged
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.object_annotation import ObjectAnnotation
from napari_unet.gui.sections.shown_image import ShownImage

_QUESTION = "What are the numbers of {}?"
_OBJECTS = "Objects or a mask: whatever has a number is {}, 0 is background"
_CLASSES = "Classes: {}; 0 is unlabelled"
_NAMED = 3  # classes in the menu


class LabelsOffer(QPushButton):  # type: ignore[misc]
    """Button that is shown while a fitting Labels layer is selected, or was added and is not used yet.

    Parameters
    ----------
    viewer : napari's viewer, whose layers are looked at
    controller : knows project and image
    shown : the image on screen
    annotation : takes the numbers over

    Attributes
    ----------
    menu : asks what the numbers are, None while that is not asked

    Signals
    -------
    offered : which layer may be used, in a sentence
    """

    offered = Signal(str)

    def __init__(self, viewer: Any, controller: Controller, shown: ShownImage, annotation: ObjectAnnotation) -> None:
        super().__init__("Use as annotation")
        self.setStyleSheet("padding: 1px 4px")
        self.menu: QMenu | None = None
        self._viewer = viewer
        self._controller = controller
        self._shown = shown
        self._annotation = annotation
        self._attempt = Attempt(controller)
        self._layer: Layer | None = None  # that is offered
        self._added: tuple[Layer, int | None] | None = None  # the newest, with the id of the image then on screen
        # Later, for a layer that is added is the active one for a moment, and the image may be changing.
        self._look_soon = QTimer(self, singleShot=True, interval=0)
        self._look_soon.timeout.connect(self._look)
        self._events = [
            (viewer.layers.selection.events.active, self._look_later),
            (viewer.layers.events.removed, self._look_later),
            (viewer.layers.events.inserted, self._inserted),
        ]
        for event, callback in self._events:
            event.connect(callback)
        for other in (ImageShown, ImageRemoved):
            controller.subscribe(other, lambda _: self._look_soon.start())
        self.clicked.connect(lambda: self._attempt(lambda: self.use(self._layer)))
        self.hide()

    def use(self, layer: Layer | None) -> None:
        """Take a layer over; where its numbers may be objects or classes, ask which of them.

        Raises
        ------
        UserError
            Those of ``ObjectAnnotation.take``.
        """
        if not self._annotation.may_be_classes(layer):
            self._take(layer, are_classes=False)
            return
        self.menu = menu = QMenu(self)
        question = _QUESTION.format("" if layer is None else layer.name)
        menu.addAction(question.replace("&", "&&")).setEnabled(False)
        names = self._controller.present_project().classes.names()
        of_objects = names.get(self._annotation.class_of_objects or 0, "")
        for text, are_classes in ((_OBJECTS.format(of_objects), False), (_CLASSES.format(_some(names)), True)):
            take = partial(self._take, layer, are_classes=are_classes)
            menu.addAction(text.replace("&", "&&"), partial(self._attempt, take))
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def stop(self) -> None:
        """Let go of the viewer, which outlives the panel."""
        self._look_soon.stop()
        for event, callback in self._events:
            event.disconnect(callback)
        self._events = []

    def _take(self, layer: Layer | None, *, are_classes: bool) -> None:
        (self._annotation.take_classes if are_classes else self._annotation.take)(layer)
        self._added = None
        canvas = self._shown.canvas
        if layer is not None and canvas.annotation is not None:
            layer.visible = False  # it would lie over what was taken from it
            self._viewer.layers.selection.active = canvas.annotation
        self._look_soon.start()

    def _inserted(self, event: Event) -> None:
        if isinstance(event.value, Labels) and event.value not in [*self._shown.own_layers]:
            image = self._controller.image
            self._added = event.value, None if image is None else image.id
        self._look_soon.start()

    def _look_later(self, event: Event) -> None:
        self._look_soon.start()

    def _look(self) -> None:
        """Show the button for the selected layer, or for the newest one, where it fits."""
        before, self._layer = self._layer, self._candidate()
        self.setVisible(self._layer is not None)
        if self._layer is None:
            return
        name = self._layer.name
        self.setToolTip(untagged(f"Annotate where nothing is painted yet as the layer {name} says; undo takes it back"))
        if self._layer is not before:
            self.offered.emit(f'The layer {name} fits the image: press "{self.text()}" to take it over')

    def _candidate(self) -> Layer | None:
        project, image = self._controller.project, self._controller.image
        if project is None or project.read_only or image is None:
            return None
        active = self._viewer.layers.selection.active
        if self._annotation.fits(active):
            return active
        if self._added is None or self._added[1] not in (None, image.id):
            return None
        layer = self._added[0]
        return layer if layer in self._viewer.layers and self._annotation.fits(layer) else None


def _some(names: Mapping[int, str]) -> str:
    """Return what the first few numbers are."""
    named = ", ".join(f"{class_id} is {name}" for class_id, name in [*names.items()][:_NAMED])
    return named + (", ..." if len(names) > _NAMED else "")
