"""Near-equal images by concept scores: copies are found, other images are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.store.near_scores import groups_of, near_equal

#: Expected groups of two or more, by the smallest index.
Groups = dict[int, list[int]]


def found(scores, logits=None):
    """Groups of two or more images, each with its members."""
    logits = np.zeros((len(scores), 1), np.float32) if logits is None else logits
    group = groups_of(near_equal(np.asarray(scores, np.float32), logits), len(scores))
    return {
        int(one): np.flatnonzero(group == one).tolist()
        for one in np.unique(group)
        if np.count_nonzero(group == one) > 1
    }


def photos(images, concepts=60, axes=25, seed=0):
    """Scores that are correlated, as those of concepts in photos are."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(images, axes)) @ rng.normal(size=(axes, concepts))
    return mixed + 0.5 * rng.normal(size=(images, concepts))


def with_copies(scores, copies, noise, seed=1):
    """The scores ``copies`` times, each with noise of its own, in spreads of each concept."""
    rng = np.random.default_rng(seed)
    every = np.tile(scores, (copies, 1))
    return every + noise * scores.std(axis=0) * rng.normal(size=every.shape)


@pytest.mark.parametrize("images", [60, 300, 2000])
def test_photos_that_differ_have_no_group(images):
    assert found(photos(images)) == {}


@pytest.mark.parametrize("copies", [2, 5])
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_copies_are_one_group(copies, noise):
    groups = found(with_copies(photos(150), copies, noise))
    assert groups == {i: [i + 150 * c for c in range(copies)] for i in range(150)}


def test_copies_among_others_are_found():
    scores = np.concatenate([photos(1500), with_copies(photos(40, seed=5), 3, 0.1)])
    assert found(scores) == {1500 + i: [1500 + i + 40 * c for c in range(3)] for i in range(40)}


def test_scale_of_a_concept_does_not_matter():
    scale = 10.0 ** np.random.default_rng(0).integers(-4, 4, 60)
    assert len(found(with_copies(photos(100), 2, 0.1) * scale + 7 * scale)) == 100


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
def test_neighbours_by_chance_in_few_dimensions_are_no_copies(dimensions):
    rng = np.random.default_rng(dimensions)
    assert found(rng.normal(size=(3000, dimensions))) == {}


def test_photos_of_one_kind_are_no_copies():
    """Thirty kinds of a hundred photos: near to each other within a kind, but no copies."""
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(30, 64)), 100, axis=0)
    assert found(centres + 0.3 * rng.normal(size=centres.shape)) == {}


def test_equal_words_of_captions_are_no_copies():
    words = np.random.default_rng(0).random((4000, 30)) < 0.05
    logits = np.random.default_rng(1).normal(size=(4000, 1)).astype(np.float32)
    assert len(np.unique(words, axis=0)) < 2000  # so many captions are equal
    assert found(words, logits) == {}


def test_equal_attributes_with_the_logits_of_a_teacher_that_looks_at_them_are_no_copies():
    attributes = np.random.default_rng(0).random((2000, 6)) < 0.5
    logits = attributes @ np.random.default_rng(1).normal(size=(6, 1))
    assert found(attributes, logits.astype(np.float32)) == {}


def test_equal_grades_of_few_values_are_no_copies():
    grades = np.random.default_rng(0).integers(0, 5, (2000, 4)) / 4
    assert found(grades, grades[:, :1].astype(np.float32)) == {}


def with_age(copies):
    """Attributes and one graded column of 200 images, ``copies`` times, and their logits."""
    rng = np.random.default_rng(0)
    scores = np.column_stack([rng.random((200, 6)) < 0.5, rng.normal(size=200)])
    logits = (scores @ rng.normal(size=(7, 1))).astype(np.float32)
    return np.tile(scores, (copies, 1)), np.tile(logits, (copies, 1))


def test_equal_rows_of_which_one_column_is_graded_are_copies():
    assert found(*with_age(2)) == {i: [i, i + 200] for i in range(200)}


def test_images_that_are_equal_in_the_graded_columns_alone_are_no_copies():
    rng = np.random.default_rng(0)
    grades = rng.integers(0, 20, (600, 2))  # about half of the images share both
    attributes = np.arange(600)[:, None] >> np.arange(10) & 1  # another row of each image
    assert found(np.column_stack([grades, attributes])) == {}


def people(images=3000):
    """A table of age, education in 16 grades and three columns of 0 and 1; unrelated rows."""
    rng = np.random.default_rng(0)
    age = np.clip(rng.normal(40, 13, images).round(), 17, 90)
    education = np.clip(rng.normal(10, 2.5, images).round(), 1, 16)
    return np.column_stack([age, education, rng.random((images, 3)) < 0.4])


def test_equal_rows_of_a_table_of_whole_numbers_are_no_copies():
    table = people()
    logits = (table @ np.random.default_rng(1).normal(size=(5, 1))).astype(np.float32)
    assert len(np.unique(table, axis=0)) < 2200  # so many rows are equal
    assert found(table, logits) == {}


def test_equal_rows_of_many_columns_of_whole_numbers_are_copies():
    table = np.random.default_rng(0).integers(0, 20, (300, 8))  # 20 ** 8 rows are possible
    assert found(np.tile(table, (2, 1))) == {i: [i, i + 300] for i in range(300)}


def test_equal_scores_with_other_logits_are_no_copies_in_few_dimensions():
    scores = np.tile(np.random.default_rng(0).normal(size=(200, 3)), (2, 1))
    logits = np.arange(400, dtype=np.float32)[:, None]
    assert found(scores, logits) == {}


def test_images_that_show_no_concept_are_no_copies():
    scores = np.abs(photos(200))
    scores[::9] = 0.0
    assert found(scores) == {}


def test_rounded_scores_are_no_copies():
    assert found(np.round(photos(500), 1)) == {}


@pytest.mark.parametrize("column", [np.zeros(200), np.arange(200) == 3], ids=["constant", "rare"])
def test_a_column_without_grades_changes_nothing(column):
    scores = with_copies(photos(100), 2, 0.1)
    assert found(np.column_stack([scores, column])) == found(scores)


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (2, 3), (3, 0), (5, 1)])
def test_few_images_or_concepts_have_no_group(shape):
    assert found(np.random.default_rng(0).normal(size=shape)) == {}


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=15))
def test_a_group_is_what_pairs_connect(pairs):
    """Against a search from each image along the pairs."""
    reached = {i: {i} for i in range(12)}
    for _ in range(12):
        for a, b in pairs:
            both = reached[a] | reached[b]
            reached |= dict.fromkeys(both, both)
    group = groups_of(np.array(pairs, dtype=np.intp).reshape(-1, 2), 12)
    assert group.tolist() == [min(reached[i]) for i in range(12)]


def test_the_order_of_the_images_does_not_matter():
    scores = np.concatenate([photos(300), with_copies(photos(30, seed=5), 2, 0.1)])
    order = np.random.default_rng(0).permutation(len(scores))
    mixed = {frozenset(order[members].tolist()) for members in found(scores[order]).values()}
    assert mixed == {frozenset(members) for members in found(scores).values()}


def _heavy(rows, seed=0):
    """Independent rows of five columns with the long tail of incomes."""
    return np.random.default_rng(seed).lognormal(0, 3, (rows, 5))


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_independent_rows_with_heavy_tails_are_no_copies(seed):
    assert found(_heavy(2000, seed)) == {}


def test_copies_with_noise_are_found_in_columns_with_heavy_tails():
    rows = _heavy(1000)
    changed = rows[:100] * (1 + 1e-3 * np.random.default_rng(1).normal(size=(100, 5)))
    groups = found(np.concatenate([rows, changed]))
    assert sum(groups.get(i) == [i, 1000 + i] for i in range(100)) >= 90
