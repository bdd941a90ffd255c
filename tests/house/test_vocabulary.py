"""Each word of the vocabulary is written once: its key is no literal elsewhere."""

import ast
import importlib
import re

from modules import MODULES, ROOT, tree_of

from inficond_panel.vocabulary.metrics import METRICS

#: Literals that are equal to a key but mean something else.
OTHER_MEANINGS = {
    "inficond_panel.distill": "names of functions that the package exports",
}


def literals(tree, words):
    """Line and word of each string of the code that is one of ``words``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in words:
            yield node.lineno, node.value


def test_a_metric_is_named_by_its_record():
    faults = [
        f"{module}:{line} writes {word!r}"
        for module in MODULES
        if not module.startswith("inficond_panel.vocabulary") and module not in OTHER_MEANINGS
        for line, word in literals(tree_of(module), set(METRICS))
    ]
    assert faults == []


def test_a_metric_is_no_literal_in_the_browser():
    keys = "|".join(METRICS)
    literal = re.compile(rf"[\"'`](?:{keys})[\"'`]|[{{,]\s*(?:{keys})\s*:")
    faults = [
        f"{file.relative_to(ROOT)}: {found[0]}"
        for file in sorted((ROOT / "inficond_panel").rglob("*.js"))
        for found in literal.finditer(file.read_text(encoding="utf-8"))
    ]
    assert faults == []


def test_a_metric_has_its_formula_where_the_record_says():
    for metric in METRICS.values():
        module, _, names = metric.formula.partition(":")
        place = importlib.import_module(module)
        for name in names.split("."):
            place = getattr(place, name)


def test_metrics_shown_together_name_each_other():
    for key, metric in METRICS.items():
        assert not metric.beside or METRICS[metric.beside].beside == key
