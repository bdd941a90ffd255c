"""Benchmarks, examples and docs import only names that are there: few of them run in tests."""

import ast

import pytest
from modules import MODULES, ROOT, tree_of

FILES = sorted(
    file for folder in ("benchmarks", "examples", "docs") for file in (ROOT / folder).rglob("*.py")
)


def names_in(module):
    """Names that a module has: what it defines or imports."""
    tree, names = tree_of(module), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        else:
            names |= {
                each.id
                for each in ast.walk(node)
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            }
    return names


def missing(tree):
    """Line and name of each import of a module or of a name of ours that is not there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            if str(node.module).split(".")[0] not in ("inficond_panel", "precompute"):
                continue
            for alias in node.names:
                inside = f"{node.module}.{alias.name}" in MODULES
                if not inside and (
                    node.module not in MODULES or alias.name not in names_in(node.module)
                ):
                    yield node.lineno, f"{node.module}.{alias.name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_names_that_a_file_imports_exist(file):
    assert list(missing(ast.parse(file.read_text(encoding="utf-8")))) == []


def test_a_name_that_is_gone_is_seen():
    tree = ast.parse("def f():\n    from inficond_panel.distill import fit, fits")
    assert list(missing(tree)) == [(2, "inficond_panel.distill.fits")]
