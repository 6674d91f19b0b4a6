"""The part of the image on screen, and the questions to the worker about it: tiles, maps, objects, weight map."""

from napari_unet.controller.cover import first_cover
from napari_unet.controller.news import PlaneChanged, WorkerStarted
from napari_unet.controller.session import Session
from napari_unet.controller.subscriptions import Subscriptions
from napari_unet.controller.supervised_worker import SupervisedWorker
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord
from napari_unet.protocol import messages as m


class View:
    """Asks the worker for what is on screen, once for every change.

    Parameters
    ----------
    session : whose image is looked at, and whose generation grows with every other wish
    worker : is asked; it is started where a map is wanted and none runs
    subscriptions : tell of a new worker, which is asked for everything again, and hear of another plane

    Attributes
    ----------
    plane : number of the plane on screen
    cover : part of the plane that layers lie over, None for the whole plane
    visible : pixels of the plane on screen, None before anybody looked at it
    """

    def __init__(self, session: Session, worker: SupervisedWorker, subscriptions: Subscriptions) -> None:
        self.plane = 0
        self.cover: Region | None = None
        self.visible: Region | None = None
        self._session = session
        self._worker = worker
        self._publish = subscriptions.publish
        self._small = False
        self._weights_wanted = False
        self._map: tuple[m.MapKind, int] = ("", 0)  # and the class of a probability
        subscriptions.subscribe(WorkerStarted, lambda _: self.ask_again())

    def show(self, record: ImageRecord) -> None:
        """Turn to an image of the project, which the session shows by now."""
        self.plane = 0
        self.visible = None
        cover = first_cover(record)
        self.cover = None if cover.shape == record.annotation_shape[-2:] else cover
        self._session.begin_generation()
        self.ask_weights()

    def look(self, plane: int, visible: Region, cover: Region | None = None, *, small: bool = False) -> None:
        """Tell the worker what is on screen now; the same view is told once.

        Parameters
        ----------
        visible : pixels of the plane on screen
        cover : the part of the plane that layers cover; None for all of it
        small : the screen shows every second pixel at most
        """
        if self._session.image is None:
            return
        if plane != self.plane or cover != self.cover:
            self.plane, self.cover = plane, cover
            self._session.begin_generation()
            self.visible = None
            self._publish(PlaneChanged())
            self.ask_weights()
        if (visible, small) != (self.visible, self._small):
            self.visible, self._small = visible, small
            self._ask_tiles()

    def want_map(self, kind: m.MapKind, class_id: int = 0) -> None:
        """Ask for a map with the tiles, or for the objects of the plane; "" for neither."""
        if (kind, class_id) == self._map:
            return
        self._map = (kind, class_id)
        if kind:
            self._session.begin_generation()  # tiles that are on their way hold another map, or none
        if kind and self._session.image is not None and not self._worker.is_running:
            self._worker.launch()
        else:
            self._ask_tiles()

    def want_weights(self, on: bool) -> None:
        """Ask for the weight map of the plane on screen, and again whenever it may be another, or no more."""
        self._weights_wanted = on
        if on and self._session.image is not None and not self._worker.is_running:
            self._worker.launch()
        else:
            self.ask_weights()

    def ask_weights(self) -> None:
        """Ask for the weight map if it is wanted: it may be another one now."""
        image = self._session.image
        if self._weights_wanted and image is not None:
            self._worker.send(m.ShowWeights(image.id, self.plane, self.cover))

    def ask_again(self) -> None:
        """Ask for everything on screen again: after an error, or for another file, the worker has dropped it."""
        self._ask_tiles()
        self.ask_weights()

    def _ask_tiles(self) -> None:
        image = self._session.image
        if image is not None and self.visible is not None:
            wish = (self._session.generation, image.id, self.plane, self.visible, *self._map, self.cover)
            self._worker.send(m.Look(*wish, small=self._small))
