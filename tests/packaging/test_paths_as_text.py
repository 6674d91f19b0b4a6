"""Laws of the functions that scripts call: a path may be text, and one of several may stand alone."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from predict_command import save_network

import napari_unet
from napari_unet import api
from napari_unet.training.network_files import BEST


def test_text_is_a_path(network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For images, labels, networks, projects and folders, relative to where the script runs."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)
    tifffile.imwrite("a.tif", pixels)
    tifffile.imwrite("a-mask.tif", (pixels > 99).astype(np.uint8))
    model = napari_unet.load_model(str(network_file), "cpu")
    image = napari_unet.open_image("a.tif")
    tifffile.imwrite("found.tif", napari_unet.predict(model, image)[0])
    assert api.score_files("found.tif", "a-mask.tif", truth_is="mask") == api.score_files(
        Path("found.tif"), Path("a-mask.tif"), truth_is="mask"
    )
    files = [Path("out", name) for name in ("a.tif", "a.json")]
    assert api.predict_file(model, "a.tif", "out") == files
    assert api.predict_files(model, ["a.tif"], "out").files == files
    with napari_unet.Project("a.unet") as project:
        record = napari_unet.add_annotated_image(project, "a.tif", "a-mask.tif", labels_are="mask")
        assert project.strokes.plane(record.id, 0).all()
        save_network(project.models / BEST)
        assert napari_unet.export(project, "results", ["tiff"], device="cpu") == [
            Path("results", name) for name in ("a.tif", "a.json")
        ]


def test_one_of_several_may_stand_alone(network_file: Path, tmp_path: Path) -> None:
    """A format, a channel, a class or an image is no row of letters."""
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    tifffile.imwrite(tmp_path / "labels.tif", (pixels > 99).astype(np.uint8))
    with napari_unet.Project(tmp_path / "b.unet") as project:
        napari_unet.add_annotated_image(project, tmp_path / "a.tif", tmp_path / "labels.tif", "tissue")
        assert project.classes.names() == {1: "tissue"}
    (tmp_path / "labels.tif").unlink()
    model = napari_unet.load_model(network_file, "cpu")
    out = tmp_path / "out"
    files = api.predict_file(model, tmp_path / "a.tif", out, "png", channels="1")
    assert files == [out / "a.png", out / "a.json"]
    assert api.predict_files(model, str(tmp_path / "a.tif"), out, "png", channels="1").files == files
    assert api.predict_files(model, tmp_path, out, "png", channels="1").files == files
    with napari_unet.Project(tmp_path / "a.unet") as project:
        project.add_image(napari_unet.open_image(tmp_path / "a.tif"))
        save_network(project.models / BEST)
        assert napari_unet.export(project, tmp_path / "b", "png", device="cpu") == [
            tmp_path / "b" / name for name in ("a.png", "a.json")
        ]
