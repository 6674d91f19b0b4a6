"""The options that an error is about; its message, which comes in Python and in the window as well, names none."""

import argparse

from napari_unet.errors import UserError

# By the code of the error; the names are those of the parsed options.
OPTIONS = {
    "NU-A01": ("axes",),
    "NU-A04": ("labels_are",),
    "NU-A14": ("labels_are", "classes"),
    "NU-E14": ("format", "objects", "probabilities", "rescale"),
    "NU-I01": ("axes",),
    "NU-I08": ("channels", "axes"),
    "NU-I32": ("axes",),
    "NU-S02": ("truth_is", "prediction_is"),
    "NU-T01": ("labels_are",),
}


def error_line(error: UserError, options: argparse.Namespace) -> str:
    """Return the line for standard error: the message, and those options of the command that help."""
    return f"error: {error}{option_hint(error.code, options)}"


def option_hint(code: str, options: argparse.Namespace) -> str:
    """Return what follows the message: those options of the command that help, in brackets, or nothing."""
    names = [f"--{name.replace('_', '-')}" for name in OPTIONS.get(code, ()) if hasattr(options, name)]
    return f" ({', '.join(names)})" if names else ""
