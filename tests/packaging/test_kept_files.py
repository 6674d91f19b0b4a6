"""Laws of every export: a file that no export wrote stays as it is, and the export is refused in one line."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from predict_command import predict, save_network

from napari_unet import api
from napari_unet.errors import UserError
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project
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
