"""Laws of the line that says what to do now."""

from window import User, settle

from napari_unet.gui.sections.status_line import StatusLine
from napari_unet.images.tiles import Region
from napari_unet.protocol.messages import Progress

WAITING = "paint strokes of two classes outside of rectangles"


def test_what_the_worker_waits_for_is_told(listened: User) -> None:
    """Strokes in a rectangle are painted, but not learned; the worker gets a moment to read new ones."""
    panel, now = listened.panel, [0.0]
    line = StatusLine(panel.controller, panel.shown, panel.class_table, lambda: now[0])
    record = panel.controller.present_image("test")
    panel.controller.project.test_areas.replace(record.id, 0, [Region(0, 0, *record.annotation_shape[-2:])])
    listened.draw_two_classes()
    assert settle(lambda: panel.controller.training.is_on, 5)

    def said(after: float, *, state: str = "waiting") -> str:
        now[0] += after
        panel.controller.publish(Progress(state, 0, None, 0, WAITING if state == "waiting" else ""))
        return line.text()

    learning = "Learning; the overlay comes in a moment"
    assert said(0) == learning
    assert said(2) == learning
    assert said(2) == "Paint strokes of two classes outside of rectangles"
    listened.draw(1, (60, 20), (60, 60))
    assert said(0) == learning
    assert said(4) == "Paint strokes of two classes outside of rectangles"
    assert said(1, state="training") == learning
    line.stop()
    line.deleteLater()
