"""Faults of a study's plan: of its blocks, and of the rules that skip a step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from inficond_panel.spec.framework.types import one_or_more
from inficond_panel.spec.framework.yaml_source import hint
from inficond_panel.study.spec.conditions import twice
from inficond_panel.study.spec.measures import TASK_MEASURES
from inficond_panel.study.spec.pages import IntroductionPage, QuestionPage
from inficond_panel.study.spec.questionnaires import QUESTIONNAIRES, SCALES
from inficond_panel.study.spec.questions import (
    ChoiceQuestion,
    LikertQuestion,
    NumberQuestion,
    Question,
)
from inficond_panel.study.spec.skips import SkipIf
from inficond_panel.study.spec.task_sections import Block, Task

Fault = tuple[str, str]  # key, message
#: Key of a part in the file, its rule if it has one, and the questions asked before it.
Rule = tuple[str, SkipIf | None, Sequence[Question]]


def block_faults(blocks: Sequence[Block], names: Sequence[str]) -> Iterator[Fault]:
    """Yield faults of ``blocks``: names that are used twice, and tasks (``names``) that are in no
    block, in several, or unknown. A name that was left out is None, and a fault of its own."""
    if not blocks:
        return
    known = [name for name in names if name]
    yield from twice("blocks", [*(block.name_ for block in blocks), *names])
    placed = [name for block in blocks for name in block.tasks or []]
    yield from twice("blocks", placed)
    for at, block in enumerate(blocks):
        yield from page_faults(f"blocks[{at}]", block.after)
        for name in block.tasks or []:
            if name not in names:
                yield f"blocks[{at}].tasks", f"there is no task {name!r}{hint(name, known)}"
    for at, name in enumerate(names):
        if name and name not in placed:
            yield f"tasks[{at}]", f"the task {name!r} is in no block; name it in one"


def skip_faults(rules: Iterable[Rule], levels: Sequence[str]) -> Iterator[Fault]:
    """Yield faults of rules whose question is not asked before, whose answer can never be given, or
    whose condition is not one of ``levels``."""
    named = [name for name in levels if name]
    for key, rule, before in rules:
        if rule is None:
            continue
        asked_before = {question.name_: question for question in before if question.name_}
        known = list(asked_before)
        if rule.question in asked_before:
            for part, message in answer_faults(rule, asked_before[rule.question]):
                yield f"{key}.skip_if.{part}", message
        elif rule.question:
            asked = f"asked before are {', '.join(known)}" if known else "none is asked before"
            yield f"{key}.skip_if", f"there is no question {rule.question!r} before this; {asked}"
        for name in rule.condition or []:
            if name not in named:
                yield f"{key}.skip_if", f"there is no condition {name!r}{hint(name, named)}"


def answer_faults(rule: SkipIf, question: Question) -> Iterator[Fault]:
    """Yield (key, message) for each part of a rule that no answer to its question can fulfil."""
    for value in one_or_more(rule.is_) if rule.is_ is not None else []:
        if question.fault(_answer(question, value)):
            near = hint(value, _options(question)) if isinstance(value, str) else ""
            yield "is", f"{value!r} is no answer to {question.name_!r}{near or _valid(question)}"
    ends = _ends(question)
    for key, limit in (("below", rule.below), ("above", rule.above)):
        if limit is None:
            continue
        if ends is None:
            yield key, f"the answer to {question.name_!r} is no number; write is"
        elif (key == "below" and limit <= ends[0]) or (key == "above" and limit >= ends[1]):
            yield key, f"no answer to {question.name_!r} is {key} {limit:g}{_valid(question)}"
    if rule.below is not None and rule.above is not None and rule.above >= rule.below:
        yield "above", f"no number is above {rule.above:g} and below {rule.below:g}"


def _answer(question: Question, value: str | float) -> object:
    """Return ``value`` in the form of an answer to ``question``."""
    if isinstance(question, ChoiceQuestion) and question.several:
        return [value]
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole and isinstance(question, LikertQuestion) else value


def _options(question: Question) -> list[str]:
    return list(question.options) if isinstance(question, ChoiceQuestion) else []


def _valid(question: Question) -> str:
    return f"; its answers: {question.codes}"


def _ends(question: Question) -> tuple[float, float] | None:
    """Return the smallest and largest answer; None for a question without numbers."""
    if isinstance(question, LikertQuestion):
        return 1, question.points
    if isinstance(question, NumberQuestion):
        low, high = question.lowest, question.highest
        return -math.inf if low is None else low, math.inf if high is None else high
    return None


def page_faults(
    key: str, pages: Sequence[QuestionPage], others: Sequence[Question] = ()
) -> Iterator[Fault]:
    """Yield faults of names that are used twice on ``pages`` and for the questions ``others``: one
    per published questionnaire that is on several pages, and one per other name; and of scored
    questions with the name of another measure."""
    counts = Counter(page.template for page in pages if page.template in QUESTIONNAIRES)
    for name, number in counts.items():
        if number > 1:
            yield (
                key,
                f"the template {name} is used {number} times, so that its answers cannot be told "
                "apart; a questionnaire can come again only after each task or block (after)",
            )
    asked = [question for page in pages for question in page.questions or []]
    of_templates = [question for name in counts for question in QUESTIONNAIRES[name].questions]
    yield from twice(key, [question.name_ for question in [*others, *of_templates, *asked]])
    for question in [*others, *asked]:
        if question.scored and question.name_ in {*TASK_MEASURES, *SCALES}:
            yield key, f"{question.name_!r} is a measure of studies; name the scored question anew"


def page_rules(
    key: str, pages: Sequence[QuestionPage | IntroductionPage], known: Sequence[Question]
) -> Iterator[Rule]:
    """Yield the rules of ``pages``, whose key is ``key``, after the questions ``known``."""
    before = list(known)
    for at, page in enumerate(pages):
        yield f"{key}[{at}]", page.skip_if, list(before)
        if isinstance(page, QuestionPage):
            before += page.asked


def group_rules(key: str, group: Task | Block, known: Sequence[Question]) -> Iterator[Rule]:
    """Yield the rules of a task or a block with its pages, after the questions ``known``."""
    yield key, group.skip_if, known
    if isinstance(group, Block):
        yield from page_rules(f"{key}.introduction", group.introduction, known)
    yield from page_rules(f"{key}.after", group.after, known)
