"""What is computed of equal values is computed once a process: most tests are on one small store.

Functions of arrays alone are kept: fits, models of labels, differences between splits, and changes
along a curve. Their results are shared, so nobody may write to them. A call that tells its
progress, or may be cancelled, is never kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest

from inficond_panel.distill.scores import Scores

#: Values of an array up to which it is compared with those of other calls.
MOST_VALUES = 1 << 20


class NotKeptError(Exception):
    """A value that cannot be compared, or is too large for it."""


def key(value: Any) -> Any:
    """A value that is equal for equal arguments of a function.

    Raises ``NotKeptError``.
    """
    if isinstance(value, Scores):
        if value.shape[0] * value.shape[1] > MOST_VALUES:
            raise NotKeptError
        value = value.source.first(value.shape[0])
    if isinstance(value, np.ndarray) and value.dtype != object:
        if value.size > MOST_VALUES:
            raise NotKeptError
        return value.shape, value.dtype.str, blake2b(np.ascontiguousarray(value).data).digest()
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), *(key(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple | list):
        return tuple(map(key, value))
    if value is None or isinstance(value, str | int | float | np.generic):
        return type(value), value
    raise NotKeptError


def read_only(result: Any) -> None:
    """Make the arrays of a result read-only: it is shared."""
    if isinstance(result, np.ndarray):
        result.flags.writeable = False
    elif isinstance(result, tuple):
        for each in result:
            read_only(each)
    elif is_dataclass(result):
        for field in fields(result):
            read_only(getattr(result, field.name))


def kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that computes once what equal arguments give."""
    results = dict[Any, Any]()

    def call(*given: Any, **named: Any) -> Any:
        try:
            at = key(given), tuple((name, key(value)) for name, value in sorted(named.items()))
        except NotKeptError:
            return function(*given, **named)
        if at not in results:
            results[at] = function(*given, **named)
            read_only(results[at])
        return results[at]

    return call


def keep(patch: pytest.MonkeyPatch) -> None:
    """Keep what tests compute again and again, until the patch is undone."""
    from inficond_panel.results import what_if_curves
    from inficond_panel.tuning import label_noise, shift_kinds
    from inficond_panel.tuning.fitting import class_fit, recipe
    from inficond_panel.tuning.repairs import evidence

    for module, name in (
        (class_fit, "solve"),
        (recipe, "solve"),
        (what_if_curves, "change_band"),
        (evidence, "cross_fitted_model"),
        (evidence, "verdict"),
        (label_noise, "label_noise"),
        (label_noise, "beyond_misfit"),
        (label_noise, "share_limits"),
        (label_noise, "platt_scaling"),
        (shift_kinds, "other_photos"),
    ):
        patch.setattr(module, name, kept(getattr(module, name)))
