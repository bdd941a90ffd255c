"""Photos answered in a study: who may, what is recorded, when a task is done by them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from factory import small_arrays, small_spec
from studies import STUDY, Visitor, small_study

from inficond_panel.errors import SpecError, TuningError
from inficond_panel.study.results.timeline import rebuild, timeline
from inficond_panel.study.run.study import Study
from inficond_panel.tuning.edits import Label

ASKING = STUDY.replace("class: bicycle", "class: bicycle\n    may_ask: true")
BY_ANSWERS = ASKING.replace("{rule: iterations, count: 2}", "{rule: answers, count: 2}")


def hardly_labelled() -> dict[str, np.ndarray]:
    """Arrays of a small store; eight images of tune have labels."""
    arrays = small_arrays()
    arrays["label"][np.flatnonzero(arrays["split"] == "tune")[8:]] = -1
    return arrays


def at_work(study: Study) -> Visitor:
    """A participant in the views of the first task."""
    visitor = Visitor(study, study.add_participant()[1])
    visitor.to_task()
    return visitor


def recorded(visitor: Visitor) -> list[tuple[str, dict]]:
    """Actions and payloads of the photos, as recorded."""
    events = visitor.study.log.events(1)
    about = re.compile("ask|photo|teacher-answers")
    return [(e.action, dict(e.payload)) for e in events if about.match(e.action)]


def test_each_answer_is_recorded_with_its_time(tmp_path: Path) -> None:
    visitor = at_work(small_study(tmp_path, ASKING))
    asking = visitor.page.work.app.asking
    asking.open("bicycle")
    images = list(asking.draft.images)
    asking.answer(0, 1)
    says = asking.student_says(images[0])
    asking.undo()
    asking.answer(0, None)
    asking.close()
    assert recorded(visitor) == [
        ("ask", {"class": "bicycle", "images": images, "replies": 0}),
        ("photo-answer", {"place": 1, "image": images[0], "answer": 1, "student": says}),
        ("photo-undo", {"place": 0, "images": [images[0]]}),
        ("photo-answer", {"place": 1, "image": images[0], "answer": None, "student": says}),
        ("photos-left", {"replies": 1}),
    ]
    moments = timeline(visitor.study, visitor.page.session.participant)
    times = [moment.time for moment in moments if moment.action == "photo-answer"]
    assert len(times) == 2
    assert times == sorted(times)


def test_what_was_taught_is_in_the_timeline_and_comes_back_bit_for_bit(tmp_path: Path) -> None:
    small_spec(tmp_path, make=hardly_labelled)
    visitor = at_work(small_study(tmp_path, ASKING))
    app = visitor.page.work.app
    wheel = app.store.concept_score[:, app.store.concepts.index("wheel")]
    app.asking.open("bicycle")
    while image := app.asking.image:
        shown = wheel[app.store.images.index(image)] > np.median(wheel)
        app.asking.answer(len(app.asking.draft.replies), int(shown))
    action, judged = recorded(visitor)[-1]
    taught = app.tuning.head
    assert (action, judged["node"], taught.number) == ("photos-judge", taught.id, 1)
    assert judged["answers"] == sum(isinstance(repair, Label) for repair in taught.repairs)
    participant = visitor.page.session.participant
    moments = timeline(visitor.study, participant)
    added = [one.payload for one in moments if one.source == "history" and one.action == "add"]
    assert [one["node"] for one in added] == [taught.id]
    assert [one.equal for one in rebuild(visitor.study, participant)] == [True, True]


def test_a_task_is_done_by_the_number_of_answers(tmp_path: Path) -> None:
    visitor = at_work(small_study(tmp_path, BY_ANSWERS))
    asking = visitor.page.work.app.asking
    asking.open("bicycle")
    asking.answer(0, None)
    asking.answer(1, 0)
    assert visitor.screen["goal"] == "Photos answered 1, goal 2"
    asking.undo()
    assert visitor.screen["goal"] == "Photos answered 0, goal 2"
    asking.undo()
    asking.answer(0, 1)
    asking.answer(1, 0)
    assert visitor.screen["goal"] == "Done: Photos answered 2, goal 2"
    assert visitor.actions.count("done") == 1


def test_a_reload_goes_on_with_the_photos(tmp_path: Path) -> None:
    study = small_study(tmp_path, ASKING)
    token = study.add_participant()[1]
    visitor = Visitor(study, token)
    visitor.to_task()
    visitor.page.work.app.asking.open("bicycle")
    visitor.page.work.app.asking.answer(0, 1)
    again = Visitor(study, token)
    again.page.work.app.asking.open("bicycle")
    assert len(again.page.work.app.asking.draft.replies) == 1
    assert len(list(tmp_path.rglob("*.answers/*.json"))) == 1
    study.delete_participant(1)
    assert list(tmp_path.rglob("*.answers/*.json")) == []


def test_who_may_not_is_refused(tmp_path: Path) -> None:
    visitor = at_work(small_study(tmp_path))
    app = visitor.page.work.app
    assert "asking" in app.rights.closed
    with pytest.raises(TuningError, match="not allow asking"):
        app.asking.open("bicycle")


@pytest.mark.parametrize(
    ("text", "spec", "fault"),
    [
        (
            STUDY.replace("{rule: iterations, count: 2}", "{rule: answers}"),
            "",
            r"done_when: photos cannot be answered in this task; write may_ask: true",
        ),
        (
            ASKING,
            "students: {tempered: both, temperature: 2}\n",
            r"may_ask: these students cannot learn answers\. Repairs reweight a single loss",
        ),
    ],
)
def test_a_study_in_which_nobody_can_answer_is_refused(tmp_path: Path, text, spec, fault) -> None:
    small_spec(tmp_path, extra=spec)
    with pytest.raises(SpecError, match=fault):
        small_study(tmp_path, text)
