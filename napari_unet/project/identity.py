"""Identity of a project: random ids, because neither its folder nor its images tell it from another one."""

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.project import schema
from napari_unet.project.database import DATABASE, Database


@dataclass(frozen=True)
class Identity:
    """Tell a project from all others. A copy of its folder is the same project.

    Attributes
    ----------
    folder : where the project lies now
    ids : of the project; two where its database was salvaged, none where it is damaged
    is_older : the project is older than its id, so that an older copy of it may get another one
    """

    folder: Path
    ids: tuple[str, ...]
    is_older: bool = False

    @classmethod
    def of(cls, database: Database) -> "Identity":
        """Read the identity once: a database whose drive has gone cannot be asked for it."""
        ids = _read(database.connection)
        return cls(database.folder, tuple(ids), any(ids.values()))

    def is_at(self, folder: Path) -> bool:
        """Tell whether the project lies in this folder, which may be spelled in another way."""
        if str(folder) == str(self.folder):
            return True
        with contextlib.suppress(OSError):
            return os.path.samefile(folder, self.folder)
        return False


def lies_at(folder: Path, project_id: str) -> bool:
    """Tell whether the project of an id lies in a folder; suppose so where that cannot be found out."""
    file = folder / DATABASE
    try:
        if not file.is_file():
            return False
        with contextlib.closing(schema.connect(file, read_only=True)) as connection:
            return project_id in _read(connection)
    except (OSError, UserError):
        return True


def _read(connection: sqlite3.Connection) -> dict[str, bool]:
    """Return the ids of a project, and whether it is older than each."""
    try:
        return {str(row[0]): bool(row[1]) for row in connection.execute("SELECT id, is_late FROM project_ids")}
    except sqlite3.Error:
        return {}  # damaged, of which others tell
