"""Laws of what is one image: every pixel of it, wherever it lies, and not the few rows of its fingerprint."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.dataset.label_files import checked_label_files
from napari_unet.decoder.client import DecoderClient
from napari_unet.images.image import Image
from napari_unet.images.reading import open_image
from napari_unet.project.content_hashes import ContentHashes
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project

NAMES = ("a", "b", "c")
SIDE = 64  # px; the fingerprint reads every fourth row


def sparse(column: int) -> np.ndarray:
    """Nothing but one spot, between the rows of the fingerprint."""
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[1, column] = 1
    return pixels


def written(path: Path, pixels: np.ndarray) -> Path:
    """A file in a folder that is made for it."""
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, pixels) if path.suffix == ".tif" else np.save(path, pixels)
    return path


def added(project: Project, path: Path) -> ImageRecord:
    return project.add_image(open_image(path), path)


def test_images_with_the_same_fingerprint_keep_their_own_labels(tmp_path: Path) -> None:
    """No labels replace those of another image, in this call or the next, and each image opens as itself."""
    images = [written(tmp_path / f"im{number}.tif", sparse(number)) for number in range(3)]
    labels = [written(tmp_path / f"lb{number}.tif", np.full((SIDE, SIDE), 1 + number, np.uint8)) for number in range(3)]
    assert len({open_image(path).fingerprint() for path in images}) == 1
    with Project(tmp_path / "p.unet") as project:
        for _ in range(2):
            files = checked_label_files(project.folder, list(zip(images, labels, strict=True)), NAMES, "classes")
            records = files.add_to(project, NAMES)
            assert [record.id for record in records] == [1, 2, 3]
        assert project.notices == []
    decoder = DecoderClient()
    with Project(tmp_path / "p.unet", read_only=True) as project:
        for number, record in enumerate(project.images.all()):
            np.testing.assert_array_equal(project.images.open(record.id).pixels, sparse(number))
            assert project.strokes.plane(record.id, 0)[0, 0] == 1 + number
            assert decoder.thumbnail(record, 32).result().shape == (32, 32, 3)
    decoder.stop()


def test_images_in_memory_with_the_same_fingerprint_have_copies_of_their_own(tmp_path: Path) -> None:
    with Project(tmp_path / "p.unet") as project:
        for _ in range(2):
            for number in range(3):
                project.add_image(Image("spot", sparse(number), "yx"))
        records = project.images.all()
        assert len({record.path for record in records}) == len(records) == 3
        for number, record in enumerate(records):
            np.testing.assert_array_equal(project.images.open(record.id).pixels, sparse(number))


@pytest.mark.parametrize("name", ["copy.tif", "copy.npy"])
@pytest.mark.parametrize("number", [0, 1])
def test_the_same_pixels_are_one_image_wherever_they_lie(tmp_path: Path, name: str, number: int) -> None:
    """Whether it was the first of its fingerprint or not; the file that is known stays the one that is opened."""
    with Project(tmp_path / "p.unet") as project:
        records = [added(project, written(tmp_path / f"im{each}.tif", sparse(each))) for each in range(2)]
        assert added(project, written(tmp_path / "other" / name, sparse(number))) == records[number]
        assert project.images.count() == 2


def test_the_first_of_a_fingerprint_is_remembered_by_it_alone(tmp_path: Path) -> None:
    """Images of older projects stay what they are, and their blocks on their side of the split."""
    with Project(tmp_path / "p.unet") as project:
        first, second = (added(project, written(tmp_path / f"{each}.tif", sparse(each))) for each in range(2))
    assert first.fingerprint == first.sampled_fingerprint == second.sampled_fingerprint
    assert second.fingerprint != first.fingerprint


@pytest.mark.parametrize(("shape", "found", "corrected"), [((3, 12, 9), "zyx", "cyx"), ((12, 9, 4), "yxc", "cyx")])
def test_an_image_whose_axes_were_corrected_is_known(
    tmp_path: Path, shape: tuple[int, ...], found: str, corrected: str
) -> None:
    """As it was found, whatever its axes and channels are called now, and with its alpha channel."""
    image = Image("stack", np.random.default_rng(0).integers(0, 99, shape, np.uint8), found, alpha=shape[-1] == 4)
    with Project(tmp_path / "p.unet") as project:
        record = project.add_image(image)
        project.images.set_axes(record.id, corrected)
        project.images.set_channels(record.id, [0, 2])
        assert project.add_image(image).id == record.id


def test_an_image_given_twice_is_told(tmp_path: Path) -> None:
    """The labels of its copy replace those that came with it, as those of a later call would."""
    images = [written(tmp_path / f"im{each}.tif", sparse(0)) for each in range(2)]
    labels = [written(tmp_path / f"lb{each}.tif", np.full((SIDE, SIDE), 1 + each, np.uint8)) for each in range(2)]
    with Project(tmp_path / "p.unet") as project:
        files = checked_label_files(project.folder, list(zip(images, labels, strict=True)), (), "classes")
        assert [record.id for record in files.add_to(project)] == [1, 1]
        assert [line[:6] for line in project.notices] == ["NU-I21"]
        assert str(labels[1]) in project.notices[0]


def test_an_image_that_was_moved_is_found_when_it_is_added_again(tmp_path: Path) -> None:
    """It opens from where it lies now, and keeps its strokes."""
    here = written(tmp_path / "a.tif", sparse(0))
    with Project(tmp_path / "p.unet") as project:
        project.add_class()
        record = added(project, here)
        project.commit(record.id, 0, np.ones((SIDE, SIDE), np.uint8))
        there = here.rename(tmp_path / "b.tif")
        again = added(project, there)
        assert (again.id, again.path) == (record.id, there)
        assert project.images.open(record.id).height == SIDE
        assert project.strokes.plane(again.id, 0).all()


def test_an_image_is_found_where_another_took_the_place_of_its_file(tmp_path: Path) -> None:
    here = written(tmp_path / "a.tif", sparse(0))
    with Project(tmp_path / "p.unet") as project:
        record = added(project, here)
        there = here.rename(tmp_path / "b.tif")
        written(here, np.ones((SIDE, SIDE), np.uint8))
        assert (added(project, there).id, added(project, here).id) == (record.id, 2)
        assert [each.path for each in project.images.all()] == [there, here]


def test_another_image_does_not_take_the_place_of_one_that_is_gone(tmp_path: Path) -> None:
    """The hash of all bytes tells them apart where the pixels of the one that is gone can be compared no more."""
    here = written(tmp_path / "a.tif", sparse(0))
    with Project(tmp_path / "p.unet") as project:
        record = added(project, here)
        ContentHashes(project.folder, read_only=False).check(record)
        there = here.rename(tmp_path / "b.tif")
        assert added(project, written(tmp_path / "c.tif", sparse(1))).id == 2
        assert added(project, there).id == record.id
        assert [each.path.name for each in project.images.all()] == ["b.tif", "c.tif"]


def test_a_file_that_is_known_by_its_place_is_not_compared(tmp_path: Path) -> None:
    """Adding a folder again costs no look at every pixel."""
    opened: list[ImageRecord] = []
    path = written(tmp_path / "a.tif", sparse(0))
    with Project(tmp_path / "p.unet") as project:
        record = added(project, path)
        assert (
            project.images.add(open_image(path), path, lambda known: opened.append(known) or open_image(path)) == record
        )
    assert opened == []
