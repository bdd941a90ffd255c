"""Students as an export holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Version of the files; raised when a reader of the old one would be misled.
FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Exported:
    """Students as an export holds them: weights ``(C, K)``, intercepts ``(K,)``, names, card."""

    weights: np.ndarray = field(repr=False)
    intercepts: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    concepts: tuple[str, ...]
    thresholds: tuple[float, ...]
    card: Mapping[str, Any] = field(repr=False)
