"""Link to a page: writing the page's state into the query of a URL, and following a link.

A link has only names that the page knows anyway: data set, targets, class, concept, iteration, two
compared iterations, picked images of a group or of a part of a bar, settings of the views. It never
opens the holdout, since each opening is counted and needs a person's choice, and leaves out
unfinished work: searches, picked concepts, pending thumbs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import param

from inficond_panel.common.names import find_name
from inficond_panel.common.near_words import missing
from inficond_panel.errors import DataError
from inficond_panel.plots.cloud import projections
from inficond_panel.results.picked_images import PICK, PICK_BY, linked_images
from inficond_panel.state import AppState
from inficond_panel.vocabulary.splits import HOLDOUT

#: Keys of a URL whose change adds an entry to the browser's history.
PLACES = ("data", "targets", "class", "concept", "at", "compare", PICK, PICK_BY)
#: Keys of the settings in a URL.
SETTING_KEYS = {
    "show": "show",
    "scope": "scope",
    "sort": "sort",
    "order": "descending",
    "confusions": "confused",
    "concepts": "concept_sort",
    "top": "top",
    "effect": "effect",
    "patches": "patches_of",
    "metrics": "measured",
    "repairs": "repairing",
    "slices": "slice_by",
    "by": "slice_metric",
    "refit": "explained",
    "whatif": "what_if",
    "images": "filters",
    "history": "history_metric",
    "map": "projection",
    "tab": "tab",
}
#: Keys that the page may write or remove; other keys of the URL stay as they are.
KEYS = (*PLACES, *SETTING_KEYS, "split")
#: Keys of what is shown of the students of some targets: iterations, and picked images.
OF_STUDENTS = ("at", "compare", PICK, PICK_BY)
#: Word in a URL for an empty list of filters, which shows all images.
NONE = "all"
#: Number of letters of an iteration's id in a URL.
ID = 8


def make_address(app: AppState) -> str:
    """Return the URL query of the session's present state, without default values."""
    selection, students, targets = app.selection, app.students, app.targets
    query = {
        "data": app.dataset.title if len(app.datasets) > 1 else "",
        "targets": targets.chosen if targets.chosen != targets.usual else "",
        "class": selection.class_name,
        "concept": selection.concept,
        "at": students.node.id[:ID] if len(students.tree.nodes) > 1 else "",
        "compare": ",".join(node[:ID] for node in app.comparison.pair or ()),
        **_picked(app),
        **{key: _word(app, key) for key in SETTING_KEYS},
    }
    return urlencode({key: value for key, value in query.items() if value}, safe=",")


def _picked(app: AppState) -> dict[str, str]:
    """Return what names the picked images in a link; empty if no link can, or none are picked."""
    images = app.selection.images
    return dict(images.link) if images and images.split != HOLDOUT else {}


def _word(app: AppState, key: str) -> str:
    value, words = getattr(app.settings, SETTING_KEYS[key]), _words(app, key)
    first = next(iter(words.values()), None) if key == "map" else None  # what an empty one means
    if value in (app.settings.param[SETTING_KEYS[key]].default, first):
        return ""
    values = value if isinstance(value, list) else [value]
    return ",".join(word for word, known in words.items() if known in values) if values else NONE


def _words(app: AppState, key: str) -> dict[str, Any]:
    """Return the possible values of a setting by the words that stand for them in a link."""
    field: Any = app.settings.param[SETTING_KEYS[key]]
    if isinstance(field, param.Boolean):
        return {"up" if key == "order" else "open": not field.default}
    by_store = {
        "map": projections(app.store, app.spec.projections),
        "slices": app.store.metadata_columns,
        "tab": app.spec.layout.views,
    }
    values = by_store.get(key, getattr(field, "objects", ()))
    return {"all" if value == 0 else str(value): value for value in values}


class Address:
    """Link of a session (query ``search`` of a URL), and how the page follows it.

    The page follows the link after it has opened the link's data set. If the link has other
    targets, their students are distilled first, and its iterations are shown afterwards.
    """

    def __init__(self, search: str = "") -> None:
        self._asked: dict[str, str] | None = _read(search) or None
        self._later: dict[str, str] | None = None  # iterations to show after a change of targets
        self._following = False
        self._awaited: list[str] = []  # iterations that were jumped to, until they are shown

    def dataset(self, titles: list[str]) -> str:
        """Return the title of the link's data set if it is among ``titles``, else empty."""
        title = (self._asked or {}).get("data", "")
        return title if title in titles else ""

    def follow(self, app: AppState) -> str:
        """Show the link's content once; return sentences on missing parts, or empty."""
        asked, self._asked = self._asked, None
        later, self._later = self._later, None
        self._following = True
        faults: Iterator[str] = iter(())
        if asked is not None:
            faults = self._follow(app, asked)
        elif later is not None:
            faults = self._show_students(app, later)
        message = " ".join(faults)
        self._following = False
        return message

    def go(self, app: AppState, search: str) -> str:
        """Follow another link, after the browser's Back or Forward; return as ``follow`` does."""
        self._asked = _read(search)
        title = self.dataset(app.datasets)
        if title and title != app.dataset.title:
            app.requested = title  # followed after it is opened
            return ""
        return self.follow(app)

    def arrived(self, app: AppState) -> bool:
        """Return True once the link's content is shown, or it is clear that it cannot be shown."""
        if app.tuning.status.kind == "error":
            self._awaited.clear()
        elif self._awaited and self._awaited[0] == app.students.node.id:
            del self._awaited[0]
        if app.targets.status.kind == "error":
            self._later = None
        return not (self._following or self._awaited or self._later is not None)

    def _follow(self, app: AppState, asked: dict[str, str]) -> Iterator[str]:
        title = asked.get("data", "")
        if title and title not in (app.datasets or [app.dataset.title]):
            yield f"The link's data set is not here: {title}. This is {app.dataset.title}."
        if asked.get("split") == HOLDOUT:
            yield "A link does not open the holdout. Choose Holdout on the page to open it."
        yield from self._select(app, asked)
        yield from _set(app, asked)
        wanted = asked.get("targets") or app.targets.usual
        if wanted != app.targets.chosen:
            problem = _why_not(app, wanted)
            if not problem:
                self._later = {key: asked[key] for key in OF_STUDENTS if key in asked}
                app.targets.choose(wanted)
                return
            yield problem
        yield from self._show_students(app, asked)

    def _show_students(self, app: AppState, asked: dict[str, str]) -> Iterator[str]:
        yield from self._show_iterations(app, asked)
        yield from _pick(app, asked)

    @staticmethod
    def _select(app: AppState, asked: dict[str, str]) -> Iterator[str]:
        chosen = {}
        for key, name, known in (
            ("class", "class_name", app.store.classes),
            ("concept", "concept", app.store.concepts),
        ):
            wanted = asked.get(key, "")
            chosen[name] = find_name(wanted, known) or ""
            if wanted and not chosen[name]:
                yield missing(key, wanted, known, "in the store")
        app.selection.param.update(**chosen)

    def _show_iterations(self, app: AppState, asked: dict[str, str]) -> Iterator[str]:
        yield from self._jump(app, asked.get("at", ""))
        pair = [part for part in asked.get("compare", "").split(",") if part]
        nodes = [_node(app, start) for start in pair]
        if len(nodes) == 2 and all(nodes):
            if tuple(nodes) != app.comparison.pair:
                app.comparison.compare(*nodes)
            return
        app.comparison.close()
        if pair:
            yield f"This history has no two iterations {asked['compare']!r} to compare."

    def _jump(self, app: AppState, start: str) -> Iterator[str]:
        if start and app.tuning.busy:
            yield "A fine-tune is running: open the link afterwards to see its iteration."
            return
        node = _node(app, start)
        if node and node != [app.students.node.id, *self._awaited][-1]:
            self._awaited.append(node)
            app.tuning.jump(node)
        elif start and not node:
            yield f"There is no iteration {start!r} in this history."


def _pick(app: AppState, asked: dict[str, str]) -> Iterator[str]:
    """Pick the images that a link names, or drop those that another link had named."""
    selection, split = app.selection, app.students.snapshot.split
    if not asked.keys() & {PICK, PICK_BY}:
        if _picked(app):
            selection.leave_images()
        return
    node = app.tuner.node(_node(app, asked.get("at", "")) or app.students.node.id)
    name = selection.class_name or app.store.classes[0]
    try:
        images = linked_images(app.tuner.at(node, split)[name], asked)
    except DataError as error:
        yield error.whole_for_page
        return
    listed = bool(images.class_name) or not selection.concept
    selection.param.update(images=images, listed=listed)


def _why_not(app: AppState, targets: str) -> str:
    """Return the reason why the students' targets cannot be switched now; empty if they can."""
    if targets not in app.targets.options:
        return f"There are no targets {targets!r} here."
    if app.tuning.busy or app.targets.busy:
        return "Students are being fitted: open the link afterwards to switch the targets."
    return ""


def _node(app: AppState, start: str) -> str:
    """Return the iteration id that begins with ``start``; empty if none or several do."""
    ids = [node.id for node in app.tuning.nodes if start and node.id.startswith(start)]
    return ids[0] if len(ids) == 1 else ""


def _set(app: AppState, asked: dict[str, str]) -> Iterator[str]:
    for key, name in SETTING_KEYS.items():
        field, words = app.settings.param[name], _words(app, key)
        several = isinstance(field, param.ListSelector)
        text = asked.get(key, "")
        wanted = text.split(",") if several and text else [text]
        if several and text == NONE:
            value: Any = []
        elif not text or not all(word in words for word in wanted):
            if text:
                yield missing(key, text, words)
            value = field.default
        else:
            value = [words[word] for word in wanted] if several else words[text]
        setattr(app.settings, name, value)


def _read(search: str) -> dict[str, str]:
    """Return the first value of each key in a query; it reads at most 4096 letters and 32 keys."""
    pairs = parse_qsl(search.removeprefix("?")[:4096], max_num_fields=None)
    return dict(reversed(pairs[:32]))
