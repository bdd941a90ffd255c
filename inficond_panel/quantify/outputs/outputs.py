"""Outputs of teacher and oracle on the images of a split, with their labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.teacher_outputs import log_odds, logits_of, softmax_of
from inficond_panel.distill.metrics.outcome import likeliest
from inficond_panel.distill.metrics.top_class import one_of_classes
from inficond_panel.quantify.outputs.reliability import Reliability, reliability
from inficond_panel.store import Store
from inficond_panel.store.label_checks import class_positions
from inficond_panel.store.oracle_logits import oracle_logits, oracle_others, teacher_others
from inficond_panel.vocabulary.splits import FIT


@dataclass(frozen=True)
class Outputs:
    """Labels and logits ``(n, K)`` of ``teacher`` and ``oracle`` on the images of a split.

    ``images`` are their ids. The oracle's logits have seen these labels. ``logits`` are log-odds of
    each class; ``raw`` ``(n, K + M)`` what a softmax teacher gives, also of its other classes;
    ``whole`` its distribution ``(n, K + M)``, on data with one class an image alone. Where they are
    left out, they are ``logits``, and there is none.
    """

    split: str
    images: tuple[str, ...]
    classes: tuple[str, ...]
    label: NDArray
    logits: dict[str, NDArray]
    raw: dict[str, NDArray] = field(default_factory=dict)
    whole: dict[str, NDArray] = field(default_factory=dict)

    def representation(self, kind: str) -> NDArray:
        """Output representation of the images, that silhouettes and maps are of."""
        return self.raw.get(kind, self.logits[kind])

    def likeliest(self, kind: str) -> Reliability:
        """Reliability diagram of the likeliest class (Lee et al., eq. 5), with one class an image.

        An event is an image; its probability is that of the class named, and it is present where
        the class is the label's.
        """
        whole = self.whole[kind]
        named, confidence = likeliest(whole), whole.max(axis=1)
        label = class_positions(self.label)
        right = np.where(label < 0, -1, (named == label).astype(int))
        return reliability(right, logits_of(confidence[:, None])[:, 0])

    def pooled(self, kind: str, equal_mass: bool = False) -> Reliability:
        """Reliability diagram of all classes together; ``kind`` is teacher or oracle."""
        return reliability(self.label, self.logits[kind], equal_mass=equal_mass)

    def by_class(self, kind: str, equal_mass: bool = False) -> dict[str, Reliability]:
        """Reliability diagram of each class."""
        return {
            name: reliability(self.label[:, k], self.logits[kind][:, k], equal_mass=equal_mass)
            for k, name in enumerate(self.classes)
        }


def outputs_on(store: Store, split: str) -> Outputs:
    """The teacher's outputs on a split, and on ``fit`` the oracle's where the store has some.

    Raises ``DataError`` for oracle logits that are not finite.
    """
    rows = store.rows(split)
    found = {"teacher": (store.teacher_logit[rows], teacher_others(store, rows))}
    if split == FIT and store.has("oracle_logit"):
        found["oracle"] = oracle_logits(store), oracle_others(store)
    return made_outputs(store, split, found)


def made_outputs(store: Store, split: str, found: Mapping[str, tuple[NDArray, NDArray]]) -> Outputs:
    """Outputs of each kind from its logits ``(n, K)``, and ``(n, M)`` of the other classes."""
    rows = store.rows(split)
    images = tuple(store.images[row] for row in rows)
    given = split, images, tuple(store.classes), store.label[rows]
    single, softmax = store.task == "single_label", store.activation == "softmax"
    logits, raw, whole = {}, {}, {}
    for kind, (own, other) in found.items():
        logits[kind] = log_odds(own, other).astype(np.float32) if softmax else np.asarray(own)
        raw[kind] = np.hstack([own, other]) if softmax else np.asarray(own)
        if single:
            empty = np.empty((len(own), 0))
            whole[kind] = softmax_of(raw[kind], empty) if softmax else one_of_classes(own)
    return Outputs(*given, logits, raw, whole)
