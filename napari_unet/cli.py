"""The command line: ``napari-unet [demo | train | predict | score | export | models | verify]``."""

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from napari_unet.config import Field, changed, fields, preset_settings
from napari_unet.errors import PROGRAM_ERRORS, UserError, program_error

_FORMATS = "tiff, ome-tiff, png, npy, ome-zarr, objects, imagej-roi, geojson, coco, csv or montage"

# torch and napari take seconds to import, so every command imports what it needs when it is called.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 findings of verify, 2 bad usage or bad input."""
    try:
        options = _parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.run
        return command(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except PROGRAM_ERRORS as error:
        print(f"error: {program_error(error, 'napari-unet')}", file=sys.stderr)
        return 2
    except sqlite3.DatabaseError as error:
        what, fix = f"the project is damaged ({error})", "run napari-unet verify, or restore it from a copy"
        print(f"error: {UserError('NU-P01', what, 'project.sqlite', fix)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="napari-unet", description="Paint a few strokes and watch a U-Net learn them.")
    parser.set_defaults(run=_open_napari)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in (_add_demo, _add_train, _add_predict, _add_score, _add_export, _add_models, _add_verify):
        add(commands)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser("demo", help="the whole job on a bundled image")
    demo.add_argument("--headless", action="store_true", help="under a virtual screen, leaving files")
    demo.add_argument("--out", type=Path, default=Path("demo-out"), help="folder for the results (default demo-out)")
    demo.add_argument("--seconds", type=float, default=60.0, help="of training (default 60)")
    demo.set_defaults(run=_demo)


def _add_train(commands: Any) -> None:
    train = commands.add_parser("train", help="train on a project's strokes or on label files")
    train.add_argument("--project", type=Path, required=True, help="NAME.unet; made if it does not exist")
    train.add_argument("--images", type=Path, nargs="*", default=[], help="image files to add")
    train.add_argument("--labels", type=Path, nargs="*", default=[], help="their labels: 0 unlabelled, 1..K")
    train.add_argument("--classes", default="", help="names, separated by commas: background,cell")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="of training (default 60)")
    length.add_argument("--steps", type=int, help="of training")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--devices", type=int, default=1, help="how many to train on together, one process each")
    train.add_argument(
        "--base",
        default="auto",
        help="auto, none, or a network to go on from: a project, .safetensors file or model package",
    )
    _add_settings(train, [field for field in fields() if field.kind is not bool])
    _add_device_and_json(train)
    train.set_defaults(run=_train)


def _add_predict(commands: Any) -> None:
    predict = commands.add_parser("predict", help="masks for image files")
    predict.add_argument(
        "--model",
        type=Path,
        required=True,
        help="a project, a .safetensors file or a model package made by this program",
    )
    predict.add_argument("images", type=Path, nargs="+", metavar="IMG", help="image files and folders of them")
    predict.add_argument("--out", type=Path, required=True, help="folder for the masks")
    predict.add_argument("--format", default="tiff", help=_FORMATS)
    predict.add_argument("--probabilities", action="store_true", help="also write them, as NPY (plane, class, y, x)")
    predict.add_argument(
        "--objects", action="store_true", help="also write object numbers as TIFF and the table of objects"
    )
    predict.add_argument(
        "--rescale", action="store_true", help="bring images to the pixel size that the network was trained on"
    )
    predict.add_argument(
        "--channels",
        nargs="+",
        default=[],
        metavar="NAME_OR_NUMBER",
        help="of the images, as the network was trained on them; by itself those with the names it was trained on",
    )
    predict.add_argument("--tile", type=int, help="side in pixels; changes speed and memory only")
    predict.add_argument("--scheduler", default="", help="address of a running Dask cluster; with --format ome-zarr")
    _add_object_settings(predict)
    _add_device_and_json(predict)
    predict.set_defaults(run=_predict)


def _add_score(commands: Any) -> None:
    score = commands.add_parser("score", help="Dice, IoU, precision, recall and SEG of masks")
    score.add_argument("--prediction", type=Path, nargs="+", required=True)
    score.add_argument("--truth", type=Path, nargs="+", required=True)
    score.add_argument("--json", action="store_true")
    score.set_defaults(run=_score)


def _add_export(commands: Any) -> None:
    export = commands.add_parser("export", help="predict and write a project's images")
    export.add_argument("--project", type=Path, required=True)
    export.add_argument("--out", type=Path, required=True)
    export.add_argument(
        "--format",
        default="tiff",
        help=f"{_FORMATS}; all for each of them and results.json; bioimageio for the network as a model package",
    )
    _add_object_settings(export)
    _add_device_and_json(export)
    export.set_defaults(run=_export)


def _add_models(commands: Any) -> None:
    models = commands.add_parser("models", help="trained networks with their scores and what they were trained on")
    models.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="projects, networks or folders of them")
    models.add_argument("--json", action="store_true")
    models.set_defaults(run=_models)


def _add_verify(commands: Any) -> None:
    verify = commands.add_parser("verify", help="check a project's integrity")
    verify.add_argument("project", type=Path)
    verify.add_argument("--repair", action="store_true", help="set aside what is damaged and keep what is whole")
    verify.set_defaults(run=_verify)


def _add_object_settings(parser: argparse.ArgumentParser) -> None:
    _add_settings(parser, [field for field in fields() if field.name.startswith("object_")])


def _add_settings(parser: argparse.ArgumentParser, wanted: Sequence[Field]) -> None:
    for field in wanted:
        unit = f" [{field.unit}]" if field.unit else ""
        kind: dict[str, Any] = (
            {"action": argparse.BooleanOptionalAction} if field.kind is bool else {"type": field.kind}
        )
        text = f"{field.help} Default {field.default}{unit}.".replace("%", "%%")
        parser.add_argument(f"--{field.name.replace('_', '-')}", dest=f"set_{field.name}", help=text, **kind)


def _add_device_and_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument(
        "--precision",
        default="auto",
        help="number format: float32, bfloat16 (slow where the processor does not multiply in it), or auto for what "
        "is faster",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else there")


def _open_napari(options: argparse.Namespace) -> int:
    _require_napari()
    import napari

    viewer = napari.Viewer()
    viewer.window.add_plugin_dock_widget("napari-unet-live")
    napari.run()
    return 0


def _demo(options: argparse.Namespace) -> int:
    _require_napari()
    from napari_unet.demo import run_demo

    return run_demo(options.out, options.seconds, headless=options.headless)


def _take_the_machine() -> None:
    """All cores, and memory that is kept between tiles: there is no window beside."""
    from napari_unet.network.device import set_threads
    from napari_unet.network.memory import keep_freed_memory

    set_threads(os.cpu_count())
    keep_freed_memory()


def _train(options: argparse.Namespace) -> int:
    from napari_unet import api
    from napari_unet.project.project import Project
    from napari_unet.training.device_group import is_further_process

    if len(options.images) != len(options.labels):
        what = f"{len(options.images)} images and {len(options.labels)} label files"
        raise UserError("NU-C02", what, "train", "give one label file for each image")
    if options.devices > 1 and is_further_process():
        with Project(options.project, read_only=True) as project:
            api.help_train(project, devices=options.devices, seconds=options.seconds, steps=options.steps,
                           device=options.device, precision=options.precision, seed=options.seed,
                           base=options.base)  # fmt: skip
        return 0
    _take_the_machine()
    names = [name.strip() for name in options.classes.split(",") if name.strip()]
    with Project(options.project) as project:
        _change_settings(project, options)
        for image, labels in zip(options.images, options.labels, strict=True):
            api.add_annotated_image(project, image, labels, names)
        bar = _Bar(options.steps, "training", "step")
        result = api.train(project, seconds=options.seconds, steps=options.steps, device=options.device,
                           precision=options.precision, seed=options.seed, base=options.base, devices=options.devices,
                           progress=lambda step, loss: bar.to(step + 1, f"loss {loss:.3f}"))  # fmt: skip
        bar.close()
    _tell(result.warnings)
    _print(result.as_json(), options, [_training_line(result)])
    return 0


def _change_settings(project: Any, options: argparse.Namespace) -> None:
    given = _given(options)
    if "preset" in given:
        from napari_unet.network.presets import preset_named

        given = preset_settings(preset_named(given["preset"]).name) | given
    if given:
        project.settings.write(changed(project.settings.read(), given))


def _given(options: argparse.Namespace) -> dict[str, Any]:
    return {
        name.removeprefix("set_"): value
        for name, value in vars(options).items()
        if name.startswith("set_") and value is not None
    }


def _training_line(result: Any) -> str:
    scores = _dice(result.held_out_dice)
    done = f"{result.steps} steps in {result.seconds:.1f} s on {result.device}"
    return f"{done}; held-out Dice: {scores}; {result.checkpoint}"


def _dice(by_name: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {_number(dice)}" for name, dice in by_name.items())


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _predict(options: argparse.Namespace) -> int:
    from napari_unet import api

    if options.tile is not None and (options.tile < 16 or options.tile % 16):
        raise UserError("NU-C05", f"a tile of {options.tile} px", "--tile", "choose a multiple of 16")
    _take_the_machine()
    model = api.load_model(options.model, options.device, options.precision)
    model = replace(model, settings=changed(model.settings, _given(options)))
    formats = [options.format, *(["objects", "csv"] if options.objects else [])]
    bar = _BatchBar()
    warnings: list[str] = []
    batch = api.predict_files(
        model, options.images, options.out, formats, tile=options.tile, probabilities=options.probabilities,
        rescale=options.rescale, channels=options.channels, scheduler=options.scheduler, device=options.device,
        precision=options.precision, started=bar.start, failed=lambda failure: bar.say(f"error: {failure.error}"),
        tile_done=bar.tile, warn=warnings.append,
    )  # fmt: skip
    bar.close()
    _print_files(batch.as_json(), warnings, options)
    return 2 if batch.failed else 0


def _score(options: argparse.Namespace) -> int:
    import numpy as np

    from napari_unet import api

    if len(options.prediction) != len(options.truth):
        what = f"{len(options.prediction)} predictions and {len(options.truth)} truths"
        raise UserError("NU-C02", what, "score", "give one truth for each prediction")
    results = [api.score_files(p, t) for p, t in zip(options.prediction, options.truth, strict=True)]
    means = [r["mean_dice"] for r in results if r["mean_dice"] is not None]
    record = (
        results[0] if len(results) == 1 else {"mean_dice": float(np.mean(means)) if means else None, "images": results}
    )
    lines = [line for p, r in zip(options.prediction, results, strict=True) for line in _score_lines(p, r)]
    _print(record, options, lines)
    return 0


def _score_lines(path: Path, result: dict[str, Any]) -> list[str]:
    def text(value: float | None) -> str:
        return "n/a" if value is None else f"{value:.4f}"

    means = f"mean Dice {text(result['mean_dice'])}, mean IoU {text(result['mean_iou'])}, SEG {text(result['seg'])}"
    each = [
        f"  class {k}: Dice {text(value)}, IoU {text(result['iou'][k])}, "
        f"precision {text(result['precision'][k])}, recall {text(result['recall'][k])}"
        for k, value in result["dice"].items()
    ]
    return [f"{path}: {means}", *each]


def _export(options: argparse.Namespace) -> int:
    from napari_unet import api
    from napari_unet.project.project import Project

    _take_the_machine()
    with Project(options.project, read_only=True) as project:
        settings = changed(project.settings.read(), _given(options))
        warnings: list[str] = []
        written = api.export(
            project, options.out, [options.format], device=options.device, precision=options.precision,
            settings=settings, warn=warnings.append,
        )  # fmt: skip
    _print_files({"files": [str(path) for path in written]}, warnings, options)
    return 0


def _print_files(record: dict[str, Any], warnings: Sequence[str], options: argparse.Namespace) -> None:
    """Files to standard output, warnings to standard error, and both into the one object of --json."""
    _tell(warnings)
    _print(record | {"warnings": list(warnings)}, options, record["files"])


def _tell(warnings: Sequence[str]) -> None:
    for line in warnings:
        print(f"warning: {line}", file=sys.stderr)


def _models(options: argparse.Namespace) -> int:
    from napari_unet.packaging.model_list import list_models

    records = list_models(options.paths)
    _print({"models": records}, options, [_model_line(record) for record in records])
    return 0


def _model_line(record: dict[str, Any]) -> str:
    if "error" in record:
        return f"{record['path']}: {record['error']}"
    count, sizes = len(record["trained_on"]), " and ".join(record["pixel_sizes"])
    names = f" ({record['channels_trained_on']})" if record["channels_trained_on"] else ""
    trained = f"images trained on: {count}, with pixels of {sizes}" if count else "images trained on: not remembered"
    return (
        f"{record['path']}: mean held-out Dice {_number(record['mean_held_out_dice'])} "
        f"({_dice(record['held_out_dice'])}), step {record['step']}, channels: {record['channels']}{names}, {trained}"
    )


def _verify(options: argparse.Namespace) -> int:
    from napari_unet.api import repair, verify

    if options.repair:
        for line in repair(options.project):
            print(line)
    found = verify(options.project)
    for line in found:
        print(line)
    return 1 if found else 0


def _print(record: dict[str, Any], options: argparse.Namespace, lines: Sequence[str]) -> None:
    for line in [json.dumps(record)] if options.json else lines:
        print(line)


def _require_napari() -> None:
    from importlib.util import find_spec

    if find_spec("napari") is None:
        raise UserError("NU-C06", "napari is not installed", "this Python", 'pip install "napari-unet-live[all]"')


class _Parser(argparse.ArgumentParser):
    """Bad usage is told like every other error: in one coded line."""

    def error(self, message: str) -> NoReturn:
        raise UserError("NU-C09", message, self.prog, f"see {self.prog} --help")


class _Bar:
    """Progress on standard error."""

    def __init__(self, total: int | None, what: str, unit: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, desc=what, unit=unit, file=sys.stderr, disable=None)

    def to(self, count: int, note: str) -> None:
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(count - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _BatchBar:
    """Images done and tiles of the present one, on standard error."""

    def __init__(self) -> None:
        self._bar: _Bar | None = None
        self._name, self._place, self._tiles = "", 0, 0

    def start(self, path: Path, place: int, count: int) -> None:
        """The image that is now in work, its place from 0 on, and how many there are."""
        self._bar = self._bar or _Bar(count, "predicting", "image")
        self._name, self._place, self._tiles = path.name, place, 0
        self._bar.to(place, path.name)

    def tile(self) -> None:
        """One tile more of the present image is done."""
        self._tiles += 1
        if self._bar:
            self._bar.to(self._place, f"{self._name}, tile {self._tiles}")

    def say(self, line: str) -> None:
        """Print a line without disturbing the bar."""
        from tqdm import tqdm

        tqdm.write(line, file=sys.stderr)

    def close(self) -> None:
        if self._bar:
            self._bar.to(self._place + 1, "")
            self._bar.close()


if __name__ == "__main__":
    sys.exit(main())
