"""The loss of one or both branches of a head, as a function of all their weights in one vector, and its minimum.

Its gradient is written out: with automatic differentiation and the L-BFGS of torch a fit took two to three times as
long, and the first one had to wait for torch to import its compiler. SciPy wants double precision, which the graphics
processors of Apple do not have, so the host converts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional

from napari_unet.training.head_branches import Branch
from napari_unet.training.losses import BRANCH_WEIGHT

_ITERATIONS = 40
_EVALUATIONS = 50  # at most; some iterations look at more than one point
_FLAT, _LEVEL = 1e-9, 1e-6  # share by which the loss must fall to go on, and slope at which a minimum is reached


class Wanted(NamedTuple):
    """The classes that pixels should get: labelled ones first, then those of images that are labelled as a whole.

    Pixels beyond these are unlabelled; they keep the probabilities that they had.

    Attributes
    ----------
    target : output index of each labelled pixel
    shares : weight of each; their sum is 1
    whole : output index of each pixel of images that are labelled as a whole
    keep : weight of the unlabelled pixels
    """

    target: Int64[Tensor, " n"]
    shares: Float[Tensor, " n"]
    whole: Int64[Tensor, " w"]
    keep: float

    def weights(self, pixels: int) -> Float[Tensor, " m"]:
        """Return the weights of so many pixels; each of the three kinds shares a sum of its own."""
        unlabelled = pixels - len(self.target) - len(self.whole)
        whole, kept = (
            self.shares.new_full((count,), total / max(1, count))
            for count, total in ((len(self.whole), 1.0), (unlabelled, self.keep))
        )
        return torch.cat([self.shares, whole, kept])

    def probabilities(self, before: Float[Tensor, "o k m"]) -> Float[Tensor, "o k m"]:
        """Return what several answers should become, from their logits."""
        wanted = functional.softmax(before, dim=1)
        known = functional.one_hot(torch.cat([self.target, self.whole]), before.shape[1]).T
        wanted[:, :, : known.shape[1]] = known
        return wanted


class BranchLoss:
    """Cross-entropy of the added logits of branches, with a penalty for weights far from zero.

    Each of several branches must be right by itself as well. Else one of them may say the opposite of what the other
    says, a little less loudly: that is right on the strokes, and the next stroke turns it over.

    Parameters
    ----------
    branches : the loss is that of any weights in the place of theirs
    wanted : what their answers should become

    Attributes
    ----------
    start : the weights of the branches, in one vector
    """

    def __init__(self, branches: Sequence[Branch], wanted: Wanted) -> None:
        self._branches = branches
        tensors = [tensor for branch in branches for tensor in branch.tensors]
        self._shapes = [tensor.shape for tensor in tensors]
        self._sizes = [tensor.numel() for tensor in tensors]
        decays = [branch.decay if tensor.dim() > 1 else 0.0 for branch in branches for tensor in branch.tensors]
        self._decays = torch.cat(
            [torch.full_like(tensor, decay).flatten() for tensor, decay in zip(tensors, decays, strict=True)]
        )
        self.start = torch.cat([tensor.flatten() for tensor in tensors]).cpu().numpy().astype(np.float64)
        before = self._answers([branch.tensors for branch in branches])
        of_answers = before.new_full((len(before), 1, 1), BRANCH_WEIGHT)
        of_answers[0] = 1
        self._weights = of_answers * wanted.weights(before.shape[2])
        self._weighted = self._weights * wanted.probabilities(before)

    def with_gradient(self, at: Float64[np.ndarray, " w"]) -> tuple[float, Float64[np.ndarray, " w"]]:
        """Compute the loss at a vector of all weights, and its derivatives; they come to the host in one transfer."""
        vector = self._on_device(at)
        weights = self._by_branch(vector)
        logarithms = functional.log_softmax(self._answers(weights), dim=1)
        decayed = self._decays * vector
        loss = decayed @ vector - logarithms.flatten() @ self._weighted.flatten()
        by_answers = logarithms.exp_().mul_(self._weights).sub_(self._weighted)
        parts = [loss[None]]
        for branch, own, by_logits in zip(self._branches, weights, self._by_logits(by_answers), strict=True):
            parts += [each.flatten() for each in branch.gradients(own, by_logits)]
        gradient = torch.cat(parts)
        gradient[1:].add_(decayed, alpha=2)
        found = gradient.cpu().numpy().astype(np.float64)
        return float(found[0]), found[1:]

    def give(self, at: Float64[np.ndarray, " w"]) -> None:
        """Give the branches the weights in a vector."""
        for branch, own in zip(self._branches, self._by_branch(self._on_device(at)), strict=True):
            for tensor, part in zip(branch.tensors, own, strict=True):
                tensor.copy_(part)

    def _on_device(self, at: Float64[np.ndarray, " w"]) -> Float[Tensor, " w"]:
        return torch.from_numpy(at.astype(np.float32)).to(self._decays.device)

    def _by_branch(self, vector: Float[Tensor, " w"]) -> list[list[Tensor]]:
        """Cut a vector of all weights into tensors of the shapes that the branches have."""
        parts = zip(torch.split(vector, self._sizes), self._shapes, strict=True)
        tensors = iter([part.view(shape) for part, shape in parts])
        return [[next(tensors) for _ in branch.tensors] for branch in self._branches]

    def _answers(self, weights: list[list[Tensor]]) -> Float[Tensor, "o k m"]:
        """Compute the added logits of the branches and then, of several, those of each alone without its prior."""
        each = torch.stack([branch.logits(own) for branch, own in zip(self._branches, weights, strict=True)])
        if len(self._branches) == 1:
            return each
        priors = torch.stack([branch.prior for branch in self._branches])[:, :, None]
        return torch.cat([each.sum(dim=0, keepdim=True), each - priors])

    def _by_logits(self, by_answers: Float[Tensor, "o k m"]) -> Float[Tensor, "b k m"]:
        """Return the derivatives by the logits of each branch: it is part of the sum and, of several, alone."""
        return by_answers if len(self._branches) == 1 else by_answers[:1] + by_answers[1:]


def minimise(branches: Sequence[Branch], wanted: Wanted) -> None:
    """Give branches the weights that L-BFGS finds from where they are (Byrd et al. 1995)."""
    loss = BranchLoss(branches, wanted)
    found = minimize(
        loss.with_gradient,
        loss.start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ITERATIONS, "maxfun": _EVALUATIONS, "ftol": _FLAT, "gtol": _LEVEL},
    )
    loss.give(found.x)
