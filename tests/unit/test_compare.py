"""Any two iterations side by side, held against metrics computed by hand and by scikit-learn."""

import numpy as np
import pytest
from factory import small_arrays, small_spec
from sklearn.metrics import average_precision_score

from inficond_panel.results.comparison import compare, comparison_frames
from inficond_panel.results.metric_changes import metric_change
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.vocabulary.metrics import METRICS

WHEEL = Intent("bicycle", "wheel", "remove")
SKY = Intent("bicycle", "sky", "up", 3.0)
FUR = Intent("sheep", "grass", "remove")


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    return open_tuner(small_spec(tmp_path_factory.mktemp("compare"), images=400))


@pytest.fixture(scope="module")
def tree(tuner):
    """#0 ── a ── b, and c from a."""
    root = tuner.root()
    a = tuner.fine_tune(root, [WHEEL])
    return {"root": root, "b": tuner.fine_tune(a, [SKY]), "c": tuner.fine_tune(a, [FUR])}


def ap(label: np.ndarray, logit: np.ndarray) -> float:
    known = label >= 0
    return float(average_precision_score(label[known], logit[known]))


def test_one_class_is_compared_alone(tree, tuner):
    found = compare(tuner, tree["root"], tree["b"], classes=["bicycle"])
    assert [each.class_name for each in found.classes] + list(found.unchanged) == ["bicycle"]


@pytest.mark.parametrize("split", ["fit", "tune", "holdout"])
def test_metrics_sides_and_movers_ordered_by_logits_not_by_weight_by_hand(tuner, tree, split):
    found = compare(tuner, tree["root"], tree["b"], split, top=5).of("bicycle")
    store, rows = tuner.store, tuner.store.rows(split)
    label = store.label[rows, 0]
    known = label >= 0
    old, new = (tuner.logits(tree[name])[rows, 0] for name in ("root", "b"))
    expected = ap(label, new) - ap(label, old)
    change = found.changes["ap"]
    assert change.estimate == pytest.approx(expected, abs=1e-12)
    assert change.low <= change.estimate <= change.high
    assert set(found.changes) == set(METRICS)
    right = [np.mean((logit > 0)[known] == (label == 1)[known]) for logit in (old, new)]
    assert found.changes["accuracy"].estimate == pytest.approx(right[1] - right[0])
    ids = np.array(store.images)[rows]
    assert set(found.churn.ids(present=True)) == set(ids[(new > 0) & (old <= 0)])
    assert set(found.churn.ids(present=False)) == set(ids[(new <= 0) & (old > 0)])
    root = tuner.metrics(tree["root"], split)["bicycle"]
    assert found.before == {key: getattr(root, key) for key in METRICS}
    spread = store.concept_score[store.rows("fit")].std(axis=0)
    moved = (tree["b"].weights - tree["root"].weights)[:, 0] * spread
    order = np.argsort(-np.abs(moved))[:5]
    assert [mover.concept for mover in found.movers] == [store.concepts[c] for c in order]
    np.testing.assert_allclose([mover.change for mover in found.movers], moved[order], rtol=1e-6)


def test_the_mean_is_that_of_all_classes_on_shared_draws(tuner, tree):
    change = metric_change(tuner, tree["root"], tree["c"], "tune", "")
    rows = tuner.store.rows("tune")
    label = tuner.store.label[rows]
    old, new = (tuner.logits(tree[name])[rows] for name in ("root", "c"))

    def mean_change(picks: np.ndarray) -> float:
        mine, theirs = ([ap(label[picks, k], z[picks, k]) for k in range(4)] for z in (new, old))
        return float(np.mean(mine) - np.mean(theirs))

    everything = np.arange(len(rows))
    assert change.estimate == pytest.approx(mean_change(everything), abs=1e-12)
    rng = np.random.default_rng(5)
    draws = [mean_change(rng.integers(len(rows), size=len(rows))) for _ in range(120)]
    width = change.high - change.low
    low, high = np.quantile(draws, [0.025, 0.975])
    assert abs(change.low - low) < 0.3 * width  # other draws of the same bootstrap
    assert abs(change.high - high) < 0.3 * width


def test_a_class_without_positives_is_left_out_of_the_mean(tmp_path):
    arrays = small_arrays()
    arrays["label"][arrays["split"] == "tune", 3] = 0
    tuner = open_tuner(small_spec(tmp_path, make=lambda: arrays))
    root = tuner.root()
    node = tuner.fine_tune(root, [WHEEL, Intent("bird", "fur", "remove")])
    found = compare(tuner, root, node)
    expected = found.of("bicycle").changes["ap"].estimate / 3
    assert found.mean_ap.estimate == pytest.approx(expected)
    assert np.isnan(found.of("bird").changes["ap"].estimate)
    frame = comparison_frames(tuner, found)["changes"]
    assert np.isnan(frame.loc[("bird", "ap"), "change"])


def test_of_many_changed_predictions_the_largest_changes_are_shown_and_all_are_kept(tuner, tree):
    down = [
        Intent(name, each, "down", 10.0)
        for name in ("bicycle", "sheep")
        for each in tuner.store.concepts
    ]
    moved = tuner.fine_tune(tree["root"], down)
    frame = comparison_frames(tuner, compare(tuner, tree["root"], moved, "fit"))["flips"]
    old, new = (tuner.logits(node, tuner.store.rows("fit")) for node in (tree["root"], moved))
    changed = (old > 0) != (new > 0)
    assert len(frame) == changed.sum() > 25
    largest = np.sort(np.abs(new - old)[changed])[::-1]
    rows = frame.reset_index().iloc[frame.attrs["shown"]]
    np.testing.assert_allclose((rows["after"] - rows["before"]).abs(), largest[:20], rtol=1e-6)
    assert frame.attrs["notes"][0].startswith(f"{len(frame) - 20} more changed less.")


def test_few_changed_predictions_are_all_shown(tuner, tree):
    frame = comparison_frames(tuner, compare(tuner, tree["root"], tree["b"]))["flips"]
    assert 0 < len(frame) <= 20
    assert frame.attrs["shown"] is None
