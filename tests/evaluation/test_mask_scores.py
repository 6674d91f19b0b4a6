"""Laws of scoring masks against truth: what the numbers mean is told right, or asked for, and never guessed wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Picture

from napari_unet.cli import main
from napari_unet.errors import UserError
from napari_unet.evaluation.mask_meaning import PREDICTION_MEANINGS, TRUTH_MEANINGS
from napari_unet.images.reading import open_image
from napari_unet.packaging.mask_scores import score, score_files

SIDE = 48
CORNERS = [(4, 4), (4, 28), (28, 4), (28, 28)]


def squares(*values: int, shrink: int = 0) -> np.ndarray:
    """Up to four squares of 12 px with these values, on 0; ``shrink`` takes so many of their columns away."""
    mask = np.zeros((SIDE, SIDE), np.int32)
    for value, (y, x) in zip(values, CORNERS, strict=False):
        mask[y : y + 12, x : x + 12 - shrink] = value
    return mask


def strokes(*values: int) -> np.ndarray:
    """Labels for training: two strokes of background beside the squares, and one in each square."""
    labels = np.zeros((SIDE, SIDE), np.int32)
    labels[20:22], labels[44:46] = 1, 1
    for value, (y, x) in zip(values, CORNERS, strict=False):
        labels[y + 5, x + 2 : x + 10] = value
    return labels


SAME = squares(1, 1, 1, 1)
EXACT: dict[str, tuple[np.ndarray, np.ndarray, dict[str, str]]] = {
    "0/1 and 0/1": (SAME, SAME, {}),
    "0/1 and 0/255": (SAME, SAME * 255, {}),
    "0/255 and 0/1": (SAME * 255, SAME, {}),
    "0/255 and 0/255": (SAME * 255, SAME * 255, {}),
    "0/1 and 0/65535": (SAME, SAME * 65535, {}),
    "truth and false": (SAME > 0, SAME > 0, {}),
    "floats": (SAME.astype(np.float32), SAME.astype(np.float64), {}),
    "classes and numbered objects": (SAME, squares(1, 2, 3, 4), {}),
    "classes and two objects": (squares(1, 1), squares(1, 2), {}),
    "two classes and many objects": (squares(1, 2, 1, 2), squares(21, 22, 23, 24), {}),
    "two classes and few objects": (squares(1, 2, 1, 2), squares(1, 2, 3, 4), {"truth_is": "objects"}),
    "0/255 and numbered objects": (SAME * 255, squares(7, 2, 300, 9), {}),
    "numbered objects and 0/255": (squares(22, 21, 300, 9), SAME * 255, {}),
    "numbered objects and 0/1": (squares(22, 21, 300, 9), SAME, {}),
    "numbered objects and others": (squares(22, 21, 300, 9), squares(1, 2, 3, 4), {"truth_is": "objects"}),
    "few numbered objects": (squares(3, 1, 2, 4), SAME, {"prediction_is": "objects"}),
    "a stack": (np.stack([SAME, squares(1)]), np.stack([squares(1, 2, 3, 4), squares(5)]), {}),
}


@pytest.mark.parametrize("name", EXACT)
def test_a_perfect_mask_is_perfect(name: str) -> None:
    """Dice, IoU and SEG are 1 for background and foreground, however the two are numbered."""
    prediction, truth, said = EXACT[name]
    result = score(prediction, truth, **said)
    assert result["dice"] == {"0": 1.0, "1": 1.0}
    assert (result["mean_dice"], result["mean_iou"], result["seg"]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("truth", [SAME, SAME * 255, squares(1, 2, 3, 4)], ids=["0/1", "0/255", "numbered"])
@pytest.mark.parametrize("prediction", ["classes", "mask", "objects"])
def test_half_an_object_counts_the_same_everywhere(prediction: str, truth: np.ndarray) -> None:
    """Columns that are missing cost as much Dice and SEG in every way of numbering."""
    found = {"classes": squares(1, 1, 1, 1, shrink=3), "mask": squares(255, 255, 255, 255, shrink=3)}
    result = score(found.get(prediction, squares(50, 30, 40, 60, shrink=3)), truth)
    assert result["dice"]["1"] == pytest.approx(2 * 9 / (9 + 12))
    assert result["seg"] == pytest.approx(9 / 12)


def test_classes_are_compared_class_by_class() -> None:
    """As they always were, also where one of them is not in the image or in the prediction."""
    truth = squares(1, 2, 1, 2)
    assert score(truth, truth)["dice"] == {"0": 1, "1": 1, "2": 1}
    assert score(truth, truth)["seg"] == 1
    assert score(squares(1, 2, 1, 1), truth)["dice"]["2"] == pytest.approx(2 / 3)
    assert score(squares(1, 2, 1, 2), squares(0, 2, 0, 2))["dice"] == {
        "0": pytest.approx(0.93, abs=0.01),
        "1": None,
        "2": 1,
    }
    assert score(squares(1, 1, 1, 1), truth, truth_is="classes")["dice"]["2"] == 0
    assert score(squares(1, 1, 1, 0), truth)["dice"].keys() == {"0", "1", "2"}
    assert score(squares(1, 0), squares(2, 0), truth_is="classes")["mean_dice"] < 0.6


@pytest.mark.parametrize(("value", "number"), [(255, 1), (1, 30)], ids=["no class", "no few numbers"])
def test_objects_that_touch_are_no_classes_that_were_missed(value: int, number: int) -> None:
    """Where the prediction has no classes, or the truth numbers that are none; they are compared one by one."""
    truth = np.where(BESIDE > 0, BESIDE + number - 1, 0)
    result = score((BESIDE > 0) * value, truth)
    assert (result["dice"], result["true_objects"]) == ({"0": 1.0, "1": 1.0}, 2)


def test_several_classes_beside_a_foreground_mask_are_its_foreground() -> None:
    """Everything but background counts."""
    result = score(squares(1, 2, 1, 2), SAME * 255)
    assert result["dice"] == {"0": 1.0, "1": 1.0}


def test_labels_for_training_are_compared_where_they_are() -> None:
    """Unlabelled pixels do not count, and there are no objects to compare."""
    result = score(SAME, strokes(2, 2, 2, 2), truth_is="labels")
    assert result["dice"] == {"0": 1.0, "1": 1.0}
    assert result["seg"] is None
    dense = score(SAME, SAME + 1, truth_is="labels")
    assert (dense["mean_dice"], dense["seg"]) == (1.0, 1.0)


WITHIN = squares(1)
WITHIN[8:12, 8:12] = 2
BESIDE = np.where(np.arange(SIDE) < 10, squares(1), squares(2))
GREYS = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 200
REFUSED: dict[str, tuple[np.ndarray, np.ndarray, dict[str, str], str]] = {
    "labels": (SAME, strokes(2, 2, 2, 2), {}, "truth is: labels, or"),
    "labels, one stroke each": (squares(1), np.where(squares(1) > 0, 2, np.eye(SIDE)), {}, "truth is: labels, or"),
    "dense labels": (SAME, SAME + 1, {}, "truth is: labels, or"),
    "dense labels of three classes": (squares(1, 2, 1, 2), squares(1, 2, 1, 2) + 1, {}, "truth is: labels, or"),
    "labels and a poor prediction": (squares(0, 0, 0, 1), strokes(2, 2, 2, 2), {}, "truth is: classes, labels, or"),
    "few numbered objects": (squares(1, 2, 3, 4), SAME, {}, "prediction is: objects, classes, or"),
    "objects in another order": (squares(2, 1, 4, 3), squares(1, 2, 3, 4), {}, "prediction is: objects, classes, or"),
    "classes of one piece, one of them missed": (
        squares(1, 2, 2),
        squares(1, 2, 3),
        {},
        "truth is: classes, objects, or",
    ),
    "classes of one piece, two of them swapped": (
        squares(2, 1),
        squares(1, 2, 3),
        {},
        "truth is: classes, objects, or",
    ),
    "a class within another, missed": (squares(1), WITHIN, {}, "truth is: classes, objects, or"),
    "classes side by side, one of them missed": (squares(1), BESIDE, {}, "truth is: classes, objects, or"),
    "numbered objects and classes": (squares(31, 32, 33), squares(1, 2, 1, 2), {}, "the truth holds more classes"),
    "grey values as prediction": (GREYS, SAME, {}, "prediction is: a mask, or"),
    "grey values as truth": (SAME, GREYS, {}, "truth is: a mask, or"),
    "fractions": (SAME * 0.5, SAME, {}, "no classes"),
    "below zero": (SAME, SAME * -1, {}, "the truth holds the value -1"),
    "too many classes": (SAME, SAME * 300, {"truth_is": "classes"}, "the truth holds the value 300"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_mean_several_things_is_asked_for(name: str) -> None:
    """The refusal says what the numbers look like and which words there are."""
    prediction, truth, said, text = REFUSED[name]
    with pytest.raises(UserError, match=r"^NU-S02: ") as caught:
        score(prediction, np.asarray(truth), **said)
    assert text in str(caught.value)


def test_a_stack_of_one_plane_is_that_plane() -> None:
    """As ``predict`` returns a mask, on either side; other planes and other sides are refused."""
    truth = squares(1, 2, 3, 4)
    for found, true in ((SAME[np.newaxis], truth), (SAME, truth[np.newaxis, np.newaxis])):
        assert score(found, true, truth_is="objects") == score(SAME, truth, truth_is="objects")
    stack = np.stack([SAME, SAME])
    assert score(stack[np.newaxis], stack)["mean_dice"] == score(stack[:, np.newaxis], stack)["mean_dice"] == 1
    for other in (stack, SAME[:1], SAME[:1][np.newaxis], SAME[0]):
        with pytest.raises(UserError, match=r"^NU-S01: "):
            score(SAME, other)


def test_nothing_there_is_no_object() -> None:
    """Empty masks have no SEG, and an empty prediction finds nothing."""
    assert score(SAME * 0, SAME * 0)["seg"] is None
    for truth in (SAME, SAME * 255, squares(1, 2, 3, 4)):
        assert score(SAME * 0, truth)["seg"] == 0
        assert score(SAME * 0, truth)["dice"]["1"] == 0


def test_an_object_of_another_class_is_no_match() -> None:
    """Two squares whose classes are swapped have no SEG; a right one beside a wrong one half of it."""
    truth = np.zeros((60, 60), np.uint8)
    truth[5:25, 5:25], truth[35:55, 35:55] = 1, 2
    swapped = np.where(truth > 0, 3 - truth, 0).astype(np.uint8)
    meant = {"truth_is": "classes", "prediction_is": "classes"}
    assert score(truth, truth, **meant)["seg"] == 1
    assert score(swapped, truth, **meant)["seg"] == 0
    assert score((truth > 0).astype(np.uint8), truth, **meant)["seg"] == 0.5
    assert score(swapped, truth, **meant)["true_objects"] == 2


def test_another_word_is_refused() -> None:
    """In Python; the command line refuses it by itself."""
    with pytest.raises(UserError, match=r"^NU-C14: .*auto, classes, mask, objects, labels"):
        score(SAME, SAME, truth_is="greys")
    with pytest.raises(UserError, match=r"^NU-C14: .*choose one of auto, classes, mask, objects$"):
        score(SAME, SAME, prediction_is="labels")


@pytest.mark.parametrize("place", [0, 1])
def test_numbers_that_do_not_fit_are_refused(place: int) -> None:
    """Rather than counted as below 0."""
    masks = [SAME, SAME]
    masks[place] = SAME.astype(np.uint64) << np.uint64(63)
    with pytest.raises(UserError, match=rf"^NU-S02: .*{2**63}"):
        score(*masks)


def test_a_stack_of_three_planes_is_no_colour_picture(tmp_path: Path) -> None:
    """Though tifffile writes one as red, green and blue unless it is told better; colours of a pixel are refused."""
    planes = np.stack([squares(1), squares(1, 1), squares(1, 1, 1)]).astype(np.uint8)
    tifffile.imwrite(tmp_path / "three.tif", planes, photometric="rgb", planarconfig="separate")
    tifffile.imwrite(tmp_path / "named.tif", planes, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "colours.tif", np.stack([planes[0]] * 3, axis=-1), photometric="rgb")
    for pair in (("three.tif", "named.tif"), ("named.tif", "three.tif"), ("three.tif", "three.tif")):
        record = score_files(*(tmp_path / name for name in pair))
        assert (record["mean_dice"], record["true_objects"]) == (1, 6)
    for pair in (("colours.tif", "named.tif"), ("named.tif", "colours.tif")):
        with pytest.raises(UserError, match=r"^NU-S03: "):
            score_files(*(tmp_path / name for name in pair))


def test_a_row_of_pixels_is_no_mask() -> None:
    """It is told in one line."""
    with pytest.raises(UserError, match=r"^NU-S01: prediction \(9,\) and truth \(9,\) are no masks"):
        score(np.ones(9, np.uint8), np.ones(9, np.uint8))


def test_pixels_of_a_file_are_a_mask_and_its_path_is_none(tmp_path: Path) -> None:
    """What is read when it is sliced lacks some of what arrays of NumPy can do."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, SAME)
    assert score(open_image(path).pixels, zarr.array(SAME)) == score(SAME, SAME)
    with pytest.raises(UserError, match=r"^NU-S02: a path .*a\.tif, .*score_files"):
        score(str(path), SAME)


def test_each_line_tells_what_numbers_were_taken_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two classes of one piece each lie apart like two cells; beside one predicted class nobody knows which it is."""
    found, truth = tmp_path / "found.tif", tmp_path / "truth.tif"
    tifffile.imwrite(found, squares(1, 1).astype(np.uint8))
    tifffile.imwrite(truth, squares(1, 2).astype(np.uint8))
    for given, told in ((), " (truth: objects, prediction: classes)"), (("--truth-is", "classes"), ""):
        assert main(["score", "--prediction", str(found), "--truth", str(truth), *given]) == 0
        line, *_ = capsys.readouterr().out.splitlines()
        assert line.endswith(f" objects{told}")


def test_files_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The case of the two masks of one foreground; meanings are options; JPEG is refused, whatever its name."""
    found, truth, objects = (tmp_path / name for name in ("found.tif", "truth.tif", "objects.tif"))
    tifffile.imwrite(found, SAME.astype(np.uint8))
    tifffile.imwrite(truth, (SAME * 255).astype(np.uint8))
    tifffile.imwrite(objects, squares(1, 2, 3, 4).astype(np.uint16))

    def told(prediction: Path, *options: str) -> dict[str, Any]:
        assert main(["score", "--prediction", str(prediction), "--truth", str(truth), "--json", *options]) == 0
        record: dict[str, Any] = json.loads(capsys.readouterr().out)
        return record

    for record in (told(found), told(objects, "--prediction-is", "objects"), told(found, "--truth-is", "mask")):
        assert (record["mean_dice"], record["seg"]) == (1, 1)
    assert (record["truth_is"], record["prediction_is"]) == ("mask", "classes")
    for name in ("truth.jpg", "truth.png"):
        Picture.fromarray((SAME * 255).astype(np.uint8)).save(tmp_path / name, "JPEG")
        with pytest.raises(UserError, match=r"^NU-S02: JPEG"):
            score_files(found, tmp_path / name)
        assert main(["score", "--prediction", str(tmp_path / name), "--truth", str(truth)]) == 2
        assert "NU-S02" in capsys.readouterr().err


@pytest.mark.parametrize("prediction_is", PREDICTION_MEANINGS[1:])
@pytest.mark.parametrize("truth_is", TRUTH_MEANINGS[1:])
def test_every_pairing_that_is_named_has_a_score(truth_is: str, prediction_is: str) -> None:
    """Of the same two squares, each numbered in its way, Dice of the foreground is 1."""
    two = {"classes": squares(1, 1), "mask": squares(9, 9), "objects": squares(9, 4), "labels": squares(1, 1) + 1}
    result = score(two[prediction_is], two[truth_is], truth_is=truth_is, prediction_is=prediction_is)
    assert (result["dice"], result["seg"]) == ({"0": 1.0, "1": 1.0}, 1.0)


@pytest.mark.parametrize("times", [2, 3])
def test_masks_are_compared_plane_by_plane_as_their_axes_name_them(tmp_path: Path, times: int) -> None:
    """A truth of slices, then times beside a mask in ImageJ's order; NPY names no axes, and one of two may differ."""
    truth = np.stack([np.stack([squares(*([1] * (1 + z + time))) for time in range(times)]) for z in range(2)])
    truth = truth.astype(np.uint8)
    found, true = tmp_path / "found.tif", tmp_path / "true.ome.tif"
    tifffile.imwrite(found, truth.swapaxes(0, 1), imagej=True, metadata={"axes": "TZYX"})
    tifffile.imwrite(true, truth, ome=True, metadata={"axes": "ZTYX"}, photometric="minisblack")
    np.save(tmp_path / "true.npy", truth)
    assert score_files(found, true)["mean_dice"] == score_files(true, found)["mean_dice"] == 1
    assert score_files(true, tmp_path / "true.npy")["mean_dice"] == 1
    other = tmp_path / "other.ome.tif"
    tifffile.imwrite(other, truth.swapaxes(0, 1), ome=True, metadata={"axes": "TQYX"}, photometric="minisblack")
    assert score_files(other, true)["mean_dice"] == 1
    tifffile.imwrite(other, truth, ome=True, metadata={"axes": "PQYX"}, photometric="minisblack")
    with pytest.raises(UserError, match=r"^NU-S01: prediction and truth have the axes pqyx and ztyx"):
        score_files(other, true)
