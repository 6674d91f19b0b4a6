"""Readers of image files: one module per family of formats, and what these share."""
