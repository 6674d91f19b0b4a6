"""Laws of the paragraph for the methods section: every figure is the project's or the score's."""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

from napari_unet.config import Settings
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.evaluation.scores import AreaScore, BlockScore, CheckedDice, ClassScore, Score
from napari_unet.export.methods_paragraph import methods_paragraph
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project

SCORE = Score(
    321,
    0.8125,
    (ClassScore(1, 0.875, 0.75, 0.9375, 5200, 14, 20), ClassScore(2, 0.75, None, None, 90, 1, 1)),
    (BlockScore(1, 0, 0, 0, 64, 64, 0.8),),
    checked=CheckedDice((EstimatedDice(1, 0.93, 0.9, 0.96), EstimatedDice(2, None, reason="why")), 5, 2, 20480),
    estimates=(EstimatedDice(1, None, reason="why"), EstimatedDice(2, 0.8, 0.7, 0.9)),
    areas=(AreaScore(1, 0, 0, 0, 40, 40, 0.625, (ClassScore(1, 0.625, None, None, 1600),)),),
)


def test_every_figure_comes_from_the_project_and_the_score(tmp_path: Path) -> None:
    """Counts, network, versions, Dice with intervals and areas follow what is stored; without a score it says so."""
    with Project(tmp_path / "p.unet") as project:
        for name in ("background", "cell"):
            project.add_class(name)
        for number in range(2):
            project.add_image(Image(f"i{number}", np.full((80, 80), number, np.uint8), "yx"))
        empty = methods_paragraph(project, None)
        assert "0 of 2 images" in empty
        assert "background 0, cell 0" in empty
        assert "test area" not in empty
        assert empty.endswith("The network was not scored.")
        labels = np.zeros((80, 80), np.uint8)
        labels[:50], labels[60:, :3] = 1, 2
        project.commit(1, 0, labels)
        project.test_areas.replace(1, 0, [Region(0, 0, 40, 40)])
        project.settings.write(Settings(preset="light"))
        text = methods_paragraph(project, SCORE)
        note = {"facts": {"trained_with": {"preset": "fast", "began_with": "network first.unet"}}}
        # What the file says may be of an older network than the score.
        note["facts"]["estimated_dice"] = [{"class_id": 2, "value": 0.1, "low": 0.1, "high": 0.1}]
        project.models.mkdir()
        (project.models / "best.json").write_text(json.dumps(note))
        told = methods_paragraph(project, SCORE)
        assert "(network 'fast', started from network first.unet)" in told
        assert "0.10" not in told
        (project.models / "best.json").write_text("[]")
        assert methods_paragraph(project, SCORE) == text
    for words in (
        f"napari-unet-live {version('napari-unet-live')}",
        f"torch {version('torch')}",
        "(network 'light')",
        "1 of 2 images was annotated (labelled pixels: background 4,000, cell 60; 1,600 of them in test areas)",
        "Dice over whole images was estimated at background n/a; cell 0.80 [0.70, 0.90].",
        "Nothing in 1 test area was",
        "The network was trained for 321 steps.",
        "On the held-out pixels its mean Dice was 0.812",
        "background 0.875 [0.750, 0.938], 14 blocks, 5,200 px; cell 0.750, 1 block, 90 px",
        "In the test areas the mean Dice was 0.625 on 1,600 px",
        "5 of them, 20,480 pixels in 2 images, were chosen at random",
        "the Dice in them was background 0.93 [0.90, 0.96]; cell n/a (90 % intervals",
    ):
        assert words in text
    assert "\n" not in text
    assert "were held out" not in text  # no block of this project is


def test_what_is_painted_now_counts_once(tmp_path: Path) -> None:
    """An image whose strokes are erased has none, pixels in two areas are no more for it, and removed classes none."""
    with Project(tmp_path / "p.unet") as project:
        for name in ("background", "removed"):
            project.add_class(name)
        for number in range(2):
            project.add_image(Image(f"i{number}", np.full((80, 80), number, np.uint8), "yx"))
            project.commit(number + 1, 0, np.ones((80, 80), np.uint8))
        project.commit(2, 0, np.zeros((80, 80), np.uint8))
        project.commit(1, 0, np.full((10, 80), 2, np.uint8), Region(0, 0, 10, 80))
        project.test_areas.replace(1, 0, [Region(0, 0, 40, 40), Region(20, 0, 60, 40)])
        project.classes.remove(2)
        text = methods_paragraph(project, None)
        assert "1 of 2 images was annotated (labelled pixels: background 5,600; 2,000 of them in test areas)" in text


def test_what_is_held_out_is_told(tmp_path: Path) -> None:
    """Only where something is."""
    with Project(tmp_path / "p.unet") as project:
        for name in ("background", "cell"):
            project.add_class(name)
        project.add_image(Image("i", np.zeros((640, 640), np.uint8), "yx"))
        project.commit(1, 0, np.ones((640, 640), np.uint8))
        assert "held" not in methods_paragraph(project, Score(3, None, ()))
        project.commit(1, 0, np.full((640, 640), 2, np.uint8), source="import")
        assert "were held out; pixels within 6 pixels" in methods_paragraph(project, Score(3, None, ()))
