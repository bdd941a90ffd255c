"""Differences of a metric between groups that have unlike shares of positives."""

import numpy as np
import pandas as pd
import pytest

from inficond_panel import from_frames

pytestmark = pytest.mark.commands


def of_two_ages(young: float, old: float):
    """Students of 1,200 people, half of whom are old, with these shares of positives."""
    rng = np.random.default_rng(0)
    ids = [f"p{i}" for i in range(1200)]
    age = np.array(["young", "old"])[np.arange(1200) % 2]
    ill = rng.random(1200) < np.where(age == "old", old, young)
    score = ill + rng.normal(size=1200)
    scores = pd.DataFrame({"fever": score, "cough": rng.normal(size=1200)}, ids)
    logits = pd.DataFrame({"flu": 2 * score - 1 + rng.normal(size=1200)}, ids)
    split = pd.Series(np.repeat(["fit", "tune", "holdout"], 400), ids)
    labels = pd.DataFrame({"flu": ill.astype(float)}, ids)
    metadata = pd.DataFrame({"age": age}, ids)
    return from_frames(scores, logits, labels, split=split, metadata=metadata).fit()


def notes(frame: pd.DataFrame) -> str:
    return " ".join(frame.attrs["notes"])


def test_unlike_shares_of_positives_are_told_with_a_difference_of_ap():
    told = notes(of_two_ages(0.1, 0.5).group_gaps("age"))
    assert "AP rises with the share of positives" in told


def test_like_shares_of_positives_are_not_told():
    assert "share of positives" not in notes(of_two_ages(0.3, 0.3).group_gaps("age"))
