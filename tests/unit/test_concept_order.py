"""Orders of the concepts of all students: permutations with the property that each is named for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as draw

from inficond_panel.results.concept_rows import ORDERS, find_concepts, order_concepts

WEIGHTS = draw.arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.sampled_from([0.0, 0.0, -2.0, -0.5, 0.25, 1.0, 3.0]),
)


def names_of(weights: np.ndarray) -> list[str]:
    return [f"{'Ab'[at % 2]} {at}" for at in range(len(weights))]


@given(WEIGHTS, st.sampled_from(list(ORDERS)), st.integers(0, 11))
def test_an_order_has_each_concept_once(weights, order, mark):
    names = names_of(weights)
    found = order_concepts(weights, names, order, {("bird", names[mark % len(names)])})
    assert sorted(found) == list(range(len(weights)))


@given(WEIGHTS)
def test_names_go_by_the_alphabet_whatever_the_case(weights):
    names = names_of(weights)
    found = [names[c].lower() for c in order_concepts(weights, names, "name")]
    assert found == sorted(found)


@given(WEIGHTS)
def test_concepts_without_influence_come_last_where_the_similar_stand_together(weights):
    found = order_concepts(weights, names_of(weights), "similar")
    at_zero = [not weights[c].any() for c in found]
    assert at_zero == sorted(at_zero)


@given(st.permutations(range(6)))
def test_two_groups_of_alike_rows_stay_together(places):
    """Rows of one direction, whatever their length, are neighbours."""
    weights = np.array([[1, 0, 0], [2, 0, 0], [5, 0, 0], [0, 1, -1], [0, 3, -3], [0, 4, -4]])
    shuffled = weights[list(places)].astype(float)
    groups = [row[0] > 0 for row in shuffled[order_concepts(shuffled, list("abcdef"), "similar")]]
    assert groups in ([True] * 3 + [False] * 3, [False] * 3 + [True] * 3)


@pytest.mark.parametrize(
    ("find", "expected"), [("", [2, 0, 1]), (" LIGHT ", [2, 0]), ("no such", [])]
)
def test_a_part_of_a_name_finds_concepts_and_keeps_the_order(find, expected):
    names = ["traffic light", "road", "lighthouse"]
    assert find_concepts(np.array([2, 0, 1]), names, find).tolist() == expected
