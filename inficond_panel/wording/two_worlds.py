"""Sentences on an edit in two worlds: in images like these, and without a correlation."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from inficond_panel.common.numbers import count, number, share
from inficond_panel.distill.metrics.slices import MIN_POSITIVES
from inficond_panel.distill.metrics.two_worlds import FIGURES, SmallGroup, WorldFigure
from inficond_panel.tuning.two_worlds import ClassWorlds, FoundPart
from inficond_panel.vocabulary.metrics import AP, FALSE_POSITIVE_RATE, RECALL
from inficond_panel.vocabulary.things import shown_words
from inficond_panel.vocabulary.worlds import INDEPENDENT, THESE, WORLDS

#: Names of the figures within a sentence.
FIGURE_WORDS = {AP.key: "AP", RECALL.key: "found", FALSE_POSITIVE_RATE.key: "called wrongly"}
_NAMED = 3  # concepts that a sentence names


def world_sentences(worlds: ClassWorlds) -> dict[str, str]:
    """Return a sentence per world, by its key: each figure before and after the edit."""
    return {key: _sentence(worlds, key) for key in WORLDS}


def both_sentences(worlds: ClassWorlds) -> list[str]:
    """Return the sentences of both worlds, and of the world meant if somebody said."""
    return list(filter(None, [*world_sentences(worlds).values(), meant_sentence(worlds)]))


def class_sentences(worlds: ClassWorlds) -> list[str]:
    """Return ``both_sentences``, each after the class's name."""
    return [f"{worlds.class_name}: {text}" for text in both_sentences(worlds)]


def meant_sentence(worlds: ClassWorlds) -> str:
    """Return a sentence on the world that a person means; "" if nobody said."""
    return f"The thumbs are meant for {images_of(worlds, worlds.meant)}." if worlds.meant else ""


def measure_sentence(worlds: ClassWorlds) -> str:
    """Return a sentence if the teacher's decisions replace labels; else ""."""
    if not worlds.by_teacher:
        return ""
    return f"The teacher's decisions are the measure: no labels of {worlds.class_name} here."


def images_of(worlds: ClassWorlds, world: str) -> str:
    """Return the words for the images of a world: ``images like these``."""
    if world == THESE.key:
        return "images like these"
    if not worlds.concepts:
        return "images without the correlation"
    concepts = _any_of(worlds)
    return f"images where {worlds.class_name} appears equally often with and without {concepts}"


def part_words(worlds: ClassWorlds, part: FoundPart) -> str:
    """Return the words for the images of a part: ``with soccer ball``."""
    first, *others = worlds.concepts
    more = f" or {count(len(others))} more" if others else ""
    return f"with{'' if part.shows else 'out'} {shown_words(first, first in worlds.numeric)}{more}"


def figure_texts(worlds: ClassWorlds, world: str) -> list[tuple[str, str]]:
    """Return the figures of a class in one world, before and after, and the limits of the change.

    ``("AP 0.871 → 0.842", "−0.029 [−0.050, −0.008]")`` and ``("found 81 → 76 %", "")``; what cannot
    be said comes last, with the reason.
    """
    if world == INDEPENDENT.key and not worlds.concepts:
        name = worlds.class_name
        return [
            (f"only the word for {name} is tuned; lower or remove another concept to see it", "")
        ]
    figures = [each for each in worlds.figures if each.world == world]
    told = [(_figure_text(each), _limits(each)) for each in figures if not each.few]
    few = [each for each in figures if each.few]
    return [*told, *([(few_text(worlds, few), "")] if few else [])]


def few_text(worlds: ClassWorlds, figures: Sequence[WorldFigure]) -> str:
    """Return why figures are not given: ``too few to say (6 images …; 10 are needed)``."""
    groups = list(dict.fromkeys(group for figure in figures for group in figure.few))
    short = " and ".join(_group_text(worlds, group) for group in groups)
    names = " and ".join(FIGURE_WORDS[figure.metric] for figure in figures)
    some = f"{names}: " if 0 < len(figures) < len(FIGURES) else ""
    return f"{some}too few to say ({short}; {MIN_POSITIVES} are needed)"


def _sentence(worlds: ClassWorlds, world: str) -> str:
    parts = [
        f"{text} ({limits})" if limits else text for text, limits in figure_texts(worlds, world)
    ]
    end = measure_sentence(worlds)
    return f"In {images_of(worlds, world)}: {', '.join(parts)}.{f' {end}' if end else ''}"


def _figure_text(figure: WorldFigure) -> str:
    before, after = figure.before.estimate, figure.after.estimate
    name = FIGURE_WORDS[figure.metric]
    if figure.metric == AP.key:
        return f"{name} {number(before)} → {number(after)}"
    return f"{name} {100 * before:.0f} → {share(after)}"


def _limits(figure: WorldFigure) -> str:
    """Return the change of AP with its limits; "" for other figures, and without limits."""
    if figure.metric != AP.key or isnan(figure.change.low):
        return ""
    return figure.change.text(sign=True)


def _group_text(worlds: ClassWorlds, group: SmallGroup) -> str:
    side = f"with{'' if group.present else 'out'} {worlds.class_name}"
    if group.shows is None:
        return f"{count(group.images, 'image')} {side}"
    there = f"with{'' if group.shows else 'out'} {_any_of(worlds)}"
    return f"{count(group.images, 'image')} {side} and {there}"


def _any_of(worlds: ClassWorlds) -> str:
    named = [shown_words(name, name in worlds.numeric) for name in worlds.concepts[:_NAMED]]
    more = len(worlds.concepts) - _NAMED
    if more > 0:
        named.append(f"{count(more)} more")
    return " or ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
