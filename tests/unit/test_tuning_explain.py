"""The report on a refit, against refits with the bound moved and against plain counting."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays
from histories import make_tuner

from inficond_panel.distill import fit, soft_targets
from inficond_panel.errors import CancelledError, TuningError
from inficond_panel.results.forms import documents
from inficond_panel.results.refit_changes import churn
from inficond_panel.results.refit_report import explain
from inficond_panel.results.refit_words import group_sentence, sentences, short_sentences
from inficond_panel.results.refits import refit_frames
from inficond_panel.store import Store, open_store, write_store
from inficond_panel.tuning import Intent, Tuner

UP, DOWN = Intent("bicycle", "wheel", "up"), Intent("bicycle", "sky", "down")


@pytest.fixture
def tuner(store: Store, tmp_path: Path) -> Tuner:
    return make_tuner(store, tmp_path)


@pytest.fixture
def twins(tmp_path: Path) -> Tuner:
    """A store in which 'spoke' is a near copy of 'wheel', and 'hair' one of 'fur'."""
    arrays = small_arrays()
    score, names = arrays["concept_score"], list(arrays["concept"])
    for name, twin in (("wheel", "spoke"), ("fur", "hair")):
        noise = 0.1 * score[:, names.index("cloud")]
        score[:, names.index(twin)] = score[:, names.index(name)] + noise
    write_store(tmp_path / "twins.zarr", arrays, ATTRS)
    return make_tuner(open_store(tmp_path / "twins.zarr"), tmp_path)


def value(tuner: Tuner, bounds, class_name: str) -> float:
    """Least objective of a class within bounds by concept, from nothing."""
    store = tuner.store
    rows, k = store.rows("fit"), store.classes.index(class_name)
    lower = np.full((len(store.concepts), 1), -np.inf)
    upper = np.full_like(lower, np.inf)
    for concept, (low, high) in bounds.items():
        c = store.concepts.index(concept)
        lower[c], upper[c] = -np.inf if low is None else low, np.inf if high is None else high
    targets = soft_targets(store.teacher_logit[rows][:, [k]], 1.0)
    scores = store.concept_score[rows]
    found = fit(scores, targets, l1=1e-4, lower=lower, upper=upper, tolerance=1e-12)
    return float(found.objective[0])


def test_prices_are_slopes_of_the_objective_under_all_bounds_of_the_branch(tuner: Tuner) -> None:
    once = tuner.fine_tune(tuner.root(), [DOWN, Intent("bicycle", "fur", "remove")])
    node = tuner.fine_tune(once, [UP])
    report = explain(tuner, node, lift=True).of("bicycle")
    held = {concept: limits for (_, concept), limits in node.bounds.items()}
    assert {bound.concept for bound in report.bounds} == set(held)
    here, step = value(tuner, held, "bicycle"), 1e-3
    assert report.objective.optimum == pytest.approx(here, abs=1e-9)
    assert any(bound.active for bound in report.bounds)
    for bound in report.bounds:
        looser, tighter = [], []
        for sign in (-1, 1):
            moved = tuple(
                None if side is None else side + sign * step for side in held[bound.concept]
            )
            found = value(tuner, held | {bound.concept: moved}, "bicycle")
            (looser if found <= here else tighter).append((found - here) / (sign * step))
        slopes = (bound.price.left, bound.price.right)
        for slope in looser + tighter:
            assert min(abs(slope - each) for each in slopes) < 2e-5
        without = {concept: limits for concept, limits in held.items() if concept != bound.concept}
        if bound.active:
            assert bound.lifted == pytest.approx(here - value(tuner, without, "bicycle"), abs=1e-8)
            assert bound.lifted > 0
        else:
            assert np.isnan(bound.lifted)


def test_a_bound_that_the_student_would_keep_does_not_bind(tuner: Tuner) -> None:
    root, k = tuner.root(), tuner.store.classes.index("bicycle")
    zero = tuner.store.concepts[int(np.flatnonzero(root.weights[:, k] == 0)[0])]
    node = tuner.fine_tune(root, [Intent("bicycle", zero, "remove")])
    (bound,) = explain(tuner, node, lift=True).of("bicycle").bounds
    assert not bound.active
    assert bound.price.gain == 0
    assert bound.price.right - bound.price.left == pytest.approx(2e-4)
    assert "is not active: the weight" in sentences(explain(tuner, node).of("bicycle"))[0]


def test_objective_by_its_definition(tuner: Tuner) -> None:
    root = tuner.root()
    node = tuner.fine_tune(root, [UP, DOWN])
    found = explain(tuner, node).of("bicycle").objective
    store, k = tuner.store, 0
    rows = store.rows("fit")
    p = soft_targets(store.teacher_logit[rows, k], 1.0)
    for weights, intercept, loss, whole in (
        (root.weights[:, k], root.intercepts[k], found.loss_before, found.before),
        (node.weights[:, k], node.intercepts[k], found.loss_after, found.after),
    ):
        q = 1 / (1 + np.exp(-(store.concept_score[rows].astype(float) @ weights + intercept)))
        bce = -np.mean(p * np.log(q) + (1 - p) * np.log(1 - q))
        assert loss == pytest.approx(bce)
        assert whole == pytest.approx(bce + 1e-4 * np.abs(weights).sum())
    mean = p.mean()
    assert found.zero == pytest.approx(-mean * np.log(mean) - (1 - mean) * np.log(1 - mean))
    assert (found.teacher_before, found.teacher_after) == pytest.approx(
        (found.loss_before, found.loss_after)
    )
    assert found.free == pytest.approx(value(tuner, {}, "bicycle"), abs=1e-8)
    assert found.free <= found.before <= found.after
    assert found.rise_share == pytest.approx((found.after - found.before) / found.zero)
    assert found.rise_by_branch == pytest.approx((found.after - found.free) / found.zero)


def test_movers_are_in_logits_and_their_shares_add_up(tuner: Tuner) -> None:
    root = tuner.root()
    node = tuner.fine_tune(root, [UP, DOWN])
    store = tuner.store
    found = explain(tuner, node, top=len(store.concepts)).of("bicycle").moves
    x = store.concept_score[store.rows("fit")].astype(float)
    change = node.weights[:, 0] - root.weights[:, 0]
    assert [mover.concept for mover in found.tuned] == ["sky", "wheel"]
    movers = [*found.up, *found.down]
    assert {mover.concept for mover in movers} == {
        store.concepts[c]
        for c in np.flatnonzero(change)
        if store.concepts[c] not in ("sky", "wheel")
    }
    for mover in (*found.tuned, *movers):
        c = store.concepts.index(mover.concept)
        assert mover.change == pytest.approx(change[c] * x[:, c].std())
        assert (mover.before, mover.after) == (root.weights[c, 0], node.weights[c, 0])
    assert [m.change for m in found.up] == sorted((m.change for m in found.up), reverse=True)
    assert [m.change for m in found.down] == sorted(m.change for m in found.down)
    tuned = [store.concepts.index(name) for name in ("sky", "wheel")]
    d = x[:, tuned] @ change[tuned]
    o = np.delete(x, tuned, axis=1) @ np.delete(change, tuned)
    assert found.taken_over == pytest.approx(-np.cov(d, o)[0, 1] / d.var(ddof=1))
    assert sum(mover.takes_over for mover in movers) == pytest.approx(found.taken_over)
    assert len(explain(tuner, node, top=1).of("bicycle").moves.up) == 1


def test_a_twin_takes_the_place_of_a_removed_concept(twins: Tuner) -> None:
    root, k = twins.root(), 0
    weights = dict(zip(twins.store.concepts, root.weights[:, k], strict=True))
    strong = max(("wheel", "spoke"), key=lambda name: weights[name])
    other = ({"wheel", "spoke"} - {strong}).pop()
    node = twins.fine_tune(root, [Intent("bicycle", strong, "remove")])
    report = explain(twins, node).of("bicycle")
    (group,) = report.groups
    assert group.twins[:2] == (strong, other)
    assert group.members[0].tuned
    twin = group.members[1]
    assert (twin.before, twin.after) == (
        weights[other],
        node.weights[twins.store.concepts.index(other), k],
    )
    assert twin.after > twin.before
    assert report.moves.up[0].concept == other
    assert report.moves.taken_over > 0.9
    both = twins.fine_tune(root, [Intent("bicycle", name, "remove") for name in (strong, other)])
    report = explain(twins, both).of("bicycle")
    assert [member.tuned for member in report.groups[0].members[:2]] == [True, True]
    assert report.moves.taken_over < 0.9


def test_group_holds_all_that_correlates_above_the_threshold(twins: Tuner) -> None:
    node = twins.fine_tune(twins.root(), [Intent("bicycle", "wheel", "up")])
    store = twins.store
    r = np.corrcoef(store.concept_score[store.rows("fit")].astype(float), rowvar=False)
    for threshold in (0.3, 0.8):
        (group,) = explain(twins, node, threshold=threshold).of("bicycle").groups
        inside = [store.concepts.index(member.concept) for member in group.members]
        outside = np.setdiff1d(range(len(store.concepts)), inside)
        assert r[np.ix_(inside, outside)].max() < threshold
        for member in group.members[1:]:
            c = store.concepts.index(member.concept)
            assert member.correlation == pytest.approx(
                r[store.concepts.index("wheel"), c], abs=1e-6
            )
    assert explain(twins, node, threshold=0.9999).of("bicycle").groups == ()


def test_a_word_for_the_class_itself_is_told_but_never_offered(store: Store, tmp_path) -> None:
    """Here a bicycle goes with fur: a thumb down on fur must not take *bicycle* along."""
    arrays = small_arrays()
    names = list(arrays["concept"])
    arrays["concept"] = np.array(
        ["Bicycles" if name == "spoke" else name for name in names], dtype=object
    )
    score = arrays["concept_score"]
    for twin in ("spoke", "hair"):
        noise = 0.1 * score[:, names.index("wheel")]
        score[:, names.index(twin)] = score[:, names.index("fur")] + noise
    write_store(tmp_path / "own.zarr", arrays, ATTRS)
    tuner = make_tuner(open_store(tmp_path / "own.zarr"), tmp_path)
    report = explain(tuner, tuner.fine_tune(tuner.root(), [Intent("bicycle", "fur", "down")])).of(
        "bicycle"
    )
    (group,) = report.groups
    assert {member.concept for member in group.members} == {"fur", "hair", "Bicycles"}
    assert group.twins == ("fur", "hair")
    assert group.indirect == 0
    text = group_sentence(group, report)
    assert text.startswith("fur is correlated with hair (r ")
    assert "Bicycles, named like the class, is not in the group." in text
    assert "concepts: [fur, hair]" in text
    by_hand = explain(tuner, tuner.fine_tune(tuner.root(), [Intent("bicycle", "Bicycles", "down")]))
    assert "Bicycles" in by_hand.of("bicycle").groups[0].twins


@pytest.mark.parametrize("split", ["fit", "tune", "holdout"])
def test_churn_is_counted_image_by_image(tuner: Tuner, split: str) -> None:
    root = tuner.root()
    node = tuner.fine_tune(
        root, [Intent("bicycle", "wheel", "remove"), Intent("bicycle", "sky", "up", 9)]
    )
    was, now = (tuner.at(each, split)["bicycle"] for each in (root, node))
    found = churn(was, now)
    store = tuner.store
    expected = {}
    for row in store.rows(split):
        old, new = (tuner.logits(each)[row, 0] > 0 for each in (root, node))
        if old != new:
            label, teacher = int(store.label[row, 0]), store.teacher_logit[row, 0] > 0
            right = None if label < 0 else new == label
            expected[store.images[row]] = (new, right, new == teacher)
    assert found.images == len(store.rows(split))
    assert {f.image: (f.present, f.right, f.agrees) for f in found.flips} == expected
    assert len(expected) > 0
    assert found.ids(agrees=True) == [f.image for f in found.flips if f.agrees]
    sizes = [abs(f.after - f.before) for f in found.flips]
    assert sizes == sorted(sizes, reverse=True)
    assert churn(was, was).flips == ()


def test_progress_and_cancelling(tuner: Tuner) -> None:
    node, shares = tuner.fine_tune(tuner.root(), [UP]), []
    explain(tuner, node, progress=lambda share, _: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    with pytest.raises(CancelledError):
        explain(tuner, node, cancelled=lambda: True)


@pytest.mark.parametrize("factor", [1e15, 1e30, 1e300])
def test_a_factor_beyond_every_bound_is_refused(tuner: Tuner, factor: float) -> None:
    with pytest.raises(TuningError, match="raises its weight of"):
        tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "up", factor)])


@pytest.mark.filterwarnings("ignore::inficond_panel.errors.OptimumWarning")
@pytest.mark.parametrize("factor", [1e7])
def test_a_factor_beyond_what_the_solver_can_do_is_said(tuner: Tuner, factor: float) -> None:
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "up", factor)])
    lower, _ = node.bounds["bicycle", "wheel"]
    assert node.weights[tuner.store.concepts.index("wheel"), 0] >= lower
    report = explain(tuner, node).of("bicycle")
    assert not report.reached
    for lines in (sentences(report), short_sentences(report, "tune")):
        assert lines[0].startswith("The solver stopped at a relative gap of")
        assert "is not active" not in " ".join(lines)
    json.dumps(documents(refit_frames(explain(tuner, node))), allow_nan=False)


@pytest.mark.torch
def test_prices_of_students_by_the_paper_are_those_of_the_exact_optimum(store, tmp_path) -> None:
    pytest.importorskip("torch")
    extra = "students: {solver: paper, epochs: 4, lr: 0.05}\ntuning: {epochs: 2}\n"
    tuner = make_tuner(store, tmp_path, extra)
    node = tuner.fine_tune(tuner.root(), [UP])
    report = explain(tuner, node).of("bicycle")
    assert report.objective.optimum == pytest.approx(
        value(tuner, {"wheel": node.bounds["bicycle", "wheel"]}, "bicycle"), abs=1e-8
    )
    assert report.objective.after > report.objective.optimum
