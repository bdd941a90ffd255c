"""The refit what-if of one concept: point by point, stopped, resumed, and behind a fine-tune."""

from __future__ import annotations

import pytest

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.what_if_curves import refit_curve
from inficond_panel.spec import load_spec
from inficond_panel.state import AppState, Jobs, Status, repairs
from inficond_panel.state.repairs import RefitWhatIf
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Tuner


@pytest.fixture
def app(spec_file) -> AppState:
    spec = load_spec(spec_file, check_files=False)
    return AppState(Tuner(open_store(spec.store), spec, History(":memory:")), Jobs(inline=True))


@pytest.fixture
def refit(app) -> RefitWhatIf:
    return app.refit_what_if


def test_points_come_one_by_one_until_the_curve_is_done(refit):
    seen = []
    refit.param.watch(lambda _: seen.append((len(refit.points), refit.share)), "points")
    refit.solve("sheep", "fur")
    assert refit.state == "done"
    assert [count for count, _ in seen] == list(range(1, len(refit.points) + 1))
    assert [share for _, share in seen] == sorted(share for _, share in seen)
    assert refit.share == 1.0


def test_a_curve_that_is_known_is_not_solved_again(app, refit, monkeypatch):
    refit.solve("sheep", "fur")
    known = refit.points
    monkeypatch.setattr(repairs, "refit_curve", lambda *_, **__: pytest.fail("solved again"))
    refit.solve("sheep", "fur")
    assert refit.points is known


def test_a_stopped_curve_keeps_its_points_and_goes_on(app, refit, monkeypatch):
    solved = list(refit_curve(app.tuner, app.students.student("sheep"), "fur"))

    def three(*_, **__):
        yield from solved[:3]
        refit.stop()
        raise CancelledError("Cancelled.")

    with monkeypatch.context() as patch:
        patch.setattr(repairs, "refit_curve", three)
        refit.solve("sheep", "fur")
    assert refit.state == "stopped"
    assert list(refit.points) == [point.influence for point in solved[:3]]
    refit.solve("sheep", "fur")
    assert refit.state == "done"
    assert len(refit.points) == len(solved)


def test_it_waits_for_a_fine_tune_and_goes_on_then(app, refit):
    app.tuning.status = Status("fitting", "Fitting")
    refit.solve("sheep", "fur")
    assert (refit.state, refit.points) == ("waiting", {})
    app.tuning.status = Status()
    assert refit.state == "done"


def test_a_failure_is_told_with_its_remedy(app, refit, monkeypatch):
    def fail(*_, **__):
        raise InficondError("No finite solution.", "Raise lambda.")
        yield

    monkeypatch.setattr(repairs, "refit_curve", fail)
    refit.solve("sheep", "fur")
    assert (app.tuning.status.text, app.tuning.status.remedy) == (
        "No finite solution.",
        "Raise lambda.",
    )
    assert refit.state == "stopped"
