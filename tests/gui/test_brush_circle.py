"""Law of the pointer: what lies under it while one paints is seen."""

import numpy as np
from hand import STROKE, Hand
from window import settle

from napari_unet.images.tiles import Region
from napari_unet.protocol import messages as m


def test_the_end_of_a_stroke_is_seen_under_the_pointer(hand: Hand) -> None:
    """Once another layer came, napari drew a dark square over it, in the middle of the brush."""
    panel, (first, last) = hand.panel, STROKE
    hand.viewer.mouse_over_canvas = True
    panel.where_next.show_suggestion(m.Suggested(0, "unsure", panel.controller.image.id, 0, Region(90, 0, 120, 30)))
    hand.viewer.scene.camera.zoom = 6
    hand.draw(2, first, last)
    settle(seconds=0.3)
    middle = hand.colour(*np.mean(STROKE, axis=0))
    assert middle.max() > 100
    np.testing.assert_array_equal(hand.colour(*last), middle)
