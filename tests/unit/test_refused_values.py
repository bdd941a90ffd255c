"""Values that no result can be made of are refused by name, wherever they enter."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from factory import spec_text

from inficond_panel import distill
from inficond_panel.distill import average_precision as ap
from inficond_panel.distill import discrepancy
from inficond_panel.distill import metric_intervals as intervals
from inficond_panel.distill.metrics.calibration import brier, ece, ece_floor
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.errors import DataError, InficondError, SolverError, SpecError, TuningError
from inficond_panel.spec import load_spec
from inficond_panel.tuning import Intent
from inficond_panel.tuning.thumbs import bound
from inficond_panel.vocabulary.intents import LARGEST_BOUND

RNG = np.random.default_rng(0)
SCORES, TARGETS = RNG.random((30, 4)), RNG.uniform(0.1, 0.9, (30, 2))
ROWS = np.tile([[0.2, 0.8], [0.6, 0.4]], (15, 1))
LABEL, LOGIT = np.tile([1, 0, -1], 10), RNG.normal(size=30)
NAN, INF = (np.where(np.arange(30) == 7, value, LOGIT) for value in (np.nan, np.inf))
TWO, HALF = (np.where(np.arange(30) == 7, value, LABEL) for value in (2, 0.5))
HUGE = np.full(30, 1e308)
STRONG = Intent("a", "b", "up", 1e30)
FAR = np.full((4, 2), 1e300)


sigmoid = partial(partial, distill.fit, SCORES, TARGETS)
softmax = partial(partial, distill.fit_joint, SCORES, ROWS, l1=1e-3)


def uneven() -> object:
    targets = np.eye(2)[(np.arange(30) > 0).astype(int)]
    return distill.fit(SCORES, targets, sample_weight=np.where(np.arange(30) == 0, 1.0, 1e-30))


#: The call, the error, and words of its message.
REFUSED: dict[str, tuple[Callable[[], object], type[InficondError], str]] = {
    "weights overflow": (sigmoid(sample_weight=HUGE), DataError, "weights add up to inf"),
    "weights vanish": (sigmoid(sample_weight=HUGE * 0 + 1e-320), DataError, "weights add up to"),
    "weights overflow, softmax": (softmax(sample_weight=HUGE), DataError, "weights add up to inf"),
    "weights overflow, AP": (lambda: ap(LABEL, LOGIT, HUGE), DataError, "weights add up to inf"),
    "weights too uneven": (uneven, SolverError, "weights leave only targets of 1 of class 0"),
    "NaN weight": (sigmoid(sample_weight=NAN), DataError, "sample weights are NaN"),
    "bound of 1e300": (sigmoid(upper=FAR), SolverError, "bound of concept 0 of class 0 is 1e"),
    "bound of -1e300": (sigmoid(lower=-FAR), SolverError, "lower bound of concept 0 of class 0"),
    "bound of 1e300, softmax": (softmax(upper=FAR), SolverError, "upper bound of concept 0"),
    "thumb of 1e300": (lambda: Intent("a", "b", "up", bound=1e300), TuningError, "is 1e.300"),
    "factor of 1e30": (partial(bound, STRONG, 2.0, 0.1), TuningError, "weight of 2 to 2e"),
    "NaN logits": (lambda: Outcome(LABEL, NAN), DataError, "1 of 30 logits are NaN or inf"),
    "infinite logits": (lambda: Outcome(LABEL, INF), DataError, "1 of 30 logits"),
    "logits for decisions": (lambda: Outcome(LABEL, LOGIT, LOGIT), DataError, "True or False"),
    "label of 2": (lambda: Outcome(TWO, LOGIT), DataError, "1 of 30 labels .* first is 2"),
    "label of 0.5": (lambda: Outcome(HALF, LOGIT), DataError, "first is 0.5"),
    "NaN label": (lambda: Outcome(NAN, LOGIT), DataError, "labels are not between -1 and 1"),
    "rows": (lambda: Outcome(LABEL, LOGIT[:5]), DataError, "30 labels and 5 rows"),
    "metrics": (lambda: distill.class_metrics(LABEL, NAN, LOGIT), DataError, "logits"),
    "agreement": (lambda: distill.agreement(LABEL, LOGIT, INF), DataError, "True or False"),
    "agreement of label 2": (lambda: distill.agreement(TWO, LOGIT, LOGIT), DataError, "labels"),
    "discrepancy": (lambda: discrepancy(SCORES, TWO, LOGIT, LOGIT, True), DataError, "labels"),
    "AP": (lambda: ap(TWO, LOGIT), DataError, "labels"),
    "Brier": (lambda: brier(LABEL, NAN), DataError, "logits"),
    "ECE": (lambda: ece(TWO, LOGIT), DataError, "labels"),
    "floor of the ECE": (lambda: ece_floor(NAN), DataError, "logits"),
    "class 2 of 2": (lambda: TopClass(TWO, ROWS), DataError, "not between -1 and 1"),
    "NaN probability": (lambda: TopClass(LABEL, ROWS * np.nan), DataError, "60 of 60 logits"),
    "metric of draws": (lambda: intervals(Outcome(LABEL, INF), draws=3), DataError, "logits"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_value_that_no_result_can_be_made_of_is_refused_by_name(name):
    call, kind, words = REFUSED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(kind, match=words) as caught:
            call()
    assert caught.value.remedy


def test_values_at_the_limit_are_taken():
    sides = np.full((4, 2), 1e8)
    found = distill.fit(SCORES, TARGETS, lower=-sides, upper=sides, sample_weight=HUGE / 1e6)
    np.testing.assert_allclose(found.objective, distill.fit(SCORES, TARGETS).objective, atol=2e-6)
    distill.fit(SCORES, TARGETS, lower=np.full((4, 2), -LARGEST_BOUND))
    assert Intent("a", "b", "down", bound=-LARGEST_BOUND).bound == -LARGEST_BOUND
    assert np.isfinite(Outcome(LABEL > 0, 1e200 * LOGIT).value("ap"))
    assert np.isfinite(TopClass(np.array([1, -1, 0] * 10), ROWS).value("top1"))


def test_what_the_views_cannot_take_is_told_at_once(tmp_path):
    (tmp_path / "s.yaml").write_text(spec_text("views: {top: 7, factors: [2, 0.5], patches: 13}\n"))
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "s.yaml", check_files=False)
    told = str(caught.value)
    assert "views.top: expected one of 5, 10, 20, 50, 100, 200, 0, got 7" in told
    assert "views.factors: expected numbers above 1, got 0.5" in told
    assert "views.patches" in told
