"""Export the computation from a photo's pixels to its concept scores as one ONNX graph.

The steps are those of ``pipeline.apply`` after the encoder's preprocessing: image tower, segments,
scores. Segments come from the encoder's cells alone; segmentation methods that read the photo
again cannot be exported.
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
from inficond_panel.errors import ExportError, Remedy
from inficond_panel.spec import Spec
from inficond_panel.store import Store
from precompute.encoder import Encoder
from precompute.encoder.matching import Matching
from precompute.pipeline.apply import Scorer
from precompute.segments import SegmentSettings, settings_of
from precompute.segments.tensors import Graph, KMeans, Whole, unit

#: ONNX operator set, the same as in ``inficond_panel.export.onnx_file``.
OPSET = 17
METHODS = ("kmeans", "graph")
#: Largest number of cells for method ``graph``: merging one by one costs their cube.
MOST_CELLS = 576
_OVER_SCORES = Remedy("--format onnx", 'formats="onnx"')


class PixelScores(torch.nn.Module):
    """Torch module from pixels ``(1, 3, H, W)`` to scores ``(1, C)`` of a store's concepts."""

    def __init__(self, encoder: Encoder, divide: torch.nn.Module, store: Store) -> None:
        super().__init__()
        self.cells, self.divide, self.matching = PixelCells(encoder), divide, Matching(store)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the concept scores of one photo."""
        cells = self.cells(pixels)[0].flatten(0, 1)
        member = self.divide(cells)
        size = member.sum(0)
        mean = (member.T @ cells) / size.clamp(min=1)[:, None]
        vectors = unit(mean).half().float()  # half precision, as in a store
        values = self.matching(vectors)
        used = (size > 0)[:, None]
        return torch.where(used, values, torch.zeros_like(values)).max(0).values.clamp(min=0)[None]


def check_methods(settings: SegmentSettings) -> None:
    """Raise ``ExportError`` if segments need more than the encoder's cells, such as the photo."""
    refined = settings.refine != "none"
    if settings.method in METHODS and not refined:
        return
    setting = f"refine: {settings.refine}" if refined else f"method: {settings.method}"
    raise ExportError(
        f"Segments with {setting} need the photo itself, but the ONNX model reads only the "
        "encoder's input pixels.",
        f"Set concepts.segments to method {' or '.join(METHODS)} and refine: none, or export "
        "students that take concept scores instead of photos: " + _OVER_SCORES + ".",
    )


def check_spec(spec: Spec) -> None:
    """Raise ``ExportError`` if a spec's segments cannot be exported; no encoder is loaded."""
    check_methods(settings_of(spec.concepts.segments))


def scores_onnx(scorer: Scorer, store: Store) -> bytes:
    """Return an ONNX model with input ``pixels`` (1, 3, H, W) and output ``score`` (1, C), float32.

    Raises ``ExportError`` if the segments or the encoder cannot be written as ONNX.
    """
    encoder, settings = scorer.encoder, scorer.settings.segments
    check_methods(settings)
    pixels = torch.zeros(1, 3, *encoder.size)
    with one_torch_thread(), torch.no_grad():
        grid = tuple(encoder._dense(pixels).shape[1:3])
        model = PixelScores(encoder, _division(settings, grid), store).eval()
        content: Any = io.BytesIO()  # works, though torch's type hint allows paths only
        try:
            with plain_attention(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # warnings of tracing: all sizes are constants here
                torch.onnx.export(
                    model,
                    (pixels,),
                    content,
                    input_names=["pixels"],
                    output_names=["score"],
                    opset_version=OPSET,
                    dynamo=False,  # dynamo=True needs the package onnxscript
                )
        except Exception as error:  # the exporter raises many kinds
            reason = str(error).splitlines()[0][:200] if str(error) else ""
            raise ExportError(
                f"The encoder {encoder.name} cannot be written as ONNX: {type(error).__name__}: "
                f"{reason}",
                "Export the students over scores: " + _OVER_SCORES,
            ) from error
        return bytes(content.getvalue())


class PixelCells(torch.nn.Module):
    """Torch module from pixels ``(B, 3, H, W)`` to cell embeddings ``(B, h, w, embed)``.

    The image tower is a submodule, so that tracing keeps its weights as parameters. As constants
    the weights could not require gradients, and torch multiplies such weights in another order: the
    last digits would differ from the encoder's.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.tower, self.dense = encoder.model.visual, encoder._dense

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the cell embeddings of photos."""
        embeddings: Tensor = self.dense(pixels)
        return embeddings


def _division(settings: SegmentSettings, grid: tuple[int, int]) -> torch.nn.Module:
    if settings.max_per_image == 1:
        return Whole()
    if settings.method == "kmeans":
        return KMeans(grid, settings.max_per_image, settings.seed, settings.spatial)
    if grid[0] * grid[1] > MOST_CELLS:
        raise ExportError(
            f"The encoder has {grid[0] * grid[1]:,} cells; method graph can be exported with at "
            f"most {MOST_CELLS:,}.",
            "Set a smaller concepts.encoder.image_size, or segments.method: kmeans, and make the "
            "store again.",
        )
    return Graph(grid, settings.max_per_image, settings.spatial)


@contextmanager
def plain_attention() -> Iterator[None]:
    """Switch off torch's fused attention in a ``with`` block: ONNX has no operator for it."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
