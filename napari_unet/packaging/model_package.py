"""A trained network as a bioimage.io package: weights in several formats, what they expect, and an example."""

import shutil
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image as PillowImage

from napari_unet.errors import UserError
from napari_unet.export.file_stem import file_stem
from napari_unet.export.segmentation import ClassStyle
from napari_unet.export.verified import write_verified
from napari_unet.images.image import Image
from napari_unet.images.normalisation import CLIP, PERCENTILES
from napari_unet.network import unet
from napari_unet.network.checkpoint import Checkpoint, save_checkpoint
from napari_unet.network.reading import NETWORK, refuse_foreign_package
from napari_unet.network.unet import Architecture, UNet
from napari_unet.packaging import exchange
from napari_unet.packaging.model_example import cover, example_input, least_side, normalised, write_example
from napari_unet.packaging.model_readme import channel_names, documentation
from napari_unet.storage import temporary_folder

SUFFIX = ".bioimageio.zip"
_FILES = {"pytorch_state_dict": "weights.pt", "onnx": "weights.onnx", "torchscript": "weights.torchscript"}
_NOTICE = Path(unet.__file__).parents[1] / "NOTICE.txt"  # what the licences of the source and the base weights ask for
_LEAST_SPREAD = 1e-12  # negligible beside the range of intensities, yet above 0 as the format demands
_PERMISSIONS = 0o644  # of unpacked files; without them nobody might read these
_PAPER = "Ronneberger, Fischer and Brox 2015: U-Net: Convolutional Networks for Biomedical Image Segmentation"
_DOI = "10.1007/978-3-319-24574-4_28"


def write_model_package(
    folder: Path, name: str, checkpoint: Checkpoint, image: Image, styles: Sequence[ClassStyle]
) -> Path:
    """Write ``name`` + ".bioimageio.zip", validated by bioimageio.spec before it takes its name.

    Parameters
    ----------
    folder : made where it is missing
    name : of the model
    checkpoint : goes in as it is, too, so that the package can be used here again
    image : the middle of its first plane becomes the example
    styles : indexed by mask value

    Raises
    ------
    UserError
        NU-E09 when bioimageio.spec, onnx or onnxscript are not installed; NU-E11 when ONNX cannot be written; NU-E08
        for another file of that name; NU-E01, NU-E03 as every export.
    """
    _require_packages()
    path = folder / f"{file_stem(name)}{SUFFIX}"
    refuse_foreign_package(path)
    network = checkpoint.network()
    raw = example_input(image, network.architecture)
    with temporary_folder() as parts:
        _write_parts(parts, name, checkpoint, network, raw, styles)
        description = _description(parts, name, checkpoint, list(exchange.writers(network)))
        return write_verified(path, lambda target: _pack(description, target), _difference)


def _require_packages() -> None:
    missing = [name for name in ("bioimageio.spec", "onnx", "onnxscript") if not _is_installed(name)]
    if missing:
        what = f"a bioimage.io package needs {', '.join(missing)}"
        raise UserError("NU-E09", what, "this Python", 'pip install "napari-unet-live[bioimageio]"')


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # the part before the dot is missing
        return False


@torch.no_grad()
def _write_parts(
    folder: Path,
    name: str,
    checkpoint: Checkpoint,
    network: UNet,
    raw: Float32[np.ndarray, "1 c y x"],
    styles: Sequence[ClassStyle],
) -> None:
    """Write every file of the package but its description."""
    example = torch.from_numpy(normalised(raw))
    for kind, write in exchange.writers(network).items():
        write(network, example, folder / _FILES[kind])
    probabilities = torch.softmax(network(example), dim=1).numpy()
    write_example(folder, raw, probabilities)
    shutil.copyfile(Path(unet.__file__), folder / "unet.py")
    shutil.copyfile(_NOTICE, folder / _NOTICE.name)
    save_checkpoint(checkpoint, folder / NETWORK)
    (folder / "README.md").write_text(documentation(name, checkpoint), encoding="utf-8")
    colours = np.array([style.colour for style in styles], np.uint8)
    values = np.array(checkpoint.class_ids)[probabilities[0].argmax(0)] - 1
    first = checkpoint.architecture.context_planes * checkpoint.architecture.image_channels
    shown = raw[0][first : first + checkpoint.architecture.image_channels]
    PillowImage.fromarray(cover(shown, colours[values])).save(folder / "cover.png")


def _description(parts: Path, name: str, checkpoint: Checkpoint, kinds: Sequence[str]) -> Any:
    """Return the model's description, checked against the files."""
    from bioimageio.spec.model import v0_5 as spec

    return spec.ModelDescr(
        name=_model_name(name),
        description="U-Net that classifies the pixels of 2D microscopy images, trained on annotated pixels.",
        documentation=spec.FileDescr(source=parts / "README.md"),
        cite=[spec.CiteEntry(text=_PAPER, doi=spec.Doi(_DOI))],
        covers=[spec.FileDescr(source=parts / "cover.png")],
        tags=["napari-unet", "unet", "semantic-segmentation", "2d", "pytorch"],
        inputs=[_input(parts, checkpoint)],
        outputs=[_output(parts, checkpoint)],
        weights=spec.WeightsDescr(**_weights(parts, checkpoint.architecture, kinds)),
        attachments=[
            spec.FileDescr(source=parts / each) for each in (NETWORK, f"{Path(NETWORK).stem}.json", _NOTICE.name)
        ],
    )


def _model_name(name: str) -> str:
    """Return a name of ASCII letters, digits and a few signs, 5 characters at least, as the format wants it."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_+- ()") else "_" for c in name)
    return f"{kept[:50]} (napari-unet)"


def _input(parts: Path, checkpoint: Checkpoint) -> Any:
    from bioimageio.spec.model import v0_5 as spec

    architecture = checkpoint.architecture
    size = spec.ParameterizedSize(min=least_side(architecture), step=architecture.stride)
    low, high = PERCENTILES
    percentiles = spec.ScaleRangeKwargs(
        axes=[spec.AxisId("y"), spec.AxisId("x")], min_percentile=low, max_percentile=high, eps=_LEAST_SPREAD
    )
    return spec.InputTensorDescr(
        id=spec.TensorId("image"),
        axes=[
            spec.BatchAxis(),
            spec.ChannelAxis(channel_names=channel_names(checkpoint)),
            *(spec.SpaceInputAxis(id=spec.AxisId(axis), size=size) for axis in "yx"),
        ],
        test_tensor=spec.FileDescr(source=parts / "test-input.npy"),
        data=spec.IntervalOrRatioDataDescr(type="float32"),
        preprocessing=[
            spec.ScaleRangeDescr(kwargs=percentiles),
            spec.ScaleLinearDescr(kwargs=spec.ScaleLinearKwargs(gain=2.0, offset=-1.0)),
            spec.ClipDescr(kwargs=spec.ClipKwargs(min=-CLIP, max=CLIP)),
        ],
    )


def _output(parts: Path, checkpoint: Checkpoint) -> Any:
    from bioimageio.spec.model import v0_5 as spec

    architecture = checkpoint.architecture

    def axis(name: str) -> Any:
        size = spec.SizeReference(
            tensor_id=spec.TensorId("image"), axis_id=spec.AxisId(name), offset=-2 * architecture.margin
        )
        if architecture.margin:  # what comes out depends on nothing beyond the input
            return spec.SpaceOutputAxis(id=spec.AxisId(name), size=size)
        return spec.SpaceOutputAxisWithHalo(id=spec.AxisId(name), size=size, halo=architecture.halo)

    names = [
        label or f"class{class_id}"
        for class_id, label in zip(checkpoint.class_ids, checkpoint.class_names, strict=True)
    ]
    return spec.OutputTensorDescr(
        id=spec.TensorId("probabilities"),
        axes=[spec.BatchAxis(), spec.ChannelAxis(channel_names=names), axis("y"), axis("x")],
        test_tensor=spec.FileDescr(source=parts / "test-output.npy"),
        data=spec.IntervalOrRatioDataDescr(type="float32", range=(0.0, 1.0)),
        postprocessing=[spec.SoftmaxDescr(kwargs=spec.SoftmaxKwargs(axis=spec.AxisId("channel")))],
    )


def _weights(parts: Path, architecture: Architecture, kinds: Sequence[str]) -> dict[str, Any]:
    from bioimageio.spec.model import v0_5 as spec

    version = spec.Version(torch.__version__.split("+")[0])
    source = spec.ArchitectureFromFileDescr(
        source=parts / "unet.py", callable=spec.Identifier("from_fields"), kwargs=unet.stored_names(architecture)
    )
    described = {
        "pytorch_state_dict": lambda file: spec.PytorchStateDictWeightsDescr(
            source=file, architecture=source, pytorch_version=version
        ),
        "onnx": lambda file: spec.OnnxWeightsDescr(
            source=file, opset_version=exchange.OPSET, parent="pytorch_state_dict"
        ),
        "torchscript": lambda file: spec.TorchscriptWeightsDescr(
            source=file, pytorch_version=version, parent="pytorch_state_dict"
        ),
    }
    return {kind: described[kind](parts / _FILES[kind]) for kind in kinds}


def _pack(description: Any, target: Path) -> None:
    """Zip the description with its files, all of one date: zip files hold none from before 1980 or after 2107.

    A clock may say such a one; that of many computers begins in 1970 when its battery is empty.
    """
    from bioimageio.spec import save_bioimageio_package_as_folder

    with temporary_folder() as folder, zipfile.ZipFile(target, "w") as package:
        save_bioimageio_package_as_folder(description, output_path=folder)
        for file in sorted(folder.iterdir()):
            member = zipfile.ZipInfo(file.name)
            member.external_attr = _PERMISSIONS << 16
            package.writestr(member, file.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)


def _difference(path: Path) -> str:
    """Read the package as others will, with hashes, shapes and references, and return what is wrong."""
    from bioimageio.spec import InvalidDescr, load_description

    found = load_description(path, format_version="latest")
    if isinstance(found, InvalidDescr):
        return found.validation_summary.format()[:200]
    return ""
