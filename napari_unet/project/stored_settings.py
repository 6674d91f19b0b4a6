"""The settings of a project, one row each in its database."""

import json

import msgspec

from napari_unet.config import Settings, settings_from
from napari_unet.errors import UserError
from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database


class StoredSettings:
    """Read and write the settings of a project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @damage_told
    def read(self) -> Settings:
        """Return the settings as the user set them, with defaults elsewhere.

        Raises
        ------
        UserError
            NU-C01 for a setting that this version does not know, or of which it does not take the value.
        """
        rows = self._database.execute("SELECT name, value FROM settings").fetchall()
        if self._database.is_newer:
            rows = [row for row in rows if row[0] in Settings.__struct_fields__]
        try:
            return settings_from({name: json.loads(value) for name, value in rows})
        except UserError as error:  # nobody typed it: another version stored what was right for it
            fix = "update napari-unet-live, for a newer version may have stored it, or restore the project from a copy"
            raise UserError(error.code, error.what, str(self._database.folder), fix) from error

    def write(self, settings: Settings) -> Settings:
        """Replace all settings, and return them as they are stored.

        Raises
        ------
        UserError
            NU-C01 for a value of another type or outside its range.
        """
        stored = settings_from(msgspec.structs.asdict(settings))
        rows = [(name, json.dumps(value)) for name, value in msgspec.structs.asdict(stored).items()]
        with self._database.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO settings VALUES (?, ?)", rows)
        return stored
