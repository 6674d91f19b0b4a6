"""What can still be read of a damaged database, in a new one; the damaged one is set aside and never written."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_unet import storage
from napari_unet.annotations import schema
from napari_unet.errors import UserError

_TABLES = ("images", "classes", "tiles", "blocks", "scores", "settings", "kept_strokes", "test_areas")


def salvage(file: Path) -> Path:
    """Put a database of the readable rows in the place of a damaged one; the folder that holds the damaged one now.

    Raises
    ------
    UserError
        NU-E01 when the disk does not take the new one, NU-P10 when the damaged one cannot be moved. Nothing has
        changed then.
    """
    fresh = file.with_name(f"{storage.TEMPORARY_PREFIX}salvaged.sqlite")
    fresh.unlink(missing_ok=True)
    try:
        _copy(file, fresh)
        aside = storage.set_aside(*[path for path in _files(file) if path.exists()])
        if aside is None:
            raise UserError(
                "NU-P10", "the damaged database cannot be moved", str(file.parent), "change the folder's permissions"
            )
        storage.replace_file(file, lambda temporary: temporary.write_bytes(fresh.read_bytes()))
    except sqlite3.Error as error:
        what = f"the readable part cannot be written ({error})"
        raise UserError("NU-E01", what, str(file), "check free space, then try again") from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
    return aside


def _files(file: Path) -> list[Path]:
    return [file.with_name(file.name + ending) for ending in ("", "-wal", "-shm", "-journal")]


def _copy(file: Path, fresh: Path) -> None:
    target = sqlite3.connect(fresh, isolation_level=None)
    try:
        schema.update(target, 0)
        target.execute("BEGIN")
        with contextlib.closing(_damaged(file)) as source:
            for table in _TABLES:
                for row in _readable(source, table):
                    # A row that breaks a rule of its table is damaged too.
                    with contextlib.suppress(sqlite3.Error):
                        target.execute(f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * len(row))})", row)  # noqa: S608
        target.execute("COMMIT")
        target.execute("PRAGMA wal_checkpoint")
    finally:
        target.close()


def _damaged(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=10, isolation_level=None)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _readable(source: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """Rows before the first damage and after the last one; what lies between is lost."""
    try:
        columns = source.execute(f"PRAGMA table_info({table})").fetchall()
    except sqlite3.Error:
        return
    order = [name for _, name, _, _, _, key in sorted(columns, key=lambda column: column[5]) if key]
    for direction in ("", " DESC"):
        try:
            rows = source.execute(f"SELECT * FROM {table} ORDER BY {', '.join(name + direction for name in order)}")  # noqa: S608
            yield from rows
        except sqlite3.Error:
            continue
        return
