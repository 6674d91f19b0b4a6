"""The data that a network learns from: annotated planes, the tiles drawn from them, augmentation, weight maps."""
