"""What the network is compared with, each on the same strokes."""
