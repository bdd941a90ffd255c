"""Frames on the content of a store and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.folders import DiskFolder
from inficond_panel.common.installation import path_word
from inficond_panel.common.numbers import count, significant, size_text, written, written_range
from inficond_panel.common.places import is_remote, size_of
from inficond_panel.concepts.own_words import without_word, words_note, words_text
from inficond_panel.concepts.random_words import random_words_text
from inficond_panel.concepts.typed import TypedFolder
from inficond_panel.distill import metric_intervals
from inficond_panel.results.confusions import teacher_top_class
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.other_students import others
from inficond_panel.store import Store
from inficond_panel.store.more_photos import parts_of
from inficond_panel.store.teacher_outputs import hold_store, store_activation_text
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.opening import typed_folder
from inficond_panel.tuning.student import Evaluation
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import AP, TOP1
from inficond_panel.vocabulary.splits import SPLITS, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, task_text
from inficond_panel.wording.metrics import teacher_sentences
from inficond_panel.wording.things import image_word, in_words_of

_PARTS = ("photos", "segments", "maps")


def store_content(
    store: Store,
    *,
    title: str = "",
    order: str | None = None,
    history: str | None = None,
    tuner: Tuner | None = None,
    spec: str = "SPEC",
) -> dict[str, pd.DataFrame]:
    """Return the content of a store as frames by name.

    ``store`` has its facts, ``dropped`` the words that filters left out, ``stages`` and ``arrays``
    how it was made and stored, ``positives`` the positive images per class and the teacher's AP on
    ``tune``, ``typed`` typed concepts, ``more`` added photos, ``iterations`` the history.

    ``order`` is the spec's ``teacher.order``; ``history`` the history file, beside which typed
    concepts lie, and ``tuner`` the students whose iterations are counted (None: not counted).
    ``spec`` is the name to print in commands. The caller verifies the store.
    """
    better, stages = hold_store(store, order), store.attrs.get("stages", {})
    words = {"own words": words_text(store), "random words": random_words_text(store)}
    more = {**words, **_scores(store)}
    facts = {
        "title": title or store.title,
        "store": str(store.path),
        "store_hash": store.content_hash,
        "made": store.attrs.get("history"),
        "bytes": size_of(store.path),
        "classes": list(store.classes),
        "concepts": list(store.concepts),
        "images": {split: len(store.rows(split)) for split in SPLITS},
        "segments": len(store.segment_image),
        **{key: store.attrs[key] for key in ("encoder", "corpus", "teacher")},
        "activation": store.activation,
        "activation_fit": store_activation_text(store),
        "task": store.task,
        "other_classes": [str(name) for name in store.read("other_class")],
        "metadata": list(store.metadata_columns),
        "near_equal": str(store.near_images),
        "without_own_word": without_word(store),
        "skipped": [list(pair) for pair in store.attrs.get("skipped", [])],
        "right_names": better and dict(better.right_names),
    }
    notes = [note] if (note := words_note(store, spec)) else []
    warnings = [*([better.warning] if better else []), *store.attrs.get("warnings", [])]
    texts = (*(f"Warning: {each}" for each in warnings), *notes)
    told = [in_words_of(store, text) for text in texts]
    return {
        "store": content_frame(facts, told, more, image_word(store)),
        "dropped": _dropped(stages),
        "stages": _stages(stages),
        "arrays": _arrays(store),
        "positives": _positives(store),
        "typed": _typed(store, history),
        "more": _more(store, spec),
        "iterations": _iterations(tuner, spec),
    }


def content_frame(
    facts: Mapping[str, Any], notes: list[str], more: Mapping[str, str], called: str = "image"
) -> pd.DataFrame:
    """Return a frame of the facts of an existing or planned store as texts, one row per fact;
    ``more`` are further texts, and an image is ``called`` image, row or caption."""
    others = len(facts["other_classes"])
    outputs = others and others + len(facts["classes"])
    total, segments = sum(facts["images"].values()), facts["segments"]
    size = f", {size_text(facts['bytes'])}" if facts["bytes"] else ""
    per_image = f", {segments / total:.1f} per {called}" if segments else ""
    texts = {
        "store": f"{facts['store']}{size}",
        "made": facts["store_hash"] and (facts["made"] or "not known"),
        "hash": facts["store_hash"],
        **{key: facts[key] for key in ("encoder", "corpus", "teacher")},
        "task": task_text(facts["task"], facts["activation"], outputs, called),
        "activation": facts.get("activation_fit", ""),
        "classes": str(len(facts["classes"])),
        f"{called}s": ", ".join(f"{images} {split}" for split, images in facts["images"].items()),
        "segments": f"{segments}{per_image}",
        "concepts": str(len(facts["concepts"])),
        "metadata": ", ".join(facts["metadata"]),
        "copies": facts.get("near_equal", ""),
        **more,
    }
    rows = [{"fact": key, "value": value} for key, value in texts.items() if value]
    headings = plain_headings("fact", "value")
    return make_frame(rows, "fact", headings, title=facts["title"], notes=notes, facts=facts)


def _scores(store: Store) -> dict[str, str]:
    """Return texts on what the store ``lacks``, and on the range of supplied ``scores``."""
    lacks = [store.lacks(part) for part in _PARTS if store.lacks(part)]
    more = {"lacks": " ".join(lacks)}
    if store.given:
        low, high = (significant(end(store.concept_score), 3) for end in (np.min, np.max))
        more["scores"] = f"supplied, from {low} to {high}"
    return more


def _dropped(stages: Mapping[str, Any]) -> pd.DataFrame:
    """Return a frame of the words of the corpus that a filter left out, with the reason."""
    columns = ("word", "filter", "why")
    dropped = stages.get("text", {}).get("told", {}).get("dropped", [])
    rows = [dict(zip(columns, each, strict=True)) for each in dropped]
    return make_frame(rows, "word", plain_headings(*columns), title="Words that a filter left out")


def _stages(stages: Mapping[str, Any]) -> pd.DataFrame:
    rows = [
        {"stage": name, **{key: stage.get(key) for key in ("made", "seconds", "key")}}
        for name, stage in stages.items()
    ]
    headings = plain_headings("stage", "made", "seconds", "key")
    headings["seconds"] = Heading("seconds", 1, missing="")
    return make_frame(rows, "stage", headings, title="Stages of its making")


def _arrays(store: Store) -> pd.DataFrame:
    """Return a frame of the store's arrays: dimensions, type, bytes on disk and description."""
    rows = [
        {
            "array": str(name),
            "dimensions": " x ".join(f"{dim} {n}" for dim, n in array.sizes.items()),
            "type": "string" if array.dtype.kind not in "fiu" else array.dtype.name,
            "bytes": size_of(store.path / str(name)),
            "what": str(array.attrs.get("long_name", "")),
        }
        for name, array in sorted(store.dataset.variables.items(), key=lambda item: str(item[0]))
    ]
    headings = plain_headings("array", "dimensions", "type", "bytes")
    return make_frame(rows, "array", headings, title="Arrays")


def _positives(store: Store) -> pd.DataFrame:
    """Return the positives of each class by split, and the teacher's AP by the labels of tune."""
    skills, notes = Evaluation(store, {}).teacher_skills(TUNE), list[str]()
    rows = [
        {
            "class": name,
            **{split: int((column[store.rows(split)] == 1).sum()) for split in SPLITS},
            **skills[name].ap.columns(AP.key),
            "chance": skills[name].chance,
            "knows": skills[name].knows,
        }
        for name, column in zip(store.classes, store.label.T, strict=True)
    ]
    facts = {}
    if store.task == SINGLE_LABEL:
        top1 = metric_intervals(teacher_top_class(store, TUNE), (TOP1.key,))[TOP1.key]
        facts["top1"], limits = top1.json(), written_range(top1.low, top1.high)
        notes = [f"The teacher's top-1 accuracy, tuning: {written(top1.estimate)} {limits}."]
    ap = {AP.key: "teacher's AP, tuning", "chance": "chance"}
    headings = plain_headings("class", *SPLITS, **ap)
    title = f"Positive {image_word(store)}s, and the teacher"
    notes += [in_words_of(store, text) for text in teacher_sentences(skills)]
    return make_frame(
        rows, "class", headings, title=title, notes=notes, facts=facts, level=CONFIDENCE
    )


def _typed(store: Store, history: str | None) -> pd.DataFrame:
    """Return concepts typed after the store was made, in its folder and in the history's."""
    beside = [] if is_remote(store.path) else store.path.absolute().parent.glob("*.concepts")
    there = map(DiskFolder, beside)
    folders = {str(folder.path): TypedFolder(folder) for folder in there}
    if history and (of_history := typed_folder(history)):
        folders[str(of_history.path)] = of_history
    rows = [
        {
            "concept": concept.name,
            "texts": list(concept.texts),
            "photos": len(concept.photos),
            "made": concept.made or None,
            "folder": folder,
        }
        for folder in sorted(folders)
        for concept in folders[folder].read(store)
    ]
    headings = plain_headings("concept", "texts", "photos", "made", "folder")
    headings["made"] = Heading("made", missing="not known")
    return make_frame(rows, "concept", headings, title="Typed concepts")


def _more(store: Store, spec: str) -> pd.DataFrame:
    """Return photos added to the store; a note names parts made for another version of it."""
    rows = [{**asdict(part), "path": str(part.path)} for part in parts_of(store)]
    photos = sum(row["images"] for row in rows)
    stale = [str(part.path) for part in parts_of(store, other=True)]
    word = path_word(spec)
    note = (
        f"{count(len(stale), 'part')} of added photos belong to another version of the store: "
        f"{', '.join(stale)}. To use these photos, add them again: inficond extend {word} FOLDER"
    )
    headings = plain_headings(path="folder", images="photos", made="made", content_hash="hash")
    title, notes = f"{count(photos, 'photo')} added", [note] * bool(stale)
    facts = {"photos": photos, "other_parts": stale}
    return make_frame(rows, "path", headings, title=title, notes=notes, facts=facts)


def _iterations(tuner: Tuner | None, spec: str) -> pd.DataFrame:
    """Return the number of iterations (the fact ``here``), and other students in the history."""
    if tuner is None:
        return make_frame([], "root", plain_headings("root"), facts={"here": None})
    frame, here = others(tuner), len(tuner.history.state(tuner.root_id).parents)
    file = f"{count(here, 'iteration')} in {tuner.history.path}"
    frame.attrs["title"] = f"{file}; list: inficond history list {path_word(spec)}"
    frame.attrs["facts"] |= {"here": here}
    return frame
