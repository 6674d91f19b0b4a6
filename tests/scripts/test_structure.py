"""The laws of the house that a count tells, held on the files as they lie here."""

import ast
from pathlib import Path

import pytest

if not (Path(__file__).parents[2] / "scripts").is_dir():
    pytest.skip("not a checkout", allow_module_level=True)

from scripts.structure import (
    LONGEST_FILE,
    LONGEST_FUNCTION,
    MOST_IMPORTS,
    MOST_METHODS,
    MOST_PARAMETERS,
    ROOT,
    Checkout,
    Module,
)

# Openings that name nothing: "What is shown", "Of the first image".
FRAGMENTS = {"What", "Of", "Those", "That", "Which", "Whoever", "Where", "Whether", "Who"}

OVERRIDDEN = {"drawing"}  # fixtures that a file of tests defines anew on purpose: the project of a test holds its own


@pytest.fixture(scope="module")
def checkout() -> Checkout:
    return Checkout(ROOT)


def test_no_class_and_no_file_is_too_large(checkout: Checkout) -> None:
    """No class of the package has over 20 methods, and no file but unet.py, which is shipped alone, over 400 lines."""
    classes = {(module.name, name): count for module in checkout.package for name, count in module.classes.items()}
    assert len(classes) > 100
    assert {name: count for name, count in classes.items() if count > MOST_METHODS} == {}
    lines = {module.path.as_posix(): module.lines for module in checkout.package if module.path.name != "unet.py"}
    assert {path: count for path, count in lines.items() if count > LONGEST_FILE} == {}


def test_no_function_is_too_long(checkout: Checkout) -> None:
    """No function of the package has over 60 lines."""
    functions = [(module.name, node) for module in checkout.package for node in module.functions]
    long = [(name, f.name) for name, f in functions if (f.end_lineno or 0) - f.lineno >= LONGEST_FUNCTION]
    assert len(functions) > 1000
    assert long == []


def test_no_module_knows_too_many_others(checkout: Checkout) -> None:
    """Each module of the package imports at most 15 others of it."""
    known = {module.name: len(checkout.ours(module)) for module in checkout.package}
    assert {name: count for name, count in known.items() if count > MOST_IMPORTS} == {}


def test_no_docstring_begins_with_a_fragment(checkout: Checkout) -> None:
    """A docstring names its noun or its verb first."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [(module.name, node) for module in checkout.package for node in ast.walk(module.tree)]
    texts = [(name, ast.get_docstring(node) or "") for name, node in nodes if isinstance(node, kinds)]
    assert sum(bool(text) for _, text in texts) > 1000
    assert [(name, text) for name, text in texts if text.split(" ")[0] in FRAGMENTS] == []


def test_many_parameters_are_explained(checkout: Checkout) -> None:
    """Where a public function takes over 6, its docstring explains every one."""
    explained = 0
    for module in checkout.package:
        for function in module.functions:
            given = function.args
            names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs) if each.arg != "self"]
            if len(names) <= MOST_PARAMETERS or function.name.startswith("_"):
                continue
            lines = [line.strip() for line in (ast.get_docstring(function) or "").splitlines()]
            told = {name for line in lines if " : " in line for name in line.split(" : ")[0].split(", ")}
            assert set(names) - told <= {"project", "model"}, (module.name, function.name)  # which their type tells
            explained += 1
    assert explained


def test_a_reach_for_a_private_name_is_seen() -> None:
    """Names of others that begin with _ are counted; those of the file's own objects are not."""
    own = "class A:\n    def __init__(self): self._x = 1\n    def __eq__(self, other): return self._x == other._x\n"
    assert not Module(Path("a.py"), own).private_reaches
    assert Module(Path("b.py"), "from a import _hidden\n_hidden.y\n").private_reaches == {"_hidden": 1}
    assert Module(Path("c.py"), "def f(a):\n    return a._x + a.__class__.__name__\n").private_reaches == {"_x": 1}


def test_nobody_takes_a_private_name_of_another_file(checkout: Checkout) -> None:
    """A name that begins with _ is used by the file that defines it, in the package and in its tests."""
    assert checkout.private_reaches(checkout.package) == {}
    assert checkout.private_reaches(checkout.tests) == {}


def test_what_importing_brings_is_followed(checkout: Checkout) -> None:
    """Torch is reached through other modules of the package, and not by what is imported in functions only."""
    by_name = checkout.by_name
    assert checkout.reaches(by_name["napari_unet.network.unet"], {"torch"})
    assert checkout.reaches(by_name["napari_unet.training.learner"], {"torch"})
    assert not checkout.reaches(by_name["napari_unet.gui.panel"], {"torch"})


def fixtures(module: Module) -> set[str]:
    """Names of the fixtures that a file defines."""
    return {f.name for f in module.functions if any("pytest.fixture" in ast.unparse(d) for d in f.decorator_list)}


def test_a_fixture_is_defined_once(checkout: Checkout) -> None:
    """A fixture that several files of tests need lies in a conftest; two of one name would be two things."""
    files: dict[str, list[str]] = {}
    for module in checkout.tests:
        for name in fixtures(module):
            files.setdefault(name, []).append(module.path.as_posix())
    assert {"project", "folder", "trained", "user", "hand", "viewer"} <= files.keys()
    assert len(files["drawing"]) > 5
    assert {name: paths for name, paths in files.items() if len(paths) > 1 and name not in OVERRIDDEN} == {}
