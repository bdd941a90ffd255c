"""What students may rely on in all photos: measures against their definition, and findings."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom, kstest, norm

import inficond_panel
from inficond_panel.distill.scores import Scores
from inficond_panel.distill.shared_bias import (
    ALIKE,
    LEAST,
    Candidates,
    Rates,
    held,
    rates,
    shared_bias,
    strength,
)
from inficond_panel.results.shared_bias import student_shared
from inficond_panel.tuning.shared_bias import SharedFound, SharedSuspect
from inficond_panel.vocabulary.people import names_people
from inficond_panel.wording.shared_bias import page_question, reliance_sentence, shared_sentence

NONE = np.zeros((400, 0))
FIRST = np.array([0])


def photos(seed=0, n=400):
    """Labels, own word, a thing that goes with the class, and the word of another thing."""
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.3).astype(float)
    own = label + rng.normal(size=n)
    thing = (rng.random(n) < 0.2 + 0.6 * label).astype(float)
    return rng, label, own, thing


def by_inverse(*columns):
    """Partial correlation of the first two columns given the others, by the inverse of the matrix
    of correlations: another way than regressions."""
    inverse = np.linalg.inv(np.corrcoef(np.array(columns)))
    return -inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1])


def test_bond_is_the_partial_correlation_with_the_label_given_the_own_word():
    _, label, own, thing = photos()
    found = shared_bias(thing[:, None], label, own, own[:, None], NONE)
    assert found.correlation[0] == pytest.approx(by_inverse(thing, label, own))


def of_two_tables():
    """Values of one candidate and scores of five concepts, float32, of which three are candidates;
    the candidates made of them, the scores in two tables."""
    rng = np.random.default_rng(3)
    values, scores = rng.normal(size=(90, 1)), rng.normal(2, 1, (90, 5)).astype(np.float32)
    concepts, squares = np.array([4, 0, 3]), 90 * scores.var(axis=0, dtype=np.float64)
    made = Candidates(values, [Scores(scores[:50]), Scores(scores[50:])], concepts, squares)
    return made, np.hstack([values, scores[:, concepts].astype(float)])


def test_products_of_columns_in_tables_are_those_of_the_columns():
    made, plain = of_two_tables()
    u = np.random.default_rng(4).normal(size=(90, 2))
    u -= u.mean(axis=0)
    np.testing.assert_allclose(made.products(u), plain.T @ u, rtol=1e-9, atol=1e-9)


def test_columns_of_tables_are_read_in_the_order_that_is_asked_for():
    made, plain = of_two_tables()
    some = np.array([2, 0, 3])
    np.testing.assert_array_equal(made.columns(some), plain[:, some])


def test_squares_of_candidates_are_those_of_deviations_from_the_mean():
    made, plain = of_two_tables()
    np.testing.assert_allclose(made.squares, 90 * plain.var(axis=0), rtol=1e-9)


def test_use_is_the_partial_correlation_with_the_logit_given_label_besides():
    rng, label, own, thing = photos()
    logit = own + 0.5 * thing + rng.normal(size=400)
    found = shared_bias(thing[:, None], label, logit, own[:, None], NONE)
    assert found.use[0] == pytest.approx(by_inverse(thing, logit, label, own))


def test_p_is_that_of_the_generalised_covariance_measure():
    rng, label, own, thing = photos()
    logit = own + 0.1 * thing + rng.normal(size=400)
    design = np.column_stack([np.ones(400), label, own])
    rest = [x - design @ np.linalg.lstsq(design, x, rcond=None)[0] for x in (thing, logit)]
    product = rest[0] * rest[1]
    t = product.sum() / np.sqrt((product**2).sum()) * np.sqrt(397 / 400)
    found = shared_bias(thing[:, None], label, logit, own[:, None], NONE)
    assert found.p(FIRST)[0] == pytest.approx(2 * norm.sf(abs(t)))


def test_p_of_a_candidate_is_the_same_beside_others():
    rng, label, own, thing = photos()
    logit = own + 0.1 * thing + rng.normal(size=400)
    some = np.column_stack([thing, rng.permutation(thing), rng.normal(size=400)])
    found = shared_bias(some, label, logit, own[:, None], some[:, :2])
    each = [found.p(np.array([m]))[0] for m in range(3)]
    assert found.p(np.arange(3)) == pytest.approx(each, rel=1e-12)


def test_a_copy_of_the_own_word_has_no_correlation():
    _, label, own, thing = photos()
    found = shared_bias(2 * own[:, None] + 1, label, own + thing, own[:, None], NONE)
    assert found.correlation[0] == 0


def made_null(seed, known):
    """P-value of a thing that the student does not use, while it uses one that goes with it."""
    rng, label, own, used = photos(seed)
    thing = (rng.random(400) < 0.3 + 0.3 * used).astype(float)
    assert abs(np.corrcoef(thing, used)[0, 1]) < ALIKE
    logit = own + label + 2 * used + rng.normal(size=400)
    beside = np.column_stack([thing, used]) if known else thing[:, None]
    return shared_bias(thing[:, None], label, logit, own[:, None], beside).p(FIRST)[0]


def test_p_is_uniform_where_the_student_uses_a_known_thing_that_goes_with_it():
    p = [made_null(seed, known=True) for seed in range(500)]
    assert kstest(p, "uniform").pvalue > 0.01


def test_p_is_small_where_what_the_student_uses_is_not_known():
    p = [made_null(seed, known=False) for seed in range(50)]
    assert np.median(p) < 0.05


def test_strength_is_zero_where_the_student_goes_against_the_correlation():
    assert strength(np.array([0.3]), np.array([-0.2]))[0] == 0


@pytest.mark.parametrize(
    ("fit", "tune", "holds"),
    [
        pytest.param(0.4, 0.3, True, id="most of it"),
        pytest.param(-0.4, -0.2, True, id="half of it, of an absence"),
        pytest.param(0.4, 0.15, False, id="less than half"),
        pytest.param(0.4, -0.4, False, id="the other way"),
        pytest.param(0.4, 0.0, False, id="none"),
        pytest.param(0.0, 0.4, False, id="in tune only"),
    ],
)
def test_tune_holds_a_correlation_from_half_of_it(fit, tune, holds):
    assert held(np.array([fit]), np.array([tune]))[0] == holds


def called(label, logit, own, thing):
    found = shared_bias(thing[:, None], label, logit, own[:, None], thing[:, None])
    return bool(found.called(np.array([True]))[0])


def test_a_thing_that_the_student_uses_is_called():
    _, label, own, thing = photos()
    assert called(label, own + thing, own, thing)


@pytest.mark.parametrize("rare", [0, 9], ids=["all others", "all but a rare one"])
def test_a_value_is_tested_without_the_other_values_of_its_column(rare):
    _, label, own, thing = photos()
    others = np.random.default_rng(1).integers(0, 3, len(label))[:, None] == np.arange(3)
    others[:rare] = False  # these few photos have a value that too few have to be tested
    values = np.column_stack([thing, others * (1 - thing[:, None])])
    found = shared_bias(values, label, own + thing, own[:, None], values)
    assert found.called(np.ones(4, dtype=bool))[0]


def test_a_thing_is_tested_without_its_alternatives_if_each_photo_has_one_of_them():
    """As a brand of four, each a concept: given the other three, nothing is left of it."""
    _, label, own, thing = photos()
    others = np.random.default_rng(1).integers(0, 3, len(label))[:, None] == np.arange(3)
    word = np.random.default_rng(2).random((len(label), 1)) < 0.3  # is no alternative
    known = np.column_stack([thing, others * (1 - thing[:, None]), word])
    found = shared_bias(known, label, own + thing, own[:, None], known)
    alone = shared_bias(known, label, own + thing, own[:, None], known[:, [0, 4]])
    assert found.p(FIRST)[0] == pytest.approx(alone.p(FIRST)[0], rel=1e-6, abs=0)
    assert found.called(np.ones(5, dtype=bool))[0]


@pytest.mark.parametrize("none", [0.02, 0.05])
@pytest.mark.parametrize("used", [True, False])
def test_photos_without_any_of_the_alternatives_change_little(none, used):
    """As rows whose category is missing: all its columns are 0."""
    rng, label, own, thing = photos()
    others = rng.integers(0, 3, len(label))[:, None] == np.arange(3)
    known = np.column_stack([thing, others * (1 - thing[:, None])])
    known[rng.random(len(label)) < none] = 0
    logit = own + (thing if used else rng.normal(size=len(label)))
    found = shared_bias(known, label, logit, own[:, None], known)
    assert found.called(np.ones(4, dtype=bool))[0] == used


def test_a_value_of_a_column_with_empty_cells_is_tested_without_the_other_values():
    """Empty cells have the mean of each value, and so the values give each other still."""
    rng, label, own, thing = photos()
    others = np.random.default_rng(1).integers(0, 3, len(label))[:, None] == np.arange(3)
    values = np.column_stack([thing, others * (1 - thing[:, None])])
    empty = rng.random(len(label)) < 0.1
    values[empty] = values[~empty].mean(axis=0)
    found = shared_bias(values, label, own + thing, own[:, None], values)
    assert found.called(np.ones(4, dtype=bool))[0]


def test_a_thing_is_tested_beside_things_that_it_never_meets_if_they_do_not_give_it():
    _, label, own, thing = photos()
    rng = np.random.default_rng(1)
    apart = (rng.random((len(label), 2)) < 0.3) * (1 - thing[:, None])
    known = np.column_stack([thing, apart])
    found = shared_bias(known, label, own + thing, own[:, None], known)
    alone = shared_bias(known, label, own + thing, own[:, None], known[:, [0]])
    assert found.p(FIRST)[0] != pytest.approx(alone.p(FIRST)[0], rel=1e-3, abs=0)


def test_a_thing_that_a_student_uses_without_a_correlation_is_not_called():
    rng, label, own, thing = photos()
    other = rng.permutation(thing)
    assert not called(label, own + other, own, other)


def test_shuffled_labels_call_nothing():
    rng, label, own, thing = photos()
    assert not called(rng.permutation(label), own + thing, own, thing)


def test_a_weak_correlation_is_not_called_with_photos_enough():
    rng = np.random.default_rng(1)
    label = (rng.random(20_000) < 0.3).astype(float)
    own, thing = label + rng.normal(size=20_000), (rng.random(20_000) < 0.3 + 0.1 * label) * 1.0
    found = shared_bias(thing[:, None], label, own + thing, own[:, None], thing[:, None])
    assert found.p(FIRST)[0] < 1e-6
    assert found.strength[0] < LEAST
    assert not found.called(np.array([True]))[0]


def test_a_thing_of_few_photos_has_no_measure():
    _, label, own, _ = photos()
    rare = np.zeros(400)
    rare[:9] = 1
    found = shared_bias(rare[:, None], label, own + rare, own[:, None], NONE)
    assert (found.correlation[0], found.use[0], found.p(FIRST)[0]) == (0, 0, 1)


def test_rates_count_photos_with_a_thing_first():
    label = np.array([1, 1, 1, 0, 0, 1])
    shown = np.array([1, 1, 0, 1, 0, 0], dtype=bool)
    decision = np.array([1, 0, 1, 1, 0, 1], dtype=bool)
    counted = rates(shown, label, decision)
    assert counted.found == ((1, 2), (2, 2))
    assert counted.called == ((1, 1), (0, 1))


@pytest.mark.parametrize(
    ("word", "people"), [("Man", True), ("young woman", True), ("mane", False)]
)
def test_names_people(word, people):
    assert names_people(word) is people


def made(tmp_path, seed=0, columns=False, apart=False, alike=False):
    """Captions: men are seldom blond, in fit and in tune alike, and seldom said to be it.

    ``apart``: in fit only; elsewhere men are as often blond as others. ``alike``: most captions
    with *man* have *beard*, too, and few others.
    """
    rng = np.random.default_rng(seed)
    n = 1500
    split = np.resize(["fit", "fit", "fit", "tune", "holdout"], n)
    man = rng.random(n) < 0.4
    blond = rng.random(n) < np.where(man, 0.08, 0.7)
    if apart:
        blond = np.where(split == "fit", blond, rng.random(n) < 0.45)
    said = blond & (rng.random(n) < 0.5)
    scores = {"blonde": said, "man": man, **{f"word {i}": rng.random(n) < 0.3 for i in range(10)}}
    if alike:
        scores["beard"] = man ^ (rng.random(n) < 0.1)
    index = [f"{i:04d}.jpg" for i in range(n)]
    label = pd.DataFrame({"blond hair": blond.astype(float)}, index)
    given = {"metadata": pd.DataFrame({"male": man.astype(int)}, index)} if columns else {}
    students = inficond_panel.from_frames(
        pd.DataFrame(scores, index).astype(float),
        3 * (2 * label - 1) + rng.normal(size=(n, 1)),
        label,
        split=pd.Series(split, index),
        path=tmp_path / "own.zarr",
        **given,
    )
    return students.with_settings(lambda_=1e-3).fit()


def test_the_doctor_ranks_a_word_of_all_photos_first_but_the_classs_own(tmp_path):
    shared = made(tmp_path).doctor("blond hair")["shared"]
    assert "man" in shared.index.get_level_values("name")[:2]


def test_the_doctor_says_how_often_the_class_is_found_with_and_without(tmp_path):
    row = made(tmp_path).doctor("blond hair")["shared"].loc[("blond hair", "man")]
    assert row["sentence"].startswith("The student finds ")
    assert f"those with it ({row['positives_with']} rows)" in row["sentence"]


def test_what_lowers_the_logit_is_raised_if_it_should_not_count(tmp_path):
    row = made(tmp_path).doctor("blond hair")["shared"].loc[("blond hair", "man")]
    assert row["use"] < 0
    assert row["sentence"].endswith("If man should not count against blond hair, 👍 it.")


def test_what_raises_the_logit_is_lowered_if_it_should_not_count(tmp_path):
    row = made(tmp_path).doctor("blond hair")["shared"].loc[("blond hair", "blonde")]
    assert row["use"] > 0
    assert row["sentence"].endswith("If blonde should not count, 👎 it.")


def test_a_removed_word_that_another_carries_is_said_to_be_removed(tmp_path):
    students = made(tmp_path, alike=True).remove("blond hair", "man")
    row = students.doctor("blond hair")["shared"].loc[("blond hair", "man")]
    assert "man is removed, but concepts that go with it carry it." in row["sentence"]


def test_a_column_of_metadata_is_called(tmp_path):
    found = made(tmp_path, columns=True).doctor("blond hair")["findings"]
    rows = found[found["kind"] == "shared by all rows"]
    assert any("may rely on the absence of male = 1" in text for text in rows["finding"])


def test_the_doctor_names_the_concepts_that_show_a_column(tmp_path):
    """The scores of *man* are the column."""
    found = made(tmp_path, columns=True).doctor("blond hair")["findings"]
    (told,) = [text for text in found["finding"] if "the absence of male = 1" in text]
    assert told.endswith("If male = 1 should not count against blond hair, 👍 man.")


def test_doctor_and_page_say_the_same_of_a_column_that_no_concept_shows(tmp_path):
    students = made(tmp_path, columns=True)
    called = student_shared(students.tuner, students.node, "blond hair").found.called
    (one,) = [each for each in called if each.name == "male = 1"]
    of_doctor = shared_sentence("blond hair", one, "rows", ())
    of_page = page_question("blond hair", one, "rows", ())
    ends = "No concept shows male = 1. If it should not count, add images of one without "
    ends += "the other, or a concept that shows it."
    assert (of_doctor[-len(ends) :], of_page[-len(ends) :]) == (ends, ends)


@pytest.mark.parametrize("name", ["man", "male = 1"])
def test_what_goes_with_the_class_in_fit_only_is_not_shared_by_all_photos(tmp_path, name):
    shared = made(tmp_path, columns=True, apart=True).doctor("blond hair")["shared"]
    assert not shared.loc[("blond hair", name), "called"]


@pytest.mark.parametrize("name", ["man", "male = 1"])
def test_what_goes_with_the_class_in_fit_and_in_tune_is_shared_by_all_photos(tmp_path, name):
    shared = made(tmp_path, columns=True).doctor("blond hair")["shared"]
    assert shared.loc[("blond hair", name), "called"]


def test_the_absence_of_a_class_that_never_comes_with_it_is_not_called(tmp_path):
    """Among photos of buses and trains the absence of the one is right in all photos there are."""
    rng = np.random.default_rng(3)
    kind = rng.integers(0, 4, 1500)
    index = [f"{i:04d}.jpg" for i in range(1500)]
    label = pd.DataFrame({"bus": kind == 0, "train": kind == 1}, index).astype(float)
    seen = label + rng.normal(size=label.shape) * 0.7
    students = inficond_panel.from_frames(
        seen.rename(columns={"bus": "bus", "train": "rails"}),
        3 * (2 * label - 1) + rng.normal(size=label.shape),
        label,
        split=pd.Series(np.resize(["fit", "fit", "fit", "tune", "holdout"], 1500), index),
        path=tmp_path / "own.zarr",
    )
    shared = students.with_settings(lambda_=1e-3).fit().doctor()["shared"]
    train = shared.loc[("bus", "train")]
    assert train["use"] < 0
    assert not train["called"]


def test_a_note_beside_a_marked_concept_says_only_that_the_rest_is_not_marked(tmp_path):
    frame = made(tmp_path).doctor()["shared"]
    shown = frame.iloc[frame.attrs["shown"]]
    assert "concept" in set(shown["kind"])
    assert shown["called"].all()
    assert not frame.drop(shown.index)["called"].any()
    assert frame.attrs["notes"][-1] == (
        "What is not marked is only ranked, and left out here: name a class to see it."
    )


def test_wrong_calls_are_told_of_what_is_without_the_class():
    counted = Rates(((75, 100), (67, 100)), ((19, 50), (1, 50)))
    reef = SharedSuspect("concept", "reef", 0.3, 0.3, 0.2, 0.0, True, 1.0, counted)
    told = "Of the captions without climate, 38 % of those with reef (50) are called climate, "
    assert told + "2 % of those without it." in shared_sentence("climate", reef, "captions")


def test_a_word_that_goes_with_nothing_is_not_called(tmp_path):
    shared = made(tmp_path).doctor("blond hair")["shared"]
    assert not [name for (_, name), row in shared.iterrows() if row["called"] and "word" in name]


@pytest.mark.parametrize(
    ("found", "called", "use", "told"),
    [
        pytest.param(((15, 100), (57, 100)), ((1, 50), (2, 50)), -0.3, True, id="found"),
        pytest.param(((50, 100), (50, 100)), ((25, 50), (1, 50)), 0.3, True, id="called wrongly"),
        pytest.param(((80, 100), (0, 0)), ((9, 50), (1, 50)), 0.3, True, id="all have it"),
        pytest.param(((75, 100), (67, 100)), ((9, 50), (1, 50)), -0.3, False, id="other side"),
        pytest.param(((75, 100), (67, 100)), ((1, 50), (9, 50)), -0.3, False, id="both cancel"),
        pytest.param(((16, 59), (9, 29)), ((3, 374), (1, 1938)), 0.37, False, id="three photos"),
        pytest.param(((50, 100), (50, 100)), ((1, 50), (1, 50)), 0.3, False, id="neither"),
        pytest.param(((0, 0), (60, 100)), ((0, 50), (29, 50)), -0.3, False, id="right absence"),
        pytest.param(((0, 0), (0, 0)), ((0, 0), (0, 0)), 0.3, False, id="no photos"),
    ],
)
def test_the_decisions_must_show_the_use_that_is_called(found, called, use, told):
    assert Rates(found, called).tells(use) == told


def test_the_z_of_decisions_is_that_of_two_hypergeometric_draws():
    """Calls with the candidate, among the photos of each label, less their expected number."""
    found, called = ((40, 65), (8, 20)), ((11, 94), (21, 762))
    draws = [hypergeom(n + m, a + b, n) for (a, n), (b, m) in (found, called)]
    above = 40 + 11 - sum(draw.mean() for draw in draws)
    expected = above / np.sqrt(sum(draw.var() for draw in draws))
    assert Rates(found, called).z == pytest.approx(expected)


@pytest.mark.parametrize(("high", "named"), [("ICU", "ward = ICU"), ("general", "ward = general")])
def test_of_two_values_the_one_that_a_concept_shows_is_named(high, named):
    rng = np.random.default_rng(3)
    ward = np.where(rng.random(300) < 0.5, "ICU", "general")
    scores = pd.DataFrame(rng.normal(size=(300, 3)), columns=["lactate", "sodium", "age"])
    scores["lactate"] += 3.0 * (ward == high)
    label = pd.DataFrame({"sepsis": (scores["age"] > 0.5).astype(int)})
    logits = pd.DataFrame({"sepsis": scores["age"] - 0.5 + 0.1 * rng.normal(size=300)})
    split = pd.Series(["fit"] * 200 + ["tune"] * 100)
    given = {"split": split, "metadata": pd.DataFrame({"ward": ward})}
    students = inficond_panel.from_frames(scores, logits, label, **given)
    found = student_shared(students.tuner, students.node, "sepsis").found
    assert [each.name for each in found.suspects if each.kind == "column"] == [named]


def test_with_one_class_per_image_a_class_is_found_where_it_is_the_likeliest():
    """Against the decisions on all images: cross-fitting changes few of them, but at a logit of 0
    the students of three classes that look alike find far fewer images."""
    rng = np.random.default_rng(5)
    kind, n = rng.integers(0, 3, 900), 900
    truth = np.eye(3)[kind]
    scores = pd.DataFrame(truth + rng.normal(size=(n, 3)), columns=["heat", "pain", "cough"])
    scores["fever"] = (rng.random(n) < np.where(kind == 0, 0.7, 0.2)).astype(float)
    names = ["sepsis", "renal", "pneumonia"]
    drawn = scores.iloc[:, :3].to_numpy() * 1.5 + rng.normal(size=(n, 3)) * 0.3
    drawn[:, 0] += 1.5 * scores["fever"]
    logits = pd.DataFrame(drawn - 2.5, columns=names)
    label = pd.DataFrame(truth, columns=names)
    split = pd.Series(np.resize(["fit", "fit", "tune"], n))
    students = inficond_panel.from_frames(scores, logits, label, split=split, task="single_label")
    found = student_shared(students.tuner, students.node, "sepsis").found
    (fever,) = [each for each in found.suspects if each.name == "fever"]
    (with_, of_with), (without, of_without) = fever.rates.found
    every = students.tuner.logits(students.node)[(kind == 0)]
    likeliest, above_0 = (every.argmax(axis=1) == 0).mean(), (every[:, 0] > 0).mean()
    assert of_with + of_without == (kind == 0).sum()
    assert (with_ + without) / (of_with + of_without) == pytest.approx(likeliest, abs=0.03)
    assert likeliest - above_0 > 0.15


def same_words(*names: str) -> SharedFound:
    """What a student may rely on: words that are in the same captions, and one that is not."""
    counted = Rates(((75, 100), (67, 100)), ((19, 50), (1, 50)))
    facts = ("concept", 0.3, 0.3, 0.2, 0.0, True, 1.0)
    made = [SharedSuspect(facts[0], name, *facts[1:], counted) for name in names]
    other = replace(made[0], name="reef", correlation=0.2)
    return SharedFound("slow", "", (100, 50), (*made, other), "captions")


def test_words_that_are_in_the_same_captions_are_asked_about_once():
    found = same_words("hours", "runs", "sync")
    assert [each.name for each in found.asked] == ["hours", "reef"]


def test_the_question_names_the_other_words():
    found = same_words("hours", "runs", "sync")
    told = reliance_sentence("slow", found.asked[0], found.twins(found.asked[0]))
    assert told == "slow may rely on hours (or runs, sync, in the same images)."


def test_a_number_that_is_low_in_rows_of_the_class_is_ranked_as_its_mirror_image(tmp_path):
    """The student relies on few births as on many, if these are counted the other way round."""
    rng, ids = np.random.default_rng(0), [f"{at:04d}" for at in range(900)]
    table = pd.DataFrame(rng.normal(size=(900, 4)), ids, ["births", "age", "height", "weight"])
    logit = pd.DataFrame({"forceps": -2.0 * table["births"] + table["age"] - 1})
    label = (logit + rng.logistic(size=(900, 1)) > 0).astype(int)
    split = pd.Series(np.where(rng.random(900) < 0.6, "fit", "tune"), ids)
    found = []
    for sign in (1, -1):
        scores = table.assign(births=sign * table["births"])
        path = tmp_path / f"{sign}.zarr"
        students = inficond_panel.from_frames(scores, logit, label, split=split, path=path).fit()
        rows = students.doctor("forceps")["shared"].droplevel(0)
        found.append(rows["strength"]["births"])
    assert found[0] == pytest.approx(found[1], rel=1e-3)
    assert found[0] > 0.1
