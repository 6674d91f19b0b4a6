"""What napari calls through the manifest: readers, writers, samples and palette commands."""
