"""Each word of the vocabulary is written once: its key is no literal elsewhere."""

import ast
import re

import pytest
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
#: Colours without a role, and what they are for; black and white are free.
WITHOUT_ROLE = {
    "#000": "black",
    "#000000": "black",
    "#fff": "white",
    "#ffffff": "white",
    "#0000": "transparent: a concept that no image shows, and what a mask hides",
    "#38414d": "edge of what floats over a dark page; its light edge is a shadow",
    "rgba(20, 28, 40": "shadow on a light page",
    "rgba(0, 0, 0": "shadow on a dark page",
}
#: Style sheets outside the views' components, which no variable reaches: they take the palette's.
OUTSIDE = {"static_page.css"}
#: A number such as #123 is no colour in Python and scripts: three or four signs need a letter.
_LONG = r"#[0-9a-f]{6}(?:[0-9a-f]{2})?\b"
COLOUR = {
    "py": re.compile(rf"{_LONG}|#(?=\d*[a-f])[0-9a-f]{{3,4}}\b|#0000\b", re.IGNORECASE),
    "js": re.compile(rf"{_LONG}|#(?=\d*[a-f])[0-9a-f]{{3,4}}\b|\b(?:rgb|hsl)a?\([^)]*", re.I),
    "css": re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl)a?\([^)]*", re.IGNORECASE),
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
    assert faults == [], (
        "Write the record of inficond_panel/vocabulary/metrics.py, such as AP.key. If the word "
        "means something else, add the module to OTHER_MEANINGS, with its meaning."
    )


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


def colours(text, kind):
    """Colours in a text that no role has a reason for."""
    found = (match[0].lower() for match in COLOUR[kind].finditer(text))
    return [each for each in found if not {each, each.rpartition(",")[0]} & WITHOUT_ROLE.keys()]


def strings(module):
    """Texts of the strings of a module."""
    nodes = ast.walk(tree_of(module))
    return [each.value for each in nodes if isinstance(getattr(each, "value", None), str)]


def test_a_colour_is_no_literal_outside_of_the_palette():
    palette = {value for colour in COLOURS.values() for value in (colour.light, colour.dark)}
    faults = [
        f"{module}: {colour}"
        for module in MODULES
        if module != "inficond_panel.vocabulary.palette"
        for colour in colours("\n".join(strings(module)), "py")
    ]
    faults += [
        f"{file.relative_to(ROOT)}: {colour}"
        for kind in ("css", "js")
        for file in sorted((ROOT / "inficond_panel").rglob(f"*.{kind}"))
        for colour in colours(file.read_text(encoding="utf-8"), kind)
        if file.name not in OUTSIDE or colour not in palette
    ]
    assert faults == [], (
        "Colours have a role in inficond_panel/vocabulary/palette.py. In Python write its record "
        "(FAULT.light, FAULT.css), in style sheets and scripts its variable, such as var(--fault)."
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("#d62728", "py"),
        ("fill: #D33;", "py"),
        ('fill = "#d33"', "js"),
        ("color: #333;", "css"),
        ("color: rgb(9, 9, 9);", "css"),
    ],
)
def test_a_colour_is_seen(text, kind):
    assert len(colours(text, kind)) == 1


@pytest.mark.parametrize(("text", "kind"), [("iteration #123", "py"), ("#1000", "js")])
def test_a_number_is_no_colour(text, kind):
    assert colours(text, kind) == []


def test_metrics_shown_together_name_each_other():
    for key, metric in METRICS.items():
        assert not metric.beside or METRICS[metric.beside].beside == key
