"""Content of a store: stages, arrays, positives and typed concepts, as tables and as JSON."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inficond_panel.commands.shared.arguments import allow_python
from inficond_panel.commands.shared.output import note, say, say_json, say_table
from inficond_panel.commands.shared.precompute_package import precompute_package
from inficond_panel.commands.shared.task_text import task_text
from inficond_panel.common.numbers import count, significant, size_text, written, written_range
from inficond_panel.concepts.typed import TypedFolder
from inficond_panel.distill import metric_intervals
from inficond_panel.errors import InficondError
from inficond_panel.results.top_measures import teacher_top_class
from inficond_panel.spec import Spec, find_spec, load_spec
from inficond_panel.store import Store, open_store
from inficond_panel.store.more_photos import other_parts, parts_of
from inficond_panel.store.teacher_outputs import hold_store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.opening import typed_folder, usual_history
from inficond_panel.tuning.other_students import count_others, other_students, others_sentence
from inficond_panel.tuning.student import Evaluation
from inficond_panel.vocabulary.confidence import CONFIDENCE, confidence_word
from inficond_panel.vocabulary.metrics import AP, TOP1
from inficond_panel.vocabulary.splits import SPLITS, TUNE
from inficond_panel.wording.metrics import teacher_sentences


def say_content(args: argparse.Namespace) -> None:
    """Write the content of a store, or what a spec without one names."""
    store, title, history, order = _store_of(args)
    if store is None:
        spec = load_spec(find_spec(args.spec))
        allow_python(args, spec)
        document = _planned(spec)
    else:
        store.verify()
        better = hold_store(store, order)
        typed = _typed(store, history)
        document = {**store_document(store), "title": title, **_made(store), "typed": typed}
        document["more"] = _more(store)
        document["output_order"] = better and {
            "message": better.message,
            "right_names": dict(better.right_names),
        }
        document["iterations"] = count_iterations(args.spec, args.store, history)
    if args.json:
        say_json(document)
        return
    flag = f" --store {args.store}" if args.store else ""
    _say_head(document, store, f"inficond precompute {args.spec}{flag}")
    if store is None:
        say("classes   " + ", ".join(document["classes"]))
        return
    _say_dropped(document["dropped"])
    _say_stages(document["stages"])
    _say_arrays(document["arrays"])
    _say_positives(document)
    _say_typed(document["typed"])
    _say_more(document["more"], args.spec)
    say_iterations(document["iterations"], args.spec)
    warnings = [better.warning] if better else []
    for warning in [*warnings, *store.attrs.get("warnings", [])]:
        note(f"Warning: {warning}")


def _store_of(
    args: argparse.Namespace,
) -> tuple[Store | None, str, Path | None, str | None]:
    """The store that is meant, if it is there; the title; and the history and the order of the
    teacher's outputs that a spec names."""
    if os.path.isdir(args.spec):  # noqa: PTH112 - never raises
        store = open_store(args.spec)
        return store, store.title, None, None
    spec = load_spec(find_spec(args.spec), check_files=False)
    place = Path(args.store or os.environ.get("INFICOND_STORE") or spec.store)
    there = os.path.exists(place)  # noqa: PTH110 - never raises
    history = Path(os.environ.get("INFICOND_HISTORY") or usual_history(args.spec, spec))
    return (open_store(place) if there else None), spec.title, history, spec.order


def _typed(store: Store, history: Path | None) -> list[dict[str, Any]]:
    """Concepts typed after the store was made: in the folders beside it and of the history."""
    places = set(store.path.absolute().parent.glob("*.concepts"))
    of_history = typed_folder(history.absolute()) if history else None
    places |= {of_history.path} if of_history else set()
    return [
        {
            "name": one.name,
            "texts": list(one.texts),
            "photos": list(one.photos),
            "made": one.made or None,
            "folder": str(place),
        }
        for place in sorted(places)
        for one in TypedFolder(place).read(store)
    ]


def _planned(spec: Spec) -> dict[str, Any]:
    """Content of the store to be made, as far as the spec's files tell."""
    spec.check_making()
    precompute_package()
    from precompute.concepts.corpus import read_corpus
    from precompute.datasets import load_dataset

    dataset = load_dataset(spec.dataset)
    counts = Counter(dataset.split)
    encoder = spec.concepts.encoder
    return {
        "title": spec.title,
        "store_hash": None,
        "classes": list(dataset.classes),
        "concepts": list(read_corpus(spec.concepts.corpus)),
        "images": {split: counts[split] for split in SPLITS},
        "segments": 0,
        "encoder": Path(encoder.model).name,
        "corpus": spec.concepts.corpus.stem,
        "teacher": spec.teacher.title,
        "activation": spec.teacher.activation or "sigmoid",
        "task": spec.dataset.task,
        "other_classes": [],
        "metadata": list(dataset.metadata_columns),
        "history": None,
        "bytes": None,
        "dropped": [],
        "stages": {},
        "arrays": {},
        "positives": {},
        "teacher_skill": None,
        "typed": [],
        "more": None,
        "iterations": None,
        "output_order": None,
    }


def store_document(store: Store) -> dict[str, Any]:
    """Summary of a store: title, hash, classes, concepts, numbers of images, sources."""
    return {
        "title": store.title,
        "store_hash": store.content_hash,
        "classes": list(store.classes),
        "concepts": list(store.concepts),
        "images": {split: len(store.rows(split)) for split in SPLITS},
        "segments": len(store.segment_image),
        "encoder": store.attrs["encoder"],
        "corpus": store.attrs["corpus"],
        "teacher": store.attrs["teacher"],
        "activation": store.activation,
        "task": store.task,
        "other_classes": [str(name) for name in store.read("other_class")],
        "metadata": list(store.metadata_columns),
    }


def _made(store: Store) -> dict[str, Any]:
    """Record of its making, its arrays with their sizes, and the positives per class by split."""
    arrays = {
        str(name): {
            "dimensions": {str(dim): int(n) for dim, n in array.sizes.items()},
            "type": "string" if array.dtype.kind not in "fiu" else array.dtype.name,
            "what": str(array.attrs.get("long_name", "")),
            "bytes": _bytes(store.path / str(name)),
        }
        for name, array in sorted(store.dataset.variables.items(), key=lambda item: str(item[0]))
    }
    stages = store.attrs.get("stages", {})
    return {
        "history": store.attrs.get("history"),
        "bytes": _bytes(store.path),
        "dropped": stages.get("text", {}).get("told", {}).get("dropped", []),
        "stages": {
            name: {"key": stage["key"], "made": stage.get("made"), "seconds": stage.get("seconds")}
            for name, stage in stages.items()
        },
        "arrays": arrays,
        "teacher_skill": _teacher_skill(store),
        "positives": {
            name: {split: int((column[store.rows(split)] == 1).sum()) for split in SPLITS}
            for name, column in zip(store.classes, store.label.T, strict=True)
        },
    }


def _teacher_skill(store: Store) -> dict[str, Any]:
    """What the teacher knows by the labels of tune: AP beside chance by class, top-1 accuracy."""
    skills = Evaluation(store, {}).teacher_skills(TUNE)
    return {
        "classes": {name: skill.to_json() for name, skill in skills.items()},
        "top1": _top1(store),
        "sentences": teacher_sentences(skills),
    }


def _top1(store: Store) -> dict[str, float | None] | None:
    """Top-1 accuracy of the teacher on tune; None for data with several classes per image."""
    if store.task != "single_label":
        return None
    teacher = teacher_top_class(store, TUNE)
    return metric_intervals(teacher, (TOP1.key,))[TOP1.key].json()


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _say_head(document: dict[str, Any], store: Store | None, remedy: str) -> None:
    say(document["title"])
    size = f", {size_text(document['bytes'])}" if store else ""
    say(f"store     {store.path if store else f'none yet; run: {remedy}'}{size}")
    if store:
        say(f"made      {document['history'] or 'not known'}")
        say(f"hash      {document['store_hash']}")
    for key in ("encoder", "corpus", "teacher"):
        say(f"{key:<9} {document[key]}")
    say(f"task      {task_text(document)}")
    images = ", ".join(f"{count} {split}" for split, count in document["images"].items())
    say(f"images    {images}")
    total = sum(document["images"].values())
    each = f", {document['segments'] / total:.1f} an image" if document["segments"] else ""
    say(f"segments  {document['segments']}{each}; concepts {len(document['concepts'])}")
    for part in ("photos", "segments", "maps"):
        if lacking := store.lacks(part) if store else "":
            say(f"          {lacking}")
    if store and store.given:
        low, high = store.concept_score.min(), store.concept_score.max()
        say(f"scores    given, from {significant(low, 3)} to {significant(high, 3)}")
    if document["metadata"]:
        say(f"metadata  {', '.join(document['metadata'])}")
    say()


def _say_dropped(dropped: list[list[str]]) -> None:
    if dropped:
        say_table(["word that a filter left out", "filter", "why"], dropped)
        say()


def _say_stages(stages: dict[str, Any]) -> None:
    if not stages:
        return
    rows = []
    for name, stage in stages.items():
        seconds = stage["seconds"]
        took = "" if seconds is None else f"{seconds:.1f} s"
        rows.append([name, stage["made"] or "", took, stage["key"][:12]])
    say_table(["stage", "made", "took", "key"], rows)
    say()


def _say_arrays(arrays: dict[str, Any]) -> None:
    rows = [
        [
            name,
            " x ".join(f"{dim} {n}" for dim, n in array["dimensions"].items()),
            array["type"],
            size_text(array["bytes"]),
        ]
        for name, array in arrays.items()
    ]
    say_table(["array", "dimensions", "type", "on disk"], rows)
    say()


def _say_positives(document: dict[str, Any]) -> None:
    rows, teacher_skill = [], document["teacher_skill"]
    for name, counts in document["positives"].items():
        skill = teacher_skill["classes"][name]
        ap = skill[AP.key]
        teacher = written(ap["estimate"]), written_range(ap["low"], ap["high"])
        rows.append(
            [name, *(str(counts[split]) for split in SPLITS), *teacher, written(skill["chance"])]
        )
    level = confidence_word(CONFIDENCE)
    say_table(["positives", *SPLITS, "teacher's AP on tune", level, "chance"], rows)
    if top1 := teacher_skill["top1"]:
        limits = written_range(top1["low"], top1["high"])
        say(f"top-1 accuracy of the teacher on tune: {written(top1['estimate'])} {limits}")
    for line in teacher_skill["sentences"]:
        note(line)


def _say_typed(typed: list[dict[str, Any]]) -> None:
    if not typed:
        return
    say()
    rows = [
        [
            one["name"],
            f"{len(one['photos'])} photos" if one["photos"] else ", ".join(one["texts"]),
            one["made"] or "not known",
            one["folder"],
        ]
        for one in typed
    ]
    say_table(["typed concept", "from", "made", "kept in"], rows)


def _more(store: Store) -> dict[str, Any]:
    """Photos added beside the store: how many, their parts, and parts of another content of it."""
    parts, others = parts_of(store), other_parts(store)
    return {
        "photos": sum(part.images for part in parts),
        "parts": [{**asdict(part), "path": str(part.path)} for part in parts],
        "other_parts": [str(part.path) for part in others],
    }


def _say_more(more: dict[str, Any], spec: str) -> None:
    if more["parts"]:
        say()
        rows = [
            [one["path"], str(one["images"]), one["made"], one["content_hash"][:12]]
            for one in more["parts"]
        ]
        say_table([f"{count(more['photos'], 'photo')} added, in", "photos", "made", "hash"], rows)
    if others := more["other_parts"]:
        note(
            f"{count(len(others), 'part')} of added photos belong to another content of the store: "
            f"{', '.join(others)}. To use the photos add them again: inficond extend {spec} FOLDER"
        )


def count_iterations(spec: str, store: str | None, history: Path | None) -> dict[str, Any] | None:
    """Iterations by students; None without a history, or with one that cannot be read."""
    if history is None or not history.is_file():
        return None
    try:
        tuner = open_tuner(spec, store=store, history=history)
        others = other_students(tuner)
        here = len(tuner.history.state(tuner.root_id).parents)
    except InficondError as error:
        note(f"The iterations are not counted: {error.message}")
        return None
    return {
        "history": str(history),
        "here": here,
        "others": [other.to_json() for other in others],
        "told": others_sentence(count_others(tuner), spec),
    }


def say_iterations(document: dict[str, Any] | None, spec: str) -> None:
    """Write how many iterations there are, and the way to their list."""
    if document is None:
        return
    say()
    way = f"inficond history list {spec}"
    say(f"{count(document['here'], 'iteration')} in {document['history']}; list: {way}")
    if document["told"]:
        say(document["told"])
