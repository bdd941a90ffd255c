"""The pages without a browser: the whole way, resuming, what stands in the way, the password."""

from types import SimpleNamespace

import pytest
from studies import STUDY, Visitor, at_work, small_study

from inficond_panel.errors import StudyError
from inficond_panel.study.pages.screens import make_brief
from inficond_panel.study.pages.study import beat
from inficond_panel.study.results.timeline import board as make_board
from inficond_panel.study.results.timeline import progress_of
from inficond_panel.study.run.recorder import SETTING_VIEWS
from inficond_panel.tuning import Intent
from inficond_panel.tuning.repairs.reweight import Reweight
from inficond_panel.views.page.page import make_views

pytestmark = pytest.mark.page


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path)


@pytest.fixture
def visitor(study):
    return Visitor(study, study.add_participant()[1])


def to_brief(visitor: Visitor) -> dict:
    """Go to the brief of the first task; its screen."""
    visitor.next()
    visitor.next()
    visitor.send("answer", name="age", answer=40)
    return visitor.next()


def test_consent_comes_before_the_pages(visitor):
    assert (visitor.screen["kind"], visitor.next()["title"]) == ("consent", "Hello")
    assert visitor.next()["title"] == "About you"


def test_an_answer_that_is_missing_or_out_of_limits_is_asked_for(visitor):
    visitor.next()
    visitor.next()
    assert visitor.next()["faults"] == {"age": "An answer is needed."}
    visitor.send("answer", name="age", answer=7)  # not recorded: below the lowest
    assert visitor.next()["faults"] == {"age": "Give a number of at least 18."}


def test_an_earlier_answer_does_not_count_for_one_that_is_refused(visitor):
    visitor.next()
    visitor.next()
    visitor.send("answer", name="age", answer=40)
    visitor.send("answer", name="age", answer=7)
    assert visitor.next()["faults"]
    visitor.send("answer", name="age", answer=41)
    assert visitor.next()["kind"] == "brief"
    assert visitor.page.session.progress.answers()["age"] == 41


@pytest.mark.parametrize("connections", [0, 1])
def test_a_page_counts_as_open_while_a_browser_shows_it(study, visitor, monkeypatch, connections):
    shown = SimpleNamespace(session=SimpleNamespace(connection_count=connections))
    before, later = study.log.seen()[1], "2099-01-01T00:00:00.000+00:00"
    monkeypatch.setattr("inficond_panel.common.clock.now", lambda: later)
    beat(visitor.page, SimpleNamespace(session_context=shown))
    assert study.log.seen()[1] == (later if connections else before)


def test_a_brief_can_be_left_unless_it_is_busy(study, visitor):
    assert to_brief(visitor)["facts"][0] == ["Class", "bicycle"]
    progress, ready = visitor.page.session.progress, study.ready["bicycle"]
    shown = [make_brief(progress, ready, study.folder, busy=busy) for busy in (False, True)]
    assert [(one["button"], one["back"]) for one in shown] == [("Start", "Back"), ("", "")]


def test_a_task_tells_how_far_its_goal_is(visitor):
    to_brief(visitor)
    visitor.next()
    assert visitor.page.work.app.selection.class_name == "bicycle"
    assert visitor.screen["button"] == "Skip the task"
    visitor.tune("wheel")
    assert visitor.screen["goal"] == "Fine-tunes 1, goal 2"
    visitor.tune("spoke")
    assert visitor.screen["goal"] == "Done: Fine-tunes 2, goal 2"
    assert visitor.screen["button"] == "Next"


def test_after_a_task_comes_the_next(visitor):
    to_brief(visitor)
    visitor.next()
    assert visitor.leave()["facts"][0] == ["Class", "sheep"]
    visitor.next()
    assert (visitor.screen["button"], visitor.leave()["title"]) == ("I am done", "Opinions")


@pytest.fixture
def finished(study, visitor) -> Visitor:
    """A visitor who has gone the whole way."""
    to_brief(visitor)
    visitor.next()
    visitor.tune("wheel")
    visitor.tune("spoke")
    visitor.leave()
    visitor.next()
    visitor.leave()
    visitor.send("answer", name="q1", answer=5)
    assert visitor.next()["title"] == "Thank you"
    return visitor


def test_the_whole_way_is_finished_with_its_answers(study, finished):
    visitor = finished
    progress = progress_of(study, visitor.page.session.participant)
    assert progress.finished
    assert progress.answers() == {"age": 40, "q1": 5}
    assert [progress.outcome(task) for task in ("bicycle", "sheep")] == ["done", "done"]
    assert visitor.actions.count("done") == 1


def test_the_researcher_sees_who_has_finished(study, finished):
    [place] = make_board(study)
    assert (place.state, place.iterations, place.done) == ("finished", 2, 2)
    assert place.minutes is not None


def test_what_is_done_in_the_views_is_recorded(tmp_path):
    text = STUDY.replace("class: bicycle", "class: bicycle\n    other_classes: true")
    study = small_study(tmp_path, text)
    visitor = at_work(study)
    app = visitor.page.work.app
    views = make_views(app)
    assert "find" in views["knowledge"].table.param
    assert set(SETTING_VIEWS) == set(app.settings.param) - {"name"}
    app.settings.sort = "recall"
    app.settings.filters = ["wrong"]
    sets = [(e.view, dict(e.payload)) for e in study.log.events(1) if e.action == "set"]
    assert sets == [("performance", {"sort": "recall"}), ("detail", {"filters": ["wrong"]})]
    visitor.send("visit", view="performance")
    app.selection.class_name = "sheep"
    app.selection.concept = "wheel"
    app.selection.concepts = ["sky", "cloud"]
    app.tuning.toggle(Intent("sheep", "wheel", "up"))
    app.tuning.fine_tune()
    app.tuning.undo()
    app.comparison.compare(*[node.id for node in app.tuning.nodes])
    assert visitor.page.work.recorder.view == "performance"
    events = [e for e in study.log.events(1) if e.action != "set"]
    seen = [(e.view, e.action) for e in events if e.step == "bicycle" and e.view]
    actions = ["visit", "class", "concept", "group", "batch", "fine-tune", "batch", "compare"]
    assert seen == [("performance", action) for action in actions]
    batch = next(e for e in events if e.action == "batch")
    thumb = {"class": "sheep", "concept": "wheel", "direction": "up", "factor": 2.0}
    assert batch.payload["intents"] == [thumb]


def test_a_threshold_that_is_tried_is_recorded(study):
    visitor = at_work(study)
    app = visitor.page.work.app
    app.shown.try_threshold("bicycle", 0.25)
    app.shown.forget_thresholds()
    tried = [dict(e.payload) for e in study.log.events(1) if e.action == "thresholds"]
    assert tried == [{"tried": {"bicycle": 0.25}}, {"tried": {}}]


@pytest.fixture
def pages(study) -> SimpleNamespace:
    """The page of a task with a batch that waits, after two reloads, and the one loaded last."""
    _, token = study.add_participant()
    first = Visitor(study, token)
    first.next()
    first.next()
    first.send("answer", name="age", answer=33)
    first = Visitor(study, token)
    form = first.screen["questions"][0]["value"]
    first.next()
    first.next()
    first.tune("wheel")
    first = Visitor(study, token)
    app = first.page.work.app
    waiting = app.tuning.pending
    app.selection.concept = "sky"
    app.tuning.scale(3.0)
    app.tuning.toggle(Intent("bicycle", "spoke", "up"))
    app.tuning.toggle(Reweight("bicycle", ("sky",)))
    again = Visitor(study, token)
    return SimpleNamespace(form=form, waiting=waiting, first=first, app=app, again=again)


def test_a_reload_keeps_answers(pages):
    assert pages.form == 33


def test_a_reload_after_a_refit_has_no_batch(pages):
    assert pages.waiting == []  # it was carried out


def test_a_reload_goes_on_in_the_task(pages):
    again, app = pages.again, pages.app
    assert again.screen["kind"] == "task"
    shown = again.page.work.app
    assert (shown.students.node.number, shown.students.node.id) == (1, app.students.node.id)
    assert (shown.selection.class_name, shown.selection.concept) == ("bicycle", "sky")
    assert (len(shown.tuning.pending), shown.tuning.pending) == (2, app.tuning.pending)
    assert again.actions.count("start") == 1


def test_a_page_that_was_loaded_again_says_so(pages):
    first, again, app = pages.first, pages.again, pages.app
    app.tuning.clear()
    assert "another window" in first.screen["title"]
    assert first.page.work is None
    first.page.beat()
    assert again.send("leave", step=again.screen["step"])["kind"] == "brief"


def test_a_page_that_lost_its_connection_goes_on(study):
    _, token = study.add_participant()
    first = Visitor(study, token)
    first.next()
    back = Visitor(study, token, after=first.page.frame.session)
    assert back.screen["title"] == "Hello"


def test_a_page_that_comes_back_late_gives_way_to_a_newer_one(study):
    _, token = study.add_participant()
    first = Visitor(study, token)
    first.next()
    back = Visitor(study, token, after=first.page.frame.session)
    newer = Visitor(study, token)
    late = Visitor(study, token, after=back.page.frame.session)
    assert "opened in another window" in late.screen["title"]
    assert late.page.connection.over
    assert newer.next()["title"] == "About you"
    assert Visitor(study, token).screen["title"] == "About you"  # loaded anew by a person


@pytest.mark.parametrize("token", ["", "unknown"])
def test_a_link_that_does_not_hold_is_told(study, token):
    visitor = Visitor(study, token)
    assert "not known" in visitor.screen["title"]
    visitor.send("next", step=1)
    assert "not known" in visitor.screen["title"]


def test_who_declined_stays_at_the_end(study):
    _, token = study.add_participant()
    visitor = Visitor(study, token)
    assert visitor.send("decline")["title"] == "Thank you"
    visitor.next()
    again = Visitor(study, token)
    assert again.screen["title"] == "Thank you"
    assert again.actions == ["open", "enter", "decline", "open"]


def test_two_participants_do_not_meet(study):
    one, two = at_work(study), at_work(study)
    one.tune("wheel")
    assert len(one.page.work.app.tuning.nodes) == 2
    two.page.work.app.tuning.undo()
    assert len(two.page.work.app.tuning.nodes) == 1
    paths = {visitor.page.work.app.tuner.history.path for visitor in (one, two)}
    assert len(paths) == 2


def test_a_participant_who_is_deleted_is_shown_out(study):
    one = at_work(study)
    study.delete_participant(1)
    one.page.beat()
    assert "was deleted" in one.screen["title"]
    assert one.page.work is None
    assert not (study.folder / "participants" / "P01").exists()


def test_a_full_disk_stops_the_page_and_loses_nothing(visitor, monkeypatch, caplog):
    visitor.next()
    visitor.next()
    log = visitor.study.log
    append = log.append

    def full(*_: object) -> None:
        raise StudyError("The study cannot be written: disk is full.", "Free some space.")

    monkeypatch.setattr(log, "append", full)
    visitor.send("answer", name="age", answer=50)
    notice = visitor.page.frame.notice
    assert "call the researcher" in notice["text"]
    assert ("disk is full" in notice["text"], "disk is full" in caplog.text) == (False, True)
    assert notice["button"] == "Try again"
    visitor.send("try_again")
    assert visitor.page.frame.notice
    monkeypatch.setattr(log, "append", append)
    visitor.send("try_again")
    assert (visitor.page.frame.notice, visitor.actions[-1]) == ({}, "answer")
    assert visitor.next()["kind"] == "brief"


def test_the_time_limit_ends_a_task(tmp_path, monkeypatch):
    text = STUDY.replace("count: 2}", "count: 9}\n    time_limit: 10\n    may_leave: false")
    study = small_study(tmp_path, text)
    visitor = at_work(study)
    assert visitor.screen["button"] == ""
    assert 590 < visitor.screen["left"] <= 600
    visitor.leave()
    assert visitor.screen["kind"] == "task"
    start = progress_of(study, visitor.page.session.participant).first("bicycle", "start").time
    later = start.replace(start[:4], "2099", 1)
    monkeypatch.setattr("inficond_panel.common.clock.now", lambda: later)
    visitor.page.beat()
    assert (visitor.page.frame.notice["title"], visitor.screen["left"]) == ("Time is up", 0)
    assert visitor.actions.count("time-up") == 1
    visitor.send("try_again")
    assert visitor.screen["kind"] == "brief"
    assert progress_of(study, visitor.page.session.participant).outcome("bicycle") == "time"


@pytest.mark.parametrize("rule", ["{rule: iterations, count: 1}", "{rule: participant}"])
def test_no_goal_is_reached_after_the_time_limit(tmp_path, monkeypatch, rule):
    text = STUDY.replace("{rule: iterations, count: 2}", f"{rule}\n    time_limit: 10")
    study = small_study(tmp_path, text)
    visitor = at_work(study)
    start = progress_of(study, visitor.page.session.participant).first("bicycle", "start").time
    later = start.replace(start[:4], "2099", 1)
    monkeypatch.setattr("inficond_panel.common.clock.now", lambda: later)
    visitor.page.beat()
    visitor.tune("wheel")
    visitor.leave()
    assert "done" not in visitor.actions
    assert progress_of(study, visitor.page.session.participant).outcome("bicycle") == "time"


def test_a_browser_records_not_what_it_likes(visitor):
    visitor.to_task()
    before = visitor.actions
    with pytest.raises(ValueError, match="has no action"):  # which the door logs
        visitor.send("done")
    visitor.send("visit", view="nowhere")
    visitor.send("answer", name="q1", answer=5)  # of another step
    visitor.send("leave", step=1)
    assert (visitor.actions, visitor.screen["kind"]) == (before, "task")


def test_what_cannot_be_stored_stops_nothing(visitor):
    # a search in a view may hold anything; what comes after it is recorded all the same
    visitor.to_task()
    half = "half a \ud83d character"
    visitor.next()
    assert visitor.page.record("knowledge", "set", {"find": half, half: [float("nan"), 10**400]})
    visitor.tune("sky")
    events = visitor.study.log.events(visitor.page.session.participant.number)
    recorded = next(event for event in events if "find" in event.payload)
    assert recorded.payload == {"find": "half a ? character", "half a ? character": [None, None]}
    assert "fine-tune" in [event.action for event in events]
    assert visitor.page.frame.notice == {}


def test_a_participant_reads_no_paths(study, monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise StudyError("/home/me/study.sqlite cannot be read.", "Name another folder.")

    token = study.add_participant()[1]
    monkeypatch.setattr(study.log, "open", fail)
    visitor = Visitor(study, token)
    assert visitor.screen["title"] == "The study cannot be opened at the moment"
    assert "/home" not in str(visitor.screen)
    assert "/home/me/study.sqlite" in caplog.text
