"""Text that may hold names of files and classes, shown as it is: Qt obeys tags in it, and opens the files they name."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_unet.errors import UserError

_BREAK = "\u200b"  # a space without width
_LONG_WORD = re.compile(r"\S{24}(?=\S)")  # as many characters as fit into a line of the panel by far


class PlainLabel(QLabel):  # type: ignore[misc]
    """Label that shows tags in its text rather than obeying them."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        show_tags(self)


def show_tags(label: Any) -> None:
    """Make a label that is made elsewhere show tags rather than obey them."""
    label.setTextFormat(Qt.TextFormat.PlainText)


def untagged(text: str) -> str:
    """Return text that Qt takes for plain where it cannot be told to: in tool tips, questions and notifications.

    An invisible space behind each "<" makes it the beginning of no tag.
    """
    return text.replace("<", f"<{_BREAK}").replace("&lt;", f"&{_BREAK}lt;")


def breakable(text: str) -> str:
    """Return text with invisible places to break in its long words, so that a label that wraps it can be narrow."""
    return _LONG_WORD.sub(rf"\g<0>{_BREAK}", text)


@contextlib.contextmanager
def untagged_errors() -> Iterator[None]:
    """Make a UserError one that napari, which shows what its plugins raise, takes for plain."""
    try:
        yield
    except UserError as error:
        raise UserError(error.code, untagged(error.what), untagged(error.where), untagged(error.fix)) from error
