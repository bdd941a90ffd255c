"""Parts of added photos beside the small synthetic stores: no photo and no encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from factory import small_arrays

from inficond_panel.store import Store
from inficond_panel.store.images import photo_digest
from inficond_panel.store.more_photos import AddedPart, write_part


def added_part(
    store: Store, images: int = 12, seed: int = 7, name: str = "new", folder: str = "/photos"
) -> AddedPart:
    """A part of ``images`` drawn photos of the same concepts and classes as a small store's.

    Their digests are those of the files ``folder/NAME.jpg``, where these exist.
    """
    sizes = {"concepts": len(store.concepts), "classes": len(store.classes)}
    arrays = small_arrays(images=images, seed=seed, **sizes)
    text = store.concept_text_embedding  # each seed draws its own
    cosine = arrays["segment_embedding"] @ text.T
    score = np.zeros((images, len(store.concepts)))
    np.maximum.at(score, arrays["segment_image"], cosine)
    names = [f"{name} {i}" for i in range(images)]
    paths = [f"{folder}/{one}.jpg" for one in names]
    files = enumerate(map(Path, paths))
    digests = [photo_digest(file) if file.exists() else f"{seed} {i}" for i, file in files]
    unlike = {"concept", "class_name", "method", "label", "split", "concept_text_embedding"}
    kept = {key: arrays[key] for key in arrays if key not in {*unlike, "concept_projection"}}
    own = {
        "image": np.array(names),
        "image_digest": np.array(digests),
        "concept_score": score,
        "segment_concept": cosine.argmax(1),
        "segment_cosine": cosine.max(1),
    }
    return write_part(store, {**kept, **own}, paths)
