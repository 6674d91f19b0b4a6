"""What maintainers run by hand; not part of the package."""
