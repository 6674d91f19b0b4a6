"""What napari-unet is measured by; ``python -m benchmarks`` runs everything and prints the tables."""
