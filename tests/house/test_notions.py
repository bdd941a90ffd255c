"""One notion, one function: a decision, the order by strength, an interval and a share written
out."""

import ast
import re
from collections import defaultdict

import pytest
from modules import MODULES, tree_of

DECISIONS = "inficond_panel.distill.metrics.outcome"
ORDERING = "inficond_panel.common.ordering"
INTERVAL = "inficond_panel.common.interval"
#: Comparisons with a threshold of something else than the logit of a class.
OTHER_THRESHOLDS = {
    "inficond_panel.distill.suspects": "a score above which a photo shows a concept",
    "inficond_panel.distill.correlations": "a correlation",
    "inficond_panel.results.refit_changes": "a correlation",
    "inficond_panel.export.predictions": "a confidence",
    "inficond_panel.distill.solver.objective": "the sign of a logit, for a stable exponential",
}
_CUTOFF = re.compile(r"(^|_)(thresholds?|cutoffs?)$")
_LOGIT = re.compile(r"(^|_)(logits?|log_odds)$")
_RANKED = re.compile(r"(^|_)(logits?|log_odds|probability|probabilities|whole)$")
_ORDERS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE)


def word_of(node):
    """Last name of an expression: ``c`` of ``a.b.c[0]``, of ``c(x)`` and of ``np.abs(c)``."""
    while isinstance(node, ast.Subscript | ast.Call | ast.UnaryOp):
        if isinstance(node, ast.Call):
            if getattr(node.func, "id", "") == "len":
                return ""
            node = node.args[0] if node.args else node.func
        else:
            node = node.operand if isinstance(node, ast.UnaryOp) else node.value
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def decisions(tree):
    """Lines that compare a logit, or hold something against a threshold, or name the likeliest."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], _ORDERS):
            words = [word_of(side) for side in (node.left, *node.comparators)]
            if any(_CUTOFF.search(word) or _LOGIT.search(word) for word in words):
                yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            ranked = node.args[0] if node.args else node.func.value
            if node.func.attr == "argmax" and (
                _RANKED.search(word_of(node.func.value)) or _RANKED.search(word_of(ranked))
            ):
                yield node.lineno


def strengths(tree):
    """Lines that sort by descending absolute value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and word_of(node.func) == "argsort":
            values = node.args[0] if node.args else node.func.value
            called = {word_of(each.func) for each in ast.walk(values) if isinstance(each, ast.Call)}
            negative = any(isinstance(each, ast.USub) for each in ast.walk(values))
            if negative and called & {"abs", "absolute", "fabs"}:
                yield node.lineno


def intervals(tree):
    """Lines that take an interval apart, to write it: its estimate beside its limits."""
    for node in ast.walk(tree):
        parts = []
        if isinstance(node, ast.Dict):
            parts = node.values
        elif isinstance(node, ast.Tuple | ast.List):
            parts = node.elts
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        read = defaultdict(set)
        for each in (each for part in parts for each in ast.walk(part)):
            if isinstance(each, ast.Attribute) and word_of(each.value) != "band":  # a curve's
                read[ast.dump(each.value)].add(each.attr)
        if any({"estimate", "low", "high"} <= names for names in read.values()):
            yield node.lineno


def percentages(tree):
    """Lines that write a share as percentage by Python's format, which has no space before %."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            ends = [
                part.value for part in node.format_spec.values if isinstance(part, ast.Constant)
            ]
            if ends and str(ends[-1]).endswith("%"):
                yield node.lineno


def where(rule, allowed):
    return [f"{module}:{line}" for module in MODULES if module not in allowed
            for line in rule(tree_of(module))]  # fmt: skip


def test_only_decisions_say_whether_a_class_is_present():
    assert where(decisions, {DECISIONS, *OTHER_THRESHOLDS}) == []


def test_only_ordering_sorts_by_strength():
    assert where(strengths, {ORDERING}) == []


def test_an_interval_writes_itself():
    assert where(intervals, {INTERVAL}) == []


def test_a_share_is_written_by_its_function():
    assert where(percentages, {}) == []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (percentages, "text = f'{share:.0%} of the rows'"),
        (decisions, "present = student.logits > 0"),
        (decisions, "present = logit[rows, k] > self.threshold"),
        (decisions, "present = np.asarray(teacher_logit) >= limits"),
        (decisions, "right = value > cutoff[k]"),
        (decisions, "named = logits.argmax(axis=1)"),
        (decisions, "named = np.argmax(probability, axis=1)"),
        (strengths, "order = np.argsort(-np.abs(weights), kind='stable')"),
        (strengths, "order = (-abs(weights)).argsort()"),
        (strengths, "order = np.argsort(-np.nan_to_num(np.abs(weights), nan=-1))"),
        (intervals, "text = f'{number(a.estimate)} [{number(a.low)}, {number(a.high)}]'"),
        (intervals, "row = {'value': a.estimate, 'low': a.low, 'high': a.high}"),
        (intervals, "row = [written(a.estimate), written_range(a.low, a.high)]"),
    ],
)
def test_a_copy_is_seen(rule, code):
    assert list(rule(ast.parse(code))) == [1]


def test_only_the_rule_of_names_looks_at_forms_of_unicode():
    users = {
        module
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Import) and "unicodedata" in {each.name for each in node.names}
    }
    assert users == {"inficond_panel.common.names"}


def test_no_name_of_a_store_is_looked_up_as_it_is_typed():
    """Names that a caller gives are found by ``known_name`` or ``find_name``."""
    pattern = re.compile(r"(class_name|concept|name|image) not in (self\.)?(\w+\.)*store\.\w+s\b")
    found = {
        module
        for module, path in MODULES.items()
        if pattern.search(path.read_text(encoding="utf-8")) and ".views." not in module
    }
    assert found == set()


#: Functions that take images for independent unless groups of near-equal images are passed last.
GROUPED = {"stratified_folds": 4, "draw_counts": 4, "choose": 3, "cross_fitted_model": 5}


def ungrouped(tree):
    """Lines that fold, draw or choose by images, without their groups."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [
        f"{node.lineno} {name}"
        for node in calls
        if (name := word_of(node.func)) in GROUPED
        and not any(isinstance(one, ast.Starred) for one in node.args)
        and len(node.args) < GROUPED[name]
        and "group" not in {keyword.arg for keyword in node.keywords}
    ]


@pytest.mark.parametrize("room", ["inficond_panel.tuning", "inficond_panel.results"])
def test_folds_and_draws_go_by_groups(room):
    found = {name: ungrouped(tree_of(name)) for name in MODULES if name.startswith(room)}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_call_without_groups_is_seen():
    assert ungrouped(ast.parse("stratified_folds(label, FOLDS, 0)")) == ["1 stratified_folds"]
