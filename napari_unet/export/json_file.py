"""Records as JSON files."""

import json
from pathlib import Path
from typing import Any

from napari_unet.export.verified import write_verified


def write_json(path: Path, record: dict[str, Any]) -> Path:
    """Write a record as indented UTF-8 and compare what is read back."""
    text = json.dumps(record, indent=1, ensure_ascii=False)
    return write_verified(
        path,
        lambda temporary: temporary.write_text(text, encoding="utf-8"),
        lambda temporary: "" if temporary.read_text(encoding="utf-8") == text else "other text",
    )
