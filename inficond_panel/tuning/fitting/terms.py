"""Terms of one class's fit: the effects of its repairs, and what thumbs add to its targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from inficond_panel.store import Store
from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.tuning.fitting.effect import Effect
from inficond_panel.tuning.fitting.images import Images
from inficond_panel.vocabulary.splits import TUNE

E = TypeVar("E", bound=Effect)


@dataclass(frozen=True)
class Terms:
    """Terms of a fit that differ from the spec's.

    ``effects`` has one effect per kind of repair, in the order of their keys; also that of the
    photos of ``tune`` if the spec distills the original students on them. ``used`` is the number of
    labelled photos of ``tune`` that the terms were chosen by. ``adjusted`` is what thumbs add to
    the targets; plain data of an iteration has it apart, since a thumb is no repair.
    """

    effects: tuple[Effect, ...] = ()
    used: int = 0
    adjusted: tuple[Adjustment, ...] = ()

    def get(self, kind: type[E]) -> E | None:
        """Return the effect of a kind; None without one."""
        return next((each for each in self.effects if isinstance(each, kind)), None)

    def having(self, effect: Effect) -> Terms:
        """Return these terms with ``effect`` in place of another of its kind."""
        others = self.without(type(effect)).effects
        effects = sorted([*others, effect], key=lambda each: each.key)
        return replace(self, effects=tuple(effects))

    def without(self, kind: type[Effect]) -> Terms:
        """Return these terms without the effect of a kind."""
        return self._with(*(each for each in self.effects if not isinstance(each, kind)))

    def within(self, rows: NDArray[np.intp]) -> Terms:
        """Return these terms with the learned photos of ``tune`` limited to ``rows``."""
        return self._with(*(each.within(rows) for each in self.effects))

    def _with(self, *effects: Effect) -> Terms:
        return replace(self, effects=effects)

    @property
    def labels(self) -> dict[str, int]:
        """Labels, 1 or 0, that a person gave, by photo."""
        return {
            image: value for each in self.effects for image, value in each.taught_labels.items()
        }

    @property
    def parts(self) -> tuple[str, ...]:
        """Content hashes of the parts with learned or labelled added photos, sorted."""
        return tuple(sorted(set(chain.from_iterable(each.used_parts for each in self.effects))))

    @property
    def source_weights(self) -> dict[str, float]:
        """Weights of learned photos, in training images, by ``Further.source``."""
        return {source: w for each in self.effects for source, w in each.source_weights.items()}

    def image_factors(self, images: Images) -> NDArray | None:
        """Return factors (n,) of the weights of all images, also of learned ones; None: all 1."""
        each = [made for one in self.effects if (made := one.image_factors(images)) is not None]
        return np.asarray(np.prod(each, axis=0)) if each else None

    @property
    def learns_tune(self) -> bool:
        """True if the class learns photos of ``tune``, beside those that a person labelled."""
        return any(each.learns_tune for each in self.effects)

    def fit_to_tune(self, store: Store) -> bool:
        """Return True if the class is fitted to photos of ``tune``, learned or labelled ones."""
        labels = self.labels
        if self.learns_tune or not labels:
            return self.learns_tune
        return any(store.images[row] in labels for row in store.rows(TUNE))

    def to_json(self) -> dict[str, Any]:
        """Return the terms as plain data by key of the effect; ``lambda`` is None without one."""
        by_key = {each.key: each.to_json() for each in self.effects}
        return {"lambda": None, "used": self.used, **by_key}


def with_adjusted(
    terms: Mapping[str, Terms], adjusted: Mapping[str, tuple[Adjustment, ...]]
) -> dict[str, Terms]:
    """Return ``terms`` by class, with the adjustments of their targets replaced by ``adjusted``."""
    plain = {name: replace(of, adjusted=()) for name, of in terms.items()}
    both = {name: replace(plain.get(name, Terms()), adjusted=of) for name, of in adjusted.items()}
    return {name: of for name, of in {**plain, **both}.items() if of != Terms() or name in terms}


def size_of(value: Any) -> float:
    """Return a stored penalty or weight; ``ValueError`` unless it is finite and 0 or more."""
    number = float(value)
    if not (np.isfinite(number) and number >= 0):
        raise ValueError(f"{number} is no penalty or weight: expected a finite number of 0 or more")
    return number
