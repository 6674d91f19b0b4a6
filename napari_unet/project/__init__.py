"""The project on disk: images, classes, strokes, test areas, settings and scores."""
