"""A number with its noun, as people write it."""


def counted(count: int, noun: str) -> str:
    """Return a number and the noun that it counts, such as "1 block" and "2 blocks"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
