"""The kinds of work of the worker besides learning, one file each."""
