"""Thumbs resolve to bounds that lie where they point, one rule decides where they contradict each
other, and what a bound does is obeyed, said, stored and replayed."""

import hashlib
import itertools
import json
import math

import numpy as np
import pytest
from factory import small_store
from histories import make_tuner
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inficond_panel.errors import TuningError
from inficond_panel.results.history import iterations
from inficond_panel.store import Store
from inficond_panel.tuning import Intent, Node, Tuner, dump_edits, read_edits, thumbs
from inficond_panel.tuning.node import node_id
from inficond_panel.tuning.notices import limits_text, notices
from inficond_panel.tuning.replay import branch, replay
from inficond_panel.tuning.thumbs import (
    GroupIntent,
    bound,
    canonical,
    in_force,
    resolve,
    step_sizes,
)
from inficond_panel.wording.repairs import edit_words

CLASSES, CONCEPTS = ["cat", "dog"], ["ear", "fur", "sky"]
BIKE, WHEEL = "bicycle", "wheel"


class Named:
    """Names and scale of a store, with scores as precompute makes them."""

    classes, concepts, given = CLASSES, CONCEPTS, False

    def holds(self, _: str) -> bool:
        return False


@pytest.fixture(scope="module")
def tuner(store, tmp_path_factory) -> Tuner:
    return make_tuner(store, tmp_path_factory.mktemp("spec"))


def ear(*thumb) -> Intent:
    return Intent("cat", "ear", *thumb)


def wheel(*thumb, **given) -> Intent:
    return Intent(BIKE, WHEEL, *thumb, **given)


def place(tuner: Tuner, concept: str = WHEEL) -> tuple[int, int]:
    return tuner.store.concepts.index(concept), tuner.store.classes.index(BIKE)


@pytest.mark.parametrize(
    ("direction", "w", "expected"),
    [
        ("up", 2.0, (6.0, None)),  # the paper's x·w
        ("down", 6.0, (None, 2.0)),  # the paper's w/x
        ("up", -2.0, (2.0, None)),  # -2 + 2·2: towards the thumb, not 3·(-2)
        ("down", -6.0, (None, -10.0)),  # -6 - (2/3)·6
        ("up", 0.0, (1.0, None)),  # 0 + 2·s
        ("down", 0.0, (None, -1 / 3)),  # 0 - (2/3)·s
        ("up", 0.25, (1.25, None)),  # |w| < s: s counts
        ("remove", 5.0, (0.0, 0.0)),
    ],
)
def test_formula_with_factor_3_and_step_one_half(direction, w, expected) -> None:
    assert bound(ear(direction).resolved(3.0), w, 0.5) == pytest.approx(expected)


def test_step_is_a_share_of_the_largest_effect_of_the_untouched_student() -> None:
    assert step_sizes(np.array([1.0, -8.0, 3.0]), 0.05) == pytest.approx([0.4] * 3)
    assert step_sizes(np.zeros(3), 0.05) == pytest.approx([thumbs.STEP_FLOOR] * 3)
    weights, spread = np.array([1.0, -8.0, 0.0]), np.array([100.0, 0.5, 2.0])
    # the largest effect is 1 × 100; 5 % of it are 5 logits per spread
    assert step_sizes(weights, 0.05, spread) == pytest.approx([0.05, 10, 2.5])
    assert step_sizes(np.zeros(3), 0.05, spread) == pytest.approx(thumbs.STEP_FLOOR / spread)


def test_the_reference_is_parent_or_original_and_a_later_bound_replaces_the_earlier() -> None:
    original = np.array([[4.0, 0.0], [-1.0, 10.0], [0.0, 0.0]])
    parent = np.array([[8.0, 0.0], [-1.0, 10.0], [0.0, 0.0]])
    for reference, bounded in (("parent", 16.0), ("original", 8.0)):
        given = {"parent": parent, "original": original, "reference": reference, "step": 0.05}
        found = resolve(canonical([ear("up")], 2.0), Named(), **given)
        assert found == {("cat", "ear"): (bounded, None)}
    earlier = {("cat", "ear"): (8.0, None), ("dog", "fur"): (None, 3.0), ("dog", "sky"): (0.0, 0.0)}
    later = {("cat", "ear"): (None, 4.0)}
    assert thumbs.in_force(earlier, later) == {**earlier, **later}
    lower, upper = thumbs.box(earlier, ["dog"], CONCEPTS)
    assert lower.tolist() == [[-np.inf], [-np.inf], [0.0]]
    assert upper.tolist() == [[np.inf], [3.0], [0.0]]


def test_a_given_bound_is_the_bound_whatever_the_weight() -> None:
    for weight in (-3.0, 0.0, 5.0):
        assert bound(wheel("up", bound=-0.46), weight, 0.1) == (-0.46, None)
        assert bound(wheel("down", bound=-0.46), weight, 0.1) == (None, -0.46)
    kept = wheel("down", bound=-0.0)
    assert str(kept.to_json()["bound"]) == "0.0"  # one id for one bound
    assert kept.resolved(3.0) == kept  # no factor beside it


@given(direction=st.sampled_from(["up", "down", "remove"]), x=st.none() | st.floats(1.001, 1e6))
def test_an_intent_without_a_bound_is_written_as_before(direction, x) -> None:
    intent = wheel(direction, None if direction == "remove" else x)
    assert Intent.from_json(intent.to_json()) == intent
    facts = {"class": BIKE, "concept": WHEEL, "direction": direction, "factor": intent.factor}
    assert intent.to_json() == facts
    text = json.dumps({"intents": [facts], "parent": "p", "settings": {}})
    assert node_id("p", [intent], {}) == hashlib.sha256(text.encode()).hexdigest()[:12]


@given(st.floats())
def test_factor_must_be_finite_and_above_one(x) -> None:
    assume(not 1 < x < np.inf)
    with pytest.raises(TuningError, match="factor"):
        ear("up", x)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"direction": "up", "bound": float("nan")}, "bound of 'wheel' on 'bicycle' is nan"),
        ({"direction": "down", "bound": float("-inf")}, "is -inf"),
        ({"direction": "down", "bound": 1.0, "factor": 2.0}, "both a factor and a bound"),
        ({"direction": "remove", "bound": 1.0}, "has the bound 1, which it cannot use"),
        ({"direction": "release", "factor": 2.0}, "has the factor 2, which it cannot use"),
        ({"direction": "removed"}, "Did you mean 'remove'"),
    ],
)
def test_thumbs_that_cannot_be(given, said) -> None:
    with pytest.raises(TuningError, match=said):
        wheel(**given)
    with pytest.raises(TuningError):
        GroupIntent(BIKE, (WHEEL, "spoke"), **given)


def test_groups_names_and_factors_that_cannot_be() -> None:
    for concepts in ((), ("ear",), "ear", ("ear", "fur", "ear")):
        with pytest.raises(TuningError, match="A group on 'cat'"):
            GroupIntent("cat", concepts, "up")
    for intent, said in (
        (Intent("cat", "eer", "up"), r"no concept 'eer'.*Did you mean 'ear'"),
        (Intent("Dog", "ear", "up"), r"no class 'Dog'.*Did you mean 'dog'"),
    ):
        with pytest.raises(TuningError, match=said):
            resolve([intent], Named(), parent=None, original=None, reference="", step=0.05)
    with pytest.raises(TuningError, match="'ear' on 'cat'") as caught:
        bound(ear("up", 1e308), 100.0, 1.0)
    assert caught.value.remedy
    assert bound(ear("down", 1e308), 100.0, 1.0) == (None, 0.0)


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ([ear("up"), ear("down")], ("down", 2.0, None)),
        ([ear("down", 9.0), ear("remove")], ("remove", None, None)),
        ([ear("up", 3.0), ear("up")], ("up", 3.0, None)),
        ([GroupIntent("cat", ("ear", "fur"), "remove"), ear("up")], ("up", 2.0, None)),
        (
            [GroupIntent("cat", ("fur", "ear"), "up"), GroupIntent("cat", ("ear", "sky"), "down")],
            ("down", 2.0, None),
        ),
        ([ear("up", 9.0), ear("up", None, 0.1)], ("up", None, 0.1)),
        ([ear("up", None, 0.1), ear("up", None, 0.2)], ("up", None, 0.2)),
        ([ear("down", None, 0.1), ear("down", None, -0.2)], ("down", None, -0.2)),
        ([ear("release"), ear("up")], ("up", 2.0, None)),
        ([ear("release"), ear("release")], ("release", None, None)),
        ([ear("remove"), ear("down", None, -0.2)], ("remove", None, None)),
    ],
)
def test_one_thumb_counts_where_they_contradict_each_other(asked, counts) -> None:
    for order in (asked, asked[::-1]):
        (found,) = [intent for intent in canonical(order, 2.0) if intent.concept == "ear"]
        assert (found.direction, found.factor, found.bound) == counts


def test_what_the_rule_decided_and_weights_of_0_that_are_moved_too_are_said(tuner):
    group, sky = GroupIntent(BIKE, (WHEEL, "spoke"), "up", 3.0), Intent("bird", "sky", "remove")
    assert notices(tuner, tuner.root(), [wheel("down"), group, sky, sky])[:2] == [
        "“wheel” on “bicycle” has 2 thumbs in one iteration: lower ×2 counts, not raise ×3 "
        "of the group wheel, spoke.",
        "“sky” on “bird” has the same thumb more than once: it counts once.",
    ]
    root, (_, k) = tuner.root(), place(tuner)
    zero = [tuner.store.concepts[c] for c in (root.weights[:, k] == 0).nonzero()[0][:2]]
    group = GroupIntent(BIKE, tuple(zero), "down")
    node, said = tuner.fine_tune(root, [group]), notices(tuner, root, [group])
    for name, line in zip(sorted(zero), said, strict=True):
        upper = node.bounds[BIKE, name][1]
        assert upper < 0
        assert node.weights[place(tuner, name)] <= upper
        start = f"The influence of “{name}” on “bicycle” is 0 now, the thumb moves it"
        assert line.startswith(start)
    removed = notices(tuner, root, [GroupIntent(BIKE, tuple(zero), "remove")])
    assert all(line.endswith("now, and stays 0.") for line in removed)


def test_a_bound_beyond_which_the_weight_is_already_is_said_and_only_holds_it(
    tuner, store, tmp_path
) -> None:
    weight = float(tuner.root().weights[place(tuner)])
    far = wheel("up", bound=weight - 10)
    (said,) = notices(tuner, tuner.root(), [far])
    assert said.endswith("does not move it.")
    node = tuner.preview(tuner.root(), [far])
    assert node.weights[place(tuner)] == pytest.approx(weight, rel=0.01)
    untouched = make_tuner(store, tmp_path, "tuning: {refit: all, reference: original}\n")
    once = untouched.fine_tune(untouched.root(), [wheel("up", 4.0)])
    lines = notices(untouched, once, [wheel("up", 2.0)])
    assert "is replaced by" in lines[0]
    assert "already" in lines[1]


def test_what_is_released_is_said_and_the_student_as_good_as_one_never_bound(tuner):
    root, release = tuner.root(), [wheel("release")]
    held = tuner.fine_tune(root, [wheel("remove")])
    none = ["“wheel” on “bicycle” has no bound: release has no effect."]
    assert notices(tuner, root, release) == none
    assert notices(tuner, held, release) == [
        f"“wheel” on “bicycle”: the bound = 0, set in #{held.number}, is released."
    ]
    limits = ((0.5, None), (None, -0.0412), (0.0, 0.0))
    assert [limits_text(each) for each in limits] == ["≥ 0.50", "≤ −0.041", "= 0"]
    k, data = place(tuner)[1], tuner.fit_data

    def objective(node) -> float:
        loss = data.loss(data.logits(node.weights[:, k], node.intercepts[k]), k)
        return loss + data.penalties.l1_of(k) * np.abs(node.weights[:, k]).sum()

    removed = tuner.fine_tune(root, [wheel("remove"), Intent(BIKE, "sky", "down")])
    free = tuner.fine_tune(removed, [GroupIntent(BIKE, (WHEEL, "sky"), "release")])
    assert free.bounds == {}
    assert objective(removed) > objective(root) + 1e-5
    assert objective(free) == pytest.approx(objective(root), abs=1e-6)


@pytest.fixture(scope="module")
def held(tuner) -> list[Node]:
    """An iteration with a given upper bound, one with a lower bound after it, and its release."""
    nodes = [tuner.fine_tune(tuner.root(), [wheel("down", bound=-0.46)])]
    for thumb in (wheel("up", bound=0.25), wheel("release")):
        nodes.append(tuner.fine_tune(nodes[-1], [thumb]))
    return nodes


def test_given_bounds_replace_each_other_until_the_release(held) -> None:
    key = (BIKE, WHEEL)
    assert [dict(node.bounds) for node in held] == [{key: (None, -0.46)}, {key: (0.25, None)}, {}]


def test_a_weight_goes_no_further_than_its_given_bound(tuner, held) -> None:
    assert tuner.root().weights[place(tuner)] > -0.46
    assert held[0].weights[place(tuner)] == -0.46


def test_the_optimum_under_a_given_bound_is_proved(held) -> None:
    assert max(held[0].gap) < 1e-6


def test_given_bounds_are_replayed(tuner, held, tmp_path) -> None:
    pairs = replay(tuner, make_tuner(tuner.store, tmp_path))
    assert {node.id for node in held} <= {old.id for old, _ in pairs}
    for old, new in pairs:
        assert (old.id, old.weights_hash) == (new.id, new.weights_hash)


@pytest.fixture
def written(tuner, held, tmp_path):
    """The edits of the branch in a file."""
    path = tmp_path / "edits.yaml"
    path.write_text(dump_edits([node.edits for node in branch(tuner, held[-1])[1:]]))
    return path


def test_a_given_bound_is_written_into_edits(written) -> None:
    assert "bound: -0.46" in written.read_text()


def test_edits_with_given_bounds_give_the_same_iteration(tuner, held, written, tmp_path) -> None:
    again = make_tuner(tuner.store, tmp_path)
    at = again.root()
    for batch in read_edits(written, tuner.store):
        at = again.fine_tune(at, batch)
    assert at.id == held[-1].id


def test_the_list_of_iterations_tells_given_bounds(tuner, held) -> None:
    told = iterations(tuner, held[-1])["intents"][[node.number for node in held]]
    words = ("down wheel ≤ −0.46", "up wheel ≥ 0.25", "release wheel")
    assert told.tolist() == [f"{each} on bicycle" for each in words]


def test_a_given_bound_is_told_with_its_thumb(held) -> None:
    assert edit_words(held[0].intents[0]) == "down wheel ≤ −0.46"


FIVE = ["wheel", "spoke", "sky", "cloud", "fur"]
TWO = ["bicycle", "tv monitor"]
FACTOR = st.floats(1, 64, exclude_min=True)
THUMB = st.tuples(st.sampled_from(["up", "down"]), st.none() | FACTOR) | st.just(("remove",))
CLASS, CONCEPT = st.sampled_from(TWO), st.sampled_from(FIVE)
ASKED = st.builds(lambda k, c, thumb: Intent(k, c, *thumb), CLASS, CONCEPT, THUMB) | st.builds(
    lambda k, c, thumb: GroupIntent(k, tuple(c), *thumb),
    CLASS,
    st.lists(CONCEPT, min_size=2, max_size=3, unique=True),
    THUMB,
)
BATCH = st.lists(ASKED, min_size=1, max_size=3)
HISTORY = st.lists(BATCH, min_size=1, max_size=3)
REFERENCE = st.sampled_from(["parent", "original"])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Store:
    place_of = tmp_path_factory.mktemp("tiny") / "t.zarr"
    return small_store(place_of, images=80, concepts=10, classes=2)


def made(store: Store, folders, reference: str, batches) -> list[Node]:
    """#0 and the nodes of the batches, each from the one before, in a history of their own."""
    extra = f"students: {{lambda: 1e-3}}\ntuning: {{refit: all, reference: {reference}}}\n"
    tuner = make_tuner(store, folders.getbasetemp(), extra)
    nodes = [tuner.root()]
    for batch in batches:
        nodes.append(tuner.fine_tune(nodes[-1], batch))
    return nodes


@settings(max_examples=25)
@given(batches=HISTORY, reference=REFERENCE)
def test_the_bound_of_a_thumb_lies_beyond_its_reference(tiny, tmp_path_factory, batches, reference):
    nodes = made(tiny, tmp_path_factory, reference, batches)
    for parent, node in itertools.pairwise(nodes):
        against = parent if reference == "parent" else nodes[0]
        for intent in node.intents:
            (lower, upper), at = node.bounds[intent.key], place_of(tiny, intent.key)
            if intent.direction == "up":
                assert upper is None
                assert lower > against.weights[at]
            elif intent.direction == "down":
                assert lower is None
                assert upper < against.weights[at]
            else:
                assert (lower, upper) == (0.0, 0.0)


@settings(max_examples=25)
@given(batches=HISTORY, reference=REFERENCE)
def test_all_bounds_of_a_branch_hold_the_later_in_place_of_the_earlier(
    tiny, tmp_path_factory, batches, reference
):
    expected = {}
    for node in made(tiny, tmp_path_factory, reference, batches)[1:]:
        fresh = {intent.key: node.bounds[intent.key] for intent in node.intents}
        expected = in_force(expected, fresh)
        assert node.bounds == expected


@settings(max_examples=25)
@given(batches=HISTORY, reference=REFERENCE)
def test_all_weights_of_a_branch_obey_their_bounds(tiny, tmp_path_factory, batches, reference):
    for node in made(tiny, tmp_path_factory, reference, batches)[1:]:
        for key, (lower, upper) in node.bounds.items():
            weight = node.weights[place_of(tiny, key)]
            assert lower is None or weight >= lower
            assert upper is None or weight <= upper


@settings(max_examples=25)
@given(batches=HISTORY, reference=REFERENCE)
def test_all_iterations_of_a_branch_are_proved_optimal(tiny, tmp_path_factory, batches, reference):
    for node in made(tiny, tmp_path_factory, reference, batches)[1:]:
        assert max(node.gap) <= 1e-6


def place_of(store: Store, key: tuple[str, str]) -> tuple[int, int]:
    return store.concepts.index(key[1]), store.classes.index(key[0])


@settings(max_examples=15)
@given(batches=HISTORY, reference=REFERENCE, data=st.data())
def test_replay_in_another_history_and_order_gives_the_same_bits(
    tiny, tmp_path_factory, batches, reference, data
):
    first = made(tiny, tmp_path_factory, reference, batches)
    shuffled = [data.draw(st.permutations(batch)) for batch in batches]
    for again in (shuffled, [list(node.intents) for node in first[1:]]):
        nodes = made(tiny, tmp_path_factory, reference, again)
        assert [node.id for node in nodes] == [node.id for node in first]
        assert [node.weights_hash for node in nodes] == [node.weights_hash for node in first]


@given(asked=st.lists(ASKED, min_size=1, max_size=6), data=st.data())
def test_order_does_not_matter_and_each_concept_has_one_intent(asked, data):
    found = canonical(asked, 2.0)
    assert canonical(data.draw(st.permutations(asked)), 2.0) == found
    members = [item.members() if isinstance(item, GroupIntent) else [item] for item in asked]
    wanted = {member.key for group in members for member in group}
    assert [intent.key for intent in found] == sorted(wanted)
    assert canonical(found, 7.0) == found


@given(
    w=st.floats(-1e4, 1e4),
    x=st.one_of(
        st.floats(1, 1.0000001, exclude_min=True),
        st.floats(1, 1e7, exclude_min=True),
        st.just(math.nextafter(1.0, 2.0)),
    ),
    s=st.floats(1e-3, 1e3),
)
def test_the_bound_is_strictly_beyond_for_factors_however_small_or_large(w, x, s):
    assert bound(Intent("a", "b", "up", x), w, s)[0] > w
    assert bound(Intent("a", "b", "down", x), w, s)[1] < w
