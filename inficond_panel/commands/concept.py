"""``inficond concept``: concepts typed after the store was made."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from inficond_panel.commands.arguments import add_tuner
from inficond_panel.commands.output import note, say, say_json
from inficond_panel.commands.parser import Parser
from inficond_panel.concepts.texts import texts_of
from inficond_panel.concepts.typed import TypedConcept, check_typing
from inficond_panel.text_encoder import text_encoder
from inficond_panel.tuning import Tuner, open_tuner
from inficond_panel.tuning.typed_concepts import (
    add_concept,
    nearest_concepts,
    others_of,
    remove_concept,
    typed_folder,
    typed_of,
    typed_text,
)

Result = tuple[dict[str, Any], list[str]]


DESCRIPTION = (
    "A typed concept is scored from the store's segments; no photo is read. Needs the extra "
    "'precompute' to add, and the encoder that the store was made with. Typed concepts are kept "
    "beside the history; each set of concepts has students and iterations of its own, which are "
    "there again when a concept is removed or typed again. See docs/concepts.md."
)
EXAMPLE = "inficond concept add demo 'red bus, scarlet bus'"


def add_arguments(parser: Parser) -> None:
    """Add the actions with their arguments."""
    actions = parser.add_words("ACTION SPEC", "action")
    for name, text in (
        ("list", "List the concepts that were typed."),
        ("add", "Add a concept and say its nearest ones."),
        ("remove", "Remove a concept that was typed."),
    ):
        add_tuner(actions.add_parser(name, help=text, description=text))
    actions.choices["add"].add_argument(
        "text", metavar="WORDS", help="name, or name, synonym, synonym"
    )
    actions.choices["remove"].add_argument("text", metavar="NAME", help="its name")


def run(args: argparse.Namespace) -> None:
    """Carry out an action, and say what came of it."""
    tuner = open_tuner(args.spec, store=args.store, history=args.history)
    document, lines = _ACTIONS[args.action](tuner, args)
    if args.json:
        say_json(document)
    else:
        for line in lines:
            say(line)


def _list(tuner: Tuner, _: argparse.Namespace) -> Result:
    typed, others = typed_of(tuner.store), others_of(tuner)
    lines = [typed_text(one) for one in typed] or ["No concept was typed."]
    if others:
        note(f"{others} more belong to another store (other segments, encoder or prompts).")
    return {**_place(tuner), "others": others}, lines


def _add(tuner: Tuner, args: argparse.Namespace) -> Result:
    check_typing(tuner.store)
    tuner = add_concept(tuner, args.text, text_encoder(tuner.spec))
    name = texts_of(args.text)[0]
    (typed,) = (one for one in typed_of(tuner.store) if one.name == name)
    near = nearest_concepts(tuner.store, typed)
    said = ", ".join(f"{name} ({cosine:.3f})" for name, cosine in near)
    lines = [f"Added {typed_text(typed)}", f"nearest concepts: {said}"]
    note(f"The students over {len(tuner.store.concepts)} concepts have a history of their own.")
    facts = {**_facts(typed), "nearest": {name: round(cosine, 4) for name, cosine in near}}
    return {**_place(tuner), "concept": facts}, lines


def _remove(tuner: Tuner, args: argparse.Namespace) -> Result:
    tuner = remove_concept(tuner, args.text)
    return _place(tuner), [f"Removed {args.text}; the students without it are there again."]


def _facts(one: TypedConcept) -> dict[str, Any]:
    low, middle, high = (round(float(q), 6) for q in np.quantile(one.score, [0.05, 0.5, 0.95]))
    scores = {"5%": low, "50%": middle, "95%": high}
    return {"name": one.name, "synonyms": list(one.texts[1:]), "scores": scores}


def _place(tuner: Tuner) -> dict[str, Any]:
    folder = typed_folder(tuner.history.path)
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "root": tuner.root_id,
        "folder": str(folder.path) if folder else None,
        "typed": [_facts(one) for one in typed_of(tuner.store)],
    }


_ACTIONS: dict[str, Callable[[Tuner, argparse.Namespace], Result]] = {
    "list": _list,
    "add": _add,
    "remove": _remove,
}
