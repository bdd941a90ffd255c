"""Tests have the markers of what makes them slow, by which ``make test-fast`` leaves them out."""

import ast
import sys
from functools import cache

import pytest
from modules import ROOT

sys.path.append(str(ROOT / "tests"))
from marked import FAST, SLOW, module_markers

TESTS = ROOT / "tests"
TORCH = {"open_clip", "timm", "torch", "torchvision", "transformers"}
PROCESSES = {"multiprocessing", "subprocess"}
PAGE = {"app", "state", "study", "try_page", "ui", "views"}
#: Helpers of tests, by the name by which tests import them.
HELPERS = {file.stem: file for file in TESTS.rglob("*.py") if not file.stem.startswith("test_")}
FILES = sorted(file for folder in FAST for file in (TESTS / folder).glob("test_*.py"))


def imports(tree, on_import=False):
    """Modules that the code imports; with ``on_import`` only those that its import loads."""
    for node in ast.walk(tree) if not on_import else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_import(name):
    """Marker of what an import brings; "" if it is quick."""
    root, *inner = name.split(".")
    if root in TORCH:
        return "torch"
    if root in PROCESSES:
        return "server"
    if root == "inficond_panel" and inner:
        return "commands" if inner[0] == "cli" else "page" if inner[0] in PAGE else ""
    return ""


@cache
def loaded(helper):
    """Markers of what a helper of tests loads when it is imported, and the helpers it imports."""
    tree = ast.parse(HELPERS[helper].read_text(encoding="utf-8"))
    names = list(imports(tree, on_import=True))
    roots = {name.split(".")[0] for name in names} & HELPERS.keys() - {helper}
    return {of_import(name) for name in names}.union(*map(loaded, roots)) - {""}


def is_run(function):
    """True for a test and for a fixture, whose arguments are fixtures."""
    fixtures = [each for each in function.decorator_list if "fixture" in ast.unparse(each)]
    return bool(fixtures) or function.name.startswith("test_")


def needed(tree):
    """Markers that a test file needs: for its imports, its helpers, and the fixtures it takes."""
    names = list(imports(tree))
    roots = {name.split(".")[0] for name in names} & HELPERS.keys()
    found = {of_import(name) for name in names}.union(*map(loaded, roots)) - {""}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            takes = {argument.arg for argument in node.args.args}
            found |= {mark for name, mark in FIXTURES.items() if name in takes and is_run(node)}
        elif isinstance(node, ast.Attribute) and node.attr == "explore":
            found.add("page")
    return found


#: Fixtures of ``conftest.py`` that run whole commands, or make the state of a page.
FIXTURES = {"run": "commands", "app": "page"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_has_the_markers_of_what_it_uses(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert needed(tree) - module_markers(tree) == set(), (
        "The file imports something slow. Write pytestmark = [pytest.mark.NAME, ...] with these "
        "names below its imports, so that make test-fast leaves it out."
    )


@pytest.mark.parametrize(
    ("code", "marker"),
    [
        ("import torch", "torch"),
        ("def test_it():\n    import torch", "torch"),
        ("import subprocess", "server"),
        ("from forked import Forked", "server"),
        ("from inficond_panel.cli import main", "commands"),
        ("from inficond_panel.state import Jobs", "page"),
        ("def test_it(run): ...", "commands"),
        ("def test_it(tmp_path, app): ...", "page"),
        ("students.explore()", "page"),
    ],
)
def test_what_makes_a_test_slow_is_seen(code, marker):
    assert marker in needed(ast.parse(code))


@pytest.mark.parametrize("code", ['"""About torch and subprocess."""', "# torch", "x = 'torch'"])
def test_a_word_needs_no_marker(code):
    assert needed(ast.parse(code)) == set()


@pytest.mark.parametrize(
    ("code", "markers"),
    [
        ("pytestmark = pytest.mark.torch", {"torch"}),
        ("pytestmark = [pytest.mark.torch, pytest.mark.server]", {"torch", "server"}),
        ("pytestmark = [pytest.mark.skipif(True, reason='torch'), pytest.mark.page]", {"page"}),
        ("x = pytest.mark.torch", set()),
    ],
)
def test_markers_of_a_file_are_read_without_running_it(code, markers):
    assert module_markers(ast.parse(code)) & SLOW == markers


def test_each_test_file_has_a_name_of_its_own():
    """pytest collects all files together only then, as ``make test-more`` does."""
    names = [file.name for file in TESTS.rglob("test_*.py")]
    assert sorted(names) == sorted({*names})
