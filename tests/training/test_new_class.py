"""What is painted later than the first answer: a class for the first time, many classes, a whole image."""

from pathlib import Path

import numpy as np
import pytest
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations, known_shares
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.base import base_weights, from_base, package_base
from napari_unet.network.device import Device
from napari_unet.project.project import Project
from napari_unet.training.labelled_features import labelled_features
from napari_unet.training.learner import Learner

CPU = Device("cpu", "test", bfloat16=False)
SIDE = 256
THIRD = Region(128, 128, 256, 256)


def quarters(folder: Path) -> Project:
    """Open a project of an image with a dark half and two bright quarters, one of them striped; the stripes are new."""
    pixels = np.random.default_rng(0).normal(0, 0.2, (SIDE, SIDE)).astype(np.float32)
    pixels[:, 128:] += 1
    pixels[THIRD.slices] += 0.8 * np.sin(np.arange(128) * 1.2)
    labels = np.zeros(pixels.shape, np.uint8)
    labels[20:30, 10:110], labels[200:210, 10:110], labels[20:30, 150:240] = 1, 1, 2
    return Drawing(Image("quarters", pixels, "yx"), labels).open_in(folder)


def paint(project: Project, *strokes: tuple[int, Region]) -> None:
    """Add strokes to the first plane."""
    labels = project.strokes.plane(1, 0).copy()
    for class_id, region in strokes:
        labels[region.slices] = class_id
    project.commit(1, 0, labels)


def right(learner: Learner, region: Region, class_id: int) -> float:
    """Return the share of a region that the newest network calls a class."""
    learner.answer()
    predictor = learner.predictor
    assert predictor is not None
    return float((predictor.classes(learner.annotations.pixels(1)[0], region) == class_id).mean())


def test_a_class_that_is_painted_later_is_not_held_down(tmp_path: Path) -> None:
    """One stroke of it is enough: what the network said before, when it did not know the class, is not kept."""
    with quarters(tmp_path) as project:
        learner = Learner(project, CPU, base=base_weights("auto"))
        third = project.add_class().id
        paint(project, (third, Region(180, 150, 190, 200)))
        learner.refresh()
        assert known_shares(learner.annotations.planes) == {1: 1, 2: 1, third: 0}
        assert right(learner, THIRD, third) > 0.9
        assert right(learner, Region(0, 0, SIDE, 120), 1) > 0.95
        learner.refresh()
        assert known_shares(learner.annotations.planes) == {1: 1, 2: 1, third: 1}


def test_strokes_that_no_worker_saw_are_answered_when_one_begins(tmp_path: Path) -> None:
    """As if it had been there; where nothing came in between, the network is the saved one."""
    stroke = Region(180, 150, 190, 200)
    with quarters(tmp_path) as project:
        before = Learner(project, CPU, base=base_weights("auto"))
        before.answer()
        before.save()
        same = Learner(project, CPU, base=base_weights("auto"))
        assert same.version == 1
        assert same.save() is None
        third = project.add_class().id
        paint(project, (third, stroke))
        after = Learner(project, CPU, base=base_weights("auto"))
        assert after.version == 2
        assert right(after, stroke, third) > 0.9
        assert right(after, Region(20, 150, 30, 240), 2) > 0.9
        assert after.save() is not None
        assert Learner(project, CPU, base=base_weights("auto")).version == 1


def test_who_only_looks_at_new_strokes_saves_no_network(tmp_path: Path) -> None:
    """The window that paints them may have trained on and saved meanwhile: its networks stay as they are."""
    with quarters(tmp_path) as project:
        before = Learner(project, CPU, base=base_weights("auto"))
        before.answer()
        before.save()
        paint(project, (2, Region(180, 150, 190, 200)))
        kept = {path.name: path.read_bytes() for path in project.models.iterdir()}
        looking = Learner(project, CPU, base=base_weights("auto"), read_only=True)
        assert looking.version == 2
        assert looking.save() is None
        assert {path.name: path.read_bytes() for path in project.models.iterdir()} == kept


def test_a_correction_is_saved_without_any_training(tmp_path: Path) -> None:
    """Also when nothing was shown since."""
    with quarters(tmp_path) as project:
        learner = Learner(project, CPU, base=base_weights("auto"))
        learner.answer()
        assert learner.save() is not None
        assert learner.save() is None
        paint(project, (1, Region(100, 20, 110, 60)))
        learner.refresh()
        assert learner.save() is not None


def test_a_first_fit_that_lacked_memory_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network with a head that nothing was fitted to is ever trained."""
    tries = []

    def full(*_: object, **__: object) -> None:
        tries.append(1)
        raise MemoryError

    with quarters(tmp_path) as project:
        labels = project.strokes.plane(1, 0).copy()
        project.commit(1, 0, np.zeros_like(labels))
        learner = Learner(project, CPU, base=base_weights("auto"))
        project.commit(1, 0, labels)
        with monkeypatch.context() as patch:
            patch.setattr("napari_unet.training.head_fit.fit_head", full)
            with pytest.raises(MemoryError):
                learner.refresh()
        assert tries
        assert learner.trainer is None
        learner.tighten_memory_limits()
        assert learner.trainer is not None
        assert right(learner, Region(20, 150, 30, 240), 2) > 0.9


def test_every_class_is_heard_however_many_there_are(tmp_path: Path) -> None:
    """A correction looks at 16 tiles, and at more where classes would be missing."""
    pixels = np.random.default_rng(0).integers(0, 255, (512, 640), np.uint8)
    labels = np.zeros(pixels.shape, np.uint8)
    for number in range(20):
        row, column = divmod(number, 5)
        labels[128 * row + 20 : 128 * row + 24, 128 * column + 20 : 128 * column + 60] = number + 1
    names = tuple(f"kind {number}" for number in range(20))
    with Drawing(Image("kinds", pixels, "yx"), labels, names).open_in(tmp_path) as project:
        annotations = Annotations(project)
        annotations.refresh(Settings())
        found = labelled_features(from_base(package_base(), 1, 20).eval(), annotations, CPU, np.random.default_rng(0))
        assert set(found.target.tolist()) == set(range(20))


def test_a_whole_image_leaves_room_for_the_strokes_of_others(tmp_path: Path) -> None:
    """However large it is, half of the tiles are of strokes that were there before."""
    pixels = np.random.default_rng(0).integers(0, 255, (1024, 1024), np.uint8)
    strokes = np.zeros(pixels.shape, np.uint8)
    strokes[20::128, 20:1000], strokes[80::128, 20:1000] = 1, 2
    with Drawing(Image("strokes", pixels, "yx"), strokes).open_in(tmp_path) as project:
        other = project.add_image(Image("whole", pixels[::-1].copy(), "yx"))
        annotations = Annotations(project)
        annotations.refresh(Settings())
        project.commit(other.id, 0, np.where(pixels > 100, 1, 2).astype(np.uint8))
        annotations.refresh(Settings())
        network, random = from_base(package_base(), 1, 2).eval(), np.random.default_rng(0)
        found = labelled_features(network, annotations, CPU, random, first=True)
        images = [tile.key[0] for tile in found.tiles]
        assert len(images) == 32
        assert images.count(1) >= 15
        assert images.count(other.id) >= 15
