"""The paper's recipe: seeded, projected, certified."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from inficond_panel.distill import certify, fit, fit_paper, soft_targets
from inficond_panel.errors import CancelledError, DataError, MissingExtraError, SolverError


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


@pytest.mark.parametrize("change", [{"epochs": 0}, {"batch": 0}, {"lr": 0.0}])
def test_settings_without_sense_are_refused(case, change):
    with pytest.raises(SolverError, match="Cannot train"):
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
            assert (reached.gap * unit >= reached.objective - optimum - 1e-12).all()
        assert (long.objective - optimum < 0.3 * unit).all()
        assert not long.converged.any()
        assert (long.iterations == 12 * 3).all()  # 300 images: batches of 128, 128, 44

    def test_the_first_step_is_adam_by_hand(self, case):
        """After one step of Adam from 0, each coefficient moved by lr against its gradient."""
        start = certify(*case, np.zeros((20, 2)))
        one = fit_paper(*case, epochs=1, batch=300, lr=1e-3, start=start)
        scores, targets = case
        residual = 1 / (1 + np.exp(-start.intercepts)) - targets
        slope = scores.T @ residual / 300  # at w = 0 torch takes 0 of the L1 term's slopes
        moved = -1e-3 * slope / (np.abs(slope) + 1e-8)
        np.testing.assert_allclose(one.weights, moved, rtol=1e-3)

    def test_same_seed_same_bits(self, case):
        first, second = fit_paper(*case, epochs=3), fit_paper(*case, epochs=3)
        assert first.weights.tobytes() == second.weights.tobytes()
        assert first.intercepts.tobytes() == second.intercepts.tobytes()
        assert first.weights.tobytes() != fit_paper(*case, epochs=3, seed=1).weights.tobytes()

    def test_bounds_hold_by_projection(self, case):
        lower, upper = np.full((20, 2), -np.inf), np.full((20, 2), np.inf)
        lower[3, 0], upper[4, 1] = 0.123456789, -0.1
        lower[5] = upper[5] = 0.0
        reached = fit_paper(*case, epochs=3, lr=0.1, lower=lower, upper=upper)
        assert (reached.weights >= lower).all()
        assert (reached.weights <= upper).all()
        assert (reached.weights[5] == 0).all()

    def test_goes_on_from_a_start(self, case):
        start = fit(*case)
        reached = fit_paper(*case, start=start, epochs=1, lr=1e-6)
        np.testing.assert_allclose(reached.weights, start.weights, atol=1e-4)
        np.testing.assert_allclose(reached.intercepts, start.intercepts, atol=1e-4)

    def test_classes_train_as_if_each_were_alone(self, case):
        start = certify(*case, np.zeros((20, 2)))
        alone = certify(case[0], case[1][:, [1]], np.zeros((20, 1)))
        together = fit_paper(*case, epochs=2, start=start)
        single = fit_paper(case[0], case[1][:, [1]], epochs=2, start=alone)
        # the start draws differ in number, so the batches do: same step sizes, same region
        np.testing.assert_allclose(together.weights[:, 1], single.weights[:, 0], atol=5e-3)

    def test_progress_and_cancel(self, case):
        seen = []
        fit_paper(*case, epochs=2, progress=lambda share, text: seen.append((share, text)))
        assert seen == [(0.5, "epoch 1 of 2"), (1.0, "epoch 2 of 2")]
        with pytest.raises(CancelledError):
            fit_paper(*case, cancelled=lambda: True)

    def test_bad_input_is_refused_as_in_fit(self, case):
        scores = case[0].copy()
        scores[0] = np.nan
        with pytest.raises(DataError, match="20 of 6000"):
            fit_paper(scores, case[1])

    def test_divergence_is_said(self, case):
        start = replace(fit(*case), weights=np.full((20, 2), 1e39))  # beyond float32
        with pytest.raises(SolverError, match="diverged"):
            fit_paper(*case, start=start)

    def test_the_number_of_threads_is_given_back(self, case):
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(before + 1)
        try:
            fit_paper(*case, epochs=1)
            assert torch.get_num_threads() == before + 1
        finally:
            torch.set_num_threads(before)
