"""Laws of context planes: what is seen is what lies there; without them all is as it was, with them more is learned."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.api import Model, add_annotation, load_model, predict, predict_file, train
from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.export.segmentation import ClassStyle
from napari_unet.images.image import Image
from napari_unet.images.lazy_plane import LazyPlane
from napari_unet.images.plane_stack import PlaneStack
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import Region, read_mirrored
from napari_unet.network.base import STEM, from_base, package_base
from napari_unet.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from napari_unet.network.device import Device, choose_device
from napari_unet.network.reading import open_network
from napari_unet.network.unet import Architecture, build, from_fields, stored_names
from napari_unet.packaging import exchange, model_example, model_package
from napari_unet.prediction import large_image
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.training.candidate import Candidate
from napari_unet.training.learner import Learner
from napari_unet.worker.engine import Engine

SIDE, PLANES = 64, 5
SETTINGS = {"tile": 64, "batch": 2, "preset": "light", "width": 8, "learning_rate": 0.01}


def shifted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Discs that differ from plane to plane, (z, y, x); the truth of a plane is 2 where the plane below has a disc."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    discs = np.zeros((PLANES, SIDE, SIDE), bool)
    for plane in discs:
        for cy, cx in random.integers(10, SIDE - 10, (4, 2)):
            plane |= (y - cy) ** 2 + (x - cx) ** 2 <= 7**2
    pixels = (random.normal(0, 0.2, discs.shape) + discs).astype(np.float32)
    return pixels, np.where(discs[[0, *range(PLANES - 1)]], 2, 1).astype(np.uint8)


def balanced_accuracy(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the two classes of the share that is found; 0.5 by chance. The plane without one below is left out."""
    return float(np.mean([(found[1:] == k)[truth[1:] == k].mean() for k in (1, 2)]))


@pytest.mark.parametrize(("context_planes", "low", "high"), [(1, 0.9, 1.0), (0, 0.0, 0.65)])
def test_what_the_plane_below_tells_is_learned_with_context_only(
    context_planes: int, low: float, high: float, tmp_path: Path
) -> None:
    """On planes that were not painted; without context the pixels of a plane say nothing about its classes."""
    pixels, truth = shifted(0)
    with Project(tmp_path / "stack.unet") as project:
        project.settings.write(Settings(**SETTINGS, context_planes=context_planes))
        add_annotation(project, Image("stack", pixels, "zyx"), truth)
        train(project, steps=80, device="cpu")
        model = load_model(project.folder, "cpu")
    assert model.predictor.context_planes == context_planes
    unseen, wanted = shifted(1)
    assert low <= balanced_accuracy(predict(model, Image("unseen", unseen, "zyx")) + 1, wanted) <= high


def network(context_planes: int, channels: int = 1) -> Checkpoint:
    """One that was not trained, but answers."""
    architecture = Architecture(channels * (2 * context_planes + 1), 2, 4, depth=2, context_planes=context_planes)
    return Checkpoint(architecture, (1, 2), ("a", "b"), 7, dict(build(architecture, seed=3).state_dict()))


def stack(planes: int = PLANES) -> Image:
    """Noise that differs from plane to plane."""
    return Image("noise", np.random.default_rng(5).normal(0, 1, (planes, 50, 70)).astype(np.float32), "zyx")


@given(st.lists(st.integers(1, 5), max_size=3), st.integers(0, 2), st.data())
def test_context_planes_are_neighbours_along_the_last_axis(
    shape: list[int], context_planes: int, data: st.DataObject
) -> None:
    """The ends are repeated, and no plane of another time or position comes in."""
    image = Image("a", np.zeros((*shape, 2, 2), np.uint8), "ptz"[3 - len(shape) :] + "yx")
    plane = data.draw(st.integers(0, image.planes - 1))
    found = image.with_context(plane, context_planes)
    assert len(found) == 2 * context_planes + 1
    assert found[context_planes] == plane
    index = [np.unravel_index(each, (*shape, 1)) for each in found]
    assert {each[:-2] for each in index} == {index[context_planes][:-2]}
    last = [int(each[-2]) if shape else 0 for each in index]
    assert last == [
        min(max(last[context_planes] + step, 0), max(0, (shape or [1])[-1] - 1))
        for step in range(-context_planes, context_planes + 1)
    ]


def test_the_planes_seen_are_the_planes_that_lie_there() -> None:
    """In memory and in the file, in parts and with mirrored rims; without context the plane itself."""
    planes = NormalisedPlanes(stack())
    assert planes.with_context(2, 0) is planes[2]
    seen = planes.with_context(0, 1)
    whole = np.concatenate([planes[0], planes[0], planes[1]], axis=2)
    assert seen.shape == whole.shape
    region = Region(-20, 30, 40, 90)
    np.testing.assert_array_equal(read_mirrored(seen, region), read_mirrored(whole, region))
    lazy = PlaneStack(tuple(LazyPlane(planes.image, plane, planes.normalisation) for plane in (0, 0, 1)))
    np.testing.assert_array_equal(read_mirrored(lazy, region), read_mirrored(whole, region))


@pytest.mark.parametrize("context_planes", [1, 2])
def test_a_checkpoint_remembers_what_is_seen(context_planes: int, tmp_path: Path) -> None:
    """It comes back, its hash is another, and an older version would say that it is too old; without context not."""
    path = tmp_path / "a.safetensors"
    save_checkpoint(network(context_planes), path)
    found = load_checkpoint(path)
    assert found.architecture == network(context_planes).architecture
    assert (found.architecture.context_planes, found.architecture.image_channels) == (context_planes, 1)
    assert '"format": 3' in path.with_suffix(".json").read_text()
    alike = Checkpoint(Architecture(2 * context_planes + 1, 2, 4, depth=2), *_after(found))
    assert alike.fingerprint() != found.fingerprint()
    save_checkpoint(alike, path)
    note = path.with_suffix(".json").read_text()
    assert '"format": 2' in note
    assert "context" not in note
    with pytest.raises(ValueError, match="channels are not those of 3 planes"):
        Architecture(channels=4, context_planes=1)


def test_files_name_the_context_planes_as_they_always_did(tmp_path: Path) -> None:
    """Checkpoints and the descriptions of model packages say "context", and are read by that name."""
    save_checkpoint(network(1), tmp_path / "a.safetensors")
    record = json.loads((tmp_path / "a.json").read_text())["architecture"]
    assert record["context"] == 1
    assert "context_planes" not in record
    assert stored_names(network(1).architecture) == record
    assert from_fields(**record).architecture == network(1).architecture


def _after(checkpoint: Checkpoint) -> tuple[object, ...]:
    return checkpoint.class_ids, checkpoint.class_names, checkpoint.step, checkpoint.network_weights


def model_of(context_planes: int, folder: Path, channels: int = 1) -> Path:
    save_checkpoint(network(context_planes, channels), folder / "net.safetensors")
    return folder / "net.safetensors"


def test_predictions_with_context_depend_on_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for every tile, from memory and chunk by chunk; a single plane stands for its neighbours."""
    model, image = load_model(model_of(1, tmp_path), "cpu"), stack()
    mask = predict(model, image)
    assert 0.02 < mask.mean() < 0.98
    np.testing.assert_array_equal(predict(model, image, 16), mask)
    moved = Image("moved", np.asarray(image.pixels)[::-1].copy(), "zyx")
    assert (predict(model, moved)[::-1] != mask).any()
    one = Image("one", np.asarray(image.pixels)[:1], "zyx")
    thrice = Image("thrice", np.repeat(np.asarray(image.pixels)[:1], 3, axis=0), "zyx")
    np.testing.assert_array_equal(predict(model, one)[0], predict(model, thrice)[1])
    np.save(tmp_path / "image.npy", np.asarray(image.pixels))
    monkeypatch.setattr(large_image, "LARGE", 0)
    monkeypatch.setattr("napari_unet.packaging.chunked_prediction.CHUNK", 32)
    predict_file(model, tmp_path / "image.npy", tmp_path / "out", ["ome-zarr"])
    found = np.asarray(zarr.open(tmp_path / "out/image.ome.zarr/labels/classes/0", mode="r"))
    np.testing.assert_array_equal(found.reshape(mask.shape), mask)


def test_as_many_channels_are_not_as_many_planes(tmp_path: Path) -> None:
    """A network that sees three planes of one channel refuses an image of three channels, and the other way round."""
    colours = Image("rgb", np.zeros((20, 20, 3), np.uint8), "yxc")
    with pytest.raises(UserError, match=r"^NU-I08: .*learned on 1 channel, the image has 3"):
        predict_file_of(load_model(model_of(1, tmp_path), "cpu"), colours, tmp_path)
    with pytest.raises(UserError, match=r"^NU-I08: .*learned on 3 channels, the image has 1"):
        predict_file_of(load_model(model_of(0, tmp_path, 3), "cpu"), stack(), tmp_path)


def predict_file_of(model: Model, image: Image, folder: Path) -> None:
    tifffile.imwrite(folder / "image.tif", np.asarray(image.pixels), photometric="rgb" if "c" in image.axes else None)
    predict_file(model, folder / "image.tif", folder / "out")


def test_base_weights_begin_with_half_of_the_middle_plane() -> None:
    """The network's levels are the same for equal planes as for one; the middle one counts most."""
    base = package_base()
    alone, around = from_base(base, 1, 2), from_base(base, 1, 2, 1)
    assert around.state_dict()[STEM].shape[1] == 3
    pixels = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (1, 1, 64, 64)).astype(np.float32))
    for first, second in zip(around.decoded(pixels.repeat(1, 3, 1, 1)), alone.decoded(pixels), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)
    stem, whole = around.state_dict()[STEM], alone.state_dict()[STEM]
    torch.testing.assert_close(stem, torch.cat([whole / 4, whole / 2, whole / 4], dim=1))


def test_another_number_of_planes_starts_another_network(tmp_path: Path) -> None:
    """The one that is shown stays; going back and on finds what fits."""
    pixels, truth = shifted(0)
    with Project(tmp_path / "stack.unet") as project:
        project.settings.write(Settings(**SETTINGS))
        add_annotation(project, Image("stack", pixels, "zyx"), truth)
        train(project, steps=1, device="cpu")
        learner = Learner(project, Device("cpu", "", False))
        project.settings.write(Settings(**SETTINGS, context_planes=1))
        learner.refresh()
        assert learner.trainer is not None
        assert learner.trainer.checkpoint().architecture.context_planes == 1
        assert learner.predictor is not None
        assert learner.predictor.context_planes == 0
        learner.step()
        learner.show_newest(score=True)
        learner.selection.scored(Candidate(1, learner.trainer.class_ids, learner.trainer.candidate()))


def test_the_worker_shows_what_is_exported(precision: str, tmp_path: Path) -> None:
    """Tiles of a plane in the middle of a stack."""
    with Project(tmp_path / "stack.unet") as project:
        project.settings.write(Settings(prediction_tile=64))
        image = project.add_image(stack())
        for _ in range(2):
            project.add_class()
        save_checkpoint(network(1), project.models / "best.safetensors")
        said: list[Any] = []
        engine = Engine(said.append, choose_device("cpu", precision))
        engine.receive(m.Open(str(project.folder)))
        engine.receive(m.Look(1, image.id, 3, Region(0, 0, 50, 70)))
        while engine.has_work:
            engine.work()
        shown = np.zeros((50, 70), np.uint8)
        for tile in (message for message in said if isinstance(message, m.Tile)):
            shown[tile.region.slices] = tile.array()
        exported = predict(load_model(project.folder, "cpu", precision), stack())[3]
        assert len(np.unique(exported)) == 2
        np.testing.assert_array_equal(shown - 1, exported)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_package_names_the_planes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its input has the channels of all planes, its example gives our probabilities, and it is read back."""
    styles = [ClassStyle("a", (0, 0, 0)), ClassStyle("b", (9, 9, 9))]
    monkeypatch.setattr(exchange, "writers", lambda network: {"pytorch_state_dict": exchange.write_state_dict})
    path = model_package.write_model_package(tmp_path, "net", network(1), stack(), styles)
    assert open_network(path).architecture.context_planes == 1
    with zipfile.ZipFile(path) as file:
        example = np.load(io.BytesIO(file.read("test-input.npy")))
        wanted = np.load(io.BytesIO(file.read("test-output.npy")))
        description = file.read("rdf.yaml").decode()
    assert example.shape[1] == 3
    np.testing.assert_array_equal(example[0, 0], example[0, 1])  # the first plane of a stack stands for the one before
    assert "channel1 of plane -1" in description
    with torch.no_grad():
        found = network(1).network()(torch.from_numpy(model_example.normalised(example))).softmax(1).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-6)
