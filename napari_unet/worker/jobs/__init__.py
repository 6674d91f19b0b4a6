"""The kinds of work of the worker, one file each."""
