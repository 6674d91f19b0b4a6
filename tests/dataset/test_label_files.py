"""Laws of label files: nothing is written before all are sound, and numbers become classes only as the user says."""

import json
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from napari_unet.api import add_annotated_image, add_annotation
from napari_unet.cli import main
from napari_unet.config import DEFAULT_SETTINGS
from napari_unet.dataset.label_files import checked_label_files
from napari_unet.dataset.label_pairs import paired
from napari_unet.errors import UserError
from napari_unet.export.ome_zarr import write_ome_zarr
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.images.image import Image
from napari_unet.images.labels import read_labels
from napari_unet.images.lossy import is_lossy
from napari_unet.images.object_labels import RIDGE, object_labels, without_rim
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project

SIDE = 32
OBJECTS = "--labels-are objects"
SMALL = "--tile 64 --width 4 --preset light --device cpu --precision float32"
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

    def call(*labels: np.ndarray | Path, images: Sequence[Path] = (), options: str = "") -> str:
        files = [
            values if isinstance(values, Path) else written(tmp_path / f"labels{number}.tif", values)
            for number, values in enumerate(labels)
        ]
        images = images or [picture(tmp_path, "cells" + number * "x") for number in range(len(files))]
        given = ["train", "--project", tmp_path / "p.unet", "--images", *images, "--labels", *files]
        status = main([str(part) for part in (*given, *options.split(), *SMALL.split(), "--steps", 1)])
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


def painted_planes(folder: Path) -> dict[str, list[int]]:
    with Project(folder / "p.unet", read_only=True) as project:
        return {each.name: sorted(project.strokes.painted_planes(each.id)) for each in project.images.all()}


REFUSED = {
    "a mask": (
        striped(255),
        "",
        "NU-A14: 0 means unlabelled; 255 looks like a foreground mask",
        "the labels are a mask",
    ),
    "a mask, with names": (striped(255), "--classes a,b", "NU-A14: 0 means unlabelled; 255", "the labels are a mask"),
    "three greys": (striped(128, 255), "", "NU-A14: 0 means unlabelled; 255", "the labels are a mask"),
    "a mask of ones": (striped(1), "", "NU-T01: labels hold only class 1; 0 means unlabelled", "the labels are a mask"),
    "nothing": (striped(), "", "NU-T01: labels hold nothing but 0", "the labels are a mask"),
    "a gap": (striped(1, 2, 4), "", "NU-A14: labels hold the value 4", "(3 is missing)"),
    "beyond the names": (striped(1, 2, 3), "--classes a,b", "NU-A14: labels hold the value 3", "1 to 2"),
    "object numbers": (striped(*range(1, 30)), "", "NU-A14: labels hold the value 29", "the labels are objects"),
    "many objects": (
        striped(1, 300, dtype=np.uint16),
        "",
        "NU-A04: labels hold the value 300",
        "the labels are objects",
    ),
    "a fraction": (striped(1) + np.float32(0.5), "--labels-are mask", "NU-A02", "uint8"),
    "below zero": (striped(-1, 1, dtype=np.int16), "--labels-are objects", "NU-A03", "from 1"),
    "few objects": (striped(3, 7), "", "NU-A14: labels hold the value 7", "the labels are objects"),
    "an empty mask": (striped(), "--labels-are mask", "NU-T01: labels hold nothing but background", "objects"),
    "one object everywhere": (striped() + np.uint8(1), "--labels-are objects", "NU-T01: labels hold no background", ""),
    "far numbers": (
        striped(1, 2**63, dtype=np.uint64),
        "--labels-are objects",
        f"NU-A04: objects have the number {2**63}",
        "",
    ),
    "a base that is not there": (striped(1, 2), "--base nowhere", "NU-M01", "nowhere"),
    "a setting out of range": (striped(1, 2), "--border-weight -1", "NU-C01", "border_weight"),
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


@pytest.mark.parametrize(("meaning", "name"), [("mask", "foreground"), ("objects", "object")])
def test_masks_and_objects_name_their_class(tmp_path: Path, meaning: str, name: str) -> None:
    """By what they are, where nobody has named it and no other class is called so."""
    image, labels = picture(tmp_path), written(tmp_path / "labels.tif", striped(1))
    for before, after in (((), ("background", name)), (("a", "b"), ("a", "b")), ((name,), (name, "class 2"))):
        with Project(tmp_path / f"{'-'.join(before)}.unet") as project:
            for each in before:
                project.classes.add(each)
            add_annotated_image(project, image, labels, labels_are=meaning)
            assert tuple(project.classes.names().values()) == after


@pytest.mark.parametrize("count", [2, 3])
def test_the_number_of_a_removed_class_makes_no_other(tmp_path: Path, count: int) -> None:
    """Also where it was the newest one: it is refused, the classes are those from before, and it can come back."""
    with Project(tmp_path / "p.unet") as project:
        for name in "abc"[:count]:
            project.classes.add(name)
        project.classes.remove(2)
        with pytest.raises(UserError, match=r"^NU-A09"):
            add_annotation(project, Image("a", striped(), "yx"), striped(1, 2)[None], ["a", "b"])
        assert [label.id for label in project.classes.all()] == [1, 2, 3][:count:2]
        assert project.images.all() == []
        assert project.classes.bring_back("b")


@pytest.mark.parametrize("names", ["a,a", "a,b\x0b1", "background,object,object"])
def test_names_that_classes_cannot_have_make_no_project(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, names: str
) -> None:
    """They are refused with the label files, before anything is written."""
    labels = written(tmp_path / "labels.tif", striped(1, 2))
    given = ["train", "--project", tmp_path / "p.unet", "--images", picture(tmp_path), "--labels", labels]
    assert main([str(part) for part in (*given, "--classes", names, "--steps", 1)]) == 2
    assert capsys.readouterr().err.startswith("error: NU-A18: ")
    assert not (tmp_path / "p.unet").exists()
    with Project(tmp_path / "q.unet") as project:
        with pytest.raises(UserError, match=r"^NU-A18"):
            add_annotated_image(project, picture(tmp_path), labels, names.split(","))
        assert (project.images.all(), project.classes.all()) == ([], [])


def test_names_that_a_project_does_not_take_are_told(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line; where they are those of the project, or make new classes, there is none."""
    project = tmp_path / "p.unet"
    assert train(striped(1, 2), options="--classes a,b") == ""
    given = ["train", "--project", str(project), "--steps", "1", *SMALL.split(), "--json", "--classes"]

    def told(names: str) -> list[str]:
        assert main([*given, names]) == 0
        return [line for line in json.loads(capsys.readouterr().out)["warnings"] if line.startswith("NU-A21")]

    line = f"NU-A21: classes keep their names (a, b); not used: c, {project}, "
    assert [each[: len(line)] for each in told("a,c")] == [line]
    assert len(told("a,b,c")) == 1
    assert told("a,b") == told("a") == []
    assert classes(tmp_path) == {1: "a", 2: "b"}
    with Project(project) as opened:
        labels = written(tmp_path / "more.tif", striped(1, 2, 3))
        add_annotated_image(opened, picture(tmp_path), labels, ("a", "b", "c"))
        assert opened.notices == []
        add_annotated_image(opened, picture(tmp_path), labels, ("b", "a", "c"))
        assert [each.partition(":")[0] for each in opened.notices] == ["NU-A21"]
        assert list(opened.classes.names().values()) == ["a", "b", "c"]


def squares() -> np.ndarray:
    """Two objects that touch, far from the frame, and one at it."""
    objects = np.zeros((SIDE, SIDE), np.uint16)
    objects[8:20, 6:14], objects[8:20, 14:24], objects[27:, 2:9] = 500, 7, 8
    return objects


def test_objects_are_parted_and_their_rim_is_left_out(train: Train, tmp_path: Path) -> None:
    """Labels have a ridge, the rim is unlabelled, and the project gives the ridge back to what it predicts."""
    assert train(squares(), options="--labels-are objects --unlabelled-rim 4") == ""
    with Project(tmp_path / "p.unet", read_only=True) as project:
        labels = project.strokes.plane(1, 0)
        assert project.settings.read().object_ridge == RIDGE
    expected = object_labels(squares())
    assert (expected[8:20, 13:15] == 1).all()
    np.testing.assert_array_equal(labels, without_rim(expected, 4, ""))


def test_a_ridge_that_the_user_does_not_want_stays_away(train: Train, tmp_path: Path) -> None:
    """An option that is given counts more than what belongs to objects; labels of other kinds set nothing."""
    assert train(squares(), options="--labels-are objects --object-ridge 0") == ""
    with Project(tmp_path / "p.unet", read_only=True) as project:
        assert project.settings.read().object_ridge == 0


def test_a_rim_that_leaves_nothing_is_refused(train: Train, tmp_path: Path) -> None:
    """In one line with the file, and before a project is made."""
    assert train(squares(), options=f"--labels-are objects --unlabelled-rim {SIDE // 2}").startswith("NU-A15: ")
    assert not (tmp_path / "p.unet").exists()


def test_scripts_add_objects_too(tmp_path: Path) -> None:
    """Numbers of any type that are whole, in a class of their own; what cannot be is refused."""
    with Project(tmp_path / "p.unet") as project:
        for name in ("background", "debris", "cell"):
            project.add_class(name)
        record = project.add_image(Image("cells", np.zeros((SIDE, SIDE), np.uint8), "yx"))
        assert project.add_objects(record.id, 0, squares().astype(np.float32), class_id=3, rim=2)
        np.testing.assert_array_equal(
            project.strokes.plane(record.id, 0), without_rim(object_labels(squares(), foreground=3), 2, "")
        )
        assert project.settings.read().object_ridge == RIDGE
        for values, code in (
            (squares() - 0.5, "NU-A02"), (-squares().astype(np.int64), "NU-A03"), (squares()[1:], "NU-A07"),
        ):  # fmt: skip
            with pytest.raises(UserError, match=f"^{code}: "):
                project.add_objects(record.id, 0, values)


@pytest.mark.parametrize("class_id", [0, 3, 258])
def test_objects_of_no_class_change_nothing(tmp_path: Path, class_id: int) -> None:
    """Neither strokes, which a number above 255 would put into another class, nor settings."""
    with Project(tmp_path / "p.unet") as project:
        for name in ("background", "cell"):
            project.add_class(name)
        record = project.add_image(Image("cells", np.zeros((SIDE, SIDE), np.uint8), "yx"))
        with pytest.raises(UserError, match=f"^NU-A12: {class_id} is not one of the classes"):
            project.add_objects(record.id, 0, squares(), class_id=class_id)
        with pytest.raises(UserError, match=r"^NU-A07: "):
            project.add_objects(record.id, 0, squares()[1:])
        assert not project.strokes.plane(record.id, 0).any()
        assert project.settings.read().object_ridge == 0


def test_two_folders_are_paired_by_name_or_number(tmp_path: Path) -> None:
    """As gold frames of a sequence lie beside all its frames; frames without labels are left out."""
    for name in ("t000", "t007", "t049", "cells"):
        picture_in(tmp_path / "frames", name)
    for name in ("man_seg049", "man_seg007", "cells"):
        picture_in(tmp_path / "gold", name)
    found = paired([tmp_path / "frames"], [tmp_path / "gold"])
    assert [(image.stem, label.stem) for image, label in found] == [
        ("cells", "cells"), ("t007", "man_seg007"), ("t049", "man_seg049"),
    ]  # fmt: skip
    picture_in(tmp_path / "gold", "man_seg111")
    with pytest.raises(UserError, match=r"^NU-C02: no images .*man_seg111"):
        paired([tmp_path / "frames"], [tmp_path / "gold"])
    picture_in(tmp_path / "frames", "u111")
    picture_in(tmp_path / "frames", "t111")
    with pytest.raises(UserError, match=r"^NU-C02: 2 images .*man_seg111"):
        paired([tmp_path / "frames"], [tmp_path / "gold"])
    files = [tmp_path / "a.tif", tmp_path / "b.tif"]
    assert paired(files, files[::-1]) == [(files[0], files[1]), (files[1], files[0])]
    with pytest.raises(UserError, match=r"^NU-C02: 2 images and 1 label files"):
        paired(files, files[:1])
    with pytest.raises(UserError, match=r"^NU-C02: a folder among images or labels, .*frames, "):
        paired([tmp_path / "frames"], [tmp_path / "gold" / "cells.tif"])


@pytest.mark.parametrize(
    "labels", [("img1_ch2", "img2_ch2", "img3_ch2"), ("img1_ch2",), ("img2", "mask2"), ("mask2", "track2")]
)
def test_a_number_that_may_count_something_else_pairs_nothing(tmp_path: Path, labels: tuple[str, ...]) -> None:
    """Else the labels of every image would be those of the second one, whose number is that of the channel."""
    for name in ("img1", "img2", "img3"):
        picture_in(tmp_path / "frames", name)
    for name in labels:
        picture_in(tmp_path / "gold", name)
    with pytest.raises(UserError, match=r"^NU-C02: its last number is that of img2\.tif, .*gold.*two lists of files"):
        paired([tmp_path / "frames"], [tmp_path / "gold"])


def test_a_name_with_more_behind_it_has_its_own_number(tmp_path: Path) -> None:
    """An image without a number, or one whose number goes on, says nothing of it."""
    for name in ("img", "img1", "img12"):
        picture_in(tmp_path / "frames", name)
    for name in ("img_mask12", "img1_mask"):
        picture_in(tmp_path / "gold", name)
    found = {label.stem: image.stem for image, label in paired([tmp_path / "frames"], [tmp_path / "gold"])}
    assert found == {"img_mask12": "img12", "img1_mask": "img1"}


def test_truth_of_one_plane_labels_that_plane(train: Train, tmp_path: Path) -> None:
    """As the Cell Tracking Challenge has it of stacks: frame and plane stand in the name, several of one frame too."""
    frames, gold = tmp_path / "frames", tmp_path / "gold"
    for folder in (frames, gold):
        folder.mkdir()
    for frame in range(3):
        written(frames / f"t{frame:03}.tif", np.random.default_rng(frame).integers(0, 255, (4, SIDE, SIDE), np.uint8))
    for name, number in (("man_seg_002_001", 500), ("man_seg_002_003", 7), ("man_seg_000_002", 9)):
        written(gold / f"{name}.tif", striped(number, dtype=np.uint16))
    assert train(*sorted(gold.iterdir()), images=[frames / f"t{n:03}.tif" for n in (0, 2, 2)], options=OBJECTS) == ""
    assert painted_planes(tmp_path) == {"t000": [2], "t002": [1, 3]}
    assert labelled(tmp_path) == {1: 3 * (SIDE * SIDE - SIDE), 2: 3 * SIDE}
    found = paired([frames], [gold])
    assert [(image.stem, label.stem) for image, label in found] == [
        ("t000", "man_seg_000_002"), ("t002", "man_seg_002_001"), ("t002", "man_seg_002_003"),
    ]  # fmt: skip
    beyond = written(gold / "man_seg_002_004.tif", striped(1))
    assert train(beyond, images=[frames / "t002.tif"], options=OBJECTS).startswith("NU-A01")
    with Project(tmp_path / "p.unet") as project:
        add_annotated_image(project, frames / "t002.tif", written(gold / "man_seg_002_001.tif", striped()), (), "mask")
    assert labelled(tmp_path) == {1: 3 * SIDE * SIDE - 2 * SIDE, 2: 2 * SIDE}


def test_a_double_ending_belongs_to_no_name(tmp_path: Path) -> None:
    """An OME-TIFF is found by the label file of its name; one of the label file's own ending comes first."""
    picture_in(tmp_path / "frames", "wt.ome")
    picture_in(tmp_path / "gold", "wt")
    folders = [tmp_path / "frames"], [tmp_path / "gold"]
    assert [(image.name, label.name) for image, label in paired(*folders)] == [("wt.ome.tif", "wt.tif")]
    picture_in(tmp_path / "frames", "wt")
    assert [(image.name, label.name) for image, label in paired(*folders)] == [("wt.tif", "wt.tif")]


def test_names_are_alike_however_accents_and_case_are_spelled(tmp_path: Path) -> None:
    """Images that were copied from a Mac lie beside labels of another system; the very name is surer."""
    frames, gold = tmp_path / "frames", tmp_path / "gold"
    picture_in(frames, unicodedata.normalize("NFD", "Übersicht"))
    picture_in(gold, unicodedata.normalize("NFC", "Übersicht"))
    picture_in(frames, "Well_A1")
    picture_in(gold, "well_a1")
    picture_in(gold, "well_b1")
    picture_in(frames, "well_b1")
    found = {label.stem: image.stem for image, label in paired([frames], [gold])}
    assert found == {
        unicodedata.normalize("NFC", "Übersicht"): unicodedata.normalize("NFD", "Übersicht"),
        "well_a1": "Well_A1", "well_b1": "well_b1",
    }  # fmt: skip


def test_strokes_of_a_stack_land_on_the_planes_that_the_axes_name(tmp_path: Path) -> None:
    """Of an image of slices, then times, and labels in the order of ImageJ."""
    image, labels = tmp_path / "cells.ome.tif", tmp_path / "labels.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (2, 2, SIDE, SIDE), np.uint8)
    numbers = np.stack([np.stack([striped(*range(1, 2 + 2 * z + time)) for time in range(2)]) for z in range(2)])
    tifffile.imwrite(image, pixels, ome=True, metadata={"axes": "ZTYX"}, photometric="minisblack")
    tifffile.imwrite(labels, numbers.swapaxes(0, 1), imagej=True, metadata={"axes": "TZYX"})
    with Project(tmp_path / "p.unet") as project:
        record = add_annotated_image(project, image, labels, labels_are="mask")
        rows = [int((project.strokes.plane(record.id, plane) == 2).any(axis=1).sum()) for plane in range(4)]
    assert rows == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["cells", "more cells"])
def test_labels_are_of_the_planes_that_the_user_corrected(tmp_path: Path, name: str) -> None:
    """Two planes that are channels have one plane of labels, in that image and in a new one like it.

    Labels of both planes are refused, and strokes stay.
    """
    painted, image = picture(tmp_path, planes=2), picture(tmp_path, name, planes=2)
    with Project(tmp_path / "p.unet") as project:
        project.add_class("a"), project.add_class("b")
        record = project.add_image(open_image(painted), painted)
        project.images.set_axes(record.id, "cyx")
        project.commit(record.id, 0, striped(1, 1, 2))
        both = written(tmp_path / "both.tif", np.stack([striped(2), striped(1)]))
        with pytest.raises(UserError, match=r"^NU-A01: .*both"):
            add_annotated_image(project, image, both)
        assert np.array_equal(project.strokes.plane(record.id, 0), striped(1, 1, 2))
        added = add_annotated_image(project, image, written(tmp_path / "one.tif", striped(2, 1)))
        assert (added.id == record.id) == (image == painted)
        assert (added.axes, added.channels) == ("cyx", 2)
        assert np.array_equal(project.strokes.plane(added.id, 0), striped(2, 1))


def test_axes_of_the_images_are_given_where_their_files_name_them_wrongly(tmp_path: Path) -> None:
    """Of new images and of one that is known; not of one that is painted on under others."""
    first, second = picture(tmp_path, planes=2), picture(tmp_path, "more cells", planes=2)
    labels = written(tmp_path / "labels.tif", striped(2, 1))
    with Project(tmp_path / "p.unet") as project:
        project.add_class("a"), project.add_class("b")
        project.add_image(open_image(first), first)
        for image in (first, second, first):
            record = add_annotated_image(project, image, labels, axes="cyx")
            assert (record.axes, record.channels) == ("cyx", 2)
            assert np.array_equal(project.strokes.plane(record.id, 0), striped(2, 1))
        assert len(project.images.all()) == 2
        both = written(tmp_path / "both.tif", np.stack([striped(2), striped(1)]))
        with pytest.raises(UserError, match=r"^NU-I33: "):
            add_annotated_image(project, first, both, axes="zyx")
        with pytest.raises(UserError, match=r"^NU-I01: .* 'zy'"):
            add_annotated_image(project, first, labels, axes="zy")
        assert {record.axes for record in project.images.all()} == {"cyx"}


def test_the_command_line_names_the_axes_that_files_do_not(train: Train, tmp_path: Path) -> None:
    """Without them the refusal says which option helps; the project keeps them for the next images."""
    image, other = picture(tmp_path, planes=2), picture(tmp_path, "more cells", planes=2)
    said = train(striped(1, 2), images=[image])
    assert said.startswith("NU-A01: ")
    assert said.endswith(" (--axes)")
    assert train(striped(1, 2), images=[image], options="--axes cyx") == ""
    assert train(striped(1, 2), images=[other]) == ""
    with Project(tmp_path / "p.unet", read_only=True) as project:
        assert [(record.axes, record.channels) for record in project.images.all()] == [("cyx", 2)] * 2


def test_axes_that_are_given_count_before_there_is_a_project(tmp_path: Path) -> None:
    """The labels are checked against the planes that are meant."""
    image, labels = picture(tmp_path, planes=2), written(tmp_path / "labels.tif", striped(2, 1))
    pairs, folder = [(image, labels)], tmp_path / "p.unet"
    with pytest.raises(UserError, match=r"^NU-A01: "):
        checked_label_files(folder, pairs, ("a", "b"), "classes")
    files = checked_label_files(folder, pairs, ("a", "b"), "classes", axes="cyx")
    with Project(folder) as project:
        assert [record.axes for record in files.add_to(project, ("a", "b"))] == ["cyx"]


def test_labels_land_on_planes_whose_order_was_corrected(tmp_path: Path) -> None:
    """Of slices and times that the file calls the wrong way round."""
    image, labels = tmp_path / "cells.tif", tmp_path / "labels.ome.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (2, 2, SIDE, SIDE), np.uint8)
    tifffile.imwrite(image, pixels, imagej=True, metadata={"axes": "TZYX"})
    numbers = np.zeros((2, 2, SIDE, SIDE), np.uint8)
    numbers[0, 1] = striped(1, 2)  # the first slice at the second time
    tifffile.imwrite(labels, numbers.swapaxes(0, 1), ome=True, metadata={"axes": "TZYX"}, photometric="minisblack")
    with Project(tmp_path / "p.unet") as project:
        record = project.add_image(open_image(image), image)
        project.images.set_axes(record.id, "ztyx")
        add_annotated_image(project, image, labels)
        assert project.strokes.painted_planes(record.id) == [1]


def test_images_of_other_channels_are_refused_before_anything_is_written(train: Train, tmp_path: Path) -> None:
    """Beside each other, and beside what is painted in the project."""
    grey, colour = picture(tmp_path), tmp_path / "colour.tif"
    tifffile.imwrite(colour, np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8), photometric="rgb")
    said = "NU-I09: it would have 3 channels and those that are painted on have 1, colour, keep"
    assert train(striped(1, 2), striped(1, 2), images=[grey, colour]).startswith(said)
    assert not (tmp_path / "p.unet").exists()
    assert train(striped(1, 2), images=[grey]) == ""
    before = labelled(tmp_path)
    assert train(striped(2, 2, 1), striped(1, 2), images=[grey, colour]).startswith(said)
    assert labelled(tmp_path) == before


def test_classes_that_nobody_named_are_told(tmp_path: Path) -> None:
    """Seven numbers may be seven cells; two classes, and classes with names, are meant."""
    with Project(tmp_path / "p.unet") as project:
        add_annotated_image(project, picture(tmp_path), written(tmp_path / "l.tif", striped(1, 2)))
        assert project.notices == []
    with Project(tmp_path / "q.unet") as project:
        add_annotated_image(project, picture(tmp_path), written(tmp_path / "l.tif", striped(*range(1, 8))))
        (line,) = project.notices
        assert line.startswith("NU-A22: the numbers in the labels made the classes 'background', 'class 2', 'class 3'")
        add_annotated_image(project, picture(tmp_path), tmp_path / "l.tif")
        assert len(project.notices) == 1
    with Project(tmp_path / "r.unet") as project:
        names = [f"kind {number}" for number in range(1, 8)]
        add_annotated_image(project, picture(tmp_path), tmp_path / "l.tif", names)
        assert project.notices == []


def picture_in(folder: Path, name: str) -> None:
    """A small file of that name."""
    folder.mkdir(exist_ok=True)
    written(folder / f"{name}.tif", np.zeros((4, 4), np.uint8))


def test_labels_inside_of_an_exported_ome_zarr_are_read(train: Train, tmp_path: Path) -> None:
    """As mask and as objects, and never the image; as classes those alone in which 0 is called unlabelled."""
    mask, image = striped(1, 1, 2)[np.newaxis], open_image(picture(tmp_path))
    for name, zero in (("result", "background"), ("layer", "unlabelled")):
        styles = [ClassStyle(zero, (0, 0, 0)), ClassStyle("cell", (1, 2, 3)), ClassStyle("other", (1, 2, 3))]
        write_ome_zarr(Segmentation(mask, image, styles, DEFAULT_SETTINGS), tmp_path / name)
    result, layer = tmp_path / "result.ome.zarr", tmp_path / "layer.ome.zarr"
    for meaning, inside in (("mask", "classes"), ("objects", "objects")):
        found = read_labels(result, image, meaning)
        np.testing.assert_array_equal(found, read_labels(result / "labels" / inside, image, meaning))
        assert set(np.unique(found)) == {1, 2}
    np.testing.assert_array_equal(read_labels(layer, image), mask)
    assert train(result).startswith("NU-I36: this result holds class - 1")
    assert not (tmp_path / "p.unet").exists()
    assert train(layer) == ""
    assert labelled(tmp_path) == {1: 2 * SIDE, 2: SIDE}


@pytest.mark.parametrize(("held", "labels_held", "told"), [(3, 1, 1), (3, 3, 0), (1, 1, 0)])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_labels_of_a_photo_that_is_turned_are_told(
    tmp_path: Path, suffix: str, held: int, labels_held: int, told: int
) -> None:
    """Programs that do not ask how the camera was held draw on the photo as it is stored; ours turns it upright."""
    photo, labels = tmp_path / f"photo.{suffix}", tmp_path / "labels.png"
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), np.uint8)
    for path, values, orientation in ((photo, noise, held), (labels, striped(1, 2), labels_held)):
        exif = Picture.Exif()
        exif[0x0112] = orientation
        Picture.fromarray(values).save(path, exif=exif)
    with Project(tmp_path / "p.unet") as project:
        add_annotated_image(project, photo, labels)
        assert [line[:7] for line in project.notices] == ["NU-I22:"] * told


def test_labels_of_a_photo_on_its_side_are_told_only_where_both_ways_fit(tmp_path: Path) -> None:
    """Labels of an oblong photo that were drawn on it as it is stored are refused, so that those that fit are right."""
    photo, labels, exif = tmp_path / "photo.png", tmp_path / "labels.png", Picture.Exif()
    exif[0x0112] = 6
    with Project(tmp_path / "p.unet") as project:
        for width, told in ((SIDE, 1), (SIDE // 2, 0)):
            noise = np.random.default_rng(0).integers(0, 255, (width, SIDE), np.uint8)
            Picture.fromarray(noise).save(photo, exif=exif)
            Picture.fromarray(striped(1, 2)[:, :width]).save(labels)
            before = len(project.notices)
            add_annotated_image(project, photo, labels)
            assert [line[:7] for line in project.notices[before:]] == ["NU-I22:"] * told


def test_pages_of_labels_that_are_left_out_are_told(tmp_path: Path) -> None:
    """Of a label file with several images the largest is taken, and one line says so, as it does of the image."""
    labels = tmp_path / "labels.tif"
    with tifffile.TiffWriter(labels) as file:
        file.write(striped(1)[:9], metadata=None)
        file.write(striped(1, 2), metadata=None)
    with Project(tmp_path / "p.unet") as project:
        add_annotated_image(project, picture(tmp_path), labels)
        (notice,) = project.notices
        assert notice.startswith("NU-I20: 1 of 2 pages are left out")
        assert str(labels) in notice
