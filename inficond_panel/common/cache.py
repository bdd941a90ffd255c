"""Results that all sessions share: computed once, the latest kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from threading import Lock
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")


def once(maxsize: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """As ``functools.lru_cache``, but threads that ask for the same wait for the first of them.

    Otherwise twenty pages that open together do the work, and take the memory, twenty times.
    Where the first one fails, the next one tries. Arguments are given by place.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        kept = lru_cache(maxsize)(function)
        guard = Lock()
        under_way: dict[tuple[Any, ...], Lock] = {}

        @wraps(function)
        def call(*args: P.args, **_: P.kwargs) -> T:
            with guard:
                turn = under_way.setdefault(args, Lock())
            try:
                with turn:
                    return kept(*args)
            finally:
                with guard:
                    under_way.pop(args, None)

        return call

    return decorate


class Latest(Generic[K, T]):
    """The latest ``size`` values by key, for results of which several are computed together."""

    def __init__(self, size: int) -> None:
        self._size, self._kept, self._guard = size, dict[K, T](), Lock()

    def get(self, key: K) -> T | None:
        """The value, which counts as used; None where there is none."""
        with self._guard:
            if key not in self._kept:
                return None
            self._kept[key] = self._kept.pop(key)
            return self._kept[key]

    def put(self, key: K, value: T) -> None:
        """Keep a value; the one that was not used for longest makes room."""
        with self._guard:
            self._kept.pop(key, None)
            self._kept[key] = value
            while len(self._kept) > self._size:
                self._kept.pop(next(iter(self._kept)))
