"""The boxes of the panel, one file each."""
