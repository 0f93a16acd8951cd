"""The shape of the house: which room imports which, no cycles, short functions, one meaning for a
word, kinds asked and not told apart.
"""

import ast
from pathlib import Path
from statistics import median

import pytest

import nngrad
from nngrad.core.layers import KINDS

ROOT = Path(nngrad.__file__).parent
FILES = {
    ".".join(("nngrad", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
KIND_NAMES = {kind.__name__ for kind in KINDS}
TOLD_APART = (
    "nngrad.core.layers.",
    "nngrad.core.fuse",
    "nngrad.proofs.definitions",
)  # modules that may look at what kind a layer is

ROOMS = (  # a room may import those that stand before it, and none behind
    "errors",
    "unfinished",
    "matching",
    "core",
    "loaders",
    "tables",
    "own_format",
    "emitters",
    "reports",
    "proofs",
    "ending",
    "cli",
    "__main__",
)


def when_it_runs(tree):
    """Every node but those for the type checker alone."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from when_it_runs(child)


def imported(name):
    """The modules that a module imports, wherever in its text."""
    package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in when_it_runs(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            assert not node.level, f"{name}: a relative import in {package}"
            for alias in node.names:
                full = f"{base}.{alias.name}"
                if full in FILES or base in FILES:
                    yield full if full in FILES else base


EDGES = {name: {other for other in imported(name) if other != name} for name in FILES}


def test_no_module_imports_itself_by_a_detour():
    """Lazy imports count too; the package itself, which names its public functions, is no part of any circle."""
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for other in sorted(EDGES[name] - {"nngrad"}):
                visit(other)
            path.pop()
            done.add(name)

    for name in sorted(set(FILES) - {"nngrad", "nngrad.__main__"}):
        visit(name)


def room(name):
    return name.split(".")[1]


def test_no_arrow_between_rooms_runs_backwards():
    backwards = {
        f"{name} -> {other}"
        for name in FILES
        for other in EDGES[name] - {"nngrad"}
        if name != "nngrad" and ROOMS.index(room(name)) < ROOMS.index(room(other))
    }
    assert not backwards


def functions():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.end_lineno - node.lineno + 1, f"{name}.{node.name}"


def test_functions_are_short():
    lengths = sorted(functions())
    lines = [length for length, _ in lengths]
    assert median(lines) <= 7
    assert lines[int(0.9 * len(lines))] <= 18
    assert lines[-1] <= 50, lengths[-5:]


def test_a_class_name_means_one_thing():
    found = {}
    for name, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(name)
    assert not {name: places for name, places in found.items() if len(places) > 1}


def test_no_package_has_the_name_of_a_public_function():
    modules = {path.name for path in ROOT.iterdir() if path.is_dir()} | {path.stem for path in ROOT.glob("*.py")}
    assert not modules & set(nngrad.__all__)


@pytest.mark.parametrize("name", sorted(n for n in FILES if not n.startswith(TOLD_APART)))
def test_layer_kinds_are_asked_and_not_told_apart(name):
    """No isinstance and no match on a kind: whoever wants to know something asks the layer."""
    for node in ast.walk(TREES[name]):
        names = set()
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("isinstance", "issubclass")
        ):
            names = {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.MatchClass):
            names = {n.id for n in ast.walk(node.cls) if isinstance(n, ast.Name)}
        assert not names & KIND_NAMES, f"{FILES[name].name}, line {node.lineno}"
