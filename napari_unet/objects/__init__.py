"""Objects of a mask: found, told apart, linked over planes and measured."""
