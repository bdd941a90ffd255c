"""InFiConD Panel: interactive, no-code fine-tuning of concept-based student models.

For scripts and notebooks: ``open_students``, ``load_students``, ``ConceptStudents``, ``explore``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inficond_panel.errors import MissingExtraError
from inficond_panel.version import __version__

if TYPE_CHECKING:
    from inficond_panel.api.estimator import ConceptStudents
    from inficond_panel.api.loading import load_students
    from inficond_panel.api.students import TunableStudents, open_students
    from inficond_panel.app import Explorer
    from inficond_panel.tuning import Tuner

__all__ = [
    "ConceptStudents",
    "TunableStudents",
    "__version__",
    "explore",
    "load_students",
    "open_students",
]

#: Where the names are that load more than this package needs by itself.
_LATE = {
    "ConceptStudents": "inficond_panel.api.estimator",
    "TunableStudents": "inficond_panel.api.students",
    "load_students": "inficond_panel.api.loading",
    "open_students": "inficond_panel.api.students",
}


def explore(spec: str | Path | Tuner, history: str | Path = "") -> Explorer:
    """Open the app on ``spec`` in a notebook cell.

    ``spec`` is a file, or ``"demo"``, or an open tuner; ``history`` is the file of the tuning
    history (default: as the spec says). The object shows itself; ``.servable()`` and ``.show()``
    work too.
    """
    import panel as pn  # noqa: PLC0415 -- importing the package must not load Panel

    from inficond_panel.app import Explorer  # noqa: PLC0415
    from inficond_panel.ui.stylesheets import use_own_font  # noqa: PLC0415

    use_own_font()
    pn.extension(sizing_mode="stretch_width", inline=True)  # nothing is loaded from outside
    return Explorer([spec], history)


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_LATE[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        raise MissingExtraError(
            f"{name} needs scikit-learn, which is not installed.",
            "Install it: pip install 'inficond-panel[sklearn]'",
        ) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
