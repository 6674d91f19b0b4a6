"""The napari side: controller (imports neither Qt nor napari), layers and widgets."""
