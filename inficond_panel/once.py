"""Results that all sessions share: each computed once, the latest kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


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
