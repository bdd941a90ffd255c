"""Participants of a study, as its record has them."""

from __future__ import annotations

from dataclasses import dataclass

from inficond_panel.study.run.assignment import Assigned


@dataclass(frozen=True)
class Participant:
    """One who takes part: a number, and tasks in order. Nothing tells who it is."""

    number: int
    slot: int
    plan: tuple[Assigned, ...]
    created: str

    @property
    def label(self) -> str:
        """``P01``."""
        return f"P{self.number:02d}"

    def condition(self, task: str = "") -> str:
        """Condition in a task, of the plan; else that of all tasks; empty: several or none."""
        own = [item for item in self.plan if item.task == task] or self.plan
        found = {item.condition for item in own}
        return found.pop() if len(found) == 1 else ""


@dataclass(frozen=True)
class Presence:
    """The page that a participant opened last, and when it was last there."""

    session: str
    seen: str
