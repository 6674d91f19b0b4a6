"""Compute scores and what they say: numbers only, no torch."""
