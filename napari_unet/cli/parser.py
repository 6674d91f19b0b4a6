"""Commands and options of the command line."""

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from napari_unet.cli import inspection, prediction, training, viewer
from napari_unet.config import Field, fields
from napari_unet.errors import UserError
from napari_unet.evaluation.mask_meaning import PREDICTION_MEANINGS, TRUTH_MEANINGS
from napari_unet.images.label_meaning import LABEL_MEANINGS

_FORMATS = (
    "tiff, ome-tiff, png, npy, ome-zarr, objects, imagej-roi, geojson, coco, csv or montage, or several of them, "
    "separated by commas"
)

_MEANINGS = {
    "truth": "classes: class - 1; mask: 0 background, all else foreground; objects: a number each; labels: as for "
    "train, of which labelled pixels alone are compared; auto: by the numbers (default)",
    "prediction": "classes, mask, objects or auto, as for the truth",
}


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; its options have the function to run as ``run``, and ``opens_images``."""
    parser = _Parser(prog="napari-unet", description="Paint a few strokes and watch a U-Net learn them.")
    parser.add_argument("--version", action="version", version=f"napari-unet-live {version('napari-unet-live')}")
    parser.set_defaults(run=viewer.open_napari, opens_images=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in (_add_demo, _add_train, _add_predict, _add_score, _add_export, _add_models, _add_verify):
        add(commands)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser("demo", help="the whole job on a bundled image")
    demo.add_argument("--headless", action="store_true", help="under a virtual screen, leaving files")
    demo.add_argument("--out", type=Path, default=Path("demo-out"), help="folder for the results (default demo-out)")
    demo.add_argument("--seconds", type=float, default=60.0, help="of training (default 60)")
    demo.set_defaults(run=viewer.demo)


def _add_train(commands: Any) -> None:
    train = commands.add_parser("train", help="train on a project's strokes or on label files")
    train.add_argument("--project", type=Path, required=True, help="NAME.unet; made if it does not exist")
    train.add_argument("--images", type=Path, nargs="*", default=[], help="image files to add, or one folder")
    train.add_argument("--labels", type=Path, nargs="*", default=[], help="their labels, or one folder of them")
    train.add_argument(
        "--labels-are",
        default="classes",
        choices=LABEL_MEANINGS,
        help="classes: 0 unlabelled, 1..K (default); mask: 0 background, all else class 2; objects: 0 background, "
        "every object has a number; those that touch are parted by a ridge of background",
    )
    train.add_argument(
        "--unlabelled-rim", type=int, default=0, metavar="PIXELS", help="along the frame of the labels, not learned"
    )
    _add_axes(train)
    train.add_argument("--classes", type=_names, default=[], help="names, separated by commas: background,cell")
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
    _add_settings(train, list(fields()))
    _add_device_and_json(train)
    train.set_defaults(run=training.train, opens_images=True)


def _add_axes(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--axes",
        metavar="LETTERS",
        help="of the images where their files name them wrongly, in the order of the file: yx and c for channels, "
        "other letters for planes, as cyx",
    )


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
    predict.add_argument("--format", type=_formats, default=["tiff"], help=_FORMATS)
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
    _add_axes(predict)
    predict.add_argument("--tile", type=int, help="side in pixels; changes speed and memory only")
    predict.add_argument("--scheduler", default="", help="address of a running Dask cluster; with --format ome-zarr")
    _add_object_settings(predict)
    _add_device_and_json(predict)
    predict.set_defaults(run=prediction.predict, opens_images=True)


def _add_score(commands: Any) -> None:
    score = commands.add_parser("score", help="Dice, IoU, precision, recall and SEG of masks")
    score.add_argument("--prediction", type=Path, nargs="+", required=True, help="mask files, or one folder of them")
    score.add_argument("--truth", type=Path, nargs="+", required=True, help="true ones in this order, or one folder")
    for whose, meanings in (("truth", TRUTH_MEANINGS), ("prediction", PREDICTION_MEANINGS)):
        score.add_argument(f"--{whose}-is", default="auto", choices=meanings, help=_MEANINGS[whose])
    score.add_argument("--json", action="store_true")
    score.set_defaults(run=inspection.score, opens_images=True)


def _add_export(commands: Any) -> None:
    export = commands.add_parser("export", help="predict and write a project's images")
    export.add_argument("--project", type=Path, required=True)
    export.add_argument("--out", type=Path, required=True)
    export.add_argument(
        "--format",
        type=_formats,
        default=["tiff"],
        help=f"{_FORMATS}; all for each of them and results.json; bioimageio for the network as a model package",
    )
    _add_object_settings(export)
    _add_device_and_json(export)
    export.set_defaults(run=prediction.export, opens_images=True)


def _add_models(commands: Any) -> None:
    models = commands.add_parser("models", help="trained networks with their scores and what they were trained on")
    models.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="projects, networks or folders of them")
    models.add_argument("--json", action="store_true")
    models.set_defaults(run=inspection.models)


def _add_verify(commands: Any) -> None:
    verify = commands.add_parser("verify", help="check a project's integrity")
    verify.add_argument("project", type=Path)
    verify.add_argument("--repair", action="store_true", help="set aside what is damaged and keep what is whole")
    verify.set_defaults(run=inspection.verify)


def _add_object_settings(parser: argparse.ArgumentParser) -> None:
    _add_settings(parser, [field for field in fields() if field.name.startswith("object_")])


def _add_settings(parser: argparse.ArgumentParser, wanted: Sequence[Field]) -> None:
    """Add an option for each setting; where it is not given, that of the project counts."""
    for field in wanted:
        unit = f" [{field.unit}]" if field.unit else ""
        kind: dict[str, Any] = (
            {"action": argparse.BooleanOptionalAction}
            if field.kind is bool
            else {"type": field.kind, "metavar": field.name.upper()}
        )
        text = f"{field.help} Default: that of the project, at first {field.default}{unit}.".replace("%", "%%")
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


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _formats(text: str) -> list[str]:
    return _names(text) or [text]  # an empty one is refused as any other that does not exist


class _Parser(argparse.ArgumentParser):
    """Tell bad usage like every other error, in one coded line."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse what is no option of a command in its own name: argparse hands it on to the parser of all commands."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        raise UserError("NU-C09", message, self.prog, f"see {self.prog} --help")
