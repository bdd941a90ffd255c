"""Sections of a study's spec for questions, pages that ask them, and published questionnaires.

SEQ: Single Ease Question, 1 (very difficult) to 7 (very easy) (J. Sauro, J. S. Dumas, "Comparison
of three one-question, post-task usability questionnaires", CHI 2009). NASA-TLX without weights, the
raw TLX: mean of six scales from 0 to 100 in steps of 5 (S. G. Hart, "NASA-Task Load Index: 20 years
later", HFES 2006). SUS: System Usability Scale, 0 to 100 (J. Brooke, "SUS: a quick and dirty
usability scale", 1996). The questions have the original words, since other words would measure
something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import OneOf, Slug, Some, Text, option
from inficond_panel.study.run.records import storable
from inficond_panel.vocabulary.lengths import LONGEST_ANSWER

_LARGEST = 1e15


class Question(Section):
    """One question; its answer is a column of the tables."""

    chooser: ClassVar[str] = "kind"

    name_: Slug = option(doc="Column of the answers; unique in a study.")
    text: Text = option(doc="The question, or the statement to agree with.")
    required: bool = option(True, doc="Whether an answer is required.")

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
        return not self.checks or answer == getattr(self, "right", None)


class LikertQuestion(Question):
    """Likert question: agreement with a statement, in steps."""

    kind: Literal["likert"] = option("likert", doc="Agreement in steps.")
    points: int = option(5, ge=2, le=21, doc="Number of steps.")
    labels: Some[Text] = option(
        ["Strongly disagree", "Disagree", "Neutral", "Agree", "Strongly agree"],
        doc="A label for each step, from the lowest, or two labels for the ends. If left out, and "
        "points is not 5: the first and last label of the default.",
    )

    def model_post_init(self, context: object) -> None:
        """Keep only the first and last of the default labels if the scale has not five steps."""
        if "labels" not in self.model_fields_set and self.points != len(self.labels):
            self.labels = [self.labels[0], self.labels[-1]]

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) if the number of labels does not fit the number of steps."""
        if len(self.labels) not in (2, self.points):
            yield "labels", f"{len(self.labels)} labels for {self.points} steps; give as many, or 2"

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
        None, doc="In a check: the right option; with `several`, all right options."
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for right answers that cannot be chosen."""
        for answer in self.right or []:
            if answer not in (self.options or []):
                yield "right", f"{answer!r} is not in options; add it there, or correct it"
        if self.right and len(self.right) > 1 and not self.several:
            yield "right", "names several; name one, or write several: true"

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
    lowest: float | None = option(None, doc="Lowest number allowed.")
    highest: float | None = option(None, doc="Highest number allowed.")
    right: float | None = option(None, doc="In a check: the right answer.")

    def _fault(self, answer: object) -> str:
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return "Give a number."
        if not -_LARGEST < answer < _LARGEST:  # also refuses nan, and 4,000 digits
            return f"Give a number below {_LARGEST:g}."
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

    def _fault(self, answer: object) -> str:
        if not isinstance(answer, str) or not (answer.strip() or not self.required):
            return "Write something."
        if storable(answer) != answer:
            return "A character cannot be stored; write it anew."
        return "" if len(answer) <= LONGEST_ANSWER else f"At most {LONGEST_ANSWER} characters."


_LOAD = {
    "mental": "Mental demand: how mentally demanding was the task?",
    "physical": "Physical demand: how physically demanding was the task?",
    "temporal": "Temporal demand: how hurried or rushed was the pace of the task?",
    "performance": "Performance: how successful were you in accomplishing what you were asked to "
    "do?",
    "effort": "Effort: how hard did you have to work to accomplish your level of performance?",
    "frustration": "Frustration: how insecure, discouraged, irritated, stressed, and annoyed were "
    "you?",
}
_USABILITY = (
    "I think that I would like to use this system frequently.",
    "I found the system unnecessarily complex.",
    "I thought the system was easy to use.",
    "I think that I would need the support of a technical person to be able to use this system.",
    "I found the various functions in this system were well integrated.",
    "I thought there was too much inconsistency in this system.",
    "I would imagine that most people would learn to use this system very quickly.",
    "I found the system very cumbersome to use.",
    "I felt very confident using the system.",
    "I needed to learn a lot of things before I could get going with this system.",
)


@dataclass(frozen=True)
class Template:
    """Published questionnaire: its questions, and the function from all answers, in the order of
    the questions, to the score; ``ends`` are the smallest and the largest possible score."""

    title: str
    score_name: str
    ends: tuple[float, float]
    questions: Sequence[Question]
    score: Callable[[Sequence[int]], float]

    def score_of(self, answers: Mapping[str, object]) -> float | None:
        """Return the score from answers by name of the question; None if an answer is missing."""
        steps = [answers.get(question.name_) for question in self.questions]
        whole = [answer for answer in steps if isinstance(answer, int)]
        return self.score(whole) if len(whole) == len(steps) else None


_SEQ = LikertQuestion(
    name_="seq",
    text="Overall, how difficult or easy was the task to complete?",
    points=7,
    labels=["Very difficult", "Very easy"],
)
_TLX = [
    LikertQuestion(
        name_=f"tlx-{name}",
        text=text,
        points=21,
        labels=["Perfect", "Failure"] if name == "performance" else ["Very low", "Very high"],
    )
    for name, text in _LOAD.items()
]
_SUS = [
    LikertQuestion(
        name_=f"sus-{at}", text=text, points=5, labels=["Strongly disagree", "Strongly agree"]
    )
    for at, text in enumerate(_USABILITY, 1)
]


QUESTIONNAIRES = {
    "seq": Template(
        "Ease of the task", "SEQ, 1 to 7", (1, 7), [_SEQ], lambda steps: float(steps[0])
    ),
    # the mean of six scales; the steps 1 to 21 stand for 0, 5 to 100
    "nasa_tlx": Template(
        "Workload",
        "raw NASA-TLX, 0 to 100",
        (0, 100),
        _TLX,
        lambda steps: sum(5 * (step - 1) for step in steps) / len(steps),
    ),
    # 2.5 times the sum of step - 1 for odd statements and of 5 - step for even ones; steps 1 to 5
    "sus": Template(
        "Usability",
        "SUS, 0 to 100",
        (0, 100),
        _SUS,
        lambda steps: 2.5 * sum(5 - step if at % 2 else step - 1 for at, step in enumerate(steps)),
    ),
}


class TextPage(Section):
    """Page of text."""

    title: Text = option(doc="Heading.")
    text: Text = option(doc="Markdown; pictures are files in the study's folder.")


class ConsentPage(TextPage):
    """First page, where a participant agrees to take part."""

    title: Text = option("Consent", doc="Heading.")
    agree: Text = option("I have read this and agree to take part", doc="Label of the checkbox.")


class QuestionPage(Section):
    """Page of questions: new questions, a published questionnaire, or both."""

    spared: ClassVar[dict[str, tuple[str, ...]]] = {"template": ("questions",)}

    title: Text | None = option(None, doc='Heading; if left out, the template\'s, or "Questions".')
    text: Text | None = option(None, doc="Markdown above the questions.")
    template: Annotated[str, OneOf(QUESTIONNAIRES)] | None = option(
        None,
        doc="Published questionnaire, which the report scores: seq (Single Ease Question), "
        "nasa_tlx (raw NASA-TLX), sus (System Usability Scale).",
    )
    questions: list[Question] = option(
        None, min_length=1, doc="The questions; may be left out with a template."
    )

    @property
    def heading(self) -> str:
        """Heading of the page."""
        return self.title or (QUESTIONNAIRES[self.template].title if self.template else "Questions")

    @property
    def asked(self) -> list[Question]:
        """All questions of the page; questions of the template are first."""
        made = QUESTIONNAIRES[self.template].questions if self.template else []
        return [*made, *(self.questions or [])]


class CheckPage(QuestionPage):
    """Page of questions that a participant must answer correctly before the next step."""

    attempts: int | None = option(
        None,
        ge=1,
        doc="Number of attempts, after which the participant continues anyway and is flagged; if "
        "left out, until all answers are right.",
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each question without a right answer."""
        for question in self.asked:
            if not question.checks:
                remedy = "add the key right, which kind: choice and kind: number have"
                yield "questions", f"{question.name_!r} has no right answer; {remedy}"


#: Name in braces in the link of ``Completion``: of an id, or ``code``.
ID_IN_LINK = re.compile(r"\{([^{}]*)\}")
CODE = "code"


class Completion(Section):
    """Return to the service that sent the participant, such as a panel provider."""

    url: Text | None = option(
        None,
        doc="Link on the last page, http or https; {pid} is replaced by the participant's id of "
        "this name, {code} by the code.",
    )
    code: Text | None = option(None, doc="Code on the last page, to copy.")
    seconds: int | None = option(
        None,
        ge=5,
        doc="Seconds after which the last page follows the link by itself; never if left out.",
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for a link that is not http or https, seconds without a link, and a
        section with neither link nor code."""
        if self.url and not is_web(self.url):
            yield "url", f"expected a link with http:// or https://, got {self.url!r}"
        if not (self.url or self.code):
            yield "", "expected a url or a code"
        if self.seconds and not self.url:
            yield "seconds", "is used only with url; add url, or leave seconds out"


class EndPage(TextPage):
    """Last page of a study."""

    completion: Completion | None = option(
        None, doc="Link or code for participants of another service."
    )


def is_web(url: str) -> bool:
    """Return True if a text is the address of a web page, http or https."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable()
    except ValueError:
        return False
