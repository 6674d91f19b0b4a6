"""Settings that were given as options."""

import argparse
from typing import Any


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given, by name."""
    return {
        name.removeprefix("set_"): value
        for name, value in vars(options).items()
        if name.startswith("set_") and value is not None
    }
