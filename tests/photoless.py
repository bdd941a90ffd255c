"""Stores without photos of which the product has much to say: of captions, and of a table.

In both *dog* goes with *ball* in fit only, and with *man* everywhere; *owl* is too rare to judge.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd

import precompute
from inficond_panel import from_frames
from inficond_panel.spec import load_spec

WORDS = ["fur", "tail", "ball", "man", "feather", "grass", "road", "sky"]
CLASSES = ["dog", "owl"]
SPEC = """\
title: Captions
dataset:
  kind: columns
  root: .
  table: captions.csv
  captions: caption
  labels: [dog, owl]
  metadata: [site]
  splits:
    fit: {column: split, value: fit}
    tune: {column: split, value: tune}
    holdout: {column: split, value: holdout}
concepts: {corpus: words.txt, scores: {method: words}}
teacher: {kind: head}
"""


def captions_spec(folder: Path, images: int = 1600) -> Path:
    """A spec of captions, with its store beside it."""
    shown, label, split, site = _images(images)
    with (folder / "captions.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "caption", *CLASSES, "site", "split"])
        for i in range(images):
            words = [word for word, there in zip(WORDS, shown[i], strict=True) if there]
            caption = f"a picture of {' and '.join(words)}"
            rows.writerow([i, caption, *label[i].astype(int), site[i], split[i]])
    (folder / "words.txt").write_text("\n".join([*WORDS, "picture"]))
    (folder / "captions.yaml").write_text(SPEC)
    spec = load_spec(folder / "captions.yaml")
    precompute.run(spec, spec.store)
    return spec.path


def table_store(folder: Path, images: int = 1600) -> Path:
    """A store of scores from a table, without captions."""
    shown, label, split, site = _images(images)
    rng = np.random.default_rng(1)
    ids = [f"{i:04d}" for i in range(images)]
    from_frames(
        scores=pd.DataFrame(shown.astype(float), ids, WORDS),
        logits=pd.DataFrame(6.0 * label - 3 + rng.normal(size=label.shape), ids, CLASSES),
        labels=pd.DataFrame(label.astype(int), ids, CLASSES),
        split=pd.Series(split, ids),
        metadata=pd.DataFrame({"site": site}, ids),
        path=folder / "table.zarr",
    )
    return folder / "table.zarr"


def _images(images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Which words each image shows ``(n, word)``, its labels ``(n, class)``, split and site."""
    rng = np.random.default_rng(0)
    split = np.resize(["fit", "fit", "tune", "holdout"], images)
    dog, owl = rng.random(images) < 0.4, np.arange(images) % 400 == 1
    ball = np.where(split == "fit", 0.85, 0.4)
    likely = {"fur": (0.75, 0.15), "tail": (0.6, 0.2), "ball": (ball, 0.1), "man": (0.8, 0.2)}
    likely |= dict.fromkeys(("grass", "road", "sky"), (0.3, 0.3))
    chance = [
        np.where(owl, 1.0, 0.02) if word == "feather" else np.where(dog, *likely[word])
        for word in WORDS
    ]
    shown = rng.random((images, len(WORDS))) < np.stack(chance, 1)
    site = np.where(rng.random(images) < 0.5, "ridge", "valley")
    return shown, np.stack([dog, owl], 1), split, site
