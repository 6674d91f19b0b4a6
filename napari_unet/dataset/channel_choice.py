"""The channels of an image that a network sees, by name or place, and the axes, as both were in training."""

from collections.abc import Sequence

from napari_unet.counted import counted
from napari_unet.dataset.training_image import TrainingImage, comparable
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.project.joining import as_found, is_like


def trained_channels(trained: Sequence[TrainingImage], wanted: int, image: Image) -> tuple[int, ...]:
    """Choose the channels of an image for a network that sees so many; () for all as they are.

    Where the channels have names, here and in training, these decide. Where they have none, an image with as many
    channels as one that was trained on gives the same ones. An image of just so many channels as are seen is taken
    as it is.

    Raises
    ------
    UserError
        NU-I08 when that tells nothing, or several things.
    """
    known = [each for each in trained if each.channels == wanted]
    names = image.channel_names[: image.all_channels]
    found = {places for each in known if (places := _places(each.channel_names, names))}
    if not found and image.all_channels != wanted:
        unnamed = [each for each in known if not (each.channel_names and names)]
        found = {each.chosen for each in unnamed if each.all_channels == image.all_channels}
    if len(found) == 1:
        places = found.pop()
        return () if places == tuple(range(image.all_channels)) else places
    if image.all_channels == wanted:
        return ()
    fix = "choose an image of the same kind"
    if image.all_channels > wanted:
        fix = f"choose {wanted} of them, by name or number"
    seen = f" ({told(known)})" if told(known) else ""
    here = f" ({', '.join(names)})" if names else ""
    what = f"the network learned on {counted(wanted, 'channel')}{seen}, the image has {image.all_channels}{here}"
    raise UserError("NU-I08", what, image.name, fix)


def trained_axes(trained: Sequence[TrainingImage], image: Image) -> str | None:
    """Return the axes that were corrected of an image like this one that a network was trained on, else None.

    Parameters
    ----------
    image : opened as its file says
    """
    found = as_found(image)
    corrected = (each.corrected for each in trained if each.corrected is not None)
    return next((each.axes for each in corrected if is_like(found, each.as_record())), None)


def named_channels(wanted: Sequence[str], image: Image) -> tuple[int, ...]:
    """Find the channels that the user names, or numbers from 1 on.

    Raises
    ------
    UserError
        NU-I34 for one that the image has not, or that is given twice.
    """
    names = [comparable(name) for name in image.channel_names[: image.all_channels]]
    there = {str(number + 1): number for number in range(image.all_channels)}
    there |= {name: number for number, name in enumerate(names) if names.count(name) == 1}
    found = [there.get(comparable(name)) for name in wanted]
    if None in found or len(set(found)) < len(found):
        known = ", ".join(image.channel_names[: image.all_channels]) or f"1 to {image.all_channels}"
        what = f"channels {', '.join(wanted)} cannot be chosen"
        raise UserError("NU-I34", what, image.name, f"choose each once, of {known}")
    return tuple(number for number in found if number is not None)


def told(trained: Sequence[TrainingImage]) -> str:
    """Describe the channels of the images trained on, as "DAPI, GFP" or "1, 3 of 4"; "" where they are not known."""
    for each in trained:
        if each.channel_names:
            return ", ".join(each.channel_names)
        if each.chosen:
            return f"{', '.join(str(number + 1) for number in each.chosen)} of {each.all_channels}"
    return ""


def _places(wanted: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    """Return the index of each wanted name; () unless all of them occur exactly once."""
    here = [comparable(name) for name in names]
    once = all(here.count(comparable(name)) == 1 for name in wanted)
    return tuple(here.index(comparable(name)) for name in wanted) if once else ()
