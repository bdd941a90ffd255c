"""The model card as Markdown. All text from data is escaped: it is shown, never interpreted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

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


#: Rule of the decisions, by task.
_DECIDED = {
    MULTI_LABEL: "a class is decided to be present where its logit is above its threshold.",
    SINGLE_LABEL: "of each image the likeliest class is decided to be present.",
}


def card_markdown(card: Mapping[str, Any]) -> str:
    """The whole card, by the template ``card.md.j2``."""
    return _template().render(
        card=card,
        level=confidence_word(card["bootstrap"]["level"]),
        linked=_LINKED[card["distillation"].get("link", SIGMOID)],
        decided=_DECIDED[card["task"]],
        names=list(_METRICS.values()),
        measured=_measured,
        together=_together,
        judged_apart=lambda found: ", ".join(k for k, v in found.items() if v.get("cross_fitted")),
        in_words=in_words,
        facts=[(name, in_words(value)) for name, value in card["data"].items()],
        settings=_settings(card),
        intents=list(_intents(card)),
        solution=list(_solution(card)),
    )


class _Escaped(str):
    """Text for Markdown, which the template's own escaping, that of HTML, leaves as it is."""

    def __html__(self) -> str:
        return self


@cache
def _template() -> Template:
    """The template of the card, which escapes for Markdown what it is given."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=lambda value: value if hasattr(value, "__html__") else _Escaped(escape(value)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return found.get_template("card.md.j2")


def _measured(classes: Mapping[str, Mapping[str, Any]]) -> Iterator[list[object]]:
    for name, metrics in classes.items():
        intervals = (_interval(metrics[key]) for key in _METRICS)
        rest = (written(metrics["chance"]), written(metrics["constant_fidelity"]))
        yield [name, metrics["positives"], *intervals, *rest]


def _together(measures: Mapping[str, Any]) -> Iterator[list[str]]:
    """Rows of all students as one classifier, where images have one class."""
    for key, metric in TOP_METRICS.items():
        sides = (_interval(measures[side].get(key)) for side in ("students", "teacher"))
        yield [metric.word.replace("top-k", f"top-{measures['k']}"), *sides]


def _settings(card: Mapping[str, Any]) -> list[list[str]]:
    return [
        [part, key, in_words(value)]
        for part in ("distillation", "refit")
        for key, value in (card[part] or {}).items()
        if key != "store"  # its hash stands above
    ]


def _intents(card: Mapping[str, Any]) -> Iterator[list[object]]:
    for step in card["iterations"]:
        for intent in step["intents"]:
            numbers = (_plain(intent.get(key)) for key in ("factor", "lower", "upper"))
            names = (intent["class"], _object(intent), intent["direction"])
            yield [step["number"], step["author"], *names, *numbers]


def _object(intent: Mapping[str, Any]) -> str:
    """Object of an intent: concepts, a photo and its label, or a value."""
    concepts = intent.get("concepts") or [intent.get("concept", intent.get("image"))]
    named = [str(name) for name in concepts if name is not None]
    value = intent.get("value")
    return " ".join(filter(None, [", ".join(named), value if value == AUTO else _plain(value)]))


def _solution(card: Mapping[str, Any]) -> Iterator[list[object]]:
    for name, proof in card["certificate"].items():
        value = "undefined" if proof["value"] is None else f"{proof['value']:.1e}"
        yield [name, card["nonzero"][name], _plain(card["threshold"][name]), proof["kind"], value]


def _interval(found: Mapping[str, float | None] | None) -> str:
    if found is None:
        return "none"
    if found["estimate"] is None or found["low"] is None:
        return written(found["estimate"])
    return f"{written(found['estimate'])} {written_range(found['low'], found['high'])}"


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
