"""Small photo sets and tiny open_clip models with random weights, made on the fly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from inficond_panel.spec.sections.encoder import OpenClipEncoder

CLASSES = ("bicycle", "train")
WORDS = ("wheel", "rail", "sky", "grass", "window")
CONV = {"timm_model_name": "test_resnet", "timm_pool": "avg", "timm_proj": "linear"}
VIT = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
RESNET = {"layers": [1, 1, 1, 1], "width": 8, "head_width": 32}

SPEC = """\
title: Tiny
dataset:
  kind: table
  root: photos
  labels: labels.csv
  max_bad_share: 0.5
  splits: {fit: fit.txt, tune: {from: test.txt, share: 0.5, seed: 3}, holdout: rest}
concepts:
  corpus: words.txt
  prompts: ["a photo of a {}", "a drawing of a {}"]
  encoder: {model: encoder, pretrained: encoder/weights.safetensors, image_size: 96, batch: 3}
  segments: {max_per_image: 4}
  thumbnails: {size: 48}
teacher: {kind: logits, path: logits.csv}
"""
#: The teacher of ``SPEC``, and others that take its line.
TABLE = "teacher: {kind: logits, path: logits.csv}\n"
TIMM = (
    "teacher:\n  kind: timm\n  model: test_resnet\n  pretrained: mine.pt\n"
    "  preprocessing: {size: [64, 64], crop: 0}\n"
)
HEAD = "teacher: {kind: head, folds: 2, l2: 0.1}\n"


def photo_folder(folder: Path) -> Path:
    """Sixteen photos, an encoder, and weights of the teacher ``TIMM``."""
    import timm
    import torch

    photo_set(folder, 16)
    tiny_encoder(folder / "encoder", CONV)
    torch.manual_seed(0)
    torch.save(timm.create_model("test_resnet", num_classes=2).state_dict(), folder / "mine.pt")
    return folder


def tiny_encoder(folder: Path, vision: dict, image_size: int = 64, **more: Any) -> OpenClipEncoder:
    """Write an open_clip model with random weights; return the section that names it.

    ``more`` goes into the model's configuration.
    """
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    text = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    sizes = {"embed_dim": 24, "vision_cfg": {**vision, "image_size": image_size}}
    model = {**sizes, "text_cfg": text, **more}
    preprocess = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "resize_mode": "squash"}
    config = {"model_cfg": model, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    built = open_clip.create_model(f"local-dir:{folder}")
    state = {name: value.contiguous() for name, value in built.state_dict().items()}
    for name, value in state.items():  # what starts at 0 would hide mistakes
        if value.is_floating_point() and not value.any():
            state[name] = 0.1 * torch.randn_like(value)
    save_file(state, folder / "weights.safetensors")
    return OpenClipEncoder(model=folder, pretrained=folder / "weights.safetensors")


def photo(seed: int, size: tuple[int, int] = (80, 60)) -> Image.Image:
    """Three coloured areas with a little noise."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 256, (3, 3))
    width, height = size
    area = (np.arange(width)[None] * 2 // width) + (np.arange(height)[:, None] * 2 // height) // 1
    pixels = colours[area % 3] + rng.normal(0, 8, (height, width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def photo_set(folder: Path, count: int = 12) -> list[str]:
    """Photos, labels, lists and a teacher's logits below ``folder``; ids have leading zeros."""
    images = folder / "photos" / "images"
    images.mkdir(parents=True)
    ids = [f"{i:05d}" for i in range(count)]
    rng = np.random.default_rng(1)
    for i, name in enumerate(ids):
        photo(i, (80, 60) if i % 3 else (50, 90)).save(images / f"{name}.jpg")
    label = np.array([[i % 2, (i // 2) % 2] for i in range(count)])
    write_table(folder / "photos" / "labels.csv", ids, label)
    write_table(
        folder / "logits.csv", ids, np.round(4 * label - 2 + rng.normal(size=label.shape), 3)
    )
    (folder / "photos" / "fit.txt").write_text("\n".join(ids[: count // 2]))
    (folder / "photos" / "test.txt").write_text("\n".join(ids[count // 2 :]))
    (folder / "words.txt").write_text("\n".join(WORDS))
    (folder / "spec.yaml").write_text(SPEC)
    return ids


def write_table(path: Path, ids: list[str], values: np.ndarray, columns=CLASSES) -> None:
    """A CSV with ``image_id`` and a column per class."""
    rows = [",".join(["image_id", *columns])]
    rows += [",".join([name, *map(str, row)]) for name, row in zip(ids, values, strict=True)]
    path.write_text("\n".join(rows) + "\n")


def dataset_section(folder: Path, text: str, check_files: bool = False) -> Any:
    """The section ``dataset`` of a spec in ``folder``, from its YAML."""
    from inficond_panel.spec import load_spec

    itself = "dataset.yaml"  # a file that is there
    rest = f"concepts: {{corpus: {itself}, encoder: {{model: m, pretrained: p}}}}\n"
    rest += f"teacher: {{path: {itself}}}\n"
    indented = "\n".join(f"  {line}" for line in text.strip().splitlines())
    (folder / "dataset.yaml").write_text(f"title: T\ndataset:\n{indented}\n{rest}")
    return load_spec(folder / "dataset.yaml", check_files).dataset


class NumpyEncoder:
    """An encoder without torch: places are random projections of the colours around them."""

    name, size, embed = "numpy", (64, 64), 24
    preprocessing: ClassVar = {"size": [64, 64]}

    def __init__(self) -> None:
        self.runs = 0
        self._project = np.random.default_rng(0).normal(size=(3 * 16 * 16, self.embed))

    def prepare(self, image: Image.Image) -> np.ndarray:
        small = np.asarray(image.resize(self.size), dtype=np.float32)
        return (small / 127.5 - 1).transpose(2, 0, 1)

    def dense(self, images: np.ndarray) -> np.ndarray:
        self.runs += 1
        blocks = images.reshape(len(images), 3, 4, 16, 4, 16).transpose(0, 2, 4, 1, 3, 5)
        return (blocks.reshape(len(images), 4, 4, -1) @ self._project).astype(np.float32)

    def embed_text(self, texts: list[str]) -> np.ndarray:
        seeds = [[*text.encode()] for text in texts]
        vectors = np.array([np.random.default_rng(s).normal(size=self.embed) for s in seeds])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def without_torch(monkeypatch) -> NumpyEncoder:
    """Let precompute use a ``NumpyEncoder``; return it."""
    encoder = NumpyEncoder()
    monkeypatch.setattr("precompute.batches.run._LOADED", {})
    for module in ("batches.run", "pipeline.stages"):
        monkeypatch.setattr(f"precompute.{module}.load_encoder", lambda *_: encoder)
    return encoder


def named_encoder(folder: Path) -> None:
    """Files that a spec can name where the encoder is a ``NumpyEncoder``."""
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text("{}")
    (folder / "weights.safetensors").write_bytes(b"weights")


def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int) -> np.ndarray:
    """Attention by hand, on arrays ``(..., places, width)``: the heads' outputs side by side."""
    from scipy.special import softmax

    q, k, v = (np.stack(np.split(x, heads, -1), -3) for x in (query, key, value))
    seen = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]), axis=-1) @ v
    return np.concatenate(list(np.moveaxis(seen, -3, 0)), -1)
