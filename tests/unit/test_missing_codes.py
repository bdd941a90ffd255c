"""Values of a table that may stand for what is missing."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.store.missing_codes import code_warning

RNG = np.random.default_rng(0)
LEVEL = RNG.normal(13.5, 1.5, 400)


def with_code(code: float, rows: int = 20) -> np.ndarray:
    """Levels of which some are the code."""
    values = LEVEL.copy()
    values[:rows] = code
    return values[:, None]


@pytest.mark.parametrize("code", [999.0, 0.0, -1.0])
def test_a_value_far_from_all_others_is_asked_about(code):
    assert f"'Hb' is exactly {code:.0f} in 20 rows".replace("-", "−") in code_warning(
        with_code(code), ["Hb"]
    )


def test_the_range_of_the_other_values_is_told():
    rest = LEVEL[20:]
    low, high = f"{rest.min():.3g}", f"{rest.max():.3g}"
    assert f"and {low} to {high} in all others" in code_warning(with_code(999.0), ["Hb"])


def test_it_is_asked_about_after_standardising_too():
    values = with_code(999.0)
    assert code_warning((values - values.mean()) / values.std(), ["Hb"])


@pytest.mark.parametrize(
    "values",
    [
        LEVEL,
        RNG.poisson(2.0, 400),  # many zeros that are numbers
        np.maximum(0, RNG.normal(0.5, 1, 400)),
        RNG.random(400) < 0.1,  # yes and no
        np.append(LEVEL[:-1], 999.0),  # one row alone
        np.full(400, 3.0),
    ],
    ids=["plain", "counts", "cut at 0", "binary", "single", "constant"],
)
def test_other_columns_are_not(values):
    assert code_warning(np.asarray(values, dtype=float)[:, None], ["Hb"]) == ""


def test_the_doctor_asks_first(tmp_path):
    ids = [f"{at:03d}" for at in range(400)]
    scores = pd.DataFrame({"Hb": with_code(999.0)[:, 0], "K": RNG.normal(size=400)}, ids)
    label = (LEVEL < 12.5).astype(int)
    students = inficond_panel.from_frames(
        scores,
        pd.DataFrame({"low": 4.0 * label - 2}, ids),
        pd.DataFrame({"low": label}, ids),
        split=pd.Series(np.repeat(["fit", "tune"], 200), ids),
        path=tmp_path / "own.zarr",
    )
    first = students.fit().doctor()["findings"].iloc[0]
    assert first["kind"] == "codes for missing values?"
    assert first["remedy"].startswith("If it is none, put the median")
