"""Tables of ``inficond predict``: decisions, their parts, rules for abstaining, drift."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from inficond_panel.vocabulary.tasks import SINGLE_LABEL

if TYPE_CHECKING:
    import pandas as pd

    from inficond_panel.concepts.photo_scores import PhotoScores
    from inficond_panel.distill.drift import Drift
    from inficond_panel.export.predictions import Abstaining, Prediction


def frames_of(
    args: argparse.Namespace,
    task: str,
    origin: dict[str, str],
    scores: PhotoScores,
    predictions: list[Prediction],
    rules: Abstaining | None,
    test: Callable[[], Drift],
) -> dict[str, pd.DataFrame]:
    """Return the decisions and other requested frames, by name; ``origin`` are facts on the
    students with a title, ``test`` tests for drift."""
    from inficond_panel.export.predictions import (
        SHOWN_CONCEPTS,
        decision_frame,
        named_classes,
        part_frame,
        rules_frame,
        with_undecided,
    )
    from inficond_panel.results.decisions import drift_frame

    named = named_classes(predictions) if task == SINGLE_LABEL else None
    if args.classes:
        predictions = [one for one in predictions if one.class_name in args.classes]
        rules = rules.among(args.classes) if rules else None
    title = origin["title"]
    facts: dict[str, Any] = {key: value for key, value in origin.items() if key != "title"}
    facts |= {"no_teacher": scores.no_teacher or None, "faults": faults_of(scores)}
    thing, most = scores.things.removesuffix("s"), None if args.json or args.csv else SHOWN_CONCEPTS
    notes = scores.notes if args.json else ()  # else they are on standard error, before the table
    decided = decision_frame(
        predictions,
        named,
        title=title,
        facts=facts,
        notes=notes,
        thing=thing,
        known_words=scores.known_words,
    )
    frames = {"decisions": with_undecided(decided, scores.undecided)}
    if args.explain:
        frames["parts"] = part_frame(predictions, most, thing=thing)
    if rules:
        frames["abstain"] = rules_frame(rules)
    if args.drift:
        frames["drift"] = drift_frame(test())
    return frames


def faults_of(scores: PhotoScores) -> dict[str, str]:
    """Return why photos cannot be read, by photo."""
    faults = zip(scores.photos, scores.fault, strict=True)
    return {photo: fault for photo, fault in faults if fault}
