"""Tuners over stores that a test makes: of arrays, and of photos whose context shifts."""

from pathlib import Path
from typing import Any

import numpy as np
from factory import ATTRS
from histories import make_tuner
from spread_shortcut import shifted_frames

import inficond_panel
from inficond_panel.store import Store, open_store, write_store
from inficond_panel.store.more_photos import AddedPart, write_part
from inficond_panel.tuning import History, Tuner


def tuner_of(arrays: dict[str, Any], folder: Path, extra: str = "", **attrs: str) -> Tuner:
    """A tuner over a store of these arrays, by the small spec with ``extra``."""
    write_store(folder / "own.zarr", arrays, {**ATTRS, **attrs})
    return make_tuner(open_store(folder / "own.zarr"), folder, extra)


def shifted_store(folder: Path, tune_labels: bool = True, **given: Any) -> Path:
    """A store of a class whose context in fit is not that of tune; its tune may have no labels."""
    frames = shifted_frames(**{"seed": 1, **given})
    if not tune_labels:
        frames["labels"] = frames["labels"].astype(float)
        frames["labels"][frames["split"] == "tune"] = np.nan
    inficond_panel.from_frames(**frames, path=folder / "own.zarr")
    return folder / "own.zarr"


def afresh(tuner: Tuner, store: Store | None = None) -> Tuner:
    """As another process opens it: an empty history, and nothing kept."""
    store = store or open_store(tuner.store.path)
    return Tuner(store, tuner.spec, History(":memory:"), penalties=tuner.penalties)


def unbiased_part(store: Store, images: int = 200, seed: int = 9) -> AddedPart:
    """Added photos drawn as those of tune, where the context is there by chance."""
    drawn = shifted_frames(images, fit=0, seed=seed)
    names = np.array([f"more {seed} {i}" for i in range(images)])
    arrays = {
        "image": names,
        "image_digest": names,
        "concept_score": drawn["scores"][store.concepts].to_numpy(),
        "teacher_logit": drawn["logits"][store.classes].to_numpy(),
    }
    return write_part(store, arrays, [f"/photos/{name}.jpg" for name in names])
