"""The teacher and the encoder of a spec as ONNX models, to measure what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import LogitsTeacher, OnnxTeacher
from inficond_panel.store import Store
from precompute.encoder import load_encoder
from precompute.pipeline.pixel_scores import PixelCells
from precompute.pipeline.pocket_features import module_onnx
from precompute.teachers.applied import source_of
from precompute.teachers.onnx_file import of_size
from precompute.teachers.teacher import TorchTeacher

if TYPE_CHECKING:
    from torch import Tensor, nn


def encoder_onnx(spec: Spec, _: Store) -> bytes:
    """Return the image tower of a spec's encoder, up to the embeddings of places, as ONNX; raises
    ``DataError`` without an encoder and ``ExportError`` if it cannot be written."""
    if spec.concepts.of_words:
        raise DataError("The concepts are words of captions, without an encoder.")
    encoder = load_encoder(spec.concepts.encoder)
    return module_onnx(PixelCells(encoder), encoder.size, encoder.name, "cells")


def teacher_onnx(spec: Spec, store: Store) -> bytes:
    """Return the network of a spec's teacher as ONNX, for photos of its own input size.

    Raises ``DataError`` for a teacher that is no network in torch or ONNX, and ``ExportError`` if
    it cannot be written.
    """
    if spec.teacher is None or isinstance(spec.teacher, LogitsTeacher):
        raise DataError("The teacher is a table of logits.")
    source = source_of(spec, store)
    loaded: Any = source.load()
    prepared = loaded.preprocessing.prepare(Image.new("RGB", (64, 64), (120, 130, 90)))
    if not isinstance(prepared, np.ndarray):
        raise DataError("The teacher's input is no array of pixels.")
    size = (int(prepared.shape[1]), int(prepared.shape[2]))
    if isinstance(source.section, OnnxTeacher):
        return of_size(source.section.path, size)
    if not isinstance(loaded, TorchTeacher):
        raise DataError(f"The teacher of kind {spec.teacher.kind} is no network in torch or ONNX.")
    return module_onnx(_module(loaded), size, source.section.title, "logits")


def _module(teacher: TorchTeacher) -> nn.Module:
    from torch import nn

    class Network(nn.Module):
        """The teacher as a module whose parameters torch can trace."""

        def __init__(self) -> None:
            super().__init__()
            self.whole = teacher.module

        def forward(self, pixels: Tensor) -> Tensor:
            logits: Tensor = teacher.network(pixels)
            return logits

    return Network().eval()
