"""Keep the classes that strokes are painted in."""

from dataclasses import dataclass

from napari_unet.errors import UserError
from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database

BACKGROUND = 1
MAXIMUM_CLASS = 255

# Okabe and Ito's colour-blind-safe set, background first and quiet, then the loud ones; Tol's "muted" colours.
COLOURS = (
    "#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#F0E442", "#D55E00", "#0072B2",
    "#88CCEE", "#AA4499", "#DDCC77", "#882255", "#44AA99", "#999933", "#CC6677",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassLabel:
    """Hold a class: its id in annotations (1..255, never given to another class), name and colour "#RRGGBB"."""

    id: int
    name: str
    colour: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Return the colour as three bytes."""
        return int(self.colour[1:3], 16), int(self.colour[3:5], 16), int(self.colour[5:7], 16)


def default_colour(class_id: int) -> str:
    """Return the colour that a class of this id starts with."""
    return COLOURS[(class_id - 1) % len(COLOURS)]


def default_name(class_id: int) -> str:
    """Return the name that a class of this id starts with."""
    return "background" if class_id == BACKGROUND else f"class {class_id}"


class Classes:
    """Read and change the classes of a project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @damage_told
    def all(self) -> list[ClassLabel]:
        """Return the classes that are not removed, by id."""
        rows = self._database.execute("SELECT id, name, colour FROM classes WHERE NOT removed ORDER BY id")
        return [ClassLabel(*row) for row in rows]

    @damage_told
    def ids_ever(self) -> set[int]:
        """Return the ids of all classes, those that were removed included: their strokes stay."""
        return {row[0] for row in self._database.execute("SELECT id FROM classes")}

    def add(self, name: str | None = None, colour: str | None = None) -> ClassLabel:
        """Add a class; its id was never used before.

        Raises
        ------
        UserError
            NU-A06 when every id is used.
        """
        with self._database.transaction() as connection:
            highest = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'classes'").fetchone()
            class_id = (highest[0] if highest else 0) + 1
            if class_id > MAXIMUM_CLASS:
                what = f"a project holds {MAXIMUM_CLASS} classes at most"
                raise UserError("NU-A06", what, str(self._database.folder), "start a new project")
            label = ClassLabel(class_id, name or default_name(class_id), colour or default_colour(class_id))
            connection.execute(
                "INSERT INTO classes (id, name, colour) VALUES (?, ?, ?)", (label.id, label.name, label.colour)
            )
        return label

    def change(self, class_id: int, *, name: str | None = None, colour: str | None = None) -> None:
        """Rename or recolour a class."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE classes SET name = COALESCE(?, name), colour = COALESCE(?, colour) WHERE id = ?",
                (name, colour, class_id),
            )

    def remove(self, class_id: int) -> None:
        """Stop learning a class. Its strokes and its id stay in the project."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE classes SET removed = 1 WHERE id = ?", (class_id,))
