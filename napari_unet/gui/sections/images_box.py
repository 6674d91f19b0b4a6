"""The box of images and project: which layer is annotated, which images the project has, how more come in."""

from typing import Any

from qtpy.QtWidgets import QScrollArea, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.gui.sections.added_files import AddedFiles
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.drawer import Drawer
from napari_unet.gui.sections.dropped_projects import DroppedProjects
from napari_unet.gui.sections.head import Head
from napari_unet.gui.sections.image_list import ImageList
from napari_unet.gui.sections.image_removal import ImageRemoval
from napari_unet.gui.sections.image_room import ImageRoom
from napari_unet.gui.sections.opening import Opening
from napari_unet.gui.sections.project_images import ProjectImages
from napari_unet.gui.sections.section import column
from napari_unet.gui.sections.shown_image import ShownImage


class ImagesBox(QWidget):  # type: ignore[misc]
    """Puts the head over the list of images; files and folders may be dropped on the whole panel.

    Parameters
    ----------
    viewer : napari's viewer
    controller : knows the project
    shown : the image on screen
    panel : takes the drops
    """

    def __init__(self, viewer: Any, controller: Controller, shown: ShownImage, panel: QWidget) -> None:
        super().__init__()
        self.list = ImageList()
        self.project_images = ProjectImages(viewer, controller, shown, self.list, panel)
        self.removal = ImageRemoval(controller, shown, self.project_images, self.list, panel)
        self.added_files = AddedFiles(controller, panel)
        self.head = Head(viewer, controller, shown, self.project_images)
        self.opening = Opening(controller, shown, self.project_images, self.head, panel)
        self.list.accept_drops_on(panel)
        # Made later than the list takes drops, for the filter that comes last is asked first.
        self.dropped = DroppedProjects(panel, self.project_images.open_project, Attempt(controller))
        self.list.added.connect(self.added_files.add)
        self.added_files.counted.connect(lambda count: self.list.place.setText(f"{count} to add"))
        self.added_files.finished.connect(self.project_images.show_added)
        self.project_images.left.connect(self.added_files.forget)
        layout = column(self)
        layout.addWidget(self.head)
        layout.addWidget(self.list)

    def fit_into(self, scroll: QScrollArea, drawer: Drawer) -> None:
        """Let the list take what the other rows of the panel leave of its height."""
        self._room = ImageRoom(self.list, scroll, drawer)

    def stop(self) -> None:
        """Let go of the viewer, of threads and processes."""
        self._room.stop()
        self.head.stop()
        self.dropped.stop()
        self.opening.banner.stop()
        self.added_files.stop()
        self.project_images.stop()
