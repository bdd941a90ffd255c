"""Sections of the spec and small data sets for tests of teachers, without files of photos."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from precompute_factory import photo

from inficond_panel.spec.sections.teacher import (
    FullPreprocessing,
    HeadTeacher,
    OnnxTeacher,
    OpenClipTeacher,
    Oracle,
    Preprocessing,
    Query2LabelTeacher,
    TimmTeacher,
    TorchScriptTeacher,
    TorchvisionTeacher,
)
from inficond_panel.store.images import UnreadableImage
from precompute.datasets import Dataset

KINDS = {
    "torchscript": TorchScriptTeacher,
    "onnx": OnnxTeacher,
    "timm": TimmTeacher,
    "torchvision": TorchvisionTeacher,
    "query2label": Query2LabelTeacher,
    "open_clip": OpenClipTeacher,
    "head": HeadTeacher,
}
PLAIN = {"size": (16, 12), "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}


def teacher_section(kind: str, **values):
    """A section as the spec reads it; ``oracle`` may be given as its gamma."""
    if "oracle" in values:
        values["oracle"] = Oracle(gamma=values["oracle"])
    if kind in ("torchscript", "onnx"):
        values["preprocessing"] = FullPreprocessing(**PLAIN, **values.get("preprocessing", {}))
    elif "preprocessing" in values:
        values["preprocessing"] = Preprocessing(**values["preprocessing"])
    return KINDS[kind](**values)


def drawn(count: int = 10, classes=("bicycle", "train"), broken=()) -> Dataset:
    """Photos in memory with random labels, the first half in fit; ``broken`` cannot be read."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, (count, len(classes))).astype(np.int8)
    label[2, 0] = -1

    def load(i: int):
        if i in broken:
            raise UnreadableImage("damaged")
        return photo(i)

    split = ["fit"] * (count // 2) + ["tune"] * (count - count // 2 - 1) + ["holdout"]
    return Dataset(
        ids=tuple(f"{i:03d}" for i in range(count)),
        split=tuple(split),
        classes=tuple(classes),
        label=label,
        load=load,
        digest=lambda i: f"photo {i}",
    )


def digests(dataset: Dataset) -> list[str]:
    return [dataset.digest(i) for i in range(len(dataset.ids))]


def encoder_section(files: SimpleNamespace, image_size=None):
    """Section of an encoder that ``precompute_factory.tiny_encoder`` wrote."""
    from inficond_panel.spec.sections.encoder import OpenClipEncoder

    return OpenClipEncoder(model=files.model, pretrained=files.pretrained, image_size=image_size)
