"""Keep what the Dice of a network is estimated from: images that it has predicted whole, and checked areas."""

from collections.abc import Sequence
from typing import Any

import msgspec

from napari_unet.dataset.annotated import Annotations, learned_images
from napari_unet.evaluation.checked_correction import CORRECTION, CheckedArea, as_fact, correction_by
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import (
    ESTIMATES,
    Correction,
    EstimatedDice,
    Evidence,
    estimated_dice,
    mean_estimate,
)
from napari_unet.evaluation.image_dice import IMAGE_DICE
from napari_unet.evaluation.novelty import PAINTED, expected_drop, is_much_less, painted_fact, shown_dice
from napari_unet.network.unet import UNet
from napari_unet.training.predicted_images import PredictedImages

_MOST_PLANES = 64  # that are remembered; the newest count


class LookedAt:
    """Keeps the newest sums of every plane that was predicted whole, and what checked areas say of the estimate.

    Sums of an older network count until its plane is predicted again, and what areas say of it until the network is
    scored again; those of other classes do not.

    Attributes
    ----------
    images : how good each image may be that one and the same network has predicted
    """

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations
        self._class_ids: tuple[int, ...] = ()
        self._sums: dict[tuple[int, int], DiceSums] = {}  # by image id and plane, the newest last
        self._correction: tuple[tuple[int, ...], Correction | None] = (), None  # with the classes that it is of
        self.images = PredictedImages(annotations)

    def check(self, areas: Sequence[CheckedArea], class_ids: tuple[int, ...]) -> None:
        """Correct every estimate from now on by these areas, and by no others."""
        known = ((area, self._annotations.evidence(area.image_id, class_ids)) for area in areas)
        self._correction = class_ids, correction_by(known)

    def evidence(self, image_id: int, class_ids: tuple[int, ...]) -> Evidence:
        """Return what is known for the estimate of an image."""
        corrected_ids, correction = self._correction
        found = self._annotations.evidence(image_id, class_ids)
        return found._replace(correction=correction) if class_ids == corrected_ids else found

    def is_unlike(self, image_id: int, sums: DiceSums, class_ids: tuple[int, ...]) -> bool:
        """Tell whether much less Dice is expected of an image than of painted ones; False until one was predicted."""
        return self._is_unlike(image_id, sums, self.painted(class_ids))

    def estimate(self, image_id: int, sums: DiceSums, class_ids: tuple[int, ...]) -> tuple[EstimatedDice, ...]:
        """Estimate the Dice of each class over pixels of an image."""
        evidence = self.evidence(image_id, class_ids)._replace(is_unlike=self.is_unlike(image_id, sums, class_ids))
        return estimated_dice(sums, class_ids, evidence, self._annotations.project.classes.names())

    def facts(self, network: UNet, class_ids: tuple[int, ...]) -> dict[str, Any]:
        """Return correction, estimates, and the expected Dice of images and of the painted ones for a network's facts.

        {} and [] where there are none.
        """
        corrected_ids, correction = self._correction
        known = correction if class_ids == corrected_ids else None
        painted = self.painted(class_ids)
        return {
            CORRECTION: {} if known is None else as_fact(known, class_ids),
            ESTIMATES: msgspec.to_builtins(self.estimates(class_ids)),
            PAINTED: {} if painted is None else painted_fact(painted, class_ids),
            IMAGE_DICE: msgspec.to_builtins(self.images.of(network)),
        }

    def note(
        self, image_id: int, plane: int, sums: DiceSums, class_ids: tuple[int, ...], network: UNet | None = None
    ) -> None:
        """Take note of a plane, or of some of an image for the whole of it.

        Parameters
        ----------
        network : that predicted all of it; None where some is still of an older one
        """
        if class_ids != self._class_ids:
            self._class_ids = class_ids
            self._sums.clear()
        self._sums.pop((image_id, plane), None)
        self._sums[image_id, plane] = sums
        if len(self._sums) > _MOST_PLANES:
            # Painted images are kept the longest: the others are compared with them.
            learned = learned_images(self._annotations.planes)
            oldest = next((key for key in self._sums if key[0] not in learned), next(iter(self._sums)))
            del self._sums[oldest]
        if network is not None:
            self.images.note(network, image_id, mean_estimate(self.estimate(image_id, sums, class_ids)))

    def forget(self, image_id: int | None) -> None:
        """Forget what was predicted of an image that is another one now or gone, or (None) of all."""
        self._sums = {key: sums for key, sums in self._sums.items() if image_id not in (None, key[0])}

    def painted(self, class_ids: tuple[int, ...]) -> DiceSums | None:
        """Return the sums of the images that something is painted on; None where none was predicted."""
        painted = learned_images(self._annotations.planes)
        found = [sums for (image_id, _), sums in self._sums.items() if image_id in painted]
        return sum(found, DiceSums.none(len(class_ids))) if found and class_ids == self._class_ids else None

    def painted_mean(self, class_ids: tuple[int, ...]) -> float | None:
        """Average the estimated Dice of the classes over the painted images; None unless every class has one."""
        sums = self.painted(class_ids)
        if sums is None:
            return None
        evidence = self.evidence(next(iter(learned_images(self._annotations.planes))), class_ids)
        return mean_estimate(estimated_dice(sums, class_ids, evidence, {}))

    def estimates(self, class_ids: tuple[int, ...]) -> tuple[EstimatedDice, ...]:
        """Estimate the Dice of each class over all planes that are not unlike the painted ones.

        () where nothing was predicted with these classes.
        """
        if not self._sums or class_ids != self._class_ids:
            return ()
        painted = self.painted(class_ids)
        alike = {key: sums for key, sums in self._sums.items() if not self._is_unlike(key[0], sums, painted)}
        total = sum(alike.values(), DiceSums.none(len(class_ids)))
        evidence = [self.evidence(image_id, class_ids) for image_id, _ in alike]
        # Less is known of images that nothing is painted on, so one of them widens the interval of all.
        weakest = min(evidence, key=lambda each: each.is_painted)
        return estimated_dice(total, class_ids, weakest, self._annotations.project.classes.names())

    def _is_unlike(self, image_id: int, sums: DiceSums, painted: DiceSums | None) -> bool:
        if painted is None or image_id in learned_images(self._annotations.planes):
            return False
        return is_much_less(expected_drop(shown_dice(sums), shown_dice(painted)))
