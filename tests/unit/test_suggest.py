"""Repairs by a machine: what they see, what they ask, and whose they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays, spec_text

from inficond_panel.errors import CancelledError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store, write_store
from inficond_panel.tuning import History, Tuner
from inficond_panel.tuning.suggest import carry_out, suggest

CONCEPTS = 24
HARMFUL = 11


def tuner_of(folder: Path, arrays: dict[str, np.ndarray]) -> Tuner:
    write_store(folder / "small.zarr", arrays, {**ATTRS, "title": "Small"})
    spec = folder / "small.yaml"
    spec.write_text(spec_text())
    return Tuner(
        open_store(folder / "small.zarr"), load_spec(spec, check_files=False), History(":memory:")
    )


def misled(seed: int) -> dict[str, np.ndarray]:
    """A teacher that takes concept HARMFUL for the first class; the labels do not.

    The concepts are independent: none can take the place of another.
    """
    arrays = small_arrays(images=800, concepts=CONCEPTS, classes=3, seed=seed)
    rng = np.random.default_rng(seed)
    score = rng.random((800, CONCEPTS)) * (rng.random((800, CONCEPTS)) < 0.3)
    truth = 6.0 * score[:, 0:6:2] + 4.0 * score[:, 1:6:2] - 2.0
    arrays["concept_score"] = score.astype(np.float32)
    arrays["label"] = (rng.random((800, 3)) < 1 / (1 + np.exp(-truth))).astype(np.int8)
    arrays["teacher_logit"] = truth.astype(np.float32)
    arrays["teacher_logit"][:, 0] += 6.0 * arrays["concept_score"][:, HARMFUL]
    return arrays


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    return tuner_of(tmp_path_factory.mktemp("harmed"), misled(0))


def test_only_the_given_photos_and_never_the_holdout_are_looked_at(
    tmp_path: Path, harmed: Tuner
) -> None:
    arrays = misled(0)
    rows = np.flatnonzero(arrays["split"] == "tune")[::2]
    rng = np.random.default_rng(0)
    hidden = np.setdiff1d(np.flatnonzero(arrays["split"] != "fit"), rows)
    arrays["label"][hidden] = rng.integers(0, 2, arrays["label"][hidden].shape)
    other = tuner_of(tmp_path, arrays)
    ours, theirs = (suggest(tuner, rows=rows, classes=["bicycle"]) for tuner in (harmed, other))
    assert ours.repairs["bicycle"].levers == theirs.repairs["bicycle"].levers
    assert ours.images == len(rows)
    assert harmed.looks("holdout") == 0


def test_a_persons_node_stays_theirs(tmp_path: Path) -> None:
    tuner = tuner_of(tmp_path, misled(1))
    found = suggest(tuner, classes=["bicycle"])
    theirs = tuner.fine_tune(tuner.root(), found.intents)
    node = carry_out(tuner, found)
    assert node == theirs
    assert node is not None
    assert node.author == "user"
    assert node.note == ""


def test_without_labels_of_tune_it_says_what_it_needs(tmp_path: Path) -> None:
    arrays = misled(0)
    arrays["label"][arrays["split"] == "tune"] = -1
    tuner = tuner_of(tmp_path, arrays)
    found = suggest(tuner)
    assert found.intents == ()
    assert set(found.skipped) == set(tuner.store.classes)
    assert "5 photos of tune that are labelled as showing it" in found.summary
    assert "Label photos of tune, or tune by thumbs." in found.summary


def test_cancelled_at_any_call_and_progress_ends_at_one(harmed: Tuner) -> None:
    shares: list[float] = []
    suggest(harmed, progress=lambda share, _: shares.append(share))
    assert shares[-1] == 1
    assert shares == sorted(shares)
    for last in (0, len(shares) // 2):
        calls = iter([False] * last)
        with pytest.raises(CancelledError):
            suggest(harmed, cancelled=lambda c=calls: next(c, True))
