"""A class learns the photos of tune, each of which is shown by a student without it, and the photos
that were added to the store, by the teacher's probabilities."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from factory import small_spec
from more_factory import added_part
from scipy.special import expit
from sklearn.metrics import average_precision_score
from spread_shortcut import shifted_frames
from tuners import afresh, shifted_store, unbiased_part

import inficond_panel
from inficond_panel.concepts.typed import TypedConcept, basis_of, extended
from inficond_panel.distill import Scores, average_precision, decision_function, fit
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.errors import StoreError, TuningError
from inficond_panel.store import open_store
from inficond_panel.tuning import Tuner, open_tuner
from inficond_panel.tuning.fitting.class_fit import FOLDS, held_out_logits
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.choosing import choose
from inficond_panel.tuning.repairs.kinds import canonical_repairs, terms_from_json
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.learn import Learn, Learned, LearnedPhotos
from inficond_panel.tuning.repairs.penalty import Lambda, OwnPenalty
from inficond_panel.tuning.repairs.resolution import compared_terms
from inficond_panel.tuning.suggest import suggest
from inficond_panel.wording.repairs import edit_words, terms_words

MORE = Learn("truck", "more", 1.0)


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Tuner:
    path = shifted_store(tmp_path_factory.mktemp("learn"))
    return inficond_panel.open_students(path, history=":memory:").fit().tuner


@pytest.fixture
def tuner(own: Tuner, tmp_path: Path) -> Tuner:
    """The same students of a copy of the store, without added photos, and an empty history."""
    shutil.copytree(own.store.path, tmp_path / "own.zarr")
    return afresh(own, open_store(tmp_path / "own.zarr"))


def fit_by_hand(tuner: Tuner, scores, targets, weight):
    """The student of the first class on fit and on more photos, put together by hand."""
    rows = tuner.store.rows("fit")
    targets = np.r_[expit(tuner.store.teacher_logit[rows, 0].astype(float)), targets]
    weights = np.r_[np.ones(len(rows)), np.broadcast_to(weight, len(scores))]
    scores = Scores(np.concatenate([tuner.store.concept_score[rows], scores]))
    given = {"l1": tuner.penalties[0], "sample_weight": weights, "tolerance": 1e-8}
    return fit(scores, targets[:, None], **given)


def logits_on(scores: np.ndarray, student) -> np.ndarray:
    return decision_function(scores, student.weights, student.intercepts)[:, 0]


def tune_of(tuner: Tuner) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, labels of truck, and scores."""
    rows = tuner.store.rows("tune")
    return rows, np.asarray(tuner.store.label)[rows, 0], tuner.store.concept_score[rows]


@pytest.mark.parametrize(("source", "weight"), [("labels", 1.0), ("labels", 2.5), ("teacher", 2.5)])
def test_the_photos_of_tune_are_fitted_to(tuner, source, weight):
    node = tuner.fine_tune(tuner.root(), [Learn("truck", source, weight)])
    rows, label, scores = tune_of(tuner)
    by_teacher = tuner.fit_data.source.teacher_on(rows)[:, 0]
    targets = by_teacher if source == "teacher" else label.astype(float)
    found = fit_by_hand(tuner, scores, targets, weight)
    np.testing.assert_allclose(node.weights[:, 0], found.weights[:, 0], atol=2e-2)
    held = tuner.store.rows("holdout")
    by_hand = logits_on(tuner.store.concept_score[held], found)
    np.testing.assert_allclose(tuner.logits(node)[held, 0], by_hand, atol=1e-2)
    np.testing.assert_array_equal(node.weights[:, 1], tuner.root().weights[:, 1])


def test_each_photo_of_tune_is_shown_and_judged_by_a_student_without_it(tuner):
    node = tuner.fine_tune(tuner.root(), [Learn("truck", "labels", 2.0)])
    rows, label, scores = tune_of(tuner)
    folds, logits = stratified_folds(label[:, None], FOLDS, 0), np.empty(len(label))
    for fold in range(FOLDS):
        out = folds == fold
        without = fit_by_hand(tuner, scores, label.astype(float), 2.0 * ~out)
        logits[out] = logits_on(scores[out], without)
    found = tuner.logits(node)[rows, 0]
    np.testing.assert_allclose(found, logits, atol=0.05)
    assert np.abs(found - logits_on(scores, node)).max() > 0.1
    ap = average_precision_score(label, logits)
    assert tuner.metrics(node, "tune")["truck"].ap == pytest.approx(ap, abs=5e-3)
    assert tuner.at(node, "tune")["truck"].outcome.logit == pytest.approx(logits, abs=0.1)
    photos = tuner.repairs.evidence(tuner.repairs.class_fit(node, "truck"))
    np.testing.assert_allclose(photos.tune_logits[0], logits, atol=0.1)


def test_taught_photos_of_tune_are_left_out_too_and_count_in_place_of_the_learned(tuner):
    rows, label, scores = tune_of(tuner)
    images, root = [tuner.store.images[row] for row in rows[:40]], tuner.root()
    labels = [Label("truck", *each) for each in zip(images, label[:40].tolist(), strict=True)]
    node = tuner.fine_tune(root, labels)
    assert tuner.terms(node)["truck"].fit_to_tune(tuner.store)
    assert (tuner.logits(node)[rows, 0] != logits_on(scores, node)).mean() > 0.9
    taught = tuner.fine_tune(root, [Label("truck", images[0], 1 - int(label[0]))])
    data = tuner.data_at(tuner.fine_tune(taught, [Learn("truck", "labels", 1.0)]))
    learned, places = data.images.learned["labels"], np.flatnonzero(data.images.rows == rows[0])
    assert [place for place in places if data.weights.values[place, 0] > 0] == [places[0]]
    assert places[1] in range(learned.start, learned.stop)


def test_weight_and_lambda_are_those_of_highest_ap(tuner):
    repairs = [Learn("truck"), Lambda("truck")]
    terms = tuner.terms(tuner.fine_tune(tuner.root(), repairs))["truck"]
    photos = tuner.repairs.evidence(tuner.repairs.class_fit(tuner.root(), "truck"))
    tried, (_, label, _) = compared_terms(photos, repairs), tune_of(tuner)
    folds = stratified_folds(label[:, None], FOLDS, 0)
    logits = held_out_logits(photos.student, tried, photos.tune, folds)
    best = int(np.argmax([average_precision_score(label, each) for each in logits]))
    assert terms.get(Learned).by_source[0].weight == tried[best].get(Learned).by_source[0].weight
    assert terms.get(OwnPenalty).value == tried[best].get(OwnPenalty).value
    assert choose(label, logits, photos.tune_group).best == best
    assert len({each.get(Learned).by_source[0].weight for each in tried}) == 3
    assert len({each.get(OwnPenalty).value for each in tried}) == 4


def test_labels_too_few_are_refused_and_the_teacher_needs_none(tuner, monkeypatch):
    label = np.array(tuner.store.label)
    label[tuner.store.rows("tune"), 0] = -1
    monkeypatch.setattr(tuner.store, "label", label)
    with pytest.raises(TuningError, match="learn on 'truck' needs labels of tuning images"):
        tuner.fine_tune(tuner.root(), [Learn("truck")])
    terms = tuner.terms(tuner.fine_tune(tuner.root(), [Learn("truck", "teacher")]))["truck"]
    assert terms == Terms((Learned.of_teacher(),))


def test_one_learn_of_each_source_per_iteration_what_cannot_be_is_refused_terms_are_read_back():
    kept = (Learn("a", "labels", 2), Learn("a", "teacher"), Learn("b"))
    assert canonical_repairs([kept[0], Learn("a"), *kept[1:]]) == kept
    for given, words in (
        ({"source": "lables"}, "labels"),
        ({"value": 0.0}, "weight 0.0"),
        ({"value": float("inf")}, "weight inf"),
    ):
        with pytest.raises(TuningError, match=words):
            Learn("truck", **given)
    assert "learn" not in Terms((OwnPenalty(0.1),)).to_json()
    more = LearnedPhotos("more", 2.5, parts=("ab", "cd"))
    each = LearnedPhotos("labels", 2.5), more, LearnedPhotos("teacher", 1.0)
    given = Terms((Learned(each),), used=3)
    written = given.to_json()
    parts = {"weight": 2.5, "parts": ["ab", "cd"]}
    assert written["learn"] == {"labels": 2.5, "teacher": 1.0, "more": parts}
    assert terms_from_json(written, 10) == given
    for wrong, words in (
        ({"attic": 1.0}, "unknown source of photos among attic"),
        ({"more": {"weight": 1.0, "parts": []}}, "no parts"),
        ({"more": {"weight": 1.0, "parts": "ab"}}, "no parts"),
    ):
        with pytest.raises(ValueError, match=words):
            terms_from_json({**written, "learn": wrong}, 10)
    words = terms_words(Terms((Learned((more,)),)))
    assert words == ["learned the teacher on added images, each as 2.5 training images"]
    assert edit_words(Learn("truck", "more", 2.5)) == "learn the teacher on added images 2.5"


def drawn(images: int = 200, seed: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and the teacher's logits of truck, of an ``unbiased_part``."""
    frames = shifted_frames(images, fit=0, seed=seed)
    return frames["scores"].to_numpy().astype(np.float32), frames["logits"].to_numpy()[:, 0]


def test_added_photos_are_fitted_to(tuner):
    first, second = unbiased_part(tuner.store), unbiased_part(tuner.store, 60, seed=4)
    weight = 2.5
    node, root = tuner.fine_tune(tuner.root(), [Learn("truck", "more", weight)]), tuner.root()
    added = zip(drawn(), drawn(60, seed=4), strict=True)
    score, logit = (np.concatenate(both) for both in added)
    found = fit_by_hand(tuner, score, expit(logit), weight)
    np.testing.assert_allclose(node.weights[:, 0], found.weights[:, 0], atol=2e-2)
    assert np.abs(node.weights[:, 0] - root.weights[:, 0]).max() > 0.1
    np.testing.assert_array_equal(node.weights[:, 1], root.weights[:, 1])
    terms = tuner.terms(node)["truck"]
    parts = tuple(sorted([first.content_hash, second.content_hash]))
    assert terms == Terms((Learned((LearnedPhotos("more", weight, parts=parts),)),))


def test_added_photos_are_left_out_in_turn_beside_labels_and_auto_takes_best_ap(tuner):
    unbiased_part(tuner.store)
    node = tuner.fine_tune(tuner.root(), [MORE, Learn("truck", "labels", 1.0)])
    rows, _, scores = tune_of(tuner)
    assert np.abs(tuner.logits(node)[rows, 0] - logits_on(scores, node)).max() > 0.05
    data = tuner.data_at(node)
    added = data.images.rows[data.images.learned["more"]]
    assert (len(added), set(added.tolist())) == (200, {-1})
    assert data.images.without(rows)[data.images.learned["more"]].all()
    assert not data.images.without(rows)[data.images.learned["labels"]].any()
    node = tuner.fine_tune(tuner.root(), [Learn("truck", "more")])
    (score, logit), (rows, label, scores), values = drawn(), tune_of(tuner), {}
    for weight in (1.0, 1.7, 9.3):
        made = fit_by_hand(tuner, score, expit(logit), weight)
        values[average_precision(label, logits_on(scores, made))] = weight
    terms = tuner.terms(node)["truck"]
    assert terms.get(Learned).by_source[0].weight == values[max(values)]
    assert terms.used == len(rows)
    outcome = tuner.at(node, "tune")["truck"].outcome  # each fold by the others' choice
    assert np.isfinite(outcome.logit).all()


def test_a_replay_uses_the_same_parts_though_others_were_added(tuner):
    unbiased_part(tuner.store)
    node = tuner.fine_tune(tuner.root(), [Learn("truck", "more"), Lambda("truck")])
    unbiased_part(tuner.store, 80, seed=3)
    other, fresh = afresh(tuner), afresh(tuner)
    again = other.fine_tune(other.root(), node.repairs, resolved=node.resolved)
    assert (again.id, again.weights_hash) == (node.id, node.weights_hash)
    anew = fresh.fine_tune(fresh.root(), node.repairs)
    assert len(fresh.terms(anew)["truck"].get(Learned).by_source[0].parts) == 2
    assert anew.weights_hash != node.weights_hash


def test_a_part_that_is_gone_is_named_and_the_students_stay(tuner):
    part = unbiased_part(tuner.store)
    node = tuner.fine_tune(tuner.root(), [MORE])
    shutil.rmtree(part.path)
    other = Tuner(open_store(tuner.store.path), tuner.spec, tuner.history, tuner.penalties)
    assert other.metrics(other.node(node.id), "tune")["truck"].ap > 0.5  # needs no added photo
    fresh = afresh(tuner)
    for refit in (
        lambda: other.fine_tune(other.node(node.id), [Lambda("truck", 1e-3)]),
        lambda: fresh.fine_tune(fresh.root(), node.repairs, resolved=node.resolved),
    ):
        with pytest.raises(StoreError, match=f"no part {part.content_hash[:12]}"):
            refit()


def test_without_added_photos_and_without_their_parts_in_the_history_it_is_refused(tuner):
    with pytest.raises(TuningError, match="learn on 'truck' is from more, but no photos") as told:
        tuner.fine_tune(tuner.root(), [MORE])
    assert "inficond extend SPEC FOLDER" in told.value.remedy
    unbiased_part(tuner.store, 30)
    node = tuner.fine_tune(tuner.root(), [MORE])
    resolved = {"truck": {**node.resolved["truck"], "learn": {"more": 1.0}}}
    with pytest.raises(TuningError, match="belong to other images"):
        tuner.fine_tune(tuner.root(), [MORE], resolved=resolved)


def test_a_typed_concept_has_scores_of_added_photos(tmp_path):
    small = open_tuner(small_spec(tmp_path, images=120), history=":memory:")
    part, store = added_part(small.store, 40), small.store
    vector = np.random.default_rng(3).normal(size=store.concept_text_embedding.shape[1])
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)

    def cosines(of) -> tuple[np.ndarray, np.ndarray]:
        """Of each segment, and the largest of each image."""
        cosine = np.asarray(of.segment_embedding, np.float32) @ vector
        largest = np.zeros(len(of.images), np.float32)
        np.maximum.at(largest, of.segment_image, cosine)
        return cosine, largest

    cosine, score = cosines(store)
    typed = TypedConcept(("word",), basis_of(store), vector, score, cosine)
    tuner = afresh(small, extended(store, [typed]))
    node = tuner.fine_tune(tuner.root(), [Learn("bicycle", "more", 3.0)])
    added = open_store(part.path)
    both = np.column_stack([added.concept_score, cosines(added)[1]])
    found = fit_by_hand(tuner, both, expit(added.teacher_logit[:, 0]), 3.0)
    np.testing.assert_allclose(node.weights[:, 0], found.weights[:, 0], atol=2e-2)
    assert len(node.weights) == len(store.concepts) + 1


def test_added_photos_are_a_lever_where_there_are_some(tuner):
    def lever(of: Tuner):
        levers = suggest(of, classes=["truck"]).repairs["truck"].levers
        return {each.name: each for each in levers}.get("teacher on added photos")

    assert lever(tuner) is None
    unbiased_part(tuner.store)
    found = lever(afresh(tuner))
    assert found.gain.estimate > 0.02
    assert found.edits == (Learn("truck", "more"), Lambda("truck"))
