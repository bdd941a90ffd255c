"""Messages: the nearest of the known words at their end, and few log lines of a kind a minute."""

import logging
import time

from inficond_panel.common.logs import MOST, Seldom
from inficond_panel.common.near_words import near


def test_the_nearest_choices_end_a_message_the_best_first():
    assert near("weel", ["sky", "wheel"]) == " Did you mean 'wheel'?"
    assert near("WHEEL", ["sky", "Wheel"]) == " Did you mean 'Wheel'?"
    assert near("xyz", ["sky", "wheel"]) == near("weel", []) == ""
    layers = ["layer1", "layer10", "head"]
    assert near("layr1", layers, 1) == near("layr1", layers) == " Did you mean 'layer1'?"
    assert near("layr1", layers, 2) == " Did you mean 'layer1' or 'layer10'?"


def test_a_kind_is_written_so_often_a_minute_and_others_go_on(monkeypatch):
    moment, seldom = 1000.0, Seldom()
    monkeypatch.setattr(time, "monotonic", lambda: moment)

    def written(message, value):
        record = logging.LogRecord("a", logging.WARNING, "a.py", 1, message, (value,), None)
        return record.getMessage() if seldom.filter(record) else None

    lines = [written("Refused %s", i) for i in range(3 * MOST)]
    assert lines[: MOST - 1] == [f"Refused {i}" for i in range(MOST - 1)]
    assert lines[MOST - 1] == f"Refused {MOST - 1} (more of these are left out for a minute)"
    assert lines[MOST:] == [None] * (2 * MOST)
    assert written("Failed on %s", 1) == "Failed on 1"
    moment += 61
    assert written("Refused %s", 1) == "Refused 1"
