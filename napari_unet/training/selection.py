"""The choice of the network that predicts, made on held-out pixels: never a worse one."""

import copy
from collections import Counter
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Int

from napari_unet.dataset.annotated import Annotations
from napari_unet.evaluation.checked_areas import TO_PUBLISH
from napari_unet.evaluation.scores import (
    Milestone,
    Score,
    class_scores,
    dice,
    mean_of_all,
    stroke_pieces,
)
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import UNet
from napari_unet.training.area_scores import AreaScores, area_scores
from napari_unet.training.candidate import Candidate
from napari_unet.training.class_expectation import WHOLE_PRIOR, best_strength, weaken_prior
from napari_unet.training.device_settings import known_fact
from napari_unet.training.looked_at import LookedAt
from napari_unet.training.saved_network import saved_network
from napari_unet.training.scored_candidate import scored_candidate
from napari_unet.training.scoring_pace import ScoringPace


class Selection:
    """Keeps the network with the highest held-out Dice and decides which one is shown.

    The newest candidate is shown unless it is clearly worse, on the same held-out pixels, than the best of those that
    have seen the newest strokes too; then that one stays. A network from before a stroke never takes the place of one
    from after it: the user would see the correction undone. Without held-out pixels nothing can be said and the newest
    is shown.

    Attributes
    ----------
    shown : the candidate that predicts
    best : the best of all, for going back by hand
    start : the first that was shown with these classes
    pace : how often candidates are scored
    looked_at : what was predicted whole, for the estimated Dice in the description of a network
    newest_trained_with : what the next candidate was trained with, as ``device_settings.as_fact`` gives it
    """

    def __init__(self, annotations: Annotations, device: Device) -> None:
        self.shown: Candidate | None = None
        self.best: Candidate | None = None
        self.start: Candidate | None = None
        self.pace = ScoringPace()
        self.newest_trained_with: dict[str, Any] = {}
        self.looked_at = LookedAt(annotations)
        self._rival: Candidate | None = None  # the best since the newest strokes
        self._annotations = annotations
        self._device = device
        self._revision = -1
        self._kept_back = False
        self._prior_strength = WHOLE_PRIOR  # of the network that was scored last
        self._pieces: tuple[int, dict[int, int]] = (-1, {})
        self._areas = AreaScores()
        self._areas_of: tuple[UNet | None, int] = (None, 0)  # the network that was scored, and the revision

    @property
    def is_scored(self) -> bool:
        """Tell whether the score of the network that is shown is known, or takes no time without held-out pixels."""
        if self.shown is None:
            return False
        return bool(self.shown.matrices) or not any(each.held_out_blocks for each in self._annotations.planes.values())

    @property
    def keeps_back(self) -> bool:
        """Tell whether the network that was scored last is not shown, for it was clearly worse than an earlier one."""
        return self._kept_back

    def consider(self, network: UNet, class_ids: tuple[int, ...], step: int) -> Score:
        """Score a candidate, compare it with the best on the same pixels, and return the score of what is shown.

        Its head expects frequent classes from now on as strongly as suits held-out blocks that are labelled as a whole.
        """
        with self.pace.scoring():
            self._prior_strength = best_strength(Predictor(network, class_ids, self._device), self._annotations)
            weaken_prior(network, self._prior_strength)
            return self._considered(self.scored(self._newest(network, class_ids, step)))

    def _considered(self, candidate: Candidate) -> Score:
        self._note_start(candidate)
        self._bring_up_to_date(candidate.class_ids)
        self.best = _better_of(self.best, candidate)
        self._rival = _better_of(self._rival, candidate)
        self._kept_back = candidate.is_clearly_worse(self._rival)
        self.shown = self._rival if self._kept_back else candidate
        return self.score()

    def release(self) -> None:
        """Show the next candidate whatever its score: older networks have not seen the newest strokes."""
        self._rival = None
        self._kept_back = False
        self.pace.wait()  # the overlay answers to the strokes first

    def follow(self, network: UNet, class_ids: tuple[int, ...], step: int) -> None:
        """Show a candidate without scoring it, unless the last one that was scored was kept back."""
        if not (self._kept_back and self._rival is not None and self._rival.class_ids == class_ids):
            weaken_prior(network, self._prior_strength)
            self.shown = self._newest(network, class_ids, step)
            self._note_start(self.shown)

    def go_back(self) -> Score | None:
        """Show the best of all; None when nothing was considered yet."""
        if self.best is None:
            return None
        self._bring_up_to_date(self.best.class_ids)
        self.shown = self._rival = self.best
        return self.score()

    def score(self) -> Score:
        """Score the network that is shown."""
        if self.shown is None:
            raise RuntimeError("nothing has been considered yet")
        if not self.shown.matrices:
            self.shown = self.scored(self.shown)
        blocks = self.shown.blocks
        matrices = np.stack([*self.shown.matrices.values()]) if blocks else _no_matrices(len(self.shown.class_ids))
        classes = class_scores(matrices, self.shown.class_ids, self._strokes())
        mean = mean_of_all(dice(matrices.sum(axis=0)))
        best, start = (self._milestone(candidate) for candidate in (self.best, self.start))
        areas = self._area_scores()
        mean_estimate = self.looked_at.painted_mean(self.shown.class_ids)
        estimates = self.looked_at.estimates(self.shown.class_ids)
        return Score(
            self.shown.step, mean, classes, blocks, areas.each, areas.checked, best, start, mean_estimate, estimates
        )

    def move_to(self, device: Device) -> None:
        """Take all networks that are kept to another device."""
        self._device = device
        for candidate in (self.shown, self.best, self.start, self._rival):
            if candidate is not None:
                candidate.network.to(device.torch_device)

    def rescore(self) -> Score | None:
        """Score the shown network on the pixels that are held out now; None while nothing is shown."""
        if self.shown is not None:
            self._bring_up_to_date(self.shown.class_ids)
            self.shown = self.scored(self.shown)
        return self.score() if self.shown is not None else None

    def scored(self, candidate: Candidate) -> Candidate:
        """Predict every held-out block and count."""
        return scored_candidate(candidate, self._device, self._annotations)

    def _newest(self, network: UNet, class_ids: tuple[int, ...], step: int) -> Candidate:
        return Candidate(step, class_ids, network, trained_with=self.newest_trained_with)

    def _note_start(self, candidate: Candidate) -> None:
        if self.start is None or self.start.class_ids != candidate.class_ids:
            self.start = candidate

    def _bring_up_to_date(self, class_ids: tuple[int, ...]) -> None:
        """Score best and start again on the pixels that are held out now; do nothing while no stroke came."""
        changed = self._revision != self._annotations.revision
        self._revision = self._annotations.revision
        best, start = self.best, self.start
        if best is not None and best.class_ids == class_ids and changed:
            self.best = self.scored(best)
        if start is not None and start.class_ids == class_ids and (changed or not start.matrices):
            self.start = self.best if start is best else self.scored(start)

    def _milestone(self, candidate: Candidate | None) -> Milestone | None:
        """Return step and Dice of a candidate; None unless it was scored on the same pixels as the shown network."""
        if candidate is None or self.shown is None or candidate.class_ids != self.shown.class_ids:
            return None
        if candidate.matrices.keys() != self.shown.matrices.keys() or not candidate.matrices:
            return None
        return Milestone(candidate.step, mean_of_all(dice(candidate.total)))

    def _strokes(self) -> dict[int, int]:
        """Count the pieces of held-out strokes by class, once for the same strokes."""
        if self._pieces[0] != self._annotations.revision:
            pieces: Counter[int] = Counter()
            for plane in self._annotations.planes.values():
                for block in plane.held_out_blocks:
                    pieces.update(stroke_pieces(plane.labels[block.slices], plane.held_out[block.slices]))
            self._pieces = self._annotations.revision, pieces
        return self._pieces[1]

    def _area_scores(self) -> AreaScores:
        """Score the test areas with the network that is shown, once for the same strokes."""
        shown, revision = self.shown, self._annotations.revision
        if shown is not None and (self._areas_of[0] is not shown.network or self._areas_of[1] != revision):
            self._areas = area_scores(Predictor(shown.network, shown.class_ids, self._device), self._annotations)
            self.looked_at.check(self._areas.counted, shown.class_ids)
            self._areas_of = shown.network, revision
        return self._areas

    def checkpoint(self) -> Checkpoint:
        """Return the shown network as a checkpoint, with its held-out Dice among the facts."""
        if self.shown is None:
            raise RuntimeError("nothing has been considered yet")
        score = self.score()
        facts = {
            **self.shown.trained_with,
            "held_out_dice": {str(c.class_id): c.dice for c in score.classes},
            "mean_held_out_dice": score.mean_dice,
            TO_PUBLISH: msgspec.to_builtins(score.checked),
            **self.looked_at.facts(self.shown.network, self.shown.class_ids),
        }
        shown = self.shown
        return saved_network(shown.network, shown.class_ids, shown.step, self._annotations, facts)

    def restore(self, checkpoint: Checkpoint) -> Score:
        """Show a network that was saved, and score it on what is held out now."""
        network = copy.deepcopy(checkpoint.network()).to(self._device.torch_device)
        saved = Candidate(checkpoint.step, checkpoint.class_ids, network, trained_with=known_fact(checkpoint.facts))
        self.best = self.shown = self._rival = self.scored(saved)
        self._note_start(self.shown)
        self._revision = self._annotations.revision
        self.looked_at.images.resume(network, checkpoint.facts)
        return self.score()


def _better_of(kept: Candidate | None, candidate: Candidate) -> Candidate:
    """Return the network that was kept where it has the same classes and is better, else the candidate."""
    if kept is None or kept.class_ids != candidate.class_ids or not kept.is_better(candidate):
        return candidate
    return kept


def _no_matrices(classes: int) -> Int[np.ndarray, "n k k"]:
    return np.zeros((0, classes, classes), np.int64)
