"""Print how the code is built, as a table: sizes, reaches and what knows Qt or torch; of a revision, or of several.

python -m scripts.structure                  the files as they lie here
python -m scripts.structure 8d83db7 HEAD     two revisions side by side
"""

import ast
import io
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
PACKAGE = "napari_unet"
LONGEST_FILE, LONGEST_FUNCTION, MOST_PARAMETERS, MOST_METHODS, MOST_IMPORTS = 400, 60, 6, 20, 15
NAMED_TUPLE = {"_asdict", "_fields", "_make", "_replace"}  # public in spite of their names, says Python's manual
QT = {"napari", "qtpy", "superqt", "magicgui", "pyqtgraph"}
FEATURES = 10
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """A Python file below the root of a checkout."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Syntax tree of the file."""
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        """Dotted name of the module."""
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    @property
    def lines(self) -> int:
        """Number of lines."""
        return self.text.count("\n")

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Functions and methods, those inside of others too."""
        return [node for node in ast.walk(self.tree) if isinstance(node, FUNCTION)]

    @cached_property
    def classes(self) -> dict[str, int]:
        """Number of methods of every class."""
        nodes = (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))
        return {node.name: sum(isinstance(part, FUNCTION) for part in node.body) for node in nodes}

    @cached_property
    def imported(self) -> set[str]:
        """Dotted names that it imports anywhere; of ``from a import b`` both a and a.b."""
        return {name for node in ast.walk(self.tree) for name in _imports(node)}

    @cached_property
    def brought(self) -> set[str]:
        """Dotted names that importing it imports: not those in functions, nor those for type checkers only."""
        return {name for node in self.tree.body for name in _imports(node)}

    @cached_property
    def private_names(self) -> set[str]:
        """Names beginning with _ that it defines: functions, classes, constants, and attributes of its own objects."""
        found = {node.attr for node in ast.walk(self.tree) if _is_of_self(node)}
        found |= {node.name for node in ast.walk(self.tree) if isinstance(node, (*FUNCTION, ast.ClassDef))}
        found |= {name.id for node in ast.walk(self.tree) for name in _assigned(node)}
        return {name for name in found if _is_private(name)}

    @cached_property
    def private_reaches(self) -> Counter[str]:
        """Count the names beginning with _ that it takes from another object or module and does not define itself."""
        taken = [node.attr for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                taken += [alias.name for alias in node.names]
        return Counter(name for name in taken if _is_private(name) and name not in self.private_names)


def _imports(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return set()


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in NAMED_TUPLE


def _is_of_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def _assigned(node: ast.AST) -> list[ast.Name]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target for target in targets if isinstance(target, ast.Name)]


class Checkout:
    """The Python files of a folder."""

    def __init__(self, root: Path) -> None:
        self.package = _modules(root, PACKAGE)
        self.tests = _modules(root, "tests")
        self.by_name = {module.name: module for module in self.package}

    def ours(self, module: Module) -> set[str]:
        """Return the modules of the package that a module imports."""
        return {name for name in module.imported if name in self.by_name and name != module.name}

    def reaches(self, module: Module, wanted: set[str]) -> bool:
        """Tell whether importing a module brings one of these libraries, through others of the package too."""
        waiting, seen = [module.name], {module.name}
        while waiting:
            present = self.by_name[waiting.pop()]
            if {name.split(".")[0] for name in present.brought} & wanted:
                return True
            new = {name for name in present.brought if name in self.by_name} - seen
            seen |= new
            waiting.extend(new)
        return False

    def private_reaches(self, modules: Iterable[Module]) -> dict[str, int]:
        """Count, by module, how often modules take a name beginning with _ that another file of the package defines."""
        ours = {name for module in self.package for name in module.private_names}
        counts = {m.name: sum(count for name, count in m.private_reaches.items() if name in ours) for m in modules}
        return {name: count for name, count in counts.items() if count}

    def rooms_that_reach(self, wanted: set[str]) -> str:
        """Return the rooms that bring one of these libraries, each with its number of such modules."""
        rooms = Counter(_room(module) for module in self.package if self.reaches(module, wanted))
        return ", ".join(f"{room} {count}" for room, count in sorted(rooms.items())) or "none"


def _room(module: Module) -> str:
    parts = module.name.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def _modules(root: Path, folder: str) -> list[Module]:
    files = sorted((root / folder).rglob("*.py"))
    return [Module(file.relative_to(root), file.read_text(encoding="utf-8")) for file in files]


def table(checkout: Checkout) -> dict[str, str]:
    """Return what is measured and how much there is of it."""
    package = checkout.package
    functions = [function for module in package for function in module.functions]
    classes = {f"{name} ({count})": count for module in package for name, count in module.classes.items()}
    fan_out = {module.name.removeprefix(f"{PACKAGE}."): len(checkout.ours(module)) for module in package}
    long_files = [m for m in package if m.lines > LONGEST_FILE and m.path.name != "unet.py"]
    large = [name for name, count in classes.items() if count > MOST_METHODS]
    wide = [name for name, count in fan_out.items() if count > MOST_IMPORTS]
    widest = max(fan_out, key=lambda name: fan_out[name])
    lines = sum(module.lines for module in package)
    return {
        "files of the package": str(len(package)),
        "lines of the package": str(lines),
        f"files over {LONGEST_FILE} lines, but unet.py": _few(f"{m.path.name} ({m.lines})" for m in long_files),
        "lines of a function, median": str(median(map(_length, functions))),
        f"functions over {LONGEST_FUNCTION} lines": str(sum(_length(f) > LONGEST_FUNCTION for f in functions)),
        f"functions with over {MOST_PARAMETERS} parameters": str(
            sum(_parameters(f) > MOST_PARAMETERS for f in functions)
        ),
        f"classes over {MOST_METHODS} methods": _few(large),
        f"modules that import over {MOST_IMPORTS} of ours": _few(f"{name} ({fan_out[name]})" for name in wide),
        "widest module": f"{widest} ({fan_out[widest]})",
        "imports per module, mean": f"{sum(fan_out.values()) / len(fan_out):.1f}",
        "private reaches in the package": str(sum(checkout.private_reaches(package).values())),
        "private reaches in the tests": str(sum(checkout.private_reaches(checkout.tests).values())),
        "modules that reach Qt or napari": checkout.rooms_that_reach(QT),
        "modules that reach torch": checkout.rooms_that_reach({"torch"}),
        "lines of tests per line of the package": f"{sum(module.lines for module in checkout.tests) / lines:.2f}",
    }


def _few(names: Iterable[str]) -> str:
    found = list(names)
    return f"{len(found)}: {', '.join(found)}" if found else "0"


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def _files_of_features(revision: str) -> str:
    """Return how many files of the package each of the last features touched, the newest first."""
    told = ["git", "log", revision, "--grep=^feat", f"-{FEATURES}", "--format=%x00", "--name-only", "--", PACKAGE]
    commits = subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")[1:]
    counts = [len(commit.split()) for commit in commits]
    return f"{', '.join(map(str, counts))}; median {median(counts):g}" if counts else "none"


def _column(revision: str | None) -> dict[str, str]:
    if revision is None:
        return table(Checkout(ROOT)) | {"files that the last features touched": _files_of_features("HEAD")}
    archive = subprocess.run(["git", "archive", revision, PACKAGE, "tests"], cwd=ROOT, capture_output=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        measured = table(Checkout(Path(folder)))
    return measured | {"files that the last features touched": _files_of_features(revision)}


def main(revisions: list[str]) -> None:
    """Print a Markdown table with a column for every revision, or for the files as they lie here."""
    columns = [_column(revision) for revision in revisions] or [_column(None)]
    print(f"| | {' | '.join(revisions or ['here'])} |\n|---|{'---|' * len(columns)}")
    for row in columns[0]:
        print(f"| {row} | {' | '.join(column[row] for column in columns)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
