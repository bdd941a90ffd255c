"""What a person said belongs to a class: kept with the history, taken back, replayed, found."""

import numpy as np
import pandas as pd
import pytest
from histories import alter, make_node, make_tuner

import inficond_panel
from inficond_panel.errors import HistoryError, TuningError
from inficond_panel.tuning import History, Tuner
from inficond_panel.tuning.belonging import find_thing
from inficond_panel.tuning.history.belongs import ReliedThing, answer_text, read_answer
from inficond_panel.tuning.history.log import append
from inficond_panel.tuning.replay import back_up, bring_back, replay

WHEEL = ReliedThing("bicycle", "concept", "wheel")
ROOT = make_node()


@pytest.fixture
def history(place):
    made = History(place)
    made.add(ROOT)
    return made


@pytest.fixture
def tuner(store, tmp_path):
    made = make_tuner(store, tmp_path, history=str(tmp_path / "h.sqlite"))
    made.root()
    return made


def again(tuner):
    return Tuner(tuner.store, tuner.spec, History(tuner.history.path), tuner.penalties)


# --- in the history ------------------------------------------------------------------------------
def test_nothing_belongs_before_anybody_said_so(history):
    assert history.belonging() == {}


def test_an_answer_has_its_author(history):
    history.set_belongs(ROOT.id, WHEEL, "somebody")
    assert history.belonging()[WHEEL].author == "somebody"


def test_an_answer_has_the_time_of_its_event(history):
    history.set_belongs(ROOT.id, WHEEL)
    assert history.belonging()[WHEEL].created == history.events(ROOT.id)[-1].created


def test_a_later_answer_takes_it_back(history):
    history.set_belongs(ROOT.id, WHEEL)
    history.set_belongs(ROOT.id, WHEEL, on=False)
    assert history.belonging() == {}


def test_another_process_reads_an_answer(history):
    history.set_belongs(ROOT.id, WHEEL)
    assert WHEEL in History(history.path).belonging()


def test_the_head_stays_where_it_is(history):
    history.set_belongs(ROOT.id, WHEEL)
    assert history.state(ROOT.id).head == ROOT.id


@pytest.mark.parametrize("name", ["wheel", 'a "quoted" <b>', "Rad\n\\x00 ü 車"])
def test_any_name_is_read_as_it_was_written(name):
    thing = ReliedThing("bicycle", "column", name)
    assert read_answer(answer_text(thing, on=False)) == (thing, False)


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "[]", "{}", "null"),
        '{"class_name": "a", "kind": "b", "name": "c"}',
        '{"class_name": 1, "kind": "b", "name": "c", "on": true}',
        '{"class_name": "a", "kind": "b", "name": "c", "on": 1}',
        '{"class_name": "a", "kind": "b", "name": "c", "on": true, "more": 1}',
    ],
)
def test_a_text_that_is_no_answer_is_damage(history, text):
    with history._database.transaction(write=True) as db:
        append(db, "belongs", ROOT.id, text)
    with pytest.raises(HistoryError, match="event 2"):
        history.state(ROOT.id)


def test_an_answer_that_was_altered_is_found(tmp_path):
    history = History(tmp_path / "h.sqlite")
    history.add(ROOT)
    history.set_belongs(ROOT.id, WHEEL)
    history.close()
    alter(history.path, "UPDATE events SET text = replace(text, 'wheel', 'spoke')")
    with pytest.raises(HistoryError, match="altered"):
        History(history.path).belonging()


# --- of a store's students -----------------------------------------------------------------------
def test_the_same_answer_is_recorded_once(tuner):
    for _ in range(2):
        tuner.set_belongs(tuner.root_id, WHEEL)
    assert [event.kind for event in tuner.history.events(tuner.root_id)].count("belongs") == 1


def test_nothing_is_taken_back_that_nobody_said(tuner):
    tuner.set_belongs(tuner.root_id, WHEEL, on=False)
    assert "belongs" not in [event.kind for event in tuner.history.events(tuner.root_id)]


def test_an_answer_holds_for_its_class_alone(tuner):
    tuner.set_belongs(tuner.root_id, WHEEL)
    assert not tuner.belonging().has("sheep", "concept", "wheel")


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """Cars and buses, with a concept named like the class bus, and a column of two values."""
    rng = np.random.default_rng(0)
    index = [f"{i:03d}.jpg" for i in range(90)]
    label = pd.DataFrame(rng.integers(0, 2, (90, 2)), index, ["car", "bus"]).astype(float)
    scores = pd.DataFrame(rng.random((90, 3)), index, ["buses", "road", "sky"])
    made = inficond_panel.from_frames(
        scores,
        4 * label - 2,
        label,
        split=pd.Series(np.resize(["fit", "tune", "holdout"], 90), index),
        metadata=pd.DataFrame({"night": rng.integers(0, 2, 90)}, index),
        path=tmp_path_factory.mktemp("cars") / "cars.zarr",
    )
    return made.with_settings(lambda_=0.01).fit()


@pytest.fixture(autouse=True)
def nothing_said(request):
    yield
    if "students" in request.fixturenames:
        of = request.getfixturevalue("students").tuner
        for thing in of.belonging().said:
            of.set_belongs(of.root_id, thing, on=False)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        (("class", "bus"), ("concept", "buses")),
        (("concept", "buses"), ("class", "bus")),
        (("column", "night = 0"), ("column", "night = 1")),
    ],
)
def test_an_answer_holds_for_other_names_of_the_thing(students, said, asked):
    students.tuner.set_belongs(students.node.id, ReliedThing("car", *said))
    assert students.tuner.belonging().has("car", *asked)


def test_python_says_what_belongs_to_a_class(students):
    assert list(students.belongs("car", "road").belonging().index) == [("car", "road")]


def test_python_takes_it_back(students):
    assert students.belongs("car", "road").belongs("car", "road", on=False).belonging().empty


def test_python_refuses_a_name_that_the_store_does_not_have(students):
    with pytest.raises(TuningError, match="Did you mean 'road'"):
        students.belongs("car", "raod")


@pytest.mark.parametrize(
    ("name", "kind"), [("night = 1", "column"), ("bus", "class"), ("buses", "concept")]
)
def test_a_thing_of_any_kind_is_found_by_its_name(students, name, kind):
    assert find_thing(students.tuner.store, "car", name).kind == kind


def test_students_with_other_settings_share_the_answers(tuner):
    tuner.set_belongs(tuner.root_id, WHEEL)
    assert tuner.with_students(lambda_=0.01).belonging().has("bicycle", "concept", "wheel")


def test_answers_on_classes_of_other_data_are_left_out(tuner):
    tuner.history.set_belongs(tuner.root_id, ReliedThing("zebra", "concept", "wheel"))
    assert tuner.belonging().said == {}


def test_a_replay_repeats_an_answer(tuner):
    tuner.set_belongs(tuner.root_id, WHEEL, "somebody")
    into = Tuner(tuner.store, tuner.spec, History(":memory:"), tuner.penalties)
    replay(tuner, into)
    assert into.history.belonging()[WHEEL].author == "somebody"


def test_a_replay_repeats_what_was_taken_back(tuner):
    for on in (True, False):
        tuner.set_belongs(tuner.root_id, WHEEL, on=on)
    into = Tuner(tuner.store, tuner.spec, History(":memory:"), tuner.penalties)
    replay(tuner, into)
    assert into.history.belonging() == {}


def test_a_copy_of_the_history_has_the_answers(tuner, tmp_path):
    tuner.set_belongs(tuner.root_id, WHEEL)
    back_up(tuner, tmp_path / "copy.sqlite")
    tuner.set_belongs(tuner.root_id, WHEEL, on=False)
    restored, _ = bring_back(tuner, tmp_path / "copy.sqlite")
    assert WHEEL in restored.history.belonging()


# --- a thing by its name -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "message"),
    [("whel", "Did you mean 'wheel'"), ("bicycle", "the class itself"), ("", "There is no class")],
)
def test_a_name_that_is_no_other_thing_is_refused(store, name, message):
    with pytest.raises(TuningError, match=message):
        find_thing(store, "bicycle", name)


def test_an_unknown_class_is_refused(store):
    with pytest.raises(TuningError, match="Did you mean 'bicycle'"):
        find_thing(store, "bicycl", "wheel")
