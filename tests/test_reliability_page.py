"""docs/reliability.md says of every fault which test tries it, or that none does; the tests that it names are there."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_every_fault_is_accounted_for() -> None:
    """F01 to F63, once each and in order."""
    assert re.findall(r"^\| (F\d\d) \|", PAGE, re.MULTILINE) == [f"F{number:02}" for number in range(1, 64)]


def test_the_tests_that_are_named_exist() -> None:
    """A test that was renamed is renamed there too."""
    named = re.findall(r"([\w/]+\.py)::(\w+)", PAGE)
    assert len(named) > 60
    missing = [(file, test) for file, test in named if f"def {test}(" not in (TESTS / file).read_text(encoding="utf-8")]
    assert missing == []
