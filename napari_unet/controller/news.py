"""News of the controller itself, beside the messages of the worker: frozen structs, one for each kind."""

import msgspec

from napari_unet.config import Settings
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project


class ErrorLine(msgspec.Struct, frozen=True):
    """Tell the user in one plain line of something that went wrong."""

    line: str


class Notice(msgspec.Struct, frozen=True):
    """Tell the user in one plain line of something that stops nothing."""

    line: str


class ProjectOpened(msgspec.Struct, frozen=True):
    """Tell that a project was opened, perhaps the same one again; what was shown before is no longer valid."""

    project: Project


class ImageShown(msgspec.Struct, frozen=True):
    """Tell that an image of the project is on screen with all layers over it; None for no image."""

    record: ImageRecord | None


class ImageChanging(msgspec.Struct, frozen=True):
    """Tell that our layers are about to move or to go; nothing may act on them until ``ImageShown``."""


class PlaneChanged(msgspec.Struct, frozen=True):
    """Tell that another plane, or part of a large one, is looked at; numbers that were shown are of the one before."""


class ImageRemoved(msgspec.Struct, frozen=True):
    """Tell that the user took the image on screen out of the viewer; our layers follow soon."""


class ClassesChanged(msgspec.Struct, frozen=True):
    """Tell that the classes or the counts of their labelled pixels have changed."""


class SettingsChanged(msgspec.Struct, frozen=True):
    """Tell that the settings of the project have changed."""

    settings: Settings


class StrokesSaved(msgspec.Struct, frozen=True):
    """Tell that strokes of the image on screen were committed to the project."""


class AreaEmptied(msgspec.Struct, frozen=True):
    """Tell that what a test area of the image on screen was filled with is erased from the project."""

    plane: int
    region: Region


class SuggestionDropped(msgspec.Struct, frozen=True):
    """Tell that the suggested place is outdated: another one may teach more by now."""


class WorkAsked(msgspec.Struct, frozen=True):
    """Tell that the user asks the worker for something: what failed before is tried anew, and told anew."""


class WorkerStarted(msgspec.Struct, frozen=True):
    """Tell that a new worker has opened the project and knows nothing else yet."""


class WorkerStopped(msgspec.Struct, frozen=True):
    """Tell that no worker runs until the user wants one: it is being ended, or the system starts no other."""


class WorkerDied(msgspec.Struct, frozen=True):
    """Tell that a worker ended by itself, or had to be ended.

    Attributes
    ----------
    is_given_up : no other is started until the user asks for it
    """

    is_given_up: bool


class ActionEnded(msgspec.Struct, frozen=True):
    """Tell that an action of the user ended, with success or without: other buttons may be of use now."""
