"""The view of one plane, the only one in which napari lets the user draw shapes on it."""

from typing import Any

from napari_unet.errors import UserError


def is_flat(dims: Any) -> bool:
    """Tell whether rows and columns of a plane, the last two axes, are on screen."""
    return tuple(dims.displayed) == (dims.ndim - 2, dims.ndim - 1)


def view_events(dims: Any) -> tuple[Any, Any]:
    """Return the events after which ``is_flat`` may say otherwise."""
    return dims.events.ndisplay, dims.events.order


def require_flat_view(dims: Any) -> None:
    """Refuse to let the user draw in any other view than a flat one.

    In 3-D napari leaves the mode of drawing at once and says nothing.

    Parameters
    ----------
    dims : of napari's viewer

    Raises
    ------
    UserError
        NU-A20 in 3-D, and while other axes are on screen.
    """
    if not is_flat(dims):
        is_deep = dims.ndisplay > 2
        what = "nothing can be drawn in 3-D" if is_deep else "nothing can be drawn while other axes are on screen"
        fix = "go back to 2-D with the button below the list of layers" if is_deep else "roll the axes back first"
        raise UserError("NU-A20", what, "viewer", fix)
