"""Penalties of students: lambda by class, and factors of it by concept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.solver.penalty import Penalty


@dataclass(frozen=True, eq=False)
class Penalties:
    """Penalties of K classes: ``lambda_`` ``(K,)``, times ``unit``, is the L1 penalty, and ``l2``
    ``(K,)`` the other one.

    ``unit`` is ``(K,)``, or ``(C, K)`` with adaptive penalties; with labels it holds the factor of
    ``mixed_targets``.
    """

    lambda_: NDArray
    unit: NDArray
    l2: NDArray

    @property
    def l1(self) -> NDArray:
        """L1 penalties ``(K,)``, or ``(C, K)`` with adaptive penalties."""
        return self.lambda_ * self.unit

    def l1_of(self, k: int) -> float | NDArray:
        """Return the L1 penalty of class ``k``: one number, or one per concept ``(C,)``."""
        penalty = self.l1[..., k]
        return float(penalty) if penalty.ndim == 0 else penalty

    def lambda_of(self, k: int) -> float:
        """Return lambda of class ``k``, from the spec or a repair."""
        return float(self.lambda_[k])

    def of(self, k: int) -> Penalty:
        """Return the penalty (L1 and L2) of class ``k``, without bounds."""
        return Penalty(self.l1_of(k), float(self.l2[k]))

    def with_lambda(self, k: int, value: float) -> Penalties:
        """Return the penalties with lambda ``value`` of class ``k``."""
        lambda_ = self.lambda_.copy()
        lambda_[k] = value
        return replace(self, lambda_=lambda_)

    def multiplied(self, k: int, factors: NDArray) -> Penalties:
        """Return the penalties with the L1 penalty of class ``k`` multiplied by ``factors``
        ``(C,)``, one per concept."""
        unit = np.broadcast_to(self.unit, (len(factors), len(self.lambda_))).copy()
        unit[:, k] *= factors
        return replace(self, unit=unit)

    def only(self, k: int) -> Penalties:
        """Return the penalties of class ``k`` alone."""
        return Penalties(self.lambda_[[k]], self.unit[..., [k]], self.l2[[k]])
