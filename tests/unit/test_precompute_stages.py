"""A second run takes over stages of the first, keeps little in memory, and is alone."""

import multiprocessing
import os
import shutil

import pytest
from precompute_factory import CONV, WORDS, photo_set, tiny_encoder

from inficond_panel.errors import StoreError
from inficond_panel.spec import load_spec
from inficond_panel.store.write import only_run


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
