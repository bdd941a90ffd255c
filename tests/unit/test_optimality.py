"""Students that end far from their optimum say so, whichever way they are asked for."""

import warnings

import pytest
from factory import small_spec

from inficond_panel.errors import OptimumWarning
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.node import optimality_notices

pytestmark = pytest.mark.commands

#: Students of each solver that cannot reach what they are asked for, and what is said of them.
FAR = {
    "exact": ("{lambda: 1e-4, tolerance: 1.0e-17}", "did not converge for 4 of 4 classes"),
    "paper": ("{solver: paper, epochs: 1, lr: 0.001}", "above the optimum by more than 2 %"),
}


@pytest.mark.parametrize(
    ("solver", "command"),
    [
        ("exact", ["distill"]),
        ("exact", ["metrics", "--draws", "5"]),
        ("exact", ["export", "--format", "npz"]),
        pytest.param("paper", ["distill"], marks=pytest.mark.torch),
    ],
)
def test_each_command_that_distils_warns(run, tmp_path, monkeypatch, solver, command):
    if solver == "paper":
        pytest.importorskip("torch")
    students, said = FAR[solver]
    spec = small_spec(tmp_path, images=120, extra=f"students: {students}\n")
    monkeypatch.chdir(tmp_path)
    _, _, error = run(command[0], spec, *command[1:])
    assert error.count(said) == 1, error
    assert "OptimumWarning" not in error


def test_the_sentence_names_the_worst_class_gap_and_remedy_unless_the_tolerance_is_met(tmp_path):
    tuner = open_tuner(small_spec(tmp_path, images=120, extra=f"students: {FAR['exact'][0]}\n"))
    with pytest.warns(OptimumWarning):
        root = tuner.root()
    (line,) = optimality_notices(root, tuner.store.classes)
    worst = tuner.store.classes[root.gap.index(max(root.gap))]
    assert f"“{worst}” is {max(root.gap):.1e}" in line
    assert "students.tolerance" in line
    (tmp_path / "reached").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error", OptimumWarning)
        tuner = open_tuner(small_spec(tmp_path / "reached"))
        node = tuner.fine_tune(tuner.root(), [Intent("bird", "fur", "up")])
    assert optimality_notices(node, tuner.store.classes) == []
