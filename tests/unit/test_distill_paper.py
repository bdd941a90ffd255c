"""The paper's recipe: seeded, projected, certified."""

import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from inficond_panel.distill import certify, fit, fit_paper, soft_targets
from inficond_panel.distill.solver.paper_recipe import RATES
from inficond_panel.distill.solver.tempered import Tempered
from inficond_panel.errors import CancelledError, DataError, MissingExtraError, SolverError

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    scores = np.maximum(rng.normal(0.2, 0.1, (300, 20)), 0).astype(np.float32)
    return scores, soft_targets((scores - 0.2) @ rng.normal(0, 8, (20, 2)) - 2)


def test_without_torch_the_remedy_is_named(case, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match="precompute") as caught:
        fit_paper(*case)
    assert "torch" in caught.value.message


@pytest.mark.parametrize(
    ("change", "said"),
    [({"epochs": 0}, "epochs 0"), ({"batch": 0}, "batch 0"), ({"lr": 0.0}, "lr 0.0")]
    + [({"lr": lr}, re.escape(f"lr {lr}")) for lr in (1e300, 1e30, 101.0)],
)
def test_settings_without_sense_are_refused(case, change, said):
    with pytest.raises(SolverError, match=rf"Cannot train.*{said}"):
        fit_paper(*case, **change)


@pytest.mark.torch
class TestWithTorch:
    @pytest.fixture(autouse=True)
    def _torch(self):
        pytest.importorskip("torch")

    def test_more_epochs_come_closer_and_the_certificate_covers_the_rest(self, case):
        optimum = fit(*case, tolerance=1e-9).objective
        unit = certify(*case, np.zeros((20, 2))).objective
        short, long = (fit_paper(*case, lr=0.3, epochs=n) for n in (1, 12))
        assert (long.objective < short.objective).all()
        for reached in (short, long):
            behind = reached.objective - optimum
            assert (reached.gap * unit >= behind - 1e-12).all()
            assert (reached.gap * unit <= behind + 2e-4 * unit).all()
        assert (long.objective - optimum < 0.3 * unit).all()
        assert not long.converged.any()
        assert (long.iterations == 12 * 3).all()  # 300 images: batches of 128, 128, 44

    def test_the_first_step_is_proximal_adam_by_hand(self, case):
        """From 0 Adam moves by lr against the gradient g, the L1 term back by l1 lr / |g|.

        Both on columns over their common spread, where a weight is so many times larger.
        """
        start, l1 = certify(*case, np.zeros((20, 2))), 2e-3
        one = fit_paper(*case, epochs=1, batch=300, lr=1e-3, l1=l1, start=start)
        scores, targets = case
        residual = 1 / (1 + np.exp(-start.intercepts)) - targets
        slope = scores.T @ residual / 300
        back = np.maximum(1 - l1 / np.abs(slope), 0)
        rate = 1e-3 / np.sqrt(scores.var(axis=0, dtype=float).mean())
        np.testing.assert_allclose(one.weights, -rate * np.sign(slope) * back, atol=2e-5)
        assert ((one.weights == 0) == (np.abs(slope) <= l1)).all()
        assert 0 < np.count_nonzero(one.weights) < one.weights.size

    def test_at_the_defaults_it_trains_and_l1_makes_zeros(self, case):
        """Without a rate each class takes the best of the grid, here near the optimum."""
        optimum, reached = fit(*case, l1=3e-3), fit_paper(*case, l1=3e-3)
        unit = certify(*case, np.zeros((20, 2)), l1=3e-3).objective
        each = [fit_paper(*case, l1=3e-3, lr=rate).objective for rate in RATES]
        np.testing.assert_array_equal(reached.objective, np.min(each, axis=0))
        assert (reached.iterations == 30).all()
        assert (reached.objective - optimum.objective < 0.06 * unit).all()
        assert (reached.gap < 0.06).all()
        assert np.count_nonzero(reached.weights) < 36

    def test_the_temperature_divides_both_sides(self, case):
        """Softened, its optimum is that of scores and targets divided by hand."""
        scores, targets = case
        label = np.full(targets.shape, -1)
        both = fit_paper(scores, Tempered(label, targets, 1.0, 4.0), l1=1e-3, lr=1.0, epochs=40)
        optimum = fit(scores / 4, targets, l1=1e-3)
        unit = certify(scores, targets, np.zeros((20, 2))).objective
        assert (np.abs(both.objective - optimum.objective) < 0.05 * unit).all()

    def test_it_goes_on_from_a_start_and_the_same_seed_gives_the_same_bits(self, case):
        start = fit(*case)
        reached = fit_paper(*case, start=start, epochs=1, lr=1e-6)
        np.testing.assert_allclose(reached.weights, start.weights, atol=1e-4)
        np.testing.assert_allclose(reached.intercepts, start.intercepts, atol=1e-4)
        first, second = (fit_paper(*case, epochs=3, lr=0.1) for _ in range(2))
        assert first.weights.tobytes() == second.weights.tobytes()
        assert first.intercepts.tobytes() == second.intercepts.tobytes()
        other = fit_paper(*case, epochs=3, lr=0.1, seed=1)
        assert first.weights.tobytes() != other.weights.tobytes()
        alone = fit_paper(case[0], case[1][:, [1]], epochs=3, lr=0.1)  # each class as if alone
        np.testing.assert_allclose(first.weights[:, 1], alone.weights[:, 0], atol=1e-5)

    def test_bounds_hold_by_projection(self, case):
        lower, upper = np.full((20, 2), -np.inf), np.full((20, 2), np.inf)
        lower[3, 0], upper[4, 1] = 0.123456789, -0.1
        lower[5] = upper[5] = 0.0
        reached = fit_paper(*case, epochs=3, lr=0.1, lower=lower, upper=upper)
        assert (reached.weights >= lower).all()
        assert (reached.weights <= upper).all()
        assert (reached.weights[5] == 0).all()

    @pytest.mark.parametrize("offset", [1e3, -1e5])
    def test_an_offset_of_the_columns_changes_the_intercepts_alone(self, case, offset):
        """Bounds and L1 term included: both are of the weights, which stay."""
        lower, upper = np.full((20, 2), -np.inf), np.full((20, 2), np.inf)
        lower[3, 0], upper[4] = 4.0, 0.5
        given = {"l1": 1e-3, "lr": 0.03, "lower": lower, "upper": upper}
        scores = np.round(case[0].astype(float) * 2**10) / 2**10  # exact with the offset too
        plain, moved = (fit_paper(x, case[1], **given) for x in (scores, scores + offset))
        np.testing.assert_allclose(moved.weights, plain.weights, atol=1e-4)
        np.testing.assert_allclose(moved.objective, plain.objective, atol=1e-6)
        np.testing.assert_allclose(moved.gap, plain.gap, atol=2e-4)

    def test_progress_cancelling_faults_and_the_number_of_threads_that_is_given_back(self, case):
        import torch

        before, seen = torch.get_num_threads(), []
        torch.set_num_threads(before + 1)
        try:
            given = {"epochs": 2, "lr": 0.1}
            fit_paper(*case, **given, progress=lambda share, text: seen.append((share, text)))
            assert torch.get_num_threads() == before + 1
        finally:
            torch.set_num_threads(before)
        assert seen == [(0.5, "epoch 1 of 2"), (1.0, "epoch 2 of 2")]
        with pytest.raises(CancelledError):
            fit_paper(*case, cancelled=lambda: True)
        scores = case[0].copy()
        scores[0] = np.nan
        with pytest.raises(DataError, match="20 of 6000"):
            fit_paper(scores, case[1])
        start = replace(fit(*case), weights=np.full((20, 2), 1e39))  # beyond float32
        with pytest.raises(SolverError, match="diverged"):
            fit_paper(*case, start=start)
