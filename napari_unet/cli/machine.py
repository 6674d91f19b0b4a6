"""The machine while a command runs."""

import os


def take_the_machine() -> None:
    """Use all cores, and keep memory between tiles: there is no window beside."""
    from napari_unet.network.device import set_threads
    from napari_unet.network.memory import keep_freed_memory

    set_threads(os.cpu_count())
    keep_freed_memory()
