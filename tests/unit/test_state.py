"""State without a browser: what set parameters cause, and what it tells of the students."""

import itertools
import queue
import threading

import numpy as np
import pytest
from factory import small_spec
from sessions import fine_tune
from waiting import PATIENCE

from inficond_panel.errors import CancelledError
from inficond_panel.results.concept_rows import concept_rows
from inficond_panel.results.gallery import take_gallery
from inficond_panel.results.image_sets import best_segment
from inficond_panel.results.local_explanation import take_apart
from inficond_panel.results.refit_report import explain
from inficond_panel.state import AppState, Job, Jobs, Status
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.repairs.penalty import Lambda

pytestmark = pytest.mark.page


def test_a_fine_tune_refits_and_is_in_the_history_at_once(app, tmp_path):
    before = app.students.node
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    assert app.tuning.status.kind == "idle"
    upper = app.tuning.bounds_of(app.tuning.pending[0])[1]
    assert app.tuning.preview.node.id not in [node.id for node in app.tuning.nodes]
    app.tuning.fine_tune()
    now = app.students.node
    assert now.parent == before.id
    assert app.students.weight("bicycle", "wheel") <= upper + 1e-12
    assert (app.tuning.status.kind, app.tuning.pending) == ("done", [])
    again = open_tuner(small_spec(tmp_path))
    assert (again.head().id, again.head().weights_hash) == (now.id, now.weights_hash)


@pytest.fixture
def locked(app) -> AppState:
    """A session on the holdout, with a thumb that waits."""
    app.tuning.toggle(Intent("bicycle", "wheel", "remove"))
    app.tuning.show_split("holdout")
    return app


def test_nothing_is_tuned_while_the_holdout_is_in_view(locked):
    app, factor = locked, locked.tuning.factor
    waiting = app.tuning.pending
    assert "holdout" in app.tuning.locked
    app.tuning.toggle(Intent("bicycle", "sky", "up"))
    app.tuning.toggle(Lambda("bicycle"))
    app.tuning.scale(3 * factor)
    app.suggestion.ask()
    app.tuning.clear()
    app.tuning.fine_tune()
    assert (app.tuning.pending, app.tuning.factor) == (waiting, factor)
    assert not app.suggestion.running
    assert len(app.tuning.nodes) == 1


def test_back_on_tune_what_waits_is_fitted(locked):
    app = locked
    app.tuning.show_split("tune")
    assert app.tuning.locked == ""
    app.tuning.fine_tune()
    assert [node.number for node in app.tuning.nodes] == [0, 1]


def test_a_split_that_there_is_not_is_refused(app):
    with pytest.raises(ValueError, match=r"split must be one of .* got 'spoke'"):
        app.tuning.show_split("spoke")
    assert app.students.snapshot.split == "tune"


def test_a_preview_that_comes_late_is_not_shown(app):
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    late, app.tuning.preview = app.tuning.preview, None
    app.tuning.status = Status("fitting", "Starting")
    app.tuning._previewed(late)
    app.tuning._not_previewed(CancelledError("Cancelled."))
    assert app.tuning.status.kind == "fitting"
    assert app.tuning.preview is None


def rows_of(app: AppState, sort: str = "weight", top: int = 50, find: str = "") -> list:
    return concept_rows(app.tuner, app.students.student("bicycle"), sort=sort, top=top, find=find)


def test_rows_are_ranked_by_influence(app):
    rows = rows_of(app, top=10)
    influence = np.abs(app.students.node.weights[:, 0])
    assert [row.rank for row in rows] == list(range(1, 11))
    assert [abs(row.influence) for row in rows] == sorted(influence, reverse=True)[:10]
    assert abs(rows[0].share) == 1


@pytest.mark.parametrize("sort", ["discrepancy_p", "discrepancy_n"])
def test_rows_are_sorted_by_discrepancy_with_the_undefined_last(app, sort):
    values = [row.discrepancy for row in rows_of(app, sort, top=30)]
    known = [abs(v) for v in values if not np.isnan(v)]
    assert known == sorted(known, reverse=True)
    assert not np.isnan(values[: len(known)]).any()  # the undefined come last


def test_a_row_has_the_nearest_segments_that_are_not_of_the_holdout(app):
    rows = rows_of(app, top=10)
    store, c = app.store, app.store.concepts.index(rows[0].concept)
    segments = [segment for segment, _ in rows[0].patches]
    cosine = store.segment_embedding.astype("f4") @ store.concept_text_embedding[c]
    allowed = store.split[store.segment_image] != "holdout"
    assert allowed[segments].all()
    assert cosine[segments].tolist() == sorted(cosine[allowed], reverse=True)[: len(segments)]


@pytest.fixture
def without_wheel_2(app) -> dict[str, float]:
    """Influence of each concept on bicycle, after a refit without 'wheel 2'."""
    fine_tune(app, "wheel 2")
    return dict(zip(app.store.concepts, app.students.node.weights[:, 0], strict=True))


def test_a_concept_at_zero_is_listed_where_it_is_held(app, without_wheel_2):
    influence = without_wheel_2
    assert influence["wheel 2"] == 0
    rows = rows_of(app)
    assert {row.concept for row in rows[:-1]} == {name for name in influence if influence[name]}
    assert (rows[-1].concept, rows[-1].rank) == ("wheel 2", None)
    assert [row.rank for row in rows_of(app, top=3)] == [1, 2, 3, None]


def test_concepts_at_zero_are_found_by_name(app, without_wheel_2):
    influence, rows = without_wheel_2, rows_of(app)
    found = {row.concept: row.rank for row in rows_of(app, find=" WHEEL")}
    ranks = {row.concept: row.rank for row in rows}
    assert found == {name: ranks.get(name) for name in influence if "wheel" in name}
    assert list(found.values())[-1] is None


def test_a_search_without_a_hit_lists_nothing(app):
    assert rows_of(app, "discrepancy_p", find="no such word") == []


def test_the_gallery_shows_the_split_in_view_strongest_first(app):
    gallery, store = take_gallery(app.students.student("bicycle"), "wheel"), app.store
    c, k, tune = store.concepts.index("wheel"), store.classes.index("bicycle"), store.rows("tune")
    assert gallery.score.tolist() == sorted(gallery.score.tolist(), reverse=True)
    assert set(gallery.rows.tolist()) == set(tune[store.concept_score[tune, c] > 0].tolist())
    np.testing.assert_array_equal(gallery.label, store.label[gallery.rows, k])
    row = int(gallery.rows[0])
    cosine = store.segment_embedding.astype(float) @ store.concept_text_embedding[c]
    segment = best_segment(store, row, c)
    assert store.segment_image[segment] == row
    assert cosine[segment] == cosine[store.segments_of(row)].max()


def test_a_newer_job_of_the_same_key_replaces_the_older():
    gate, done, results = threading.Event(), threading.Event(), []
    jobs = Jobs()

    def slow(job: Job) -> str:
        gate.wait(PATIENCE)
        return "old, cancelled" if job.cancelled() else "old"

    def note(result: object) -> None:
        results.append(result)
        done.set()

    jobs.submit(Job("preview", slow, note, note))
    jobs.submit(Job("preview", lambda _: "new", note, note))
    gate.set()
    assert done.wait(PATIENCE)
    assert results == ["new"]
    jobs.close()


def test_nobody_waits_for_what_nobody_has_asked_for():
    begin, gate, started, refitted, end = (threading.Event() for _ in range(5))
    jobs, told = Jobs(), []

    def charts(_: Job) -> bool:
        begin.wait(PATIENCE)
        return started.is_set()

    def shifts(_: Job) -> str:
        started.set()
        gate.wait(PATIENCE)
        return "shifts"

    def note(result: object) -> None:
        told.append(result)
        {"refit": refitted, "shifts": end}.get(str(result), begin).set()

    jobs.submit(Job("charts", charts, note, note))
    jobs.submit(Job("shifts", shifts, note, note, idle=True))
    begin.set()
    assert started.wait(PATIENCE)
    jobs.submit(Job("refit", lambda _: "refit", note, note))
    assert refitted.wait(PATIENCE)
    gate.set()
    assert end.wait(PATIENCE)
    assert told == [False, "refit", "shifts"]  # shifts began after the charts
    jobs.close()


def test_work_that_nobody_asked_for_waits_for_all_that_follows_a_click():
    updates: queue.Queue = queue.Queue()  # as an event loop
    jobs, begun = Jobs(updates.put), []

    def job(key: str, done=print, **kind: bool) -> Job:
        return Job(key, lambda _: begun.append(key) or key, done, pytest.fail, **kind)

    jobs.submit(job("shift", idle=True))
    jobs.submit(job("curves", lambda _: jobs.submit(job("more curves"))))
    while len(begun) < 3:
        updates.get(timeout=PATIENCE)()
    assert begun == ["curves", "more curves", "shift"]
    jobs.close()


def test_neither_clicks_nor_work_in_advance_wait_for_long_work():
    gate, end, told = threading.Event(), threading.Event(), []
    jobs = Jobs()

    def note(result: object) -> None:
        told.append(result)
        end.set()
        if result == "shift":
            gate.set()

    jobs.submit(Job("network", lambda _: gate.wait(PATIENCE) and "network", note, note, long=True))
    jobs.submit(Job("shift", lambda _: "shift", note, note, idle=True))
    assert gate.wait(PATIENCE)
    while "network" not in told:
        assert end.wait(PATIENCE)
        end.clear()
    assert told == ["shift", "network"]
    jobs.close()


def test_what_is_kept_is_done_though_the_session_ends_and_the_rest_is_cancelled():
    gate, end, told = threading.Event(), threading.Event(), []
    jobs = Jobs()
    jobs.submit(Job("charts", lambda _: gate.wait(PATIENCE), print, print))
    jobs.submit(Job("note", lambda _: "written", told.append, told.append, kept=True))
    jobs.submit(Job("pictures", lambda _: "made", told.append, lambda _: end.set()))
    jobs.close()
    gate.set()
    assert end.wait(PATIENCE)  # pictures are cancelled
    assert told == ["written"]


def test_progress_of_a_job_that_was_cancelled_meanwhile_is_not_told():
    waiting, told = [], []
    jobs = Jobs(waiting.append)
    job = Job("refit", lambda _: None, told.append, told.append, lambda *step: told.append(step))
    tell = jobs.progress(job)
    tell(0.5, "half")
    waiting.pop()()
    tell(0.9, "nearly")
    job.cancel()
    waiting.pop()()
    assert told == [(0.5, "half")]


def test_a_thumb_is_told_once_to_all_who_watch(app):
    waiting, told = [], []  # what a job finds waits, as on an event loop
    tuning = AppState(app.tuner, Jobs(waiting.append)).tuning

    tuning.param.watch(
        lambda *events: told.append(sorted(event.name for event in events)),
        ["pending", "preview", "status"],
    )
    tuning.toggle(Intent("bicycle", "sky", "down"))
    assert told == [["pending", "status"]]
    assert tuning.status.kind == "previewing"
    tuning.toggle(Intent("bicycle", "wheel", "up"))
    tuning.clear()
    assert told[1:] == [["pending", "status"]] * 2
    assert tuning.status.kind == "idle"
    tuning.jobs.close()


# -- what is told of a refit, of a group, and of one image --------------------------------------
def test_a_class_that_was_not_tuned_keeps_its_curves(app):
    sheep, bicycle = (app.students.effect(name, "wheel") for name in ("sheep", "bicycle"))
    fine_tune(app, "wheel", "down")
    assert app.students.effect("sheep", "wheel") is sheep
    now = app.students.effect("bicycle", "wheel")
    assert now is not bicycle
    assert app.students.weight("bicycle", "wheel") in now.grid


def test_a_report_is_made_once(app):
    fine_tune(app, "wheel", "down")
    refit = app.students.refit_of("bicycle")
    assert app.students.known_report(refit) is None
    report = app.students.report(refit, lambda: False)
    assert app.students.known_report(refit) is report
    assert app.students.report(refit, lambda: True) is report
    expected, found = explain(app.tuner, refit).of("bicycle"), report.of("bicycle")
    assert found.bounds == expected.bounds
    assert {churn.split for churn in found.churn} == {"fit", "tune"}


def test_the_parts_of_a_prediction_add_up(app):
    for k, row in itertools.product((0, 2), app.dataset.rows[:10].tolist()):
        apart = take_apart(app.students.student(app.store.classes[k]), row)
        parts = [part.logit for part in apart.parts]
        assert sum(parts) + apart.intercept == pytest.approx(apart.logit, abs=1e-5)
        assert parts == sorted(parts, key=abs, reverse=True)
        assert apart.teacher == app.store.teacher_logit[row, k]
        assert apart.label == app.store.label[row, k]


def test_the_smallest_edit_of_one_concept_flips_a_prediction(app):
    scores = app.store.concept_score
    logits, rows = app.tuner.logits(app.students.node)[:, 0], app.dataset.rows
    decided = logits > 0
    for row in rows[:20].tolist():
        apart = take_apart(app.students.student("bicycle"), row)
        edit = apart.edit
        c = app.store.concepts.index(edit.concept)
        beyond = logits + scores[:, c] * edit.change * (1 + 1e-6)
        assert (beyond[row] > 0) == edit.present != decided[row]
        others = rows[rows != row]
        assert edit.others == np.count_nonzero((beyond > 0)[others] != decided[others])
        before = logits[row] + scores[row] * edit.change * (1 - 1e-6)  # on any concept, less
        assert ((before > 0) == decided[row]).all()


def test_an_edit_is_told_of_concepts_with_influence_too(app):
    weights = app.students.node.weights[:, 0]
    for row in app.dataset.rows[:20].tolist():
        apart = take_apart(app.students.student("bicycle"), row)
        edit = apart.edit
        assert edit.before == weights[app.store.concepts.index(edit.concept)]
        assert apart.used.before != 0
        assert abs(apart.used.change) >= abs(edit.change)
