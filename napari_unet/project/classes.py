"""The classes that strokes are painted in."""

from dataclasses import dataclass

BACKGROUND = 1

# Okabe and Ito's colour-blind-safe set, background first and quiet, then the loud ones; then Tol's "muted" colours.
COLOURS = (
    "#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#F0E442", "#D55E00", "#0072B2",
    "#88CCEE", "#AA4499", "#DDCC77", "#882255", "#44AA99", "#999933", "#CC6677",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassLabel:
    """A class: its number in annotations (1..255, never given to another class), name and colour "#RRGGBB"."""

    id: int
    name: str
    colour: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Colour as three bytes."""
        return int(self.colour[1:3], 16), int(self.colour[3:5], 16), int(self.colour[5:7], 16)


def default_colour(class_id: int) -> str:
    """The colour that a class of this id starts with."""
    return COLOURS[(class_id - 1) % len(COLOURS)]


def default_name(class_id: int) -> str:
    """The name that a class of this id starts with."""
    return "background" if class_id == BACKGROUND else f"class {class_id}"
