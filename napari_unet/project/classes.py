"""Keep the classes that strokes are painted in."""

import colorsys
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from napari_unet.errors import UserError
from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database

BACKGROUND = 1
MAXIMUM_CLASS = 255

_LONGEST_NAME = 10_000  # characters; nobody types as many
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control characters, halves of characters, line breaks
_GOLDEN = (5**0.5 - 1) / 2
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")

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
    """Return the colour that a class of this id starts with; no two are alike."""
    number = class_id - 1 - len(COLOURS)
    if number < 0:
        return COLOURS[class_id - 1]
    # Steps of the golden ratio never come back to a hue, and neighbours differ in lightness as well.
    hue, lightness, saturation = (
        (0.1 + number * _GOLDEN) % 1,
        (0.4, 0.55, 0.7)[number % 3],
        (0.85, 0.55)[number // 3 % 2],
    )
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, lightness, saturation))
    return f"#{red:02X}{green:02X}{blue:02X}"


def default_name(class_id: int) -> str:
    """Return the name that a class of this id starts with."""
    return "background" if class_id == BACKGROUND else f"class {class_id}"


def distinct_names(names: Mapping[int, str]) -> dict[int, str]:
    """Return the names of classes by id, with the id behind a name that a class before has, as "cell (3)".

    Projects and networks of earlier versions may hold two classes of one name, and records go by names.
    """
    distinct: dict[int, str] = {}
    for class_id, name in sorted(names.items()):
        distinct[class_id] = _free(name, class_id, distinct.values())
    return distinct


def _free(name: str, class_id: int, taken: Collection[str]) -> str:
    """Return the name, with the id behind it as often as is needed to make it another than those that are taken."""
    while name in taken:
        name = f"{name} ({class_id})"
    return name


def refuse_new_names(names: Sequence[str], known: Mapping[int, str], where: str) -> None:
    """Refuse names of the classes 1, 2, ... where one that would be made cannot have its name.

    Parameters
    ----------
    known : names of the classes that there are, by id; they stay as they are
    where : the project, for the message

    Raises
    ------
    UserError
        NU-A18 as ``Classes.add`` raises it.
    """
    taken = set(known.values())
    for class_id, name in enumerate(names, start=1):
        if class_id not in known:
            _refuse_name(name, taken, where)
            taken.add(name)


def _refuse_name(name: str, taken: Collection[str], where: str) -> None:
    """Refuse a name that no class may have, or that is taken."""
    if not isinstance(name, str):
        raise UserError(
            "NU-A18", f"a class cannot be called {name!r}, which is no text", where, "give its name as a text"
        )
    if len(name) > _LONGEST_NAME:
        what, fix = f"a name of {len(name)} characters", f"choose one of {_LONGEST_NAME} at most"
        raise UserError("NU-A18", what, where, fix)
    if any(unicodedata.category(letter) in _BREAKING for letter in name):  # it would be a line of its own in results
        what = f"a class cannot be called {name[:40]!r}, with a line break or another control character"
        raise UserError("NU-A18", what, where, "leave that character out")
    _refuse_taken(name, taken, where)


def _refuse_taken(name: str, taken: Collection[str], where: str) -> None:
    """Refuse the name of another class: results and records could not tell the two apart."""
    if name in taken:
        raise UserError("NU-A18", f"there is a class called {name[:40]!r} already", where, "choose another name")


def _refuse_strange(label: ClassLabel) -> ClassLabel:
    """Return a stored class, or raise a ValueError for one that no version of this program has written."""
    if not 1 <= label.id <= MAXIMUM_CLASS:
        raise ValueError(f"a class with the number {label.id}")
    if not _is_fit(label.name, label.colour):
        raise ValueError(f"class {label.id} called {label.name[:40]!r} with the colour {label.colour[:20]!r}")
    return label


def _is_fit(name: str, colour: str) -> bool:
    return len(name) <= _LONGEST_NAME and _COLOUR.fullmatch(colour) is not None


class Classes:
    """Read and change the classes of a project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @damage_told
    def all(self) -> list[ClassLabel]:
        """Return the classes that are not removed, by id."""
        rows = self._database.execute("SELECT id, name, colour FROM classes WHERE NOT removed ORDER BY id")
        return [_refuse_strange(ClassLabel(*row)) for row in rows]

    def names(self) -> dict[int, str]:
        """Return the names of the classes that are not removed, by id."""
        return {label.id: label.name for label in self.all()}

    @damage_told
    def ids_ever(self) -> set[int]:
        """Return the ids of all classes, those that were removed included: their strokes stay."""
        return {row[0] for row in self._database.execute("SELECT id FROM classes")}

    def refuse_unknown(self, class_id: int) -> None:
        """Raise a UserError NU-A12 where this number was never given to a class."""
        if class_id not in self.ids_ever():
            fix = "add a class for it first, or give the number of one that is there"
            raise UserError("NU-A12", f"{class_id} is not one of the classes", self._database.folder.name, fix)

    def add(self, name: str | None = None, colour: str | None = None) -> ClassLabel:
        """Add a class; its id was never used before.

        Raises
        ------
        UserError
            NU-A06 when every id is used, NU-A18 for a colour that is not "#RRGGBB", and for an endless name, one with
            a line break or another control character, or the name of another class.
        """
        self._refuse_colour(colour)
        if name:
            _refuse_name(name, self.names().values(), self._database.folder.name)
        with self._database.transaction() as connection:
            highest = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'classes'").fetchone()
            class_id = (highest[0] if highest else 0) + 1
            if class_id > MAXIMUM_CLASS:
                what = f"a project holds {MAXIMUM_CLASS} classes at most"
                raise UserError("NU-A06", what, self._database.folder.name, "start a new project")
            by_default = _free(default_name(class_id), class_id, self.names().values())
            label = ClassLabel(class_id, name or by_default, colour or default_colour(class_id))
            connection.execute(
                "INSERT INTO classes (id, name, colour) VALUES (?, ?, ?)", (label.id, label.name, label.colour)
            )
        return label

    def change(self, class_id: int, *, name: str | None = None, colour: str | None = None) -> None:
        """Rename or recolour a class, also one that was removed.

        Raises
        ------
        UserError
            NU-A12 when there never was such a class, NU-A18 for what ``add`` refuses too, and for no name at all.
        """
        self.refuse_unknown(class_id)
        self._refuse_colour(colour)
        if name is not None:
            others = [other for other_id, other in self.names().items() if other_id != class_id]
            _refuse_name(name, others, self._database.folder.name)
            if not name.strip():
                raise UserError("NU-A18", "a class cannot be without a name", self._database.folder.name, "give one")
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE classes SET name = COALESCE(?, name), colour = COALESCE(?, colour) WHERE id = ?",
                (name, colour, class_id),
            )

    def remove(self, class_id: int) -> None:
        """Stop learning a class. Its strokes and its id stay in the project.

        Raises
        ------
        UserError
            NU-A12 when there never was such a class.
        """
        self.refuse_unknown(class_id)
        with self._database.transaction() as connection:
            connection.execute("UPDATE classes SET removed = 1 WHERE id = ?", (class_id,))

    def bring_back(self, name: str) -> ClassLabel | None:
        """Learn the newest removed class of this name again, with its strokes; None where there is none.

        Raises
        ------
        UserError
            NU-A18 where another class has the name now.
        """
        _refuse_taken(name, self.names().values(), self._database.folder.name)
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT id, name, colour FROM classes WHERE removed AND name = ? ORDER BY id DESC LIMIT 1", (name,)
            ).fetchone()
            if row is None:
                return None
            label = _refuse_strange(ClassLabel(*row))
            connection.execute("UPDATE classes SET removed = 0 WHERE id = ?", (label.id,))
        return label

    def _refuse_colour(self, colour: str | None) -> None:
        if colour and not _COLOUR.fullmatch(str(colour)):
            what = f"a class cannot have the colour '{str(colour)[:20]}'"
            raise UserError("NU-A18", what, self._database.folder.name, 'give one such as "#56B4E9"')
