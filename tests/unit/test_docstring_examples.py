"""Examples in the docstrings of the Python API run as they are shown.

``students`` are those of the demo, anew for each; numpy is ``np`` and pandas ``pd``.
"""

import doctest
import importlib
import pkgutil

import numpy as np
import pandas as pd
import pytest

import inficond_panel
import inficond_panel.api

MODULES = [
    f"inficond_panel.api.{each.name}" for each in pkgutil.iter_modules(inficond_panel.api.__path__)
]
EXAMPLES = [
    example
    for module in map(importlib.import_module, MODULES)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module)
    if example.examples
]


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda example: example.name.rpartition("api.")[2]
)
def test_an_example_shows_what_it_says(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    students = inficond_panel.open_students("demo", history=":memory:").fit()
    example.globs |= {"students": students, "np": np, "pd": pd}
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(example, out=said.append).failed == 0, "".join(said)


def test_each_door_and_the_steps_of_the_main_job_have_one():
    names = {example.name.rpartition(".")[2] for example in EXAMPLES}
    assert names >= {"open_students", "from_frames", "load_students", "metrics", "doctor"}
    assert names >= {"concepts_of", "what_if", "tune", "changes", "levers", "undo", "export"}
