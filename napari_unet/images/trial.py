"""The trial of an image file by another process, before this one opens it itself."""

from collections.abc import Callable
from pathlib import Path

Trial = Callable[[Path, str | None], object]


def _none(path: Path, axes: str | None) -> None:
    """Try nothing: what a script opens, it opens at once."""


_chosen: list[Trial] = [_none]


def choose_trial(trial: Trial | None) -> None:
    """Have every file that this process opens from now on tried before, with the axes that it is opened with.

    A trial raises the UserError of a file that cannot be opened within limits. None tries nothing any more.
    """
    _chosen[0] = _none if trial is None else trial


def tried(path: Path, axes: str | None) -> None:
    """Try a file, where this process has chosen how."""
    _chosen[0](path, axes)
