"""The window's side of project and worker, without Qt."""
