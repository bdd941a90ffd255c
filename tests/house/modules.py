"""Modules of the project and what each imports, read from the code without running it."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "inficond_panel").rglob("*.py"), *(ROOT / "precompute").rglob("*.py")])


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in FILES}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def named(node: ast.AST) -> list[str]:
    """Modules that a statement imports: of ``from a import b`` a, and a.b where that is one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative import"
        inner = [f"{node.module}.{alias.name}" for alias in node.names]
        return [str(node.module), *(name for name in inner if name in MODULES)]
    return []


@cache
def imports_of(module: str) -> dict[str, int]:
    """Imports of a module, each with its line: in functions and for types too."""
    found = {}
    for node in ast.walk(tree_of(module)):
        found.update(dict.fromkeys(named(node), getattr(node, "lineno", 0)))
    return found


def loaded_by(module: str) -> set[str]:
    """Modules that a module loads: those that it imports, and the packages that these are in, but
    not those that it is in itself, nor the roots, which import only when something is used."""
    found = set()
    for target in imports_of(module):
        parts = target.split(".")
        packages = {".".join(parts[:n]) for n in range(2, len(parts))}
        found |= {target, *(one for one in packages if not f"{module}.".startswith(f"{one}."))}
    return found & MODULES.keys() - {module}


def circle() -> list[str]:
    """Modules of which each loads the next and the last the first; empty where there are none."""
    graph = {module: loaded_by(module) for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        return list(found.args[1])
    return []
