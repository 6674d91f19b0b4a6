"""The layers that lie over the image."""
