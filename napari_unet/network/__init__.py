"""The U-Net family and its checkpoint file."""
