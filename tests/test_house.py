"""Laws of the house: which room may know what, and every error in the book."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import napari_unet

ROOT = Path(napari_unet.__file__).parent
QT = {"napari", "qtpy", "superqt", "magicgui", "pyqtgraph", "PyQt5", "PyQt6", "PySide2", "PySide6"}
TORCH = {"torch"}
TORCH_FREE = (
    "errors counted storage freed_memory config images project evaluation dataset objects export "
    "protocol decoder controller gui"
).split()
CODE = re.compile(r"NU-[A-Z]\d\d")
OPTION = re.compile(r"(?<![\w-])--[a-z]")


def modules() -> list[str]:
    """Every module of the package by its dotted name."""
    paths = [path.relative_to(ROOT.parent).with_suffix("") for path in sorted(ROOT.rglob("*.py"))]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


def of_window(module: str) -> bool:
    """Whether a module lies in a room that may know Qt and napari: the gui, and the demo, which drives it."""
    return module.startswith(("napari_unet.gui", "napari_unet.demo"))


def above_the_torch_line(module: str) -> bool:
    """Whether a module may be held in the process of the window, so that torch must not come with it."""
    return module.startswith(tuple(f"napari_unet.{room}" for room in TORCH_FREE))


def loaded(names: list[str], wanted: set[str], folder: Path) -> list[str]:
    """Which of ``wanted`` a fresh Python holds after importing ``names``."""
    code = f"import sys\nfor name in {names!r}:\n    __import__(name)\nprint(*sorted({wanted!r} & set(sys.modules)))"
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "NAPARI_CONFIG": str(folder / "settings.yaml")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.torch
def test_only_the_window_knows_qt(tmp_path: Path) -> None:
    """Importing every module outside the gui, the controller among them, brings neither Qt nor napari."""
    names = [name for name in modules() if not of_window(name)]
    assert "napari_unet.controller.controller" in names
    assert len(names) > 30
    assert loaded(names, QT, tmp_path) == []


def test_torch_stays_below_its_line(tmp_path: Path) -> None:
    """Importing everything that the window's process may hold does not bring torch."""
    pytest.importorskip("napari")
    names = [name for name in modules() if above_the_torch_line(name)]
    assert {"napari_unet.gui.panel", "napari_unet.dataset.annotated", "napari_unet.export.formats"} <= set(names)
    assert loaded(names, TORCH, tmp_path) == []


def test_the_contracts_name_every_room() -> None:
    """The floors in pyproject.toml are those that the two laws above are tried on."""
    contracts = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    forbidden = {tuple(c["forbidden_modules"]): set(c["source_modules"]) for c in contracts["contracts"][1:]}
    rooms = {name.split(".")[1] for name in modules() if "." in name} - {"cli", "demo", "__init__"}
    assert forbidden["torch", "safetensors"] == {f"napari_unet.{room}" for room in TORCH_FREE}
    qt_free = next(sources for names, sources in forbidden.items() if "qtpy" in names)
    assert qt_free == {f"napari_unet.{room}" for room in rooms - {"gui"}}


@pytest.mark.torch
def test_dask_is_imported_only_where_it_is_used(tmp_path: Path) -> None:
    """Importing every module outside the gui does not bring Dask's cluster."""
    names = [name for name in modules() if not of_window(name)]
    assert loaded(names, {"distributed"}, tmp_path) == []


@pytest.mark.torch
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


def spoken(path: Path) -> list[str]:
    """Every text in a module that is no docstring, the pieces of one with values in it by themselves."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone]
    return [node.value for node in texts if isinstance(node.value, str)]


def test_only_the_command_line_names_its_options() -> None:
    """What a script or the window may tell as well names no option, unless in a command that is written out."""
    commands = [ROOT / "cli", ROOT / "demo.py"]
    paths = [path for path in ROOT.rglob("*.py") if not {path, *path.parents} & set(commands)]
    told = [text for path in paths for text in spoken(path) if OPTION.search(text)]
    assert [text for text in told if "napari-unet " not in text] == []
    assert any(OPTION.search(text) for path in commands[0].glob("*.py") for text in spoken(path))


def test_nothing_loads_objects() -> None:
    """Every array that is loaded from a file is loaded without its objects, in so many words."""
    loads = [
        (path.name, call)
        for path in ROOT.rglob("*.py")
        for call in re.findall(r"\bnp\.load\((?:[^()]|\([^()]*\))*\)", path.read_text(encoding="utf-8"))
    ]
    assert loads
    assert [load for load in loads if "allow_pickle=False" not in load[1]] == []
