"""Workarounds for defects of other projects: each with its project and the versions that need it.

Every place that replaces a function of another project, or that stands on one of its private names,
names its ``Workaround`` here. CONTRIBUTING.md has a text for each, ready to file with the project.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from importlib.metadata import version
from types import ModuleType
from typing import Any

from inficond_panel.errors import InficondError


@dataclass(frozen=True)
class Workaround:
    """Workaround for one defect of the distribution ``package``.

    ``title`` is the title of the issue, in CONTRIBUTING.md too. ``fixed`` is the first version
    (major, minor) that is not known to have the defect. A later version gets the workaround only if
    it is ``required``, since a page without it would be unsafe or wrong; other workarounds save
    time, and are left out rather than tried on code that nobody has compared.
    """

    title: str
    package: str
    fixed: tuple[int, int]
    required: bool = True

    @property
    def applies(self) -> bool:
        """True if the installed version has the defect, or may have it and must not."""
        return self.required or _installed(self.package) < self.fixed


@cache
def _installed(package: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version(package))[:2]))


_PANEL, _BOKEH, _HOLOVIEWS = (1, 11), (3, 11), (1, 24)  # newer ones were not compared

# requests (inficond_panel/serving/answers.py)
ANY_MODULE = Workaround("A component's route imports the module it names", "panel", _PANEL)
HEADERS = Workaround("Responses have no security headers", "bokeh", _BOKEH)
COOKIES = Workaround("Cookies of the login have neither SameSite nor Secure", "panel", _PANEL)
CONTROLS = Workaround("A path with control characters is an error 500", "bokeh", _BOKEH)
PREFIX = Workaround("A prefix without its slash is not found", "bokeh", _BOKEH)
QUERY = Workaround("The redirect from / drops the query", "panel", _PANEL)
BUNDLES = Workaround("A page loads BokehJS's WebGL without a use", "bokeh", _BOKEH, required=False)
PACKED = Workaround("Scripts are sent uncompressed", "bokeh", _BOKEH, required=False)
# logins (inficond_panel/serving/login.py)
BEHIND_PROXY = Workaround("A login redirects to absolute paths", "panel", _PANEL)
OTHER_HOST = Workaround("next=///host leads a login to another host", "panel", _PANEL)
TOKEN = Workaround("The login's form has no XSRF token", "panel", _PANEL)
GUESSING = Workaround("A password may be guessed at full speed", "panel", _PANEL)
MISSING_FILE = Workaround("A path without a file is taken as the password", "panel", _PANEL)
LOWER_CASE = Workaround("PANEL_BASIC_AUTH is changed to lower case", "panel", _PANEL)
# sessions (inficond_panel/serving/sessions.py)
SESSION_ID = Workaround("An address may name the session", "bokeh", _BOKEH)
CONNECTIONS = Workaround("A session takes several connections", "bokeh", _BOKEH)
OPENING = Workaround("A refused connection is logged as received", "panel", _PANEL)
EMBEDDING = Workaround("autoload.js allows every origin", "bokeh", _BOKEH)
# messages (inficond_panel/serving/messages.py)
LIMITS = Workaround("Messages are decoded without limits", "bokeh", _BOKEH)
LOGGED = Workaround("A message that fails is logged whole", "bokeh", _BOKEH)
LATE_CHANGES = Workaround("A change waits while another is written", "panel", _PANEL)
CLOSED_PAGES = Workaround("A page that closes loses changes of others", "panel", _PANEL)
# the server's process (inficond_panel/commands/serve/)
SETUP = Workaround("An app cannot set up its server", "panel", _PANEL)
WORKERS = Workaround("Workers outlive the main process", "panel", _PANEL)
# components (inficond_panel/ui/upstream.py)
VALUES_LOGGED = Workaround("A failed handler logs the values it was sent", "panel", _PANEL)
COMPILED = Workaround("JavaScript is compiled in each page", "panel", _PANEL, required=False)
SHEETS = Workaround("A style sheet is sent per component", "panel", _PANEL, required=False)
DATA_MODELS = Workaround(
    "_patch_datamodel_ref searches all values", "panel", _PANEL, required=False
)
FREEZING = Workaround("freeze_doc searches all values", "panel", _PANEL, required=False)
TRIGGER = Workaround(
    "Model.trigger searches values without models", "bokeh", _BOKEH, required=False
)
# plots and notebooks
BACKEND = Workaround("Importing a backend selects it", "holoviews", _HOLOVIEWS)
CLOSED_PLOTS = Workaround("Plots of a closed session stay registered", "panel", _PANEL)
DISPLAYS = Workaround("Displays of a notebook stay registered", "panel", _PANEL)
EARLY_MESSAGES = Workaround("Messages before a comm is open arrive twice", "pyviz-comms", (3, 1))
WIDGETS = Workaround("A model as widget sends changes before its styles", "jupyter-bokeh", (4, 2))
EVENTS = Workaround("marimo drops events of Bokeh's models", "marimo", (0, 26))
SCRIPTS = Workaround("A notebook holds each script twice", "panel", _PANEL)
STYLES = Workaround("inline leaves links to style sheets", "panel", _PANEL)
OTHER_PROCESS = Workaround("A session in another process links to a CDN", "panel", _PANEL)
NUMBA = Workaround("numba does not load without a folder for its cache", "numba", (0, 70))
MALLOC = Workaround("A worker's MALLOC_TRIM_THRESHOLD_ slows NumPy", "distributed", (2027, 1))

WORKAROUNDS = {name: it for name, it in list(vars().items()) if isinstance(it, Workaround)}


def stand_before(
    reason: Workaround, owner: type | ModuleType, name: str, guard: Callable[..., Any]
) -> None:
    """Replace the method ``name`` of ``owner`` by a function that calls ``guard(original, self,
    ...)``, with the replaced method as ``original``, if the installed version needs it.

    Raises ``InficondError`` if a version has no such method: the guard would guard nothing.
    """
    if not reason.applies:
        return
    original = getattr(owner, name, None)
    if original is None:
        raise InficondError(
            f"{reason.package} {version(reason.package)} has no {owner.__name__}.{name}, before "
            f"which a guard of the server stands ({reason.title}).",
            f"Install an earlier version: pip install '{reason.package}<{_text(reason.fixed)}'",
        )

    @wraps(original)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        return guard(original, self, *args, **kwargs)

    setattr(owner, name, guarded)


def _text(fixed: tuple[int, int]) -> str:
    return ".".join(map(str, fixed))


def load_bokeh_backend() -> None:
    """Load HoloViews' Bokeh backend; the backend of the session's own plots stays as it is."""
    import holoviews as hv  # noqa: PLC0415 - slow, and only plots need it

    chosen = hv.Store.current_backend
    import holoviews.plotting.bokeh  # noqa: PLC0415 - see ``BACKEND``

    if BACKEND.applies:
        hv.Store.set_current_backend(chosen)


@contextmanager
def bokeh_backend() -> Iterator[None]:
    """Context, or decorator of a function, in which plots can be given options of Bokeh.

    HoloViews takes no option while its current backend is not loaded, as before anybody has chosen
    one. Bokeh is then current within the context, and afterwards the backend that was.
    """
    import holoviews as hv  # noqa: PLC0415 - slow, and only plots need it

    chosen = hv.Store.current_backend
    hv.Store.current_backend = chosen if chosen in hv.Store.renderers else "bokeh"
    try:
        yield
    finally:
        hv.Store.current_backend = chosen


def choose_bokeh() -> None:
    """Let Bokeh be the current backend of HoloViews where nobody has loaded one."""
    import holoviews as hv  # noqa: PLC0415 - slow, and only plots need it

    if hv.Store.current_backend not in hv.Store.renderers:
        hv.Store.set_current_backend("bokeh")
