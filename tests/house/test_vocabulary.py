"""Each word of the vocabulary is written once: its key is no literal elsewhere."""

import ast
import re

from modules import MODULES, ROOT, tree_of

from inficond_panel.vocabulary.intents import DIRECTIONS
from inficond_panel.vocabulary.metrics import METRICS
from inficond_panel.vocabulary.palette import COLOURS

#: Literals that are equal to a key but mean something else.
OTHER_MEANINGS = {
    "inficond_panel.distill": "names of functions that the package exports",
    "precompute.encoder.source": "a setting: of a network's products",
    "precompute.encoder.image": "a setting: of a network's products",
    "inficond_panel.state.networks": "a setting: the accuracy of decisions",
}
#: Style sheets outside the views' components, which no variable reaches.
OUTSIDE = {"static_page.css"}


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


def test_a_glyph_of_a_thumb_comes_from_its_record():
    glyphs = {direction.glyph for direction in DIRECTIONS.values()}
    faults = [
        f"{module}:{line} writes {word!r}"
        for module in MODULES
        if module != "inficond_panel.vocabulary.intents"
        for line, word in literals(tree_of(module), glyphs)
    ]
    quoted = re.compile("|".join(f'"{glyph}"' for glyph in glyphs))
    faults += [
        f"{file.relative_to(ROOT)}: {found[0]}"
        for file in sorted((ROOT / "inficond_panel").rglob("*.js"))
        for found in quoted.finditer(file.read_text(encoding="utf-8"))
    ]
    assert faults == []


def test_a_colour_with_a_role_is_no_literal_in_style_sheets_and_scripts():
    values = {value for colour in COLOURS.values() for value in (colour.light, colour.dark)}
    faults = [
        f"{file.relative_to(ROOT)}: {found[0]}"
        for kind in ("css", "js")
        for file in sorted((ROOT / "inficond_panel").rglob(f"*.{kind}"))
        for found in re.finditer(r"#[0-9a-f]{6}\b", file.read_text(encoding="utf-8"))
        if found[0] in values - {"#ffffff"} and file.name not in OUTSIDE
    ]
    assert faults == []


def test_metrics_shown_together_name_each_other():
    for key, metric in METRICS.items():
        assert not metric.beside or METRICS[metric.beside].beside == key
