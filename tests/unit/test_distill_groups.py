"""Groups: values by hand and against the images alone; intervals by their coverage."""

import numpy as np
import pytest

from inficond_panel.distill import Outcome, compare_groups, label_groups, slices_by

#: Ten images on land and six on water; -1 is ignored. Decided right: land 3 of 4 present and
#: 5 of 5 absent, water 1 of 3 present and 2 of 2 absent.
PLACE = ["land"] * 10 + ["water"] * 6
LABEL = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, -1, 1, 1, 1, 0, 0, -1])
LOGIT = np.array([2, 2, 2, -1, -2, -2, -2, -2, -2, 5, 1, -1, -3, -2, -2, 5.0])


def by_hand(**options):
    outcome, masks = Outcome(LABEL, LOGIT, -LOGIT > 0), slices_by(PLACE)
    return outcome, masks, {"min_images": 1, "min_positives": 1, "draws": 50, **options}


def test_groups_by_hand():
    outcome, masks, options = by_hand()
    report = compare_groups(outcome, masks, ("accuracy", "recall", "brier"), **options)
    assert [(group.name, group.n, group.positives) for group in report.groups] == [
        ("land", 9, 4), ("water", 5, 3)
    ]  # fmt: skip
    land, water = report.groups
    assert land.metrics["accuracy"].estimate == pytest.approx(8 / 9)
    assert water.metrics["accuracy"].estimate == pytest.approx(3 / 5)
    gap = report.gaps["accuracy"]
    assert (gap.worst, gap.best) == (water, land)
    assert gap.difference.estimate == pytest.approx(8 / 9 - 3 / 5)
    assert report.gaps["recall"].difference.estimate == pytest.approx(3 / 4 - 1 / 3)
    brier = report.gaps["brier"]  # the largest error is the worst
    assert brier.worst.metrics["brier"].estimate > brier.best.metrics["brier"].estimate
    assert brier.difference.estimate > 0


def test_cells_of_label_and_group_by_hand():
    outcome, masks, options = by_hand()
    cells = label_groups(outcome, masks)
    report = compare_groups(outcome, cells, ("accuracy",), **options)
    found = {group.name: (group.n, group.metrics["accuracy"].estimate) for group in report.groups}
    assert found == {
        "present · land": (4, 3 / 4),
        "absent · land": (5, 1.0),
        "present · water": (3, pytest.approx(1 / 3)),
        "absent · water": (2, 1.0),
    }
    assert report.gaps["accuracy"].worst.name == "present · water"
    assert report.gaps["accuracy"].difference.estimate == pytest.approx(2 / 3)
    none_absent = label_groups(Outcome(np.ones(16), LOGIT), masks)
    assert list(none_absent) == ["present · land", "present · water"]


def test_small_groups_are_shown_and_never_the_worst():
    outcome, masks, options = by_hand(min_images=6)
    report = compare_groups(outcome, masks, ("accuracy", "ap"), **options)
    assert report.groups[1].small == dict.fromkeys(("accuracy", "ap"), "fewer than 6 images")
    assert report.gaps == {}
    few = compare_groups(
        outcome, masks, ("accuracy", "ap"), **{**options, "min_images": 1, "min_positives": 4}
    )
    assert few.groups[1].small == {"ap": "fewer than 4 positives"}
    assert list(few.gaps) == ["accuracy"]


def case(seed, sizes, shares):
    """Groups of ``sizes`` images, each decided right with the chance in ``shares``."""
    rng = np.random.default_rng(seed)
    place = np.repeat([f"g{i}" for i in range(len(sizes))], sizes)
    label = rng.integers(0, 2, len(place))
    right = rng.random(len(place)) < np.repeat(shares, sizes)
    return place, Outcome(label, np.where(right, 1.0, -1.0) * (2 * label - 1))


@pytest.mark.parametrize(
    ("sizes", "shares"),
    [
        ((100, 100, 40, 40), (0.9, 0.85, 0.7, 0.75)),
        ((60,) * 10, (0.8,) * 10),
    ],
)
def test_the_interval_of_the_difference_holds_though_its_groups_are_picked(sizes, shares):
    truth, held = max(shares) - min(shares), []
    for seed in range(120):
        place, outcome = case(seed, sizes, shares)
        found = compare_groups(outcome, slices_by(place), ("accuracy",)).gaps["accuracy"].difference
        held.append(found.low - 1e-12 <= truth <= found.high + 1e-12)
    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 120)
