"""A paragraph for the methods section of a paper, every figure from the project and its newest score."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from napari_unet.counted import counted
from napari_unet.evaluation.estimated_dice import EstimatedDice, interval_text
from napari_unet.evaluation.scores import CheckedDice, ClassScore, Score
from napari_unet.project.project import Project
from napari_unet.project.shown_network import shown_network_note
from napari_unet.project.split import BLOCK, BUFFER_ZONE

_PACKAGES = ("napari-unet-live", "napari", "torch", "numpy", "scipy")


def methods_paragraph(project: Project, score: Score | None) -> str:
    """Write what was used, what was painted, what was held out, and how good the shown network is."""
    names = project.classes.names()
    painted = ", ".join(f"{names[k]} {count:,}" for k, count in project.strokes.labelled_pixels().items())
    images = project.images.all()
    network = _network(shown_network_note(project), project.settings.read().preset)
    annotated = len(project.strokes.labelled_pixels_by_image())
    sentences = [
        f"Pixels were classified with a U-Net ({network}) trained on annotated pixels with {_versions()}.",
        f"{annotated} of {counted(len(images), 'image')} {_were(annotated)} annotated "
        f"(labelled pixels: {painted or 'none'}{_in_areas(project)}).",
    ]
    if any(side.held_out for record in images for side in project.strokes.sides(record.id)):
        sentences.append(
            f"Some of the annotated blocks of {BLOCK} x {BLOCK} pixels, chosen by a hash of their position, were held "
            f"out; pixels within {BUFFER_ZONE} pixels of held-out ones were not trained on."
        )
    sentences += _estimated(score, names)
    areas = sum(len(found) for record in images for found in project.test_areas.of(record.id).values())
    if areas:
        sentences.append(f"Nothing in {counted(areas, 'test area')} was trained on.")
    return " ".join(sentences + (_results(score, names) if score is not None else ["The network was not scored."]))


def _in_areas(project: Project) -> str:
    """Return how many of the labelled pixels lie in test areas, each once where areas overlap; "" where none do."""
    pixels, classes = 0, [label.id for label in project.classes.all()]
    for record in project.images.all():
        for plane, areas in project.test_areas.of(record.id).items():
            for number, area in enumerate(areas):
                is_labelled = np.isin(project.strokes.plane(record.id, plane, area), classes)
                for before in areas[:number]:
                    is_labelled[before.seen_from(area).clipped(*is_labelled.shape).slices] = False
                pixels += int(is_labelled.sum())
    return f"; {pixels:,} of them in test areas" if pixels else ""


def _network(record: Any, preset: str) -> str:
    """Name the network that is shown and where it started, by its own description; by the settings before it is.

    Networks of earlier versions do not say where they started.
    """
    try:
        trained_with = record["facts"].get("trained_with", {})
        name, start = trained_with.get("preset", preset), trained_with.get("began_with", "")
    except (KeyError, TypeError, AttributeError):  # not there yet, or damaged: NU-M02 tells
        return f"network '{preset}'"
    return f"network '{name}'" + (f", started from {start}" if start else "")


def _estimated(score: Score | None, names: dict[int, str]) -> list[str]:
    """Return a sentence with the estimated Dice of the network that was scored, where there is one."""
    values = "" if score is None else _values(score.estimates, names)
    return [f"From how sure the network was, the Dice over whole images was estimated at {values}."] if values else []


def _values(estimates: Sequence[EstimatedDice], names: dict[int, str]) -> str:
    """Return name, value and 90 % interval of each class."""
    return "; ".join(
        f"{names.get(each.class_id, f'class {each.class_id}')} {interval_text(each)}" for each in estimates
    )


def _results(score: Score, names: dict[int, str]) -> list[str]:
    found = [f"The network was trained for {counted(score.step, 'step')}."]
    if score.blocks:
        judged = "; ".join(_class(one, names) for one in score.classes)
        mean = "n/a" if score.mean_dice is None else f"{score.mean_dice:.3f}"
        found.append(
            f"On the held-out pixels its mean Dice was {mean} ({judged}; intervals: 95 %, bootstrap over blocks). It "
            "was chosen on the same pixels."
        )
    known = [area for area in score.areas if area.mean_dice is not None]
    if known:
        values = ", ".join(f"{area.mean_dice:.3f} on {area.pixels:,} px" for area in known)
        found.append(f"In the test areas the mean Dice was {values}.")
    if score.checked is not None:
        found.append(_checked(score.checked, names))
    return found


def _checked(checked: CheckedDice, names: dict[int, str]) -> str:
    """Return the Dice to publish, and how it was come by."""
    return (
        f"{checked.areas} of them, {checked.pixels:,} pixels in {counted(checked.images, 'image')}, "
        f"{_were(checked.areas)} chosen at random by the program, filled with its prediction and corrected by hand: "
        f"the Dice in them was {_values(checked.classes, names)} "
        "(90 % intervals for the whole images)."
    )


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _class(score: ClassScore, names: dict[int, str]) -> str:
    name = names.get(score.class_id, f"class {score.class_id}")
    if score.dice is None:
        return f"{name} n/a"
    interval = "" if score.low is None or score.high is None else f" [{score.low:.3f}, {score.high:.3f}]"
    return f"{name} {score.dice:.3f}{interval}, {counted(score.blocks, 'block')}, {score.pixels:,} px"


def _versions() -> str:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join([*found, f"Python {platform.python_version()}"])
