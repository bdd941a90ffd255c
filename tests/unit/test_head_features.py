"""Heads' features and segments of a photo come from one reading, and one run where they can."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from precompute_factory import HEAD, SPEC, TABLE, VIT, photo_set, tiny_encoder

import precompute
from inficond_panel import open_students
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from precompute.datasets import load_dataset
from precompute.pipeline.plan import plan

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.torch

SPEC = SPEC.replace("  thumbnails", "  projections: {methods: [pca]}\n  thumbnails")
OWN_SIZE = SPEC.replace("image_size: 96, ", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photo_set(tmp_path, 13)
    tiny_encoder(tmp_path / "encoder", VIT)
    return tmp_path


@pytest.fixture
def seen(monkeypatch) -> Counter:
    """Number of readings of photos, and of photos that enter an image tower."""
    counts: Counter = Counter()

    def counting(section):
        dataset = load_dataset(section)

        def read(row):
            counts["read"] += 1
            return dataset.load(row)

        return replace(dataset, load=read)

    def entering(module, args):
        # the first layer of the towers: of three channels
        if isinstance(module, torch.nn.Conv2d) and module.in_channels == 3:
            counts["run"] += len(args[0])

    monkeypatch.setattr("precompute.pipeline.inputs.load_dataset", counting)
    handle = torch.nn.modules.module.register_module_forward_pre_hook(entering)
    yield counts
    handle.remove()


def made(folder: Path, spec: str, teacher: str):
    (folder / "spec.yaml").write_text(spec.replace(TABLE, teacher))
    spec = load_spec(folder / "spec.yaml")
    precompute.run(spec, spec.store, workers=2)
    return open_store(spec.store)


def test_heads_on_the_larger_photos_are_run_once(folder, seen):
    own = "{model: encoder, pretrained: encoder/weights.safetensors, image_size: 96, batch: 3}"
    made(folder, SPEC, HEAD.replace("kind: head", f"kind: head, encoder: {own}"))
    assert seen == {"read": 2 * 13, "run": 13}  # read for copies, and to encode them


@pytest.mark.parametrize("spec", [OWN_SIZE, SPEC], ids=["own size", "another size"])
def test_the_store_is_the_same_to_the_bit_where_the_features_come_later(folder, seen, spec):
    (folder / "together").mkdir()
    for name in ("encoder", "photos", "words.txt", "logits.csv"):
        (folder / "together" / name).symlink_to(folder / name)
    together = made(folder / "together", spec, HEAD)
    seen.clear()
    made(folder, spec, TABLE)
    assert seen == {"read": 2 * 13, "run": 13}
    seen.clear()
    later = made(folder, spec, HEAD)
    assert seen == {"read": 13, "run": 13}  # the segments are there
    assert later.attrs["variable_hashes"] == together.attrs["variable_hashes"]


def test_photos_that_cannot_be_read_and_twins(folder, seen):
    images = folder / "photos" / "images"
    (images / "00009.jpg").write_text("no image")
    (images / "00004.jpg").write_bytes((images / "00005.jpg").read_bytes())
    store = made(folder, OWN_SIZE, HEAD)
    assert seen["run"] == 11
    rows = [store.images.index(name) for name in ("00004", "00005")]
    np.testing.assert_array_equal(*store.teacher_feature[rows])
    assert np.isfinite(store.teacher_feature).all()
    assert len(store.images) == 12


def test_too_few_labels_are_told_before_a_photo_is_read(folder, seen):
    fit = folder / "photos" / "fit.txt"
    fit.write_text("\n".join(fit.read_text().split()[:2]))
    with pytest.raises(DataError, match="A head needs two images with and two without"):
        made(folder, OWN_SIZE, HEAD)
    assert seen == {}


def test_the_plan_tells_which_photos_go_together(folder, seen):
    (folder / "spec.yaml").write_text(OWN_SIZE.replace(TABLE, HEAD))
    spec = load_spec(folder / "spec.yaml")
    found = plan(spec, spec.store)
    stages = {stage.name: stage for stage in found.stages}
    assert (stages["segments"].photos, stages["teacher"].photos) == (13, 0)
    assert stages["teacher"].beside == 13
    lines = list(found.lines())
    assert "teacher      runs, 13 photos as they are encoded for segments" in lines
    seen.clear()
    sampled = {stage.name: stage for stage in plan(spec, spec.store, sample=True).stages}
    assert sampled["segments"].seconds > 0
    assert sampled["teacher"].seconds is None
    assert seen["run"] == 6  # one batch, twice
    made(folder, OWN_SIZE, TABLE)
    (folder / "spec.yaml").write_text(OWN_SIZE.replace(TABLE, HEAD))
    stages = {stage.name: stage for stage in plan(spec, spec.store).stages}
    assert (stages["teacher"].photos, stages["teacher"].beside) == (13, 0)


@pytest.mark.parametrize(("spec", "runs"), [(OWN_SIZE, 1), (SPEC, 2)])
def test_a_new_photo_is_run_once_too(folder, seen, spec, runs):
    store = made(folder, spec, HEAD)
    students = open_students(folder / "spec.yaml").fit()
    seen.clear()
    rows = store.rows("tune")
    files = [folder / "photos" / "images" / f"{store.images[row]}.jpg" for row in rows]
    found = students.predict_images(files)
    batches = -(-len(rows) // 3)
    assert seen["run"] == 3 * batches + (runs - 1) * len(rows)  # segments' batches are full
    logits = found.table["teacher_logit"].unstack(sort=False).to_numpy(float)
    np.testing.assert_allclose(logits, store.teacher_logit[rows], atol=1e-4)
