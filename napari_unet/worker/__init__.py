"""The process that owns the device: messages, channel, engine and the client that starts it."""
