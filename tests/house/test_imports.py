"""The direction of imports between rooms, and circles; imports in functions and for types count."""

import ast
from graphlib import TopologicalSorter

from modules import MODULES, circle, imports_of, named, tree_of

BASE = {"errors", "common", "vocabulary"}
NUMERICS = BASE | {"distill", "spec", "store", "concepts"}
ANALYSES = NUMERICS | {"tuning", "results", "wording"}
SHOWN = ANALYSES | {"export", "state", "ui"}
PHOTOS = BASE | {"spec", "store", "concepts", "version"}

# room: what it may import besides itself
ARROWS = {
    "errors": set(),
    "version": set(),
    "common": {"errors"},
    "vocabulary": {"errors", "common"},
    "distill": BASE,
    "spec": BASE,
    "store": BASE | {"version", "distill"},
    "concepts": BASE | {"store"},
    "tuning": NUMERICS,
    "results": NUMERICS | {"tuning", "quantify", "wording"},
    "export": NUMERICS
    | {"tuning", "results", "wording", "version", "precompute.pipeline"}
    | {"precompute.teachers"},
    "wording": NUMERICS | {"tuning"},
    "quantify": BASE | {"distill", "spec", "store", "tuning", "precompute.teachers"},
    "state": ANALYSES | {"export"},
    "plots": ANALYSES | {"quantify"},
    "ui": SHOWN,
    "views": SHOWN | {"plots", "try_page"},
    "try_page": BASE | {"version", "store", "results", "export", "ui"},
    "serving": {"errors", "common"},
    "study": ANALYSES | {"state"},
    "study.pages": SHOWN | {"serving", "study", "predict", "views", "version"},
    "predict": BASE | {"spec", "store", "concepts", "precompute.encoder", "precompute.pipeline"},
    "app": SHOWN | {"serving", "views", "predict"},
    "api": ANALYSES
    | {"export", "plots", "app", "ui", "predict", "quantify"}
    | {"precompute", "precompute.detect"},
    "__init__": {"api", "common", "errors", "version"},
    "__main__": {"cli"},
    "cli": {"__init__", "commands", "errors"},
    "precompute": {"precompute.pipeline", "common"},
    "precompute.functions": PHOTOS,
    "precompute.encoder": PHOTOS | {"precompute.functions"},
    "precompute.concepts": PHOTOS,
    "precompute.recipes": PHOTOS,
    "precompute.download": PHOTOS,
    "precompute.datasets": PHOTOS | {"precompute.recipes", "precompute.functions"},
    "precompute.segments": PHOTOS | {"precompute.datasets"},
    "precompute.batches": PHOTOS
    | {"precompute.datasets", "precompute.encoder", "precompute.segments"},
    "precompute.teachers": PHOTOS
    | {"precompute.datasets", "precompute.encoder", "precompute.batches", "precompute.functions"},
    "precompute.detect": PHOTOS
    | {"precompute.datasets", "precompute.encoder", "precompute.teachers"},
    "precompute.pipeline": PHOTOS
    | {f"precompute.{room}" for room in ("batches", "concepts", "datasets", "encoder")}
    | {"precompute.segments", "precompute.teachers"},
}
ANYTHING = {"commands"}
SCREEN = {"panel", "holoviews", "bokeh", "datashader"}
TORCH = {"torch", "torchvision", "open_clip", "timm", "transformers"}
EXTRAS = {"sklearn", "onnx", "onnxruntime"}
WITH_SCREEN = {"plots", "ui", "views", "app", "serving", "study.pages", "commands"}
WITH_SCREEN |= {"inficond_panel.api.notebook", "inficond_panel.api.plotting"}
WITH_SKLEARN = {"inficond_panel.api.estimator"}
LOAD_BY_NAME = {
    *("inficond_panel.common.late", "inficond_panel.cli"),
    "precompute.functions",  # what a spec names, where the caller allows it
}


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


def test_imports_follow_the_arrows():
    faults = []
    for module in MODULES:
        room = room_of(module)
        if room in ANYTHING:
            continue
        assert room in ARROWS, f"{room} is not in the table"
        allowed = {None, room, *ARROWS[room]}
        faults += [
            f"{module}:{line} imports {target}"
            for target, line in imports_of(module).items()
            if room_of(target) not in allowed
        ]
    assert faults == [], (
        "A room imports what ARROWS allows. Move the function to the room that it belongs to, or "
        "pass the value as an argument. A new arrow needs a reason, and may make no circle."
    )


def test_the_table_itself_has_no_circle():
    graph = {room: targets - {room} for room, targets in ARROWS.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_a_module_taken_from_a_package_counts_as_both():
    """The package runs first: a module in it that takes its neighbour so imports its package."""
    statement = ast.parse("from inficond_panel.common import clock").body[0]
    assert named(statement) == ["inficond_panel.common", "inficond_panel.common.clock"]


def test_no_modules_import_each_other():
    assert circle() == []


def test_views_do_not_know_each_other():
    """By folder; ``page`` puts all of them together."""
    faults = []
    for module in MODULES:
        view = view_of(module)
        if view in {None, "page"}:
            continue
        faults += [
            f"{module}:{line} imports {target}"
            for target, line in imports_of(module).items()
            if view_of(target) not in {None, view}
        ]
    assert faults == []


def view_of(module):
    """Folder of a view that a module is in; None for all others."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["inficond_panel", "views"] and len(parts) > 2 else None


def test_modules_are_loaded_by_name_in_few_places_only():
    """``import_module`` would evade all of this."""
    loaders = {
        module
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if getattr(node, "attr", getattr(node, "id", "")) in {"import_module", "__import__"}
    }
    assert loaders == LOAD_BY_NAME


def test_heavy_packages_load_only_where_they_are_used():
    faults = []
    for module in MODULES:
        room = room_of(module)
        absent = set() if room.startswith("precompute") else TORCH | {"precompute"}
        if not {room, module} & WITH_SCREEN:
            absent |= SCREEN
        if module not in WITH_SKLEARN:
            absent |= EXTRAS
        for node in on_import(tree_of(module)):
            roots = {target.split(".")[0] for target in named(node)}
            faults += [f"{module}:{node.lineno} loads {root}" for root in roots & absent]
    assert faults == []
