"""Many images in one project: which one is shown, how another comes up, and how new ones join."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image as NapariImage
from qtpy.QtCore import QObject, QTimer

from napari_unet.controller.controller import Controller
from napari_unet.decoder.client import DecoderClient
from napari_unet.errors import UserError
from napari_unet.evaluation.scores import Score
from napari_unet.gui.layers import source
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.image_layer import ImageLayer
from napari_unet.gui.sections.image_list import ImageList
from napari_unet.images.folder import image_paths
from napari_unet.images.image import Image
from napari_unet.images.reading import SUPPORTED
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project
from napari_unet.project.recorded_image import open_recorded

_LOOK_MS = 10  # whether a file to add is open
_KEYS = {"PageDown": 1, "PageUp": -1}
_FILE_PROBLEMS = ("NU-I", "NU-P04", "NU-P06", "NU-S10", "NU-S11")


class ProjectImages(QObject):  # type: ignore[misc]
    """Brings the images of the project into the viewer, one at a time.

    Parameters
    ----------
    panel : the dock widget, of which ``_told``, ``_enter``, ``_show``, ``_commit`` and ``show_message`` are used
    viewer : napari's viewer
    controller, canvas, image_list : what the panel is made of
    """

    def __init__(self, panel: Any, viewer: Any, controller: Controller, canvas: Canvas, image_list: ImageList) -> None:
        super().__init__(panel)
        self._panel = panel
        self._viewer = viewer
        self._controller = controller
        self._canvas = canvas
        self._list = image_list
        self._ours = ImageLayer(viewer)
        self._users: list[Any] = []  # image layers that the user opened and that are in the project
        self._wanted: int | None = None  # waits for the end of a stroke
        self._waiting: deque[Path] = deque()
        self._refused: list[str] = []
        self._shown = DecoderClient()  # not the one of files to add, which may wait for a slow one
        self._decoder = DecoderClient()
        self._opening: tuple[Path, Future[Image]] | None = None
        self._add_soon = QTimer(self, singleShot=True, interval=_LOOK_MS)
        self._add_soon.timeout.connect(self._add_next)
        image_list.chosen.connect(self.switch)
        image_list.stepped.connect(self.step)
        image_list.added.connect(self.add)
        image_list.found.connect(lambda image_id, path: panel._told(partial(self.relocate, image_id, path)))
        image_list.accept_drops_on(panel)
        for key, count in _KEYS.items():
            viewer.bind_key(key, _stepping(self, count), overwrite=True)

    # Showing

    def open_first(self) -> None:
        """Show the first image of a project just opened; of those that cannot be opened, the first is told."""
        self._waiting.clear()
        self._opening = None
        self._wanted = None
        self._ours.image_id = None  # it shows an image of the project before; the same number is another one here
        self._list.thumbnails.clear()
        self._list.table.show_dice({})
        self._show_rows()
        told = False
        for record in self._project().images():
            try:
                self._try(record.id)
            except UserError as error:
                if not told:
                    self._panel.show_message(str(error))
                told = True
            else:
                return

    def switch(self, image_id: int) -> None:
        """Work on another image of the project; while a stroke is being painted, right after it."""
        if self._canvas.is_painting:
            self._wanted = image_id
            return
        self._wanted = None
        if image_id != self._present or self._canvas.image is None:
            self._panel._told(partial(self._try, image_id))
        self._list.show_current(image_id)

    def step(self, count: int) -> None:
        """So many images on in the list, or back."""
        ids = [record.id for record in self._list.table.records]
        present = self._wanted or self._present
        row = ids.index(present) + count if present in ids else 0
        if 0 <= row < len(ids):
            self.switch(ids[row])

    def go_on(self) -> None:
        """Do what waited for the end of a stroke."""
        if self._wanted is not None:
            self.switch(self._wanted)

    def take(self, layer: Any) -> None:
        """A layer of the user is worked on now."""
        if layer not in self._users:
            self._users.append(layer)
        if self._ours.layer is not None:
            self._ours.layer.visible = False
        self._show_rows()

    def brought(self, layer: Any) -> int | None:
        """The image that a layer of ours shows; None for other layers."""
        return self._ours.image_id if self._ours.is_layer(layer) else None

    def opened(self, record: ImageRecord) -> Image:
        """An image of the project, decoded by another process; raises what ``open_recorded`` and that process do."""
        return open_recorded(record, lambda path, axes: self._shown.open(path, axes).result())

    def show_painted(self) -> None:
        """Strokes changed."""
        if self._controller.project is not None:
            self._list.table.show_painted(self._controller.project.labelled_pixels_by_image())

    def show_score(self, score: Score) -> None:
        """Tell the held-out Dice of every image: the mean over its blocks."""
        found: dict[int, list[float]] = {}
        for block in score.blocks:
            found.setdefault(block.image_id, []).append(block.dice)
        self._list.table.show_dice({image_id: sum(dice) / len(dice) for image_id, dice in found.items()})

    def stop(self) -> None:
        """Let go of the viewer, of threads and processes."""
        self._add_soon.stop()
        self._decoder.stop()
        self._shown.rest()  # a layer that stays may still read from it
        self._list.thumbnails.stop()
        for key in _KEYS:
            self._viewer.bind_key(key, None)

    # Joining

    def add(self, paths: list[Path]) -> None:
        """Add image files, and those in folders, to the project, once another process could open them."""
        found = [image for path in paths for image in image_paths(path)]
        if not found:
            error = UserError("NU-I12", "there is no image in the folder", str(paths[0]), f"choose {SUPPORTED}")
            self._panel.show_message(str(error))
            return
        self._waiting.extend(found)
        self._add_soon.start()

    def add_pixels(self, image: Image) -> None:
        """Add an image that lives in memory only, and work on it."""
        record = self._project().add_image(image)
        self._show_rows()
        self.switch(record.id)

    def relocate(self, image_id: int, path: Path) -> None:
        """Point to where an image file is now.

        Raises
        ------
        UserError
            NU-P06 when it is another image, NU-I10 to NU-I14 when it cannot be read; nothing has changed then.
        """
        project = self._project()
        self.opened(replace(project.image(image_id), path=path))
        project.relocate(image_id, path)
        self._list.thumbnails.forget(image_id)
        self._show_rows()
        self.switch(image_id)

    def correct(self, wanted: ImageRecord) -> None:
        """Remember what the user says of an image - pixel size, axes, channels - and show it so.

        Raises
        ------
        UserError
            NU-I09 or NU-I30 to NU-I34 when that cannot be, NU-P11 in a read-only project.
        """
        self.save()
        layer, before = self._canvas.image, _extent(self._canvas.image)
        size = self._project().image(wanted.id).pixel_size
        record = self._controller.correct(wanted)
        self._list.thumbnails.forget(record.id)
        self._canvas.forget_planes(record.id)
        if layer in self._users and record.pixel_size != size:
            source.scale_layer(layer, record.pixel_size)
        try:
            self.bring(record)
        except UserError:
            self._panel._leave()  # strokes on layers of before would be lost
            raise
        self._show_rows()
        if not np.array_equal(before, _extent(self._canvas.image)):
            self._viewer.reset_view()

    def _add_next(self) -> None:
        if self._opening is None and self._waiting:
            path = self._waiting.popleft()
            self._opening = path, self._decoder.open(path, is_tried=True)
        if self._opening is not None:
            self._add_opened(*self._opening)
            self._list.place.setText(f"{len(self._waiting)} to add")
            self._add_soon.start()
            return
        self._decoder.rest()
        self._show_rows()
        if self._refused:
            self._panel.show_message("\n".join(self._refused))
            self._refused.clear()
        if self._present is None and self._list.table.records:
            self.switch(self._list.table.records[0].id)

    def _add_opened(self, path: Path, opened: Future[Image]) -> None:
        if opened.done():
            self._opening = None
            try:
                self._add_one(opened.result(), path)
            except UserError as error:
                self._refused.append(str(error))

    def _add_one(self, image: Image, path: Path) -> None:
        if self._controller.project is None:
            self._panel._enter(source.default_project(None, image, path))
        project = self._project()
        known, channels = project.channels(), len(project.channels_of_new(image))
        if known not in {None, channels}:
            what = f"the image has {channels} channels and those of the project have {known}"
            raise UserError("NU-I09", what, str(path), "keep images of one kind in a project")
        project.add_image(image, path)

    # Bringing

    def _try(self, image_id: int) -> None:
        try:
            self.bring(self._project().image(image_id))
        except UserError as error:
            if error.code.startswith(_FILE_PROBLEMS):
                self._list.thumbnails.tell_problem(image_id, str(error))
            raise

    def bring(self, record: ImageRecord) -> None:
        """Show an image of the project; when this raises, the image before is still there."""
        layer = self._users_layer(record)
        image = self.opened(record) if layer is None else None
        self.save()
        before = _extent(self._canvas.image)
        self._measure_in(record.pixel_size.unit if layer is None else str(layer.units[-1]))
        if image is not None:
            self._panel._choosing = True  # a layer that gives way to this one was not taken away by the user
            try:
                layer = self._ours.show(image, record)
            finally:
                self._panel._choosing = False
        elif layer not in self._users:
            self._users.append(layer)
        self._uncover(layer)
        self._controller.show_image(record)
        self._panel._show(layer, record)
        if not np.array_equal(before, _extent(layer)):
            self._viewer.reset_view()
        self._list.show_current(record.id)

    def _measure_in(self, unit: str) -> None:
        """Give all our layers a unit at once: drawn while they have several, napari warns of it."""
        panel = self._panel
        further = (self._ours.layer, panel.map_layer.layer, panel.object_layer.layer, panel.areas.layer)
        for layer in [*self._canvas.overlays, *further]:
            if layer is not None:
                layer.units = (*["pixel"] * (layer.ndim - 2), unit, unit)

    def save(self) -> None:
        """Commit what is painted; raises, so that the image stays, when the disk does not take it."""
        watcher = self._canvas.watcher
        if watcher is not None:
            watcher.check()
            self._panel._commit(sorted({watcher.plane} | watcher.unsaved))

    def _uncover(self, layer: Any) -> None:
        """Hide the project's other images, which would lie over this one."""
        for other in [*self._users, self._ours.layer]:
            if other is not None and other in self._viewer.layers:
                other.visible = other == layer

    def _users_layer(self, record: ImageRecord) -> Any:
        channels_first = "c" in record.found_axes[:-2]
        for layer in self._viewer.layers:
            if isinstance(layer, NapariImage) and not self._ours.is_layer(layer) and layer.name.startswith(record.name):
                found, _ = source.image_of(layer, channels_first)
                if source.shows(layer, record) and found.fingerprint() == record.fingerprint:
                    return layer
        return None

    def _show_rows(self) -> None:
        if self._controller.project is not None:
            self._list.show_images(self._controller.project.images())
            self.show_painted()
            self._list.show_current(self._present)

    @property
    def _present(self) -> int | None:
        return None if self._controller.image is None else self._controller.image.id

    def _project(self) -> Project:
        if self._controller.project is None:
            raise UserError("NU-W04", "no project is open", "panel", "choose an image first")
        return self._controller.project


def _extent(layer: Any) -> Any:
    return None if layer is None else layer.extent.world


def _stepping(images: ProjectImages, count: int) -> Callable[[Any], None]:
    def step(viewer: Any) -> None:  # napari wants a name, which a partial function has not
        images.step(count)

    return step
