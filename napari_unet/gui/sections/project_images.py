"""Many images in one project: which one is shown, how another comes up, and how they are corrected and found."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image as NapariImage
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ErrorLine, Notice
from napari_unet.decoder.client import DecoderClient
from napari_unet.errors import UserError
from napari_unet.gui.layers import source
from napari_unet.gui.layers.calibration import is_calibrated, measure_alike, scale_and_units, scale_layer
from napari_unet.gui.layers.image_layer import ImageLayer
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.image_list import ImageList
from napari_unet.gui.sections.image_rows import ImageRows
from napari_unet.gui.sections.project_entry import enter_project
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.images.image import Image
from napari_unet.project.image_record import ImageRecord

_KEYS = {"PageDown": 1, "PageUp": -1}


class ProjectImages(QObject):  # type: ignore[misc]
    """Brings the images of the project into the viewer, one at a time.

    Parameters
    ----------
    viewer : napari's viewer
    controller : knows project and image
    shown : lays our layers over the image that is brought
    image_list : where the user chooses
    parent : ends this object with itself

    Attributes
    ----------
    decoder : opens the files of images in another process
    brought : the layer in which images of the project are brought, not one of the user's

    Signals
    -------
    left : another project is open; nothing of the one before is shown
    """

    left = Signal()

    def __init__(
        self, viewer: Any, controller: Controller, shown: ShownImage, image_list: ImageList, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.decoder = DecoderClient()
        self._viewer = viewer
        self._controller = controller
        self._shown = shown
        self._list = image_list
        self._window = parent
        self._rows = ImageRows(controller, image_list)
        self._attempt = attempt = Attempt(controller)
        self.brought = ImageLayer(viewer)
        self._users: list[Any] = []  # image layers that the user opened and that are in the project
        self._wanted: int | None = None  # waits for the end of a stroke
        image_list.chosen.connect(self.switch)
        image_list.stepped.connect(self.step)
        image_list.found.connect(lambda image_id, path: attempt(partial(self.relocate, image_id, path)))
        for key, count in _KEYS.items():
            viewer.bind_key(key, _stepping(self, count), overwrite=True)

    # Showing

    def open_project(self, folder: Path, image_id: int | None = None) -> None:
        """Use a project folder; its first image that can be opened comes up, and the first that cannot be is told.

        Parameters
        ----------
        folder : of the project
        image_id : of the image that is tried before the others

        Raises
        ------
        UserError
            Those of ``Project``, and of committing the strokes that are painted now.
        """
        self._shown.saving.save()
        present = self._controller.project
        is_same = present is not None and present.folder == folder.absolute()
        if is_same:  # it is closed before it is opened anew, and stays closed when the user calls that off
            self._leave_project()
        enter_project(self._controller, folder, self._window)
        if not is_same:
            self._leave_project()
        self._rows.forget_project()
        told = False
        for record in sorted(self._controller.present_project().images.all(), key=lambda one: one.id != image_id):
            try:
                self._try(record.id)
            except UserError as error:
                if not told:
                    self._controller.publish(ErrorLine(str(error)))
                told = True
            else:
                return

    def choose(self, layer: Any, channels_first: bool) -> None:
        """Work on an image layer; makes a project for it when none is open.

        Raises
        ------
        UserError
            Those of reading the layer, of ``Project`` and of committing the strokes that are painted now.
        """
        if self.brought.image_id is not None and self.brought.is_layer(layer):
            self.switch(self.brought.image_id)
            return
        self._shown.saving.save()
        if self._controller.project is None:
            folder = source.default_project(layer, *source.image_of(layer, channels_first))
            enter_project(self._controller, folder, self._window)
        images = self._controller.present_project().images
        record = source.known_image(layer, channels_first, images.all(), self.opened)
        if record is None:
            image, path = source.image_of(layer, channels_first)
            record = images.add(image, path, self.opened)
            if path is None and (line := source.copy_told(layer)):
                self._controller.publish(Notice(line))
        elif not os.path.exists(record.path):
            path = source.image_of(layer, channels_first)[1]
            if path is not None:
                images.relocate(record.id, path)
                record = self._opened_anew(record.id)
        if layer not in self._users:
            self._users.append(layer)
        if source.shows(layer, record):
            self._show_itself(layer, record)
        else:
            if not is_calibrated(layer):
                measure_alike(layer, source.layer_axes(record), record.pixel_size)
            self._rows.show()
            self._try(record.id)

    def switch(self, image_id: int) -> None:
        """Work on another image of the project; while a stroke is being painted, right after it."""
        if self._shown.canvas.annotation_layer.is_painting:
            self._wanted = image_id
            return
        self._wanted = None
        present = self._controller.image
        if present is None or present.id != image_id or self._shown.canvas.image is None:
            self._attempt(partial(self._try, image_id))
        self._list.show_current(image_id)

    def step(self, count: int) -> None:
        """Go so many images on in the list, or back, from the marked one: so keys pass one that cannot be opened."""
        ids = [record.id for record in self._list.table.records]
        present = self._wanted or self._list.marked
        row = ids.index(present) + count if present in ids else 0
        if 0 <= row < len(ids):
            self.switch(ids[row])

    def go_on(self) -> None:
        """Do what waited for the end of a stroke."""
        if self._wanted is not None:
            self.switch(self._wanted)

    def show_added(self) -> None:
        """Show the images that joined the project, were found or went; where none is on screen, the first comes up."""
        before = {record.id: record.path for record in self._list.table.records}
        self._rows.show()
        records = self._list.table.records
        for record in records:
            if before.get(record.id, record.path) != record.path:
                self._opened_anew(record.id)
        joined = [record for record in records if record.id not in before] or records
        if self._shown.canvas.image is None and joined:
            self.switch(joined[0].id)

    def layer_removed(self, layer: Any) -> None:
        """Forget a layer that the user took out of the viewer, so that its pixels can be given back."""
        self._users = [one for one in self._users if one is not layer]

    def opened(self, record: ImageRecord) -> Image:
        """Open an image of the project in the process of the decoder; raise what that does."""
        return self.decoder.open_recorded(record)

    def stop(self) -> None:
        """Let go of the viewer, of threads and processes."""
        self.decoder.rest()  # a layer that stays may still read from it
        self._list.stop()
        for key in _KEYS:
            self._viewer.bind_key(key, None)

    # Changing

    def add_pixels(self, image: Image) -> None:
        """Add an image that lives in memory only, and work on it."""
        record = self._controller.present_project().images.add(image)
        self._rows.show()
        self.switch(record.id)

    def relocate(self, image_id: int, path: Path) -> None:
        """Point to where an image file is now.

        Raises
        ------
        UserError
            NU-P06 when it is another image, NU-I10 to NU-I14 when it cannot be read; nothing has changed then.
        """
        project = self._controller.present_project()
        self.opened(replace(project.images.get(image_id), path=path))
        project.images.relocate(image_id, path)
        self._opened_anew(image_id)
        self._rows.show()
        self.switch(image_id)

    def correct(self, wanted: ImageRecord) -> None:
        """Remember what the user says of an image - pixel size, axes, channels - and show it so.

        Axes and channels of other images may change with it.

        Raises
        ------
        UserError
            NU-I09 or NU-I30 to NU-I34 when that cannot be, NU-P11 in a read-only project.
        """
        canvas = self._shown.canvas
        self._shown.saving.save()
        layer, before = canvas.image, _extent(canvas.image)
        images = self._controller.present_project().images
        known = {record.id: record for record in images.all()}
        record = self._controller.correct(wanted)
        for other in images.all():
            if other != known[other.id]:
                self._rows.forget_file(other.id)
                canvas.forget_planes(other.id)
        if layer in self._users and record.pixel_size != known[record.id].pixel_size:
            scale_layer(layer, source.layer_axes(record), record.pixel_size)
        try:
            self.bring(record)
        except UserError:
            self._shown.leave()  # strokes on layers of before would be lost
            raise
        self._rows.show()
        if not np.array_equal(before, _extent(canvas.image)):
            self._viewer.reset_view()

    # Bringing

    def bring(self, record: ImageRecord) -> None:
        """Show an image of the project; when this raises, the image before is still there."""
        layer = self._users_layer(record)
        image = self.opened(record) if layer is None else None
        self._shown.saving.save()
        before = _extent(self._shown.canvas.image)
        units = scale_and_units(source.layer_axes(record), record.pixel_size)[1] if layer is None else layer.units
        self._shown.measure_in(tuple(map(str, units)), self.brought.layer)
        if image is not None:
            with self._shown.changing():  # a layer that gives way to this one was not taken away by the user
                layer = self.brought.show(image, record)
        elif layer not in self._users:
            self._users.append(layer)
        _uncover(layer, [*self._users, self.brought.layer], self._viewer)
        self._controller.show_image(record)
        self._lay_over(layer, record)
        _show_a_channel(layer, record, self._viewer.dims)
        if not np.array_equal(before, _extent(layer)):
            self._viewer.reset_view()
        self._list.show_current(record.id)

    def _opened_anew(self, image_id: int) -> ImageRecord:
        """Return the record of an image whose file lies elsewhere now, which worker and list look at again."""
        self._controller.open_anew(image_id)
        self._rows.forget_file(image_id)
        return self._controller.present_project().images.get(image_id)

    def _leave_project(self) -> None:
        self._shown.leave()
        self._wanted = None
        self.brought.image_id = None  # it shows an image of this project; the same number is another one in the next
        self.left.emit()

    def _try(self, image_id: int) -> None:
        try:
            self.bring(self._controller.present_project().images.get(image_id))
        except UserError as error:
            self._rows.tell_problem(image_id, error)
            raise

    def _show_itself(self, layer: Any, record: ImageRecord) -> None:
        """Lay our layers over a layer of the user."""
        before = self._shown.canvas.image
        self._controller.show_image(record)
        self._lay_over(layer, record)
        if before is not None and not np.array_equal(_extent(before), _extent(layer)):
            self._viewer.reset_view()
        if self.brought.layer is not None:
            self.brought.layer.visible = False
        self._rows.show()

    def _lay_over(self, layer: Any, record: ImageRecord) -> None:
        """Lay our layers over a layer, which from now on is known as of this project."""
        self._shown.show(layer, record)
        source.note_project(layer, self._controller.present_project().folder, record)

    def _users_layer(self, record: ImageRecord) -> Any:
        folder = self._controller.present_project().folder
        for layer in self._viewer.layers:
            is_users = isinstance(layer, NapariImage) and not self.brought.is_layer(layer)
            if is_users and layer.name.startswith(record.name) and source.is_of(layer, folder, record, self.opened):
                return layer
        return None


def _uncover(layer: Any, others: Iterable[Any], viewer: Any) -> None:
    """Hide the project's other images, which would lie over this one."""
    for other in others:
        if other is not None and other in viewer.layers:
            other.visible = other == layer


def _show_a_channel(layer: Any, record: ImageRecord, dims: Any) -> None:
    """Move the slider of the channels to one that the network sees, if it stands on none of them.

    It may stand beyond the last one, where nothing is shown, since other layers lengthen it.
    """
    if not source.layer_axes(record).startswith("c"):
        return
    chosen, axis = record.chosen or tuple(range(record.all_channels)), dims.ndim - layer.ndim
    if round(dims.point[axis]) not in chosen:
        dims.set_point(axis, chosen[0])


def _extent(layer: Any) -> Any:
    return None if layer is None else layer.extent.world


def _stepping(images: ProjectImages, count: int) -> Callable[[Any], None]:
    def step(viewer: Any) -> None:  # napari wants a name, which a partial function has not
        images.step(count)

    return step
