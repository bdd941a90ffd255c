"""All that page and command line can do, scripted students can: the same numbers and histories."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factory import EMBED, small_spec
from sklearn.metrics import f1_score

from inficond_panel import TunableStudents, open_students
from inficond_panel.cli import main
from inficond_panel.distill import fit, soft_targets
from inficond_panel.errors import ExportError, TuningError
from inficond_panel.results.gallery import gallery_file, take_gallery
from inficond_panel.tuning import Intent


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return small_spec(tmp_path)


@pytest.fixture
def students(spec: Path) -> TunableStudents:
    return open_students(spec)


@pytest.fixture
def document(capsys):
    """The document that a command prints."""

    def call(*args: object) -> dict:
        capsys.readouterr()
        assert main([str(arg) for arg in (*args, "--json")]) == 0
        return json.loads(capsys.readouterr().out)

    return call


def test_thumbs_by_their_names(students):
    students.up("bicycle", "wheel", 1.5).down("bird", ["fur", "hair"]).remove("sheep", ["sky"])
    told = [[str(i) for i in students.tuner.nodes()[n].intents] for n in (1, 2, 3)]
    expected = [
        [Intent("bicycle", "wheel", "up", 1.5)],
        [Intent("bird", concept, "down", 2.0) for concept in ("fur", "hair")],
        [Intent("sheep", "sky", "remove")],
    ]
    assert told == [[str(i) for i in batch] for batch in expected]


def test_one_intent_is_a_batch(students):
    root = students.node.id
    first = students.tune(("bicycle", "wheel", "up")).node
    for alone in (Intent("bicycle", "wheel", "up"), ["bicycle", "wheel", "up"]):
        if isinstance(alone, Intent):
            assert students.jump(root).tune(alone).node == first
        else:
            with pytest.raises(TuningError, match="'bicycle' is not an intent"):
                students.tune(alone)


@pytest.mark.parametrize(
    "wrong",
    [
        ("bicycle", "wheel"),
        [("bicycle", "wheel", "up", 2, 3)],
        [("bicycle", 7, "up")],
        7,
        None,
        [None],
        ("bicycle", "wheel", "up", "twice"),
        ("bicycle", ["wheel", 7], "up"),
    ],
)
def test_what_is_no_intent_is_told(students, wrong):
    with pytest.raises(TuningError):
        students.tune(wrong)
    assert len(students.tuner.nodes()) == 1


def test_names_that_are_not_there_come_with_the_nearest(students):
    for call, near in (
        (lambda: students.up("bicycel", "wheel"), "'bicycle'"),
        (lambda: students.up("bicycle", "whel"), "'wheel'"),
        (lambda: students.tune(("bicycle", "wheel", "upp")), "'up'"),
        (lambda: students.metrics("tuen"), "'tune'"),
        (lambda: students.predict("tuen"), "'tune'"),
        (lambda: students.changes(metric="acuracy"), "'accuracy'"),
        (lambda: students.concepts_of("bicycel"), "'bicycle'"),
        (lambda: students.scales("bicycel"), "'bicycle'"),
        (lambda: students.twins("whel"), "'wheel'"),
        (lambda: students.what_if("bicycle", "whel"), "'wheel'"),
        (lambda: students.what_if("bicycle", "wheel", "recal"), "'recall'"),
        (lambda: students.gallery("bicycle", "whel"), "'wheel'"),
        (lambda: students.gallery("bicycle", "wheel", filters=["wron"]), "'wrong'"),
        (lambda: students.stability("bicycel"), "'bicycle'"),
        (lambda: students.suggest("bicycel"), "'bicycle'"),
        (lambda: students.slices("place", classes=["bicycel"]), "'bicycle'"),
        (lambda: students.page("page.html", "bicycel"), "'bicycle'"),
        (lambda: students.to_xarray("tuen"), "'tune'"),
    ):
        with pytest.raises(TuningError, match=f"Did you mean {near}"):
            call()
    with pytest.raises(TuningError, match="no iteration '9'"):
        students.compare(9)


def test_one_name_is_not_taken_for_its_letters(students, tmp_path):
    one, alone = ["bicycle"], "bicycle"
    for table in (students.thresholds, students.levers):
        assert table(classes=alone).equals(table(classes=one))
    assert students.gallery(alone, "wheel", filters="positive").equals(
        students.gallery(alone, "wheel", filters=["positive"])
    )
    image = students.images("tune")[0]
    assert students.tag(image, "odd").tags().values.tolist() == [[image, "odd"]]
    assert "npz" in students.export(tmp_path / "out", "npz")


def test_labels_and_branches(students):
    students.up("bicycle", "wheel").rename("first").note("by hand")
    assert (students.node.name, students.node.note) == ("first", "by hand")
    students.jump(0).down("bird", "fur").note("aside", node="first")
    assert students.history.loc[1, "note"] == "aside"
    with pytest.raises(TuningError, match="is in this branch"):
        students.delete(2)
    assert students.delete("first").history.index.tolist() == [0, 2]
    assert students.restore(1).history.index.tolist() == [0, 1, 2]
    assert students.history["name"].tolist() == ["", "first", ""]


def test_events_and_edits_are_those_of_the_command(students, document, spec, tmp_path):
    students.up("bicycle", "wheel").note("by hand")
    assert students.edits() == document("history", "edits", spec)["edits"]
    path = tmp_path / "edits.yaml"
    path.write_text(students.edits())
    assert main(["tune", str(spec), "--edits", str(path), "--history", str(tmp_path / "n")]) == 0
    again = open_students(spec, history=tmp_path / "n")
    assert again.node.weights_hash == students.node.weights_hash


def test_what_if_with_the_others_solved_again(students):
    table = students.what_if("bicycle", "wheel", "f1", refit=True)
    store = students.tuner.store
    fitted, rows = store.rows("fit"), store.rows("tune")
    influence = table.index[len(table) // 2]
    lower = np.full((len(students.concepts), 1), -np.inf)
    upper = -lower
    lower[students.concepts.index("wheel")] = upper[students.concepts.index("wheel")] = influence
    solved = fit(
        store.concept_score[fitted],
        soft_targets(store.teacher_logit[fitted][:, :1], 1.0),
        l1=students.tuner.fit_data.l1[0],
        lower=lower,
        upper=upper,
        tolerance=1e-9,
    )
    logit = store.concept_score[rows] @ solved.weights[:, 0] + solved.intercepts[0]
    label = store.label[rows, 0]
    known = label >= 0
    expected = f1_score(label[known] == 1, logit[known] > 0)
    assert table["f1"].iloc[len(table) // 2] == pytest.approx(expected, abs=1e-9)
    assert (table["change_low"] <= table["change"]).all()
    assert students.what_if("bicycle", "wheel", refit=True)["change_low"].isna().all()


def test_an_image_is_taken_apart(students):
    image = students.images("holdout")[3]
    found = students.take_apart("bicycle", image)
    assert students.tuner.looks() == 1
    total = found.intercept + sum(part.logit for part in found.parts)
    expected = students.decision_function(students.scores("holdout")[3:4])[0, 0]
    assert total == pytest.approx(expected, abs=1e-9)
    with pytest.raises(TuningError, match=r"There is no image '00013x'\. Did you mean"):
        students.take_apart("bicycle", "00013x")


def test_gallery_has_the_lines_of_the_file(students):
    found = students.gallery("bicycle", "wheel", filters=["wrong"])
    student = students.tuner.at(students.node, "tune")["bicycle"]
    file = gallery_file(students.tuner.store, take_gallery(student, "wheel"), ["wrong"], {})
    lines = list(csv.DictReader(io.StringIO(file.content.decode())))
    assert list(found.index) == [line["image"] for line in lines]
    assert lines
    for column in ("concept_score", "student_logit", "student_decision", "label"):
        np.testing.assert_allclose(found[column].astype(float), [float(x[column]) for x in lines])
    students.gallery("bicycle", "wheel", "holdout")
    assert students.tuner.looks() == 1


def test_a_concept_without_assigned_images_says_so_and_names_the_others(students, monkeypatch):
    store = students.tuner.store
    monkeypatch.setattr(
        "inficond_panel.results.gallery.assigned_images", lambda *_: np.empty(0, np.intp)
    )
    with pytest.warns(UserWarning, match="No segment of the split tune is assigned to 'wheel'"):
        assert students.gallery("bicycle", "wheel").empty
    monkeypatch.setattr(type(store), "holds", lambda _, what: what != "segments")
    assert len(students.gallery("bicycle", "wheel")) == len(
        students.gallery("bicycle", "wheel", filters=())
    )


def test_a_suggestion_is_carried_out_as_the_machines(students):
    found = students.suggest("bicycle")
    assert str(found) == repr(found) == found.summary
    shown = found._repr_html_()
    assert {html.escape(lever.name) for lever in found.repairs["bicycle"].levers} <= set(
        re.findall(r"<td[^>]*>([^<]*)</td>", shown)
    )
    assert html.escape(found.summary) in shown
    assert found.parent == students.node.id
    assert len(students.tuner.nodes()) == 1  # only said
    if found.intents:
        students.tune(found)
        assert students.node.author == "machine:repair"
        assert set(students.node.edits) == set(found.intents)
        assert students.tuner.head() == students.node


def test_the_page_is_written(students, tmp_path, monkeypatch):
    monkeypatch.setattr("inficond_panel.views.page.exploring.STATES", 8)
    students.up("bicycle", "wheel")
    events = len(students.tuner.history.events(students.tuner.root_id))
    path = students.page(tmp_path / "page.html", "bicycle", "wheel", dark=True)
    text = path.read_text()
    assert f"Opens at iteration #1, id {students.node.id}" in text
    assert len(students.tuner.history.events(students.tuner.root_id)) == events
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        students.page(tmp_path / "file" / "page.html")


def test_a_concept_is_typed(students, spec, monkeypatch):
    class Encoder:
        digest = "0" * 64

        def embed_text(self, texts):
            return np.eye(EMBED, dtype=np.float32)[[len(text) % EMBED for text in texts]]

    monkeypatch.setattr("inficond_panel.api.moves.text_encoder", lambda _: Encoder())
    store = students.tuner.store
    store.attrs["encoder_digest"], store.attrs["prompts"] = Encoder.digest, ["{}"]
    students.up("bicycle", "wheel")
    assert students.add_concept("red bus") is students
    assert students.concepts[-1] == "red bus"
    assert students.node.number == 0
    axis = len("red bus") % EMBED
    cosine = store.segment_embedding[:, axis].astype(np.float32)
    expected = np.zeros(len(store.images), np.float32)
    np.maximum.at(expected, store.segment_image, cosine)
    typed = students.tuner.store.concept_score[:, -1]
    np.testing.assert_allclose(typed, expected, atol=1e-6)
    assert students.remove_concept("red bus").node.number == 1
    with pytest.raises(TuningError, match="no typed concept 'red bus'"):
        students.remove_concept("red bus")
    assert isinstance(students.history, pd.DataFrame)


def test_a_history_is_copied_brought_back_and_replayed(students, tmp_path):
    students.tune([("bicycle", "wheel", "down")])
    first = students.node
    assert students.back_up(tmp_path / "copy.sqlite") is students
    with pytest.raises(TuningError, match="already exists"):
        students.back_up(tmp_path / "copy.sqlite")
    students.tune([("bird", "fur", "remove")])
    again = students.replay(tmp_path / "again.sqlite")
    made = [node.id for node in (students.tuner.root(), first, students.node)]
    assert list(again.index) == list(again["replayed"]) == made
    assert again["equal"].all()
    with pytest.raises(TuningError, match="has iterations already"):
        students.replay(tmp_path / "again.sqlite")
    students.bring_back(tmp_path / "copy.sqlite")
    assert students.node == first
    assert len(students.tuner.nodes()) == 2
    with pytest.raises(TuningError, match="There is no file"):
        students.bring_back(tmp_path / "nowhere.sqlite")
