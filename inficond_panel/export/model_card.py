"""Model card of students: data, settings, edits, metrics and limitations.

The sections follow Mitchell et al. 2019, "Model Cards for Model Reporting". ``card_markdown``
writes it as text, and ``folder`` as the ``card.json`` of an export.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import pandas as pd

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import defined
from inficond_panel.distill import SEEN_LABEL, TeacherSkill
from inficond_panel.export.exported import EXPORT_VERSION
from inficond_panel.results.confusions import metrics_together
from inficond_panel.results.doctor.drifted import UNLIKE, drift_finding
from inficond_panel.results.doctor.labels_in_groups import labels_in_groups
from inficond_panel.results.doctor.store_faults import StoreFault, data_faults, lesser_faults
from inficond_panel.results.frame import intervals_of, records
from inficond_panel.results.metric_changes import changes
from inficond_panel.results.metrics import metrics
from inficond_panel.results.null_students import no_better_finding, null_frame
from inficond_panel.results.reliances import reliances
from inficond_panel.results.two_worlds import worlds_frame
from inficond_panel.store.schema import GIVEN, WORDS
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.history.log import HISTORY
from inficond_panel.tuning.null_students import is_at_hand
from inficond_panel.tuning.replay import branch
from inficond_panel.tuning.two_worlds import worlds_since_start
from inficond_panel.version import __version__
from inficond_panel.vocabulary.metrics import FIDELITY, METRICS
from inficond_panel.vocabulary.splits import EVALUATED, FIT, HOLDOUT, SPLITS, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX
from inficond_panel.wording.metrics import constant_sentence, teacher_sentences
from inficond_panel.wording.null_students import named_words
from inficond_panel.wording.repairs import chose_sentence
from inficond_panel.wording.things import image_word, in_words_of, with_word

#: Number of positives below which metrics are uncertain.
_FEW = 20


def in_words(value: object) -> str:
    """Return a value of the card, which may be a mapping or a list, as text on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {in_words(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return "(" + ", ".join(in_words(part) for part in value) + ")"
    return str(value)


def limits(card: Mapping[str, Any]) -> list[str]:
    """Return the sentences on limitations of a card."""
    sentences = [*_of_use(card), *_of_numbers(card), *_of_classes(card)]
    return [with_word(sentence, card["bootstrap"]["unit"]) for sentence in sentences]


def _of_use(card: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"The students read concept scores, not images. The scores must {_source(card)}, in the "
        f"order of the concepts listed here; predictions from other scores are meaningless."
    )
    yield (
        f"They imitate the teacher {card['data']['teacher']}, with its mistakes. Fidelity is the "
        "share of equal decisions; next to it is the fidelity of a student with constant "
        "decisions."
    )
    yield (
        "A weight of 0 does not mean that a concept is irrelevant: of correlated concepts, the L1 "
        "penalty keeps few."
    )
    if card["distillation"].get("targets") == "oracle":
        yield (
            f"They learned from the teacher's oracle, which {SEEN_LABEL}: its logits on the images "
            f"of fit were computed with their labels. All metrics compare with the plain teacher."
        )
    if card["distillation"].get("link") == SOFTMAX:
        yield (
            "The classes share one softmax: the student assumes exactly one class per image, and "
            "an edit of one class changes the probabilities of all classes."
        )
    if TUNE in card["distillation"].get("distil_on", ()):
        yield (
            "They were distilled on the images of tune too. Metrics on tune are cross-fitted: each "
            "image is evaluated by students that were fitted without it."
        )
    if "alpha" in card["distillation"]:
        yield "They also learned from the labels, so they may deviate from the teacher."
    if card["bounds"]:
        yield (
            "Influences were tuned by hand or machine. Where one was lowered, a concept with "
            "similar scores may have taken over its influence."
        )


def _source(card: Mapping[str, Any]) -> str:
    """Return how the scores must be made, after *must*."""
    data = card["data"]
    method = data.get("scores", {}).get("method")
    if method == GIVEN:
        return "be computed like the scores supplied to the store, on the same scale"
    if method == WORDS:
        return (
            "be 1 where the caption has a word of the concept in the corpus "
            f"{data['corpus']}, else 0"
        )
    return (
        f"come from the encoder {data['encoder']} with its preprocessing "
        f"({in_words(data['preprocessing'])}) and the corpus {data['corpus']}"
    )


def _of_numbers(card: Mapping[str, Any]) -> Iterator[str]:
    fit, tune = card["data"]["images"][FIT], card["data"]["images"][TUNE]
    looks = card["holdout_looks"]
    yield f"The students were fitted on {fit} images of the split fit."
    if card["iterations"]:
        yield (
            f"The metrics on the {tune} images of the split tune were available while the students "
            f"were tuned, so they are likely too optimistic."
        )
    yield from (
        f"#{step['number']}: {step['chosen']}" for step in card["iterations"] if step["chosen"]
    )
    times = "once" if looks["all_nodes"] == 1 else f"{looks['all_nodes']} times"
    yield (
        f"Holdout results of this history's students were seen {times}, of which "
        f"{looks['this_node']} for these students."
        if looks["all_nodes"]
        else "Holdout results of this history's students were never seen."
    )
    yield "The intervals cover the choice of images, not the choice of concepts, encoder or edits."
    tolerance = card["distillation"].get("tolerance")
    gaps = {name: gap["value"] for name, gap in card["certificate"].items()}
    late = [name for name, gap in gaps.items() if gap is None or gap > (tolerance or math.inf)]
    if late and tolerance is not None:
        yield f"The solver did not reach the tolerance for: {', '.join(late)}."


def _of_classes(card: Mapping[str, Any]) -> Iterator[str]:
    for split, classes in card["metrics"].items():
        few = [
            f"{name} ({facts['positives']})"
            for name, facts in classes.items()
            if facts["positives"] < _FEW
        ]
        if few:
            names = ", ".join(few)
            yield f"Few positive images in {split}, so the estimates are uncertain: {names}."
        constant = [name for name, facts in classes.items() if _like_constant(facts)]
        if constant:
            yield f"On {split}: {constant_sentence(constant)}"
        skills = {name: _skill(facts) for name, facts in classes.items()}
        yield from (f"On {split}: {line}" for line in teacher_sentences(skills))


def _like_constant(metrics: Mapping[str, Any]) -> bool:
    """Return what ``like_constant`` says of a class, from its entry in the card."""
    low, constant = metrics[FIDELITY.key]["low"], metrics["constant_fidelity"]
    return low is not None and constant is not None and low <= constant


def _skill(metrics: Mapping[str, Any]) -> TeacherSkill:
    ends = (metrics["teacher_ap"][end] for end in ("estimate", "low", "high"))
    estimate, low, high = (math.nan if end is None else end for end in ends)
    ap = Interval(estimate, low, high)
    return TeacherSkill(ap, metrics["chance"], metrics["teacher_knows"])


#: Numbers of a class without intervals in the card.
_BESIDE = ("chance", "constant_fidelity", "logit_correlation", "ece_if_calibrated")


def model_card(tuner: Tuner, node: Node, *, holdout: bool = False) -> dict[str, Any]:
    """Return the model card of ``node`` as plain data; ``holdout`` adds metrics on the holdout.

    The caller counts this use of the holdout."""
    steps, splits = branch(tuner, node), EVALUATED if holdout else (TUNE,)
    # without the terms of classes, which may be large
    refit = {name: value for name, value in node.settings.items() if name != "terms"}
    card = {
        "format": "inficond-students-card",
        "format_version": EXPORT_VERSION,
        "title": tuner.store.title,
        "task": tuner.store.task,
        "node": _node(node),
        "data": _data(tuner),
        "faults": _faults(tuner, node),
        "classes": list(tuner.store.classes),
        "concepts": list(tuner.store.concepts),
        "distillation": dict(steps[0].settings),
        "refit": refit if node.parent else None,
        "certificate": {
            name: {"kind": kind, "value": defined(gap)}
            for name, kind, gap in zip(tuner.store.classes, node.certificate, node.gap, strict=True)
        },
        "threshold": dict(zip(tuner.store.classes, tuner.thresholds, strict=True)),
        "nonzero": dict(
            zip(tuner.store.classes, (node.weights != 0).sum(axis=0).tolist(), strict=True)
        ),
        "iterations": [_iteration(tuner, step) for step in steps[1:]],
        "bounds": [
            {"class": class_name, "concept": concept, "lower": low, "upper": high}
            for (class_name, concept), (low, high) in node.bounds.items()
        ],
        "adjusted": {
            name: [each.to_json() for each in terms.adjusted]
            for name, terms in tuner.terms(node).items()
            if terms.adjusted
        },
        "two_worlds": _two_worlds(tuner, node),
        "reliances": reliances(tuner, node),
        "metrics": {split: measured(tuner, node, split) for split in splits},
        "null": _null(tuner),
        "bootstrap": {**tuner.spec.views.noise(), "unit": image_word(tuner.store)},
        "holdout_looks": {
            "this_node": tuner.history.looks(node.id, HOLDOUT),
            "all_nodes": tuner.looks(HOLDOUT),
        },
        "versions": _versions(tuner),
    }
    if tuner.store.task == SINGLE_LABEL:
        card["together"] = {split: measured_together(tuner, node, split) for split in splits}
    return {**card, "limits": limits(card)}


def _node(node: Node) -> dict[str, Any]:
    names = ("id", "number", "name", "parent", "weights_hash", "author", "created", "note")
    return {name: getattr(node, name) for name in names}


def _data(tuner: Tuner) -> dict[str, Any]:
    store = tuner.store
    names = ("content_hash", "inputs_hash", "encoder", "preprocessing", "corpus", "teacher")
    more = [name for name in ("scores", "typed", "typed_photos") if name in store.attrs]
    facts = {name: store.attrs[name] for name in (*names, *more)}
    return {**facts, "images": {split: len(store.rows(split)) for split in SPLITS}}


def _faults(tuner: Tuner, node: Node) -> list[dict[str, str]]:
    """Return the faults of the data, in the doctor's words: those of all classes, then those of
    the teacher's outputs by class, classes that a group of images is labelled with otherwise,
    whether the tuning images are unlike the training images, and what is less urgent."""
    store, drift = tuner.store, drift_finding(tuner.store, 0)
    unlike = [StoreFault("images", UNLIKE, drift, "")] * bool(drift)
    in_groups = [each for name in store.classes for each in labels_in_groups(tuner, node, name)]
    return [
        {
            "about": each.about,
            "kind": in_words_of(store, each.kind),
            "sentence": in_words_of(store, each.finding),
        }
        for each in [*data_faults(store), *in_groups, *unlike, *lesser_faults(store)]
    ]


def _iteration(tuner: Tuner, node: Node) -> dict[str, Any]:
    def resolved(class_name: str, concept: str) -> dict[str, float | None]:
        lower, upper = node.bounds.get((class_name, concept), (None, None))  # None if released
        return {"lower": lower, "upper": upper}

    return {
        **_node(node),
        "intents": [
            {**intent.to_json(), **resolved(intent.class_name, intent.concept)}
            for intent in node.intents
        ]
        + [repair.to_json() for repair in node.repairs],
        "meant": node.worlds_meant,
        "chosen": chose_sentence(node, tuner.terms(node)),
    }


def _two_worlds(tuner: Tuner, node: Node) -> dict[str, Any]:
    """Return the figures of the thumbs since the original students in both worlds, with a sentence
    each; no rows without thumbs."""
    frame = worlds_frame(worlds_since_start(tuner, node), tuner.spec.views.noise()["level"])
    return {"sentences": list(frame.attrs["notes"]), "rows": records(frame)}


def _null(tuner: Tuner) -> dict[str, Any] | None:
    """Return the original students' AP on ``tune`` beside that of random words, with sentences;
    None if that takes minutes."""
    if not is_at_hand(tuner, tuner.store.classes):
        return None
    frame = null_frame(tuner)
    return {
        "kind": frame.attrs["facts"]["null"],
        "named": named_words(tuner.store.things),
        "sentences": [*filter(None, [no_better_finding(frame)[1]]), *frame.attrs["notes"]],
        "rows": records(frame),
    }


def _versions(tuner: Tuner) -> dict[str, Any]:
    return {
        "inficond-panel": __version__,
        "store_format": tuner.store.attrs["format_version"],
        "history_schema": HISTORY.version,
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy")},
    }


def measured(tuner: Tuner, node: Node, split: str) -> dict[str, Any]:
    """Return counts and metrics on ``split`` by class, as in ``Interval.json``; undefined: None."""
    frame, since = metrics(tuner, node, split).loc[list(tuner.store.classes)], {}
    spent = tuner.spent(node, split)
    keys = (*METRICS, "teacher_ap")
    intervals = zip(*(intervals_of(frame, key) for key in keys), strict=True)
    if node.parent:
        changed = changes(tuner, tuner.root(), node, split)
        since = dict(zip(changed.index, intervals_of(changed, "change"), strict=True))
    return {
        name: {
            "images": int(row["images"]),
            "positives": int(row["positives"]),
            "cross_fitted": name in spent,
            **{key: interval.json() for key, interval in zip(keys, each, strict=True)},
            **{key: defined(row[key]) for key in _BESIDE},
            "teacher_knows": None if pd.isna(row["teacher_knows"]) else bool(row["teacher_knows"]),
            "ap_since_start": since[name].json() if since else None,
        }
        for (name, row), each in zip(frame.to_dict("index").items(), intervals, strict=True)
    }


def measured_together(tuner: Tuner, node: Node, split: str) -> dict[str, Any]:
    """Return metrics of all students as one classifier, and of the teacher (one class per image).

    The keys are ``images``, ``k`` of top-k, ``students``, ``teacher`` and, after an edit,
    ``since_start``, the changes by tuning; metrics as in ``measured``.
    """
    frame = metrics_together(tuner, node, split)
    since = ("since_start",) if node.parent else ()
    sides = {
        side: {
            key: each.json()
            for key, each in zip(frame.index, intervals_of(frame, side), strict=True)
        }
        for side in ("students", "teacher", *since)
    }
    del sides["teacher"]["agreement"]
    return {"images": frame.attrs["facts"]["images"], "k": frame.attrs["facts"]["k"], **sides}
