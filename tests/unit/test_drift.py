"""Drift of photos: against SciPy, at the stated level, and told by script and command."""

from math import comb

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import false_discovery_control, ks_2samp

from inficond_panel.distill.drift import LARGEST_P, _nearest, drift, drifted_concepts
from inficond_panel.distill.ks import ks_tests
from inficond_panel.wording.metrics import drift_sentences

NAMES = [f"concept {c}" for c in range(12)]


def scores(rng, images: int) -> np.ndarray:
    """Scores that go together, as those of like concepts do, with zeros among them."""
    common = rng.normal(size=(images, 3))
    return np.maximum(common @ MIX + rng.normal(size=(images, len(NAMES))), -0.5)


MIX = np.random.default_rng(7).normal(size=(3, len(NAMES)))


def test_tests_of_concepts_are_those_of_scipy():
    rng = np.random.default_rng(0)
    fitted, new = scores(rng, 300), scores(rng, 40) + np.linspace(0, 0.8, len(NAMES))
    found = {each.concept: each for each in drift(fitted, new, NAMES).concepts}
    expected = [ks_2samp(fitted[:, c], new[:, c], method="asymp") for c in range(len(NAMES))]
    adjusted = false_discovery_control([each.pvalue for each in expected])
    for c, name in enumerate(NAMES):
        assert found[name].statistic == pytest.approx(expected[c].statistic)
        assert found[name].p == pytest.approx(expected[c].pvalue)
        assert found[name].p_adjusted == pytest.approx(adjusted[c])
        assert found[name].median == np.median(new[:, c])
    assert [each.p for each in found.values()] == sorted(each.p for each in found.values())


def _of_attributes():
    """Drift of a column of 0 and 1 (a quarter of training images has it, three quarters of the new
    ones), and of a column of other numbers."""
    fitted, new = (np.tile([[1.0, 0.2]], (400, 1)) for _ in range(2))
    fitted[100:, 0] = new[300:, 0] = 0.0
    return drift(fitted, new, ["male", "age"])


def test_a_column_of_0_and_1_has_its_shares_of_ones():
    male = next(each for each in _of_attributes().concepts if each.concept == "male")
    assert (male.binary, male.fit_mean, male.mean) == (True, 0.25, 0.75)


def test_a_column_of_numbers_has_no_shares_of_ones():
    age = next(each for each in _of_attributes().concepts if each.concept == "age")
    assert not age.binary


def test_where_medians_are_equal_the_sentence_tells_the_means():
    fitted, new = (np.tile([[-0.5]], (400, 1)) for _ in range(2))
    fitted[300:] = new[250:] = 2.0  # a standardised column of 0 and 1: means 0.125 and 0.4375
    told = " ".join(drift_sentences(drift(fitted, new, ["branch"])))
    assert "branch (mean 0.438, in training 0.125)" in told


def test_the_sentence_on_a_column_of_0_and_1_tells_the_shares():
    told = " ".join(drift_sentences(_of_attributes()))
    assert "male (1 for 75.0 %, in training 25.0 %)" in told


TABLES = {
    "continuous": lambda rng, images: rng.normal(size=(images, 7)),
    "ties": lambda rng, images: rng.integers(4, size=(images, 7)).astype(float),
    "0 or 1": lambda rng, images: (rng.random((images, 7)) < 0.03).astype(np.float32),
    "constant": lambda rng, images: np.full((images, 7), 0.5),
    "float32": lambda rng, images: rng.normal(size=(images, 7)).astype(np.float32),
}


@pytest.mark.parametrize("block", [1, 1 << 21], ids=["a column at a time", "all at once"])
@pytest.mark.parametrize("sizes", [(50, 20), (300, 41), (40, 700)], ids=str)
@pytest.mark.parametrize("table", TABLES)
def test_tests_of_a_table_are_those_of_its_columns(table, sizes, block, monkeypatch):
    monkeypatch.setattr("inficond_panel.distill.ks._SORTED", block)
    rng = np.random.default_rng(sizes[0])
    fitted, new = (TABLES[table](rng, images) for images in sizes)
    each = [ks_2samp(*pair, method="asymp") for pair in zip(fitted.T, new.T, strict=True)]
    expected = [[one.statistic for one in each], [one.pvalue for one in each]]
    np.testing.assert_allclose(ks_tests(fitted, new), expected, rtol=1e-12, atol=1e-12)


def test_far_photos_are_told_by_the_10th_nearest():
    rng = np.random.default_rng(1)
    fitted, new = scores(rng, 300), 1.5 * scores(rng, 40)
    spread = fitted.std(axis=0)
    own = np.sort(cdist(fitted / spread, fitted / spread), axis=1)[:, 10]  # without itself
    distance = np.sort(cdist(new / spread, fitted / spread), axis=1)[:, 9]
    found = drift(fitted, new, NAMES)
    limit = np.sort(own)[-3]  # 3 of 301 is the 99 % quantile
    assert found.expected == pytest.approx(3 / 301)
    assert found.far == (distance > limit).sum() > 1
    assert found.share == found.far / 40
    assert 0 < found.low < found.share < found.high < 1


def test_p_of_far_photos_is_that_of_ranks_in_one_exchangeable_row():
    """Of m new photos j lie beyond the t-th largest of n: a negative hypergeometric variable."""
    rng = np.random.default_rng(1)
    found = drift(scores(rng, 300), 1.5 * scores(rng, 40), NAMES)
    n, m, t = 300, 40, 3
    ways = [comb(j + t - 1, j) * comb(m - j + n - t, m - j) for j in range(m + 1)]
    assert found.p == pytest.approx(sum(ways[found.far :]) / comb(n + m, m))


def test_the_distance_of_a_photo_is_to_its_tenth_nearest():
    assert _nearest(np.random.default_rng(0).permutation(np.arange(1.0, 21))[None] ** 2) == [10]


def test_photos_like_those_of_fit_raise_no_more_alarms_than_stated():
    rng = np.random.default_rng(2)
    found = [drift(scores(rng, 200), scores(rng, 25), NAMES) for _ in range(150)]
    alarms = np.mean([each.alarm for each in found])
    noise = np.sqrt(LARGEST_P * (1 - LARGEST_P) / len(found))
    assert alarms <= LARGEST_P + 2 * noise
    assert any(each.far for each in found)
    assert np.mean([each.far / 25 for each in found]) == pytest.approx(2 / 201, abs=0.004)


def test_rare_words_in_captions_like_those_of_fit_are_not_far():
    """Most words of captions are rare: 120 of them, each in 0.3 to 10 % of the captions."""
    rng = np.random.default_rng(5)
    share, names = np.geomspace(0.003, 0.1, 120), [f"word {c}" for c in range(120)]
    words = (rng.random((40, 500, 120)) < share).astype(float)
    found = [drift(each[:350], each[350:], names) for each in words]
    far = np.array([each.far for each in found])
    assert far.mean() / 150 == pytest.approx(3 / 351, abs=0.003)
    assert sum(each.far_drift for each in found) <= 3  # of 40, at a level of 2.5 %


def test_a_planted_shift_is_found():
    rng = np.random.default_rng(3)
    fitted, new = scores(rng, 400), scores(rng, 60)
    new[:, 4] += 2.0
    found = drift(fitted, new, NAMES)
    assert found.alarm
    assert [each.concept for each in found.drifted] == ["concept 4"]
    assert "concept 4 (median" in " ".join(drift_sentences(found))


def test_photos_far_from_all_are_found_among_few():
    rng = np.random.default_rng(3)
    fitted = scores(rng, 400)
    strange = scores(rng, 60)
    strange[:6] += 9 * np.where(np.arange(len(NAMES)) % 2, 1, -1)  # few, but far from all
    found = drift(fitted, strange, NAMES)
    assert found.far_drift
    assert 6 <= found.far <= 9


def test_too_few_new_photos_are_not_tested():
    rng = np.random.default_rng(4)
    found = drift(scores(rng, 300), scores(rng, 19) + 9, NAMES)
    assert not found.alarm
    assert drift_sentences(found) == ["Not tested: there are 19 new photos, and 20 are needed."]


def test_too_few_photos_of_fit_are_not_tested():
    rng = np.random.default_rng(4)
    found = drift(scores(rng, 49), scores(rng, 30) + 9, NAMES)
    assert "49 photos of fit" in found.lacking


def test_of_many_photos_of_fit_the_same_are_drawn_again():
    rng = np.random.default_rng(3)
    fitted, new = scores(rng, 2_300), scores(rng, 20)
    first, again = (drift(fitted, new, NAMES) for _ in range(2))
    assert first.fit_photos == 2_000
    assert again == first


def test_the_drifted_concepts_alone_are_those_of_the_whole_test():
    rng = np.random.default_rng(0)
    fitted, new = rng.normal(size=(300, 8)), rng.normal(size=(60, 8))
    new[:, [2, 5]] += 1.0
    names = [*"abcdefgh"]
    found = drifted_concepts(fitted, new, names, np.full(8, True))
    whole = drift(fitted, new, names).drifted
    assert [(each.concept, each.p_adjusted) for each in found] == [
        (each.concept, each.p_adjusted) for each in whole
    ]


def test_a_concept_that_is_not_used_does_not_drift():
    rng = np.random.default_rng(0)
    fitted, new = rng.normal(size=(300, 8)), rng.normal(size=(60, 8))
    new[:, [2, 5]] += 1.0
    used = np.arange(8) == 2
    assert [each.concept for each in drifted_concepts(fitted, new, [*"abcdefgh"], used)] == ["c"]
