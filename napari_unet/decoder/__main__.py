"""The process that opens foreign images first, under limits: ``python -P -m napari_unet.decoder``.

What hangs, crashes or eats memory while it is decoded does so here, and not in the window.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

from napari_unet.decoder.decoder import Decoder
from napari_unet.decoder.messages import Wish
from napari_unet.images.reading import MAX_DECODED_BYTES
from napari_unet.protocol.channel import Channel

_MEMORY = MAX_DECODED_BYTES + 2 * 2**30  # bytes of addresses: the largest image that is decoded at once, and ourselves
MOST_COMPUTING_S = 120.0  # for one wish
_LOOK_EVERY_S = 0.5


def main() -> int:
    """Serve until standard input ends."""
    _limit_memory()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print of a library must not land in the stream
    channel: Channel[Wish] = Channel(sys.stdin.buffer, sink, Wish)
    decoder = Decoder()
    while True:
        try:
            wish = channel.receive()
            _limit_computing(MOST_COMPUTING_S)
            for answer in decoder.answers(wish):
                channel.send(answer)
            _limit_computing(0.0)
        except (EOFError, BrokenPipeError):
            return 0  # the window needs no more


def _end_with(parent: int) -> None:
    """End this process once its parent was killed: while it decodes, it does not see that its input has ended.

    On Windows a process keeps the number of its parent, so it ends with what it decodes.
    """
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os._exit(0)


def _limit_computing(seconds: float) -> None:
    """End this process after so much processor time, where there is such a clock; 0 ends it no more.

    Whoever asked ends it long before. This is for a decoder that never comes back, not even to let its threads run.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory() -> None:
    """Limit the memory as far as the system can: Windows cannot, macOS does not mind."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    # Where the computer has less than that, Linux ends this process before any other.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    sys.exit(main())
