"""Divides the time of the worker between training and predicting tiles."""

_TRAINING_SHARE = 1.0  # seconds of training for every second of predicting what the user waits for
_REST_TRAINING_SHARE = 3.0  # and for every second of predicting again what nobody looks at


class TimeShares:
    """Counts the seconds of training that are owed for the seconds spent on tiles.

    Without a share of its own, training would starve under a large view: every step brings a network to show, and
    showing it takes many tiles.
    """

    def __init__(self) -> None:
        self._owed = 0.0  # seconds

    @property
    def is_training_owed(self) -> bool:
        """Tell whether it is training's turn."""
        return self._owed > 0

    def note_tile(self, seconds: float, *, is_awaited: bool) -> None:
        """Take note of a tile that took so long; training is owed its share of that."""
        self._owed = seconds * (_TRAINING_SHARE if is_awaited else _REST_TRAINING_SHARE)

    def note_training(self, seconds: float) -> None:
        """Take note of a training step that took so long."""
        self._owed -= seconds

    def start_over(self) -> None:
        """Forget what is owed: there is something new to show, and its first tile is due at once."""
        self._owed = 0.0
