"""Tiles of an image to classes of its pixels: what is in view first, then the rest."""
