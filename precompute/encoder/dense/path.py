"""Description that a family of image towers gives of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Cells = Callable[[Any], Any]


@dataclass(frozen=True)
class Path:
    """A dense path: ``own`` is the family's attention (None: no choice); ``build`` makes the
    function from images to embeddings ``(B, h, w, embed)`` for an attention."""

    own: str | None
    build: Callable[[str | None], Cells]
