"""A connection to ``project.sqlite`` that takes NumPy's numbers and tells scripts how it is to be used."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from napari_unet.errors import UserError


class Connection(sqlite3.Connection):
    """Run statements in the thread that opened the project, until it is closed.

    Raises
    ------
    UserError
        NU-P28 from another thread, after the project was closed, and for a value that SQLite does not know. Its own
        errors for these are those of a damaged database, which this is not.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._thread = threading.get_ident()
        self._is_closed = False

    def close(self) -> None:
        """Close the file; nothing can be read any more."""
        with self._misuse_told():
            super().close()
        self._is_closed = True

    def execute(self, query: str, values: Any = (), /) -> sqlite3.Cursor:
        """Run one statement with its values, in a row or by name."""
        with self._misuse_told():
            return super().execute(query, _plain(values))

    def executemany(self, query: str, values: Iterable[Any], /) -> sqlite3.Cursor:
        """Run one statement for each group of values."""
        with self._misuse_told():
            return super().executemany(query, map(_plain, values))

    @property
    def in_transaction(self) -> bool:
        """Tell whether something is written that is not committed yet."""
        with self._misuse_told():
            return super().in_transaction

    @contextmanager
    def _misuse_told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.ProgrammingError, OverflowError) as error:
            if self._is_closed:
                what, fix = "the project is closed", "open it again"
            elif threading.get_ident() != self._thread:
                what, fix = "the project was opened in another thread", "open it once more, in the thread that uses it"
            elif isinstance(error, OverflowError) or "binding parameter" in str(error):
                what, fix = (
                    f"a value of this kind cannot be kept ({error})",
                    "give a number or a text, as is wanted there",
                )
            else:
                raise
            raise UserError("NU-P28", what, "project.sqlite", fix) from error


def _plain(values: Sequence[Any] | Mapping[str, Any]) -> list[Any] | dict[str, Any]:
    """Return numbers of NumPy as those of Python: SQLite would store them as bytes, and find none by them."""
    if isinstance(values, Mapping):
        return {name: _number(value) for name, value in values.items()}
    return [_number(value) for value in values]


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
