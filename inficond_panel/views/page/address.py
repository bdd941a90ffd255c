"""State of the page in a short URL: the content of a link, and following one.

Only names that the page knows anyway are in it: data set, targets, class, concept, iteration, the
two that are compared, settings of the views. The holdout is not: a look at
it is asked for each time. Nor is what a person has not finished: searches, a group, thumbs that
wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import param

from inficond_panel.common.near_words import missing
from inficond_panel.plots.cloud import projections
from inficond_panel.vocabulary.splits import HOLDOUT

if TYPE_CHECKING:
    from inficond_panel.state import AppState

#: Keys of a URL that are places to come back to: each makes an entry in the browser's history.
PLACES = ("data", "targets", "class", "concept", "at", "compare")
#: Keys of the settings in a URL.
SETTINGS = {
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
    "cures": "mended",
    "slices": "slice_by",
    "by": "slice_metric",
    "refit": "explained",
    "whatif": "what_if",
    "images": "filters",
    "history": "history_metric",
    "map": "projection",
    "tab": "tab",
}
#: Keys that the page may write or take out; others are left as they are.
KEYS = (*PLACES, *SETTINGS, "split")
#: Keys that name iterations.
ITERATIONS = ("at", "compare")
#: Word for a setting of several values that has none: no filter leaves images out.
NONE = "all"
#: Letters of an iteration's id in a URL.
ID = 8


def make_address(app: AppState) -> str:
    """Query of the URL for the present state of the session, without default values."""
    selection, students, targets = app.selection, app.students, app.targets
    query = {
        "data": app.dataset.title if len(app.datasets) > 1 else "",
        "targets": targets.chosen if targets.chosen != targets.usual else "",
        "class": selection.class_name,
        "concept": selection.concept,
        "at": students.node.id[:ID] if len(students.tree.nodes) > 1 else "",
        "compare": ",".join(node[:ID] for node in app.comparison.pair or ()),
        **{key: _word(app, key) for key in SETTINGS},
    }
    return urlencode({key: value for key, value in query.items() if value}, safe=",")


def _word(app: AppState, key: str) -> str:
    value = getattr(app.settings, SETTINGS[key])
    if value in (app.settings.param[SETTINGS[key]].default, _first(app, key)):
        return ""
    values = value if isinstance(value, list) else [value]
    if not values:
        return NONE
    return ",".join(word for word, known in _words(app, key).items() if known in values)


def _first(app: AppState, key: str) -> str | None:
    """Value that an empty setting stands for: the map that is shown first."""
    return next(iter(projections(app.store, app.spec.projections)), None) if key == "map" else None


def _words(app: AppState, key: str) -> dict[str, Any]:
    """Words that a link can have for a setting, and the values that they stand for."""
    field: Any = app.settings.param[SETTINGS[key]]
    if isinstance(field, param.Boolean):
        return {"up" if key == "order" else "open": not field.default}
    there = {
        "map": projections(app.store, app.spec.projections),
        "slices": app.store.metadata_columns,
        "tab": app.spec.layout.views,
    }
    values = there.get(key, getattr(field, "objects", ()))
    return {"all" if value == 0 else str(value): value for value in values}


class Address:
    """The URL of a session. A link is followed once its data set is open.

    If it is of other targets, their students are distilled first; its iterations are followed
    when these students are there.
    """

    def __init__(self, search: str = "") -> None:
        self._asked: dict[str, str] | None = _read(search) or None
        self._later: dict[str, str] | None = None  # of iterations, while other targets are awaited
        self._following = False
        self._awaited: list[str] = []  # iterations that were jumped to, until they are shown

    def dataset(self, titles: list[str]) -> str:
        """Data set that the link asks for, if there is one of that title."""
        title = (self._asked or {}).get("data", "")
        return title if title in titles else ""

    def follow(self, app: AppState) -> str:
        """Follow a link once; return the parts that cannot be shown, in words."""
        asked, self._asked = self._asked, None
        later, self._later = self._later, None
        self._following = True
        faults: Iterator[str] = iter(())
        if asked is not None:
            faults = self._follow(app, asked)
        elif later is not None:
            faults = self._show_iterations(app, later)
        message = " ".join(faults)
        self._following = False
        return message

    def go(self, app: AppState, search: str) -> str:
        """Go back or forward to another URL of the session."""
        self._asked = _read(search)
        title = self.dataset(app.datasets)
        if title and title != app.dataset.title:
            app.choose_dataset(title)  # followed when it is open
            return ""
        return self.follow(app)

    def arrived(self, app: AppState) -> bool:
        """True if what a link asks for is shown, or will not be."""
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
            yield f"The link is of a data set that is not here: {title}."
        if asked.get("split") == HOLDOUT:
            yield "A link does not open the holdout: each look is asked for."
        yield from self._select(app, asked)
        yield from _set(app, asked)
        wanted = asked.get("targets") or app.targets.usual
        if wanted != app.targets.chosen:
            problem = _why_not(app, wanted)
            if not problem:
                self._later = {key: asked[key] for key in ITERATIONS if key in asked}
                app.targets.choose(wanted)
                return
            yield problem
        yield from self._show_iterations(app, asked)

    @staticmethod
    def _select(app: AppState, asked: dict[str, str]) -> Iterator[str]:
        chosen = {}
        for key, name, known in (
            ("class", "class_name", app.store.classes),
            ("concept", "concept", app.store.concepts),
        ):
            wanted = asked.get(key, "")
            chosen[name] = wanted if wanted in known else ""
            if wanted and wanted not in known:
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
            yield f"There are no two iterations {asked['compare']!r} to compare."

    def _jump(self, app: AppState, start: str) -> Iterator[str]:
        if start and app.tuning.busy:
            yield "A fine-tune is under way, so the iteration stays."
            return
        node = _node(app, start)
        if node and node != [app.students.node.id, *self._awaited][-1]:
            self._awaited.append(node)
            app.tuning.jump(node)
        elif start and not node:
            yield f"There is no iteration {start!r} in this history."


def _why_not(app: AppState, targets: str) -> str:
    """Reason why there can be no students of these targets now; empty if there can."""
    if targets not in app.targets.options:
        return f"There are no targets {targets!r} here."
    if app.tuning.busy or app.targets.busy:
        return "Students are being fitted, so the targets stay."
    return ""


def _node(app: AppState, start: str) -> str:
    """Id of the one iteration whose id begins so; empty if there is none, or several."""
    ids = [node.id for node in app.tuning.nodes if start and node.id.startswith(start)]
    return ids[0] if len(ids) == 1 else ""


def _set(app: AppState, asked: dict[str, str]) -> Iterator[str]:
    for key, name in SETTINGS.items():
        field, words = app.settings.param[name], _words(app, key)
        several = isinstance(field, param.ListSelector)
        said = asked.get(key, "")
        wanted = said.split(",") if several and said else [said]
        if several and said == NONE:
            value: Any = []
        elif not said or not all(word in words for word in wanted):
            if said:
                yield missing(key, said, words)
            value = field.default
        else:
            value = [words[word] for word in wanted] if several else words[said]
        setattr(app.settings, name, value)


def _read(search: str) -> dict[str, str]:
    """Keys of a query; the first of a name counts, and no more than a link of the page has."""
    pairs = parse_qsl(search.removeprefix("?")[:4096], max_num_fields=None)
    return dict(reversed(pairs[:32]))
