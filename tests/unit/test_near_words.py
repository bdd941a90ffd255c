"""Concepts that mean a class by their text: they are its words, and no suspects."""

import numpy as np
import pytest
from factory import ATTRS, CLASSES, shift_of, small_arrays

from inficond_panel.concepts.own_words import SAME, near_words, perhaps_same
from inficond_panel.results.refit_report import group_of
from inficond_panel.store import open_store, write_store
from inficond_panel.store.store import Store
from inficond_panel.tuning import History, Tuner, open_tuner
from inficond_panel.tuning.suggest.baselines import contexts_of

#: What the demo's dog goes with in the training images.
SHORTCUT = "soccer ball"


def renamed(folder, texts, names=None):
    """A small store whose concepts 0, 1, … have these text vectors and names."""
    arrays = small_arrays()
    arrays["concept_text_embedding"][: len(texts)] = texts
    concepts = arrays["concept"].astype(object)
    concepts[0] = CLASSES[0]
    for c, name in (names or {}).items():
        concepts[c] = name
    arrays["concept"] = concepts.astype(str)
    write_store(folder / "own.zarr", arrays, ATTRS)
    return open_store(folder / "own.zarr")


def at_cosine(vector, cosine, seed=0):
    """A unit vector at a cosine with a unit ``vector``."""
    other = np.random.default_rng(seed).normal(size=vector.shape)
    other -= (other @ vector) * vector
    return cosine * vector + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)


@pytest.fixture
def vectors():
    return small_arrays()["concept_text_embedding"].astype(float)


def test_a_word_whose_text_is_nearly_the_classs_means_the_class(tmp_path, vectors):
    store = renamed(tmp_path, [vectors[0], at_cosine(vectors[0], 0.99)])
    assert near_words(store, CLASSES[0]) == {0, 1}


@pytest.mark.parametrize(
    ("cosine", "asked"), [(0.99, False), (0.8, True), (0.72, True), (0.5, False)]
)
def test_a_person_is_asked_on_a_word_that_is_like_the_classs_and_not_nearly_equal(
    tmp_path, vectors, cosine, asked
):
    centred = vectors - vectors.mean(axis=0)  # as the cosines are measured
    texts = np.vstack([centred[0], at_cosine(centred[0] / np.linalg.norm(centred[0]), cosine)])
    rest = -np.tile(texts.mean(axis=0) * 2 / (len(vectors) - 2), (len(vectors) - 2, 1))
    store = renamed(tmp_path, np.vstack([texts, rest + 1e-3 * vectors[2:]]))
    assert perhaps_same(store, CLASSES[0], store.concepts[1]) is asked


def test_a_person_is_not_asked_on_the_word_of_another_class(tmp_path, vectors):
    store = renamed(tmp_path, [vectors[0], at_cosine(vectors[0], 0.8)], {1: CLASSES[1]})
    assert not perhaps_same(store, CLASSES[0], CLASSES[1])


def test_the_mean_of_all_texts_is_no_likeness(tmp_path, vectors):
    """As in CLIP, where the cosines of all texts are above the limit."""
    close = vectors + 5 * np.ones(vectors.shape[1])
    close /= np.linalg.norm(close, axis=1, keepdims=True)
    assert (close @ close.T).min() > SAME
    assert near_words(renamed(tmp_path, close), CLASSES[0]) == {0}


def test_the_word_of_another_class_means_that_class(tmp_path, vectors):
    texts = [vectors[0], at_cosine(vectors[0], 0.99)]
    store = renamed(tmp_path, texts, {1: CLASSES[1]})
    assert near_words(store, CLASSES[0]) == {0}


@pytest.fixture(scope="module")
def same_text() -> Tuner:
    """The demo, in which the shortcut of dog is another word for dog."""
    demo = open_tuner("demo", history=":memory:")
    store = Store(demo.store.path, demo.store.dataset)
    texts = store.concept_text_embedding.astype(float)
    dog = texts[store.concepts.index("dog")]
    texts[store.concepts.index(SHORTCUT)] = at_cosine(dog / np.linalg.norm(dog), 0.99)
    store._arrays["concept_text_embedding"] = texts
    tuner = Tuner(store, demo.spec, History(":memory:"), penalties=demo.penalties)
    tuner.root()
    return tuner


def test_a_near_equal_word_of_the_class_is_no_suspect(same_text):
    assert SHORTCUT not in [each.concept for each in shift_of(same_text, "dog").suspects]


def test_a_near_equal_word_of_the_class_is_no_context_of_its_student(same_text):
    student = same_text.repairs.class_fit(same_text.head(), "dog")
    (context,) = contexts_of([student])
    assert context is None or context.concept != SHORTCUT


def test_a_near_equal_word_of_the_class_is_not_removed_with_another_concept(same_text):
    student = same_text.at(same_text.head(), "tune")["dog"]
    found = [group_of(same_text, student, each) for each in same_text.store.concepts]
    assert all(SHORTCUT not in group.twins[1:] for group in found if group)
