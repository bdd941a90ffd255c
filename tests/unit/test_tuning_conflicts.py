"""Contradicting intents: one rule, whatever their order, and a sentence for what it decided."""

from __future__ import annotations

import pytest
from histories import make_tuner
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning import Intent, Tuner
from inficond_panel.tuning.notices import limits_text, notices
from inficond_panel.tuning.thumbs import GroupIntent, canonical

THUMB = st.tuples(st.sampled_from(["up", "down"]), st.none() | st.floats(1.1, 9.0))
THUMB |= st.just(("remove",))
CLASS, CONCEPT = st.sampled_from(["bicycle", "bird"]), st.sampled_from(["wheel", "spoke", "sky"])
singles = st.builds(lambda k, c, thumb: Intent(k, c, *thumb), CLASS, CONCEPT, THUMB)
groups = st.builds(
    lambda k, c, thumb: GroupIntent(k, tuple(c), *thumb),
    CLASS,
    st.lists(CONCEPT, min_size=2, max_size=3, unique=True),
    THUMB,
)


@pytest.fixture
def tuner(store: Store, tmp_path) -> Tuner:
    return make_tuner(store, tmp_path)


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ([Intent("cat", "ear", "up"), Intent("cat", "ear", "down")], ("down", 2.0)),
        ([Intent("cat", "ear", "down", 9.0), Intent("cat", "ear", "remove")], ("remove", None)),
        ([Intent("cat", "ear", "up", 3.0), Intent("cat", "ear", "up")], ("up", 3.0)),
        ([GroupIntent("cat", ("ear", "fur"), "remove"), Intent("cat", "ear", "up")], ("up", 2.0)),
        (
            [GroupIntent("cat", ("fur", "ear"), "up"), GroupIntent("cat", ("ear", "sky"), "down")],
            ("down", 2.0),
        ),
    ],
)
def test_the_rule(asked, counts):
    for order in (asked, asked[::-1]):
        (found,) = [intent for intent in canonical(order, 2.0) if intent.concept == "ear"]
        assert (found.direction, found.factor) == counts


@given(asked=st.lists(singles | groups, min_size=1, max_size=6), data=st.data())
def test_order_does_not_matter_and_each_concept_has_one_intent(asked, data):
    found = canonical(asked, 2.0)
    assert canonical(data.draw(st.permutations(asked)), 2.0) == found
    keys = [intent.key for intent in found]
    assert keys == sorted(set(keys))
    wanted = {key for item in asked for key in _keys(item)}
    assert set(keys) == wanted
    assert canonical(found, 7.0) == found


def _keys(item):
    members = item.members() if isinstance(item, GroupIntent) else [item]
    return [member.key for member in members]


@pytest.mark.parametrize("concepts", [(), ("ear",), "ear", ("ear", "fur", "ear")])
def test_a_group_names_two_concepts_or_more(concepts):
    with pytest.raises(TuningError, match="A group on 'cat'"):
        GroupIntent("cat", concepts, "up")


def test_what_the_rule_decided_within_an_iteration_is_said(tuner: Tuner) -> None:
    asked = [
        Intent("bicycle", "wheel", "down"),
        GroupIntent("bicycle", ("wheel", "spoke"), "up", 3.0),
        Intent("bird", "sky", "remove"),
        Intent("bird", "sky", "remove"),
    ]
    said = notices(tuner, tuner.root(), asked)
    assert said[:2] == [
        "“wheel” on “bicycle” has 2 thumbs in one iteration: down ×2 counts, not up ×3 "
        "of the group wheel, spoke.",
        "“sky” on “bird” has the same thumb more than once: it counts once.",
    ]


def test_weights_of_0_are_moved_too_and_it_is_said(tuner: Tuner) -> None:
    root, k = tuner.root(), tuner.store.classes.index("bicycle")
    zero = [tuner.store.concepts[c] for c in (root.weights[:, k] == 0).nonzero()[0][:2]]
    assert len(zero) == 2
    group = GroupIntent("bicycle", tuple(zero), "down")
    node = tuner.fine_tune(root, [group])
    said = notices(tuner, root, [group])
    for name, line in zip(sorted(zero), said, strict=True):
        upper = node.bounds["bicycle", name][1]
        assert upper < 0
        assert node.weights[tuner.store.concepts.index(name), k] <= upper
        start = f"“{name}” has no influence on “bicycle” (weight 0): the thumb moves it"
        assert line.startswith(start)
    removed = notices(tuner, root, [GroupIntent("bicycle", tuple(zero), "remove")])
    assert all(line.endswith("keeps it at 0.") for line in removed)


def test_a_weight_that_is_past_its_bound_is_said(store: Store, tmp_path) -> None:
    tuner = make_tuner(store, tmp_path, "tuning: {reference: original}\n")
    once = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "up", 4.0)])
    weaker = Intent("bicycle", "wheel", "up", 2.0)
    lines = notices(tuner, once, [weaker])
    assert "is replaced by" in lines[0]
    assert "already" in lines[1]


@pytest.mark.parametrize(
    ("limits", "text"),
    [((0.5, None), "w ≥ 0.50"), ((None, -0.0412), "w ≤ −0.041"), ((0.0, 0.0), "w = 0")],
)
def test_limits_in_words(limits, text):
    assert limits_text(limits) == text
