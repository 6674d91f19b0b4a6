"""The process that owns the device, and the one that decodes foreign images: messages, channel and clients."""
