"""InFiConD Panel: interactive, no-code fine-tuning of concept-based student models.

For scripts and notebooks: ``open_students``, ``build``, ``from_frames``, ``load_students``,
``ConceptStudents``, ``explore``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inficond_panel.common.late import late
from inficond_panel.version import __version__

if TYPE_CHECKING:
    from inficond_panel.api.building import build, from_frames
    from inficond_panel.api.estimator import ConceptStudents
    from inficond_panel.api.loading import load_students
    from inficond_panel.api.notebook import explore
    from inficond_panel.api.students import TunableStudents, open_students

__all__ = [
    "ConceptStudents",
    "TunableStudents",
    "__version__",
    "build",
    "explore",
    "from_frames",
    "load_students",
    "open_students",
]

#: Modules of public names, loaded at first use, since they import large packages.
_LATE = {
    "ConceptStudents": "inficond_panel.api.estimator",
    "TunableStudents": "inficond_panel.api.students",
    "build": "inficond_panel.api.building",
    "explore": "inficond_panel.api.notebook",
    "from_frames": "inficond_panel.api.building",
    "load_students": "inficond_panel.api.loading",
    "open_students": "inficond_panel.api.students",
}


_late = late(__name__, _LATE)


def __getattr__(name: str) -> Any:
    try:
        return _late(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        from inficond_panel.common.installation import missing_extra  # noqa: PLC0415

        raise missing_extra(name, error, "sklearn") from error


def __dir__() -> list[str]:
    return sorted(__all__)
