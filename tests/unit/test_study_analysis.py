"""Codes of remarks, the size of a study, and where the report's charts have bars and ticks."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nct, t
from sklearn.metrics import cohen_kappa_score
from studies import Person, small_study

from inficond_panel.commands.study.command import _MEASURES
from inficond_panel.errors import StudyError
from inficond_panel.results.forms import csv_text, templates
from inficond_panel.study import pages
from inficond_panel.study.pages import charts
from inficond_panel.study.results.remarks import CODERS, agreement, read_codes, remarks_table
from inficond_panel.study.results.results import MEASURES, Result
from inficond_panel.study.results.sample_size import deviations, sample_sizes


def coded(first: list[str], second: list[str]) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(CODERS, (first, second), strict=True)))


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed):
    random = np.random.default_rng(seed)
    first = random.choice(["search", "trust", "doubt"], 40, p=[0.6, 0.3, 0.1])
    second = np.where(random.random(40) < 0.7, first, random.choice(["search", "trust"], 40))
    frame = agreement(coded([*first], [*second]))
    facts = frame.attrs["facts"]
    assert facts["kappa"] == pytest.approx(cohen_kappa_score(first, second))
    assert facts["kappa_low"] < facts["kappa"] < facts["kappa_high"]
    assert frame["coder_1"].sum() == frame["coder_2"].sum() == 40
    assert frame["both"].sum() == (first == second).sum()


def test_who_always_says_one_thing_has_no_kappa():
    assert np.isnan(agreement(coded(["a"] * 9, ["a"] * 9)).attrs["facts"]["kappa"])


def test_remarks_are_written_filled_in_and_read(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    person = Person(study, monkeypatch)
    person.answers(1, "questionnaire-1", q1=4, remarks='-3 of them, "odd"')
    study.log.remark(1, "bicycle", "looks at the map")
    table = remarks_table(study)
    assert table["remark"].tolist() == ['-3 of them, "odd"', "looks at the map"]
    file = tmp_path / "remarks.csv"
    filled = table.assign(coder_1=["odd ", "map"], coder_2=["odd", ""])
    file.write_text(csv_text(filled))
    assert read_codes(file).to_numpy().tolist() == [["odd", "odd"]]
    for text in ("remark,coder_1\nx,y\n", csv_text(table), ""):
        file.write_text(text)
        with pytest.raises(StudyError):
            read_codes(file)


def result(who: int, condition: str, minutes: float) -> Result:
    unused = dict.fromkeys(("thumbs", "ap_start", "ap_end", "teacher_ap"), np.nan)
    return Result(f"P{who}", "task", condition, 1, "done", minutes, iterations=1, undos=0, **unused)


def power(size: int, effect: float, *, within: bool) -> float:
    """Power of the two-sided t-test of equal variances (Cohen 1988)."""
    free = size - 1 if within else 2 * size - 2
    shift, limit = effect * np.sqrt(size if within else size / 2), t.ppf(0.975, free)
    return float(nct.sf(limit, free, shift) + nct.cdf(-limit, free, shift))


@pytest.mark.parametrize("within", [False, True])
def test_the_power_is_that_of_the_t_test_where_people_are_normal(within):
    random = np.random.default_rng(3)
    times = random.normal(5, 1, (2, 4000))
    pilot = [result(at % 4000, "ab"[at // 4000], value) for at, value in enumerate(times.ravel())]
    spread = deviations(pilot, "minutes", within=within)
    deviation = np.sqrt(2) if within else 1
    assert spread.std() == pytest.approx(deviation, rel=0.03)
    frame = sample_sizes(spread, 0.8, within=within)
    for size in (8, 20, 40):
        expected = power(size, 0.8 / deviation, within=within)
        assert frame.loc[size, "power"] == pytest.approx(expected, abs=0.04)
    assert frame.attrs["facts"]["enough"] == 32


def test_a_pilot_of_few_is_not_certain_and_the_command_offers_what_the_tables_measure():
    pilot = [result(at, "a", minutes) for at, minutes in enumerate((4.0, 6.0, 5.0))]
    assert deviations(pilot, "minutes", within=False).var() == pytest.approx(1)
    with pytest.raises(StudyError, match="Too few"):
        deviations(pilot[:2], "minutes", within=False)
    with pytest.raises(StudyError, match="Too few"):
        deviations(pilot, "minutes", within=True)
    assert list(MEASURES) == _MEASURES


def test_a_chart_without_answers_is_left_out_and_bars_diverge_from_the_middle():
    template = templates(Path(pages.__file__).parent).get_template("charts.html.j2").module
    assert "<svg" not in template.likert([], {})
    assert charts.sequence_chart([("P01 bicycle", 0.0, [])]) == {}
    # 2 disagree, 4 are neutral, 4 agree: neutral lies half on each side
    edges = charts.diverging([1, 1, 4, 2, 2])
    assert edges[0][0] == pytest.approx(-0.4)
    assert edges[2] == pytest.approx((-0.2, 0.2))
    assert edges[-1][1] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("points", "tones"),
    [
        (2, "low-1 high-1"),
        (4, "low-1 low-2 high-2 high-1"),
        (5, "low-1 low-2 mid high-2 high-1"),
        (8, "low-1 low-1 low-2 low-2 high-2 high-2 high-1 high-1"),
    ],
)
def test_steps_are_toned_from_both_ends(points, tones):
    assert [charts.tone(step, points) for step in range(points)] == tones.split()


@given(st.lists(st.integers(0, 20), min_size=2, max_size=11).filter(any))
def test_bars_are_as_long_as_their_shares(counts):
    edges = charts.diverging(counts)
    assert edges[-1][1] - edges[0][0] == pytest.approx(1)
    for (_, end), (start, _) in pairwise(edges):
        assert end == start
    if len(counts) % 2 == 0:
        assert edges[len(counts) // 2][0] == pytest.approx(0)


@pytest.mark.parametrize(("counts", "median"), [([0, 1, 0, 2], 4), ([1, 1], 1.5), ([0, 0, 3], 3)])
def test_median(counts, median):
    (row,) = charts.likert_chart([("q", [0, 0]), ("r", counts)])["rows"]
    assert row["words"] == f"n {sum(counts)}, median {median:g}"


@given(st.floats(-1e4, 0), st.floats(0.001, 1e4))
def test_ticks_are_few_and_reach_from_end_to_end(low, high):
    steps = charts.ticks(low, high)
    assert 2 <= len(steps) <= 10
    slack = 1e-6 * (high - low)
    assert steps[0] <= low + slack
    assert steps[-1] >= high - slack


@given(st.lists(st.floats(0, 100), max_size=12))
def test_dots_that_would_cover_each_other_are_stacked(places):
    heights = charts.stacked(places)
    dots = list(zip(places, heights, strict=True))
    for at, (x, y) in enumerate(dots):
        assert 2 <= y <= 18
        for other_x, other_y in dots[:at]:
            assert abs(x - other_x) >= 5 or abs(y - other_y) > 1
