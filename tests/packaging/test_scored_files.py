"""Laws of the scores of many masks: each truth meets its own prediction, and every true object counts once."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_files import write_ngff

from napari_unet.api import load_model, predict_files
from napari_unet.cli import main
from napari_unet.errors import UserError
from napari_unet.export.formats import FORMATS
from napari_unet.packaging.mask_scores import score, score_files
from napari_unet.packaging.scored_files import score_pairs

SIDE = 40


def squares(count: int, cut: int = 0) -> np.ndarray:
    """As many squares of 8 px, numbered, the last of them without ``cut`` columns."""
    mask = np.zeros((SIDE, SIDE), np.uint16)
    for number in range(1, count + 1):
        row, column = divmod(number - 1, 4)
        mask[10 * row : 10 * row + 8, 10 * column : 10 * column + 8 - (cut if number == count else 0)] = number
    return mask


@pytest.fixture
def sequence(tmp_path: Path) -> tuple[Path, Path]:
    """Results of a folder as ``predict --objects`` leaves them, and the gold frames of a challenge."""
    found, truth = tmp_path / "found", tmp_path / "02_GT" / "SEG"
    found.mkdir()
    truth.mkdir(parents=True)
    for frame in range(4):
        tifffile.imwrite(found / f"t{frame:03}.tif", (squares(4) > 0).astype(np.uint8))
        tifffile.imwrite(found / f"t{frame:03}-objects.tif", squares(4, cut=2))
        (found / f"t{frame:03}.json").write_text("{}", encoding="utf-8")
    tifffile.imwrite(truth / "man_seg001.tif", squares(1))
    tifffile.imwrite(truth / "man_seg003.tif", squares(4))
    return found, truth


def test_seg_of_a_sequence_is_the_mean_over_its_objects(
    sequence: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Not over its frames: one whole object, and four of which one lacks a quarter, make (1 + 3.75) / 5."""
    found, truth = sequence
    given = ["score", "--prediction", str(found), "--truth", str(truth), "--truth-is", "objects"]
    assert main([*given, "--prediction-is", "objects", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [Path(image["prediction"]).name for image in record["images"]] == ["t001-objects.tif", "t003-objects.tif"]
    assert [Path(image["truth"]).name for image in record["images"]] == ["man_seg001.tif", "man_seg003.tif"]
    assert [image["seg"] for image in record["images"]] == [1.0, 0.9375]
    assert (record["seg"], record["true_objects"]) == (pytest.approx(0.95), 5)
    assert record["mean_iou"] == pytest.approx(np.mean([image["mean_iou"] for image in record["images"]]))
    assert main([*given, "--prediction-is", "objects"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("SEG 0.9500 of 5 objects")


def test_of_a_folder_of_results_the_masks_count(sequence: tuple[Path, Path]) -> None:
    """Unless objects are asked for; planes of a stack count by their objects, as frames do."""
    found, truth = sequence
    record = score_pairs([found], [truth], truth_is="objects")
    assert [Path(image["prediction"]).name for image in record["images"]] == ["t001.tif", "t003.tif"]
    planes = np.stack([squares(4, cut=2)] * 2), np.stack([squares(1), squares(4)])
    assert score(*planes, truth_is="objects", prediction_is="objects")["seg"] == pytest.approx(0.95)


def test_truth_of_one_plane_is_compared_with_that_plane(tmp_path: Path) -> None:
    """As the Cell Tracking Challenge has it of stacks: frame and plane stand in the name."""
    found, truth = tmp_path / "found", tmp_path / "truth"
    for folder in (found, truth):
        folder.mkdir()
    for frame in range(3):
        stack = np.stack([squares(frame), squares(4, cut=2), squares(3)])
        tifffile.imwrite(found / f"t{frame:03}.tif", stack, photometric="minisblack")
    tifffile.imwrite(truth / "man_seg_001_000.tif", squares(1))
    tifffile.imwrite(truth / "man_seg_001_001.tif", squares(4))
    given = {"truth_is": "objects", "prediction_is": "objects"}
    record = score_pairs([found], [truth], **given)
    assert [Path(image["prediction"]).name for image in record["images"]] == ["t001.tif"] * 2
    assert [image["seg"] for image in record["images"]] == [1.0, 0.9375]
    tifffile.imwrite(truth / "man_seg_001_003.tif", squares(3))
    with pytest.raises(UserError, match=r"^NU-S01: .*man_seg_001_003"):
        score_pairs([found], [truth], **given)


def test_names_pair_objects_with_their_truth(tmp_path: Path) -> None:
    """As numbers do; the end of the name does not count."""
    for name in ("found/wt-objects.tif", "found/mutant-objects.tif", "truth/wt.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / name, squares(3))
    record = score_pairs([tmp_path / "found"], [tmp_path / "truth"], prediction_is="objects", truth_is="objects")
    assert record["prediction"] == str(tmp_path / "found" / "wt-objects.tif")
    assert record["seg"] == 1
    assert record["images"] == [{key: record[key] for key in record["images"][0]}]


def test_a_truth_without_its_own_prediction_is_told(sequence: tuple[Path, Path]) -> None:
    """As are several of them, and a folder beside files."""
    found, truth = sequence
    tifffile.imwrite(truth / "man_seg017.tif", squares(1))
    with pytest.raises(UserError, match=r"^NU-C02: no images .*man_seg017"):
        score_pairs([found], [truth])
    tifffile.imwrite(truth / "man_seg017.tif", squares(1))
    for name in ("t017.tif", "u017.tif"):
        tifffile.imwrite(found / name, squares(1))
    with pytest.raises(UserError, match=r"^NU-C02: 2 images .*man_seg017"):
        score_pairs([found], [truth])
    with pytest.raises(UserError, match=r"^NU-C02: 1 predictions and 2 truths"):
        score_pairs([found / "t001.tif"], [truth / "man_seg001.tif", truth / "man_seg003.tif"])
    for folder, files in ((found, [truth / "man_seg001.tif"]), (found, [truth / "man_seg001.tif"] * 2)):
        with pytest.raises(UserError, match=r"^NU-C02: a folder among predictions or truths, .*found, "):
            score_pairs([folder], files)
    with pytest.raises(UserError, match=r"^NU-C02: a folder among predictions or truths, .*SEG, "):
        score_pairs([found / "t001.tif"], [truth])


@pytest.fixture
def results(network_file: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Results of two numbered images in every format, one of them a stack, and the same masks as truth."""
    found, truth = tmp_path / "results", tmp_path / "truth"
    truth.mkdir()
    images = [tmp_path / "cell 0.npy", tmp_path / "cell 1.npy"]
    for planes, image in enumerate(images, start=1):
        np.save(image, np.random.default_rng(planes).integers(0, 255, (planes, SIDE, SIDE), np.uint8))
    done = predict_files(load_model(network_file, "cpu"), images, found, list(FORMATS), probabilities=True)
    assert not done.failed
    for name in ("cell 0", "cell 1"):
        shutil.copy(found / f"{name}.tif", truth / f"gold {name}.tif")
    return found, truth


def test_a_mask_in_several_formats_counts_once(results: tuple[Path, Path]) -> None:
    """The first of them, and nothing else that an export wrote; also of object numbers."""
    found, truth = results
    record = score_pairs([found], [truth], truth_is="classes", prediction_is="classes")
    assert [Path(image["prediction"]).name for image in record["images"]] == ["cell 0.tif", "cell 1.tif"]
    assert record["mean_dice"] == 1
    for name in ("cell 0", "cell 1"):
        shutil.copy(found / f"{name}-objects.tif", truth / f"gold {name}.tif")
    for kept in ("-objects.tif", "-objects.npy"):
        record = score_pairs([found], [truth], truth_is="objects", prediction_is="objects")
        assert [Path(image["prediction"]).name for image in record["images"]] == [f"cell 0{kept}", f"cell 1{kept}"]
        for name in ("cell 0", "cell 1"):
            (found / f"{name}-objects.tif").unlink(missing_ok=True)


def test_of_an_ome_zarr_result_the_labels_inside_count(results: tuple[Path, Path]) -> None:
    """Not the image in it: alone and in a folder, as prediction and as truth, classes and objects."""
    found, truth = results
    for path in [*found.glob("*.tif"), *found.glob("*.npy"), *found.glob("*.png")]:
        if not path.stem.endswith("-objects"):
            path.unlink()
    for meaning, ending in (("classes", ""), ("objects", "-objects")):
        said = {"truth_is": meaning, "prediction_is": meaning}
        for name in ("cell 0", "cell 1"):
            path, mask = found / f"{name}.ome.zarr", truth / f"gold {name}.tif"
            if ending:
                shutil.copy(found / f"{name}{ending}.tif", mask)
                (found / f"{name}{ending}.tif").unlink()
                (found / f"{name}{ending}.npy").unlink()
            for pair in ((path, mask), (mask, path), (path, path), (path / "labels" / meaning, mask)):
                assert score_files(*pair, **said)["mean_dice"] == 1
        record = score_pairs([found], [truth], **said)
        assert [Path(image["prediction"]).name for image in record["images"]] == ["cell 0.ome.zarr", "cell 1.ome.zarr"]
        assert record["mean_dice"] == 1
    with pytest.raises(UserError, match=r"^NU-I36: .*class - 1.*cell 0\.ome\.zarr"):
        score_files(found / "cell 0.ome.zarr", found / "cell 0.ome.zarr", truth_is="labels")
    shutil.rmtree(found / "cell 0.ome.zarr" / "labels" / "objects")
    with pytest.raises(UserError, match=r"^NU-I36: .*no numbers of objects, .*cell 0\.ome\.zarr"):
        score_files(found / "cell 0.ome.zarr", truth / "gold cell 0.tif", prediction_is="objects")


def test_results_may_be_the_truth(results: tuple[Path, Path], tmp_path: Path) -> None:
    """Of them, too, each mask counts once, and none of the files beside it; two that may differ are refused."""
    true, _ = results
    found = shutil.copytree(true, tmp_path / "again")
    for meaning, ending in (("classes", ""), ("objects", "-objects")):
        record = score_pairs([found], [true], truth_is=meaning, prediction_is=meaning)
        assert [Path(image["truth"]).name for image in record["images"]] == [f"cell {k}{ending}.tif" for k in (0, 1)]
        assert record["mean_dice"] == 1
    np.save(true / "cell 1.npy", np.ones((2, SIDE, SIDE), np.uint8))
    with pytest.raises(UserError, match=r"^NU-C02: 2 files of truth .*cell 1"):
        score_pairs([found], [true], truth_is="classes", prediction_is="classes")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_image_of_another_program_is_no_mask(tmp_path: Path, version: str) -> None:
    """Where it holds labels they are named; those, and an image without any, are compared."""
    mask = (squares(3) > 0).astype(np.uint8).reshape(1, 1, 1, SIDE, SIDE)
    image = tmp_path / "image.zarr"
    write_ngff(image, mask, version)
    assert score_files(image, image)["mean_dice"] == 1
    for name in ("nuclei", "cells"):
        write_ngff(image / "labels" / name, mask, version)
    for pair in ((image, image / "labels/cells"), (image / "labels/cells", image)):
        with pytest.raises(UserError, match=r"^NU-I36: .*image\.zarr, give labels/cells or labels/nuclei in"):
            score_files(*pair)
    assert score_files(image / "labels/cells", image / "labels/nuclei")["mean_dice"] == 1


def test_a_mask_that_may_differ_from_its_other_formats_is_no_copy(results: tuple[Path, Path]) -> None:
    """After a change by hand, or where no record tells that they are of one export."""
    found, truth = results
    np.save(found / "cell 1.npy", np.ones((2, SIDE, SIDE), np.uint8))
    with pytest.raises(UserError, match=r"^NU-C02: 2 images .*gold cell 1"):
        score_pairs([found], [truth])
    (found / "cell 1.npy").unlink()
    assert score_pairs([found], [truth], truth_is="classes", prediction_is="classes")["mean_dice"] == 1
    (found / "cell 0.json").unlink()
    with pytest.raises(UserError, match=r"^NU-C02: \d+ images .*gold cell 0"):
        score_pairs([found], [truth])
