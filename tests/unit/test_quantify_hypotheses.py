"""Knowledge points and the three hypotheses; groups of images, their silhouette and map."""

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.quantify import hypotheses
from inficond_panel.quantify.hypotheses import Followed, distance_travelled, kept_share, learned_at
from inficond_panel.quantify.knowledge_points import contrast, count_points, knowledge_points
from inficond_panel.quantify.outputs import (
    ImageGroups,
    label_set_groups,
    sample,
    silhouette,
    single_label_groups,
    tsne,
)


def test_contrast_is_the_mean_of_the_background_less_the_pixel():
    entropy = np.array([[[1.0, 2.0], [3.0, 6.0]]])
    mask = np.array([[[True, False], [False, False]]])
    # background 2, 3, 6: mean 11/3
    assert contrast(entropy, mask)[0] == pytest.approx(11 / 3 - entropy[0])
    points = knowledge_points(contrast(entropy, mask), b=1)
    assert points[0].tolist() == [[True, True], [False, False]]
    counts = count_points(points, mask)
    assert (counts.foreground[0], counts.background[0], counts.ratio[0]) == (1, 1, 0.5)


@given(arrays(np.float32, (3, 4, 5), elements=st.floats(-4, 4, width=32)), arrays(bool, (3, 4, 5)))
def test_every_point_is_counted_once(entropy, mask):
    points = knowledge_points(contrast(entropy, mask))
    counts = count_points(points, mask)
    usable = mask.any((1, 2)) & ~mask.all((1, 2))
    total = counts.foreground + counts.background
    assert np.array_equal(total[usable], points[usable].sum((1, 2)))
    assert np.isnan(total[~usable]).all()
    ratio = counts.ratio[usable & (total > 0)]
    assert ((ratio >= 0) & (ratio <= 1)).all()
    assert np.isnan(counts.ratio[total == 0]).all()


def test_the_distance_travelled_is_the_sum_of_the_steps_over_the_first_size():
    weights = [
        {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])},  # size 5
        {"a": np.array([3.0, 3.0]), "b": np.array([[8.0]])},  # a step of 5
        {"a": np.array([3.0, 3.0]), "b": np.array([[6.0]])},  # a step of 2
    ]
    assert distance_travelled(weights) == pytest.approx([0, 1, 1.4])


def test_an_image_is_learned_where_it_first_has_most_points():
    counts = np.array([[1, 0, 5, np.nan], [4, 0, 5, 1], [4, 0, 2, 1]])
    found = learned_at(counts, np.array([0.5, 0.7, 1.1]))
    assert found == pytest.approx([0.7, np.nan, 0.5, np.nan], nan_ok=True)


def test_an_image_keeps_a_share_of_all_points():
    points = np.zeros((3, 2, 1, 4), bool)
    points[0, 0, 0, [0, 1]] = points[1, 0, 0, 2] = points[2, 0, 0, [1, 3]] = True
    mask = np.array([[[True, True, True, False]], [[True, True, True, True]]])
    # foreground points of image 0: {0, 1}, {2}, {1}: one of three is kept; image 1 has none
    assert kept_share(points, mask) == pytest.approx([1 / 3, np.nan], nan_ok=True)


POINTS, MASKS = arrays(bool, (4, 2, 3, 3)), arrays(bool, (2, 3, 3))


@given(POINTS, MASKS)
def test_the_kept_share_lies_between_0_and_1(points, mask):
    share = kept_share(points, mask)
    defined = ~np.isnan(share)
    assert ((share[defined] >= 0) & (share[defined] <= 1)).all()


@given(POINTS, MASKS)
def test_the_kept_share_is_1_for_points_that_stay(points, mask):
    growing = np.logical_or.accumulate(points, 0)
    kept = kept_share(growing, mask)
    assert (kept[~np.isnan(kept)] == 1).all()


N, H, W = 40, 6, 8


def masks():
    found = np.zeros((N, H, W), bool)
    found[:, 2:4, 2:6] = True
    return found


def followed(share, steps=3, seed=0):
    """A network whose foreground points are the given share, at each of some checkpoints."""
    rng = np.random.default_rng(seed)
    inside = rng.random((N, H, W)) < share
    maps = np.where(masks() & inside, 1.0, -1.0)
    later = np.arange(steps)[::-1]
    return Followed(np.stack([maps - gap for gap in later]), np.arange(1.0, steps + 1))


def by_name(networks):
    return {row.figure.name: row for row in hypotheses.hypotheses(networks, masks())}


def test_figures_of_an_image_by_hand():
    maps = np.full((2, 1, 2, 3), -1.0)
    mask = np.array([[[True, True, False], [False, False, False]]])
    maps[0, 0, 0, :2] = 1  # both foreground pixels at the first checkpoint
    maps[1, 0, 0, 1] = maps[1, 0, 1, 1] = 1  # one of them at the last, and one of the background
    found = hypotheses.image_figures(Followed(maps, np.array([0.25, 0.75])), mask)
    figures = {"foreground": 1, "background": 1, "ratio": 0.5}
    figures |= {"learned_at": 0.25, "kept_share": 0.5}
    assert {name: value[0] for name, value in found.items()} == figures


def test_a_student_that_knows_more_is_as_said():
    row = by_name({"student": [followed(0.8)], "baseline": [followed(0.3, seed=1)]})
    assert row["N_fg"].verdict == "as said"
    assert row["N_fg"].values["student"].estimate == pytest.approx(6.4, abs=0.7)
    assert row["foreground_ratio"].verdict == "unchanged"  # 1 for both
    assert row["N_bg"].verdict == ""


def test_a_student_that_knows_less_is_the_opposite():
    swapped = by_name({"student": [followed(0.3)], "baseline": [followed(0.8, seed=1)]})
    assert swapped["N_fg"].verdict == "opposite"


def test_what_is_undefined_is_left_out():
    nothing = Followed(np.full((2, N, H, W), -1.0), np.array([1.0, 2.0]))
    row = by_name({"student": [nothing], "baseline": [followed(0.5)]})
    assert row["N_fg"].values["student"].estimate == 0
    for name in ("foreground_ratio", "D_mean", "rho"):
        assert (row[name].left_out["student"], row[name].verdict) == (N, "undefined")
        assert np.isnan(row[name].values["student"].estimate)


@pytest.fixture(scope="module")
def beside_teacher() -> tuple:
    """Networks of student and baseline, and their rows beside the teacher's."""
    networks = {"student": [followed(0.8)], "baseline": [followed(0.7)]}
    rows = by_name({**networks, "teacher": [followed(0.9, steps=1)]})
    return networks, rows


def test_the_teacher_has_no_figures_over_checkpoints(beside_teacher):
    _, rows = beside_teacher
    having = [name for name, row in rows.items() if "teacher" in row.values]
    assert having == ["N_fg", "N_bg", "foreground_ratio"]


def test_the_teacher_has_no_part_in_the_difference(beside_teacher):
    networks, rows = beside_teacher
    for name, row in by_name(networks).items():
        assert row.difference == rows[name].difference


def test_intervals_hold_the_true_mean_of_150_samples_about_as_often_as_they_say():
    held = 0
    for seed in range(150):
        one = followed(0.5, steps=1, seed=seed)
        row = hypotheses.hypotheses({"student": [one], "baseline": [one]}, masks(), draws=300)[0]
        held += row.values["student"].low <= 4 <= row.values["student"].high
    assert 0.88 <= held / 150 <= 0.99


def test_from_three_trainings_on_the_intervals_are_over_them_too():
    levels = (0.25, 0.5, 0.75)

    def even(share):  # the same number of points in each image: only trainings differ
        maps = np.full((1, N, H, W), -1.0)
        inside = np.argwhere(masks()[0])[: round(share * 8)]
        maps[:, :, inside[:, 0], inside[:, 1]] = 1.0
        return Followed(maps, np.array([1.0]))

    student, baseline = [even(s) for s in levels], [even(0.5)] * 3
    assert masks().sum() == 8 * N
    row = hypotheses.hypotheses({"student": student, "baseline": baseline}, masks(), draws=4000)[0]
    found = row.values["student"]
    assert found.estimate == pytest.approx(4)
    means = sorted(np.mean(each) for each in itertools.product((2, 4, 6), repeat=3))
    low, high = np.quantile(means, [0.025, 0.975], method="inverted_cdf")
    assert (found.low, found.high) == pytest.approx((low, high))
    two = hypotheses.hypotheses({"student": student[:2], "baseline": baseline[:2]}, masks())[0]
    assert two.values["student"].low == two.values["student"].high == pytest.approx(3)
    assert row.difference.estimate == pytest.approx(0)


LABEL = np.array(
    [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 1, 0], [0, 0, 0],
     [0, 0, 0], [1, -1, 0]]
)  # fmt: skip
NAMES = ["cat", "dog", "owl"]


def test_images_are_grouped_by_their_one_label_or_set_of_labels():
    found = single_label_groups(LABEL, NAMES)
    assert found.names == ("cat", "dog")  # one owl is too few
    np.testing.assert_array_equal(found.of, [0, 0, 1, 1, -1, -1, -1, -1, -1, -1])
    assert found.images == 4
    assert "one label" in found.rule
    assert single_label_groups(LABEL, NAMES, least=1).names == ("cat", "dog", "owl")
    found = label_set_groups(LABEL, NAMES)
    assert set(found.names) == {"cat", "dog", "cat + dog", "none"}
    assert [found.names[g] if g >= 0 else "" for g in found.of] == [
        "cat", "cat", "dog", "dog", "", "cat + dog", "cat + dog", "none", "none", "",
    ]  # fmt: skip


@given(st.integers(0, 200))
def test_the_silhouette_is_the_definition(seed):
    rng = np.random.default_rng(seed)
    outputs, of = rng.normal(size=(12, 3)), np.repeat([0, 1, 2, -1], 3)
    found = silhouette(outputs, ImageGroups(of, ("a", "b", "c"), "given"))
    distance = np.linalg.norm(outputs[:, None] - outputs, axis=2)
    for k in range(9):
        own = distance[k, (of == of[k]) & (np.arange(12) != k)].mean()
        other = min(distance[k, of == g].mean() for g in range(3) if g != of[k])
        assert found[k] == pytest.approx((other - own) / max(own, other))
    assert np.isnan(found[9:]).all()


def test_a_large_set_is_sampled_by_its_seed():
    of = np.repeat([0, 1], 50)
    groups = ImageGroups(of, ("a", "b"), "given")
    some = sample(groups, 30, seed=1)
    assert some.images == 30
    assert "30 of 100" in some.rule
    np.testing.assert_array_equal(some.of, sample(groups, 30, seed=1).of)
    assert (some.of[some.of >= 0] == of[some.of >= 0]).all()
    assert sample(groups, 100) is groups


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (silhouette, [np.eye(100), ImageGroups(np.repeat([0, 1], 50), ("a", "b"), "given")]),
        (tsne, [np.eye(6)]),
    ],
    ids=["silhouette", "tsne"],
)
def test_the_missing_extra_is_named(monkeypatch, function, arguments):
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(MissingExtraError) as told:
        function(*arguments)
    assert "[sklearn]" in told.value.remedy


@pytest.mark.slow
def test_tsne_keeps_clusters_and_is_repeatable():
    rng = np.random.default_rng(0)
    of = np.repeat([0, 1, 2], 20)
    outputs = rng.normal(size=(60, 5)) + 20 * np.eye(3, 5)[of]
    places = tsne(outputs)
    assert places.shape == (60, 2)
    np.testing.assert_array_equal(places, tsne(outputs))
    assert np.nanmean(silhouette(places, ImageGroups(of, ("a", "b", "c"), "given"))) > 0.6


ONE_GROUP = ImageGroups(np.zeros(4, int), ("a",), "images with one label, by that label")


@pytest.mark.parametrize(
    ("function", "arguments", "fault"),
    [
        (contrast, [np.zeros((3, 4, 5)), np.zeros((3, 5, 4), bool)], "masks have shape"),
        (contrast, [np.zeros((3, 4, 5)), np.zeros((2, 4, 5), bool)], "masks have shape"),
        (contrast, [np.zeros((3, 4, 5)), np.zeros((4, 5), bool)], "masks have shape"),
        (distance_travelled, [[]], "too few checkpoints"),
        (distance_travelled, [[{"a": np.ones(2)}]], "too few checkpoints"),
        (silhouette, [np.zeros((4, 2)), ONE_GROUP], "two groups"),
        (tsne, [np.zeros((4, 2))], "too few"),
    ],
)
def test_what_cannot_be_measured_is_told(function, arguments, fault):
    with pytest.raises(DataError, match=fault):
        function(*arguments)
