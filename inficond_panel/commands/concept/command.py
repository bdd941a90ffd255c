"""``inficond concept``: concepts added to a finished store, and words that filters drop."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.arguments import (
    SPEC,
    STORE,
    add_allow_python,
    add_json,
    add_tuner,
)
from inficond_panel.commands.shared.output import say, say_json
from inficond_panel.commands.shared.parser import Parser, described

DESCRIPTION = (
    "A concept is added by words, or by photos of the store that show it, and scored from the "
    "store's segments; no photo is read. Words need the extra 'precompute' and the encoder that "
    "the store was made with; photos need neither. Typed concepts are kept "
    "beside the history; each set of concepts has separate students and iterations, which come "
    "back when a concept is removed or typed again. See `inficond docs concepts`."
)
EXAMPLE = "inficond concept add demo 'red bus, scarlet bus'"


def add_arguments(parser: Parser) -> None:
    """Add the actions of ``inficond concept``, with their arguments, to its parser."""
    actions = parser.add_words("ACTION SPEC", "action")
    for name, text, example in (
        ("list", "List the typed concepts.", "demo"),
        ("add", "Add a concept and print the nearest concepts.", "demo 'red bus, scarlet bus'"),
        ("remove", "Remove a typed concept.", "demo 'red bus'"),
    ):
        shown = f"inficond concept {name} {example}"
        action = actions.add_parser(name, **described(text, shown))
        add_tuner(action)
        add_json(action)
    text = "List the words of the corpus that the spec's filters drop; encodes words, no photo."
    words = actions.add_parser("filter", **described(text, "inficond concept filter photos.yaml"))
    words.add_argument("spec", metavar="SPEC", help=SPEC)
    words.add_argument("--store", metavar="FOLDER", help=STORE)
    add_allow_python(words)
    add_json(words)
    actions.choices["add"].add_argument(
        "text", metavar="WORDS", help="name, or name, synonym, synonym"
    )
    text = "make it from 5 or more photos that show it: their ids, or a file with one id per line"
    actions.choices["add"].add_argument("--images", nargs="+", metavar="ID", help=text)
    actions.choices["remove"].add_argument("text", metavar="NAME", help="name of the concept")


def run(args: argparse.Namespace) -> None:
    """Run the chosen action of ``inficond concept`` and print its result."""
    from inficond_panel.commands.concept.concept_actions import ACTIONS, filter_words
    from inficond_panel.tuning import open_tuner

    if args.action == "filter":
        filter_words(args)
        return
    tuner = open_tuner(args.spec, store=args.store, history=args.history)
    document, lines = ACTIONS[args.action](tuner, args)
    if args.json:
        say_json(document)
    else:
        for line in lines:
            say(line)
