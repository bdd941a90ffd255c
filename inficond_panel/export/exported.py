"""Students as an export holds them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inficond_panel.distill.metrics.outcome import decided
from inficond_panel.tuning.node import weights_hash
from inficond_panel.vocabulary.tasks import MULTI_LABEL, SIGMOID

#: Version of the files; raised when a reader of the old one would be misled.
FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Exported:
    """Students as an export holds them: weights ``(C, K)``, intercepts ``(K,)``, names, card.

    ``link`` turns scores · weights + intercepts into probabilities, by ``task`` and ``thresholds``
    a class is decided to be present; the card has all three.
    """

    weights: np.ndarray = field(repr=False)
    intercepts: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    concepts: tuple[str, ...]
    thresholds: tuple[float, ...]
    card: Mapping[str, Any] = field(repr=False)
    link: str = SIGMOID
    task: str = MULTI_LABEL

    def decided(self, logits: np.ndarray) -> np.ndarray:
        """Decisions ``(n, K)`` by logits ``(n, K)`` of these students, or of their teacher."""
        return decided(logits, self.thresholds, self.task)

    @property
    def sha256(self) -> str:
        """SHA-256 over the JSON of names, thresholds, the weights' hash and the whole card.

        The JSON is in ASCII, with sorted keys and no spaces.
        """
        facts = {
            "classes": self.classes,
            "concepts": self.concepts,
            "thresholds": self.thresholds,
            "weights_hash": weights_hash(self.weights, self.intercepts),
            "card": self.card,
        }
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
