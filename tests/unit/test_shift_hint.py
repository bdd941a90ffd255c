"""A concept that is named where images are too few for a verdict: its correlation is lost."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.distill.suspects import UNKNOWN
from inficond_panel.results.shift import student_shift
from inficond_panel.wording.suspects import plain_sentence

FIT, TUNE = 300, 80


def students(seed, lost):
    """Trucks, on which cars are seen in fit, by ``lost`` more than in tune; the teacher hardly uses
    them."""
    rng = np.random.default_rng(seed)
    n = FIT + TUNE
    truck = rng.random(n) < 0.3
    scores = rng.normal(size=(n, 8))
    scores[:, 0] += 2 * truck
    scores[:, 1] += np.where(np.arange(n) < FIT, lost, 0) * truck
    teacher = 2 * scores[:, 0] + 0.1 * scores[:, 1] - 2.5 + 0.3 * rng.normal(size=n)
    names = [f"r{at}" for at in range(n)]
    return inficond_panel.from_frames(
        pd.DataFrame(scores, names, ["truck", "car", *(f"c{at}" for at in range(6))]),
        pd.DataFrame(teacher[:, None], names, ["truck"]),
        pd.DataFrame(truck[:, None].astype(float), names, ["truck"]),
        split=pd.Series(["fit"] * FIT + ["tune"] * TUNE, names),
    )


def shift_of(made):
    return student_shift(made.tuner, made.node, "truck")


@pytest.fixture
def hinted():
    return students(1, lost=1.2)


def test_it_is_the_concept_whose_correlation_is_lost(hinted):
    found = shift_of(hinted)
    assert (found.kind, found.hint, found.suspects) == (UNKNOWN, "car", ())


def test_the_sentence_names_it(hinted):
    said = "car could be it: it goes less with truck in the tuning rows."
    assert plain_sentence(shift_of(hinted)).endswith(said)


def test_what_belongs_to_the_class_is_no_hint(hinted):
    hinted.belongs("truck", "car")
    assert shift_of(hinted).hint == ""


def test_what_was_removed_is_no_hint(hinted):
    removed = hinted.remove("truck", "car")
    assert shift_of(removed).hint == ""


def test_without_a_loss_nothing_is_named():
    assert [shift_of(students(seed, lost=0.0)).hint for seed in range(10)] == [""] * 10
