"""Results of commands as lines for people."""

from typing import TYPE_CHECKING, Any

from napari_unet.counted import counted

if TYPE_CHECKING:
    from napari_unet.training.training_run import TrainingResult


def training_line(result: "TrainingResult") -> str:
    """Return steps, time, device, scores and file of a training."""
    parts = [
        f"{counted(result.steps, 'step')} in {result.seconds:.1f} s on {result.device}, network '{result.preset}'",
        f"estimated Dice: {_estimates(result.estimated_dice)}",
    ]
    parts += _to_publish(result.dice_to_publish)
    if _is_any_known(result.held_out_dice):
        parts.append(f"held-out Dice: {_dice(result.held_out_dice)}")
    return "; ".join([*parts, *_not_the_newest(result), result.checkpoint])


def _not_the_newest(result: "TrainingResult") -> list[str]:
    """Return which network predicts and has the scores, and why; [] where it is the newest."""
    if result.network_is == "earlier":
        told = f"later networks, up to step {result.newest_step}, were clearly worse on held-out labels"
        return [f"the network of step {result.network_step} predicts: {told}"]
    if result.network_is == "other":
        name = f" '{result.network_preset}'" if result.network_preset else ""
        told = f"the new one, '{result.preset}' of step {result.newest_step}, is still clearly worse on held-out labels"
        return [f"the earlier network{name} of step {result.network_step} predicts and has these scores: {told}"]
    return []


def _dice(by_name: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {_number(dice)}" for name, dice in by_name.items())


def _estimates(by_name: dict[str, dict[str, Any]]) -> str:
    known = {name: each for name, each in by_name.items() if each["low"] is not None}
    values = (f"{name} {each['value']:.2f} [{each['low']:.2f}, {each['high']:.2f}]" for name, each in known.items())
    return ", ".join(values) or "n/a"


def _to_publish(record: dict[str, Any]) -> list[str]:
    """Return the Dice to publish with what stands behind it; [] where no rectangle was checked."""
    rectangles, images = record["rectangles"], record["images"]
    if not rectangles:
        return []
    behind = f"{counted(rectangles, 'rectangle')} of {counted(images, 'image')}"
    return [f"Dice to publish {_estimates(record['classes'])} from {behind}"]


def _is_any_known(by_name: dict[str, float | None]) -> bool:
    return any(dice is not None for dice in by_name.values())


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def score_lines(record: dict[str, Any]) -> list[str]:
    """Return the means of every scored mask with a line for each class, and those over all of several masks.

    What the numbers were taken for is told where it is not classes on both sides.
    """

    def text(value: float | None) -> str:
        return "n/a" if value is None else f"{value:.4f}"

    def means(of: dict[str, Any]) -> str:
        seg = text(of["seg"]) + (f" of {of['true_objects']} objects" if of["true_objects"] else "")
        return f"mean Dice {text(of['mean_dice'])}, mean IoU {text(of['mean_iou'])}, SEG {seg}"

    def meanings(of: dict[str, Any]) -> str:
        truth, prediction = of["truth_is"], of["prediction_is"]
        return "" if truth == prediction == "classes" else f" (truth: {truth}, prediction: {prediction})"

    lines = []
    for image in record["images"]:
        lines.append(f"{image['prediction']}: {means(image)}{meanings(image)}")
        lines += [
            f"  class {k}: Dice {text(value)}, IoU {text(image['iou'][k])}, "
            f"precision {text(image['precision'][k])}, recall {text(image['recall'][k])}"
            for k, value in image["dice"].items()
        ]
    return [*lines, *([f"all {len(record['images'])}: {means(record)}"] if len(record["images"]) > 1 else [])]


def model_line(record: dict[str, Any]) -> str:
    """Return the scores of a network and what it was trained on."""
    if "error" in record:
        return f"{record['path']}: {record['error']}"
    count = len(record["trained_on"])
    sizes = " and ".join("unknown size" if size.endswith(" pixel") else size for size in record["pixel_sizes"])
    names = f" ({record['channels_trained_on']})" if record["channels_trained_on"] else ""
    trained = f"images trained on: {count}, with pixels of {sizes}" if count else "images trained on: not remembered"
    estimated = _estimates(record["estimated_dice"])
    scores = ", ".join([f"estimated Dice {estimated}", *_to_publish(record["dice_to_publish"])])
    if _is_any_known(record["held_out_dice"]):
        mean = _number(record["mean_held_out_dice"])
        scores += f", mean held-out Dice {mean} ({_dice(record['held_out_dice'])})"
    began = f", began with {record['began_with']}" if record["began_with"] else ""
    step = f"step {record['step']}{began}, channels: {record['channels']}{names}"
    return f"{record['path']}: {scores}, {step}, {trained}"
