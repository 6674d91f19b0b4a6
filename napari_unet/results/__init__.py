"""What leaves the project: objects, measurements and mask files that other programs open."""
