"""The labelled images that the benchmarks use; they lie beside the repository and are never part of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from skimage import io

from napari_unet.images.image import Image
from napari_unet.images.reading import open_image

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LARGEST_SIDE = 1024  # of an image, for time; what is larger is cropped to its top left part
TRAINING_IMAGES = 2
TEST_IMAGES = 5
_OBJECTS = ("background", "object")


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Images of one modality with a mask each.

    Attributes
    ----------
    name : for tables and ``--sets``
    folder : below ``DATA``
    modality : for people
    classes : by mask value; masks of numbered objects have two, value 0 and everything else
    prefix : of the file names that belong to the set
    """

    name: str
    folder: str
    modality: str
    classes: tuple[str, ...] = _OBJECTS
    prefix: str = ""

    @property
    def images(self) -> Path:
        """The folder with the images."""
        return DATA / self.folder / "images"


@dataclass(frozen=True, slots=True)
class Picture:
    """An image and the class index of each of its pixels."""

    image: Image
    truth: np.ndarray


SETS = (
    LabelledSet("bbbc039-u2os", "bbbc039-u2os", "fluorescence nuclei"),
    LabelledSet("dsb2018-fluo", "dsb2018-stage1", "fluorescence nuclei, mixed", prefix="fluo"),
    LabelledSet("dsb2018-stained", "dsb2018-stage1", "stained tissue, RGB", prefix="stained"),
    LabelledSet("usiigaci-phc", "usiigaci-phc", "phase contrast"),
    LabelledSet("axon-myelin-sem", "axon-myelin-sem", "SEM", ("background", "myelin", "axon")),
    LabelledSet("nucleolus-fluo", "nucleolus-fluo", "fluorescence", ("background", "nucleolus", "nucleoplasm")),
)

# That base16 has not seen; base32 has. The annotator corrects them only where they are named.
UNSEEN_SETS = (
    LabelledSet("nasa-superalloy-sem", "nasa-superalloy-sem", "SEM of an alloy", ("matrix", "large", "tiny")),
    LabelledSet("nasa-coating-sem", "nasa-coating-sem", "SEM of a coating", ("background", "oxide", "crack")),
    LabelledSet("ocdc-he", "ocdc-he", "H&E", ("other", "tumour")),
)

# For choosing what a rival may choose, so never in a table.
TUNING_SET = LabelledSet("emps-particles", "emps-particles", "electron microscopy of particles")


def set_named(name: str) -> LabelledSet:
    known = {labelled_set.name: labelled_set for labelled_set in (*SETS, *UNSEEN_SETS)}
    if name not in known:
        raise SystemExit(f"there is no set '{name}': choose from {', '.join(known)}")
    return known[name]


def base_for(labelled_set: LabelledSet, base: str, folder: Path | None) -> str:
    """Return base weights that have not seen the set, where a folder of such is given; ``base`` otherwise."""
    if folder is None:
        return base
    path = folder / f"{labelled_set.name}.safetensors"
    if not path.is_file():
        raise SystemExit(f"{path} is missing: base weights that have not seen {labelled_set.name}")
    return str(path)


def choose_pictures(labelled_set: LabelledSet, seed: int) -> tuple[list[Picture], list[Picture]]:
    """Draw two images to learn on and up to five others to test on by the seed; images that lack a class are out."""
    wanted = TRAINING_IMAGES + TEST_IMAGES
    chosen = [picture for picture, _ in zip(_complete(labelled_set, seed), range(wanted), strict=False)]
    if len(chosen) <= TRAINING_IMAGES:
        raise SystemExit(f"{labelled_set.images} has too few images with every class")
    return chosen[:TRAINING_IMAGES], chosen[TRAINING_IMAGES:]


def read_picture(labelled_set: LabelledSet, path: Path) -> Picture:
    mask = next((path.parent.parent / "masks").glob(f"{path.stem}.*"))
    values = io.imread(mask)
    truth = (values > 0 if labelled_set.classes == _OBJECTS else values).astype(np.uint8)
    if truth.max() >= len(labelled_set.classes):
        raise SystemExit(f"{mask} has the value {truth.max()}, more than {labelled_set.name} has classes")
    image = open_image(path)
    rows_and_columns = (slice(LARGEST_SIDE), slice(LARGEST_SIDE))
    if image.axes[:2] != "yx":
        raise SystemExit(f"{path} has the axes {image.axes}, not y and x first")
    return Picture(replace(image, pixels=np.asarray(image.pixels)[rows_and_columns]), truth[rows_and_columns])


def mirrored(picture: Picture, side: int) -> Picture:
    """Return the picture as a square of that side: its top left part, mirrored at the edges where it is smaller."""
    pixels = np.asarray(picture.image.pixels)[:side, :side]
    truth = picture.truth[:side, :side]
    missing = [(0, side - length) for length in truth.shape]
    channels = [(0, 0)] * (pixels.ndim - 2)
    image = replace(picture.image, pixels=np.pad(pixels, [*missing, *channels], mode="reflect"))
    return Picture(image, np.pad(truth, missing, mode="reflect"))


def _complete(labelled_set: LabelledSet, seed: int) -> Iterator[Picture]:
    if not labelled_set.images.is_dir():
        raise SystemExit(f"{labelled_set.images} is missing: the benchmarks need the labelled sets there")
    # The plugin puts the project of an image file beside it.
    paths = sorted(path for path in labelled_set.images.glob(f"{labelled_set.prefix}*") if path.suffix != ".unet")
    for index in np.random.default_rng(seed).permutation(len(paths)):
        picture = read_picture(labelled_set, paths[index])
        if len(np.unique(picture.truth)) == len(labelled_set.classes):
            yield picture
