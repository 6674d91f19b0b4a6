"""Exit codes by which the worker tells the window why it ended."""

LOST_DEVICE = 3  # the graphics processor failed in a way that only a new process gets over
