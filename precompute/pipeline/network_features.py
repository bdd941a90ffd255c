"""The last layer of a spec's teacher network, and its features on the images of a store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inficond_panel.errors import REPAIR_ELSEWHERE, DataError, precompute_command
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import (
    REFITTED,
    OnnxTeacher,
    Teacher,
    TorchScriptTeacher,
    is_refitted,
)
from inficond_panel.store import Store
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX
from precompute.batches.run import Run
from precompute.datasets import load_dataset
from precompute.pipeline.store_photos import check_read, positions_of
from precompute.teachers.applied import source_of
from precompute.teachers.last_layer import TARGETS_REMEDY, LastLayer, probability, with_features
from precompute.teachers.onnx_layer import onnx_layer
from precompute.teachers.stage import Pass, joint_keys, run_pass
from precompute.teachers.torch_layer import torch_layer
from precompute.teachers.torchscript_layer import torchscript_layer

#: Receives the share of the work that is done, and a line on it.
Progress = Callable[[float, str], object]
#: Photos that a network gets at a time, unless the spec says how many.
_BATCH = 16
#: Largest difference of the network's probabilities from the store's.
_DIFFERENCE = 0.02


@dataclass(frozen=True, eq=False)
class NetworkFeatures:
    """Features ``(n, F)`` of a network's last ``layer`` on the images at ``rows`` of a store."""

    layer: LastLayer
    rows: np.ndarray
    features: np.ndarray


def check_kind(teacher: Teacher | None) -> None:
    """Raise ``DataError`` for a kind of teacher whose last layer cannot be changed; None: the spec
    names no teacher."""
    if not is_refitted(teacher):
        given = f"is of kind {teacher.kind}" if teacher else "is missing"
        raise DataError(
            f"The spec's teacher {given}; a network that is repaired is of kind "
            f"{', '.join(REFITTED)}.",
            TARGETS_REMEDY,
        )


def last_layer(spec: Spec, store: Store) -> LastLayer:
    """Load the teacher of a spec and find its last layer; raises ``DataError`` if it has none."""
    check_kind(spec.teacher)
    source = source_of(spec, store)
    if isinstance(source.section, OnnxTeacher):
        return onnx_layer(source.section, source.classes, source.device)
    if isinstance(source.section, TorchScriptTeacher):
        return torchscript_layer(source.section, source.classes, source.device)
    loaded = source.load()
    return torch_layer(source.section, loaded)  # type: ignore[arg-type]


def network_features(
    spec: Spec,
    store: Store,
    layer: LastLayer,
    rows: np.ndarray,
    progress: Progress = lambda _share, _text: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> NetworkFeatures:
    """Run a network on the photos of the images at ``rows`` of a store; return its features.

    Raises ``DataError`` for photos that are missing or cannot be read, and for a network whose
    outputs are not those of the store; ``CancelledError`` once ``cancelled`` returns True.
    """
    dataset = load_dataset(spec.dataset)
    names = [store.images[row] for row in rows]
    at = positions_of(dataset, names)
    weights, batch = layer.weights, getattr(spec.teacher, "batch", None) or _BATCH
    width = sum(weights.weight.shape)
    work = Pass("features", weights.name, lambda: layer, with_features, dataset, width)  # type: ignore
    run = Run(dataset, dataset.ids, cancelled=cancelled)

    def tell(line: str) -> None:
        progress(run.images["teacher"] / len(at), line)

    run.progress = tell
    keys = joint_keys(names, np.zeros((len(names), 1)))
    values = run_pass(run, work, batch, at, keys)[at]
    check_read(names, values, REPAIR_ELSEWHERE)
    features, outputs = np.split(values, [weights.weight.shape[1]], axis=1)
    _check_store(store, layer, rows, outputs)
    return NetworkFeatures(layer, rows, features)


def _check_store(store: Store, layer: LastLayer, rows: np.ndarray, outputs: np.ndarray) -> None:
    """Raise ``DataError`` if the network's outputs are not the logits that the store holds."""
    found = outputs if layer.ends else probability(outputs, layer.link)
    logits = store.teacher_logit[rows].astype(np.float64)
    others = store.other_logit[rows] if layer.softmax else logits[:, :0]
    link = SOFTMAX if layer.softmax else SIGMOID
    held = probability(np.hstack([logits, others]), link)
    difference = np.abs(found[:, list(layer.columns)] - held).max(initial=0.0)
    if difference > _DIFFERENCE:
        raise DataError(
            f"The network's probabilities differ from those in the store by up to {difference:.2f}:"
            " the store was made with another network, or with other preprocessing.",
            "Make the store again: " + precompute_command(),
        )
