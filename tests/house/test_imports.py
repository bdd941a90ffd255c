"""The direction of imports between rooms, and circles; imports in functions and for types count."""

import ast
import subprocess
import sys

import pytest
from modules import MODULES, ROOT, circles, imports_of, named, tree_of

BASE = {"errors", "common"}
NUMERICS = BASE | {"distill", "spec", "store", "concepts"}
ANALYSES = NUMERICS | {"tuning", "analysis", "wording"}
SHOWN = ANALYSES | {"export", "state", "ui"}
PHOTOS = BASE | {"spec", "store", "concepts", "version"}

# room: what it may import besides itself
ARROWS = {
    "errors": set(),
    "version": set(),
    "common": {"errors"},
    "distill": BASE,
    "spec": BASE,
    "store": BASE,
    "concepts": BASE | {"store"},
    "tuning": NUMERICS,
    "analysis": NUMERICS | {"tuning"},
    "export": NUMERICS | {"tuning", "analysis", "version"},
    "wording": NUMERICS | {"tuning", "analysis"},
    "quantify": BASE | {"distill", "store"},
    "state": ANALYSES | {"export"},
    "ui": SHOWN,
    "views": SHOWN,
    "serving": set(),
    "study": ANALYSES | {"state"},
    "study.pages": SHOWN | {"serving", "study", "views"},
    "text_encoder": BASE | {"spec", "concepts", "precompute.encoder"},
    "app": SHOWN | {"serving", "views", "text_encoder"},
    "api": ANALYSES | {"export", "app", "ui"},
    "__init__": {"api", "errors", "version"},
    "__main__": {"cli"},
    "cli": {"__init__", "commands", "errors"},
    "precompute": {"precompute.pipeline"},
    "precompute.encoder": PHOTOS,
    "precompute.concepts": PHOTOS,
    "precompute.recipes": PHOTOS,
    "precompute.datasets": PHOTOS | {"precompute.recipes"},
    "precompute.segments": PHOTOS | {"precompute.datasets"},
    "precompute.batches": PHOTOS
    | {"precompute.datasets", "precompute.encoder", "precompute.segments"},
    "precompute.teachers": PHOTOS
    | {"precompute.datasets", "precompute.encoder", "precompute.batches"},
    "precompute.detect": PHOTOS | {"precompute.datasets", "precompute.teachers"},
    "precompute.pipeline": PHOTOS
    | {f"precompute.{room}" for room in ("batches", "concepts", "datasets", "encoder")}
    | {"precompute.segments", "precompute.teachers"},
}
ANYTHING = {"commands"}
SCREEN = {"panel", "holoviews", "bokeh", "datashader"}
TORCH = {"torch", "torchvision", "open_clip", "timm"}
EXTRAS = {"sklearn", "onnx", "onnxruntime"}
WITH_SCREEN = {"ui", "views", "app", "serving", "study.pages", "commands"}
WITH_SKLEARN = {"inficond_panel.api.estimator", "inficond_panel.api.exported_estimator"}
LOAD_BY_NAME = {"inficond_panel", "inficond_panel.cli"}


def room_of(module):
    """Room of the project that a module is in; None for another project's."""
    parts = module.split(".")
    if parts[0] == "precompute":
        return ".".join(parts[:2])
    if parts[:3] == ["inficond_panel", "study", "pages"]:
        return "study.pages"
    if parts[0] == "inficond_panel":
        return parts[1] if len(parts) > 1 else "__init__"
    return None


def on_import(node):
    """Statements that run when the module is imported for real."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from on_import(child)


@pytest.fixture(params=MODULES)
def module(request):
    return request.param


def test_imports_follow_the_arrows(module):
    room = room_of(module)
    if room in ANYTHING:
        return
    assert room in ARROWS, f"{room} is not in the table"
    for target, line in imports_of(module).items():
        to = room_of(target)
        assert to is None or to == room or to in ARROWS[room], f"line {line}: {target}"


def test_the_table_itself_has_no_circle():
    left = {room: targets - {room} for room, targets in ARROWS.items()}
    while left:
        free = {room for room, targets in left.items() if not targets & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        left = {room: targets for room, targets in left.items() if room not in free}


def test_no_modules_import_each_other():
    assert circles() == []


def test_views_do_not_know_each_other(module):
    """By folder; ``page`` puts all of them together."""
    parts = module.split(".")
    if parts[:2] != ["inficond_panel", "views"] or parts[2:3] in ([], ["page"]):
        return
    for target, line in imports_of(module).items():
        to = target.split(".")
        assert to[:2] != parts[:2] or to[2:3] == parts[2:3], f"line {line}: {target}"


def test_modules_are_loaded_by_name_in_few_places_only(module):
    """``import_module`` would evade all of this."""
    if module in LOAD_BY_NAME:
        return
    for node in ast.walk(tree_of(module)):
        name = getattr(node, "attr", getattr(node, "id", ""))
        assert name not in {"import_module", "__import__"}, f"line {node.lineno}"


def test_heavy_packages_load_only_where_they_are_used(module):
    room = room_of(module)
    of_precompute = room.startswith("precompute")
    screen = set() if room in WITH_SCREEN or module == "inficond_panel.api.notebook" else SCREEN
    torch = set() if of_precompute else TORCH
    precompute = set() if of_precompute else {"precompute"}
    extras = set() if module in WITH_SKLEARN else EXTRAS
    for node in on_import(tree_of(module)):
        roots = {target.split(".")[0] for target in named(node)}
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
