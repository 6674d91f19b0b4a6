"""The circle that napari draws around the pointer while one paints."""

from napari.viewer import Viewer


def clear_brush_circle(viewer: Viewer) -> None:
    """Let the pixels under the pointer be seen.

    napari 0.9.2 puts the box behind its overlays, which makes texts legible, behind this one too: a dark square of 8 px
    in the middle of the circle, over what is painted there. The overlay is private; under another name it stays as it
    is.
    """
    circle = viewer.canvas.overlays.get("_brush_circle")
    if hasattr(circle, "box"):
        circle.box = False
