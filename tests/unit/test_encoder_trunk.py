"""The encoder as the trunk of a pocket: its features, and when it is the usual trunk."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("timm")

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from inficond_panel.tuning import open_tuner
from precompute.encoder import load_encoder
from precompute.teachers.teacher import section_with
from precompute.teachers.trunk import ENCODER, LITE0, TrunkName, load_trunk, usual_trunk

pytestmark = [pytest.mark.torch]

SIDE = 128


@pytest.fixture(scope="module")
def demo():
    return open_tuner("demo", history=":memory:")


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_the_features_are_the_average_and_the_best_windows(demo):
    """The demo's scores are centred cosines: `inficond docs concepts`."""
    section, store = demo.spec.concepts.encoder, demo.store
    pixels = np.random.default_rng(0).standard_normal((2, 3, SIDE, SIDE)).astype(np.float32)
    (cells, other) = load_encoder(section_with(section, image_size=SIDE)).dense(pixels)
    rows, columns, _ = cells.shape
    centre, centre_of_texts = store.score_centre
    texts = unit(store.concept_text_embedding - centre_of_texts)
    expected = [cells.mean((0, 1))]
    for side in (1, 2, 3):
        windows = [
            unit(unit(cells[row : row + side, column : column + side].mean((0, 1))) - centre)
            for row in range(rows - side + 1)
            for column in range(columns - side + 1)
        ]
        expected.append((np.array(windows) @ texts.T).max(axis=0))
    trunk = load_trunk(TrunkName.of(ENCODER, SIDE), section, store=store)
    found = trunk.features(pixels)
    np.testing.assert_allclose(found[0], np.concatenate(expected), atol=1e-4)
    np.testing.assert_allclose(found[1, : len(other[0, 0])], other.mean((0, 1)), atol=1e-4)


def test_a_photo_of_two_places_has_the_windows_that_fit(demo):
    section, store = demo.spec.concepts.encoder, demo.store
    trunk = load_trunk(TrunkName.of(ENCODER, 64), section, store=store)  # a grid of 2 x 2
    assert trunk.outputs == 64 + 2 * len(store.concepts)


def test_trunks_of_other_concepts_are_others(demo):
    section = demo.spec.concepts.encoder
    names = TrunkName.of(ENCODER, SIDE)
    fewer = type("Fewer", (), {"__getattr__": lambda self, name: getattr(demo.store, name)})()
    fewer.concept_text_embedding = demo.store.concept_text_embedding[:9]
    digests = {load_trunk(names, section, store=of).digest for of in (demo.store, fewer)}
    assert len(digests) == 2


def test_the_trunk_of_a_typed_concept_is_another_than_of_one_of_the_corpus(demo, monkeypatch):
    """By contrast a typed concept competes with the corpus, which does not compete with it."""
    section, names = demo.spec.concepts.encoder, TrunkName.of(ENCODER, SIDE)
    pixels = np.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE)).astype(np.float32)
    store = type("Contrast", (), {"__getattr__": lambda self, name: getattr(demo.store, name)})()
    store.attrs = {**demo.store.attrs, "scores": {"method": "contrast", "temperature": 0.1}}
    of_corpus = load_trunk(names, section, store=store)
    corpus = SimpleNamespace(concepts=demo.store.concepts[:-1])
    monkeypatch.setattr("precompute.encoder.matching.base_of", lambda _: corpus)
    typed = load_trunk(names, section, store=store)
    assert not np.allclose(of_corpus.features(pixels), typed.features(pixels))
    assert of_corpus.digest != typed.digest


@pytest.mark.parametrize(("side", "name"), [(384, ENCODER), (1024, LITE0)])
def test_the_cheaper_one_is_the_usual_trunk(side, name, demo):
    """The demo's encoder takes a third of the other's multiplications at 384 pixels, and seven
    times as many at 1024."""
    section = section_with(demo.spec.concepts.encoder, image_size=side)
    found, sentence = usual_trunk(section, demo.store)
    assert found == name
    assert "at its own size it takes" in sentence  # another one may be asked for


def test_without_an_encoder_of_its_own_a_spec_has_the_trunk_of_a_package(demo):
    assert isinstance(demo.spec.concepts.encoder, OpenClipEncoder)
    assert usual_trunk(None, demo.store)[0] == LITE0


def test_an_encoder_that_cannot_be_loaded_is_not_the_usual_trunk(demo):
    lost = demo.spec.concepts.encoder.model_copy(update={"pretrained": "nowhere.safetensors"})
    name, sentence = usual_trunk(lost, demo.store)
    assert (name, "nowhere.safetensors" in sentence) == (LITE0, True)


def test_the_encoder_is_no_trunk_for_a_store_of_another(demo):
    other = type("Other", (), {"__getattr__": lambda self, name: getattr(demo.store, name)})()
    other.attrs = {**demo.store.attrs, "encoder_digest": "0" * 64}
    with pytest.raises(DataError, match="made with another encoder"):
        load_trunk(TrunkName.of(ENCODER, SIDE), demo.spec.concepts.encoder, store=other)
