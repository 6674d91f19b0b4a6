"""The line that tells why the quality of a class is n/a, and what helps."""

from collections.abc import Sequence

from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageShown, PlaneChanged, ProjectOpened
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.gui.sections.steady_text import SteadyText
from napari_unet.protocol.messages import Estimated


class QualityHint(QWidget):  # type: ignore[misc]
    """Shows the reason for the plane on screen; hidden while every class has a value or none is estimated yet."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self.reason = SteadyText(lines=2)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.reason)
        self.hide()
        controller.subscribe(Estimated, lambda estimated: self._say(estimated.classes))
        for other in (ImageShown, PlaneChanged, ProjectOpened):
            controller.subscribe(other, lambda _: self._say(()))

    def _say(self, estimates: Sequence[EstimatedDice]) -> None:
        """Tell one reason: most hold for all classes alike, and the next one is told when this one is gone."""
        reason = next((estimate.reason for estimate in estimates if estimate.value is None), "")
        self.reason.setText(f"Quality n/a: {reason}" if reason else "")
        self.setVisible(bool(reason))
