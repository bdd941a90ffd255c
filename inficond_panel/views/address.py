"""The state of the page in a short URL: what a link says, and following one.

Only names that the page knows anyway are in it: data set, class, concept, iteration, settings of
the views. The holdout is not: a look at it is asked for each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import param

if TYPE_CHECKING:
    from inficond_panel.state import AppState

#: Keys of the settings in a URL.
SETTINGS = {
    "sort": "sort",
    "concepts": "concept_sort",
    "images": "filters",
    "map": "projection",
    "tab": "tab",
}
#: Letters of an iteration's id in a URL.
ID = 8


def make_address(app: AppState) -> str:
    """Query of the URL for what the session shows now; what is as usual is left out."""
    selection, students = app.selection, app.students
    given = {
        "data": app.dataset.title if len(app.datasets) > 1 else "",
        "class": selection.class_name,
        "concept": selection.concept,
        "at": students.node.id[:ID] if len(students.tree.nodes) > 1 else "",
        **{key: _said(app, name) for key, name in SETTINGS.items()},
        "order": "" if app.settings.descending else "up",
    }
    return urlencode({key: value for key, value in given.items() if value})


def _said(app: AppState, name: str) -> str:
    value, usual = getattr(app.settings, name), app.settings.param[name].default
    if value == usual:
        return ""
    return ",".join(value) if isinstance(value, list) else str(value)


class Address:
    """The URL of a session. A link is followed once its data set is open."""

    def __init__(self, search: str = "") -> None:
        self._asked: dict[str, str] | None = _read(search) or None
        self._following = False
        self._awaited = ""

    def dataset(self, titles: list[str]) -> str:
        """Data set that the link asks for, if there is one of that title."""
        title = (self._asked or {}).get("data", "")
        return title if title in titles else ""

    def follow(self, app: AppState) -> str:
        """Show what the link asks for, once; return what of it cannot be shown, for people."""
        asked, self._asked = self._asked, None
        if asked is None:
            return ""
        self._following = True
        told = " ".join(self._follow(app, asked))
        self._following = False
        return told

    def go(self, app: AppState, search: str) -> str:
        """Go back or forward to another URL of the session."""
        self._asked = _read(search)
        title = self.dataset(app.datasets)
        if title and title != app.dataset.title:
            app.choose_dataset(title)  # followed when it is open
            return ""
        return self.follow(app)

    def arrived(self, app: AppState) -> bool:
        """Whether what a link asks for is shown, or will not be."""
        if self._awaited == app.students.node.id or app.tuning.status.kind == "error":
            self._awaited = ""
        return not (self._following or self._awaited)

    def _follow(self, app: AppState, asked: dict[str, str]) -> Iterator[str]:
        title = asked.get("data", "")
        if title and title not in (app.datasets or [app.dataset.title]):
            yield f"The link is of a data set that is not here: {title}."
        if asked.get("split") == "holdout":
            yield "A link does not open the holdout: each look is asked for."
        yield from self._select(app, asked)
        yield from _set(app, asked)
        yield from self._jump(app, asked.get("at", ""))

    @staticmethod
    def _select(app: AppState, asked: dict[str, str]) -> Iterator[str]:
        found = {}
        for key, name, known in (
            ("class", "class_name", app.store.classes),
            ("concept", "concept", app.store.concepts),
        ):
            wanted = asked.get(key, "")
            found[name] = wanted if wanted in known else ""
            if wanted and wanted not in known:
                yield f"There is no {key} {wanted!r} here."
        app.selection.param.update(**found)

    def _jump(self, app: AppState, start: str) -> Iterator[str]:
        if start and app.tuning.busy:
            yield "A fine-tune is under way, so the iteration stays."
            return
        found = [node.id for node in app.tuning.nodes if start and node.id.startswith(start)]
        if len(found) == 1 and found[0] != app.students.node.id:
            self._awaited = found[0]
            app.tuning.jump(found[0])
        elif start and len(found) != 1:
            yield f"There is no iteration {start!r} in this history."


def _set(app: AppState, asked: dict[str, str]) -> Iterator[str]:
    for key, name in SETTINGS.items():
        field: Any = app.settings.param[name]
        word = asked.get(key, "")
        value = word.split(",") if isinstance(field, param.ListSelector) and word else word
        try:
            setattr(app.settings, name, value or field.default)
        except ValueError:
            yield f"There is no {key} {word!r}."
    app.settings.descending = asked.get("order") != "up"


def _read(search: str) -> dict[str, str]:
    """Keys of a query; the first of a name counts, and no more than a link of the page has."""
    pairs = parse_qsl(search.removeprefix("?")[:4096], max_num_fields=None)
    return dict(reversed(pairs[:32]))
