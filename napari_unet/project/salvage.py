"""Copy what can still be read of a damaged database into a new one; the damaged one is set aside, never written."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet import storage
from napari_unet.errors import UserError
from napari_unet.project import schema
from napari_unet.project.classes import default_colour, default_name
from napari_unet.project.stored_tiles import all_tiles

_TABLES = (
    *("images", "classes", "tiles", "blocks", "scores", "settings", "kept_strokes", "test_areas", "area_checks"),
    *("project_ids", "taken_strokes"),
)


def salvage(file: Path) -> Path:
    """Put a database of the readable rows in the place of a damaged one.

    Returns
    -------
    The folder that holds the damaged one now.

    Raises
    ------
    UserError
        NU-E01 when the disk does not take the new one, NU-P10 when the damaged one cannot be moved, NU-P01 when no row
        can be read, NU-P12 with a view or trigger. Nothing has changed then.
    """
    fresh = file.with_name(f"{storage.TEMPORARY_PREFIX}salvaged.sqlite")
    try:
        storage.disk.remove(fresh)
        _copy(file, fresh)
        storage.disk.flush(fresh)  # whole before the damaged one goes: then only names change, which takes no room
        aside = storage.set_aside(*[path for path in _files(file) if path.exists()])
        if aside is None:
            raise UserError(
                "NU-P10", "the damaged database cannot be moved", str(file.parent), "change the folder's permissions"
            )
        _put_in_place(fresh, file, aside)
    except sqlite3.Error as error:
        what = f"the readable part cannot be written ({error})"
        raise UserError("NU-E01", what, str(file), "check free space, then try again") from error
    except OSError as error:
        raise storage.refusal(error, file) from error
    finally:
        with contextlib.suppress(OSError):
            storage.disk.remove(fresh)
    return aside


def _put_in_place(fresh: Path, file: Path, aside: Path) -> None:
    """Give the new database its name; where that fails, the files that were set aside get theirs back."""
    try:
        storage.disk.move(fresh, file)
    except OSError:
        for path in _files(file):
            with contextlib.suppress(OSError):
                if (aside / path.name).exists():
                    storage.disk.move(aside / path.name, path)
        with contextlib.suppress(OSError):
            aside.rmdir()
        raise
    with contextlib.suppress(OSError):
        storage.disk.flush_folder(file.parent)


def _files(file: Path) -> list[Path]:
    return [file.with_name(file.name + ending) for ending in ("", "-wal", "-shm", "-journal")]


def _copy(file: Path, fresh: Path) -> None:
    target = sqlite3.connect(fresh, isolation_level=None)
    try:
        schema.update(target, 0)
        target.execute("BEGIN")
        # From a copy: SQLite may write into a database when it opens or closes it.
        with storage.temporary_folder() as folder:
            for path in _files(file):
                if path.exists() and not path.name.endswith("-shm"):
                    shutil.copyfile(path, folder / path.name)
            with contextlib.closing(sqlite3.connect(folder / file.name, isolation_level=None)) as source:
                source.text_factory = lambda raw: raw.decode("utf-8", "replace")
                # SQLite reads nothing of a file with fewer pages than its first one says, unless it is told this.
                source.execute("PRAGMA writable_schema = ON")
                _refuse_unreadable(source, file)
                if not sum([_copy_table(source, target, table) for table in _TABLES]):
                    raise _unreadable(file, "no row of it can be read")
        _recover_classes(target)
        target.execute("COMMIT")
    finally:
        target.close()


def _refuse_unreadable(source: sqlite3.Connection, file: Path) -> None:
    """Refuse a database whose list of tables cannot be read, or that holds what no version of this program makes."""
    try:
        schema.refuse_foreign_parts(source, file)
    except sqlite3.Error as error:
        raise _unreadable(file, f"its list of tables cannot be read: {error}") from error


def _unreadable(file: Path, why: str) -> UserError:
    what = f"the database is damaged, and nothing of it can be saved ({why})"
    return UserError("NU-P01", what, str(file), "restore the project from a copy")


def _recover_classes(target: sqlite3.Connection) -> None:
    """Add a class for every number that is painted and has none: without it the strokes would count as nothing."""
    painted = {int(number) for _, labels in all_tiles(target) for number in np.unique(labels)} - {0}
    known = {row[0] for row in target.execute("SELECT id FROM classes")}
    for number in sorted(painted - known):
        row = (number, f"recovered {default_name(number)}", default_colour(number))
        target.execute("INSERT INTO classes (id, name, colour) VALUES (?, ?, ?)", row)


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> int:
    """Copy the columns that this version knows and the source has; return the number of rows that were read.

    A newer version may have more columns, an older one fewer.
    """
    query = f"PRAGMA table_info({table})"
    try:
        there = {column[1] for column in source.execute(query)}
    except sqlite3.Error:
        return 0  # no row of it can be found
    columns = [column for column in target.execute(query) if column[1] in there]
    if not columns:
        return 0
    names = ", ".join(str(column[1]) for column in columns)
    places = ", ".join("?" * len(columns))
    count = 0
    for row in _readable(source, table, names, [str(column[1]) for column in columns if column[5]]):
        count += 1
        # A row that breaks a rule of its table is damaged too.
        with contextlib.suppress(sqlite3.Error):
            target.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})", row)  # noqa: S608 - our names
    return count


def _readable(source: sqlite3.Connection, table: str, names: str, key: list[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows before the first damage and after the last one; what lies between is lost."""
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{name} {direction}" for name in key)
        try:
            yield from source.execute(f"SELECT {names} FROM {table} ORDER BY {order}")  # noqa: S608 - our names
        except sqlite3.Error:
            continue
        return
