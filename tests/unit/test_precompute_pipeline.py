"""From a spec to a store with a genuine, tiny open_clip model."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image
from precompute_factory import CLASSES, CONV, SPEC, WORDS, photo_set, tiny_encoder

import precompute
from inficond_panel.errors import DataError, StoreError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.vocabulary.pictures import PICTURE_PROPERTIES
from precompute.batches.pictures import picture_properties
from precompute.segments import unit

pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with photos, an encoder, a spec, and the store made from them in one go."""
    folder = tmp_path_factory.mktemp("tiny")
    photo_set(folder)
    tiny_encoder(folder / "encoder", CONV)
    spec = load_spec(folder / "spec.yaml")
    precompute.run(spec, folder / "whole.zarr")
    return folder


@pytest.fixture
def own(home, tmp_path):
    """The same inputs in a folder of one's own, to be spoilt."""
    (tmp_path / "encoder").symlink_to(home / "encoder")
    photo_set(tmp_path)
    return tmp_path


def test_the_store_holds_what_a_naive_loop_computes(home):
    store = open_store(home / "whole.zarr")
    store.verify()
    assert store.classes == list(CLASSES)
    assert store.concepts == list(WORDS)
    assert store.images[0] == "00000"
    assert [len(store.rows(split)) for split in ("fit", "tune", "holdout")] == [6, 3, 3]
    text = store.concept_text_embedding
    expected = np.zeros_like(store.concept_score)
    for s, i in enumerate(store.segment_image):
        cosines = [float(store.segment_embedding[s].astype(float) @ t) for t in text]
        expected[i] = np.maximum(expected[i], cosines)
        assert cosines[store.segment_concept[s]] == pytest.approx(max(cosines), abs=1e-6)
        assert store.segment_cosine[s] == pytest.approx(max(cosines), abs=1e-6)
    np.testing.assert_allclose(store.concept_score, expected, atol=1e-6)
    assert not list(home.glob("*.partial"))


def test_the_store_holds_the_properties_of_each_picture(home):
    store = open_store(home / "whole.zarr")
    assert store.read("picture").tolist() == [each.key for each in PICTURE_PROPERTIES]
    for image, values in zip(store.images, store.picture_property, strict=True):
        with Image.open(home / "photos" / "images" / f"{image}.jpg") as photo:
            np.testing.assert_array_equal(values, picture_properties(photo.convert("RGB")))


def test_segments_are_means_of_the_encoders_cells(home):
    from precompute.encoder import load_encoder

    store, spec = open_store(home / "whole.zarr"), load_spec(home / "spec.yaml")
    encoder = load_encoder(spec.concepts.encoder)
    assert store.attrs["preprocessing"] == encoder.preprocessing
    for i, name in enumerate(store.images):
        image = Image.open(home / "photos" / "images" / f"{name}.jpg")
        cells = encoder.dense(encoder.prepare(image)[None])[0]
        mask = store.mask(i)
        own = store.segments_of(i)
        assert np.unique(mask).tolist() == list(range(1, len(own) + 1))
        centres = mask[np.ix_(*(((np.arange(3) + 0.5) * n / 3).astype(int) for n in mask.shape))]
        for number, s in enumerate(own, 1):
            mean = unit(cells[centres == number].mean(0))
            np.testing.assert_allclose(store.segment_embedding[s], mean, atol=2e-3)
        small = Image.open(io.BytesIO(store.thumbnail(i)))
        assert max(small.size) == 48
        assert (small.height, small.width) == mask.shape


def test_bad_photos_are_skipped_and_named(home, own):
    images = own / "photos" / "images"
    (images / "00001.jpg").write_bytes((images / "00001.jpg").read_bytes()[:300])
    (images / "00004.jpg").write_text("no image")
    for i in (9, 10, 11):
        (images / f"{i:05d}.jpg").unlink()  # a whole batch
    lines = []
    spec = load_spec(own / "spec.yaml")
    report = precompute.run(spec, own / "a.zarr", progress=lines.append)
    reasons = dict(report.skipped)
    assert sorted(reasons) == ["00001", "00004", "00009", "00010", "00011"]
    assert "truncated" in reasons["00001"].lower()
    assert reasons["00010"] == "no such file"
    store, whole = open_store(own / "a.zarr"), open_store(home / "whole.zarr")
    assert [list(pair) for pair in report.skipped] == store.attrs["skipped"]
    assert any("00004" in line and "Warning" in line for line in lines)
    rows = [whole.images.index(name) for name in store.images]
    assert len(rows) == 7
    np.testing.assert_array_equal(store.label, whole.label[rows])
    np.testing.assert_array_equal(store.teacher_logit, whole.teacher_logit[rows])
    np.testing.assert_array_equal(store.picture_property, whole.picture_property[rows])
    np.testing.assert_allclose(store.concept_score, whole.concept_score[rows], atol=1e-3)
    again = precompute.run(spec, own / "a.zarr")
    assert not again.changed
    assert again.skipped == report.skipped


def test_too_many_bad_photos_stop_the_run(own):
    for i in range(7):
        (own / "photos" / "images" / f"{i:05d}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot be read: 7 of 12.*0\.5.*00000: ") as told:
        precompute.run(load_spec(own / "spec.yaml"), own / "a.zarr")
    assert "max_bad_share" in told.value.remedy
    assert not (own / "a.zarr").exists()


@pytest.mark.parametrize("what", ["labels", "logits", "words", "photo", "factor"])
def test_what_matters_changes_the_inputs_hash(home, own, what):
    from precompute.pipeline.inputs import read_inputs

    def hash_now():
        return read_inputs(load_spec(own / "spec.yaml"), lambda _: None).inputs_hash

    before = hash_now()
    assert before == open_store(home / "whole.zarr").attrs["inputs_hash"]
    if what == "labels":
        path = own / "photos" / "labels.csv"
        path.write_text(path.read_text().replace("00000,0,0", "00000,1,0"))
    elif what == "logits":
        path = own / "logits.csv"
        path.write_text(path.read_text().replace("00000,-", "00000,-1"))
    elif what == "words":
        (own / "words.txt").write_text("\n".join(WORDS[::-1]))
    elif what == "photo":
        Image.new("RGB", (20, 20)).save(own / "photos" / "images" / "00003.jpg")
    else:
        (own / "spec.yaml").write_text(SPEC + "tuning: {factor: 3}\n")
    assert (hash_now() == before) == (what == "factor")


def test_a_folder_that_cannot_be_written_is_told(own):
    (own / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written") as told:
        precompute.run(load_spec(own / "spec.yaml"), own / "file" / "a.zarr")
    assert "--store" in told.value.remedy


def test_a_damaged_store_is_written_again(home, own):
    shutil.copytree(home / "whole.zarr", own / "a.zarr")
    chunk = next(path for path in (own / "a.zarr" / "label" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(b"spoilt")
    report = precompute.run(load_spec(own / "spec.yaml"), own / "a.zarr")
    assert report.changed
    open_store(own / "a.zarr").verify()
