"""Heads' features and segments of a photo come from one reading, and one run where they can."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from precompute_factory import CONV, SPEC, VIT, photo_set, tiny_encoder

import precompute
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from precompute.datasets import load_dataset

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.torch

TABLE = "teacher: {kind: logits, path: logits.csv}\n"
HEAD = "teacher: {kind: head, folds: 2, l2: 0.1}\n"
OWN_SIZE = SPEC.replace("image_size: 96, ", "")


@pytest.fixture(params=[CONV, VIT], ids=["timm", "vit"])
def folder(request, tmp_path: Path) -> Path:
    photo_set(tmp_path, 13)
    tiny_encoder(tmp_path / "encoder", request.param)
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


def made(folder: Path, spec: str, teacher: str, said: list[str] | None = None, workers: int = 2):
    (folder / "spec.yaml").write_text(spec.replace(TABLE, teacher))
    spec = load_spec(folder / "spec.yaml")
    progress = (lambda _: None) if said is None else said.append
    precompute.run(spec, spec.store, progress=progress, workers=workers)
    return open_store(spec.store)


def test_at_the_encoders_own_size_a_photo_is_read_and_run_once(folder, seen):
    store = made(folder, OWN_SIZE, HEAD)
    assert seen == {"read": 13, "run": 13}
    assert store.teacher_feature.shape == (13, 24)


def test_at_another_size_a_photo_is_read_once(folder, seen):
    made(folder, SPEC, HEAD)
    assert seen == {"read": 13, "run": 26}


def test_a_size_said_that_is_the_encoders_own_is_run_once_too(folder, seen):
    made(folder, SPEC.replace("image_size: 96", "image_size: 64"), HEAD)
    assert seen == {"read": 13, "run": 13}


def test_heads_on_the_larger_photos_are_run_once(folder, seen):
    own = "encoder: {model: encoder, pretrained: encoder/weights.safetensors, image_size: 96, batch: 3}"
    made(folder, SPEC, HEAD.replace("kind: head", f"kind: head, {own}"))
    assert seen == {"read": 13, "run": 13}


@pytest.mark.parametrize("spec", [OWN_SIZE, SPEC], ids=["own size", "another size"])
def test_the_store_is_the_same_to_the_bit_where_the_features_come_later(folder, seen, spec):
    (folder / "together").mkdir()
    for name in ("encoder", "photos", "words.txt", "logits.csv"):
        (folder / "together" / name).symlink_to(folder / name)
    together = made(folder / "together", spec, HEAD)
    seen.clear()
    made(folder, spec, TABLE)
    assert seen == {"read": 13, "run": 13}
    seen.clear()
    later = made(folder, spec, HEAD)
    assert seen == {"read": 13, "run": 13}  # the segments are there
    assert later.attrs["variable_hashes"] == together.attrs["variable_hashes"]
