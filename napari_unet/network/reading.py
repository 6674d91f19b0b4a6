"""Reading of a network from a project, a checkpoint file, or a model package made by this program."""

import zipfile
import zlib
from pathlib import Path

from napari_unet.errors import UserError, is_ours, program_error, system_error
from napari_unet.export.earlier_results import refuse_file
from napari_unet.network.checkpoint import Checkpoint, load_checkpoint
from napari_unet.project.database import DATABASE
from napari_unet.storage import temporary_folder

NETWORK = "model.safetensors"  # the member of a package that is read; other weights in it are for other programs
_IN_PROJECT = Path("models", "best.safetensors")
_ZIP = b"PK\x03\x04"
MOST_MEMBERS = 1000
MOST_BYTES = 2**30  # size of a network at most; the largest preset has a tenth of it
_UNPACKED = (NETWORK, f"{Path(NETWORK).stem}.json")


def open_network(path: Path) -> Checkpoint:
    """Load the network of a project folder, a ``.safetensors`` file, or a model package, zipped or unpacked.

    Of a package only our own network and its checksum are read; nothing in it is executed.

    Raises
    ------
    UserError
        NU-M01 for a path that is not there or a folder of another kind; NU-M01 to NU-M04 as ``load_checkpoint``;
        NU-M05 for a zip file that is damaged or no package of ours; NU-I10 for a path that the system refuses.
    """
    try:
        return _opened(path)
    except OSError as error:
        raise system_error(error, str(path)) from error


def _opened(path: Path) -> Checkpoint:
    if not path.exists():
        raise _nothing("there is no such file or folder", path)
    if path.is_dir():
        inside = path / (NETWORK if (path / NETWORK).is_file() else _IN_PROJECT)
        if not inside.is_file() and not (path / DATABASE).is_file():
            raise _nothing("this folder is neither a project nor a model package", path)
        return load_checkpoint(inside)
    return _unpacked(path) if _is_zip(path) else load_checkpoint(path)


def _nothing(what: str, path: Path) -> UserError:
    return UserError("NU-M01", what, str(path), "choose a project, a .safetensors file or a model package")


def refuse_foreign_package(path: Path) -> None:
    """Refuse a model package that would take the place of a file without a network of this program.

    Raises
    ------
    UserError
        NU-E08
    """
    try:
        with zipfile.ZipFile(path) as package:
            is_own = NETWORK in package.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        is_own = False
    refuse_file(path, is_own=is_own)


def _is_zip(path: Path) -> bool:
    if not path.is_file():
        return False
    with open(path, "rb") as stream:
        return stream.read(len(_ZIP)) == _ZIP


def _unpacked(path: Path) -> Checkpoint:
    with temporary_folder() as folder:
        try:
            with zipfile.ZipFile(path) as package:
                for name, content in _members(package, path).items():
                    (folder / name).write_bytes(content)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            told = program_error(error, str(path)) if is_ours(error) else _no_package(path, f"it is damaged: {error}")
            raise told from error
        try:
            return load_checkpoint(folder / NETWORK)
        except UserError as error:
            raise UserError(error.code, error.what, f"{path}: {NETWORK}", error.fix) from error


def _members(package: zipfile.ZipFile, path: Path) -> dict[str, bytes]:
    """Read the files that are ours, by name; all others of the package are left alone."""
    infos = package.infolist()
    if len(infos) > MOST_MEMBERS:
        raise _no_package(path, f"it holds {len(infos)} files")
    wanted = {info.filename: info for info in infos if info.filename in _UNPACKED}
    if NETWORK not in wanted:
        raise _no_package(path, f"{NETWORK} is not in it")
    return {name: _limited(package, info, path) for name, info in wanted.items()}


def _limited(package: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    # Read rather than believed: a forged size says nothing about what comes out.
    with package.open(info) as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise _no_package(path, f"{info.filename} is larger than {MOST_BYTES} bytes")
    return content


def _no_package(path: Path, detail: str) -> UserError:
    return UserError(
        "NU-M05",
        f"this is no model package of napari-unet ({detail})",
        str(path),
        "choose a .bioimageio.zip that `napari-unet export --format bioimageio` wrote",
    )
