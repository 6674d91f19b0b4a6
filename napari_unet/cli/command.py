"""One command of the command line: read, run, and told in one line where it is refused."""

import argparse
import contextlib
import sqlite3
import sys
from collections.abc import Callable, Sequence

from napari_unet.cli.machine import images_tried
from napari_unet.cli.parser import command_parser
from napari_unet.errors import PROGRAM_ERRORS, UserError, program_error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0 done, 1 findings of verify, 2 bad usage or bad input."""
    try:
        options = command_parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.run
        with images_tried() if options.opens_images else contextlib.nullcontext():
            return command(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except MemoryError:
        fix = "close other programs, or use a larger machine"
        print(f"error: {UserError('NU-E13', 'there is not enough memory', 'napari-unet', fix)}", file=sys.stderr)
        return 2
    except PROGRAM_ERRORS as error:
        print(f"error: {program_error(error, 'napari-unet')}", file=sys.stderr)
        return 2
    except sqlite3.DatabaseError as error:
        what, fix = f"the project is damaged ({error})", "run napari-unet verify, or restore it from a copy"
        print(f"error: {UserError('NU-P01', what, 'project.sqlite', fix)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
