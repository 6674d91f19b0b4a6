"""The functions that napari calls through the manifest: readers, writers, samples and palette commands."""
