"""Which listed concepts are a class's word: by name, plural or synonym; one notion for all uses."""

import numpy as np
import pandas as pd
import pytest
from factory import ATTRS, shift_of, small_arrays
from histories import make_tuner
from worded import worded_store

from inficond_panel import from_frames
from inficond_panel.concepts.class_names import letters_of
from inficond_panel.concepts.own_words import class_words, classes_by_word, own_word, words_path
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import open_store, write_store
from inficond_panel.tuning.suggest.baselines import contexts_of
from inficond_panel.tuning.thumbs import Intent
from inficond_panel.tuning.two_worlds import correlated_concepts
from inficond_panel.views.knowledge.view import KnowledgeView

pytestmark = pytest.mark.page


def store_of(folder, classes, concepts):
    """A store of tables with these names of classes and concepts."""
    rng = np.random.default_rng(0)
    ids = [f"{i:03d}" for i in range(60)]
    score = rng.random((60, len(concepts)))
    logit = rng.normal(size=(60, len(classes)))
    split = np.array(["fit", "fit", "tune", "holdout"])[np.arange(60) % 4]
    path = folder / "named.zarr"
    from_frames(
        scores=pd.DataFrame(score, index=ids, columns=concepts),
        logits=pd.DataFrame(logit, index=ids, columns=classes),
        labels=pd.DataFrame((logit > 0).astype(int), index=ids, columns=classes),
        split=pd.Series(split, ids),
        path=path,
    )
    return open_store(path)


#: A class, a concept, and whether the concept is the class's word.
CASES = [
    ("truck", "truck", True),
    ("truck", "Trucks", True),
    ("truck", "lorry", True),
    ("traffic_light", "traffic light", True),
    ("diningtable", "dining table", True),
    ("dining table", "table", False),  # more than dining tables
    ("pottedplant", "potted plants", True),
    ("pottedplant", "plant", False),
    ("motorcycle", "motorbike", True),  # by the table of synonyms
    ("motorbike", "Motorcycles", True),
    ("tvmonitor", "television", True),
    ("tv", "tvmonitor", True),
    ("couch", "sofa", True),
    ("buses", "bus", True),
    ("bus", "buses", True),
    ("knife", "knives", True),
    ("person", "people", True),
    ("bench", "benches", True),
    ("strawberry", "strawberries", True),
    ("17", "17", True),
    ("001.Black_footed_Albatross", "black footed albatross", True),
    ("tench, Tinca tinca", "tinca tinca", True),
    ("truck", "car", False),
    ("person", "son", False),
    ("cattle", "cat", False),
    ("chair", "hair", False),
    ("skateboard", "board", False),
    ("hot dog", "dog", False),
    ("bus", "bus stop", False),
    ("wine glass", "glas", False),
    ("?", "!", False),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request, tmp_path_factory):
    """A store of a class and a concept, the class, and whether the concept is the class's word."""
    class_name, concept, is_word = request.param
    folder = tmp_path_factory.mktemp("case")
    return store_of(folder, [class_name, "zzz"], ["wheel", concept, "wing"]), class_name, is_word


def test_a_concept_is_a_class_s_word_by_name_plural_or_synonym(case):
    store, class_name, is_word = case
    assert class_words(store, class_name) == ([1] if is_word else [])


def test_a_listed_own_word_is_one_of_the_class_s_words(case):
    store, class_name, is_word = case
    assert (own_word(store, class_name) is not None) == is_word


def test_a_concept_belongs_to_the_class_whose_word_it_is(case):
    store, _, is_word = case
    assert classes_by_word(store) == ({1: 0} if is_word else {})


def with_synonyms(folder, synonyms):
    arrays = small_arrays(images=40)
    arrays["class_name"] = np.array(["truck", "car", *arrays["class_name"][2:]])
    concepts = [str(name) for name in arrays["concept"]]
    arrays["concept"] = np.array(["lorry", "wheel", "truck", *concepts[3:]])
    write_store(folder / "synonyms.zarr", arrays, {**ATTRS, "synonyms": synonyms})
    return open_store(folder / "synonyms.zarr")


def test_a_synonym_of_a_concept_names_the_class(tmp_path):
    store = with_synonyms(tmp_path, {"wheel": ["trucks"]})
    assert class_words(store, "truck") == [2, 1, 0]


def test_the_own_word_is_the_first_of_the_words(tmp_path):
    store = with_synonyms(tmp_path, {"wheel": ["trucks"]})
    assert own_word(store, "truck").concept == 2


def test_a_concept_that_two_classes_have_belongs_to_the_one_of_its_name(tmp_path):
    store = store_of(tmp_path, ["lorry", "truck"], ["truck", "wheel"])
    assert classes_by_word(store) == {0: 1}


def with_damaged_words(folder):
    store = worded_store(folder / "own.zarr")
    (words_path(store) / "zarr.json").write_text("{}")
    return open_store(store.path)


def test_damaged_words_leave_the_listed_words(tmp_path):
    assert class_words(with_damaged_words(tmp_path), "tv monitor") == []


def test_damaged_words_leave_the_suspects(tmp_path):
    tuner = make_tuner(with_damaged_words(tmp_path), tmp_path)
    assert shift_of(tuner, "bicycle").kind


def test_damaged_words_leave_the_page(tmp_path):
    app = AppState(make_tuner(with_damaged_words(tmp_path), tmp_path), Jobs(inline=True))
    view = KnowledgeView(app)
    app.selection.class_name = "bicycle"
    assert view.table.rows


def test_a_raised_synonym_is_no_correlation(tmp_path):
    store = store_of(tmp_path, ["motorcycle", "person"], ["motorbike", "road"])
    raised = [Intent("motorcycle", "motorbike", "up", 2.0)]
    assert correlated_concepts(raised, store) == ()


def test_the_context_of_a_student_is_no_synonym_of_its_class(tmp_path):
    rng = np.random.default_rng(1)
    ids = [f"{i:03d}" for i in range(200)]
    score = rng.random((200, 3))
    score[:, 1] = score[:, 0] + 0.01 * rng.random(200)
    logit = pd.DataFrame(9 * (score[:, :1] - 0.5) + score[:, 2:], index=ids, columns=["sofa"])
    students = from_frames(
        scores=pd.DataFrame(score, index=ids, columns=["sofa", "couch", "cushion"]),
        logits=logit,
        labels=(logit > 0).astype(int),
        split=pd.Series(np.array(["fit", "tune"])[np.arange(200) % 2], ids),
        path=tmp_path / "own.zarr",
    )
    tuner = students.tuner
    (found,) = contexts_of([tuner.repairs.class_fit(tuner.root(), "sofa")])
    assert found.concept == "cushion"


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        ("school bus", "school buses"),
        ("berry", "berries"),
        ("cookie", "cookies"),
        ("horse", "horses"),
        ("glass", "glasses"),
        ("box", "boxes"),
        ("tomato", "tomatoes"),
        ("wolf", "wolves"),
        ("tie", "ties"),
        ("pie", "pies"),
        ("sky", "skies"),
        ("snow woman", "snow women"),
        ("kitchen knife", "Kitchen-Knives"),
    ],
)
def test_a_plural_has_the_letters_of_its_singular(singular, plural):
    assert letters_of(plural) == letters_of(singular)


@pytest.mark.parametrize(
    ("one", "other"), [("ski", "sky"), ("bus", "bug"), ("glass", "gla"), ("cave", "cafe")]
)
def test_other_words_have_other_letters(one, other):
    assert letters_of(one) != letters_of(other)
