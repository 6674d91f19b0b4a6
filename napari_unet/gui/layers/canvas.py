"""The image that is annotated, with annotation, prediction and marks over it."""

from napari.layers import Image, Labels, Shapes
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet.controller.annotation_clock import AnnotationClock
from napari_unet.controller.cover import can_cover, cover_around
from napari_unet.gui.layers.annotation_layer import AnnotationLayer, Strokes
from napari_unet.gui.layers.held_out_boxes import HeldOutBoxes
from napari_unet.gui.layers.label_colours import ClassColours
from napari_unet.gui.layers.marks import Marks
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Placement
from napari_unet.gui.layers.prediction_layer import PredictionLayer
from napari_unet.gui.layers.score_text import ScoreText
from napari_unet.gui.layers.strokes import Settled, StrokeWatcher
from napari_unet.gui.layers.view import View
from napari_unet.images.tiles import Region
from napari_unet.project.classes import Classes


class Canvas:
    """Lays our layers over one image at a time, and moves them with the view where the image is large.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    settled : called with the numbers of planes whose strokes may have changed; returns those that are not saved
    clock : measures the strokes
    parent : ends what watches the strokes with itself

    Attributes
    ----------
    placement : where the layers lie, None while there is no image
    annotation_layer, prediction_layer, marks : the layers
    boxes : the marks of held-out blocks
    """

    def __init__(
        self,
        viewer: Viewer,
        own_layers: OwnLayers,
        settled: Settled,
        clock: AnnotationClock,
        parent: QObject,
    ) -> None:
        self.placement: Placement | None = None
        self.annotation_layer = AnnotationLayer(viewer, own_layers, settled, clock, parent)
        self.prediction_layer = PredictionLayer(viewer, own_layers)
        self.marks = Marks(viewer, own_layers)
        self.boxes = HeldOutBoxes(self.marks)
        self._viewer = viewer
        self._own = own_layers
        self._view = View(viewer)
        self._text = ScoreText(viewer)

    @property
    def image(self) -> Image | None:
        """Return the layer of the image that is annotated."""
        return None if self.placement is None else self.placement.image

    @property
    def annotation(self) -> Labels | None:
        """Return the layer on which the user paints."""
        return self.annotation_layer.layer

    @property
    def prediction(self) -> Labels | None:
        """Return the layer of the predicted classes."""
        return self.prediction_layer.layer

    @property
    def watcher(self) -> StrokeWatcher | None:
        """Return the object that watches for strokes, or None while nothing is watched."""
        return self.annotation_layer.watcher

    @property
    def cover(self) -> Region:
        """Return the part of a plane that annotation and prediction lie over; an empty one without an image."""
        return Region(0, 0, 0, 0) if self.placement is None else self.placement.cover

    @property
    def is_painted_on(self) -> bool:
        """Tell whether the annotation layer is the selected one, so that the brush is in the user's hand."""
        return self.annotation is not None and self._viewer.layers.selection.active == self.annotation

    @property
    def is_looked_at(self) -> bool:
        """Tell whether an image, another layer of ours or none is selected in its place: nothing that is drawn on."""
        active = self._viewer.layers.selection.active
        if self.annotation is None or self.is_painted_on or isinstance(active, Shapes):
            return False
        return active is None or isinstance(active, Image) or active in list(self._own)

    def paint_again(self) -> None:
        """Show and select the annotation layer."""
        if self.annotation is not None and self.annotation in self._viewer.layers:
            self.annotation.visible = True
            self._viewer.layers.selection.active = self.annotation

    def show(self, placement: Placement, strokes: Strokes, classes: Classes, *, read_only: bool = False) -> None:
        """Put annotation and prediction over an image: the layers that lie over another one move, or new ones come.

        Of a large plane only a part is covered, see ``follow``. Nothing can be painted where it is ``read_only``.
        """
        ours, colours = (self.prediction_layer, self.marks, self.annotation_layer), ClassColours.of(classes)
        moves = all(one.can_follow(placement) for one in ours)
        if not moves:
            self.leave()
        self.annotation_layer.stop_watching()
        self.placement = placement
        self._own.lie_over(placement.image)
        if moves:
            self.prediction_layer.move(placement)
        else:
            self.prediction_layer.show(placement, colours)
        self.marks.move(placement)
        self.boxes.draw()
        self.annotation_layer.show(placement, strokes, colours, read_only=read_only)

    def follow(self, visible: Region) -> None:
        """Cover what is visible of a large plane, and move the layers there when they do not.

        Strokes stay in the project, and undo does not go back beyond a move. Where more is visible than can be
        covered, nothing can be painted.
        """
        placement, watcher = self.placement, self.watcher
        if placement is None or watcher is None or placement.covers_all:
            return
        self.annotation_layer.allow_painting(can_cover(visible))
        if visible.within(placement.cover) == visible or not can_cover(visible) or watcher.is_painting:
            return
        watcher.check_everywhere()
        if watcher.unsaved:
            return  # they are nowhere else
        self.placement = moved = placement.moved(cover_around(visible, Region(0, 0, *placement.plane_shape)))
        self.prediction_layer.move(moved)
        self.annotation_layer.move(moved)

    def stay(self) -> None:
        """Lie over the image again after a layer was moved."""
        for ours in (self.annotation_layer, self.prediction_layer, self.marks):
            ours.stay()

    def leave(self) -> None:
        """Take our layers away; what was painted is in the project."""
        self.placement = None
        self._own.lie_over(None)
        # A layer of shapes that was removed after the others has crashed the next drawing of the image.
        self.boxes.forget()
        self.marks.leave()
        self.annotation_layer.leave()
        self.prediction_layer.leave()
        self._text.write("")
        # napari leaves an empty box where its brush circle was; drawn as the only thing after an image was removed, it
        # crashed (napari 0.9.2). Told of the background colour anew, it takes the box away.
        self._viewer.canvas.events.background_color()

    def forget_planes(self, image_id: int) -> None:
        """Neither save nor show what lies over the image on screen: its planes may have changed."""
        self.annotation_layer.stop_watching()
        self.prediction_layer.forget_planes(image_id)

    def visible(self) -> Region | None:
        """Return the part of the plane on screen, in pixels; None while the camera does not tell."""
        if self.annotation is None or self.placement is None:
            return None
        return self._view.visible(self.annotation, self.placement)

    @property
    def is_small(self) -> bool:
        """Tell whether a pixel of the screen covers two pixels of the image or more, each way."""
        return self.annotation is not None and self._view.is_small(self.annotation)

    def show_estimate(self, text: str) -> None:
        """Keep the estimated Dice for the corner of the image, where it is shown if the user wants it."""
        self._text.write(text)

    def show_scores(self, on: bool) -> None:
        """Show or hide the text in the corner and the boxes of held-out blocks."""
        self._text.show(on)
        self.boxes.want(on)

    def drop_empty_boxes(self) -> None:
        """Take the boxes of held-out blocks away whose strokes were undone or erased."""
        self.boxes.drop_empty(self.annotation_layer.is_painted)

    def colour(self, classes: Classes) -> None:
        """Give classes their colours, on annotation and prediction."""
        colours = ClassColours.of(classes)
        self.annotation_layer.colour(colours)
        self.prediction_layer.colour(colours)
