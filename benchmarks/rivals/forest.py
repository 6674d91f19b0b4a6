"""A random forest on multiscale features, the classifier that scribbles are usually given to."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]

from benchmarks.sets import Picture
from napari_unet.images.planes import NormalisedPlanes

SAMPLES = 20_000  # labelled pixels per tree at most


@dataclass(frozen=True, slots=True)
class Forest:
    """A trained forest and its seconds for features and fit."""

    classifier: RandomForestClassifier
    seconds: float

    def classify(self, picture: Picture) -> np.ndarray:
        """Return the class index of every pixel."""
        features = _features(picture)
        found: np.ndarray = self.classifier.predict(features.reshape(-1, features.shape[-1]))
        return found.reshape(picture.truth.shape).astype(np.uint8)


def train_forest(pictures: Sequence[Picture], labels: Sequence[np.ndarray], seed: int) -> Forest:
    """Learn from every labelled pixel: 0 unlabelled, else class index + 1."""
    began = time.monotonic()
    pairs = [(picture, painted) for picture, painted in zip(pictures, labels, strict=True) if painted.any()]
    features = np.concatenate([_features(picture)[painted > 0] for picture, painted in pairs])
    classes = np.concatenate([painted[painted > 0] - 1 for _, painted in pairs])
    classifier = RandomForestClassifier(
        n_estimators=100,
        n_jobs=1,
        class_weight="balanced_subsample",
        max_samples=min(len(classes), SAMPLES),
        random_state=seed,
    )
    classifier.fit(features, classes)
    return Forest(classifier, time.monotonic() - began)


def _features(picture: Picture) -> np.ndarray:
    pixels = NormalisedPlanes(picture.image)[0]
    features: np.ndarray = multiscale_basic_features(pixels, sigma_min=1, sigma_max=16, workers=1, channel_axis=-1)
    return features
