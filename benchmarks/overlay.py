"""From the release of the mouse to a new overlay: a real window, a warm worker, simulated strokes."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.report import machine, table
from benchmarks.simulated_strokes import Stroke, strokes_over
from benchmarks.window import PaintingWindow, Scene, scene
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Annotated, Progress, Tile

SIDE = 1024
_WARM_STEPS = 60
_WARM_WITHIN_S = 300.0
_ANSWER_WITHIN_S = 60.0
_PAUSE_S = (1.0, 3.0)  # of the annotator, from and to, between an answer and the next stroke
_MARKERS = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds from the release of the mouse; None where nothing came within a minute.

    Attributes
    ----------
    first_tile : the first tile of any network was written into the prediction layer
    learned_tile : the first tile of a network that was trained after the worker had read the stroke was written
    on_screen : that tile was drawn
    """

    first_tile: float | None
    learned_tile: float | None
    on_screen: float | None


class Ear:
    """A listener to the controller that notes when tiles were written and drawn.

    A ``Tile`` names its network's step but no message names the step at which the strokes were read: the worker only
    sends a ``Progress`` then. To recognise it, three more ``Annotated`` follow the real one at once; there is nothing
    new in them, but the worker answers each with a ``Progress``. Three of these in a row with the same step and nothing
    between them cannot come from training (a step changes the number, a tile comes between), so they tell the step.
    """

    def __init__(self, window: PaintingWindow) -> None:
        self._controller = window.panel.controller
        self._hear, self._tell = self._controller.hear, self._controller.worker.send
        self._controller.hear, self._controller.worker.send = self._hear_and_note, self._tell_and_mark
        self._prediction = window.panel.canvas.prediction
        self._prediction.events.set_data.connect(lambda event: self._uploaded())
        window.on_draw(self._drawn)
        self.listen()
        self.ignore()

    def listen(self) -> None:
        """Begin to wait for the answer to the stroke whose mouse button is released now."""
        self._is_listening = True
        self._since = time.perf_counter()
        self._annotated = False
        self._reports: list[Progress] = []  # with nothing between them
        self._read_at_step: int | None = None
        self._is_uploaded = self._writes_learned = False
        self._first: float | None = None
        self._learned: float | None = None
        self._on_screen: float | None = None

    def ignore(self) -> None:
        """Note nothing until the next release."""
        self._is_listening = self._annotated = False

    @property
    def answer(self) -> Answer:
        """Answer as far as it is known by now."""
        return Answer(*(None if t is None else t - self._since for t in (self._first, self._learned, self._on_screen)))

    @property
    def is_complete(self) -> bool:
        """Tell whether there is nothing more to wait for."""
        return self._on_screen is not None

    @property
    def has_committed(self) -> bool:
        """Tell whether the stroke had changed anything and was told to the worker."""
        return self._annotated

    def _tell_and_mark(self, message: Message) -> None:
        self._tell(message)
        # The panel also looks at the strokes every two seconds, in the middle of a drag too: that is no release.
        if self._is_listening and isinstance(message, Annotated):
            self._annotated = True
            for _ in range(_MARKERS):
                self._tell(message)

    def _hear_and_note(self, message: Any) -> None:
        # The layer may be refreshed at once, inside of this call, or up to 100 ms later.
        self._writes_learned = isinstance(message, Tile) and self._has_learned(message)
        self._hear(message)
        self._writes_learned = False
        if self._annotated:
            self._note(message)

    def _note(self, message: Any) -> None:
        now = time.perf_counter()
        self._reports = [*self._reports, message] if isinstance(message, Progress) else []
        if isinstance(message, Tile) and message.generation == self._controller.generation:
            self._first = self._first or now
            if self._has_learned(message):
                self._learned = self._learned or now
        last = [report.step for report in self._reports[-_MARKERS:]]
        if self._read_at_step is None and len(last) == _MARKERS and len(set(last)) == 1:
            self._read_at_step = last[0]

    def _has_learned(self, tile: Tile) -> bool:
        return self._read_at_step is not None and tile.step > self._read_at_step

    def _uploaded(self) -> None:
        # A layer that is refreshed hands its pixels on to the next drawing.
        self._is_uploaded = self._is_uploaded or self._writes_learned or self._learned is not None

    def _drawn(self, now: float) -> None:
        if self._is_uploaded and self._on_screen is None:
            self._on_screen = now


def measure(window: PaintingWindow, strokes: Sequence[Stroke], seed: int) -> list[Answer]:
    ear = Ear(window)
    random = np.random.default_rng(seed)
    answers: list[Answer] = []
    for stroke in strokes:
        window.wait(random.uniform(*_PAUSE_S))
        window.paint_with(stroke.class_index + 1)
        window.drag(stroke.path, before_release=ear.listen)
        if ear.has_committed:
            window.wait(_ANSWER_WITHIN_S, lambda: ear.is_complete)
            answers.append(ear.answer)
        ear.ignore()
    if not answers:
        raise RuntimeError("no stroke changed anything: the mouse events do not reach the canvas")
    return answers


def alternating(truth: np.ndarray, count: int, seed: int) -> list[Stroke]:
    """Return strokes of both classes in turn."""
    rounds = [strokes_over(truth, 2, [seed, number]) for number in range(-(-count // 10))]
    pairs = [pair for strokes in rounds for pair in zip(strokes[:5], strokes[5:], strict=True)]
    return [stroke for pair in pairs for stroke in pair][:count]


def report(answers: list[Answer], painted: Scene, device: str, steps: int, seed: int) -> str:
    rows = [
        _row("first new tile in the prediction layer", [answer.first_tile for answer in answers]),
        _row("first tile of a network trained after reading the stroke", [answer.learned_tile for answer in answers]),
        _row("that tile drawn on screen", [answer.on_screen for answer in answers]),
    ]
    header = ["from the mouse release to", "median", "worst", "n", f"none within {_ANSWER_WITHIN_S:g} s"]
    note = (
        f"{SIDE} x {SIDE} image ({painted.origin}), whole image in view, two classes, worker warm (step {steps} before "
        f"the first stroke that counts) and training all the while; worker: {device}. n = {len(answers)} strokes with "
        f"simulated mouse events, classes in turn, {_PAUSE_S[0]:g} to {_PAUSE_S[1]:g} s between an answer and the next "
        f"stroke, seed {seed}. The first row counts a tile of a network that may not have seen the stroke; the second "
        f"one does not. {machine('napari', 'torch')}."
    )
    return "\n\n".join(["## Overlay", table(header, rows), note, ""])


def _row(what: str, seconds: list[float | None]) -> list[str]:
    known = [value for value in seconds if value is not None]
    numbers = [f"{np.median(known):.2f} s", f"{max(known):.2f} s"] if known else ["n/a", "n/a"]
    return [what, *numbers, str(len(known)), str(len(seconds) - len(known))]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strokes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    painted = scene(SIDE)
    first, *strokes = alternating(painted.truth, options.strokes + 4, options.seed)
    window = PaintingWindow(painted.pixels)
    window.warm_up([first, *strokes[:3]], _WARM_STEPS, _WARM_WITHIN_S)
    steps = window.panel.training.progress.step
    answers = measure(window, strokes[3:], options.seed)
    device = window.panel.details.device.text()
    window.close()
    print(report(answers, painted, device, steps, options.seed))


if __name__ == "__main__":
    main()
