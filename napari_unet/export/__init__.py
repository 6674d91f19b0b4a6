"""Results as files, one file per format family."""
