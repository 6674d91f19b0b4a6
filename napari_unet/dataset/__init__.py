"""What is learned from: annotated planes, where the next tile lies, how it is bent, and its weights."""
