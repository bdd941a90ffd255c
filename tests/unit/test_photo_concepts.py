"""Concepts made of example photos, and typed ones against a run with the word in the corpus."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, EMBED, small_arrays, spec_text
from precompute_factory import CONV, WORDS, photo_set, tiny_encoder

from inficond_panel.common.folders import DiskFolder
from inficond_panel.concepts.scoring import Scoring, score_corpus, vector_of_photos
from inficond_panel.concepts.typed import TypedFolder, concept_of_photos, extended
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import open_store, write_store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.opening import add_concept, concept_title, typed_of
from inficond_panel.tuning.shift import class_shift, shift_photos
from inficond_panel.views.knowledge.view import KnowledgeView
from precompute.encoder import load_text_encoder

pytestmark = [pytest.mark.commands, pytest.mark.page]

#: Of each photo the one segment that has no word, or its background.
CONTEXT = np.eye(EMBED)[EMBED - 1]


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """Every photo shows something without a word or not: with the class in fit, by chance in tune.

    The teacher takes it for the class.
    """
    arrays = small_arrays(images=600, concepts=12, classes=1)
    rng = np.random.default_rng(1)
    fit, label = arrays["split"] == "fit", arrays["label"][:, 0] == 1
    shows = np.where(fit, label ^ (rng.random(600) < 0.05), rng.random(600) < 0.4)
    image, first = np.unique(arrays["segment_image"], return_index=True)
    embedding = arrays["segment_embedding"].copy()
    embedding[:, -1] = 0
    shown = first[shows[image]]
    embedding[shown] = CONTEXT + 0.1 * rng.normal(size=(len(shown), EMBED))
    arrays["segment_embedding"] = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    arrays["concept_text_embedding"][:, -1] = 0
    arrays["teacher_logit"] = arrays["teacher_logit"] + 4.0 * (shows[:, None] - 0.5)
    return {**arrays, "shows": shows}


@pytest.fixture(scope="module")
def written(arrays, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    text = arrays["concept_text_embedding"].astype(np.float32)
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    embedding = arrays["segment_embedding"].astype(np.float16)
    scored = score_corpus(embedding, arrays["segment_image"], text, images=600)
    every = {name: values for name, values in arrays.items() if name != "shows"}
    every |= {"concept_text_embedding": text, "concept_score": scored.score}
    every |= {"segment_concept": scored.concept, "segment_cosine": scored.cosine}
    write_store(folder / "small.zarr", every, {**ATTRS, "scores": {"method": "max_cosine"}})
    (folder / "small.yaml").write_text(spec_text())
    return folder


@pytest.fixture
def spec(written, tmp_path, monkeypatch):
    monkeypatch.setenv("INFICOND_HISTORY", str(tmp_path / "own.history.sqlite"))
    return written / "small.yaml"


@pytest.fixture(scope="module")
def store(written):
    return open_store(written / "small.zarr")


@pytest.fixture(scope="module")
def examples(store, arrays) -> list[str]:
    rows = store.rows("tune")
    return [store.images[row] for row in rows[arrays["shows"][rows]][:6]]


def test_the_vector_of_a_case_worked_by_hand():
    """40 segments: 20 backgrounds e0, 15 others e1, and in each of the 5 examples one e2.

    Mean (20, 15, 5)/40. To the mean of the examples, (1, 0, 1)/2: (0, -3, 3)/8, of unit length
    (0, -1, 1)/√2. Nearest to that is e2, and from the mean to it (-4, -3, 7)/8, of length √74/8.
    """
    background, other, shown = np.eye(3)
    examples = [np.stack([background, shown])] * 5
    every = np.concatenate([*examples, *[np.stack([background, other])] * 15])
    expected = np.array([0, -1, 1]) / np.sqrt(2) + np.array([-4, -3, 7]) / np.sqrt(74)
    expected /= np.linalg.norm(expected)
    found = vector_of_photos(examples, every, Scoring())
    np.testing.assert_allclose(found, expected, atol=1e-7)
    texts = np.array([0.3, -0.2, 0.5])
    centred = Scoring("centred", centre=np.stack([every.mean(0), texts]))
    placed = vector_of_photos(examples, every, centred)
    assert np.linalg.norm(placed) == pytest.approx(1)
    along = (placed - texts) / np.linalg.norm(placed - texts)
    np.testing.assert_allclose(along, expected, atol=1e-6)


def test_order_and_repeats_of_photos_do_not_matter_and_it_is_read_again(store, examples, tmp_path):
    one = concept_of_photos(store, "harness", examples)
    other = concept_of_photos(store, "harness", examples[::-1] * 2)
    assert one == replace(other, made="")
    assert one.photos == tuple(examples)
    np.testing.assert_array_equal(one.text, other.text)
    assert one != concept_of_photos(store, "harness", examples[:5])
    with pytest.raises(DataError, match=r"There is no image '0000021'\. Did you mean"):
        concept_of_photos(store, "harness", [*examples, "0000021"])
    folder = TypedFolder(DiskFolder(tmp_path / "x.concepts"))
    typed = one
    folder.add(typed)
    (read,) = folder.read(store)
    assert read == typed
    assert extended(store, [read]).content_hash == extended(store, [typed]).content_hash
    assert extended(store, [read]).attrs["typed_photos"] == {"harness": examples}
    assert concept_title(read) == "harness (from 6 photos)"


def test_the_context_without_a_word_is_the_first_suspect(spec, examples):
    tuner = open_tuner(spec)
    found = class_shift(shift_photos(tuner, tuner.head(), "bicycle"))
    assert found.kind == "shift"
    more = add_concept(tuner, "harness", images=examples)
    first = class_shift(shift_photos(more, more.head(), "bicycle")).suspects[0]
    assert first.concept == "harness"
    assert first.fit > first.tune + 1
    assert more.root_id != tuner.root_id


def test_the_command_needs_no_encoder(spec, run, examples, tmp_path):
    _, out, _ = run("concept", "add", spec, "harness", "--images", *examples)
    assert out.startswith("Added harness (from 6 photos): scores")
    assert "nearest concepts: " in out
    first = open_tuner(spec).root_id
    assert run("concept", "remove", spec, "harness")[0] == 0
    (tmp_path / "ids.txt").write_text("image_id\n" + "\n".join(examples))
    run("concept", "add", spec, "harness", "--images", tmp_path / "ids.txt")
    assert open_tuner(spec).root_id == first
    document = json.loads(run("concept", "list", spec, "--json")[1])
    assert document["typed"][0]["photos"] == examples
    assert "harness  harness       6" in run("info", spec)[1]
    status, _, err = run("concept", "add", spec, "strap", "--images", "no such file")
    assert (status, "There is no file no such file" in err) == (1, True)


def test_on_the_page_it_is_made_of_the_photos_with_a_tag(spec, store, examples):
    app = AppState(open_tuner(spec), Jobs(inline=True))
    view = KnowledgeView(app)
    assert view.table.typing["tags"] == {}
    rows = [store.images.index(image) for image in examples]
    app.tags.put(rows, "strapped")
    app.tags.put(rows[:4], "few")
    assert view.table.typing["tags"] == {"strapped": 6}
    view.act({"action": "add", "text": "harness", "tag": "few"})
    assert app.concepts.status.text.startswith("A concept is made of at least 5 example photos")
    view.act({"action": "add", "text": "harness", "tag": "strapped"})
    assert app.concepts.outcome[0].startswith("Added harness (from 6 photos): scores")
    (typed,) = typed_of(app.concepts.tuner.store)
    assert typed.photos == tuple(examples)


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
    (folder / "spec.yaml").rename(folder / "plain.yaml")
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
    return shutil.copytree(photos, tmp_path / "own")


@pytest.mark.torch
@pytest.mark.parametrize("method", METHODS)
def test_it_equals_a_run_with_the_word_in_the_corpus(own, method):
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
    mine, of_word = found.concept_score[:, 5], read["concept_score"][:, 5]
    if method == "centred":  # on the means without the word
        assert np.corrcoef(mine, of_word)[0, 1] > 0.9
    else:
        np.testing.assert_allclose(mine, of_word, atol=1e-5)
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
