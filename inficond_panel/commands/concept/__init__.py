"""``inficond concept``: concepts added to a finished store, words next to it, and words that
filters drop."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.output import show_lines
from inficond_panel.commands.shared.parser import Parser

DESCRIPTION = (
    "A concept is added by words, or by photos of the store that show it, and scored from the "
    "store's segments; no photo is read. Words need the extra 'precompute' and the encoder that "
    "the store was made with; photos need neither. Typed concepts are kept "
    "beside the history; each set of concepts has separate students and iterations, which come "
    "back when a concept is removed or typed again. See `inficond docs concepts`."
)
EXAMPLE = "inficond concept add demo 'red bus, scarlet bus'"


_ACTIONS = {
    "list": ("List the typed concepts.", "demo"),
    "add": ("Add a concept and print the nearest concepts.", "demo 'red bus, scarlet bus'"),
    "remove": ("Remove a typed concept.", "demo 'red bus'"),
    "words": (
        "Make the words next to a store that it lacks: own words of classes, random words; encodes "
        "words, no photo.",
        "photos.yaml",
    ),
    "filter": (
        "List the words of the corpus that the spec's filters drop; encodes words, no photo.",
        "photos.yaml",
    ),
}


def add_arguments(parser: Parser) -> None:
    """Add the actions of ``inficond concept``, with their arguments, to its parser."""
    of = parser.add_actions("ACTION SPEC", _ACTIONS)
    for name in ("list", "add", "remove"):
        of[name].add_tuner()
        of[name].add_json()
    for name in ("words", "filter"):
        of[name].add_spec()
        of[name].add_store()
        of[name].add_json()
    for name in ("add", "words", "filter"):
        of[name].add_allow_python()
    of["add"].add_argument("text", metavar="WORDS", help="name, or name, synonym, synonym")
    text = "make it from 5 or more photos that show it: their ids, or a file with one id per line"
    of["add"].add_argument("--images", nargs="+", metavar="ID", help=text)
    of["remove"].add_argument("text", metavar="NAME", help="name of the concept")


def run(args: argparse.Namespace) -> None:
    """Run the chosen action of ``inficond concept`` and print its result."""
    from inficond_panel.commands.concept.concept_actions import ACTIONS, filter_words, own_words
    from inficond_panel.tuning import open_tuner

    if args.action == "filter":
        filter_words(args)
        return
    if args.action == "words":
        own_words(args)
        return
    tuner = open_tuner(args.spec, store=args.store, history=args.history)
    show_lines(args, *ACTIONS[args.action](tuner, args))
