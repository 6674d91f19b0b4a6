"""The images, episodes and losses that base weights are trained with."""
