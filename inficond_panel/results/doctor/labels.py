"""Tables of the doctor: labels that are likely wrong, and labels to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from scipy.special import expit

from inficond_panel.common.installation import join
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import share
from inficond_panel.errors import Remedy
from inficond_panel.results.doctor.examined import Examined
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.tuning.label_noise import LEAST_CONTRADICTED, DoubtedLabels
from inficond_panel.wording.groups import group_words
from inficond_panel.wording.shift_kinds import MISSING_LABELS

#: Most labels to list that are more likely wrong than right, and to show if no class is requested.
MOST_LABELS, SHOWN_LABELS = 50, 10
#: Least share of the listed labels that are of one group, to be told.
MOST_OF_LISTED = 0.75
_LIKELY_WRONG = f"Training labels that are likely wrong, at most {MOST_LABELS}"
_TO_LOOK_AT = f"Training labels to look at, at most {MOST_LABELS}"
_OF_TUNE = f"Tuning labels to look at, at most {MOST_LABELS}"
_LOOKS_THE_SAME = (
    "These may be right: a difference between training and tuning images, or chance, looks the "
    "same as wrong labels."
)
_ALONE = (
    "Of {} no share of wrong labels is measured: the teacher and the other images contradict each "
    "of these by itself."
)


def label_frames(
    store: Store,
    seen: Mapping[str, Examined],
    facts: Mapping[str, Any],
    reader: Callable[[str], str],
    *,
    whole: bool,
) -> dict[str, pd.DataFrame]:
    """Return frames of training labels that are likely wrong, of those that may be right as well,
    and, if any are in doubt, of tuning labels."""
    in_doubt = {
        name: each.found.labels
        for name, each in seen.items()
        if each.found.labels and each.found.labels_in_doubt and not each.shift.by_teacher
    }
    wrong = {name: of for name, of in in_doubt.items() if seen[name].found.labels_wrong}
    doubted = {name: of for name, of in in_doubt.items() if name not in wrong}
    alone = {
        name: each.contradicted
        for name, each in seen.items()
        if each.contradicted and (whole or each.contradicted.several)
    }
    made = partial(_label_frame, store, facts=facts, reader=reader, whole=whole)
    frames = {
        "labels": made(wrong, _LIKELY_WRONG),
        "labels_to_look_at": made(doubted | alone, _TO_LOOK_AT),
    }
    of_tune = {name: each.found.tune_labels for name, each in seen.items()}
    some = {name: labels for name, labels in of_tune.items() if labels is not None}
    if some:
        frames["tuning_labels"] = made(some, _OF_TUNE)
        frames["tuning_labels"].attrs["notes"].append(_LOOKS_THE_SAME)
    notes, named = frames["labels_to_look_at"].attrs["notes"], _classes_of(frames)
    notes += [_LOOKS_THE_SAME] * bool(named & doubted.keys())
    notes += [_ALONE.format(listed(sorted(named & alone.keys())))] * bool(named & alone.keys())
    groups = {"labels": wrong, "labels_to_look_at": doubted | alone, "tuning_labels": some}
    for key, frame in frames.items():
        told = [_whose(store, name, labels) for name, labels in groups[key].items()]
        frame.attrs["notes"] += [*filter(None, told), *[MISSING_LABELS] * bool(len(frame))]
    return frames


def _label_frame(
    store: Store,
    labels: Mapping[str, DoubtedLabels],
    title: str,
    facts: Mapping[str, Any],
    reader: Callable[[str], str],
    *,
    whole: bool,
) -> pd.DataFrame:
    rows = sorted(_wrong(store, labels), key=lambda row: -row["wrong"])[:MOST_LABELS]
    headings = {
        "image": Heading("image"),
        "class": Heading("class"),
        "label": Heading("label", words=("absent", "present")),
        "wrong": Heading("chance wrong", 2),
        "present": Heading("present by other images", 2),
        "teacher": Heading("by the teacher", 2),
    }
    shown = range(len(rows) if whole else min(len(rows), SHOWN_LABELS))
    return make_frame(
        rows,
        ["image", "class"],
        headings,
        title=title,
        notes=[reader(_more_labels(rows[len(shown) :]))] * (len(shown) < len(rows)),
        facts=facts,
        shown=shown,
    )


def _whose(store: Store, name: str, labels: DoubtedLabels) -> str:
    """Return a sentence on the group of images, such as those of an annotator, that most of the
    listed labels are of, if it is no large part of all; "" without one."""
    listed_at = labels.likely_wrong
    if len(listed_at) < LEAST_CONTRADICTED:
        return ""
    for group, inside in column_masks(store, labels.rows).items():
        part, whole = inside[listed_at].mean(), inside.mean()
        if part >= MOST_OF_LISTED and part >= 2 * whole:
            words = group_words(*group, shown_or_not=False)
            return (
                f"{name}: {inside[listed_at].sum()} of {len(listed_at)} labels that may be wrong "
                f"are of “{words}”, which has {share(whole)} of the images."
            )
    return ""


def _more_labels(hidden: Sequence[Mapping[str, Any]]) -> str:
    """Return how many labels are not shown, and what shows them."""
    names = list(dict.fromkeys(row["class"] for row in hidden))
    one = join(names) if len(names) == 1 else "CLASS"
    named = repr(names[0]) if len(names) == 1 else "class_name"
    calls = Remedy(f"`inficond doctor SPEC --class {one}`", f"`students.doctor({named})`")
    return f"And {len(hidden)} more, of {listed(names, 3)}: " + calls + "."


def _classes_of(frames: Mapping[str, pd.DataFrame]) -> set[str]:
    """Return the classes of the labels to look at."""
    return set(frames["labels_to_look_at"].index.get_level_values("class"))


def _wrong(store: Store, given: Mapping[str, DoubtedLabels]) -> Iterator[dict[str, Any]]:
    for name, labels in given.items():
        chance = expit(store.teacher_log_odds[labels.rows, store.classes.index(name)])
        for at in labels.likely_wrong:
            yield {
                "image": store.images[labels.rows[at]],
                "class": name,
                "label": int(labels.label[at]),
                "wrong": float(labels.wrong[at]),
                "present": float(labels.present[at]),
                "teacher": float(chance[at]),
            }
