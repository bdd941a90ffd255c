"""Changes of scripted students: intents as a script writes them, the history, their files."""

import html
import json
import re

import numpy as np
import pandas as pd
import pytest
from factory import EMBED, small_spec
from PIL import Image
from sklearn.base import clone

from inficond_panel import open_students
from inficond_panel.api.arguments import as_asked
from inficond_panel.errors import DataError, EditsError, ExportError, TuningError
from inficond_panel.results.refit_report import explain
from inficond_panel.results.refit_words import sentences
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.wording.two_worlds import world_sentences

pytestmark = [pytest.mark.commands, pytest.mark.page]


@pytest.fixture
def students(spec_file):
    return open_students(spec_file).fit()


def test_with_another_threshold_students_stay_at_their_iteration(students):
    students.remove("sheep", "sky")
    assert students.with_settings(threshold={"sheep": 1.0}).node.number == 1
    original = students.fit()
    assert original.with_settings(threshold={"sheep": 1.0}).node.number == 0


def test_students_with_another_penalty_are_at_their_own_iteration(students):
    students.remove("sheep", "sky")
    assert students.with_settings(lambda_=0.5).node.number == 0


def test_a_clone_is_fitted_again_to_what_thumbs_left_of_the_targets(students):
    fitted = students.down("bird", "fur").estimator()
    targets = students.targets()["adjusted"].unstack()[students.classes].loc[students.images("fit")]
    again = clone(fitted).set_params(y_kind="probabilities", temperature=1)
    again.fit(students.scores("fit"), targets.to_numpy())
    assert np.abs(again.coef_ - fitted.coef_).max() < 0.01 * np.abs(fitted.coef_).max()


def test_intents_are_written_as_methods_tuples_or_mappings_as_in_an_edits_file(students, spec_file):
    students.up("bicycle", "wheel", 1.5).down("bird", ["fur", "hair"]).remove("sheep", ["sky"])
    told = [[str(i) for i in students.tuner.nodes()[n].intents] for n in (1, 2, 3)]
    expected = [
        [Intent("bicycle", "wheel", "up", 1.5)],
        [Intent("bird", concept, "down", 2.0) for concept in ("fur", "hair")],
        [Intent("sheep", "sky", "remove")],
    ]
    assert told == [[str(i) for i in batch] for batch in expected]
    first = students.jump(0).tune(("bicycle", "wheel", "up")).node
    assert students.jump(0).tune(Intent("bicycle", "wheel", "up")).node == first
    every = {"classes": "all", "concept": "fur", "direction": "remove"}
    two = {"classes": ["bicycle", "bird"], "concepts": ["sky", "wheel"], "direction": "up"}
    students.jump(0).tune([every, two])
    tuner = open_tuner(spec_file, history=":memory:")
    batch = [Intent(name, "fur", "remove") for name in tuner.store.classes]
    batch += [Intent(k, c, "up") for k in ("bicycle", "bird") for c in ("sky", "wheel")]
    assert students.node.id == tuner.fine_tune(tuner.root(), batch).id


def test_a_star_means_all_classes_unless_a_class_is_called_so():
    star = [Intent("*", "fur", "remove")]
    assert as_asked(("*", "fur", "remove"), ["*", "bird"]) == star
    every = {"classes": "all", "concept": "fur", "direction": "remove"}
    both = [*star, Intent("bird", "fur", "remove")]
    assert [str(each) for each in as_asked(every, ["*", "bird"])] == list(map(str, both))


def test_what_is_no_intent_no_name_or_no_file_is_told(students):
    fur = {"concept": "fur", "direction": "remove"}
    for wrong in (
        ("bicycle", "wheel"),
        7,
        None,
        [None],
        ("bicycle", "wheel", "up", "twice"),
        *({"classes": classes, **fur} for classes in ([], "bird", 3)),
        {"class": "bird", "classes": ["bird"], **fur},
    ):
        with pytest.raises(TuningError, match="is not an intent"):
            students.tune(wrong)
    with pytest.raises(TuningError, match="'bicycle' is not an intent"):
        students.tune(["bicycle", "wheel", "up"])
    with pytest.raises(TuningError, match="both a factor and a bound"):
        students.tune([("bicycle", "wheel", "up", 2, 3)])
    assert len(students.tuner.nodes()) == 1
    with pytest.warns(UserWarning, match="2 thumbs in one iteration: remove counts, not raise"):
        students.tune([("bicycle", "wheel", "remove"), ("bicycle", "wheel", "up")])
    for call, near in (
        (lambda: students.up("bicycel", "wheel"), "'bicycle'"),
        (lambda: students.up("bicycle", "whel"), "'wheel'"),
        (lambda: students.tune(("bicycle", "wheel", "upp")), "'up'"),
        (lambda: students.metrics("tuen"), "'tune'"),
        (lambda: students.predict("tuen"), "'tune'"),
        (lambda: students.images("tuen") + students.scores("tuen"), "'tune'"),
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
        (lambda: students.explain("bicycle", "00013x"), "'000193'"),
    ):
        with pytest.raises(TuningError, match=f"Did you mean {near}"):
            call()
    with pytest.raises(TuningError, match="no iteration '9'"):
        students.compare(9)
    with pytest.raises(TuningError, match="two iterations of one history"):
        students.compare(students, students)
    for photos in (Image.new("RGB", (8, 8)), [np.zeros((8, 8, 3))]):
        for call in (students.predict_images, students.drift, students.extend):
            with pytest.raises(DataError, match=r"Photos are paths of files: .*(Image|ndarray)"):
                call(photos)


def test_one_name_is_not_taken_for_its_letters(students, tmp_path):
    one, alone = ["bicycle"], "bicycle"
    for table in (students.thresholds, students.compare_repairs):
        assert table(classes=alone).equals(table(classes=one))
    few = students.gallery(alone, "wheel", filters="positive")
    assert few.equals(students.gallery(alone, "wheel", filters=["positive"]))
    image = students.images("tune")[0]
    assert students.tag(image, "odd").tags().values.tolist() == [[image, "odd"]]
    assert "npz" in students.export(tmp_path / "out", "npz")


def test_bounds_are_given_and_released_by_name(students):
    c, k = students.concepts.index("wheel"), students.classes.index("bicycle")
    held = students.down("bicycle", ["wheel", "spoke"], bound=-0.46).node
    assert held.weights[c, k] <= -0.46
    assert set(held.bounds.values()) == {(None, -0.46)}
    assert students.up("bicycle", "wheel", bound=0.5).node.weights[c, k] >= 0.5
    assert set(students.release("bicycle", "wheel").node.bounds) == {("bicycle", "spoke")}
    students.tune({"class": "bicycle", "concepts": ["wheel", "sky"], "direction": "up", "bound": 1})
    assert students.node.bounds["bicycle", "sky"] == (1.0, None)


@pytest.fixture
def moved(students):
    """Students after two refits, the way back to the start, and a second branch."""
    students.tune([("bicycle", "wheel", "up")]).tune([("bird", "fur", "remove")])
    students.undo()
    students.redo()
    students.jump("#0")
    return students.tune([("bicycle", "wheel", "down")])


def test_moves_lead_to_the_iterations(students):
    students.tune([("bicycle", "wheel", "up")]).tune([("bird", "fur", "remove")])
    assert students.undo().node.number == 1
    assert students.redo().node.number == 2
    assert students.jump("#0").node.number == 0


def test_the_history_lists_iterations_with_their_parents(moved):
    students = moved
    assert students.history["parent"].tolist() == [pd.NA, 0, 1, 0]
    assert students.history["here"].tolist() == [False, False, False, True]
    assert students.history.loc[1, "intents"] == "up wheel ×2 on bicycle"


def test_moves_go_to_the_history(moved):
    students = moved
    events = students.tuner.history.events(students.tuner.root_id)
    kinds = [event.kind for event in events if event.kind != "add"]
    assert kinds == ["fine-tune", "fine-tune", "undo", "redo", "jump", "fine-tune"]


def test_students_resume_where_the_history_is(moved, spec_file):
    students = moved
    again = open_students(spec_file)
    assert again.resume().node == students.node
    assert again.fit().node.number == 0


def test_at_the_start_there_is_nothing_to_undo(students):
    with pytest.raises(TuningError, match="nothing to undo"):
        students.undo()


def test_a_jump_to_an_unknown_iteration_is_refused(students):
    with pytest.raises(TuningError, match="no iteration '9'"):
        students.jump(9)


def test_iterations_are_named_noted_deleted_and_restored(students):
    students.up("bicycle", "wheel").rename("first").note("by hand")
    assert (students.node.name, students.node.note) == ("first", "by hand")
    students.jump(0).down("bird", "fur").note("aside", node="first")
    assert students.history.loc[1, "note"] == "aside"
    with pytest.raises(TuningError, match="is in this branch"):
        students.delete(2)
    assert students.delete("first").history.index.tolist() == [0, 2]
    assert students.restore(1).history.index.tolist() == [0, 1, 2]
    assert students.history["name"].tolist() == ["", "first", ""]


def test_edits_are_those_of_the_command_and_lead_there_again(run, students, spec_file, tmp_path):
    students.up("bicycle", "wheel").down("bird", "fur").note("by hand")
    _, out, _ = run("history", "edits", spec_file, "--json")
    assert students.edits() == json.loads(out)["edits"]
    path, place = tmp_path / "edits.yaml", tmp_path / "n.sqlite"
    path.write_text(students.edits())
    assert run("tune", spec_file, "--edits", path, "--history", place)[0] == 0
    again = open_students(spec_file, history=place)
    assert again.node.weights_hash == students.node.weights_hash
    there = students.node
    assert students.fit().tune(path).node == there
    with pytest.raises(EditsError, match=r"nope\.yaml:1:1: no such file"):
        students.tune("nope.yaml")


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


def test_a_suggestion_is_carried_out_as_the_machines(students):
    found = students.suggest("bicycle")
    assert str(found) == repr(found) == found.summary
    shown = found._repr_html_()
    cells = set(re.findall(r"<td[^>]*>([^<]*)</td>", shown))
    assert {html.escape(lever.name) for lever in found.repairs["bicycle"].levers} <= cells
    assert html.escape(found.summary) in shown
    assert found.parent == students.node.id
    assert len(students.tuner.nodes()) == 1  # only said
    if found.intents:
        students.tune(found)
        assert students.node.author == "machine:repair"
        assert set(students.node.edits) == set(found.intents)
        assert students.tuner.head() == students.node


def test_a_comparison_prints_its_rows_and_then_its_notes(students):
    students.tune([("bicycle", "wheel", "remove")])
    _, first, *rest = str(students.compare(0, students.node.number)).splitlines()
    assert first.startswith("bicycle … ap … ")
    assert any(line.startswith("Unchanged students: ") for line in rest)


def test_a_report_tells_itself(students):
    students.tune([("bicycle", "wheel", "remove")])
    report = students.report()
    heading, *told = str(report).splitlines()
    assert heading == f"#1 {students.node.id} from #0 {students.tuner.root_id}"
    own = sentences(explain(students.tuner, students.node, lift=True).of("bicycle"))
    (worlds,) = explain(students.tuner, students.node).worlds
    own += world_sentences(worlds).values()
    assert told[:-1] == [f"bicycle: {line}" for line in own]
    others = [name for name in students.classes if name != "bicycle"]
    assert told[-1] == f"Not tuned by #1: {', '.join(others)}."
    with pytest.raises(TuningError):
        students.fit().report()


def test_the_page_is_written_and_opens_at_this_iteration(tmp_path, monkeypatch):
    monkeypatch.setattr("inficond_panel.views.page.exploring.STATES", 2)
    spec = small_spec(tmp_path, images=40, concepts=6, classes=2)
    students = open_students(spec).fit().up("bicycle", "wheel").up("bicycle", "wheel")
    students._node = students.tuner.node(students.node.parent)  # as after a jump elsewhere
    events = len(students.tuner.history.events(students.tuner.root_id))
    path = students.page(tmp_path / "page.html", "bicycle", "wheel", dark=True)
    assert f"Opens at iteration #1, id {students.node.id}" in path.read_text()
    assert len(students.tuner.history.events(students.tuner.root_id)) == events
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        students.page(tmp_path / "file" / "page.html")
    explorer = students.explore()
    explorer.close()
    assert explorer.specs == [students.tuner]
    assert students.tuner.head() == students.node


def test_a_concept_is_typed(students, monkeypatch):
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
    cosine = store.segment_embedding[:, len("red bus") % EMBED].astype(np.float32)
    expected = np.zeros(len(store.images), np.float32)
    np.maximum.at(expected, store.segment_image, cosine)
    typed = students.tuner.store.concept_score[:, -1]
    np.testing.assert_allclose(typed, expected, atol=1e-6)
    assert students.remove_concept("red bus").node.number == 1
    with pytest.raises(TuningError, match="no typed concept 'red bus'"):
        students.remove_concept("red bus")
