"""From a spec to a store with a genuine, tiny open_clip model: values, faults, bits."""

import io
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image
from precompute_factory import CLASSES, CONV, SPEC, VIT, WORDS, photo_set, tiny_encoder

import precompute
from inficond_panel.common.threads import one_torch_thread
from inficond_panel.errors import DataError, SpecError, StoreError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from precompute.batches.picture_properties import picture_properties
from precompute.encoder import load_encoder
from precompute.segments import settings_of
from precompute.segments.label_maps import unit

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.server]


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
    assert (store.classes, store.concepts) == (list(CLASSES), list(WORDS))
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
    assert store.read("picture").tolist() == [each.key for each in PICTURE_PROPERTIES]
    for image, values in zip(store.images, store.picture_property, strict=True):
        with Image.open(home / "photos" / "images" / f"{image}.jpg") as photo:
            np.testing.assert_array_equal(values, picture_properties(photo.convert("RGB")))


def test_segments_are_means_of_the_encoders_cells(home):
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
    (told,) = [line for line in lines if "00004" in line and "Warning" in line]
    assert told.startswith("Warning: skipped 5 images that cannot be read: 00001: ")
    rows = [whole.images.index(name) for name in store.images]
    assert len(rows) == 7
    np.testing.assert_array_equal(store.label, whole.label[rows])
    np.testing.assert_array_equal(store.teacher_logit, whole.teacher_logit[rows])
    np.testing.assert_array_equal(store.picture_property, whole.picture_property[rows])
    np.testing.assert_allclose(store.concept_score, whole.concept_score[rows], atol=1e-3)
    again = precompute.run(spec, own / "a.zarr")
    assert not again.changed
    assert again.skipped == report.skipped


def test_each_map_is_told_before_it_is_made(own):
    spec, lines = load_spec(own / "spec.yaml"), []
    precompute.run(spec, own / "a.zarr", progress=lines.append)
    methods = sorted(spec.concepts.projections.methods)
    told = [line.split(" by ")[1] for line in lines if line.startswith("Map ")]
    assert told == methods


def test_a_place_that_cannot_be_written_stops_the_run(own):
    spec = load_spec(own / "spec.yaml")
    with pytest.raises(StoreError, match="cannot be written") as told:
        precompute.run(spec, own / "words.txt" / "a.zarr")
    assert "--store" in told.value.remedy


def test_too_many_bad_photos_stop_the_run(own):
    spec = load_spec(own / "spec.yaml")
    for i in range(7):
        (own / "photos" / "images" / f"{i:05d}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot be read: so far 7 of 12.*0\.5.*00000: ") as told:
        precompute.run(spec, own / "a.zarr")
    assert "max_bad_share" in told.value.remedy
    assert not (own / "a.zarr").exists()


def test_a_damaged_store_is_written_again(home, own):
    shutil.copytree(home / "whole.zarr", own / "a.zarr")
    chunk = next(path for path in (own / "a.zarr" / "label" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(b"spoilt")
    assert precompute.run(load_spec(own / "spec.yaml"), own / "a.zarr").changed
    open_store(own / "a.zarr").verify()


def spec_with(folder, segments):
    text = SPEC.replace("segments: {max_per_image: 4}", f"segments: {{{segments}}}")
    assert text != SPEC
    (folder / "own.yaml").write_text(text)
    return load_spec(folder / "own.yaml")


def test_a_head_that_is_trained_already_takes_no_settings(own):
    (own / "a.safetensors").touch()
    with pytest.raises(SpecError, match=r"head.epochs: is not used with a checkpoint, which is al"):
        spec_with(own, "method: head, head: {checkpoint: a.safetensors, epochs: 3}")
    spec = spec_with(own, "method: head, head: {checkpoint: a.safetensors}")
    settings = settings_of(spec.concepts.segments)
    assert settings.head == str(own / "a.safetensors")
    before = settings.inputs()
    (own / "a.safetensors").write_bytes(b"other")
    assert settings.inputs() != before


def run_with(folder, segments):
    said = []
    precompute.run(spec_with(folder, segments), folder / "own.zarr", progress=said.append)
    return said


def test_masks_from_files_become_the_stores(own):
    folder = own / "masks"
    folder.mkdir()
    for file in (own / "photos" / "images").iterdir():
        with Image.open(file) as image:
            mask = np.zeros(image.size[::-1], np.uint8)
        mask[:, mask.shape[1] // 2 :] = 9
        Image.fromarray(mask).save(folder / f"{file.stem}.png")
    (folder / "00003.png").unlink()
    Image.new("L", (5, 5)).save(folder / "00004.png")
    run_with(own, "method: file, max_per_image: 4, masks: masks")
    store = open_store(own / "own.zarr")
    assert not {"00003", "00004"} & set(store.images)
    assert np.bincount(store.segment_image).tolist() == [2] * (12 - 2)
    np.testing.assert_allclose(store.dataset["segment_box"][:, 3], 1)
    warnings = " ".join(store.attrs["warnings"])
    assert "no mask 00003.png" in warnings
    assert "the mask 00004.png is 5 x 5, the image" in warnings


def test_a_head_is_trained_once_and_kept_beside_the_store(own):
    keys, head = "method: head, max_per_image: 4, head: {images: 3, epochs: 1}", "own.head"
    assert f"Wrote {own / head}.safetensors" in run_with(own, keys)
    content = (own / f"{head}.safetensors").read_bytes()
    assert run_with(own, keys)[-1].endswith("is up to date: nothing to do.")
    said = run_with(own, f"{keys}, spatial: 3")
    assert f"Reusing the segmentation head in {own / head}.safetensors" in said
    said = run_with(own, keys.replace("epochs: 1", "epochs: 2"))
    assert f"Wrote {own / head}.safetensors" in said
    assert (own / f"{head}.safetensors").read_bytes() != content


RUN = """
import sys, precompute
from inficond_panel.spec import load_spec
spec, store, threads = sys.argv[1:]
print(precompute.run(load_spec(spec), store, workers=int(threads)).content_hash)
"""


def test_a_store_has_the_same_bits_whatever_the_threads(tmp_path):
    """The encoder is large enough for torch to divide its sums."""
    photo_set(tmp_path)
    tiny_encoder(tmp_path / "encoder", {**VIT, "layers": 3, "width": 256, "head_width": 64}, 224)
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.replace("image_size: 96, batch: 3", "image_size: 224, batch: 4"))
    here = precompute.run(load_spec(spec), tmp_path / "a.zarr", workers=1)
    command = [sys.executable, "-c", RUN, spec, tmp_path / "b" / "a.zarr", "3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "5"}
    there = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert here.content_hash == there.stdout.split()[-1]


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_torch_has_one_thread_in_each_thread_until_the_last_has_left(two_threads):
    seen = []
    barrier = threading.Barrier(2)

    def work():
        with one_torch_thread():
            barrier.wait()
            seen.append(torch.get_num_threads())
            barrier.wait()

    other = threading.Thread(target=work)
    with one_torch_thread():
        other.start()
        barrier.wait()
        assert torch.get_num_threads() == 1
        barrier.wait()
        other.join()
        assert torch.get_num_threads() == 1
    assert seen == [1]
    assert torch.get_num_threads() == 2
