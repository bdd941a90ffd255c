"""Packages that pyproject.toml asks for, by extra, and the names that they are imported by."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
DOCUMENT = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
PROJECT = DOCUMENT["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: Extras for the tree alone; of the others each is in ``all``.
OF_THE_TREE = {"benchmarks", "demo", "dev"}
#: Names of imports that are not the package's own.
PACKAGE = {
    "IPython": "ipython",
    "PIL": "pillow",
    "axe_playwright_python": "axe-playwright-python",
    "iterstrat": "iterative-stratification",
    "open_clip": "open-clip-torch",
    "markdown_it": "markdown-it-py",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "upath": "universal-pathlib",
    "yaml": "pyyaml",
}
#: Modules that need an extra as soon as they are loaded.
LATE = {
    "inficond_panel.api.estimator",
    "inficond_panel.api.loading",
    "inficond_panel.common.postgres",
    "inficond_panel.ui.widget",
}
OURS = {"inficond_panel", "precompute"}


def name_of(requirement: str) -> str:
    """Name of a requirement, as an index writes it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def named_in(requirements: Iterable[str]) -> set[str]:
    return {name_of(requirement) for requirement in requirements}


def package_of(target: str) -> str:
    """Package that an import comes from; "" for the standard library and this project."""
    root = target.partition(".")[0]
    if root in sys.stdlib_module_names | OURS:
        return ""
    return "ruamel-yaml" if root == "ruamel" else PACKAGE.get(root, name_of(root))


BASE = named_in(PROJECT["dependencies"])
CHOSEN = {name: named_in(EXTRAS[name]) for name in EXTRAS.keys() - OF_THE_TREE - {"all"}}
FOR_USERS = BASE.union(*CHOSEN.values())
FOR_TREE = FOR_USERS.union(
    *(named_in(DOCUMENT["dependency-groups"][name]) for name in ("cloud", "examples")),
    *(named_in(EXTRAS[name]) for name in OF_THE_TREE),
)
