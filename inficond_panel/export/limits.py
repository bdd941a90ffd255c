"""Limits of exported students, in plain words, from the facts of their card."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from inficond_panel.distill import SEEN_LABEL, Interval, TeacherSkill
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import SOFTMAX
from inficond_panel.wording.teacher import teacher_sentences

#: Below this many positives a metric says little.
_FEW = 20


def in_words(value: object) -> str:
    """A value of the card, which may be a mapping or a list, on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {in_words(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return "(" + ", ".join(in_words(part) for part in value) + ")"
    return str(value)


def limits(card: Mapping[str, Any]) -> list[str]:
    """Sentences for the card."""
    return [*_of_use(card), *_of_numbers(card), *_of_classes(card)]


def _of_use(card: Mapping[str, Any]) -> Iterator[str]:
    data = card["data"]
    given = data.get("scores", {}).get("method") == "given"
    source = (
        "be made as those of the store were, which came from elsewhere, on the same scale"
        if given
        else f"come from the encoder {data['encoder']} with its preprocessing "
        f"({in_words(data['preprocessing'])}) and the corpus {data['corpus']}"
    )
    yield (
        f"The students read concept scores, not images. The scores must {source}, in the order of "
        f"the concepts given here; other scores give numbers without meaning."
    )
    yield (
        f"They imitate the teacher {data['teacher']}, with its mistakes. Fidelity says how often "
        f"they decide as it does; beside it stands what a student that always says the same gets."
    )
    yield (
        "A weight of 0 does not say that a concept is irrelevant: of concepts whose scores go "
        "together, the L1 penalty keeps few."
    )
    if card["distillation"].get("targets") == "oracle":
        yield (
            f"They learnt from the teacher's oracle, which {SEEN_LABEL}: its logits on the images "
            f"of fit were made with the help of their labels. All metrics compare with the plain "
            f"teacher."
        )
    if card["distillation"].get("link") == SOFTMAX:
        yield (
            "The classes share one softmax: the student takes one of them to be there, and what is "
            "changed for one class changes the probabilities of all."
        )
    if TUNE in card["distillation"].get("distil_on", ()):
        yield (
            "They were distilled on the images of tune too. Metrics on tune are of students that "
            "were fitted without the image."
        )
    if "alpha" in card["distillation"]:
        yield "They learnt from the true labels too, so that they may leave the teacher's way."
    if card["bounds"]:
        yield (
            "Concepts were tuned by hand or machine. Where one is held down, another with similar "
            "scores may have taken over its influence."
        )


def _of_numbers(card: Mapping[str, Any]) -> Iterator[str]:
    fit, tune = card["data"]["images"][FIT], card["data"]["images"][TUNE]
    looks = card["holdout_looks"]
    yield f"The students were fitted on {fit} images of the split fit."
    if card["iterations"]:
        yield (
            f"The metrics on the {tune} images of the split tune were at hand while the students "
            f"were tuned, so they are likely too good."
        )
    times = "once" if looks["all_nodes"] == 1 else f"{looks['all_nodes']} times"
    yield (
        f"The holdout was looked at {times} for students of this history, of which "
        f"{looks['this_node']} for these."
        if looks["all_nodes"]
        else "The holdout was not looked at for any students of this history."
    )
    yield "The intervals count the choice of images, not that of concepts, encoder or edits."
    late = [name for name, found in card["certificate"].items() if _late(found, card)]
    if late:
        yield f"Not solved to the tolerance: {', '.join(late)}."


def _late(found: Mapping[str, Any], card: Mapping[str, Any]) -> bool:
    tolerance = card["distillation"].get("tolerance")
    return tolerance is not None and (found["value"] is None or found["value"] > tolerance)


def _of_classes(card: Mapping[str, Any]) -> Iterator[str]:
    for split, classes in card["metrics"].items():
        few = [
            f"{name} ({found['positives']})"
            for name, found in classes.items()
            if found["positives"] < _FEW
        ]
        if few:
            yield f"Few positive images in {split}, so little can be said: {', '.join(few)}."
        unknown = {name: _skill(found) for name, found in classes.items()}
        yield from (f"On {split}: {line}" for line in teacher_sentences(unknown))


def _skill(metrics: Mapping[str, Any]) -> TeacherSkill:
    """AP of the teacher on a class, from the metrics of the card."""
    ends = metrics["teacher_ap"]
    low, high = (math.nan if ends[end] is None else ends[end] for end in ("low", "high"))
    estimate = math.nan if ends["estimate"] is None else ends["estimate"]
    skill = Interval(estimate, low, high), metrics["chance"], metrics["teacher_knows"]
    return TeacherSkill(*skill)
