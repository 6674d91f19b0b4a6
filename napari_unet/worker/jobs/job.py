"""A kind of work that the worker does a slice at a time."""

from napari_unet.worker.listener import Listener
from napari_unet.worker.urgency import Urgency


class Job(Listener):
    """Does one kind of work, and owns all that has to be remembered for it."""

    def urgency(self) -> Urgency:
        """Tell how urgent the next slice is; cheap, because every job is asked before every slice."""
        raise NotImplementedError

    def step(self) -> None:
        """Do one slice, which takes as little time as the work allows."""
        raise NotImplementedError

    def stop(self) -> None:
        """Give up what may fail again, because a slice of some job has failed."""

    def let_go(self) -> None:
        """Give memory back where the work can be begun again, because a slice of some job did not find enough."""
