"""The drawing that a test's project starts with: an image, its classes, settings and strokes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unet.config import Settings
from napari_unet.images.image import Image
from napari_unet.project.project import Project


@dataclass(frozen=True)
class Drawing:
    """Say what is in a project before the test begins; without settings it has those of a new project."""

    image: Image
    labels: np.ndarray | None = None  # (y, x) or (planes, y, x): 0 unlabelled, 1..K classes; None where nobody painted
    classes: tuple[str, ...] = ("background", "class 2")
    settings: Settings | None = None

    def open_in(self, parent: Path) -> Project:
        """Make the project in a folder of the image's name and return it, open."""
        project = Project(parent / f"{self.image.name}.unet")
        if self.settings is not None:
            project.settings.write(self.settings)
        for name in self.classes:
            project.add_class(name)
        record = project.add_image(self.image)
        if self.labels is not None:
            for plane, labels in enumerate(self.labels.reshape(-1, *self.labels.shape[-2:])):
                project.commit(record.id, plane, labels)
        return project
