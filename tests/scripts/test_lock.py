"""requirements.lock names every file that the tests need by its hash, and says the same as constraints.txt."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKED = re.compile(r"([a-z0-9._-]+)==([a-z0-9.!+]+) --hash=sha256:[0-9a-f]{64}")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    """Versions by name; every line is one package with a hash, and nothing else is in it."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    found = [LOCKED.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(found), lines
    return {normal(match[1]): match[2] for match in found if match}


def test_the_lock_agrees_with_the_constraints(locked: dict[str, str]) -> None:
    """Both files pin the same versions; torch differs by processor and is in the constraints alone."""
    pins = [line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if "==" in line]
    constraints = {normal(name): version for name, version in pins}
    assert "torch" not in locked
    del constraints["torch"]
    assert len(constraints) > 5
    assert {name: locked.get(name) for name in constraints} == constraints


def test_everything_that_is_asked_for_is_locked(locked: dict[str, str]) -> None:
    """A new requirement needs a new lock: python scripts/lock.py."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["all"]]
    groups = project["dependency-groups"]
    assert {"include-group": "test"} in groups["test-torch"]
    assert {"include-group": "test-torch"} in groups["dev"]
    tools = [one for group in groups.values() for one in group if isinstance(one, str)]
    wanted += [*tools, *project["build-system"]["requires"]]
    names = {normal(match[0]) for line in wanted if (match := re.match(r"[A-Za-z0-9._-]+", line))}
    assert sorted(names - locked.keys()) == ["torch"]
