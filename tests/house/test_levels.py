"""The usual level of intervals and its words stand in one place; all else goes by the spec."""

import ast
import re

from modules import MODULES, ROOT, tree_of

HOME = "inficond_panel.vocabulary.confidence"
#: Levels, shares of tails and quantiles of the normal distribution, as numbers and as words.
NUMBERS = {0.95, 0.975, 0.025, 97.5, 1.96}
WORDS = re.compile(r"\b95 ?%|\b97\.5\b|\b0?\.(?:975|025)\b|\b1\.96\b")
#: Numbers that are equal to one of these but mean something else.
OTHER_MEANINGS = {
    "inficond_panel.tuning.opening": "quantiles of a concept's scores",
    "inficond_panel.commands.concept.concept_actions": "quantiles of a concept's scores",
    "precompute.recipes.scenes.jumble": "size in a drawn scene",
    "precompute.recipes.scenes.draw": "light in a drawn scene",
    "precompute.recipes.scenes.plan": "size in a drawn scene",
    "precompute.recipes.scenes.shortcuts": "share of drawn scenes",
}


def test_no_level_of_an_interval_is_a_number_elsewhere():
    faults = [
        f"{module}:{node.lineno} writes {node.value}"
        for module in MODULES
        if module != HOME and module not in OTHER_MEANINGS
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and node.value in NUMBERS
    ]
    assert faults == []


def test_no_level_of_an_interval_is_a_word_elsewhere():
    files = [file for module, file in MODULES.items() if module not in {HOME, *OTHER_MEANINGS}]
    files += [
        file for kind in ("js", "html") for file in (ROOT / "inficond_panel").rglob(f"*.{kind}")
    ]
    faults = [
        f"{file.relative_to(ROOT)} says {found[0]!r}"
        for file in sorted(files)
        for found in WORDS.finditer(file.read_text(encoding="utf-8"))
    ]
    assert faults == []
