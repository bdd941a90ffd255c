"""Faults of a study's plan: of its blocks, and of the rules that skip a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from inficond_panel.spec.framework.yaml_source import hint
from inficond_panel.study.spec.conditions import twice
from inficond_panel.study.spec.pages import IntroductionPage, QuestionPage
from inficond_panel.study.spec.skips import SkipIf
from inficond_panel.study.spec.task_sections import Block, Task

Fault = tuple[str, str]  # key, message
#: Key of a part in the file, its rule if it has one, and names of the questions asked before it.
Rule = tuple[str, SkipIf | None, Sequence[str]]


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
        yield from twice(f"blocks[{at}]", [question.name_ for question in block.questions])
        for name in block.tasks or []:
            if name not in names:
                yield f"blocks[{at}].tasks", f"there is no task {name!r}{hint(name, known)}"
    for at, name in enumerate(names):
        if name and name not in placed:
            yield f"tasks[{at}]", f"the task {name!r} is in no block; name it in one"


def skip_faults(rules: Iterable[Rule], levels: Sequence[str]) -> Iterator[Fault]:
    """Yield faults of rules whose question is not asked before, or whose condition is not one of
    ``levels``."""
    named = [name for name in levels if name]
    for key, rule, before in rules:
        if rule is None:
            continue
        known = [name for name in before if name]
        if rule.question and rule.question not in known:
            asked = f"asked before are {', '.join(known)}" if known else "none is asked before"
            yield f"{key}.skip_if", f"there is no question {rule.question!r} before this; {asked}"
        for name in rule.condition or []:
            if name not in named:
                yield f"{key}.skip_if", f"there is no condition {name!r}{hint(name, named)}"


def page_rules(
    key: str, pages: Sequence[QuestionPage | IntroductionPage], known: Sequence[str]
) -> Iterator[Rule]:
    """Yield the rules of ``pages``, whose key is ``key``, after the questions ``known``."""
    before = list(known)
    for at, page in enumerate(pages):
        yield f"{key}[{at}]", page.skip_if, list(before)
        if isinstance(page, QuestionPage):
            before += [question.name_ for question in page.asked]


def group_rules(key: str, group: Task | Block, known: Sequence[str]) -> Iterator[Rule]:
    """Yield the rules of a task or a block with its pages, after the questions ``known``."""
    yield key, group.skip_if, known
    if isinstance(group, Block):
        yield from page_rules(f"{key}.introduction", group.introduction, known)
    yield from page_rules(f"{key}.after", group.after, known)
