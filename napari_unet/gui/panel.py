"""The dock widget: image, classes, training, scores, export, in the order of the work."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from napari.layers import Image
from napari.utils import progress
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_unet.config import Settings, changed, preset_settings
from napari_unet.controller.controller import Controller
from napari_unet.controller.cover import SIDE, first_cover
from napari_unet.controller.news import ClassesChanged, ErrorLine, Notice, SuggestionDropped
from napari_unet.errors import UserError
from napari_unet.evaluation.scores import Score
from napari_unet.export.methods_paragraph import methods_paragraph
from napari_unet.gui.layers import source
from napari_unet.gui.layers.accept_lasso import AcceptLasso
from napari_unet.gui.layers.area_layer import AreaLayer
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.map_layer import NOTHING, PREDICTED, WEIGHT_MAP, MapLayer
from napari_unet.gui.layers.object_layer import OBJECTS, ObjectLayer
from napari_unet.gui.layers.our_layers import ANNOTATION
from napari_unet.gui.layers.strokes import StrokeWatcher
from napari_unet.gui.preferences import settings_of_new_projects
from napari_unet.gui.sections.class_table import ClassTable
from napari_unet.gui.sections.export_row import ExportRow
from napari_unet.gui.sections.image_facts import ImageFacts
from napari_unet.gui.sections.image_list import ImageList
from napari_unet.gui.sections.label_check import LabelCheck
from napari_unet.gui.sections.overlay_keys import OverlayKeys
from napari_unet.gui.sections.painting import KEYS, Painting
from napari_unet.gui.sections.project_images import ProjectImages
from napari_unet.gui.sections.read_only_offer import open_or_read
from napari_unet.gui.sections.rescale_offer import RescaleOffer
from napari_unet.gui.sections.score_card import ScoreCard, canvas_text
from napari_unet.gui.sections.settings_form import SettingsForm
from napari_unet.gui.sections.view_row import ViewRow
from napari_unet.gui.sections.where_next import WhereNext
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import DATABASE, Project
from napari_unet.protocol.client import Client
from napari_unet.protocol.messages import (
    Agreed,
    Doubted,
    Exported,
    Exporting,
    Objects,
    OtherPixelSize,
    Progress,
    Ready,
    Scored,
    Suggested,
    Tile,
    Weights,
)

_LOG = logging.getLogger(__name__)
_TICK_MS = 30
_NARROWEST_PX = 280
_STATES = {"waiting": "Waiting", "training": "Training", "resting": "Resting until you paint", "paused": "Paused"}


class Panel(QWidget):  # type: ignore[misc]
    """Everything a biologist needs, top to bottom."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self.controller = Controller(Client)
        self.canvas = Canvas(napari_viewer, self._strokes_settled, self.controller.annotation_clock, self)
        self.map_layer = MapLayer(napari_viewer)
        self.object_layer = ObjectLayer(napari_viewer, self.canvas)
        self.lasso = AcceptLasso(
            napari_viewer, lambda: self.canvas.cover, lambda inside: self._told(lambda: self._accept(inside)), self
        )
        self.areas = AreaLayer(napari_viewer, self._areas_changed, self._paint_again, self)
        self.progress_shown: Progress | None = None
        self._busy: Any = None
        self._timer: Any = None  # events come before the constructor is done
        self._choosing = False
        self._ticking = False
        self._given_up: StrokeWatcher | None = None  # of a layer whose strokes are kept elsewhere
        self._unsaved = ""  # why strokes could not be saved, as it was told
        self._build()
        self._connect()
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        # Not a bound method: when "destroyed" comes, the Python object may be gone already.
        self.destroyed.connect(partial(_let_go, self.controller, self._layer_events))
        # An image is taken up once the panel is in the window, so that opening it never waits.
        self._choose_soon = QTimer(self, singleShot=True, interval=0)
        self._choose_soon.timeout.connect(self._choose_image)
        self._leave_soon = QTimer(self, singleShot=True, interval=0)
        self._leave_soon.timeout.connect(self.areas.leave)
        self._leave_soon.timeout.connect(self.canvas.leave)
        # Removed in the same turn as the other layers, the map crashed napari's next drawing.
        self._map_leave_soon = QTimer(self, singleShot=True, interval=100)
        self._map_leave_soon.timeout.connect(self.map_layer.leave)
        self._map_leave_soon.timeout.connect(self.object_layer.leave)
        self._map_leave_soon.timeout.connect(self.lasso.leave)
        self._leave_soon.timeout.connect(self._map_leave_soon.start)
        self._leave_soon.timeout.connect(lambda: self.label_check.show_doubts())
        self._fill_images()

    # What the controller asks of a window

    def show_tile(self, image_id: int, plane: int, region: Region, labels: UInt8[np.ndarray, "h w"]) -> None:
        """Put predicted classes over the image."""
        self.canvas.write(image_id, plane, region, labels)

    def show_score(self, score: Score, loss: float | None) -> None:
        """Tell the held-out Dice in the panel and on the image."""
        self.project_images.show_score(score)
        project = self.controller.project
        annotation_s = None if loss is None else self.controller.annotation_clock.seconds
        self.score_card.show_score(score, project.classes() if project is not None else (), annotation_s)
        self.class_table.show_dice(score.classes)
        if project is not None:
            self.canvas.show_score(score, canvas_text(score, project.classes()))
            self.areas.show_scores(score.areas)

    def show_agreement(self, share: float | None, strokes: int) -> None:
        """Tell how the newest strokes agreed with the overlay."""
        self.score_card.show_agreement(share, strokes)

    def show_weights(self, weights: Weights) -> None:
        """Put the weight map over the image."""
        self.map_layer.write_weights(weights)

    def show_map(self, image_id: int, plane: int, region: Region, values: UInt8[np.ndarray, "h w"]) -> None:
        """Put a tile of a predicted map over the image."""
        self.map_layer.write(image_id, plane, region, values)

    def show_objects(self, objects: Objects) -> None:
        """Put numbered objects over the image."""
        self.object_layer.write(objects)
        self.view_row.show_count(self.object_layer.count)

    def drop_suggestion(self) -> None:
        """Take back where a stroke would teach most."""
        self.where_next.clear()

    def show_suggestion(self, suggested: Suggested) -> None:
        """Go where a stroke would teach most, but never while one is under way; other images come up for it."""
        if self.canvas.watcher is None or self.canvas.watcher.is_painting:
            self.where_next.clear()
            return
        if suggested.region is not None and self.controller.image and suggested.image_id != self.controller.image.id:
            self.project_images.switch(suggested.image_id)
            if self.controller.image is None or self.controller.image.id != suggested.image_id:
                return  # it could not be opened, which was told
        self.where_next.show_suggestion(suggested)

    def show_doubted(self, doubted: Doubted) -> None:
        """Ask about strokes that may be wrong."""
        self.label_check.show_doubts(doubted.strokes)

    def show_progress(self, progress: Progress) -> None:
        """Tell how training goes, here and in the activity dock."""
        self.progress_shown = progress
        state = _STATES[progress.state]
        state = "Ready" if progress.state == "paused" and progress.reason else state
        detail = progress.reason or f"step {progress.step}"
        if progress.state == "training" and progress.loss is not None:
            detail += f" · loss {progress.loss:.3f}"
            self.score_card.add_loss(progress.step, progress.loss)
        self.status.setText(f"{state}: {detail}")
        self.view_row.show_progress(progress)
        self.canvas.show_outdated(progress.behind and progress.state != "training")
        self._show_busy(progress.state == "training")
        self._show_buttons()

    def show_device(self, reason: str) -> None:
        """Tell where the network lives."""
        self.device.setText(reason)

    def show_message(self, line: str) -> None:
        """One plain line, no traceback."""
        self.status.setText(line)
        self._show_busy(False)
        self._show_buttons()
        show_error(line)

    def show_notice(self, line: str) -> None:
        """One plain line about something that stops nothing."""
        show_warning(line)

    def offer_rescaled(self, image_id: int, factors: tuple[float, float]) -> None:
        """Offer a copy at the pixel size that the network learned."""
        self.rescale_offer.offer(image_id, factors)

    def show_exporting(self, share: float) -> None:
        """So much of an export is predicted."""
        self.export_row.show_share(share)

    def show_exported(self, paths: tuple[str, ...]) -> None:
        """Tell where the files are; no paths: the export was given up."""
        self.export_row.show_share(None)
        if not paths:
            return
        folder = Path(paths[0]).parent
        names = ", ".join(Path(path).name for path in paths)
        self.exported.setText(f"Saved in {folder}: {names}")
        show_info(f"Saved {len(paths)} files in {folder}, each read again and found equal")

    def show_classes(self) -> None:
        """Fill the class table from the project."""
        project = self.controller.project
        if project is not None:
            self.class_table.show_classes(project.classes(), project.labelled_pixels())
            self.project_images.show_painted()
            self.view_row.show_classes(project.classes())

    # Coming and going: napari takes a closed dock's widget out of its parent, and hides the window before it
    # deletes it; both come before "destroyed", when timers would still fire into a half-deleted viewer.

    def showEvent(self, event: Any) -> None:
        """Watch the window that the panel is in, and be as wide as its style makes the contents."""
        super().showEvent(event)
        content = self._scroll.widget().minimumSizeHint().width() + self._scroll.verticalScrollBar().sizeHint().width()
        self.setMinimumWidth(max(_NARROWEST_PX, content))
        if self.window() is not self:
            self.window().installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """See the window close."""
        if event.type() == QEvent.Type.Hide and not event.spontaneous() and watched is not self:
            self.shut_down(viewer_stays=False)
        return False

    def event(self, event: Any) -> bool:
        """See the dock close."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None and self._timer is not None:
            self.shut_down(viewer_stays=True)
        return bool(super().event(event))

    def shut_down(self, *, viewer_stays: bool) -> None:
        """Save, end the worker, and take our layers away: on a layer without a panel, strokes would be lost."""
        self._timer.stop()
        self._choose_soon.stop()
        self._leave_soon.stop()
        self._map_leave_soon.stop()
        self.project_images.stop()
        self.rescale_offer.stop()
        self.where_next.stop()
        self._save_last_strokes()
        self._show_busy(False)
        _let_go(self.controller, self._layer_events)
        if viewer_stays:
            self._leave()
        elif self.canvas.watcher is not None:
            self.canvas.watcher.stop()

    # What the user does

    def open_project(self, folder: Path) -> None:
        """Use a project folder; its first image comes up in the viewer."""
        self.project_images.save()
        self._enter(folder)
        self._leave()
        self.project_images.open_first()

    def choose_image(self, layer: Image) -> None:
        """Work on an image layer; makes a project for it when none is open."""
        brought = self.project_images.brought(layer)
        if brought is not None:
            self.project_images.switch(brought)
            return
        self.project_images.save()
        self.channels_first.setVisible(layer.ndim > 2)  # elsewhere there is no axis to ask about
        project, ticked = self.controller.project, self.channels_first.isChecked()
        record = None if project is None else source.known_image(layer, ticked, project.images())
        if record is None:
            image, path = source.image_of(layer, ticked)
            if project is None:
                self._enter(source.default_project(layer, image, path))
            record = self.controller.show_image(self._project().add_image(image, path))
        else:
            self.controller.show_image(record)
        if source.shows(layer, record):
            self._show(layer, record)
        self.project_images.take(layer)
        if not source.shows(layer, record):
            self.project_images.bring(record)

    def export(self, folder: Path, formats: tuple[str, ...]) -> None:
        """Write the files of the present image."""
        if not formats:
            raise UserError("NU-E02", "no format is ticked", "export", "tick TIFF, PNG, CSV or one under More")
        self._check_strokes()
        self.controller.exports.begin(folder, formats)
        self.export_row.show_share(0.0)

    # Building

    def _build(self) -> None:
        self.project_name = QLabel("no project yet")
        self.project_button = QPushButton("Project…")
        self.project_button.setToolTip("Open a project folder (NAME.unet) or make a new one")
        self.images = QComboBox()
        self.images.setAccessibleName("image")
        self.images.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.images.setToolTip("The image layer to annotate")
        self.channels_first = QCheckBox("first axis is channels")
        self.channels_first.setToolTip(
            "For an image of several channels in one layer; otherwise the axis is planes (z, t)"
        )
        self.channels_first.setVisible(False)
        self.image_list = ImageList()
        self.project_images = ProjectImages(self, self._viewer, self.controller, self.canvas, self.image_list)
        images = self.project_images
        self.image_facts = ImageFacts(images.correct, images.opened)
        self.rescale_offer = RescaleOffer(self.controller, images.opened, images.add_pixels, self._told)
        self.class_table = ClassTable()
        self.painting = Painting(self.class_table, self)
        self.class_table.setToolTip("\n".join(f"{keys}: {what}" for keys, what in KEYS.items()))
        self.accept = QPushButton("Accept here")
        self.accept.setToolTip(
            "Draw a circle: the prediction inside becomes your own labels, to train on (A).\n"
            "Blocks that are held out for the score, and test areas, take none. Escape ends it."
        )
        self.start, self.pause, self.stop = (QPushButton(text) for text in ("Start", "Pause", "Stop"))
        self.start.setToolTip("Train; painting goes on")
        self.pause.setToolTip("Stop learning for now; the network is scored and saved")
        self.stop.setToolTip("End the worker process and give back its memory; the network is saved")
        self.restore = QPushButton("Best")
        self.restore.setToolTip("Go back to the network with the highest held-out Dice; learning goes on from it")
        self.status = QLabel("Choose an image layer")
        self.status.setWordWrap(True)
        self.device = QLabel("")
        self.device.setWordWrap(True)
        self.score_card = ScoreCard()
        self.where_next = WhereNext(self._viewer, self.canvas)
        for button in (self.where_next.button, self.accept):
            self.class_table.add_tool(button)
        self.label_check = LabelCheck(self._viewer, self.canvas, self.controller, self._told)
        self.export_row = ExportRow()
        self.exported = QLabel("")
        self.exported.setWordWrap(True)
        self.view_row = ViewRow(self.canvas)
        self.overlay_keys = OverlayKeys(
            self.canvas, self.view_row, lambda: (self.map_layer.layer, self.object_layer.layer, self.areas.layer), self
        )
        self.settings_form = SettingsForm()
        self.zoom_hint = QLabel(f"Zoom in to paint: more than {SIDE} x {SIDE} pixels are on screen")
        self.zoom_hint.setWordWrap(True)
        self.zoom_hint.hide()
        # Long paths and names must not widen the dock.
        for label in (self.project_name, self.status, self.device, self.exported):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._lay_out()
        self._show_buttons()

    def _lay_out(self) -> None:
        head = QGridLayout()
        head.addWidget(QLabel("Image"), 0, 0)
        head.addWidget(self.images, 0, 1)
        head.addWidget(self.image_facts, 1, 1)
        head.addWidget(self.rescale_offer, 2, 1)
        head.addWidget(self.channels_first, 3, 1)
        head.addWidget(QLabel("Project"), 4, 0)
        row = QHBoxLayout()
        row.addWidget(self.project_name, 1)
        row.addWidget(self.project_button)
        head.addLayout(row, 4, 1)
        head.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        for button in (self.start, self.pause, self.stop, self.restore):
            buttons.addWidget(button)
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.addLayout(head)
        layout.addWidget(self.image_list)
        layout.addWidget(self.zoom_hint)
        layout.addWidget(self.class_table)
        layout.addWidget(self.where_next)
        layout.addWidget(self.label_check)
        layout.addLayout(buttons)
        layout.addWidget(self.status)
        layout.addWidget(self.device)
        layout.addWidget(self.score_card)
        layout.addWidget(self.view_row)
        for widget in (self.export_row, self.exported, self.settings_form):
            layout.addWidget(widget)
        layout.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self._scroll = scroll

    def _subscribe(self) -> None:
        hear = self.controller.subscribe
        hear(Tile, self._show_tile)
        hear(Scored, lambda said: self.show_score(said.score, said.loss))
        hear(Agreed, lambda said: self.show_agreement(said.share, said.strokes))
        hear(Weights, self.show_weights)
        hear(Objects, self.show_objects)
        hear(Progress, self.show_progress)
        hear(Ready, lambda said: self.show_device(said.reason))
        hear(Suggested, self.show_suggestion)
        hear(Doubted, self.show_doubted)
        hear(Exporting, lambda said: self.show_exporting(said.share))
        hear(Exported, lambda said: self.show_exported(said.paths))
        hear(OtherPixelSize, lambda said: self.offer_rescaled(said.image_id, said.factors))
        hear(ErrorLine, lambda said: self.show_message(said.line))
        hear(Notice, lambda said: self.show_notice(said.line))
        hear(SuggestionDropped, lambda _: self.drop_suggestion())
        hear(ClassesChanged, lambda _: self.show_classes())

    def _show_tile(self, tile: Tile) -> None:
        region = Region(tile.y0, tile.x0, tile.y0 + tile.height, tile.x0 + tile.width)
        self.show_tile(tile.image_id, tile.plane, region, tile.array())
        if tile.map:
            self.show_map(tile.image_id, tile.plane, region, tile.map_array())

    def _connect(self) -> None:
        self._subscribe()
        self.images.activated.connect(lambda _: self._choose_image())
        self.channels_first.toggled.connect(self._channels_ticked)
        self.project_button.clicked.connect(lambda: self._pick_project())
        table = self.class_table
        table.chosen.connect(self.painting.paint_with)
        self.painting.accept.connect(self._begin_accepting)
        self.painting.unknown.connect(self._refuse_label)
        self.accept.clicked.connect(self._begin_accepting)
        table.renamed.connect(lambda k, name: self._told(lambda: self._change_class(k, name=name)))
        table.recoloured.connect(lambda k, colour: self._told(lambda: self._change_class(k, colour=colour)))
        table.added.connect(lambda: self._told(self._add_class))
        table.removed.connect(lambda k: self._told(lambda: self._remove_class(k)))
        self.start.clicked.connect(lambda: self._told(self.controller.training.start))
        self.pause.clicked.connect(lambda: self._told(self.controller.training.pause))
        self.stop.clicked.connect(lambda: self._told(self._stop))
        self.restore.clicked.connect(lambda: self._told(self.controller.training.restore_best))
        self.where_next.wanted.connect(lambda: self._told(self.controller.suggestions.ask))
        self.score_card.area_wanted.connect(lambda: self._told(self.areas.draw))
        self.score_card.copy_wanted.connect(lambda score: self._told(lambda: self._copy_methods(score)))
        self.export_row.paused.connect(lambda on: self.controller.exports.pause(on=on))
        self.export_row.cancelled.connect(lambda: self.controller.exports.cancel())
        self.export_row.wanted.connect(lambda folder, formats: self._told(lambda: self.export(folder, formats)))
        self.view_row.wanted.connect(lambda: self._told(self._choose_map))
        self.view_row.table_wanted.connect(self.object_layer.open_table)
        self.settings_form.changed.connect(lambda settings: self._told(lambda: self._settings_chosen(settings)))
        events = self._viewer.layers.events
        # Kept for the end: napari holds bound methods weakly, but the viewer outlives a closed panel.
        self._layer_events = [
            (events.inserted, self._layers_changed),
            (events.removed, self._layer_removed),
            (events.reordered, self._layers_changed),
        ]
        for event, callback in self._layer_events:
            event.connect(callback)

    # Doing

    def _told(self, action: Callable[[], object]) -> None:
        """Run what the user asked for; what cannot be done is said in one line."""
        try:
            action()
        except UserError as error:
            self.show_message(str(error))
        self._show_buttons()

    def _tick(self) -> None:
        if self._ticking:  # napari's progress bars run the event loop, and with it this timer, inside of our own call
            return
        self._ticking = True
        try:
            self._told(self.controller.tick)
        finally:
            self._ticking = False
        self.project_images.go_on()
        watcher, visible = self.canvas.watcher, self.canvas.visible()
        if watcher is not None and visible is not None:
            self._follow(visible)
            cover = None if self.canvas.covers_all else self.canvas.cover
            self.controller.view.look(watcher.plane, visible, cover, small=self.canvas.is_small)

    def _follow(self, visible: Region) -> None:
        """Keep our layers of a large plane where the user looks."""
        image, record, before = self.canvas.image, self.controller.image, self.canvas.cover
        self.canvas.follow(visible)
        if self.canvas.cover != before and image is not None and record is not None:
            for ours in (self.map_layer, self.object_layer):
                ours.follow(image, record, "c" in record.axes and not image.rgb, self.canvas.cover)
        self.zoom_hint.setVisible(self.canvas.is_too_far_out)

    def _choose_image(self) -> None:
        layer = self.images.currentData()
        if layer is not None and layer in self._viewer.layers and not self._choosing:
            self._told(lambda: self.choose_image(layer))

    def _channels_ticked(self, first: bool) -> None:
        """Correct the axes of the image on screen; where there is none, take up the layer so."""
        record = self.controller.image
        if record is None or self.canvas.image is None:
            self._choose_image()
            return
        axes = source.axes_with_channels(record, first)
        if axes != record.axes:
            self._told(lambda: self.project_images.correct(replace(record, axes=axes, chosen=())))
        self._tick_channels(self.controller.image or record)

    def _tick_channels(self, record: ImageRecord) -> None:
        with signals_blocked(self.channels_first):
            self.channels_first.setChecked(record.axes[0] == "c")

    def _enter(self, folder: Path) -> Project:
        is_new = not (folder / DATABASE).exists()
        project = open_or_read(self.controller, folder, self)
        if is_new:
            self._told(lambda: self._change_settings(settings_of_new_projects()))
        self.score_card.clear()
        self.rescale_offer.clear()
        self.label_check.show_doubts(())
        self.class_table.show_dice(())
        self.areas.show_scores(())
        self.where_next.clear()
        self.project_name.setText(folder.name + (" (read-only)" if project.read_only else ""))
        self.project_name.setToolTip(str(folder))
        self.settings_form.show_settings(project.settings)
        self.score_card.restore(project.scores())
        return project

    def _show(self, layer: Image, record: ImageRecord) -> None:
        project = self.controller.project
        if project is None:
            return
        self._choosing = True
        try:
            self._tick_channels(record)
            channels_first = "c" in record.axes and not layer.rgb
            self.painting.leave()
            self.lasso.follow(layer, record, channels_first)
            for ours in (self.map_layer, self.object_layer):
                ours.follow(layer, record, channels_first, first_cover(record))
            self.areas.leave()
            strokes = partial(_strokes, project, record)
            self.canvas.show(layer, record, strokes, project.classes(), channels_first)
            self.view_row.dress()
            self.overlay_keys.bind()
            self._choose_map()
            self.areas.show(layer, record, channels_first, project.test_areas(record.id))
        finally:
            self._choosing = False
        self.show_classes()
        self.image_facts.show_image(record)
        self.rescale_offer.show_image(record)
        self.label_check.show_doubts()
        self.where_next.clear()
        self.painting.take(self.canvas.annotation)
        self.painting.paint_with(self.class_table.selected or project.classes()[0].id)
        self._fill_images()
        self._show_buttons()

    def _strokes_settled(self, planes: list[int]) -> bool:
        # Called from napari's events, where an exception would cancel the stroke: none may come through.
        try:
            self._commit(planes)
        except UserError as error:
            if str(error) != self._unsaved:  # it is tried again every two seconds, and told once
                self._unsaved = str(error)
                self.show_message(self._unsaved)
            return False
        if self._unsaved:
            self._unsaved = ""
            self.show_notice("All strokes are saved again")
        self._show_buttons()
        return True

    def _commit(self, planes: list[int]) -> None:
        for plane in planes:
            labels = self.canvas.plane_labels(plane)
            if labels is None:
                self._leave()
                what = "the annotation layer was replaced by one of another shape"
                raise UserError(
                    "NU-A10", what, ANNOTATION, "choose the image again; the strokes before that are in the project"
                )
            if self.controller.strokes.commit(plane, labels, self.canvas.cover):
                self.rescale_offer.withdraw()
                self.label_check.show_doubts()
                if not self.controller.worker.is_running:
                    self.canvas.show_outdated(True)

    def _check_strokes(self) -> None:
        if self.canvas.watcher is not None:
            self.canvas.watcher.check()

    def _save_last_strokes(self) -> None:
        """Their layer goes: what the disk still refuses is kept elsewhere."""
        self._check_strokes()
        watcher = self.canvas.watcher
        if watcher is None or not watcher.unsaved or watcher is self._given_up:  # napari closes in several steps
            return
        self._given_up = watcher
        planes = {plane: self.canvas.plane_labels(plane) for plane in sorted(watcher.unsaved)}
        kept = {plane: labels for plane, labels in planes.items() if labels is not None}
        told = self.controller.strokes.keep_elsewhere(kept, self.canvas.cover)
        if told is not None:
            # Not in the window, which may be closing; the next opening says it there.
            _LOG.warning("%s", told)

    def _begin_accepting(self) -> None:
        record, image = self.controller.image, self.canvas.image
        if record is not None and image is not None:
            self.lasso.begin(image, record, "c" in record.axes and not image.rgb)

    def _accept(self, inside: Bool[np.ndarray, "h w"]) -> None:
        self._check_strokes()
        watcher = self.canvas.watcher
        if watcher is not None:
            predicted = np.where(inside, self.canvas.plane_prediction(watcher.plane), 0).astype(np.uint8)
            labels = self.controller.strokes.accept(watcher.plane, predicted, self.canvas.cover)
            self.canvas.paint(watcher.plane, labels, self.canvas.cover, labels > 0)
            watcher.check()

    def _refuse_label(self, label: int) -> None:
        fix = "press + class for another class, or choose one in the table"
        self.show_message(str(UserError("NU-A12", f"{label} is not one of the classes", "label", fix)))

    def _paint_again(self) -> None:
        if self.canvas.annotation is not None and self.canvas.annotation in self._viewer.layers:
            self._viewer.layers.selection.active = self.canvas.annotation
            self.canvas.annotation.mode = "paint"

    def _copy_methods(self, score: Score | None) -> None:
        QGuiApplication.clipboard().setText(methods_paragraph(self._project(), score))

    def _areas_changed(self, areas: dict[int, tuple[Region, ...]]) -> None:
        self._told(lambda: self.controller.strokes.mark_test_areas(areas))

    def _change_class(self, class_id: int, *, name: str | None = None, colour: str | None = None) -> None:
        project = self._project()
        project.change_class(class_id, name=name, colour=colour)
        self._classes_changed()

    def _add_class(self) -> None:
        label = self._project().add_class()
        self._classes_changed()
        self.class_table.select(label.id)

    def _remove_class(self, class_id: int) -> None:
        self._project().remove_class(class_id)
        self._classes_changed()

    def _classes_changed(self) -> None:
        self.controller.change_classes()
        self.canvas.colour(self._project().classes())

    def _settings_chosen(self, settings: Settings) -> None:
        if settings.preset != self._project().settings.preset:
            settings = changed(settings, preset_settings(settings.preset))
            self.settings_form.show_settings(settings)
        self._change_settings(settings)

    def _change_settings(self, settings: Settings) -> None:
        self.controller.change_settings(settings)

    def _choose_map(self) -> None:
        """Show the chosen map or the objects and ask for them; hide what is not chosen and ask for it no more."""
        (kind, class_id), record, image = self.view_row.map, self.controller.image, self.canvas.image
        if record is None or image is None:
            kind = NOTHING
        if kind in (NOTHING, OBJECTS):
            self.map_layer.hide()
        if kind != OBJECTS:
            self.object_layer.hide()
        if kind != NOTHING and record is not None and image is not None:
            first = "c" in record.axes and not image.rgb
            if kind == OBJECTS:
                self.object_layer.show(image, record, first, self.canvas.cover)
            else:
                self.map_layer.show(image, record, first, self.canvas.cover, (kind, class_id), self.view_row.map_name)
        self.view_row.show_count(self.object_layer.count)
        self.controller.view.want_weights(kind == WEIGHT_MAP)
        self.controller.view.want_map("objects" if kind == OBJECTS else PREDICTED.get(kind, ""), class_id)

    def _leave(self) -> None:
        self.image_facts.show_image(None)
        self.rescale_offer.show_image(None)
        self.painting.leave()
        self.lasso.leave()
        self.map_layer.leave()
        self.object_layer.leave()
        self.areas.leave()
        self.canvas.leave()

    def _stop(self) -> None:
        self.controller.training.stop()
        self.status.setText("Stopped: the worker has ended")
        self._show_busy(False)

    def _pick_project(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, "A project folder (NAME.unet), or an empty folder for a new one"
        )
        if folder:
            self._told(lambda: self.open_project(Path(folder)))

    def _project(self) -> Project:
        if self.controller.project is None:
            raise UserError("NU-W04", "no project is open", "panel", "choose an image first")
        return self.controller.project

    # Keeping up with the viewer

    def _layers_changed(self, event: Any = None) -> None:
        self._fill_images()

    def _layer_removed(self, event: Any) -> None:
        removed = getattr(event, "value", None)
        if removed is not None and self.canvas.holds(removed) and not self._choosing:
            self._save_last_strokes()
            self.painting.leave()
            self._told(self.controller.training.pause)
            self._leave_soon.start()  # napari is still busy removing; it crashes when more goes at once
            self.image_facts.show_image(None)
            self.rescale_offer.show_image(None)
            self.map_layer.hide()  # drawn as the only one that is left, it crashed as well
            self.object_layer.hide()
            self.status.setText("Choose an image layer; the strokes are in the project")
        elif removed is not None and removed in (self.map_layer.layer, self.object_layer.layer):
            (self.map_layer if removed == self.map_layer.layer else self.object_layer).forget()
            self.view_row.kind.setCurrentText(NOTHING)
        elif removed is not None:
            self.canvas.forget(removed)
            self.lasso.forget(removed)
            self.areas.forget(removed)
        self._fill_images()

    def _fill_images(self) -> None:
        self.images.blockSignals(True)
        self.images.clear()
        for layer in reversed(self._viewer.layers):
            if isinstance(layer, Image) and layer != self.map_layer.layer:
                self.images.addItem(layer.name, layer)
                if self.canvas.image is not None and layer == self.canvas.image:
                    self.images.setCurrentIndex(self.images.count() - 1)
        self.images.blockSignals(False)
        if self.canvas.image is None and self.images.count() and not self._choosing and self.controller.project is None:
            self._choose_soon.start()

    def _show_busy(self, on: bool) -> None:
        """Appear in the activity dock while training, or leave it; the status line tells the step.

        Every change of the bar would run the event loop inside our own call, and draw layers that are half changed:
        that has crashed the drawing.
        """
        if on and self._busy is None:
            self._busy = progress(total=0, desc="U-Net: training")
        if self._busy is not None and not on:
            self._busy.close()
            self._busy = None

    def _show_buttons(self) -> None:
        ready = self.controller.image is not None
        self.view_row.setEnabled(ready)
        self.where_next.button.setEnabled(ready)
        self.score_card.area_button.setEnabled(ready)
        self.start.setEnabled(ready and not self.controller.training.is_on)
        self.pause.setEnabled(self.controller.training.is_on)
        self.stop.setEnabled(self.controller.worker.is_running)
        self.restore.setEnabled(self.controller.worker.is_running)
        self.export_row.setEnabled(ready)
        self.class_table.setEnabled(self.controller.project is not None)


def _strokes(project: Project, record: ImageRecord, cover: Region) -> UInt8[np.ndarray, "*planes h w"]:
    """What is painted in a part of all planes of an image."""
    labels = np.zeros((record.planes, *cover.shape), np.uint8)
    for plane in project.painted_planes(record.id):
        labels[plane] = project.annotation(record.id, plane, cover)
    return labels.reshape(*record.plane_shape, *cover.shape)


def _let_go(controller: Controller, connected: list[Any], *_: object) -> None:
    """When the panel goes, by whatever way, so does the worker. Safe to call twice."""
    for event, callback in connected:
        event.disconnect(callback)
    connected.clear()
    controller.close()
