"""Laws of the names that scripts use."""

from types import ModuleType

import pytest

import napari_unet
import napari_unet.export.formats  # the folder must not hide the function of that name
from napari_unet import api
from napari_unet.export import formats


@pytest.mark.parametrize("name", napari_unet.__all__)
def test_public_names_are_functions_and_classes(name: str) -> None:
    """None of them is a module, whatever was imported before."""
    found = getattr(napari_unet, name)
    assert callable(found)
    assert not isinstance(found, ModuleType)


def test_export_is_the_function() -> None:
    """And the modules of the folder are still found."""
    assert napari_unet.export is api.export
    assert "tiff" in formats.FORMATS
