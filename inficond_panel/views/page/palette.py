"""Help on the page: the palette of commands, shortcuts, and the tour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inficond_panel.common.numbers import count
from inficond_panel.concepts.texts import words_for
from inficond_panel.results.image_sets import image_set, worst_first
from inficond_panel.tuning import Intent
from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.intents import DOWN

if TYPE_CHECKING:
    from inficond_panel.state import AppState

#: Entries that are listed at once, of each kind.
MOST = 8
#: Characters of a query that count.
QUERY = 100


class Action(NamedTuple):
    """Action of the page: its name, and its effect on the session's state."""

    name: str
    run: Callable[[AppState], object]
    allowed: Callable[[AppState], bool] = lambda _: True


def _toggle(setting: str) -> Callable[[AppState], object]:
    def run(app: AppState) -> None:
        setattr(app.settings, setting, not getattr(app.settings, setting))

    return run


def _suggests(app: AppState) -> bool:
    return bool(_repairs(app) and app.selection.class_name)


def _repairs(app: AppState) -> bool:
    return bool(
        app.spec.tuning.suggest and app.tuner.cures.refused is None and not app.tuning.locked
    )


ACTIONS = {
    "fine-tune": Action(
        "Fine-tune with the batch",
        lambda app: app.tuning.fine_tune(),
        lambda app: not app.tuning.locked,
    ),
    "cancel": Action("Cancel the fine-tune", lambda app: app.tuning.cancel()),
    "clear": Action("Clear the batch", lambda app: app.tuning.clear()),
    "undo": Action("Undo the last iteration", lambda app: app.tuning.undo()),
    "redo": Action("Redo it", lambda app: app.tuning.redo()),
    "pin": Action("Pin the iteration in view beside, or unpin", lambda app: app.pinned.toggle()),
    "repair": Action(
        "Suggest a repair of the student",
        lambda app: app.suggestion.ask([app.selection.class_name]),
        _suggests,
    ),
    "repair-all": Action(
        "Suggest a repair of all students",
        lambda app: app.suggestion.ask(),
        _repairs,
    ),
    "suspects": Action(
        "Suspects and cures of the student",
        _toggle("mended"),
        lambda app: bool(app.spec.tuning.suspects),
    ),
    "metrics": Action("All metrics of the student", _toggle("measured")),
    "report": Action("What the refit did", _toggle("explained")),
    "all": Action(
        "All students",
        lambda app: setattr(app.selection, "class_name", ""),
        lambda app: not app.rights.class_name,
    ),
}


def find_entries(app: AppState, query: str) -> list[dict[str, str]]:
    """Entries with ``query`` in their names: ``{kind, key, name}``; at most ``MOST`` of a kind.

    Names that begin with it come first. Without a query: the actions.
    """
    wanted = query.strip().casefold()[:QUERY]
    actions = ((key, each.name) for key, each in ACTIONS.items() if each.allowed(app))
    entries = [*_matching("action", actions, wanted)]
    if wanted:
        classes = [app.rights.class_name] if app.rights.class_name else app.store.classes
        entries += _matching("class", ((name, name) for name in classes), wanted)
        entries += _matching("concept", ((name, name) for name in app.store.concepts), wanted)
        nodes = ((n.id, f"#{n.number} {n.name}".strip()) for n in reversed(app.tuning.nodes))
        entries += _matching("iteration", nodes, wanted)
        sizes = Counter(tag for image_tags in app.tags.tags.values() for tag in image_tags)
        tags = ((tag, f"{tag}, {count(sizes[tag])} tagged") for tag in sorted(sizes))
        entries += _matching("tag", tags, wanted)
    return entries


def choose(app: AppState, kind: str, key: str) -> None:
    """Do what an entry stands for. Raises ``ValueError`` for one that is not there."""
    if kind == "action" and key in ACTIONS and ACTIONS[key].allowed(app):
        ACTIONS[key].run(app)
    elif kind == "class" and key in app.store.classes:
        app.selection.class_name = key
    elif kind == "concept" and key in app.store.concepts:
        app.selection.open_concept(key)
    elif kind == "iteration" and key in {node.id for node in app.tuning.nodes}:
        app.tuning.jump(key)
    elif kind == "tag" and any(key in image_tags for image_tags in app.tags.tags.values()):
        _open_tagged(app, key)
    else:
        raise ValueError("no such entry")


def _open_tagged(app: AppState, tag: str) -> None:
    """Show the images of the split in view that have a tag, for the student in view."""
    student = app.students.student(app.selection.class_name or app.store.classes[0])
    images, tags = app.store.images, app.tags.tags
    tagged = [tag in tags.get(images[row], ()) for row in student.rows]
    rows = worst_first(student, np.array(tagged, bool))
    app.selection.open_images(image_set(student, f"Tagged {tag}", rows))


def _matching(kind: str, names: Iterable[tuple[str, str]], wanted: str) -> Iterator[dict[str, str]]:
    hits = [(key, name) for key, name in names if wanted in name.casefold()]
    first = sorted(hits, key=lambda hit: not hit[1].casefold().startswith(wanted))
    shown = first if kind == "action" and not wanted else first[:MOST]
    return iter({"kind": kind, "key": key, "name": name} for key, name in shown)


def make_answer(app: AppState, query: str) -> dict[str, Any]:
    """Message with the entries of a query."""
    return {"entries": find_entries(app, query), "query": query}


#: Keys, and what they do.
SHORTCUTS = (
    ("?", "Show these keys"),
    ("Tab", "Go to the next control or list"),
    ("↑ ↓", "Move in a list"),
    ("Home End", "First and last of a list; Page Up and Page Down go by what is in view"),
    ("Enter", "Select the row: class, iteration"),
    ("I", "On a class: images with the class; with Shift those without it"),
    ("U D X", "Uptune, downtune, remove the concept"),
    ("I", "Set the concept's influence: ← → move it, Enter keeps it, Esc leaves it"),
    ("G", "The same for all of its group"),
    ("H", "Whether the concept's influence holds"),
    ("W", "What the refit did"),
    ("B", "Suspects and cures of the student"),
    ("A", "All metrics of the student"),
    ("T", "Add a concept by typing it"),
    ("← →", "Next image, while one is large"),
    ("← ↑ → ↓", "On the map: next concept; Enter opens, Space selects"),
    ("+ - 0", "On the map: nearer, farther, all of it"),
    ("S", "On the map: photo of the nearest segment"),
    ("← ↑ → ↓", "Among all students: next cell; Enter opens, Space chooses for whom thumbs are"),
    ("← →", "On the charts: read them at another influence; with Shift in larger steps"),
    ("/", "Find a class"),
    ("C", "Find a concept"),
    ("M", "On an iteration: choose it for a comparison; a second one opens it"),
    ("P", "Pin the iteration in view beside, or unpin; on an iteration: that one"),
    ("R N E", "On an iteration: rename it, write a note, export it"),
    ("Del", "On an iteration: delete the branch from here; it can be restored"),
    (".", "On an iteration: all that can be done with it"),
    ("L", "Copy a link to what is shown"),
    ("V", "Arrange the views; on one, arrows move it, Enter collapses it"),
    ("Ctrl Enter", "Fine-tune with the batch; once more cancels"),
    ("Shift Backspace", "Clear the batch"),
    ("Ctrl Z", "Undo the last iteration"),
    ("Ctrl Shift Z", "Redo it"),
    ("Ctrl K", "Find any action, class, concept or iteration"),
    ("Esc", "Close a card or a dialog"),
)

#: Keys of what a page may have closed, see ``Rights``: what stands there instead, if anything.
_CLOSED = {
    ("typing", "T"): None,
    ("arrange", "V"): None,
    ("export", "R N E"): ("R N", "On an iteration: rename it, write a note"),
}


def make_shortcuts(closed: Collection[str]) -> list[list[str]]:
    """Keys and their actions, on a page without the rights ``closed``."""
    instead = {keys: pair for (right, keys), pair in _CLOSED.items() if right in closed}
    shortcuts = [instead.get(keys, (keys, words)) for keys, words in SHORTCUTS]
    return [list(pair) for pair in shortcuts if pair is not None]


#: Of the demo: a class, and a concept that goes with it in ``fit`` alone.
EXAMPLE = ("bicycle", "traffic light")


def make_tour(app: AppState) -> dict[str, Any]:
    """Offer of the tour, unless the spec asks for none; the example, where the store has both."""
    name, concept = EXAMPLE
    known = name in app.store.classes and concept in app.store.concepts
    example = {"class": name, "concept": concept} if known else {}
    level = app.spec.views.shown_level
    words = "" if level is None else interval_word(level)
    return {"offered": app.spec.layout.tour, "interval": words, **example}


def show_step(app: AppState, what: str) -> None:
    """Do for the person what a step asks for (a key of ``make_progress``), on the example."""
    selection, tuning = app.selection, app.tuning
    name, concept = make_example(app)
    if what == "class":
        selection.class_name = name
    elif what == "concept":
        selection.open_concept(concept)
    elif what == "undone":
        tuning.undo()
    elif what in {"pending", "tuned"} and not tuning.pending:
        tuning.toggle(Intent(name, concept, DOWN.key))
    if what == "tuned":
        tuning.fine_tune()


def make_example(app: AppState) -> tuple[str, str]:
    """The class selected and the concept opened; where there is none, the example or the first."""
    name, selection = EXAMPLE[0], app.selection
    name = selection.class_name or (name if name in app.store.classes else app.store.classes[0])
    return name, selection.concept or _doubtful(app, name)


def _doubtful(app: AppState, name: str) -> str:
    """A concept that the student of a class goes by and had better not: the example's, else the
    first suspect, else the strongest that is no word for the class."""
    store, student = app.store, app.students.student(name)
    example = EXAMPLE[1] if name == EXAMPLE[0] else ""
    if example in store.concepts and student.weight(example) != 0:
        return example
    if (shift := app.shifts.by_class.get(name)) and shift.suspects:
        return shift.suspects[0].concept
    influence = np.abs(student.weights)
    influence[words_for(name, store.concepts, store.synonyms)] = 0
    return store.concepts[int(influence.argmax())]


def make_progress(app: AppState) -> dict[str, bool]:
    """Steps that the tour asks for, each True if it is done."""
    return {
        "class": bool(app.selection.class_name),
        "concept": bool(app.selection.concept),
        "pending": bool(app.tuning.pending),
        "tuned": app.tuning.status.kind == "done",
        "undone": app.tuning.can_redo,
    }
