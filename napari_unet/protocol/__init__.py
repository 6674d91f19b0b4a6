"""Messages and the channel: all that the window and the worker know of each other."""
