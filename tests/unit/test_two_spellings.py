"""Values of a column that are written in two ways."""

import numpy as np
import pandas as pd
import pytest
from frames import frames

from inficond_panel import from_frames
from inficond_panel.results.doctor.two_spellings import TWO_SPELLINGS, two_spellings

KIND = TWO_SPELLINGS


def students_with(values):
    """Students of small frames whose metadata have these values in turn, in a column ``season``."""
    made = frames()
    ids = made["split"].index
    texts = [values[i % len(values)] for i in range(len(ids))]
    return from_frames(**made, metadata=pd.DataFrame({"season": texts}, index=ids))


@pytest.mark.parametrize("other", ["summer", "SUMMER", "Sum mer"])
def test_a_value_in_two_spellings_is_told(other):
    store = students_with(["Summer", other, "winter"]).tuner.store
    numbers = [store.column("season").count(each) for each in ("Summer", other)]
    told = two_spellings(store)
    assert told == (
        f"Groups of their own are in season “Summer” ({numbers[0]} images), “{other}” "
        f"({numbers[1]} images)."
    )


def test_other_values_are_not_told():
    assert two_spellings(students_with(["summer", "summer 2", "winter"]).tuner.store) == ""


def test_ids_are_not_compared():
    values = [f"{'A' if i % 2 else 'a'}{i // 2}" for i in range(202)]
    assert two_spellings(students_with(values).tuner.store) == ""


def test_the_doctor_has_it():
    found = students_with(["Summer", "summer"]).fit().doctor()["findings"]
    assert KIND in np.atleast_1d(found["kind"])
