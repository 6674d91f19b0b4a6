"""Laws of the notice: it holds the licence, and everybody whose licence asks to be named for the base weights."""

import re
import tomllib
from pathlib import Path

import pytest

import napari_unet

NOTICE = Path(napari_unet.__file__).with_name("NOTICE.txt")
ROOT = Path(__file__).parents[2]

if not (ROOT / "pyproject.toml").is_file():
    pytest.skip("not a checkout", allow_module_level=True)


def test_the_notice_holds_the_licence() -> None:
    """As it lies beside the program, and both are named as such in the wheel."""
    assert (ROOT / "LICENSE").read_text(encoding="utf-8") in NOTICE.read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [ROOT / name for name in project["license-files"]] == [ROOT / "LICENSE", ROOT / "napari_unet" / "NOTICE.txt"]


def test_the_notice_names_every_set_that_asks_for_it() -> None:
    """Every set under CC BY in the table of the base weights, with its source."""
    card = (ROOT / "docs" / "base-weights.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in card.splitlines() if line.startswith("|")]
    asking = {row[1].strip() for row in rows if any("CC BY" in cell for cell in row)}
    text = NOTICE.read_text(encoding="utf-8")
    assert asking == {"vnc-em", "ocdc-he"}
    assert {name for name in asking if f"- {name} (base" not in text} == set()
    for source in re.findall(r"10\.6084/m9\.figshare\.856713|9bsc36jyrt", card):
        assert source in text
