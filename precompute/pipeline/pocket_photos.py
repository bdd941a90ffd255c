"""Photos prepared for a pocket's ONNX file; torch is not needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.store.grey_levels import Grey
from inficond_panel.store.images import UnreadableImage
from precompute.encoder.image import Preprocessing
from precompute.pipeline.apply import decoded


def prepared(
    photo: Path, preprocessing: Mapping[str, Any], grey: Grey | list[float] = None
) -> tuple[np.ndarray | None, str]:
    """Return the input ``(3, H, W)`` float32 of a photo by settings of ``Preprocessing.plain``, and
    "", or None and why the photo cannot be read. ``grey`` is ``dataset.grey`` as plain data."""
    window = (grey[0], grey[1]) if isinstance(grey, list) else grey
    settings: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in preprocessing.items()
    }
    try:
        return Preprocessing(**settings).prepare(decoded(photo, window)), ""
    except UnreadableImage as fault:
        return None, str(fault) or "unreadable"
