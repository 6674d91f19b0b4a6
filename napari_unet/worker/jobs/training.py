"""Trains on the strokes, shows the newest network now and then, and saves it."""

from napari_unet.dataset.unread_strokes import has_unread_strokes
from napari_unet.errors import UserError
from napari_unet.project.image_record import MissingImage
from napari_unet.protocol.messages import Annotated, Corrected, Failed, Open, Restore, Saved, Scored, Train
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.jobs.label_check import StrokeScoring
from napari_unet.worker.jobs.tiles import Tiles
from napari_unet.worker.listener import Hears
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.time_shares import TimeShares
from napari_unet.worker.urgency import Urgency

_FIRST_SHOWING_S = 0.4  # of training after a stroke, before the overlay answers to it
_SHOWING_GROWTH = 1.5
_LAST_SHOWING_S = 4.0
_SAVE_EVERY_S = 20.0


class Training(Job):
    """Does a training step at a time; tells tiles and label check when there is another network.

    Attributes
    ----------
    strokes_are_new : whether strokes came or went since the network that is shown, or classes that have strokes
    """

    def __init__(self, opened: OpenProject, shares: TimeShares, tiles: Tiles, scoring: StrokeScoring) -> None:
        self._opened = opened
        self._shares = shares
        self._tiles = tiles
        self._scoring = scoring
        self.strokes_are_new = False
        self._showing_pause = _FIRST_SHOWING_S
        self._next_showing = 0.0  # seconds of the clock
        self._next_save = 0.0
        tiles.subscribe(lambda *_: self._tell_score_of_plane())

    def hears(self) -> Hears:
        """Return the methods for strokes, those that went included, for begin and pause, and for going back."""
        strokes: Hears = {Annotated: self._annotated, Corrected: self._corrected}
        return {Open: self._tell_score, **strokes, Train: self._train, Restore: self._restore}

    def urgency(self) -> Urgency:
        """Return the urgency of training, which is below that of all else that the user waits for."""
        return Urgency.TRAINING if self._opened.can_train else Urgency.NOTHING

    def step(self) -> None:
        """Do one training step; show and save the network when it is time."""
        learner, clock = self._opened.required(), self._opened.clock
        began = clock()
        learner.step()
        now = clock()
        self._shares.note_training(now - began)
        if learner.is_settled:  # report the newest network before training rests
            self._show_newest(score=True)
            self.save()
            self._scoring.begin()
            return
        # A repaint is finished before the next one begins, unless the user has painted since.
        if now >= self._next_showing and (self.strokes_are_new or not self._tiles.repaint_waits):
            self._show_newest()
            self._showing_pause = min(self._showing_pause * _SHOWING_GROWTH, _LAST_SHOWING_S)
            self._next_showing = clock() + self._showing_pause
        # What is saved is scored, which takes long with many held-out pixels: so it waits for the next scoring a while.
        if now >= self._next_save + (0 if learner.selection.is_scored else _SAVE_EVERY_S):
            self.save()
            self._scoring.begin()

    def look_for_strokes(self) -> None:
        """Look whether a commit that no job has heard of yet is to be learned: one in a test area is not."""
        learner = self._opened.learner
        if learner is None or self.strokes_are_new:
            return
        trainer, annotations = learner.trainer, learner.annotations
        has_other_classes = trainer is not None and trainer.class_ids != annotations.class_ids()
        try:
            self.strokes_are_new = has_other_classes or has_unread_strokes(annotations)
        except MissingImage:
            self.strokes_are_new = True  # it was removed just now, and its strokes with it

    def stop(self) -> None:
        """Train no more; painting goes on."""
        self._opened.is_training = False

    def save(self) -> None:
        """Write what was learned since the last time; where the disk takes nothing, tell so and try again later."""
        if self._opened.learner is None:
            return
        self._next_save = self._opened.clock() + _SAVE_EVERY_S
        try:
            saved = self._opened.learner.save()
        except UserError as error:
            if error.code != "NU-E01":
                raise
            self._opened.send(Failed(str(error)))  # the network is whole in memory, and learns on there
            return
        if saved is not None:
            self._opened.send(Saved())

    def _tell_score(self, _: Open) -> None:
        learner = self._opened.required()
        if learner.predictor is not None:
            self._opened.send(Scored(learner.selection.score(), None))

    def _tell_score_of_plane(self) -> None:
        """Tell the score again once a plane is predicted: its estimates are of the network on screen now.

        While it trains on, the next scoring does so.
        """
        if not self._opened.can_train and not self._tiles.waiting:
            self._opened.send(Scored(self._opened.required().selection.score(), None))

    def _annotated(self, message: Annotated) -> None:
        learner = self._opened.learner
        if learner is None:
            return
        changed = learner.refresh(own=message.own)
        self._opened.tell_network()
        self._shares.start_over()
        self._showing_pause = _FIRST_SHOWING_S
        self._next_showing = self._opened.clock() + self._showing_pause
        self._answer_at_once()
        if changed and not self._opened.can_train:  # else training scores the shown network on the changed pixels
            score = learner.selection.rescore()
            if score is not None:
                self._opened.send(Scored(score, None))
                self._tiles.tell_estimate_again()

    def _corrected(self, _: Corrected) -> None:
        """Learn on without planes that are gone, before a step draws tiles from them."""
        learner = self._opened.learner
        if learner is not None and learner.annotations.gone:
            self.strokes_are_new = True
            self._annotated(Annotated(own=False))

    def _train(self, message: Train) -> None:
        could_train, self._opened.is_training = self._opened.can_train, message.on
        now, learner = self._opened.clock(), self._opened.learner
        self._next_save = now + _SAVE_EVERY_S
        self._next_showing = now + self._showing_pause
        if message.on and learner is not None and learner.predictor is None:
            self._answer_at_once()
        if not message.on and learner is not None and learner.trainer is not None:
            if could_train:  # else training rests, and the newest network was scored and is shown
                self._show_newest(score=True)
            self.save()

    def _restore(self, _: Restore) -> None:
        score = self._opened.required().restore_best()
        if score is not None:
            self._opened.send(Scored(score, None))
            self._tiles.ask_again()
            self.save()

    def _answer_at_once(self) -> None:
        """Show what a head fitted to the newest strokes says, before any step; it is scored later."""
        if self._opened.can_train and self._opened.required().answers_at_once:
            self._opened.required().answer()
            self._show()

    def _show_newest(self, *, score: bool = False) -> None:
        learner = self._opened.required()
        result = learner.show_newest(score=score)
        if result is not None:
            self._opened.send(Scored(result, learner.loss))
        self._show()

    def _show(self) -> None:
        """Let the view be predicted by the network that is another one now."""
        self._shares.start_over()  # the first tile is due at once
        self.strokes_are_new = False
        self._tiles.ask_again()
