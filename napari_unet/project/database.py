"""The database of an open project: its folder, its lock and its transactions."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_unet import storage
from napari_unet.errors import UserError
from napari_unet.project import revision_file, schema
from napari_unet.project.log_flusher import LogFlusher
from napari_unet.project.writer_lock import WriterLock

DATABASE = "project.sqlite"
_BY_ITSELF = {".DS_Store", "desktop.ini", "Thumbs.db"}  # what file managers put into a folder that seems empty


class Database:
    """Hold ``project.sqlite`` open. Everything that reads or writes a project shares one of these.

    Parameters
    ----------
    folder : opened if it is a project, else created
    read_only : refuse every write; the folder must exist

    Attributes
    ----------
    connection : to SQLite
    notices : lines for the user about what was found damaged or came back

    Raises
    ------
    UserError
        NU-P01 not a project, NU-E01 the folder cannot be made; for writing also NU-P02 made by a newer version, NU-P09
        open elsewhere, NU-P10 the folder cannot be written, NU-P26 the disk is full.
    """

    def __init__(self, folder: Path, *, read_only: bool) -> None:
        self.folder = folder
        self.read_only = read_only
        self.notices: list[str] = []
        file = folder / DATABASE
        if not file.exists():
            _refuse_or_make(folder, read_only=read_only)
        _refuse_links(folder)
        self._log = file.with_name(f"{DATABASE}-wal")
        self._outside = revision_file.RevisionFile(folder)
        self._flusher = LogFlusher(self._log, self._outside.path)
        remembered = self._outside.read()  # before the database, to which another process may write
        _refuse_emptied(file, self._outside.path)
        self.connection = schema.connect(file, read_only=read_only)
        self._lock: WriterLock | None = None
        if not read_only:
            try:
                self._lock = WriterLock(folder)
                self._tell_missing(remembered)  # before anything is written over the log
                schema.prepare(self.connection, file)
            except UserError:
                self.close()
                raise
            self._remember_revision()
        else:
            self._tell_missing(remembered)
        self._identity = _identity(file)

    def close(self) -> None:
        """End the use of the folder. Everything is already on disk.

        Raises
        ------
        UserError
            NU-P28 from another thread; the folder stays in use then.
        """
        self.connection.close()
        self._flusher.stop()  # only now: where closing was refused, the project goes on being written
        self._outside.close()
        if self._lock is not None:
            self._lock.release()

    def flush(self) -> None:
        """Wait until everything is safe from a power cut too. Without this it is so within a second."""
        self._flusher.now()

    def execute(self, query: str, values: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Cursor:
        """Run a query that reads."""
        return self.connection.execute(query, values)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write everything that the block writes, or nothing. Inside of another transaction it is a part of that one.

        Raises
        ------
        UserError
            NU-P11 when the project is open read-only, NU-P24 when its folder is gone, NU-P07 when the disk refuses.
        """
        if self.connection.in_transaction:
            yield self.connection
            return
        self.refuse_when_read_only()
        self.refuse_when_gone()  # POSIX lets us write on into a file that is deleted or was moved away
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
                self._remember_revision()
                self._flusher.soon()
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            what = f"the project cannot be written ({error})"
            fix = "check free space and permissions; what was saved before is safe"
            raise UserError("NU-P07", what, str(self.folder), fix) from error

    @property
    def is_newer(self) -> bool:
        """Tell whether a newer version made the project; what that version added is not seen here."""
        return schema.version_of(self.connection) > schema.VERSION

    def refuse_when_read_only(self) -> None:
        """Raise a UserError NU-P11 when nothing may be changed."""
        if self.read_only:
            what = "the project is open read-only and nothing in it can be changed"
            fix = "close it elsewhere and open it again; what is painted now is not saved"
            raise UserError("NU-P11", what, str(self.folder), fix)

    def refuse_when_gone(self) -> None:
        """Raise a UserError NU-P24 when the folder was moved, deleted or replaced meanwhile. It is not made anew.

        What is written after a backup was put in the folder's place would go into the file that was there before.
        """
        found = _identity(self.folder / DATABASE)
        if found is None:
            what, fix = "the project's folder is gone", "put it back; what is painted now stays on its layer until then"
            raise UserError("NU-P24", what, str(self.folder), fix)
        if found != self._identity:
            what = "another copy of the project was put in its place while it was open"
            fix = "close napari and open the project again; what is painted now is kept until then"
            raise UserError("NU-P24", what, str(self.folder), fix)

    def newest_revision(self) -> int:
        """Return the highest revision of strokes and test areas, 0 when there is none yet."""
        query = (
            "SELECT COALESCE(MAX(newest), 0) FROM "
            "(SELECT MAX(revision) AS newest FROM tiles UNION SELECT MAX(revision) FROM test_areas)"
        )
        return int(self.execute(query).fetchone()[0])

    def _remember_revision(self) -> None:
        """Write the newest revision outside of the log; a damaged database has none, of which its readers tell."""
        with contextlib.suppress(sqlite3.Error):
            self._outside.write(self.newest_revision())

    def _tell_missing(self, remembered: int) -> None:
        """Add a notice when commits are not there any more, and keep the log: who closes it last takes it away."""
        try:
            found = self.newest_revision()
        except sqlite3.Error:
            return  # a project without these tables yet, or a damaged one, of which others tell
        if found < remembered:
            self.notices.append(str(revision_file.missing(remembered, found, self.folder, self._log_kept())))

    def _log_kept(self) -> Path | None:
        """Copy the log into a new folder ``damaged-TIME``; return None where there is none or no room for it."""
        with contextlib.suppress(OSError):
            if self._log.stat().st_size:
                for kept in self.folder.glob(f"damaged-*/{self._log.name}"):
                    if kept.is_file() and storage.sha256(kept) == storage.sha256(self._log):
                        return kept.parent
                aside = storage.new_folder_aside(self.folder)
                shutil.copyfile(self._log, aside / self._log.name)
                return aside
        return None

    def integrity(self) -> list[str]:
        """Return one line for each finding of SQLite's own check, [] when the file is sound."""
        try:
            rows = [str(row[0]) for row in self.execute("PRAGMA integrity_check")]
            broken = self.execute("PRAGMA foreign_key_check").fetchall()
            rows += [f"{table} names an image that is not there" for table in sorted({str(row[0]) for row in broken})]
        except sqlite3.DatabaseError as error:
            rows = [str(error)]
        where, fix = str(self.folder / DATABASE), "run napari-unet verify --repair, or restore the project from a copy"
        return [
            str(UserError("NU-P01", f"the database is damaged ({' '.join(row.split())})", where, fix))
            for row in rows
            if row != "ok"
        ]


def _identity(file: Path) -> tuple[int, int] | None:
    """Return the numbers of the disk and of the file on it, None when it is not there.

    No other file gets the number of one that is held open, not even after it was deleted.
    """
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _refuse_or_make(folder: Path, *, read_only: bool) -> None:
    foreign = folder.exists() and (not folder.is_dir() or any(p.name not in _BY_ITSELF for p in folder.iterdir()))
    if read_only and not folder.exists():
        raise UserError("NU-P01", "there is no such project", str(folder), "check the name")
    if read_only or foreign:
        raise schema.not_a_project(folder, read_only=read_only)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage.refusal(error, folder) from error


def _refuse_emptied(file: Path, beside: Path) -> None:
    """Raise where the database has lost all its bytes: SQLite would begin a new one, and remove the log.

    Parameters
    ----------
    beside : a file that a project has as soon as its database is not empty any more
    """
    if beside.exists() and file.exists() and not file.stat().st_size:
        what = f"the project's {DATABASE} is empty (0 bytes); nothing was written over it"
        fix = f"restore {DATABASE} from a copy of the project, or choose another folder"
        raise UserError("NU-P01", what, str(file.parent), fix)


def _refuse_links(folder: Path) -> None:
    """Raise where a link leads out of the project: a file that is written under it would land elsewhere."""
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        what = f"the project cannot be opened ({error.strerror})"
        raise UserError("NU-P01", what, str(folder), "check the folder and its permissions") from error
    for path in paths:
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            what = f"the project's {path.name} is a link to a place outside of it"
            raise UserError("NU-P13", what, str(folder), "put the file or folder itself there")
