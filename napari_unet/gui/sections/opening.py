"""The way from an open image to the right project, and back to yesterday's: asked where it is not clear."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image
from qtpy.QtCore import QObject
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageShown, ProjectOpened
from napari_unet.errors import UserError
from napari_unet.gui.layers.layer_file import path_of
from napari_unet.gui.layers.source import project_of
from napari_unet.gui.remembered import keep_picture, picture_of, recent_projects, remember_project
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.banner import Answer, Banner
from napari_unet.gui.sections.head import Head
from napari_unet.gui.sections.project_images import ProjectImages
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.project.belonging import projects_with

_MOST_RECENT = 4
_NUMBERS = {2: "both", 3: "all three", 4: "all four"}


class Opening(QObject):  # type: ignore[misc]
    """Asks, over the top of the panel, which project an image goes to and whether all open images are wanted.

    Parameters
    ----------
    controller : knows the project
    shown : the image on screen
    images : opens projects
    head : takes up a layer, and says which ones there are
    panel : the questions lie over it

    Attributes
    ----------
    banner : the question
    """

    def __init__(
        self, controller: Controller, shown: ShownImage, images: ProjectImages, head: Head, panel: QWidget
    ) -> None:
        super().__init__(panel)
        self._controller = controller
        self._shown = shown
        self._images = images
        self._head = head
        self._attempt = Attempt(controller)
        self.banner = Banner(panel)
        self._known: list[Image] = []  # layers that were there before the project, were taken up or are not wanted
        self._asked: list[Image] = []  # that the question is about
        head.chosen.connect(self.take_up)
        head.filled.connect(self._offer_recent)
        head.filled.connect(lambda _: self._offer_new())
        controller.subscribe(ProjectOpened, lambda opened: self._opened(opened.project.folder))
        controller.subscribe(ImageShown, lambda _: self._keep_picture())

    def take_up(self, layer: Image) -> None:
        """Work on a layer, in the project that it was shown for before the panel was closed.

        Where another project beside its file has it, ask whether that one is meant.
        """
        is_first = self._controller.project is None
        shown_for = project_of(layer) if is_first else None
        if shown_for is not None:
            self._attempt(partial(self._images.open_project, *shown_for))
            return
        path = path_of(layer)
        held = projects_with(path) if is_first and path is not None else []
        if held and path is not None and all(folder.stem != path.stem for folder, _ in held):
            folder, image_id = held[0]
            self.banner.ask(
                f"{layer.name} belongs to the project {folder.stem}: open it?",
                [
                    Answer(f"Open {folder.stem}", self._opening(folder, image_id)),
                    Answer("New project", lambda: self._begin(layer)),
                ],
            )
        elif is_first:
            self._begin(layer)
        else:
            self._attempt(lambda: self._head.take(layer))

    def _begin(self, layer: Image) -> None:
        """Make a project for a layer, or open its own, and offer to take the other open images as well."""
        self._attempt(lambda: self._head.take(layer))
        others = [one for one in self._head.layers if one is not layer and not self._images.brought.is_layer(one)]
        if others and self._controller.image is not None:
            count = len(others) + 1
            self.banner.ask(
                f"{count} images are open: use {_NUMBERS.get(count, 'all of them')} in this project?",
                [
                    Answer(f"Use all {count}", lambda: self._use([*others, layer])),
                    Answer(f"Only {layer.name}", lambda: None),
                ],
            )

    def _use(self, layers: list[Image]) -> None:
        """Take layers up one after the other; one that was removed since the question is passed over."""
        for layer in layers:
            if layer in self._head.layers:
                self._attempt(partial(self._head.take, layer))

    def _offer_recent(self, layers: int) -> None:
        """Offer the projects that were opened last, while nothing is open."""
        is_empty = not layers and self._controller.project is None
        recent = recent_projects()[:_MOST_RECENT] if is_empty else []
        if recent:
            answers = [Answer(folder.stem, self._opening(folder), QIcon(str(picture_of(folder)))) for folder in recent]
            self.banner.ask(
                "Drop an image or a folder here, or go on with a project",
                [*answers, Answer("Another project…", self._head.pick_project)],
                one_below_the_other=True,
            )
        elif self._controller.project is None:
            self.banner.clear()

    def _offer_new(self) -> None:
        """Ask about image layers that come while a project is open: they lie over the image that is painted."""
        project, image = self._controller.project, self._shown.canvas.image
        layers = [one for one in self._head.layers if not self._images.brought.is_layer(one)]
        is_open = project is not None and not project.read_only
        self._known = [one for one in layers if not is_open or one in self._known or one is image]
        before, self._asked = self._asked, [one for one in layers if one not in self._known]
        if self._asked == before:
            return
        count = len(self._asked)
        if not count:
            self.banner.clear()
            return
        which = self._asked[0].name if count == 1 else f"the {count} new images"
        self.banner.ask(
            f"Use {which} in this project?",
            [
                Answer("Use it" if count == 1 else f"Use all {count}", lambda: self._use([*reversed(self._asked)])),
                Answer("Not now", self._leave_out),
            ],
        )

    def _leave_out(self) -> None:
        """Ask no more about the layers in question."""
        self._known += self._asked
        self._asked = []

    def _opening(self, folder: Path, image_id: int | None = None) -> Callable[[], None]:
        return lambda: self._attempt(partial(self._images.open_project, folder, image_id))

    def _opened(self, folder: Path) -> None:
        self.banner.clear()
        remember_project(folder)

    def _keep_picture(self) -> None:
        """Keep napari's thumbnail of the image on screen for the list of recent projects."""
        layer: Any = self._shown.canvas.image
        project = self._controller.project
        if layer is not None and project is not None:
            try:
                keep_picture(project.folder, layer.thumbnail)
            except UserError:
                return  # a picture is missed by nobody who has no room for it
