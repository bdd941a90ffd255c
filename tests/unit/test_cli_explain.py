"""``inficond explain``, and what ``tune`` tells of groups, conflicts and prices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factory import STUDENTS

from inficond_panel.tuning import open_tuner

EDITS = """\
- - {class: bicycle, concepts: [wheel, spoke], direction: up}
  - {class: bicycle, concept: wheel, direction: down}
  - {class: bird, concept: fur, direction: remove}
- - {class: bird, concept: fur, direction: up}
"""


@pytest.fixture
def tuned(run, spec_file: Path) -> Path:
    edits = spec_file.with_name("edits.yaml")
    edits.write_text(EDITS)
    assert run("tune", spec_file, "--edits", edits)[0] == 0
    return spec_file


def test_explain_as_json(run, tuned):
    status, out, _ = run("explain", tuned, "--node", "#1", "--json", "--collinear", "0.5")
    document = json.loads(out)
    assert status == 0
    assert document["classes"]["untouched"] == ["tv monitor", "sheep"]
    assert document["moved"]["rows"] == []  # a student per class: the others stay as they were
    bounds = [row for row in document["bounds"]["rows"] if row["class"] == "bicycle"]
    assert {bound["concept"] for bound in bounds} == {"wheel", "spoke"}
    assert any(bound["lifted"] is not None for bound in bounds)
    assert {row["split"] for row in document["flips"]["rows"]} <= {"fit", "tune"}
    assert document["groups"]["rows"][0]["threshold"] == 0.5


def test_nothing_tuned_yet(run, spec_file):
    run("distill", spec_file)
    status, _, err = run("explain", spec_file)
    assert status == 1
    assert "inficond tune" in err


def test_unknown_classes_in_the_spec_are_told_at_their_place(run, spec_file):
    text = spec_file.read_text()
    place = text.index(STUDENTS)
    spec_file.write_text(text.replace(STUDENTS, "students:\n  threshold: {birdd: 1}\n"))
    line = text[:place].count("\n") + 2
    for command in ("distill", "explain"):
        status, _, err = run(command, spec_file)
        assert status == 2
        assert f"{spec_file}:{line}:15: students.threshold: there is no class 'birdd'" in err
        assert "Did you mean 'bird'" in err


def test_check_holds_the_spec_against_a_store_that_is_there(run, spec_file):
    folder = spec_file.parent
    (folder / "data" / "images").mkdir(parents=True)
    names = ["data/labels.csv", "data/fit.txt", "data/tune.txt", "data/holdout.txt"]
    for name in [*names, "words.txt", "weights.pt", "logits.csv"]:
        (folder / name).write_text("")
    assert run("check", spec_file)[0] == 0
    other = "students: {lambda: {default: 1e-4, brid: 1}}\n"
    spec_file.write_text(spec_file.read_text().replace(STUDENTS, other))
    status, _, err = run("check", spec_file)
    assert status == 2
    assert "students.lambda: there is no class 'brid' in the store. Did you mean 'bird'?" in err
    (folder / "small.zarr" / "zarr.json").unlink()
    status, out, err = run("check", spec_file)
    assert status == 0
    assert "no problems" in out
    assert "Class names and link are not checked" in err


REPAIRS = """\
- - {class: bicycle, concepts: [wheel], direction: balance}
  - {class: bicycle, direction: lambda, value: 0.002}
- - {class: bicycle, image: "000002", direction: label, value: 1}
  - {class: bird, concept: fur, direction: up}
- - {class: bicycle, direction: doubt, value: 2}
"""


def test_explain_names_the_repairs_in_force_and_what_they_resolved_to(run, spec_file):
    edits = spec_file.with_name("repairs.yaml")
    edits.write_text(REPAIRS)
    assert run("tune", spec_file, "--edits", edits)[0] == 0
    tuner = open_tuner(spec_file)
    terms = tuner.terms(tuner.nodes()[-1])["bicycle"]
    _, out, _ = run("explain", spec_file)
    own = [line.partition(": ")[2] for line in out.splitlines() if "Repair active" in line]
    positive, negative = terms.balanced.effective
    assert own == [
        next(line for line in own if "1 photo taught by its label, " in line),
        f"Repair active since #1: balanced by wheel: {positive:.0f} effective positive photos "
        f"of fit, {negative:.0f} negative.",
        next(line for line in own if "(doubt 2): " in line),
        "Repair active since #1: lambda 0.002.",
    ]
    assert own[0].startswith("Repair active since #2: ")
    assert own[2].startswith("Repair active since #3: ")
    assert f"Chosen by the labels of {terms.used} photos of tune." in out

    _, out, _ = run("explain", spec_file, "--json")
    document = json.loads(out)
    assert document["classes"]["rows"][0]["photos_used"] == terms.used
    found = {row["repair"]: row for row in document["repairs"]["rows"]}
    assert [row["sentence"] for row in found.values()] == own
    assert (found["lambda"]["since"], found["lambda"]["terms"]) == (1, {"value": 0.002})
    assert (found["label"]["terms"]["photos"], found["label"]["since"]) == ({"000002": 1}, 2)
    assert found["balance"]["terms"]["concepts"] == ["wheel"]
    assert set(found["doubt"]["terms"]["factors"]) == set(terms.doubted.factors)

    _, out, _ = run("explain", spec_file, "--node", "2")
    assert out.count("Repair active") == 3
    assert "\nbird: Repair active" not in out
