"""Types at the doors: no public parameter is ``Any`` but for those named here, with the reason.

Public are functions, and methods of public classes with ``__init__`` and ``__call__``. ``*args``
and ``**options`` that are passed on are what another function takes, and not counted.
"""

import ast
from functools import cache

from modules import MODULES, tree_of

#: Reason, and what may take ``Any`` for it: a function by its full name, or a module.
UNTYPED = {
    "arrays of any library of the array API standard, which defines no type": {
        "inficond_panel.distill.sources",
        "inficond_panel.distill.sources.DaskSource.__init__",
        "inficond_panel.distill.sources.ArraySource.__init__",
    },
    "layers of networks, taken by the attributes that each architecture has": {
        "precompute.encoder.dense.dense_function",
        "precompute.encoder.dense_blocks",
        "precompute.encoder.dense",
        "precompute.encoder.text.check_length",
        "precompute.encoder.hub.load_pretrained",
        "precompute.encoder.open_clip_model",
        "precompute.encoder.transformers_model",
    },
    "values of any type, as pydantic hands them to a validator before it is checked": {
        "inficond_panel.spec.framework.types"
    },
    "plain data of a stored node: each effect checks what it reads": {
        "inficond_panel.tuning.fitting.effect.Effect.from_json",
        "inficond_panel.tuning.fitting.terms.size_of",
        "inficond_panel.tuning.repairs.learn.LearnedPhotos.from_json",
        "inficond_panel.tuning.repairs.penalty.OwnPenalty.from_json",
    },
    "argparse's own signature: an object of any class that takes attributes": {
        "inficond_panel.commands.shared.parser.Parser.parse_known_args"
    },
    "glyphs of Bokeh, of the kind that another function here has drawn": {
        "inficond_panel.views.embedding.map_plot.update_dots"
    },
}
ALLOWED = set().union(*UNTYPED.values())


def doors(node, inside):
    """Public functions and methods of a tree with their full names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and child.name[0] != "_":
            yield from doors(child, f"{inside}.{child.name}")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            if child.name[0] != "_" or child.name in {"__init__", "__call__"}:
                yield f"{inside}.{child.name}", child
        elif isinstance(child, ast.If | ast.Try | ast.With):
            yield from doors(child, inside)


def untyped(function):
    """Named parameters of a function that are ``Any``."""
    given = function.args
    for parameter in (*given.posonlyargs, *given.args, *given.kwonlyargs):
        if getattr(parameter.annotation, "id", "") == "Any":
            yield parameter.arg


@cache
def found():
    """Module, function and parameter of each that is ``Any``."""
    return [
        (module, name, parameter)
        for module in MODULES
        for name, function in doors(tree_of(module), module)
        for parameter in untyped(function)
    ]


def test_no_public_parameter_is_any_without_a_reason():
    faults = [
        f"{name}({parameter})"
        for module, name, parameter in found()
        if not {module, name} & ALLOWED
    ]
    assert faults == [], (
        "Write the type of the parameter, or a Protocol of what is used of it. If there is none, "
        "add the function to UNTYPED, with the reason."
    )


def test_each_reason_is_still_needed():
    assert ALLOWED - {part for module, name, _ in found() for part in (module, name)} == set()
