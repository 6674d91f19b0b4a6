"""The history of scores of a project."""

import json
from datetime import UTC, datetime
from typing import Any

from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database


class ScoreHistory:
    """Append to the history of scores and read it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @damage_told
    def all(self, last: int = 1000) -> list[dict[str, Any]]:
        """Return the records that were added last, oldest first."""
        rows = self._database.execute("SELECT record FROM scores ORDER BY id DESC LIMIT ?", (last,)).fetchall()
        return [json.loads(row[0]) for row in reversed(rows)]

    def add(self, step: int, record: dict[str, Any]) -> None:
        """Append a record of the scores at a training step."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO scores (recorded, step, record) VALUES (?, ?, ?)",
                (datetime.now(UTC).isoformat(timespec="seconds"), step, json.dumps(record)),
            )
