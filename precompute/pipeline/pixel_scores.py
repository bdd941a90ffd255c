"""From the pixels of one photo to its concept scores, as one ONNX graph.

The way of ``pipeline.apply`` for a photo that the encoder has prepared: image tower, segments,
scores. Segments are those of the encoder's cells alone; methods that look at the photo again
cannot be in such a graph.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from inficond_panel.common.threads import one_torch_thread
from inficond_panel.concepts.typed import base_of, scoring_of
from inficond_panel.errors import ExportError
from inficond_panel.spec import Spec
from inficond_panel.store import Store
from precompute.encoder import Encoder
from precompute.pipeline.apply import Scorer
from precompute.segments import SegmentSettings, settings_of
from precompute.segments.tensors import Graph, KMeans, Whole, unit

#: The operators of ``inficond_panel.export.onnx_file``.
OPSET = 17
METHODS = ("kmeans", "graph")
#: Cells whose neighbours are merged one by one: the work grows with their cube.
MOST_CELLS = 576


class PixelScores(torch.nn.Module):
    """Scores ``(1, C)`` of pixels ``(1, 3, H, W)`` by the concepts of a store."""

    centre: Tensor
    text: Tensor

    def __init__(self, encoder: Encoder, divide: torch.nn.Module, store: Store) -> None:
        super().__init__()
        self.cells, self.divide = PixelCells(encoder), divide
        self.scoring, self.corpus = scoring_of(store), len(base_of(store).concepts)
        text = torch.from_numpy(store.concept_text_embedding.astype("float32"))
        centre = self.scoring.centre
        if centre is not None:
            self.register_buffer("centre", torch.from_numpy(centre[0].astype("float32")))
            text = _moved(text, torch.from_numpy(centre[1].astype("float32")))
        self.register_buffer("text", text)

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores of one photo."""
        cells = self.cells(pixels)[0].flatten(0, 1)
        member = self.divide(cells)
        size = member.sum(0)
        mean = (member.T @ cells) / size.clamp(min=1)[:, None]
        vectors = unit(mean).half().float()  # as stores keep them
        values = self._values(vectors)
        there = (size > 0)[:, None]
        return torch.where(there, values, torch.zeros_like(values)).max(0).values.clamp(min=0)[None]

    def _values(self, vectors: Tensor) -> Tensor:
        """Values ``(segment, C)`` of segments, the largest of which is the score."""
        if self.scoring.method == "centred":
            return _moved(vectors, self.centre) @ self.text.T
        cosine = vectors @ self.text.T
        if self.scoring.method != "contrast":
            return cosine
        exponent = cosine / float(self.scoring.temperature or 1)
        whole = torch.logsumexp(exponent[:, : self.corpus], 1, keepdim=True)
        typed = exponent[:, self.corpus :]  # each contends with the corpus
        wider = torch.maximum(typed, whole) + torch.log1p(torch.exp(-(typed - whole).abs()))
        return torch.exp(torch.cat([exponent[:, : self.corpus] - whole, typed - wider], 1))


def _moved(vectors: Tensor, centre: Tensor) -> Tensor:
    moved = vectors - centre
    length = (moved * moved).sum(-1, keepdim=True).sqrt()
    return moved / length.clamp(min=1e-12)


def check_methods(settings: SegmentSettings) -> None:
    """Raise ``ExportError`` for segments that need more than the encoder's cells."""
    refined = settings.refine != "none"
    if settings.method in METHODS and not refined:
        return
    said = f"refine: {settings.refine}" if refined else f"method: {settings.method}"
    raise ExportError(
        f"Segments with {said} look at the photo itself, which an ONNX model of the encoder's "
        "pixels cannot.",
        f"Those with method {' or '.join(METHODS)} and refine: none can be exported so; for others "
        "export the students over scores (--format onnx), which take the scores of new photos.",
    )


def check_spec(spec: Spec) -> None:
    """Like ``check_methods``, for a spec, before anything is loaded."""
    check_methods(settings_of(spec.concepts.segments))


def scores_onnx(scorer: Scorer, store: Store) -> bytes:
    """ONNX model with input ``pixels`` (1, 3, H, W) and output ``score`` (1, C), both float32.

    Raises ``ExportError`` where the segments or the encoder cannot be written as ONNX.
    """
    encoder, settings = scorer.encoder, scorer.settings.segments
    check_methods(settings)
    pixels = torch.zeros(1, 3, *encoder.size)
    with one_torch_thread(), torch.no_grad():
        grid = tuple(encoder._dense(pixels).shape[1:3])
        model = PixelScores(encoder, _division(settings, grid), store).eval()
        content: Any = io.BytesIO()  # torch takes it, and names paths only
        try:
            with _plain_attention(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of tracing: all sizes are constants here
                torch.onnx.export(
                    model,
                    (pixels,),
                    content,
                    input_names=["pixels"],
                    output_names=["score"],
                    opset_version=OPSET,
                    dynamo=False,  # the other way needs one more package
                )
        except Exception as error:  # the exporter raises many kinds
            raise _cannot(encoder, error) from error
        return bytes(content.getvalue())


class PixelCells(torch.nn.Module):
    """Embeddings of places ``(B, h, w, embed)`` of pixels ``(B, 3, H, W)``.

    The image tower is a part of the module, so that tracing leaves its weights as parameters.
    Weights that are constants may not require gradients, and torch multiplies those that do not
    in another order: the last digits would not be the encoder's.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.tower, self.dense = encoder.model.visual, encoder._dense

    def forward(self, pixels: Tensor) -> Tensor:
        """Embeddings of photos."""
        embeddings: Tensor = self.dense(pixels)
        return embeddings


def _division(settings: SegmentSettings, grid: tuple[int, int]) -> torch.nn.Module:
    if settings.max_per_image == 1:
        return Whole()
    if settings.method == "kmeans":
        return KMeans(grid, settings.max_per_image, settings.seed, settings.spatial)
    if grid[0] * grid[1] > MOST_CELLS:
        raise ExportError(
            f"The encoder has {grid[0] * grid[1]:,} cells; for method graph at most {MOST_CELLS:,} "
            "can be exported.",
            "Take a smaller concepts.encoder.image_size, or method: kmeans, and make the store "
            "again.",
        )
    return Graph(grid, settings.max_per_image, settings.spatial)


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention by operators that ONNX has, not by torch's own fused one."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _cannot(encoder: Encoder, error: Exception) -> ExportError:
    return ExportError(
        f"The encoder {encoder.name} cannot be written as ONNX: "
        f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}",
        "Export the students over scores: --format onnx",
    )
