"""Students that end far from their optimum say so, whichever way they are asked for."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
from factory import small_spec

import inficond_panel
from inficond_panel.errors import OptimumWarning
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.node import optimality_notices

#: Students of each solver that cannot reach what they are asked for, and what is said of them.
FAR = {
    "exact": ("{lambda: 1e-4, tolerance: 1.0e-17}", "did not converge for 4 of 4 classes"),
    "paper": ("{solver: paper, epochs: 1, lr: 0.001}", "above the optimum by more than 2%"),
}
COMMANDS = [
    ["distill"],
    ["metrics", "--draws", "5"],
    ["compare", "--draws", "5"],
    ["stability", "--class", "bird", "--draws", "3"],
    ["thresholds"],
    ["lambda", "--class", "bird"],
    ["suspects"],
    ["suggest", "--dry-run"],
    ["export", "--format", "npz"],
    ["page"],
]


@pytest.fixture(params=["exact", pytest.param("paper", marks=pytest.mark.torch)])
def case(request, tmp_path: Path) -> tuple[Path, str]:
    if request.param == "paper":
        pytest.importorskip("torch")
    students, said = FAR[request.param]
    return small_spec(tmp_path, images=120, extra=f"students: {students}\n"), said


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_each_command_that_distils_warns(run, case, command, tmp_path, monkeypatch):
    spec, said = case
    monkeypatch.chdir(tmp_path)
    _, _, error = run(command[0], spec, *command[1:])
    assert error.count(said) == 1, error
    assert "OptimumWarning" not in error


def test_documents_hold_the_notice(run, case, tmp_path):
    spec, said = case
    edits = tmp_path / "edits.yaml"
    edits.write_text("- - {class: bird, concept: fur, direction: up}\n")
    for command in (["distill", spec], ["tune", spec, "--edits", edits]):
        status, out, error = run(*command, "--json")
        nodes = json.loads(out)["nodes"]
        assert status == 0
        assert all(said in " ".join(node["notices"]) for node in nodes)
        assert error.count(said) == len(nodes)


def test_the_page_and_python_warn(case):
    spec, said = case
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        students = inficond_panel.open_students(spec)
        students.metrics("tune")
        students.up("bird", "fur")
    messages = [str(each.message) for each in caught if each.category is OptimumWarning]
    assert [said in message for message in messages] == [True, True]
    app = AppState(open_tuner(spec), Jobs(inline=True))
    assert any(said in line for line in app.tuning.notices())


def test_the_sentence_names_the_worst_class_its_gap_and_the_remedy(tmp_path):
    tuner = open_tuner(
        small_spec(tmp_path, images=120, extra="students: {lambda: 1e-4, tolerance: 1.0e-17}\n")
    )
    with pytest.warns(OptimumWarning):
        root = tuner.root()
    (line,) = optimality_notices(root, tuner.store.classes)
    worst = tuner.store.classes[root.gap.index(max(root.gap))]
    assert f"“{worst}” is {max(root.gap):.1e}" in line
    assert "students.tolerance" in line


def test_students_that_reach_their_tolerance_say_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", OptimumWarning)
        tuner = open_tuner(small_spec(tmp_path))
        node = tuner.fine_tune(tuner.root(), [Intent("bird", "fur", "up")])
    assert optimality_notices(node, tuner.store.classes) == []
