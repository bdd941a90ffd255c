"""What a second run takes over from the first, what it keeps in memory, and that it is alone."""

import multiprocessing
import os
import shutil

import numpy as np
import pytest
from precompute_factory import CONV, WORDS, photo_set, tiny_encoder

from inficond_panel.errors import StoreError
from inficond_panel.spec import load_spec
from precompute.lock import only_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with photos (one of them cannot be read), an encoder, a spec and its store."""
    pytest.importorskip("torch")
    import precompute

    folder = tmp_path_factory.mktemp("stages")
    photo_set(folder)
    (folder / "photos" / "images" / "00004.jpg").write_text("no image")
    tiny_encoder(folder / "encoder", CONV)
    precompute.run(load_spec(folder / "spec.yaml"), folder / "first.zarr")
    return folder


@pytest.fixture
def own(made, tmp_path):
    """A copy of it to change."""
    shutil.copytree(made, tmp_path / "own")
    return tmp_path / "own"


@pytest.mark.torch
@pytest.mark.parametrize("change", ["words", "prompts", "labels", "logits"])
def test_images_are_not_encoded_again_for_other_words_or_labels(own, tmp_path, change):
    import precompute

    if change == "words":
        (own / "words.txt").write_text("\n".join(["bell", *WORDS[1:], "saddle"]))
    elif change == "prompts":
        spec = own / "spec.yaml"
        spec.write_text(spec.read_text().replace("a drawing of", "a picture of"))
    else:
        path = own / ("photos/labels.csv" if change == "labels" else "logits.csv")
        head, first, *rest = path.read_text().splitlines()
        path.write_text("\n".join([head, f"{first.split(',')[0]},1,1", *rest]))
    spec, lines = load_spec(own / "spec.yaml"), []
    report = precompute.run(spec, own / "second.zarr", progress=lines.append)
    assert report.images_per_second is None
    assert not [line for line in lines if "encoded:" in line]
    assert any(f"taken from {own / 'first.zarr'}" in line for line in lines)
    anew = precompute.run(spec, tmp_path / "elsewhere" / "anew.zarr")
    assert anew.images_per_second
    assert report.content_hash == anew.content_hash
    assert report.skipped == anew.skipped == (("00004", anew.skipped[0][1]),)
    replaced = precompute.run(spec, own / "first.zarr")
    assert (replaced.changed, replaced.content_hash) == (True, anew.content_hash)
    assert not precompute.run(spec, own / "first.zarr").changed


@pytest.mark.torch
def test_other_pictures_or_a_damaged_store_are_encoded_again(own):
    import precompute

    spec = own / "spec.yaml"
    (own / "words.txt").write_text("\n".join(WORDS[::-1]))
    chunk = next(p for p in (own / "first.zarr" / "mask" / "c").rglob("*") if p.is_file())
    kept = chunk.read_bytes()
    chunk.write_bytes(b"spoilt")
    assert precompute.run(load_spec(spec), own / "a.zarr").images_per_second
    chunk.write_bytes(kept)
    shutil.rmtree(own / "a.zarr")
    spec.write_text(spec.read_text().replace("max_per_image: 4", "max_per_image: 5"))
    assert precompute.run(load_spec(spec), own / "a.zarr").images_per_second


@pytest.mark.torch
def test_a_store_that_changes_while_it_is_copied_is_not_used(own, monkeypatch):
    import precompute
    from precompute import pipeline

    def other(store, size):
        for batch in kept(store, size):
            yield {**batch, "mask": batch["mask"][::-1]} if "mask" in batch else batch

    kept = pipeline.stored_batches
    monkeypatch.setattr(pipeline, "stored_batches", other)
    (own / "words.txt").write_text("\n".join(WORDS[::-1]))
    with pytest.raises(StoreError, match=r"first\.zarr changed while it was read"):
        precompute.run(load_spec(own / "spec.yaml"), own / "second.zarr")
    assert not (own / "second.zarr").exists()


def test_large_arrays_stay_in_files(tmp_path):
    from precompute.encoded import LARGE, Gathered

    rng = np.random.default_rng(0)
    batches = [
        {
            "reason": np.array([""] * n),
            "embedding": rng.normal(size=(3 * n, 5)).astype(np.float16),
            "mask": rng.integers(0, 9, 7 * n).astype(np.uint8),
            "thumbnail": rng.integers(0, 256, 11 * n).astype(np.uint8),
        }
        for n in (2, 1, 4)
    ]
    (tmp_path / "mask.raw").write_bytes(b"of a run that was stopped")
    gathered = Gathered(tmp_path)
    for batch in batches:
        gathered.add(batch)
    arrays = gathered.arrays()
    assert gathered.reason.tolist() == [""] * 7
    for name in batches[0]:
        np.testing.assert_array_equal(arrays[name], np.concatenate([b[name] for b in batches]))
        assert isinstance(arrays[name], np.memmap) == (name in LARGE)


def test_a_second_run_on_the_same_store_is_told_who_has_it(tmp_path):
    store = tmp_path / "a.zarr"
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(store,))
    holder.start()
    flag = tmp_path / "held"
    while not flag.exists():
        holder.join(0.01)
        assert holder.is_alive()
    with pytest.raises(StoreError, match=f"being written by process {holder.pid} on ") as told:
        only_run(store).__enter__()
    assert "--store" in told.value.remedy
    with only_run(tmp_path / "b.zarr"):
        pass
    holder.kill()
    holder.join()
    with only_run(store):  # the lock went with its process
        assert str(os.getpid()) in (tmp_path / "a.zarr.lock").read_text()
    assert not list(tmp_path.glob("*.lock"))


def hold(store):
    with only_run(store):
        store.with_name("held").write_text("")
        multiprocessing.Event().wait()


def test_the_lock_ends_with_an_error_too(tmp_path):
    with pytest.raises(ZeroDivisionError), only_run(tmp_path / "a.zarr"):
        _ = 1 / 0
    with only_run(tmp_path / "a.zarr"):
        pass
