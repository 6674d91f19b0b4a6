"""File names that every operating system takes."""

import re
import unicodedata

_LONGEST = 200  # bytes of UTF-8; file systems allow 255, the rest is for plane numbers and suffixes
_FORBIDDEN = '<>:"/\\|?*'  # on Windows; all others forbid fewer
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|com[¹²³]|lpt[¹²³]|conin\$|conout\$)\s*(\.|$)", re.IGNORECASE)


def file_stem(name: str) -> str:
    """Turn an image's name into the beginning of a file name: unicode and spaces stay, what systems forbid goes."""
    kept = "".join("_" if _is_forbidden(character) else character for character in name)
    stem = _shortened(kept) or "image"
    return _shortened(f"_{stem}") if _DEVICE.match(stem) else stem


def _is_forbidden(character: str) -> bool:
    # Cc: control characters; Cs: halves of characters, which no encoding holds; Zl and Zp: line breaks.
    return character in _FORBIDDEN or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}


def _shortened(name: str) -> str:
    # Windows drops dots and spaces at the end; a dot at the beginning hides the file elsewhere.
    return name.strip(". ").encode()[:_LONGEST].decode(errors="ignore").rstrip(". ")
