"""The networks of a project on disk."""

from pathlib import Path

from napari_unet import storage
from napari_unet.errors import UserError
from napari_unet.network.checkpoint import (
    Checkpoint,
    copy_checkpoint,
    load_checkpoint,
    read_architecture,
    save_checkpoint,
)
from napari_unet.network.unet import Architecture
from napari_unet.project.project import Project

BEST, LAST, PREVIOUS = "best.safetensors", "last.safetensors", "previous.safetensors"
_TO_GO_ON = (LAST, BEST, PREVIOUS)  # the first that is there


def misplaced_folders(models: Path) -> list[Path]:
    """Return the folders that have the name of a network or of its note, so that no file can take it."""
    return [path for ending in ("safetensors", "json") for path in sorted(models.glob(f"*.{ending}")) if path.is_dir()]


def set_folder_aside(path: Path) -> UserError:
    """Move a folder into ``damaged-TIME`` out of the way of a file; return what to tell the user."""
    moved = storage.set_aside(path)
    fix = f"it is in {moved} now" if moved else "move it elsewhere"
    return UserError("NU-M02", "a folder lies where a file of the network belongs", str(path), fix)


class NetworkFiles:
    """Reads and writes the networks of a project.

    ``best.safetensors`` holds the network that predicts, ``last.safetensors`` everything that training needs to go
    on, ``previous.safetensors`` what ``best`` was before.

    Parameters
    ----------
    notices : takes a line for the user for every damaged file
    read_only : leave every file where it is, also a damaged one
    """

    def __init__(self, project: Project, notices: list[str], *, read_only: bool = False) -> None:
        self.read_only = read_only
        self._project = project
        self._notices = notices

    def architecture(self) -> Architecture | None:
        """Read which network training would go on with; None when there is none or it is damaged."""
        found = next((self._project.models / n for n in _TO_GO_ON if (self._project.models / n).is_file()), None)
        return None if found is None else read_architecture(found)

    def trained(self) -> Checkpoint | None:
        """Load the newest network to go on training; None when there is none."""
        return next((found for name in _TO_GO_ON if (found := self._load(name))), None)

    def shown(self) -> Checkpoint | None:
        """Load the network that predicts; None when there is none."""
        return self._load(BEST) or self._load(PREVIOUS)

    def save(self, shown: Checkpoint, trained: Checkpoint) -> Path:
        """Write the network that predicts and the one that learns; return the path of the first.

        Raises
        ------
        UserError
            NU-E01 when the disk does not take a file.
        """
        models = self._project.models
        for path in misplaced_folders(models):
            self._notices.append(str(set_folder_aside(path)))
        best = models / BEST
        if best.is_file():
            copy_checkpoint(best, models / PREVIOUS)
        save_checkpoint(shown, best)
        save_checkpoint(trained, models / LAST)
        return best

    def _load(self, name: str) -> Checkpoint | None:
        """Load a checkpoint if it is there; a damaged one is set aside, if it may be, and training goes on without."""
        path = self._project.models / name
        if not path.is_file():
            return None
        try:
            return load_checkpoint(path)
        except UserError as error:
            if error.code == "NU-M03":
                raise  # a newer version's work is not ours to move
            if not self.read_only:
                storage.set_aside(path)
            if str(error) not in self._notices:  # one that stays is met again
                self._notices.append(str(error))
            return None
