"""Students that learn from the oracle's logits; metrics compare with the teacher all the same."""

from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, SPEC, small_arrays
from scipy.special import expit

from inficond_panel import distill
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.store import Store, open_store, write_store
from inficond_panel.tuning import History, Tuner

TEACHER = "{kind: torchscript, path: t.pt, preprocessing: {size: [8, 8], mean: [0, 0, 0], std: [1, 1, 1]}, oracle: {}}"  # fmt: skip  # noqa: E501


def tuner(store: Store, folder: Path, students: str) -> Tuner:
    before = SPEC[SPEC.index("teacher:") :].splitlines()[0]
    text = SPEC.replace(before, f"teacher: {TEACHER}")
    (folder / "small.yaml").write_text(f"{text}students: {students}\n")
    return Tuner(store, load_spec(folder / "small.yaml", check_files=False), History(":memory:"))


@pytest.fixture
def both(tmp_path: Path) -> Store:
    """A store with the oracle's logits, which are nan outside of fit."""
    arrays = small_arrays()
    arrays["label"] = np.maximum(arrays["label"], 0)
    sharper = arrays["teacher_logit"] + 3 * (2.0 * arrays["label"] - 1)
    arrays["oracle_logit"] = np.where((arrays["split"] == "fit")[:, None], sharper, np.nan)
    write_store(tmp_path / "both.zarr", arrays, ATTRS)
    return open_store(tmp_path / "both.zarr")


@pytest.mark.parametrize("alpha", [None, 2.0])
def test_the_oracles_logits_are_learned(both, tmp_path, alpha):
    mixed = f", labels: {{alpha: {alpha}}}" if alpha else ""
    found = tuner(both, tmp_path, f"{{lambda: 1e-4, targets: oracle, temperature: 2{mixed}}}")
    rows = both.rows("fit")
    target, label = expit(both.oracle_logit[rows].astype(float) / 2), both.label[rows]
    penalty = 1e-4
    if alpha:
        target, penalty = (label + alpha * target) / (1 + alpha), penalty / (1 + alpha)
    expected = distill.fit(both.concept_score[rows], target, l1=penalty, tolerance=1e-6)
    np.testing.assert_allclose(found.root().weights, expected.weights, atol=1e-4)


def test_a_store_without_them_is_told(store, tmp_path):
    with pytest.raises(DataError, match="has no oracle logits") as told:
        tuner(store, tmp_path, "{targets: oracle}").root()
    assert "teacher.oracle" in told.value.remedy
