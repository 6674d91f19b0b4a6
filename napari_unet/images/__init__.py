"""Any microscope image as lazily read planes."""
