"""XML of foreign files, read by expat within limits: no entity is expanded, and no tree is built."""

from collections.abc import Callable
from xml.parsers import expat

# A description of 100,000 planes, each with its file, has 30 MB and 300,000 elements.
MOST_CHARACTERS = 64 * 2**20
MOST_ELEMENTS = 2**20
DEEPEST = 100  # elements inside of each other

Element = Callable[[str, dict[str, str]], None]


def read_elements(xml: str, found: Element) -> None:
    """Hand out the name, without its namespace, and the attributes of every element, in the order of the text.

    Text that is no XML from some place on is read up to there.

    Raises
    ------
    ValueError
        For a text that is too long, has too many elements or nests them too deeply, and for a DOCTYPE, which alone can
        declare entities.
    """
    if len(xml) > MOST_CHARACTERS:
        raise ValueError(f"a description of {len(xml)} characters, and {MOST_CHARACTERS} are read at most")
    parser = expat.ParserCreate()
    counts = {"elements": 0, "depth": 0}

    def start(name: str, attributes: dict[str, str]) -> None:
        counts["elements"] += 1
        counts["depth"] += 1
        if counts["elements"] > MOST_ELEMENTS or counts["depth"] > DEEPEST:
            raise ValueError(f"XML of more than {MOST_ELEMENTS} elements, or {DEEPEST} inside of each other")
        found(name.rpartition(":")[2], attributes)

    def end(name: str) -> None:
        counts["depth"] -= 1

    def refuse(*_: object) -> None:
        raise ValueError("XML with a DOCTYPE")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError:
        return
