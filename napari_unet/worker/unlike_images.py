"""Images that are unlike those that the network was trained on."""

from napari_unet.dataset.training_image import difference, other_pixel_size
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.novelty import doubt_line
from napari_unet.protocol.messages import Corrected, Noticed, Open, OtherPixelSize
from napari_unet.worker.listener import Hears, Listener
from napari_unet.worker.open_project import OpenProject


class UnlikeImages(Listener):
    """Tells the window once of each image that is predicted but unlike the painted ones."""

    def __init__(self, opened: OpenProject) -> None:
        self._opened = opened
        self._compared: set[int] = set()  # ids of the images
        self._doubted: set[int] = set()  # ids of those that were told of for the doubts of the network

    def hears(self) -> Hears:
        """Return the methods for a project that is opened and for an image that is corrected."""
        return {Open: self._forget, Corrected: self._forget}

    def compare(self, image_id: int) -> None:
        """Tell how an image that nothing is painted on differs from those that were trained on."""
        annotations = self._opened.required().annotations
        if image_id in self._compared or any(image_id == painted for painted, _ in annotations.planes):
            return
        self._compared.add(image_id)
        trained, planes = annotations.training_images(), annotations.pixels(image_id)
        line = difference(trained, planes)
        if line:
            self._opened.send(Noticed(line))
        factors = other_pixel_size(trained, planes)
        if factors:
            self._opened.send(OtherPixelSize(image_id, factors))

    def compare_answer(self, image_id: int, sums: DiceSums, class_ids: tuple[int, ...]) -> None:
        """Tell once of an image without strokes where the network is much less sure than where there are some."""
        learner = self._opened.required()
        is_unlike = learner.selection.looked_at.is_unlike(image_id, sums, class_ids)
        if is_unlike and image_id not in self._doubted:
            self._doubted.add(image_id)
            self._opened.send(Noticed(doubt_line(learner.project.images.get(image_id).name)))

    def _forget(self, message: Open | Corrected) -> None:
        image_id = message.image_id if isinstance(message, Corrected) else None
        for told in (self._compared, self._doubted):
            if image_id is None:
                told.clear()
            else:
                told.discard(image_id)
