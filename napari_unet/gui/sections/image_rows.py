"""The rows of the image list: images of the project, painted pixels and Dice of each."""

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ClassesChanged
from napari_unet.errors import UserError
from napari_unet.evaluation.estimated_dice import mean_estimate
from napari_unet.evaluation.image_dice import saved_image_dice
from napari_unet.gui.sections.image_list import ImageList
from napari_unet.protocol.messages import Estimated

_FILE_PROBLEMS = ("NU-I", "NU-P04", "NU-P06", "NU-S10", "NU-S11")


class ImageRows:
    """Fills the list from the project of a controller."""

    def __init__(self, controller: Controller, image_list: ImageList) -> None:
        self._controller = controller
        self._list = image_list
        self._dice: dict[int, float] = {}  # by image id
        self._older: set[int] = set()  # ids of images whose Dice an earlier network has
        controller.subscribe(ClassesChanged, lambda _: self._show_painted())
        controller.subscribe(Estimated, self._show_estimate)

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
        project = self._controller.project
        values, older = ({}, {}) if project is None else saved_image_dice(project)
        self._dice, self._older = older | values, {*older}
        self._show_dice()
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

    def _show_estimate(self, estimated: Estimated) -> None:
        """Tell the mean estimated Dice of the plane of an image that was predicted last; none unless all have one."""
        self._dice.pop(estimated.image_id, None)
        mean = mean_estimate(estimated.classes)
        if mean is not None:
            self._dice[estimated.image_id] = mean
        self._older.discard(estimated.image_id)
        self._show_dice()

    def _show_dice(self) -> None:
        self._list.table.show_dice(dict(self._dice), frozenset(self._older))
