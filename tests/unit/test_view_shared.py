"""The page on what all photos share: questions, thumbs, and the answer that it belongs."""

import numpy as np
import pandas as pd
import pytest
from sessions import session_on
from viewing import ask

import inficond_panel
from inficond_panel.errors import InficondError
from inficond_panel.results.shared_bias import asked_classes, student_shared
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.history.belongs import ReliedThing
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.performance.view import PerformanceView, make_unchecked
from inficond_panel.views.start.cards import Rank, in_card_order, make_checking
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page

MAN = {"kind": "column", "name": "male = 1"}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Captions: men are seldom blond, in fit and in tune alike; a hat goes with nothing."""
    rng = np.random.default_rng(0)
    n = 1500
    man = rng.random(n) < 0.4
    blond = rng.random(n) < np.where(man, 0.08, 0.7)
    words = {"blonde": blond & (rng.random(n) < 0.5), "man": man}
    words |= {f"word {i}": rng.random(n) < 0.3 for i in range(10)}
    index = [f"{i:04d}.jpg" for i in range(n)]
    label = pd.DataFrame({"blond hair": blond, "hat": rng.random(n) < 0.3}, index).astype(float)
    made = inficond_panel.from_frames(
        pd.DataFrame(words, index).astype(float),
        3 * (2 * label - 1) + rng.normal(size=label.shape),
        label,
        split=pd.Series(np.resize(["fit", "fit", "fit", "tune", "holdout"], n), index),
        metadata=pd.DataFrame({"male": man.astype(int)}, index),
        path=tmp_path_factory.mktemp("faces") / "faces.zarr",
    )
    return made.tuner.store.path


@pytest.fixture
def app(path):
    return session_on(path, history=":memory:")


@pytest.fixture
def start(app):
    view = StartView(app)
    app.shifts.start()
    return view


@pytest.fixture
def finding(app):
    view = KnowledgeView(app)
    app.selection.class_name = "blond hair"
    return view


def names(view):
    return [each["name"] for each in view.panels.finding["questions"]]


# --- the finding ---------------------------------------------------------------------------------
def test_the_finding_asks_about_what_all_photos_share(finding):
    assert MAN["name"] in names(finding)


def test_the_question_says_may(finding):
    asked = finding.finding.question(**MAN)
    assert asked["sentence"].startswith("blond hair may rely on the absence of male = 1. ")


def test_the_question_has_the_thumb_on_the_concepts_that_show_the_thing(finding):
    asked = finding.finding.question(**MAN)
    assert (asked["direction"], asked["concepts"]) == ("up", ["man"])


def test_a_class_without_such_a_thing_has_no_question(finding, app):
    app.selection.class_name = "hat"
    assert names(finding) == []


def test_the_thumb_of_a_question_waits_in_the_batch(finding, app):
    ask(finding, "thumb_shared", **MAN)
    assert [each.key for each in app.tuning.thumbs] == [("blond hair", "man")]


def test_the_thumb_of_a_question_is_taken_out_again(finding, app):
    for _ in range(2):
        ask(finding, "thumb_shared", **MAN)
    assert app.tuning.pending == []


def test_what_belongs_is_asked_no_more(finding):
    ask(finding, "belongs", **MAN, on=True)
    assert MAN["name"] not in names(finding)


def test_what_belongs_is_told(finding):
    ask(finding, "belongs", **MAN, on=True)
    assert [each["name"] for each in finding.panels.finding["belonging"]] == [MAN["name"]]


def test_what_belongs_is_in_the_history(finding, app):
    ask(finding, "belongs", **MAN, on=True)
    assert app.tuner.belonging().has("blond hair", **MAN)


def test_the_notice_takes_the_answer_back(finding, app):
    ask(finding, "belongs", **MAN, on=True)
    app.tuning.notice.run()
    assert MAN["name"] in names(finding)


def test_an_answer_has_the_author_of_the_session(finding, app):
    app.tuning.author = "somebody"
    ask(finding, "belongs", **MAN, on=True)
    (said,) = app.tuner.belonging().said.values()
    assert said.author == "somebody"


@pytest.mark.parametrize(("action", "more"), [("belongs", {"on": True}), ("thumb_shared", {})])
@pytest.mark.parametrize("thing", [("concept", "none"), ("column", "man"), ("nothing", "man")])
def test_a_thing_that_is_not_asked_about_is_refused(finding, app, action, more, thing):
    kind, name = thing
    with pytest.raises((ValueError, KeyError)):
        ask(finding, action, kind=kind, name=name, **more)
    assert not app.tuner.belonging().said


# --- where to begin ------------------------------------------------------------------------------
def cards(view):
    return {card["class_name"]: card for card in view.panel.cards}


def test_a_card_asks_about_what_all_photos_share(start):
    assert cards(start)["blond hair"]["thing"] in ("blonde", "male = 1", "man")


def test_a_class_without_such_a_thing_keeps_its_card(start):
    assert "thing" not in cards(start)["hat"]


def test_the_sentence_names_the_students(start):
    assert "It may" not in start.panel.purpose
    assert start.panel.purpose.endswith("something that all rows share: blond hair.")


def test_an_answer_on_a_card_asks_about_the_next_thing(start, app):
    before = cards(start)["blond hair"]
    ask(start, "belongs", class_name="blond hair", kind=before["kind"], thing=before["thing"])
    assert cards(start)["blond hair"]["thing"] != before["thing"]


def test_a_class_of_which_all_belongs_has_its_card_back(start, app):
    while card := cards(start)["blond hair"].get("thing"):
        kind = cards(start)["blond hair"]["kind"]
        ask(start, "belongs", class_name="blond hair", kind=kind, thing=card)
    assert cards(start)["blond hair"]["sentence"].startswith("AP ")


def test_the_thumb_of_a_card_waits_in_the_batch(start, app):
    card = cards(start)["blond hair"]
    ask(start, "thumb", class_name="blond hair", kind=card["kind"], thing=card["thing"])
    assert [each.concept for each in app.tuning.thumbs] == card["concepts"]


def test_a_thing_that_no_card_asks_about_is_refused(start):
    with pytest.raises(ValueError, match="no card asks"):
        ask(start, "belongs", class_name="hat", kind="concept", thing="man")


def test_nothing_is_computed_where_the_spec_shows_no_suspects(path):
    tuner = open_tuner(path, history=":memory:")
    tuner.spec.tuning.suspects = False
    app = AppState(tuner, Jobs(inline=True))
    StartView(app)
    app.shifts.start()
    assert app.shared.by_class == {}


@pytest.mark.parametrize("suspects", [True, False])
def test_where_to_begin_has_ranks_only_where_the_spec_shows_suspects(path, suspects):
    tuner = open_tuner(path, history=":memory:")
    tuner.spec.tuning.suspects = suspects
    app = AppState(tuner, Jobs(inline=True))
    table = PerformanceView(app).table
    app.shifts.start()
    assert bool(table.shifts) is suspects


def test_classes_are_checked_after_all_shifts(app, monkeypatch):
    order: list[str] = []
    for name in ("student_shift", "student_shared"):
        module = "repairs" if name == "student_shift" else "shared"
        real = getattr(__import__(f"inficond_panel.state.{module}", fromlist=[name]), name)

        def noted(*given, real=real, name=name):
            order.append(name)
            return real(*given)

        monkeypatch.setattr(f"inficond_panel.state.{module}.{name}", noted)
    StartView(app)
    app.shifts.start()
    assert order == sorted(order, reverse=True)


def test_no_view_gives_an_all_clear_before_the_classes_are_checked(path, monkeypatch):
    tuner = open_tuner(path, history=":memory:")
    app, seen = AppState(tuner, Jobs(inline=True)), []
    start, table = StartView(app), PerformanceView(app).table
    real = student_shared

    def noted(*given):
        seen.append((start.panel.purpose, make_unchecked(app.shared, len(app.store.classes))))
        return real(*given)

    monkeypatch.setattr("inficond_panel.state.shared.student_shared", noted)
    app.shifts.start()
    first, legend = seen[0]
    assert first.endswith("Looking at what they rely on …")
    assert legend == "looking …"
    assert table.unchecked == ""
    assert "Looking" not in start.panel.purpose


def test_a_count_of_some_classes_is_said_to_be_so_far(path):
    app = AppState(open_tuner(path, history=":memory:"), Jobs(inline=True))
    app.shifts.start()
    app.shared.want(app.store.classes[:1])
    assert make_unchecked(app.shared, len(app.store.classes)) == "none so far"
    app.shared.want(app.store.classes)
    assert make_unchecked(app.shared, len(app.store.classes)) == ""


def test_in_a_small_store_all_classes_are_checked(path):
    app = AppState(open_tuner(path, history=":memory:"), Jobs(inline=True))
    StartView(app)
    app.shifts.start()
    assert set(app.shared.by_class) == set(app.store.classes)


def test_where_the_check_fails_the_reason_is_said_in_place_of_an_all_clear(path, monkeypatch):
    app = AppState(open_tuner(path, history=":memory:"), Jobs(inline=True))
    start, table = StartView(app), PerformanceView(app).table

    def fails(*_):
        raise InficondError("The disk is full.")

    monkeypatch.setattr("inficond_panel.state.shared.student_shared", fails)
    app.shifts.start()
    assert start.panel.purpose.endswith("The disk is full.")
    assert table.unchecked == "not checked"


def test_a_refit_student_is_checked_anew(start, app):
    before = app.shared.by_class
    app.tuning.toggle(Intent("blond hair", "man", "up"))
    app.tuning.fine_tune()
    assert app.shared.by_class["hat"] is before["hat"]
    assert app.shared.by_class["blond hair"] is not before["blond hair"]


@pytest.mark.parametrize(
    ("known", "wanted", "offer"), [(0, 5, ""), (5, 5, "Check the other 11"), (16, 16, "")]
)
def test_the_other_students_are_offered_once_the_requested_are_checked(known, wanted, offer):
    assert make_checking(known, wanted, 16)["offer"] == offer


def test_questions_come_after_suspects_and_before_those_without_a_gain():
    named = {Rank.BEHIND: "bus", Rank.GAINLESS: "dog", Rank.ASKED: "cat", Rank.RELIES: "cow"}
    cards = in_card_order({rank: [{"class_name": name}] for rank, name in named.items()})
    assert [card["class_name"] for card in cards] == ["cow", "cat", "dog", "bus"]


def test_a_class_with_a_question_has_no_card_of_its_gap():
    cards = in_card_order({rank: [{"class_name": "dog"}] for rank in (Rank.ASKED, Rank.BEHIND)})
    assert len(cards) == 1


def test_a_class_with_a_question_is_marked(start, app):
    assert asked_classes(app.shared.by_class) == ["blond hair"]


def test_an_answered_question_takes_the_mark_away(start, app):
    for each in app.shared.by_class["blond hair"].found.called:
        app.belong.say(ReliedThing("blond hair", each.kind, each.name))
    assert asked_classes(app.shared.by_class) == []


def test_an_answer_of_a_page_holds_for_the_next_one(finding, app):
    app.belong.say(ReliedThing("blond hair", "concept", "man"))
    assert AppState(app.tuner, Jobs(inline=True)).belong.belonging.has(
        "blond hair", "concept", "man"
    )
