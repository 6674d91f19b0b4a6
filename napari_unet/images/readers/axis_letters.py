"""One letter for each axis of an array, from its name or from its size."""

from collections.abc import Sequence

_LETTERS = {
    **dict.fromkeys(("height", "row", "rows", "line", "lines"), "y"),
    **dict.fromkeys(("width", "column", "columns", "col"), "x"),
    **dict.fromkeys(("depth", "slice", "slices"), "z"),
    **dict.fromkeys(("frame", "frames"), "t"),
    **dict.fromkeys(("band", "bands", "wavelength", "colour", "color"), "c"),
}
_LETTERS_OF_TYPES = {"channel": "c", "time": "t"}


def letters_of(names: Sequence[str]) -> str:
    """Make one unique lower-case letter of each name; samples (else channels) become "c".

    Samples are called "s", as in TIFF files; a longer name with the letter of another axis, such as "site" beside "s"
    or "cycle" beside "c", leaves it to that one.
    """
    exact = {name.lower() for name in names}
    has_samples = "s" in exact
    wanted = [name.lower()[:1] for name in names]
    free = [letter for letter in "ztpqrabdefghijklmnosuvw" if letter not in wanted]
    letters = ""
    for name, first in zip(names, wanted, strict=True):
        letter = "c" if has_samples and name.lower() == "s" else first
        is_others = letter in letters or (first == "c" and has_samples) or (len(name) > 1 and first in exact)
        taken = is_others or not "a" <= letter <= "z"
        letters += free.pop(0) if taken else letter
    return letters


def guessed_axes(shape: Sequence[int]) -> str:
    """Guess the axes of an array that does not name them: y, x and 1, 3 or 4 channels last, else planes of y, x.

    One channel last is how arrays for Keras are made; planes that are one pixel wide hardly exist.
    """
    colours = len(shape) >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4
    single = len(shape) >= 3 and shape[-1] == 1 and min(shape[-3:-1]) > 1
    axes = "yxc" if colours or single else "yx"
    planes = "abdefghijklmnopqrsuvwtz"[-(len(shape) - len(axes)) :] if len(shape) > len(axes) else ""
    return (planes + axes)[-len(shape) :] if shape else ""


def spoken_names(names: Sequence[str], types: Sequence[str] = ()) -> list[str]:
    """Return names of axes in lower case, with our letter in the place of each word that stands for one.

    Parameters
    ----------
    names : as a Zarr file has them, such as "Y", "height" or "Channel"
    types : one per name, as OME-Zarr has them ("space", "time", "channel"), or none at all; where no axis is called y
        and x, the last two of type "space" are
    """
    kinds = [kind.lower() for kind in types] or [""] * len(names)
    words = [name.strip().lower() for name in names]
    found = [_LETTERS_OF_TYPES.get(kind, _LETTERS.get(word, word)) for kind, word in zip(kinds, words, strict=True)]
    space = [index for index, kind in enumerate(kinds) if kind == "space"]
    if not {"y", "x"} & set(found) and len(space) > 1:
        found[space[-2]], found[space[-1]] = "y", "x"
    return found
