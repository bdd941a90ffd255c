"""Differences of inputs between then and now: of a stage in words, of a spec from its store."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from inficond_panel.concepts.extended_store import base_of
from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import LogitsTeacher, NetworkTeacher
from inficond_panel.store import Store
from precompute.batches.reuse import stage_of
from precompute.batches.segmenting import Settings
from precompute.encoder import encoder_inputs
from precompute.pipeline.inputs import plain
from precompute.segments import settings_of
from precompute.teachers import network_inputs, resolved

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
    changes = [
        f"{word} {_some(names)}"
        for word, names in (
            ("added", [name for name in now if name not in set(was)]),
            ("removed", [name for name in was if name not in set(now)]),
        )
        if names
    ]
    return "; ".join(changes) or "the same in another order"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def checked_settings(spec: Spec, store: Store) -> Settings:
    """Settings of the store's segments; ``DataError`` where the spec would make others."""
    settings = _settings(spec, store)
    _check_made_alike(spec, store, settings)
    return settings


def checked_teacher(spec: Spec, store: Store) -> LogitsTeacher | NetworkTeacher:
    """The section of the store's teacher; ``DataError`` where the spec names another one.

    The size of its batches, its oracle and the file of a table may be others.
    """
    section = resolved(spec.teacher, store.classes)
    inputs = network_inputs(section, store.classes, spec.concepts.encoder, base_of(store).concepts)
    now = json.loads(json.dumps(plain(inputs["settings"])))
    made = stage_of(store, "teacher").get("inputs", {}).get("settings", {})
    free = {"batch", "oracle", *(["path"] if section.kind == "logits" else [])}
    differ = [key for key in sorted({*now, *made} - free) if now.get(key) != made.get(key)]
    if differ:
        raise DataError(
            f"The store was made with another {differ[0]} of teacher than the spec says: "
            f"{made.get(differ[0])!r}, now {now.get(differ[0])!r}.",
            "Name the teacher that the store was made with, or make the store again.",
        )
    checked: LogitsTeacher | NetworkTeacher = section
    return checked


def _settings(spec: Spec, store: Store) -> Settings:
    """Settings of the store's segments; a head that was trained for it lies beside it."""
    section = spec.concepts
    segments = settings_of(section.segments)
    if segments.method == "head" and not segments.head:
        head = store.path.with_name(f"{store.path.stem}.head.safetensors")
        if not head.is_file():
            raise DataError(
                f"The head of the segments, {head}, is not there.",
                "Make the store again, which trains it: inficond precompute SPEC",
            )
        segments = replace(segments, head=str(head))
    return Settings(segments, section.thumbnails.size, section.thumbnails.quality)


def _check_made_alike(spec: Spec, store: Store, settings: Settings) -> None:
    """Raise ``DataError`` where the spec would encode or divide photos in another way."""
    made = stage_of(store, "segments").get("inputs", {})
    if not {"encoder", "segments", "thumbnails"} <= made.keys():
        raise DataError(
            f"{store.path} does not tell how photos were encoded and divided for it.",
            "Name a spec whose store was made from photos: inficond precompute SPEC",
        )
    segments = settings.segments.inputs()
    trained = made["segments"].get("head")
    if isinstance(trained, dict):  # for the store: told by what it was trained from, not by a hash
        segments["head"] = trained
    now: dict[str, dict[str, Any]] = {
        "encoder": encoder_inputs(spec.concepts.encoder),
        "segments": segments,
        "thumbnails": {"size": settings.thumbnail_size},
    }
    for part, values in now.items():
        differ = [key for key, value in values.items() if made[part].get(key) != plain(value)]
        if differ:
            raise DataError(
                f"The store was made with another {differ[0]} of concepts.{part} than the spec "
                f"says: {made[part].get(differ[0])!r}, now {values[differ[0]]!r}.",
                "Make the store again, or name the spec that it was made from.",
            )
