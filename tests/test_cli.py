"""Laws of the command line: one object on standard output, one line per error, and the same results as the window."""

import errno
import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_unet.api import export
from napari_unet.cli import main
from napari_unet.config import fields
from napari_unet.errors import PROGRAM_ERRORS, UserError
from napari_unet.export.formats import FORMATS
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.reading import open_network
from napari_unet.objects.objects import label_objects
from napari_unet.project.area_checks import AreaCheck
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m

if TYPE_CHECKING:
    from napari_unet.training.trainer import Trainer

SIDE = 128
SMALL = ["--tile", "64", "--width", "4", "--prediction-tile", "64", "--device", "cpu"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; its exit status, standard output and standard error."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        said = capsys.readouterr()
        if "No module named 'torch'" in said.err:  # a line of the command; the test is skipped where there is none
            raise ModuleNotFoundError(said.err, name="torch")
        return status, said.out, said.err

    return call


@pytest.fixture
def drawn(tmp_path: Path) -> tuple[Path, Path]:
    """An image file of bright discs and a label file with a few strokes on it."""
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = (y % 40 - 20) ** 2 + (x % 40 - 20) ** 2 < 100
    image = np.random.default_rng(0).normal(1000, 150, disc.shape) + 1000 * disc
    labels = np.zeros(disc.shape, np.uint8)
    labels[20::12] = 1 + disc[20::12]
    (tmp_path / "in").mkdir()
    paths = tmp_path / "in" / "cells.tif", tmp_path / "in" / "labels.tif"
    tifffile.imwrite(paths[0], image.astype(np.uint16))
    tifffile.imwrite(paths[1], labels)
    return paths


@pytest.fixture
def trained_folder(run: Run, drawn: tuple[Path, Path], tmp_path: Path) -> Path:
    """A project trained for three steps."""
    folder = tmp_path / "p.unet"
    status, _, error = run(
        "train", "--project", folder, "--images", drawn[0], "--labels", drawn[1], "--steps", 3, *SMALL
    )
    assert status == 0, error
    return folder


def refused(result: tuple[int, str, str]) -> str:
    """The code of a refusal: status 2, nothing on standard output, one coded line on standard error."""
    status, out, err = result
    assert status == 2
    assert out == ""
    lines = [line for line in err.splitlines() if line.strip()]
    assert len([line for line in lines if line.startswith("error: NU-")]) == 1, err
    assert "Traceback" not in err
    return lines[-1].removeprefix("error: ").split(":")[0]


def assert_estimated(dice: dict[str, Any]) -> None:
    """Every class has a value within its interval, or a reason."""
    assert dice.keys() == {"background", "cell"}
    for estimate in dice.values():
        assert estimate.keys() == {"value", "low", "high", "level", "reason", "checked_areas"}
        assert estimate["level"] == 0.9
        assert (estimate["value"] is None) == bool(estimate["reason"])
        if estimate["value"] is not None:
            assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"] <= 1


def test_predict_prints_an_estimate_of_every_image(run: Run, drawn: tuple[Path, Path], tmp_path: Path) -> None:
    """Also of one that was predicted by an earlier call, which nothing is written for."""
    run(
        "train", "--project", tmp_path / "p.unet", "--images", drawn[0], "--labels", drawn[1],
        "--classes", "background,cell", "--steps", 5, *SMALL,
    )  # fmt: skip
    said = [
        json.loads(run("predict", "--model", tmp_path / "p.unet", drawn[0], "--out", tmp_path / "out", "--json")[1])
        for _ in range(2)
    ]
    assert said[0]["images"] == said[1]["images"]
    ((image, dice),) = ((each["image"], each["estimated_dice"]) for each in said[0]["images"])
    assert image == str(drawn[0])
    assert_estimated(dice)
    assert json.loads((tmp_path / "out" / f"{drawn[0].stem}.json").read_text())["estimated_dice"] == dice


def test_an_image_that_was_learned_from_has_one_estimate(
    run: Run, drawn: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that predicts its file tells what the training told; a copy is the same image, another one is new."""
    monkeypatch.setattr("napari_unet.evaluation.estimated_dice.LEAST_BRANCHES", 1)
    monkeypatch.setattr("napari_unet.evaluation.estimated_dice.WIDEST", 1.0)
    others = tmp_path / "others"
    others.mkdir()
    shutil.copy(drawn[0], others / "copy.tif")
    tifffile.imwrite(others / "new.tif", tifffile.imread(drawn[0])[::-1])
    train = (
        "train", "--project", tmp_path / "p.unet", "--images", drawn[0], "--labels", drawn[1],
        "--classes", "background,cell", "--steps", 30, "--json", *SMALL,
    )  # fmt: skip
    (told,) = json.loads(run(*train)[1])["images"]
    predict = ("predict", "--model", tmp_path / "p.unet", drawn[0], others, "--out", tmp_path / "out", "--json")
    itself, copy, new = json.loads(run(*predict)[1])["images"]
    expected = {key: pytest.approx(value, abs=1e-6) for key, value in told["estimated_dice"]["cell"].items()}
    assert told["estimated_dice"]["cell"]["value"] is not None
    assert itself["estimated_dice"]["cell"] == copy["estimated_dice"]["cell"] == expected
    assert itself["expected_drop"] is copy["expected_drop"] is None
    assert new["expected_drop"] is not None


def test_train_prints_one_object(run: Run, drawn: tuple[Path, Path], tmp_path: Path) -> None:
    """With --json standard output is one object with seconds, steps, device, held-out Dice and the checkpoint."""
    status, out, _ = run(
        "train", "--project", tmp_path / "p.unet", "--images", drawn[0], "--labels", drawn[1],
        "--classes", "background,cell", "--steps", 5, "--json", *SMALL,
    )  # fmt: skip
    assert status == 0
    record = json.loads(out)
    assert {"seconds", "steps", "device", "preset", "held_out_dice", "checkpoint"} <= record.keys()
    assert (record["steps"], record["device"], record["preset"]) == (5, "cpu", "fast")
    assert (record["network_step"], record["newest_step"]) == (5, 5)
    assert (record["network_is"], record["network_preset"]) == ("newest", "fast")
    assert record["held_out_dice"].keys() == {"background", "cell"}
    assert [Path(each["image"]).name for each in record["images"]] == [drawn[0].name]
    assert_estimated(record["images"][0]["estimated_dice"])
    assert Path(record["checkpoint"]).is_file()
    (listed,) = json.loads(run("models", tmp_path / "p.unet", "--json")[1])["models"]
    assert listed["estimated_dice"] == record["images"][0]["estimated_dice"]
    with Project(tmp_path / "p.unet", read_only=True) as project:
        assert (project.settings.read().tile, project.settings.read().width) == (64, 4)
        assert len(project.scores.all()) == 1


def test_train_tells_what_was_saved_on(run: Run, trained_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory that is full, and a network that is damaged, stop nothing and are told, here and in the object."""
    from napari_unet.training.trainer import Trainer

    (trained_folder / "models" / "best.safetensors").write_bytes(b"broken")
    step, calls = Trainer.step, []

    def full_once(trainer: "Trainer") -> float:
        calls.append(1)
        if len(calls) == 1:
            raise MemoryError
        return step(trainer)

    monkeypatch.setattr(Trainer, "step", full_once)
    status, out, err = run("train", "--project", trained_folder, "--steps", 3, "--device", "cpu", "--json")
    assert status == 0
    told = json.loads(out)["warnings"]
    assert [line[:6] for line in told] == ["NU-M02", "NU-T04"]
    assert [line for line in err.splitlines() if line.startswith("warning")] == [f"warning: {line}" for line in told]


def test_train_tells_that_later_networks_were_worse(
    run: Run, trained_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step of the network that predicts is told, and why it is not the newest."""
    from napari_unet.training.candidate import Candidate

    again = ("train", "--project", trained_folder, "--steps", 2, "--device", "cpu")
    record = json.loads(run(*again, "--json")[1])
    assert record["network_step"] == record["newest_step"] == 5
    monkeypatch.setattr(Candidate, "is_clearly_worse", lambda candidate, best: candidate is not best)
    monkeypatch.setattr(Candidate, "is_better", lambda candidate, other: True)
    record = json.loads(run(*again, "--json")[1])
    assert (record["network_step"], record["newest_step"]) == (5, 7)
    assert (record["network_is"], record["network_preset"], record["preset"]) == ("earlier", "fast", "fast")
    assert json.loads((trained_folder / "models" / "best.json").read_text())["step"] == 5
    assert "the network of step 5 predicts: later networks, up to step 9, were clearly worse" in run(*again)[1]


@pytest.mark.parametrize("steps", [2, 5])
@pytest.mark.parametrize(("option", "value", "preset"), [("--preset", "light", "light"), ("--width", "8", "fast")])
def test_train_tells_that_the_network_of_before_predicts(
    run: Run, trained_folder: Path, monkeypatch: pytest.MonkeyPatch, option: str, value: str, preset: str, steps: int
) -> None:
    """Its preset and step are told where a network of another kind is still worse, after more steps than it as well."""
    from napari_unet.training.candidate import Candidate

    monkeypatch.setattr(Candidate, "is_clearly_worse", lambda candidate, best: candidate is not best)
    monkeypatch.setattr(Candidate, "is_better", lambda candidate, other: True)
    again = ("train", "--project", trained_folder, option, value, "--steps", steps, "--device", "cpu")
    record = json.loads(run(*again, "--json")[1])
    assert (record["preset"], record["newest_step"]) == (preset, steps)
    assert (record["network_is"], record["network_preset"], record["network_step"]) == ("other", "fast", 3)
    note = json.loads((trained_folder / "models" / "best.json").read_text())
    assert (note["step"], note["facts"]["trained_with"]["preset"]) == (3, "fast")
    said = run(*again)[1]
    assert "the earlier network 'fast' of step 3 predicts and has these scores: " in said
    assert f"the new one, '{preset}' of step {2 * steps}, is still clearly worse" in said
    assert "later networks" not in said


def test_every_setting_can_be_given(run: Run, trained_folder: Path) -> None:
    """By an option of its name, which the project keeps; a tick has one for either way."""
    text = run("train", "--help")[1]
    assert [field.name for field in fields() if f"--{field.name.replace('_', '-')}" not in text] == []
    given = ["--hold-out", "--object-cut", "--no-start-by-itself", "--steps", 1, "--device", "cpu"]
    assert run("train", "--project", trained_folder, *given)[0] == 0
    with Project(trained_folder, read_only=True) as project:
        settings = project.settings.read()
    assert (settings.hold_out, settings.object_cut, settings.start_by_itself) == (True, True, False)


@pytest.mark.parametrize("command", ["train", "predict", "export"])
def test_the_help_names_the_setting_of_the_project_as_the_default(run: Run, command: str) -> None:
    """An option that is not given changes nothing of it; values are called as their options are."""
    words = " ".join(run(command, "--help")[1].split())
    assert "masks keep them. Default: that of the project, at first 20 [px]." in words
    assert "--object-minimum OBJECT_MINIMUM" in words


def test_training_goes_on_in_the_same_project(run: Run, trained_folder: Path) -> None:
    """A second run needs no images, starts from the first and keeps its settings."""
    status, out, _ = run("train", "--project", trained_folder, "--steps", 2, "--device", "cpu", "--json")
    assert status == 0
    assert json.loads((trained_folder / "models" / "last.json").read_text())["step"] == 5
    assert json.loads(out)["steps"] == 2


def test_predict_writes_masks_like_the_images(
    run: Run, trained_folder: Path, drawn: tuple[Path, Path], tmp_path: Path
) -> None:
    """One mask per image with its stem, height and width and values class - 1; the same for every tile."""
    masks = []
    for tile in (48, 512):
        out = tmp_path / f"out{tile}"
        status, text, _ = run(
            "predict", "--model", trained_folder, drawn[0], "--out", out, "--tile", tile, "--json", "--device", "cpu",
            "--probabilities", "--objects",
        )  # fmt: skip
        assert status == 0
        files = [Path(path) for path in json.loads(text)["files"]]
        assert {path.name for path in files} >= {"cells.tif", "cells.json", "cells-probabilities.npy"}
        assert all(path.is_file() for path in files)
        masks.append(tifffile.imread(out / "cells.tif"))
        most = np.load(out / "cells-probabilities.npy")[0].argmax(0)
        np.testing.assert_array_equal(masks[-1], most)
    assert masks[0].shape == (SIDE, SIDE)
    assert set(np.unique(masks[0])) <= {0, 1}
    np.testing.assert_array_equal(masks[0], masks[1])


def test_predict_takes_a_file_as_well(run: Run, trained_folder: Path, drawn: tuple[Path, Path], tmp_path: Path) -> None:
    """A checkpoint copied out of the project predicts the same."""
    model = tmp_path / "model.safetensors"
    model.write_bytes((trained_folder / "models" / "best.safetensors").read_bytes())
    for name, source in (("a", trained_folder), ("b", model)):
        assert run("predict", "--model", source, drawn[0], "--out", tmp_path / name, "--device", "cpu")[0] == 0
    first, second = (tifffile.imread(tmp_path / name / "cells.tif") for name in "ab")
    np.testing.assert_array_equal(first, second)


def test_a_prediction_warns_and_goes_on(
    run: Run, trained_folder: Path, drawn: tuple[Path, Path], tmp_path: Path
) -> None:
    """An image unlike those trained on is one warning on standard error and in the object, and is predicted."""
    pixels = tifffile.imread(drawn[0])
    tifffile.imwrite(tmp_path / "faint.tif", pixels // 30)
    given = [
        "predict",
        "--model",
        trained_folder,
        tmp_path / "faint.tif",
        drawn[0],
        "--out",
        tmp_path / "o",
        "--device",
        "cpu",
    ]
    status, out, err = run(*given, "--json")
    assert status == 0
    record = json.loads(out)
    assert [line.split(":")[0] for line in record["warnings"]] == ["NU-I16"]
    assert f", {tmp_path / 'faint.tif'}, " in record["warnings"][0]  # another folder may have one of that name
    assert [line for line in err.splitlines() if "NU-" in line] == [f"warning: {record['warnings'][0]}"]
    assert (tmp_path / "o" / "faint.tif").is_file()
    given.remove(drawn[0])
    assert refused(run(*given, "--rescale")) == "NU-I17"  # nobody knows the pixel sizes


@pytest.mark.parametrize("command", ["predict", "export"])
def test_warnings_come_with_their_image(
    run: Run, trained_folder: Path, drawn: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:  # fmt: skip
    """Also where Ctrl+C ends the command in the middle of it; a standard error that nobody reads ends nothing."""
    from napari_unet.packaging.model import Model
    from napari_unet.packaging.prediction_files import ImagePrediction

    def interrupted(prediction: ImagePrediction, done: object = None) -> list[Path]:
        raise KeyboardInterrupt

    source = ("--project", trained_folder) if command == "export" else ("--model", trained_folder, drawn[0])
    given = (command, *source, "--out", tmp_path / "o", "--device", "cpu", "--json")
    monkeypatch.setattr(Model, "warnings", lambda *given, **said: ["NU-I16: a line"])
    with monkeypatch.context() as patch:
        patch.setattr(ImagePrediction, "write", interrupted)
        status, out, err = run(*given)
        assert (status, out) == (130, "")
        assert [line for line in err.splitlines() if "NU-" in line] == ["warning: NU-I16: a line"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as unread, monkeypatch.context() as patch:
        patch.setattr("sys.stderr", unread)
        status, out, _ = run(*given)
    assert status == 0
    assert json.loads(out)["warnings"] == ["NU-I16: a line"]


def test_export_prints_an_estimate_of_every_image(run: Run, trained_folder: Path, tmp_path: Path) -> None:
    """The one that stands in the record beside its results."""
    given = ("--project", trained_folder, "--out", tmp_path / "o", "--format", "coco", "--device", "cpu", "--json")
    (image,) = json.loads(run("export", *given)[1])["images"]
    beside = json.loads((tmp_path / "o" / "cells.json").read_text("utf-8"))
    assert (image["image"], image["record"]) == ("cells", str(tmp_path / "o" / "cells.json"))
    assert image["estimated_dice"] == beside["estimated_dice"] != {}
    assert image["expected_drop"] == beside["expected_drop"]


def test_the_dice_to_publish_is_told_with_the_network(run: Run, trained_folder: Path, tmp_path: Path) -> None:
    """By training, the list of networks and an export alike: its classes, and what stands behind it."""
    (listed,) = json.loads(run("models", trained_folder, "--json")[1])["models"]
    assert {each["value"] for each in listed["dice_to_publish"]["classes"].values()} == {None}
    area = Region(0, 0, 10, 10)
    with Project(trained_folder) as project:
        labels = project.strokes.plane(1, 0)
        labels[area.slices] = 1
        project.test_areas.replace(1, 0, [area])
        project.area_checks.add(1, AreaCheck(0, area, "random", labels[area.slices], is_done=True))
        project.commit(1, 0, labels)
    trained = json.loads(run("train", "--project", trained_folder, "--steps", 2, "--json")[1])["dice_to_publish"]
    assert [trained[name] for name in ("rectangles", "images", "pixels")] == [1, 1, 100]
    assert all(each["value"] is None and each["reason"] for each in trained["classes"].values())
    (listed,) = json.loads(run("models", trained_folder, "--json")[1])["models"]
    given = ("--project", trained_folder, "--out", tmp_path / "o", "--device", "cpu", "--json")
    exported = json.loads(run("export", *given)[1])["dice_to_publish"]
    beside = json.loads((tmp_path / "o" / "cells.json").read_text("utf-8"))["dice_to_publish"]
    assert listed["dice_to_publish"] == exported == beside == trained
    assert "from 1 rectangle of 1 image" in run("models", trained_folder)[1]


def test_the_image_itself_is_never_replaced(run: Run, trained_folder: Path, drawn: tuple[Path, Path]) -> None:
    """A mask does not take the place of the image that it was made from."""
    before = {path.name: path.read_bytes() for path in drawn[0].parent.iterdir()}
    out = drawn[0].parent
    assert refused(run("predict", "--model", trained_folder, drawn[0], "--out", out, "--device", "cpu")) == "NU-E06"
    assert refused(run("export", "--project", trained_folder, "--out", out, "--device", "cpu")) == "NU-E06"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_export_equals_the_windows_export(run: Run, trained_folder: Path, precision: str, tmp_path: Path) -> None:
    """The command line and the worker write the same bytes for the same project."""
    from napari_unet.network.device import choose_device
    from napari_unet.worker.engine import Engine

    processor = "--device", "cpu", "--precision", precision
    assert run("export", "--project", trained_folder, "--out", tmp_path / "a", "--format", "tiff", *processor)[0] == 0
    said: list[Any] = []
    engine = Engine(said.append, choose_device("cpu", precision))
    engine.receive(m.Open(str(trained_folder)))
    engine.receive(m.Export((1,), str(tmp_path / "b"), ("tiff",)))
    while engine.has_work:
        engine.work()
    names = {path.name for path in (tmp_path / "a").glob("*.tif")}
    assert names == {"cells.tif"}
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("form", ["csv", "all"])
def test_an_image_that_is_missing_costs_itself_alone(
    run: Run, trained_folder: Path, drawn: tuple[Path, Path], tmp_path: Path, form: str
) -> None:
    """Export writes all others, tells the missing one in one line and ends with status 2; alone, it is refused."""
    with Project(trained_folder) as project:
        project.images.add(Image("other", tifffile.imread(drawn[0])[::-1], "yx"))
    drawn[0].unlink()
    given = ["export", "--project", trained_folder, "--format", form, "--device", "cpu"]
    status, out, err = run(*given, "--out", tmp_path / "out", "--json")
    assert status == 2
    assert [line.split(":")[1] for line in err.splitlines() if line.startswith("error: ")] == [" NU-P04"]
    record = json.loads(out)
    assert [Path(each["image"]).name for each in record["failed"]] == [drawn[0].name]
    assert {"other.csv", "p-all.csv"} <= {Path(name).name for name in record["files"]}
    assert all(Path(name).exists() for name in record["files"])
    with Project(trained_folder, read_only=True) as project:
        with pytest.raises(UserError, match="NU-P04"):
            export(project, tmp_path / "again", ["csv"], device="cpu")
        assert (tmp_path / "again" / "other.csv").is_file()
        with pytest.raises(UserError, match="NU-P04"):
            export(project, tmp_path / "one", ["csv"], device="cpu", image_ids=[1])


def test_a_pack_holds_every_format_and_its_hashes(run: Run, trained_folder: Path, tmp_path: Path) -> None:
    """Format all writes every format and a record whose hashes are those of the files, the model's included."""
    out = tmp_path / "pack"
    status, text, error = run(
        "export", "--project", trained_folder, "--out", out, "--format", "all", "--device", "cpu", "--json"
    )
    assert status == 0, error
    record = json.loads((out / "results.json").read_text("utf-8"))
    (listed,) = json.loads(run("models", trained_folder, "--json")[1])["models"]
    assert record["model"]["network_estimated_dice"] == listed["estimated_dice"] != {}
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert record["files"].keys() | {"results.json"} == files.keys()
    assert all(hashlib.sha256(files[name].read_bytes()).hexdigest() == code for name, code in record["files"].items())
    model = trained_folder / "models" / record["model"]["file"]
    assert record["model"]["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert record["model"]["step"] == 3
    assert record["model"]["held_out_dice"].keys() == set(record["classes"].values())
    assert record["objects"]["object_split"] == 0.6
    assert len(json.loads(text)["files"]) > len(FORMATS)


def test_object_settings_count_for_export_and_prediction(
    run: Run, trained_folder: Path, drawn: tuple[Path, Path], tmp_path: Path
) -> None:
    """The same options give the same objects by export and predict; a smallest size beyond the image leaves none.

    Several formats are separated by commas.
    """
    given = [
        "--object-split",
        "0",
        "--object-minimum",
        "0",
        "--object-holes",
        "0",
        "--object-range",
        "0",
        "--device",
        "cpu",
    ]
    assert run("export", "--project", trained_folder, "--out", tmp_path / "a", "--format", "objects", *given)[0] == 0
    assert run("predict", "--model", trained_folder, drawn[0], "--out", tmp_path / "b", "--objects", *given)[0] == 0
    mask = tifffile.imread(tmp_path / "b" / "cells.tif")
    for folder in "ab":
        found = tifffile.imread(tmp_path / folder / "cells-objects.tif")
        np.testing.assert_array_equal(found, label_objects(mask))
    given[3] = str(SIDE**2 + 1)
    given += ["--format", "npy, objects"]
    assert run("export", "--project", trained_folder, "--out", tmp_path / "c", *given)[0] == 0
    assert not tifffile.imread(tmp_path / "c" / "cells-objects.tif").any()
    np.testing.assert_array_equal(np.load(tmp_path / "c" / "cells.npy").squeeze(), mask)


def test_models_are_listed_with_their_scores(run: Run, trained_folder: Path, tmp_path: Path) -> None:
    """A project, or all networks of a folder, the best first; what cannot be read is told beside the others."""
    from napari_unet.network.checkpoint import load_checkpoint, save_checkpoint

    folder = tmp_path / "models"
    folder.mkdir()
    best = load_checkpoint(trained_folder / "models" / "best.safetensors")
    sure = [{"class_id": class_id, "value": 0.8, "low": 0.7, "high": 0.9} for class_id in best.class_ids]
    for name, score, estimates in (("low", 0.25, []), ("sure", 0.1, sure), ("unknown", None, []), ("high", 0.75, [])):
        facts = best.facts | {"mean_held_out_dice": score, "estimated_dice": estimates}
        save_checkpoint(replace(best, facts=facts), folder / f"{name}.safetensors")
    (folder / "broken.safetensors").write_bytes(b"short")
    status, out, err = run("models", folder, "--json")
    assert (status, err) == (0, "")
    records = json.loads(out)["models"]
    assert [Path(r["path"]).stem for r in records[:3]] == ["sure", "high", "low"]
    assert {Path(r["path"]).stem: r["error"][:6] for r in records if "error" in r} == {"broken": "NU-M02"}
    assert records[0]["trained_on"] == ["cells"]
    assert records[0]["held_out_dice"].keys() == set(best.class_names)
    status, out, _ = run("models", folder / "high.safetensors", trained_folder)
    assert status == 0
    assert len(out.splitlines()) == 2
    line = next(line for line in out.splitlines() if "high" in line)
    assert "mean held-out Dice 0.750" in line
    assert line.endswith("images trained on: 1, with pixels of unknown size")


def test_the_first_interruption_ends_a_training_and_saves_it(
    run: Run, drawn: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it had been asked for so many steps, but for the status; the second one ends it at once."""
    from napari_unet.training.learner import Learner

    folder, whole = tmp_path / "p.unet", Learner.step
    presses = iter([0, 2, 0, 0, 1])  # before each step

    def press(learner: Learner) -> float:
        for _ in range(next(presses)):
            signal.raise_signal(signal.SIGINT)
        return whole(learner)

    monkeypatch.setattr(Learner, "step", press)
    given = ("train", "--project", folder, "--images", drawn[0], "--labels", drawn[1], "--steps", 9, "--json", *SMALL)
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a process of its own
    try:
        assert run(*given)[:2] == (130, "")
        assert not list(folder.glob("models/*.safetensors"))
        status, out, err = run(*given)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, usual)
    assert (status, json.loads(out)["steps"]) == (130, 3)
    assert open_network(folder).step == 3
    assert err.count("stopping: ") == 1


def test_a_scheduler_ends_a_training_and_saves_it(
    run: Run, drawn: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it says so twice at once, as timeout does; Ctrl+C afterwards drops what is not saved."""
    from napari_unet.training.learner import Learner

    folder, whole = tmp_path / "p.unet", Learner.step
    sent: Iterator[list[int]] = iter([[signal.SIGTERM, signal.SIGINT], [], [], [signal.SIGTERM] * 2])

    def send(learner: Learner) -> float:
        for number in next(sent):
            assert signal.getsignal(number) is not signal.SIG_DFL  # which would end the tests
            signal.raise_signal(number)
        return whole(learner)

    monkeypatch.setattr(Learner, "step", send)
    given = ("train", "--project", folder, "--images", drawn[0], "--labels", drawn[1], "--steps", 9, "--json", *SMALL)
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    usual = {number: signal.signal(number, default) for number, default in defaults.items()}
    try:
        assert run(*given)[:2] == (143, "")
        assert not list(folder.glob("models/*.safetensors"))
        status, out, err = run(*given)
        assert {number: signal.getsignal(number) for number in defaults} == defaults
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    assert (status, json.loads(out)["steps"]) == (143, 3)
    assert open_network(folder).step == 3
    assert err.count("stopping: ") == 1


def test_training_on_needs_a_project_that_is_there(run: Run, tmp_path: Path) -> None:
    """A name with a slip makes no empty project."""
    assert refused(run("train", "--project", tmp_path / "slip.unet", "--steps", 3)) == "NU-P01"
    assert not (tmp_path / "slip.unet").exists()


@pytest.mark.parametrize("option", ["--axes cyx", "--unlabelled-rim 3", "--labels-are objects"])
def test_an_option_of_label_files_is_refused_without_any(run: Run, project: Project, option: str) -> None:
    """It was ignored, and the user would believe that strokes are trained on so."""
    result = run("train", "--project", project.folder, "--steps", 3, *option.split())
    assert refused(result) == "NU-C09"
    assert option.split()[0] in result[2]


def test_an_option_that_a_command_has_not_is_told_with_its_help(run: Run) -> None:
    """The help of the command, which lists its options, and not that of all commands."""
    result = run("score", "--prediction", "a.tif", "--truth", "b.tif", "--object", 3)
    assert refused(result) == "NU-C09"
    assert "unrecognized arguments: --object 3, napari-unet score, see napari-unet score --help" in result[2]


def test_the_version_is_told(run: Run) -> None:
    """As reports want it."""
    assert run("--version") == (0, f"napari-unet-live {version('napari-unet-live')}\n", "")


def test_score_of_known_masks(run: Run, tmp_path: Path) -> None:
    """A square of 20 px shifted by 5 has Dice 0.75, IoU and SEG 0.6; the background follows."""
    truth, found = np.zeros((2, 50, 60), np.uint8)
    truth[10:30, 10:30], found[10:30, 15:35] = 1, 1
    np.save(tmp_path / "truth.npy", truth)
    np.save(tmp_path / "found.npy", found)
    status, out, _ = run("score", "--prediction", tmp_path / "found.npy", "--truth", tmp_path / "truth.npy", "--json")
    assert status == 0
    record = json.loads(out)
    assert record["dice"] == pytest.approx({"0": 1 - 200 / (2 * 2600), "1": 0.75})
    assert record["iou"]["1"] == pytest.approx(0.6)
    assert record["seg"] == pytest.approx(0.6)
    assert record["mean_dice"] == pytest.approx(sum(record["dice"].values()) / 2)
    status, out, _ = run("score", "--prediction", *[tmp_path / "found.npy"] * 2, "--truth",
                         tmp_path / "truth.npy", tmp_path / "found.npy", "--json")  # fmt: skip
    assert json.loads(out)["mean_dice"] == pytest.approx((record["mean_dice"] + 1) / 2)
    assert len(json.loads(out)["images"]) == 2


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_names_are_printed_in_any_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """A name that standard output cannot encode is printed with escapes in the place of its letters."""
    name = "\u7d30\u80de.tif"
    tifffile.imwrite(tmp_path / name, np.eye(9, dtype=np.uint8))
    printed = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", printed)
    assert main(["score", "--prediction", str(tmp_path / name), "--truth", str(tmp_path / name)]) == 0
    printed.seek(0)
    assert (name if encoding == "utf-8" else "\\u7d30\\u80de.tif: mean Dice 1.0000") in printed.read()


def started(stdout: Any, *arguments: object) -> tuple[int, str]:
    """The command in a process of its own, which writes there; its exit status and standard error."""
    command = [sys.executable, "-m", "napari_unet.cli", *map(str, arguments)]
    ended = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.skipif(os.name != "posix", reason="other systems have neither /dev/full nor SIGPIPE")
def test_an_output_that_takes_nothing_is_told_or_left_quietly(tmp_path: Path) -> None:
    """A full disk has one line that blames no file of the user; a reader that has gone away has none."""
    tifffile.imwrite(tmp_path / "mask.tif", np.eye(9, dtype=np.uint8))
    score = ("score", "--prediction", tmp_path / "mask.tif", "--truth", tmp_path / "mask.tif")
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            status, told = started(full, *score)
        assert (status, told.count("\n")) == (2, 1)
        assert told.startswith("error: NU-E01: the output of the command cannot be written (No space left on device), ")
    reader, writer = os.pipe()
    os.close(reader)
    assert started(writer, *score) == (141, "")
    os.close(writer)


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
def test_a_closed_stream_stops_nothing(trained_folder: Path, drawn: tuple[Path, Path], tmp_path: Path) -> None:
    """Without standard error there is no bar, and no error among the results on standard output."""
    image = "0.tif"
    for stream, path in (("2", drawn[0]), ("1", drawn[0]), ("2", tmp_path / image)):
        command = [sys.executable, "-m", "napari_unet.cli", "predict", "--model", trained_folder, path, "--json"]
        line = f'exec "$@" {stream}>&-'
        out = tmp_path / f"{stream}-{path.stem}"
        ended = subprocess.run(["sh", "-c", line, "sh", *command, "--out", out], capture_output=True, text=True)
        said = ended.stdout + ended.stderr
        if path == drawn[0]:
            assert (ended.returncode, (out / "cells.tif").exists()) == (0, True)
            assert said == "" if stream == "1" else json.loads(said)["failed"] == []
        else:
            assert ended.returncode == 2
            assert [each["image"] for each in json.loads(said)["failed"]] == [str(path)]


def test_verify_tells_sound_from_damaged(run: Run, trained_folder: Path, drawn: tuple[Path, Path]) -> None:
    """Nothing to say and status 0, or one coded line per finding and status 1; nothing is changed."""
    assert run("verify", trained_folder) == (0, "", "")
    with sqlite3.connect(trained_folder / DATABASE) as database:
        database.execute("UPDATE tiles SET labels = x'00'")
    database.close()
    (trained_folder / "models" / "last.safetensors").write_bytes(b"short")
    drawn[0].unlink()
    status, out, err = run("verify", trained_folder)
    assert (status, err) == (1, "")
    assert sorted(line.split(":")[0] for line in out.splitlines()) == ["NU-M02", "NU-P03", "NU-P04"]


def test_verify_finds_a_changed_image_of_a_trained_project(
    run: Run, trained_folder: Path, drawn: tuple[Path, Path]
) -> None:
    """Two rows between those that opening compares are zero; without a note to compare with, a warning says so."""
    pixels = tifffile.imread(drawn[0])
    pixels[len(pixels) // 2 + 1 : len(pixels) // 2 + 3] = 0
    tifffile.imwrite(drawn[0], pixels)
    status, out, err = run("verify", trained_folder)
    assert (status, out[:8], err) == (1, "NU-P27: ", "")
    (trained_folder / "content.json").unlink()
    status, out, err = run("verify", trained_folder)
    assert (status, out) == (0, "")
    assert err.startswith("warning: NU-P29: the content of 1 image file was not noted yet")


def test_repair_keeps_what_is_whole(run: Run, trained_folder: Path, drawn: tuple[Path, Path]) -> None:
    """Damaged parts are set aside, never overwritten; what is left is sound and can be trained on."""
    with sqlite3.connect(trained_folder / DATABASE) as database:
        database.execute("UPDATE tiles SET labels = x'00'")
    database.close()
    (trained_folder / "models" / "last.safetensors").write_bytes(b"short")
    status, out, err = run("verify", "--repair", trained_folder)
    assert (status, err) == (0, "")
    assert sorted(line.split(":")[0] for line in out.splitlines()) == ["NU-M02", "NU-P03"]
    assert [path.read_bytes() for path in trained_folder.glob("models/damaged-*/last.safetensors")] == [b"short"]
    assert {path.read_bytes() for path in trained_folder.glob("damaged-*/tile-*")} == {b"\0"}
    assert run("verify", trained_folder) == (0, "", "")
    assert run("verify", "--repair", trained_folder) == (0, "", "")


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_what_can_be_read_of_a_damaged_database_is_kept(run: Run, trained_folder: Path, share: float) -> None:
    """A tenth overwritten: the damaged file is kept byte for byte, and a sound one takes its place."""
    data = bytearray((trained_folder / DATABASE).read_bytes())
    first, last = int(share * len(data)), int((share + 0.1) * len(data))
    data[first:last] = b"\xa5" * (last - first)
    (trained_folder / DATABASE).write_bytes(data)
    status, out, err = run("verify", "--repair", trained_folder)
    assert status in {0, 1, 2}
    assert "Traceback" not in out + err
    aside = [path.read_bytes() for path in trained_folder.glob(f"damaged-*/{DATABASE}")]
    assert aside in ([], [bytes(data)])
    if aside:
        assert "NU-P01: " in out
        with Project(trained_folder) as again:
            assert again.integrity() == []


def test_one_damaged_page_of_strokes_costs_its_tiles_alone(run: Run, tmp_path: Path) -> None:
    """Tiles before and after the damage come through, as do the classes, the image and the settings."""
    from napari_unet.api import add_annotation

    folder = tmp_path / "large.unet"
    labels = np.random.default_rng(0).integers(0, 3, (1024, 1024)).astype(np.uint8)
    with Project(folder) as project:
        add_annotation(project, Image("drawn", np.zeros((1024, 1024), np.uint8), "yx"), labels[None])
    data = bytearray((folder / DATABASE).read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xa5" * 4096
    (folder / DATABASE).write_bytes(data)
    assert run("verify", folder)[0] == 1
    status, out, err = run("verify", "--repair", folder)
    assert (status, err) == (0, "")
    assert out.startswith("NU-P01: ")
    with Project(folder) as again:
        kept = again.strokes.plane(1, 0)
        assert [label.id for label in again.classes.all()] == [1, 2]
    tiles = [kept[y : y + 256, x : x + 256] for y in range(0, 1024, 256) for x in range(0, 1024, 256)]
    wanted = [labels[y : y + 256, x : x + 256] for y in range(0, 1024, 256) for x in range(0, 1024, 256)]
    same = [np.array_equal(a, b) for a, b in zip(tiles, wanted, strict=True)]
    assert sum(same) >= 12
    assert all(a.any() == b for a, b in zip(tiles, same, strict=True))  # whole or empty, never something else
    (left,) = folder.glob(f"damaged-*/{DATABASE}")
    assert left.read_bytes() == bytes(data)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6, 0.8])
def test_verify_survives_a_damaged_database(run: Run, trained_folder: Path, share: float) -> None:
    """A fifth of the database overwritten, wherever, is a finding or a refusal, never a crash."""
    data = bytearray((trained_folder / DATABASE).read_bytes())
    first, last = max(100, int(share * len(data))), int((share + 0.2) * len(data))
    data[first:last] = b"\xa5" * (last - first)
    (trained_folder / DATABASE).write_bytes(data)
    status, out, err = run("verify", trained_folder)
    assert status in {1, 2}
    assert all(line.startswith(("NU-P01: ", "error: NU-P01: ")) for line in (out + err).splitlines())
    status, _, err = run("export", "--project", trained_folder, "--out", trained_folder / "o", "--device", "cpu")
    assert status in {0, 2}  # what is exported may lie in the sound part
    assert "Traceback" not in err


LONG = "n" * 300 + ".tif"  # no system has names of this length, so it refuses even the question whether there is one
BAD: dict[str, list[str]] = {
    "verify no project": ["verify", "{tmp}/none.unet"],
    "verify a file": ["verify", "{image}"],
    "train without strokes": ["train", "--project", "{tmp}/new.unet", "--steps", "1"],
    "train without labels": ["train", "--project", "{tmp}/new.unet", "--images", "{image}"],
    "train on nothing": ["train", "--project", "{tmp}/new.unet", "--images", "{tmp}/x.tif", "--labels", "{labels}"],
    "train on a text": ["train", "--project", "{tmp}/new.unet", "--images", "{text}", "--labels", "{labels}"],
    "train with an image for labels": [
        "train",
        "--project",
        "{tmp}/n.unet",
        "--images",
        "{image}",
        "--labels",
        "{image}",
    ],
    "train with other labels": ["train", "--project", "{tmp}/n.unet", "--images", "{other}", "--labels", "{labels}"],
    "train on no device": ["train", "--project", "{project}", "--steps", "1", "--device", "abacus"],
    "train in no precision": ["train", "--project", "{project}", "--steps", "1", "--precision", "int8"],
    "train with a bad setting": ["train", "--project", "{project}", "--steps", "1", "--tile", "65"],
    "train with a seed below 0": ["train", "--project", "{project}", "--steps", "1", "--seed", "-1"],
    "train with too large a seed": ["train", "--project", "{project}", "--steps", "1", "--seed", f"{2**64}"],
    "train backwards": ["train", "--project", "{project}", "--steps", "-3"],
    "train for no step": ["train", "--project", "{project}", "--steps", "0"],
    "train for no time": ["train", "--project", "{project}", "--seconds", "0"],
    "train for no number of seconds": ["train", "--project", "{project}", "--seconds", "nan"],
    "train with no number": ["train", "--project", "{project}", "--steps", "many"],
    "train on no devices": ["train", "--project", "{project}", "--steps", "1", "--devices", "0"],
    "train with no such preset": ["train", "--project", "{project}", "--preset", "magic"],
    "train from a bad base": ["train", "--project", "{project}", "--base", "{text}", "--steps", "1"],
    "train with no such border": ["train", "--project", "{project}", "--steps", "1", "--object-border", "9"],
    "train a new project with no such border": [
        "train",
        "--project",
        "{tmp}/o",
        "--images",
        "{image}",
        "--labels",
        "{labels}",
        "--steps",
        "1",
        "--object-border",
        "9",
    ],
    "train in a foreign folder": ["train", "--project", "{tmp}/in", "--steps", "1"],
    "predict without a model": ["predict", "--model", "{tmp}/none", "{image}", "--out", "{tmp}/o"],
    "predict with a text": ["predict", "--model", "{text}", "{image}", "--out", "{tmp}/o"],
    "predict with an empty folder": ["predict", "--model", "{tmp}/in", "{image}", "--out", "{tmp}/o"],
    "predict nothing": ["predict", "--model", "{project}", "{tmp}/x.tif", "--out", "{tmp}/o"],
    "predict a text": ["predict", "--model", "{project}", "{text}", "--out", "{tmp}/o"],
    "predict colours": ["predict", "--model", "{project}", "{colour}", "--out", "{tmp}/o"],
    "predict to nothing": ["predict", "--model", "{project}", "{image}", "--out", "{tmp}/o", "--format", ","],
    "predict to docx": ["predict", "--model", "{project}", "{image}", "--out", "{tmp}/o", "--format", "docx"],
    "predict in bad tiles": ["predict", "--model", "{project}", "{image}", "--out", "{tmp}/o", "--tile", "50"],
    "predict into a file": ["predict", "--model", "{project}", "{image}", "--out", "{text}"],
    "predict on a cluster": ["predict", "--model", "{project}", "{image}", "--out", "{tmp}/o", "--scheduler", "x"],
    "predict to a model": ["predict", "--model", "{project}", "{image}", "--out", "{tmp}/o", "--format", "bioimageio"],
    "predict with a foreign package": ["predict", "--model", "{zip}", "{image}", "--out", "{tmp}/o"],
    "train from a foreign package": ["train", "--project", "{project}", "--base", "{zip}", "--steps", "1"],
    "export with a bad setting": ["export", "--project", "{project}", "--out", "{tmp}/o", "--object-split", "2"],
    "export with no such border": ["export", "--project", "{project}", "--out", "{tmp}/o", "--object-border", "9"],
    "predict with no such border": [
        "predict",
        "--model",
        "{project}",
        "{image}",
        "--out",
        "{tmp}/o",
        "--object-border",
        "300",
    ],
    "export to docx": ["export", "--project", "{project}", "--out", "{tmp}/o", "--format", "docx"],
    "export no project": ["export", "--project", "{tmp}/none", "--out", "{tmp}/o"],
    "models of nothing": ["models", "{tmp}/in"],
    "models of too long a name": ["models", LONG],
    "predict with too long a name": ["predict", "--model", LONG, "{image}", "--out", "{tmp}/o"],
    "predict too long a name": ["predict", "--model", "{project}", LONG, "--out", "{tmp}/o"],
    "train with too long a name": ["train", "--project", LONG, "--steps", "1"],
    "verify too long a name": ["verify", LONG],
    "models of a text": ["models", "{text}"],
    "score nothing": ["score", "--prediction", "{tmp}/x.tif", "--truth", "{labels}"],
    "score unequal counts": ["score", "--prediction", "{labels}", "{labels}", "--truth", "{labels}"],
    "score unequal shapes": ["score", "--prediction", "{labels}", "--truth", "{other}"],
    "score fractions": ["score", "--prediction", "{fractions}", "--truth", "{labels}"],
    "an unknown command": ["fly"],
    "an unknown option": ["verify", "{project}", "--fast"],
    "a missing option": ["predict", "{image}"],
    "two lengths": ["train", "--project", "{project}", "--steps", "1", "--seconds", "1"],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(run: Run, drawn: tuple[Path, Path], tmp_path: Path, name: str, request: Any) -> None:
    """Status 2, nothing on standard output, exactly one coded line on standard error and no traceback."""
    project = request.getfixturevalue("trained_folder") if "{project}" in BAD[name] else ""
    places = {"tmp": tmp_path, "image": drawn[0], "labels": drawn[1], "project": project}
    for key, pixels in [
        ("other", np.zeros((9, 9), np.uint8)),
        ("colour", np.zeros((20, 30, 3), np.uint8)),
        ("fractions", np.full((SIDE, SIDE), 0.5)),
    ]:
        places[key] = tmp_path / f"{key}.tif"
        tifffile.imwrite(places[key], pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    places["text"] = tmp_path / "notes.txt"
    places["text"].write_text("dear diary")
    places["zip"] = tmp_path / "foreign.zip"
    with zipfile.ZipFile(places["zip"], "w") as package:
        package.writestr("weights.pt", b"pickled")
    assert refused(run(*[part.format(**places) for part in BAD[name]])).startswith("NU-")
    assert not (tmp_path / "o").exists()


def test_pages_that_are_left_out_are_told_once(run: Run, drawn: tuple[Path, Path], tmp_path: Path) -> None:
    """Training and prediction say on standard error that a file holds more than the image that is taken from it."""
    pixels = tifffile.imread(drawn[0])
    with tifffile.TiffWriter(drawn[0]) as file:
        file.write(np.zeros((16, 20), np.uint16), metadata=None)
        file.write(pixels, metadata=None)
    project = tmp_path / "p.unet"
    trained = run("train", "--project", project, "--images", drawn[0], "--labels", drawn[1], "--steps", 3, *SMALL)
    predicted = run("predict", "--model", project, drawn[0], "--out", tmp_path / "out")
    for status, _, err in (trained, predicted):
        assert status == 0
        assert len([line for line in err.splitlines() if line.startswith("warning: NU-I20: 1 of 2 pages")]) == 1


@pytest.mark.parametrize("kind", [*PROGRAM_ERRORS, ValueError, IndexError, RuntimeError])
def test_an_error_of_the_program_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    """No traceback comes to the user: it goes to the log that the line names."""

    def fault(*_: object) -> None:
        raise kind("a fault")

    monkeypatch.setattr("napari_unet.packaging.model.load_model", fault)
    assert refused(run("predict", "--model", "x.unet", "a.tif", "--out", "out")) == "NU-X01"


def test_what_the_system_refuses_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each command names the file or folder, and no status says that ``verify`` has findings."""
    path = tmp_path / "secret.unet"
    path.write_bytes(b"")

    def closed(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", closed)
    monkeypatch.setattr("napari_unet.project.project.Project.__init__", closed)
    for command in (["models", path], ["predict", "--model", path, "a.tif", "--out", "o"], ["verify", path]):
        result = run(*command)
        assert refused(result) == "NU-I10"
        assert f"(Permission denied), {path}, " in result[2]


def test_a_network_that_cannot_be_opened_hides_no_other(
    run: Run, trained_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of networks is listed with the reason beside the name."""
    (trained_folder.parent / "secret.safetensors").write_bytes(b"")
    real = open_network

    def closed(path: Path) -> Any:
        if path.name == "secret.safetensors":
            monkeypatch.setattr("napari_unet.network.reading.load_checkpoint", no_permission)
        return real(path)

    def no_permission(path: Path) -> Any:
        monkeypatch.undo()
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("napari_unet.packaging.model_list.open_network", closed)
    status, out, _ = run("models", trained_folder.parent, "--json")
    records = {Path(each["path"]).name: each for each in json.loads(out)["models"]}
    assert status == 0
    assert records["secret.safetensors"]["error"].startswith("NU-I10: ")
    assert "error" not in records[trained_folder.name]


def test_a_memory_that_is_full_is_told_in_one_line(
    run: Run, trained_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it happens."""

    def full(*_: Any, **__: Any) -> None:
        raise MemoryError("Unable to allocate 64 GiB")

    monkeypatch.setattr("napari_unet.project.project.Project.__init__", full)
    status, _, err = run("train", "--project", trained_folder, "--steps", 1)
    assert status == 2
    assert err.startswith("error: NU-E13: there is not enough memory")
    assert err.count("\n") == 1
