"""Automated thumbs: what they find, what they leave alone, and whose they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays, small_spec, spec_text

from inficond_panel.cli import main
from inficond_panel.errors import CancelledError, TuningError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store, write_store
from inficond_panel.tuning import History, Intent, Tuner, open_tuner
from inficond_panel.tuning.suggest import STRATEGIES, carry_out, suggest

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


def noise(seed: int) -> dict[str, np.ndarray]:
    """Labels by chance: no thumb can help or harm but by luck."""
    arrays = small_arrays(images=400, concepts=CONCEPTS, classes=3, seed=seed)
    rng = np.random.default_rng(1000 + seed)
    arrays["label"] = (rng.random(arrays["label"].shape) < 0.3).astype(np.int8)
    return arrays


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    return tuner_of(tmp_path_factory.mktemp("harmed"), misled(0))


def gain_on(tuner: Tuner, found, split: str) -> float:
    """Mean change of AP over the classes of the scope."""
    node = tuner.preview(tuner.root(), found.intents)
    before, after = tuner.metrics(tuner.root(), split), tuner.metrics(node, split)
    return float(np.mean([after[name].ap - before[name].ap for name in found.scope]))


@pytest.mark.parametrize("seed", range(3))
def test_crossfit_finds_the_concept_that_harms(tmp_path: Path, seed: int) -> None:
    tuner = tuner_of(tmp_path, misled(seed))
    found = suggest(tuner, strategy="crossfit")
    harmful = tuner.store.concepts[HARMFUL]
    thumbs = {i.concept: i.direction for i in found.classes["bicycle"].intents}
    assert thumbs[harmful] in {"down", "remove"}
    assert found.intents[0].class_name == "bicycle"
    assert found.gain.low > 0
    assert gain_on(tuner, found, "holdout") > 0.01
    assert any(reason.startswith(harmful) for reason in found.classes["bicycle"].reasons)


@pytest.mark.slow
def test_crossfit_proposes_nothing_on_noise(tmp_path: Path) -> None:
    """At 5 % errors, 2 or more in 10 stores have a chance of 9 %; the seeds are fixed."""
    proposed = 0
    for seed in range(10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found = suggest(
            tuner_of(folder, noise(seed)),
            strategy="crossfit",
            seed=seed,
            classes=["bicycle", "sheep"],
        )
        proposed += bool(found.intents)
        if not found.intents:
            assert "Nothing is proposed: the lower bound of the mean gain, simultaneous over" in (
                found.summary
            )
            assert found.gain.estimate == 0
    assert proposed <= 1


def test_greedy_is_fooled_by_the_same_noise(tmp_path: Path) -> None:
    tuner = tuner_of(tmp_path, noise(0))
    found = suggest(tuner, strategy="greedy")
    assert len(found.intents) > 3
    assert found.gain.low > 0
    assert found.gain.estimate == pytest.approx(gain_on(tuner, found, "tune"), abs=2e-3)
    assert gain_on(tuner, found, "holdout") < found.gain.low
    assert "too high" in found.measured


@pytest.mark.parametrize("strategy", ["random", "greedy", "crossfit"])
def test_budget_classes_and_seed_are_obeyed(harmed: Tuner, strategy: str) -> None:
    found = suggest(harmed, strategy=strategy, budget=2, seed=3, classes=["bicycle", "sheep"])
    assert 0 < len(found.intents) <= 4
    assert all(len(c.intents) <= 2 for c in found.classes.values())
    assert set(found.classes) <= {"bicycle", "sheep"} == set(found.scope)
    again = suggest(harmed, strategy=strategy, budget=2, seed=3, classes=["sheep", "bicycle"])
    assert again == found
    assert harmed.nodes() == [harmed.root()]


def test_random_differs_by_seed_and_not_by_the_other_classes(harmed: Tuner) -> None:
    one, other = (suggest(harmed, strategy="random", seed=seed) for seed in (0, 1))
    assert one.intents != other.intents
    alone = suggest(harmed, strategy="random", classes=["sheep"])
    assert alone.classes["sheep"].intents == one.classes["sheep"].intents


def test_only_the_given_photos_and_never_the_holdout_are_looked_at(
    tmp_path: Path, harmed: Tuner
) -> None:
    arrays = misled(0)
    rows = np.flatnonzero(arrays["split"] == "tune")[::2]
    rng = np.random.default_rng(0)
    hidden = np.setdiff1d(np.flatnonzero(arrays["split"] != "fit"), rows)
    arrays["label"][hidden] = rng.integers(0, 2, arrays["label"][hidden].shape)
    other = tuner_of(tmp_path, arrays)
    for strategy in STRATEGIES:
        ours = suggest(harmed, strategy=strategy, rows=rows)
        theirs = suggest(other, strategy=strategy, rows=rows)
        assert ours.classes == theirs.classes
    assert harmed.looks("holdout") == 0


def test_the_node_is_the_machines_and_obeys(harmed: Tuner) -> None:
    found = suggest(harmed, strategy="random", budget=1)
    node = carry_out(harmed, found)
    assert node is not None
    assert node.author == "machine:random"
    assert node.note.startswith("By a machine (random, seed 0)")
    assert node.intents == tuple(sorted(found.intents, key=lambda i: i.key))
    assert harmed.head() == harmed.root()
    further = suggest(harmed, node, strategy="random", seed=5, budget=1)
    second = carry_out(harmed, further)
    assert second is not None
    assert second.parent == node.id
    assert set(node.bounds) <= set(second.bounds) | {i.key for i in further.intents}


def test_a_persons_node_stays_theirs(tmp_path: Path) -> None:
    tuner = tuner_of(tmp_path, misled(1))
    found = suggest(tuner, strategy="random", budget=1)
    theirs = tuner.fine_tune(tuner.root(), found.intents)
    node = carry_out(tuner, found)
    assert node == theirs
    assert node is not None
    assert node.author == "user"
    assert node.note == ""


def test_classes_that_cannot_be_measured_are_left_out_and_said(tmp_path: Path) -> None:
    arrays = misled(0)
    tune = np.flatnonzero(arrays["split"] == "tune")
    arrays["label"][tune, 1] = 0
    found = suggest(tuner_of(tmp_path, arrays), strategy="random")
    assert set(found.skipped) == {"tv monitor"}
    assert "0 positive" in found.skipped["tv monitor"]
    assert "tv monitor" not in found.classes


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_labels_of_tune_each_strategy_says_what_it_needs(
    tmp_path: Path, strategy: str
) -> None:
    arrays = misled(0)
    arrays["label"][arrays["split"] == "tune"] = -1
    tuner = tuner_of(tmp_path, arrays)
    found = suggest(tuner, strategy=strategy)
    assert found.intents == ()
    assert set(found.skipped) == set(tuner.store.classes)
    assert "5 photos of tune that are labelled as showing it" in found.summary
    assert "Label photos of tune, or tune by thumbs." in found.summary


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"strategy": "clever"}, "no strategy 'clever'"),
        ({"budget": 0}, "budget is 0"),
        ({"classes": ["bycicle"]}, "no class 'bycicle'.*Did you mean 'bicycle'"),
    ],
)
def test_what_cannot_be_asked(harmed: Tuner, given: dict, message: str) -> None:
    with pytest.raises(TuningError, match=message):
        suggest(harmed, **given)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_cancelled_at_any_call_and_progress_ends_at_one(harmed: Tuner, strategy: str) -> None:
    shares: list[float] = []
    suggest(harmed, strategy=strategy, budget=2, progress=lambda share, _: shares.append(share))
    assert shares[-1] == 1
    assert shares == sorted(shares)
    for last in (0, len(shares) // 2):
        calls = iter([False] * last)
        with pytest.raises(CancelledError):
            suggest(harmed, strategy=strategy, budget=2, cancelled=lambda c=calls: next(c, True))


# -- the command ----------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    status = main([str(argument) for argument in argv])
    return (status, *capsys.readouterr())


def test_command_records_the_machines_node(tmp_path: Path, capsys) -> None:
    spec = small_spec(tmp_path)
    asked = ("suggest", spec, "--strategy", "random", "--budget", 1, "--json")
    status, out, _ = run(capsys, *asked)
    document = json.loads(out)
    assert status == 0
    assert document["author"] == document["suggestion"]["author"] == "machine:random"
    tuner = open_tuner(spec)
    root, node = tuner.nodes()
    assert node.id == document["node"]["id"]
    assert node.author == "machine:random"
    assert document["node"]["intents"] == [i.to_json() for i in node.intents]
    _, again, _ = run(capsys, *asked)
    assert again == out
    assert tuner.head() == root


def test_command_dry_run_records_nothing(tmp_path: Path, capsys) -> None:
    spec = small_spec(tmp_path)
    status, out, _ = run(
        capsys,
        "suggest",
        spec,
        "--strategy",
        "greedy",
        "--budget",
        1,
        "--class",
        "bird",
        "--dry-run",
    )
    assert status == 0
    assert out.startswith("machine:greedy, seed 0, 50 photos of tune")
    assert len(open_tuner(spec).nodes()) == 1


def test_command_tunes_from_a_parent(tmp_path: Path, capsys) -> None:
    spec = small_spec(tmp_path)
    tuner = open_tuner(spec)
    first = tuner.fine_tune(tuner.root(), [Intent("bird", "fur", "remove")])
    _, out, _ = run(capsys, "suggest", spec, "--strategy", "random", "--node", 1, "--json")
    assert json.loads(out)["node"]["parent"] == first.id
    status, _, err = run(capsys, "suggest", spec, "--class", "brid")
    assert status == 1
    assert "Did you mean 'bird'" in err
