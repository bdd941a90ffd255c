"""Segments as a spec asks for them: keys, hashes, and whole runs."""

import numpy as np
import pytest
from PIL import Image
from precompute_factory import CONV, photo_set, tiny_encoder

from inficond_panel.errors import SpecError
from inficond_panel.spec import load_spec
from precompute.segments import settings_of

SEGMENTS = "segments: {max_per_image: 4}"


@pytest.fixture
def home(tmp_path):
    photo_set(tmp_path)
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "weights.safetensors").touch()
    return tmp_path


def spec_with(home, segments):
    text = (home / "spec.yaml").read_text()
    assert SEGMENTS in text
    (home / "own.yaml").write_text(text.replace(SEGMENTS, f"segments: {{{segments}}}"))
    return load_spec(home / "own.yaml")


def problems(home, segments):
    with pytest.raises(SpecError) as caught:
        spec_with(home, segments)
    return [problem.message for problem in caught.value.problems]


def test_a_head_that_is_trained_already_takes_no_settings(home):
    (home / "a.safetensors").touch()
    assert problems(home, "method: head, head: {checkpoint: a.safetensors, epochs: 3}") == [
        "concepts.segments.head.epochs: is not used with a checkpoint, which is already trained; "
        "leave it out"
    ]
    spec = spec_with(home, "method: head, head: {checkpoint: a.safetensors}")
    settings = settings_of(spec.concepts.segments)
    assert settings.head == str(home / "a.safetensors")
    before = settings.inputs()
    (home / "a.safetensors").write_bytes(b"other")
    assert settings.inputs() != before


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    pytest.importorskip("torch")
    pytest.importorskip("open_clip")
    folder = tmp_path_factory.mktemp("runs")
    photo_set(folder)
    tiny_encoder(folder / "encoder", CONV)
    return folder


def run_with(home, segments, name="own"):
    from precompute import run

    said = []
    spec = spec_with(home, segments)
    report = run(spec, home / f"{name}.zarr", progress=said.append)
    return report, said


@pytest.mark.torch
def test_masks_from_files_become_the_stores(runs):
    from inficond_panel.store import open_store

    folder = runs / "masks"
    folder.mkdir()
    for file in sorted((runs / "photos" / "images").iterdir()):
        with Image.open(file) as image:
            width, height = image.size
        mask = np.zeros((height, width), np.uint8)
        mask[:, width // 2 :] = 9
        Image.fromarray(mask).save(folder / f"{file.stem}.png")
    (folder / "00003.png").unlink()
    Image.new("L", (5, 5)).save(folder / "00004.png")
    run_with(runs, "method: file, max_per_image: 4, masks: masks", "masked")
    store = open_store(runs / "masked.zarr")
    assert "00003" not in list(store.images)
    assert "00004" not in list(store.images)
    assert np.bincount(store.segment_image).tolist() == [2] * (12 - 2)
    np.testing.assert_allclose(store.dataset["segment_box"][:, 3], 1)
    warnings = " ".join(store.attrs["warnings"])
    assert "no mask 00003.png" in warnings
    assert "the mask 00004.png is 5 x 5, the image" in warnings


@pytest.mark.torch
def test_a_head_is_trained_once_and_kept_beside_the_store(runs):
    keys = "method: head, max_per_image: 4, head: {images: 3, epochs: 1}"
    _, said = run_with(runs, keys, "first")
    head = runs / "first.head.safetensors"
    assert f"Wrote {head}" in said
    content = head.read_bytes()
    _, said = run_with(runs, keys, "first")
    assert said[-1].endswith("is up to date: nothing to do.")
    _, said = run_with(runs, keys + ", spatial: 3", "first")
    assert f"Reusing the segmentation head in {head}" in said
    _, said = run_with(runs, keys.replace("epochs: 1", "epochs: 2"), "first")
    assert f"Wrote {head}" in said
    assert head.read_bytes() != content
