"""Laws of a batch: a failure costs one image, a kill costs one image, and no result takes another's place."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from predict_command import contents, predict, save_network

from napari_unet import api
from napari_unet.config import Settings
from napari_unet.dataset.training_image import is_learned
from napari_unet.errors import UserError
from napari_unet.evaluation.estimated_dice import FEWEST_ELSEWHERE, STROKES
from napari_unet.evaluation.novelty import is_much_less
from napari_unet.export.formats import FORMATS
from napari_unet.export.result_names import PROBABILITIES, result_names
from napari_unet.export.stems import distinct_stems, project_stems
from napari_unet.images.image import Image
from napari_unet.images.overwriting import image_stem
from napari_unet.images.reading import open_image
from napari_unet.network.checkpoint import load_checkpoint, save_checkpoint
from napari_unet.packaging import batch as batch_of_files
from napari_unet.packaging import prediction_files
from napari_unet.project.project import Project
from napari_unet.training.network_files import BEST

SHAPE = (50, 70)
RESULTS = [*FORMATS, PROBABILITIES]


def write_images(folder: Path, names: Sequence[str]) -> list[Path]:
    """Files of noise, each with its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        seed = int.from_bytes(name.encode()[:8], "little")
        pixels = np.random.default_rng(seed).integers(0, 255, SHAPE, np.uint8)
        np.save(folder / name, pixels) if name.endswith(".npy") else tifffile.imwrite(folder / name, pixels)
    return [folder / name for name in names]


def test_slices_stay_as_far_apart_as_they_are(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """The masks of a stack have the distance of its slices, in every format that the command writes."""
    calibration = {"resolution": (4, 2), "metadata": {"axes": "ZYX", "unit": "um", "spacing": 1.5}}
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((3, *SHAPE), np.uint8), imagej=True, **calibration)
    for name, file in (("tiff", "stack.tif"), ("ome-zarr", "stack.ome.zarr")):
        given = (tmp_path / "stack.tif", "--out", tmp_path / name, "--format", name)
        assert predict(capsys, "--model", network_file, *given)[0] == 0
        assert open_image(tmp_path / name / file).pixel_size.z == pytest.approx(1.5)


def test_axes_that_files_name_wrongly_are_given(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """Three planes of a file are three channels; letters that do not fit are refused, and the option is named."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, *SHAPE), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    colour = save_network(tmp_path / "colour.safetensors", channels=3)
    given = ("--model", colour, tmp_path / "a.tif", "--out", tmp_path / "out")
    (line,) = predict(capsys, *given)[2]
    assert line.startswith("error: NU-I08: ")
    assert line.endswith(" (--channels, --axes)")
    (line,) = predict(capsys, *given, "--axes", "yx")[2]
    assert line.startswith("error: NU-I01: ")
    assert line.endswith(" (--axes)")
    assert predict(capsys, *given, "--axes", "cyx")[0] == 0
    assert open_image(tmp_path / "out" / "a.tif").pixels.shape == SHAPE


@pytest.mark.parametrize("given", [None, "cyx"])
def test_axes_that_were_corrected_are_those_of_images_like_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    """Planes that were learned as channels are predicted as channels, and an image of the training is known as one."""
    for number, planes in (("1", 3), ("2", 3), ("3", 5)):
        pixels = np.random.default_rng(planes).integers(0, int(number) * 60, (planes, *SHAPE), np.uint8)
        tifffile.imwrite(tmp_path / f"{number}.tif", pixels, photometric="minisblack")
    labels = np.zeros(SHAPE, np.uint8)
    labels[20], labels[30] = 1, 2
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    with Project(tmp_path / "p.unet") as project:
        project.settings.write(Settings(preset="unet-2015", width=4))
        api.add_annotated_image(project, tmp_path / "1.tif", tmp_path / "labels.tif", axes="cyx")
        api.train(project, steps=1, device="cpu")
    known: list[bool] = []

    def noted(facts: dict[str, Any], image: Image) -> bool:
        known.append(is_learned(facts, image))
        return known[-1]

    monkeypatch.setattr(batch_of_files, "is_learned", noted)
    model = api.load_model(tmp_path / "p.unet", "cpu")
    for name in ("1", "2"):
        formats = ["tiff", "ome-zarr"]
        api.predict_file(model, tmp_path / f"{name}.tif", tmp_path / "out", formats=formats, axes=given)
        assert open_image(tmp_path / "out" / f"{name}.tif").pixels.shape == SHAPE
    assert known == [True, False]
    monkeypatch.setattr(prediction_files, "is_large", lambda image: True)
    api.predict_file(model, tmp_path / "2.tif", tmp_path / "chunks", formats="ome-zarr", axes=given)
    chunked = np.asarray(open_image(tmp_path / "chunks" / "2.ome.zarr" / "labels" / "classes").pixels)
    np.testing.assert_array_equal(chunked.reshape(SHAPE), np.asarray(open_image(tmp_path / "out" / "2.tif").pixels))
    with pytest.raises(UserError, match="NU-I08"):  # five planes are no three channels
        api.predict_file(model, tmp_path / "3.tif", tmp_path / "out", axes=given)


def test_a_folder_is_predicted_and_a_bad_file_stops_nothing(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """All sound images of a folder have results; each bad one has one line that names it, and the status is 2."""
    write_images(tmp_path / "in", ["a.tif", "c.tif"])
    for name in ("b.tif", "._a.tif"):  # macOS keeps such a file beside each one on foreign disks
        (tmp_path / "in" / name).write_bytes(b"no TIFF at all")
    tifffile.imwrite(tmp_path / "in" / "colour.tif", np.zeros((30, 40, 3), np.uint8), photometric="rgb")
    out = tmp_path / "out"
    status, printed, errors = predict(capsys, "--model", network_file, tmp_path / "in", "--out", out)
    assert status == 2
    assert {Path(path).name for path in printed["files"]} == {"a.tif", "a.json", "c.tif", "c.json"}
    assert {path.name for path in out.iterdir()} == {"a.tif", "a.json", "c.tif", "c.json"}
    assert [line.split(":")[1].strip() for line in errors] == ["NU-I11", "NU-I08"]
    assert str(tmp_path / "in" / "b.tif") in errors[0]
    assert str(tmp_path / "in" / "colour.tif") in errors[1]
    assert [Path(failure["image"]).name for failure in printed["failed"]] == ["b.tif", "colour.tif"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="NU-I19"):
        api.predict_files(api.load_model(network_file, "cpu"), [tmp_path / "in", tmp_path / "empty"], tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have names of text only")
def test_a_name_that_is_no_text_costs_one_image(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """An image with a name in Latin-1 is refused in one line before anything is written, and the next is predicted."""
    folder = tmp_path / "in"
    latin = folder / os.fsdecode(b"cell\xe9.tif")
    write_images(folder, ["cell.tif", "zz.tif"])
    (folder / "cell.tif").rename(latin)
    status, printed, errors = predict(capsys, "--model", network_file, folder, "--out", tmp_path / "out")
    assert status == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"zz.tif", "zz.json"}
    assert [line.split(":")[1].strip() for line in errors] == ["NU-I10"]
    assert len(printed["failed"]) == 1
    batch = api.predict_files(api.load_model(network_file, "cpu"), [latin], tmp_path / "other")
    assert [failure.error.code for failure in batch.failed] == ["NU-I10"]


def test_an_image_of_which_less_is_expected_is_told(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """By what the network was saved with; also of an image that was done by an earlier call."""
    write_images(tmp_path / "in", ["a.tif"])
    network = load_checkpoint(network_file)
    for value, told in ((0.999, 1), (0.01, 0), (None, 0)):
        painted = {} if value is None else {str(class_id): value for class_id in network.class_ids}
        save_checkpoint(replace(network, facts={"painted_dice": painted}), tmp_path / "saved.safetensors")
        for _ in range(2):
            given = (tmp_path / "saved.safetensors", tmp_path / "in", "--out", tmp_path / f"out{value}")
            _, printed, _ = predict(capsys, "--model", *given)
            (image,) = printed["images"]
            lines = [line for line in printed["warnings"] if line.startswith("NU-I35")]
            assert len(lines) == told
            assert all(str(tmp_path / "in" / "a.tif") in line for line in lines)
            assert (image["expected_drop"] is None) == (value is None)
            assert is_much_less(image["expected_drop"]) == bool(told)
            reasons = {estimate["reason"] for estimate in image["estimated_dice"].values()}
            assert any("unlike the painted images" in reason for reason in reasons) == bool(told)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, False),
        ({STROKES: FEWEST_ELSEWHERE - 1}, True),
        ({STROKES: FEWEST_ELSEWHERE}, False),
        ({STROKES: "strange"}, True),
    ],
)
def test_a_network_that_learned_from_few_strokes_promises_nothing(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    network_file: Path,
    tmp_path: Path,
    facts: dict[str, Any],
    told: bool,
) -> None:
    """By what it was saved with; older networks do not say how many there were."""
    monkeypatch.setattr("napari_unet.evaluation.estimated_dice.LEAST_BRANCHES", 1)
    write_images(tmp_path / "in", ["a.tif"])
    save_checkpoint(replace(load_checkpoint(network_file), facts=facts), tmp_path / "saved.safetensors")
    _, printed, _ = predict(capsys, "--model", tmp_path / "saved.safetensors", tmp_path / "in", "--out", tmp_path / "o")
    (image,) = printed["images"]
    reasons = [estimate["reason"] for estimate in image["estimated_dice"].values() if estimate["value"] is None]
    assert any("too few strokes" in reason for reason in reasons) == told


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "NU-E13"),
        (ValueError("a fault"), "NU-X01"),
        (IndexError("a fault"), "NU-X01"),
        (PermissionError(13, "Permission denied"), "NU-I10"),
    ],
)
def test_an_error_of_any_kind_costs_one_image(
    network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    """An image that does not fit into memory fails alone, and one on which this program fails."""
    images = write_images(tmp_path / "in", ["a.tif", "b.tif"])
    whole = batch_of_files.predict_file

    def full(model: api.Model, path: Path, *rest: object, **options: object) -> list[Path]:
        if path == images[0]:
            raise error
        return whole(model, path, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(batch_of_files, "predict_file", full)
    batch = api.predict_files(api.load_model(network_file, "cpu"), [tmp_path / "in"], tmp_path / "out")
    assert [(failure.image, failure.error.code) for failure in batch.failed] == [(images[0], code)]
    assert str(images[0]) in str(batch.failed[0].error)
    assert [path.name for path in batch.files] == ["b.tif", "b.json"]


def changes(folder: Path) -> dict[str, int]:
    """When each file was put in place."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_what_is_done_is_not_done_again(capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path) -> None:
    """A second run leaves every file alone and reports the same files."""
    images, out = write_images(tmp_path / "in", ["a.tif", "b.tif"]), tmp_path / "out"
    given = ("--model", network_file, *images, "--out", out, "--objects", "--probabilities")
    first, before = predict(capsys, *given), changes(out)
    assert first[0] == 0
    assert {"a.tif", "a-objects.tif", "a.csv", "a-probabilities.npy"} <= before.keys()
    assert predict(capsys, *given, "--tile", 16) == first
    assert changes(out) == before


@pytest.mark.parametrize("change", ["image", "time", "network", "settings", "formats", "result", "missing"])
def test_what_has_another_origin_is_done_again(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path, change: str
) -> None:
    """Another image, network, setting or format, or a result that is not whole, and the image is predicted anew."""
    (image,), out = write_images(tmp_path / "in", ["a.tif"]), tmp_path / "out"
    given = ["--model", network_file, image, "--out", out, "--objects"]
    assert predict(capsys, *given)[0] == 0
    before, kept = changes(out), contents(out)
    match change:
        case "image":
            tifffile.imwrite(image, np.full(SHAPE, 3, np.uint8))
        case "time":
            os.utime(image, ns=(1, 1))
        case "network":
            save_network(network_file, seed=1)
        case "settings":
            given += ["--object-minimum", 1]
        case "formats":
            given += ["--probabilities"]
        case "result":
            (out / "a.tif").write_bytes(b"half")
        case "missing":
            (out / "a.csv").unlink()
    status, printed, _ = predict(capsys, *given)
    assert status == 0
    after = changes(out)
    assert all(after[name] != before[name] for name in before)
    aside = list(out.glob("changed-*/*"))
    assert [(file.name, file.read_bytes()) for file in aside] == ([("a.tif", b"half")] if change == "result" else [])
    assert [line[:6] for line in printed["warnings"] if "NU-E" in line] == ["NU-E16"] * len(aside)
    for file in aside:
        assert str(file.parent) in printed["warnings"][-1]
        file.unlink()
    if change in {"time", "result", "missing"}:
        assert contents(out) == kept


def test_a_changed_folder_is_done_again(capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path) -> None:
    """Of a Zarr image with many planes too, whose fingerprint reads three; unchanged, it is passed over."""
    array = zarr.create_array(tmp_path / "a.zarr", shape=(9, *SHAPE), dtype=np.uint8, chunks=(1, *SHAPE))
    array[...] = np.random.default_rng(0).integers(0, 255, array.shape, np.uint8)
    out = tmp_path / "out"
    given = ("--model", network_file, tmp_path / "a.zarr", "--out", out)
    assert predict(capsys, *given)[0] == 0
    before, kept = changes(out), contents(out)
    assert predict(capsys, *given)[0] == 0
    assert changes(out) == before
    array[2] = np.random.default_rng(1).integers(0, 255, SHAPE, np.uint8)
    assert predict(capsys, *given)[0] == 0
    assert contents(out) != kept


def test_a_kill_costs_one_image(network_file: Path, tmp_path: Path) -> None:
    """After any number of kills there are whole files only, and the last run leaves what one run would have left."""
    write_images(tmp_path / "in", [f"{number:02}.tif" for number in range(30)])
    out, whole = tmp_path / "out", tmp_path / "whole"
    model = api.load_model(network_file, "cpu")
    assert api.predict_files(model, [tmp_path / "in"], whole, ["tiff", "png"]).failed == []
    expected = contents(whole)
    code = (
        "import sys; from pathlib import Path; from napari_unet import api\n"
        "model = api.load_model(Path(sys.argv[1]), 'cpu')\n"
        "api.predict_files(model, [Path(sys.argv[2])], Path(sys.argv[3]), ['tiff', 'png'],\n"
        "                  started=lambda path, index, count: print(index, flush=True))\n"
    )
    for images in (3, 11, 20):
        batch = subprocess.Popen(
            [sys.executable, "-c", code, network_file, tmp_path / "in", out], stdout=subprocess.PIPE, text=True
        )
        assert batch.stdout is not None
        for line in batch.stdout:
            if int(line) == images:
                time.sleep(0.002 * images)  # the kill falls on another moment of an image each time
                os.kill(batch.pid, signal.SIGKILL)
                break
        batch.stdout.close()
        assert batch.wait() == -signal.SIGKILL
        there = {name: data for name, data in contents(out).items() if not name.startswith(".writing-")}
        assert len(there) >= 2 * images
        assert all(expected[name] == data for name, data in there.items())
        for note in out.glob("[!.]*.json"):
            record = json.loads(note.read_text("utf-8"))  # of an image that is whole, or of one that was in hand
            assert set(record.get("files") or record["other_files"]) == {f"{note.stem}.tif", f"{note.stem}.png"}
    times = changes(out)
    assert api.predict_files(model, [tmp_path / "in"], out, ["tiff", "png"]).failed == []
    assert {name: data for name, data in contents(out).items() if not name.startswith(".writing-")} == expected
    assert all(changes(out)[f"{number:02}.tif"] == times[f"{number:02}.tif"] for number in range(20))


def test_a_stopped_newer_result_is_not_taken_for_the_older(
    network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another network was stopped between two files, the first network makes both anew."""
    (image,), out = write_images(tmp_path / "in", ["a.tif"]), tmp_path / "out"
    model = api.load_model(network_file, "cpu")
    other = api.load_model(save_network(tmp_path / "other.safetensors", seed=1), "cpu")
    api.predict_file(model, image, out, ["tiff", "png"])
    kept = contents(out)

    def stop(*_: object) -> list[Path]:
        raise KeyboardInterrupt

    png = FORMATS["png"]
    monkeypatch.setitem(FORMATS, "png", stop)
    with pytest.raises(KeyboardInterrupt):
        api.predict_file(other, image, out, ["tiff", "png"])
    monkeypatch.setitem(FORMATS, "png", png)
    assert contents(out) != kept
    api.predict_file(model, image, out, ["tiff", "png"])
    assert contents(out) == kept


def test_images_of_one_name_keep_their_own_results(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """Images of the same stem, from two folders or of two kinds, have files of their own, whatever their order."""
    images = write_images(tmp_path / "one", ["cells.tif", "Cells.npy", "other.tif"])
    images += write_images(tmp_path / "two", ["cells.tif"])
    np.save(images[1], np.full(SHAPE, 7, np.uint8))
    tifffile.imwrite(images[3], np.random.default_rng(5).integers(0, 255, SHAPE, np.uint8))
    wanted = {"one-cells.tif", "Cells-npy.tif", "other.tif", "two-cells.tif"}
    for out, order in ((tmp_path / "a", images), (tmp_path / "b", [*images[::-1], images[0]])):
        status, printed, _ = predict(capsys, "--model", network_file, *order, "--out", out)
        assert status == 0
        assert len(printed["files"]) == 8
        assert contents(out).keys() == wanted
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert predict(capsys, "--model", network_file, images[3], "--out", tmp_path / "c")[0] == 0
    assert contents(tmp_path / "c") == {"cells.tif": contents(tmp_path / "a")["two-cells.tif"]}


def test_an_added_image_takes_no_results_of_another(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """Images that only their whole ending tells apart keep their results when a file is added, and are passed over."""
    write_images(tmp_path / "in", ["cells.tif", "cells.ome.tif"])
    tifffile.imwrite(tmp_path / "in" / "cells.ome.tif", np.full(SHAPE, 7, np.uint8))
    given, out = ("--model", network_file, tmp_path / "in", "--out", tmp_path / "out"), tmp_path / "out"
    assert predict(capsys, *given)[0] == 0
    before, times = contents(out), changes(out)
    assert before.keys() == {"cells-tif.tif", "cells-ome-tif.tif"}
    write_images(tmp_path / "in", ["aaa.tif"])
    assert predict(capsys, *given)[0] == 0
    after, newer = contents(out), changes(out)
    assert after.keys() == before.keys() | {"aaa.tif"}
    assert before.items() <= after.items()
    assert times.items() <= newer.items()


def test_names_tell_of_the_file_and_not_of_its_place() -> None:
    """Stems are as long as is needed, whatever else is in the list; numbers stand where no part of a path differs."""

    def stems(*paths: str) -> list[str]:
        images = [Path(path) for path in paths]
        return distinct_stems([(image_stem(path), path) for path in images])

    for others in ((), ("b/0.tif",), ("b/0.tif", "c/1.tif")):
        rest = len(others)
        assert stems(*others, "b/x.ome.tif", "b/x.tif")[rest:] == ["x-ome-tif", "x-tif"]
        assert stems(*others, "e1/img/x.tif", "e2/img/x.tif")[rest:] == ["e1-img-x", "e2-img-x"]
        deep = [f"{folder}/b/c/x.{ending}" for folder in ("e1", "e2") for ending in ("tif", "ome.tif")]
        wanted = [f"{folder}-b-c-x-{ending}" for folder in ("e1", "e2") for ending in ("tif", "ome-tif")]
        assert stems(*others, *deep)[rest:] == wanted
        assert stems(*others, "b/x.ome.tif", "b/x.png")[rest:] == ["x-tif", "x-png"]
        assert stems(*others, "b/x.tif", "b/X.tif")[rest:] == ["2-x", "1-X"]
        assert stems(*others, "b/X.tif", "b/x.tif")[rest:] == ["1-X", "2-x"]


def test_no_result_of_an_image_takes_the_place_of_another_images(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """An image called as the results of another has names of its own; every format of each is what it is alone."""
    names = ["cells", "cells-objects", "cells-objects-objects", "Cells.ome", "cells-summary", "cells_p000"]
    write_images(tmp_path / "in", [f"{name}.npy" for name in names])
    out, given = tmp_path / "out", ("--model", network_file, "--objects", "--probabilities", "--out")
    status, printed, errors = predict(capsys, *given, out, tmp_path / "in")
    assert (status, errors) == (0, [])
    files = contents(out)
    assert len(set(printed["files"])) == len(printed["files"]) == 6 * len(names)
    assert {"cells.tif", "cells-objects.tif", "cells-objects-npy.tif"} <= files.keys()
    for name, stem in (("cells", "cells"), ("cells-objects", "cells-objects-npy")):
        alone = tmp_path / f"only-{name}"
        assert predict(capsys, *given, alone, tmp_path / "in" / f"{name}.npy")[0] == 0
        renamed = {stem + found.removeprefix(name): data for found, data in contents(alone).items()}
        assert renamed.items() <= files.items()


def test_every_file_that_a_format_adds_is_known(network_file: Path, tmp_path: Path) -> None:
    """Whatever a format puts behind a stem, an image called so, beside the first, is called otherwise."""
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 255, (2, *SHAPE), np.uint8))
    files = api.predict_file(
        api.load_model(network_file, "cpu"), tmp_path / "a.npy", tmp_path / "out", list(FORMATS), probabilities=True
    )
    assert sorted(files) == sorted(tmp_path / "out" / name for name in ["a.json", *result_names("a", RESULTS, 2)])
    for file in files:
        for name in {file.name.split(".")[0], file.name.rpartition(".")[0]} - {"a"}:
            assert distinct_stems([("a", Path("a.npy")), (name, Path(f"{name}.npy"))]) == ["a", f"{name}-npy"]


def test_stems_are_distinct_whatever_the_names_are() -> None:
    """No two stems are one file, on systems that fold case either, however hard the names try."""
    hard = [("a", "x/a.tif"), ("A", "x/A.tif"), ("a", "x/a.tif"), ("a", "y/a.tif"), ("1-a", "z/1-a.tif")]
    hard += [
        ("3-a", "x/q"),
        ("1-2-a", "x/w"),
        ("a-objects", "x/e"),
        ("3-a-Objects", "x/r"),
        ("a-tif-rois", "x/t"),
        ("x" * 300, "x/1"),
        ("x" * 300, "x/2"),
        ("?", "u/1"),
        ("_", "u/2"),
    ]
    stems = distinct_stems([(name, Path(path)) for name, path in hard])
    assert len({stem.casefold() for stem in stems}) == len(hard)
    assert distinct_stems([]) == []
    assert distinct_stems([("b", Path("b.tif")), ("c", Path("c.tif"))]) == ["b", "c"]


def test_export_keeps_images_of_one_name_apart(network_file: Path, tmp_path: Path) -> None:
    """Two images of a project with one name are exported to files of their own."""
    with Project(tmp_path / "p.unet") as project:
        for seed in range(2):
            pixels = np.random.default_rng(seed).integers(0, 255, SHAPE, np.uint8)
            project.add_image(Image("cells", pixels, "yx"))
        for name in ("background", "cell"):
            project.add_class(name)
        save_network(project.models / BEST)
        api.export(project, tmp_path / "out", ["tiff"], device="cpu")
        masks = sorted((tmp_path / "out").glob("*.tif"))
        assert len(masks) == 2
        assert masks[0].read_bytes() != masks[1].read_bytes()
        api.export(project, tmp_path / "second", ["tiff"], device="cpu", image_ids=[2])
        (second,) = (tmp_path / "second").glob("*.tif")
        assert second.read_bytes() == (tmp_path / "out" / second.name).read_bytes()
        project.add_image(Image("other", np.zeros(SHAPE, np.uint8), "yx"))
        names = project_stems(project)
        project.images.remove(1)
        project.add_image(Image("cells", np.ones(SHAPE, np.uint8), "yx"))
        assert (project_stems(project)[2], project_stems(project)[4]) == (names[2], "4-cells")
