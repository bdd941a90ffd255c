"""Photos asked about in a session: replies, undo, drafts, evaluation, teaching, the teacher."""

from pathlib import Path

import pandas as pd
import pytest
from factory import small_arrays, small_spec, unlabelled_arrays
from frames import frames, joint_spec
from sessions import fine_tune

from inficond_panel import from_frames
from inficond_panel.errors import HistoryError, TuningError
from inficond_panel.state import AppState, Jobs
from inficond_panel.state.selection import Rights
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.answer_files import Draft, Drafts, Reply
from inficond_panel.tuning.answers import photos_to_ask
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.vocabulary.splits import TUNE

pytestmark = pytest.mark.page


def session(folder: Path, jobs: Jobs | None = None, **given) -> AppState:
    """A session over a store whose tune has no label; its history lies in ``folder``."""
    rights = given.pop("rights", Rights())
    spec = small_spec(folder, make=unlabelled_arrays, **given)
    tuner = open_tuner(spec, history=folder / "small.history.sqlite")
    return AppState(tuner, jobs or Jobs(inline=True), rights=rights)


LABELS = small_arrays()["label"][:, 0].tolist()


def truth(app: AppState, image: str) -> int | None:
    """The label of bicycle that the store left out; None where there is none."""
    label = LABELS[app.store.images.index(image)]
    return label if label >= 0 else None


def says(app: AppState, image: str) -> int:
    """What the student decides, by its weights alone."""
    scores = app.store.concept_score[app.store.images.index(image)].astype(float)
    return int(scores @ app.students.node.weights[:, 0] + app.students.node.intercepts[0] > 0)


def answer_all(app: AppState) -> None:
    """Answer the photos left, by the truth; the last answer leads to the evaluation."""
    while image := app.asking.image:
        app.asking.answer(len(app.asking.draft.replies), truth(app, image))


@pytest.fixture
def app(tmp_path) -> AppState:
    """A session that asks about bicycle."""
    app = session(tmp_path)
    app.asking.open("bicycle")
    return app


def test_the_photos_asked_about_are_those_of_the_root(app):
    expected = photos_to_ask(app.tuner.repairs.class_fit(app.tuning.head, "bicycle")).rows
    assert app.asking.draft.images == tuple(app.store.images[row] for row in expected)


def test_the_student_says_what_its_weights_decide(app):
    assert app.asking.student_says(app.asking.image) == says(app, app.asking.image)


@pytest.fixture
def answered(app) -> AppState:
    """The session after an answer to each photo."""
    answer_all(app)
    return app


def test_the_last_answer_makes_an_iteration(answered):
    assert answered.asking.found.node.parent == answered.tuner.root_id
    assert answered.tuning.head.id == answered.asking.found.node.id


def given_answers(app: AppState) -> dict[str, int]:
    """The true answers to the photos that have one."""
    known = {image: truth(app, image) for image in app.asking.draft.images}
    return {image: value for image, value in known.items() if value is not None}


def test_each_answer_is_a_label_of_the_iteration(answered):
    labels = [repair for repair in answered.tuning.head.repairs if isinstance(repair, Label)]
    assert {label.image: label.value for label in labels} == given_answers(answered)


def test_a_notice_says_how_many_answers_were_learned(answered):
    count = len(given_answers(answered))
    assert answered.tuning.status.kind == "done"
    assert answered.tuning.notice.text == f"#1 learned {count} answers on bicycle."


@pytest.fixture
def taken_back(answered) -> AppState:
    """The session after undo of the iteration that learned the answers."""
    answered.tuning.notice.run()
    return answered


def test_undo_goes_back_to_the_root(taken_back):
    assert taken_back.tuning.head.id == taken_back.tuner.root_id
    assert taken_back.asking.found is None


def test_undo_keeps_the_answers(taken_back):
    replies = [reply.value for reply in taken_back.asking.draft.replies]
    assert replies == [truth(taken_back, image) for image in taken_back.asking.draft.images]


def test_the_same_answers_are_the_same_iteration(taken_back):
    taken_back.asking.evaluate()
    assert taken_back.tuning.head.number == 1


def test_the_next_photos_are_those_of_the_new_iteration(answered):
    answered.asking.go_on()
    assert answered.asking.draft.node == answered.tuning.head.id


def test_no_photo_is_asked_about_again_whether_answered_or_skipped(answered):
    before = answered.asking.draft.images
    answered.asking.go_on()
    assert not set(before) & set(answered.asking.draft.images)


def test_a_refit_ends_the_questions(answered):
    answered.asking.go_on()
    fine_tune(answered, "wheel")
    assert answered.asking.draft is None


def test_a_reply_that_comes_twice_counts_once(app):
    app.asking.answer(0, 1)
    app.asking.answer(0, 0)  # pressed twice
    app.asking.answer(1, None)
    assert app.asking.draft.replies == (Reply(1), Reply(None))


def test_undo_takes_the_last_reply_back(app):
    app.asking.answer(0, 1)
    app.asking.answer(1, None)
    app.asking.undo()
    assert app.asking.draft.replies == (Reply(1),)
    assert app.asking.image == app.asking.draft.images[1]


def test_undo_without_a_reply_does_nothing(app):
    app.asking.answer(0, 1)
    app.asking.undo()
    app.asking.undo()
    assert app.asking.draft.replies == ()


def test_a_reply_is_1_or_0_or_none(app):
    with pytest.raises(ValueError, match="answer must be 1, 0 or None, got 2"):
        app.asking.answer(0, 2)


def test_replies_of_the_teacher_are_taken_back_together(app):
    own, others = Reply(1), Reply(0, by_teacher=True)
    replies = (own, others, others)
    app.asking.draft = Draft(app.tuning.head.id, "bicycle", "", tuple("abc"), replies)
    app.asking.undo()
    assert app.asking.draft.replies == (own,)


def test_a_person_stops_early_judged_by_two_answers_or_more_and_goes_on_another_day(app, tmp_path):
    ask = app.asking
    ask.answer(0, says(app, ask.image))
    assert not ask.can_evaluate
    ask.evaluate()
    assert ask.found is None
    ask.answer(1, says(app, ask.image))
    ask.evaluate()
    assert len(ask.found.present) == 2
    image = ask.draft.images[2]
    ask.go_on()
    assert (ask.found, ask.image) == (None, image)
    ask.answer(2, None)
    images, replies = ask.draft.images, ask.draft.replies
    assert [reply.value for reply in replies][2:] == [None]
    ask.close()
    assert ask.draft is None
    ask = session(tmp_path).asking
    ask.open("sheep")
    assert ask.draft.replies == ()  # another question
    ask.open("bicycle")
    assert (ask.draft.images, ask.draft.replies) == (images, replies)


def test_damaged_drafts_are_told_with_a_remedy_and_in_memory_none_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    memory, drafts = Drafts(":memory:"), Drafts(str(tmp_path / "h"))
    memory.keep(Draft("node", "bicycle", "why", ("a",), (Reply(1),)))
    assert memory.find("node", "bicycle") is None
    assert list(tmp_path.iterdir()) == []
    drafts.keep(Draft("node", "bicycle", "why", ("a",), (Reply(None),)))
    (file,) = (tmp_path / "h.answers").iterdir()
    file.write_text('{"node": 1}')
    for read in (lambda: drafts.find("node", "bicycle"), lambda: drafts.skipped("bicycle")):
        with pytest.raises(TuningError, match=r"json cannot be read.*\n.*Delete this file"):
            read()
    file.unlink()
    file.mkdir()
    with pytest.raises(HistoryError, match=r"json cannot be read.*\n.*Make it readable"):
        drafts.find("node", "bicycle")


def test_the_teacher_answers_after_ten_answers_that_agree_with_it(app):
    rows = app.store.rows(TUNE).tolist()
    decided = app.tuner.at(app.students.node, TUNE)["bicycle"].teacher_decided
    teacher = {app.store.images[row]: int(one) for row, one in zip(rows, decided, strict=True)}
    ask = app.asking
    ask.answer(0, 1 - teacher[ask.image])
    for place in range(1, 9):
        ask.answer(place, teacher[ask.image])
    ask.let_teacher_answer()
    assert (ask.teacher_may_answer, len(ask.draft.replies)) == (0, 9)  # 8 of 9 agree
    ask.answer(9, teacher[ask.image])
    assert ask.teacher_may_answer == 10
    ask.let_teacher_answer()
    assert ask.draft.by_teacher == 10
    assert ask.found is not None
    reasons = {ask.draft.why, f"{ask.draft.why}; answered by the teacher"}
    assert set(ask.draft.answers.why.values()) == reasons


def held(tmp_path):
    """Return a session whose jobs wait, and the function that runs them."""
    jobs, waiting = Jobs(inline=True), []
    run, jobs._run = jobs._run, waiting.append

    def work() -> None:
        while waiting:
            run(waiting.pop(0))

    return session(tmp_path, jobs), work


def test_the_student_is_evaluated_after_the_last_answer(tmp_path):
    app, work = held(tmp_path)
    app.asking.open("bicycle")
    work()
    answer_all(app)
    assert app.tuning.status.kind == "evaluating"


def test_another_iteration_that_comes_is_no_evaluation_of_answers(tmp_path):
    app, work = held(tmp_path)
    app.asking.open("bicycle")
    work()
    app.tuning._show_moving(0.5, "Metrics")
    assert not app.asking.evaluating


def test_what_is_left_while_it_is_chosen_or_evaluated_is_not_shown(tmp_path):
    app, work = held(tmp_path)
    app.asking.open("bicycle")
    assert app.asking.status.kind == "choosing"
    app.asking.close()
    work()
    assert app.asking.draft is None
    app.asking.open("bicycle")
    work()
    answer_all(app)
    assert app.asking.evaluating
    app.asking.answer(0, 1)
    app.asking.undo()
    assert app.asking.draft.complete
    app.asking.close()
    work()
    assert (app.tuning.head.number, app.tuning.status.kind) == (0, "idle")


@pytest.mark.parametrize(
    ("rights", "students", "why"),
    [
        ({"asking": False}, "lambda: 1e-4", "not allow asking"),
        ({"class_name": "sheep"}, "lambda: 1e-4", "allows sheep only"),
        ({}, "solver: paper", "cannot learn from answers.*'paper'"),
        ({}, "tempered: both, temperature: 2", "cannot learn from answers.*tempered: both"),
    ],
)
def test_a_session_that_may_not_or_cannot_ask_says_why(tmp_path, rights, students, why):
    few = {"extra": f"students: {{{students}}}\n", "images": 40, "concepts": 8, "classes": 3}
    app = session(tmp_path, rights=Rights(**rights), **few)
    with pytest.raises(TuningError, match=f"(?s){why}"):
        app.asking.open("bicycle")
    missing = "These students cannot learn from answers."
    assert app.asking.missing.startswith(missing) == (not rights)


def test_one_softmax_student_and_a_store_without_photos_say_so(tmp_path):
    joint = AppState(open_tuner(joint_spec(tmp_path), history=":memory:"), Jobs(inline=True))
    assert "link: softmax" in joint.asking.missing
    spec = tmp_path / "own.yaml"
    spec.write_text("title: Own\nstore: own.zarr\n")
    bare = AppState(open_tuner(spec, history=":memory:"), Jobs(inline=True))
    assert bare.asking.missing.startswith(
        "The page does not ask about rows of a table: inficond ask"
    )


def test_a_store_of_captions_asks_about_them(tmp_path):
    given = frames()
    captions = pd.Series("a bird on a branch", given["scores"].index)
    students = from_frames(**given, captions=captions, path=tmp_path / "own.zarr").fit()
    app = AppState(students.tuner, Jobs(inline=True))
    app.asking.open("bird")
    assert app.asking.image in given["scores"].index
