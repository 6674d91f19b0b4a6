"""Write the settings of ``config.py`` into the manifest, for napari's page of preferences: ``python -m scripts...``.

napari reads preferences from the manifest alone, so the manifest repeats ``config.py``; a test compares the two.
"""

from pathlib import Path
from typing import Any

import yaml

from napari_unet.config import Field, fields

MANIFEST = Path(__file__).parent.parent / "napari_unet" / "napari.yaml"
KEY = "new_projects"
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def preferences() -> dict[str, Any]:
    """Return the manifest's ``configurations``."""
    properties = {field.name: _property(field) for field in fields() if _is_shown_exactly(field)}
    return {KEY: {"title": "New projects", "properties": properties}}


def main() -> None:
    """Replace the manifest's ``configurations``, which are its last part."""
    text = MANIFEST.read_text().split("  configurations:\n")[0]
    part = yaml.safe_dump({"configurations": preferences()}, sort_keys=False, width=110, allow_unicode=True)
    MANIFEST.write_text(text + "".join(f"  {line}\n" for line in part.splitlines()))


def _is_shown_exactly(field: Field) -> bool:
    """Tell whether napari's number boxes, which have two decimals, can show a value: 0.001 would become 0."""
    numbers = (field.default, field.minimum)
    return field.kind is not float or all(n is None or round(n, 2) == n for n in numbers)


def _property(field: Field) -> dict[str, Any]:
    title = f"{field.label} [{field.unit}]" if field.unit else field.label
    content: dict[str, Any] = {"type": _TYPES[field.kind], "title": title, "description": field.help}
    content["default"] = field.default
    limits = {"minimum": field.minimum, "maximum": field.maximum, "enum": list(field.choices) or None}
    return content | {name: value for name, value in limits.items() if value is not None}


if __name__ == "__main__":
    main()
