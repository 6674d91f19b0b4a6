"""Training: losses, the training step, the EMA, head fitting, selection, memory limits and acquisition."""
