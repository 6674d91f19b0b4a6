"""Records of the estimated Dice as arrays, with what the program would tell of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from benchmarks.honesty_records import CORRECTED_S
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import FEWEST_ELSEWHERE, FEWEST_STROKES, Evidence, features, raw_dice
from napari_unet.evaluation.novelty import is_much_less

Record = dict[str, Any]  # of a class of an image
ImageRecords = list[Record]  # of the classes of an image


class Table:
    """The records as arrays.

    Attributes
    ----------
    moment : when they were made, for people
    weight : by which those of a set count as much as those of another, with corrections as much as without
    tellable : whether the program would tell a value if its interval is narrow enough
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.set = np.array([record["set"] for record in records])
        self.true = np.array([record["true"] for record in records])
        self.painted = np.array([record["painted"] for record in records])
        self.held_out = np.array([record["held_out"] for record in records], float)
        self.shown = np.array([record["shown"] for record in records])
        self.true_area = np.array([record.get("true_area") for record in records], float)
        self.raw = np.array([raw_dice(sums_of(record))[0] for record in records])
        self.moment = np.array([_moment(record) for record in records])
        groups = [(record["set"], _is_corrected(record)) for record in records]
        counts = Counter(groups)
        self.weight = np.array([1 / counts[group] for group in groups])
        self.features = np.array([features(sums_of(record), evidence_of(record))[0] for record in records])
        drops = expected_drops(records)
        self.tellable = np.array([_is_tellable(record, drops[id(record)]) for record in records])

    def mean(self, values: np.ndarray, rows: np.ndarray) -> float:
        """Average values over some records by their weights; NaN over none."""
        return float(np.average(values[rows], weights=self.weight[rows])) if rows.any() else np.nan


def sums_of(record: Record) -> DiceSums:
    """Return the sums of one class; of the other pixels of the image only the number is known."""
    own = [np.array([record[each.name], 0.0]) for each in fields(DiceSums)]
    own[0][1] = record["pixels"] - record["shown"]
    return DiceSums(*own)


def evidence_of(record: Record) -> Evidence:
    """Return what the network had learned from."""
    labelled = (record["labelled"], 0)
    return Evidence(labelled, record["painted"], strokes=record["painted_strokes"], mistaken=record["mistaken"])


def expected_drops(records: Sequence[Record]) -> dict[int, float]:
    """Return by how much less is expected of the image of a record than of painted ones, by the record's ``id``."""
    found = dict.fromkeys(map(id, records), 0.0)
    for painted, others in images_of(records):
        expected = np.mean([means(image)[0] for image in painted])
        for image in others:
            found |= dict.fromkeys(map(id, image), float(expected - means(image)[0]))
    return found


def images_of(records: Sequence[Record]) -> Iterator[tuple[list[ImageRecords], list[ImageRecords]]]:
    """Yield the images that a network learned from, and the others, for each network."""
    runs: dict[tuple[Any, ...], tuple[list[ImageRecords], list[ImageRecords]]] = {}
    last: Record = {}
    for record in records:
        run = tuple(record[name] for name in ("set", "seed", "strokes", "seconds"))
        images = runs.setdefault(run, ([], []))[not record["painted"]]
        # The classes of an image come one after the other, from the first on.
        if not images or record["class"] <= last["class"]:
            images.append([])
        images[-1].append(record)
        last = record
    yield from runs.values()


def means(image: Sequence[Record]) -> np.ndarray:
    """Return the mean expected and the mean true Dice over the classes of an image."""
    return np.mean([(raw_dice(sums_of(record))[0], record["true"]) for record in image], axis=0)


def _is_tellable(record: Record, drop: float) -> bool:
    fewest = FEWEST_STROKES if record["painted"] else FEWEST_ELSEWHERE
    return record["painted_strokes"] >= fewest and not is_much_less(drop)


def _is_corrected(record: Record) -> bool:
    """Tell whether its strokes lie on errors, not anywhere in their class."""
    return record["strokes"] in ("exact", "careless")


def _moment(record: Record) -> str:
    """Name the moment of a record."""
    if not _is_corrected(record):
        return f"{record['seconds']:g} s"
    nearest = min((0.0, *CORRECTED_S), key=lambda seconds: abs(seconds - record["seconds"]))
    return f"{nearest:g} s of corrections"
