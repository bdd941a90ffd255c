"""The tuner: refits obey the branch, touch only what they must, and can be replayed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays
from histories import make_tuner

from inficond_panel.errors import CancelledError, HistoryError, StoreFormatError, TuningError
from inficond_panel.spec import load_spec
from inficond_panel.store import Store, open_store, write_store
from inficond_panel.tuning import History, Intent, Tuner, open_tuner

UP = Intent("bicycle", "wheel", "up")
DOWN = Intent("bicycle", "sky", "down")


@pytest.fixture
def tuner(store: Store, tmp_path: Path) -> Tuner:
    return make_tuner(store, tmp_path)


def weight(tuner: Tuner, node, class_name: str, concept: str) -> float:
    store = tuner.store
    return node.weights[store.concepts.index(concept), store.classes.index(class_name)]


def test_classes_without_intents_keep_their_bits(tuner: Tuner) -> None:
    root = tuner.root()
    node = tuner.fine_tune(root, [UP])
    assert node.weights[:, 1:].tobytes() == root.weights[:, 1:].tobytes()
    assert node.intercepts[1:].tobytes() == root.intercepts[1:].tobytes()
    assert (node.gap[1:], node.certificate[1:]) == (root.gap[1:], root.certificate[1:])
    assert (node.weights[:, 0] != root.weights[:, 0]).any()


def test_thumbing_twice_goes_further_and_the_later_replaces_the_earlier(tuner: Tuner) -> None:
    root = tuner.root()
    once = tuner.fine_tune(root, [UP])
    twice = tuner.fine_tune(once, [UP])
    back = tuner.fine_tune(twice, [Intent("bicycle", "wheel", "down", 4.0)])
    w0 = weight(tuner, root, "bicycle", "wheel")
    assert weight(tuner, once, "bicycle", "wheel") == pytest.approx(2 * w0)
    assert weight(tuner, twice, "bicycle", "wheel") == pytest.approx(4 * w0)
    assert back.bounds == {("bicycle", "wheel"): (None, pytest.approx(w0))}
    assert weight(tuner, back, "bicycle", "wheel") <= w0 * (1 + 1e-12)


def test_history_survives_and_other_students_keep_theirs(store: Store, tmp_path: Path) -> None:
    file = str(tmp_path / "h.sqlite")
    first = make_tuner(store, tmp_path, history=file)
    node = first.fine_tune(first.root(), [UP])
    first.set_head(node, "fine-tune")
    first.set_note(node.id, "wheels matter")
    again = make_tuner(store, tmp_path, history=file)
    assert again.head() == node
    assert again.head().note == "wheels matter"
    assert again.fine_tune(again.root(), [UP]).created == node.created
    other = make_tuner(store, tmp_path, "students: {lambda: 1e-3}\n", history=file)
    assert other.head().id == other.root_id
    assert [n.number for n in other.nodes()] == [0]


def test_preview_equals_the_refit_and_is_not_stored(
    tuner: Tuner, store: Store, tmp_path: Path
) -> None:
    root, other = tuner.root(), make_tuner(store, tmp_path)
    preview = tuner.preview(root, [UP])
    assert tuner.nodes() == [root]
    with pytest.raises(TuningError, match="no iteration 'preview-"):
        tuner.fine_tune(preview, [DOWN])
    assert preview.weights_hash == other.fine_tune(other.root(), [UP]).weights_hash
    assert preview.number == -1


def test_a_student_s_numbers_are_the_same_whenever_they_were_taken(
    tuner: Tuner, store: Store, tmp_path: Path
) -> None:
    """Those of a node whose parent is known hold the same bits as those of one read alone."""
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


@pytest.mark.parametrize(
    ("intents", "message"),
    [
        ([], "nothing to tune"),
        ([Intent("bicycle", "weel", "up")], "no concept 'weel'"),
        ([Intent("bycicle", "wheel", "up")], "no class 'bycicle'"),
    ],
)
def test_intents_that_cannot_be_carried_out(tuner: Tuner, intents, message) -> None:
    root = tuner.root()
    acts = [tuner.fine_tune, tuner.preview, *([tuner.resolve] if intents else [])]
    for act in acts:
        with pytest.raises(TuningError, match=message):
            act(root, intents)
    assert tuner.nodes() == [root]


def test_cancelled_work_leaves_nothing(tuner: Tuner) -> None:
    with pytest.raises(CancelledError):
        tuner.root(cancelled=lambda: True)
    assert tuner.nodes() == []
    root = tuner.root()
    with pytest.raises(CancelledError):
        tuner.fine_tune(root, [UP], cancelled=lambda: True)
    assert tuner.nodes() == [root]


def test_logits_and_metrics_follow_their_definition(tuner: Tuner) -> None:
    node, store = tuner.fine_tune(tuner.root(), [UP]), tuner.store
    expected = store.concept_score.astype(float) @ node.weights + node.intercepts
    np.testing.assert_allclose(tuner.logits(node), expected, rtol=1e-12, atol=1e-12)
    rows = store.rows("holdout")
    decided, teacher = tuner.logits(node)[rows, 3] > 0, store.teacher_logit[rows, 3] > 0
    label = store.label[rows, 3]
    metrics = tuner.metrics(node, "holdout")["bird"]
    assert metrics.fidelity == pytest.approx(np.mean(decided == teacher))
    assert metrics.accuracy == pytest.approx(np.mean((decided == (label == 1))[label >= 0]))


def test_threshold_moves_decisions_only(store: Store, tmp_path: Path) -> None:
    plain = make_tuner(store, tmp_path)
    strict = make_tuner(store, tmp_path, "students: {lambda: 1e-4, threshold: {bird: 3.0}}\n")
    before, after = (t.metrics(t.root(), "tune")["bird"] for t in (plain, strict))
    assert after.ap == before.ap
    assert after.recall < before.recall
    assert dict(zip(strict.store.classes, strict.thresholds, strict=True)) == {
        name: 3.0 if name == "bird" else 0.0 for name in strict.store.classes
    }
    with pytest.raises(TuningError, match=r"no class 'birds' in the store. Did you mean 'bird'"):
        make_tuner(store, tmp_path, "students: {lambda: 1e-4, threshold: {birds: 3.0}}\n")


@pytest.mark.parametrize(
    ("name", "column"), [("teacher_logit", "bicycle"), ("concept_score", "wheel")]
)
@pytest.mark.parametrize("image", [0, 2, 3])
def test_values_that_are_not_finite_are_named_in_any_split(tmp_path, name, column, image) -> None:
    arrays = small_arrays(images=40)
    arrays[name][image, 0] = np.nan
    write_store(tmp_path / "small.zarr", arrays, ATTRS)
    with pytest.raises(StoreFormatError, match=f"{name} has 1 values .*NaN.*'{column}'") as caught:
        make_tuner(open_store(tmp_path / "small.zarr"), tmp_path).root()
    assert f"{image:06d}" in str(caught.value)
    assert "inficond precompute" in caught.value.remedy


def test_history_of_a_spec_that_comes_along_is_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFICOND_DATA", str(tmp_path / "data"))
    tuner = open_tuner("voc2007", store=store.path)
    assert tuner.history.path == str(tmp_path / "voc2007.history.sqlite")


def altered(tuner: Tuner, node, **changes):
    """The same history, where a node is stored with ``changes`` and with fitting checksums."""
    import dataclasses

    history = History(":memory:")
    for each in tuner.nodes():
        history.add(dataclasses.replace(each, **(changes if each.id == node.id else {})))
    return history


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
def test_a_node_that_does_not_follow_from_its_parent_is_refused(
    tuner: Tuner, store: Store, tmp_path: Path, changes, message
) -> None:
    node = tuner.fine_tune(tuner.root(), [UP])
    path = tmp_path / "small.yaml"
    again = Tuner(store, load_spec(path, check_files=False), altered(tuner, node, **changes))
    for read in (lambda: again.node(node.id), again.nodes, lambda: again.fine_tune(node, [DOWN])):
        with pytest.raises(HistoryError, match=message) as caught:
            read()
        assert f"#1 ({node.id})" in str(caught.value)
    assert again.root().weights_hash == tuner.root().weights_hash


def test_names_that_the_store_has_not_are_told_not_a_traceback(
    tuner: Tuner, store: Store, tmp_path: Path
) -> None:
    from inficond_panel.tuning.node import node_id

    node = tuner.fine_tune(tuner.root(), [UP])
    intents = (Intent("bicycle", "weel", "up", 2.0),)
    name = node_id(node.parent, intents, node.settings)
    history = altered(tuner, node, id=name, intents=intents)
    again = Tuner(store, load_spec(tmp_path / "small.yaml", check_files=False), history)
    with pytest.raises(HistoryError, match="no concept 'weel'"):
        again.nodes()
