"""The U-Net family: architectures, presets, base weights, checkpoints, devices and prediction of a region."""
