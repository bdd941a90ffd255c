"""A class learns the photos that were added to the store, by the teacher's probabilities."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from factory import small_spec
from more_factory import added_part
from scipy.special import expit
from spread_shortcut import shifted_frames

import inficond_panel
from inficond_panel.concepts.typed import TypedConcept, basis_of, extended
from inficond_panel.distill import Scores, average_precision, decision_function, fit
from inficond_panel.errors import EditsError, StoreError, TuningError
from inficond_panel.results.metrics import evaluation_outcome
from inficond_panel.store import Store, open_store
from inficond_panel.store.more_photos import Part, write_part
from inficond_panel.tuning import History, Tuner, open_tuner, read_edits
from inficond_panel.tuning.edits import Lambda, Learn
from inficond_panel.tuning.edits_file import dump_edits
from inficond_panel.tuning.fitting.terms import Learned, Terms
from inficond_panel.tuning.suggest import suggest
from inficond_panel.wording.repairs import edit_words, terms_words

MORE = Learn("truck", "more", 1.0)


def unbiased_part(store: Store, images: int = 200, seed: int = 9) -> Part:
    """Photos drawn as those of tune, where the context is there by chance."""
    drawn = shifted_frames(images, fit=0, seed=seed)
    names = np.array([f"more {seed} {i}" for i in range(images)])
    arrays = {
        "image": names,
        "image_digest": names,
        "concept_score": drawn["scores"][store.concepts].to_numpy(),
        "teacher_logit": drawn["logits"][store.classes].to_numpy(),
    }
    return write_part(store, arrays, [f"/photos/{name}.jpg" for name in names])


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Tuner:
    path = tmp_path_factory.mktemp("learn") / "own.zarr"
    return inficond_panel.from_frames(**shifted_frames(seed=1), path=path).fit().tuner


@pytest.fixture
def tuner(own: Tuner, tmp_path: Path) -> Tuner:
    """The same students of a copy of the store, without added photos, and an empty history."""
    shutil.copytree(own.store.path, tmp_path / "own.zarr")
    return another(own, open_store(tmp_path / "own.zarr"))


def another(tuner: Tuner, store: Store | None = None) -> Tuner:
    """As another process opens it: an empty history, and nothing kept."""
    store = store or open_store(tuner.store.path)
    return Tuner(store, tuner.spec, History(":memory:"), penalties=tuner.penalties)


def fit_by_hand(tuner: Tuner, score: np.ndarray, logit: np.ndarray, weight: float, k: int = 0):
    """The student of the class at k on fit and on added photos, put together by hand."""
    rows = tuner.store.rows("fit")
    targets = expit(np.r_[tuner.store.teacher_logit[rows, k], logit])
    weights = np.r_[np.ones(len(rows)), np.full(len(logit), weight)]
    scores = Scores(np.concatenate([tuner.store.concept_score[rows], score]))
    given = {"l1": tuner.penalties[k], "sample_weight": weights, "tolerance": 1e-8}
    return fit(scores, targets[:, None], **given)


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_added_photos_are_fitted_to(tuner: Tuner, weight: float) -> None:
    first, second = unbiased_part(tuner.store), unbiased_part(tuner.store, 60, seed=4)
    node = tuner.fine_tune(tuner.root(), [Learn("truck", "more", weight)])
    added = [shifted_frames(n, fit=0, seed=seed) for n, seed in ((200, 9), (60, 4))]
    score = np.concatenate([one["scores"].to_numpy() for one in added]).astype(np.float32)
    logit = np.concatenate([one["logits"].to_numpy()[:, 0] for one in added])
    found = fit_by_hand(tuner, score, logit, weight)
    np.testing.assert_allclose(node.weights[:, 0], found.weights[:, 0], atol=2e-2)
    assert np.abs(node.weights[:, 0] - tuner.root().weights[:, 0]).max() > 0.1
    np.testing.assert_array_equal(node.weights[:, 1], tuner.root().weights[:, 1])
    terms = tuner.terms(node)["truck"]
    parts = tuple(sorted([first.content_hash, second.content_hash]))
    assert (terms.learned, terms.used) == ((Learned("more", weight, parts=parts),), 0)


def test_beside_the_labels_of_tune_its_photos_are_left_out_in_turn(tuner: Tuner) -> None:
    unbiased_part(tuner.store)
    node = tuner.fine_tune(tuner.root(), [MORE, Learn("truck", "labels", 1.0)])
    rows = tuner.store.rows("tune")
    seen = decision_function(tuner.store.concept_score[rows], node.weights, node.intercepts)[:, 0]
    assert np.abs(tuner.logits(node)[rows, 0] - seen).max() > 0.05
    data = tuner.data_at(node)
    added = data.rows[data.learned["more"]]
    assert (len(added), set(added.tolist())) == (200, {-1})
    assert data.without(rows)[data.learned["more"]].all()
    assert not data.without(rows)[data.learned["labels"]].any()


def test_auto_takes_the_weight_of_highest_ap_on_tune(tuner: Tuner) -> None:
    """Of weight 1 and of those that give the photos 30 % and 70 % of the fit: 800 of fit, 200."""
    unbiased_part(tuner.store)
    node = tuner.fine_tune(tuner.root(), [Learn("truck", "more")])
    drawn = shifted_frames(200, fit=0, seed=9)
    score = drawn["scores"].to_numpy().astype(np.float32)
    rows = tuner.store.rows("tune")
    values = {}
    for weight in (1.0, 1.7, 9.3):
        made = fit_by_hand(tuner, score, drawn["logits"].to_numpy()[:, 0], weight)
        logits = decision_function(tuner.store.concept_score[rows], made.weights, made.intercepts)
        values[weight] = average_precision(tuner.store.label[rows, 0], logits[:, 0])
    (learned,) = tuner.terms(node)["truck"].learned
    assert learned.weight == max(values, key=lambda weight: values[weight])
    assert tuner.terms(node)["truck"].used == len(rows)
    outcome = evaluation_outcome(tuner, node, "tune", "truck")  # each fold by the others' choice
    assert np.isfinite(outcome.logit).all()


def test_no_added_photos_is_an_error_with_its_remedy(tuner: Tuner) -> None:
    with pytest.raises(TuningError, match="learn on 'truck' is from more, but no photos") as told:
        tuner.fine_tune(tuner.root(), [MORE])
    assert "inficond extend SPEC FOLDER" in told.value.remedy


def test_a_replay_uses_the_same_parts_though_others_were_added(tuner: Tuner) -> None:
    unbiased_part(tuner.store)
    node = tuner.fine_tune(tuner.root(), [Learn("truck", "more"), Lambda("truck")])
    unbiased_part(tuner.store, 80, seed=3)
    other = another(tuner)
    again = other.fine_tune(other.root(), node.repairs, resolved=node.resolved)
    assert (again.id, again.weights_hash) == (node.id, node.weights_hash)
    fresh = another(tuner)
    anew = fresh.fine_tune(fresh.root(), node.repairs)
    assert len(fresh.terms(anew)["truck"].learned[0].parts) == 2
    assert anew.weights_hash != node.weights_hash


def test_a_part_that_is_gone_is_named_and_the_students_stay(tuner: Tuner) -> None:
    part = unbiased_part(tuner.store)
    node = tuner.fine_tune(tuner.root(), [MORE])
    shutil.rmtree(part.path)
    other = Tuner(open_store(tuner.store.path), tuner.spec, tuner.history, tuner.penalties)
    assert other.metrics(other.node(node.id), "tune")["truck"].ap > 0.5  # needs no added photo
    with pytest.raises(StoreError, match=f"no part {part.content_hash[:12]}"):
        other.fine_tune(other.node(node.id), [Lambda("truck", 1e-3)])
    fresh = another(tuner)
    fresh.root()
    with pytest.raises(StoreError, match=f"no part {part.content_hash[:12]}"):
        fresh.fine_tune(fresh.root(), node.repairs, resolved=node.resolved)


def test_terms_with_parts_are_read_as_they_were_written() -> None:
    given = Terms(learned=(Learned("labels", 2.5), Learned("more", 1.0, parts=("ab", "cd"))))
    written = given.to_json()
    assert written["learn"] == {"labels": 2.5, "more": {"weight": 1.0, "parts": ["ab", "cd"]}}
    assert Terms.from_json(written, 10) == given
    for wrong in ({"weight": 1.0, "parts": []}, {"weight": 1.0, "parts": "ab"}):
        with pytest.raises(ValueError, match="no parts"):
            Terms.from_json({**written, "learn": {"more": wrong}}, 10)


def test_a_history_without_the_parts_of_a_learn_is_refused(tuner: Tuner) -> None:
    unbiased_part(tuner.store, 30)
    node = tuner.fine_tune(tuner.root(), [MORE])
    resolved = {"truck": {**node.resolved["truck"], "learn": {"more": 1.0}}}
    with pytest.raises(TuningError, match="belong to other photos"):
        tuner.fine_tune(tuner.root(), [MORE], resolved=resolved)


def test_edits_files_and_words(tuner: Tuner, tmp_path: Path) -> None:
    path = tmp_path / "edits.yaml"
    given = [[Learn("truck", "more", 2.5)], [Learn("truck", "more")]]
    path.write_text(dump_edits(given))
    assert [list(one) for one in read_edits(path, tuner.store)] == given
    assert edit_words(given[0][0]) == "learn the teacher on added photos 2.5"
    words = terms_words(Terms(learned=(Learned("more", 2.5, parts=("ab", "cd")),)))
    assert words == ["learned the teacher on added photos, each photo as 2.5 of fit"]
    path.write_text("- - {class: truck, direction: learn, from: moer, value: 1}\n")
    with pytest.raises(EditsError, match="labels or teacher or answers or more"):
        read_edits(path, tuner.store)


@pytest.fixture
def small(tmp_path: Path) -> Tuner:
    """Students of a store with segments."""
    return open_tuner(small_spec(tmp_path, images=120), history=":memory:")


def test_a_typed_concept_has_scores_of_added_photos(small: Tuner) -> None:
    part, store = added_part(small.store, 40), small.store
    vector = np.random.default_rng(3).normal(size=store.concept_text_embedding.shape[1])
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    cosine = np.asarray(store.segment_embedding, np.float32) @ vector
    score = np.zeros(len(store.images), np.float32)
    np.maximum.at(score, store.segment_image, cosine)
    typed = TypedConcept(("word",), basis_of(store), vector, score, cosine)
    tuner = another(small, extended(store, [typed]))
    node = tuner.fine_tune(tuner.root(), [Learn("bicycle", "more", 3.0)])
    added = open_store(part.path)
    column = np.zeros(40)
    cosine = np.asarray(added.segment_embedding, np.float32) @ vector
    np.maximum.at(column, added.segment_image, cosine)
    both = np.column_stack([added.concept_score, column])
    found = fit_by_hand(tuner, both, added.teacher_logit[:, 0], 3.0)
    np.testing.assert_allclose(node.weights[:, 0], found.weights[:, 0], atol=2e-2)
    assert len(node.weights) == len(store.concepts) + 1


def test_added_photos_are_a_lever_where_there_are_some(tuner: Tuner) -> None:
    name = "teacher on added photos"
    found = suggest(tuner, classes=["truck"]).repairs["truck"].levers
    assert name not in {each.name for each in found}
    unbiased_part(tuner.store)
    after = suggest(another(tuner), classes=["truck"]).repairs["truck"].levers
    found = {each.name: each for each in after}
    assert found[name].gain.estimate > 0.02
    assert found[name].edits == (Learn("truck", "more"),)
