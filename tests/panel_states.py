"""States of the panel in a day's work, with a worker that only says what it is told to say."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace
from window import User, settle

from napari_unet.evaluation.label_check import Doubt
from napari_unet.images.tiles import Region
from napari_unet.protocol import messages as m


def say(user: User, *messages: Any) -> None:
    """Let the worker say something."""
    for message in messages:
        user.panel.controller.hear(message)
    user.panel.attempt(lambda: None)
    settle(seconds=0.05)


def progress(state: str, **changed: Any) -> m.Progress:
    """Say how training goes."""
    return m.Progress(**{"state": state, "step": 40, "loss": 0.3, "waiting_tiles": 0, "shown_step": 30} | changed)


def predicted(user: User) -> m.Tile:
    """Say that the first pixels of the image on screen are of class 2."""
    controller = user.panel.controller
    return m.Tile(controller.generation, controller.image.id, 0, Region(0, 0, 2, 2), bytes([2]) * 4, 7)


def states(user: User) -> Iterator[str]:
    """Go through the states of a day's work."""
    panel = user.panel
    yield "an image"
    user.draw(1, (15, 75), (90, 75))
    yield "one stroke"
    user.draw(2, (32, 32), (48, 48))
    say(user, m.Ready("cpu", "training on the processor"))
    yield "starting"
    say(user, progress("training"))
    yield "learning"
    say(user, m.NetworkChosen("fast", 128, 4, "there is no GPU"), progress("training", behind=True, waiting_tiles=3))
    yield "behind"
    say(user, progress("resting"))
    yield "resting"
    panel.training.button.click()
    say(user, progress("paused"))
    yield "paused"
    panel.attempt(lambda: panel.export_row.export(panel.controller.project.folder, ()))
    yield "an error"
    panel.status_line.say("NU-P07: " + 40 * "a very long line about a full disk ")
    yield "a long error"
    doubt = Doubt(panel.controller.image.id, 0, 2, 1, Region(27, 27, 54, 54), (32, 32))
    say(user, m.Doubted((doubt,)))
    yield "a doubted stroke"
    ends = [replace(doubt, region=Region(27, x, 31, x + 8), beyond=b"\xff" * 4) for x in (27, 40)]
    say(user, m.Doubted(tuple(ends)))
    yield "strokes that ran over"
    panel.where_next.show_suggestion(m.Suggested(0, "a very long reason " * 20))
    yield "a suggestion"
    say(user, m.Exported((str(panel.controller.project.folder / "a.tif"),) * 14))
    yield "after an export"
    panel.class_table.added.emit()
    yield "three classes"
