"""A store of generated photos: things of many frequencies, each shown by several words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel import from_frames
from inficond_panel.store import Store, open_store

#: Photos, things (each a class), words, and properties of a photo that many words show a little.
PHOTOS, THINGS, WORDS, PROPERTIES = 3000, 16, 400, 25
#: Smallest and largest share of the photos that show a thing.
SHARES = (0.02, 0.3)
#: How far a thing raises its own word, and the largest rise of another word, in standard deviations
#: of the word's noise; how many things a word shows.
OWN, OTHER, SHOWN = 1.2, 0.6, 2


def generated_store(folder: Path, seed: int = 0) -> Store:
    """Write a store of generated photos, all in fit, with their labels, and open it.

    A thing's own word is named like it. The logits of the store's teacher are the labels.
    """
    rng = np.random.default_rng([seed, 11])
    present = rng.random((PHOTOS, THINGS)) < np.geomspace(*SHARES, THINGS)
    scores = present @ _rises(rng) + rng.normal(size=(PHOTOS, WORDS))
    scores += rng.normal(size=(PHOTOS, PROPERTIES)) @ rng.normal(0, 0.15, (PROPERTIES, WORDS))
    things = [f"thing {place}" for place in range(THINGS)]
    words = [*things, *(f"word {place}" for place in range(WORDS - THINGS))]
    images = [f"{place:04d}.jpg" for place in range(PHOTOS)]
    label = pd.DataFrame(present.astype(float), index=images, columns=things)
    from_frames(
        pd.DataFrame(np.maximum(0, 0.2 + 0.05 * scores), index=images, columns=words),
        6 * label - 3,
        label,
        split=pd.Series(np.where(np.arange(PHOTOS) % 10 < 8, "fit", "tune"), index=images),
        path=folder / "generated.zarr",
    )
    return open_store(folder / "generated.zarr")


def _rises(rng: np.random.Generator) -> NDArray:
    """How far each thing raises each word (things, words)."""
    rises = np.zeros((THINGS, WORDS))
    for word in range(THINGS, WORDS):
        rises[rng.choice(THINGS, SHOWN, replace=False), word] = rng.uniform(0, OTHER, SHOWN)
    rises[:, :THINGS] = OWN * np.eye(THINGS)
    return rises
