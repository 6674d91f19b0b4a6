"""The command line: ``napari-unet [demo | train | predict | score | export | models | verify]``."""

from napari_unet.cli.command import main

__all__ = ["main"]
