"""Define the tables of ``project.sqlite`` and open connections to it."""

import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from napari_unet.errors import UserError
from napari_unet.project.connection import Connection
from napari_unet.project.damage import is_of_damage
from napari_unet.storage import disk_of, temporary_folder

_WRITE_PROTECTED = ("SQLITE_CANTOPEN", "SQLITE_READONLY")  # names of SQLite's errors begin like this
_LONGEST_PATH = 500  # bytes; SQLite opens no database on a longer path, whose journal needs some bytes more
_NEEDED = 2**20  # bytes free to open a project for writing: SQLite's index of the log, and the log's first pages
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs"}

_FIRST = """
CREATE TABLE images (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, reference TEXT NOT NULL, relative TEXT NOT NULL,
    inside INTEGER NOT NULL,
    shape TEXT NOT NULL, dtype TEXT NOT NULL, axes TEXT NOT NULL, alpha INTEGER NOT NULL,
    pixel_y REAL NOT NULL, pixel_x REAL NOT NULL, unit TEXT NOT NULL, fingerprint TEXT NOT NULL) STRICT;
CREATE TABLE classes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, colour TEXT NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE tiles (
    image_id INTEGER NOT NULL REFERENCES images (id), plane INTEGER NOT NULL, tile_row INTEGER NOT NULL,
    tile_column INTEGER NOT NULL, revision INTEGER NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL,
    crc INTEGER NOT NULL, labels BLOB NOT NULL,
    PRIMARY KEY (image_id, plane, tile_row, tile_column)) STRICT, WITHOUT ROWID;
CREATE INDEX tiles_by_revision ON tiles (revision);
CREATE TABLE blocks (
    image_id INTEGER NOT NULL REFERENCES images (id), plane INTEGER NOT NULL, block_row INTEGER NOT NULL,
    block_column INTEGER NOT NULL, class_id INTEGER NOT NULL, held_out INTEGER NOT NULL,
    PRIMARY KEY (image_id, plane, block_row, block_column, class_id)) STRICT, WITHOUT ROWID;
CREATE TABLE scores (
    id INTEGER PRIMARY KEY AUTOINCREMENT, recorded TEXT NOT NULL, step INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_KEPT_STROKES = """
CREATE TABLE kept_strokes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, image_id INTEGER NOT NULL REFERENCES images (id), plane INTEGER NOT NULL,
    class_id INTEGER NOT NULL, y0 INTEGER NOT NULL, x0 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    pixels BLOB NOT NULL) STRICT;
"""
_TEST_AREAS = """
CREATE TABLE test_areas (
    image_id INTEGER NOT NULL REFERENCES images (id), plane INTEGER NOT NULL, revision INTEGER NOT NULL,
    areas TEXT NOT NULL, PRIMARY KEY (image_id, plane)) STRICT, WITHOUT ROWID;
"""
_CORRECTIONS = """
ALTER TABLE images ADD COLUMN corrected_axes TEXT NOT NULL DEFAULT '';
ALTER TABLE images ADD COLUMN chosen_channels TEXT NOT NULL DEFAULT '[]';
"""
_SLICE_DISTANCE = """
ALTER TABLE images ADD COLUMN pixel_z REAL;
"""
_AREA_CHECKS = """
CREATE TABLE area_checks (
    image_id INTEGER NOT NULL REFERENCES images (id), plane INTEGER NOT NULL, y0 INTEGER NOT NULL, x0 INTEGER NOT NULL,
    y1 INTEGER NOT NULL, x1 INTEGER NOT NULL, origin TEXT NOT NULL, filled BLOB NOT NULL, done INTEGER NOT NULL,
    PRIMARY KEY (image_id, plane, y0, x0, y1, x1)) STRICT, WITHOUT ROWID;
"""
# A project that holds something already gets its id late: an older copy of it will get another one.
_IDENTITY = """
CREATE TABLE project_ids (id TEXT PRIMARY KEY, is_late INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO project_ids
    SELECT lower(hex(randomblob(16))), EXISTS (SELECT 1 FROM classes) OR EXISTS (SELECT 1 FROM images);
CREATE TABLE taken_strokes (file TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
"""
# Each format adds these tables and columns to the one before it. The steps are never changed once released, only added
# to, so a reader finds everything that it knows in a newer project.
STEPS = (_FIRST, _KEPT_STROKES, _TEST_AREAS, _CORRECTIONS, _SLICE_DISTANCE, _AREA_CHECKS, _IDENTITY)
VERSION = len(STEPS)


def not_a_project(folder: Path, *, read_only: bool) -> UserError:
    """Return the refusal of a folder that holds other things; a writer may make a new project elsewhere."""
    fix = "choose a folder NAME.unet" + ("" if read_only else " or a name that does not exist yet")
    return UserError("NU-P01", "this is not a napari-unet project", str(folder), fix)


def connect(file: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open the database; a writer, which may create it, calls ``prepare`` next.

    Raises
    ------
    UserError
        NU-P01 not a project or damaged, NU-P12 with a view or trigger; for writing also NU-P02 made by a newer
        version, NU-P10 the drive or the folder takes no change, NU-P26 the disk is full.
    """
    with _damage_told(file):
        connection = _opened(file, read_only=read_only)
        version = version_of(connection)
        if version > VERSION and not read_only:
            connection.close()
            what = f"the project was made by a newer version (format {version}, this one writes {VERSION})"
            raise UserError("NU-P02", what, str(file.parent), "update napari-unet-live, or open it read-only")
        # Only this program's tables may be in it, and a reader makes none.
        if version == 0 and (read_only or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()):
            connection.close()
            raise not_a_project(file.parent, read_only=read_only)
        refuse_foreign_parts(connection, file)
        if read_only:
            connection = connection if version >= VERSION else _brought_up_to_date(connection, version)
            connection.execute("PRAGMA query_only = 1")
    return connection


def refuse_foreign_parts(connection: sqlite3.Connection, file: Path) -> None:
    """Refuse views, triggers and virtual tables before anything is read of the tables.

    No version makes any. A view may never come to an end, a trigger may change what is written.

    Raises
    ------
    UserError
        NU-P12
    """
    connection.execute("PRAGMA trusted_schema = OFF")
    query = "SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'"
    found = connection.execute(query).fetchone()
    if found is not None:
        connection.close()
        what = f"the project's database holds a {found[0]} ('{found[1]}'), which no version of this program makes"
        raise UserError("NU-P12", what, str(file.parent), "do not use it, or restore the project from a copy")


def prepare(connection: sqlite3.Connection, file: Path) -> None:
    """Make a connection ready for writing: today's tables, and commits that a kill cannot undo.

    Raises
    ------
    UserError
        NU-P01 when it cannot be written, NU-P26 when the disk is full.
    """
    with _damage_told(file):
        # WAL lets the worker read while the window writes, and a commit costs one append; but it needs shared memory,
        # which network drives do not give, so there the classic rollback journal is used.
        connection.execute(f"PRAGMA journal_mode = {'DELETE' if on_network_drive(file) else 'WAL'}")
        # A process that dies loses nothing even without a flush; NORMAL keeps commits fast; LogFlusher flushes soon.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        update(connection, version_of(connection))


def _opened(file: Path, *, read_only: bool) -> sqlite3.Connection:
    """Connect to a database and read its first page, on a drive that cannot be written too."""
    connection = _connected(file, timeout=10.0)
    try:
        version_of(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        # SQLite reads a database with a write-ahead log only where it may make files beside it.
        if read_only and _is_full(error, file):
            return _opened_on_a_full_disk(file)
        if not error.sqlite_errorname.startswith(_WRITE_PROTECTED):
            raise
        if read_only:
            return _opened_write_protected(file)
        what = "the project's drive or folder is read-only, so that the project cannot be written"
        fix = "open it read-only, or copy it to a place where you may write"
        raise UserError("NU-P10", what, str(file.parent), fix) from error
    return connection


def _opened_write_protected(file: Path) -> sqlite3.Connection:
    """Open a database that cannot be written here; one that was not closed is completed by its log."""
    logs = _logs(file)
    if not logs:
        return _without_log(file)
    with temporary_folder() as folder:
        for path in (file, *logs):
            shutil.copyfile(path, folder / path.name)
        with contextlib.closing(sqlite3.connect(folder / file.name, isolation_level=None)) as copy:
            return _in_memory(copy)


def _opened_on_a_full_disk(file: Path) -> sqlite3.Connection:
    """Open a database that can be read alone, because the disk takes no file beside it."""
    if not _logs(file):
        return _without_log(file)
    # Who has the database for itself keeps the index of the log in memory; the temporary files' disk may be this one.
    with contextlib.closing(sqlite3.connect(file, timeout=10, isolation_level=None)) as alone:
        alone.execute("PRAGMA locking_mode = EXCLUSIVE")
        return _in_memory(alone)


def _without_log(file: Path) -> sqlite3.Connection:
    """Open a database without a log for reading, making no file beside it."""
    address = f"{uri_of(file.absolute())}?immutable=1"
    with contextlib.closing(sqlite3.connect(address, timeout=10, isolation_level=None, uri=True)) as source:
        return _in_memory(source)


def _in_memory(source: sqlite3.Connection) -> sqlite3.Connection:
    """Copy a database that is read without a lock: it looked damaged once it was written from another computer."""
    copy = _connected(":memory:")
    source.backup(copy)
    return copy


def _connected(database: Path | str, *, timeout: float = 5.0) -> sqlite3.Connection:
    """Connect as the project's users do; transactions begin where the program says so."""
    return sqlite3.connect(database, timeout=timeout, isolation_level=None, factory=Connection)


def uri_of(file: PurePath) -> str:
    """Return a file's address as SQLite takes it, which has no computer before the path: a share is part of it."""
    uri = file.as_uri()
    return uri if uri.startswith("file:///") else f"file://{uri.removeprefix('file:')}"


def _logs(file: Path) -> list[Path]:
    """Return the logs in which something of a database lies."""
    logs = (file.with_name(file.name + end) for end in ("-wal", "-journal"))
    return [log for log in logs if log.exists() and log.stat().st_size]


def _is_full(error: sqlite3.Error, file: Path) -> bool:
    """Tell whether SQLite failed for want of room; it calls that a disk error where it makes files of its own."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return True
    try:
        return name.startswith("SQLITE_IOERR") and shutil.disk_usage(file.parent).free < _NEEDED
    except OSError:
        return False


@contextmanager
def _damage_told(file: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, sqlite3.Error) and _is_full(error, file):
            what = f"the disk {disk_of(file)} is full, so that the project can only be read"
            fix = f"free {_NEEDED // 2**20} MB there, or open it read-only; nothing in it is damaged"
            raise UserError("NU-P26", what, str(file.parent), fix) from error
        if _is_too_long(error, file):
            what = f"the path of the project is too long for its database (more than {_LONGEST_PATH} bytes)"
            raise UserError("NU-P01", what, str(file.parent), "move it to a shorter one; nothing is damaged") from error
        what = f"the project cannot be opened ({' '.join(str(error).split())})"
        first = "run napari-unet verify --repair" if is_of_damage(error) else "check the folder"
        raise UserError("NU-P01", what, str(file.parent), f"{first}, or restore it from a copy") from error


def _is_too_long(error: Exception, file: Path) -> bool:
    """Tell whether SQLite failed to open a database because of the length of its path."""
    is_unopened = getattr(error, "sqlite_errorname", "").startswith("SQLITE_CANTOPEN")
    return is_unopened and len(os.fsencode(file.resolve())) > _LONGEST_PATH


def version_of(connection: sqlite3.Connection) -> int:
    """Return the number of the format."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _brought_up_to_date(connection: sqlite3.Connection, version: int) -> sqlite3.Connection:
    """Return an older project in memory in today's format: a reader changes nothing on disk."""
    copy = _connected(":memory:")
    connection.backup(copy)
    connection.close()
    update(copy, version)
    return copy


def update(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables from an older format (0: there are none) to today's, all or nothing."""
    if version < VERSION:
        steps = "".join(STEPS[version:])
        connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION}; COMMIT;")


def on_network_drive(path: Path) -> bool:
    """Tell whether the file system under ``path`` is a network share, as far as the system says."""
    if sys.platform == "win32":
        import ctypes

        return bool(ctypes.windll.kernel32.GetDriveTypeW(os.path.splitdrive(path.resolve())[0] + "\\") == 4)
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return False
    best, kind = "", ""
    for line in mounts.read_text(errors="replace").splitlines():
        _, folder, name, *_ = line.split(" ")
        if path.resolve().is_relative_to(folder.replace("\\040", " ")) and len(folder) >= len(best):
            best, kind = folder, name
    return kind in NETWORK_FILE_SYSTEMS
