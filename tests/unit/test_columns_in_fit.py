"""A column of metadata whose value goes with a class in the training images only."""

import numpy as np
import pytest
from sites import SPLIT, students

from inficond_panel.results.shared_bias import student_shared


@pytest.fixture(scope="module")
def biased():
    return students(0, biased=True)


def of_class(made, name):
    return student_shared(made.tuner, made.node, name)


def test_the_value_is_named(biased):
    assert [each.name for each in of_class(biased, "k0").found.in_fit] == ["site = 0"]


def test_it_is_not_said_to_be_shared_by_all_photos(biased):
    assert of_class(biased, "k0").found.called == ()


def test_other_classes_have_none(biased):
    assert not of_class(biased, "k1").found.in_fit + of_class(biased, "k2").found.in_fit


def test_its_photos_are_counted_by_split_and_label(biased):
    store = biased.tuner.store
    here = np.array(store.column("site")) == "0"
    label = store.label[:, 0] == 1
    [suspect] = of_class(biased, "k0").found.in_fit
    for split in ("fit", "tune"):
        some, (with_, without) = np.equal(SPLIT, split), getattr(suspect.in_fit, split)
        assert with_ == ((here & label & some).sum(), (label & some).sum())
        assert without == ((here & ~label & some).sum(), (~label & some).sum())


def test_the_doctor_tells_it_with_the_concept_that_shows_it(biased):
    rows = biased.doctor()["findings"]
    [finding] = rows[rows["kind"].str.startswith("a column goes with it")]["finding"]
    assert finding.startswith("Of the training rows ")
    assert finding.endswith("If site = 0 should not count, 👎 c20.")


def test_what_a_person_says_belongs_to_the_class_is_not_told(biased):
    biased.belongs("k0", "site = 0")
    assert of_class(biased, "k0").found.in_fit == ()


@pytest.mark.parametrize("seed", range(3))
def test_a_site_by_chance_is_never_named(seed):
    made = students(seed, biased=False)
    assert not any(of_class(made, name).found.in_fit for name in ("k0", "k1", "k2"))


def test_of_a_column_without_values_on_tune_nothing_is_said():
    made = students(0, biased=True, known=("fit",))
    assert of_class(made, "k0").found.in_fit == ()


def test_a_column_that_names_the_splits_is_no_candidate():
    made = students(0, biased=True, split_as="part")
    names = {each.name for each in of_class(made, "k0").found.suspects}
    assert not [name for name in names if name.startswith("part")]
    assert "site = 0" in names
