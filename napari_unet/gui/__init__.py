"""The napari side: the panel, its sections, our layers, and what napari's manifest names."""
