"""ImageJ itself opens what is exported for it; where there is none, this is left out."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_unet.config import Settings
from napari_unet.export.formats import export
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.images.image import Image, PixelSize
from napari_unet.objects.objects import find_objects

IMAGEJ = Path("/usr/share/java/ij.jar")  # where Debian and Ubuntu put it
if not (IMAGEJ.is_file() and shutil.which("java")):
    pytest.skip("needs ImageJ: apt-get install imagej", allow_module_level=True)
if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
    pytest.skip("needs a display: run under xvfb-run", allow_module_level=True)

NAME = "Zellen µ 細胞"
SIZE = PixelSize(0.5, 0.25, "um")
CLASSES = [ClassStyle(name, (80 * i, 80, 200)) for i, name in enumerate(["background", "nucleus µ", "b", "c"])]
SETTINGS = Settings(object_minimum=0, object_holes=0)
MACRO = """
folder = getArgument();
list = getFileList(folder);
report = "";
for (i = 0; i < list.length; i++) if (endsWith(list[i], ".tif")) {
  open(folder + list[i]);
  getDimensions(w, h, c, z, t);
  getPixelSize(unit, pw, ph);
  report += "image;" + w + ";" + h + ";" + c + ";" + z + ";" + t + ";" + unit + ";" + pw + ";" + ph + "\\n";
  for (s = 1; s <= nSlices; s++) {
    setSlice(s);
    report += "plane";
    for (y = 0; y < h; y++) for (x = 0; x < w; x++) report += ";" + getPixel(x, y);
    report += "\\n";
  }
}
for (i = 0; i < list.length; i++) if (endsWith(list[i], ".zip")) {
  roiManager("Open", folder + list[i]);
  for (k = 0; k < roiManager("count"); k++) {
    roiManager("select", k);
    getRawStatistics(pixels, mean);
    report += "roi;" + Roi.getName + ";" + pixels + ";" + mean + ";" + getSliceNumber() + "\\n";
  }
}
File.saveString(report, folder + "report.txt");
run("Quit");
"""


@pytest.fixture
def mask_and_image() -> tuple[np.ndarray, Image]:
    """A mask of three planes: one object with a hole, one of a pixel's width, two of one class."""
    mask = np.zeros((3, 40, 50), np.uint8)
    mask[0, 5:15, 5:20], mask[0, 8:11, 8:12] = 1, 0
    mask[1, 20:30, 10:40], mask[1, 2, 3:30] = 2, 3
    mask[2, 1:4, 1:4] = mask[2, 30:38, 30:48] = 1
    pixels = np.random.default_rng(0).integers(0, 999, mask.shape).astype(np.uint16)
    return mask, Image(NAME, pixels, "zyx", SIZE)


def reported(stack: tuple[np.ndarray, Image], formats: list[str], folder: Path) -> list[list[str]]:
    """What ImageJ says of the files of these formats, line by line."""
    mask, image = stack
    (folder / "out").mkdir()
    export(Segmentation(mask, image, CLASSES, SETTINGS), folder / "out", formats)
    (folder / "macro.ijm").write_text(MACRO)
    command = ["java", "-jar", str(IMAGEJ), "-batch", str(folder / "macro.ijm"), f"{folder / 'out'}/"]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    lines = (folder / "out" / "report.txt").read_text("utf-8").splitlines()
    return [line.split(";") for line in lines]


@pytest.mark.parametrize("name", ["tiff", "objects"])
def test_imagej_shows_planes_pixel_size_and_values(
    mask_and_image: tuple[np.ndarray, Image], tmp_path: Path, name: str
) -> None:
    """Every pixel of the mask, and of the object numbers, is what was exported; slices are slices."""
    mask, image = mask_and_image
    objects = find_objects(mask, SETTINGS, image.plane_axes, image.plane_shape).numbers
    first, *planes = reported(mask_and_image, [name], tmp_path)
    assert first == ["image", "50", "40", "1", "3", "1", "µm", "0.25", "0.5"]
    found = np.array([plane[1:] for plane in planes]).astype(int).reshape(mask.shape)
    np.testing.assert_array_equal(found, mask if name == "tiff" else objects)


def test_imagej_has_a_roi_for_every_object(mask_and_image: tuple[np.ndarray, Image], tmp_path: Path) -> None:
    """Over the mask each covers pixels of its class alone, as many as the object has, on its own slice."""
    mask, image = mask_and_image
    objects = find_objects(mask, SETTINGS, image.plane_axes, image.plane_shape)
    rois = [line[1:] for line in reported(mask_and_image, ["tiff", "imagej-roi"], tmp_path) if line[0] == "roi"]
    expected = [
        (int((objects.numbers == number).sum()), int(value), int(np.nonzero(objects.numbers == number)[0][0]) + 1)
        for number, value in enumerate(objects.values[1:], 1)
    ]
    assert [(float(pixels), float(mean), int(place)) for _, pixels, mean, place in rois] == expected
    assert [name.rsplit(" ", 2)[0] for name, *_ in rois] == [CLASSES[value].name for _, value, _ in expected]
