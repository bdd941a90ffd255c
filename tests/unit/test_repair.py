"""Cross-fitting lets no label judge itself; repair mends shifts and leaves the rest alone; what a
machine sees, what it asks for, and whose it is."""

import json
from math import nan
from pathlib import Path

import numpy as np
import pytest
import spread_shortcut
from factory import small_arrays
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from spread_shortcut import CONTEXT
from suggest_parts.gains import change
from tuners import afresh, shifted_store, tuner_of

import inficond_panel
from inficond_panel.distill import average_precision, decision_function, fit
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.errors import CancelledError
from inficond_panel.results.comparison import compare, comparison_frames
from inficond_panel.results.groups import groups
from inficond_panel.results.metrics import chosen_on_tune
from inficond_panel.results.slices import measure_slices
from inficond_panel.tuning import Intent, Node, Tuner, read_edits
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty
from inficond_panel.tuning.repairs.cross_fit import FOLDS, cross_fitted_logits, steps_to
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.reweight import Reweight
from inficond_panel.tuning.suggest import carry_out, suggest
from inficond_panel.tuning.suggest.gain import Change, Gain, mean_change
from inficond_panel.tuning.suggest.suggestion import proposed_sentence
from inficond_panel.tuning.suggest.teaching import image_moves

pytestmark = pytest.mark.commands

L1 = 1e-3


def tuner_in(folder: Path, **given: float) -> Tuner:
    students = inficond_panel.open_students(shifted_store(folder, **given), history=":memory:")
    return students.with_settings(lambda_=1e-4).fit().tuner


@pytest.fixture(scope="module")
def tuner(tmp_path_factory) -> Tuner:
    return tuner_in(tmp_path_factory.mktemp("shifted"))


@pytest.fixture(scope="module")
def repaired(tuner) -> Node:
    return carry_out(tuner, suggest(tuner))


def ap(tuner: Tuner, node: Node, split: str = "holdout") -> float:
    rows = tuner.store.rows(split)
    return average_precision(tuner.store.label[rows, 0], tuner.logits(node)[rows, 0])


def cross_fitted(tuner: Tuner, node: Node) -> np.ndarray:
    rows = tuner.store.rows("tune")
    return cross_fitted_logits(tuner, node, "truck", steps_to(tuner, node, "truck"), rows)


def test_no_photo_is_judged_by_a_student_that_saw_its_label(tuner, monkeypatch) -> None:
    store, rows = tuner.store, tuner.store.rows("tune")
    repairs = [
        Reweight("truck", tuple(CONTEXT[:3]), suspects=True),
        AdaptivePenalty("truck"),
        Lambda("truck"),
    ]
    labels = [Label("truck", f"{row:04d}.jpg", 1) for row in (802, 806)]
    node = tuner.fine_tune(tuner.root(), [*repairs, *labels])
    node = tuner.fine_tune(node, [Lambda("truck")])
    before = cross_fitted(tuner, node)
    folds = stratified_folds(np.asarray(store.label)[rows, :1], FOLDS, 0)
    label, here = np.array(store.label), rows[folds == 2]
    # the same numbers of both labels, so that the folds stay the same
    label[here, 0] = np.random.default_rng(1).permutation(label[here, 0])
    monkeypatch.setattr(store, "label", label)
    place = "inficond_panel.tuning.repairs.cross_fit.stratified_folds"
    if not np.array_equal(stratified_folds(label[rows, :1], FOLDS, 0), folds):
        monkeypatch.setattr(place, lambda *_: folds)
    after = cross_fitted(tuner, node)
    np.testing.assert_array_equal(after[folds == 2], before[folds == 2])
    assert all((after[folds == fold] != before[folds == fold]).any() for fold in (0, 1, 3, 4))


def test_the_repairs_of_a_branch_are_resolved_in_the_order_of_its_iterations(tuner) -> None:
    first = tuner.fine_tune(tuner.root(), [Lambda("truck", 0.003)])
    second = tuner.fine_tune(first, [Lambda("truck", 0.001)])
    parents = [step.parent.id for step in steps_to(tuner, second, "truck")]
    assert parents == [tuner.root().id, first.id]


def test_two_iterations_are_compared_and_divided_by_students_that_did_not_see(tuner, repaired):
    root, rows = tuner.root(), tuner.store.rows("tune")
    found = compare(tuner, root, repaired, draws=20)
    label, logits = tuner.store.label[rows, 0], cross_fitted(tuner, repaired)
    truth = average_precision(label, logits)
    (item,) = found.classes
    assert "truck. The intervals leave" in str(comparison_frames(tuner, found)["changes"].attrs)
    assert item.after["ap"] == pytest.approx(truth)
    assert item.changes["ap"].estimate == pytest.approx(truth - ap(tuner, root, "tune"))
    assert found.mean_ap.estimate == pytest.approx(item.changes["ap"].estimate / 2)
    assert not compare(tuner, root, repaired, "holdout", draws=20).classes[0].cross_fitted
    odd = np.arange(len(rows)) % 2 == 1
    halves = {"odd": odd, "even": ~odd}
    sliced = measure_slices(tuner, repaired, "tune", halves, draws=2, permutations=20)["truck"]
    grouped, _ = groups(tuner, repaired, "tune", halves, "half", classes=["truck"], draws=2)
    assert sliced.whole == truth
    for part in sliced.slices:
        truth = average_precision(label[halves[part.name]], logits[halves[part.name]])
        assert part.metrics["ap"] == pytest.approx(truth)
        assert grouped.loc[("truck", part.name), "ap"] == pytest.approx(truth)


def test_without_repairs_or_a_balance_that_no_fold_can_carry_out_it_is_the_student(
    tuner, monkeypatch
) -> None:
    tuner, rows = afresh(tuner), tuner.store.rows("tune")
    thumb = tuner.fine_tune(tuner.root(), [Intent("truck", "wheel", "up")])
    np.testing.assert_allclose(cross_fitted(tuner, thumb), tuner.logits(thumb)[rows, 0], rtol=1e-12)
    node = tuner.fine_tune(tuner.root(), [Reweight("truck", tuple(CONTEXT[:2]))])
    monkeypatch.setattr("inficond_panel.tuning.repairs.reweight.LEAST_EFFECTIVE", 1e6)
    plain = tuner.logits(tuner.root())[rows, 0]
    np.testing.assert_allclose(cross_fitted(tuner, node), plain, atol=0.05)


def test_labels_that_teach_never_judge_however_few(tuner, monkeypatch) -> None:
    store, rows = tuner.store, tuner.store.rows("tune")
    label = np.array(store.label)
    kept = [row for value in (1, 0) for row in rows[label[rows, 0] == value][:6]]
    label[np.setdiff1d(rows, kept), 0] = -1
    monkeypatch.setattr(store, "label", label)
    tuner = afresh(tuner, store)
    taught = [*kept[:3], *kept[6:9]]
    labels = [Label("truck", store.images[row], int(label[row, 0])) for row in taught]
    node = tuner.fine_tune(tuner.root(), labels)
    assert chosen_on_tune(tuner, node, "truck") == 6
    found, folds = cross_fitted(tuner, node), stratified_folds(label[rows, :1], FOLDS, 0)
    for fold in range(FOLDS):
        here = rows[folds == fold]
        others = [one for one, row in zip(labels, taught, strict=True) if row not in here]
        alone = tuner.fine_tune(tuner.root(), others)
        logits = decision_function(store.concept_score[here], alone.weights, alone.intercepts)
        np.testing.assert_allclose(found[folds == fold], logits[:, 0], atol=0.05)


def test_repair_mends_a_shortcut_that_removing_does_not(capsys, monkeypatch) -> None:
    """On the holdout, which chose nothing: the story of the example."""
    monkeypatch.setattr("sys.argv", ["spread_shortcut.py"])
    spread_shortcut.main()
    lines = [line.rsplit("AP", 1) for line in capsys.readouterr().out.splitlines() if "AP" in line]
    told = {title.strip(): float(value) for title, value in lines}
    lost = told["learned without the shortcut"] - told["untouched"]
    assert lost > 0.1
    assert told["one suspect removed"] - told["untouched"] < 0.2 * lost
    assert told["repaired"] - told["untouched"] > 0.8 * lost


def test_the_stated_gain_agrees_with_the_holdout(tuner, repaired) -> None:
    """By the standard errors of both: other photos, drawn alike."""
    found, rows = suggest(tuner).gain_of("truck"), tuner.store.rows("holdout")
    before, after = (tuner.logits(node)[rows, 0] for node in (tuner.root(), repaired))
    true = change(np.asarray(tuner.store.label)[rows, 0], before, after)
    error = np.hypot((found.high - found.low) / (2 * 1.96), true.error)
    assert abs(found.estimate - true.estimate) < 2.6 * error
    assert found.low > 0


@pytest.mark.parametrize("seed", [1, 3])
def test_what_is_proposed_where_nothing_is_wrong_does_no_harm(tmp_path: Path, seed: int) -> None:
    tuner = tuner_in(tmp_path, bias=0.5, seed=seed)
    found = suggest(tuner)
    assert found.summary.startswith("0 of 2 classes show a shift")
    node = carry_out(tuner, found)
    assert node is None or ap(tuner, node) > ap(tuner, tuner.root()) - 0.02


def test_the_commands_record_it_say_what_chose_and_replay_it(tmp_path: Path, run) -> None:
    tuner_in(tmp_path)
    store, one, two = (tmp_path / name for name in ("own.zarr", "one.sqlite", "two.sqlite"))

    def told(command: str, *given: object, history: Path = one) -> dict:
        status, out, err = run(command, store, *given, "--json", "--history", history)
        assert not status, err
        return json.loads(out)

    document = told("suggest")
    asked = document["intents"]
    assert asked[0]["direction"] == "learn"
    for node, chosen in (("0", 0), ("1", 400)):
        found = told("lambda", "--class", "truck", "--node", node)
        assert found["chosen_on"] == chosen
        assert ("chosen by these images" in found["notes"][0]) == bool(chosen)
    out = tmp_path / "export"
    given = ["--format", "sklearn", "--node", "1", "--output", out]
    assert run("export", store, *given, "--history", one)[0] == 0
    opened = inficond_panel.open_students(store, history=one)
    edits = read_edits(out / "edits.yaml", opened.tuner.store)
    for edit in asked:  # an export has them in the order of kinds
        assert edit in [item.to_json() for item in edits[0]]
    assert len(edits[0]) == len(asked)
    replayed = told("tune", "--edits", out / "edits.yaml", history=two)["iterations"]["rows"][-1]
    assert replayed["id"] == document["node"]
    assert replayed["weights_hash"] == opened.tuner.node(document["node"]).weights_hash


@pytest.mark.parametrize(
    ("limits", "classes", "sentence"),
    [
        ([(1.0, 3.0)], 1, "."),
        ([(-1.0, 3.0)], 1, " (its interval includes 0)."),
        ([(-1.0, 0.0)], 1, " (its interval includes 0)."),
        ([(0.0, 3.0)], 1, " (its interval includes 0)."),
        ([(-2.0, -1.0)], 1, "."),
        ([(1.0, 3.0), (0.5, 3.0)], 3, " for 2 of 3 classes, shifted or not."),
        (
            [(1.0, 3.0), (-0.5, 3.0), (0.0, 3.0)],
            4,
            " for 3 of 4 classes, shifted or not (2 intervals include 0).",
        ),
        (
            [(1.0, 3.0), (-0.5, 3.0)],
            4,
            " for 2 of 4 classes, shifted or not (1 interval includes 0).",
        ),
        ([(nan, nan)], 1, " (its gain has no limits)."),
        (
            [(1.0, 3.0), (-0.5, 3.0), (nan, nan)],
            4,
            " for 3 of 4 classes, shifted or not (1 interval includes 0 and 1 gain has no limits).",
        ),
    ],
)
def test_intervals_that_include_0_are_counted(limits, classes, sentence) -> None:
    gains = [Gain(2.0, low, high) for low, high in limits]
    assert proposed_sentence(gains, classes) == f"A repair is proposed{sentence}"


def misled(seed: int) -> dict[str, np.ndarray]:
    """A teacher that takes concept 11, of independent ones, for the first class; labels do not."""
    arrays = small_arrays(images=800, concepts=24, classes=3, seed=seed)
    rng = np.random.default_rng(seed)
    score = rng.random((800, 24)) * (rng.random((800, 24)) < 0.3)
    truth = 6.0 * score[:, 0:6:2] + 4.0 * score[:, 1:6:2] - 2.0
    arrays["concept_score"] = score.astype(np.float32)
    arrays["label"] = (rng.random((800, 3)) < expit(truth)).astype(np.int8)
    arrays["teacher_logit"] = truth.astype(np.float32)
    arrays["teacher_logit"][:, 0] += 6.0 * arrays["concept_score"][:, 11]
    return arrays


@pytest.fixture(scope="module")
def harmed(tmp_path_factory) -> Tuner:
    return tuner_of(misled(0), tmp_path_factory.mktemp("harmed"))


def test_only_the_given_photos_and_never_the_holdout_are_looked_at(tmp_path, harmed) -> None:
    arrays = misled(0)
    rows = np.flatnonzero(arrays["split"] == "tune")[::2]
    hidden = np.setdiff1d(np.flatnonzero(arrays["split"] != "fit"), rows)
    labels = np.random.default_rng(0).integers(0, 2, arrays["label"][hidden].shape)
    arrays["label"][hidden] = labels
    both = (harmed, tuner_of(arrays, tmp_path))
    ours, theirs = (suggest(tuner, rows=rows, classes=["bicycle"]) for tuner in both)
    assert ours.repairs["bicycle"].levers == theirs.repairs["bicycle"].levers
    assert ours.images == len(rows)
    assert harmed.looks("holdout") == 0


def test_without_labels_it_says_what_it_needs_and_a_persons_node_stays_theirs(tmp_path):
    arrays = misled(0)
    arrays["label"][arrays["split"] == "tune"] = -1
    tuner = tuner_of(arrays, tmp_path)
    found = suggest(tuner)
    assert (found.intents, set(found.skipped)) == ((), set(tuner.store.classes))
    assert "5 tuning images that are labelled as showing it" in found.summary
    assert "Label tuning images, or use thumbs." in found.summary
    tuner = tuner_of(misled(1), tmp_path / "labelled")
    found = suggest(tuner, classes=["bicycle"])
    theirs = tuner.fine_tune(tuner.root(), found.intents)
    node = carry_out(tuner, found)
    assert node == theirs
    assert (node.author, node.note) == ("user", "")


def test_cancelled_at_any_call_and_progress_ends_at_one(harmed: Tuner) -> None:
    shares: list[float] = []
    suggest(harmed, progress=lambda share, _: shares.append(share))
    assert (shares[-1], shares) == (1, sorted(shares))
    for last in (0, len(shares) // 2):
        calls = iter([False] * last)
        with pytest.raises(CancelledError):
            suggest(harmed, cancelled=lambda c=calls: next(c, True))


@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_an_image_moves_the_refit_as_it_counts_more(l2) -> None:
    """The weights keep their sum, as they do among as many drawn images."""
    rng = np.random.default_rng(0)
    scores = rng.random((400, 12)) + 0.5 * rng.random((400, 1))
    weights = rng.normal(0, 4, 12) * (rng.random(12) < 0.7)
    targets = expit((scores - 0.7) @ weights + rng.normal(0, 1, 400))[:, None]
    given = {"l1": L1, "l2": l2, "tolerance": 1e-12}
    student = fit(scores, targets, **given)
    free, weight = np.flatnonzero(student.weights[:, 0]), np.full(400, 1 / 400)
    logits = scores @ student.weights[:, 0] + student.intercepts[0]
    residuals = weight * (expit(logits) - targets[:, 0])
    moves = image_moves(scores, logits, weight, residuals, free, np.arange(400), l2)
    more = 0.02 * np.random.default_rng(5).normal(size=400)
    more -= more.mean()
    refit = fit(scores, targets, sample_weight=1 + more, start=student, **given)
    after = scores @ refit.weights[:, 0] + refit.intercepts[0]
    expected = (scores[:, free] @ moves[:-1] + moves[-1]) @ more
    np.testing.assert_allclose(after - logits, expected, atol=0.03 * np.abs(expected).max())


def test_changes_of_classes_share_their_draws() -> None:
    rng = np.random.default_rng(10)
    label, before = (rng.random(300) < 0.3).astype(int), rng.normal(size=300)
    first = change(label, before, before + label)
    truth = average_precision(label, before + label) - average_precision(label, before)
    assert first.estimate == pytest.approx(truth)
    np.testing.assert_allclose(mean_change([first, first]).draws, first.draws)
    opposite = mean_change([first, Change(-first.estimate, -first.draws)])
    assert opposite.error == pytest.approx(0, abs=1e-12)
    assert first.gain().low <= first.estimate <= first.gain().high
    # undefined on draws without a positive of any class
    some = Change(1.0, np.array([1.0, np.nan, np.nan])), Change(3.0, np.array([3, 4, np.nan]))
    np.testing.assert_array_equal(mean_change(some).draws, [2.0, 4.0, np.nan])


@given(seed=st.integers(0, 99), count=st.integers(2, 6))
@settings(max_examples=30)
def test_folds_share_out_a_rare_class(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    label = (rng.random((200, 3)) < [0.05, 0.3, 0.6]).astype(int)
    folds = stratified_folds(label, count, seed)
    rarest = np.argmin(label.sum(axis=0))
    for part in (folds, folds[label[:, rarest] == 1]):
        sizes = np.bincount(part, minlength=count)
        assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(folds, stratified_folds(label, count, seed))
