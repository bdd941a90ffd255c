"""``precompute`` makes the classes' own words next to a store, also later; the store stays."""

import json
import shutil
from unittest.mock import Mock

import numpy as np
import pytest
import zarr
from precompute_factory import (
    CLASSES,
    NumpyEncoder,
    named_encoder,
    photo,
    photo_set,
    without_torch,
    write_table,
)

import precompute
from inficond_panel.cli import main
from inficond_panel.concepts.own_words import own_word, own_words, without_word, words_path
from inficond_panel.concepts.random_words import random_words, random_words_path
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.store.more_photos import AllImages
from inficond_panel.store.write import only_run
from precompute.pipeline.own_words import synset_names

pytestmark = pytest.mark.commands


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with 12 photos, a spec, its store and the words next to it."""
    folder = tmp_path_factory.mktemp("words")
    photo_set(folder)
    named_encoder(folder / "encoder")
    with pytest.MonkeyPatch.context() as patch:
        without_torch(patch)
        precompute.run(load_spec(folder / "spec.yaml"), folder / "spec.zarr")
    return folder


@pytest.fixture
def own(made, tmp_path, monkeypatch):
    without_torch(monkeypatch)
    shutil.copytree(made, tmp_path / "own")
    return tmp_path / "own"


def run(folder, lines=None):
    said = [] if lines is None else lines
    return precompute.run(
        load_spec(folder / "spec.yaml"), folder / "spec.zarr", progress=said.append
    )


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def vector(texts, prompts):
    """Unit vector of the mean over texts and prompts."""
    filled = [prompt.replace("{}", text) for text in texts for prompt in prompts]
    mean = NumpyEncoder().embed_text(filled).astype(float).mean(axis=0)
    return mean / np.linalg.norm(mean)


def largest(store, text):
    """Score of each image by its definition: max(0, largest cosine of its segments)."""
    cosine = store.segment_embedding.astype(float) @ text
    owners = [store.segment_image == image for image in range(len(store.images))]
    return np.array([max(0.0, *cosine[own]) if own.any() else 0.0 for own in owners])


@pytest.mark.parametrize("name", CLASSES)
def test_the_vector_is_the_names_in_the_specs_prompts(made, name):
    expected = vector([name], ["a photo of a {}", "a drawing of a {}"])
    np.testing.assert_allclose(
        own_word(open_store(made / "spec.zarr"), name).text, expected, atol=1e-6
    )


@pytest.mark.parametrize("name", CLASSES)
def test_the_scores_are_the_largest_cosines(made, name):
    store = open_store(made / "spec.zarr")
    expected = largest(store, vector([name], ["a photo of a {}", "a drawing of a {}"]))
    np.testing.assert_allclose(own_word(store, name).scores, expected, atol=1e-6)


def test_synonyms_are_part_of_the_vector(own):
    for table in ("photos/labels.csv", "logits.csv"):
        replace(own / table, "bicycle", "diningtable")
        replace(own / table, "train", "motorbike")
    run(own)
    expected = vector(["motorbike", "motorcycle"], ["a photo of a {}", "a drawing of a {}"])
    text = own_word(open_store(own / "spec.zarr"), "motorbike").text
    np.testing.assert_allclose(text, expected, atol=1e-6)


def test_an_existing_store_gets_its_words_later(own):
    before = open_store(own / "spec.zarr").content_hash
    shutil.rmtree(own / "spec.words")
    report = run(own)
    assert (report.changed, report.words, report.content_hash) == (False, CLASSES, before)


def test_words_made_later_have_the_same_bits(own):
    first = own_words(open_store(own / "spec.zarr")).content_hash
    shutil.rmtree(own / "spec.words")
    run(own)
    assert own_words(open_store(own / "spec.zarr")).content_hash == first


def test_words_made_later_encode_no_photo(own, monkeypatch):
    encoder = without_torch(monkeypatch)
    shutil.rmtree(own / "spec.words")
    run(own)
    assert encoder.runs == 0


def test_a_store_with_its_words_is_up_to_date(own):
    lines = []
    assert run(own, lines).words == ()
    assert lines[-1].endswith("is up to date: nothing to do.")


def test_other_prompts_replace_the_words(own):
    replace(own / "spec.yaml", "a drawing of a {}", "a picture of a {}")
    run(own)
    store = open_store(own / "spec.zarr")
    expected = vector(["train"], ["a photo of a {}", "a picture of a {}"])
    np.testing.assert_allclose(own_word(store, "train").text, expected, atol=1e-6)
    kept = {words_path(store).name, random_words_path(store).name}
    assert {path.name for path in (own / "spec.words").iterdir()} == kept


def test_a_run_makes_as_many_random_words_as_concepts(made):
    store = open_store(made / "spec.zarr")
    assert len(random_words(store)[0]) == len(store.concepts)


def test_an_existing_store_gets_its_random_words_later(own):
    shutil.rmtree(random_words_path(open_store(own / "spec.zarr")))
    report = run(own)
    assert (report.changed, report.random_words) == (False, len(open_store(report.store).concepts))


def test_random_words_made_later_have_the_same_bits(own):
    path = random_words_path(open_store(own / "spec.zarr"))
    first = open_store(path).content_hash
    shutil.rmtree(path)
    run(own)
    assert open_store(path).content_hash == first


def test_another_corpus_gets_other_random_words(own):
    before = random_words_path(open_store(own / "spec.zarr"))
    replace(own / "words.txt", "wheel", "anchor")
    run(own)
    assert not before.exists()
    assert random_words(open_store(own / "spec.zarr")) is not None


def test_the_plan_tells_of_random_words_to_be_made(own):
    shutil.rmtree(random_words_path(open_store(own / "spec.zarr")))
    plan = precompute.plan(load_spec(own / "spec.yaml"), own / "spec.zarr")
    assert "random words" in "\n".join(plan.lines())


def test_other_words_of_the_corpus_keep_the_words(own):
    before = own_words(open_store(own / "spec.zarr")).content_hash
    replace(own / "words.txt", "wheel", "saddle")
    assert run(own).words == ()
    assert own_words(open_store(own / "spec.zarr")).content_hash == before


def test_a_class_that_the_corpus_lists_has_its_concept(own):
    replace(own / "words.txt", "wheel", "Trains")
    run(own)
    assert own_word(open_store(own / "spec.zarr"), "train").concept == 0


def spoil_group(words):
    (words / "zarr.json").write_text("{")


def spoil_score(words):
    zarr.open_group(words)["concept_score"][0, 0] = 0.5


@pytest.mark.parametrize("spoil", [spoil_group, spoil_score])
def test_damaged_words_are_made_again(own, spoil):
    spoil(words_path(open_store(own / "spec.zarr")))
    assert run(own).words == CLASSES
    assert without_word(open_store(own / "spec.zarr")) == []


def test_a_class_without_letters_has_no_word(own):
    for table in ("photos/labels.csv", "logits.csv"):
        replace(own / table, "bicycle", "17")
    shutil.rmtree(own / "spec.words")
    assert run(own).words == ("train",)
    assert without_word(open_store(own / "spec.zarr")) == ["17"]


class Short(NumpyEncoder):
    """An encoder whose context is too short for *bicycle*."""

    def embed_text(self, texts):
        if any("bicycle" in text for text in texts):
            raise DataError("The encoder reads 3 tokens.", "Shorten the texts.")
        return super().embed_text(texts)


@pytest.fixture
def short(own, monkeypatch):
    monkeypatch.setattr("precompute.batches.run._LOADED", {})
    monkeypatch.setattr("precompute.pipeline.stages.load_encoder", lambda *_: Short())
    shutil.rmtree(own / "spec.words")
    return own


def test_a_name_too_long_for_the_encoder_is_told(short):
    lines = []
    assert run(short, lines).words == ("train",)
    assert any("'bicycle' has no own word: The encoder reads 3" in line for line in lines)


def test_a_name_too_long_for_the_encoder_is_not_tried_again(short):
    run(short)
    lines = []
    run(short, lines)
    assert lines[-1].endswith("is up to date: nothing to do.")


def test_words_that_cannot_be_written_are_a_warning(own, monkeypatch):
    shutil.rmtree(own / "spec.words")
    (own / "spec.words").write_text("a file in their place")
    lines = []
    assert run(own, lines).words == ()
    assert any(line.startswith("Warning: words next to the store were not made") for line in lines)


def test_words_wait_for_another_run_of_the_store(own):
    shutil.rmtree(own / "spec.words")
    lines = []
    with only_run(own / "spec.zarr"):
        assert run(own, lines).words == ()
    assert any("is being written by" in line for line in lines)


def test_the_plan_tells_of_words_to_be_made(own):
    shutil.rmtree(own / "spec.words")
    plan = precompute.plan(load_spec(own / "spec.yaml"), own / "spec.zarr")
    assert "2 classes without own word: bicycle, train" in "\n".join(plan.lines())


def test_the_command_tells_that_words_were_made(own, monkeypatch, capsys):
    shutil.rmtree(own / "spec.words")
    monkeypatch.chdir(own)
    main(["precompute", "spec.yaml"])
    assert "unchanged; own words of 2 classes made next to it" in capsys.readouterr().out


class Named(NumpyEncoder):
    """The encoder of a store with this ``digest``."""

    def __init__(self, digest):
        super().__init__()
        self.digest = digest


@pytest.fixture
def wordless(own, monkeypatch):
    """A folder whose store has no words; the command finds the store's encoder."""
    shutil.rmtree(own / "spec.words")
    encoder = Named(open_store(own / "spec.zarr").attrs["encoder_digest"])
    actions = "inficond_panel.commands.concept.concept_actions"
    monkeypatch.setattr(f"{actions}.text_encoder", lambda _: encoder)
    monkeypatch.chdir(own)
    return own


def test_the_command_makes_the_words_of_a_precompute_run(made, wordless):
    main(["concept", "words", "spec.yaml"])
    words = [own_words(open_store(folder / "spec.zarr")) for folder in (made, wordless)]
    assert words[0].content_hash == words[1].content_hash


def test_the_command_needs_the_store_alone(wordless):
    shutil.rmtree(wordless / "photos")
    main(["concept", "words", "spec.yaml"])
    assert without_word(open_store(wordless / "spec.zarr")) == []


def test_the_command_tells_how_many_words_there_are(wordless, capsys):
    main(["concept", "words", "spec.yaml"])
    concepts = len(open_store(wordless / "spec.zarr").concepts)
    expected = f"own words: 2 of 2 classes\nrandom words: {concepts}\n"
    assert capsys.readouterr().out == expected


def test_the_command_prints_what_was_made_as_json(wordless, capsys):
    main(["concept", "words", "spec.yaml", "--json"])
    document = json.loads(capsys.readouterr().out)
    concepts = len(open_store(wordless / "spec.zarr").concepts)
    words = {"made": [*CLASSES], "without_own_word": [], "random_words_made": concepts}
    assert document == words


def test_the_command_refuses_another_encoder(wordless, monkeypatch, capsys):
    actions = "inficond_panel.commands.concept.concept_actions"
    monkeypatch.setattr(f"{actions}.text_encoder", lambda _: Named("other"))
    assert main(["concept", "words", "spec.yaml"]) == 1
    assert "another encoder" in capsys.readouterr().err


def test_the_command_loads_no_encoder_when_no_word_is_lacking(own, monkeypatch):
    monkeypatch.chdir(own)
    actions = "inficond_panel.commands.concept.concept_actions"
    monkeypatch.setattr(f"{actions}.text_encoder", Mock(side_effect=AssertionError))
    assert not main(["concept", "words", "spec.yaml"])


def info(capsys, *more):
    main(["info", "spec.yaml", *more])
    return capsys.readouterr().out


def test_info_tells_for_how_many_classes_the_word_is_known(own, monkeypatch, capsys):
    monkeypatch.chdir(own)
    assert "2 of 2 classes" in info(capsys)


def test_info_tells_which_classes_lack_a_word(own, monkeypatch, capsys):
    monkeypatch.chdir(own)
    shutil.rmtree(own / "spec.words")
    assert json.loads(info(capsys, "--json"))["store"]["without_own_word"] == [*CLASSES]


def test_info_tells_how_words_are_made(own, monkeypatch, capsys):
    monkeypatch.chdir(own)
    shutil.rmtree(own / "spec.words")
    assert "inficond concept words spec.yaml" in info(capsys)


def test_info_checks_the_hashes_of_the_words(own, monkeypatch, capsys):
    monkeypatch.chdir(own)
    chunks = words_path(open_store(own / "spec.zarr")) / "concept_score" / "c"
    file = next(path for path in chunks.rglob("*") if path.is_file())
    file.write_bytes(file.read_bytes()[:-1])
    assert main(["info", "spec.yaml"]) == 1
    assert "concept_score" in capsys.readouterr().err


def test_check_tells_of_words_to_be_made(own, monkeypatch, capsys):
    monkeypatch.chdir(own)
    shutil.rmtree(own / "spec.words")
    main(["check", "spec.yaml"])
    assert "lacks the own words of 2 classes: bicycle, train" in capsys.readouterr().err


def test_added_photos_have_scores_by_the_words(own):
    (own / "new").mkdir()
    photo(50).save(own / "new" / "p50.png")
    write_table(own / "new.csv", ["p50"], np.array([[0.5, -0.5]]))
    precompute.extend(
        load_spec(own / "spec.yaml"), own / "spec.zarr", [own / "new"], logits=own / "new.csv"
    )
    images = AllImages(open_store(own / "spec.zarr"))
    [part] = images.more.stores
    expected = largest(part, vector(["train"], ["a photo of a {}", "a drawing of a {}"]))
    scores = own_word(open_store(own / "spec.zarr"), "train").scores_at(images, images.added)
    np.testing.assert_allclose(scores, expected, atol=1e-6)


@pytest.mark.torch
def test_a_synset_of_imagenet_has_its_names():
    pytest.importorskip("timm")
    names = synset_names(["n01440764", "crane (n03126707)", "dog", "n99999999"])
    assert names == {"n01440764": "tench, Tinca tinca", "n03126707": "crane"}
