"""When the faults of a store are looked for, and listed on the start page."""

import pytest
from lines import of_lines

from inficond_panel.state import AppState, Jobs, repairs
from inficond_panel.ui import upstream
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def tuner():
    """Of a table of which two columns are exchanged on line B."""
    return of_lines(0).tuner


@pytest.fixture
def app(tuner):
    return AppState(tuner, Jobs(inline=True))


@pytest.fixture
def of_many(app, monkeypatch):
    """A page that computes the shifts of selected classes only, as with many classes."""
    monkeypatch.setattr(repairs, "ALL_UP_TO", 2)
    return app


def submitted(app, monkeypatch):
    """The jobs that ``app`` submits from now on; none of them runs."""
    jobs = []
    monkeypatch.setattr(app.jobs, "submit", jobs.append)
    return jobs


def test_of_many_classes_they_are_listed_before_a_class_is_selected(of_many):
    upstream.apply()
    of_many.shifts.start()
    assert of_many.shifts.by_class == {}
    [fault] = StartView(of_many).panel.faults
    assert "the columns c0 and c1 look exchanged" in fault["fault"]


def test_a_worker_looks_for_them_while_no_person_waits(of_many, monkeypatch):
    jobs = submitted(of_many, monkeypatch)
    of_many.shifts.start()
    assert [(job.key, job.idle) for job in jobs] == [("faults", True)]
    assert of_many.faults.found == []


def test_the_shift_of_a_selected_class_comes_first(of_many, monkeypatch):
    of_many.selection.class_name = "warp"
    jobs = submitted(of_many, monkeypatch)
    of_many.shifts.start()
    assert [job.key for job in jobs] == ["shifts", "faults"]


def test_of_few_classes_they_come_after_the_shifts_of_all(app, monkeypatch):
    jobs = submitted(app, monkeypatch)
    app.shifts.start()
    assert [job.key for job in jobs] == ["shifts"]
    monkeypatch.undo()
    app.shifts._next()
    assert app.shifts.complete
    assert len(app.faults.found) == 1


def test_they_are_looked_for_once(of_many, monkeypatch):
    of_many.shifts.start()
    jobs = submitted(of_many, monkeypatch)
    of_many.selection.class_name = "warp"
    assert "faults" not in [job.key for job in jobs]


def test_where_the_spec_asks_for_no_suspects_none_is_listed(of_many, monkeypatch):
    monkeypatch.setattr(of_many.tuner.spec.tuning, "suspects", False)
    of_many.shifts.start()
    assert of_many.faults.found == []
