"""Rights of a session: what may be done on its page beside looking and tuning."""

from __future__ import annotations

from dataclasses import dataclass, fields

from inficond_panel.errors import TuningError


@dataclass(frozen=True)
class Rights:
    """All that a session may do; what it may not, the page hides and the state refuses.

    ``class_name`` is the only class whose student may be opened and tuned; empty: all may.
    """

    export: bool = True
    arrange: bool = True
    holdout: bool = True
    photos: bool = True
    asking: bool = True  #: about photos, whose answers are taught
    typing: bool = True  #: of concepts
    forgetting: bool = True  #: of concepts that were typed
    targets: bool = True  #: another choice of what the students learn from
    class_name: str = ""

    @property
    def closed(self) -> list[str]:
        """Names of what may not be done, for the page."""
        shut = [field.name for field in fields(self) if getattr(self, field.name) is False]
        return [*shut, *(["class"] if self.class_name else [])]

    def require(self, name: str) -> None:
        """Raise ``TuningError`` where ``name``, a field of this, may not be done."""
        if not getattr(self, name):
            raise TuningError(f"This page has no {name}.")

    def require_class(self, class_name: str) -> None:
        """Raise ``TuningError`` for a class that may not be tuned."""
        if self.class_name and class_name != self.class_name:
            raise TuningError(f"This page is on {self.class_name} alone.")


EVERYTHING = Rights()
