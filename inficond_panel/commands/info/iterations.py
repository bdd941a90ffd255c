"""Number of iterations in the history of a spec: of these students, and of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inficond_panel.commands.output import note, say
from inficond_panel.common.numbers import count
from inficond_panel.errors import InficondError
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.other_students import by_kind, other_students, others_sentence


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
        "told": others_sentence(by_kind(others), spec),
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
