"""The pages without a browser: the whole way, resuming, what stands in the way, the password."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from studies import STUDY, Visitor, small_study

from inficond_panel.common.files import write_whole
from inficond_panel.errors import StudyError
from inficond_panel.state import Jobs
from inficond_panel.study.pages import board as board_page
from inficond_panel.study.pages.board import PASSWORD, BoardPage
from inficond_panel.study.pages.screens import make_brief, to_tree
from inficond_panel.study.results import study_tables
from inficond_panel.study.results.timeline import board as make_board
from inficond_panel.study.results.timeline import progress_of
from inficond_panel.study.run.recorder import SETTINGS, SHARED
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.pages import ChoiceQuestion, TextQuestion
from inficond_panel.tuning import Intent
from inficond_panel.tuning.edits import Balance
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.page.page import make_views

PNG = b"\x89PNG\r\n\x1a\n..."


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return small_study(tmp_path)


@pytest.fixture
def visitor(study: Study) -> Visitor:
    return Visitor(study, study.add_participant()[1])


def test_the_whole_way(study: Study, visitor: Visitor) -> None:
    assert visitor.screen["kind"] == "consent"
    assert visitor.next()["title"] == "Hello"
    assert visitor.next()["title"] == "About you"
    assert visitor.next()["faults"] == {"age": "An answer is needed."}
    visitor.send("answer", name="age", answer=7)  # not recorded: below the lowest
    assert visitor.next()["faults"]
    visitor.send("answer", name="age", answer=40)
    assert visitor.next()["facts"][0] == ["Class", "bicycle"]
    visitor.next()
    assert visitor.page.work.app.selection.class_name == "bicycle"
    assert visitor.screen["button"] == "Skip the task"
    visitor.tune("wheel")
    assert visitor.screen["goal"] == "Fine-tunes 1, goal 2"
    visitor.tune("spoke")
    assert visitor.screen["goal"] == "Done: Fine-tunes 2, goal 2"
    assert visitor.screen["button"] == "Next"
    assert visitor.leave()["facts"][0] == ["Class", "sheep"]
    visitor.next()
    assert visitor.screen["button"] == "I am done"
    assert visitor.leave()["title"] == "Opinions"
    visitor.send("answer", name="q1", answer=5)
    assert visitor.next()["title"] == "Thank you"
    progress = progress_of(study, visitor.page.session.participant)
    assert progress.finished
    assert progress.answers() == {"age": 40, "q1": 5}
    assert [progress.outcome(task) for task in ("bicycle", "sheep")] == ["done", "done"]
    assert visitor.actions.count("done") == 1
    [place] = make_board(study)
    assert (place.state, place.iterations, place.done) == ("finished", 2, 2)
    assert place.minutes is not None


def test_what_is_done_in_the_views_is_recorded(tmp_path: Path) -> None:
    text = STUDY.replace("class: bicycle", "class: bicycle\n    other_classes: true")
    study = small_study(tmp_path, text)
    visitor = Visitor(study, study.add_participant()[1])
    visitor.to_task()
    visitor.send("visit", view="performance")
    app, views = visitor.page.work.app, visitor.page.work.recorder
    app.selection.class_name = "sheep"
    app.selection.concept = "wheel"
    app.selection.concepts = ["sky", "cloud"]
    app.tuning.toggle(Intent("sheep", "wheel", "up"))
    app.tuning.fine_tune()
    app.tuning.undo()
    app.comparison.compare(*[node.id for node in app.tuning.nodes])
    assert views.view == "performance"
    events = visitor.study.log.events(1)
    seen = [(e.view, e.action) for e in events if e.step == "bicycle" and e.view]
    assert seen == [
        ("performance", action)
        for action in (
            "visit",
            "class",
            "concept",
            "group",
            "batch",
            "fine-tune",
            "batch",
            "compare",
        )
    ]
    batch = next(e for e in events if e.action == "batch")
    assert batch.payload["intents"] == [
        {"class": "sheep", "concept": "wheel", "direction": "up", "factor": 2.0}
    ]


def test_every_setting_that_is_watched_is_there(visitor: Visitor) -> None:
    visitor.to_task()
    views = make_views(visitor.page.work.app)
    for name, (part, settings) in SETTINGS.items():
        holder = getattr(views[name], part) if part else views[name]
        assert set(settings) <= set(holder.param), name
    app = visitor.page.work.app
    assert set(SHARED) == set(app.settings.param) - {"name"}
    app.settings.sort = "recall"
    app.settings.filters = ["wrong"]
    sets = [(e.view, dict(e.payload)) for e in visitor.study.log.events(1) if e.action == "set"]
    assert sets == [("performance", {"sort": "recall"}), ("detail", {"filters": ["wrong"]})]


def test_a_reload_goes_on_where_it_was(study: Study) -> None:
    _, token = study.add_participant()
    first = Visitor(study, token)
    first.to_task()
    first.tune("wheel")
    app = first.page.work.app
    app.selection.concept = "sky"
    app.tuning.scale(3.0)
    app.tuning.toggle(Intent("bicycle", "spoke", "up"))
    app.tuning.toggle(Balance("bicycle", ("sky",)))
    node = app.students.node.id
    again = Visitor(study, token)
    assert again.screen["kind"] == "task"
    shown = again.page.work.app
    assert shown.students.node.id == node
    assert (shown.selection.class_name, shown.selection.concept) == ("bicycle", "sky")
    assert shown.tuning.pending == app.tuning.pending
    assert again.actions.count("start") == 1
    # the older page is over, and says so
    app.tuning.clear()
    assert "another window" in first.screen["title"]
    assert first.page.work is None
    first.page.beat()
    assert again.send("leave", step=again.screen["step"])["kind"] == "brief"


def test_a_task_that_is_being_opened_has_no_buttons(study: Study, visitor: Visitor) -> None:
    for _ in range(3):
        visitor.next()
        visitor.send("answer", name="age", answer=40)
    progress, ready = visitor.page.session.progress, study.ready["bicycle"]
    shown = [make_brief(progress, ready, study.folder, busy=busy) for busy in (False, True)]
    assert [(one["button"], one["back"]) for one in shown] == [("Start", "Back"), ("", "")]


def test_a_half_filled_form_is_filled_again(study: Study) -> None:
    _, token = study.add_participant()
    first = Visitor(study, token)
    first.next()
    first.next()
    first.send("answer", name="age", answer=33)
    assert Visitor(study, token).screen["questions"][0]["value"] == 33


def test_a_batch_that_was_carried_out_does_not_come_back(study: Study) -> None:
    _, token = study.add_participant()
    first = Visitor(study, token)
    first.to_task()
    first.tune("wheel")
    assert Visitor(study, token).page.work.app.tuning.pending == []


@pytest.mark.parametrize("token", ["", "unknown"])
def test_a_link_that_does_not_hold_is_told(study: Study, token: str) -> None:
    visitor = Visitor(study, token)
    assert "not known" in visitor.screen["title"]
    visitor.send("next", step=1)
    assert "not known" in visitor.screen["title"]


def test_who_declines_is_asked_no_more(study: Study) -> None:
    _, token = study.add_participant()
    visitor = Visitor(study, token)
    assert visitor.send("decline")["title"] == "Thank you"
    visitor.next()
    again = Visitor(study, token)
    assert again.screen["title"] == "Thank you"
    assert again.actions == ["open", "enter", "decline", "open"]


def test_two_participants_do_not_meet(study: Study) -> None:
    one, two = (Visitor(study, study.add_participant()[1]) for _ in range(2))
    one.to_task()
    two.to_task()
    one.tune("wheel")
    assert len(one.page.work.app.tuning.nodes) == 2
    two.page.work.app.tuning.undo()
    assert len(two.page.work.app.tuning.nodes) == 1
    paths = {visitor.page.work.app.tuner.history.path for visitor in (one, two)}
    assert len(paths) == 2


def test_a_full_disk_stops_the_page_and_loses_nothing(
    visitor: Visitor, monkeypatch, caplog
) -> None:
    visitor.next()
    visitor.next()
    append, log = visitor.study.log.append, visitor.study.log

    def full(*_: object) -> None:
        raise StudyError(
            "The study cannot be written: disk is full.", "Free some space on its disk."
        )

    monkeypatch.setattr(log, "append", full)
    visitor.send("answer", name="age", answer=50)
    notice = visitor.page.frame.notice
    assert "call the researcher" in notice["text"]
    assert "disk is full" not in notice["text"]
    assert "disk is full" in caplog.text
    assert notice["button"] == "Try again"
    visitor.send("try_again")
    assert visitor.page.frame.notice
    monkeypatch.setattr(log, "append", append)
    visitor.send("try_again")
    assert visitor.page.frame.notice == {}
    assert visitor.actions[-1] == "answer"
    assert visitor.next()["kind"] == "brief"


def test_the_time_limit_ends_a_task(tmp_path: Path, monkeypatch) -> None:
    text = STUDY.replace("count: 2}", "count: 9}\n    time_limit: 10\n    may_leave: false")
    study = small_study(tmp_path, text)
    visitor = Visitor(study, study.add_participant()[1])
    visitor.to_task()
    assert visitor.screen["button"] == ""
    assert 590 < visitor.screen["left"] <= 600
    visitor.leave()
    assert visitor.screen["kind"] == "task"
    start = progress_of(study, visitor.page.session.participant).first("bicycle", "start").time
    monkeypatch.setattr(
        "inficond_panel.common.clock.now", lambda: start.replace(start[:4], "2099", 1)
    )
    visitor.page.beat()
    assert visitor.page.frame.notice["title"] == "Time is up"
    assert visitor.screen["left"] == 0
    assert visitor.actions.count("time-up") == 1
    visitor.send("try_again")
    assert visitor.screen["kind"] == "brief"
    assert progress_of(study, visitor.page.session.participant).outcome("bicycle") == "time"


def test_a_condition_hides_views_and_preview(tmp_path: Path) -> None:
    bare = "views: [performance, knowledge], spec: {tuning: {preview: false}}"
    levels = f"[{{name: bare, {bare}}}]"
    study = small_study(tmp_path, f"{STUDY}conditions: {{levels: {levels}}}\n")
    visitor = Visitor(study, study.add_participant()[1])
    visitor.to_task()
    app = visitor.page.work.app
    assert visitor.page.work.shell._page.names == ["performance", "knowledge"]
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    assert app.tuning.preview is None


def test_a_condition_shows_neither_suspects_nor_suggestions(tmp_path: Path) -> None:
    levels = "[{name: alone, spec: {tuning: {suspects: false, suggest: false}}}]"
    study = small_study(tmp_path, f"{STUDY}conditions: {{levels: {levels}}}\n")
    visitor = Visitor(study, study.add_participant()[1])
    visitor.to_task()
    app = visitor.page.work.app
    app.selection.class_name = "bicycle"
    assert app.shifts.by_class == {}
    knowledge = KnowledgeView(app)
    knowledge.act({"action": "repair", "repair": {"direction": "lambda", "value": 0.1}})
    knowledge.act({"action": "suggest"})
    assert app.tuning.pending == []
    assert not app.suggestion.running


def test_a_deleted_participant_is_shown_out(study: Study, visitor: Visitor) -> None:
    visitor.to_task()
    study.delete_participant(1)
    visitor.page.beat()
    assert "was deleted" in visitor.screen["title"]
    assert visitor.page.work is None
    assert not (study.folder / "participants" / "P01").exists()


def test_a_browser_cannot_record_what_it_likes(visitor: Visitor) -> None:
    visitor.to_task()
    before = visitor.actions
    with pytest.raises(ValueError, match="has no action"):  # which the door logs
        visitor.send("done")
    visitor.send("visit", view="nowhere")
    visitor.send("answer", name="q1", answer=5)  # of another step
    visitor.send("leave", step=1)
    assert visitor.actions == before
    assert visitor.screen["kind"] == "task"


HALF = "half a \ud83d character"


def test_what_cannot_be_stored_stops_no_recording(visitor: Visitor) -> None:
    """A search in a view may hold anything; what comes after it is recorded all the same."""
    visitor.to_task()
    visitor.next()
    assert visitor.page.record("knowledge", "set", {"find": HALF, HALF: [float("nan"), 10**400]})
    visitor.tune("sky")
    events = visitor.study.log.events(visitor.page.session.participant.number)
    recorded = next(event for event in events if "find" in event.payload)
    assert recorded.payload == {"find": "half a ? character", "half a ? character": [None, None]}
    assert "fine-tune" in [event.action for event in events]
    assert visitor.page.frame.notice == {}


@pytest.mark.parametrize(
    "answer", [float("nan"), float("inf"), -float("inf"), 10**15, 10**4000, True, "40", [40]]
)
def test_an_answer_that_is_no_number_is_not_taken(visitor: Visitor, answer: object) -> None:
    visitor.next()
    visitor.next()
    before = visitor.actions
    visitor.send("answer", name="age", answer=answer)
    assert visitor.actions == before
    visitor.send("answer", name="age", answer=40)
    assert visitor.actions == [*before, "answer"]


def test_answers_have_limits() -> None:
    several = ChoiceQuestion(name_="b", text="?", options=["a", "b"], several=True)
    assert several.fault(["a", "b"]) == ""
    assert several.fault(["b"] * 2_000_000) == "Choose each option once."
    text = TextQuestion(name_="t", text="?")
    assert text.fault("fine ✓") == ""
    assert text.fault(HALF) == "A character cannot be stored; write it anew."
    assert text.fault("x" * 4001) == "At most 4000 characters."


def test_a_participant_reads_no_paths(study: Study, monkeypatch, caplog) -> None:
    def fail(*_: object) -> None:
        raise StudyError("/home/me/study.sqlite cannot be read.", "Name another folder.")

    token = study.add_participant()[1]
    monkeypatch.setattr(study.log, "open", fail)
    visitor = Visitor(study, token)
    assert visitor.screen["title"] == "The study cannot be opened at the moment"
    assert "/home" not in str(visitor.screen)
    assert "/home/me/study.sqlite" in caplog.text


# --- the researcher's page


@pytest.fixture
def board(study: Study, monkeypatch: pytest.MonkeyPatch) -> BoardPage:
    monkeypatch.setenv(PASSWORD, "ein Wort")
    return BoardPage(study)


def test_nothing_is_told_and_done_without_the_password(study: Study, board: BoardPage) -> None:
    study.add_participant()
    board.act({"action": "add_participant"})
    board.look()
    assert board.frame.screen == {"kind": "login", "problem": ""}
    board.act({"action": "login", "password": "ein wort"})
    board.act({"action": "delete_participant", "number": 1})
    assert board.frame.screen == {"kind": "login", "problem": "This is not the password."}
    assert len(study.log.participants()) == 1


def test_a_wrong_password_keeps_its_own_page_waiting_and_no_other(
    study: Study, board: BoardPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    later: list[Callable[[], None]] = []
    monkeypatch.setattr(board_page, "_after", lambda _, act: later.append(act))
    board.act({"action": "login", "password": "guess"})
    board.act({"action": "login", "password": "ein Wort"})
    assert board.frame.screen == {"kind": "login", "problem": ""}
    other = BoardPage(study)
    other.act({"action": "login", "password": "ein Wort"})
    assert other.frame.screen["kind"] == "board"
    later.pop()()
    assert board.frame.screen["problem"] == "This is not the password."
    board.act({"action": "login", "password": "ein Wort"})
    assert board.frame.screen["kind"] == "board"


def test_a_study_without_a_password_has_no_such_page(study: Study) -> None:
    page = BoardPage(study)
    page.act({"action": "login", "password": ""})
    assert "without a password" in page.frame.screen["problem"]


def test_the_researcher_sees_who_is_where(study: Study, board: BoardPage) -> None:
    board.act({"action": "login", "password": "ein Wort"})
    assert board.frame.screen["rows"] == []
    board.act({"action": "add_participant"})
    visitor = Visitor(study, board.frame.made["token"])
    visitor.to_task()
    visitor.tune("wheel")
    board.look()
    [row] = board.frame.screen["rows"]
    assert (row["participant"], row["state"], row["step"]) == ("P01", "here", "bicycle")
    assert row["iterations"] == 1
    board.act({"action": "note", "number": 1, "text": "=asks <what> AP is"})
    board.act({"action": "note", "number": 1, "text": " " * 9})
    assert "A note must have 1 to" in board.frame.problem
    [[time, step, text]] = board.frame.screen["rows"][0]["notes"]
    assert (step, text) == ("bicycle", "=asks <what> AP is")
    board.jobs, sent = Jobs(inline=True), []
    board.frame._send_msg = sent.append
    board.act({"action": "download"})
    content = base64.b64decode(sent[0]["save"]["content"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert "study/report.html" in archive.namelist()
        notes = pd.read_csv(archive.open("study/notes.csv"))
        report = archive.read("study/report.html").decode()
    assert "1 participant, 0 finished" in report
    day, minute = time[:10], time[11:16]
    assert f"<td>{day} {minute}</td><td>bicycle</td><td>=asks &lt;what&gt; AP is</td>" in report
    assert notes[["participant", "step", "text"]].values.tolist() == [
        ["P01", "bicycle", "'=asks <what> AP is"]
    ]
    assert board.frame.busy is False
    board.act({"action": "make_open_link"})
    assert study.log.is_open_link(board.frame.made["token"])
    board.act({"action": "make_link", "number": 1})
    assert study.log.find(board.frame.made["token"]).number == 1
    board.act({"action": "delete_participant", "number": 1})
    assert board.frame.screen["rows"] == []
    board.act({"action": "delete_participant", "number": 1})
    assert "no participant" in board.frame.problem


def test_a_report_is_zipped_with_each_table_made_once(study: Study, monkeypatch) -> None:
    Visitor(study, study.add_participant()[1]).to_task()
    tables: list[str] = []

    def noted(file: Path, content: bytes) -> None:
        tables.append(file.name)
        write_whole(file, content)

    monkeypatch.setattr(study_tables, "write_whole", noted)
    content = io.BytesIO(board_page.zip_report(study).content)
    names = "answers differences events notes participants remarks scores summary tasks typed views"
    assert sorted(tables) == [f"{name}.csv" for name in names.split()]
    with zipfile.ZipFile(content) as archive:
        files = sorted(archive.namelist())
    assert files == sorted(f"study/{name}" for name in ["report.html", *tables])


# --- text


def test_markdown_is_a_tree_and_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    text = "# A\n\n**b** <script>x</script> [l](javascript:y) ![own](a.png) ![far](http://x/y.png)"
    tree = to_tree(text, tmp_path)
    assert tree[0][0] == "h1"
    paragraph = tree[1][2]
    assert paragraph[0] == ["strong", {"href": ""}, ["b"]]
    assert "<script>x</script> [l](javascript:y)" in paragraph[1]
    source = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert paragraph[2] == ["img", {"src": source, "alt": "own"}, []]
    assert paragraph[-1] == "[far]"


def test_a_picture_outside_the_folder_of_the_study_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    (folder := tmp_path / "study").mkdir()
    (folder / "link.png").symlink_to(tmp_path / "a.png")
    for source in ("../a.png", str(tmp_path / "a.png"), "link.png"):
        assert to_tree(f"![other]({source})", folder) == [["p", {"href": ""}, ["[other]"]]]


def test_a_file_that_is_no_picture_or_a_large_one_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_bytes(b"just text")
    (tmp_path / "large.png").write_bytes(PNG + bytes(2_000_000))
    for name in ("text.png", "large.png", "absent.png", "a" * 300 + ".png", ""):
        assert to_tree(f"![other]({name})", tmp_path) == [["p", {"href": ""}, ["[other]"]]]
    (tmp_path / "drawing").write_text("<?xml version='1.0'?><svg xmlns='...'/>")
    [[_, _, [[tag, facts, _]]]] = to_tree("![own](drawing)", tmp_path)
    assert tag == "img"
    assert facts["src"].startswith("data:image/svg+xml;")


def test_a_tight_list_has_no_paragraphs(tmp_path: Path) -> None:
    [[tag, _, items]] = to_tree("- a\n- b", tmp_path)
    assert (tag, [item[2] for item in items]) == ("ul", [["a"], ["b"]])


def test_a_page_that_lost_its_connection_goes_on_unless_a_newer_one_is_there(
    study: Study,
) -> None:
    _, token = study.add_participant()
    first = Visitor(study, token)
    first.next()
    back = Visitor(study, token, after=first.page.frame.session)
    assert back.screen["title"] == "Hello"
    newer = Visitor(study, token)
    late = Visitor(study, token, after=back.page.frame.session)
    assert "opened in another window" in late.screen["title"]
    assert late.page.connection.over
    assert newer.next()["title"] == "About you"
    assert Visitor(study, token).screen["title"] == "About you"  # loaded anew by a person
