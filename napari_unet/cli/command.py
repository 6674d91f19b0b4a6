"""One command of the command line: read, run, and told in one line where it is refused."""

import argparse
import contextlib
import io
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence

from napari_unet.cli.machine import images_tried
from napari_unet.cli.option_hints import error_line
from napari_unet.cli.output import CLOSED, OutputClosed, print_line
from napari_unet.cli.parser import command_parser
from napari_unet.errors import UserError, told_in_one_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0 done, 1 findings of verify, 2 bad usage or bad input.

    It is 130 after Ctrl+C, and 141 where whoever reads the output has closed it.
    """
    _open_closed_streams()
    _print_every_name()
    options = argparse.Namespace()
    try:
        options = command_parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.run
        with images_tried() if options.opens_images else contextlib.nullcontext():
            return command(options)
    except KeyboardInterrupt:
        return 130
    except OutputClosed:
        return CLOSED
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in one line, and its traceback is logged
        with contextlib.suppress(OutputClosed, UserError):  # where standard error takes nothing, nobody hears of it
            print_line(error_line(_told(error), options), is_error=True)
        return 2


def _open_closed_streams() -> None:
    """Have what is printed go nowhere where a stream was closed before this began, as by ``2>&-`` or pythonw."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # then bars of progress fail, and errors are printed to standard output
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))


def _print_every_name() -> None:
    """Have letters that standard output cannot encode, as on Windows when it is redirected, printed as escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as Python has it for standard error


def _told(error: Exception) -> UserError:
    if isinstance(error, MemoryError):
        fix = "close other programs, or use a larger machine"
        return UserError("NU-E13", "there is not enough memory", "napari-unet", fix)
    if isinstance(error, sqlite3.DatabaseError):
        what, fix = f"the project is damaged ({error})", "run napari-unet verify, or restore it from a copy"
        return UserError("NU-P01", what, "project.sqlite", fix)
    return told_in_one_line(error, "napari-unet")
