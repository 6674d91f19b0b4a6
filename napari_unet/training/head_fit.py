"""The head of a network, fitted to the strokes of a project before any training step."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from napari_unet.dataset.annotated import Annotations, known_shares
from napari_unet.network.device import Device
from napari_unet.network.feature_cache import FeatureCache
from napari_unet.network.unet import DeepShallowHead, UNet
from napari_unet.training.cross_fit import cross_fit
from napari_unet.training.instant_head import LabelledPixels, expect_shares, fit_head, logits_of
from napari_unet.training.labelled_features import LabelledFeatures, labelled_features
from napari_unet.training.network_tensors import copy_network, copy_tensors
from napari_unet.training.tile_samples import TileSamples

# Share of a plane that is newly labelled when the plane counts as labelled as a whole; not 1, as held-out blocks are
# never new.
_WHOLE = 0.5


class HeadFit:
    """Fits heads of two branches; a network with another head is left as it is.

    Parameters
    ----------
    random : draws the pixels that the head is fitted to
    seed : of the hidden units

    Attributes
    ----------
    shares_known : number of classes whose shares were learned from an image that was labelled as a whole; 0 for none
    """

    def __init__(self, annotations: Annotations, device: Device, random: np.random.Generator, seed: int) -> None:
        self._annotations = annotations
        self._device = device
        self._random = random
        self._seed = seed
        self._samples = TileSamples()
        self.shares_known = 0

    def fit(self, averaged: UNet, trained: UNet, feature_cache: FeatureCache | None = None) -> bool:
        """Fit the head of an EMA from nothing and begin the trained network there; False for another kind of head.

        Tiles that the feature cache holds are not predicted again.
        """
        head = averaged.head
        if not isinstance(head, DeepShallowHead):
            return False
        known = self._features(averaged, feature_cache, first=True)
        self._annotations.mistaken_pixels = 0
        self._note_unforeseen(head, known)
        fit_head(head, known.features, known.target, seed=self._seed, weights=self._weights(known))
        expect_shares(head, known.anywhere)
        copy_network(averaged, trained)
        return True

    def correct(self, averaged: UNet, trained: UNet, feature_cache: FeatureCache | None = None) -> None:
        """Correct the head of an EMA for new strokes; the trained network's head moves by as much.

        Where an image was labelled as a whole, by accepting its prediction or from a file, the head is fitted anew.

        The rest of the trained network stays ahead of its EMA: going back to it with every stroke would undo what was
        learned between two strokes. Other kinds of heads are left as they are.
        """
        head = averaged.head
        if not isinstance(head, DeepShallowHead):
            return
        before = [parameter.detach().clone() for parameter in head.parameters()]
        is_whole = any(plane.new_share >= _WHOLE for plane in self._annotations.planes.values())
        known = self._features(averaged, feature_cache, first=is_whole)
        self._annotations.mistaken_pixels += _mistakes(head, known)
        if is_whole:
            self._fit_with_whole(head, known)
        else:
            # First the shares, or they would take back what the new strokes say.
            if self.shares_known != head.classes:
                expect_shares(head, known.anywhere)
            fit_head(
                head,
                known.features,
                known.target,
                known.new,
                known.unlabelled,
                self._seed,
                weights=self._weights(known),
                keep=self._keep(),
            )
        _move(trained.head, before, head)

    def _fit_with_whole(self, head: DeepShallowHead, known: LabelledFeatures) -> None:
        """Fit a head anew after an image was labelled as a whole.

        Beside strokes of every class the image says how frequent the classes are, and makes the head forget what single
        corrections overdid. Where there are whole images only, their labels are all alike.
        """
        if _shows_all(known.target[self._is_stroke(known)], head.classes):
            before, images = (LabelledPixels(known.features[at], known.target[at]) for at in (~known.new, known.new))
            fit_head(head, *before, seed=self._seed, whole=images)
            self.shares_known = head.classes
        else:
            fit_head(head, known.features, known.target, seed=self._seed, weights=self._weights(known))
            expect_shares(head, known.anywhere)

    def _is_stroke(self, known: LabelledFeatures) -> Bool[Tensor, " n"]:
        """Tell which labels were there before on planes that were not labelled as a whole."""
        marks = [
            ~new & (self._annotations.planes[tile.key].known_share < _WHOLE) for tile, new in known.by_tile(known.new)
        ]
        return torch.cat(marks).to(known.new.device)

    def _keep(self) -> float:
        """Return how strongly the answers to unlabelled pixels are kept, 0 to 1.

        They rest on what was painted before: where much is new of every class, they are worth less. A network that did
        not know a class yet would hold it down.
        """
        shares = known_shares(self._annotations.planes)
        known = [shares[class_id] for class_id in self._annotations.class_ids()]
        return max(known) if min(known) else 0.0

    def _note_unforeseen(self, head: DeepShallowHead, known: LabelledFeatures) -> None:
        """Mark the labels that the other strokes do not foretell, and weigh all labels by them."""
        unforeseen = self._annotations.unforeseen
        unforeseen.forget()
        found = cross_fit(head, known, self._seed)
        if found is None:
            return
        for (key, region, trained), marks in known.by_tile(found.unforeseen):
            in_place = np.zeros(trained.shape, np.bool_)
            in_place[trained] = marks.numpy()
            unforeseen.mark(key, region, in_place)
        unforeseen.note(dict(zip(self._annotations.class_ids(), found.shares.tolist(), strict=True)))

    def _weights(self, known: LabelledFeatures) -> Float[Tensor, " n"]:
        weights = torch.from_numpy(self._annotations.unforeseen.weights(known.tiles))
        return weights.to(known.target.device)

    def _features(self, network: UNet, feature_cache: FeatureCache | None, *, first: bool) -> LabelledFeatures:
        return labelled_features(
            network,
            self._annotations,
            self._device,
            self._random,
            first=first,
            feature_cache=feature_cache,
            samples=self._samples,
        )


def _shows_all(target: Int64[Tensor, " n"], classes: int) -> bool:
    """Tell whether labels are of every class."""
    return len(torch.unique(target)) == classes


def _mistakes(head: DeepShallowHead, known: LabelledFeatures) -> int:
    """Count the new labels that a head has wrong, without those of classes that it cannot know yet."""
    could_know = torch.isin(known.target, known.target[~known.new])
    wrong = logits_of(head, known.features).argmax(dim=0) != known.target
    return int((known.new & could_know & wrong).sum())


@torch.no_grad()
def _move(trained: nn.Module, before: list[Tensor], corrected: DeepShallowHead) -> None:
    """Add what a correction changed to another head, and give it the same buffers."""
    for own, old, new in zip(trained.parameters(), before, corrected.parameters(), strict=True):
        own.add_(new - old)
    copy_tensors(corrected.buffers(), trained.buffers())
