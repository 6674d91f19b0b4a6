"""Print the lower bound of every requirement of the package and its extras as an exact version, one a line."""

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
BOUND = re.compile(r"([A-Za-z0-9._-]+(?:\[[a-z0-9,]+\])?)>=([0-9.]+)$")


def lower_bounds(project: dict[str, object]) -> list[str]:
    """Return ``name==version`` for every ``name>=version`` of the dependencies and the extras.

    Raises
    ------
    SystemExit
        When a requirement has no lower bound, or more than that: then nobody knows whether the oldest release works.
    """
    extras: dict[str, list[str]] = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    bounds = [BOUND.match(requirement) for requirement in wanted]
    unbounded = [requirement for requirement, bound in zip(wanted, bounds, strict=True) if bound is None]
    if unbounded:
        raise SystemExit(f"no plain lower bound: {', '.join(unbounded)}")
    return [f"{bound[1]}=={bound[2]}" for bound in bounds]


if __name__ == "__main__":
    print(*lower_bounds(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]), sep="\n")
