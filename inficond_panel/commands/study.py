"""``inficond check``, ``info`` and ``precompute``: the spec and its store."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.commands.output import note, say, say_json, say_table
from inficond_panel.errors import MissingExtraError, StoreError
from inficond_panel.spec import Spec, check_classes, find_spec, load_spec
from inficond_panel.store import SPLITS, Store, open_store
from inficond_panel.tuning.opening import usual_history
from inficond_panel.tuning.report import store_document


def check(args: argparse.Namespace) -> None:
    """Read a spec, where its store is there hold it against that, and say what it is."""
    spec = load_spec(find_spec(args.spec))
    if spec.store.exists():
        _check_against_store(spec)
    say(f"{args.spec}: no problems.")
    say(f"title    {spec.title}")
    if spec.store.exists():
        say(f"store    {spec.store}")
    else:
        say(f"store    {spec.store} (not there yet; run: inficond precompute {args.spec})")
    say(f"history  {usual_history(args.spec, spec)}")


def _check_against_store(spec: Spec) -> None:
    """A store that cannot be used is no fault of the spec: it is said, and that is all."""
    try:
        classes = open_store(spec.store).classes
    except StoreError as error:
        note(f"Class names are not checked: {error}")
        return
    check_classes(spec, classes)


def precompute(args: argparse.Namespace) -> None:
    """Make the store of a spec, or say what that would do."""
    spec = load_spec(find_spec(args.spec))
    package, store = _precompute_package(), args.store or spec.store
    if args.plan:
        _say_plan(package.plan(spec, store, progress=note), args.json)
        return
    report = package.run(spec, store, progress=note, scheduler=args.scheduler)
    if args.json:
        say_json({**asdict(report), "store": str(report.store)})
        return
    images = ", ".join(f"{count} {split}" for split, count in report.images.items())
    say(f"{report.store}: {'written' if report.changed else 'unchanged, nothing was done'}")
    say(f"images {images}; segments {report.segments}; hash {report.content_hash}")
    if report.skipped:
        say(f"skipped {len(report.skipped)} images that cannot be read; see: inficond info")


def _say_plan(plan: Any, as_json: bool) -> None:
    if as_json:
        say_json(plan.document())
        return
    for line in plan.lines():
        say(line)


def info(args: argparse.Namespace) -> None:
    """What a store holds, or what a spec without one names."""
    store, title = _store_of(args)
    if store is None:
        document = _planned(load_spec(find_spec(args.spec)))
    else:
        store.verify()
        document = {**store_document(store), "title": title}
    if args.json:
        say_json(document)
    else:
        flag = f" --store {args.store}" if args.store else ""
        _say_info(document, store, f"inficond precompute {args.spec}{flag}")


def _store_of(args: argparse.Namespace) -> tuple[Store | None, str]:
    """The store that is meant, if it is there, and the title."""
    if os.path.isdir(args.spec):  # noqa: PTH112 - never raises
        store = open_store(args.spec)
        return store, store.title
    spec = load_spec(find_spec(args.spec), check_files=False)
    place = Path(args.store or os.environ.get("INFICOND_STORE") or spec.store)
    there = os.path.exists(place)  # noqa: PTH110 - never raises
    return (open_store(place) if there else None), spec.title


def _planned(spec: Spec) -> dict[str, Any]:
    """What the store will hold, as far as the spec's files tell."""
    _precompute_package()
    from precompute.concepts import read_corpus  # noqa: PLC0415 - only where it is needed
    from precompute.datasets import load_dataset  # noqa: PLC0415

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
        "metadata": list(dataset.metadata_columns),
    }


def _say_info(document: dict[str, Any], store: Store | None, remedy: str) -> None:
    say(document["title"])
    say(f"store     {store.path if store else f'none yet; run: {remedy}'}")
    if store:
        say(f"hash      {document['store_hash']}")
    for key in ("encoder", "corpus", "teacher"):
        say(f"{key:<9} {document[key]}")
    images = ", ".join(f"{count} {split}" for split, count in document["images"].items())
    say(f"images    {images}")
    say(f"segments  {document['segments']}; concepts {len(document['concepts'])}")
    if document["metadata"]:
        say(f"metadata  {', '.join(document['metadata'])}")
    say()
    if store is None:
        say("classes   " + ", ".join(document["classes"]))
        return
    say_table(["positives", *SPLITS], _positives(store))
    for warning in store.attrs.get("warnings", []):
        note(f"Warning: {warning}")


def _positives(store: Store) -> list[list[str]]:
    counts = [np.count_nonzero(store.label[store.rows(split)] == 1, axis=0) for split in SPLITS]
    return [[name, *(str(count[k]) for count in counts)] for k, name in enumerate(store.classes)]


def _precompute_package() -> Any:
    try:
        import precompute as package  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise MissingExtraError(
            f"Making a store needs packages that are not installed ({error.name}).",
            "Install them: pip install 'inficond-panel[precompute]'",
        ) from error
    return package
