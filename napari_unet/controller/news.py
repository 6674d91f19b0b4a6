"""News of the controller itself, beside the messages of the worker: frozen structs, one for each kind."""

import msgspec

from napari_unet.config import Settings
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project


class ErrorLine(msgspec.Struct, frozen=True):
    """Tell the user in one plain line of something that went wrong."""

    line: str


class Notice(msgspec.Struct, frozen=True):
    """Tell the user in one plain line of something that stops nothing."""

    line: str


class ProjectOpened(msgspec.Struct, frozen=True):
    """Another project is open, or the same one anew; nothing that was shown of the one before holds."""

    project: Project


class ImageShown(msgspec.Struct, frozen=True):
    """An image of the project is on screen with all layers over it; None: no image is."""

    record: ImageRecord | None


class ImageChanging(msgspec.Struct, frozen=True):
    """Our layers are about to move to another image, or to go; nothing may act on them until ``ImageShown``."""


class ImageRemoved(msgspec.Struct, frozen=True):
    """The user took the image on screen out of the viewer; our layers follow in the next turns of the event loop."""


class ClassesChanged(msgspec.Struct, frozen=True):
    """Classes or their labelled pixels are others now."""


class SettingsChanged(msgspec.Struct, frozen=True):
    """The project has other settings now."""

    settings: Settings


class StrokesSaved(msgspec.Struct, frozen=True):
    """Strokes of the image on screen were committed to the project."""


class SuggestionDropped(msgspec.Struct, frozen=True):
    """The suggested place holds no more: a stroke may teach most elsewhere by now."""


class WorkerStarted(msgspec.Struct, frozen=True):
    """A new worker has opened the project and knows nothing else yet."""


class WorkerStopped(msgspec.Struct, frozen=True):
    """The worker is being ended, because the user or the end of the project wants it."""


class WorkerDied(msgspec.Struct, frozen=True):
    """A worker ended by itself, or had to be ended.

    Attributes
    ----------
    is_given_up : no other is started until the user asks for it
    """

    is_given_up: bool


class ActionEnded(msgspec.Struct, frozen=True):
    """An action of the user ended, with success or without: other buttons may be of use now."""
