"""Effect of one kind of repair on the fit of one class: the hooks that each kind fills.

A fit is four values: images, targets, weights and penalties. An effect returns another value of
those that its kind of repair changes, and adds photos after those of ``fit``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from inficond_panel.tuning.fitting.images import Further, Images
from inficond_panel.tuning.fitting.penalties import Penalties
from inficond_panel.tuning.fitting.targets import Targets, TargetSource
from inficond_panel.tuning.fitting.weights import Weights

#: Function from the index of a class to the mean weight of a training image.
Usual = Callable[[int], float]
#: Labels, 1 or 0, by class and then by photo.
LabelsByClass = Mapping[str, Mapping[str, int]]


class Effect:
    """What repairs of one kind do to the fit of one class; the methods here do nothing.

    ``key`` is the name of the effect in stored terms: their order is that of the keys. ``kind`` is
    the key of the kind of repair (``vocabulary.intents``).
    """

    key: ClassVar[str]
    kind: ClassVar[str]

    @property
    def taught_labels(self) -> Mapping[str, int]:
        """Labels, 1 or 0, that a person gave, by photo."""
        return {}

    @property
    def used_parts(self) -> tuple[str, ...]:
        """Content hashes of the parts (added photos of one time) that the fit has photos of."""
        return ()

    @property
    def learns_tune(self) -> bool:
        """True if the class learns photos of ``tune``, beside those that a person labelled."""
        return False

    def within(self, rows: NDArray[np.intp]) -> Self:
        """Return this effect with the photos of ``tune`` limited to ``rows``."""
        return self

    def on_penalties(self, penalties: Penalties, k: int, concepts: Sequence[str]) -> Penalties:
        """Return the penalties with those of class ``k`` changed."""
        return penalties

    def on_weights(self, weights: Weights, k: int, shape: tuple[int, int]) -> Weights:
        """Return the weights of (n, K) images and classes with those of class ``k`` changed."""
        return weights

    def image_factors(self, images: Images) -> NDArray | None:
        """Return factors (n,) of the weights of all images, also of learned ones; None: all 1."""
        return None

    def on_targets(self, targets: Targets, class_name: str) -> Targets:
        """Return the targets on ``fit`` with those of a class changed."""
        return targets

    @classmethod
    def further(
        cls, source: TargetSource, usual: Usual, effects: Mapping[str, Self], labels: LabelsByClass
    ) -> Iterator[Further]:
        """Yield the photos that the ``effects`` of this kind, by class, add after those of ``fit``.

        A photo has weight 0 for classes that do not learn it, and for a class that has a label of
        it in ``labels``, unless it is added by this label.
        """
        yield from ()

    @property
    def source_weights(self) -> Mapping[str, float]:
        """Weights of learned photos, in training images, by ``Further.source``."""
        return {}

    @classmethod
    def widest(cls, effects: Sequence[Self]) -> Self:
        """Return the effect that learns from the sources of all ``effects``, with weight 1."""
        return effects[0]

    def to_json(self) -> Any:
        """Return the effect as plain data, from which ``from_json`` makes it again."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, item: Any, photos: int) -> Self:
        """Return the effect that ``to_json`` wrote; ``photos`` is the number of images of ``fit``.

        Raises ``ValueError``, ``KeyError`` or ``TypeError`` for invalid data."""
        raise NotImplementedError

    @property
    def words(self) -> str:
        """Clause on how the class is fitted: ``penalty λ 0.003``."""
        raise NotImplementedError

    @property
    def figures(self) -> dict[str, Any]:
        """Figures of the effect as plain data, for tables and files."""
        raise NotImplementedError
