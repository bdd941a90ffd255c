"""Kinds of shift and the verdict on a class: each measure against a reference; the benchmark."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import binom, chi2_contingency, mannwhitneyu, norm
from shift_parts.environments import ROUNDS, group_weights, inferred_environment
from shift_parts.pairs import Pair, biased, phi
from shift_parts.teachers import STRONG, strong_logits
from sklearn.metrics import average_precision_score

from inficond_panel.distill import decision_function, fit, shift_kinds
from inficond_panel.distill.label_likelihood import MOST_WRONG, Sides, label_loss
from inficond_panel.distill.shift_kinds import (
    LabelNoise,
    OtherPhotos,
    label_noise,
    share_limits,
    wrong_chance,
)
from inficond_panel.distill.suspects import ALPHA, NONE, SHIFT, UNKNOWN, UnseenLogits, verdict
from inficond_panel.distill.through_class import NONE_OF_THEM, share_z
from inficond_panel.tuning.label_noise import NOISY, DoubtedLabels, fit_labels_in_doubt, fit_noise
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import (
    APART,
    Differences,
    PhotoDifferences,
    _moved_with_class,
    _told_apart,
    _with_pictures,
)
from inficond_panel.vocabulary.shift_kinds import LOST, NOISE, PHOTOS, PICTURES, SHARE, TUNE_NOISE
from inficond_panel.wording.shift_kinds import whose_labels


def drawn(rng: np.random.Generator, photos: int, intercept: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n, 1), and labels by a logistic model of slope 1."""
    score = 2.5 * rng.normal(size=photos)
    return score[:, None], (rng.random(photos) < expit(score + intercept)).astype(int)


@pytest.fixture
def splits():
    rng = np.random.default_rng(3)
    return (*drawn(rng, 1500, -1.0), *drawn(rng, 800, -2.0))


def test_a_score_far_from_0_shows_no_other_noise(splits):
    """Such as the log-odds of a class that its teacher never comes near."""
    score, label, tune_score, tune_label = splits
    plain = label_noise(score, label, tune_score, tune_label)
    far = label_noise(1e-3 * score - 500, label, 1e-3 * tune_score - 500, tune_label)
    assert far.evidence == pytest.approx(plain.evidence, abs=1e-6)


@pytest.mark.parametrize(("added", "missed"), [(0.1, 0.1), (0.2, 0.0), (0.0, 0.4)])
def test_shares_of_wrong_labels_are_found(splits, added, missed):
    score, label, *tune = splits
    chance = np.random.default_rng(5).random(len(label))
    wrong = np.where(label == 1, chance < missed, chance < added)
    found = label_noise(score, np.where(wrong, 1 - label, label), *tune)
    assert found.evidence > 12
    assert found.added == pytest.approx(added, abs=0.04)
    assert found.missed == pytest.approx(missed, abs=0.08)


def test_limits_hold_the_shares_of_wrong_labels_(splits):
    fit, fit_label, *tune = splits
    changed = np.random.default_rng(5).random(len(fit)) < 0.1
    sides = fit, np.where(changed, 1 - fit_label, fit_label), *tune
    (low, high), missed = share_limits(*sides, 0.95)
    assert low < 0.1 < high
    assert missed[0] < 0.1 < missed[1]
    assert low > 0
    assert high < 0.5


def test_right_labels_give_no_evidence_and_that_of_wrong_ones_is_the_best_of_a_grid(splits):
    assert label_noise(*splits).evidence < 6  # the class has another share, which is no noise
    score, label, *tune = splits
    label = np.where(np.random.default_rng(5).random(len(label)) < 0.1, 1 - label, label)
    found = label_noise(score, label, *tune)
    spread = tune[0].std()
    sides = Sides(score / spread, label, tune[0] / spread, tune[1])

    def least(*shares: float) -> float:
        def loss(at: np.ndarray) -> float:
            return label_loss(np.array([*at, *shares]), sides).loss

        return minimize(loss, [-1, -2, 2.0]).fun

    clean = least(0.0, 0.0)
    grid = [least(a, m) for a in np.arange(0.04, 0.17, 0.02) for m in np.arange(0.0, 0.21, 0.04)]
    assert found.evidence >= 2 * (clean - min(grid)) - 1e-6
    assert found.evidence == pytest.approx(2 * (clean - min(grid)), rel=0.05)


def half_of_the_likeliest(rng, photos):
    """Scores (n, 1), and labels of a class that even the likeliest images show half of the time."""
    score = rng.normal(size=photos)
    return score[:, None], (rng.random(photos) < 0.5 * expit(4 * score - 1)).astype(int)


def honest_photos(fit, fit_label, tune, tune_label) -> SimpleNamespace:
    """Photos of which the model of the labels of tune, and the teacher, know the scores."""
    return SimpleNamespace(
        model_of_tune=(tune[:, 0], fit[:, 0]),
        teacher_log_odds={"fit": fit[:, 0], "tune": tune[:, 0]}.__getitem__,
        fit_label=fit_label,
        tune_label=tune_label,
    )


def evidence_of(draw, *, wrong=0.0, stores=12):
    """Evidence of wrong labels of several draws, of which a share of the labels of fit is wrong."""
    found = []
    for seed in range(stores):
        rng = np.random.default_rng(seed)
        (fit, label), tune = draw(rng, 1500), draw(rng, 600)
        label = np.where(rng.random(len(label)) < wrong, 1 - label, label)
        found.append((label_noise(fit, label, *tune), fit_noise(honest_photos(fit, label, *tune))))
    return [[each.evidence for each in side] for side in zip(*found, strict=True)]


def test_a_hard_class_with_right_labels_is_not_called_noisy():
    by_curve, found = evidence_of(half_of_the_likeliest)
    assert (
        np.mean(np.array(by_curve) >= NOISY) > 0.5
    )  # a logistic curve alone calls most of them so
    assert np.mean(np.array(found) >= NOISY) <= 1 / 12


def test_wrong_labels_of_an_easy_class_are_still_found():
    _, found = evidence_of(lambda rng, photos: drawn(rng, photos, -1.0), wrong=0.1)
    assert np.mean(np.array(found) >= NOISY) >= 11 / 12


def test_a_share_of_wrong_labels_at_its_bound_is_only_a_question():
    noise, photos = LabelNoise(0.0, MOST_WRONG, 40.0), OtherPhotos(1.0, 0.0)
    none = ClassShift("ward", "none")
    assert _told_apart(none, none, PhotoDifferences(noise, other=photos)) == ((), (NOISE,))


def photos_of(splits, wrong, teacher) -> SimpleNamespace:
    """Photos with a weak model of the labels of tune, and this teacher."""
    (fit, label, tune, tune_label), rng = splits, np.random.default_rng(8)
    weak = [one[:, 0] + rng.normal(0, 6, len(one)) for one in (fit, tune)]
    given = np.where(wrong, 1 - label, label)
    logits = {"fit": teacher(fit[:, 0], given), "tune": teacher(tune[:, 0], tune_label)}
    labels = {"fit_label": given, "tune_label": tune_label}
    model = (weak[1], weak[0])
    return SimpleNamespace(model_of_tune=model, teacher_log_odds=logits.__getitem__, **labels)


def test_a_teacher_that_did_not_learn_missing_labels_shows_them(splits):
    label = splits[1]
    missing = (label == 1) & (np.random.default_rng(5).random(len(label)) < 0.2)
    honest = fit_noise(photos_of(splits, missing, lambda score, _: score))
    alone = fit_noise(photos_of(splits, missing, lambda score, _: np.zeros(len(score))))
    learned = fit_noise(photos_of(splits, missing, lambda _, given: 5.0 * (2 * given - 1)))
    assert honest.evidence > 15 > 12 > alone.evidence
    assert honest.missed == pytest.approx(0.2, abs=0.08)
    assert learned.evidence == pytest.approx(alone.evidence, abs=0.1)
    right = fit_noise(photos_of(splits, np.zeros(len(label), bool), lambda score, _: score))
    assert right.evidence < 6


def test_the_models_do_not_stand_alone_where_the_teacher_contradicts_labels(splits):
    missing = (splits[1] == 1) & (np.random.default_rng(5).random(len(splits[1])) < 0.2)
    assert not fit_noise(photos_of(splits, missing, lambda score, _: score)).alone


def test_labels_that_the_teacher_does_not_contradict_are_no_certain_finding():
    found = noisy(LabelNoise(0.1, 0.1, 60.0, alone=True))
    assert whose_labels(found) == ("Training", False)


def test_labels_that_the_teacher_contradicts_as_well_are_a_certain_finding():
    assert whose_labels(noisy(LabelNoise(0.1, 0.1, 60.0))) == ("Training", True)


def noisy(noise: LabelNoise) -> Differences:
    """A class of which only wrong labels of training images are found."""
    return Differences("dog", (50, 50), (200, 200), (NOISE,), (), 0.0, noise=noise)


@pytest.mark.parametrize("learned", [False, True])
def test_a_teacher_ranks_wrong_labels_unless_it_has_learned_them(splits, learned):
    wrong = np.random.default_rng(6).random(1500) < 0.1
    photos = photos_of(splits, wrong, lambda scores, given: 8.0 * given - 4 if learned else scores)
    of_tune = photos.model_of_tune
    photos.fit, photos.model_of_fit = np.arange(1500), of_tune[::-1]
    noise = fit_noise(photos)
    found = fit_labels_in_doubt(photos, photos, noise, 0.95).wrong
    plain = wrong_chance(of_tune[1], photos.fit_label, noise)
    values = [average_precision_score(wrong, chance) for chance in (found, plain)]
    assert values[0] == values[1] if learned else values[0] > values[1] + 0.05


def test_right_labels_with_a_long_tail_of_scores_are_not_called_wrong():
    """The labels are logistic in the teacher's log odds; the model's scores are their exponential,
    which no logistic curve fits."""
    rng = np.random.default_rng(4)
    (fit, fit_label), (tune, tune_label) = drawn(rng, 3000, -1.0), drawn(rng, 1500, -1.0)
    tails = [np.exp(each / 2) for each in (tune, fit)]
    photos = SimpleNamespace(
        model_of_tune=(tails[0][:, 0], tails[1][:, 0]),
        teacher_log_odds={"fit": fit[:, 0], "tune": tune[:, 0]}.__getitem__,
        fit_label=fit_label,
        tune_label=tune_label,
    )
    assert label_noise(tails[1], fit_label, tails[0], tune_label).evidence > 12
    assert fit_noise(photos).evidence < 6


@pytest.mark.parametrize("shared", [False, True])
def test_the_discriminant_leaves_its_fold_out(shared):
    rng = np.random.default_rng(2)
    sides = [rng.normal(0.2 * side, size=(90, 4)) for side in (1, 0)]
    first, fold = np.arange(180) < 90, np.tile(np.arange(3), 60)
    kept = [np.concatenate([scores[0::3], scores[2::3]]) for scores in sides]
    pooled = (np.cov(kept[0].T, bias=True) + np.cov(kept[1].T, bias=True)) / 2
    pooled += shift_kinds.RIDGE * np.eye(4)
    expected = np.linalg.solve(pooled, kept[0].mean(axis=0) - kept[1].mean(axis=0))
    factor = shift_kinds.shared_by_classes(*sides).factor if shared else None
    found = shift_kinds._discriminants(np.concatenate(sides), first, fold, factor)[:, 1]
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.linalg.norm(expected))


def test_the_shared_covariance_is_that_of_all_standardised_scores():
    rng = np.random.default_rng(3)
    sides = [rng.normal(side, 1 + np.arange(5), size=(60, 5)) for side in (1, 0)]
    factor = shift_kinds.shared_by_classes(*sides).factor
    expected = np.corrcoef(np.concatenate(sides).T) + shift_kinds.RIDGE * np.eye(5)
    np.testing.assert_allclose(factor @ factor.T, expected, atol=1e-6)  # of float32


def test_of_many_concepts_no_covariance_is_made(monkeypatch):
    monkeypatch.setattr(shift_kinds, "MOST_CONCEPTS", 4)
    assert shift_kinds.shared_by_classes(np.ones((9, 5)), np.ones((9, 5))).factor is None


def test_a_shared_covariance_saves_steps():
    """Products of one's own with a covariance of correlated concepts, which need many steps."""
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 60)) + 0.1 * rng.normal(size=(400, 60))
    scores = ((scores - scores.mean(axis=0)) / scores.std(axis=0)).astype(np.float32)
    first, fold, counts = np.arange(400) < 200, np.arange(400) % 5, []
    for factor in (None, shift_kinds.shared_by_classes(scores[:200], scores[200:]).factor):
        with pytest.MonkeyPatch.context() as patch:
            steps = counting(patch)
            shift_kinds._discriminants(scores, first, fold, factor)
        counts.append(len(steps))
    assert 3 * counts[1] < counts[0]


def counting(patch: pytest.MonkeyPatch) -> list[int]:
    """A list that gets an entry for each step of SciPy's conjugate gradients."""
    from scipy.sparse import linalg

    steps, plain = list[int](), linalg.cg

    def cg(*given, **named):
        return plain(*given, callback=lambda _: steps.append(1), **named)

    patch.setattr(linalg, "cg", cg)
    return steps


def test_a_wrong_label_is_by_bayes():
    noise, logit = LabelNoise(0.1, 0.2, 20.0), np.log([0.25 / 0.75, 0.25 / 0.75])
    present, absent = shift_kinds.wrong_chance(logit, np.array([1, 0]), noise)
    assert present == pytest.approx(0.1 * 0.75 / (0.1 * 0.75 + 0.8 * 0.25))
    assert absent == pytest.approx(0.2 * 0.25 / (0.2 * 0.25 + 0.9 * 0.75))


def test_some_of_many_photos_are_told_apart(monkeypatch):
    rng = np.random.default_rng(2)
    scores, label = rng.normal(size=(900, 3)), np.arange(900) % 3 == 0
    some = [np.linspace(0, count - 1, 100).astype(int) for count in (600, 300)]
    few = np.concatenate([np.flatnonzero(~label)[some[0]], np.flatnonzero(label)[some[1]]])
    monkeypatch.setattr(shift_kinds, "_standard", lambda _: (0.0, 1.0))
    alone = shift_kinds.other_photos(scores[few], label[few], scores[few] + 0.1, label[few])
    monkeypatch.setattr(shift_kinds, "MOST", 100)
    assert shift_kinds.other_photos(scores, label, scores + 0.1, label) == alone


def test_shares_of_a_class_are_compared_as_by_chi_squared_and_ranks_as_by_mann_and_whitney():
    fit, tune = np.repeat([1, 0], [40, 160]), np.repeat([1, 0], [30, 270])
    squared = chi2_contingency([[40, 160], [30, 270]], correction=False)[0]
    assert share_z(fit, tune) ** 2 == pytest.approx(squared)
    assert share_z(fit, tune) > 0 > share_z(tune, fit)
    assert share_z(fit[:40], tune[:30]) == 0
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.3, size=80), rng.normal(size=50)
    options = {"method": "asymptotic", "use_continuity": False, "alternative": "greater"}
    found = mannwhitneyu(one, other, **options)
    assert norm.sf(shift_kinds._rank_z(one, other)) == pytest.approx(found.pvalue)


@pytest.mark.parametrize("moved", ["nothing", "all", "against"])
def test_photos_that_are_others_are_told_from_a_lost_correlation(moved):
    rng = np.random.default_rng(1)
    scores = [rng.normal(size=(400, 12)) for _ in range(2)]
    label = [(np.arange(400) < 120).astype(int)] * 2
    if moved != "nothing":
        scores[0][:, 0] += np.where(label[0] == 1, -0.6 if moved == "against" else 0.6, 0.6)
    found = shift_kinds.other_photos(scores[0], label[0], scores[1], label[1])
    assert (found.negatives > 4) == (moved != "nothing")
    assert moved == "nothing" or (found.positives > 2 if moved == "all" else found.positives < -3)


@pytest.mark.parametrize(
    ("shift", "evidence", "negatives", "positives", "share", "kinds", "perhaps"),
    [
        ("none", 3.0, 1.0, 0.0, 1.0, (), ()),
        ("shift", 3.0, 1.0, 0.0, 1.0, (LOST,), ()),
        ("shift", 3.0, 6.0, -3.0, 1.0, (LOST,), ()),
        ("shift", 30.0, 1.0, 0.0, 9.0, (NOISE,), (LOST, SHARE)),
        ("none", 8.0, 1.0, 0.0, 0.0, (), (NOISE,)),
        ("none", 3.0, 6.0, 2.0, 0.0, (PHOTOS,), ()),
        ("shift", 3.0, 6.0, 2.0, 0.0, (PHOTOS,), (LOST,)),
        ("none", 3.0, 6.0, -2.0, 0.0, (), (LOST, PHOTOS)),
        ("none", 3.0, 1.0, 0.0, 9.0, (SHARE,), ()),
        ("none", 3.0, 1.0, 0.0, -9.0, (), (NOISE, SHARE)),
        ("none", 3.0, 6.0, 0.5, 0.0, (), (LOST, PHOTOS)),
    ],
)
def test_kinds_are_named_or_said_not_to_be_told_apart(
    shift, evidence, negatives, positives, share, kinds, perhaps
):
    noise, photos = LabelNoise(0.1, 0.1, evidence), OtherPhotos(negatives, positives)
    found = ClassShift("dog", shift)
    assert _told_apart(found, found, PhotoDifferences(noise, other=photos, share=share)) == (
        kinds,
        perhaps,
    )


@pytest.mark.parametrize(
    ("z", "with_class", "kinds", "perhaps"),
    [
        (9.0, True, (LOST, PHOTOS), ()),
        (9.0, False, (PHOTOS,), (LOST,)),
        (5.0, True, (PHOTOS,), (LOST,)),  # less clear than what differs in all photos
    ],
)
def test_a_clear_suspect_that_moved_with_the_class_alone_is_named_before_other_photos(
    z, with_class, kinds, perhaps
):
    found = ClassShift(
        "dog", "shift", suspects=(SimpleNamespace(z=z, concept="fur", in_shares=True),)
    )
    photos = PhotoDifferences(other=OtherPhotos(6.0, 2.0), with_class=with_class)
    assert _told_apart(found, found, photos) == (kinds, perhaps)


@pytest.mark.parametrize(
    ("without", "alone"), [(0.0, True), (0.1, True), (0.5, False), (1.0, False), (-1.0, True)]
)
def test_a_suspect_moved_with_the_class_alone_if_it_hardly_did_without(without, alone):
    """With the class its scores are higher by 1 on tune; the other concept drifts in all rows."""
    label = np.repeat([1, 0], [300, 700])
    moved = np.column_stack([np.ones(1000), np.where(label == 1, 1.0, without)])
    scores = np.random.default_rng(0).normal(size=(1000, 2))
    one = SimpleNamespace(
        concepts=["drifts", "suspect"],
        fit_scores=scores,
        fit_label=label,
        tune_label=label,
        tune_scores=scores + moved,
    )
    shift = SimpleNamespace(suspects=("suspect",), first=SimpleNamespace(concept="suspect"))
    assert _moved_with_class(one, shift) == alone


def test_without_a_suspect_nothing_moved_with_the_class():
    assert not _moved_with_class(SimpleNamespace(concepts=["dog"]), ClassShift("dog", "shift"))


@pytest.mark.parametrize(
    ("shift", "evidence", "share", "kinds", "perhaps"),
    [
        ("shift", 30.0, 9.0, (TUNE_NOISE,), (LOST, SHARE)),
        ("shift", 8.0, 0.0, (LOST,), (TUNE_NOISE,)),
        ("none", 8.0, 0.0, (), (TUNE_NOISE,)),
    ],
)
def test_wrong_labels_of_tune_explain_the_rest(shift, evidence, share, kinds, perhaps):
    of_tune = LabelNoise(0.0, 0.3, evidence)
    found = ClassShift("dog", shift)
    assert _told_apart(found, found, PhotoDifferences(of_tune=of_tune, share=share)) == (
        kinds,
        perhaps,
    )


def test_wrong_labels_that_the_teacher_denies_are_only_a_question():
    denied = LabelNoise(0.1, 0.1, 15.0, denied=True)
    none = ClassShift("dog", "none")
    assert _told_apart(none, none, PhotoDifferences(denied)) == ((), (NOISE,))


@pytest.mark.parametrize(
    ("kind", "slight", "evidence", "possible"),
    [
        ("shift", True, 25.0, True),
        ("shift", True, 15.0, False),
        ("shift", False, 25.0, False),
        ("shift", False, 45.0, True),
        ("none", False, 45.0, False),
    ],
)
def test_where_only_the_teacher_doubts_labels_of_tune_suspects_must_have_lost_little(
    kind, slight, evidence, possible
):
    """A teacher that was trained on the images of fit doubts labels of tune, too."""
    found = SimpleNamespace(kind=kind, slight=slight, suspects=(), lost_bond=False)
    of_tune = LabelNoise(0.0, 0.3, evidence, denied=True)
    _, perhaps = _told_apart(found, found, PhotoDifferences(of_tune=of_tune))
    assert (TUNE_NOISE in perhaps) == possible


def test_photos_that_differ_through_another_class_are_no_finding():
    found, photos = ClassShift("dog", "none"), OtherPhotos(9.0, 3.0, through=0)
    assert _told_apart(found, found, PhotoDifferences(other=photos)) == ((), ())


@pytest.mark.parametrize(("changed", "through"), [("its photos", 1), ("its share", NONE_OF_THEM)])
def test_a_class_is_the_reason_if_its_own_photos_differ(changed, through):
    rng = np.random.default_rng(4)
    scores = [rng.normal(size=(600, 12)) for _ in range(2)]
    labels = [rng.random((600, 3)) < 0.25 for _ in range(2)]
    if changed == "its share":  # the other photos of fit have nothing of the thing
        labels[1][:300, 1] = True
        for values, shown in zip(scores, labels, strict=True):
            values[:, 0] -= 3 * shown[:, 1]
    else:
        scores[0][labels[0][:, 1], 0] += 6
    of_class = [np.arange(600) % 6 == 0] * 2
    found = shift_kinds.other_photos(
        scores[0], of_class[0], scores[1], of_class[1], None, (labels[0], labels[1])
    )
    assert found.through == through
    assert found.negatives > 4


@pytest.mark.parametrize(("one_class", "differ"), [(True, False), (False, True)])
def test_photos_of_one_class_each_are_compared_at_equal_shares_of_the_others(one_class, differ):
    """Two other classes, each with a thing of its own, are more frequent on fit."""
    rng, sides, labels = np.random.default_rng(5), [], []
    for chances in ((0.2, 0.4, 0.4), (0.5, 0.25, 0.25)):
        shown = rng.multinomial(1, chances, size=1200)
        values = rng.normal(size=(1200, 12))
        values[:, :2] += 3.0 * shown[:, 1:]
        sides.append(values)
        labels.append(shown)
    of_class = [np.arange(1200) % 12 == 0] * 2
    others = labels[0], labels[1]
    found = shift_kinds.other_photos(
        sides[0], of_class[0], sides[1], of_class[1], None, others, one_class=one_class
    )
    assert found.through == NONE_OF_THEM
    assert (found.negatives > APART) == differ


@pytest.mark.parametrize(("z", "at"), [(5.0, 0), (3.5, 1), (1.0, 2)])
def test_the_clearer_of_pictures_labels_and_suspects_comes_first(z, at):
    """Labels stand out by sqrt(16) = 4, the clearest suspect by 3."""
    shift = SimpleNamespace(suspects=[SimpleNamespace(z=2.0), SimpleNamespace(z=3.0)])
    picture = SimpleNamespace(z=z, parts=False)
    noise = LabelNoise(0.1, 0.1, 16.0)
    kinds, perhaps = _with_pictures((NOISE, LOST), (), picture, shift, noise)
    assert kinds.index(PICTURES) == (0 if NOISE in perhaps else at)
    assert [*perhaps, *(kind for kind in kinds if kind != PICTURES)] == [NOISE, LOST]


def test_where_pictures_part_the_splits_nothing_else_is_certain():
    shift = SimpleNamespace(suspects=[SimpleNamespace(z=30.0)])
    picture = SimpleNamespace(z=5.0, parts=True)
    found = _with_pictures((LOST, SHARE), (), picture, shift, LabelNoise(0.0, 0.0, 0.0))
    assert found == ((PICTURES, SHARE), (LOST,))


def judged(rng, count, share, apart, students=1):
    """Logits of positives ``apart`` from those of negatives; students agree but for a little."""
    label = (rng.random(count) < share).astype(int)
    logit = rng.normal(size=count) + apart * label
    return UnseenLogits(label, logit + 0.1 * rng.normal(size=(students, count)))


def test_separation_is_that_of_welch_and_ap_of_fit_weighed_to_the_frequency_of_tune():
    rng = np.random.default_rng(0)
    fit, tune = judged(rng, 400, 0.4, 2.0), judged(rng, 200, 0.3, 1.0)
    found = verdict(fit, tune)

    def of(one: UnseenLogits) -> tuple[float, float]:
        positive, negative = one.logits[0, one.label == 1], one.logits[0, one.label == 0]
        variance = positive.var(ddof=1) / len(positive) + negative.var(ddof=1) / len(negative)
        return float(positive.mean() - negative.mean()), float(variance)

    (ours, first), (theirs, second) = of(fit), of(tune)
    assert found.separation == pytest.approx(ours)
    assert found.separation_lost.estimate == pytest.approx(ours - theirs)
    half = 2.053749 * np.sqrt(first + second)
    assert found.separation_lost.low == pytest.approx(ours - theirs - half)
    assert found.separation_lost.high == pytest.approx(ours - theirs + half)
    rng = np.random.default_rng(1)
    fit, tune = judged(rng, 300, 0.6, 1.0), judged(rng, 200, 0.1, 1.0)
    positives, negatives = np.count_nonzero(fit.label == 1), np.count_nonzero(fit.label == 0)
    share = tune.label.mean()
    weight = np.where(fit.label == 1, share / positives, (1 - share) / negatives)
    expected = average_precision_score(fit.label, fit.logits[0], sample_weight=weight)
    assert verdict(fit, tune).ap == pytest.approx(expected)


def test_only_a_lost_separation_is_a_shift_and_few_photos_cannot_exclude_a_loss():
    rng = np.random.default_rng(3)
    found = verdict(judged(rng, 1000, 0.3, 3.0), judged(rng, 300, 0.3, 2.0))
    assert found.kind == SHIFT
    assert found.separation_lost.low > 0
    assert found.ap_lost.low > 0
    rng = np.random.default_rng(4)
    assert verdict(judged(rng, 1000, 0.3, 2.0), judged(rng, 300, 0.3, 3.0)).kind == NONE
    rng = np.random.default_rng(7)
    assert verdict(judged(rng, 100, 0.1, 2.0), judged(rng, 60, 0.1, 2.0)).kind == UNKNOWN
    rng = np.random.default_rng(2)
    found = verdict(judged(rng, 4000, 0.5, 2.0), judged(rng, 20_000, 0.05, 2.0, students=3))
    assert found.kind == NONE
    assert abs(found.ap_lost.estimate) < 0.05


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_false_alarms_of_300_classes_without_a_shift_stay_at_their_level(share):
    rng = np.random.default_rng(6)
    alarms = sum(
        verdict(judged(rng, 300, share, 2.0), judged(rng, 150, share, 2.0), seed=n).kind == SHIFT
        for n in range(300)
    )
    assert alarms <= binom.ppf(0.999, 300, ALPHA)


#: Class, context and a third one, of nine photos; -1: not known.
LABEL = np.array(
    [[1, 1], [1, 0], [1, -1], [0, 1], [0, 0], [0, -1], [-1, 1], [-1, 0], [-1, -1]], dtype=np.int8
)
PAIR = Pair(0, 1, ())


def test_what_labels_do_not_tell_is_in_no_biased_split_and_unknown_to_a_strong_teacher():
    store, fit = SimpleNamespace(label=LABEL), np.arange(9)
    assert biased(store, fit, PAIR, 0.0, 0).tolist() == [0, 4]
    assert biased(store, fit, PAIR, 1.0, 0).tolist() == [0, 1, 3, 4]
    assert phi(store, biased(store, fit, PAIR, 0.0, 0), PAIR) == pytest.approx(1)
    store = SimpleNamespace(label=np.tile(LABEL, (1000, 1)))
    logit = strong_logits(store, 0, seed=0)
    means = [logit[store.label[:, 0] == value].mean() for value in (1, 0, -1)]
    error = STRONG[1] / np.sqrt(3000)
    np.testing.assert_allclose(means, [STRONG[0], -STRONG[0], 0], atol=4 * error)


def logits(scores, label, weights=None):
    found = fit(scores, label.astype(float)[:, None], l1=1e-3, sample_weight=weights)
    return decision_function(scores, found.weights, found.intercepts)[:, 0]


def test_a_student_of_the_shortcut_tells_environments_and_group_dro_weighs_the_worst_up():
    rng = np.random.default_rng(0)
    label, turned = rng.random(1200) < 0.4, rng.random(1200) < 0.1
    # a shortcut holds in one environment and is turned in the other
    scores = np.stack([label + rng.normal(0, 0.8, 1200), (label ^ turned) + 0.0], axis=1)
    found = inferred_environment(label, logits(scores[:, 1:], label))
    np.testing.assert_array_equal(found, turned)
    group = 2 * label + turned

    def losses(weights):
        logit = logits(scores, label, weights)
        return np.logaddexp(0, np.where(label, -logit, logit))

    def worst(weights):
        return max(losses(weights)[group == g].mean() for g in range(4))

    tried = group_weights(group, losses)
    assert len(tried) == ROUNDS
    assert [weights.mean() for weights in tried] == pytest.approx([1] * ROUNDS)
    assert [tried[0][group == g].sum() for g in range(4)] == pytest.approx([300] * 4)
    assert worst(tried[0]) < 0.5 * worst(np.ones(len(label)))
    assert worst(tried[-1]) < worst(tried[0])


@pytest.mark.parametrize(("harder", "several"), [(False, True), (True, False)])
def test_single_labels_of_harder_images_are_not_several(harder, several):
    rows, wrong = np.arange(6), np.full(6, 0.9)
    unknown = ((np.nan, np.nan),) * 2
    labels = DoubtedLabels(rows, rows % 2, wrong, wrong, unknown, np.nan, harder=harder)
    assert labels.several == several


def test_images_that_differ_by_one_concept_alone_are_told_with_it():
    rng = np.random.default_rng(0)
    fit, tune = rng.normal(size=(600, 8)), rng.normal(size=(400, 8))
    tune[:, 3] += 1.0
    labels = rng.integers(0, 2, 600), rng.integers(0, 2, 400)
    assert shift_kinds.other_photos(fit, labels[0], tune, labels[1]).alone == 3


def test_images_that_differ_by_several_concepts_are_not_told_with_one():
    rng = np.random.default_rng(0)
    fit, tune = rng.normal(size=(600, 8)), rng.normal(size=(400, 8))
    tune[:, 3:6] += 1.0
    labels = rng.integers(0, 2, 600), rng.integers(0, 2, 400)
    assert shift_kinds.other_photos(fit, labels[0], tune, labels[1]).alone == shift_kinds.NO_CONCEPT
