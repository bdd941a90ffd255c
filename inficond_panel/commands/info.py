"""``inficond info``: content of a store and how it was made, or content of a spec's files."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.output import note, show_all
from inficond_panel.commands.shared.parser import ArgumentParser, spec_to_make
from inficond_panel.common.database import is_address
from inficond_panel.common.installation import path_word
from inficond_panel.common.places import has_store, is_remote
from inficond_panel.errors import InficondError
from inficond_panel.vocabulary.splits import SPLITS

if TYPE_CHECKING:
    import pandas as pd

    from inficond_panel.tuning import Tuner

DESCRIPTION = (
    "Prints stages, arrays with their sizes, and positives. Reads the whole store and checks its "
    "hashes. If the store of a spec does not exist yet, prints what the spec's files contain."
)
EXAMPLE = "inficond info demo --json"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond info`` to its parser."""
    parser.add_spec()
    parser.add_store()
    parser.add_allow_python()
    parser.add_forms()


def run(args: argparse.Namespace) -> None:
    """Print the content of a store, or of the files of a spec whose store does not exist."""
    from inficond_panel.results.store_content import store_content
    from inficond_panel.spec import find_spec, load_spec
    from inficond_panel.store import open_store
    from inficond_panel.tuning.opening import history_of, store_place

    if is_remote(args.spec) or os.path.isdir(args.spec):  # noqa: PTH112 - never raises
        store, known, history = open_store(args.spec), dict[str, Any](), None
    else:
        spec = load_spec(find_spec(args.spec), check_files=False)
        folder = store_place(spec, args.store)
        if not has_store(folder):
            show_all(args, {"store": _planned(args)})
            return
        history = history_of(args.spec, spec)
        store, known = open_store(folder), {"title": spec.title, "order": spec.order}
    store.verify()
    known |= {"history": history, "tuner": _tuner(args, history)}
    show_all(args, store_content(store, spec=args.spec, **known))


def _tuner(args: argparse.Namespace, history: str | None) -> Tuner | None:
    """Return the tuner of a spec's students; None if the history is missing or unreadable."""
    from inficond_panel.tuning import open_tuner

    if history is None or not (is_address(history) or os.path.isfile(history)):  # noqa: PTH113
        return None
    try:
        tuner = open_tuner(args.spec, store=args.store, history=history)
        tuner.history.other_roots(tuner.root_id)
    except InficondError as error:
        note(f"The iterations are not counted: {error.message}")
        return None
    return tuner


def _planned(args: argparse.Namespace) -> pd.DataFrame:
    """Return a frame of what a store that does not exist yet will hold, by the spec's files."""
    from inficond_panel.results.store_content import content_frame

    spec = spec_to_make(args)
    from inficond_panel.store.schema import NO_ENCODER
    from precompute.concepts.corpus import read_corpus
    from precompute.datasets import load_dataset

    dataset = load_dataset(spec.dataset)
    counts = Counter(dataset.split)
    facts = dict.fromkeys(("store", "store_hash", "made", "bytes", "right_names")) | {
        "title": spec.title,
        "classes": list(dataset.classes),
        "concepts": list(read_corpus(spec.concepts.corpus)),
        "images": {split: counts[split] for split in SPLITS},
        "segments": 0,
        "encoder": NO_ENCODER if spec.concepts.of_words else spec.concepts.encoder.title,
        "corpus": spec.concepts.corpus.stem,
        "teacher": spec.teacher_title,
        "activation": spec.teacher.activation or "sigmoid",
        "task": spec.dataset.task,
        "other_classes": [],
        "metadata": list(dataset.metadata_columns),
    }
    more = f" --store {path_word(args.store)}" if args.store else ""
    make = f"inficond precompute {path_word(args.spec)}{more}"
    shown = {"store": f"none yet; run: {make}", "classes": ", ".join(dataset.classes)}
    return content_frame(facts, [], shown)
