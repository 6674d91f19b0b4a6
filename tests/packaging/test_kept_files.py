"""Laws of every export: what no export wrote stays as it is and is told in one line; what one wrote is replaced."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from predict_command import predict, save_network

from napari_unet import api
from napari_unet.errors import UserError
from napari_unet.export import provenance
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project
from napari_unet.storage import SystemDisk, sha256
from napari_unet.training.network_files import BEST

SHAPE = (50, 70)


def write_image(path: Path) -> Path:
    """Write an image of noise as OME-TIFF or plain TIFF, as its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = int.from_bytes(path.name.encode()[:8], "little")
    tifffile.imwrite(path, np.random.default_rng(seed).normal(100, 10, SHAPE).astype(np.float32))
    return path


def project_of(folder: Path, images: Sequence[Path], names: Sequence[str] = ()) -> Project:
    """Make a project of image files, which may be called otherwise, with a network that was never trained."""
    project = Project(folder)
    for path, name in zip(images, names or [path.stem for path in images], strict=True):
        project.images.add(replace(open_image(path), name=name), path)
    for name in ("background", "cell"):
        project.add_class(name)
    save_network(project.models / BEST)
    return project


def test_an_ome_tiff_is_not_replaced_by_its_mask(tmp_path: Path) -> None:
    """Its name has two endings; its results elsewhere begin with the name before both."""
    image = write_image(tmp_path / "data" / "a.ome.tif")
    before = image.read_bytes()
    with project_of(tmp_path / "a.unet", [image]) as project:
        with pytest.raises(UserError, match="NU-E06"):
            api.export(project, tmp_path / "data", ["tiff"], device="cpu")
        assert image.read_bytes() == before
        assert [path.name for path in image.parent.iterdir()] == [image.name]
        written = api.export(project, tmp_path / "out", ["tiff", "ome-tiff"], device="cpu")
    assert [path.name for path in written] == ["a.tif", "a.ome.tif", "a.json"]


def test_no_image_of_the_project_is_replaced_by_the_mask_of_another(tmp_path: Path) -> None:
    """An image may be called as the file of another one is."""
    first, second = write_image(tmp_path / "b.tif"), write_image(tmp_path / "c.tif")
    before = second.read_bytes()
    project = project_of(tmp_path / "p.unet", [first, second], ["c", "other"])
    with project, pytest.raises(UserError, match="NU-E06"):
        api.export(project, tmp_path, ["tiff"], device="cpu", image_ids=[1])
    assert second.read_bytes() == before


def test_a_link_is_followed_to_the_image(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """Neither the link nor the image behind it is replaced."""
    image = write_image(tmp_path / "real" / "x.tif")
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "x.tif"
    link.symlink_to(image)
    before = image.read_bytes()
    for out in ("real", "links"):
        status, _, errors = predict(capsys, "--model", network_file, link, "--out", tmp_path / out)
        assert status == 2
        assert [line.split(":")[1].strip() for line in errors] == ["NU-E06"]
        assert image.read_bytes() == before
        assert link.is_symlink()


RESULTS = ["x.tif", "x_p000.png", "x_p001.png", "x.csv", "x-summary.csv", "x-probabilities.npy", "x.json"]


@pytest.mark.parametrize("taken", RESULTS)
def test_what_no_export_wrote_is_not_replaced(
    network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    """Whichever name a result has; nothing is predicted before that is told."""
    image, theirs = tmp_path / "one" / "x.npy", tmp_path / "two" / taken
    for folder in (image.parent, theirs.parent):
        folder.mkdir()
    np.save(image, np.random.default_rng(0).integers(0, 255, (2, *SHAPE), np.uint8))
    theirs.write_bytes(b"{}")
    model = api.load_model(network_file, "cpu")
    monkeypatch.setattr(model.predictor.network, "forward", lambda *_: pytest.fail("it predicts"))
    with pytest.raises(UserError, match=f"NU-E08.*{taken}"):
        api.predict_file(model, image, theirs.parent, ["tiff", "png", "csv"], probabilities=True)
    assert [(path.name, path.read_bytes()) for path in theirs.parent.iterdir()] == [(taken, b"{}")]


def test_a_folder_that_takes_no_file_is_told_before_anything_is_predicted(
    network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the folder's name, or above it, and a folder without permission; one that takes files holds no more."""
    image, out = write_image(tmp_path / "x.tif"), tmp_path / "out"
    model = api.load_model(network_file, "cpu")
    with monkeypatch.context() as patched:
        patched.setattr(model.predictor.network, "forward", lambda *_: pytest.fail("it predicts"))
        for folder in (image, image / "below"):
            with pytest.raises(UserError, match=f"^NU-E01: a file lies where a folder is needed, {folder}, "):
                api.predict_file(model, image, folder)
        patched.setattr(SystemDisk, "write", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
        with pytest.raises(UserError, match=rf"^NU-E01: cannot write \(Permission denied\), {out}, "):
            api.predict_file(model, image, out)
    api.predict_file(model, image, out)
    assert {path.name for path in out.iterdir()} == {"x.tif", "x.json"}


@pytest.mark.parametrize("name", ["tiff", "ome-zarr"])
def test_a_mask_that_was_corrected_by_hand_is_kept(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path, name: str
) -> None:
    """When another network makes it anew; where it cannot be set aside, nothing takes its place."""
    given = ("--model", network_file, write_image(tmp_path / "x.tif"), "--out", tmp_path / "out", "--format", name)
    ending = {"tiff": "x.tif", "ome-zarr": "x.ome.zarr/labels/classes/0/c/0/0"}[name]
    assert predict(capsys, *given)[0] == 0
    mask = tmp_path / "out" / ending
    mask.write_bytes(corrected := mask.read_bytes() + b"corrected")
    save_network(network_file, seed=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(provenance, "set_aside", lambda *_, **__: None)
        status, _, (error,) = predict(capsys, *given)
        assert (status, mask.read_bytes()) == (2, corrected)
        assert "NU-E08: changed after an export wrote it" in error
    status, printed, _ = predict(capsys, *given)
    assert status == 0
    assert mask.read_bytes() != corrected
    assert [file.read_bytes() for file in (tmp_path / "out").glob(f"changed-*/{ending}")] == [corrected]
    assert [line[:6] for line in printed["warnings"]] == ["NU-E16"]
    assert predict(capsys, *given)[1]["warnings"] == []
    assert len(list((tmp_path / "out").glob("changed-*"))) == 1


def test_a_table_that_was_changed_is_kept_over_exports_of_other_formats(network_file: Path, tmp_path: Path) -> None:
    """The record remembers what every export wrote; where it never knew, as in older ones, the file is replaced."""
    image, out = write_image(tmp_path / "x.tif"), tmp_path / "out"
    model = api.load_model(network_file, "cpu")
    other = api.load_model(save_network(tmp_path / "other.safetensors", seed=1), "cpu")
    api.predict_file(model, image, out, ["csv"])
    (out / "x.csv").write_text(changed := "sorted by hand")
    for used in (model, other):
        api.predict_file(used, image, out, ["tiff"])
    api.predict_file(other, image, out, ["csv"])
    assert [(file.name, file.read_text()) for file in out.glob("changed-*/*")] == [("x.csv", changed)]
    record = json.loads((out / "x.json").read_text("utf-8"))
    (out / "x.json").write_text(json.dumps(record | {"other_files": [*record["other_files"]]}))
    api.predict_file(model, image, out, ["tiff"])
    assert len(list(out.glob("changed-*/*"))) == 1


def test_results_without_their_record_can_be_made_anew(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """The line says that the record is missing and what to do; whoever does that is locked out no longer."""
    given = ("--model", network_file, write_image(tmp_path / "x.tif"), "--out", tmp_path / "out")
    assert predict(capsys, *given)[0] == 0
    before = (tmp_path / "out" / "x.tif").read_bytes()
    (tmp_path / "out" / "x.json").unlink()
    status, _, errors = predict(capsys, *given)
    assert (status, len(errors)) == (2, 1)
    assert "NU-E08: " in errors[0]
    assert "there is no x.json beside it" in errors[0]
    assert f"{tmp_path / 'out' / 'x.tif'}, delete it if it is an earlier result" in errors[0]
    assert (tmp_path / "out" / "x.tif").read_bytes() == before
    (tmp_path / "out" / "x.tif").unlink()
    assert predict(capsys, *given)[0] == 0
    assert (tmp_path / "out" / "x.tif").read_bytes() == before


def test_an_image_that_was_copied_into_the_project_keeps_its_file(tmp_path: Path) -> None:
    """The project does not know where the file of a layer lies, but the file is there."""
    image = write_image(tmp_path / "data" / "cells.tif")
    before = image.read_bytes()
    with project_of(tmp_path / "p.unet", []) as project:
        project.images.add(open_image(image))
        with pytest.raises(UserError, match="NU-E08"):
            api.export(project, image.parent, ["tiff"], device="cpu")
    assert image.read_bytes() == before


def test_results_of_an_export_are_replaced(network_file: Path, tmp_path: Path) -> None:
    """Also those of other formats before, and of a run that was stopped while it wrote them."""
    image, out = write_image(tmp_path / "x.tif"), tmp_path / "out"
    model = api.load_model(network_file, "cpu")
    other = api.load_model(save_network(tmp_path / "other.safetensors", seed=1), "cpu")
    for used, formats in ((model, ["tiff"]), (model, ["png"]), (other, ["tiff"]), (model, ["csv"]), (other, ["png"])):
        api.predict_file(used, image, out, formats)
    record = json.loads((out / "x.json").read_text("utf-8"))
    assert record["files"].keys() == {"x.png"}
    assert record["other_files"] == {name: sha256(out / name) for name in ("x-summary.csv", "x.csv", "x.tif")}
    (out / "x.csv").unlink()
    api.predict_file(model, image, out, ["png"])
    assert json.loads((out / "x.json").read_text("utf-8"))["other_files"].keys() == {"x-summary.csv", "x.tif"}


def test_results_that_earlier_versions_wrote_are_replaced(tmp_path: Path) -> None:
    """Their records list their files and no others; an OME-TIFF was called by its last ending alone."""
    images = [write_image(tmp_path / "data" / name) for name in ("a.ome.tif", "b.tif")]
    out, formats = tmp_path / "out", ["tiff", "ome-tiff", "csv"]
    with project_of(tmp_path / "p.unet", images) as project:
        api.export(project, out, formats, device="cpu")
        for note in out.glob("*.json"):
            record = json.loads(note.read_text("utf-8"))
            del record["other_files"]
            note.write_text(json.dumps(record))
        for path in out.glob("a*"):
            path.rename(out / f"a.ome{path.name.removeprefix('a')}")
        note = out / "a.ome.json"
        note.write_text(note.read_text().replace('"a', '"a.ome'))
        api.export(project, out, formats, device="cpu")


def test_an_image_called_results_keeps_its_record(tmp_path: Path) -> None:
    """The record of a pack is called so; every file that it lists is the one that lies there."""
    images = [write_image(tmp_path / "data" / name) for name in ("Results.tif", "b.tif")]
    with project_of(tmp_path / "p.unet", images) as project:
        for _ in range(2):
            written = api.export(project, tmp_path / "out", ["all"], device="cpu")
    assert len(set(written)) == len(written)
    assert {path.name for path in written} >= {"results.json", "Results-tif.json", "b.json"}
    pack = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    assert pack["files"]["Results-tif.json"] == sha256(tmp_path / "out" / "Results-tif.json")


@pytest.mark.parametrize("taken", ["p-all.csv", "p-all-summary.csv", "results.json"])
def test_what_all_images_share_takes_nobodys_place(tmp_path: Path, taken: str) -> None:
    """Joint tables and the record of a pack replace earlier ones alone."""
    images = [write_image(tmp_path / "data" / name) for name in ("a.tif", "b.tif")]
    theirs = tmp_path / "out" / taken
    with project_of(tmp_path / "p.unet", images) as project:
        for _ in range(2):
            api.export(project, theirs.parent, ["all"], device="cpu")
        assert theirs.is_file()
        theirs.write_text("image,treatment\na,control\n")
        before = {path: path.stat().st_mtime_ns for path in theirs.parent.iterdir()}
        with pytest.raises(UserError, match=f"NU-E08.*{taken}"):
            api.export(project, theirs.parent, ["all"], device="cpu")
        assert {path: path.stat().st_mtime_ns for path in theirs.parent.iterdir()} == before


def test_a_joint_table_that_was_changed_is_kept(tmp_path: Path) -> None:
    """As a table of one image is; one that nobody changed is replaced without a word, and no record of others is."""
    images = [write_image(tmp_path / "data" / name) for name in ("a.tif", "b.tif")]
    out, told = tmp_path / "out", list[str]()
    with project_of(tmp_path / "p.unet", images) as project:
        for _ in range(2):
            api.export(project, out, ["csv"], device="cpu", warn=told.append)
        assert not [line for line in told if "NU-E16" in line]
        table = out / "p-all-summary.csv"
        table.write_text(changed := table.read_text("utf-8") + '"a",0,1,"counted by hand"\n', "utf-8")
        api.export(project, out, ["csv"], device="cpu", warn=told.append)
        assert len([line for line in told if line.startswith("NU-E16: ") and "(p-all-summary.csv)" in line]) == 1
        assert [(file.name, file.read_text("utf-8")) for file in out.glob("changed-*/*")] == [(table.name, changed)]
        assert table.read_text("utf-8") != changed
        (out / "p-all.json").write_text("{}")
        with pytest.raises(UserError, match=r"NU-E08.*p-all\.json"):
            api.export(project, out, ["csv"], device="cpu")


def test_a_package_takes_nobodys_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with our own network in it is an earlier one; another file of its name stays."""
    package = tmp_path / "out" / "p.bioimageio.zip"
    package.parent.mkdir()

    def begin(*_: object) -> None:
        raise InterruptedError  # the package would be written from here on

    monkeypatch.setattr("napari_unet.packaging.model_package.example_input", begin)
    with project_of(tmp_path / "p.unet", [write_image(tmp_path / "a.tif")]) as project:
        with zipfile.ZipFile(package, "w") as zipped:
            zipped.writestr("bioimageio.yaml", "")
        with pytest.raises(UserError, match="NU-E08"):
            api.export(project, package.parent, ["bioimageio"], device="cpu")
        with zipfile.ZipFile(package, "a") as zipped:
            zipped.writestr("model.safetensors", "")
        with pytest.raises(InterruptedError):
            api.export(project, package.parent, ["bioimageio"], device="cpu")
