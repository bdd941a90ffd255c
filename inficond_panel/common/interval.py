"""Interval: an estimate with its limits, and its text forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isnan, nan

from inficond_panel.common.numbers import (
    change_number,
    defined,
    number,
    number_range,
    points,
    signed,
    written,
    written_range,
)

#: Mark of an interval that does not contain its estimate, and the explanation of the mark.
OUTSIDE_MARK = "°"
OUTSIDE_NOTE = (
    f"{OUTSIDE_MARK} The estimate lies outside its interval: noise makes a calibration error (ECE) "
    "too large, which the interval corrects and the estimate does not."
)

#: Difference between sums of the same numbers in another order.
_ROUNDING = 1e-12

#: Words for a change that is exactly 0, and for one without limits, of too few images.
UNCHANGED, TOO_FEW = "unchanged", "too few"


@dataclass(frozen=True)
class Interval:
    """An estimate with the limits of its bootstrap interval; nan if undefined.

    ``left_out`` is the number of draws on which the metric was undefined.
    """

    estimate: float
    low: float
    high: float
    left_out: int = 0

    def __neg__(self) -> Interval:
        return replace(self, estimate=-self.estimate, low=-self.high, high=-self.low)

    @property
    def alone(self) -> Interval:
        """Interval with the same estimate and without limits (nan)."""
        return replace(self, low=nan, high=nan)

    @property
    def with_estimate(self) -> Interval:
        """Interval whose limits are moved, where needed, so that they contain the estimate."""
        low, high = min(self.low, self.estimate), max(self.high, self.estimate)
        return replace(self, low=low, high=high)

    def widened(self, low: float, high: float) -> Interval:
        """Return the interval with limits at least as far as these."""
        return replace(self, low=min(self.low, low), high=max(self.high, high))

    @property
    def reach(self) -> tuple[float, float]:
        """Distances from the estimate down to the lower limit, and up to the upper one."""
        return self.estimate - self.low, self.high - self.estimate

    @property
    def outside(self) -> bool:
        """True if the estimate lies outside its limits by more than rounding, possible for a biased
        metric (ECE)."""
        return bool(self.estimate < self.low - _ROUNDING or self.estimate > self.high + _ROUNDING)

    @property
    def mark(self) -> str:
        """``OUTSIDE_MARK`` if the estimate lies outside its limits, else ""."""
        return OUTSIDE_MARK if self.outside else ""

    @property
    def within_noise(self) -> bool:
        """True if the interval of a change contains 0, or is undefined."""
        return not (self.low > 0 or self.high < 0)

    @property
    def words(self) -> str:
        """Word for a change: "up", "down", "within noise", "unchanged", "too few" (images for
        limits) or "undefined"."""
        if isnan(self.estimate):
            return "undefined"
        if isnan(self.low):
            return TOO_FEW
        if self.low == self.estimate == self.high == 0:
            return UNCHANGED
        if self.within_noise:
            return "within noise"
        return "up" if self.low > 0 else "down"

    def text(
        self,
        digits: int = 3,
        *,
        scale: float = 1.0,
        unit: str = "",
        sign: bool = False,
        limits: bool = True,
    ) -> str:
        """Return estimate and limits as text, ``0.812 [0.790, 0.833]``; ``–`` if undefined.

        With ``scale``, ``unit`` and ``sign``: ``+3.1 points [+0.4, +6.0]``. Without ``limits``, or
        if the limits are undefined, the text has the estimate alone.
        """
        value, low, high = (scale * end for end in (self.estimate, self.low, self.high))
        estimate = (signed if sign else number)(value, digits) + (f" {unit}" if unit else "")
        if not limits or isnan(low) or isnan(high):
            return estimate
        return f"{estimate} {number_range(low, high, digits, sign=sign)}{self.mark}"

    def cells(self, digits: int = 3, *, sign: bool = False) -> list[str]:
        """Return two cells of a printed table: the estimate, and the limits."""
        limits = written_range(self.low, self.high, digits, sign=sign)
        return [written(self.estimate, digits, sign=sign), f"{limits}{self.mark}"]

    def change(self, unit: str) -> tuple[str, str]:
        """Return a change of a metric, and the limits of the change, as two texts.

        With a ``unit`` (the metric is a share) both are in points: ``+1.9 points`` and ``[+0.4,
        +3.3]``; without: ``+0.019`` and ``[+0.004, +0.033]``.
        """
        if not unit:
            return change_number(self.estimate), number_range(self.low, self.high, sign=True)
        limits = ", ".join(points(end, unit=False) for end in (self.low, self.high))
        return change_number(self.estimate, unit), f"[{limits}]"

    def json(self) -> dict[str, float | None]:
        """Return estimate and limits as plain numbers; None if undefined.

        ``outside`` is added, as true, if the estimate lies outside its limits.
        """
        ends = {name: defined(getattr(self, name)) for name in ("estimate", "low", "high")}
        return ends | ({"outside": True} if self.outside else {})

    def columns(self, key: str, stem: str | None = None) -> dict[str, float]:
        """Return estimate and limits by column of a table: ``key``, ``key_low``, ``key_high``.

        ``stem`` replaces ``key_`` in the limits' names: "" gives ``low`` and ``high``.
        """
        stem = f"{key}_" if stem is None else stem
        return {key: self.estimate, f"{stem}low": self.low, f"{stem}high": self.high}


def columns_of(intervals: Mapping[str, Interval]) -> dict[str, float]:
    """Return the columns (``Interval.columns``) of all ``intervals``, a mapping by key."""
    each = (interval.columns(key) for key, interval in intervals.items())
    return {name: value for columns in each for name, value in columns.items()}


#: Interval of an undefined estimate.
NO_INTERVAL = Interval(nan, nan, nan)
