"""The README of a model package, and the names of the channels that its network takes."""

from napari_unet.counted import counted
from napari_unet.dataset.channel_choice import told
from napari_unet.dataset.training_image import remembered
from napari_unet.evaluation.estimated_dice import EstimatedDice, interval_text
from napari_unet.evaluation.scores import CheckedDice
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.known_facts import dice_to_publish_in, estimates_in
from napari_unet.network.reading import NETWORK
from napari_unet.training.device_settings import beginning_of

_HELD_OUT = (
    "The held-out Dice above is that of labels in blocks of 64 pixels that were not trained on, in the same images."
)


def documentation(name: str, checkpoint: Checkpoint) -> str:
    """Return the text in Markdown for a network of this name."""
    scores = checkpoint.facts.get("held_out_dice", {})
    estimates = {each.class_id: each for each in estimates_in(checkpoint.facts)}
    checked = dice_to_publish_in(checkpoint.facts)
    to_publish = {each.class_id: each for each in checked.classes} if checked else {}
    lines = [
        f"- {label} (value {class_id - 1} in masks): estimated Dice {interval_text(estimates.get(class_id))}"
        + _to_publish(to_publish.get(class_id))
        + _held_out(scores.get(str(class_id)))
        for class_id, label in zip(checkpoint.class_ids, checkpoint.class_names, strict=True)
    ]
    return "\n".join(
        [
            f"# {name}",
            "",
            f"A U-Net trained for {checkpoint.step} steps on annotated pixels, with napari-unet-live.",
            *_beginning(checkpoint),
            "It classifies the pixels of a plane; its outputs are the probabilities of the classes:",
            "",
            *lines,
            "",
            *_input_lines(checkpoint),
            "Pixels become numbers as the description says, from the percentiles of the whole image given.",
            f"`{NETWORK}` is the network as napari-unet-live keeps it: `napari-unet predict --model PACKAGE.zip`.",
            "",
            "## Validation",
            "",
            "The estimated Dice above is that of whole images, from how sure the network was of those that it",
            "predicted while it was trained; in 9 of 10 cases the true one lies in the brackets. On images unlike",
            "these it is lower.",
            "",
            *_behind(checked),
            *([_HELD_OUT] if any(score is not None for score in scores.values()) else []),
            "Before you rely on it, predict images that nobody painted on and score them against truth:",
            "`napari-unet score --prediction MASK --truth TRUTH`.",
            "",
            "No author and no licence are stated: add them to the description before you publish it. Keep",
            "`NOTICE.txt`, which the licences of `unet.py` and of the base weights ask for.",
            "",
        ]
    )


def _input_lines(checkpoint: Checkpoint) -> list[str]:
    seen = told(remembered(checkpoint.facts))
    lines = [f"The channels of the images that it was trained on, in this order: {seen}.", ""] if seen else []
    if checkpoint.architecture.context_planes == 0:
        return lines
    names = ", ".join(channel_names(checkpoint))
    return [
        *lines,
        f"The input is a plane with those around it as further channels: {names}.",
        "Beyond the ends of a stack its first and last plane are repeated.",
        "",
    ]


def _beginning(checkpoint: Checkpoint) -> list[str]:
    began_with = beginning_of(checkpoint.facts)
    return [f"Its training began with {began_with}."] if began_with else []


def _to_publish(estimate: EstimatedDice | None) -> str:
    return "" if estimate is None else f", Dice to publish {interval_text(estimate)}"


def _behind(checked: CheckedDice | None) -> list[str]:
    """Return what stands behind the Dice to publish; that there is none, where this network was not measured."""
    if checked is None:
        return ["There is no Dice to publish: no rectangles at random were checked for this network.", ""]
    rectangles = counted(checked.areas, "rectangle")
    images = counted(checked.images, "image")
    return [
        f"The Dice to publish was measured with this network in {rectangles} at random ({checked.pixels:,} pixels)",
        f"of {images} of its project, in which every label was corrected by hand and none was trained on; in 9 of 10",
        "cases that of the whole images lies in the brackets. n/a where the rectangles hold too little of a class.",
        "",
    ]


def _held_out(value: float | None) -> str:
    return "" if value is None else f", held-out Dice {value:.3f}"


def channel_names(checkpoint: Checkpoint) -> list[str]:
    """Return the channel names of the input: the planes before come first, the planes after last.

    They are called as in the images that were trained on, where all of these agree.
    """
    architecture = checkpoint.architecture
    known = {each.channel_names for each in remembered(checkpoint.facts)}
    names = known.pop() if len(known) == 1 else ()
    if len(set(names)) != architecture.image_channels:
        names = tuple(f"channel{number}" for number in range(1, architecture.image_channels + 1))
    steps = range(-architecture.context_planes, architecture.context_planes + 1)
    return [name + (f" of plane {step:+d}" if step else "") for step in steps for name in names]
