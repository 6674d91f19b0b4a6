"""The process that decodes foreign images, and the client that asks it."""
