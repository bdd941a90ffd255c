"""The exact solver against scipy and scikit-learn."""

import numpy as np
import pytest
from problems import lbfgs_reference, random_case

from inficond_panel.distill import certify, fit


@pytest.mark.parametrize("seed", range(300))
def test_random_problem_reaches_the_reference(seed):
    case = random_case(seed)
    answer = fit(**case, tolerance=1e-9)
    optimum, unit = lbfgs_reference(case)
    assert answer.converged.all(), answer
    assert (answer.objective <= optimum + 1e-8 * unit).all()
