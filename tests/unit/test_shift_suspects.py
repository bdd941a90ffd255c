"""Suspects of a student, also those that are classes, and balance: by scipy and hand counts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factory import shift_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, ttest_ind
from sklearn.linear_model import LogisticRegression

import inficond_panel
from inficond_panel.api.students import TunableStudents
from inficond_panel.distill.drift import MOST_LOG_RATIO, balance, density_ratio
from inficond_panel.distill.suspects import Photos, Suspicion, parting_score, shown_share, suspicion
from inficond_panel.errors import DataError
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.shift import ClassShift, class_shift
from inficond_panel.wording.suspects import suspect_numbers, suspect_reason


def photos(rng: np.random.Generator, count: int = 120, concepts: int = 6) -> Photos:
    scores = rng.random((count, concepts)).astype(np.float32)
    return Photos(scores, (rng.random(count) < 0.4).astype(np.int8))


def values(these: Photos) -> np.ndarray:
    return np.asarray(these.scores.source.values, dtype=float)  # type: ignore[attr-defined]


def five(*arrays: np.ndarray) -> list[Photos]:
    return [*map(Photos, *(np.array_split(array, 5) for array in arrays))]


def test_partial_correlation_is_the_correlation_of_what_the_label_leaves():
    rng = np.random.default_rng(0)
    tune = photos(rng)
    logit = values(tune) @ np.array([3.0, -2, 0, 1, 0, 0.5]) + 2 * tune.label
    known = np.column_stack([tune.label, np.ones(len(logit))])
    every = np.column_stack([logit, values(tune)])
    left, *residual = (every - known @ np.linalg.lstsq(known, every, rcond=None)[0]).T
    expected = [np.corrcoef(column, left)[0, 1] for column in residual]
    np.testing.assert_allclose(tune.partial_correlation(logit[None])[0], expected, atol=1e-6)


def test_one_fold_against_tune_is_students_test_of_two_means_where_negatives_are_constant():
    rng, label = np.random.default_rng(1), np.repeat([1, 0], 40)
    scores, others = np.zeros((2, 80, 1))
    scores[:40, 0], others[:40, 0] = rng.random(40), rng.random(40) * 0.2
    # the student is the concept itself
    found = suspicion([Photos(scores, label)], Photos(others, label), others.T, np.ones((1, 1)))
    expected = ttest_ind(scores[:40, 0], others[:40, 0], alternative="greater")
    assert found.z[0] == pytest.approx(expected.statistic)
    assert found.q[0] == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.reliance[0] == pytest.approx(1)
    assert found.score[0] == pytest.approx(expected.statistic)


def test_weakening_is_students_t_of_each_side_and_only_what_weakens_counts():
    rng = np.random.default_rng(2)
    fit, tune = photos(rng, 40), photos(rng, 70)
    logits = rng.normal(size=(1, 70))
    found = suspicion([fit], tune, logits, np.ones((1, 6)))
    sign = np.sign(tune.partial_correlation(logits)[0])
    sides = [[values(of)[of.label == side] for of in (fit, tune)] for side in (1, 0)]
    t = [ttest_ind(*both).statistic for both in sides]
    falls, rises = np.maximum(sign * t[0], 0), np.maximum(-sign * t[1], 0)
    np.testing.assert_allclose(found.weakening, np.hypot(falls, rises), rtol=1e-5)
    assert found.weakening.min() < found.weakening.max()
    expected = np.sqrt(np.abs(found.reliance)) * found.weakening
    np.testing.assert_allclose(found.score, expected)
    doubt = np.abs(found.reliance) * np.where(found.z > 0, found.z, 0)
    np.testing.assert_allclose(found.penalty_factor, doubt)


def test_few_positives_of_tune_are_no_clear_difference():
    """Skewed scores, the same on both splits: seven positives seem alike in some of 300 concepts.

    Ten percent of the draws may be called by a test at 1 %; Welch's calls a third of them.
    """
    rng, called, draws = np.random.default_rng(0), 0, 30
    for _ in range(draws):
        fit = Photos(rng.exponential(size=(400, 300)), np.arange(400) < 80)
        tune = Photos(rng.exponential(size=(100, 300)), np.arange(100) < 7)
        logits = rng.normal(size=(1, 100))
        called += suspicion([fit], tune, logits, np.ones((1, 300))).q.min() <= 0.01
    assert called <= draws / 10


def test_few_positives_do_not_hide_what_the_negatives_tell():
    """The context is on half the negatives of tune and on none of fit; concept 1 is loud there."""
    rng = np.random.default_rng(3)
    label = np.arange(1000) % 100 == 0
    context = np.stack([label, np.where(label, 1, np.arange(1000) % 2)])
    scores = np.stack([context, 0.6 * context], axis=2) + rng.normal(0, 0.4, (2, 1000, 2))
    scores[0, label, 1] += 1.5
    label = label * 1
    logits = np.tile(context[1], (5, 1))
    found = suspicion(five(scores[0], label), Photos(scores[1], label), logits, np.ones((5, 2)))
    assert found.z[0] < found.z[1]
    assert found.score[0] > found.score[1]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_what_all_concepts_lose_is_the_separation_lost(seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(3, 6)) * (rng.random((3, 6)) < 0.7)
    folds, tune = [photos(rng) for _ in range(3)], photos(rng)

    def separation(these: Photos, student: np.ndarray) -> float:
        logit = values(these) @ student + 0.7
        return float(logit[these.label == 1].mean() - logit[these.label == 0].mean())

    found = suspicion(folds, tune, weights @ values(tune).T, weights)
    pairs = zip(folds, weights, strict=True)
    lost = [separation(part, student) - separation(tune, student) for part, student in pairs]
    assert found.lost.sum() == pytest.approx(np.mean(lost), abs=1e-6)


def test_a_bond_of_fit_alone_is_found_without_a_weight_of_its_own():
    """Concept 0 is the class. In fit concepts 1 and 2 go with it; the student uses 0 and 2."""
    rng = np.random.default_rng(5)
    label = (rng.random((2, 1000)) < 0.5).astype(int)
    scores = rng.normal(0.5, 0.1, (2, 1000, 4))
    context = np.stack([label[0], (rng.random(1000) < 0.5).astype(int)])
    scores[..., 0] += 0.2 * label
    scores[..., 1] += 0.2 * context
    scores[..., 2] += 0.1 * context
    weights = np.array([[8.0, 0.0, 8.0, 0.0]] * 5)
    folds, tune = five(scores[0], label[0]), Photos(scores[1], label[1])
    found = suspicion(folds, tune, weights @ scores[1].T, weights)
    assert sorted(np.argsort(-found.score)[:2]) == [1, 2]
    assert found.q[[1, 2]].max() < 1e-6 < 0.05 < found.q[[0, 3]].min()
    assert found.lost[1] == 0


def test_of_100_students_without_a_shift_few_have_a_suspect_at_a_rate_of_5_percent():
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(100):
        folds, tune = [photos(rng, 60, 30) for _ in range(5)], photos(rng, 150, 30)
        weights = rng.normal(size=(5, 30))
        found = suspicion(folds, tune, weights @ values(tune).T, weights)
        alarms += bool(found.q.min() <= 0.05)
    assert alarms <= 12  # 5 expected; binomial, 99.8 %


@pytest.mark.parametrize(
    ("reliance", "p", "fit_bond", "clear"),
    [
        pytest.param(0.5, 1e-8, 1.0, True, id="relied on, and lost"),
        pytest.param(-0.5, 1e-8, -1.0, True, id="relied on by its absence, and lost"),
        pytest.param(-0.5, 1e-8, 1.0, False, id="correlated the other way round"),
        pytest.param(0.5, 0.01, 1.0, False, id="may be chance among a hundred"),
        pytest.param(0.02, 1e-8, 1.0, False, id="hardly relied on"),
        pytest.param(0.5, 1e-8, 0.2, False, id="hardly lost"),
    ],
)
def test_a_lost_correlation_alone_is_a_shift_if_it_is_strong(reliance, p, fit_bond, clear):
    measured = suspected([reliance, *[0.01] * 99], [p, *[1.0] * 99], fit_bond)
    assert (0 in measured.clear(np.ones(100), 0.3)) == clear


def test_what_only_tune_has_is_no_lost_correlation_of_its_absence():
    """Reliance on a concept that fit has no correlation of is noise, of either sign."""
    measured = replace(suspected([-0.05], [1e-8], -0.01), tune_bond=np.array([2.0]))
    assert list(measured.ranked()) == []


def test_no_more_is_lost_than_was_there_to_learn():
    reversed_ = replace(suspected([0.25], [1e-8], 0.4), tune_bond=np.array([-1.0]))
    assert reversed_.strength(np.ones(1), 0.5)[0] == pytest.approx(0.4 * 0.5 * 0.5)


def test_the_classs_own_word_is_no_shift_by_its_lost_correlation():
    both = suspected([0.5, 0.5], [1e-8, 1e-8], 1.0)
    assert list(both.clear(np.ones(2), 0.3, besides=[0])) == [1]


def test_the_strength_of_what_is_lost_is_a_correlation_times_the_root_of_the_reliance():
    """Where tune has no difference at all, what is lost is the whole correlation with the class."""
    rng = np.random.default_rng(0)
    label = np.arange(400) % 4 == 0
    score = rng.normal(size=400) + label
    bond = score[label].mean() - score[~label].mean()
    found = suspected([0.25], [0.0], bond).strength(np.array([score.std()]), 0.25)
    assert found[0] == pytest.approx(np.corrcoef(score, label)[0, 1] * 0.5)


def test_a_constant_concept_has_no_strength():
    assert suspected([0.5], [0.0], 0.0).strength(np.zeros(1), 0.3)[0] == 0


def test_a_concept_that_no_photo_shows_has_a_share_by_the_rule_of_succession():
    assert shown_share(np.array([0, 8]), 8) == pytest.approx([1 / 10, 9 / 10])


def suspected(reliance: list[float], p: list[float], fit_bond: float) -> Suspicion:
    """Measures of concepts that weaken alike, whose correlation is lost altogether."""
    one = np.ones(len(p))
    many = (5 * one, 5 * one, 0 * one)
    return Suspicion(np.array(reliance), *many, np.array(p), fit_bond * one, 0 * one)


def test_a_constant_concept_is_no_suspect_and_of_no_values_there_are_no_correlations():
    rng = np.random.default_rng(7)
    fit, tune = (Photos(np.full((50, 1), 0.3), (rng.random(50) < 0.5).astype(int)) for _ in "12")
    found = suspicion([fit], tune, np.zeros((1, 50)), np.ones((1, 1)))
    assert found.score[0] == found.lost[0] == 0
    assert found.q[0] == pytest.approx(0.5)
    assert photos(rng).partial_correlation(np.empty((0, 120))).shape == (0, 6)


def test_a_student_without_weights_relies_on_nothing():
    rng = np.random.default_rng(8)
    folds, tune = [photos(rng) for _ in range(5)], photos(rng)
    logits = np.tile([[-2.2], [0.1], [-1.7], [3.3], [1e-3]], len(tune.label))
    found = suspicion(folds, tune, logits, np.zeros((5, 6)))
    assert not found.score.any()  # rounding is no reliance
    assert not (found.q < 0.5).any()


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ([1, 0, 1], "4 rows of scores have 3 labels"),
        ([1, 0, 1, -1], "must be 0 or 1"),
        ([1, 0, 0, 0], "Fewer than two"),
    ],
)
def test_photos_that_cannot_be_compared_are_refused(label, message):
    with pytest.raises(DataError, match=message):
        Photos(np.zeros((4, 2)), np.array(label))


FIT, TUNE = 400, 300


class Made:
    """Photos where dog goes with ball on fit only. The concept *leash* tells dogs best."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.split = np.repeat(["fit", "tune", "holdout"], [FIT, TUNE, 20])
        size = len(self.split)
        ball = rng.random(size) < 0.4
        with_ball = rng.random(size) < np.where(ball, 0.95, 0.03)
        dog = np.where(self.split == "fit", with_ball, rng.random(size) < 0.4)
        self.label = pd.DataFrame({"ball": ball * 1.0, "dog": dog * 1.0})
        noise = rng.normal(size=(size, 4))
        score = np.outer(dog, [1, 1, 0.3, 0]) + noise * [0.9, 0.2, 1, 1]
        self.scores = pd.DataFrame(score, columns=["dog", "leash", "canine", "grass"])
        self.logits = pd.DataFrame({"ball": 6.0 * ball - 3, "dog": 6.0 * dog - 3})

    def known(self, where: np.ndarray) -> None:
        self.label.loc[~where, "dog"] = np.nan

    def students(self, near_duplicates: str | None = None, **columns: list[str]) -> TunableStudents:
        names = [f"{place:03d}.jpg" for place in range(len(self.split))]
        frames = [frame.set_axis(names) for frame in (self.scores, self.logits, self.label)]
        split = pd.Series(self.split, index=names)
        metadata = pd.DataFrame(columns, index=names) if columns else None
        options = {"metadata": metadata, "near_duplicates": near_duplicates}
        return inficond_panel.from_frames(*frames, split=split, **options).fit()

    def shift(self) -> ClassShift:
        return shift_of(self.students().tuner, "ball")


def shares(made: Made, split: str) -> tuple[float, float]:
    """Photos of dogs among those with a ball and among those without, of known label."""
    these = made.label[made.split == split].dropna()
    return tuple(these.groupby("ball")["dog"].mean()[[1.0, 0.0]])


def check_counted(made: Made, suspect) -> None:
    """Its presence is the shares of the photos of dogs."""
    assert suspect.labelled == "dog"
    assert suspect.presence.fit == pytest.approx(shares(made, "fit"))
    assert suspect.presence.tune == pytest.approx(shares(made, "tune"))


def test_its_lost_bond_is_of_two_differences_of_shares_and_of_the_word_leant_on_most():
    made = Made()
    parts = [
        made.label.loc[(made.split == split) & (made.label["ball"] == side), "dog"].to_numpy()
        for split in ("fit", "tune")
        for side in (1, 0)
    ]
    means = [part.mean() for part in parts]
    lost = (means[0] - means[1]) - (means[2] - means[3])
    t = [ttest_ind(parts[0], parts[2]).statistic, ttest_ind(parts[3], parts[1]).statistic]
    errors = [(means[0] - means[2]) / t[0], (means[3] - means[1]) / t[1]]
    first = made.shift().suspects[0]
    assert first.z == pytest.approx(lost / np.hypot(*errors), rel=1e-5)
    expected = np.sqrt(abs(first.reliance)) * np.hypot(*np.maximum(t, 0))
    assert first.score == pytest.approx(expected, rel=1e-4)
    made.scores.columns = ["Dogs", "dog", "canine", "grass"]
    first = made.shift().suspects[0]
    assert (first.concept, first.labelled) == ("dog", "dog")


def test_photos_without_a_label_are_left_out_and_few_are_less_sure_than_a_teacher_on_all():
    made = Made()
    made.known(np.random.default_rng(1).random(len(made.split)) < 0.8)
    check_counted(made, made.shift().suspects[0])
    made = Made()
    made.known(np.random.default_rng(1).random(len(made.split)) < 0.4)
    assert {one.by_teacher for one in made.shift().suspects if one.labelled} == {True}


@pytest.mark.parametrize("split", ["fit", "tune"])
def test_without_labels_on_both_splits_the_teacher_is_asked(split):
    made = Made()
    decided = made.label["dog"].copy()
    made.known(made.split != split)
    first = made.shift().suspects[0]
    assert (first.concept, first.by_teacher) == ("dog", True)
    made.label["dog"] = decided
    check_counted(made, first)


def test_the_teachers_decision_is_by_the_threshold_of_the_class_where_it_tells_more_than_scores():
    made = Made()
    made.known(made.split != "fit")
    made.logits["dog"] += 4  # of 1 without a dog, of 7 with one
    assert {one.labelled for one in made.shift().suspects} == {""}
    tuner = made.students().tuner
    student, rows = tuner.repairs.class_fit(tuner.root(), "ball"), tuner.store.rows("tune")
    found = class_shift(Evidence(student, rows, {"dog": 4.0}))
    assert found.suspects[0].labelled == "dog"
    made = Made()
    made.known(made.split != "fit")
    rng = np.random.default_rng(2)
    made.logits["dog"] = rng.normal(size=len(made.split)) + 0.1 * made.logits["dog"]
    found = made.shift()
    assert found.suspects[0].concept == "leash"
    assert {one.labelled for one in found.suspects} == {""}


def of_column(**columns: list[str]):
    """The first suspect of ball where dog is no class, but columns of metadata know of dogs."""
    made = Made()
    dog = made.label.pop("dog") == 1
    made.logits.pop("dog")
    columns = {name: [texts[int(there)] for there in dog] for name, texts in columns.items()}
    return shift_of(made.students(**columns).tuner, "ball").first


@pytest.mark.parametrize(
    ("columns", "name"),
    [({"Dog": ["no", "yes"]}, "Dog = yes"), ({"animal": ["none", "dogs"]}, "animal = dogs")],
    ids=["a column of yes and no", "a value"],
)
def test_a_column_of_metadata_counts_as_labels_of_the_concept_that_is_named_like_it(columns, name):
    labelled, found = Made().shift().suspects[0], of_column(**columns)
    assert (found.concept, found.labelled, found.by_column) == ("dog", name, True)
    assert (found.presence, found.z) == (labelled.presence, pytest.approx(labelled.z))


def test_upper_and_lower_case_of_a_column_are_equal():
    made, first = Made(), of_column(dog=["no", "yes"])
    dog = made.label.pop("dog") == 1
    made.logits.pop("dog")
    texts = [("yes", "YES")[at % 2] if there else "No" for at, there in enumerate(dog)]
    found = shift_of(made.students(dog=texts).tuner, "ball").first
    assert (found.presence, found.z) == (first.presence, pytest.approx(first.z))


def test_a_column_counts_where_images_form_groups():
    """Of two images of one film with one label, one counts: labels are fewer than images."""
    made = Made()
    dog = made.label.pop("dog") == 1
    made.logits.pop("dog")
    films = [str(at - (at in {1, 3})) for at in range(len(dog))]
    texts = ["yes" if there else "no" for there in dog]
    students = made.students(near_duplicates="film", film=films, dog=texts)
    first = shift_of(students.tuner, "ball").first
    assert (first.concept, first.by_column) == ("dog", True)


def test_a_column_counts_before_decisions_of_the_teacher():
    made = Made()
    dog = made.label["dog"] == 1
    made.known(made.split != "fit")
    columns = {"dog": ["yes" if there else "no" for there in dog]}
    found = shift_of(made.students(**columns).tuner, "ball").first
    assert (found.labelled, found.by_column, found.by_teacher) == ("dog = yes", True, False)


@pytest.mark.parametrize("columns", [{"grey": ["no", "yes"]}, {"animal": ["none", "horse"]}])
def test_a_column_that_names_no_concept_is_no_suspect(columns):
    assert not of_column(**columns).by_column


@pytest.mark.parametrize("seed", range(5))
def test_a_column_shuffled_among_the_images_accuses_nothing(seed):
    """The control: the column has the same values, and the concept is the same."""
    made = Made()
    dog = np.random.default_rng(seed).permutation(made.label.pop("dog") == 1)
    made.logits.pop("dog")
    texts = ["yes" if there else "no" for there in dog]
    found = shift_of(made.students(dog=texts).tuner, "ball")
    assert not any(one.by_column for one in found.suspects)


def test_what_few_photos_have_by_a_column_is_no_suspect():
    made = Made()
    for frame in (made.label, made.logits):
        frame.pop("dog")
    texts = ["yes" if at < 9 else "no" for at in range(len(made.split))]
    found = shift_of(made.students(dog=texts).tuner, "ball")
    assert not any(one.by_column for one in found.suspects)


def test_the_sentence_names_the_column():
    found = of_column(dog=["0", "1"])
    assert suspect_reason(ClassShift("ball", "shift"), found).endswith(
        ", by the metadata 'dog = 1'."
    )


def test_the_sentence_says_that_labels_were_counted():
    made = Made()
    found = made.shift()
    first = found.suspects[0]
    fit, tune = (100 * shares(made, split)[0] for split in ("fit", "tune"))
    said = f"In {fit:.0f} % of the training rows with ball, {tune:.0f} % of the tuning ones"
    assert suspect_reason(found, first) == f"{said}, by the labels of 'dog'."
    told = suspect_numbers(found, first)
    assert f"By labels, the correlation changes by {first.z:.1f} standard errors (z)." in told
    assert "a score of" not in told
    made.known(made.split != "tune")
    first = made.shift().suspects[0]
    assert ", by the decisions of the teacher on 'dog'." in suspect_reason(found, first)
    assert "by the decisions of the teacher. By decisions, the" in suspect_numbers(found, first)


def shifted(seed: int, count: int = 800):
    """Scores of fit and of tune within one side: normal, 1 apart in the first concept."""
    rng = np.random.default_rng(seed)
    ours, theirs = rng.normal(size=(count, 3)), rng.normal(size=(count // 2, 3))
    theirs[:, 0] += 1.0
    return ours, theirs


def test_the_ratio_is_that_of_scikit_learn_and_near_the_true_one_which_is_exp_of_x_less_half():
    ours, theirs = shifted(0)
    both = np.concatenate([ours, theirs])
    scores = (both - both.mean(axis=0)) / both.std(axis=0)
    ratio, penalty = density_ratio(ours, theirs)
    target = np.repeat([0, 1], [len(ours), len(theirs)])
    model = LogisticRegression(C=1 / (penalty * len(both)), tol=1e-10, max_iter=1000)
    logit = model.fit(scores, target).decision_function(scores[: len(ours)])
    expected = np.clip(logit - np.log(len(theirs) / len(ours)), -MOST_LOG_RATIO, MOST_LOG_RATIO)
    np.testing.assert_allclose(np.log(ratio), expected, atol=2e-3)
    ours, theirs = shifted(1, count=20_000)
    ratio, _ = density_ratio(ours, theirs)
    near = np.abs(ours[:, 0]) < 2
    slope, level = np.polyfit(ours[near, 0], np.log(ratio[near]), 1)
    assert slope == pytest.approx(1, abs=0.05)
    assert level == pytest.approx(-0.5, abs=0.05)


def test_weighted_photos_of_fit_look_like_those_of_tune_and_too_few_are_refused():
    rng = np.random.default_rng(2)
    label, theirs = (rng.random(3000) < 0.5).astype(int), (rng.random(1000) < 0.2).astype(int)
    scores = rng.normal(size=(3000, 2)) + 1.5 * label[:, None]
    others = rng.normal(size=(1000, 2))  # in tune no concept goes with the class
    found = balance(scores, label, others, theirs)
    assert found.weights.mean() == pytest.approx(1)
    assert found.weights[label == 1].sum() / 3000 == pytest.approx(theirs.mean())
    for side in (1, 0):
        weight = found.weights[label == side]
        mean = weight @ scores[label == side] / weight.sum()
        np.testing.assert_allclose(mean, others[theirs == side].mean(axis=0), atol=0.12)
    label = np.array([1] * 4 + [0] * 20)
    with pytest.raises(DataError, match="4 images of fit and 12 of tune show the class"):
        balance(np.ones((24, 1)), label, np.ones((24, 1)), np.arange(24) % 2)


@pytest.mark.parametrize(("side", "counted"), [(0, "1 images of fit and 5"), (1, "5 images.*1 of")])
def test_near_equal_photos_count_once_where_reweighting_needs_five(side, counted):
    label, copies = np.repeat([1, 0], [5, 20]), np.r_[np.zeros(5), 1:21]
    groups = (copies, None) if side == 0 else (None, copies)
    with pytest.raises(DataError, match=f"{counted}.*near-equal images count once"):
        balance(np.eye(25), label, np.eye(25), label, groups=groups)


@pytest.mark.parametrize("seed", range(5))
def test_two_groups_part_where_their_distribution_functions_are_farthest_apart(seed):
    """A few values far outside do not count: Otsu's threshold would be among them."""
    rng = np.random.default_rng(seed)
    one = np.concatenate([rng.normal(0.09, 0.02, 97), [0.5, 0.6, 0.7]])
    other = np.abs(rng.normal(0, 0.02, 40))
    threshold = parting_score(one, other)
    apart = (one > threshold).mean() - (other > threshold).mean()
    assert apart == pytest.approx(ks_2samp(one, other, alternative="less").statistic)
    assert 0.02 < threshold < 0.09
