"""Which package may import which: a table, read from the code without running it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# package: what it may import besides itself
ARROWS = {
    "errors": set(),
    "version": set(),
    "once": set(),
    "clock": set(),
    "reading": set(),
    "torch_thread": set(),
    "whole_file": {"errors"},
    "distill": {"torch_thread", "errors"},
    "spec": {"reading", "errors"},
    "store": {"once", "spec", "errors"},
    "tuning": {"clock", "once", "distill", "store", "reading", "spec", "errors", "version"},
    # "__init__" is explore, which starts the app
    "api": {"__init__", "app", "tuning", "distill", "store", "spec", "errors"},
    "quantify": {"torch_thread", "distill", "store", "errors"},
    "state": {"once", "tuning", "distill", "store", "spec", "errors"},
    "views": {"once", "state", "errors"},
    "serving": set(),
    "study": {"clock", "whole_file", "state", "tuning", "reading", "spec", "store", "errors"},
    "study.pages": {
        "clock",
        "once",
        "serving",
        "whole_file",
        "study",
        "views",
        "state",
        "tuning",
        "errors",
    },
    "precompute": {"torch_thread", "distill", "store", "reading", "spec", "errors", "version"},
}
EVERYTHING = {"__init__", "__main__", "app", "cli", "commands"}
SIX_VIEWS = {"configuration", "performance", "knowledge", "embedding", "detail", "provenance"}
SCREEN = {"panel", "holoviews", "bokeh", "datashader"}
TORCH = {"torch", "torchvision", "open_clip", "timm"}
EXTRAS = {"sklearn", "onnx", "onnxruntime"}

FILES = sorted([*(ROOT / "inficond_panel").rglob("*.py"), *(ROOT / "precompute").rglob("*.py")])


def module_of(file):
    parts = list(file.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def package_of(module):
    """Part of the project that a module belongs to, None for another project's."""
    parts = module.split(".")
    if parts[0] == "precompute":
        return "precompute"
    if parts[:3] == ["inficond_panel", "study", "pages"]:
        return "study.pages"
    if parts[0] == "inficond_panel":
        return parts[1] if len(parts) > 1 else "__init__"
    return None


def targets(node):
    """Modules that a statement may import; ``from a import b`` names a and a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative import"
        if node.module == "inficond_panel":
            return [f"inficond_panel.{alias.name}" for alias in node.names]
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def on_import(node):
    """Statements that run when the module is imported for real."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from on_import(child)


@pytest.fixture(params=FILES, ids=module_of)
def file(request):
    return request.param


def test_imports_follow_the_arrows(file):
    package = package_of(module_of(file))
    if package in EVERYTHING:
        return
    assert package in ARROWS, f"{package} is not in the table"
    for node in ast.walk(ast.parse(file.read_text())):
        for target in targets(node):
            to = package_of(target)
            assert to is None or to == package or to in ARROWS[package], f"line {node.lineno}"


def test_the_six_views_do_not_know_each_other(file):
    module = module_of(file)
    if not module.startswith("inficond_panel.views.") or module.split(".")[2] not in SIX_VIEWS:
        return
    others = {f"inficond_panel.views.{view}" for view in SIX_VIEWS} - {module}
    for node in ast.walk(ast.parse(file.read_text())):
        assert not others & set(targets(node)), f"line {node.lineno}"


def test_heavy_packages_load_only_where_they_are_used(file):
    package = package_of(module_of(file))
    screen = set() if package in {"views", "app", "serving", "study.pages", "commands"} else SCREEN
    torch = set() if package == "precompute" else TORCH
    precompute = set() if package == "precompute" else {"precompute"}
    extras = set() if module_of(file) == "inficond_panel.api.estimator" else EXTRAS
    for node in on_import(ast.parse(file.read_text())):
        roots = {target.split(".")[0] for target in targets(node)}
        assert not roots & (screen | torch | precompute | extras), f"line {node.lineno}"


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("inficond_panel", SCREEN | TORCH | EXTRAS | {"numpy", "pandas", "precompute"}),
        ("inficond_panel.api.students", SCREEN | TORCH | EXTRAS | {"precompute"}),
        ("inficond_panel.api.estimator", SCREEN | TORCH | {"onnx", "precompute"}),
        ("inficond_panel.export", SCREEN | TORCH | EXTRAS | {"precompute"}),
        ("inficond_panel.cli", SCREEN | TORCH | {"precompute"}),
        ("inficond_panel.spec", SCREEN | TORCH | {"numpy", "precompute"}),
        ("inficond_panel.state", SCREEN | TORCH | {"precompute"}),
        ("inficond_panel.app", TORCH | {"precompute"}),
        ("precompute", TORCH | SCREEN),
    ],
)
def test_what_an_import_does_not_load(module, absent):
    code = f"import sys, {module}; print(*sorted({absent!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
