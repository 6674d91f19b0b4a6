"""Laws of the house: which room may know what, and every error in the book."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import napari_unet

ROOT = Path(napari_unet.__file__).parent
QT = {"napari", "qtpy", "superqt", "magicgui", "pyqtgraph", "PyQt5", "PyQt6", "PySide2", "PySide6"}
TORCH = {"torch"}
CODE = re.compile(r"NU-[A-Z]\d\d")


def modules() -> list[str]:
    """Every module of the package by its dotted name."""
    paths = [path.relative_to(ROOT.parent).with_suffix("") for path in sorted(ROOT.rglob("*.py"))]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


def of_window(module: str) -> bool:
    """The rooms that may know napari: the gui (but for its controller) and the demo, which drives it."""
    return module.startswith(("napari_unet.gui", "napari_unet.demo")) and module != "napari_unet.gui.controller"


def loaded(names: list[str], wanted: set[str], folder: Path) -> list[str]:
    """Which of ``wanted`` a fresh Python holds after importing ``names``."""
    code = f"import sys\nfor name in {names!r}:\n    __import__(name)\nprint(*sorted({wanted!r} & set(sys.modules)))"
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "NAPARI_CONFIG": str(folder / "settings.yaml")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_only_the_window_knows_qt(tmp_path: Path) -> None:
    """Importing every module outside the gui, and the gui's controller, brings neither Qt nor napari."""
    names = [name for name in modules() if not of_window(name) and name != "napari_unet.gui"]
    assert "napari_unet.gui.controller" in names
    assert len(names) > 30
    assert loaded(names, QT, tmp_path) == []


def test_the_window_never_knows_torch(tmp_path: Path) -> None:
    """Importing the whole gui does not bring torch."""
    pytest.importorskip("napari")
    names = [name for name in modules() if name.startswith("napari_unet.gui")]
    assert "napari_unet.gui.panel" in names
    assert loaded(names, TORCH, tmp_path) == []


def test_dask_is_imported_only_where_it_is_used(tmp_path: Path) -> None:
    """Importing every module outside the gui does not bring Dask's cluster."""
    names = [name for name in modules() if not of_window(name) and name != "napari_unet.gui"]
    assert loaded(names, {"distributed"}, tmp_path) == []


def test_the_two_laws_above_can_fail(tmp_path: Path) -> None:
    """The same check finds Qt in the panel and torch in the network."""
    pytest.importorskip("napari")
    assert {"napari", "qtpy"} <= set(loaded(["napari_unet.gui.panel"], QT, tmp_path))
    assert loaded(["napari_unet.network.unet"], TORCH, tmp_path) == ["torch"]


def test_every_error_is_in_the_book() -> None:
    """Each code that the source can raise is explained in docs/troubleshooting.md."""
    book = ROOT.parent / "docs" / "troubleshooting.md"
    if not (ROOT.parent / "pyproject.toml").exists():
        pytest.skip("not a checkout")
    raised = {code for path in ROOT.rglob("*.py") for code in CODE.findall(path.read_text(encoding="utf-8"))}
    explained = set(CODE.findall(book.read_text(encoding="utf-8")))
    assert len(raised) > 20
    assert sorted(raised - explained) == []


def test_nothing_loads_objects() -> None:
    """Every array that is loaded from a file is loaded without its objects, in so many words."""
    loads = [
        (path.name, call)
        for path in ROOT.rglob("*.py")
        for call in re.findall(r"\bnp\.load\((?:[^()]|\([^()]*\))*\)", path.read_text(encoding="utf-8"))
    ]
    assert loads
    assert [load for load in loads if "allow_pickle=False" not in load[1]] == []
