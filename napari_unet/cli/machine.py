"""The machine while a command runs."""

import contextlib
import os
from collections.abc import Iterator


def take_the_machine() -> None:
    """Use all cores, or as many as OMP_NUM_THREADS says, and keep memory between tiles: there is no window beside.

    Beside other work, threads wait for one another far longer than they compute, so there has to be a way to say fewer.
    """
    from napari_unet.freed_memory import keep_freed_memory
    from napari_unet.network.device import set_threads, threads_wanted

    set_threads(threads_wanted() or os.cpu_count())
    keep_freed_memory()


@contextlib.contextmanager
def images_tried() -> Iterator[None]:
    """Have every image file tried in a process with limits, which starts while this one imports what it needs."""
    from napari_unet.decoder.trial import DecoderTrial
    from napari_unet.images.trial import choose_trial

    trial = DecoderTrial()
    trial.start()
    choose_trial(trial)
    try:
        yield
    finally:
        choose_trial(None)
        trial.stop()
