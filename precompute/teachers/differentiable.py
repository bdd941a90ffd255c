"""The differentiable networks that a spec names: its encoder's image tower, and its teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from precompute.encoder import load_encoder
from precompute.teachers.loading import at_own_size, load_teacher
from precompute.teachers.preprocessing import Preprocessing, of_encoder
from precompute.teachers.teacher import TorchTeacher

_RUN = ("timm", "torchscript", "query2label", "onnx")


def network_of(spec: Spec, name: str, classes: Sequence[str]) -> tuple[Any, Preprocessing]:
    """The network ``encoder`` or ``teacher`` of a spec, and how it takes a photo: all of it,
    squashed to the network's size, so that every pixel of the photo is measured.

    Raises ``DataError`` for a teacher that is no network with gradients.
    """
    if name == "encoder":
        encoder = load_encoder(at_own_size(spec.concepts.encoder))
        network, preprocessing = encoder.model.visual, of_encoder(encoder)
    else:
        teacher = load_teacher(spec.teacher, classes) if spec.teacher.kind in _RUN else None
        settings = getattr(teacher, "preprocessing", None)
        if not isinstance(teacher, TorchTeacher) or not isinstance(settings, Preprocessing):
            raise DataError(
                f"The spec's teacher is of kind {spec.teacher.kind}, which shows no layers and no "
                "gradients.",
                "Take --network encoder, or a spec whose teacher is of kind timm, torchscript or "
                "query2label.",
            )
        network, preprocessing = teacher.network, settings
    for parameter in getattr(network, "parameters", list)():
        parameter.requires_grad_(False)
    return network, replace(preprocessing, crop=0.0)
