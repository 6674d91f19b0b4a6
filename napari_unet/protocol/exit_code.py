"""What the worker's exit code says to the window."""

LOST_DEVICE = 3  # the graphics processor failed in a way that only a new process gets over
