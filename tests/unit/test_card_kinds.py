"""What differs between the splits, in the card: every kind of shift that is certain has a place."""

from dataclasses import replace

import pytest
from sites import students

from inficond_panel.results import reliances as module
from inficond_panel.results.reliances import reliances
from inficond_panel.vocabulary.shift_kinds import NOISE, PHOTOS, SHARE


@pytest.fixture
def made():
    return students(0, biased=False)


@pytest.mark.parametrize("kinds", [(PHOTOS,), (SHARE,), (PHOTOS, SHARE)])
def test_other_kinds_have_a_sentence_each(made, kinds, monkeypatch):
    measured = module.student_differences
    monkeypatch.setattr(
        module, "student_differences", lambda *given: replace(measured(*given), kinds=kinds)
    )
    told = [each["class"] for each in reliances(made.tuner, made.node)["other_kinds"]]
    assert told == [name for name in ("k0", "k1", "k2") for _ in kinds]


def test_wrong_labels_that_are_not_the_first_finding_are_told(made, monkeypatch):
    measured = module.student_differences
    monkeypatch.setattr(
        module,
        "student_differences",
        lambda *given: replace(measured(*given), kinds=(SHARE, NOISE)),
    )
    monkeypatch.setattr(module, "kind_sentence", lambda kind, *_: kind.key)
    found = reliances(made.tuner, made.node)
    assert found["mislabelled"] == []
    assert [each["sentence"] for each in found["other_kinds"]][:2] == [SHARE.key, NOISE.key]


def test_where_nothing_differs_nothing_is_told(made):
    assert reliances(made.tuner, made.node)["other_kinds"] == []
