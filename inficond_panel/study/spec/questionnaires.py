"""Published questionnaires: their questions in the original words, and the scores of answers.

Other words would measure something else. A score is None unless all questions are answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inficond_panel.study.spec.questions import LikertQuestion, Question

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


#: Items of the UEQ-S, from the negative to the positive pole: four of pragmatic quality, then four
#: of hedonic quality.
_EXPERIENCE = (
    ("obstructive", "supportive"),
    ("complicated", "easy"),
    ("inefficient", "efficient"),
    ("confusing", "clear"),
    ("boring", "exciting"),
    ("not interesting", "interesting"),
    ("conventional", "inventive"),
    ("usual", "leading edge"),
)


@dataclass(frozen=True)
class Scale:
    """Scale of a questionnaire: its name, the smallest and the largest score (``ends``), and the
    function from the answers of all questions, in their order, to the score."""

    name: str
    ends: tuple[float, float]
    score: Callable[[Sequence[int]], float]


@dataclass(frozen=True)
class Questionnaire:
    """Published questionnaire: heading, source, questions, and its ``scales`` by their names in
    tables."""

    title: str
    source: str
    questions: Sequence[Question]
    scales: Mapping[str, Scale]

    def scores_of(self, answers: Mapping[str, object]) -> dict[str, float]:
        """Return the score per scale from answers by name of the question; {} if an answer is
        missing."""
        steps = [answers.get(question.name_) for question in self.questions]
        whole = [answer for answer in steps if isinstance(answer, int)]
        if len(whole) < len(steps):
            return {}
        return {key: scale.score(whole) for key, scale in self.scales.items()}


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
_UEQ = [
    LikertQuestion(
        name_=f"ueq-{at}", text=f"{negative} / {positive}", points=7, labels=[negative, positive]
    )
    for at, (negative, positive) in enumerate(_EXPERIENCE, 1)
]


def _tlx(steps: Sequence[int]) -> float:
    """Mean of six ratings; the steps 1 to 21 stand for 0, 5 to 100."""
    return sum(5 * (step - 1) for step in steps) / len(steps)


def _sus(steps: Sequence[int]) -> float:
    """2.5 times the sum of step - 1 for odd statements and of 5 - step for even ones."""
    return 2.5 * sum(5 - step if at % 2 else step - 1 for at, step in enumerate(steps))


def _ueq(items: slice) -> Callable[[Sequence[int]], float]:
    """Return the mean of these items; the steps 1 to 7 stand for -3 to 3."""
    return lambda steps: sum(step - 4 for step in steps[items]) / len(steps[items])


QUESTIONNAIRES = {
    "seq": Questionnaire(
        "Ease of the task",
        "Single Ease Question: J. Sauro, J. S. Dumas, CHI 2009",
        [_SEQ],
        {"seq": Scale("SEQ, 1 to 7", (1, 7), lambda steps: float(steps[0]))},
    ),
    "nasa_tlx": Questionnaire(
        "Workload",
        "raw NASA-TLX, without weights: S. G. Hart, HFES 2006",
        _TLX,
        {"nasa_tlx": Scale("raw NASA-TLX, 0 to 100", (0, 100), _tlx)},
    ),
    "sus": Questionnaire(
        "Usability",
        "System Usability Scale: J. Brooke, 1996",
        _SUS,
        {"sus": Scale("SUS, 0 to 100", (0, 100), _sus)},
    ),
    "ueq_s": Questionnaire(
        "Your impression",
        "short User Experience Questionnaire: M. Schrepp, A. Hinderks, J. Thomaschewski, "
        "IJIMAI 4(6), 2017",
        _UEQ,
        {
            "ueq_s": Scale("UEQ-S, −3 to 3", (-3, 3), _ueq(slice(8))),
            "ueq_s_pragmatic": Scale("UEQ-S pragmatic quality, −3 to 3", (-3, 3), _ueq(slice(4))),
            "ueq_s_hedonic": Scale("UEQ-S hedonic quality, −3 to 3", (-3, 3), _ueq(slice(4, 8))),
        },
    ),
}
#: Scales of all questionnaires by their names in tables.
SCALES = {key: scale for made in QUESTIONNAIRES.values() for key, scale in made.scales.items()}
