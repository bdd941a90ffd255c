"""The attributes of a store: their types, and the hash over them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from inficond_panel.store.hashing import content_hash
from inficond_panel.store.schema import ATTRIBUTES, SCORING_METHODS
from inficond_panel.vocabulary.tasks import ACTIVATIONS, TASKS

_NUMBER, _NO = (int, float), type(None)
#: Kinds by name, "?" after what may be absent. A kind is a type, several types, [kind of each
#: item], or {str: kind of each value}.
_KINDS: dict[str, Any] = {
    **dict.fromkeys((*ATTRIBUTES, "content_hash"), str),
    "preprocessing": (str, dict),
    "variable_hashes": {str: str},
    **dict.fromkeys(("history?", "encoder_digest?", "attributes_hash?"), str),
    **dict.fromkeys(("task?", "teacher_activation?", "teacher_order?"), str),
    "prompts?": [str],
    "synonyms?": {str: [str]},
    "skipped?": [[str]],
    "warnings?": [str],
    "stages?": {str: dict},
    "scores?": dict,
    "knowledge?": dict,
}
_PARTS: dict[str, dict[str, Any]] = {
    "scores": {"method?": str, "temperature?": _NUMBER},
    "knowledge": {"b": _NUMBER, "network": str, "layer": (str, _NO)},
}
_OF_A_STAGE = {
    "key": str,
    "made?": (str, _NO),
    "seconds?": (*_NUMBER, _NO),
    "inputs?": dict,
    "told?": dict,
    "encoding?": str,
    "skipped?": [[str]],
}


def attributes_hash(attrs: Mapping[Any, Any]) -> str:
    """SHA-256 over all attributes but this one: JSON in ASCII, names sorted, no spaces."""
    rest = {name: value for name, value in attrs.items() if name != "attributes_hash"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def attribute_faults(attrs: Mapping[Any, Any]) -> list[str]:
    """Faults of the attributes of a store, beside its format and version; [] if none."""
    wrong = list(_misfits("", attrs, _KINDS))
    if wrong:
        return wrong
    if content_hash(attrs["variable_hashes"]) != attrs["content_hash"]:
        return ["its hashes differ"]
    if attrs.get("attributes_hash") not in (None, attributes_hash(attrs)):
        return ["its attributes differ from their hash"]
    for name in _PARTS.keys() & attrs.keys():
        wrong += _misfits(f"{name}.", attrs[name], _PARTS[name])
    for name, stage in attrs.get("stages", {}).items():
        wrong += _misfits(f"stages.{name}.", stage, _OF_A_STAGE)
    wrong += _task_faults(attrs)
    return wrong or list(_scores_faults(attrs.get("scores", {})))


def _misfits(prefix: str, values: Mapping[Any, Any], kinds: Mapping[str, Any]) -> Iterator[str]:
    for asked, kind in kinds.items():
        name = asked.removesuffix("?")
        if name in values and not _is(values[name], kind):
            yield f"the attribute {prefix}{name} is not of its type"
        elif name not in values and name == asked:
            yield f"the attribute {prefix}{name} is missing"


def _is(value: Any, kind: Any) -> bool:
    if isinstance(kind, list):
        return isinstance(value, list) and all(_is(item, kind[0]) for item in value)
    if isinstance(kind, dict):
        return isinstance(value, dict) and all(_is(item, kind[str]) for item in value.values())
    return isinstance(value, kind) and not isinstance(value, bool)


def _task_faults(attrs: Mapping[Any, Any]) -> Iterator[str]:
    for name, words in (("task", TASKS), ("teacher_activation", ACTIVATIONS)):
        if attrs.get(name, words[0]) not in words:
            yield f"the attribute {name} is {attrs[name]!r}; there are {', '.join(words)}"


def _scores_faults(scores: Mapping[str, Any]) -> Iterator[str]:
    method = scores.get("method", SCORING_METHODS[0])
    if method not in SCORING_METHODS:
        yield f"the attribute scores.method is {method!r}; there are {', '.join(SCORING_METHODS)}"
    if method == "contrast" and not scores.get("temperature", 0) > 0:
        yield "the attribute scores.temperature is no number above 0"
