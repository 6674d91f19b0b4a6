"""Progress of a command on standard error."""

import contextlib
import sys
from pathlib import Path

from napari_unet.cli.output import OutputClosed, print_line
from napari_unet.errors import UserError, printable


class Bar:
    """Show steps or images on standard error."""

    def __init__(self, total: int | None, what: str, unit: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, desc=what, unit=unit, file=sys.stderr, disable=None)

    def to(self, count: int, note: str) -> None:
        """Move to so many steps, with a note beside."""
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(count - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it is and end the line."""
        self._bar.close()


class BatchBar:
    """Show images that are done, and tiles of the one in work, on standard error, and what is to be told of them.

    Attributes
    ----------
    warnings : those that were printed
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._bar: Bar | None = None
        self._name, self._place, self._tiles = "", 0, 0

    def start(self, path: Path, place: int, count: int) -> None:
        """Show the image that is now in work, its place from 0 on, and how many there are."""
        self._bar = self._bar or Bar(count, "predicting", "image")
        self._name, self._place, self._tiles = printable(path.name), place, 0
        self._bar.to(place, self._name)

    def tile(self) -> None:
        """Count one tile more of the image in work."""
        self._tiles += 1
        if self._bar:
            self._bar.to(self._place, f"{self._name}, tile {self._tiles}")

    def say(self, line: str) -> None:
        """Print a line without disturbing the bar; where nobody can read it, the work goes on all the same."""
        from tqdm import tqdm

        with tqdm.external_write_mode(file=sys.stderr), contextlib.suppress(OutputClosed, UserError):
            print_line(line, is_error=True)

    def warn(self, line: str) -> None:
        """Print a warning at once, so that it is told whenever the command ends, and keep it."""
        self.warnings.append(line)
        self.say(f"warning: {line}")

    def close(self) -> None:
        """Count the last image and end the line."""
        if self._bar:
            self._bar.to(self._place + 1, "")
            self._bar.close()
