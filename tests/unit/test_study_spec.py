"""The spec of a study: what it reads, what it writes, and all that can be wrong with it."""

import shutil
from pathlib import Path

import jsonschema
import pytest
from factory import ATTRS, small_arrays, spec_text
from ruamel.yaml import YAML
from studies import STUDY, small_study

from inficond_panel.cli import main
from inficond_panel.errors import SpecError, StudyError
from inficond_panel.spec import find_spec
from inficond_panel.spec.spec import json_schema
from inficond_panel.store import write_store
from inficond_panel.study.run.study import open_study
from inficond_panel.study.spec.study_spec import StudySpec, load_study


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        small_study(folder, text)
    return [f"{p.line}:{p.column}: {p.message}" for p in caught.value.problems]


def test_the_papers_study_is_one_and_survives_the_round_trip(tmp_path):
    spec = load_study(find_spec("inficond", "study"))
    assert [task.name_ for task in spec.tasks] == ["bicycle", "tv-monitor"]
    assert [task.done_when.by for task in spec.tasks] == [0.08, 0.15]
    assert [page.template for page in spec.tasks[0].after] == ["seq", "nasa_tlx"]
    told = " ".join(page.text for page in spec.introduction).lower()
    given_away = ("bicycle", "traffic light", "couch", "tv monitor", "misled", "shortcut")
    assert not [word for word in given_away if word in told]
    asked = [q.name_ for q in spec.questions if q.name_.startswith("q")]
    assert asked == ["q1", "q2", "q3", "q4", "q5", "q6"]
    again = tmp_path / "again.yaml"
    again.write_text(spec.to_yaml())
    shutil.copytree(spec.path.with_suffix(""), tmp_path / "inficond")
    read = load_study(again)
    for key in spec.fields():
        if key != "data":
            assert getattr(read, key) == getattr(spec, key), key
    schema = json_schema(StudySpec, "Study")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(YAML(typ="safe", pure=True).load(spec.to_yaml()), schema)


IMPROVE = "text: Improve it."
FIRST = f"{IMPROVE}\n    done_when: {{rule: iterations, count: 2}}"
COUNT = "{rule: iterations, count: 2}"
THREE = "conditions: {design: within, levels: [{name: a}, {name: b}, {name: c}]}\n"
CASES = {
    "unknown view": (IMPROVE, "text: x\n    views: [knowlege]", "Did you mean 'knowledge'"),
    "two names alike": ("name: sheep", "name: bicycle", "the name 'bicycle' is used 2 times"),
    "questions alike": ("name: age", "name: q1", "the name 'q1' is used 2 times"),
    "labels": ("text: It was easy.", "text: x, labels: [a, b, c]", "3 labels for 5 steps"),
    "two starts": (
        IMPROVE, "text: x\n    edits: small.yaml\n    node: '1'", "is not used with edits",
    ),
    "no way out": (
        FIRST, "text: x\n    done_when: {rule: teacher}\n    may_leave: false", "set time_limit",
    ),
    "no picture": ("Improve it.", "\"![x](no.png)\"", "tasks[0].text: There is no picture"),
    "no file": (IMPROVE, "text: x\n    edits: no.yaml", "no such file"),
    "tasks of conditions": ("tasks:", f"{THREE}tasks:", "2 tasks are not a multiple of 3"),
    "done at the start": (
        COUNT, "{rule: value, metric: ap, value: 0.01}",
        "tasks[0].done_when: is true at the start node already: ap is",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_problem_is_told_with_its_words(tmp_path, case):
    old, new, expected = CASES[case]
    [line] = problems(tmp_path, STUDY.replace(old, new, 1))
    assert expected in line


SEVEN = "{name: q1, kind: likert, text: It was easy., points: 7"


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        (f"{SEVEN}}}", ["Strongly disagree", "Strongly agree"]),
        (f"{SEVEN}, labels: [no, yes]}}", ["no", "yes"]),
        (f"{SEVEN}, labels: [a, b, c, d, e, f, g]}}", [*"abcdefg"]),
    ],
)
def test_seven_steps_have_labels_without_being_told(tmp_path, written, labels):
    text = STUDY.replace("{name: q1, kind: likert, text: It was easy.}", written)
    study = small_study(tmp_path, text).spec
    [question] = [asked for asked in study.questions if asked.name_ == "q1"]
    assert (question.points, question.labels) == (7, labels)
    (tmp_path / "again.yaml").write_text(study.to_yaml())
    assert load_study(tmp_path / "again.yaml").questions == study.questions


def test_a_class_without_positives_is_told(tmp_path):
    arrays = small_arrays()
    arrays["label"][arrays["split"] == "tune", 0] = 0
    write_store(tmp_path / "small.zarr", arrays, ATTRS)
    (tmp_path / "small.yaml").write_text(spec_text())
    [line] = problems(tmp_path, STUDY)
    assert "tasks[0].class: 'bicycle' has no positives on tune" in line


def test_start_nodes_by_edits_and_by_node_are_the_same(tmp_path):
    small_study(tmp_path, prepare=False)
    edits = tmp_path / "edits.yaml"
    edits.write_text("- - {class: bicycle, concept: wheel, direction: down}\n")
    assert main(["tune", str(tmp_path / "small.yaml"), "--edits", str(edits)]) == 0
    by_edits = STUDY.replace(IMPROVE, "text: x\n    edits: edits.yaml", 1)
    text = by_edits.replace(IMPROVE, "text: x\n    node: '1'", 1)
    study = small_study(tmp_path, text)
    first, second = study.ready["bicycle"].start, study.ready["sheep"].start
    assert first.id == second.id
    assert first.number == 1
    who = study.add_participant()[0]
    assert study.tuner(who, "bicycle").head().id == first.id


def test_what_is_wrong_with_files_and_tasks_is_told_in_one_pass(tmp_path):
    (tmp_path / "edits.yaml").write_text("- - {class: bicycle, concept: whel, direction: down}\n")
    text = STUDY.replace(IMPROVE, "text: x\n    edits: edits.yaml", 1)
    with pytest.raises(SpecError) as told:
        small_study(tmp_path, text.replace("class: sheep", "class: sheeep"))
    files = {problem.file.name: problem.message for problem in told.value.problems}
    assert "Did you mean 'wheel'" in files["edits.yaml"]
    assert "Did you mean 'sheep'" in files["study.yaml"]


def test_a_study_is_named_by_the_spec_of_the_app_or_itself(tmp_path, monkeypatch):
    small_study(tmp_path, prepare=False)
    app = tmp_path / "small.yaml"
    with pytest.raises(StudyError, match="names no study"):
        open_study(app)
    app.write_text(app.read_text() + "study: study.yaml\n")
    study = open_study(app)
    assert study.spec.title == "Small study"
    assert study.folder == tmp_path / "small.study"
    study.prepare()
    assert study.ready["bicycle"].spec.title == "Small"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match="Did you mean 'inficond'"):
        open_study("inficon2")
    assert open_study("inficond").folder == tmp_path / "inficond.study"


def test_a_study_that_was_changed_under_way_is_refused(tmp_path):
    study = small_study(tmp_path)
    small_study(tmp_path, STUDY.replace("Small study", "Other"))  # nobody has begun
    study = small_study(tmp_path)
    study.add_participant()
    with pytest.raises(StudyError, match="was changed since its first participant"):
        small_study(tmp_path, STUDY.replace("Improve", "Worsen"))
    small_study(tmp_path)
