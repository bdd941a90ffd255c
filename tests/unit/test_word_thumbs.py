"""Thumbs on a class's own word that is no concept of the students."""

import hashlib
import shutil

import numpy as np
import pytest
from factory import small_store
from histories import make_tuner
from more_factory import added_part
from scipy.special import expit
from worded import put_words, worded_store

from inficond_panel.concepts.own_words import own_word, own_words, words_path
from inficond_panel.distill import fit
from inficond_panel.errors import EditsError, TuningError
from inficond_panel.results.concept_rows import concept_rows
from inficond_panel.results.refit_report import explain, group_of
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import open_store, write_store
from inficond_panel.store.more_photos import AllImages, more_photos
from inficond_panel.tuning import GroupIntent, History, Intent, Tuner
from inficond_panel.tuning.edits_file import dump_edits, read_edits
from inficond_panel.tuning.notices import notices
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.replay import replay, same_weights
from inficond_panel.tuning.two_worlds import correlated_concepts
from inficond_panel.views.embedding.view import EmbeddingView

pytestmark = pytest.mark.page

TARGET = "tuning: {refit: target}\n"
WORD = Intent("tv monitor", "tv monitor", "up", 2.0)
RELEASE = Intent("tv monitor", "tv monitor", "release")
K = 1  # index of the class tv monitor


@pytest.fixture
def store(tmp_path):
    return worded_store(tmp_path / "own.zarr")


@pytest.fixture
def tuner(store, tmp_path):
    return make_tuner(store, tmp_path, TARGET)


def moved(tuner, scores, gain):
    """What a thumb adds to log-odds, written out; ``scores`` are the word's on the images."""
    rows = tuner.store.rows("fit")
    here = own_word(tuner.store, "tv monitor").scores[rows].astype(float)
    sd = tuner.store.teacher_logit[rows, K].astype(float).std()
    return sd * gain * np.maximum(0, (scores.astype(float) - here.mean()) / here.std())


def weights_by_hand(tuner, gain):
    rows = tuner.store.rows("fit")
    word = own_word(tuner.store, "tv monitor").scores[rows]
    targets = expit(tuner.store.teacher_logit[rows, K].astype(float) + moved(tuner, word, gain))
    made = fit(tuner.store.concept_score[rows], targets[:, None], l1=1e-4, tolerance=1e-8)
    return made.weights[:, 0]


@pytest.mark.parametrize(("direction", "gain"), [("up", 0.4), ("down", -0.2)])
def test_a_student_is_that_of_the_targets_written_out(tuner, direction, gain):
    node = tuner.fine_tune(tuner.root(), [Intent("tv monitor", "tv monitor", direction, 2.0)])
    expected = weights_by_hand(tuner, gain)
    np.testing.assert_allclose(node.weights[:, K], expected, atol=2e-3 * np.abs(expected).max())


def test_a_word_changes_the_student(tuner):
    root = tuner.root()
    node = tuner.fine_tune(root, [WORD])
    assert np.abs(node.weights[:, K] - root.weights[:, K]).max() > 0.1


def test_a_synonym_is_the_same_thumb(tuner):
    synonym = own_word(tuner.store, "tv monitor").names[1]
    root = tuner.root()
    assert tuner.fine_tune(root, [Intent("tv monitor", synonym, "up", 2.0)]).id == (
        tuner.fine_tune(root, [WORD]).id
    )


def test_a_word_sets_no_bound(tuner):
    assert tuner.fine_tune(tuner.root(), [WORD]).bounds == {}


def test_release_gives_the_original_student_again(tuner):
    root = tuner.root()
    free = tuner.fine_tune(tuner.fine_tune(root, [WORD]), [RELEASE])
    np.testing.assert_allclose(free.weights, root.weights, atol=2e-3 * np.abs(root.weights).max())


def test_the_word_of_another_class_is_unknown(tuner):
    with pytest.raises(TuningError, match="There is no concept 'tv monitor' in the store"):
        tuner.fine_tune(tuner.root(), [Intent("sheep", "tv monitor", "up", 2.0)])


@pytest.mark.parametrize(
    ("how", "told"),
    [(("remove",), "remove"), (("up", None, 0.5), "a bound"), (("down", None, -0.5), "a bound")],
)
def test_a_word_cannot_have_what_needs_a_weight(tuner, how, told):
    with pytest.raises(TuningError, match=f"no weight: it cannot have {told}"):
        tuner.fine_tune(tuner.root(), [Intent("tv monitor", "tv monitor", *how)])


@pytest.mark.parametrize("extra", ["tuning: {refit: all}\n", "students: {solver: paper}\n"])
def test_a_word_needs_targets(store, tmp_path, extra):
    tuner = make_tuner(store, tmp_path, extra)
    with pytest.raises(TuningError, match="with tuning") as refused:
        tuner.fine_tune(tuner.root(), [WORD])
    assert "type its name" in refused.value.remedy


def test_a_word_and_a_concept_can_be_a_group(tuner):
    group = GroupIntent("tv monitor", ("tv monitor", "sky"), "up", 2.0)
    node = tuner.fine_tune(tuner.root(), [group])
    assert [each.concepts for each in node.adjusted["tv monitor"]] == [("sky", "tv monitor")]


def test_targets_of_learned_photos_of_tune_are_adjusted(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD, Learn("tv monitor", "teacher")])
    rows, data = tuner.store.rows("tune"), tuner.data_at(node)
    word = own_word(tuner.store, "tv monitor").scores[rows]
    expected = expit(tuner.store.teacher_logit[rows, K].astype(float) + moved(tuner, word, 0.4))
    np.testing.assert_allclose(
        data.targets.values[data.images.learned["teacher"], K], expected, rtol=1e-5
    )


def test_targets_of_learned_added_photos_are_adjusted(tuner):
    added_part(tuner.store, 12)
    node = tuner.fine_tune(tuner.root(), [WORD, Learn("tv monitor", "more")])
    data, images = tuner.data_at(node), AllImages(tuner.store)
    word = own_word(tuner.store, "tv monitor").scores_at(images, images.added)
    logit = more_photos(tuner.store).teacher_logit[:, K].astype(float)
    expected = expit(logit + moved(tuner, word, 0.4))
    np.testing.assert_allclose(
        data.targets.values[data.images.learned["more"], K], expected, rtol=1e-5
    )


def test_cross_fitted_metrics_keep_the_thumb(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD, Learn("tv monitor", "labels")])
    free = tuner.fine_tune(tuner.root(), [Learn("tv monitor", "labels")])
    rows = tuner.store.rows("tune")
    with_thumb, without = (tuner.logits(each, rows)[:, K] for each in (node, free))
    assert np.abs(with_thumb - without).max() > 0.05


def test_a_history_replays_bit_by_bit(tuner, store):
    node = tuner.fine_tune(tuner.root(), [WORD, Intent("tv monitor", "sky", "down", 2.0)])
    tuner.fine_tune(tuner.fine_tune(node, [RELEASE]), [WORD, Lambda("tv monitor", 1e-3)])
    into = Tuner(store, tuner.spec, History(":memory:"))
    assert all(same_weights(*pair) for pair in replay(tuner, into))


def test_edits_are_written_for_reading(tuner, tmp_path):
    node = tuner.fine_tune(tuner.root(), [WORD])
    path = tmp_path / "edits.yaml"
    path.write_text(dump_edits([node.edits]))
    assert read_edits(path, tuner.store) == [[WORD]]


@pytest.mark.parametrize("classes", ["class: sheep", "classes: all"])
def test_a_file_with_a_word_of_another_class_is_refused_with_its_place(tuner, tmp_path, classes):
    path = tmp_path / "edits.yaml"
    path.write_text(f"- - {{{classes}, concept: tv monitor, direction: up}}\n")
    with pytest.raises(EditsError, match="no concept 'tv monitor'") as refused:
        read_edits(path, tuner.store)
    assert refused.value.problems[0].line == 1


def test_a_balance_by_a_word_is_refused_in_a_file(tuner, tmp_path):
    path = tmp_path / "edits.yaml"
    path.write_text("- - {class: tv monitor, concept: tv monitor, direction: balance}\n")
    with pytest.raises(EditsError, match="no concept 'tv monitor'"):
        read_edits(path, tuner.store)


def test_a_thumb_has_no_notice(tuner):
    assert notices(tuner, tuner.root(), [WORD]) == []


def test_release_of_a_thumb_is_told(tuner):
    (told,) = notices(tuner, tuner.fine_tune(tuner.root(), [WORD]), [RELEASE])
    assert "the thumb of #1 is released" in told


def without_words(store):
    shutil.rmtree(words_path(store).parent)
    return open_store(store.path)


def test_without_words_an_iteration_still_opens(tuner, tmp_path):
    node = tuner.fine_tune(tuner.root(), [WORD])
    later = Tuner(without_words(tuner.store), tuner.spec, tuner.history)
    assert later.node(node.id).weights_hash == node.weights_hash


def test_without_words_a_refit_names_the_command(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD])
    later = Tuner(without_words(tuner.store), tuner.spec, tuner.history)
    with pytest.raises(TuningError, match="are not beside the store") as refused:
        later.fine_tune(later.node(node.id), [Lambda("tv monitor", 1e-3)])
    assert "inficond precompute" in refused.value.remedy


def test_words_made_anew_are_told(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD])
    store = without_words(tuner.store)
    put_words(store, seed=4)
    later = Tuner(store, tuner.spec, tuner.history)
    with pytest.raises(TuningError, match="made anew"):
        later.fine_tune(later.node(node.id), [Lambda("tv monitor", 1e-3)])


def put_shuffled_words(store):
    """Words with the same scores on ``fit`` in another order: mean and spread stay."""
    words = own_words(store)
    arrays = {name: words.read(name).copy() for name in words.attrs["variable_hashes"]}
    rows = store.rows("fit")
    order = np.random.default_rng(0).permutation(len(rows))
    arrays["concept_score"][rows] = arrays["concept_score"][rows[order]]
    attrs, again = dict(words.attrs), without_words(store)
    write_store(words_path(again), arrays, attrs)
    return open_store(store.path)


def test_other_words_with_the_same_mean_and_spread_are_told(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD])
    later = Tuner(put_shuffled_words(tuner.store), tuner.spec, tuner.history)
    with pytest.raises(TuningError, match="made anew"):
        later.fine_tune(later.node(node.id), [Lambda("tv monitor", 1e-3)])


def test_a_thumb_on_other_words_is_another_iteration(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD])
    later = Tuner(put_shuffled_words(tuner.store), tuner.spec, tuner.history)
    assert later.fine_tune(later.root(), [WORD]).id != node.id


def test_a_replay_with_other_words_tells_the_iteration(tuner):
    tuner.fine_tune(tuner.root(), [WORD])
    into = Tuner(put_shuffled_words(tuner.store), tuner.spec, History(":memory:"))
    assert [same_weights(*pair) for pair in replay(tuner, into)] == [True, False]


def test_a_thumb_on_a_concept_keeps_its_settings(tuner):
    node = tuner.fine_tune(tuner.root(), [Intent("tv monitor", "sky", "up", 2.0)])
    (term,) = node.settings["adjusted"]["tv monitor"]
    assert "word" not in term


def test_a_group_with_a_word_has_the_word_s_digest(tuner):
    group = GroupIntent("tv monitor", ("tv monitor", "sky"), "up", 2.0)
    node = tuner.fine_tune(tuner.root(), [group])
    (term,) = node.settings["adjusted"]["tv monitor"]
    assert term["word"] == own_word(tuner.store, "tv monitor").digest


def test_the_digest_is_of_scores_then_vector(tuner):
    word = own_word(tuner.store, "tv monitor")
    content = word.scores.astype("<f4").tobytes() + word.text.astype("<f4").tobytes()
    assert word.digest == hashlib.sha256(content).hexdigest()[:12]


def test_equal_words_made_anew_serve(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD])
    store = without_words(tuner.store)
    put_words(store)
    later = Tuner(store, tuner.spec, tuner.history)
    again = later.fine_tune(later.node(node.id), [Lambda("tv monitor", 1e-3)])
    assert len(later.terms(again)["tv monitor"].adjusted) == 1


def test_a_table_without_photos_has_no_words(tmp_path):
    tuner = make_tuner(small_store(tmp_path / "small.zarr"), tmp_path, TARGET)
    with pytest.raises(TuningError, match="There is no concept 'tv monitor' in the store"):
        tuner.fine_tune(tuner.root(), [WORD])


@pytest.fixture
def app(tuner):
    session = AppState(tuner, Jobs(inline=True))
    session.selection.class_name = "tv monitor"
    return session


def test_a_word_in_the_batch_has_a_preview(app):
    app.tuning.put([WORD])
    assert np.abs(app.tuning.preview.node.weights - app.students.node.weights).max() > 0.1


def test_a_word_in_the_batch_has_no_bound(app):
    assert app.tuning.bounds_of(WORD) == (None, None)


def test_a_batch_with_a_word_that_needs_a_weight_is_not_taken_back(app):
    removed = {"class": "tv monitor", "concept": "tv monitor", "direction": "remove"}
    assert app.tuning.take_back(app.students.node.id, [removed, WORD.to_json()]) == (None, 1)


def test_the_map_shows_a_batch_with_a_word(app):
    view = EmbeddingView(app)
    app.tuning.put([WORD, Intent("tv monitor", "sky", "up", 2.0)])
    assert [*view._pending().values()] == ["up"]


def test_the_rows_of_a_student_with_a_word_are_concepts(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD])
    rows = concept_rows(tuner, tuner.at(node, "tune")["tv monitor"], sort="weight", top=5)
    assert {row.concept for row in rows} <= set(tuner.store.concepts)


def test_a_refit_with_a_word_is_explained(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD])
    assert explain(tuner, node).of("tv monitor").intents == (WORD,)


def test_a_word_has_no_group_of_correlated_concepts(tuner):
    student = tuner.at(tuner.root(), "tune")["tv monitor"]
    assert group_of(tuner, student, "tv monitor") is None


@pytest.mark.parametrize(("others", "expected"), [((), ()), (("grass",), ("grass",))])
def test_a_word_is_not_what_a_world_lacks(tuner, others, expected):
    lowered = [Intent("tv monitor", name, "down", 2.0) for name in others]
    assert correlated_concepts([WORD, *lowered], tuner.store) == expected
