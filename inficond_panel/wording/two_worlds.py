"""Sentences on an edit in two worlds: in photos like these, and without a correlation."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count, number, share
from inficond_panel.distill.metrics.slices import MIN_POSITIVES
from inficond_panel.distill.metrics.two_worlds import FIGURES, Figure, SmallGroup
from inficond_panel.tuning.two_worlds import ClassWorlds
from inficond_panel.vocabulary.metrics import AP, FALSE_POSITIVE_RATE, RECALL
from inficond_panel.vocabulary.worlds import INDEPENDENT, THESE, WORLDS

#: Names of the figures within a sentence.
FIGURE_WORDS = {AP.key: "AP", RECALL.key: "found", FALSE_POSITIVE_RATE.key: "called wrongly"}
_NAMED = 3  # concepts that a sentence names


def world_sentences(worlds: ClassWorlds) -> dict[str, str]:
    """Return a sentence per world, by its key: each figure before and after the edit."""
    return {key: _sentence(worlds, key) for key in WORLDS}


def meant_sentence(worlds: ClassWorlds) -> str:
    """Return a sentence on the world that a person means; "" if nobody said."""
    if not worlds.meant:
        return ""
    if worlds.meant == THESE.key:
        return "The thumbs are meant for photos like these."
    if not worlds.concepts:
        return "The thumbs are meant for photos without the correlation."
    where = _independent(worlds.class_name, worlds.concepts)
    return f"The thumbs are meant for photos where {where}."


def class_sentences(worlds: ClassWorlds) -> list[str]:
    """Return the sentences of both worlds, and of the world meant, each after the class's name."""
    sentences = [*world_sentences(worlds).values(), meant_sentence(worlds)]
    return [f"{worlds.class_name}: {text}" for text in sentences if text]


def condition(worlds: ClassWorlds, world: str) -> str:
    """Return the clause that says which photos a world has: ``If photos are like these``."""
    if world == THESE.key:
        return "If photos are like these"
    if not worlds.concepts:
        return "Without the correlation"
    return f"If {_independent(worlds.class_name, worlds.concepts)}"


def _sentence(worlds: ClassWorlds, world: str) -> str:
    start = condition(worlds, world)
    if world == INDEPENDENT.key and not worlds.concepts:
        name = worlds.class_name
        return f"{start}: lower or remove a concept to see it; only the word for {name} is tuned."
    figures = [each for each in worlds.figures if each.world == world]
    told = [figure_text(each) for each in figures if not each.few]
    few = [each for each in figures if each.few]
    parts = [*([", ".join(told)] if told else []), *([few_text(worlds, few)] if few else [])]
    return f"{start}: {'; '.join(parts)}.{judge_sentence(worlds)}"


def figure_text(figure: Figure) -> str:
    """Return a figure before and after: ``AP 0.871 → 0.842 [−0.050, −0.008]`` with the limits of
    the change, or ``found 81 % → 76 %``."""
    name = FIGURE_WORDS[figure.metric]
    ends = [figure.before.estimate, figure.after.estimate]
    if figure.metric != AP.key:
        return f"{name} {' → '.join(map(share, ends))}"
    return f"{name} {' → '.join(number(end) for end in ends)}{_limits(figure.change)}"


def few_text(worlds: ClassWorlds, figures: Sequence[Figure]) -> str:
    """Return why figures are not given: ``too few to say (only 6 photos ...)``."""
    groups = list(dict.fromkeys(group for figure in figures for group in figure.few))
    short = " and ".join(_group_text(worlds, group) for group in groups)
    names = [FIGURE_WORDS[figure.metric] for figure in figures]
    some = f"{', '.join(names)}: " if len(figures) < len(FIGURES) else ""
    return f"{some}too few to say ({short}; {MIN_POSITIVES} are needed)"


def judge_sentence(worlds: ClassWorlds) -> str:
    """Return a sentence, after a space, if the teacher judges; "" if labels do."""
    if not worlds.by_teacher:
        return ""
    return f" The teacher's decisions are the measure: no labels of {worlds.class_name} here."


def _group_text(worlds: ClassWorlds, group: SmallGroup) -> str:
    side = f"with{'' if group.present else 'out'} {worlds.class_name}"
    if group.shows is None:
        return f"{count(group.images, 'photo')} {side}"
    there = f"with{'' if group.shows else 'out'} {_any_of(worlds.concepts)}"
    return f"{count(group.images, 'photo')} {side} and {there}"


def _independent(class_name: str, concepts: Sequence[str]) -> str:
    return f"{class_name} appears equally often with and without {_any_of(concepts)}"


def _any_of(concepts: Sequence[str]) -> str:
    named = list(concepts[:_NAMED])
    if len(concepts) > _NAMED:
        named.append(f"{count(len(concepts) - _NAMED)} more")
    return " or ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


def _limits(change: Interval) -> str:
    if isnan(change.low):
        return ""
    return f" (change {change.text(sign=True)})"
