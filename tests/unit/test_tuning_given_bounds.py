"""Bounds given as a value, and bounds released: refit, notices, history and replay."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from factory import small_store
from histories import make_tuner
from scipy.optimize import minimize
from scipy.special import expit

from inficond_panel.errors import TuningError
from inficond_panel.results.history import iterations
from inficond_panel.tuning import Intent, Tuner, dump_edits, read_edits
from inficond_panel.tuning.node import node_id
from inficond_panel.tuning.notices import notices
from inficond_panel.tuning.replay import branch, replay
from inficond_panel.tuning.thumbs import GroupIntent, bound, canonical
from inficond_panel.wording.repairs import edit_words

BIKE, WHEEL = "bicycle", "wheel"


@pytest.fixture(scope="module")
def tuner(tmp_path_factory) -> Tuner:
    folder = tmp_path_factory.mktemp("spec")
    return make_tuner(small_store(folder / "store.zarr"), folder)


def place(tuner: Tuner, concept: str = WHEEL) -> tuple[int, int]:
    return tuner.store.concepts.index(concept), tuner.store.classes.index(BIKE)


def test_an_intent_without_a_bound_is_written_as_before():
    up = Intent(BIKE, WHEEL, "up", 2.0)
    facts = {"class": BIKE, "concept": WHEEL, "direction": "up", "factor": 2.0}
    assert up.to_json() == facts
    text = json.dumps({"intents": [facts], "parent": "p", "settings": {}})
    assert node_id("p", [up], {}) == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_a_given_bound_is_the_bound_whatever_the_weight():
    for weight in (-3.0, 0.0, 5.0):
        assert bound(Intent(BIKE, WHEEL, "up", bound=-0.46), weight, 0.1) == (-0.46, None)
        assert bound(Intent(BIKE, WHEEL, "down", bound=-0.46), weight, 0.1) == (None, -0.46)
    kept = Intent(BIKE, WHEEL, "down", bound=-0.0)
    assert str(kept.to_json()["bound"]) == "0.0"  # one id for one bound
    assert kept.resolved(3.0) == kept  # no factor beside it


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"direction": "up", "bound": float("nan")}, "bound of 'wheel' on 'bicycle' is nan"),
        ({"direction": "down", "bound": float("-inf")}, "is -inf"),
        ({"direction": "down", "bound": 1.0, "factor": 2.0}, "both a factor and a bound"),
        ({"direction": "remove", "bound": 1.0}, "has the bound 1, which it cannot use"),
        ({"direction": "release", "factor": 2.0}, "has the factor 2, which it cannot use"),
    ],
)
def test_bounds_that_cannot_be(given, said):
    with pytest.raises(TuningError, match=said):
        Intent(BIKE, WHEEL, **given)
    with pytest.raises(TuningError):
        GroupIntent(BIKE, (WHEEL, "spoke"), **given)


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ([("up", 9.0), ("up", None, 0.1)], ("up", None, 0.1)),
        ([("up", None, 0.1), ("up", None, 0.2)], ("up", None, 0.2)),
        ([("down", None, 0.1), ("down", None, -0.2)], ("down", None, -0.2)),
        ([("release",), ("up",)], ("up", 2.0, None)),
        ([("release",), ("release",)], ("release", None, None)),
        ([("remove",), ("down", None, -0.2)], ("remove", None, None)),
    ],
)
def test_the_rule(asked, counts):
    batch = [Intent(BIKE, WHEEL, *thumb) for thumb in asked]
    for order in (batch, batch[::-1]):
        (found,) = canonical(order, 2.0)
        assert (found.direction, found.factor, found.bound) == counts


def test_the_refit_within_a_given_bound_is_the_optimum(tuner: Tuner) -> None:
    c, k = place(tuner)
    node = tuner.fine_tune(tuner.root(), [Intent(BIKE, WHEEL, "down", bound=-0.46)])
    assert node.bounds == {(BIKE, WHEEL): (None, -0.46)}
    assert node.weights[c, k] == -0.46  # its root is above: it goes no further than it must
    assert node.gap[k] < 1e-6
    data = tuner.fit_data
    loss, penalty = reference(data.scores, data.targets[:, k], data.l1_of(k), c, -0.46)
    found = data.loss(data.logits(node.weights[:, k], node.intercepts[k]), k)
    found += data.l1_of(k) * np.abs(node.weights[:, k]).sum()
    assert found == pytest.approx(loss + penalty, abs=1e-6)


def reference(x, target, l1, c, upper):
    """Least loss and penalty with w[c] ≤ upper < 0, by L-BFGS-B on w = p − n."""
    size = x.shape[1]

    def objective(v):
        p, n, b = v[:size], v[size:-1], v[-1]
        logit = x @ (p - n) + b
        value = np.mean(np.logaddexp(0, logit) - target * logit) + l1 * (p.sum() + n.sum())
        slope = x.T @ (expit(logit) - target) / len(x)
        return value, np.concatenate([slope + l1, l1 - slope, [np.mean(expit(logit) - target)]])

    sides = [(0, 0 if i == c else None) for i in range(size)]
    sides += [(-upper if i == c else 0, None) for i in range(size)] + [(None, None)]
    start = np.array([max(low or 0, 0) for low, _ in sides], dtype=float)
    how = {"maxiter": 100_000, "maxfun": 10**6, "ftol": 1e-15, "gtol": 1e-10}
    v = minimize(objective, start, jac=True, bounds=sides, method="L-BFGS-B", options=how).x
    penalty = l1 * (v[:size] + v[size:-1]).sum()
    return objective(v)[0] - penalty, penalty


def test_a_bound_is_stored_replayed_and_written(tuner: Tuner, tmp_path) -> None:
    root = tuner.root()
    held = tuner.fine_tune(root, [Intent(BIKE, WHEEL, "down", bound=-0.46)])
    further = tuner.fine_tune(held, [Intent(BIKE, WHEEL, "up", bound=0.25)])
    free = tuner.fine_tune(further, [Intent(BIKE, WHEEL, "release")])
    assert [dict(node.bounds) for node in (further, free)] == [{(BIKE, WHEEL): (0.25, None)}, {}]
    again = make_tuner(tuner.store, tmp_path)
    for old, new in replay(tuner, again):
        assert (old.id, old.weights_hash) == (new.id, new.weights_hash)
    path = tmp_path / "edits.yaml"
    path.write_text(dump_edits([node.edits for node in branch(tuner, free)[1:]]))
    assert "bound: -0.46" in path.read_text()
    at = again.root()
    for batch in read_edits(path, tuner.store):
        at = again.fine_tune(at, batch)
    assert at.id == free.id
    rows = iterations(tuner, free)
    told = [
        f"down {WHEEL} ≤ −0.46 on {BIKE}",
        f"up {WHEEL} ≥ 0.25 on {BIKE}",
        f"release {WHEEL} on {BIKE}",
    ]
    assert rows["intents"][[held.number, further.number, free.number]].tolist() == told
    assert edit_words(held.intents[0], sign=True) == f"▼ {WHEEL} ≤ −0.46"


def test_a_released_student_is_as_good_as_one_never_bound(tuner: Tuner) -> None:
    _, k = place(tuner)
    root, data = tuner.root(), tuner.fit_data
    removed = tuner.fine_tune(root, [Intent(BIKE, WHEEL, "remove"), Intent(BIKE, "sky", "down")])
    free = tuner.fine_tune(removed, [GroupIntent(BIKE, (WHEEL, "sky"), "release")])
    assert free.bounds == {}

    def objective(node):
        loss = data.loss(data.logits(node.weights[:, k], node.intercepts[k]), k)
        return loss + data.l1_of(k) * np.abs(node.weights[:, k]).sum()

    assert objective(removed) > objective(root) + 1e-5
    assert objective(free) == pytest.approx(objective(root), abs=1e-6)


def test_what_is_released_is_said(tuner: Tuner) -> None:
    root, release = tuner.root(), Intent(BIKE, WHEEL, "release")
    held = tuner.fine_tune(root, [Intent(BIKE, WHEEL, "remove")])
    assert notices(tuner, root, [release]) == [
        "“wheel” on “bicycle” has no bound: release has no effect."
    ]
    assert notices(tuner, held, [release]) == [
        f"“wheel” on “bicycle”: the bound w = 0, set in #{held.number}, is released."
    ]


def test_a_bound_beyond_which_the_weight_is_already_only_holds_it(tuner: Tuner) -> None:
    weight = float(tuner.root().weights[place(tuner)])
    far = Intent(BIKE, WHEEL, "up", bound=weight - 10)
    (said,) = notices(tuner, tuner.root(), [far])
    assert said.endswith("does not move it.")
    node = tuner.preview(tuner.root(), [far])
    assert node.weights[place(tuner)] == pytest.approx(weight, rel=0.01)
