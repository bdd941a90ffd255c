"""The documents that ``inficond info`` and ``inficond tune`` print: plain data for JSON."""

from __future__ import annotations

from typing import Any

from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import SPLITS

#: What is told of a class beside the metrics that edits are judged by.
BESIDE = ("teacher_ap", "constant_fidelity", "logit_correlation")


def store_document(store: Store) -> dict[str, Any]:
    """Summary of a store: title, hash, classes, concepts, numbers of images, sources."""
    return {
        "title": store.title,
        "store_hash": store.content_hash,
        "classes": list(store.classes),
        "concepts": list(store.concepts),
        "images": {split: len(store.rows(split)) for split in SPLITS},
        "segments": len(store.segment_image),
        "encoder": store.attrs["encoder"],
        "corpus": store.attrs["corpus"],
        "teacher": store.attrs["teacher"],
        "activation": store.activation,
        "task": store.task,
        "other_classes": [str(name) for name in store.read("other_class")],
        "metadata": list(store.metadata_columns),
    }
