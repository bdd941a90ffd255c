"""The report's charts: where bars and ticks lie."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.results.forms import templates
from inficond_panel.study import pages
from inficond_panel.study.pages.charts import (
    diverging,
    median_step,
    stacked,
    ticks,
    tone,
)


def test_a_chart_without_answers_is_left_out() -> None:
    charts = templates(Path(pages.__file__).parent).get_template("charts.html.j2").module
    assert "<svg" not in charts.likert([], {})


@pytest.mark.parametrize(
    ("points", "tones"),
    [
        (2, "low-1 high-1"),
        (4, "low-1 low-2 high-2 high-1"),
        (5, "low-1 low-2 mid high-2 high-1"),
        (8, "low-1 low-1 low-2 low-2 high-2 high-2 high-1 high-1"),
    ],
)
def test_steps_are_toned_from_both_ends(points: int, tones: str) -> None:
    assert [tone(step, points) for step in range(points)] == tones.split()


def test_bars_diverge_from_the_middle() -> None:
    # 2 disagree, 4 are neutral, 4 agree: neutral lies half on each side
    edges = diverging([1, 1, 4, 2, 2])
    assert edges[0][0] == pytest.approx(-0.4)
    assert edges[2] == pytest.approx((-0.2, 0.2))
    assert edges[-1][1] == pytest.approx(0.6)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=11).filter(any))
def test_bars_are_as_long_as_their_shares(counts: list[int]) -> None:
    edges = diverging(counts)
    assert edges[-1][1] - edges[0][0] == pytest.approx(1)
    for (_, end), (start, _) in pairwise(edges):
        assert end == start
    if len(counts) % 2 == 0:
        assert edges[len(counts) // 2][0] == pytest.approx(0)


@pytest.mark.parametrize(("counts", "median"), [([0, 1, 0, 2], 4), ([1, 1], 1.5), ([0, 0, 3], 3)])
def test_median(counts: list[int], median: float) -> None:
    assert median_step(counts) == median


@given(st.floats(-1e4, 0), st.floats(0.001, 1e4))
def test_ticks_are_few_and_reach_from_end_to_end(low: float, high: float) -> None:
    steps = ticks(low, high)
    assert 2 <= len(steps) <= 10
    slack = 1e-6 * (high - low)
    assert steps[0] <= low + slack
    assert steps[-1] >= high - slack


@given(st.lists(st.floats(0, 100), max_size=12))
def test_dots_that_would_cover_each_other_are_stacked(places: list[float]) -> None:
    heights = stacked(places)
    dots = list(zip(places, heights, strict=True))
    for at, (x, y) in enumerate(dots):
        assert 2 <= y <= 18
        for other_x, other_y in dots[:at]:
            assert abs(x - other_x) >= 5 or abs(y - other_y) > 1
