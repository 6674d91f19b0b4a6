"""The commands that open a window."""

import argparse

from napari_unet.cli.output import print_line
from napari_unet.errors import UserError


def open_napari(options: argparse.Namespace) -> int:
    """Open napari with the panel docked."""
    _require_napari()
    import napari

    viewer = napari.Viewer()
    viewer.window.add_plugin_dock_widget("napari-unet-live")
    napari.run()
    return 0


def demo(options: argparse.Namespace) -> int:
    """Do the whole job on a bundled image."""
    _require_napari()
    from napari_unet.demo import run_demo

    return run_demo(options.out, options.seconds, print_line, headless=options.headless)


def _require_napari() -> None:
    from importlib.util import find_spec

    if find_spec("napari") is None:
        raise UserError("NU-C06", "napari is not installed", "this Python", 'pip install "napari-unet-live[all]"')
