"""Differences between the inputs of a stage then and now, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

_SHOWN = 5
_DIGITS = 8
#: Inputs that are told in another way.
_SILENT = {"photos"}


def differences(old: object, new: object, stages: Collection[str] = ()) -> Iterator[str]:
    """Yield a line for each input that differs, as ``encoder.image_size: 224 → 384``.

    ``stages`` are the names of stages: an input of that name is a stage's key.
    """
    before, now = dict(_flat(old)), dict(_flat(new))
    for name in sorted({*before, *now}):
        if name in _SILENT or before.get(name) == now.get(name):
            continue
        if name in stages:
            yield f"{name}: made anew"
        elif isinstance(before.get(name), list) and isinstance(now.get(name), list):
            yield f"{name}: {_of_lists(before[name], now[name])}"
        else:
            yield f"{name}: {_shown(before, name)} → {_shown(now, name)}"


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and set(value) != {"count", "sha256"}:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _shown(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return "(not there)"
    value = values[name]
    if isinstance(value, Mapping):
        return f"{value['count']} values ({value['sha256'][:_DIGITS]}…)"
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return f"{value[:_DIGITS]}…"
    if isinstance(value, list):
        return _some(list(map(str, value)))
    return str(value)


def _of_lists(old: list[Any], new: list[Any]) -> str:
    was, now = list(map(str, old)), list(map(str, new))
    told = [
        f"{word} {_some(names)}"
        for word, names in (
            ("added", [name for name in now if name not in set(was)]),
            ("removed", [name for name in was if name not in set(now)]),
        )
        if names
    ]
    return "; ".join(told) or "the same in another order"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
