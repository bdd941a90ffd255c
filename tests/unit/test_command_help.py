"""Help and completion of a command load its arguments alone: no numerics, no page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inficond_panel.commands.table import COMMANDS

ROOT = Path(__file__).parents[2]
HEAVY = {
    "numpy",
    "scipy",
    "pandas",
    "xarray",
    "zarr",
    "PIL",
    "panel",
    "bokeh",
    "torch",
    "precompute",
}
#: Commands and actions whose flags are those of ``panel serve``, taken from Panel.
OF_PANEL = {"demo", "serve", "study serve"}
CODE = """
import json, sys
from inficond_panel.cli import make_parser

def fill(parser, name):
    if name not in OF_PANEL:
        parser.fill()
        for word, inner in parser.words.items():
            fill(inner, f"{name} {word}".strip())

heavy = {}
main = make_parser()
for name, parser in main.words.items():
    fill(parser, name)
    loaded = HEAVY & {module.partition(".")[0] for module in sys.modules}
    heavy[name] = sorted(loaded - set().union(*heavy.values()))
print(json.dumps(heavy))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """Heavy packages that each command's arguments load, all commands in one process."""
    code = f"OF_PANEL, HEAVY = {OF_PANEL!r}, {HEAVY!r}\n{CODE}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_arguments_of_a_command_load_no_numerics(loaded, name):
    assert loaded[name] == []


def test_choices_that_help_names_are_those_of_the_numerics():
    from inficond_panel.commands import export, suggest
    from inficond_panel.export import FORMATS
    from inficond_panel.tuning.suggest import STRATEGIES

    assert list(export.CHOICES) == list(FORMATS)
    assert suggest.CHOICES == STRATEGIES
