"""The way of a user with a joint student: check, tune, history, replay, export, predict."""

import json

import numpy as np
import pandas as pd
import pytest
from frames import SINGLE as CLASSES
from scipy.special import softmax
from test_joint_students import joint_spec  # noqa: F401 - a fixture

from inficond_panel import load_students
from inficond_panel.cli import main
from inficond_panel.tuning import open_tuner

EDITS = """\
- - {class: cat, concept: a, direction: up, factor: 4}
  - {class: dog, concept: b, direction: remove}
- - {class: bird, concept: c, direction: down}
"""


@pytest.fixture
def run(joint_spec, capsys):  # noqa: F811
    def run(command, *args):
        assert main([command, str(joint_spec), *args]) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def edits(tmp_path):
    file = tmp_path / "edits.yaml"
    file.write_text(EDITS)
    return str(file)


def test_from_check_to_export(run, edits, joint_spec, tmp_path, capsys):  # noqa: F811
    assert "one softmax over all classes" in run("check")
    said = run("tune", "--edits", edits)
    assert "others moved too" in said
    again = json.loads(run("tune", "--edits", edits, "--json"))
    last = again["students"]["rows"]
    assert {row["class"] for row in last} == set(CLASSES)
    assert max(row["certificate"] for row in last) <= 1e-6
    copy = str(tmp_path / "copy.sqlite")
    for action, more in (("list", []), ("compare", ["--node", "0", "2"]), ("replay", [copy])):
        assert main(["history", action, str(joint_spec), *more]) == 0
    capsys.readouterr()
    told = json.loads(run("explain", "--json"))
    assert [row["class"] for row in told["classes"]["rows"]] == ["bird"]
    assert told["moved"]["rows"][0]["class"] in CLASSES
    assert "others moved too" in run("explain")
    together = json.loads(run("metrics", "--json", "--draws", "20"))["together"]["rows"]
    run("export", "--output", str(tmp_path / "out"), "--format", "npz")
    loaded = load_students(tmp_path / "out")
    tuner = open_tuner(joint_spec)
    x = tuner.store.concept_score[tuner.store.rows("tune")]
    label = tuner.store.label[tuner.store.rows("tune")].argmax(1)
    right = (loaded.predict_proba(pd.DataFrame(x, columns=list("abcde"))).argmax(1) == label).mean()
    assert {row["metric"]: row["students"] for row in together}["top1"] == pytest.approx(right)


@pytest.mark.parametrize(
    "arguments",
    [
        ["stability", "--class", "cat", "--draws", "3"],
        ["lambda", "--class", "cat"],
        ["doctor"],
        ["compare", "--lambda", "1e-2,1e-3"],
        ["distill"],
    ],
)
def test_commands_that_take_a_joint_student(run, arguments):
    assert run(*arguments)


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("{class: cat, direction: doubt, value: auto}", "students.link: sigmoid"),
        ("{class: cat, concepts: [a], direction: balance}", "students.link: sigmoid"),
        ("{class: cat, direction: lambda, value: auto}", "give lambda a value"),
        ("{class: cat, direction: lambda, value: 0}", "Give a value above 0."),
    ],
)
def test_repairs_say_what_to_do(joint_spec, tmp_path, capsys, line, remedy):  # noqa: F811
    (tmp_path / "repair.yaml").write_text(f"- - {line}\n")
    assert main(["tune", str(joint_spec), "--edits", str(tmp_path / "repair.yaml")]) != 0
    assert remedy in capsys.readouterr().err
    assert len(open_tuner(joint_spec).nodes()) == 1


def test_probabilities_of_the_api_add_up(joint_spec):  # noqa: F811
    from inficond_panel import open_students

    students = open_students(joint_spec, history=":memory:").fit()
    found = students.predict_proba("tune")
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    node, rows = students.node, students.tuner.store.rows("tune")
    linear = students.tuner.store.concept_score[rows] @ node.weights + node.intercepts
    np.testing.assert_allclose(found, softmax(linear, axis=1), atol=1e-12)
