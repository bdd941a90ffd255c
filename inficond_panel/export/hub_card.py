"""The model card as ``README.md`` of a model hub: YAML front matter, then the card.

The fields are those of the Hugging Face hub's model cards: license, library, tags, and the metrics
as ``model-index``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from inficond_panel.errors import ExportError
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY, METRICS
from inficond_panel.vocabulary.top_metrics import AGREEMENT, BALANCED, TOP1, TOP_ECE

#: License of students whose maker names none; the hub knows the word.
UNKNOWN = "unknown"
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.\-]{0,63}")
_TAGS = ("concept-based-explanations", "interpretability", "knowledge-distillation")
#: Metrics that are told as means over the classes.
_MEANS = (AP, F1, ACCURACY, FIDELITY)
#: Metrics of all students together, by the hub's word for them.
_TOGETHER = {
    TOP1: ACCURACY.key,
    BALANCED: "balanced_accuracy",
    TOP_ECE: "expected_calibration_error",
    AGREEMENT: "agreement",
}


def check_license(name: str) -> str:
    """The identifier of a license; ``ExportError`` for what cannot be one."""
    if not _LICENSE.fullmatch(name):
        raise ExportError(
            f"{name[:80]!r} is no identifier of a license.", "Name one such as mit or cc-by-4.0."
        )
    return name


def hub_readme(card: Mapping[str, Any], files: Sequence[str], license_name: str = UNKNOWN) -> str:
    """Front matter and card; ``files`` are the names of the files beside it."""
    yaml, stream = YAML(typ="rt", pure=True), io.StringIO()
    yaml.width = 10_000
    yaml.dump(_quoted(front_matter(card, files, license_name)), stream)
    return f"---\n{stream.getvalue()}---\n\n{card_markdown(card)}"


def front_matter(
    card: Mapping[str, Any], files: Sequence[str], license_name: str = UNKNOWN
) -> dict[str, Any]:
    """The front matter as plain data."""
    onnx = any(file.endswith(".onnx") for file in files)
    return {
        "license": license_name,
        "library_name": "inficond-panel",
        "pipeline_tag": "image-classification" if "pixels" in card else "tabular-classification",
        "tags": [*_TAGS, *(["onnx"] if onnx else [])],
        "model-index": [
            {
                "name": f"{card['title']}, iteration {card['node']['number']}",
                "results": [_result(card, split) for split in card["metrics"]],
            }
        ],
    }


def _result(card: Mapping[str, Any], split: str) -> dict[str, Any]:
    slug = re.sub(r"[^a-z0-9]+", "-", card["title"].lower()).strip("-")
    return {
        "task": {"type": "image-classification", "name": "Classes of images, by concepts"},
        "dataset": {
            "type": slug or "images",
            "name": card["title"],
            "split": split,
            "revision": card["data"]["content_hash"],
        },
        "metrics": [*_together(card, split), *_metrics(card["metrics"][split], "together" in card)],
    }


def _together(card: Mapping[str, Any], split: str) -> Iterator[dict[str, Any]]:
    """Metrics of all students as one classifier, where images have one class; top-1 is what the hub
    calls accuracy."""
    found = card.get("together", {}).get(split, {}).get("students", {})
    for metric, kind in _TOGETHER.items():
        value = _value(found, metric.key)
        if value is not None:
            yield {"type": kind, "name": metric.name, "value": round(value, 4)}


def _metrics(
    classes: Mapping[str, Mapping[str, Any]], single: bool = False
) -> Iterator[dict[str, Any]]:
    """Means over the classes, then the AP of each; those that are undefined are left out.

    ``single``: images have one class, and the hub's accuracy is another one.
    """
    for metric in _MEANS:
        found = [_value(one, metric.key) for one in classes.values()]
        values = [value for value in found if value is not None]
        if values:
            name = f"{METRICS[metric.key].name}, mean of {len(values)} classes"
            kind = "mean_average_precision" if metric is AP else metric.key
            kind = "accuracy_by_class" if single and metric is ACCURACY else kind
            yield {"type": kind, "name": name, "value": round(sum(values) / len(values), 4)}
    for name, one in classes.items():
        value = _value(one, AP.key)
        if value is not None:
            yield {
                "type": "average_precision",
                "name": f"{METRICS[AP.key].name}, {name}",
                "value": round(value, 4),
            }


def _value(found: Mapping[str, Any], key: str) -> float | None:
    interval = found.get(key)
    return None if interval is None else interval["estimate"]


def _quoted(value: Any) -> Any:
    """Plain data, its texts on one line and quoted: nobody reads ``on`` or ``1:20`` otherwise."""
    if isinstance(value, Mapping):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    if isinstance(value, str):
        line = "".join(c if c.isprintable() else " " for c in value)
        return DoubleQuotedScalarString(line)
    return value
