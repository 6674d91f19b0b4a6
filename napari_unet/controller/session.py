"""The project that is open, its image on screen, and the generation of what is wanted."""

from napari_unet.errors import UserError
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project


class Session:
    """Holds the state that all parts of the controller share.

    Attributes
    ----------
    project : None while none is open
    image : the image on screen, None while there is none
    generation : number of the newest wish of the user; answers of the worker to an older one are dropped
    """

    def __init__(self) -> None:
        self.project: Project | None = None
        self.image: ImageRecord | None = None
        self.generation = 0

    def present_project(self) -> Project:
        """Return the open project.

        Raises
        ------
        UserError
            NU-W04 when no project is open.
        """
        if self.project is None:
            raise UserError("NU-W04", "no project is open", "panel", "choose an image first")
        return self.project

    def present_image(self, where: str) -> ImageRecord:
        """Return the image on screen.

        Raises
        ------
        UserError
            NU-W04 when there is none.
        """
        if self.image is None:
            raise UserError("NU-W04", "no image is chosen", where, "choose an image first")
        return self.image

    def begin_generation(self) -> None:
        """Begin a new generation: answers that are under way to older wishes come too late."""
        self.generation += 1
