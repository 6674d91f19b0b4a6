"""A project folder: the one place where images, classes, strokes, settings and scores live."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Shaped

from napari_unet.errors import UserError
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.tiles import Region
from napari_unet.project.classes import Classes, ClassLabel
from napari_unet.project.database import Database
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.images import Images
from napari_unet.project.object_strokes import give_ridge_back, labels_of_objects
from napari_unet.project.rescued_strokes import RescuedStrokes
from napari_unet.project.score_history import ScoreHistory
from napari_unet.project.stored_planes import StoredPlanes
from napari_unet.project.stored_settings import StoredSettings
from napari_unet.project.strokes import Source, Strokes
from napari_unet.project.test_areas import TestAreas
from napari_unet.storage import remove_abandoned


class Project:
    """Open a ``NAME.unet`` folder. The window (or the command line) writes; a worker opens it read-only.

    Parameters
    ----------
    folder : opened if it is a project, else created
    read_only : refuse every write; the folder must exist

    Attributes
    ----------
    images, classes, strokes, test_areas, area_checks, settings, scores : what the project holds, to be read and changed
    database : which all of them share
    planes : stored strokes that are held in memory
    rescued : strokes that were kept outside of it, and who the project is
    folder : absolute

    Raises
    ------
    UserError
        NU-P01 not a project, NU-E01 the folder cannot be made; for writing also NU-P02 made by a newer version, NU-P09
        open elsewhere, NU-P10 the folder cannot be written, NU-P26 the disk is full.
    """

    def __init__(self, folder: Path | str, *, read_only: bool = False) -> None:
        self.folder = Path(folder).absolute()
        self.database = Database(self.folder, read_only=read_only)
        self.planes = StoredPlanes(self.database)
        self.images = Images(self.database, self.planes)
        self.classes = Classes(self.database)
        self.test_areas = TestAreas(self.database, self.planes)
        self.area_checks = self.test_areas.checks
        self.strokes = Strokes(self.database, self.planes, self.classes, self.test_areas)
        self.rescued = RescuedStrokes(self.database, self.images, self.strokes)
        self.settings = StoredSettings(self.database)
        self.scores = ScoreHistory(self.database)
        if not read_only:
            for place in (self.folder, self.models, self.folder / "images"):
                remove_abandoned(place)
            self.rescued.take_back()

    def __enter__(self) -> "Project":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the use of the folder. Everything is already on disk."""
        self.database.close()

    def flush(self) -> None:
        """Wait until everything is safe from a power cut too. Without this it is so within a second."""
        self.database.flush()

    @property
    def read_only(self) -> bool:
        """Tell whether every write is refused."""
        return self.database.read_only

    @property
    def is_newer(self) -> bool:
        """Tell whether a newer version made the project; what that version added is not seen here."""
        return self.database.is_newer

    @property
    def notices(self) -> list[str]:
        """Return lines for the user about what was found damaged or came back."""
        return self.database.notices

    @property
    def models(self) -> Path:
        """Return the folder of the checkpoints."""
        return self.folder / "models"

    def add_image(self, image: Image, source: Path | str | None = None) -> ImageRecord:
        """Add an image: ``images.add`` under the name that scripts use."""
        return self.images.add(image, source)

    def set_pixel_size(self, image_id: int, pixel_size: PixelSize) -> None:
        """Correct the pixel size of an image: ``images.set_pixel_size`` under the name that scripts use."""
        self.images.set_pixel_size(image_id, pixel_size)

    def add_class(self, name: str | None = None, colour: str | None = None) -> ClassLabel:
        """Add a class: ``classes.add`` under the name that scripts use."""
        return self.classes.add(name, colour)

    def commit(
        self,
        image_id: int,
        plane: int,
        labels: Shaped[np.ndarray, "h w"],
        region: Region | None = None,
        *,
        source: Source = "hand",
    ) -> list[tuple[int, int]]:
        """Store the strokes of a plane: ``strokes.commit`` under the name that scripts use.

        Returns
        -------
        Rows and columns of the tiles that changed.
        """
        committed = self.strokes.commit(image_id, plane, labels, region, source=source)
        return [(place.row, place.column) for place in committed.tiles]

    def add_objects(
        self,
        image_id: int,
        plane: int,
        objects: Shaped[np.ndarray, "h w"],
        *,
        class_id: int = 2,
        rim: int = 0,
    ) -> list[tuple[int, int]]:
        """Annotate every pixel of a plane by numbered objects, see ``object_strokes.labels_of_objects``.

        Raises
        ------
        UserError
            NU-A12 for a class that there is not, and what ``commit`` and ``labels_of_objects`` raise; nothing is
            changed then.

        Returns
        -------
        Rows and columns of the tiles that changed.
        """
        record = self.images.get(image_id)
        self.classes.refuse_unknown(class_id)
        labels = labels_of_objects(objects, record, class_id, rim)
        changed = self.commit(image_id, plane, labels, source="import")
        give_ridge_back(self.settings)
        return changed

    def integrity(self) -> list[str]:
        """Return one line for each finding of SQLite's own check, [] when the file is sound."""
        return self.database.integrity()

    def unreadable_rows(self) -> Iterator[str]:
        """Yield one line per part of the database that holds something else than it should."""
        checks: list[Callable[[], object]] = [
            self.settings.read, self.classes.all, self.scores.all, self.strokes.damaged_tiles
        ]  # fmt: skip
        ids = [row[0] for row in self.database.execute("SELECT id FROM images ORDER BY id")]
        for image_id in ids:
            readers = (self.images.get, self.strokes.sides, self.test_areas.of, self.area_checks.of)
            checks += [partial(read, image_id) for read in readers]
            planes = self.strokes.kept_planes(image_id)
            checks += [partial(self.strokes.kept_labels, image_id, plane) for plane in planes]
        for check in checks:
            try:
                check()
            except UserError as error:
                yield str(error)
