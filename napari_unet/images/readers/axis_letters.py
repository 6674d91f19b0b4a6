"""One letter for each axis of an array, from its name or from its size."""

from collections.abc import Sequence


def letters_of(names: Sequence[str]) -> str:
    """Make one unique lower-case letter of each name; samples (else channels) become "c"."""
    wanted = [name.lower()[:1] for name in names]
    samples = "s" if "s" in wanted else "c"
    free = [letter for letter in "ztpqrabdefghijklmnosuvw" if letter not in wanted]
    letters = ""
    for name in wanted:
        letter = "c" if name == samples else name
        taken = letter in letters or (name == "c" and samples == "s") or not "a" <= letter <= "z"
        letters += free.pop(0) if taken else letter
    return letters


def guessed_axes(shape: Sequence[int]) -> str:
    """Guess the axes of an array that does not name them: y, x and 3 or 4 colours last, else planes of y, x."""
    colours = len(shape) >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4
    axes = "yxc" if colours else "yx"
    planes = "abdefghijklmnopqrsuvwtz"[-(len(shape) - len(axes)) :] if len(shape) > len(axes) else ""
    return (planes + axes)[-len(shape) :] if shape else ""
