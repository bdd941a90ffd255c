"""What networks cost per photo, in multiplications, before an encoder is downloaded or loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from precompute.encoder.hub import offline
from precompute.encoder.image import Preprocessing
from precompute.encoder.open_clip_model import no_warning_of_weights
from precompute.teachers.multiplications import of_module, of_onnx
from precompute.teachers.onnx_file import of_size
from precompute.teachers.teacher import Teacher, TorchTeacher


def encoder_cost(keys: Mapping[str, Any], base: Path = Path()) -> float | None:
    """Return the multiplications of an encoder's image tower per photo, by its keys in a spec in
    the folder ``base``; None if its architecture is neither in a folder nor known to open_clip."""
    import open_clip
    import torch

    name = str(keys["model"])
    folder = "/" in name and (base / name).is_dir()
    if keys.get("kind", "open_clip") != "open_clip" or not (
        folder or name in open_clip.list_models()
    ):
        return None
    try:
        with offline(), no_warning_of_weights(), torch.device("meta"):  # shapes alone
            tower = open_clip.create_model(
                f"local-dir:{base / name}" if folder else name,
                load_weights=False,
                pretrained_text=False,
                device="meta",
            ).visual
        side = tower.image_size
        return of_module(tower.eval(), (side, side) if isinstance(side, int) else tuple(side))
    except Exception:  # a cost that cannot be counted is not said
        return None


def teacher_cost(path: Path | None, network: Teacher) -> float | None:
    """Return the multiplications of a loaded teacher per photo; ``path`` is its file if that is an
    ONNX file. None if they cannot be counted."""
    steps = network.preprocessing
    if not isinstance(steps, Preprocessing):
        return None
    size = steps.size[1], steps.size[0]
    try:
        if path is not None:
            found = of_onnx(of_size(path, size))
        elif isinstance(network, TorchTeacher):
            found = of_module(network.module, size)
        else:
            return None
    except Exception:  # a cost that cannot be counted is not said
        return None
    return found if found > 0 else None
