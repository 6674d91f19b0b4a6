"""Laws of the worker's jobs: every message has its hearer, and training has its share of the time."""

from typing import Any, get_args

from napari_unet.network.device import Device
from napari_unet.protocol.messages import ToWorker
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.roster import Roster, roster_of
from napari_unet.worker.time_shares import TimeShares
from napari_unet.worker.urgency import Urgency


def roster(said: list[Any]) -> Roster:
    """The jobs of a worker that no project was opened in."""
    return roster_of(OpenProject(said.append, Device("cpu", "", False), lambda: 0.0))


def test_every_message_of_the_window_is_heard() -> None:
    """By somebody, and nobody waits for one that the window never says."""
    heard = {kind for listener in roster([]).listeners for kind in listener.hears()}
    assert heard == set(get_args(ToWorker))


def test_without_a_project_nothing_is_to_be_done() -> None:
    """Asking every job how urgent it is says nothing to the window either."""
    said: list[Any] = []
    assert {job.urgency() for job in roster(said).jobs} == {Urgency.NOTHING}
    assert said == []


def test_training_has_its_share_of_the_time() -> None:
    """As long as awaited tiles took, three times as long as others took, and nothing once there is news to show."""
    for is_awaited, share in ((True, 1.0), (False, 3.0)):
        shares = TimeShares()
        assert not shares.is_training_owed
        shares.note_tile(0.5, is_awaited=is_awaited)
        shares.note_training(0.5 * share - 0.125)
        assert shares.is_training_owed
        shares.note_training(0.125)
        assert not shares.is_training_owed
        shares.note_tile(0.5, is_awaited=is_awaited)
        shares.start_over()
        assert not shares.is_training_owed
