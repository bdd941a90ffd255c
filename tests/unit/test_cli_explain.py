"""``inficond explain``: groups and prices of an iteration, and the repairs in force."""

from __future__ import annotations

import json

from inficond_panel.tuning import open_tuner

EDITS = """\
- - {class: bicycle, concepts: [wheel, spoke], direction: up}
  - {class: bicycle, concept: wheel, direction: down}
  - {class: bird, concept: fur, direction: remove}
- - {class: bird, concept: fur, direction: up}
"""
REPAIRS = """\
- - {class: bicycle, concepts: [wheel], direction: balance}
  - {class: bicycle, direction: lambda, value: 0.002}
- - {class: bicycle, image: "000002", direction: label, value: 1}
  - {class: bird, concept: fur, direction: up}
- - {class: bicycle, direction: doubt, value: 2}
"""


def test_explain_as_json(run, spec_file):
    run("distill", spec_file)
    status, _, err = run("explain", spec_file)
    assert (status, "inficond tune" in err) == (1, True)  # nothing is tuned yet
    edits = spec_file.with_name("edits.yaml")
    edits.write_text(EDITS)
    assert run("tune", spec_file, "--edits", edits)[0] == 0
    status, out, _ = run("explain", spec_file, "--node", "#1", "--json", "--collinear", "0.5")
    document = json.loads(out)
    assert status == 0
    assert document["classes"]["untouched"] == ["tv monitor", "sheep"]
    assert document["moved"]["rows"] == []  # a student per class: the others stay as they were
    bounds = [row for row in document["bounds"]["rows"] if row["class"] == "bicycle"]
    assert {bound["concept"] for bound in bounds} == {"wheel", "spoke"}
    assert any(bound["lifted"] is not None for bound in bounds)
    assert {row["split"] for row in document["flips"]["rows"]} <= {"fit", "tune"}
    assert document["groups"]["rows"][0]["threshold"] == 0.5


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
