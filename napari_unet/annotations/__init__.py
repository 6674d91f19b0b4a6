"""The project on disk: images, classes, strokes and the held-out split."""
