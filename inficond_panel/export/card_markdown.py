"""The model card as Markdown. All text from data is escaped: it is shown, never interpreted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inficond_panel.common.numbers import written, written_range
from inficond_panel.export.limits import in_words
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.cures import AUTO
from inficond_panel.vocabulary.metrics import (
    ACCURACY,
    AP,
    BRIER,
    ECE,
    F1,
    FIDELITY,
    PRECISION,
    RECALL,
)
from inficond_panel.vocabulary.tasks import MULTI_LABEL, SIGMOID, SINGLE_LABEL, SOFTMAX
from inficond_panel.vocabulary.top_metrics import TOP_METRICS

_METRICS = {
    AP.key: AP.word,
    "teacher_ap": "teacher's AP",
    "ap_since_start": "AP, change by tuning",
    **{each.key: each.word for each in (PRECISION, RECALL, F1, ACCURACY, BRIER, ECE, FIDELITY)},
}
#: Way from scores to probabilities, by link.
_LINKED = {
    SIGMOID: "logit = scores · weights + intercept; probability = sigmoid(logit)",
    SOFTMAX: "probabilities = softmax(scores · weights + intercepts) over the classes; a weight is "
    "less its mean over the classes, so that those of a concept add up to 0; logit = "
    "log(probability / (1 − probability))",
}
#: Punctuation that may begin something; a colon only where a link or an emoji could follow.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#!|~&$@]|:(?=\S)|(?i:(?<=\bwww)\.)|^[-+=]|^\d+\.(?=\s|$)")


def escape(text: object) -> str:
    """``text`` on one line, such that Markdown shows these very characters.

    A backslash before punctuation makes it literal (CommonMark, sec. 2.4).
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return _SPECIAL.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", line)


def card_markdown(card: Mapping[str, Any]) -> str:
    """The whole card."""
    parts = [
        f"# Concept students: {escape(card['title'])}",
        _summary(card),
        "## Limits",
        "\n".join(f"- {escape(sentence)}" for sentence in card["limits"]),
        *(part for split in card["metrics"] for part in _metrics(card, split)),
        "## Data",
        _data(card),
        *_pixels(card),
        "## Distillation",
        _settings(card),
        "## Tuning",
        _tuning(card),
        "## Solution",
        _solution(card),
        "## Replay",
        _replay(card),
        "## Versions",
        _table(["what", "version"], card["versions"].items()),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(card: Mapping[str, Any]) -> str:
    node = card["node"]
    note = f" Note: {escape(node['note'])}." if node["note"] else ""
    kind = "after tuning" if node["parent"] else "untouched"
    return (
        f"{len(card['classes'])} linear students, one a class, over {len(card['concepts'])} "
        f"concept scores; iteration {node['number']} ({escape(node['id'])}, {kind}), made "
        f"{node['created']} by {escape(node['author'])}.{note}\n\n"
        f"{_LINKED[card['distillation'].get('link', SIGMOID)]}; {_DECIDED[card['task']]}"
    )


#: Rule of the decisions, by task.
_DECIDED = {
    MULTI_LABEL: "a class is decided to be present where its logit is above its threshold.",
    SINGLE_LABEL: "of each image the likeliest class is decided to be present.",
}


def _metrics(card: Mapping[str, Any], split: str) -> list[str]:
    level, draws = card["bootstrap"]["level"], card["bootstrap"]["draws"]
    rows = [
        [
            name,
            metrics["positives"],
            *(_interval(metrics[metric]) for metric in _METRICS),
            written(metrics["chance"]),
            written(metrics["constant_fidelity"]),
        ]
        for name, metrics in card["metrics"][split].items()
    ]
    judged = [
        name for name, metrics in card["metrics"][split].items() if metrics.get("cross_fitted")
    ]
    header = [
        "class",
        "positives",
        *_METRICS.values(),
        "chance of AP",
        "constant student's fidelity",
    ]
    return [
        f"## Metrics on the split {split}",
        f"In brackets the {confidence_word(level)} bootstrap interval over images ({draws} draws, "
        f"seed {card['bootstrap']['seed']}).",
        *_together(card, split),
        _table(header, rows),
        *(
            [
                f"Cross-fitted, since labels of {split} chose terms of the student: "
                f"{escape(', '.join(judged))}. Each image is judged by a student made without it."
            ]
            if judged
            else []
        ),
    ]


def _together(card: Mapping[str, Any], split: str) -> list[str]:
    """All students as one classifier, where images have one class."""
    if "together" not in card:
        return []
    measures = card["together"][split]
    rows = [
        [
            metric.word.replace("top-k", f"top-{measures['k']}"),
            *(_interval(measures[side].get(key)) for side in ("students", "teacher")),
        ]
        for key, metric in TOP_METRICS.items()
    ]
    return [
        f"All students as one classifier, on {measures['images']} labelled images:",
        _table(["metric", "students", "teacher"], rows),
        "The student of each class by itself:",
    ]


def _data(card: Mapping[str, Any]) -> str:
    facts = {name: in_words(value) for name, value in card["data"].items()}
    return _table(["what", "value"], facts.items())


def _pixels(card: Mapping[str, Any]) -> list[str]:
    """The model from pixels, if the export has one: its input, and how it was checked."""
    pixels = card.get("pixels")
    if not pixels:
        return []
    rows = [
        ["file", pixels["file"]],
        ["input", f"pixels {in_words(pixels['input'])} float32, RGB"],
        ["preprocessing", in_words(pixels["preprocessing"])],
        ["difference of a logit, median", f"{pixels['median_logit_difference']:.1e}"],
        ["difference of a logit, largest", f"{pixels['largest_logit_difference']:.1e}"],
        ["compared on", f"{pixels['checked_photos']} {pixels['checked_on']} of the store"],
    ]
    told = "The logits were compared with those of inficond predict, before the file was written."
    return ["## Pixels", f"{told}\n\n{_table(['what', 'value'], rows)}"]


def _settings(card: Mapping[str, Any]) -> str:
    rows = [
        [part, key, in_words(value)]
        for part in ("distillation", "refit")
        for key, value in (card[part] or {}).items()
        if key != "store"  # its hash stands above
    ]
    return _table(["of", "setting", "value"], rows)


def _tuning(card: Mapping[str, Any]) -> str:
    if not card["iterations"]:
        return "None: these are the untouched students."
    rows = [
        [
            step["number"],
            step["author"],
            intent["class"],
            _object(intent),
            intent["direction"],
            *(_plain(intent.get(key)) for key in ("factor", "lower", "upper")),
        ]
        for step in card["iterations"]
        for intent in step["intents"]
    ]
    header = ["iteration", "by", "class", "concept", "direction", "factor", "w ≥", "w ≤"]
    held = len(card["bounds"])
    return f"{_table(header, rows)}\n\nBounds in force at the end: {held}."


def _object(intent: Mapping[str, Any]) -> str:
    """Object of an intent: concepts, a photo and its label, or a value."""
    concepts = intent.get("concepts") or [intent.get("concept", intent.get("image"))]
    named = [str(name) for name in concepts if name is not None]
    value = intent.get("value")
    return " ".join(filter(None, [", ".join(named), value if value == AUTO else _plain(value)]))


def _solution(card: Mapping[str, Any]) -> str:
    rows = [
        [
            name,
            card["nonzero"][name],
            _plain(card["threshold"][name]),
            proof["kind"],
            "undefined" if proof["value"] is None else f"{proof['value']:.1e}",
        ]
        for name, proof in card["certificate"].items()
    ]
    return (
        "A certificate of kind gap bounds (objective − optimum) / (objective at w = 0); kkt is the "
        "residual of the optimality conditions.\n\n"
        + _table(["class", "weights not 0", "threshold", "certificate", "value"], rows)
    )


def _replay(card: Mapping[str, Any]) -> str:
    return (
        "    inficond tune SPEC --edits edits.yaml --json\n\n"
        "with the spec and the store of the hash above gives the weights with the SHA-256\n\n"
        f"    {escape(card['node']['weights_hash'])}\n\n"
        "bit for bit on the same machine and library, elsewhere within the certificate."
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header)]
    lines += [[escape(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _interval(found: Mapping[str, float | None] | None) -> str:
    if found is None:
        return "none"
    if found["estimate"] is None or found["low"] is None:
        return written(found["estimate"])
    return f"{written(found['estimate'])} {written_range(found['low'], found['high'])}"


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
