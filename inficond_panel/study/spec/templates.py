"""Published questionnaires by name: their questions, and the score of the answers.

SEQ: Single Ease Question, 1 (very difficult) to 7 (very easy) (J. Sauro, J. S. Dumas, "Comparison
of three one-question, post-task usability questionnaires", CHI 2009). NASA-TLX without weights, the
raw TLX: mean of six scales from 0 to 100 in steps of 5 (S. G. Hart, "NASA-Task Load Index: 20 years
later", HFES 2006). SUS: System Usability Scale, 0 to 100 (J. Brooke, "SUS: a quick and dirty
usability scale", 1996). The words are those of the instruments, since other words measure another
thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inficond_panel.study.spec.questions import LikertQuestion, Question

_EASE = "Overall, how difficult or easy was the task to complete?"
_LOAD = {
    "mental": ("Mental demand: how mentally demanding was the task?", "Very low", "Very high"),
    "physical": (
        "Physical demand: how physically demanding was the task?",
        "Very low",
        "Very high",
    ),
    "temporal": (
        "Temporal demand: how hurried or rushed was the pace of the task?",
        "Very low",
        "Very high",
    ),
    "performance": (
        "Performance: how successful were you in accomplishing what you were asked to do?",
        "Perfect",
        "Failure",
    ),
    "effort": (
        "Effort: how hard did you have to work to accomplish your level of performance?",
        "Very low",
        "Very high",
    ),
    "frustration": (
        "Frustration: how insecure, discouraged, irritated, stressed, and annoyed were you?",
        "Very low",
        "Very high",
    ),
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
    """A questionnaire: its questions, and the score of answers to all of them, in their order."""

    title: str
    score_name: str
    questions: Callable[[], list[Question]]
    score: Callable[[Sequence[int]], float]

    def score_of(self, answers: Mapping[str, object]) -> float | None:
        """Score of answers by the questions' names; None where one was not answered."""
        given = [answers.get(question.name_) for question in self.questions()]
        whole = [answer for answer in given if isinstance(answer, int)]
        return self.score(whole) if len(whole) == len(given) else None


def _seq() -> list[Question]:
    labels = ["Very difficult", "Very easy"]
    return [LikertQuestion(name_="seq", text=_EASE, points=7, labels=labels)]


def _tlx() -> list[Question]:
    return [
        LikertQuestion(name_=f"tlx-{name}", text=text, points=21, labels=[low, high])
        for name, (text, low, high) in _LOAD.items()
    ]


def _sus() -> list[Question]:
    labels = ["Strongly disagree", "Strongly agree"]
    return [
        LikertQuestion(name_=f"sus-{at}", text=text, points=5, labels=labels)
        for at, text in enumerate(_USABILITY, 1)
    ]


def raw_tlx(steps: Sequence[int]) -> float:
    """Mean of the scales, whose 21 steps are 0, 5, ..., 100."""
    return sum(5 * (step - 1) for step in steps) / len(steps)


def sus(steps: Sequence[int]) -> float:
    """2.5 times the sum of: step - 1 of odd statements, 5 - step of even ones."""
    return 2.5 * sum(5 - step if at % 2 else step - 1 for at, step in enumerate(steps))


TEMPLATES = {
    "seq": Template("Ease of the task", "SEQ, 1 to 7", _seq, lambda steps: float(steps[0])),
    "nasa_tlx": Template("Workload", "raw NASA-TLX, 0 to 100", _tlx, raw_tlx),
    "sus": Template("Usability", "SUS, 0 to 100", _sus, sus),
}
