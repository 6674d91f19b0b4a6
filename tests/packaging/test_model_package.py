"""Laws of the model package: every format in it gives our own probabilities, and only our own file is read back."""

import importlib.util
import io
import json
import pickle
import sys
import zipfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from time import struct_time
from typing import Any

import numpy as np
import pytest
import torch
from exported_network import Network, from_onnx, from_torchscript

import napari_unet
from napari_unet.api import add_annotation, load_model, predict, train
from napari_unet.cli import main
from napari_unet.errors import UserError
from napari_unet.export.segmentation import ClassStyle
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network import reading
from napari_unet.network.checkpoint import Checkpoint, load_checkpoint
from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.network.presets import PRESETS
from napari_unet.network.reading import open_network
from napari_unet.network.unet import Architecture, build
from napari_unet.packaging import exchange, model_package
from napari_unet.packaging.model_example import least_side, normalised
from napari_unet.packaging.model_package import write_model_package
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.worker.engine import Engine

# bioimageio.spec 0.5.14 leaves the files that it hashes to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:.torch.jit.load. is deprecated:DeprecationWarning",  # what others read it with
)
STYLES = [ClassStyle("background", (0, 0, 0)), ClassStyle("cell", (200, 100, 0))]


def picture(seed: int = 0) -> Image:
    """Two bright bars on noise."""
    pixels = np.random.default_rng(seed).normal(100, 20, (300, 280)).astype(np.float32)
    pixels[50:90, 60:200] += 100
    pixels[200:220, 20:250] += 100
    return Image("bars", pixels, "yx")


def strokes() -> np.ndarray:
    """A line of each class."""
    labels = np.zeros((1, 300, 280), np.uint8)
    labels[0, 60:63, 70:190], labels[0, 5:9] = 2, 1
    return labels


@pytest.fixture(scope="module")
def packed_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was trained for a step, from the base weights."""
    folder = tmp_path_factory.mktemp("packaged") / "Bäume und bars.unet"
    with Project(folder) as made:
        add_annotation(made, picture(), strokes(), ["background", "cell"])
        train(made, steps=1, device="cpu")
    return folder


@pytest.fixture(scope="module")
def packed(packed_project: Path) -> Path:
    """Its package, written from the command line, which prints one object and nothing else."""
    said = io.StringIO()
    given = [
        "export",
        "--project",
        packed_project,
        "--out",
        packed_project.parent,
        "--format",
        "bioimageio",
        "--device",
        "cpu",
    ]
    with redirect_stdout(said):
        assert main([*map(str, given), "--json"]) == 0
    (path,) = json.loads(said.getvalue())["files"]
    return Path(path)


@pytest.fixture(scope="module")
def unpacked(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a folder."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder


def from_state_dict(folder: Path) -> Network:
    """Built from the package's own source file, as the description says."""
    description = described(folder).weights.pytorch_state_dict
    found = importlib.util.spec_from_file_location("packaged_unet", folder / "unet.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["packaged_unet"] = module  # dataclasses look their module up
    found.loader.exec_module(module)
    network = getattr(module, str(description.architecture.callable))(**description.architecture.kwargs)
    network.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return lambda x: network.eval()(torch.from_numpy(x)).detach().numpy()


READERS = {"pytorch_state_dict": from_state_dict, "torchscript": from_torchscript, "onnx": from_onnx}


def described(path: Path) -> Any:
    """The description as bioimageio.spec reads it, or the reason why it is not valid."""
    from bioimageio.spec import load_model_description

    return load_model_description(path)


def leave_onnx_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes half a minute; where it is not what is tested, packages do without."""
    unchanged = exchange.writers
    monkeypatch.setattr(
        exchange, "writers", lambda network: {k: write for k, write in unchanged(network).items() if k != "onnx"}
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over axis 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_the_package_is_valid_and_complete(packed: Path) -> None:
    """bioimageio.spec takes it with all hashes, and the weights are there in three formats."""
    assert packed.name == "Bäume und bars.bioimageio.zip"
    description = described(packed)
    assert {kind for kind in READERS if getattr(description.weights, kind)} == set(READERS)
    assert description.outputs[0].axes[1].channel_names == ["background", "cell"]
    assert [str(f.source.path) for f in description.attachments] == ["model.safetensors", "model.json", "NOTICE.txt"]
    with zipfile.ZipFile(packed) as package:
        assert package.read("NOTICE.txt") == Path(napari_unet.__file__).with_name("NOTICE.txt").read_bytes()
        names = package.namelist()
    page = Path(napari_unet.__file__).parents[1] / "docs" / "formats.md"
    if page.is_file():  # a checkout
        assert [name for name in names if f"`{name}`" not in page.read_text("utf-8")] == []


def test_what_comes_before_the_network_is_our_normalisation(unpacked: Path) -> None:
    """The described steps, computed as the format defines them, give what our own normalisation gives."""
    (tensor,) = described(unpacked).inputs
    x = np.load(unpacked / "test-input.npy").astype(np.float64)
    for step in tensor.preprocessing:
        options = step.kwargs
        if step.id == "scale_range":
            ends = (options.min_percentile, options.max_percentile)
            low, high = np.percentile(x, ends, axis=(2, 3), keepdims=True)
            x = (x - low) / (high - low + options.eps)
        elif step.id == "scale_linear":
            x = x * options.gain + options.offset
        elif step.id == "clip":
            x = x.clip(options.min, options.max)
        else:
            assert step.id == "ensure_dtype"
    np.testing.assert_allclose(x, normalised(np.load(unpacked / "test-input.npy")), atol=1e-5)


@pytest.mark.parametrize("kind", READERS)
def test_every_format_gives_the_probabilities_of_our_predictor(kind: str, unpacked: Path, packed_project: Path) -> None:
    """On the example, as the package states them; inside the halo as our predictor; and for other sizes."""
    network = READERS[kind](unpacked)
    x = normalised(np.load(unpacked / "test-input.npy"))
    found = softmax(network(x))
    np.testing.assert_allclose(found, np.load(unpacked / "test-output.npy"), atol=1e-4)
    model = load_model(packed_project, "cpu")
    predictor = Predictor(model.checkpoint.network(), model.checkpoint.class_ids, Device("cpu", "", bfloat16=False))
    side, halo = x.shape[-1], model.checkpoint.architecture.halo
    ours = predictor.probabilities(np.moveaxis(x[0], 0, 2), Region(0, 0, side, side))
    inside = slice(halo, side - halo)
    assert side > 2 * halo
    np.testing.assert_allclose(found[0, :, inside, inside], ours[:, inside, inside], atol=1e-4)
    other = np.ascontiguousarray(x[:, :, :64, :96])
    with torch.no_grad():
        expected = model.checkpoint.network()(torch.from_numpy(other)).numpy()
    np.testing.assert_allclose(network(other), expected, atol=1e-3)


@pytest.mark.parametrize("name", ["unet-2015", "skip-crop", "up-unpooling"])
def test_the_sizes_of_other_networks_are_valid(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that give less than they take are described rightly (without ONNX, for time)."""
    architecture = replace(PRESETS[name].architecture, width=4, channels=3)
    names = ("Hintergrund ü", "") if name == "skip-crop" else ("cell", "cell")
    checkpoint = Checkpoint(architecture, (1, 2), names, 1, dict(build(architecture).state_dict()))
    leave_onnx_out(monkeypatch)
    image = Image("colour", np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8), "yxc")
    path = write_model_package(tmp_path, name, checkpoint, image, STYLES)
    (output,) = described(path).outputs
    with zipfile.ZipFile(path) as archive:
        expected, given = (np.load(io.BytesIO(archive.read(f"test-{end}.npy"))) for end in ("output", "input"))
    assert given.shape[-1] == least_side(architecture) + architecture.stride
    lost = given.shape[-1] - expected.shape[-1]
    assert lost == 2 * architecture.margin == -output.axes[3].size.offset


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_package_predicts_and_is_gone_on_from(
    form: str, packed: Path, unpacked: Path, packed_project: Path, tmp_path: Path
) -> None:
    """Without its project it gives the same masks, names its classes, and a new project starts from its weights."""
    source = {"zip": packed, "folder": unpacked}[form]
    model, expected = load_model(source, "cpu"), load_model(packed_project, "cpu")
    np.testing.assert_array_equal(predict(model, picture(1)), predict(expected, picture(1)))
    assert [label.name for label in model.classes] == ["background", "cell"]
    assert model.trained_on == expected.trained_on != ()
    with Project(tmp_path / "new.unet") as made:
        add_annotation(made, picture(2), strokes(), ["nothing", "bar"])
        result = train(made, steps=1, device="cpu", base=source)
    learned, before = load_checkpoint(Path(result.checkpoint)), expected.checkpoint
    assert learned.architecture == before.architecture
    changes = [
        (learned.network_weights[n] - w).abs().max()
        for n, w in before.network_weights.items()
        if not n.startswith("head.")
    ]
    assert max(changes) < 0.01  # one step away from it; elsewhere they would differ by as much as they are large


def test_going_on_from_a_project(packed_project: Path) -> None:
    """A project folder is a base as well: its network that predicts."""
    base = open_network(packed_project)
    expected = load_checkpoint(packed_project / "models" / "best.safetensors")
    assert all(torch.equal(base.network_weights[name], tensor) for name, tensor in expected.network_weights.items())


def test_the_worker_packages_what_it_shows(
    packed_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone or with results of the image; the files are named to the window."""
    leave_onnx_out(monkeypatch)
    said: list[Any] = []
    engine = Engine(said.append, Device("cpu", "", bfloat16=False))
    engine.receive(m.Open(str(packed_project)))
    for formats in (("bioimageio",), ("png", "bioimageio")):
        engine.receive(m.Export((1,), str(tmp_path), formats))
        while engine.has_work:
            engine.work()
        exported = [message for message in said if isinstance(message, m.Exported)][-1]
        assert [Path(path).suffix for path in exported.paths] == [".zip", ".png", ".json"][: 2 * len(formats) - 1]
    shown, best = (load_model(path, "cpu").checkpoint for path in (Path(exported.paths[0]), packed_project))
    assert shown.step == best.step
    assert all(torch.equal(shown.network_weights[name], tensor) for name, tensor in best.network_weights.items())


class Poison:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def forged(path: Path, changes: dict[str, bytes | None], packed: Path) -> Path:
    """The package with other members, added or replaced; None takes one away."""
    with zipfile.ZipFile(packed) as archive, zipfile.ZipFile(path, "w") as made:
        for name in archive.namelist():
            if name not in changes:
                made.writestr(name, archive.read(name))
        for name, content in changes.items():
            if content is not None:
                made.writestr(name, content)
    return path


def test_nothing_foreign_in_a_package_is_read(packed: Path, tmp_path: Path) -> None:
    """Poisoned weights and names that lead out of the folder are left alone."""
    touched, out = tmp_path / "touched", tmp_path / "deep" / "deeper"
    out.mkdir(parents=True)
    poison = pickle.dumps(Poison(touched))
    changes: dict[str, bytes | None] = {"weights.pt": poison, "../../escaped": b"x", "../model.safetensors": poison}
    model = load_model(forged(out / "p.zip", changes, packed), "cpu")
    assert model.checkpoint.step == 1
    assert not touched.exists()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["p.zip"]
    pickle.loads(poison)  # noqa: S301 # the poison works
    assert touched.exists()


def test_damaged_and_oversized_packages_are_refused(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network, a changed one, a cut file, too many members, or more bytes than are believed: one line each."""
    path = tmp_path / "p.zip"

    def code() -> str:
        with pytest.raises(UserError) as caught:
            load_model(path, "cpu")
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
        return caught.value.code

    forged(path, {"model.safetensors": None}, packed)
    assert code() == "NU-M05"
    forged(path, {"model.safetensors": b"short"}, packed)
    assert code() == "NU-M02"
    whole = packed.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        assert code() == "NU-M05"
    path.write_bytes(whole)
    with monkeypatch.context() as patch:
        patch.setattr(reading, "MOST_BYTES", 1000)
        assert code() == "NU-M05"
    with monkeypatch.context() as patch:
        patch.setattr(reading, "MOST_MEMBERS", 2)
        assert code() == "NU-M05"
    load_model(path, "cpu")


@pytest.mark.parametrize("year", [1970, 2110])
def test_a_package_is_written_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    """The format of zip files knows no such dates."""
    leave_onnx_out(monkeypatch)
    monkeypatch.setattr("time.localtime", lambda *_: struct_time((year, 1, 2, 0, 0, 0, 4, 2, 0, "UTC", 0)))
    network = build(Architecture(1, 2, 4))
    checkpoint = Checkpoint(network.architecture, (1, 2), ("a", "b"), 1, dict(network.state_dict()))
    path = write_model_package(tmp_path, "x", checkpoint, picture(), STYLES)
    assert described(path).name == "x (napari-unet)"


def test_onnx_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with versions that do not fit together; no file takes its name."""

    def failing(*arguments: object, **options: object) -> None:
        raise torch.onnx.OnnxExporterError("no translation\nfor this")

    monkeypatch.setattr(torch.onnx, "export", failing)
    network = build(Architecture(1, 2, 4))
    checkpoint = Checkpoint(network.architecture, (1, 2), ("a", "b"), 1, dict(network.state_dict()))
    with pytest.raises(UserError, match=r"^NU-E11: .*no translation for this"):
        write_model_package(tmp_path, "x", checkpoint, picture(), STYLES)
    assert not list(tmp_path.iterdir())


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra one line says what to install, before any work."""
    monkeypatch.setattr(model_package, "find_spec", lambda name: None)
    network = build(Architecture(1, 2, 4))
    checkpoint = Checkpoint(network.architecture, (1, 2), ("a", "b"), 1, dict(network.state_dict()))
    with pytest.raises(UserError, match=r"^NU-E09: .*onnx.*napari-unet-live\[bioimageio\]"):
        write_model_package(tmp_path, "x", checkpoint, picture(), STYLES)
    assert not list(tmp_path.iterdir())
