"""Codes of remarks and the size of a study, against scikit-learn and the noncentral t."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nct, t
from sklearn.metrics import cohen_kappa_score
from studies import Person, small_study

from inficond_panel.commands.study.command import _MEASURES
from inficond_panel.errors import StudyError
from inficond_panel.results.forms import csv_text
from inficond_panel.study.results.remarks import CODERS, agreement, read_codes, remarks_table
from inficond_panel.study.results.results import Result
from inficond_panel.study.results.sample_size import deviations, sample_sizes
from inficond_panel.study.results.study_tables import MEASURES


def coded(first: list[str], second: list[str]) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(CODERS, (first, second), strict=True)))


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    first = random.choice(["search", "trust", "doubt"], 40, p=[0.6, 0.3, 0.1])
    second = np.where(random.random(40) < 0.7, first, random.choice(["search", "trust"], 40))
    frame = agreement(coded([*first], [*second]))
    facts = frame.attrs["facts"]
    assert facts["kappa"] == pytest.approx(cohen_kappa_score(first, second))
    assert facts["kappa_low"] < facts["kappa"] < facts["kappa_high"]
    assert frame["coder_1"].sum() == frame["coder_2"].sum() == 40
    assert frame["both"].sum() == (first == second).sum()


def test_who_always_says_one_thing_has_no_kappa() -> None:
    assert np.isnan(agreement(coded(["a"] * 9, ["a"] * 9)).attrs["facts"]["kappa"])


def test_remarks_are_written_filled_in_and_read(tmp_path: Path, monkeypatch) -> None:
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
def test_the_power_is_that_of_the_t_test_where_people_are_normal(within: bool) -> None:
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


def test_a_pilot_of_few_is_not_taken_for_certain() -> None:
    pilot = [result(at, "a", minutes) for at, minutes in enumerate((4.0, 6.0, 5.0))]
    assert deviations(pilot, "minutes", within=False).var() == pytest.approx(1)
    with pytest.raises(StudyError, match="Too few"):
        deviations(pilot[:2], "minutes", within=False)
    with pytest.raises(StudyError, match="Too few"):
        deviations(pilot, "minutes", within=True)


def test_the_command_offers_what_the_tables_measure() -> None:
    assert list(MEASURES) == _MEASURES
