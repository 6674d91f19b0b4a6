"""Settings that were given as options."""

import argparse
from collections.abc import Collection
from typing import Any

from napari_unet.config import AUTO, DEFAULT_SETTINGS, Settings, changed, preset_settings
from napari_unet.errors import UserError

# The options of ``train`` that say how label files and their images are read, with their defaults.
_OF_LABELS = {"labels_are": "classes", "unlabelled_rim": 0, "axes": None}


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given, by name."""
    return {
        name.removeprefix("set_"): value
        for name, value in vars(options).items()
        if name.startswith("set_") and value is not None
    }


def object_settings(options: argparse.Namespace, settings: Settings, class_ids: Collection[int]) -> Settings:
    """Return settings with those of objects that were given as options.

    Raises
    ------
    UserError
        NU-C01 for a value out of its range, and for a border class that is none of ``class_ids``.
    """
    given = given_settings(options)
    refuse_unknown_border(given, class_ids)
    return changed(settings, given)


def refuse_unknown_border(given: dict[str, Any], class_ids: Collection[int]) -> None:
    """Refuse a border class, among settings that were given, that is none of ``class_ids``.

    Raises
    ------
    UserError
        NU-C01
    """
    border = given.get("object_border", 0)
    if border and border not in class_ids:
        known = ", ".join(str(number) for number in sorted(class_ids))
        fix = f"choose a class number, which is the value in the mask and 1: {known}; or 0 for none"
        raise UserError("NU-C01", f"there is no class {border}", "object_border", fix)


def checked_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given for ``train``, after all of its options that can be wrong were tried.

    Raises
    ------
    UserError
        NU-C01 and NU-C03 for a setting or network that there is not, NU-W01 for a device, NU-M.. for a base, NU-P01
        for a project to train on that does not exist, NU-C09 for an option of label files where none are given.
    """
    from napari_unet.network.base import base_weights
    from napari_unet.network.device import choose_device
    from napari_unet.network.presets import preset_named

    if not options.images and not options.project.exists():
        fix = "check the name, or give --images and --labels for a new project"
        raise UserError("NU-P01", "there is no such project", str(options.project), fix)
    _refuse_options_of_labels(options)
    given = given_settings(options)
    if "preset" in given:
        name = given["preset"]
        given = preset_settings(name if name == AUTO else preset_named(name).name) | given
    changed(DEFAULT_SETTINGS, given)
    choose_device(options.device, options.precision)
    base_weights(options.base)
    return given


def _refuse_options_of_labels(options: argparse.Namespace) -> None:
    """Refuse an option that says how label files and their images are read, where there are none to read."""
    unused = [name for name, usual in _OF_LABELS.items() if getattr(options, name) != usual]
    if unused and not options.labels:
        option = f"--{unused[0].replace('_', '-')}"
        fix = "give --images and --labels, or leave it out"
        raise UserError("NU-C09", f"{option} is for label files and their images, and none are given", "train", fix)
