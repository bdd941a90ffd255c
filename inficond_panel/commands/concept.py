"""``inficond concept``: concepts typed after the store was made."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from inficond_panel.commands.output import note, say, say_json
from inficond_panel.errors import MissingExtraError
from inficond_panel.spec import Spec
from inficond_panel.store import TextEncoder, TypedConcept
from inficond_panel.store.words import texts_of
from inficond_panel.tuning import Tuner, open_tuner
from inficond_panel.tuning.concepts import (
    add_concept,
    others_of,
    remove_concept,
    typed_folder,
    typed_of,
)

Result = tuple[dict[str, Any], list[str]]
_NEAREST = 3


def concept(args: argparse.Namespace) -> None:
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
    lines = [_line(one) for one in typed] or ["No concept was typed."]
    if others:
        note(f"{others} more belong to another store (other segments, encoder or prompts).")
    return {**_place(tuner), "others": others}, lines


def _add(tuner: Tuner, args: argparse.Namespace) -> Result:
    tuner = add_concept(tuner, args.text, text_encoder(tuner.spec))
    name = texts_of(args.text)[0]
    (typed,) = (one for one in typed_of(tuner.store) if one.name == name)
    near = _near(tuner, typed)
    said = ", ".join(f"{name} ({cosine:.3f})" for name, cosine in near)
    lines = [f"Added {_line(typed)}", f"nearest concepts: {said}"]
    note(f"The students over {len(tuner.store.concepts)} concepts have a history of their own.")
    facts = {**_facts(typed), "nearest": dict(near)}
    return {**_place(tuner), "concept": facts}, lines


def _remove(tuner: Tuner, args: argparse.Namespace) -> Result:
    tuner = remove_concept(tuner, args.text)
    return _place(tuner), [f"Removed {args.text}; the students without it are there again."]


def text_encoder(spec: Spec) -> TextEncoder:
    """The text tower of a spec's encoder; ``MissingExtraError`` without the extra."""
    try:
        from precompute.encoder import load_text_encoder  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise MissingExtraError(
            f"Typing a concept needs packages that are not installed ({error.name}).",
            "Install them: pip install 'inficond-panel[precompute]'",
        ) from error
    return load_text_encoder(spec.concepts.encoder)


def _near(tuner: Tuner, typed: TypedConcept) -> list[tuple[str, float]]:
    """The concepts whose text vectors are nearest: twins would share the influence."""
    store = tuner.store
    cosine = store.concept_text_embedding @ typed.text
    order = [i for i in np.argsort(-cosine) if store.concepts[i] != typed.name][:_NEAREST]
    return [(store.concepts[i], round(float(cosine[i]), 4)) for i in order]


def _line(one: TypedConcept) -> str:
    synonyms = f" ({', '.join(one.texts[1:])})" if one.texts[1:] else ""
    low, middle, high = np.quantile(one.score, [0.05, 0.5, 0.95])
    zeros = f", 0 on {(one.score == 0).mean():.0%} of the images" if middle == 0 else ""
    return f"{one.name}{synonyms}: scores {middle:.3f}, 90 % from {low:.3f} to {high:.3f}{zeros}"


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
