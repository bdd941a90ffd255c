"""Section ``skip_if`` of a study's spec: when a page, a task or a block is skipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import Slug, Some, Text, one_or_more, option

_Value = Text | float
_Shortest = PlainSerializer(lambda values: values[0] if values and len(values) == 1 else values)
#: Answers of which one is given; a single one needs no brackets.
Values = Annotated[
    _Value | Some[_Value],
    AfterValidator(one_or_more),
    Field(title="an answer, or a list of answers"),
    _Shortest,
]
#: Names of conditions; a single one needs no brackets.
ConditionNames = Annotated[
    Slug | Some[Slug],
    AfterValidator(one_or_more),
    Field(title="the name of a condition, or a list of names"),
    _Shortest,
]


class SkipIf(Section):
    """Rule that skips a step. Of several keys, all must hold."""

    question: Slug | None = option(
        None,
        doc="Question that was asked before: in `comprehension`, in `form`, on an earlier page of "
        "`questionnaire`, or on an earlier page after the same task or block. Without an answer "
        "nothing is skipped.",
    )
    is_: Values | None = option(
        None, doc="Answer to the question, or several of which one was given; of scales the step."
    )
    below: float | None = option(None, doc="The answer is a number below this one.")
    above: float | None = option(None, doc="The answer is a number above this one.")
    condition: ConditionNames | None = option(
        None, doc="Conditions of the study under which it is skipped."
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for a rule without content, and for a question without an answer."""
        answers = {"is": self.is_, "below": self.below, "above": self.above}
        named = [key for key, value in answers.items() if value is not None]
        if not (self.question or self.condition):
            yield "", "expected the key question or condition"
        if self.question and not named:
            yield "question", "needs an answer: is, below or above"
        if named and not self.question:
            yield named[0], "is an answer; name its question"

    def holds(self, answers: Mapping[str, object], condition: str) -> bool:
        """Return True if the step is skipped, by the answers so far and the condition."""
        if self.condition and condition not in self.condition:
            return False
        return not self.question or self._answered(answers.get(self.question))

    def _answered(self, answer: object) -> bool:
        if answer is None:
            return False
        chosen = answer if isinstance(answer, list) else [answer]
        if self.is_ is not None and not any(one in one_or_more(self.is_) for one in chosen):
            return False
        number = answer if isinstance(answer, int | float) else None
        limits = self.below is not None or self.above is not None
        if number is None:
            return not limits
        low, high = self.above, self.below
        return (low is None or number > low) and (high is None or number < high)
