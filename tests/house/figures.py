"""Figures of the house: sizes, circles, names and doors, as a table.

    python tests/house/figures.py

Counted from the files of both packages, the demo's recipe aside. A report, not a test: what must
never come back is tested in this folder.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from modules import MODULES, ROOT, named, tree_of

Graph = dict[str, set[str]]
QUESTIONS = {"Does", "What", "Which", "Whether", "Who", "Where", "How"}
SHIPPED = {name: file for name, file in MODULES.items() if ".recipes" not in name}
SCRIPTS = sorted((ROOT / "inficond_panel").rglob("*.js"))
_SENT = re.compile(r"send_msg\(\s*(?:\{ *(\w+)( *:)?|\")")
_OPEN = {"section", "spec", "dataset", "encoder", "settings", "inputs", "teacher"}


def main() -> None:
    """Print one row a figure, with the goal that it is to reach."""
    rows = [(name, count(), goal) for name, goal, count in FIGURES]
    wide = max(len(name) for name, _, _ in rows)
    middle = max(len(value) for _, value, _ in rows)
    for name, value, goal in [("figure", "now", "goal"), *rows]:
        print(f"{name:{wide}}  {value:{middle}}  {goal}")


def size() -> str:
    """Python files, and their lines."""
    return f"{len(SHIPPED)} / {sum(map(_lines, SHIPPED.values())):,}"


def fullest_room() -> str:
    """Folder with the most files of Python, JS and CSS."""
    files = [*SHIPPED.values(), *SCRIPTS, *(ROOT / "inficond_panel").rglob("*.css")]
    room, count = Counter(file.parent.relative_to(ROOT) for file in files).most_common(1)[0]
    return f"{count} ({room})"


def circles() -> str:
    """Modules in circles: of imports at load, with those in functions, with those for types."""
    at_load, inside, for_types = (_graph(kind) for kind in ("load", "function", "types"))
    counts = [len(_in_circles(graph)) for graph in (at_load, inside, for_types)]
    return " / ".join(map(str, [counts[0], counts[1] - counts[0], counts[2] - counts[0]]))


def with_one_importer() -> str:
    """Modules, but no ``__init__``, that one other module imports."""
    found = Counter(target for targets in _graph("all").values() for target in targets)
    plain = [name for name, file in SHIPPED.items() if file.name != "__init__.py"]
    return str(sum(found[name] == 1 for name in plain))


def questions() -> str:
    """Module docstrings that begin with a question word."""
    first = [(ast.get_docstring(tree_of(name)) or " ").split(" ")[0] for name in SHIPPED]
    return str(sum(word in QUESTIONS for word in first))


def protocols() -> str:
    """Forms of the browser's messages: by the key that names the action, by verb, or a word."""
    forms = set()
    for file in SCRIPTS:
        for key, _ in _SENT.findall(file.read_text(encoding="utf-8")):
            named_by = key if key in {"action", "kind", "type"} else "{verb: value}"
            forms.add(named_by if key else "a word")
    return f"{len(forms)} ({', '.join(sorted(forms))})"


def unstated() -> str:
    """JS files that no ``import`` leads to from an entry, and that are no entry themselves."""
    reached = {
        (file.parent / path).resolve()
        for file in SCRIPTS
        for path in re.findall(r' from "([^"]+)"', file.read_text(encoding="utf-8"))
    }
    python = "\n".join(file.read_text(encoding="utf-8") for file in SHIPPED.values())
    return str(sum(file.resolve() not in reached and file.name not in python for file in SCRIPTS))


def open_doors() -> str:
    """Parameters ``section: Any`` and the like: things of a known type."""
    found = [
        argument.arg
        for function in _functions()
        for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        if argument.annotation is not None and ast.unparse(argument.annotation) == "Any"
    ]
    return f"{found.count('section')} + {sum(name in _OPEN - {'section'} for name in found)}"


def documented() -> str:
    """Share of public modules, classes, functions and methods with a docstring."""
    have = [
        ast.get_docstring(node) is not None for name in SHIPPED for node in _public(tree_of(name))
    ]
    return f"{100 * sum(have) / len(have):.1f} % of {len(have):,}"


def watchers() -> str:
    """``param.watch`` and, declared, ``depends`` or ``bind``."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in SHIPPED.values())
    declared = re.findall(r"\bparam\.depends\(|\bparam\.bind\(|\bpn\.bind\(|@depends\(", text)
    return f"{text.count('param.watch(')} / {len(declared)}"


def change(heading: str) -> Callable[[], str]:
    """Number of shipped files in the rows of a change in CONTRIBUTING.md, up to its first note."""

    def count() -> str:
        page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        change = page.split(f"| **{heading}")[1].split("\n| **")[0]
        table = re.findall(r"(?:^\| `.+\n?)+", change, re.MULTILINE)[0]
        rows = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
        files = {file for row in rows for file in re.findall(r"`([^`]+)`", row)}
        return str(sum(file.startswith(("inficond_panel/", "precompute/")) for file in files))

    return count


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def _graph(kind: str) -> Graph:
    """Modules that each imports: at load, also in functions, also for types, or all."""
    return {
        name: {
            target
            for node, where in _placed(tree_of(name), "load")
            if kind == "all" or where in {"load", kind}
            for target in _loaded(name, node)
        }
        for name in SHIPPED
    }


def _placed(tree: ast.AST, where: str) -> Iterator[tuple[ast.AST, str]]:
    """All statements, each with where it runs: at load, in a function, or for types alone."""
    for child in ast.iter_child_nodes(tree):
        inner = where
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = "function" if where == "load" else where
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            inner = "types"
        yield child, inner
        yield from _placed(child, inner)


def _loaded(name: str, node: ast.AST) -> Iterator[str]:
    """Modules that a statement loads: those named, and the packages that these are in."""
    for target in named(node):
        parts = target.split(".")
        packages = [".".join(parts[:n]) for n in range(1, len(parts))]
        around = [package for package in packages if not f"{name}.".startswith(f"{package}.")]
        yield from (found for found in (*around, target) if found in SHIPPED and found != name)


def _in_circles(graph: Graph) -> set[str]:
    """Modules from which a way of imports leads back to them."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        pass
    else:
        return set()
    return {name for name in graph if name in _reached(graph, name)}


def _reached(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    left = list(graph[start])
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += graph[name]
    return found


def _functions() -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for name in SHIPPED:
        for node in ast.walk(tree_of(name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def _public(node: ast.AST) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef]:
    """A module, class or function and what is public in it; not what functions hold."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        yield node
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef) and child.name[0] != "_":
                yield from _public(child)


FIGURES: list[tuple[str, str, Callable[[], str]]] = [
    ("Python files / lines shipped, recipes aside", "<= 350 / <= 40,500", size),
    ("fullest room", "<= 18", fullest_room),
    ("modules in circles at load / through functions / through types", "0 / 0 / 0", circles),
    ("modules with one importer", "<= 80", with_one_importer),
    ("module docstrings that begin with a question word", "<= 5", questions),
    ("forms of the browser's messages", "1", protocols),
    ("JS files that no import states", "0", unstated),
    ("doors typed section: Any + the like", "0 + 0", open_doors),
    ("param.watch / declared dependencies", "few / many", watchers),
    ("public docstrings", "100 %", documented),
    ("shipped files for a new metric", "<= 3", change("A metric")),
    ("shipped files for a new sort", "<= 2", change("A sort")),
    ("shipped files for another colour of uptune", "1", change("Another colour of uptune")),
    ("shipped files for a new command", "<= 2", change("A command")),
]

if __name__ == "__main__":
    main()
