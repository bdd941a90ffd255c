"""Level of the intervals in the spec: numbers against another library."""

from __future__ import annotations

import numpy as np
import pytest
from factory import small_spec
from sklearn.metrics import accuracy_score

from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.results.frame import interval_of
from inficond_panel.state.comparison import measure
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.vocabulary.confidence import confidence_word, interval_word, tails

THUMB = Intent("bicycle", "wheel", "up")


@pytest.fixture(scope="module")
def tuners(tmp_path_factory):
    """The same store and history under the usual level and under 0.8, each tuned alike."""
    found = {}
    for level in (0.95, 0.8):
        folder = tmp_path_factory.mktemp("level")
        extra = f"views: {{confidence: {level}}}\n" if level != 0.95 else ""
        tuner = open_tuner(small_spec(folder, extra=extra), history=folder / "h.sqlite")
        tuner.history.set_head(
            tuner.root_id, tuner.fine_tune(tuner.root(), [THUMB]).id, "fine-tune"
        )
        found[level] = tuner
    return found


def drawn(student, metric):
    """The metric on each bootstrap draw, by scikit-learn."""
    known = student.labels >= 0
    label, logit = student.labels[known], student.logits[known]
    weights = draw_counts(len(label), 200, 0)
    return np.array([metric(label, logit, row) for row in weights])


def accuracy(label, logit, weight):
    return accuracy_score(label, logit > 0, sample_weight=weight)


def test_words():
    assert [confidence_word(x) for x in (0.95, 0.8, 0.995, 0.57)] == [
        "95 %",
        "80 %",
        "99.5 %",
        "57 %",
    ]
    assert interval_word(0.9) == "90 % interval"
    assert tails(0.8) == pytest.approx((0.1, 0.9))


def test_a_lower_level_is_narrower_and_the_students_stay_what_they_are(tuners):
    wide, narrow = tuners[0.95], tuners[0.8]
    assert wide.head().id == narrow.head().id
    assert wide.head().weights_hash == narrow.head().weights_hash
    own = [measure(t, t.at(t.head(), "tune")["bicycle"]).now for t in (wide, narrow)]
    for metric in ("ap", "accuracy", "brier"):
        old, new = (interval_of(each, metric) for each in own)
        assert old.estimate == new.estimate
        assert old.low <= new.low <= new.high <= old.high
        assert new.high - new.low < old.high - old.low
    values = drawn(narrow.at(narrow.head(), "tune")["bicycle"], accuracy)
    limits = np.percentile(values, [10, 90])
    assert own[1][["accuracy_low", "accuracy_high"]].tolist() == pytest.approx(limits)
