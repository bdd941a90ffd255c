"""Parts of repairs by hand: labels that are enough, errors of a choice, weights in a history."""

from types import SimpleNamespace

import numpy as np
import pytest

from inficond_panel.distill.suspects import LEAST_SUPPORT
from inficond_panel.errors import TuningError
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs import labelled as labels_of_others
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty, SuspectPenalty
from inficond_panel.tuning.repairs.choosing import enough, errors
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.reweight import Reweight, Reweighted
from inficond_panel.tuning.repairs.reweight_groups import ReweightGroups
from inficond_panel.tuning.suggest.gain import Change, mean_change


def labelled(positives: int, negatives: int, groups=None) -> SimpleNamespace:
    """Labels of tune, as evidence has them; equal ``groups`` are near-equal images."""
    label = np.repeat([1, 0], [positives, negatives])
    return SimpleNamespace(tune_label=label, tune_group=groups)


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"), [(5, 5, True), (4, 9, False), (9, 4, False)]
)
def test_labels_are_enough_if_there_are_enough_of_both_sides(positives, negatives, expected):
    assert enough(labelled(positives, negatives), 5) is expected


@pytest.mark.parametrize(("groups", "expected"), [([0, 1, 2, 3], True), ([0, 0, 2, 3], False)])
def test_near_equal_images_count_once_among_labels(groups, expected):
    assert enough(labelled(2, 2, np.array(groups)), 2) is expected


def test_an_error_is_the_deviation_of_the_gain_over_the_first_of_each_draw():
    """AP of the first student varies too: gains of 0.1 and 0.3 have a deviation of 0.2 / √2."""
    values = np.array([[0.5, 0.6], [0.6, 0.9]])
    assert errors(values) == pytest.approx([0, 0.2 / np.sqrt(2)])


@pytest.mark.parametrize(
    "weights",
    [[1.0, np.nan], [1.0, np.inf], [2.0, -0.5], [0.0, 0.0]],
    ids=["nan", "infinite", "negative", "all 0"],
)
def test_weights_that_weigh_no_image_are_damaged(weights):
    stored = Reweighted(("road",), np.array(weights, np.float32), (1.0, 1.0)).to_json()
    with pytest.raises(ValueError, match="negative, not finite, or all 0"):
        Reweighted.from_json(stored, 2)


def test_weights_of_a_history_come_back():
    stored = Reweighted(("road",), np.array([0.0, 2.0], np.float32), (1.0, 1.0)).to_json()
    assert Reweighted.from_json(stored, 2).weights.tolist() == [0.0, 2.0]


@pytest.mark.parametrize(
    "repair", [Reweight(3, ("road",)), Label(3, "a.jpg", 1)], ids=["reweight", "label"]
)
def test_a_class_that_is_named_by_a_number_is_named_by_its_text(repair):
    assert repair.class_name == "3"


def test_an_adaptive_penalty_is_told_with_its_largest_factor():
    words = SuspectPenalty(2.0, {"road": 1.5, "snow": 3.0}).words
    assert words == "adaptive penalty 2: 2 suspects, snow 3.0 times its penalty"


def test_an_adaptive_penalty_without_suspects_is_told():
    assert SuspectPenalty(2.0, {}).words == "adaptive penalty 2: 0 suspects"


def test_one_suspect_of_an_adaptive_penalty_is_singular():
    words = SuspectPenalty(0.3, {"road": 1.46}).words
    assert words == "adaptive penalty 0.3: 1 suspect, road 1.5 times its penalty"


def evidence_of_fit(positives: int, negatives: int, factors: list[float]) -> SimpleNamespace:
    """Labels of fit, and suspicion of the concepts road, snow and truck, the class's own word."""
    return SimpleNamespace(
        class_name="truck",
        concepts=["road", "snow", "truck"],
        own_words=[2],
        fit_label=np.repeat([1, 0, -1], [positives, negatives, 3]),
        suspicion=lambda: SimpleNamespace(penalty_factor=np.array(factors)),
    )


def test_an_adaptive_penalty_multiplies_by_1_and_the_suspicion_times_its_value():
    (terms,) = AdaptivePenalty("truck", 2.0).candidates(
        evidence_of_fit(10, 10, [0.5, 0.0, 4.0]), Terms(), able=True
    )
    assert terms.get(SuspectPenalty).factors == {"road": 2.0}


def test_an_adaptive_penalty_of_0_multiplies_nothing():
    (terms,) = AdaptivePenalty("truck", 0.0).candidates(
        evidence_of_fit(10, 10, [0.5, 0.0, 4.0]), Terms(), able=True
    )
    assert terms.get(SuspectPenalty).factors == {}


def test_without_suspects_there_is_no_adaptive_penalty():
    (terms,) = AdaptivePenalty("truck", 2.0).candidates(
        evidence_of_fit(10, 10, [0.0, 0.0, 4.0]), Terms(), able=True
    )
    assert terms.get(SuspectPenalty) is None


@pytest.mark.parametrize(("positives", "negatives"), [(9, 10), (10, 9)])
def test_an_adaptive_penalty_needs_ten_training_labels_of_each_side(positives, negatives):
    evidence = evidence_of_fit(positives, negatives, [0.5, 0.0, 0.0])
    with pytest.raises(TuningError, match=f"there are {positives} and {negatives}"):
        AdaptivePenalty("truck", 2.0).candidates(evidence, Terms(), able=True)


REFUSED = TuningError("No repairs.", "Use thumbs.")


def test_a_softmax_student_refuses_a_lambda_of_0():
    with pytest.raises(TuningError, match="must be above 0, got 0"):
        Lambda("truck", 0.0).check_joint(REFUSED)


def test_a_softmax_student_refuses_a_lambda_that_labels_choose():
    with pytest.raises(TuningError, match="No repairs"):
        Lambda("truck").check_joint(REFUSED)


@pytest.mark.parametrize("value", [1e-9, 1.0])
def test_a_softmax_student_takes_a_lambda_above_0(value):
    Lambda("truck", value).check_joint(REFUSED)


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [(3, 2, True), (4, 1, False), (1, 4, False), (2, 2, False)],
    ids=["most", "few negatives", "few positives", "half"],
)
def test_another_class_is_labelled_on_most_images_of_both_sides(positives, negatives, expected):
    """Of four positives and four negatives, so many have a label of the other class."""
    other = np.full((8, 1), -1)
    other[:positives] = other[4 : 4 + negatives] = 0
    assert labels_of_others._enough(np.repeat([1, 0], 4), other, 2).tolist() == [expected]


def test_a_class_that_never_occurs_beside_this_one_measures_nothing(monkeypatch):
    """Classes 1 and 2 have a concept each; class 2 is only on images without class 0."""
    n = LEAST_SUPPORT
    other = np.zeros((3 * n, 2), int)
    other[: n // 2, 0] = other[n : 2 * n, 0] = 1
    other[n : 2 * n, 1] = 1
    store = SimpleNamespace(classes=["dog", "ball", "cat"])
    evidence = SimpleNamespace(
        student=SimpleNamespace(store=store, k=0), fit_label=np.repeat([1, 0, 0], n)
    )
    monkeypatch.setattr(labels_of_others, "classes_by_word", lambda _: {0: 1, 1: 2})
    known = other, other, np.zeros(2, bool)
    monkeypatch.setattr(labels_of_others, "_known", lambda *_: known)
    found = labels_of_others._labelled(evidence, np.array([0.5, 0.5]))
    assert {concept: each.name for concept, each in found.items()} == {0: "ball"}


@pytest.mark.parametrize("draws", [[0.1, np.nan], [np.nan, np.nan]], ids=["one draw", "no draw"])
def test_a_gain_of_less_than_two_draws_has_no_error(draws):
    assert Change(0.1, np.array(draws)).error == 0


def test_the_mean_of_changes_is_over_the_classes_that_a_draw_has_by_hand():
    nan = np.nan
    changes = [Change(1.0, np.array([1.0, nan, nan])), Change(3.0, np.array([3.0, 4.0, nan]))]
    mean = mean_change(changes)
    assert mean.estimate == 2
    np.testing.assert_array_equal(mean.draws, [2, 4, nan])


def test_the_mean_of_no_changes_is_none():
    assert mean_change([]).estimate == 0


@pytest.mark.parametrize(
    "repair",
    [
        Lambda(3),
        AdaptivePenalty(3),
        Learn(3, "teacher"),
        Label(3, "a.jpg", 1),
        Reweight(3, ["road"]),
        ReweightGroups(3, "place"),
    ],
    ids=lambda repair: repair.kind.key,
)
def test_a_class_whose_name_is_a_number_is_text(repair):
    assert repair.class_name == "3"
