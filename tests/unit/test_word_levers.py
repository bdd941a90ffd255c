"""What ``suggest`` says of the class's own word: levers, baselines, and what labels cannot show."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factory import small_store, unlabelled_arrays
from frames import frames
from histories import make_tuner
from worded import worded_store

from inficond_panel import from_frames
from inficond_panel.concepts.own_words import near_words, own_word
from inficond_panel.distill import average_precision
from inficond_panel.distill.spread import centred
from inficond_panel.distill.suspects import NONE, SHIFT
from inficond_panel.results.levers import levers
from inficond_panel.tuning import Intent
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.suggest import suggest
from inficond_panel.tuning.suggest.baselines import AVERAGE, WORD_ALONE, Baseline, contexts_of
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.tuning.suggest.levers import AS_IT_IS, ClassRepair, Lever
from inficond_panel.wording.repairs import ask_sentence, better_sentence

TARGET = "tuning: {refit: target}\n"
NAME, K = "tv monitor", 1


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("levers")
    return make_tuner(worded_store(folder / "own.zarr", images=400), folder, TARGET)


@pytest.fixture(scope="module")
def suggestion(tuner):
    return suggest(tuner, classes=[NAME])


def labelled(tuner):
    """Rows of tune with a label of the class, and these labels."""
    rows = tuner.store.rows("tune")
    label = tuner.store.label[rows, K]
    return rows[label >= 0], label[label >= 0]


def of_name(suggestion, name):
    repair = suggestion.repairs[NAME]
    return next(each for each in (*repair.levers, *repair.baselines) if each.name == name)


def test_a_lever_raises_the_word(suggestion):
    assert "👍 word" in [each.name for each in suggestion.repairs[NAME].levers]


def test_the_gain_of_the_word_is_that_of_its_thumb(tuner, suggestion):
    rows, label = labelled(tuner)
    root = tuner.root()
    after = tuner.preview(root, [Intent(NAME, NAME, "up", 2.0)])
    ap = [average_precision(label, tuner.logits(node)[rows, K]) for node in (root, after)]
    lever = of_name(suggestion, "👍 word")
    expected = ap[1] - ap[0] if lever.edits else 0.0
    assert lever.gain.estimate == pytest.approx(expected, abs=0.02)


def test_the_word_alone_has_the_ap_of_its_scores(tuner, suggestion):
    rows, label = labelled(tuner)
    expected = average_precision(label, own_word(tuner.store, NAME).scores[rows])
    assert of_name(suggestion, WORD_ALONE).ap == pytest.approx(expected)


def test_the_average_is_of_student_and_word_standardised_on_fit(tuner, suggestion):
    rows, label = labelled(tuner)
    logits, word = tuner.logits(tuner.root())[:, K], own_word(tuner.store, NAME).scores
    fit = tuner.store.rows("fit")
    both = sum(each / each[fit].astype(float).std() for each in (logits, word))
    expected = average_precision(label, both[rows])
    assert of_name(suggestion, AVERAGE).ap == pytest.approx(expected, abs=2e-3)


def test_baselines_are_rows_of_the_table(suggestion):
    assert {(NAME, WORD_ALONE), (NAME, AVERAGE)} <= set(levers(suggestion).index)


def test_a_baseline_is_no_edit(suggestion):
    assert {each.name for each in suggestion.taken.values()}.isdisjoint({WORD_ALONE, AVERAGE})


def change(gain, seed, spread=0.01):
    noise = np.random.default_rng(seed).normal(size=400)
    return Change(gain, gain + spread * (noise - noise.mean()))


def repair_by(lever_gain, word_gain, average_gain):
    rows = [Lever(AS_IT_IS, (), "", change(0, 0, 0), 0.5, 1.0, 4)]
    edits = (Intent(NAME, NAME, "up", 2.0),)
    rows.append(Lever("👍 word", edits, "", change(lever_gain, 1), 0.5 + lever_gain, 1.0, 4))
    others = tuple(
        Baseline(name, 0.5 + gain, change(gain, seed), 1, "score of “tv monitor”")
        for name, gain, seed in ((WORD_ALONE, word_gain, 2), (AVERAGE, average_gain, 3))
    )
    return ClassRepair(ClassShift(NAME, NONE), tuple(rows), rows[1].gain, baselines=others)


@pytest.mark.parametrize(
    ("lever", "word", "average", "better"),
    [
        (0.05, 0.01, 0.06, None),  # by less than one standard error, 0.014
        (0.05, 0.01, 0.08, AVERAGE),
        (0.05, 0.09, 0.08, WORD_ALONE),
        (-0.01, 0.02, 0.005, WORD_ALONE),  # no lever gains
        (-0.05, -0.02, -0.03, None),
    ],
)
def test_a_baseline_is_offered_from_one_standard_error(lever, word, average, better):
    found = repair_by(lever, word, average).better
    assert (found and found.name) == better


def test_what_is_better_says_how_to_use_it():
    told = better_sentence(repair_by(0.05, 0.09, 0.08))
    assert told.endswith("To use it, rank images by the score of “tv monitor”.")


def test_nothing_is_said_where_no_baseline_is_better():
    assert better_sentence(repair_by(0.05, 0.0, 0.0)) == ""


def context_by_hand(tuner, name):
    """The concept whose score goes most with the logits, both less their regression on the word;
    none that means the class."""
    fit, k = tuner.store.rows("fit"), tuner.store.classes.index(name)
    word = own_word(tuner.store, name)
    columns = [np.ones(len(fit)), *([] if word is None else [word.scores[fit].astype(float)])]
    design, scores = np.column_stack(columns), tuner.store.concept_score[fit].astype(float)
    rest = [
        values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        for values in (*scores.T, tuner.logits(tuner.root())[fit, k])
    ]
    together = [np.corrcoef(each, rest[-1])[0, 1] for each in rest[:-1]]
    for c in near_words(tuner.store, name):
        together[c] = -np.inf
    return tuner.store.concepts[int(np.argmax(together))]


def contexts(tuner):
    names = tuner.store.classes
    found = contexts_of([tuner.repairs.class_fit(tuner.root(), name) for name in names])
    return [each and each.concept for each in found]


def test_the_context_is_what_the_logits_have_beyond_the_word(tuner):
    assert contexts(tuner) == [context_by_hand(tuner, name) for name in tuner.store.classes]


def test_contexts_are_the_same_for_one_class_at_a_time(tuner, monkeypatch):
    together = contexts(tuner)
    monkeypatch.setattr("inficond_panel.tuning.suggest.baselines._MOST", 1)
    assert contexts(tuner) == together


def test_the_scores_are_read_as_often_for_all_classes_as_for_one(tuner, monkeypatch):
    read = []

    def counted(scores, middle):
        read.append(len(scores))
        return centred(scores, middle)

    monkeypatch.setattr("inficond_panel.tuning.suggest.baselines.centred", counted)
    contexts(tuner)
    assert len(read) == 2


def test_without_words_the_context_is_what_goes_with_the_logits(tmp_path):
    tuner = make_tuner(small_store(tmp_path / "small.zarr"), tmp_path, TARGET)
    assert contexts(tuner) == [context_by_hand(tuner, name) for name in tuner.store.classes]


def test_of_a_number_that_is_low_in_rows_of_the_class_nothing_is_asked(tmp_path):
    """Rows with a low first column are of the class; the second is a little higher in them."""
    rng, ids = np.random.default_rng(0), [f"{at:03d}" for at in range(300)]
    table = rng.normal(size=(300, 3))
    logit = -3 * table[:, [0]] + 0.5 * table[:, [1]]
    data = {"scores": pd.DataFrame(table, ids, ["load", "age", "noise"])}
    for name, values in (("logits", logit), ("labels", 1 * (logit > 0))):
        data[name] = pd.DataFrame(values, ids, ["trip"])
    split = pd.Series(np.where(rng.random(300) < 0.5, "fit", "tune"), ids)
    tuner = from_frames(**data, split=split, path=tmp_path / "own.zarr").tuner
    assert contexts_of([tuner.repairs.class_fit(tuner.root(), "trip")]) == [None]


def test_a_student_of_its_word_alone_has_no_context(tmp_path):
    data = frames()
    data["scores"]["bird"] = data["logits"]["bird"].astype(np.float32)
    tuner = from_frames(**data, path=tmp_path / "own.zarr").tuner
    (found,) = contexts_of([tuner.repairs.class_fit(alone(tuner, "bird"), "bird")])
    assert found is None


def alone(tuner, name):
    """The original students, of which one has the weight of its own word alone."""
    root, c = tuner.root(), tuner.store.concepts.index(name)
    weights = root.weights.copy()
    weights[:, tuner.store.classes.index(name)] = np.eye(len(weights))[c]
    return replace(root, weights=weights)


def test_no_students_have_no_contexts():
    assert contexts_of([]) == []


def test_a_question_is_asked_where_labels_show_no_shift(suggestion):
    shown = suggestion.repairs[NAME].shift.kind == SHIFT
    assert bool(ask_sentence(suggestion, NAME)) != shown


def test_without_labels_of_tune_a_question_is_asked(tmp_path):
    store = worded_store(tmp_path / "own.zarr", make=unlabelled_arrays)
    found = suggest(make_tuner(store, tmp_path, TARGET), classes=[NAME])
    assert ask_sentence(found, NAME).startswith(f"If images of {NAME} without ")


def test_a_question_proposes_nothing(tmp_path):
    store = worded_store(tmp_path / "own.zarr", make=unlabelled_arrays)
    found = suggest(make_tuner(store, tmp_path, TARGET), classes=[NAME])
    assert (len(found.contexts), found.intents) == (1, ())


def test_with_bounds_nothing_is_asked(tmp_path):
    tuner = make_tuner(worded_store(tmp_path / "own.zarr"), tmp_path, "tuning: {refit: all}\n")
    assert suggest(tuner, classes=[NAME]).contexts == {}
