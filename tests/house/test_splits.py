"""The names of the splits are written once."""

import ast
from collections import Counter

from modules import MODULES, tree_of

from inficond_panel.vocabulary.splits import SPLITS

#: Words that are equal to a split's name and mean something else: how many, and what.
OTHER_MEANINGS = {
    "inficond_panel.api.built_store": (3, "keys of a spec"),
    "inficond_panel.commands.table": (2, "the command tune"),
    "inficond_panel.distill": (1, "the function fit"),
    "inficond_panel.state.tree": (1, "a right of participants"),
    "inficond_panel.study.run.study": (1, "a fact of a study's log"),
    "inficond_panel.views.knowledge.refit_report": (1, "the loss of a student"),
    "precompute.detect.layout": (21, "names of folders, keys of a spec"),
    "precompute.detect.writing": (3, "keys of a spec"),
    "precompute.pipeline.inputs": (2, "keys of hashes"),
}


def names(tree):
    return [node for node in ast.walk(tree) if getattr(node, "value", None) in SPLITS
            and isinstance(node, ast.Constant)]  # fmt: skip


def test_a_split_is_named_by_its_constant():
    found = Counter({module: len(names(tree_of(module))) for module in MODULES})
    del found["inficond_panel.vocabulary.splits"]
    known = Counter({module: number for module, (number, _) in OTHER_MEANINGS.items()})
    assert dict(found - known) == {}, (
        "Write FIT, TUNE or HOLDOUT of inficond_panel/vocabulary/splits.py. If the word means "
        "something else, count it in OTHER_MEANINGS, with its meaning."
    )
    assert dict(known - found) == {}, "Lower these counts in OTHER_MEANINGS."


def test_a_literal_is_seen():
    assert len(names(ast.parse('rows = store.rows("tune") if split != "fit" else None'))) == 2
