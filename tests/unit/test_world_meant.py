"""The world that thumbs are meant for: in edits files, in the history, in Python; ids stay."""

import json

import pytest
from histories import make_tuner

from inficond_panel.api.students import TunableStudents
from inficond_panel.errors import EditsError, TuningError
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.export.model_card import model_card
from inficond_panel.results.history import iterations
from inficond_panel.results.refit_report import explain
from inficond_panel.results.refits import refit_frames
from inficond_panel.results.two_worlds import two_worlds
from inficond_panel.tuning import History, Intent, Meant, Tuner, dump_edits, read_edits
from inficond_panel.tuning.replay import carry_on, replay

REMOVE = Intent("bicycle", "wheel", "remove")
MEANT = Meant("bicycle", "independent")


@pytest.fixture
def tuner(store, tmp_path):
    return make_tuner(store, tmp_path, history=str(tmp_path / "h.sqlite"))


@pytest.fixture
def node(tuner):
    return tuner.fine_tune(tuner.root(), [REMOVE, MEANT])


def kinds(tuner):
    return [event.kind for event in tuner.history.events(tuner.root_id)]


def read(text, folder, store):
    (folder / "edits.yaml").write_text(text)
    return read_edits(folder / "edits.yaml", store)


def test_the_world_is_kept_with_the_iteration(node):
    assert node.worlds_meant == {"bicycle": "independent"}


def test_another_process_reads_it(tuner, node):
    again = Tuner(tuner.store, tuner.spec, History(tuner.history.path), tuner.penalties)
    assert again.node(node.id).worlds_meant == {"bicycle": "independent"}


def test_the_list_of_iterations_has_it(tuner, node):
    assert [each.worlds_meant for each in tuner.tree()[0]] == [{}, {"bicycle": "independent"}]


def test_the_id_is_the_one_without_it(tuner, node):
    assert tuner.preview(tuner.root(), [REMOVE]).id == f"preview-{node.id}"


def test_it_can_be_said_of_an_iteration_that_exists(tuner):
    node = tuner.fine_tune(tuner.root(), [REMOVE])
    tuner.set_meant(node.id, {"bicycle": "these"})
    assert tuner.node(node.id).worlds_meant == {"bicycle": "these"}


def test_the_latest_world_counts(tuner, node):
    tuner.set_meant(node.id, {"bicycle": "these"})
    assert tuner.node(node.id).worlds_meant == {"bicycle": "these"}


def test_another_class_keeps_its_world(tuner):
    batch = [REMOVE, MEANT, Intent("bird", "sky", "down")]
    node = tuner.fine_tune(tuner.root(), batch)
    tuner.set_meant(node.id, {"bird": "these"})
    assert tuner.node(node.id).worlds_meant == {"bicycle": "independent", "bird": "these"}


def test_the_same_world_is_recorded_once(tuner, node):
    tuner.fine_tune(tuner.root(), [REMOVE, MEANT])
    assert kinds(tuner).count("meant") == 1


def test_nothing_is_recorded_where_nobody_says(tuner):
    tuner.fine_tune(tuner.root(), [REMOVE])
    assert "meant" not in kinds(tuner)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ([REMOVE, Meant("bird", "these")], "'bird', which has no thumb"),
        ([REMOVE, MEANT, Meant("bicycle", "these")], "Two worlds are meant"),
        ([MEANT], "nothing to tune"),
        ([REMOVE, Meant("bicycl", "these")], "Did you mean 'bicycle'"),
    ],
)
def test_a_world_without_its_thumb_is_refused(tuner, batch, message):
    with pytest.raises(TuningError, match=message):
        tuner.fine_tune(tuner.root(), batch)


def test_a_refused_world_leaves_no_iteration(tuner):
    with pytest.raises(TuningError):
        tuner.fine_tune(tuner.root(), [REMOVE, Meant("bird", "these")])
    assert len(tuner.nodes()) == 1


def test_an_unknown_world_is_refused():
    with pytest.raises(TuningError, match="independent"):
        Meant("bicycle", "unbiased")


def test_an_edits_file_says_it(tuner, tmp_path):
    thumb = "- - {class: bicycle, concept: wheel, direction: remove}\n"
    text = f"{thumb}  - {{class: bicycle, meant: independent}}\n"
    assert read(text, tmp_path, tuner.store) == [[REMOVE, MEANT]]


def test_what_is_written_is_read_again(tuner, node, tmp_path):
    assert read(dump_edits([node.written]), tmp_path, tuner.store) == [[REMOVE, MEANT]]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{class: bicycle, meant: unbiased}", "2:29: expected these or independent"),
        ("{class: bicycl, meant: these}", "no class 'bicycl'"),
        ("{meant: these}", "the key 'class' is missing"),
        ("{class: bicycle, meant: these, direction: up}", "meant takes no 'direction'"),
        ("{class: bicycle, meant: [these]}", "expected these or independent"),
    ],
)
def test_an_edits_file_with_a_fault_says_where(tuner, tmp_path, entry, message):
    text = f"- - {{class: bicycle, concept: wheel, direction: remove}}\n  - {entry}\n"
    with pytest.raises(EditsError) as error:
        read(text, tmp_path, tuner.store)
    assert message in str(error.value)


def test_a_replay_repeats_it(tuner, node):
    into = Tuner(tuner.store, tuner.spec, History(":memory:"), tuner.penalties)
    replay(tuner, into)
    assert into.nodes()[1].worlds_meant == {"bicycle": "independent"}


def test_students_with_other_concepts_carry_it_on(tuner, node):
    into = Tuner(tuner.store, tuner.spec, History(":memory:"), tuner.penalties)
    assert into.node(carry_on(tuner, node, into).id).worlds_meant == {"bicycle": "independent"}


def test_students_with_other_concepts_keep_the_note(tuner, node):
    into = Tuner(tuner.store, tuner.spec, History(":memory:"), tuner.penalties)
    tuner.set_note(node.id, "why")
    assert into.node(carry_on(tuner, node, into).id).note == "why"


def test_students_with_other_concepts_have_as_many_uses_of_the_holdout(tuner, node):
    into = Tuner(tuner.store, tuner.spec, History(":memory:"), tuner.penalties)
    for _ in range(2):
        tuner.count_look(node, "holdout")
        again = carry_on(tuner, node, into)
    assert into.history.looks(again.id, "holdout") == 2


def test_a_use_of_a_holdout_without_images_does_not_stop_them(tuner, node, monkeypatch):
    """A history may have counted one."""
    into = Tuner(tuner.store, tuner.spec, History(":memory:"), tuner.penalties)
    tuner.count_look(node, "holdout")
    monkeypatch.setitem(tuner.store._rows_of, "holdout", tuner.store.rows("holdout")[:0])
    assert into.history.looks(carry_on(tuner, node, into).id, "holdout") == 1


def test_the_table_of_iterations_shows_it(tuner, node):
    assert iterations(tuner)["meant"].tolist() == ["", "bicycle: independent"]


def test_the_frame_marks_the_world_meant(tuner, node):
    frame = two_worlds(tuner, node)
    assert set(frame.index[frame["meant"]].get_level_values("world")) == {"independent"}


def test_a_sentence_says_which_world_is_meant(tuner, node):
    notes = two_worlds(tuner, node).attrs["notes"]
    assert notes[-1] == (
        "bicycle: The thumbs are meant for images where bicycle appears equally often with and "
        "without wheel."
    )


@pytest.mark.parametrize("as_given", [MEANT, {"class": "bicycle", "meant": "independent"}])
def test_python_says_it_in_a_batch(tuner, as_given):
    students = TunableStudents(tuner).fit().tune([REMOVE, as_given])
    assert students.node.worlds_meant == {"bicycle": "independent"}


def test_python_says_it_afterwards(tuner):
    students = TunableStudents(tuner).fit().remove("bicycle", "wheel").meant("bicycle", "these")
    assert students.node.worlds_meant == {"bicycle": "these"}


def test_the_event_has_the_world_by_class(tuner, node):
    text = next(e.text for e in tuner.history.events(tuner.root_id) if e.kind == "meant")
    assert json.loads(text) == {"bicycle": "independent"}


def test_the_card_has_a_sentence_per_world_since_the_start(tuner, node):
    later = tuner.fine_tune(node, [Intent("bicycle", "sky", "remove")])
    sentences = model_card(tuner, later)["two_worlds"]["sentences"]
    assert [text.partition(":")[0] for text in sentences] == ["bicycle"] * 2


def meant_by_card(tuner, node):
    sentences = model_card(tuner, node)["two_worlds"]["sentences"]
    return [text for text in sentences if "are meant for" in text]


def test_what_was_said_of_earlier_thumbs_is_not_said_of_later_ones(tuner, node):
    later = tuner.fine_tune(node, [Intent("bicycle", "sky", "remove")])
    assert len(meant_by_card(tuner, node)) == 1
    assert meant_by_card(tuner, later) == []


@pytest.mark.parametrize(("world", "told"), [("independent", 1), ("these", 0)])
def test_what_is_said_of_later_thumbs_covers_earlier_ones_unless_they_mean_another(
    tuner, node, world, told
):
    edits = [Intent("bicycle", "sky", "remove"), Meant("bicycle", world)]
    assert len(meant_by_card(tuner, tuner.fine_tune(node, edits))) == told


def test_the_card_means_all_concepts_of_the_branch(tuner, node):
    later = tuner.fine_tune(node, [Intent("bicycle", "sky", "remove")])
    rows = model_card(tuner, later)["two_worlds"]["rows"]
    assert rows[0]["concepts"] == ["sky", "wheel"]


def test_the_card_as_markdown_has_the_sentences(tuner, node):
    assert "In images like these: AP" in card_markdown(model_card(tuner, node))


def test_the_report_on_a_refit_has_the_sentences(tuner, node):
    notes = refit_frames(explain(tuner, node))["classes"].attrs["notes"]
    assert sum("images" in text and text.startswith("bicycle: In ") for text in notes) == 2
