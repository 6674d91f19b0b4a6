"""Results of commands on standard output, warnings on standard error."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from napari_unet.errors import printable


def print_files(record: dict[str, Any], warnings: Sequence[str], options: argparse.Namespace) -> None:
    """Print files to standard output and warnings to standard error, or both in the one object of --json."""
    print_warnings(warnings)
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
    """Print one line, whatever names of files and classes are in it: a terminal obeys what it is sent."""
    print(printable(line), file=sys.stderr if is_error else sys.stdout)
