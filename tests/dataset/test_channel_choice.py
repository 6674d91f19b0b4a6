"""Laws of channels: a network sees those that it was trained on, wherever they lie in an image, or says why not."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from msgspec import structs

from napari_unet.api import Model, load_model, predict, predict_file, predict_files, train
from napari_unet.cli import main
from napari_unet.config import Settings
from napari_unet.dataset.channel_choice import trained_channels
from napari_unet.dataset.corrected_axes import CorrectedAxes
from napari_unet.dataset.training_image import (
    MOST_IMAGES,
    TrainingImage,
    as_fact,
    difference,
    remembered,
    training_image,
)
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.reading import open_image
from napari_unet.network.checkpoint import HEADER_LIMIT
from napari_unet.packaging import batch, prediction_files
from napari_unet.packaging.model_list import list_models
from napari_unet.packaging.model_readme import channel_names
from napari_unet.prediction import chunk_task
from napari_unet.prediction.cluster import Cluster
from napari_unet.prediction.prediction_request import PredictionRequest
from napari_unet.project.project import Project

SHAPE = (64, 80)
NAMES = ("DAPI", "noise", "GFP", "Cy5")
SEEN = (0, 2)


def pixels(seed: int = 0) -> np.ndarray:
    """Four channels, each a ramp in a direction of its own with noise of its own."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    planes = (y, random.integers(0, 60, SHAPE), x, y[::-1] + x)
    return np.stack([plane * 9 + random.integers(0, 40, SHAPE) for plane in planes]).astype(np.uint16)


def write(path: Path, values: np.ndarray, names: tuple[str, ...] = ()) -> Path:
    """An OME-TIFF with names of channels, or an NPY file without."""
    if names:
        tifffile.imwrite(path, values, ome=True, metadata={"axes": "CYX", "Channel": {"Name": list(names)}})
    else:
        np.save(path, values)
    return path


def trained(folder: Path, names: tuple[str, ...]) -> Path:
    """A project of one image, two channels of it chosen, trained for two steps."""
    folder.mkdir()
    file = write(folder / ("a.ome.tif" if names else "a.npy"), pixels(), names)
    labels = np.zeros(SHAPE, np.uint8)
    labels[8:12], labels[50:54] = 1, 2
    with Project(folder / "p.unet") as project:
        project.settings.write(Settings(tile=64, width=4, prediction_tile=64))
        for name in ("one", "other"):
            project.add_class(name)
        record = project.add_image(open_image(file, axes="cyx"), file)
        project.images.set_channels(record.id, SEEN)
        project.commit(record.id, 0, labels)
        train(project, steps=2, device="cpu", base="none")
    return folder / "p.unet"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of an image whose channels have names."""
    return trained(tmp_path_factory.mktemp("channels") / "named", NAMES)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of an image whose channels have none."""
    return trained(tmp_path_factory.mktemp("channels") / "numbered", ())


def mask_of_the_chosen(model: Model, values: np.ndarray) -> np.ndarray:
    """Predict an image of the two channels alone."""
    return predict(model, Image("two", values[list(SEEN)], "cyx"))[0]


def older(model: Model) -> Model:
    """The network as a version saved it that did not remember channels."""
    facts = json.loads(json.dumps(model.checkpoint.facts))
    for image in facts["trained_on"]["images"]:
        for field in ("all_channels", "chosen", "channel_names"):
            del image[field]
    return replace(model, checkpoint=replace(model.checkpoint, facts=facts))


ORDERS = {
    "as it was": ([0, 1, 2, 3], NAMES),
    "other order": ([2, 3, 0, 1], ("gfp", "Cy5", " DAPI", "noise")),
    "one more": ([3, 0, 3, 2, 1], ("x", "DAPI", "Cy5", "GFP", "y")),
    "fewer": ([2, 0], ("GFP", "DAPI")),
    "no names": ([0, 1, 2, 3], ()),
    "just these": ([0, 2], ()),
    "just these, called otherwise": ([0, 2], ("blue", "green")),
}


@pytest.mark.parametrize("case", ORDERS)
def test_a_file_is_predicted_from_the_channels_trained_on(case: str, named: Path, tmp_path: Path) -> None:
    """By name wherever they lie, by place where there are no names; as the image of these channels alone."""
    order, names = ORDERS[case]
    model, values = load_model(named, "cpu"), pixels(1)
    expected = mask_of_the_chosen(model, values)
    assert len(np.unique(expected)) == 2
    swapped = predict(model, Image("two", values[[2, 0]], "cyx"))[0]
    assert (swapped != expected).any()
    file = write(tmp_path / ("b.ome.tif" if names else "b.npy"), values[order], names)
    if not names:  # an NPY file knows no axes
        opened = open_image(file, axes="cyx")
        np.testing.assert_array_equal(predict(model, opened)[0], expected)
        return
    told: list[str] = []
    predict_file(model, file, tmp_path / "out", warn=told.append)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "b.tif"), expected)
    assert [line for line in told if "channels blue, green, trained on DAPI, GFP" in line] == told
    assert bool(told) == (case == "just these, called otherwise")


def test_the_project_and_its_file_have_the_same_mask(named: Path) -> None:
    """Predicted from the file it is what the project's own export holds."""
    model = load_model(named, "cpu")
    with Project(named, read_only=True) as project:
        inside = project.images.open(1)
        assert inside.chosen == SEEN
        np.testing.assert_array_equal(predict(model, inside), predict(model, open_image(project.images.get(1).path)))


def test_names_count_only_where_both_have_them(numbered: Path) -> None:
    """A network that knows places finds them in an image of as many channels, named or not."""
    model, values = load_model(numbered, "cpu"), pixels(2)
    for names in ((), NAMES):
        found = predict(model, Image("b", values, "cyx", channel_names=names))[0]
        np.testing.assert_array_equal(found, mask_of_the_chosen(model, values))


Case = tuple[Callable[[Model], Model], Image, str]
FIVE = Image("b", np.zeros((5, *SHAPE), np.uint8), "cyx")
REFUSED: dict[str, Case] = {
    "another count": (lambda model: model, FIVE, "choose 2 of them, by name or number"),
    "other names": (
        lambda model: model,
        Image("b", pixels(), "cyx", channel_names=("DAPI", "a", "b", "c")),
        "DAPI, GFP.*has 4 .DAPI, a, b, c.*choose 2 of them",
    ),
    "a name twice": (lambda model: model, Image("b", pixels(), "cyx", channel_names=("DAPI", "GFP", "GFP", "c")), ""),
    "too few": (lambda model: model, Image("b", pixels()[:1], "cyx"), "an image of the same kind"),
    "an older network": (older, Image("b", pixels(), "cyx"), "learned on 2 channels, the image has 4"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_channels_that_are_not_known_are_one_line(case: str, named: Path) -> None:
    """It says what the network was trained on, what the image has, and how to choose."""
    change, image, said = REFUSED[case]
    with pytest.raises(UserError, match=f"^NU-I08: .*{said}") as caught:
        predict(change(load_model(named, "cpu")), image)
    assert "\n" not in str(caught.value)


def test_an_older_network_goes_on_working(named: Path) -> None:
    """An image of as many channels as it sees is taken as it is."""
    model = load_model(named, "cpu")
    image = Image("two", pixels()[[0, 2]], "cyx")
    np.testing.assert_array_equal(predict(older(model), image), predict(model, image))
    assert [each.channels for each in older(model).trained_on] == [2]


def test_the_user_chooses_by_name_or_number(named: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order given; another choice is predicted anew, and what is not there is refused for each image."""
    values = pixels(3)
    file = write(tmp_path / "b.ome.tif", values, ("a", "b", "2", "c"))
    model = load_model(named, "cpu")
    given = ["predict", "--model", str(named), str(file), "--out", str(tmp_path / "out"), "--device", "cpu"]
    for choice, order in ((["A", "2"], [0, 2]), (["4", "b"], [3, 1])):
        assert main([*given, "--channels", *choice]) == 0
        expected = predict(model, Image("b", values[order], "cyx"))[0]
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "b.tif"), expected)
        note = json.loads((tmp_path / "out" / "b.json").read_text("utf-8"))
        assert note["channels"] == [number + 1 for number in order]
    assert "NU-I16" not in capsys.readouterr().err
    for choice, code in ((["5", "a"], "NU-I34"), (["a", "1"], "NU-I34"), (["a", "b", "c"], "NU-I08")):
        assert main([*given, "--channels", *choice]) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert [line.split(": ")[1] for line in lines] == [code]
    assert f": the network learned on 2 channels, and 3 of 4 are chosen, {file}, choose 2" in lines[0]


def test_a_plane_in_chunks_has_the_same_channels(named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks made from file to file, and in a process of a cluster, are those made in memory."""
    monkeypatch.setattr(prediction_files, "is_large", lambda image: True)
    tasks: list[chunk_task.ChunkTask] = []

    class OneProcess(Cluster):
        def run(self, task: Any, items: Any) -> Any:
            tasks.append(replace(task, tile=64))
            for number, chunk in enumerate(items, 1):
                tasks[-1](chunk)
                yield number / len(items)

    model, values = load_model(named, "cpu"), pixels(4)
    file = write(tmp_path / "b.ome.tif", values[::-1], NAMES[::-1])
    for cluster in (None, OneProcess(None, "here", named / "models" / "best.safetensors", "cpu")):
        out = tmp_path / str(cluster is None)
        batch.predict_file(model, file, batch.Destination(out), PredictionRequest(["ome-zarr"]), cluster=cluster)
        found = np.asarray(open_image(out / "b.ome.zarr" / "labels" / "classes").pixels)
        np.testing.assert_array_equal(found.reshape(SHAPE), mask_of_the_chosen(model, values))
    assert [task.channels for task in tasks] == [(3, 1)]


def test_channels_may_be_numbers(named: Path, tmp_path: Path) -> None:
    """From Python the numbers from 1 on may be numbers, and one may stand alone."""
    file = write(tmp_path / "b.ome.tif", pixels(5), NAMES)
    model = load_model(named, "cpu")
    predict_file(model, file, tmp_path / "texts", channels=("1", "3"))
    predict_file(model, file, tmp_path / "numbers", channels=(1, 3))
    results = [tifffile.imread(tmp_path / name / "b.tif") for name in ("texts", "numbers")]
    np.testing.assert_array_equal(*results)
    for wrong, code in (([9], "NU-I34"), (3, "NU-I08")):  # the network sees two
        with pytest.raises(UserError, match=code):
            predict_file(model, file, tmp_path / "out", channels=wrong)


def test_a_batch_finds_them_in_every_image(named: Path, tmp_path: Path) -> None:
    """Each image by its own names; one that has not got them fails alone."""
    values = pixels(5)
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.ome.tif", values, NAMES)
    write(tmp_path / "in" / "b.ome.tif", values[::-1], NAMES[::-1])
    write(tmp_path / "in" / "c.ome.tif", values, tuple("wxyz"))
    model = load_model(named, "cpu")
    told = predict_files(model, [tmp_path / "in"], tmp_path / "out")
    assert [(failure.image.name, failure.error.code) for failure in told.failed] == [("c.ome.tif", "NU-I08")]
    for name in "ab":
        mask = tifffile.imread(tmp_path / "out" / f"{name}.tif")
        np.testing.assert_array_equal(mask, mask_of_the_chosen(model, values))


def image_like(**changed: object) -> TrainingImage:
    """Two of four channels, seen in training."""
    fields = {
        "name": "a", "channels": 2, "pixel_size": (1.0, 1.0), "unit": "pixel", "low": (0.0, 0.0), "high": (1.0, 1.0),
        "all_channels": 4, "chosen": SEEN, "channel_names": ("DAPI", "GFP"),
    }  # fmt: skip
    return TrainingImage(**(fields | changed))  # type: ignore[arg-type]


def test_images_that_disagree_leave_the_choice_to_the_user() -> None:
    """Two places for the same count, or two pairs of names that are both there."""
    image = Image("b", pixels(), "cyx", channel_names=NAMES)
    unnamed = replace(image, channel_names=())
    both = [image_like(channel_names=()), image_like(channel_names=(), chosen=(1, 3))]
    pairs = [image_like(), image_like(channel_names=("noise", "Cy5"))]
    for seen, shown in ((both, unnamed), (pairs, image)):
        assert trained_channels(seen[:1], 2, shown) == SEEN
        assert trained_channels(seen[1:], 2, shown) == (1, 3)
        with pytest.raises(UserError, match=r"^NU-I08: "):
            trained_channels(seen, 2, shown)


NO_X = {"axes": "cyz", "found_axes": "zyx", "shape": [2, 9, 9], "alpha": False}
TWO_OF_THREE = {"axes": "yx", "found_axes": "zyx", "shape": [2, 9, 9], "alpha": False}


@pytest.mark.parametrize(
    "forged",
    [{"chosen": [0, 9]}, {"chosen": [1]}, {"channel_names": ["a"]}, {"corrected": NO_X}, {"corrected": TWO_OF_THREE}],
)
def test_a_forged_record_is_none(forged: dict[str, object]) -> None:
    """Channels and axes that cannot be are not looked for."""
    true = structs.replace(image_like(), corrected=CorrectedAxes("cyx", "zyx", (2, 9, 9), alpha=False))
    facts = json.loads(json.dumps(as_fact([true])))
    assert remembered(facts) == (true,)
    facts["trained_on"]["images"][0] |= forged
    assert remembered(facts) == ()


def test_what_is_remembered_fits_into_a_checkpoint() -> None:
    """The most images with the most channels and long names stay within the limit."""
    random = np.random.default_rng(0)
    many, names = random.normal(size=(256, 2, 2)) * 1e4, tuple(f"{'ü' * 50}{number}" for number in range(256))
    shown = NormalisedPlanes(Image("b", many, "cyx", channel_names=names, chosen=tuple(range(255))))
    described = training_image(shown)
    assert (described.channels, described.channel_names) == (255, ())
    short = training_image(NormalisedPlanes(replace(shown.image, channel_names=("ü",) * 256)))
    assert len(short.channel_names) == 255
    assert len(json.dumps(as_fact([short] * MOST_IMAGES))) < 0.99 * HEADER_LIMIT


def test_other_names_are_told(named: Path) -> None:
    """Beside an image that is like those trained on but for what its channels are called."""
    model = load_model(named, "cpu")
    for names, said in ((("DAPI", "GFP"), False), (("dapi ", "GFP"), False), (("GFP", "DAPI"), True), ((), False)):
        image = Image("b", pixels()[[0, 2]], "cyx", channel_names=names)
        assert (
            "channels GFP, DAPI, trained on DAPI, GFP" in difference(model.trained_on, NormalisedPlanes(image))
        ) == said


def test_packages_and_lists_name_them(named: Path, numbered: Path) -> None:
    """Names where there are any, numbers elsewhere."""
    assert channel_names(load_model(named, "cpu").checkpoint) == ["DAPI", "GFP"]
    assert channel_names(load_model(numbered, "cpu").checkpoint) == ["channel1", "channel2"]
    told = [record["channels_trained_on"] for path in (named, numbered) for record in list_models([path])]
    assert told == ["DAPI, GFP", "1, 3 of 4"]


def test_labels_of_planes_are_no_names(tmp_path: Path) -> None:
    """ImageJ keeps what Bio-Formats calls planes, with the name of the file; other labels are names."""
    for labels, names in ((["c:1/2 - a.czi", "c:2/2 - a.czi"], ()), (["DAPI", "GFP"], ("DAPI", "GFP"))):
        file = tmp_path / "a.tif"
        tifffile.imwrite(file, pixels()[:2], imagej=True, metadata={"axes": "CYX", "Labels": labels})
        assert open_image(file).channel_names == names
