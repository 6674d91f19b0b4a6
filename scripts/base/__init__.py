"""What base weights learn from, and how."""
