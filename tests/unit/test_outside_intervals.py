"""An estimate outside its interval, as of a calibration error, is marked wherever it is written."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from inficond_panel.distill import Outcome, metric_intervals


def test_the_interval_covers_the_true_error_better_than_percentiles():
    """True error by 2 million images; nominal 95 %, of 100 samples of 600."""
    rng = np.random.default_rng(0)
    cut = np.linspace(0, 1, 16)[1:-1]

    def drawn(images):
        logit = rng.normal(-1, 2, images)
        return logit, expit(0.6 * logit)

    logit, truth = drawn(2_000_000)
    where = np.searchsorted(cut, expit(logit))
    true = np.abs(np.bincount(where, truth - expit(logit))).sum() / len(logit)
    covered = percentile = 0
    for _ in range(100):
        logit, truth = drawn(600)
        outcome = Outcome((rng.random(600) < truth).astype(np.int8), logit)
        found = metric_intervals(outcome, ["ece"])["ece"]
        covered += found.low <= true <= found.high
        (values,) = outcome.drawn("ece").values()
        low, high = np.quantile(values, (0.025, 0.975))
        percentile += low <= true <= high
    assert covered >= 88
    assert percentile <= 70
