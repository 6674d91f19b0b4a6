"""Laws of the workflows: whose code runs in them, what they audit, and what may publish."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOWS = Path(__file__).parents[2] / ".github" / "workflows"
if not WORKFLOWS.is_dir():
    pytest.skip("not a checkout", allow_module_level=True)

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+){0,2}")
TAGS_ONLY = {"push": {"tags": ["v*"]}}


def texts() -> dict[str, str]:
    """Text of every workflow by its file's name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(WORKFLOWS.glob("*.y*ml"))}


def workflow(text: str) -> dict[str, Any]:
    """Read a workflow; YAML takes its key ``on`` for true."""
    read: dict[Any, Any] = yaml.safe_load(text)
    return {"on" if key is True else key: value for key, value in read.items()}


def rights(part: dict[str, Any]) -> set[str]:
    """Rights to more than reading that a workflow or a job asks for."""
    asked = part.get("permissions", {})
    return (
        {asked} if isinstance(asked, str) else {name for name, level in asked.items() if level not in ("read", "none")}
    )


def test_every_action_is_pinned() -> None:
    """An action is named by its full commit, which nobody can move, with its release beside it; everywhere the same."""
    used = [
        line.split("uses:", 1)[1].strip() for text in texts().values() for line in text.splitlines() if "uses:" in line
    ]
    assert len(used) > 10
    assert [action for action in used if not PINNED.fullmatch(action)] == []
    assert len({action.split("@")[0] for action in used}) == len(set(used))


def test_the_lock_is_audited() -> None:
    """Every week and whenever it changes; what cannot be audited fails."""
    audit = workflow(texts()["audit.yml"])
    assert re.fullmatch(r"\d+ \d+ \* \* \d", audit["on"]["schedule"][0]["cron"])
    for event in ("push", "pull_request"):
        assert {"requirements.lock", "constraints.txt"} <= set(audit["on"][event]["paths"])
    commands = [step.get("run", "") for step in audit["jobs"]["audit"]["steps"]]
    for file in ("requirements.lock", "constraints.txt"):
        assert any("pip_audit --strict" in command and f"-r {file}" in command for command in commands)


def test_only_a_tag_publishes() -> None:
    """Rights to more than reading, and environments, are asked for by jobs that nothing but a version tag starts."""
    publishing = set()
    for name, text in texts().items():
        read = workflow(text)
        assert "permissions" in read, name  # or the repository's setting would decide
        assert rights(read) == set(), name
        if any(rights(job) or "environment" in job for job in read["jobs"].values()):
            publishing.add(name)
            assert read["on"] == TAGS_ONLY, name
    assert publishing == {"release.yml"}
