"""Thumbs on a class's own word that is no concept, with a softmax student of all classes."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from worded import single_worded_store

from inficond_panel.concepts.own_words import own_word
from inficond_panel.errors import TuningError
from inficond_panel.results.refit_report import explain
from inficond_panel.results.two_worlds import two_worlds
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import GroupIntent, History, Intent, Tuner, open_tuner
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.replay import replay, same_weights

pytestmark = pytest.mark.page

JOINT = "students: {lambda: 1.0e-3, link: softmax}\ntuning: {refit: target}\n"
NAME, K = "tv monitor", 1
WORD = Intent(NAME, NAME, "up", 2.0)


@pytest.fixture
def tuner(tmp_path):
    single_worded_store(tmp_path / "own.zarr")
    spec = tmp_path / "one.yaml"
    spec.write_text(f"title: One\nstore: own.zarr\n{JOINT}")
    return open_tuner(spec, history=":memory:")


def targets_by_hand(store, gain):
    """Softmax of the teacher's logits, of which that of the class has what the thumb adds."""
    rows = store.rows("fit")
    logit = store.teacher_logit[rows].astype(float)
    log_p = log_softmax(logit, axis=1)[:, K]
    sd = (log_p - np.log1p(-np.exp(log_p))).std()
    score = own_word(store, NAME).scores[rows].astype(float)
    z = (score - score.mean()) / score.std()
    logit[:, K] += sd * np.clip(gain * np.maximum(z, 0), -3, 3)
    return softmax(logit, axis=1)


@pytest.mark.parametrize(("direction", "gain"), [("up", 0.4), ("down", -0.2)])
def test_targets_are_those_written_out(tuner, direction, gain):
    node = tuner.preview(tuner.root(), [Intent(NAME, NAME, direction, 2.0)])
    expected = targets_by_hand(tuner.store, gain)
    np.testing.assert_allclose(tuner.data_at(node).targets.values, expected, atol=1e-5)


def test_students_gain_the_word_in_their_logits(tuner):
    root, word = tuner.root(), own_word(tuner.store, NAME).scores
    moved = tuner.logits(tuner.fine_tune(root, [WORD]))[:, K] - tuner.logits(root)[:, K]
    assert np.corrcoef(moved, word)[0, 1] > 0.5


def test_release_gives_the_original_students_again(tuner):
    root = tuner.root()
    free = tuner.fine_tune(tuner.fine_tune(root, [WORD]), [Intent(NAME, NAME, "release")])
    again, first = (tuner.data_at(each).targets.values for each in (free, root))
    np.testing.assert_allclose(again, first, atol=1e-12)


def test_a_word_sets_no_bound(tuner):
    assert tuner.fine_tune(tuner.root(), [WORD]).bounds == {}


def test_a_word_cannot_be_removed(tuner):
    with pytest.raises(TuningError, match="no weight: it cannot have remove"):
        tuner.fine_tune(tuner.root(), [Intent(NAME, NAME, "remove")])


def test_a_word_and_a_concept_can_be_a_group(tuner):
    group = GroupIntent(NAME, (NAME, "sky"), "up", 2.0)
    (term,) = tuner.fine_tune(tuner.root(), [group]).adjusted[NAME]
    assert term.concepts == ("sky", NAME)


def test_a_later_lambda_keeps_the_targets(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD])
    later = tuner.fine_tune(node, [Lambda(NAME, 1e-3)])
    after, before = (tuner.data_at(each).targets.values for each in (later, node))
    np.testing.assert_array_equal(after, before)


def test_a_history_replays_bit_by_bit(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD, Intent(NAME, "sky", "down", 2.0)])
    tuner.fine_tune(node, [Lambda(NAME, 1e-3)])
    into = Tuner(tuner.store, tuner.spec, History(":memory:"))
    assert all(same_weights(*pair) for pair in replay(tuner, into))


def test_a_refit_is_explained(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD])
    assert explain(tuner, node).of(NAME).intents == (WORD,)


def test_the_first_world_has_its_figures(tuner):
    node = tuner.fine_tune(tuner.root(), [WORD])
    assert set(two_worlds(tuner, node).index.get_level_values("world")) == {"these"}


def test_a_batch_has_a_preview(tuner):
    app = AppState(tuner, Jobs(inline=True))
    app.selection.class_name = NAME
    app.tuning.put([WORD])
    assert np.abs(app.tuning.preview.node.weights - app.students.node.weights).max() > 0.01
