"""The report on a refit, against refits with the bound moved and against plain counting."""

import json
from pathlib import Path

import numpy as np
import pytest
from factory import small_arrays, twin_arrays
from histories import make_tuner
from tuners import tuner_of

from inficond_panel.distill import fit, soft_targets
from inficond_panel.errors import CancelledError, TuningError
from inficond_panel.results.frame import documents
from inficond_panel.results.refit_changes import churn
from inficond_panel.results.refit_report import explain
from inficond_panel.results.refit_words import group_sentence, sentences, short_sentences
from inficond_panel.results.refits import refit_frames
from inficond_panel.tuning import Intent, Node, Tuner

UP, DOWN = Intent("bicycle", "wheel", "up"), Intent("bicycle", "sky", "down")


@pytest.fixture(scope="module")
def tuner(store, tmp_path_factory) -> Tuner:
    return make_tuner(store, tmp_path_factory.mktemp("spec"))


@pytest.fixture(scope="module")
def node(tuner: Tuner) -> Node:
    return tuner.fine_tune(tuner.root(), [UP, DOWN])


@pytest.fixture(scope="module")
def twins(tmp_path_factory) -> Tuner:
    """A store in which 'spoke' and 'wheel 2' are near copies of 'wheel'."""
    return tuner_of(twin_arrays(), tmp_path_factory.mktemp("twins"))


def correlations(tuner: Tuner, concept: str) -> np.ndarray:
    scores = tuner.store.concept_score[tuner.store.rows("fit")].astype(float)
    return np.corrcoef(scores, rowvar=False)[tuner.store.concepts.index(concept)]


def tuned(tuner: Tuner, *intents: tuple) -> Node:
    """From the untouched students, by thumbs on bicycle."""
    return tuner.fine_tune(tuner.root(), [Intent("bicycle", *intent) for intent in intents])


def value(tuner: Tuner, bounds) -> float:
    """Least objective of bicycle within bounds by concept, from nothing."""
    store, rows = tuner.store, tuner.store.rows("fit")
    lower = np.full((len(store.concepts), 1), -np.inf)
    upper = np.full_like(lower, np.inf)
    for concept, (low, high) in bounds.items():
        c = store.concepts.index(concept)
        lower[c], upper[c] = -np.inf if low is None else low, np.inf if high is None else high
    targets = soft_targets(store.teacher_logit[rows][:, [0]], 1.0)
    given = {"l1": 1e-4, "lower": lower, "upper": upper, "tolerance": 1e-12}
    return float(fit(store.concept_score[rows], targets, **given).objective[0])


def test_prices_are_slopes_of_the_objective(tuner):
    node = tuner.fine_tune(tuned(tuner, ("sky", "down"), ("fur", "remove")), [UP])
    report = explain(tuner, node, lift=True).of("bicycle")
    held = {concept: limits for (_, concept), limits in node.bounds.items()}
    assert {bound.concept for bound in report.bounds} == set(held)
    here, step = value(tuner, held), 1e-3
    assert report.objective.optimum == pytest.approx(here, abs=1e-9)
    assert any(bound.active for bound in report.bounds)
    for bound in report.bounds:
        limits, slopes = held[bound.concept], (bound.price.left, bound.price.right)
        for change in (-step, step):
            moved = tuple(None if side is None else side + change for side in limits)
            slope = (value(tuner, held | {bound.concept: moved}) - here) / change
            assert min(abs(slope - each) for each in slopes) < 2e-5
        without = {concept: each for concept, each in held.items() if concept != bound.concept}
        if bound.active:
            assert bound.lifted == pytest.approx(here - value(tuner, without), abs=1e-8)
            assert bound.lifted > 0
        else:
            assert np.isnan(bound.lifted)


def test_a_bound_that_would_be_kept_has_no_price(tuner):
    zero = tuner.store.concepts[int(np.flatnonzero(tuner.root().weights[:, 0] == 0)[0])]
    report = explain(tuner, tuned(tuner, (zero, "remove")), lift=True).of("bicycle")
    (bound,) = report.bounds
    assert not bound.active
    assert bound.price.gain == 0
    assert bound.price.right - bound.price.left == pytest.approx(2e-4)
    assert "is not active: the influence" in sentences(report)[0]


def test_progress_of_a_report_grows_to_one(tuner: Tuner, node: Node) -> None:
    shares = []
    explain(tuner, node, progress=lambda share, _: shares.append(share))
    assert (shares, shares[-1]) == (sorted(shares), 1)


def test_a_report_can_be_cancelled(tuner: Tuner, node: Node) -> None:
    with pytest.raises(CancelledError):
        explain(tuner, node, cancelled=lambda: True)


def test_losses_are_by_their_definition(tuner: Tuner, node: Node) -> None:
    root, store, k = tuner.root(), tuner.store, 0
    found = explain(tuner, node).of("bicycle").objective
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


def test_the_rise_of_the_objective_is_beside_students_without_concepts_or_bounds(
    tuner: Tuner, node: Node
) -> None:
    found = explain(tuner, node).of("bicycle").objective
    assert found.free == pytest.approx(value(tuner, {}), abs=1e-8)
    assert found.free <= found.before <= found.after
    assert found.rise_share == pytest.approx((found.after - found.before) / found.zero)
    assert found.rise_by_branch == pytest.approx((found.after - found.free) / found.zero)


@pytest.fixture(scope="module")
def moves(tuner: Tuner, node: Node):
    """All concepts that moved with the refit."""
    return explain(tuner, node, top=len(tuner.store.concepts)).of("bicycle").moves


def test_movers_are_in_logits(tuner: Tuner, node: Node, moves) -> None:
    root, store, found = tuner.root(), tuner.store, moves
    x = store.concept_score[store.rows("fit")].astype(float)
    change = node.weights[:, 0] - root.weights[:, 0]
    assert [mover.concept for mover in found.tuned] == ["sky", "wheel"]
    movers = [*found.up, *found.down]
    moved = {store.concepts[c] for c in np.flatnonzero(change)}
    assert {mover.concept for mover in movers} == moved - {"sky", "wheel"}
    for mover in (*found.tuned, *movers):
        c = store.concepts.index(mover.concept)
        assert mover.change == pytest.approx(change[c] * x[:, c].std())
        assert (mover.before, mover.after) == (root.weights[c, 0], node.weights[c, 0])


def test_movers_are_in_the_order_of_their_change(moves) -> None:
    found = moves
    assert [m.change for m in found.up] == sorted((m.change for m in found.up), reverse=True)
    assert [m.change for m in found.down] == sorted(m.change for m in found.down)


def test_shares_of_movers_add_up(tuner: Tuner, node: Node, moves) -> None:
    root, store, found = tuner.root(), tuner.store, moves
    movers = [*found.up, *found.down]
    x = store.concept_score[store.rows("fit")].astype(float)
    change = node.weights[:, 0] - root.weights[:, 0]
    tuned = [store.concepts.index(name) for name in ("sky", "wheel")]
    d = x[:, tuned] @ change[tuned]
    o = np.delete(x, tuned, axis=1) @ np.delete(change, tuned)
    assert found.taken_over == pytest.approx(-np.cov(d, o)[0, 1] / d.var(ddof=1))
    assert sum(mover.takes_over for mover in movers) == pytest.approx(found.taken_over)
    assert (found.tuned_spread, found.others_spread) == pytest.approx((d.std(), o.std()))


def test_few_movers_are_listed(tuner: Tuner, node: Node) -> None:
    assert len(explain(tuner, node, top=1).of("bicycle").moves.up) == 1


def test_the_nearest_twin_takes_the_place_of_a_removed_concept(twins: Tuner) -> None:
    trio, weights = ("wheel", "spoke", "wheel 2"), twins.root().weights[:, 0]
    weight = dict(zip(twins.store.concepts, weights, strict=True))
    strong = max(trio, key=lambda name: weight[name])
    near = dict(zip(twins.store.concepts, correlations(twins, strong), strict=True))
    node = tuned(twins, (strong, "remove"))
    report = explain(twins, node).of("bicycle")
    (group,) = report.groups
    assert group.twins == tuple(sorted(trio, key=lambda name: -near[name]))
    assert [member.tuned for member in group.members[:3]] == [True, False, False]
    twin = group.members[1]
    after = node.weights[twins.store.concepts.index(twin.concept), 0]
    assert (twin.before, twin.after) == (weight[twin.concept], after)
    assert twin.after > twin.before
    assert report.moves.up[0].concept == twin.concept
    assert report.moves.taken_over > 0.9
    gone = explain(twins, tuned(twins, *((name, "remove") for name in trio))).of("bicycle")
    assert [member.tuned for member in gone.groups[0].members[:3]] == [True, True, True]
    assert gone.moves.taken_over < 0.9


def test_group_holds_all_that_correlates_above_the_threshold(twins: Tuner) -> None:
    node, store = tuned(twins, ("wheel", "up")), twins.store
    r = np.stack([correlations(twins, concept) for concept in store.concepts])
    wheel = r[store.concepts.index("wheel")]
    for threshold in (0.3, 0.8):
        (group,) = explain(twins, node, threshold=threshold).of("bicycle").groups
        inside = [store.concepts.index(member.concept) for member in group.members]
        outside = np.setdiff1d(range(len(store.concepts)), inside)
        assert r[np.ix_(inside, outside)].max() < threshold
        found = [member.correlation for member in group.members[1:]]
        assert found == pytest.approx(wheel[inside[1:]], abs=1e-6)
    assert explain(twins, node, threshold=0.9999).of("bicycle").groups == ()


def test_a_word_for_the_class_itself_is_told_but_never_offered(tmp_path: Path) -> None:
    """Here a bicycle goes with fur: a thumb down on fur must not take *bicycle* along."""
    arrays = small_arrays()
    names, score = list(arrays["concept"]), arrays["concept_score"]
    for twin in ("spoke", "hair"):
        noise = 0.1 * score[:, names.index("wheel")]
        score[:, names.index(twin)] = score[:, names.index("fur")] + noise
    arrays["concept"] = np.array(["Bicycles" if name == "spoke" else name for name in names])
    tuner = tuner_of(arrays, tmp_path)
    report = explain(tuner, tuned(tuner, ("fur", "down"))).of("bicycle")
    (group,) = report.groups
    assert {member.concept for member in group.members} == {"fur", "hair", "Bicycles"}
    assert (group.twins, group.indirect) == (("fur", "hair"), 0)
    text = group_sentence(group, report)
    assert text.startswith("fur is correlated with hair (correlation ")
    assert "Bicycles, named like the class, is not in the group." in text
    assert "concepts: [fur, hair]" in text
    both = explain(tuner, tuned(tuner, ("fur", "down"), ("hair", "down"))).of("bicycle")
    told = group_sentence(both.groups[0], both)
    assert told == (
        "fur, hair are correlated, and tuned as one. Bicycles, named like the class, is not in "
        "the group."
    )
    by_hand = explain(tuner, tuned(tuner, ("Bicycles", "down")))
    assert "Bicycles" in by_hand.of("bicycle").groups[0].twins


def test_a_concept_beside_the_word_for_the_class_alone_is_not_said_to_be_tuned_as_one(tmp_path):
    """Here wheel goes with *Bicycles*, and with nothing else."""
    arrays = small_arrays()
    names, score = list(arrays["concept"]), arrays["concept_score"]
    noise = 0.1 * score[:, names.index("fur")]
    score[:, names.index("spoke")] = score[:, names.index("wheel")] + noise
    arrays["concept"] = np.array(["Bicycles" if name == "spoke" else name for name in names])
    tuner = tuner_of(arrays, tmp_path)
    report = explain(tuner, tuned(tuner, ("wheel", "remove"))).of("bicycle")
    text = group_sentence(report.groups[0], report)
    assert text.startswith("wheel is correlated with Bicycles (correlation ")
    assert text.endswith(", named like the class and not tuned.")


@pytest.mark.parametrize("split", ["fit", "tune", "holdout"])
def test_churn_is_counted_image_by_image(tuner: Tuner, split: str) -> None:
    root, node = tuner.root(), tuned(tuner, ("wheel", "remove"), ("sky", "up", 9))
    was, now = (tuner.at(each, split)["bicycle"] for each in (root, node))
    found, store, expected = churn(was, now), tuner.store, {}
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


@pytest.mark.filterwarnings("ignore::inficond_panel.errors.OptimumWarning")
def test_a_factor_beyond_what_the_solver_can_do_is_said_and_beyond_every_bound_refused(tuner):
    node = tuned(tuner, ("wheel", "up", 1e7))
    lower, _ = node.bounds["bicycle", "wheel"]
    assert node.weights[tuner.store.concepts.index("wheel"), 0] >= lower
    found = explain(tuner, node)
    report = found.of("bicycle")
    assert not report.reached
    for lines in (sentences(report), short_sentences(report, "tune")):
        assert lines[0].startswith("The solver stopped at a relative gap of")
        assert "is not active" not in " ".join(lines)
    json.dumps(documents(refit_frames(found)), allow_nan=False)
    for factor in (1e15, 1e30, 1e300):
        with pytest.raises(TuningError, match="raises its weight of"):
            tuned(tuner, ("wheel", "up", factor))


@pytest.mark.torch
def test_prices_of_students_by_the_paper_are_those_of_the_exact_optimum(store, tmp_path) -> None:
    pytest.importorskip("torch")
    extra = "students: {solver: paper, epochs: 4, lr: 0.05}\ntuning: {epochs: 2}\n"
    tuner = make_tuner(store, tmp_path, extra)
    node = tuner.fine_tune(tuner.root(), [UP])
    report = explain(tuner, node).of("bicycle")
    assert report.objective.optimum == pytest.approx(
        value(tuner, {"wheel": node.bounds["bicycle", "wheel"]}), abs=1e-8
    )
    assert report.objective.after > report.objective.optimum


def test_a_moved_concept_is_told_in_logits_beside_its_weights(tuner, node):
    """The first number is no difference of the weights, so each has its unit."""
    report = explain(tuner, node).of("bicycle")
    mover, store = report.moves.up[0], tuner.store
    spread = store.concept_score[store.rows("fit")].astype(float).std(axis=0)
    at = store.concepts.index(mover.concept), store.classes.index("bicycle")
    before, after = tuner.root().weights[at], node.weights[at]
    told = f"{mover.concept} +{(after - before) * spread[at[0]]:.3f} logits (weight "
    text = " ".join(short_sentences(report, "tune"))
    assert f"Most moved {told}" in text
    assert f"{told}{before:.3g} → {after:.3g})" in text.replace("−", "-")


@pytest.mark.parametrize("refit", ["target", "all"])
def test_the_loss_is_said_to_be_to_changed_targets_where_thumbs_change_them(store, tmp_path, refit):
    tuner = make_tuner(store, tmp_path, f"tuning: {{refit: {refit}}}\n")
    found = explain(tuner, tuner.fine_tune(tuner.root(), [UP])).of("bicycle")
    words = "loss to the targets that thumbs have changed"
    assert any(words in each for each in sentences(found)) == (refit == "target")
