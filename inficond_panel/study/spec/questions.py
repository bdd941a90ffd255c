"""Kinds of questions of a study, as sections of its spec, and what answers are valid or right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import Slug, Some, Text, option
from inficond_panel.study.run.records import storable
from inficond_panel.study.spec.measures import taken
from inficond_panel.vocabulary.lengths import LONGEST_ANSWER

#: Sign between the options of one answer, in the tables.
SEPARATOR = "; "
_LARGEST = 1e15
_RIGHT = "In `comprehension`, in attention checks and with `scored`: the right"


class Question(Section):
    """One question; its answer is a column of the tables."""

    chooser: ClassVar[str] = "kind"

    name_: Slug = option(
        doc="Name in the tables; unique on the pages after a task or a block, and on all others. "
        "The same name after several tasks is one measure."
    )
    text: Text = option(doc="The question, or the statement to agree with.")
    required: bool = option(True, doc="Whether an answer is required.")
    scored: bool = option(
        False,
        doc="Whether a right answer is a result, the share of which the report compares; then the "
        "question is no attention check.",
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) if the question is scored without a right answer, or with the name
        of another measure."""
        if self.scored and not self.checks:
            yield "scored", "there is no right answer; add the key right"
        if self.scored and (what := taken(self.name_ or "")):
            yield (
                "name",
                f"{self.name_!r} is {what}, so that a scored question cannot have this name; "
                f"choose another name, such as {self.name_}-right",
            )

    def fault(self, answer: object) -> str:
        """Return a message if an answer from a browser is not valid; "" if it is. None means that
        no answer was given."""
        if answer is None:
            return "An answer is needed." if self.required else ""
        return self._fault(answer)

    def _fault(self, answer: object) -> str:
        raise NotImplementedError

    @property
    def checks(self) -> bool:
        """True if the question has a right answer."""
        return getattr(self, "right", None) is not None

    def is_right(self, answer: object) -> bool:
        """Return True if ``answer`` is right, or if the question has no right answer."""
        return not self.checks or answer == self.right_answer

    @property
    def right_answer(self) -> Any:
        """Right answer, in the form that a browser sends; None if the question has none."""
        return getattr(self, "right", None)

    @property
    def codes(self) -> str:
        """Valid answers in words, for the codebook."""
        return "text"


class LikertQuestion(Question):
    """Likert question: agreement with a statement, in steps."""

    kind: Literal["likert"] = option("likert", doc="Agreement in steps.")
    points: int = option(5, ge=2, le=21, doc="Number of steps.")
    labels: Some[Text] = option(
        ["Strongly disagree", "Disagree", "Neutral", "Agree", "Strongly agree"],
        doc="A label for each step, from the lowest, or two labels for the ends. If left out, and "
        "points is not 5: the first and last label of the default.",
    )
    right: int | None = option(None, ge=1, doc=f"{_RIGHT} step, from 1.")

    def model_post_init(self, context: object) -> None:
        """Keep only the first and last of the default labels if the scale has not five steps."""
        if "labels" not in self.model_fields_set and self.points != len(self.labels):
            self.labels = [self.labels[0], self.labels[-1]]

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) if the number of labels does not fit the number of steps."""
        yield from super().faults(given)
        if len(self.labels) not in (2, self.points):
            yield "labels", f"{len(self.labels)} labels for {self.points} steps; give as many, or 2"
        if self.right is not None and self.points and self.right > self.points:
            yield "right", f"there is no step {self.right}; the last is {self.points}"

    @property
    def codes(self) -> str:
        """Valid answers in words, for the codebook."""
        steps = range(1, self.points + 1)
        named = steps if len(self.labels) == self.points else (steps[0], steps[-1])
        labels = (f"{step} = {label}" for step, label in zip(named, self.labels, strict=True))
        return f"1 to {self.points}: {', '.join(labels)}"

    def _fault(self, answer: object) -> str:
        if isinstance(answer, bool) or not isinstance(answer, int):
            return "Choose one of the steps."
        return "" if 1 <= answer <= self.points else "Choose one of the steps."


class ChoiceQuestion(Question):
    """Question whose answer is a choice of one or several options."""

    kind: Literal["choice"] = option("choice", doc="One of several options.")
    options: Some[Text] = option(doc="The options.")
    several: bool = option(False, doc="Whether more than one may be chosen.")
    right: Some[Text] | None = option(
        None, doc=f"{_RIGHT} option; with `several`, all right options."
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for options that could not be told apart in a table, and for right
        answers that cannot be chosen."""
        yield from super().faults(given)
        for name in self.options or []:
            if self.several and SEPARATOR.strip() in name:
                told = "answers are written with ; between options; use another sign"
                yield "options", f"{name!r} has a ;, and {told}"
        for answer in self.right or []:
            if answer not in (self.options or []):
                yield "right", f"{answer!r} is not in options; add it there, or correct it"
        if self.right and len(self.right) > 1 and not self.several:
            yield "right", "names several; name one, or write several: true"

    @property
    def right_answer(self) -> Any:
        """Right answer, in the form that a browser sends; None if the question has none."""
        return self.right if self.several or not self.right else self.right[0]

    @property
    def codes(self) -> str:
        """Valid answers in words, for the codebook."""
        return f"{'several' if self.several else 'one'} of: {SEPARATOR.join(self.options)}"

    def is_right(self, answer: object) -> bool:
        """Return True if exactly the right options were chosen, or if there are none."""
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
    """Question whose answer is a number."""

    kind: Literal["number"] = option("number", doc="A number.")
    lowest: float | None = option(None, ge=-_LARGEST, le=_LARGEST, doc="Lowest number allowed.")
    highest: float | None = option(None, ge=-_LARGEST, le=_LARGEST, doc="Highest number allowed.")
    right: float | None = option(None, doc=f"{_RIGHT} answer.")

    @property
    def codes(self) -> str:
        """Valid answers in words, for the codebook."""
        ends = (("at least", self.lowest), ("at most", self.highest))
        return ", ".join(["number", *(f"{word} {end:g}" for word, end in ends if end is not None)])

    def _fault(self, answer: object) -> str:
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return "Give a number."
        if not -_LARGEST <= answer <= _LARGEST:  # also refuses nan, and 4,000 digits
            return f"Give a number of at most {_LARGEST:g}."
        if self.lowest is not None and answer < self.lowest:
            return f"Give a number of at least {self.lowest:g}."
        if self.highest is not None and answer > self.highest:
            return f"Give a number of at most {self.highest:g}."
        return ""


class TextQuestion(Question):
    """Question whose answer is free text."""

    kind: Literal["text"] = option("text", doc="Free text.")
    required: bool = option(False, doc="Whether an answer is required.")
    lines: int = option(4, ge=1, le=20, doc="Height of the box, in lines.")
    right: Some[Text] | None = option(
        None, doc=f"{_RIGHT} answers, each right by itself, in upper or lower case."
    )

    @property
    def right_answer(self) -> Any:
        """First of the right answers; None if the question has none."""
        return self.right[0] if self.right else None

    def is_right(self, answer: object) -> bool:
        """Return True if the answer is one of the right ones, without regard to case and to spaces
        around it, or if there are none."""
        return not self.checks or _plain(str(answer)) in map(_plain, self.right or [])

    def _fault(self, answer: object) -> str:
        if not isinstance(answer, str) or not (answer.strip() or not self.required):
            return "Write something."
        if storable(answer) != answer:
            return "A character cannot be stored; write it anew."
        return "" if len(answer) <= LONGEST_ANSWER else f"At most {LONGEST_ANSWER} characters."


def _plain(text: str) -> str:
    return text.strip().casefold()
