"""The newest score, told in the score card and drawn on the image."""

from napari.utils.notifications import show_info
from qtpy.QtGui import QGuiApplication

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageShown, PlaneChanged, ProjectOpened, StrokesSaved
from napari_unet.evaluation.scores import Score
from napari_unet.export.methods_paragraph import methods_paragraph
from napari_unet.gui.layers.area_layer import AreaLayer
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.estimate_lines import canvas_text
from napari_unet.gui.sections.score_card import ScoreCard
from napari_unet.protocol.messages import Agreed, Estimated, Progress, Scored


class Scores:
    """Brings scores and losses to a score card, the canvas and the test areas."""

    def __init__(self, controller: Controller, canvas: Canvas, areas: AreaLayer) -> None:
        self.card = card = ScoreCard()
        self._controller = controller
        self._canvas = canvas
        self._areas = areas
        attempt = Attempt(controller)
        card.copy_wanted.connect(lambda score: attempt(lambda: self._copy_methods(score)))
        card.on_image.toggled.connect(lambda on: attempt(lambda: canvas.show_scores(on)))
        controller.subscribe(Scored, self._show)
        controller.subscribe(Estimated, self._show_estimate)
        for other in (ImageShown, PlaneChanged):
            controller.subscribe(other, lambda _: self._clear_estimate())
        controller.subscribe(Agreed, lambda agreed: card.show_agreement(agreed.share, agreed.strokes))
        controller.subscribe(StrokesSaved, lambda _: canvas.drop_empty_boxes())
        controller.subscribe(Progress, self._add_loss)
        controller.subscribe(ProjectOpened, self._project_opened)

    def _show(self, scored: Scored) -> None:
        score, project = scored.score, self._controller.project
        classes = project.classes.all() if project is not None else []
        # A score without a loss is not recorded, and has no place in the curve over annotation time.
        annotation_s = None if scored.loss is None else self._controller.annotation_clock.seconds
        self.card.show_score(score, classes, annotation_s)
        if project is not None:
            self._canvas.boxes.show_score(score)
            self._areas.show_scores(score.areas)

    def _show_estimate(self, estimated: Estimated) -> None:
        """Show the estimate of the plane on screen."""
        project = self._controller.project
        if project is not None:
            classes = project.classes.all()
            self.card.estimate.show_estimates(estimated.classes, classes)
            self._canvas.show_estimate(canvas_text(estimated.classes, classes))

    def _clear_estimate(self) -> None:
        """Show no estimate until there is one of what is on screen now."""
        self.card.estimate.show_estimates((), ())
        self._canvas.show_estimate("")

    def _add_loss(self, progress: Progress) -> None:
        if progress.state == "training" and progress.loss is not None:
            self.card.add_loss(progress.step, progress.loss)

    def _project_opened(self, opened: ProjectOpened) -> None:
        self.card.clear()
        self.card.restore(opened.project.scores.all())

    def _copy_methods(self, score: Score | None) -> None:
        QGuiApplication.clipboard().setText(methods_paragraph(self._controller.present_project(), score))
        show_info("Copied: a paragraph for the methods section")
