"""Caches that all sessions share: each result is computed once; the latest are kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from threading import Lock
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")


def once(maxsize: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator like ``functools.lru_cache(maxsize)`` for functions called by threads.

    Of threads that call with equal arguments at one time, one computes and the others wait for its
    result; if it fails, the next thread computes. Arguments must be positional.
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
    """Thread-safe cache of the most recently used values, by key.

    It keeps ``size`` values, or fewer: ``weigh`` returns as how many a value counts.
    """

    def __init__(self, size: int, weigh: Callable[[T], int] = lambda _: 1) -> None:
        self._size, self._weigh, self._load = size, weigh, 0
        self._kept, self._guard = dict[K, T](), Lock()

    def get(self, key: K) -> T | None:
        """Return the value at ``key`` and mark it as used; None if it is not cached."""
        with self._guard:
            if key not in self._kept:
                return None
            self._kept[key] = self._kept.pop(key)
            return self._kept[key]

    def put(self, key: K, value: T) -> None:
        """Cache a value; a full cache drops the value that was not used for the longest time."""
        with self._guard:
            if key in self._kept:
                self._drop(key)
            self._kept[key] = value
            self._load += self._weigh(value)
            while self._load > self._size:
                self._drop(next(iter(self._kept)))

    def made(self, key: K, make: Callable[[], T]) -> T:
        """Return the value at ``key``; if it is not cached, ``make`` it and cache it."""
        value = self.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        return value

    def _drop(self, key: K) -> None:
        self._load -= self._weigh(self._kept.pop(key))
