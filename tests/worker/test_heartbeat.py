"""Laws of the signs of life: a worker that waits or computes gives them, one that is stuck does not."""

from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Alive
from napari_unet.worker.heartbeat import Heartbeat


def test_only_a_stuck_worker_is_silent() -> None:
    """At work it lives by the processor time it takes, waiting it lives without."""
    sent: list[Message] = []
    computed = [0.0]
    heart = Heartbeat(sent.append, lambda: computed[0])
    heart.beat()
    assert sent == []  # neither waits nor computes
    computed[0] = 0.5
    heart.beat()
    assert sent == [Alive()]
    heart.beat()
    assert len(sent) == 1
    with heart.waiting():
        heart.beat()
        heart.beat()
    assert len(sent) == 3
    computed[0] += 0.001  # looking costs a little itself
    heart.beat()
    assert len(sent) == 3
