"""Faults of the data, and groups in which a student is worse, in the model card."""

import pytest
from cameras import of_cameras
from frames import frames
from lines import of_lines

import inficond_panel
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.export.model_card import model_card
from inficond_panel.results.doctor.exchanged import EXCHANGED_COLUMNS
from inficond_panel.wording.groups import STUDENT_GROUP_WORDS, STUDENTS_GROUP_WORDS


@pytest.fixture(scope="module")
def lines():
    """Students of a table of which two columns are exchanged on line B."""
    return of_lines(0)


@pytest.fixture(scope="module")
def card(lines):
    return model_card(lines.tuner, lines.node)


def told_by_doctor(students, kind):
    findings = students.doctor()["findings"].reset_index()
    rows = findings[findings["kind"] == kind]
    return [*zip(rows["about"], rows["finding"], strict=True)]


def test_the_exchanged_columns_are_a_fault_in_the_doctors_words(lines, card):
    told = [(each["about"], each["sentence"]) for each in card["faults"]]
    assert told == told_by_doctor(lines, EXCHANGED_COLUMNS)
    assert "the columns c0 and c1 look exchanged" in told[0][1]


def test_the_worse_groups_of_the_students_are_those_of_the_doctor(lines, card):
    told = [(each["class"], each["sentence"]) for each in card["reliances"]["student_groups"]]
    (_, together), *alone = told
    assert [together] == [each for _, each in told_by_doctor(lines, STUDENTS_GROUP_WORDS)]
    assert alone == told_by_doctor(lines, STUDENT_GROUP_WORDS)
    assert {name for name, _ in alone} == {"warp", "ok"}


def test_the_text_has_both(card):
    text = card_markdown(card)
    assert "| concepts | exchanged columns? | In “line: B” " in text
    groups = text.partition("rows in which the student is worse and its teacher is not:")[2]
    assert groups.lstrip().startswith("- In “line: B” the students' likeliest class is right in ")
    assert "\n- The student's AP of warp is " in groups


@pytest.fixture(scope="module")
def sound():
    return of_cameras(0)


def test_nearly_equal_concepts_are_a_fault_in_the_doctors_words(tmp_path):
    given = frames()
    given["scores"]["plume"] = given["scores"]["wing"] + 1e-3 * given["scores"]["eye"]
    students = inficond_panel.from_frames(**given, path=tmp_path / "own.zarr").fit()
    told = [
        (each["about"], each["sentence"])
        for each in model_card(students.tuner, students.node)["faults"]
    ]
    assert ("concepts", "wing = plume.") in told
    assert told_by_doctor(students, "nearly equal") == [("concepts", "wing = plume.")]


def test_where_nothing_is_wrong_the_card_says_that_nothing_was_found(sound):
    text = card_markdown(model_card(sound.tuner, sound.node))
    section = text.partition("## Faults of the data")[2].partition("##")[0]
    assert section.split("\n\n")[-2:] == ["None was found.", ""]
    assert "the student is worse and its teacher" not in text


def test_faults_are_told_where_the_spec_asks_for_no_suspects(lines, monkeypatch):
    monkeypatch.setattr("inficond_panel.results.reliances._lacking", lambda _: "Not asked for.")
    card = model_card(lines.tuner, lines.node)
    assert [each["kind"] for each in card["faults"]] == [EXCHANGED_COLUMNS]
    assert "Not computed. Not asked for." in card_markdown(card)
