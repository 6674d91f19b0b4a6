"""The fit of the estimated Dice: it finds what true and expected Dice differ by, and uses what would be told alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

if not (Path(__file__).parents[2] / "benchmarks").is_dir():
    pytest.skip("not a checkout", allow_module_level=True)

from benchmarks.honesty import calibration, judged_by
from benchmarks.honesty_table import Table
from napari_unet.evaluation.estimated_dice import FEWEST_ELSEWHERE, FEWEST_STROKES

AREA = 1000.0  # px of the class, shown and expected


def record(raw: float, true: float, **other: Any) -> dict[str, Any]:
    """Return the record of a class whose expected Dice by the sums is ``raw``."""
    sure = raw * AREA
    sums = {"shown": AREA, "sure": sure, "expected": AREA, "deep_sure": sure, "deep_expected": AREA}
    found = {
        "set": "cells", "seed": 0, "strokes": 5, "seconds": 0.0, "painted": True, "labelled": 500, "held_out": None,
        "painted_strokes": 20, "mistaken": 0.0, "class": 0, "true": true, "pixels": 10 * AREA, "true_area": AREA,
    }  # fmt: skip
    return {**found, **sums, **other}


def network(name: str, seed: int, raw: list[float], shift: float, **other: Any) -> list[dict[str, Any]]:
    """Return the records of a network on a painted image and on others, whose true Dice is shifted in the logit."""
    return [
        record(each, float(expit(logit(each) + shift)), set=name, seed=seed, painted=not number, **other)
        for number, each in enumerate(raw)
    ]


@pytest.fixture
def table() -> Table:
    """Four sets, on which strokes anywhere leave the expected Dice true and strokes on errors make it too low."""
    random, records = np.random.default_rng(0), []
    for name in ("cells", "grains", "nuclei", "worms"):
        for seed in range(12):
            raw = np.sort(random.uniform(0.5, 0.97, 4))
            records += network(name, seed, raw.tolist(), 0.0)
            records += network(name, seed, raw.tolist(), 0.6, strokes="exact", seconds=61.0, mistaken=0.5)
    return Table(records)


def test_the_fit_learns_what_strokes_on_errors_change(table: Table) -> None:
    """On sets that were left out the values are true in either case."""
    fits = {name: calibration(table, table.set != name) for name in np.unique(table.set)}
    judged = judged_by(table, fits.__getitem__)
    for moment in ("0 s", "60 s of corrections"):
        rows = table.moment == moment
        assert rows.sum() == len(rows) / 2
        assert abs(judged.error[rows]).mean() < 0.03
    assert judged.inside[judged.told].mean() >= 0.85


@pytest.mark.parametrize(
    ("image", "is_tellable"),
    [
        ({"raw": 0.9}, True),
        ({"raw": 0.86}, True),
        ({"raw": 0.84}, False),
        ({"raw": 0.9, "painted_strokes": FEWEST_ELSEWHERE - 1}, False),
        ({"raw": 0.5, "painted": True}, True),
        ({"raw": 0.9, "painted": True, "painted_strokes": FEWEST_STROKES - 1}, False),
    ],
    ids=str,
)
def test_the_rules_of_the_program_hold_here_too(image: dict[str, Any], is_tellable: bool) -> None:
    """An image of which much less is expected than of painted ones, and a network of few strokes, have no value."""
    alike = {name: value for name, value in image.items() if name == "painted_strokes"}
    records = [record(0.9, 0.9, **alike), record(true=0.5, **{"painted": False, **image})]
    assert Table(records).tellable[1] == is_tellable


def test_all_sets_weigh_the_same_with_corrections_as_without(table: Table) -> None:
    """However many records there are of each."""
    for name in np.unique(table.set):
        for rows in (table.moment == "0 s", table.moment != "0 s"):
            assert table.weight[rows & (table.set == name)].sum() == pytest.approx(1)
