"""Images for napari's File > Open Sample; the bundled one is also that of the demo."""

from typing import Any

from napari_unet.errors import UserError


def stained_tissue() -> list[tuple[Any, dict[str, Any], str]]:
    """Return an immunohistochemical staining of human colon, 512 x 512 RGB (scikit-image's data, CC0)."""
    from skimage import data

    return [(data.immunohistochemistry(), {"name": "stained tissue", "rgb": True}, "image")]


def dividing_nuclei() -> list[tuple[Any, dict[str, Any], str]]:
    """Return nuclei of human cells, some dividing, 512 x 512 uint8 (scikit-image's data, CC0).

    They are downloaded once, and checked by their hash.

    Raises
    ------
    UserError
        NU-I18 when it cannot be downloaded.
    """
    from skimage import data

    try:
        pixels = data.human_mitosis()
    except (ModuleNotFoundError, OSError, ValueError) as error:  # no pooch; no network; another hash
        what = f"the sample cannot be downloaded ({' '.join(str(error).split())[:200]})"
        fix = "check the connection and try again, or use the bundled sample"
        raise UserError("NU-I18", what, "dividing nuclei", fix) from error
    return [(pixels, {"name": "dividing nuclei"}, "image")]
