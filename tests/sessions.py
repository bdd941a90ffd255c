"""Sessions without a browser, over the small store, and what a person does in them."""

from __future__ import annotations

from pathlib import Path

from factory import small_spec

from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.ui import upstream


def small_session(folder: Path) -> AppState:
    """A session on #0, whose jobs are done at once."""
    upstream.apply()
    return AppState(open_tuner(small_spec(folder)), Jobs(inline=True))


def fine_tune(app: AppState, concept: str, direction: str = "remove") -> str:
    """Refit bicycle with a thumb on a concept; the id of the iteration that comes of it."""
    app.tuning.toggle(Intent("bicycle", concept, direction))
    app.tuning.fine_tune()
    return app.students.node.id


def session_on(spec: Path | str, class_name: str = "", **history: str) -> AppState:
    """A session on #0 of a spec, with a class selected, whose jobs are done at once."""
    upstream.apply()
    app = AppState(open_tuner(spec, **history), Jobs(inline=True))
    app.selection.class_name = class_name
    return app
