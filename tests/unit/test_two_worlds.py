"""Two worlds: weights and rates by hand, AP by scikit-learn, intervals by their coverage."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.bootstrap import draw_counts, metric_intervals
from inficond_panel.distill.metrics.two_worlds import FIGURES, independent_weights, two_worlds

WORLDS = ("these", "independent")
#: Images by hand: label, shows the concept, named before, named after, number of images.
TABLE = [
    (1, 1, 1, 1, 20),
    (1, 1, 1, 0, 10),
    (1, 1, 0, 0, 10),
    (1, 0, 1, 1, 2),
    (1, 0, 0, 1, 5),
    (1, 0, 0, 0, 3),
    (0, 1, 1, 0, 5),
    (0, 1, 0, 0, 5),
    (0, 0, 1, 1, 4),
    (0, 0, 0, 0, 36),
]
COLUMNS = np.repeat(np.array([row[:4] for row in TABLE]), [row[4] for row in TABLE], axis=0)


def by_hand(group=None):
    """Figures of the table, by world and metric."""
    label, shows, before, after = COLUMNS.T
    pair = [Outcome(label, each - 0.5, group=group) for each in (before, after)]
    return {(each.world, each.metric): each for each in two_worlds(*pair, shows)}


def generated(seed, images=400, share=0.3):
    """Labels, presence, and logits of two students, of which the first relies on the concept."""
    rng = np.random.default_rng(seed)
    label = (rng.random(images) < share).astype(np.int8)
    shows = (rng.random(images) < np.where(label, 0.7, 0.2)).astype(np.int8)
    noise = rng.normal(size=images)
    return label, shows, 2 * label + shows + noise, 2 * label + 0.3 * shows + noise


def figure_of(world, metric, label, shows, *logits, **noise):
    pair = [Outcome(label, logit, cutoff=1.5) for logit in logits]
    figures = two_worlds(*pair, shows, **noise)
    return next(each for each in figures if (each.world, each.metric) == (world, metric))


def test_the_weights_of_a_table_of_four_groups():
    label, shows = COLUMNS[:, 0] == 1, COLUMNS[:, 1] == 1
    weights = independent_weights(label, shows, np.ones((1, 100)))[0]
    # P(y) = P(a) = 1/2; the groups have 40, 10, 10 and 40 of 100 images
    expected = np.where(label == shows, 0.25 / 0.4, 0.25 / 0.1)
    np.testing.assert_allclose(weights, expected)


@pytest.mark.parametrize("seed", range(5))
def test_weights_make_label_and_presence_independent(seed):
    label, shows, *_ = generated(seed)
    weights = independent_weights(label == 1, shows == 1, np.ones((1, 400)))[0]
    both = weights[(label == 1) & (shows == 1)].sum() / 400
    assert both == pytest.approx(label.mean() * shows.mean())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("of", [0, 1])
def test_weights_keep_the_share_of_each_margin(seed, of):
    columns = generated(seed)[:2]
    weights = independent_weights(*(column == 1 for column in columns), np.ones((1, 400)))[0]
    assert np.average(columns[of], weights=weights) == pytest.approx(columns[of].mean())


@pytest.mark.parametrize(
    ("world", "metric", "before", "after"),
    [
        ("these", "recall", 32 / 50, 27 / 50),
        ("these", "false_positive_rate", 9 / 50, 4 / 50),
        # half of the images show the concept: the mean of the rates of both groups
        ("independent", "recall", (30 / 40 + 2 / 10) / 2, (20 / 40 + 7 / 10) / 2),
        ("independent", "false_positive_rate", (5 / 10 + 4 / 40) / 2, (0 / 10 + 4 / 40) / 2),
    ],
)
def test_rates_of_the_table_by_hand(world, metric, before, after):
    figure = by_hand()[world, metric]
    assert (figure.before.estimate, figure.after.estimate) == pytest.approx((before, after))


@pytest.mark.parametrize("seed", range(5))
def test_ap_without_the_correlation_is_that_of_images_repeated_to_independence(seed):
    """Groups of 60, 20, 30 and 40 images: each is repeated until label and presence are
    independent, with the shares of both as they are."""
    rng = np.random.default_rng(seed)
    sizes = {(1, 1): 60, (1, 0): 20, (0, 1): 30, (0, 0): 40}
    label, shows = np.repeat(np.array(list(sizes)), list(sizes.values()), axis=0).T
    logit = 1.5 * label + shows + rng.normal(size=150)
    # (80 · 90, 80 · 60, 70 · 90, 70 · 60) / 150 images per group, in 1/150 of an image
    times = {(1, 1): 120, (1, 0): 240, (0, 1): 210, (0, 0): 105}
    again = np.array([times[pair] for pair in zip(label, shows, strict=True)])
    expected = average_precision_score(np.repeat(label, again), np.repeat(logit, again))
    found = figure_of("independent", "ap", label, shows, logit, logit, draws=2)
    assert found.before.estimate == pytest.approx(expected)


def test_ap_as_in_these_images_is_the_plain_one():
    label, shows, before, after = generated(1)
    found = figure_of("these", "ap", label, shows, before, after)
    assert found.before.estimate == pytest.approx(average_precision_score(label, before))


@pytest.mark.parametrize("metric", ["ap", "recall"])
@pytest.mark.parametrize("group", [None, np.arange(400) // 2])
def test_figures_of_these_images_have_the_intervals_of_the_metrics(metric, group):
    label, shows, before, after = generated(1)
    pair = [Outcome(label, logit, cutoff=1.5, group=group) for logit in (before, after)]
    found = next(each for each in two_worlds(*pair, shows, seed=3) if each.metric == metric)
    expected = [metric_intervals(each, (metric,), seed=3)[metric] for each in pair]
    assert [found.before, found.after] == expected


def test_the_change_of_ap_in_these_images_is_that_of_paired_draws():
    label, shows, before, after = generated(1)
    found = figure_of("these", "ap", label, shows, before, after)
    counts = draw_counts(len(label), 200, 0)
    drawn = [
        [average_precision_score(label, logit, sample_weight=count) for count in counts]
        for logit in (before, after)
    ]
    expected = np.quantile(np.subtract(drawn[1], drawn[0]), [0.025, 0.975])
    np.testing.assert_allclose([found.change.low, found.change.high], expected)


def test_independent_images_have_nearly_one_figure_in_both_worlds():
    rng = np.random.default_rng(0)
    label, shows = np.tile([[1, 1, 0, 0], [1, 0, 1, 0]], 50)  # exactly independent
    logit = label + shows + rng.normal(size=200)
    worlds = [figure_of(each, "ap", label, shows, logit, logit) for each in WORLDS]
    assert worlds[0].before.estimate == pytest.approx(worlds[1].before.estimate)


@pytest.mark.parametrize("metric", FIGURES)
@pytest.mark.parametrize("world", WORLDS)
def test_an_edit_that_changes_nothing_has_a_certain_change_of_zero(world, metric):
    label, shows, before, _ = generated(2)
    change = figure_of(world, metric, label, shows, before, before).change
    assert (change.low, change.estimate, change.high) == (0, 0, 0)


def test_a_student_that_never_errs_has_the_interval_of_jeffreys_prior():
    """Of the mean of two groups of 50 images each."""
    label, shows = np.repeat([1, 0], 100), np.tile([1, 0], 100)
    logits = 9.0 * label, 9.0 * label - 0.1
    found = figure_of("independent", "recall", label, shows, *logits, draws=4000)
    means = stats.beta.rvs(50.5, 0.5, size=(2, 100_000), random_state=0).mean(axis=0)
    assert found.before.low == pytest.approx(np.quantile(means, 0.025), abs=0.004)


@pytest.mark.parametrize(
    ("short", "metric", "groups"),
    [
        ((1, 0), "ap", [(True, False, 9)]),
        ((1, 0), "recall", [(True, False, 9)]),
        ((1, 0), "false_positive_rate", []),
        ((0, 1), "recall", []),
        ((0, 1), "false_positive_rate", [(False, True, 9)]),
    ],
)
def test_a_group_of_nine_images_is_too_few_for_the_figures_that_need_it(short, metric, groups):
    label, shows = np.repeat([[1, 1, 0, 0], [1, 0, 1, 0]], 20, axis=1)
    at = np.flatnonzero((label == short[0]) & (shows == short[1]))[9:]
    label, shows = np.delete(label, at), np.delete(shows, at)
    figure = figure_of("independent", metric, label, shows, label + 0.0, label + 0.0)
    assert [(each.present, each.shows, each.images) for each in figure.few] == groups


def test_copies_of_an_image_do_not_fill_a_group():
    label, shows = np.repeat([[1, 1, 0, 0], [1, 0, 1, 0]], 20, axis=1)
    group = np.arange(80)
    group[20:40] = 20  # one image with the class and without the concept, twenty times
    pair = [Outcome(label, label + 0.0, group=group) for _ in range(2)]
    figure = two_worlds(*pair, shows)[3]
    assert [each.images for each in figure.few] == [1]


@pytest.mark.parametrize("metric", FIGURES)
def test_copies_of_all_images_leave_the_limits_as_they_are(metric):
    label, shows, before, after = (np.repeat(each, 2) for each in generated(3))
    group = np.repeat(np.arange(400), 2)
    copied = [Outcome(label, each, group=group, cutoff=1.5) for each in (before, after)]
    single = [Outcome(label[::2], each[::2], cutoff=1.5) for each in (before, after)]
    at = 3 + FIGURES.index(metric)
    found, expected = two_worlds(*copied, shows)[at], two_worlds(*single, shows[::2])[at]
    assert (found.change.low, found.change.high) == pytest.approx(
        (expected.change.low, expected.change.high), abs=0.004
    )


def test_images_of_unknown_presence_are_left_out_of_the_second_world():
    label, shows, before, after = generated(4)
    shows[:50] = -1
    some = figure_of("independent", "recall", label, shows, before, after)
    rest = figure_of("independent", "recall", *(x[50:] for x in (label, shows, before, after)))
    assert some == rest


def test_images_without_a_label_are_left_out():
    label, shows, before, after = generated(5)
    label[:50] = -1
    some = figure_of("independent", "ap", label, shows, before, after)
    rest = figure_of("independent", "ap", *(x[50:] for x in (label, shows, before, after)))
    assert some == rest


def test_without_presence_there_is_only_the_first_world():
    label, _, before, after = generated(6)
    pair = [Outcome(label, each) for each in (before, after)]
    assert {each.world for each in two_worlds(*pair)} == {"these"}


@pytest.fixture(scope="module")
def held():
    """Whether each interval holds the truth of its world, on 120 data sets of 400 images."""
    true = {}
    for world in WORLDS:
        label, shows, *logits = many_images(world)
        pair = [Outcome(label, logit, cutoff=1.5) for logit in logits]
        true |= {(world, each.metric): each for each in two_worlds(*pair, draws=1)}
    inside = {key: [] for key in true}
    for seed in range(120):
        label, shows, *logits = generated(100 + seed)
        pair = [Outcome(label, logit, cutoff=1.5) for logit in logits]
        for found in two_worlds(*pair, shows, seed=seed):
            for side in ("before", "after", "change"):
                truth = getattr(true[found.world, found.metric], side).estimate
                limits = getattr(found, side)
                inside[found.world, found.metric].append(limits.low <= truth <= limits.high)
    return inside


@pytest.mark.slow
@pytest.mark.parametrize("metric", FIGURES)
@pytest.mark.parametrize("world", WORLDS)
def test_intervals_hold_the_truth_of_their_world(held, world, metric):
    assert np.mean(held[world, metric]) >= 0.9


def many_images(world):
    """Many images of a world: as drawn, or with the presence dealt out anew to all of them."""
    label, shows, before, after = generated(7, 100_000)
    if world == "these":
        return label, shows, before, after
    anew = np.random.default_rng(8).permutation(shows)
    return label, anew, before + (anew - shows), after + 0.3 * (anew - shows)
