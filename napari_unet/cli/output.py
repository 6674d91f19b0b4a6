"""Results of commands on standard output, warnings on standard error."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from napari_unet.errors import UserError, printable

CLOSED = 141  # exit status of a program whose output nobody reads on: 128 and the number of SIGPIPE


class OutputClosed(Exception):
    """Tells that nobody reads the output any more, as ``head`` does not when it has enough."""


def print_files(record: dict[str, Any], warnings: Sequence[str], options: argparse.Namespace) -> None:
    """Print files to standard output, or the one object of --json with the warnings, which were printed before."""
    print_record(record | {"warnings": list(warnings)}, options, record["files"])


def print_warnings(warnings: Sequence[str]) -> None:
    """Print a line for each warning to standard error."""
    for line in warnings:
        print_line(f"warning: {line}", is_error=True)


def print_record(record: dict[str, Any], options: argparse.Namespace, lines: Sequence[str]) -> None:
    """Print a record as one JSON object where that is wanted, else the lines."""
    for line in [json.dumps(record)] if options.json else lines:
        print_line(line)


def print_line(line: str, *, is_error: bool = False) -> None:
    """Print one line, whatever names of files and classes are in it: a terminal obeys what it is sent.

    Raises
    ------
    OutputClosed
        Nobody reads the output any more.
    UserError
        NU-E01 where the system refuses it, as a full disk does.
    """
    stream = sys.stderr if is_error else sys.stdout
    try:
        print(printable(line), file=stream, flush=True)  # at once, for Python tells no error of its end in one line
    except BrokenPipeError as error:
        _silence(stream)
        raise OutputClosed from error
    except OSError as error:
        _silence(stream)
        what = f"the output of the command cannot be written ({error.strerror})"
        fix = "free space, or write it elsewhere; what the command saved before is safe"
        raise UserError("NU-E01", what, "standard error" if is_error else "standard output", fix) from error


def _silence(stream: TextIO) -> None:
    """Have what is not written yet go nowhere, so that Python says nothing of it at its end."""
    with contextlib.suppress(OSError):  # a stream without a file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
