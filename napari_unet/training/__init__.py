"""From strokes to a better network: weight map, loss, augmentation, sampler, trainer, scores."""
