"""Keyboard shortcuts of the page, as the page's help lists them."""

from __future__ import annotations

from collections.abc import Collection

#: Shortcuts of the page as (keys, action).
SHORTCUTS = (
    ("?", "Show these keys"),
    ("Tab", "Go to the next control or list"),
    ("↑ ↓", "Move in a list"),
    ("Home End", "First and last of a list; Page Up and Page Down go by what is in view"),
    ("Enter", "Select the row: class, iteration"),
    ("I", "On a class: images with the class; with Shift those without it"),
    ("U D X", "Raise, lower, remove the concept"),
    ("I", "Set the concept's influence: ← → move it, Enter keeps it, Esc leaves it"),
    ("G", "The same for all of its group"),
    ("T", "Add a concept by typing it; delete it"),
    ("← →", "Next image, while one is large"),
    ("← ↑ → ↓", "On the map: next concept; Enter opens, Space selects"),
    ("+ - 0", "On the map: nearer, farther, all of it"),
    ("S", "On the map: photo of the nearest segment"),
    ("/", "Find a class"),
    ("C", "Find a concept"),
    ("M", "On an iteration: compare it with the one shown"),
    ("R N E", "On an iteration: rename it, write a note, export it"),
    ("Del", "On an iteration: delete the branch from here; it can be restored"),
    (".", "On an iteration: all that can be done with it"),
    ("L", "Copy a link to what is shown"),
    ("Ctrl Enter", "Fine-tune; once more cancels"),
    ("Shift Backspace", "Clear the changes that wait"),
    ("Ctrl Z", "Undo the last iteration"),
    ("Ctrl Shift Z", "Redo it"),
    ("Esc", "Close a card or a dialog"),
)

#: Shortcuts of what *Details* adds to the page.
DETAILS = (
    ("H", "Whether the concept's influence is stable"),
    ("W", "Effect of the last fine-tune"),
    ("B", "Suspects and repairs of the student"),
    ("A", "All metrics of the student"),
    ("← →", "On the charts: read them at another influence; with Shift in larger steps"),
)

#: Shortcuts by (right, keys) that a page without this right shows instead; None: none.
_CLOSED = {
    ("typing", "T"): None,
    ("export", "R N E"): ("R N", "On an iteration: rename it, write a note"),
}


def make_shortcuts(closed: Collection[str], show: str) -> list[list[str]]:
    """Return [keys, action] for each shortcut of a page without the rights in ``closed``; ``show``
    is ``simple`` or ``details``."""
    instead = {keys: pair for (right, keys), pair in _CLOSED.items() if right in closed}
    shortcuts = [instead.get(keys, (keys, words)) for keys, words in SHORTCUTS]
    shortcuts += DETAILS if show == "details" else ()
    return [list(pair) for pair in shortcuts if pair is not None]
