"""The Dice that an answer can be expected to have, from the answer itself, with an interval that was calibrated."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec
import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import expit, logit

from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.project.classes import distinct_names

LABELLED = "labelled_pixels"  # fact of a network: trained pixels by class id
MISTAKEN = "mistaken_pixels"  # fact of a network: painted pixels that an earlier answer had wrong
STROKES = "painted_strokes"  # fact of a network: the number that it has learned from
FEWEST_STROKES = 8  # of all classes; from fewer, an answer can be sure of itself and wrong
FEWEST_ELSEWHERE = 12  # the same for an image without strokes
LEAST_BRANCHES = 2  # of a head: the calibration is of networks from base weights, and wrong for those from scratch
ESTIMATES = "estimated_dice"  # fact of a network: an estimate of each class over the images that it has predicted
LEVEL = 0.9  # share of the intervals that are to hold the true Dice
WIDEST = 0.3  # of an interval that still tells something
CLIPPED = 0.005  # Dice nearer to 0 or 1 than this are not told apart
_SMALLEST_HALF = 0.02  # half of the narrowest interval that is claimed
_SMALLEST_SHARE = 1e-4
_ELSEWHERE = 0.5  # share of a correction that counts for images without strokes, where the network differs more
_NARROWED = 0.2  # share by which checked areas narrow an interval at most; narrower ones hold the true Dice too seldom


class EstimatedDice(msgspec.Struct, frozen=True):
    """Hold the expected Dice of a class over the pixels that were looked at.

    Attributes
    ----------
    value : None where nothing trustworthy can be said; ``reason`` tells why and what helps
    low, high : the interval that holds the true Dice in 9 of 10 cases
    checked_areas : that corrected the value, or that a Dice to publish is of
    """

    class_id: int
    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = LEVEL
    reason: str = ""
    checked_areas: int = 0


class Correction(NamedTuple):
    """Hold what checked areas say of the estimate, for each output.

    Attributes
    ----------
    shift : of the logit of the Dice
    share : of the checked pixels in what the Dice is estimated from, 0 to 1
    areas : in which the class is, in truth or shown
    """

    shift: Float64[np.ndarray, " k"]
    share: Float64[np.ndarray, " k"]
    areas: Int64[np.ndarray, " k"]

    @classmethod
    def none(cls, classes: int) -> "Correction":
        """Return the correction by no area."""
        return cls(np.zeros(classes), np.zeros(classes), np.zeros(classes, np.int64))

    def elsewhere(self) -> "Correction":
        """Return what the correction says of images without strokes."""
        return Correction(_ELSEWHERE * self.shift, _ELSEWHERE * self.share, self.areas)


class Evidence(NamedTuple):
    """State what a network has learned from, and what is known of its answers.

    Attributes
    ----------
    labelled : painted pixels of the class of each output, in the whole project
    is_painted : whether some of them lie in the image that is predicted
    correction : by areas that the user has checked; None where there are none
    strokes : painted in the whole project, of all classes; None where that is not known
    mistaken : share of the painted pixels that the answer had wrong when they were painted: strokes on errors teach
        more caution than strokes anywhere
    is_unlike : whether the network is much less sure of the image than of painted ones; the calibration was fitted
        without such images
    """

    labelled: Sequence[int]
    is_painted: bool
    correction: Correction | None = None
    strokes: int | None = None
    mistaken: float = 0.0
    is_unlike: bool = False


class Calibration(msgspec.Struct, frozen=True):
    """Hold the fit of true to expected Dice; ``benchmarks.honesty`` makes it on images that are labelled throughout.

    Attributes
    ----------
    dice : weights of the first features; their weighted sum is the logit of the Dice
    spread : weights of all features; their weighted sum is the logarithm of the usual error of the Dice
    reach : of an interval, over the usual error; ``LEVEL`` of the true values lie within
    """

    dice: tuple[float, ...]
    spread: tuple[float, ...]
    reach: float


@cache
def shipped_calibration() -> Calibration:
    """Return the calibration that comes with the base weights."""
    data = files("napari_unet.evaluation").joinpath("dice_calibration.json").read_bytes()
    return msgspec.json.decode(data, type=Calibration)


def raw_dice(sums: DiceSums) -> Float64[np.ndarray, " k"]:
    """Return 2 sum p[shown] / (sum p + shown) for every output, 0 for one of which nothing is shown or expected."""
    return _expected_dice(sums.shown, sums.sure, sums.expected)


def deep_dice(sums: DiceSums) -> Float64[np.ndarray, " k"]:
    """Return the same by the probabilities of the deep branch: low where the branches disagree about what is shown."""
    return _expected_dice(sums.shown, sums.deep_sure, sums.deep_expected)


def features(sums: DiceSums, evidence: Evidence) -> Float64[np.ndarray, "k f"]:
    """Return what the Dice of every output is foretold from: 1, raw, deep, painted here, and these times mistaken.

    The products give strokes on errors weights of their own, in proportion to their share. The error of the Dice is
    foretold from the numbers of labelled and of shown pixels too.
    """
    raw, deep = (logit(found(sums).clip(CLIPPED, 1 - CLIPPED)) for found in (raw_dice, deep_dice))
    share = np.log10((sums.shown / max(sums.pixels, 1)).clip(_SMALLEST_SHARE))
    labelled = np.log10(np.asarray(evidence.labelled, float) + 1)
    of_dice = np.stack([np.ones_like(raw), raw, deep, np.full_like(raw, float(evidence.is_painted))], axis=1)
    return np.column_stack([of_dice, evidence.mistaken * of_dice, labelled, share])


def mistaken_share(mistaken: int, labelled: Iterable[int]) -> float:
    """Return the share of mistaken pixels in the labelled ones of all classes; pixels that were erased since count."""
    return min(1.0, mistaken / max(1, sum(labelled)))


def calibrated_dice(
    sums: DiceSums, evidence: Evidence, calibration: Calibration | None = None
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Return the Dice that the sums alone lead to expect of every output, and half of its interval.

    Parameters
    ----------
    calibration : the shipped one where None
    """
    fit = shipped_calibration() if calibration is None else calibration
    found = features(sums, evidence)
    values = expit(found[:, : len(fit.dice)] @ np.array(fit.dice))
    return values, fit.reach * np.exp(found @ np.array(fit.spread))


def corrected(
    values: Float64[np.ndarray, " k"], halves: Float64[np.ndarray, " k"], correction: Correction
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Return Dice and half intervals as checked areas correct them, no half narrower than may be claimed."""
    clipped = values.clip(CLIPPED, 1 - CLIPPED)
    narrowed = halves * (1 - _NARROWED * correction.share)
    return expit(logit(clipped) + correction.shift), np.maximum(_SMALLEST_HALF, narrowed)


def expected_dice(
    sums: DiceSums, evidence: Evidence, calibration: Calibration | None = None
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Return the Dice that all evidence together leads to expect of every output, and half of its interval."""
    correction = evidence.correction or Correction.none(len(sums.shown))
    own = correction if evidence.is_painted else correction.elsewhere()
    return corrected(*calibrated_dice(sums, evidence, calibration), own)


def estimated_dice(
    sums: DiceSums,
    class_ids: Sequence[int],
    evidence: Evidence,
    names: Mapping[int, str],
    calibration: Calibration | None = None,
) -> tuple[EstimatedDice, ...]:
    """Estimate the Dice of every class.

    Parameters
    ----------
    class_ids : the class of each output
    names : of classes by id, for the reasons
    calibration : the shipped one where None
    """
    values, halves = expected_dice(sums, evidence, calibration)
    areas = (evidence.correction or Correction.none(len(class_ids))).areas
    low, high = np.maximum(0, values - halves), np.minimum(1, values + halves)
    found = []
    for k, class_id in enumerate(class_ids):
        checked, name = int(areas[k]), names.get(class_id, f"class {class_id}")
        reason = _reason(name, bool(sums.shown[k]), _doubt(sums, evidence, checked), high[k] - low[k])
        told = EstimatedDice(class_id, float(values[k]), float(low[k]), float(high[k]), checked_areas=checked)
        found.append(EstimatedDice(class_id, None, reason=reason) if reason else told)
    return tuple(found)


def interval_text(estimate: EstimatedDice | None) -> str:
    """Return the value with its interval, or n/a."""
    if estimate is None or estimate.value is None or estimate.low is None or estimate.high is None:
        return "n/a"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def mean_estimate(estimates: Sequence[EstimatedDice]) -> float | None:
    """Average the classes; None unless every class has a value."""
    values = [estimate.value for estimate in estimates if estimate.value is not None]
    return sum(values) / len(values) if values and len(values) == len(estimates) else None


def area_bounds(area: float, estimate: EstimatedDice, whole: float | None = None) -> tuple[float, float] | None:
    """Return between which areas the true one of a class lies, whenever its Dice is in its interval.

    The low end of the Dice bounds how many pixels can be predicted wrongly and how many missed. In a part of what the
    Dice is of, all of them may lie: the Dice of a stack says little of a plane that holds little.

    Parameters
    ----------
    area : predicted
    estimate : of the class
    whole : predicted area of all that the Dice is of, where ``area`` is that of a part; in the same unit

    Returns
    -------
    None where the Dice has no interval. The high end is infinite for a low end of 0.
    """
    if estimate.low is None:
        return None
    whole, wrong = area if whole is None else whole, 2 * (1 - estimate.low)
    missed = whole * wrong / estimate.low if estimate.low else np.inf
    return max(0.0, area - whole * wrong / (2 - estimate.low)), area + missed


def unknown_dice(class_ids: Sequence[int], reason: str) -> tuple[EstimatedDice, ...]:
    """Return estimates without a value, for the reason given."""
    return tuple(EstimatedDice(class_id, None, reason=reason) for class_id in class_ids)


def as_record(estimates: Sequence[EstimatedDice], names: Mapping[int, str]) -> dict[str, dict[str, Any]]:
    """Return estimates by the names of their classes, as ``--json`` and the notes beside results have them."""
    found, names = {}, distinct_names(names)
    for estimate in estimates:
        record = msgspec.to_builtins(estimate)
        found[names.get(record.pop("class_id"), f"class {estimate.class_id}")] = record
    return found


def _expected_dice(
    shown: Float64[np.ndarray, " k"], sure: Float64[np.ndarray, " k"], expected: Float64[np.ndarray, " k"]
) -> Float64[np.ndarray, " k"]:
    return 2 * sure / np.maximum(expected + shown, 1e-9)


def _reason(name: str, is_shown: bool, doubt: str, width: float) -> str:
    """Return why no value of a class is told; "" where it is told."""
    if not is_shown:
        return f"nothing is shown as {name}: paint some where it is missing"
    return doubt or (f"too unsure: paint a border of {name}" if width > WIDEST else "")


def _doubt(sums: DiceSums, evidence: Evidence, checked_areas: int) -> str:
    """Return why no value is trustworthy, however narrow its interval; "" where it is."""
    if evidence.is_unlike:
        return "unlike the painted images: paint strokes on this one"
    if sums.branches < LEAST_BRANCHES:
        return "no estimate for a network from scratch: check rectangles"
    fewest = FEWEST_STROKES if evidence.is_painted else FEWEST_ELSEWHERE
    if checked_areas or evidence.strokes is None or evidence.strokes >= fewest:
        return ""
    return f"too few strokes ({evidence.strokes} of {fewest}): paint where it errs"
