"""Workarounds for other projects: one list, in code and in CONTRIBUTING.md, and used."""

import ast
import re

import pytest
from modules import MODULES, ROOT, tree_of

from inficond_panel.common.upstream import WORKAROUNDS

LIST = "inficond_panel.common.upstream"
TEXTS = {module: file.read_text(encoding="utf-8") for module, file in MODULES.items()}
#: Other projects whose classes and modules are not changed but where the list says so.
OTHERS = {"bokeh", "datashader", "holoviews", "numba", "panel", "param", "pyviz_comms", "tornado"}
#: Where functions of other projects may be replaced by assignment.
REPLACE = {
    LIST,
    "inficond_panel.serving.messages",  # a property, before which no function can stand
    "inficond_panel.serving.sessions",  # Bokeh's copy of a setting
    "inficond_panel.ui.upstream",
    "inficond_panel.plots.cloud",  # a setting of numba
}


def rows():
    """Cells of the table in CONTRIBUTING.md, by title."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    part = page.split("### Workarounds for other projects")[1].split("\n## ")[0]
    cells = [re.split(r" \| ", line.strip("| ")) for line in part.splitlines() if line[:2] == "| "]
    return {title: others for title, *others in cells[2:]}


def test_the_handbook_has_each_workaround():
    assert sorted(rows()) == sorted(it.title for it in WORKAROUNDS.values())


@pytest.mark.parametrize("title", rows())
def test_a_row_has_project_reproduction_way(title):
    assert len([cell for cell in rows()[title] if cell.strip()]) == 3


@pytest.mark.parametrize("name", WORKAROUNDS)
def test_the_place_that_needs_a_workaround_names_it(name):
    places = [module for module, text in TEXTS.items() if re.search(rf"\b{name}\b", text)]
    uses = len(re.findall(rf"\b{name}\b", TEXTS[LIST]))
    assert set(places) - {LIST} or uses > 1  # its definition is one


def replaced(tree):
    """Names of other projects' modules and classes on which the code sets an attribute."""
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).partition(".")[0] in OTHERS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setattr":
            owner = node.args[0]
            if isinstance(owner, ast.Name) and owner.id in imported:
                yield owner.id
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                owner = getattr(target, "value", None)
                if isinstance(target, ast.Attribute) and getattr(owner, "id", "") in imported:
                    yield owner.id


def test_functions_of_other_projects_are_replaced_in_few_places():
    faults = [
        module for module in MODULES if module not in REPLACE and [*replaced(tree_of(module))]
    ]
    assert faults == []


@pytest.mark.parametrize(
    "code",
    ["from panel import custom\ncustom.freeze_doc = None", "import panel\nsetattr(panel, 'x', 1)"],
)
def test_a_replaced_function_is_seen(code):
    assert [*replaced(ast.parse(code))]
