"""The order in which shifts and differences of a class arrive on the page."""

import pytest
from cameras import of_cameras

from inficond_panel.state import AppState, Jobs

pytestmark = pytest.mark.page


def test_differences_that_arrive_after_their_shift_is_forgotten_wait_for_it(monkeypatch):
    """As after two moves, to another iteration and back, while a job runs."""
    app, jobs = AppState(of_cameras(0).tuner, Jobs(inline=True)), []
    app.shifts.start()
    monkeypatch.setattr(app.jobs, "submit", jobs.append)
    app.shifts.differences = {}
    app.shifts._look()
    [job] = [each for each in jobs if each.key == "differences"]
    made = job.work(job)
    app.shifts.by_class = {}
    job.done(made)
    assert app.shifts.differences == {}
