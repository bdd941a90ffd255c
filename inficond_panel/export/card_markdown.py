"""The model card as Markdown, and as README for the Hugging Face Hub.

Text from data is escaped, so that Markdown never interprets it. The README's front matter follows
the Hub's model cards: license, library, tags, and the metrics as ``model-index``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from inficond_panel.common.interval import OUTSIDE_MARK, OUTSIDE_NOTE
from inficond_panel.common.numbers import count, written, written_range
from inficond_panel.errors import ExportError
from inficond_panel.export.model_card import in_words
from inficond_panel.store.schema import GIVEN, WORDS
from inficond_panel.vocabulary.confidence import confidence_word, interval_methods
from inficond_panel.vocabulary.intents import AUTO
from inficond_panel.vocabulary.metrics import (
    ACCURACY,
    AGREEMENT,
    AP,
    BALANCED,
    BRIER,
    ECE,
    F1,
    FIDELITY,
    METRICS,
    PRECISION,
    RECALL,
    TOP1,
    TOP_ECE,
    TOP_METRICS,
)
from inficond_panel.vocabulary.tasks import MULTI_LABEL, SIGMOID, SINGLE_LABEL, SOFTMAX
from inficond_panel.wording.shift_kinds import MISSING_LABELS
from inficond_panel.wording.things import with_word

_METRICS = {
    AP.key: AP.word,
    "teacher_ap": "teacher's AP",
    "ap_since_start": "AP, change by tuning",
    **{each.key: each.word for each in (PRECISION, RECALL, F1, ACCURACY, BRIER, ECE, FIDELITY)},
    **{each.key: each.word for each in METRICS.values() if each is not AP},
}
#: Formula from scores to probabilities, by link.
_LINKED = {
    SIGMOID: "logit = scores · weights + intercept; probability = sigmoid(logit)",
    SOFTMAX: "probabilities = softmax(scores · weights + intercepts) over the classes; weights are "
    "centred: the weights of a concept add up to 0 over the classes; logit = "
    "log(probability / (1 − probability))",
}
#: Punctuation that Markdown may interpret; a colon only before a possible link or emoji.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#!|~&$@]|:(?=\S)|(?i:(?<=\bwww)\.)|^[-+=]|^\d+\.(?=\s|$)")


#: Interval of numbers, which no link follows or begins.
_INTERVAL = re.compile(r"(?<=\d )(\[[+\u2212]?\d[\d.,]*, [+\u2212]?\d[\d.,]*\])(?![(\[:])")


def escape(text: object) -> str:
    """Return ``text`` on one line, escaped so that Markdown shows its characters literally.

    A backslash before punctuation makes it literal (CommonMark, sec. 2.4). The brackets of an
    interval of numbers are no link, so they stay plain for those who read the file as text.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    pieces = _INTERVAL.split(line)  # every second piece is an interval
    return "".join(piece if at % 2 else _escaped(piece) for at, piece in enumerate(pieces))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", text)


#: Definition of a decision, by task.
_DECIDED = {
    MULTI_LABEL: "a class is decided to be present if its logit is above its threshold.",
    SINGLE_LABEL: "the likeliest class of an image is decided to be present.",
}


def card_markdown(card: Mapping[str, Any]) -> str:
    """Return the card as Markdown, rendered from the template ``card.md.j2``, in which an image is
    called as the unit of the bootstrap: image, row or caption."""
    return with_word(_rendered(card), card["bootstrap"]["unit"])


def _rendered(card: Mapping[str, Any]) -> str:
    return _template().render(
        card=card,
        level=confidence_word(card["bootstrap"]["level"]),
        methods=interval_methods(card["bootstrap"]),
        notes={split: _outside_note(card, split) for split in card["metrics"]},
        linked=_LINKED[card["distillation"].get("link", SIGMOID)],
        decided=_DECIDED[card["task"]],
        names=list(_METRICS.values()),
        measured=_measured,
        together=_together,
        together_columns=_together_columns,
        cross_fitted=lambda each: ", ".join(k for k, v in each.items() if v.get("cross_fitted")),
        in_words=in_words,
        facts=[(name, in_words(value)) for name, value in card["data"].items()],
        faults=[[each[key] for key in ("about", "kind", "sentence")] for each in card["faults"]],
        settings=_settings(card),
        intents=list(_intents(card)),
        solution=list(_solution(card)),
        belonging=[
            [each["class_name"], each["name"], each["author"], each["created"]]
            for each in card["reliances"]["belonging"]
        ],
        null_rows=list(_null_rows(card)),
        missing_labels=MISSING_LABELS,
    )


class _Escaped(str):
    """Text escaped for Markdown, exempt from the template's HTML escaping."""

    def __html__(self) -> str:
        return self


@cache
def _template() -> Template:
    """Return the template of the card, which escapes values for Markdown."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=lambda value: value if hasattr(value, "__html__") else _Escaped(escape(value)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("card.md.j2")


def _measured(classes: Mapping[str, Mapping[str, Any]]) -> Iterator[list[object]]:
    for name, metrics in classes.items():
        intervals = (_interval(metrics[key]) for key in _METRICS)
        rest = (written(metrics["chance"]), written(metrics["constant_fidelity"]))
        yield [name, metrics["positives"], *intervals, *rest]


def _null_rows(card: Mapping[str, Any]) -> Iterator[list[object]]:
    """Yield a row per class and number of concepts: AP of named and of random words."""
    for row in (card["null"] or {}).get("rows", ()):
        ends = ("estimate", ""), ("low", "_low"), ("high", "_high")
        keys = ("named", "random", "difference")
        each = [{end: row[f"{key}{tail}"] for end, tail in ends} for key in keys]
        yield [row["class"], row["size"], *map(_interval, each)]


#: Columns of ``_together``.
_TOGETHER_SIDES = {"students": "students", "teacher": "teacher", "since_start": "change by tuning"}


def _together_columns(measures: Mapping[str, Any]) -> list[str]:
    """Return the headings of ``_together``."""
    return ["metric", *(words for side, words in _TOGETHER_SIDES.items() if side in measures)]


def _together(measures: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield a row per metric of all students as one classifier (data with one class per image)."""
    for key in measures["students"]:
        metric = TOP_METRICS[key]
        sides = (_interval(measures[side].get(key)) for side in _TOGETHER_SIDES if side in measures)
        yield [metric.word.replace("top-k", f"top-{measures['k']}"), *sides]


def _settings(card: Mapping[str, Any]) -> list[list[str]]:
    return [
        [part, key, in_words(value)]
        for part in ("distillation", "refit")
        for key, value in (card[part] or {}).items()
        if key != "store"  # shown in another section
    ]


def _intents(card: Mapping[str, Any]) -> Iterator[list[object]]:
    for step in card["iterations"]:
        for intent in step["intents"]:
            numbers = (_plain(intent.get(key)) for key in ("factor", "lower", "upper"))
            names = (intent["class"], _object(intent), intent["direction"])
            yield [step["number"], step["author"], *names, *numbers]


def _object(intent: Mapping[str, Any]) -> str:
    """Return the object of an intent as text: concepts, a photo and its label, or a value."""
    concepts = intent.get("concepts") or [intent.get("concept", intent.get("image"))]
    named = [str(name) for name in concepts if name is not None]
    value = intent.get("value")
    return " ".join(filter(None, [", ".join(named), value if value == AUTO else _plain(value)]))


def _solution(card: Mapping[str, Any]) -> Iterator[list[object]]:
    for name, proof in card["certificate"].items():
        value = "undefined" if proof["value"] is None else f"{proof['value']:.1e}"
        yield [name, card["nonzero"][name], _plain(card["threshold"][name]), proof["kind"], value]


def _interval(interval: Mapping[str, float | None] | None) -> str:
    if interval is None:
        return "none"
    if interval["estimate"] is None or interval["low"] is None:
        return written(interval["estimate"])
    limits = written_range(interval["low"], interval["high"])
    mark = OUTSIDE_MARK if interval.get("outside") else ""
    return f"{written(interval['estimate'])} {limits}{mark}"


def _outside_note(card: Mapping[str, Any], split: str) -> list[str]:
    """Return a list of ``OUTSIDE_NOTE`` if an estimate on ``split`` lies outside its interval, else
    empty."""
    shown = [*card["metrics"][split].values()]
    shown += [
        card["together"][split][side] for side in ("students", "teacher") if "together" in card
    ]
    outside = (
        value.get("outside")
        for metrics in shown
        for value in metrics.values()
        if isinstance(value, Mapping)
    )
    return [OUTSIDE_NOTE] if any(outside) else []


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


#: License if none is named; a word of the Hub.
UNKNOWN_LICENSE = "unknown"
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.\-]{0,63}")
_TAGS = ("concept-based-explanations", "interpretability", "knowledge-distillation")
#: The Hub's kind of data, what the data are, and what the students read, by the method of scores.
_PHOTOS = ("image", "images", "concepts")
_DATA = {GIVEN: ("tabular", "rows", "concepts"), WORDS: ("text", "captions", "their words")}
#: Metrics reported as means over the classes.
_MEANS = (AP, F1, ACCURACY, FIDELITY)
#: Metrics of all students as one classifier, with the Hub's name.
_TOGETHER = {
    TOP1: ACCURACY.key,
    BALANCED: "balanced_accuracy",
    TOP_ECE: "expected_calibration_error",
    AGREEMENT: "agreement",
}


def check_license(name: str) -> str:
    """Return ``name`` if it is a license identifier; else raise ``ExportError``."""
    if not _LICENSE.fullmatch(name):
        raise ExportError(
            f"{name[:80]!r} is not an identifier of a license.",
            "Name a license such as mit or cc-by-4.0.",
        )
    return name


def hub_readme(card: Mapping[str, Any], files: Sequence[str], license_name: str) -> str:
    """Return the README for the Hub: front matter, then the model card as Markdown.

    ``files`` are the names of the other files of the export."""
    onnx = any(file.endswith(".onnx") for file in files)
    front = {
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
    yaml, stream = YAML(typ="rt", pure=True), io.StringIO()
    yaml.width = 10_000
    yaml.dump(_quoted(front), stream)
    return f"---\n{stream.getvalue()}---\n\n{card_markdown(card)}"


def _result(card: Mapping[str, Any], split: str) -> dict[str, Any]:
    slug = re.sub(r"[^a-z0-9]+", "-", card["title"].lower()).strip("-")
    students = card.get("together", {}).get(split, {}).get("students", {})
    together = {metric: _value(students, metric.key) for metric in _TOGETHER}
    kind, rows, concepts = _DATA.get(card["data"].get("scores", {}).get("method"), _PHOTOS)
    return {
        "task": {"type": f"{kind}-classification", "name": f"Classes of {rows}, by {concepts}"},
        "dataset": {
            "type": slug or rows,
            "name": card["title"],
            "split": split,
            "revision": card["data"]["content_hash"],
        },
        "metrics": [
            *(  # of data with one class per image; the Hub's "accuracy" is top-1
                {"type": _TOGETHER[metric], "name": metric.name, "value": round(value, 4)}
                for metric, value in together.items()
                if value is not None
            ),
            *_metrics(card["metrics"][split], "together" in card),
        ],
    }


def _metrics(
    classes: Mapping[str, Mapping[str, Any]], single: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield the Hub's entries: means over the classes, then the AP of each class, if defined.

    ``single``: images have one class, so "accuracy" of the Hub is top-1 and not this mean.
    """
    for metric in _MEANS:
        by_class = [_value(one, metric.key) for one in classes.values()]
        values = [value for value in by_class if value is not None]
        if values:
            name = f"{METRICS[metric.key].name}, mean of {count(len(values), 'class')}"
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


def _value(metrics: Mapping[str, Any], key: str) -> float | None:
    interval = metrics.get(key)
    return None if interval is None else interval["estimate"]


def _quoted(value: Any) -> Any:
    """Return plain data with texts quoted, on one line, so that YAML reads ``on`` as a text."""
    if isinstance(value, Mapping):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    if isinstance(value, str):
        line = "".join(c if c.isprintable() else " " for c in value)
        return DoubleQuotedScalarString(line)
    return value
