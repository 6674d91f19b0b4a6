"""Prediction of planes, of what is on screen, and of images larger than memory, here or on a cluster."""
