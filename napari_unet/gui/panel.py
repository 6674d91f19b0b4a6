"""The dock widget: three numbered sections in the order of the work, details and a foot; and how it comes and goes.

Every box lies in ``sections/``, asks the controller and subscribes to what it shows.
"""

from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded
from napari_unet.controller.worker_process import WorkerProcess
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.canvas_focus import CanvasFocus
from napari_unet.gui.sections.check_box import CheckBox
from napari_unet.gui.sections.details import Details
from napari_unet.gui.sections.paint_box import PaintBox
from napari_unet.gui.sections.results_box import ResultsBox
from napari_unet.gui.sections.section import MARGIN, SPACE, scrolled, style
from napari_unet.gui.sections.settings_form import SettingsForm
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.gui.sections.tab_order import tab_as_laid_out
from napari_unet.gui.sections.training_box import TrainingBox
from napari_unet.gui.sections.unfocused_wheel import keep_wheel_off

_TICK_MS = 30
_NARROWEST_PX = 300


class Panel(QWidget):  # type: ignore[misc]
    """Dock widget with all that a biologist needs, from top to bottom.

    Attributes
    ----------
    controller : the project and the worker, without Qt
    attempt : runs an action and says in one line what cannot be done
    shown, canvas, map_layer, object_layer, areas : the image on screen, and our layers over it
    head, image_list, added_files, project_images, opening : images and project
    class_table, classes, painting, labels_offer, status_line : painting
    where_next, label_check, rectangle_check : checking
    results, view_row, export_row : the section of the results, and parts of it
    scroll : what the sections lie in
    score_card, details : what is known of the scores and the training
    training, settings_form : the foot, and the dialog that it opens
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._fit_soon = QTimer(self, singleShot=True, interval=0)  # once the contents have the new style as well
        self._fit_soon.timeout.connect(self._fit_width)
        self._timer: Any = None  # events come before the constructor is done
        self._ticking = False
        self._told: tuple[object, ...] = ()  # the state that the sections know of
        self._focus = CanvasFocus(self, lambda digit: self.painting.take_key(digit))
        self.controller = Controller(WorkerProcess)
        self.attempt = Attempt(self.controller)
        self.shown = ShownImage(napari_viewer, self.controller, self)
        self.canvas, self.areas = self.shown.canvas, self.shown.areas
        self.map_layer, self.object_layer = self.shown.map_layer, self.shown.object_layer
        self._lay_out(self._boxes())
        self.controller.publish(ActionEnded())
        self._layer_events = self._watch_layers()
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        # Not a bound method: when "destroyed" comes, the Python object may be gone already.
        self.destroyed.connect(partial(_let_go, self.controller, self._layer_events))
        self.head.fill()

    # Actions from outside: by the user, by other commands of the plugin, and by the demo

    def open_project(self, folder: Path) -> None:
        """Use a project folder; its first image comes up in the viewer. Raises a ``UserError`` when it cannot be."""
        self.project_images.open_project(folder)

    def choose_image(self, layer: Image) -> None:
        """Work on an image layer; makes a project for it when none is open. Raises a ``UserError`` as ``Head.take``."""
        self.head.take(layer)

    # Coming and going: napari takes a closed dock's widget out of its parent, and hides the window before it
    # deletes it; both come before "destroyed", when timers would still fire into a half-deleted viewer.

    def showEvent(self, event: Any) -> None:
        """Watch the window that the panel is in, and be as wide as its style makes the contents."""
        super().showEvent(event)
        self._fit_width()
        if isinstance(self.window(), QMainWindow):  # a dock that floats hides when it comes and goes
            self.window().installEventFilter(self)
            self._focus.watch(self.window())

    def changeEvent(self, event: Any) -> None:
        """Follow napari's font size, which comes with another style of its window."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._dress()
            self._fit_soon.start()

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Shut down when the window closes."""
        if event.type() == QEvent.Type.Hide and not event.spontaneous() and watched is not self:
            self.shut_down(viewer_stays=False)
        return False

    def event(self, event: Any) -> bool:
        """Shut down when the dock closes."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None and self._timer is not None:
            self.shut_down(viewer_stays=True)
        return bool(super().event(event))

    def shut_down(self, *, viewer_stays: bool) -> None:
        """Save, end the worker, and take our layers away: on a layer without a panel, strokes would be lost."""
        self._timer.stop()
        self.shown.stop()
        self._images_box.stop()
        self._focus.stop()
        self.where_next.stop()
        self.status_line.stop()
        self.labels_offer.stop()
        self.shown.saving.save_last()
        self.training.leave_activity_dock()
        _let_go(self.controller, self._layer_events)
        if viewer_stays:
            self.shown.leave()
        elif self.canvas.watcher is not None:
            self.canvas.watcher.stop()

    # Building

    def _boxes(self) -> list[QWidget]:
        """Make the sections, from top to bottom."""
        controller, shown = self.controller, self.shown
        paint = PaintBox(self._viewer, controller, shown, self)
        self._images_box = images = paint.images
        annotation = paint.annotation
        self.head, self.image_list = images.head, images.list
        self.project_images, self.added_files = images.project_images, images.added_files
        self.opening = images.opening
        self.class_table, self.classes, self.painting = annotation.class_table, annotation.classes, annotation.painting
        self.labels_offer, self.status_line = annotation.offer, annotation.status
        check = CheckBox(self._viewer, controller, shown, images.project_images)
        self.where_next, self.label_check, self.rectangle_check = check.where_next, check.label_check, check.rectangle
        self.results = results = ResultsBox(controller, shown, shown.saving.check)
        self.view_row, self.export_row = results.overlay.view_row, results.export_row
        self.details = Details(controller, self.canvas, self.areas, check.rectangle.result, self.view_row.maps)
        self.score_card = self.details.card
        return [paint, check, results, self.details]

    def _lay_out(self, boxes: list[QWidget]) -> None:
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, 0)
        layout.setSpacing(SPACE)
        for box in boxes:
            layout.addWidget(box)
        layout.addStretch()
        self.scroll = scroll = scrolled(inner)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the widget that has the focus
        self.training = TrainingBox(self.controller)
        self.settings_form = SettingsForm(self.controller, self)
        self.training.settings_button.clicked.connect(self.settings_form.bring_up)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll)
        outer.addWidget(self.training)
        self._dress()
        keep_wheel_off(self)
        tab_as_laid_out(self)
        self._images_box.fit_into(scroll, self.details)
        self.details.button.clicked.connect(lambda _: QTimer.singleShot(0, self._show_details))

    def _fit_width(self) -> None:
        """Be no narrower than the contents, which would be cut off: there is no scroll bar for their width."""
        scroll = self.scroll
        beside = scroll.verticalScrollBar().sizeHint().width() + 2 * scroll.frameWidth()
        self.setMinimumWidth(max(_NARROWEST_PX, scroll.widget().minimumSizeHint().width() + beside))

    def _dress(self) -> None:
        if self.styleSheet() != style():
            self.setStyleSheet(style())

    def _show_details(self) -> None:
        """Scroll as far as it needs to see the drawer, from its title on."""
        below = self.details.geometry().bottom() - self.scroll.viewport().height()
        bar = self.scroll.verticalScrollBar()
        bar.setValue(max(bar.value(), min(below, self.details.y())))

    def _watch_layers(self) -> list[Any]:
        """Connect to the viewer's layers; return the connections for the end.

        napari holds bound methods weakly, but the viewer outlives a closed panel.
        """
        events = self._viewer.layers.events
        connections = [
            (events.inserted, self._layers_changed),
            (events.removed, self._layer_removed),
            (events.reordered, self._layers_changed),
        ]
        for event, callback in connections:
            event.connect(callback)
        return connections

    # Keeping up

    def _tick(self) -> None:
        if self._ticking:  # napari's progress bars run the event loop, and with it this timer, inside of our own call
            return
        self._ticking = True
        try:
            self.attempt.quietly(self.controller.tick)
        finally:
            self._ticking = False
        self._tell_changes()
        self.project_images.go_on()
        self.shown.look()

    def _tell_changes(self) -> None:
        """Let the sections see what they enable anew, once what it depends on has changed by itself.

        Told with every turn of the timer, they would read the project 30 times a second.
        """
        controller = self.controller
        state = (controller.project, controller.image, controller.training.is_on, controller.worker.is_running)
        if state != self._told:
            self._told = state
            controller.publish(ActionEnded())

    def _layers_changed(self, event: Any = None) -> None:
        self.head.fill()

    def _layer_removed(self, event: Any) -> None:
        removed = getattr(event, "value", None)
        if removed is not None:
            self.shown.layer_removed(removed)
            self.project_images.layer_removed(removed)
        self.head.fill()


def _let_go(controller: Controller, connected: list[Any], *_: object) -> None:
    """Disconnect from the viewer and end worker and project, by whatever way the panel goes. Safe to call twice."""
    for event, callback in connected:
        event.disconnect(callback)
    connected.clear()
    controller.close()
