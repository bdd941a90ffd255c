"""Thumbs that change targets: what an iteration keeps, how thumbs follow each other, and replay."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factory import small_arrays
from histories import make_tuner
from scipy.special import expit
from tuners import tuner_of

from inficond_panel.distill import fit
from inficond_panel.errors import HistoryError, SpecError
from inficond_panel.spec import load_spec
from inficond_panel.store import Store
from inficond_panel.tuning import GroupIntent, History, Intent, Tuner
from inficond_panel.tuning.edits_file import dump_edits, read_edits
from inficond_panel.tuning.notices import notices
from inficond_panel.tuning.removals import reliance_on
from inficond_panel.tuning.repairs.penalty import Lambda, OwnPenalty
from inficond_panel.tuning.replay import replay, same_weights

TARGET = "tuning: {refit: target}\n"
UP = Intent("bicycle", "wheel", "up", 2.0)
DOWN = Intent("bicycle", "sky", "down", 2.0)
REMOVE = Intent("bicycle", "sky", "remove")
TWO = ("sky", "fur")


@pytest.fixture
def tuner(store: Store, tmp_path: Path) -> Tuner:
    return make_tuner(store, tmp_path, TARGET)


def gains(tuner: Tuner, node, class_name: str = "bicycle") -> dict[tuple[str, ...], float]:
    """The gains in force, by the concepts of a thumb."""
    terms = tuner.terms(node).get(class_name)
    return {each.concepts: each.gain for each in terms.adjusted} if terms else {}


def by_hand(tuner: Tuner, shares: dict[str, float]) -> np.ndarray:
    """Weights of bicycle's student of targets that are written out, by concept and gain."""
    store, rows = tuner.store, tuner.store.rows("fit")
    teacher = store.teacher_logit[rows, 0].astype(float)
    moved = np.zeros(len(rows))
    for concept, gain in shares.items():
        score = store.concept_score[rows, store.concepts.index(concept)].astype(float)
        moved += gain * np.maximum(0, (score - score.mean()) / score.std())
    targets = expit(teacher + teacher.std() * np.clip(moved, -3, 3))
    made = fit(store.concept_score[rows], targets[:, None], l1=1e-4, tolerance=1e-8)
    return made.weights[:, 0]


def test_a_student_is_that_of_the_targets_written_out(tuner):
    node = tuner.fine_tune(tuner.root(), [UP, DOWN])
    expected = by_hand(tuner, {"wheel": 0.4, "sky": -0.2})
    np.testing.assert_allclose(node.weights[:, 0], expected, atol=2e-3 * np.abs(expected).max())


def test_the_certificate_is_of_the_adjusted_problem(tuner):
    assert tuner.fine_tune(tuner.root(), [UP]).gap[0] <= tuner.spec.students.tolerance


def test_other_classes_keep_their_bits(tuner):
    node = tuner.fine_tune(tuner.root(), [UP])
    assert node.weights[:, 1:].tobytes() == tuner.root().weights[:, 1:].tobytes()


def test_a_factor_sets_no_bound(tuner):
    assert tuner.fine_tune(tuner.root(), [UP, DOWN]).bounds == {}


def test_remove_holds_the_weight_at_0(tuner):
    node = tuner.fine_tune(tuner.root(), [REMOVE])
    assert node.bounds == {("bicycle", "sky"): (0.0, 0.0)}


def test_remove_has_the_gain_of_down_by_2(tuner):
    """Of a concept that raises the logit."""
    ways = (Intent("bicycle", "wheel", "remove"), Intent("bicycle", "wheel", "down", 2.0))
    removed, lowered = (tuner.fine_tune(tuner.root(), [each]) for each in ways)
    assert gains(tuner, removed) == gains(tuner, lowered)


def test_a_given_bound_stays_a_bound(tuner):
    held = Intent("bicycle", "sky", "down", bound=-0.5)
    node = tuner.fine_tune(tuner.root(), [held])
    assert (node.bounds, gains(tuner, node)) == ({held.key: (None, -0.5)}, {})


@pytest.mark.parametrize(("reference", "gain"), [("parent", 0.8), ("original", 0.4)])
def test_a_second_thumb_goes_further_from_the_parent_only(store, tmp_path, reference, gain):
    extra = f"tuning: {{refit: target, reference: {reference}}}\n"
    tuner = make_tuner(store, tmp_path, extra)
    once = tuner.fine_tune(tuner.root(), [UP])
    twice = tuner.fine_tune(once, [UP])
    assert gains(tuner, twice) == {("wheel",): pytest.approx(gain)}


@pytest.fixture(params=[(1.5, 2.0), (1.6, 2.5)], ids=["exactly", "up to rounding"])
def taken_back(tuner, request):
    """An iteration whose two thumbs add up to a gain of 0: x - 1 = 1 - 1/y."""
    raised, lowered = request.param
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "up", raised)])
    return tuner.fine_tune(node, [Intent("bicycle", "wheel", "down", lowered)])


def test_thumbs_that_add_up_to_0_adjust_nothing(tuner, taken_back):
    assert gains(tuner, taken_back) == {}


def test_thumbs_that_add_up_to_0_give_the_original_student(tuner, taken_back):
    weights = tuner.root().weights
    np.testing.assert_allclose(taken_back.weights, weights, atol=2e-3 * np.abs(weights).max())


def test_thumbs_of_earlier_iterations_stay(tuner):
    first = tuner.fine_tune(tuner.root(), [UP])
    second = tuner.fine_tune(first, [DOWN])
    assert gains(tuner, second) == {("wheel",): 0.4, ("sky",): -0.2}


def test_two_iterations_give_the_student_of_one(tuner):
    first = tuner.fine_tune(tuner.root(), [UP])
    second = tuner.fine_tune(first, [DOWN])
    together = tuner.fine_tune(tuner.root(), [UP, DOWN])
    largest = np.abs(together.weights).max()
    np.testing.assert_allclose(second.weights, together.weights, atol=2e-3 * largest)


def test_release_gives_the_original_student_again(tuner):
    thumbed = tuner.fine_tune(tuner.root(), [REMOVE])
    free = tuner.fine_tune(thumbed, [Intent("bicycle", "sky", "release")])
    weights = tuner.root().weights
    np.testing.assert_allclose(free.weights, weights, atol=2e-3 * np.abs(weights).max())


def test_a_group_is_one_term(tuner):
    node = tuner.fine_tune(tuner.root(), [GroupIntent("bicycle", TWO, "down", 2.0)])
    assert gains(tuner, node) == {("fur", "sky"): -0.2}


def test_a_group_whose_concept_gets_its_own_thumb_keeps_the_others(tuner):
    group = tuner.fine_tune(tuner.root(), [GroupIntent("bicycle", TWO, "down", 2.0)])
    node = tuner.fine_tune(group, [Intent("bicycle", "sky", "up", 2.0)])
    assert gains(tuner, node) == {("fur",): -0.2, ("sky",): 0.4}


def test_a_group_is_written_and_read_as_a_group(tuner, tmp_path):
    node = tuner.fine_tune(tuner.root(), [GroupIntent("bicycle", TWO, "down", 2.0)])
    path = tmp_path / "edits.yaml"
    path.write_text(dump_edits([node.edits]))
    (again,) = read_edits(path, tuner.store)
    assert tuner.fine_tune(tuner.root(), again).id == node.id


def test_a_repair_keeps_the_thumbs(tuner):
    thumbed = tuner.fine_tune(tuner.root(), [UP])
    node = tuner.fine_tune(thumbed, [Lambda("bicycle", 1e-3)])
    assert gains(tuner, node) == {("wheel",): 0.4}


def test_a_thumb_keeps_the_repairs(tuner):
    repaired = tuner.fine_tune(tuner.root(), [Lambda("bicycle", 1e-3)])
    assert tuner.terms(tuner.fine_tune(repaired, [UP]))["bicycle"].get(OwnPenalty).value == 1e-3


def test_agreement_is_with_the_teacher_itself(tuner):
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "fur", "up", 9.0)])
    student, teacher = tuner.logits(node)[:, 0], tuner.store.teacher_logit[:, 0]
    rows = tuner.store.rows("tune")
    agree = ((student > 0) == (teacher > 0))[rows].mean()
    assert tuner.metrics(node, "tune")["bicycle"].fidelity == pytest.approx(agree)


def test_a_history_replays_bit_by_bit(tuner, store):
    node = tuner.fine_tune(tuner.root(), [UP, GroupIntent("bicycle", TWO, "down", 2.0)])
    tuner.fine_tune(node, [DOWN, Lambda("bicycle", 1e-3)])
    into = Tuner(store, tuner.spec, History(":memory:"))
    assert all(same_weights(*pair) for pair in replay(tuner, into))


def test_an_iteration_of_bounds_replays_as_bounds(store, tmp_path, tuner):
    bounds = make_tuner(store, tmp_path, "tuning: {refit: all}\n")
    bounds.fine_tune(bounds.root(), [UP, DOWN])
    into = Tuner(store, tuner.spec, History(":memory:"))
    assert all(same_weights(*pair) for pair in replay(bounds, into))


def test_all_numbers_of_a_thumb_are_plain_data_of_the_iteration(tuner):
    node = tuner.fine_tune(tuner.root(), [UP])
    kept = json.loads(json.dumps(node.settings["adjusted"]))["bicycle"][0]
    score = tuner.store.scores_of("fit")[:, tuner.store.concepts.index("wheel")].astype(float)
    assert (kept["means"][0], kept["spreads"][0]) == pytest.approx((score.mean(), score.std()))


def without_effect(folder, array: str) -> tuple[Tuner, Intent]:
    """A tuner whose first column of an array is constant, and a thumb without effect there."""
    arrays = small_arrays()
    arrays[array][:, 0] = 0.5
    tuner = tuner_of(arrays, folder, TARGET)
    return tuner, Intent("bicycle", tuner.store.concepts[0], "up", 2.0)


@pytest.mark.parametrize("array", ["concept_score", "teacher_logit"])
def test_a_thumb_without_effect_is_told(tmp_path, array):
    tuner, thumb = without_effect(tmp_path, array)
    (told,) = notices(tuner, tuner.root(), [thumb])
    assert told.endswith("the thumb changes nothing.")


@pytest.mark.parametrize("array", ["concept_score", "teacher_logit"])
def test_a_thumb_without_effect_keeps_the_student(tmp_path, array):
    tuner, thumb = without_effect(tmp_path, array)
    node = tuner.fine_tune(tuner.root(), [thumb])
    np.testing.assert_allclose(node.weights, tuner.root().weights, atol=2e-2)


def test_solver_paper_cannot_have_targets(tmp_path, store):
    with pytest.raises(SpecError, match="cannot be target with solver: paper"):
        make_tuner(store, tmp_path, f"students: {{solver: paper}}\n{TARGET}")


def test_solver_paper_has_bounds_by_default(tmp_path, store):
    tuner = make_tuner(store, tmp_path, "students: {solver: paper}\ntuning: {epochs: 2}\n")
    assert tuner.refit == "all"


def test_the_default_is_target(tmp_path, store):
    path = tmp_path / "plain.yaml"
    path.write_text(f"title: Plain\nstore: {store.path}\n")
    assert load_spec(path, check_files=False).refit == "target"


def test_a_thumb_that_replaces_nothing_has_no_notice(tuner):
    assert notices(tuner, tuner.root(), [UP]) == []


def test_a_thumb_down_on_an_influence_below_0_is_told(tuner):
    """It lowers the target where the concept is: the influence moves away from 0."""
    root, concept = tuner.root(), concept_of_influence(tuner, -1)
    thumb = Intent("bicycle", concept, "down", 2.0)
    (told,) = notices(tuner, root, [thumb])
    assert "below 0: ▼ Lower makes it stronger, ▲ Raise weaker, and ✕ Remove ends it" in told
    cell = tuner.store.concepts.index(concept), tuner.store.classes.index("bicycle")
    assert tuner.fine_tune(root, [thumb]).weights[cell] < root.weights[cell] < 0


@pytest.mark.parametrize(("sign", "direction"), [(1, "down"), (-1, "up"), (-1, "remove")])
def test_other_thumbs_have_no_such_notice(tuner, sign, direction):
    concept = concept_of_influence(tuner, sign)
    factor = None if direction == "remove" else 2.0
    assert notices(tuner, tuner.root(), [Intent("bicycle", concept, direction, factor)]) == []


def test_release_of_a_thumb_is_told(tuner):
    node = tuner.fine_tune(tuner.root(), [UP])
    (told,) = notices(tuner, node, [Intent("bicycle", "wheel", "release")])
    assert "the thumb of #1 is released" in told


def test_damaged_targets_are_told(tuner):
    node = tuner.fine_tune(tuner.root(), [UP])
    broken = dict(node.settings) | {"adjusted": {"bird": node.settings["adjusted"]["bicycle"]}}
    other = node.changed(settings=broken)
    tuner._verified.clear()
    with pytest.raises(HistoryError, match="other classes than its thumbs"):
        tuner._checked(other)


def concept_of_influence(tuner: Tuner, sign: int) -> str:
    """The concept of bicycle's student whose influence has this sign, and is the largest."""
    weights = tuner.root().weights[:, 0]
    return tuner.store.concepts[int(np.argmax(sign * weights))]


@pytest.mark.parametrize(("sign", "gain"), [(1, -0.2), (-1, 0.2)])
def test_a_removal_goes_against_the_influence(tuner, sign, gain):
    """Where a concept lowers the logit, its removal raises targets: the student relies on its
    absence."""
    concept = concept_of_influence(tuner, sign)
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", concept, "remove")])
    assert gains(tuner, node) == {(concept,): gain}


def test_a_removal_without_influence_goes_against_the_correlation_at_equal_label(tuner):
    """The student's logit falls with such a concept, or rises: correlated concepts carry it."""
    held = tuner.fine_tune(tuner.root(), [REMOVE])
    store, rows = tuner.store, tuner.store.rows("fit")
    label, logit = store.label[rows, 0], tuner.logits(held, rows)[:, 0]
    score = store.concept_score[rows, store.concepts.index("sky")].astype(float)
    values = pd.DataFrame({"logit": logit, "score": score})
    within = values - values.groupby(label).transform("mean")
    expected = within.corr().loc["logit", "score"]
    found = reliance_on(
        tuner.fit_data.source, held, lambda at: tuner.logits(held, at), "bicycle", ("sky",)
    )
    assert np.sign(found) == np.sign(expected)


def test_a_removal_that_is_given_again_keeps_its_gain(tuner):
    """The student of targets that were raised, or lowered, may rely on the concept the other way
    round."""
    concept = concept_of_influence(tuner, -1)
    once = tuner.fine_tune(tuner.root(), [Intent("bicycle", concept, "remove")])
    lifted = tuner.fine_tune(once, [Intent("bicycle", "wheel", "up", 4.0)])
    again = tuner.fine_tune(lifted, [Intent("bicycle", concept, "remove")])
    assert gains(tuner, again)[(concept,)] == gains(tuner, once)[(concept,)]
