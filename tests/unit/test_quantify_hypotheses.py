"""The table of the three hypotheses: its figures, intervals and verdicts."""

import itertools

import numpy as np
import pytest

from inficond_panel.quantify.hypotheses import Followed, hypotheses, image_figures

N, H, W = 40, 6, 8


def masks():
    found = np.zeros((N, H, W), bool)
    found[:, 2:4, 2:6] = True
    return found


def followed(share, steps=3, seed=0):
    """A network whose foreground points are the given share, at each of some checkpoints."""
    rng = np.random.default_rng(seed)
    inside = rng.random((N, H, W)) < share
    maps = np.where(masks() & inside, 1.0, -1.0)
    later = np.arange(steps)[::-1]
    return Followed(np.stack([maps - gap for gap in later]), np.arange(1.0, steps + 1))


def test_figures_of_an_image_by_hand():
    maps = np.full((2, 1, 2, 3), -1.0)
    mask = np.array([[[True, True, False], [False, False, False]]])
    maps[0, 0, 0, :2] = 1  # both foreground pixels at the first checkpoint
    maps[1, 0, 0, 1] = maps[1, 0, 1, 1] = 1  # one of them at the last, and one of the background
    found = image_figures(Followed(maps, np.array([0.25, 0.75])), mask)
    assert {name: value[0] for name, value in found.items()} == {
        "foreground": 1, "background": 1, "ratio": 0.5, "learned_at": 0.25, "kept_share": 0.5,
    }  # fmt: skip


def test_a_student_that_knows_more_is_as_the_hypothesis_says():
    rows = hypotheses({"student": [followed(0.8)], "baseline": [followed(0.3, seed=1)]}, masks())
    row = {row.figure.name: row for row in rows}
    assert row["N_fg"].verdict == "as said"
    assert row["N_fg"].values["student"].estimate == pytest.approx(6.4, abs=0.7)
    assert row["foreground_ratio"].verdict == "unchanged"  # 1 for both
    assert row["N_bg"].verdict == ""
    swapped = hypotheses({"student": [followed(0.3)], "baseline": [followed(0.8, seed=1)]}, masks())
    assert swapped[0].verdict == "opposite"


def test_the_teacher_has_no_figures_over_checkpoints_and_no_part_in_the_difference():
    networks = {
        "teacher": [followed(0.9, steps=1)], "student": [followed(0.8)], "baseline": [followed(0.7)]
    }  # fmt: skip
    rows = hypotheses(networks, masks())
    assert [row.figure.name for row in rows if "teacher" in row.values] == [
        "N_fg", "N_bg", "foreground_ratio",
    ]  # fmt: skip
    del networks["teacher"]
    alone = hypotheses(networks, masks())
    assert [row.difference for row in alone] == [row.difference for row in rows]


def test_intervals_hold_the_true_mean_about_as_often_as_they_say():
    """Of 150 samples of images, some 95 % of the intervals of N_fg hold its expectation."""
    held = 0
    for seed in range(150):
        one = followed(0.5, steps=1, seed=seed)
        row = hypotheses({"student": [one], "baseline": [one]}, masks(), draws=300)[0]
        held += row.values["student"].low <= 4 <= row.values["student"].high
    assert 0.88 <= held / 150 <= 0.99


def test_what_is_undefined_is_left_out_and_counted():
    nothing = Followed(np.full((2, N, H, W), -1.0), np.array([1.0, 2.0]))
    rows = hypotheses({"student": [nothing], "baseline": [followed(0.5)]}, masks())
    row = {row.figure.name: row for row in rows}
    assert row["N_fg"].values["student"].estimate == 0
    for name in ("foreground_ratio", "D_mean", "rho"):
        assert row[name].left_out["student"] == N
        assert row[name].verdict == "undefined"
        assert np.isnan(row[name].values["student"].estimate)


def test_from_three_trainings_on_the_intervals_are_over_them_too():
    """Trainings of 2, 4 and 6 points an image: the mean of three draws of them, by enumeration."""
    levels = (0.25, 0.5, 0.75)

    def even(share):  # the same number of points in each image: only trainings differ
        maps = np.full((1, N, H, W), -1.0)
        inside = np.argwhere(masks()[0])[: round(share * 8)]
        maps[:, :, inside[:, 0], inside[:, 1]] = 1.0
        return Followed(maps, np.array([1.0]))

    student, baseline = [even(s) for s in levels], [even(0.5)] * 3
    assert masks().sum() == 8 * N
    row = hypotheses({"student": student, "baseline": baseline}, masks(), draws=4000)[0]
    found = row.values["student"]
    assert found.estimate == pytest.approx(4)
    means = sorted(np.mean(each) for each in itertools.product((2, 4, 6), repeat=3))
    low, high = np.quantile(means, [0.025, 0.975], method="inverted_cdf")
    assert (found.low, found.high) == pytest.approx((low, high))
    two = hypotheses({"student": student[:2], "baseline": baseline[:2]}, masks())[0]
    assert two.values["student"].low == two.values["student"].high == pytest.approx(3)
    assert row.difference.estimate == pytest.approx(0)
