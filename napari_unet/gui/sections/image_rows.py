"""The rows of the image list: images of the project, painted pixels and Dice of each."""

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ClassesChanged
from napari_unet.errors import UserError
from napari_unet.evaluation.scores import Score
from napari_unet.gui.sections.image_list import ImageList
from napari_unet.protocol.messages import Scored

_FILE_PROBLEMS = ("NU-I", "NU-P04", "NU-P06", "NU-S10", "NU-S11")


class ImageRows:
    """Fills the list from the project of a controller."""

    def __init__(self, controller: Controller, image_list: ImageList) -> None:
        self._controller = controller
        self._list = image_list
        controller.subscribe(ClassesChanged, lambda _: self._show_painted())
        controller.subscribe(Scored, lambda scored: self._show_score(scored.score))

    def show(self) -> None:
        """Show the images of the project as they are now."""
        project, present = self._controller.project, self._controller.image
        if project is not None:
            self._list.show_images(project.images.all())
            self._show_painted()
            self._list.show_current(None if present is None else present.id)

    def forget_project(self) -> None:
        """Forget what was shown of the project before, and show the images of this one."""
        self._list.thumbnails.clear()
        self._list.table.show_dice({})
        self.show()

    def forget_file(self, image_id: int) -> None:
        """Make a new thumbnail of an image whose file, or whose recorded facts, have changed."""
        self._list.thumbnails.forget(image_id)

    def tell_problem(self, image_id: int, error: UserError) -> None:
        """Mark an image whose file is the problem."""
        if error.code.startswith(_FILE_PROBLEMS):
            self._list.thumbnails.tell_problem(image_id, str(error))

    def _show_painted(self) -> None:
        if self._controller.project is not None:
            self._list.table.show_painted(self._controller.project.strokes.labelled_pixels_by_image())

    def _show_score(self, score: Score) -> None:
        """Tell the held-out Dice of every image: the mean over its blocks."""
        found: dict[int, list[float]] = {}
        for block in score.blocks:
            found.setdefault(block.image_id, []).append(block.dice)
        self._list.table.show_dice({image_id: sum(dice) / len(dice) for image_id, dice in found.items()})
