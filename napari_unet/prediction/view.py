"""The order in which the tiles of the plane on screen are predicted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from napari_unet.images.tiles import Region, grid, outward


@dataclass(slots=True)
class View:
    """A plane that somebody looks at.

    Attributes
    ----------
    generation : number of the wish; answers to older ones are dropped
    image_id, plane : what is shown
    visible : the part of the plane that is on screen
    map, class_id : what is shown beside the classes, see ``napari_unet.evaluation.predicted_maps``
    covered : the part of the plane that can be shown; None for all of it
    small : whether the screen shows every second pixel at most
    tiles : number of tiles of full resolution that cover what can be shown
    is_whole : whether that is the whole plane
    """

    generation: int
    image_id: int
    plane: int
    visible: Region
    map: str = ""
    class_id: int = 0
    covered: Region | None = None
    small: bool = False
    tiles: int = 0
    is_whole: bool = True
    _is_blank: bool = True
    _refills: int = 0
    _predicted: dict[Region, int] = field(default_factory=dict)  # in which refill a tile of full resolution was taken
    _previews: list[Region] = field(default_factory=list)
    _waiting: list[Region] = field(default_factory=list)

    def refill(self, height: int, width: int, tile: int) -> None:
        """Ask for every tile again, because the network or the strokes changed.

        Those off screen take turns, for the next network may come before all of them are predicted: the plane is
        counted and its Dice estimated once every tile was.

        Where nothing is predicted yet and the plane is shown small, what is on screen comes at half resolution first,
        which takes a quarter of the time.
        """
        plane = Region(0, 0, height, width)
        wanted = self.covered or plane
        self.is_whole = wanted == plane
        tiles = [region for region in grid(height, width, tile) if region.intersects(wanted)]
        self.tiles = len(tiles)
        self._refills += 1
        self._waiting = self._in_turn(tiles)
        coarse = grid(height, width, 2 * tile) if self.small and self._is_blank else ()
        on_screen = [region for region in coarse if region.intersects(self.visible) and region.intersects(wanted)]
        self._previews = outward(on_screen, self.visible)

    def look_at(self, visible: Region) -> None:
        """Move the visible part; what is already predicted stays so."""
        self.visible = visible
        self._previews = outward(self._previews, visible)
        self._waiting = self._in_turn(self._waiting)

    @property
    def waiting(self) -> int:
        """Return how many tiles are still to be predicted."""
        return len(self._previews) + len(self._waiting)

    @property
    def next_is_visible(self) -> bool:
        """Tell whether the next tile is on screen."""
        following = self._previews or self._waiting
        return bool(following) and following[0].intersects(self.visible)

    @property
    def next_is_awaited(self) -> bool:
        """Tell whether the next tile is on screen, or the first of its place: counts and Dice wait for all of these."""
        return self.next_is_visible or (bool(self._waiting) and self._waiting[0] not in self._predicted)

    def on_screen(self) -> Iterator[tuple[Region, bool]]:
        """Yield the waiting tiles on screen, in their order, and whether each is wanted at half resolution."""
        for tiles, halved in ((self._previews, True), (self._waiting, False)):
            for region in takewhile(self.visible.intersects, tiles):
                yield region, halved

    def take(self) -> tuple[Region, bool]:
        """Take the next tile off the list, and tell whether it is wanted at half resolution."""
        if self._previews:
            return self._previews.pop(0), True
        self._is_blank = False
        region = self._waiting.pop(0)
        self._predicted[region] = self._refills
        return region, False

    def _in_turn(self, tiles: list[Region]) -> list[Region]:
        """Order tiles: those on screen, then the others, predicted the longest ago first; each part outward."""

        def turn(tile: Region) -> int:
            return -1 if tile.intersects(self.visible) else self._predicted.get(tile, 0)

        return sorted(outward(tiles, self.visible), key=turn)
