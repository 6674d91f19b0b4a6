"""A project folder: the one place where images, classes, strokes, settings and scores live."""

import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

import msgspec
import numpy as np
from jaxtyping import Bool, Int64, UInt8

from napari_unet import storage
from napari_unet.config import Settings, settings_from
from napari_unet.errors import UserError
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.recently_used import RecentlyUsed
from napari_unet.images.tiled_plane import TiledPlane, TilePlace
from napari_unet.images.tiles import Region
from napari_unet.project import kept_strokes, schema, strokes, test_areas, unsaved_strokes
from napari_unet.project.classes import ClassLabel, default_colour, default_name
from napari_unet.project.correction import chosen_channels, corrected_axes, refuse_pixel_size, with_slice_distance
from napari_unet.project.image_record import SELECT_IMAGES, ImageRecord, image_record
from napari_unet.project.log_flusher import LogFlusher
from napari_unet.project.recorded_image import open_recorded
from napari_unet.project.split import BlockSide, held_out_pixels, outside
from napari_unet.project.writer_lock import WriterLock

DATABASE = "project.sqlite"
MAXIMUM_CLASS = 255
_STROKES_BYTES = 128 * 2**20  # of planes kept unpacked


_DAMAGE = (sqlite3.DatabaseError, ValueError, TypeError, LookupError, OverflowError, zlib.error)
P = ParamSpec("P")
T = TypeVar("T")


def _damage_told(read: Callable[P, T]) -> Callable[P, T]:
    """Of a method that reads: what a damaged or foreign database makes of it is one line."""

    @wraps(read)
    def told(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return read(*arguments, **named)
        except sqlite3.OperationalError as error:  # a drive that is gone, another program that holds the database
            what = f"the project cannot be read ({error})"
            raise UserError("NU-P01", what, DATABASE, "check the drive and the folder, then try again") from error
        except _DAMAGE as error:
            what = f"the project holds something that it cannot hold ({' '.join(str(error).split())[:160]})"
            fix = "run napari-unet verify --repair, or restore the project from a copy"
            raise UserError("NU-P12", what, DATABASE, fix) from error

    return told


class Project:
    """An open ``NAME.unet`` folder. The window (or the command line) writes; a worker opens it read-only.

    Parameters
    ----------
    folder : opened if it is a project, else created
    read_only : refuse every write; the folder must exist

    Raises
    ------
    UserError
        NU-P01 not a project, NU-E01 the folder cannot be made; for writing also NU-P02 made by a newer version, NU-P09
        open elsewhere, NU-P10 the folder cannot be written.
    """

    def __init__(self, folder: Path | str, *, read_only: bool = False) -> None:
        self.folder = Path(folder).absolute()
        self.read_only = read_only
        file = self.folder / DATABASE
        if not file.exists():
            self._refuse_or_make(file)
        _refuse_links(self.folder)
        self._flusher = LogFlusher(file.with_name(f"{DATABASE}-wal"))
        self._database = schema.connect(file, read_only=read_only)
        self._lock: WriterLock | None = None
        if not read_only:
            try:
                self._lock = WriterLock(self.folder)
                schema.prepare(self._database, file)
                for folder in (self.folder, self.models, self.folder / "images"):
                    storage.remove_abandoned(folder)
            except UserError:
                self.close()
                raise
        self._planes: RecentlyUsed[tuple[int, int], TiledPlane] = RecentlyUsed(
            _STROKES_BYTES, lambda stored: stored.nbytes
        )
        self._counts: dict[int, Int64[np.ndarray, 256]] | None = None  # by image
        self.notices: list[str] = []  # what was found damaged or came back, for the user
        if not read_only:
            self._take_back_strokes()

    def __enter__(self) -> "Project":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the use of the folder; everything is already on disk."""
        self._flusher.stop()
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    def flush(self) -> None:
        """Wait until everything is safe from a power cut too; it is so within a second anyway."""
        self._flusher.now()

    @property
    def is_newer(self) -> bool:
        """Whether a newer version made it; what that version added is not seen here."""
        return schema.version_of(self._database) > schema.VERSION

    def refuse_when_read_only(self) -> None:
        """UserError NU-P11 when nothing may be changed."""
        if self.read_only:
            raise UserError(
                "NU-P11",
                "the project is open read-only and nothing in it can be changed",
                str(self.folder),
                "close it elsewhere and open it again; what is painted now is not saved",
            )

    def refuse_when_gone(self) -> None:
        """Raise NU-P24 where the folder was moved or deleted meanwhile: nothing of it is made anew."""
        if not (self.folder / DATABASE).exists():
            what, fix = "the project's folder is gone", "put it back; what is painted now stays on its layer until then"
            raise UserError("NU-P24", what, str(self.folder), fix)

    # Images

    @_damage_told
    def images(self) -> list[ImageRecord]:
        """In the order in which they were added."""
        return [image_record(row, self.folder) for row in self._database.execute(f"{SELECT_IMAGES} ORDER BY id")]

    @_damage_told
    def image(self, image_id: int) -> ImageRecord:
        """One image's record."""
        row = self._database.execute(f"{SELECT_IMAGES} WHERE id = ?", (image_id,)).fetchone()
        if row is None:
            raise UserError(
                "NU-P05", f"there is no image {image_id}", str(self.folder), "choose one of the project's images"
            )
        return image_record(row, self.folder)

    @_damage_told
    def channels(self) -> int | None:
        """Of its first image; None when there is none."""
        row = self._database.execute(f"{SELECT_IMAGES} ORDER BY id LIMIT 1").fetchone()
        return None if row is None else image_record(row, self.folder).channels

    def add_image(self, image: Image, source: Path | None = None) -> ImageRecord:
        """Remember an image by its file, or copy its pixels into the project when ``source`` is None.

        An image with the same fingerprint is not added twice.
        """
        fingerprint = image.fingerprint()
        known = self._database.execute("SELECT id FROM images WHERE fingerprint = ?", (fingerprint,)).fetchone()
        if known is not None:
            return self.image(known[0])
        inside = source is None
        path = self._copy_pixels(image, fingerprint) if source is None else Path(source).absolute()
        size, chosen = image.pixel_size, self.channels_of_new(image)
        chosen = () if len(chosen) == image.all_channels else chosen
        with self._transaction() as database:
            row = database.execute(
                "INSERT INTO images (name, reference, relative, inside, shape, dtype, axes, alpha, pixel_y, pixel_x, "
                "unit, fingerprint, chosen_channels, pixel_z) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (image.name, str(path), self._relative(path), int(inside), json.dumps(list(image.pixels.shape)),
                 np.dtype(image.pixels.dtype).str, image.axes, int(image.alpha), size.y, size.x,
                 size.unit, fingerprint, json.dumps(chosen), size.z),
            ).fetchone()  # fmt: skip
        return self.image(row[0])

    def open_pixels(self, image_id: int) -> Image:
        """The image itself, read lazily.

        Raises
        ------
        UserError
            NU-P04 when the file is gone, NU-P06 when it is another image now.
        """
        return open_recorded(self.image(image_id))

    def set_pixel_size(self, image_id: int, pixel_size: PixelSize) -> None:
        """Correct the pixel size of an image; its file stays as it is. Who has it open opens it anew.

        Without a distance between slices, the one that is known stays where the unit does.

        Raises
        ------
        UserError
            NU-I30 when it is no length above 0 in a unit of ``PIXEL_UNITS``.
        """
        record = self.image(image_id)
        refuse_pixel_size(pixel_size, record.name)
        size = with_slice_distance(pixel_size, record.pixel_size)
        with self._transaction() as database:
            database.execute(
                "UPDATE images SET pixel_y = ?, pixel_x = ?, unit = ?, pixel_z = ? WHERE id = ?",
                (size.y, size.x, size.unit, size.z, image_id),
            )

    def set_axes(self, image_id: int, axes: str) -> None:
        """Correct the names of the axes of an image on which nothing was painted, one letter each as in ``Image``.

        It stays the image that it was: added again as its file says, it is known. Who has it open opens it anew.

        Raises
        ------
        UserError
            NU-I32 when they do not fit, NU-I33 when strokes or test areas lie on its planes, NU-I09 when other images
            that are painted on have another number of channels.
        """
        record = self.image(image_id)
        corrected = replace(record, axes=corrected_axes(record, axes))
        self._refuse_painted(record)
        self._refuse_other_channels(replace(corrected, chosen=()))
        with self._transaction() as database:
            database.execute(
                "UPDATE images SET corrected_axes = ?, chosen_channels = '[]' WHERE id = ?", (corrected.axes, image_id)
            )
        for key in self._planes:
            if key[0] == image_id:
                self._planes.drop(key)

    def set_channels(self, image_id: int, chosen: Sequence[int]) -> None:
        """Choose the channels of an image that a network sees, counted from 0, before it is painted on.

        The same are chosen of all other images with as many channels on which nothing was painted, and of those that
        join the project later. Who has them open opens them anew.

        Raises
        ------
        UserError
            NU-I34 when nothing is chosen or it is not there, NU-I33 when strokes or test areas lie on the image, NU-I09
            when other images that are painted on have another number of channels.
        """
        record = self.image(image_id)
        corrected = replace(record, chosen=chosen_channels(record, chosen))
        self._refuse_painted(record)
        self._refuse_other_channels(corrected)
        alike = [other.id for other in self.images() if other.all_channels == record.all_channels]
        unpainted = [other for other in alike if not self._is_painted(other)]
        with self._transaction() as database:
            database.executemany(
                "UPDATE images SET chosen_channels = ? WHERE id = ?",
                [(json.dumps(corrected.chosen), other) for other in unpainted],
            )

    @_damage_told
    def channels_of_new(self, image: Image) -> tuple[int, ...]:
        """Which channels of an image that joins the project a network would see: those of the one chosen last."""
        query = f"{SELECT_IMAGES} WHERE chosen_channels != '[]' ORDER BY id DESC LIMIT 1"
        row = self._database.execute(query).fetchone()
        last = None if row is None else image_record(row, self.folder)
        is_like = last is not None and last.all_channels == image.all_channels
        return last.chosen if last is not None and is_like else tuple(range(image.all_channels))

    def _is_painted(self, image_id: int) -> bool:
        return bool(self.painted_planes(image_id)) or any(self.test_areas(image_id).values())

    def _refuse_painted(self, image: ImageRecord) -> None:
        if self._is_painted(image.id):
            what = "its axes and channels cannot be others once it was painted on"
            raise UserError("NU-I33", what, image.name, "add it to a new project and correct it there")

    def _refuse_other_channels(self, image: ImageRecord) -> None:
        for other in self.images():
            if other.channels != image.channels and other.id != image.id and self.painted_planes(other.id):
                what = f"it would have {image.channels} channels and those that are painted on have {other.channels}"
                raise UserError("NU-I09", what, image.name, "keep images of one kind in a project")

    def relocate(self, image_id: int, path: Path) -> None:
        """Point to where an image file lies now."""
        with self._transaction() as database:
            database.execute(
                "UPDATE images SET reference = ?, relative = ? WHERE id = ?",
                (str(path.absolute()), self._relative(path.absolute()), image_id),
            )

    # Classes

    @_damage_told
    def classes(self) -> list[ClassLabel]:
        """Those that are not removed, by id."""
        rows = self._database.execute("SELECT id, name, colour FROM classes WHERE NOT removed ORDER BY id")
        return [ClassLabel(*row) for row in rows]

    def add_class(self, name: str | None = None, colour: str | None = None) -> ClassLabel:
        """A new class; its id was never used before."""
        with self._transaction() as database:
            highest = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'classes'").fetchone()
            class_id = (highest[0] if highest else 0) + 1
            if class_id > MAXIMUM_CLASS:
                raise UserError(
                    "NU-A06",
                    f"a project holds {MAXIMUM_CLASS} classes at most",
                    str(self.folder),
                    "start a new project",
                )
            label = ClassLabel(class_id, name or default_name(class_id), colour or default_colour(class_id))
            database.execute(
                "INSERT INTO classes (id, name, colour) VALUES (?, ?, ?)", (label.id, label.name, label.colour)
            )
        return label

    def change_class(self, class_id: int, *, name: str | None = None, colour: str | None = None) -> None:
        """Rename or recolour."""
        with self._transaction() as database:
            database.execute(
                "UPDATE classes SET name = COALESCE(?, name), colour = COALESCE(?, colour) WHERE id = ?",
                (name, colour, class_id),
            )

    def remove_class(self, class_id: int) -> None:
        """Stop learning a class; its strokes and its id stay in the project."""
        with self._transaction() as database:
            database.execute("UPDATE classes SET removed = 1 WHERE id = ?", (class_id,))

    # Strokes

    @property
    @_damage_told
    def revision(self) -> int:
        """Grows with every committed change of strokes or test areas; 0 when there was none yet."""
        query = (
            "SELECT COALESCE(MAX(newest), 0) FROM "
            "(SELECT MAX(revision) AS newest FROM tiles UNION SELECT MAX(revision) FROM test_areas)"
        )
        return int(self._database.execute(query).fetchone()[0])

    @_damage_told
    def annotation(self, image_id: int, plane: int, region: Region | None = None) -> UInt8[np.ndarray, "h w"]:
        """Stored strokes of a plane, or of a region inside it: 0 unlabelled, else the class id. A copy."""
        stored = self._stored(image_id, plane)
        return stored[:] if region is None else stored[region.slices]

    @_damage_told
    def newer_tiles(self, image_id: int, plane: int, since: int) -> dict[TilePlace, UInt8[np.ndarray, "_ _"]]:
        """Stored tiles of a plane that changed after a revision; damaged ones are left out."""
        tiles = strokes.read_tiles(self._database, image_id, plane, self.image(image_id).annotation_shape[-2:], since)
        whole = (tile for tile in tiles if not isinstance(tile, strokes.DamagedTile))
        return {TilePlace(key.row, key.column): labels for key, labels in whole}

    def commit(
        self, image_id: int, plane: int, labels: UInt8[np.ndarray, "h w"], region: Region | None = None
    ) -> list[tuple[int, int]]:
        """Make the stored strokes of a plane equal to ``labels`` in one transaction; where the changed tiles are.

        With a ``region`` inside the plane, ``labels`` are those of the region, and strokes elsewhere stay. When this
        returns, a kill of the process loses nothing of it.

        Raises
        ------
        UserError
            NU-A07 shape other than the plane's or the region's, NU-P07 the disk does not take it.
        """
        stored = self._stored(image_id, plane)
        region = Region(0, 0, *stored.shape) if region is None else region
        if labels.shape != region.shape:
            raise UserError(
                "NU-A07",
                f"strokes of shape {labels.shape} do not fit the plane's {region.shape}",
                self.image(image_id).name,
                "paint on a layer of the image's size",
            )
        changed = strokes.changed_tiles(stored, labels, region)
        if not changed:
            return []
        fingerprint = self.image(image_id).fingerprint
        # Before the write, or the change would count twice.
        counts = self._counted().setdefault(image_id, np.zeros(256, np.int64))
        areas = self.test_areas(image_id).get(plane, ())
        with self._transaction() as database:
            revision = self.revision + 1
            for place, tile in changed.items():
                key = strokes.TileKey(image_id, plane, *place)
                strokes.write_tile(database, key, tile, revision)
                strokes.hold_out(database, key, _learnable(stored.area(place), tile, areas), fingerprint)
        for place, tile in changed.items():
            before = stored.tile(place)
            counts += np.bincount(tile.ravel(), minlength=256) - np.bincount(before.ravel(), minlength=256)
            stored.tiles[place] = tile
        self._planes.drop((image_id, plane))  # to be counted with its new size
        self._planes.get((image_id, plane), lambda: stored)
        return [*changed]

    def keep_elsewhere(
        self, image: ImageRecord, planes: Mapping[int, UInt8[np.ndarray, "h w"]], region: Region | None = None
    ) -> Path:
        """Write what of these labels is not saved outside of the project, which takes it back when it is opened.

        They are those of a region, or of whole planes.

        Raises
        ------
        UserError
            NU-P22 when no place takes it.
        """
        region = Region(0, 0, *image.annotation_shape[-2:]) if region is None else region
        unsaved = [
            unsaved_strokes.unsaved_plane(
                image.fingerprint, plane, region, self.annotation(image.id, plane, region), labels
            )
            for plane, labels in planes.items()
        ]
        return unsaved_strokes.keep(unsaved_strokes.UnsavedStrokes(str(self.folder), tuple(unsaved)))

    def acceptable(
        self,
        image_id: int,
        plane: int,
        predicted: UInt8[np.ndarray, "h w"],
        region: Region | None = None,
        *,
        repaint: bool = False,
    ) -> UInt8[np.ndarray, "h w"]:
        """Those of the predicted labels that may be painted as the user's own: what is held out stays unlabelled.

        A network that is scored on what it predicted itself agrees with itself. So test areas and blocks that are held
        out take no predicted label, and the others that this touches are trained on for ever. What is painted already
        stays, unless it is to be repainted. ``predicted`` is that of a ``region`` inside the plane, or of all of it.
        """
        stored = self._stored(image_id, plane)
        region = Region(0, 0, *stored.shape) if region is None else region
        kept = np.isin(predicted, [label.id for label in self.classes()])
        if not repaint:
            kept &= stored[region.slices] == 0
        labels = np.where(kept, predicted, 0).astype(np.uint8)
        origin = (region.y0, region.x0)
        labels[held_out_pixels(labels, plane, self.sides(image_id), origin=origin)] = 0
        labels = _learnable(region, labels, self.test_areas(image_id).get(plane, ()))
        with self._transaction() as database:
            strokes.keep_for_training(database, image_id, plane, labels, origin)
        return labels

    @_damage_told
    def labelled_pixels(self) -> dict[int, int]:
        """Painted pixels per class over all images."""
        counts = sum(self._counted().values(), np.zeros(256, np.int64))
        return {label.id: int(counts[label.id]) for label in self.classes()}

    @_damage_told
    def labelled_pixels_by_image(self) -> dict[int, int]:
        """Painted pixels per image id over all classes; images without any are left out."""
        ids = [label.id for label in self.classes()]
        return {image_id: int(total) for image_id, c in self._counted().items() if (total := c[ids].sum())}

    @_damage_told
    def painted_planes(self, image_id: int) -> list[int]:
        """Planes of an image that were ever painted on."""
        rows = self._database.execute("SELECT DISTINCT plane FROM tiles WHERE image_id = ? ORDER BY 1", (image_id,))
        return [row[0] for row in rows]

    @_damage_told
    def changed_planes(self, since: int) -> list[tuple[int, int]]:
        """(image id, plane) of every painted plane with newer strokes or test areas; cached strokes are dropped."""
        rows = self._database.execute(
            "SELECT image_id, plane FROM tiles WHERE revision > :since UNION SELECT image_id, plane FROM test_areas "
            "JOIN tiles USING (image_id, plane) WHERE test_areas.revision > :since ORDER BY 1, 2",
            {"since": since},
        ).fetchall()
        for key in rows:
            self._planes.drop(key)
        return rows

    @_damage_told
    def sides(self, image_id: int) -> list[BlockSide]:
        """Which blocks of an image are held out."""
        return strokes.sides_of(self._database, image_id)

    def keep_stroke(
        self,
        image_id: int,
        plane: int,
        class_id: int,
        pixels: Bool[np.ndarray, "h w"],
        origin: tuple[int, int] = (0, 0),
    ) -> None:
        """Remember that these pixels, which begin at row and column ``origin``, are right, whatever a network says."""
        with self._transaction() as database:
            kept_strokes.keep_stroke(database, image_id, plane, class_id, pixels, origin)

    @_damage_told
    def kept_labels(self, image_id: int, plane: int, region: Region | None = None) -> UInt8[np.ndarray, "h w"]:
        """Class id of each pixel of a plane, or of a region inside it, that the user said is right; 0 elsewhere."""
        whole = Region(0, 0, *self.image(image_id).annotation_shape[-2:])
        return kept_strokes.kept_labels(self._database, image_id, plane, region or whole)

    @_damage_told
    def test_areas(self, image_id: int) -> dict[int, tuple[Region, ...]]:
        """Rectangles of an image that are never trained on, by plane, in pixels."""
        return test_areas.areas_of(self._database, image_id)

    def set_test_areas(self, image_id: int, plane: int, areas: Sequence[Region]) -> bool:
        """Replace the test areas of a plane by these, cut at its rim, in one transaction; whether they are others now.

        What is painted in them, before or after, is not trained on until the area is gone.
        """
        stored = self._stored(image_id, plane)
        wanted = sorted({area.clipped(*stored.shape) for area in areas})
        wanted = [area for area in wanted if 0 not in area.shape]
        if wanted == sorted(self.test_areas(image_id).get(plane, ())):
            return False
        fingerprint = self.image(image_id).fingerprint
        with self._transaction() as database:
            test_areas.write_areas(database, image_id, plane, wanted, self.revision + 1)
            # Strokes that were in an area until now have no side of the split yet.
            for place, tile in sorted(stored.tiles.items()):
                key = strokes.TileKey(image_id, plane, *place)
                strokes.hold_out(database, key, _learnable(stored.area(place), tile, wanted), fingerprint)
        return True

    @_damage_told
    def damaged_tiles(self) -> list[strokes.DamagedTile]:
        """Every stored tile whose bytes are not those that were written."""
        found = []
        for image_id, plane in self._database.execute("SELECT DISTINCT image_id, plane FROM tiles").fetchall():
            shape = self.image(image_id).annotation_shape[-2:]
            tiles = strokes.read_tiles(self._database, image_id, plane, shape)
            found += [tile for tile in tiles if isinstance(tile, strokes.DamagedTile)]
        return found

    def set_aside(self, damaged: Sequence[strokes.DamagedTile]) -> None:
        """Take damaged tiles out of the database; their bytes stay in a folder ``damaged-TIME``.

        Raises
        ------
        UserError
            NU-E01 or NU-P07 when the disk does not take them; they are where they were then.
        """
        try:
            folder = storage.new_folder_aside(self.folder)
        except OSError as error:
            what = f"damaged tiles cannot be set aside ({error.strerror})"
            raise UserError("NU-E01", what, str(self.folder), "check free space and permissions") from error
        for tile in damaged:
            name = "tile-" + "-".join(str(number) for number in tile.key)
            storage.replace_file(folder / name, partial(_write_bytes, tile.packed))
        with self._transaction() as database:
            database.executemany(
                "DELETE FROM tiles WHERE image_id = ? AND plane = ? AND tile_row = ? AND tile_column = ?",
                [tile.key for tile in damaged],
            )
        what = f"{len(damaged)} annotation tiles were damaged and are shown unlabelled"
        fix = "paint there again, or restore the project from a copy"
        self.notices.append(str(UserError("NU-P03", what, f"their bytes are in {folder}", fix)))

    def integrity(self) -> list[str]:
        """SQLite's own findings; [] when the file is sound."""
        try:
            rows = [str(row[0]) for row in self._database.execute("PRAGMA integrity_check")]
            broken = self._database.execute("PRAGMA foreign_key_check").fetchall()
            rows += [f"{table} names an image that is not there" for table in sorted({str(row[0]) for row in broken})]
        except sqlite3.DatabaseError as error:
            rows = [str(error)]
        where, fix = str(self.folder / DATABASE), "run napari-unet verify --repair, or restore the project from a copy"
        return [
            str(UserError("NU-P01", f"the database is damaged ({' '.join(row.split())})", where, fix))
            for row in rows
            if row != "ok"
        ]

    def unreadable_rows(self) -> Iterator[str]:
        """One line per part of the database that holds something else than it should."""
        checks: list[Callable[[], object]] = [lambda: self.settings, self.classes, self.scores, self.damaged_tiles]
        ids = [row[0] for row in self._database.execute("SELECT id FROM images ORDER BY id")]
        for image_id in ids:
            checks += [partial(check, image_id) for check in (self.image, self.sides, self.test_areas)]
            checks += [partial(self.kept_labels, image_id, plane) for plane in self._planes_kept(image_id)]
        for check in checks:
            try:
                check()
            except UserError as error:
                yield str(error)

    def _planes_kept(self, image_id: int) -> list[int]:
        query = "SELECT DISTINCT plane FROM kept_strokes WHERE image_id = ? ORDER BY 1"
        return [row[0] for row in self._database.execute(query, (image_id,))]

    # Settings and scores

    @property
    @_damage_told
    def settings(self) -> Settings:
        """As the user set them; defaults elsewhere."""
        rows = self._database.execute("SELECT name, value FROM settings").fetchall()
        if self.is_newer:
            rows = [row for row in rows if row[0] in Settings.__struct_fields__]
        return settings_from({name: json.loads(value) for name, value in rows})

    @settings.setter
    def settings(self, settings: Settings) -> None:
        values = msgspec.to_builtins(settings_from(msgspec.to_builtins(settings)))
        with self._transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO settings VALUES (?, ?)", [(k, json.dumps(v)) for k, v in values.items()]
            )

    def add_score(self, step: int, record: dict[str, Any]) -> None:
        """Append to the history of scores."""
        with self._transaction() as database:
            database.execute(
                "INSERT INTO scores (recorded, step, record) VALUES (?, ?, ?)",
                (datetime.now(UTC).isoformat(timespec="seconds"), step, json.dumps(record)),
            )

    @_damage_told
    def scores(self, last: int = 1000) -> list[dict[str, Any]]:
        """History of scores, oldest first."""
        rows = self._database.execute("SELECT record FROM scores ORDER BY id DESC LIMIT ?", (last,)).fetchall()
        return [json.loads(row[0]) for row in reversed(rows)]

    @property
    def models(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "models"

    def _take_back_strokes(self) -> None:
        """Commit strokes that an earlier session could not save here; a file that is not taken stays where it is."""
        for path in unsaved_strokes.files():
            try:
                unsaved = unsaved_strokes.read(path)
                ids = {record.fingerprint: record.id for record in self.images()}
                if not unsaved_strokes.belongs(unsaved, self.folder, ids):
                    continue
                for part in unsaved.planes:
                    image_id = ids[part.fingerprint]
                    saved = self.annotation(image_id, part.plane, part.region)
                    self.commit(image_id, part.plane, part.over(saved), part.region)
                self.flush()
                storage.disk.remove(path)
            except UserError as error:
                self.notices.append(str(error))
            except (OSError, ValueError, LookupError, zlib.error) as error:
                what = f"strokes that were kept elsewhere cannot be read ({' '.join(str(error).split())[:160]})"
                self.notices.append(str(UserError("NU-P23", what, str(path), "paint them again and remove the file")))
            else:
                what = "strokes that could not be saved last time are in the project now"
                self.notices.append(str(UserError("NU-P21", what, str(self.folder), "nothing is left to do")))

    def _counted(self) -> dict[int, Int64[np.ndarray, "256"]]:
        if self._counts is None:
            self._counts = {}
            for image_id, part in strokes.all_tiles(self._database):
                counts = self._counts.setdefault(image_id, np.zeros(256, np.int64))
                counts += np.bincount(part.ravel(), minlength=256)
        return self._counts

    def _stored(self, image_id: int, plane: int) -> TiledPlane:
        return self._planes.get((image_id, plane), lambda: self._read(image_id, plane))

    def _read(self, image_id: int, plane: int) -> TiledPlane:
        record = self.image(image_id)
        if not 0 <= plane < record.planes:
            raise UserError(
                "NU-A08",
                f"plane {plane} is outside 0..{record.planes - 1}",
                record.name,
                "choose a plane of the image",
            )
        stored = TiledPlane(record.annotation_shape[-2:], np.uint8)
        damaged = []
        for tile in strokes.read_tiles(self._database, image_id, plane, stored.shape):
            if isinstance(tile, strokes.DamagedTile):
                damaged.append(tile)
            else:
                key, labels = tile
                stored.tiles[TilePlace(key.row, key.column)] = labels
        if damaged and not self.read_only:
            self.set_aside(damaged)  # before anything can be painted over them
        return stored

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self.refuse_when_read_only()
        self.refuse_when_gone()  # POSIX lets us write on into a file that is deleted
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
                self._flusher.soon()
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise UserError(
                "NU-P07",
                f"the project cannot be written ({error})",
                str(self.folder),
                "check free space and permissions; what was saved before is safe",
            ) from error

    def _refuse_or_make(self, file: Path) -> None:
        foreign = self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir()))
        if self.read_only or foreign:
            raise UserError(
                "NU-P01",
                "this is not a napari-unet project",
                str(self.folder),
                "choose a folder NAME.unet or a name that does not exist yet",
            )
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                "NU-E01", f"cannot make the project folder ({error.strerror})", str(self.folder), "choose another place"
            ) from error

    def _copy_pixels(self, image: Image, fingerprint: str) -> Path:
        path = self.folder / "images" / f"{fingerprint[:16]}.npy"
        storage.replace_file(path, lambda temporary: np.save(temporary, np.asarray(image.pixels), allow_pickle=False))
        return path

    def _relative(self, path: Path) -> str:
        try:
            return Path(os.path.relpath(path, self.folder)).as_posix()
        except ValueError:  # another drive on Windows
            return ""


def _refuse_links(folder: Path) -> None:
    """What is written under a link would land elsewhere."""
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        what = f"the project cannot be opened ({error.strerror})"
        raise UserError("NU-P01", what, str(folder), "check the folder and its permissions") from error
    for path in paths:
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise UserError(
                "NU-P13",
                f"the project's {path.name} is a link to a place outside of it",
                str(folder),
                "put the file or folder itself there",
            )


def _write_bytes(data: bytes, path: Path) -> None:
    path.write_bytes(data)


def _learnable(region: Region, labels: UInt8[np.ndarray, "h w"], areas: Sequence[Region]) -> UInt8[np.ndarray, "h w"]:
    """Labels of a region without those in test areas of the plane and the margin around them."""
    return outside(labels, [area.seen_from(region) for area in areas])
