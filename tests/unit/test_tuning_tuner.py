"""The tuner: refits obey the branch, touch only what they must, and can be replayed; one class on
one split at one node is what arrays and weights say."""

import dataclasses
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from factory import small_arrays
from histories import make_tuner
from tuners import tuner_of

from inficond_panel.errors import CancelledError, HistoryError, StoreFormatError, TuningError
from inficond_panel.store import Store
from inficond_panel.tuning import History, Intent, Node, Tuner, open_tuner
from inficond_panel.tuning.node import node_id, weights_hash
from inficond_panel.tuning.other_students import find_node

UP = Intent("bicycle", "wheel", "up")
DOWN = Intent("bicycle", "sky", "down")


@pytest.fixture
def tuner(store: Store, tmp_path: Path) -> Tuner:
    return make_tuner(store, tmp_path)


def weight(tuner: Tuner, node, class_name: str, concept: str) -> float:
    store = tuner.store
    return node.weights[store.concepts.index(concept), store.classes.index(class_name)]


@pytest.fixture(scope="module")
def thumbed(store, tmp_path_factory) -> tuple[Tuner, list[Node]]:
    """A tuner, its root, and iterations after one thumb up, another, and one down by 4."""
    tuner = make_tuner(store, tmp_path_factory.mktemp("thumbed"))
    nodes = [tuner.root()]
    for thumb in (UP, UP, Intent("bicycle", "wheel", "down", 4.0)):
        nodes.append(tuner.fine_tune(nodes[-1], [thumb]))
    return tuner, nodes


def test_a_thumb_keeps_the_bits_of_other_classes(thumbed) -> None:
    _, (root, node, *_) = thumbed
    assert node.weights[:, 1:].tobytes() == root.weights[:, 1:].tobytes()
    assert node.intercepts[1:].tobytes() == root.intercepts[1:].tobytes()


def test_a_thumb_keeps_the_certificates_of_other_classes(thumbed) -> None:
    _, (root, node, *_) = thumbed
    assert node.gap[1:] == root.gap[1:]
    assert node.certificate[1:] == root.certificate[1:]


def test_a_thumb_changes_the_weights_of_its_class(thumbed) -> None:
    _, (root, node, *_) = thumbed
    assert (node.weights[:, 0] != root.weights[:, 0]).any()


def test_a_thumb_up_doubles_the_weight(thumbed) -> None:
    tuner, (root, node, *_) = thumbed
    w0 = weight(tuner, root, "bicycle", "wheel")
    assert weight(tuner, node, "bicycle", "wheel") == pytest.approx(2 * w0)


def test_a_second_thumb_goes_further(thumbed) -> None:
    tuner, (root, _, twice, _) = thumbed
    w0 = weight(tuner, root, "bicycle", "wheel")
    assert weight(tuner, twice, "bicycle", "wheel") == pytest.approx(4 * w0)


def test_a_thumb_down_replaces_the_bounds_of_thumbs_up(thumbed) -> None:
    tuner, (root, _, _, back) = thumbed
    w0 = weight(tuner, root, "bicycle", "wheel")
    assert back.bounds == {("bicycle", "wheel"): (None, pytest.approx(w0))}
    assert weight(tuner, back, "bicycle", "wheel") <= w0 * (1 + 1e-12)


def opened(store: Store, folder: Path, extra: str = "") -> Tuner:
    """A tuner as another process opens it, on the history of the folder."""
    return make_tuner(store, folder, extra, history=str(folder / "h.sqlite"))


@pytest.fixture
def kept(store, tmp_path) -> Node:
    """An iteration with a note, the head of the history of the folder."""
    first = opened(store, tmp_path)
    node = first.fine_tune(first.root(), [UP])
    first.set_head(node, "fine-tune")
    first.set_note(node.id, "wheels matter")
    return node


def test_the_head_of_a_history_survives(store, tmp_path, kept) -> None:
    assert opened(store, tmp_path).head() == kept


def test_a_note_survives(store, tmp_path, kept) -> None:
    assert opened(store, tmp_path).head().note == "wheels matter"


def test_the_same_thumb_in_another_process_is_the_same_iteration(store, tmp_path, kept) -> None:
    again = opened(store, tmp_path)
    assert again.fine_tune(again.root(), [UP]).created == kept.created


@pytest.fixture
def other(store, tmp_path, kept) -> Tuner:
    """Students of another λ in the same history, on their root."""
    tuner = opened(store, tmp_path, "students: {lambda: 1e-3}\n")
    tuner.root()
    return tuner


def test_other_students_in_a_history_begin_at_their_root(other) -> None:
    assert other.head().id == other.root_id


def test_other_students_in_a_history_have_iterations_of_their_own(other) -> None:
    assert [node.number for node in other.nodes()] == [0]


def test_the_history_of_a_spec_that_comes_along_is_in_the_current_folder(
    store, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFICOND_DATA", str(tmp_path / "data"))
    tuner = open_tuner("voc2007", store=store.path)
    assert tuner.history.path == str(tmp_path / "voc2007.history.sqlite")


def test_a_student_s_numbers_are_the_same_whenever_they_were_taken(tuner, store, tmp_path) -> None:
    root = tuner.root()
    before = tuner.metrics(root, "tune")
    node = tuner.fine_tune(root, [UP])
    after = tuner.metrics(node, "tune")
    alone = make_tuner(store, tmp_path)
    again = alone.fine_tune(alone.root(), [UP])
    np.testing.assert_array_equal(tuner.logits(node), alone.logits(again))
    assert after == alone.metrics(again, "tune")
    assert after["bicycle"] != before["bicycle"]
    assert after["bird"] is before["bird"]  # no intent: measured once


UNKNOWN = {
    "no concept 'weel'": [Intent("bicycle", "weel", "up")],
    "no class 'bycicle'": [Intent("bycicle", "wheel", "up")],
}


@pytest.mark.parametrize(
    ("act", "intents", "message"),
    [(act, UNKNOWN[said], said) for act in ("fine_tune", "preview", "resolve") for said in UNKNOWN]
    + [(act, [], "nothing to tune") for act in ("fine_tune", "preview")],
)
def test_intents_that_cannot_be_carried_out_are_refused(tuner, act, intents, message) -> None:
    root = tuner.root()
    with pytest.raises(TuningError, match=message):
        getattr(tuner, act)(root, intents)
    assert tuner.nodes() == [root]


def test_a_root_that_is_cancelled_leaves_nothing(tuner) -> None:
    with pytest.raises(CancelledError):
        tuner.root(cancelled=lambda: True)
    assert tuner.nodes() == []


def test_a_refit_that_is_cancelled_leaves_nothing(tuner) -> None:
    root = tuner.root()
    with pytest.raises(CancelledError):
        tuner.fine_tune(root, [UP], cancelled=lambda: True)
    assert tuner.nodes() == [root]


@pytest.fixture
def preview(tuner) -> Node:
    return tuner.preview(tuner.root(), [UP])


def test_a_preview_leaves_no_iteration(tuner, preview) -> None:
    assert tuner.nodes() == [tuner.root()]


def test_a_preview_has_no_number(preview) -> None:
    assert preview.number == -1


def test_a_preview_cannot_be_refitted(tuner, preview) -> None:
    with pytest.raises(TuningError, match="no iteration 'preview-"):
        tuner.fine_tune(preview, [DOWN])


def test_a_preview_has_the_weights_of_the_refit(preview, store, tmp_path) -> None:
    other = make_tuner(store, tmp_path)
    assert preview.weights_hash == other.fine_tune(other.root(), [UP]).weights_hash


def test_threshold_moves_decisions_only(store: Store, tmp_path: Path) -> None:
    def with_threshold(class_name: str) -> Tuner:
        students = f"{{lambda: 1e-4, threshold: {{{class_name}: 3.0}}}}"
        return make_tuner(store, tmp_path, f"students: {students}\n")

    plain, high = make_tuner(store, tmp_path), with_threshold("bird")
    before, after = (t.metrics(t.root(), "tune")["bird"] for t in (plain, high))
    assert after.ap == before.ap
    assert after.recall < before.recall
    assert list(high.thresholds) == [3.0 if name == "bird" else 0.0 for name in store.classes]
    with pytest.raises(TuningError, match=r"no class 'birds' in the store. Did you mean 'bird'"):
        with_threshold("birds")


@pytest.mark.parametrize(
    ("name", "column"), [("teacher_logit", "bicycle"), ("concept_score", "wheel")]
)
@pytest.mark.parametrize("image", [0, 2, 3])
def test_values_that_are_not_finite_are_named_in_any_split(tmp_path, name, column, image) -> None:
    arrays = small_arrays(images=40)
    arrays[name][image, 0] = np.nan
    with pytest.raises(StoreFormatError, match=f"{name} has 1 values .*NaN.*'{column}'") as caught:
        tuner_of(arrays, tmp_path).root()
    assert f"{image:06d}" in str(caught.value)
    assert "inficond precompute" in caught.value.remedy


def altered(tuner: Tuner, node: Node, **changes) -> Tuner:
    """A tuner on a history where a node is stored with ``changes`` and with fitting checksums."""
    history = History(":memory:")
    for each in tuner.nodes():
        history.add(dataclasses.replace(each, **(changes if each.id == node.id else {})))
    return Tuner(tuner.store, tuner.spec, history)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bounds": {("bicycle", "weel"): (9.0, None)}}, "other bounds than its intents set"),
        ({"bounds": {("bicycle", "wheel"): (0.1, None)}}, "other bounds than its intents set"),
        ({"bounds": {}}, "other bounds than its intents set"),
        ({"weights": np.zeros((30, 4))}, "does not obey its bounds"),
        ({"weights": np.zeros((29, 4))}, "another shape"),
    ],
)
def test_a_node_that_does_not_follow_from_its_parent_is_refused(tuner, changes, message) -> None:
    node = tuner.fine_tune(tuner.root(), [UP])
    again = altered(tuner, node, **changes)
    for read in (lambda: again.node(node.id), again.nodes, lambda: again.fine_tune(node, [DOWN])):
        with pytest.raises(HistoryError, match=message) as caught:
            read()
        assert f"#1 ({node.id})" in str(caught.value)
    assert again.root().weights_hash == tuner.root().weights_hash
    intents = (Intent("bicycle", "weel", "up", 2.0),)
    name = node_id(node.parent, intents, node.settings)
    with pytest.raises(HistoryError, match="no concept 'weel'"):
        altered(tuner, node, id=name, intents=intents).nodes()


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    made = small_arrays()
    made["label"][::7, 3] = -1
    return made


@pytest.fixture(scope="module")
def strict(arrays, tmp_path_factory) -> Tuner:
    """Students of which bird decides by a threshold of its own."""
    students = "students: {lambda: 1e-4, threshold: {bird: 0.25}}\n"
    return tuner_of(arrays, tmp_path_factory.mktemp("strict"), students)


@pytest.fixture(scope="module")
def node(strict: Tuner) -> Node:
    return strict.fine_tune(strict.root(), [Intent("bird", "wheel", "remove")])


@pytest.mark.parametrize("split", ["fit", "tune", "holdout"])
@pytest.mark.parametrize(("name", "k", "threshold"), [("bicycle", 0, 0.0), ("bird", 3, 0.25)])
def test_a_student_is_what_arrays_and_weights_say(
    strict, node, arrays, split, name, k, threshold
) -> None:
    student = strict.at(node, split)[name]
    rows = [i for i, own in enumerate(arrays["split"]) if own == split]
    weights, intercept = node.weights[:, k], node.intercepts[k]
    scores = arrays["concept_score"].astype(np.float32)
    assert (student.column, student.cutoff, student.intercept) == (k, threshold, intercept)
    assert student.rows.tolist() == rows
    assert student.labels.tolist() == arrays["label"][rows, k].tolist()
    assert student.teacher_logits.tolist() == arrays["teacher_logit"][rows, k].astype("f4").tolist()
    by_hand = [sum(float(s) * w for s, w in zip(scores[i], weights, strict=True)) for i in rows]
    np.testing.assert_allclose(student.logits, np.add(by_hand, intercept), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(student.scores, scores[rows])
    np.testing.assert_array_equal(student.weights, weights)
    for concept in ("wheel", "fur"):
        c = arrays["concept"].tolist().index(concept)
        np.testing.assert_array_equal(student.score(concept), scores[rows, c])
        assert student.weight(concept) == weights[c]


@pytest.fixture(scope="module")
def students(strict, node):
    return strict.at(node, "tune")


@pytest.fixture(scope="module")
def bird(students):
    return students["bird"]


def test_students_are_in_the_store_s_order_of_classes(students, arrays) -> None:
    assert list(students) == arrays["class_name"].tolist()


def test_there_is_one_student_for_each_class(students) -> None:
    assert len(students) == 4


def test_each_student_is_found_by_its_class(students) -> None:
    assert [one.class_name for one in students.values()] == list(students)


def test_each_student_has_the_outcome_of_its_class(students) -> None:
    assert {name: one.outcome for name, one in students.items()} == students.outcomes


def test_a_class_that_is_unknown_has_no_student(students) -> None:
    with pytest.raises(KeyError, match="birds"):
        students["birds"]


@pytest.mark.parametrize(
    ("name", "concept", "bound"),
    [("bird", "wheel", (0.0, 0.0)), ("bird", "fur", None), ("bicycle", "wheel", None)],
)
def test_a_student_has_the_bounds_of_its_class(students, name, concept, bound) -> None:
    assert students[name].bound(concept) == bound


def test_accuracy_is_over_the_images_with_a_label(bird) -> None:
    known, right = bird.labels >= 0, (bird.logits > 0.25) == (bird.labels == 1)
    assert 0 < known.sum() < len(known)
    assert bird.metrics.accuracy == bird.outcome.value("accuracy") == right[known].mean()


def test_agreement_is_of_decisions_at_the_threshold(bird) -> None:
    decided = bird.logits > 0.25
    assert bird.metrics.fidelity == (decided == (bird.teacher_logits > 0.25)).mean()


def test_metrics_of_a_class_are_those_of_its_student(strict, node, bird) -> None:
    assert strict.metrics(node, "tune")["bird"] == bird.metrics


def test_logits_of_a_student_are_a_column_of_all_logits(strict, node, bird) -> None:
    np.testing.assert_array_equal(strict.logits(node)[bird.rows, 3], bird.logits)


def test_a_student_is_equal_to_itself_read_again(strict, node, bird) -> None:
    assert strict.at(node, "tune")["bird"] == bird


@pytest.mark.parametrize("name", ["logits", "labels", "outcome"])
def test_what_a_student_computes_is_computed_once(strict, node, bird, name) -> None:
    assert getattr(strict.at(node, "tune")["bird"], name) is getattr(bird, name)


ARRAYS = ["rows", "labels", "logits", "teacher_logits", "scores", "weights"]


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_a_student_cannot_be_changed(bird, name) -> None:
    assert not getattr(bird, name).flags.writeable


def test_scores_of_one_concept_cannot_be_changed(bird) -> None:
    assert not bird.score("wheel").flags.writeable


def test_fields_of_a_student_cannot_be_changed(bird) -> None:
    with pytest.raises(AttributeError):
        bird.split = "holdout"


def test_three_digits_of_an_id_name_no_iteration(tuner):
    with pytest.raises(TuningError, match="no iteration"):
        find_node(tuner, tuner.root().id[:3])


def test_four_digits_of_an_id_name_its_iteration(tuner):
    root = tuner.root()
    assert find_node(tuner, root.id[:4]) == root


def test_a_name_precedes_an_id_that_begins_with_it(tuner):
    root = tuner.root()
    other = tuner.fine_tune(root, [UP])
    tuner.history.rename(other.id, root.id[:5])
    assert find_node(tuner, root.id[:5]) == other


def test_the_hash_of_weights_is_of_their_bytes_row_by_row():
    made = weights_hash(np.array([[1.0, -0.0], [0.5, 2.0]], order="F"), np.array([3.0, -1.0]))
    assert made == hashlib.sha256(struct.pack("<6d", 1, 0, 0.5, 2, 3, -1)).hexdigest()


def test_a_node_has_the_hash_of_its_weights_then_intercepts(tuner):
    root = tuner.root()
    values = *root.weights.ravel(), *root.intercepts
    expected = hashlib.sha256(struct.pack(f"<{len(values)}d", *values)).hexdigest()
    assert root.weights_hash == expected


def test_an_id_is_of_the_json_of_parent_edits_and_settings():
    text = (
        '{"intents": [{"class": "cat", "concept": "fur", "direction": "up", "factor": 2.0}], '
        '"parent": "ab", "settings": {"a": 1, "b": "\\u00e9"}}'
    )
    made = node_id("ab", [Intent("cat", "fur", "up", 2.0)], {"b": "é", "a": 1})
    assert made == hashlib.sha256(text.encode()).hexdigest()[:12]
