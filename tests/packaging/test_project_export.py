"""Laws of an export of a project: its records name the network that predicted."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from predict_command import save_network

from napari_unet import PixelSize, api
from napari_unet.dataset.training_image import as_fact, training_image
from napari_unet.errors import UserError
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.reading import open_image
from napari_unet.network.checkpoint import copy_checkpoint, load_checkpoint, save_checkpoint
from napari_unet.packaging import prediction_files, project_export
from napari_unet.packaging.model import Model
from napari_unet.packaging.model_list import list_models
from napari_unet.project.project import Project
from napari_unet.storage import sha256
from napari_unet.training.network_files import BEST

FILES = ("record", "coco", "zarr", "info", "summary")


@pytest.mark.parametrize("moment", ["loading", "predicting"])
def test_a_network_that_is_saved_meanwhile_is_not_named(
    trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """A window may train on during the export; the file that is named holds the network of the masks."""
    file, networks = trained.models / BEST, [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    hashes = {
        load_checkpoint(save_network(path, seed)).fingerprint(): sha256(path) for seed, path in enumerate(networks)
    }
    copy_checkpoint(networks[0], file)
    name = "load_model" if moment == "loading" else "export_images"
    begun = getattr(project_export, name)

    def save_after(*given: Any) -> Model | list[Path]:
        done: Model | list[Path] = begun(*given)
        copy_checkpoint(networks[1], file)
        return done

    monkeypatch.setattr(project_export, name, save_after)
    api.export(trained, tmp_path / "out", ["all"], device="cpu")
    pack, beside = (
        json.loads((tmp_path / "out" / name).read_text("utf-8")) for name in ("results.json", "squares.json")
    )
    assert pack["model"]["sha256"] == hashes[beside["network"]]


def test_an_image_that_is_not_there_is_told(trained: Project, tmp_path: Path) -> None:
    """A script that is wrong about a number gets no empty list of results."""
    save_network(trained.models / BEST)
    with pytest.raises(UserError, match=r"^NU-P05: there is no image 99"):
        api.export(trained, tmp_path / "out", "tiff", device="cpu", image_ids=[1, 99])
    assert not (tmp_path / "out").exists()


def test_a_project_without_images_is_told(trained: Project, tmp_path: Path) -> None:
    """Its network is there, but nothing to use it on: no export ends well and without a file."""
    save_network(trained.models / BEST)
    for record in trained.images.all():
        trained.images.remove(record.id)
    for formats in ("tiff", "all", "bioimageio"):
        with pytest.raises(UserError, match=r"^NU-E10: there is no image to export"):
            api.export(trained, tmp_path / "out", formats, device="cpu")
    assert api.export(trained, tmp_path / "out", "tiff", device="cpu", image_ids=[]) == []


def test_a_pixel_size_that_was_corrected_holds_for_the_network(trained: Project, tmp_path: Path) -> None:
    """Though it was trained before: its own image is like those it was trained on, and so is one of that size."""
    file, record = trained.models / BEST, trained.images.all()[0]
    trained.set_pixel_size(record.id, PixelSize(0.5, 0.5, "um"))
    seen = training_image(NormalisedPlanes(trained.images.open(record.id)))
    checkpoint = load_checkpoint(file)
    save_checkpoint(replace(checkpoint, facts={**checkpoint.facts, **as_fact([seen])}), file)
    trained.set_pixel_size(record.id, PixelSize(0.1, 0.1, "um"))
    model = api.load_model(trained.folder, "cpu")
    planes = NormalisedPlanes(trained.images.open(record.id))
    assert model.warnings(planes) == []
    assert model.factors(planes, rescale=True) == (1, 1)
    copy_checkpoint(file, tmp_path / "alone.safetensors")
    assert api.load_model(tmp_path / "alone.safetensors", "cpu").warnings(planes) != []
    listed = [list_models([path])[0]["pixel_sizes"] for path in (trained.folder, tmp_path / "alone.safetensors")]
    assert listed == [["0.1 x 0.1 um"], ["0.5 x 0.5 um"]]


def test_a_warning_tells_which_of_two_images_of_one_name_is_meant(
    trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the beginning of the names of its results, for nothing else is at hand where the results lie."""
    file = trained.models / BEST
    seen = training_image(NormalisedPlanes(trained.images.open(trained.images.all()[0].id)))
    checkpoint = load_checkpoint(file)
    save_checkpoint(replace(checkpoint, facts={**checkpoint.facts, **as_fact([seen])}), file)
    for value, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "cells.npy", np.full((20, 30), value, np.uint16))
        trained.add_image(open_image(tmp_path / folder / "cells.npy"), tmp_path / folder / "cells.npy")
    monkeypatch.setattr(prediction_files, "doubts", lambda drop, where: [f"NU-I35: less sure, {where}, paint"])
    told: list[str] = []
    api.export(trained, tmp_path / "results", ["tiff"], device="cpu", warn=told.append)
    for code in ("NU-I16", "NU-I35"):
        lines = "\n".join(line for line in told if line.startswith(code))
        assert lines.count(", one-cells, ") == lines.count(", two-cells, ") == 1


def named_in(folder: Path, stem: str) -> dict[str, dict[int, str]]:
    """Return the classes by mask value that each file of an image lists, without the background where it may be."""
    record = json.loads((folder / f"{stem}.json").read_text("utf-8"))
    coco = json.loads((folder / f"{stem}.coco.json").read_text("utf-8"))
    label = zarr.open_group(folder / f"{stem}.ome.zarr" / "labels" / "classes").attrs["ome"]["image-label"]
    with tifffile.TiffFile(folder / f"{stem}.tif") as file:
        info = [line.split(" = ") for line in (file.imagej_metadata or {})["Info"].splitlines()]
    with (folder / f"{stem}-summary.csv").open(newline="", encoding="utf-8-sig") as table:
        rows = list(csv.DictReader(table))
    assert {each["label-value"] for each in label["colors"]} == {each["label-value"] for each in label["properties"]}
    found = {
        "record": {int(value): name for value, name in record["classes"].items()},
        "coco": {each["id"]: each["name"] for each in coco["categories"]},
        "zarr": {each["label-value"]: each["class"] for each in label["properties"]},
        "info": {int(value): name for value, name in info},
        "summary": {int(row["class"]): row["class_name"] for row in rows},
    }
    return {file: {value: name for value, name in named.items() if value} for file, named in found.items()}


def test_a_removed_class_is_in_no_file(trained: Project, tmp_path: Path) -> None:
    """Where the network does not know it either, no file lists it, and the masks hold the values of the others."""
    trained.add_class("third")
    trained.classes.remove(2)
    file = trained.models / BEST
    learned = load_checkpoint(file)
    save_checkpoint(replace(learned, class_ids=(1, 3), class_names=("a", "third")), file)
    stem = trained.images.all()[0].name
    api.export(trained, tmp_path / "new", ["tiff", "csv", "coco", "ome-zarr"], device="cpu")
    assert named_in(tmp_path / "new", stem) == {name: {2: "third"} for name in FILES}
    assert np.unique(tifffile.imread(tmp_path / "new" / f"{stem}.tif")).tolist() == [0, 2]
    save_checkpoint(learned, file)  # of before the removal: its masks hold the class, so they say what it is
    api.export(trained, tmp_path / "old", ["tiff", "csv", "coco", "ome-zarr"], device="cpu")
    assert named_in(tmp_path / "old", stem) == {name: {1: "b", 2: "third"} for name in FILES}
    assert np.unique(tifffile.imread(tmp_path / "old" / f"{stem}.tif")).tolist() == [0, 1]


def test_a_class_with_the_name_of_a_removed_one_is_told_apart(trained: Project, tmp_path: Path) -> None:
    """The network predicts both until it has learned on, and rows of two classes would count as those of one."""
    trained.add_class("third")
    file = trained.models / BEST
    learned = load_checkpoint(file)
    save_checkpoint(replace(learned, class_ids=(2, 3), class_names=("b", "third")), file)
    trained.classes.remove(2)
    trained.classes.change(3, name="b")
    api.export(trained, tmp_path / "results", ["tiff", "csv", "coco", "ome-zarr"], device="cpu")
    told = named_in(tmp_path / "results", trained.images.all()[0].name)
    assert told == {name: {1: "b", 2: "b (3)"} for name in FILES}
