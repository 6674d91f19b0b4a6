"""Laws of label files: nothing is written before all are sound, and numbers become classes only as the user says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from napari_unet.api import add_annotated_image, add_annotation
from napari_unet.cli import main
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.labels import read_labels
from napari_unet.images.lossy import is_lossy
from napari_unet.project.project import Project

SIDE = 32
Train = Callable[..., str]


def picture(folder: Path, name: str = "cells", planes: int = 1) -> Path:
    """Noise that differs by name."""
    values = np.random.default_rng(len(name)).normal(1000, 100, (planes, SIDE, SIDE)).astype(np.uint16)
    return written(folder / f"{name}.tif", values if planes > 1 else values[0])


def written(path: Path, values: np.ndarray) -> Path:
    """A stack is one of z planes."""
    tifffile.imwrite(path, values, photometric="minisblack", metadata={"axes": "ZYX"[-values.ndim :]})
    return path


def striped(*values: int, dtype: type = np.uint8) -> np.ndarray:
    """Rows of 0 and, below each other, of the values."""
    labels = np.zeros((SIDE, SIDE), dtype)
    for row, value in enumerate(values):
        labels[1 + row] = value
    return labels


@pytest.fixture
def train(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train for one step with labels in the project P; the line of the refusal, or ""."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)

    def call(*labels: np.ndarray | Path, options: str = "") -> str:
        files = [
            values if isinstance(values, Path) else written(tmp_path / f"labels{number}.tif", values)
            for number, values in enumerate(labels)
        ]
        images = [picture(tmp_path, "cells" + number * "x") for number in range(len(files))]
        small = "--tile 64 --width 4 --preset light --device cpu --precision float32 --steps 1"
        given = ["train", "--project", tmp_path / "p.unet", "--images", *images, "--labels", *files]
        status = main([str(part) for part in (*given, *options.split(), *small.split())])
        err = capsys.readouterr().err
        assert status == (2 if "error: " in err else 0), err
        return err.partition("error: ")[2].strip()

    return call


def classes(folder: Path) -> dict[int, str]:
    with Project(folder / "p.unet", read_only=True) as project:
        return {label.id: label.name for label in project.classes.all()}


def labelled(folder: Path) -> dict[int, int]:
    with Project(folder / "p.unet", read_only=True) as project:
        return {class_id: pixels for class_id, pixels in project.strokes.labelled_pixels().items() if pixels}


REFUSED = {
    "a mask": (striped(255), "", "NU-A14: 0 means unlabelled; 255 looks like a foreground mask", "--labels-are mask"),
    "a mask, with names": (striped(255), "--classes a,b", "NU-A14: 0 means unlabelled; 255", "--labels-are mask"),
    "three greys": (striped(128, 255), "", "NU-A14: 0 means unlabelled; 255", "--labels-are mask"),
    "a mask of ones": (striped(1), "", "NU-T01: labels hold only class 1; 0 means unlabelled", "--labels-are mask"),
    "nothing": (striped(), "", "NU-T01: labels hold nothing but 0", "--labels-are mask"),
    "a gap": (striped(1, 2, 4), "", "NU-A14: labels hold the value 4", "(3 is missing)"),
    "beyond the names": (striped(1, 2, 3), "--classes a,b", "NU-A14: labels hold the value 3", "1 to 2"),
    "object numbers": (striped(*range(1, 30)), "", "NU-A14: labels hold the value 29", "--labels-are objects"),
    "many objects": (striped(1, 300, dtype=np.uint16), "", "NU-A04: labels hold the value 300", "--labels-are objects"),
    "a fraction": (striped(1) + np.float32(0.5), "--labels-are mask", "NU-A02", "uint8"),
    "below zero": (striped(-1, 1, dtype=np.int16), "--labels-are objects", "NU-A03", "from 1"),
    "a mask without a second name": (striped(255), "--labels-are mask --classes a", "NU-A14", "1 to 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_writes_nothing(train: Train, tmp_path: Path, name: str) -> None:
    """One line says what the numbers look like and what to do; there is no project, or the one from before."""
    values, options, said, fix = REFUSED[name]
    line = train(values, options=options)
    assert line.startswith(said)
    assert fix in line
    assert not (tmp_path / "p.unet").exists()


def test_a_refusal_leaves_a_project_as_it_was(train: Train, tmp_path: Path) -> None:
    """The second of two files is refused, and the first is not written either."""
    assert train(striped(1, 2)) == ""
    before = classes(tmp_path), labelled(tmp_path)
    assert "NU-A14" in train(striped(2, 1), striped(255))
    assert "NU-A13" in train(striped(2, 1), jpeg(tmp_path / "second.png"))
    with Project(tmp_path / "p.unet", read_only=True) as project:
        assert len(project.images.all()) == 1
    assert (classes(tmp_path), labelled(tmp_path)) == before


@pytest.mark.parametrize(
    ("meaning", "values"),
    [
        ("mask", striped(255)),
        ("mask", striped(1)),
        ("mask", striped(128, 65535, dtype=np.uint16)),
        ("objects", striped(7, 300, dtype=np.int32)),
    ],
)
def test_masks_and_objects_label_every_pixel(train: Train, tmp_path: Path, meaning: str, values: np.ndarray) -> None:
    """0 is background, class 1; everything else is class 2."""
    assert train(values, options=f"--labels-are {meaning} --classes background,cell") == ""
    assert classes(tmp_path) == {1: "background", 2: "cell"}
    painted = int((values > 0).sum())
    assert labelled(tmp_path) == {1: SIDE * SIDE - painted, 2: painted}


def test_classes_are_as_today(train: Train, tmp_path: Path) -> None:
    """Numbers in a row over all files make classes without names, and one file may hold one class only."""
    assert train(striped(1, 3), striped(2)) == ""
    assert list(classes(tmp_path)) == [1, 2, 3]
    assert labelled(tmp_path) == {1: SIDE, 2: SIDE, 3: SIDE}
    assert train(striped(3)) == ""
    assert "NU-A14" in train(striped(5))
    assert "NU-T01" in train(striped(2))  # class 3 would go with the labels of before, and class 2 alone be left
    assert train(striped(1), options="--classes a,b,c,d") == ""
    assert list(classes(tmp_path)) == [1, 2, 3, 4]


def jpeg(path: Path) -> Path:
    Picture.fromarray(striped(1, 2)).save(path, "JPEG")
    return path


def test_lossy_labels_are_refused(tmp_path: Path) -> None:
    """By content, not by name; also where a TIFF is compressed so."""
    image = Image("a", striped(), "yx")
    tifffile.imwrite(tmp_path / "jpeg.tif", np.zeros((SIDE, SIDE), np.uint8), compression="jpeg")
    for path in (jpeg(tmp_path / "labels.jpg"), jpeg(tmp_path / "labels.tif"), tmp_path / "jpeg.tif"):
        assert is_lossy(path)
        with pytest.raises(UserError, match=r"^NU-A13: .*JPEG.*PNG or TIFF"):
            read_labels(path, image)
    for compression in (None, "lzw", "zlib"):
        tifffile.imwrite(tmp_path / "exact.tif", striped(1, 2), compression=compression)
        assert not is_lossy(tmp_path / "exact.tif")


def test_a_label_file_given_again_replaces_every_plane(tmp_path: Path) -> None:
    """Planes that are empty in the second file too."""
    image = picture(tmp_path, "stack", 3)
    first, second = np.zeros((2, 3, SIDE, SIDE), np.uint8)
    first[0, 3], first[1, 5], second[0, 7] = 1, 2, 2
    with Project(tmp_path / "p.unet") as project:
        record = add_annotated_image(project, image, written(tmp_path / "first.tif", first), ["a", "b"])
        again = add_annotated_image(project, image, written(tmp_path / "second.tif", second))
        assert again.id == record.id
        for plane in range(3):
            np.testing.assert_array_equal(project.strokes.plane(record.id, plane), second[plane])


def test_labels_in_python_say_what_they_are(tmp_path: Path) -> None:
    """As on the command line; another word is refused."""
    image, labels = picture(tmp_path), written(tmp_path / "labels.tif", striped(255))
    with Project(tmp_path / "p.unet") as project:
        with pytest.raises(UserError, match=r"^NU-A14"):
            add_annotated_image(project, image, labels)
        with pytest.raises(UserError, match=r"^NU-A14"):
            add_annotation(project, Image("a", striped(), "yx"), striped(255)[None])
        with pytest.raises(UserError, match=r"^NU-C14: .*choose one of classes, mask, objects"):
            add_annotated_image(project, image, labels, labels_are="greys")
        assert (project.images.all(), project.classes.all()) == ([], [])
        record = add_annotated_image(project, image, labels, labels_are="mask")
        np.testing.assert_array_equal(project.strokes.plane(record.id, 0), 1 + (striped(255) > 0))


def test_the_number_of_a_removed_class_makes_no_other(tmp_path: Path) -> None:
    """It is refused as it always was, and the project has the classes from before."""
    with Project(tmp_path / "p.unet") as project:
        for name in "abc":
            project.classes.add(name)
        project.classes.remove(2)
        with pytest.raises(UserError, match=r"^NU-A09"):
            add_annotation(project, Image("a", striped(), "yx"), striped(1, 2)[None])
        assert [label.id for label in project.classes.all()] == [1, 3]
        assert project.images.all() == []
