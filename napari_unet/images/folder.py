"""Which image files a path stands for."""

from pathlib import Path

from napari_unet.images.reading import SUFFIXES, ZARR_METADATA


def image_paths(path: Path) -> list[Path]:
    """A file or Zarr image itself; of any other folder the images in it by name, not those in its subfolders."""
    if not path.is_dir() or _is_zarr(path):
        return [path]
    return sorted(p for p in path.iterdir() if _is_zarr(p) or (p.is_file() and p.suffix.lower() in SUFFIXES))


def _is_zarr(path: Path) -> bool:
    return any((path / name).is_file() for name in ZARR_METADATA)
