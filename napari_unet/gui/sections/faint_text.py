"""Text that steps back without becoming hard to read, in light and dark themes."""

from qtpy.QtWidgets import QGraphicsOpacityEffect, QWidget

_OPACITY = 0.65  # of the text's colour: napari's own for disabled text, 0.35, is hard to read


def make_faint(widget: QWidget) -> None:
    """Show a widget fainter; its ``graphicsEffect()`` can be switched off and on again."""
    effect = QGraphicsOpacityEffect(widget)
    effect.setOpacity(_OPACITY)
    widget.setGraphicsEffect(effect)
