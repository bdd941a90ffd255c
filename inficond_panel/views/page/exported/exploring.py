"""States of a page that a reader of its file may go to, each shown once and recorded.

What is selected is a class, a concept and an iteration. Every class is there at some iterations;
concepts, whose charts and images take room and time, at the iteration shown alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panel.viewable import Viewer

from inficond_panel.errors import SpecError
from inficond_panel.results.snapshot import take_snapshot, take_tree
from inficond_panel.spec import find_spec
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Jobs
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.page.exported.recording import Place, Recorder, State
from inficond_panel.vocabulary.splits import HOLDOUT

if TYPE_CHECKING:
    from bokeh.document import Document

CONCEPTS = 10  #: of a class, from the first row of its list on
ITERATIONS = 12  #: at most: the one shown, #0, and the newest
STATES = 240  #: at most of classes at iterations, and at most of concepts
IMAGES = 150_000  #: that all galleries together list at most


class WaitingJobs(Jobs):
    """Jobs that wait until ``work_off`` does them, in the thread that calls it."""

    def _start(self) -> None:
        """No thread is needed."""

    def work_off(self) -> None:
        """Do all that waits, and what comes of it."""
        while not self._queue.empty():
            self._run_next()


class Explorable:
    """Page without a viewer, shown state by state; its ``record`` is whole at the end.

    ``jobs`` are those of ``app``; whoever changes what is selected works them off.
    """

    def __init__(
        self, app: AppState, jobs: WaitingJobs, views: Mapping[str, Viewer], document: Document
    ) -> None:
        self.app, self._jobs, self._views = app, jobs, views
        self._recorder = Recorder(document)
        self._taken: set[State] = set()
        self._numbers = {node.id: f"#{node.number}" for node in app.students.tree.nodes}
        selection = app.selection
        self._first = State(app.students.node.id, selection.class_name, selection.concept)

    def states(self) -> Iterator[float]:
        """Record all states, the present one first; yields the finished share after each.

        Always less than 1: what is recorded is to be written.
        """
        nodes, classes = choose_nodes(self.app), ["", *self.app.store.classes]
        each = count_concepts(self.app)
        size = 2 + len(nodes) * len(classes) + each * (len(classes) - 1)  # with the one shown
        self._take(self._first)
        yield 1 / size
        for node in nodes:
            self._show_node(node)
            for name in classes:
                self._take(State(node, name, ""))
                yield len(self._taken) / size
                for concept in self._concepts(name, each) if node == nodes[0] else ():
                    self._take(State(node, name, concept))
                    yield len(self._taken) / size

    def record(self, galleries: int) -> dict[str, Any]:
        """States recorded, see ``Recorder.finish``; ``numbers`` of iterations by their ids, and
        the ``command`` that opens all."""
        command = f"inficond serve {spec_word(self.app.spec.path)}"
        return {**self._recorder.finish(galleries), "numbers": self._numbers, "command": command}

    def _show_node(self, node_id: str) -> None:
        """Show an iteration; thumbs that wait are of the one shown first."""
        app = self.app
        if node_id == app.students.node.id:
            return
        node, split = app.tuner.node(node_id), app.students.snapshot.split
        app.tuning.param.update(pending=[], preview=None)
        app.students.param.update(
            snapshot=take_snapshot(app.tuner, node, split), tree=take_tree(app.tuner, node)
        )

    def _concepts(self, name: str, most: int) -> list[str]:
        """The first concepts of the list of the class shown."""
        view = self._views.get("knowledge")
        if not name or not isinstance(view, KnowledgeView):
            return []
        return [row["concept"] for row in view.table.rows[:most]]

    def _take(self, state: State) -> None:
        """Show a state, and record it unless it was."""
        if self._taken:  # else it is shown as it is, perhaps with images that were picked out
            self.app.selection.param.update(
                class_name=state.class_name, concept=state.concept, concepts=[], images=None
            )
        self._jobs.work_off()
        if state in self._taken:
            return
        given = {
            Place(model, name): value
            for model, values in whole_rows(self._views).items()
            for name, value in values.items()
        }
        self._recorder.take(state, given, pictures(self._views))
        self._taken.add(state)


def spec_word(path: Path) -> str:
    """Word for a spec in a command: its name where it comes along, else its file's."""
    try:
        along = find_spec(path.stem).samefile(path)
    except (SpecError, OSError):
        along = False
    return path.stem if along else path.name


def choose_nodes(app: AppState) -> list[str]:
    """Ids of iterations: the one shown first. On the holdout it alone: others would be looks."""
    shown, tuner = app.students.node, app.tuner
    if app.students.snapshot.split == HOLDOUT:
        return [shown.id]
    most = max(1, min(ITERATIONS, STATES // (len(app.store.classes) + 1)))
    newest = [node.id for node in reversed(app.students.tree.nodes)]
    return list(dict.fromkeys([shown.id, tuner.root_id, *newest]))[:most]


def count_concepts(app: AppState) -> int:
    """Concepts of each class, fewer where there are many classes or images."""
    classes = len(app.store.classes)
    images = len(app.store.rows(app.students.snapshot.split))
    return max(1, min(CONCEPTS, STATES // classes, IMAGES // (images * classes)))


def whole_rows(views: Mapping[str, Viewer]) -> dict[str, dict[str, Any]]:
    """Whole rows of what views send in parts when asked, by the id of a model's data."""
    return {model.data.id: told for model, told in _sent_by_models(views, "still")}


def pictures(views: Mapping[str, Viewer]) -> dict[str, dict[str, Any]]:
    """Messages with the pictures of views' components, by the id of their models."""
    return {model.id: told for model, told in _sent_by_models(views, "pictures")}


def _sent_by_models(
    views: Mapping[str, Viewer], method: str
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Models of the views that have ``method``, each with the message it gives."""
    for view in views.values():
        for model, _ in view.__panel__()._models.values() if hasattr(view, method) else ():
            yield model, getattr(view, method)()
