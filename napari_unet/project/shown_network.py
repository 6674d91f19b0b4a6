"""The description of the network that a project shows, which can be read without torch."""

import json
from typing import Any

from napari_unet.project.project import Project

_NOTE = "best.json"  # in the folder of networks
_LONGEST = 2**20  # bytes of it that are read


def shown_network_note(project: Project) -> dict[str, Any]:
    """Return the description of the network that was saved last as the one shown; {} without one, or a damaged one."""
    try:
        path = project.models / _NOTE
        found = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size <= _LONGEST else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
