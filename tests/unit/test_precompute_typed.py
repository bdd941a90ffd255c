"""A typed concept against a run of precompute with that word in the corpus; ways of scoring."""

import shutil

import numpy as np
import pytest
from precompute_factory import CONV, WORDS, photo_set, tiny_encoder

from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.opening import add_concept

LINE = "red bus, scarlet coach"
METHODS = {
    "max_cosine": "",
    "contrast": "  scores: {method: contrast, temperature: 0.05}\n",
    "centred": "  scores: {method: centred}\n",
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder with photos (one of them cannot be read), an encoder and a spec."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("typed")
    photo_set(folder)
    (folder / "photos" / "images" / "00002.jpg").write_text("no image")
    tiny_encoder(folder / "encoder", CONV)
    return folder


def computed(folder, words, scores):
    """Store of other words, scored otherwise, in the folder."""
    import precompute

    (folder / "words.txt").write_text("\n".join(words))
    spec = folder / "spec.yaml"
    text = (folder / "plain.yaml").read_text()
    spec.write_text(text.replace("  segments:", f"{scores}  segments:"))
    precompute.run(load_spec(spec), folder / "spec.zarr")
    return open_store(folder / "spec.zarr")


@pytest.fixture
def own(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "own")
    (tmp_path / "own" / "spec.yaml").rename(tmp_path / "own" / "plain.yaml")
    return tmp_path / "own"


@pytest.mark.torch
@pytest.mark.parametrize("method", METHODS)
def test_it_equals_a_run_with_the_word_in_the_corpus(own, method):
    from precompute.encoder import load_text_encoder

    whole = computed(own, [*WORDS, LINE], METHODS[method])
    assert whole.attrs["synonyms"] == {"red bus": ["scarlet coach"]}
    assert whole.attrs["scores"]["method"] == method
    read = {name: getattr(whole, name) for name in ("concept_score", "segment_concept")}
    text, positions = whole.concept_text_embedding, whole.concept_projection
    computed(own, WORDS, METHODS[method])
    spec = load_spec(own / "spec.yaml")
    shutil.rmtree(own / "photos")  # no photo is read
    tuner = open_tuner(own / "spec.yaml", history=own / "x.sqlite")
    found = add_concept(tuner, LINE, load_text_encoder(spec.concepts.encoder)).store
    assert found.concepts == [*WORDS, "red bus"]
    np.testing.assert_allclose(found.concept_text_embedding, text, atol=1e-5)
    np.testing.assert_array_equal(found.segment_concept, read["segment_concept"])
    if method == "centred":  # on the means without the word
        assert np.corrcoef(found.concept_score[:, 5], read["concept_score"][:, 5])[0, 1] > 0.9
    else:
        np.testing.assert_allclose(
            found.concept_score[:, 5], read["concept_score"][:, 5], atol=1e-5
        )
    if method == "max_cosine":
        np.testing.assert_allclose(found.concept_score, read["concept_score"], atol=1e-5)
    assert found.concept_projection.shape == positions.shape
    assert np.isfinite(found.concept_projection).all()


@pytest.mark.torch
def test_segments_are_placed_unless_the_spec_says_none(own):
    store = computed(own, WORDS, "")
    assert store.segment_projection.shape == (2, len(store.segment_image), 2)
    assert np.isfinite(store.segment_projection).all()
    none = computed(own, WORDS, "  projections: {segments: 0}\n")
    assert not none.has("segment_projection")
    few = computed(own, WORDS, "  projections: {segments: 7}\n")
    assert (~np.isnan(few.segment_projection[:, :, 0])).sum(1).tolist() == [7, 7]
