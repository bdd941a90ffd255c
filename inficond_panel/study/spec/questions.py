"""Sections of a study's spec: questions, and the right answers to those of a check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import Slug, Some, Text, option
from inficond_panel.study.run.study_events import storable

_TEXT_LENGTH = 4000
_LARGEST = 1e15


class Question(Section):
    """One question; its answer is a column of the tables."""

    chooser: ClassVar[str] = "kind"

    name_: Slug = option(doc="Column of its answers; no two of a study alike.")
    text: Text = option(doc="The question, or the statement to agree with.")
    required: bool = option(True, doc="Whether it must be answered.")

    def fault(self, answer: object) -> str:
        """Fault of an answer from outside; empty if none. None is no answer."""
        if answer is None:
            return "An answer is needed." if self.required else ""
        return self._fault(answer)

    def _fault(self, answer: object) -> str:
        raise NotImplementedError

    @property
    def checks(self) -> bool:
        """True if it has a right answer."""
        return getattr(self, "right", None) is not None

    def is_right(self, answer: object) -> bool:
        """True if an answer without fault is the right one, or none is named."""
        return not self.checks or answer == getattr(self, "right", None)


class LikertQuestion(Question):
    """Agreement with a statement, in steps."""

    kind: Literal["likert"] = option("likert", doc="Agreement in steps.")
    points: int = option(5, ge=2, le=21, doc="Steps.")
    labels: Some[Text] = option(
        ["Strongly disagree", "Disagree", "Neutral", "Agree", "Strongly agree"],
        doc="A label for each step, from the lowest; or two, of both ends. If left out where there "
        "are not 5 steps: the first and the last of these.",
    )

    def model_post_init(self, context: object) -> None:
        """Label both ends alone, where the steps are others than the usual five."""
        if "labels" not in self.model_fields_set and self.points != len(self.labels):
            self.labels = [self.labels[0], self.labels[-1]]

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield labels that do not fit the steps."""
        if len(self.labels) not in (2, self.points):
            yield "labels", f"{len(self.labels)} labels for {self.points} steps; give as many, or 2"

    def _fault(self, answer: object) -> str:
        if isinstance(answer, bool) or not isinstance(answer, int):
            return "Choose one of the steps."
        return "" if 1 <= answer <= self.points else "Choose one of the steps."


class ChoiceQuestion(Question):
    """One of several options, or any of them."""

    kind: Literal["choice"] = option("choice", doc="One of several options.")
    options: Some[Text] = option(doc="The options.")
    several: bool = option(False, doc="Whether more than one may be chosen.")
    right: Some[Text] | None = option(
        None, doc="In a check: the option that is right; with `several`, all that are."
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield right answers that cannot be chosen."""
        for answer in self.right or []:
            if answer not in (self.options or []):
                yield "right", f"{answer!r} is none of the options"
        if self.right and len(self.right) > 1 and not self.several:
            yield "right", "names several; take one, or several: true"

    def is_right(self, answer: object) -> bool:
        """True if what was chosen is what is right, in any order."""
        chosen = answer if isinstance(answer, list) else [answer]
        return not self.checks or set(chosen) == set(self.right or [])

    def _fault(self, answer: object) -> str:
        chosen = answer if self.several else [answer]
        if not isinstance(chosen, list) or not all(item in self.options for item in chosen):
            return "Choose one of the options."
        if len(set(chosen)) < len(chosen):
            return "Choose each option once."
        return "" if chosen or not self.required else "Choose at least one."


class NumberQuestion(Question):
    """A number."""

    kind: Literal["number"] = option("number", doc="A number.")
    lowest: float | None = option(None, doc="Lowest number that is taken.")
    highest: float | None = option(None, doc="Highest number that is taken.")
    right: float | None = option(None, doc="In a check: the right answer.")

    def _fault(self, answer: object) -> str:
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return "Give a number."
        if not -_LARGEST < answer < _LARGEST:  # nor nan, nor of 4,000 digits
            return f"Give a number below {_LARGEST:g}."
        if self.lowest is not None and answer < self.lowest:
            return f"Give a number of at least {self.lowest:g}."
        if self.highest is not None and answer > self.highest:
            return f"Give a number of at most {self.highest:g}."
        return ""


class TextQuestion(Question):
    """Free text."""

    kind: Literal["text"] = option("text", doc="Free text.")
    required: bool = option(False, doc="Whether it must be answered.")
    lines: int = option(4, ge=1, le=20, doc="Height of the box, in lines.")

    def _fault(self, answer: object) -> str:
        if not isinstance(answer, str) or not (answer.strip() or not self.required):
            return "Write something."
        if storable(answer) != answer:
            return "A character cannot be stored; write it anew."
        return "" if len(answer) <= _TEXT_LENGTH else f"At most {_TEXT_LENGTH} characters."
