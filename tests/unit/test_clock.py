"""The clock goes on while the system's is moved."""

import pytest

from inficond_panel.common import clock
from inficond_panel.common.clock import Clock

HOUR = 3600.0


@pytest.fixture
def system(monkeypatch):
    times = {"time": 1_000_000.0, "steady": 50.0}
    monkeypatch.setattr("inficond_panel.common.clock.time.time", lambda: times["time"])
    monkeypatch.setattr("inficond_panel.common.clock._steady", lambda: times["steady"])
    return times


def test_a_system_clock_that_is_moved_changes_nothing_but_what_was_recorded_later_does(system):
    steady = Clock()
    assert steady.now() == "1970-01-12T13:46:40.000+00:00"
    system.update(time=1_000_000.0 - HOUR, steady=50.25)
    assert steady.now() == "1970-01-12T13:46:40.250+00:00"
    system.update(time=9e9, steady=51.0)
    assert steady.now() == "1970-01-12T13:46:41.000+00:00"
    system.update(time=1_000_000.0, steady=50.0)
    steady = Clock()
    steady.go_on_from("1970-01-12T14:46:40.000+00:00")
    assert steady.now() == "1970-01-12T14:46:40.000+00:00"
    steady.go_on_from("1970-01-12T10:00:00.000+00:00")
    system["steady"] += 1.5
    assert steady.now() == "1970-01-12T14:46:41.500+00:00"


def test_a_stamp_is_the_systems_time_to_the_second_in_utc(system):
    assert clock.stamp() == "1970-01-12T13:46:40Z"
    system.update(time=1_000_000.9)
    assert clock.stamp() == "1970-01-12T13:46:40Z"
    system.update(time=951_782_400.0)  # a leap day
    assert clock.stamp() == "2000-02-29T00:00:00Z"
