"""A mark with a Dice at every held-out block of the image."""

from collections.abc import Callable

import msgspec

from napari_unet.evaluation.scores import BlockScore, Score
from napari_unet.gui.layers.marks import Mark, Marks
from napari_unet.images.tiles import Region

HELD_OUT = "held-out blocks"


class HeldOutBoxes:
    """Marks the blocks of the newest score that lie in the image on screen, while the user wants to see them.

    Parameters
    ----------
    marks : draws them
    """

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._score: Score | None = None
        self._wanted = False

    def want(self, on: bool) -> None:
        """Show or hide the boxes, now and over other images."""
        self._wanted = on
        self.draw()

    def show_score(self, score: Score) -> None:
        """Draw the blocks of a new score."""
        self._score = score
        self.draw()

    def drop_empty(self, is_painted: Callable[[int, Region], bool]) -> None:
        """Take boxes away in which nothing is painted any more; ``is_painted`` gets a plane number and a region."""
        if self._score is None or self._marks.placement is None:
            return
        image_id = self._marks.placement.record.id
        left = tuple(b for b in self._score.blocks if b.image_id != image_id or is_painted(b.plane, _region(b)))
        if len(left) < len(self._score.blocks):
            self.show_score(msgspec.structs.replace(self._score, blocks=left))

    def forget(self) -> None:
        """Forget the score."""
        self._score = None

    def draw(self) -> None:
        """Draw the boxes of the image on screen."""
        if self._marks.placement is None:
            return
        image_id = self._marks.placement.record.id
        blocks = self._score.blocks if self._wanted and self._score is not None else ()
        mine = [Mark(b.plane, _region(b), f"{b.dice:.2f}") for b in blocks if b.image_id == image_id]
        self._marks.draw(HELD_OUT, mine)


def _region(block: BlockScore) -> Region:
    return Region(block.y0, block.x0, block.y1, block.x1)
