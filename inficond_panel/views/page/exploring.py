"""Recording of a page that is explored without a server: its content for each selection.

A state is an iteration, a class and a concept. Every class is recorded at several iterations;
concepts, whose charts and images take space and time, only at the iteration shown. A value or
picture that several states share is stored once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from bokeh.core.serialization import Serializer
from bokeh.document import Document
from bokeh.model import Model
from bokeh.models import ColorMapper, ColumnDataSource
from panel.models.esm import ReactiveESM
from panel.viewable import Viewable, Viewer

from inficond_panel.common.installation import path_word
from inficond_panel.errors import SpecError
from inficond_panel.results.snapshot import take_snapshot
from inficond_panel.results.tree import take_tree
from inficond_panel.spec import find_spec
from inficond_panel.state import AppState, Jobs
from inficond_panel.state.jobs import THREADS
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.vocabulary.splits import HOLDOUT

#: A view of the page: one component, or a viewer that has a component.
View = Viewable | Viewer
#: Name in a ``Place`` for pictures that a component gets on request, which are no property.
PICTURE_FIELD = "pictures"
NONE = -1  #: number of a picture that the file does not have
#: Components that are not recorded, since the reader sets their data, such as the front tab.
_OWN = frozenset({"ShellPage"})


class Place(NamedTuple):
    """Property of a Bokeh model: the model's id, and the property's name."""

    model: str
    name: str


class SeenSelection(NamedTuple):
    """Selection that is recorded: ids of iteration, class and concept; empty: none selected."""

    node: str
    class_name: str
    concept: str


class PageRecorder:
    """Recorder of the values of a page's properties, state by state."""

    def __init__(self, document: Document) -> None:
        models = sorted(document.models, key=lambda each: (len(each.id), each.id))
        self._parts = [each for each in models if isinstance(each, ReactiveESM)]
        self._sources = [each for each in models if isinstance(each, ColumnDataSource)]
        self._scales = [each for each in models if isinstance(each, ColorMapper)]
        self._numbers: dict[str, int] = {}  # of values, by their JSON
        self._pictures: dict[str, int] = {}
        self._last: dict[Place, tuple[Any, int]] = {}
        self._states: dict[SeenSelection, dict[Place, int]] = {}

    def take(
        self,
        state: SeenSelection,
        given: Mapping[Place, Any],
        sent: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Record the page's present values as the values of ``state``; ``given`` overrides some.

        ``sent`` are messages with ``pictures``, by the id of the model that gets the message.
        """
        held = {**dict(self._held()), **given}
        values = {place: self._number(place, value) for place, value in held.items()}
        for model, message in sent.items():
            values[Place(model, PICTURE_FIELD)] = self._keep(self._with_numbers(message))
        self._states[state] = values

    def finish(self, galleries: int) -> dict[str, Any]:
        """Return the record as plain data, without values that are the same in all states.

        Each of ``states`` has an index into ``values`` per place in ``places``; pictures are
        indices into ``pictures``, ``NONE`` for a left-out picture. Galleries keep the pictures that
        fit into ``galleries`` bytes, the first of each gallery before the second of any.
        """
        places, texts = self._changing(), list(self._numbers)
        used = dict.fromkeys(held[place] for held in self._states.values() for place in places)
        position = {number: at for at, number in enumerate(used)}
        values = [json.loads(texts[number]) for number in used]
        messages = [
            values[at]
            for at in dict.fromkeys(
                position[held[place]]
                for held in self._states.values()
                for place in places
                if place.name == PICTURE_FIELD
            )
        ]
        pictures = list(self._pictures)
        kept = {number: at for at, number in enumerate(choose(messages, pictures, galleries))}
        for message in messages:
            message["pictures"] = {
                key: renumbered(each, kept) for key, each in message["pictures"].items()
            }
        states = [
            [*state, [position[held[place]] for place in places]]
            for state, held in self._states.items()
        ]
        return {
            "places": [list(place) for place in places],
            "states": states,
            "values": values,
            "pictures": [pictures[number] for number in kept],
        }

    def _held(self) -> Iterator[tuple[Place, Any]]:
        for part in self._parts:
            if part.class_name in _OWN:
                continue
            data: Any = part.data  # its class is made by Panel
            for name, value in data.properties_with_values().items():
                items = value if isinstance(value, list) else [value]
                if name != "esm_constants" and not any(isinstance(item, Model) for item in items):
                    yield Place(data.id, name), value
        for source in self._sources:
            yield Place(source.id, "data"), dict(source.data)  # a copy: columns of it are replaced
        for scale in self._scales:
            for name in ("low", "high"):
                yield Place(scale.id, name), getattr(scale, name)

    def _number(self, place: Place, value: Any) -> int:
        """Return the number under which a value is stored; no value may be changed in place."""
        last = self._last.get(place)
        if last is None or not _same(last[0], value):
            last = value, self._keep(Serializer(deferred=False).encode(value))
            self._last[place] = last
        return last[1]

    def _keep(self, value: Any) -> int:
        text = json.dumps(value, separators=(",", ":"))
        return self._numbers.setdefault(text, len(self._numbers))

    def _with_numbers(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return a message with a picture's number in place of each data URI."""

        def number(source: str) -> int:
            return self._pictures.setdefault(source, len(self._pictures)) if source else NONE

        pictures = {
            key: number(each)
            if isinstance(each, str)
            else {**each, "source": number(each["source"])}
            for key, each in message["pictures"].items()
        }
        return {**message, "pictures": pictures}

    def _changing(self) -> list[Place]:
        """Return the places whose values differ between states, and all places of pictures."""
        states = list(self._states.values())
        return [
            place
            for place in states[0]
            if place.name == PICTURE_FIELD or len({held[place] for held in states}) > 1
        ]


def choose(
    messages: Sequence[Mapping[str, Any]], pictures: Sequence[str], galleries: int
) -> list[int]:
    """Return the numbers of the pictures to keep: all patches, and gallery pictures that fit.

    ``pictures`` are data URIs by number; ``galleries`` is the limit in bytes.
    """
    shown = [list(message["pictures"].values()) for message in messages]
    patches = dict.fromkeys(each for each in chain(*shown) if isinstance(each, int))
    tiles = [[each["source"] for each in row if isinstance(each, dict)] for row in shown]
    kept, room = dict(patches), galleries
    for number in dict.fromkeys(chain(*zip_longest(*tiles, fillvalue=NONE))):
        if number in kept or number == NONE or len(pictures[number]) > room:
            continue
        kept[number] = None
        room -= len(pictures[number])
    kept.pop(NONE, None)
    return list(kept)


def renumbered(picture: int | Mapping[str, Any], kept: Mapping[int, int]) -> int | dict[str, Any]:
    """Return a message's picture, its number replaced by its index among the kept pictures."""
    if isinstance(picture, int):
        return kept.get(picture, NONE)
    return {**picture, "source": kept.get(picture["source"], NONE)}


def _same(one: Any, other: Any) -> bool:
    """Return True if two values are the same object, or dicts that hold the same objects."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one is other
    return one.keys() == other.keys() and all(one[name] is other[name] for name in one)


class Extent(NamedTuple):
    """Size of an exported file; only the first ``concepts`` of each class's list are recorded.

    Gallery pictures fill the file up to ``most`` bytes, and get ``least`` bytes in any case.
    """

    concepts: int = 10
    most: int = 7_800_000
    least: int = 1_000_000


USUAL_EXTENT = Extent()
MOST_ITERATIONS = 12  #: largest number of iterations: the iteration shown, #0, and the newest
STATES = 240  #: largest number of (iteration, class) states, and of (class, concept) states
IMAGES = 150_000  #: largest number of images that all galleries together list


class WaitingJobs(Jobs):
    """Queue of jobs that wait until ``work_off`` runs them, in the calling thread."""

    spare = False

    def _start(self, thread: str) -> None:
        """Start no thread: ``work_off`` runs the jobs in its caller's thread."""

    def work_off(self) -> None:
        """Run all waiting jobs, and the jobs that they start."""
        while waiting := [name for name, jobs in self._queues.items() if not jobs.empty()]:
            self._run_next(min(waiting, key=THREADS.index))


class Explorable:
    """Page without a viewer; it selects one state after the other, and records each.

    ``jobs`` is the queue of ``app``, which must be worked off after each change of selection.
    """

    def __init__(
        self,
        app: AppState,
        jobs: WaitingJobs,
        views: Mapping[str, View],
        document: Document,
        concepts: int,
    ) -> None:
        self.app, self._jobs, self._views, self._most = app, jobs, views, concepts
        self._recorder = PageRecorder(document)
        self._taken: set[SeenSelection] = set()
        self._numbers = {node.id: f"#{node.number}" for node in app.students.tree.nodes}
        selection = app.selection
        self._first = SeenSelection(app.students.node.id, selection.class_name, selection.concept)

    def states(self) -> Iterator[float]:
        """Record all states, the present state first; yield the finished share after each.

        The share stays below 1, since the record must still be written.
        """
        nodes, store = choose_nodes(self.app), self.app.store
        classes, images = len(store.classes), len(store.rows(self.app.students.snapshot.split))
        # concepts per class: fewer with many classes or images
        most = max(1, min(self._most, STATES // classes, IMAGES // (images * classes)))
        size = 2 + len(nodes) * (classes + 1) + most * classes  # and the first state
        self._take(self._first)
        yield 1 / size
        for node in nodes:
            self._show_node(node)
            for name in ("", *store.classes):
                self._take(SeenSelection(node, name, ""))
                yield len(self._taken) / size
                for concept in self._concepts(name, most) if node == nodes[0] else ():
                    self._take(SeenSelection(node, name, concept))
                    yield len(self._taken) / size

    def record(self, galleries: int) -> dict[str, Any]:
        """Return the result of ``PageRecorder.finish``, with ``numbers`` of iterations by id, and
        the ``command`` that serves the whole page."""
        command = f"inficond serve {path_word(spec_word(self.app.spec.path))}"
        return {**self._recorder.finish(galleries), "numbers": self._numbers, "command": command}

    def _show_node(self, node_id: str) -> None:
        """Show an iteration, without the pending batch, which belongs to the first iteration."""
        app = self.app
        if node_id == app.students.node.id:
            return
        node, split = app.tuner.node(node_id), app.students.snapshot.split
        app.tuning.param.update(pending=[], preview=None)
        app.students.param.update(
            snapshot=take_snapshot(app.tuner, node, split), tree=take_tree(app.tuner, node)
        )

    def _concepts(self, name: str, most: int) -> list[str]:
        """Return names of the first ``most`` concepts listed for the selected class ``name``."""
        view = self._views.get("knowledge")
        if not name or not isinstance(view, KnowledgeView):
            return []
        return [row["concept"] for row in view.table.rows[:most]]

    def _take(self, state: SeenSelection) -> None:
        """Select a state on the page, and record it unless it is recorded already."""
        if self._taken:  # the first state is shown as it is, perhaps with picked images
            self.app.selection.param.update(
                class_name=state.class_name, concept=state.concept, concepts=[], images=None
            )
        self._jobs.work_off()
        if state in self._taken:
            return
        replaced = {
            Place(model, name): value
            for model, values in whole_rows(self._views).items()
            for name, value in values.items()
        }
        self._recorder.take(state, replaced, pictures(self._views))
        self._taken.add(state)


def spec_word(path: Path) -> str:
    """Return the word for a spec in a command: name of a bundled spec, else its file's name."""
    try:
        along = find_spec(path.stem).samefile(path)
    except (SpecError, OSError):
        along = False
    return path.stem if along else path.name


def choose_nodes(app: AppState) -> list[str]:
    """Return ids of iterations to record, first the one shown; on the holdout only that one."""
    shown, tuner = app.students.node, app.tuner
    if app.students.snapshot.split == HOLDOUT:
        return [shown.id]
    most = max(1, min(MOST_ITERATIONS, STATES // (len(app.store.classes) + 1)))
    newest = [node.id for node in reversed(app.students.tree.nodes)]
    return list(dict.fromkeys([shown.id, tuner.root_id, *newest]))[:most]


def whole_rows(views: Mapping[str, View]) -> dict[str, dict[str, Any]]:
    """Return all rows of views that send rows in parts, by the id of a model's data."""
    return {model.data.id: rows for model, rows in _sent_by_models(views, "still")}


def pictures(views: Mapping[str, View]) -> dict[str, dict[str, Any]]:
    """Return the messages with pictures of all views, by the id of the models that get them."""
    return {model.id: message for model, message in _sent_by_models(views, "pictures")}


def _sent_by_models(views: Mapping[str, View], method: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the models of the views that have ``method``, each with the method's result."""
    for view in views.values():
        if isinstance(view, Viewer) and hasattr(view, method):
            for model, _ in view.__panel__()._models.values():
                yield model, getattr(view, method)()
