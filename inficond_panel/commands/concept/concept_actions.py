"""Actions of ``inficond concept``: each returns a JSON document and the lines to print."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.commands.shared.output import note, say, say_json, say_table, show_lines
from inficond_panel.commands.shared.parser import allow_python, precompute_package, spec_to_make
from inficond_panel.common.installation import path_word
from inficond_panel.common.names import find_name
from inficond_panel.common.numbers import count
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.own_words import without_word, words_text
from inficond_panel.concepts.random_words import random_words_text
from inficond_panel.concepts.texts import EncodesText, texts_of
from inficond_panel.concepts.typed import TypedConcept, check_encoder, check_typing
from inficond_panel.errors import DataError
from inficond_panel.predict import text_encoder
from inficond_panel.results.slices import read_ids
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import open_store
from inficond_panel.store.write import only_run
from inficond_panel.tuning import Tuner, opening

#: Result of an action: the JSON document, and the lines to print.
Result = tuple[dict[str, Any], list[str]]


def _list(tuner: Tuner, _: argparse.Namespace) -> Result:
    typed, others = opening.typed_of(tuner.store), opening.others_of(tuner)
    lines = [opening.typed_text(one) for one in typed] or ["No concept was typed."]
    if others:
        note(f"Concepts of another store (different segments, encoder or prompts): {others}.")
    return {**_place(tuner), "others": others}, lines


def _add(tuner: Tuner, args: argparse.Namespace) -> Result:
    check_typing(tuner.store)
    images: Collection[str] = args.images or ()
    known = tuner.store.images
    if len(images) == 1 and find_name(args.images[0], known) is None:  # the path of a file of ids
        images = read_ids(Path(args.images[0]), known)
    allow_python(args, tuner.spec)
    encoder = None if args.images else text_encoder(tuner.spec)
    tuner = opening.add_concept(tuner, args.text, encoder, images=images)
    name = texts_of(args.text)[0]
    (typed,) = (one for one in opening.typed_of(tuner.store) if one.name == name)
    near = opening.nearest_concepts(tuner.store, typed)
    listed = ", ".join(f"{name} ({cosine:.3f})" for name, cosine in near)
    lines = [f"Added {opening.typed_text(typed)}", f"nearest concepts: {listed}"]
    note(
        f"The students over {count(len(tuner.store.concepts), 'concept')} have a separate history."
    )
    facts = {**_facts(typed), "nearest": {name: round(cosine, 4) for name, cosine in near}}
    return {**_place(tuner), "concept": facts}, lines


def _remove(tuner: Tuner, args: argparse.Namespace) -> Result:
    tuner = opening.remove_concept(tuner, args.text)
    return _place(tuner), [f"Removed {args.text}; the students without it are shown again."]


def _facts(one: TypedConcept) -> dict[str, Any]:
    low, middle, high = (round(float(q), 6) for q in np.quantile(one.score, [0.05, 0.5, 0.95]))
    scores = {"5%": low, "50%": middle, "95%": high}
    facts = {"name": one.name, "synonyms": list(one.texts[1:]), "photos": list(one.photos)}
    return {**facts, "scores": scores}


def _place(tuner: Tuner) -> dict[str, Any]:
    folder = opening.typed_folder(tuner.history.path)
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "root": tuner.root_id,
        "folder": str(folder.path) if folder else None,
        "typed": [_facts(one) for one in opening.typed_of(tuner.store)],
    }


ACTIONS: dict[str, Callable[[Tuner, argparse.Namespace], Result]] = {
    "list": _list,
    "add": _add,
    "remove": _remove,
}


def own_words(args: argparse.Namespace) -> None:
    """Make the own words of a store's classes that lack one, and the random words, and print which
    classes have one and how many random words there are."""
    spec = load_spec(find_spec(args.spec), check_files=False)
    allow_python(args, spec)
    store = open_store(opening.store_place(spec, args.store))
    if lacking := store.lacks("segments"):
        raise DataError(
            f"No own word can be made. {lacking}",
            "Give the scores of a concept with the class's name, and write the store again.",
        )
    precompute_package()
    from precompute.pipeline.own_words import make_words
    from precompute.pipeline.random_words import make_random_words

    def load() -> EncodesText:
        encoder = text_encoder(spec)
        check_encoder(store, encoder.digest)
        return encoder

    with only_run(store.path), one_thread():
        made = make_words(store, load, note)
        random = make_random_words(store, load, note)
    store = open_store(store.path)  # at an address an open store does not see new words
    document = {
        "made": list(made),
        "without_own_word": without_word(store),
        "random_words_made": len(random),
    }
    lines = [f"own words: {words_text(store)}", f"random words: {random_words_text(store)}"]
    show_lines(args, document, lines)


def filter_words(args: argparse.Namespace) -> None:
    """Print the words of the corpus that the spec's filters drop, with filter and reason."""
    spec = spec_to_make(args)
    from precompute.concepts.corpus import REASONS, by_filter
    from precompute.pipeline.stages import filtered_words
    from precompute.pipeline.words import filtered_by_captions

    path = opening.store_place(spec, args.store)
    store = open_store(path) if (path / "zarr.json").is_file() else None
    if spec.concepts.of_words:
        kept, dropped = filtered_by_captions(spec)
        unknown = list[str]()
    else:
        kept, dropped, unknown = filtered_words(spec, store)
    if args.json:
        facts = [{"concept": name, "filter": key, "why": why} for name, key, why in dropped]
        say_json({"kept": kept, "dropped": facts, "without_scores": unknown})
        return
    limits = spec.concepts.filters.limits() if spec.concepts.filters else {}
    by_key = by_filter(dropped)
    rows = [[f"{REASONS[key]} ({key}: {limits[key]:g})", str(len(by_key.get(key, ())))]
            for key in REASONS if key in limits]  # fmt: skip
    say_table(["filter", "dropped"], [*rows, ["kept", str(len(kept))]])
    for key, some in by_key.items():
        say()
        say_table([REASONS[key], "why"], [list(pair) for pair in some])
    if unknown:
        run = f"inficond precompute {path_word(args.spec)}"
        note(f"No scores yet of {count(len(unknown), 'word')}; run: {run}")
