"""A small store whose teacher is a network in a file, with the photos that it was run on."""

from __future__ import annotations

from functools import cache

import numpy as np
from factory import ATTRS, small_arrays
from onnx_networks import HEIGHT, WIDTH, golden, network
from PIL import Image

from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import open_store, write_store

CLASSES = ("bicycle", "tv monitor", "sheep", "bird")
SPEC = """\
title: Small network
store: small.zarr
dataset:
  kind: table
  root: data
  labels: labels.csv
  splits: {{fit: fit.txt, tune: tune.txt, holdout: holdout.txt}}
concepts: {{corpus: words.txt, encoder: {{model: m, pretrained: p}}}}
{teacher}
students: {{lambda: 1.0e-4}}
tuning: {{refit: {refit}}}
"""
STEPS = f"preprocessing: {{size: [{WIDTH}, {HEIGHT}], mean: [0, 0, 0], std: [1, 1, 1]}}"
ONNX = "teacher: {kind: onnx, path: network.onnx, " + STEPS + "}"


def photos_of(arrays) -> np.ndarray:
    """Photos (n, height, width, 3): red shows the concept 'leaf', green the first class."""
    rng = np.random.default_rng(4)
    count = len(arrays["image"])
    colour = rng.uniform(60, 190, (count, 3))
    score = arrays["concept_score"][:, list(arrays["concept"]).index("leaf")]
    colour[:, 0] += 20 * (score - score.mean()) / score.std()
    colour[:, 1] += 30 * (arrays["label"][:, 0] == 1)
    noise = rng.normal(0, 6, (count, HEIGHT, WIDTH, 3))
    return np.clip(colour[:, None, None] + noise, 0, 255).astype(np.uint8)


def pixels_of(photos: np.ndarray) -> np.ndarray:
    """Input (n, 3, height, width) of the network."""
    return np.ascontiguousarray(photos.transpose(0, 3, 1, 2) / np.float32(255), dtype=np.float32)


@cache
def _arrays() -> dict[str, np.ndarray]:
    return small_arrays(classes=len(CLASSES))


@cache
def _data() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Arrays, photos, and logits of the network of ``onnx_networks``."""
    arrays = _arrays()
    photos = photos_of(arrays)
    return arrays, photos, golden(pixels_of(photos), classes=len(CLASSES))


def network_spec(folder, *, teacher=ONNX, logits=None, refit="target", **form):
    """Write photos, their store and a spec; without ``logits`` the teacher is an ONNX file whose
    ``form`` is that of ``onnx_networks.network``. Return the spec's path."""
    arrays, shown, own = _data()
    if logits is None:
        model = network(classes=len(CLASSES), **form)
        (folder / "network.onnx").write_bytes(model.SerializeToString())
    arrays = {**arrays, "teacher_logit": np.asarray(own if logits is None else logits, np.float32)}
    write_store(folder / "small.zarr", arrays, ATTRS)
    data = folder / "data"
    (data / "images").mkdir(parents=True)
    for name, photo in zip(arrays["image"], shown, strict=True):
        Image.fromarray(photo).save(data / "images" / f"{name}.png")
    table = [",".join(["image_id", *CLASSES])]
    table += [",".join([name, *map(str, row)])
              for name, row in zip(arrays["image"], arrays["label"], strict=True)]  # fmt: skip
    (data / "labels.csv").write_text("\n".join(table).replace("-1", "") + "\n")
    for split in ("fit", "tune", "holdout"):
        names = arrays["image"][arrays["split"] == split]
        (data / f"{split}.txt").write_text("\n".join(names) + "\n")
    (folder / "words.txt").write_text("\n".join(arrays["concept"]) + "\n")
    spec = folder / "small.yaml"
    spec.write_text(SPEC.format(teacher=teacher, refit=refit))
    return spec


def encoded_spec(folder):
    """As ``network_spec``; the encoder of the spec and of its store is the demo's, whose weights
    are in the tree, with vectors of its width."""
    spec, demo = network_spec(folder), load_spec(find_spec("demo"))
    encoder, attrs = demo.concepts.encoder, open_store(demo.store).attrs
    made = f"model: {encoder.model}, pretrained: {encoder.pretrained}"
    spec.write_text(spec.read_text().replace("model: m, pretrained: p", made))
    arrays = {**_data()[0]}
    for name in ("concept_text_embedding", "segment_embedding"):
        width = open_store(demo.store).concept_text_embedding.shape[1] - arrays[name].shape[1]
        arrays[name] = np.pad(arrays[name], ((0, 0), (0, width)))
    of_encoder = {name: attrs[name] for name in ("encoder", "encoder_digest", "prompts")}
    write_store(folder / "small.zarr", arrays, {**ATTRS, **of_encoder})
    return spec
