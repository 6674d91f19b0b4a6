"""A careless annotator: a brush that is wider than thin things, a way that strays, and strokes that spill over.

In 168 public sets of scribbles a third has more than a twentieth of its pixels wrong, and on thin things half of a
stroke lies outside of its class. ``python -m benchmarks.sloppy_hand`` prints how this hand compares.
"""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from benchmarks.sets import SETS, choose_pictures
from benchmarks.simulated_strokes import (
    BRUSH_WIDTH,
    STROKE_LENGTH,
    STROKES_PER_CLASS,
    Stroke,
    covered,
    painted,
    strokes_over,
)

_STRAYING_PX = 3.0  # standard deviation of the way from where it should be, of the most careless
_STRAYING_OVER_PX = 25.0  # along the way, until it strays elsewhere
_SPILLING_SHARE = 0.05  # that counts as careless


def sloppy_strokes(
    truth: np.ndarray,
    classes: int,
    seed: object,
    *,
    carelessness: float | None = None,
    most: int = STROKES_PER_CLASS,
    length: int = STROKE_LENGTH,
    width: int = BRUSH_WIDTH,
) -> list[Stroke]:
    """Draw one to ``most`` strokes of each class.

    ``carelessness`` is that of ``stray``; where None it is drawn too, as people differ. ``length`` and ``width`` are
    those of ``strokes_over``.
    """
    random = np.random.default_rng(seed)  # type: ignore[arg-type]
    exact = strokes_over(truth, classes, seed, count=most, length=length, width=width)
    counts = random.integers(1, most + 1, classes)
    carelessness = drawn_carelessness(random) if carelessness is None else carelessness
    return [
        stray(stroke, truth.shape, random, carelessness, width)
        for class_index in range(classes)
        for stroke in exact[class_index * most : class_index * most + counts[class_index]]
    ]


def drawn_carelessness(random: np.random.Generator) -> float:
    """Draw how careless a person is, 0 to 1; a third then has more than a twentieth of the pixels wrong."""
    return float(random.uniform()) ** 1.5


def stray(
    stroke: Stroke, shape: tuple[int, ...], random: np.random.Generator, carelessness: float, width: int = BRUSH_WIDTH
) -> Stroke:
    """Return a stroke whose way strays as that of a quick hand, with a brush that was not made to fit the thing.

    ``carelessness`` is 0 to 1: how far the way strays, and how often the brush stays as wide as it comes, which is
    ``width`` px. The way strays as much on the screen wherever the brush is as wide there.
    """
    scale = width / BRUSH_WIDTH
    over = scale * _STRAYING_OVER_PX
    off = ndimage.gaussian_filter1d(random.normal(size=(2, len(stroke.path))), over / 2, mode="reflect")
    off *= carelessness * scale * _STRAYING_PX / max(float(off.std()), 1e-6)
    path = np.clip(stroke.path + off.T, 0, np.array(shape) - 1)
    radius = width // 2 if random.uniform() < carelessness else stroke.radius
    return replace(stroke, path=path, radius=radius)


def laid(strokes: list[Stroke], truth: np.ndarray, *, careless: bool) -> np.ndarray:
    """Paint the strokes as either hand does: ``painted`` within their classes, or ``spilled`` by a careless one."""
    return spilled(strokes, truth.shape) if careless else painted(strokes, truth)


def spilled(strokes: list[Stroke], shape: tuple[int, ...]) -> np.ndarray:
    """Paint the strokes, whatever lies under them: 0 unlabelled, else class index + 1; later ones over earlier."""
    labels = np.zeros(shape, np.uint8)
    for stroke in strokes:
        labels[covered(stroke, shape)] = stroke.class_index + 1
    return labels


def main() -> None:
    """Print the share of wrong pixels of this hand on every set and class."""
    shares = []
    for labelled_set in SETS:
        for seed in range(3):
            for number, picture in enumerate(choose_pictures(labelled_set, seed)[0]):
                classes = len(labelled_set.classes)
                labels = spilled(sloppy_strokes(picture.truth, classes, [seed, number]), picture.truth.shape)
                wrong = labels != picture.truth + 1
                by_class = [float(wrong[labels == k + 1].mean()) for k in range(classes) if (labels == k + 1).any()]
                shares.append(float(wrong[labels > 0].mean()))
                print(f"{labelled_set.name}, seed {seed}: {shares[-1]:.3f} wrong; by class {np.round(by_class, 2)}")
    print(f"more than {_SPILLING_SHARE:.0%} wrong: {np.mean(np.array(shares) > _SPILLING_SHARE):.2f} of {len(shares)}")


if __name__ == "__main__":
    main()
