"""Cross-fitting lets no label judge itself; repair mends shifts and leaves the rest alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import spread_shortcut
from spread_shortcut import CONTEXT, shifted_frames

import inficond_panel
from inficond_panel.api.students import TunableStudents
from inficond_panel.cli import main
from inficond_panel.distill import average_precision, decision_function
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.results.comparison import compare
from inficond_panel.results.metrics import chosen_on_tune
from inficond_panel.results.slices import groups, measure_slices
from inficond_panel.tuning import History, Intent, Node, Tuner, read_edits
from inficond_panel.tuning.edits import Balance, Doubt, Label, Lambda
from inficond_panel.tuning.repairs.cross_fit import FOLDS, cross_fitted_logits, steps_to
from inficond_panel.tuning.suggest import carry_out, suggest
from inficond_panel.tuning.suggest.gain import Change, Gain, change, mean_change
from inficond_panel.tuning.suggest.suggestion import proposed_sentence


def students_of(folder: Path, **given: float) -> TunableStudents:
    frames = shifted_frames(**{"seed": 1, **given})
    made = inficond_panel.from_frames(**frames, path=folder / "own.zarr")
    return made.with_settings(lambda_=1e-4).fit()


@pytest.fixture(scope="module")
def students(tmp_path_factory) -> TunableStudents:
    return students_of(tmp_path_factory.mktemp("shifted"))


@pytest.fixture(scope="module")
def repaired(students) -> Node:
    return carry_out(students.tuner, suggest(students.tuner))


def fresh(students) -> Tuner:
    """The same students with a history of their own."""
    return Tuner(students.tuner.store, students.tuner.spec, History(":memory:"))


def ap(tuner: Tuner, node: Node, split: str = "holdout") -> float:
    rows = tuner.store.rows(split)
    return average_precision(tuner.store.label[rows, 0], tuner.logits(node)[rows, 0])


def cross_fitted(tuner: Tuner, node: Node) -> np.ndarray:
    rows = tuner.store.rows("tune")
    return cross_fitted_logits(tuner, node, "truck", steps_to(tuner, node, "truck"), rows)


REPAIRS = (
    Balance("truck", tuple(CONTEXT[:3]), suspects=True),
    Doubt("truck"),
    Lambda("truck"),
    Label("truck", "0802.jpg", 1),
    Label("truck", "0806.jpg", 1),
)


def test_slices_and_groups_of_a_repaired_student_are_cross_fitted(students, repaired) -> None:
    tuner, rows = students.tuner, students.tuner.store.rows("tune")
    label, logits = tuner.store.label[rows, 0], cross_fitted(tuner, repaired)
    odd = np.arange(len(rows)) % 2 == 1
    halves = {"odd": odd, "even": ~odd}
    sliced = measure_slices(tuner, repaired, "tune", halves, draws=2, permutations=20)["truck"]
    grouped, _ = groups(tuner, repaired, "tune", halves, "half", classes=["truck"], draws=2)
    assert sliced.whole == average_precision(label, logits)
    for part in sliced.slices:
        truth = average_precision(label[halves[part.name]], logits[halves[part.name]])
        assert part.metrics["ap"] == pytest.approx(truth)
        assert grouped.loc[("truck", part.name), "ap"] == pytest.approx(truth)


def test_no_photo_is_judged_by_a_student_that_saw_its_label(students, monkeypatch) -> None:
    """Other labels of one fold's photos change the logits of all others, and never its own."""
    tuner, store = students.tuner, students.tuner.store
    node = tuner.fine_tune(tuner.root(), REPAIRS)
    node = tuner.fine_tune(node, [Lambda("truck")])
    rows = store.rows("tune")
    before = cross_fitted(tuner, node)
    folds = stratified_folds(np.asarray(store.label)[rows, :1], FOLDS, 0)
    label = np.array(store.label)
    here = rows[folds == 2]
    # the same numbers of both labels, so that the folds stay the same
    label[here, 0] = np.random.default_rng(1).permutation(label[here, 0])
    monkeypatch.setattr(store, "label", label)
    if not np.array_equal(stratified_folds(label[rows, :1], FOLDS, 0), folds):
        monkeypatch.setattr(
            "inficond_panel.tuning.repairs.cross_fit.stratified_folds", lambda *_: folds
        )
    after = cross_fitted(tuner, node)
    np.testing.assert_array_equal(after[folds == 2], before[folds == 2])
    assert all((after[folds == fold] != before[folds == fold]).any() for fold in (0, 1, 3, 4))


def test_two_iterations_are_compared_by_students_that_did_not_see(students, repaired) -> None:
    tuner = students.tuner
    found, rows = compare(tuner, tuner.root(), repaired, draws=20), tuner.store.rows("tune")
    truth = average_precision(tuner.store.label[rows, 0], cross_fitted(tuner, repaired))
    (item,) = found.classes
    assert item.cross_fitted
    assert item.after.ap == pytest.approx(truth)
    assert item.changes["ap"].estimate == pytest.approx(truth - ap(tuner, tuner.root(), "tune"))
    assert found.mean_ap.estimate == pytest.approx(item.changes["ap"].estimate / 2)
    assert not compare(tuner, tuner.root(), repaired, "holdout", draws=20).classes[0].cross_fitted


def few_labels(students, monkeypatch, positives: int, negatives: int) -> list[int]:
    """Rows of tune that keep their label of truck, the positives first; the others lose it."""
    store = students.tuner.store
    label, rows = np.array(store.label), store.rows("tune")
    kept = [*rows[label[rows, 0] == 1][:positives], *rows[label[rows, 0] == 0][:negatives]]
    label[np.setdiff1d(rows, kept), 0] = -1
    monkeypatch.setattr(store, "label", label)
    return kept


def test_a_balance_that_a_fold_cannot_carry_out_is_left_out_there(students, monkeypatch) -> None:
    tuner = fresh(students)
    node = tuner.fine_tune(tuner.root(), [Balance("truck", tuple(CONTEXT[:2]))])
    monkeypatch.setattr("inficond_panel.tuning.repairs.resolution.LEAST_EFFECTIVE", 1e6)
    plain = tuner.logits(tuner.root())[tuner.store.rows("tune"), 0]
    np.testing.assert_allclose(cross_fitted(tuner, node), plain, atol=0.05)


def test_labels_that_teach_never_judge_however_few(students, monkeypatch) -> None:
    """Too few are left to choose their weight: it is 3, and none judges itself."""
    kept = few_labels(students, monkeypatch, 6, 6)
    tuner, store = fresh(students), students.tuner.store
    taught = [*kept[:3], *kept[6:9]]
    labels = [Label("truck", store.images[row], int(store.label[row, 0])) for row in taught]
    node = tuner.fine_tune(tuner.root(), labels)
    assert chosen_on_tune(tuner, node, "truck") == 6
    rows, found = store.rows("tune"), cross_fitted(tuner, node)
    folds = stratified_folds(store.label[rows, :1], FOLDS, 0)
    for fold in range(FOLDS):
        here = rows[folds == fold]
        others = [one for one, row in zip(labels, taught, strict=True) if row not in here]
        alone = tuner.fine_tune(tuner.root(), others)
        logits = decision_function(store.concept_score[here], alone.weights, alone.intercepts)
        np.testing.assert_allclose(found[folds == fold], logits[:, 0], atol=0.05)


def test_a_mean_gain_is_undefined_on_draws_without_a_positive_of_any_class() -> None:
    first, second = (
        Change(1.0, np.array([1.0, np.nan, np.nan])),
        Change(3.0, np.array([3, 4, np.nan])),
    )
    found = mean_change([first, second])
    np.testing.assert_array_equal(found.draws, [2.0, 4.0, np.nan])


def test_without_repairs_it_is_the_student(students) -> None:
    tuner = students.tuner
    node = tuner.fine_tune(tuner.root(), [Intent("truck", "wheel", "up")])
    rows = tuner.store.rows("tune")
    np.testing.assert_allclose(cross_fitted(tuner, node), tuner.logits(node)[rows, 0], rtol=1e-12)


def test_repair_mends_a_shortcut_that_removing_does_not(students, repaired) -> None:
    """On the holdout, which chose nothing. The shortcut is spread over a dozen concepts."""
    tuner, root = students.tuner, students.tuner.root()
    made = inficond_panel.from_frames(**shifted_frames(bias=0.5, seed=1))
    fair = made.with_settings(lambda_=1e-4).fit().tuner
    lost = ap(fair, fair.root()) - ap(tuner, root)
    first = tuner.fine_tune(root, [Intent("truck", CONTEXT[0], "remove")])
    assert lost > 0.05
    assert ap(tuner, first) - ap(tuner, root) < 0.3 * lost
    assert ap(tuner, repaired) - ap(tuner, root) > 0.8 * lost


def test_the_stated_gain_agrees_with_the_holdout(students, repaired) -> None:
    """By the standard errors of both: other photos, drawn alike."""
    tuner = students.tuner
    found = suggest(tuner).gain_of("truck")
    rows = tuner.store.rows("holdout")
    before, after = (tuner.logits(node)[rows, 0] for node in (tuner.root(), repaired))
    true = change(np.asarray(tuner.store.label)[rows, 0], before, after)
    error = np.hypot((found.high - found.low) / (2 * 1.96), true.error)
    assert abs(found.estimate - true.estimate) < 2.6 * error
    assert found.low > 0


@pytest.mark.parametrize(
    ("lows", "classes", "sentence"),
    [
        ([1.0], 1, "A repair is proposed."),
        ([-1.0], 1, "A repair is proposed (its interval includes 0)."),
        ([1.0, 0.5], 3, "A repair is proposed for 2 of 3 classes, shifted or not."),
        (
            [1.0, -0.5, 0.0],
            4,
            "A repair is proposed for 3 of 4 classes, shifted or not (2 intervals include 0).",
        ),
        (
            [1.0, -0.5],
            4,
            "A repair is proposed for 2 of 4 classes, shifted or not (1 interval includes 0).",
        ),
    ],
)
def test_intervals_that_include_0_are_counted(lows, classes, sentence) -> None:
    assert proposed_sentence([Gain(2.0, low, 3.0) for low in lows], classes) == sentence


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_proposed_where_nothing_is_wrong_does_no_harm(tmp_path: Path, seed: int) -> None:
    tuner = students_of(tmp_path, bias=0.5, seed=seed).tuner
    found = suggest(tuner)
    assert found.summary.startswith("0 of 2 classes show a shift")
    node = carry_out(tuner, found)
    assert node is None or ap(tuner, node) > ap(tuner, tuner.root()) - 0.02


def test_a_path_of_lambda_says_that_its_photos_chose(tmp_path: Path, capsys) -> None:
    students_of(tmp_path)
    store, history = str(tmp_path / "own.zarr"), ["--history", str(tmp_path / "one.sqlite")]
    assert main(["suggest", store, *history]) == 0
    capsys.readouterr()
    for node, chosen in (("0", 0), ("1", 400)):
        given = ["--class", "truck", "--node", node, "--json", *history]
        assert main(["lambda", store, *given]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["chosen_on"] == chosen
        assert ("These images were used for selection" in found["notes"][0]) == bool(chosen)


def test_the_command_records_it_and_the_edits_replay_it(tmp_path: Path, capsys) -> None:
    students_of(tmp_path)
    store, history = str(tmp_path / "own.zarr"), ["--history", str(tmp_path / "one.sqlite")]
    assert main(["suggest", store, "--json", *history]) == 0
    told = json.loads(capsys.readouterr().out)
    asked = told["intents"]
    assert asked[0]["direction"] == "learn"
    out = tmp_path / "export"
    given = ["--format", "sklearn", "--node", "1", "--output", str(out)]
    assert main(["export", store, *given, *history]) == 0
    opened = inficond_panel.open_students(store, history=tmp_path / "one.sqlite")
    edits = read_edits(out / "edits.yaml", opened.tuner.store)
    assert [item.to_json() for item in edits[0]] == asked
    capsys.readouterr()
    again = [
        "--edits",
        str(out / "edits.yaml"),
        "--json",
        "--history",
        str(tmp_path / "two.sqlite"),
    ]
    assert main(["tune", store, *again]) == 0
    replayed = json.loads(capsys.readouterr().out)["iterations"]["rows"][-1]
    assert replayed["id"] == told["node"]
    assert replayed["weights_hash"] == opened.tuner.node(told["node"]).weights_hash


def test_the_example_tells_its_story(capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.argv", ["spread_shortcut.py"])
    spread_shortcut.main()
    lines = [line.rsplit("AP", 1) for line in capsys.readouterr().out.splitlines() if "AP" in line]
    told = {title.strip(): float(value) for title, value in lines}
    lost = told["learned without the shortcut"] - told["untouched"]
    assert lost > 0.1
    assert told["one suspect removed"] - told["untouched"] < 0.2 * lost
    assert told["repaired"] - told["untouched"] > 0.8 * lost
