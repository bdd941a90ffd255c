"""Sentences that report on a refit, for the command line and the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import MINUS, UNDEFINED, count, number, signed, significant
from inficond_panel.results.bound_prices import Bound
from inficond_panel.results.refit_changes import (
    Churn,
    ConceptMoves,
    CorrelatedGroup,
    Member,
    Mover,
    churn,
    moved_classes,
    moved_sentence,
)
from inficond_panel.results.refit_report import ClassReport
from inficond_panel.tuning import GroupIntent, Node, Students
from inficond_panel.tuning.edits_file import dump_intent
from inficond_panel.tuning.notices import limits_text
from inficond_panel.vocabulary.splits import IMAGES_OF
from inficond_panel.wording.lost_thresholds import lost_sentence
from inficond_panel.wording.repairs import repair_sentences, used_words

#: Step of a bound that prices are reported for.
_STEP = 0.1
_SHOWN = 5
_NAMED = 12  # classes that a sentence names
#: Name of a student's distance from its optimum (duality gap or KKT residual), on the page.
FROM_BEST = "From the best fit, at most"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def sentences(report: ClassReport) -> list[str]:
    """Return all sentences of a report on one class."""
    return [
        *([] if report.reached else [certificate_sentence(report)]),
        *repair_sentences(report.terms, report.repairs_since).values(),
        *([f"{used_words(report.terms).capitalize()}."] if report.terms.used else []),
        *(bound_sentence(bound) for bound in report.bounds),
        *movers_sentences(report.moves),
        *(group_sentence(group, report) for group in report.groups),
        objective_sentence(report),
        *(churn_sentence(churn) for churn in report.churn),
        *([lost_sentence(report.lost)] if report.lost else []),
    ]


def short_sentences(report: ClassReport, split: str) -> list[str]:
    """Return a class's short report: bounds, moved concepts, changed predictions on ``split``."""
    active = [bound for bound in report.bounds if bound.active]
    largest = f" (largest cost: {_limits(active[0])})" if active else ""
    bounds = f"{len(active)} of {count(len(report.bounds), 'bound')} active{largest}"
    movers = [*report.moves.up[:1], *report.moves.down[:1]]
    moved = f"Most moved {' and '.join(map(_moved, movers))}." if movers else ""
    taken = taken_over_sentence(report.moves) if report.intents else ""
    churn = [churn_sentence(each) for each in report.churn if each.split == split]
    return [
        *([] if report.reached else [certificate_sentence(report)]),
        f"{bounds}; the {_rise(report)}.",
        " ".join(filter(None, [taken, moved])),
        *churn,
        *([lost_sentence(report.lost)] if report.lost else []),
    ]


def untouched_sentences(node: Node, classes: Sequence[str]) -> list[str]:
    """Return a list with a sentence on the untuned classes; empty if ``node`` tuned all."""
    others = [name for name in classes if name not in node.tuned]
    return [f"Not tuned by #{node.number}: {listed(others, _NAMED)}."] if others else []


def headline(report: ClassReport, split: str) -> str:
    """Return ``2 active bounds · cow took over · 14 predictions changed`` of a class's refit."""
    active = sum(bound.active for bound in report.bounds)
    successor = report.moves.successor
    flips = [len(churn.flips) for churn in report.churn if churn.split == split]
    parts = [
        *([] if report.reached else ["not the best student"]),
        f"{active or 'no'} active bound{'s' * (active > 1)}",
        f"{successor.concept} took over" if successor else "no concept took over",
        *(f"{count(number, 'prediction')} changed" for number in flips),
    ]
    return " · ".join(parts)


def bound_sentence(bound: Bound) -> str:
    """Return a sentence on one bound: active or not, and its shadow price."""
    since = "" if bound.since is None or bound.since < 0 else f" (#{bound.since})"
    text = f"{_limits(bound)}{since} {active_text(bound)}"
    if bound.active:
        text += f"; {price_text(bound)}"
    if not math.isnan(bound.lifted):
        text += f"; without it the training loss would be {_nats(bound.lifted)} lower"
    return f"{text}."


def active_text(bound: Bound) -> str:
    """Return a clause on whether a bound is active, without the bound's name."""
    if bound.unsure:
        price = f"{_nats(bound.price.gain)} ± {_nats(bound.price.error)}"
        return f"may be active: the optimum is not known closely enough (it would gain {price})"
    if bound.active:
        return f"is active: without the bound the influence would go {bound.direction_without}"
    how = "would be the same without the bound" if bound.at_limit else f"is {_figure(bound.weight)}"
    return f"is not active: the influence {how}"


def price_text(bound: Bound) -> str:
    """Return the cost of an active bound: change of the objective per step of the bound."""
    gain, cost = (_nats(_STEP * price) for price in (bound.price.gain, bound.price.cost))
    if gain == cost:
        return f"each {_STEP:g} of the bound costs {gain} of training loss"
    text = f"{_STEP:g} looser: training loss {gain} lower"
    return text if math.isnan(bound.price.cost) else f"{text}, {_STEP:g} tighter: {cost} higher"


def movers_sentences(moves: ConceptMoves) -> list[str]:
    """Return sentences on the changed influences, in logits, and the share that others offset."""
    lines = [f"Tuned: {'; '.join(map(_moved, moves.tuned))}."] if moves.tuned else []
    for name, movers in (("up", moves.up), ("down", moves.down)):
        if movers:
            lines.append(
                f"Other concepts that went {name}: {'; '.join(map(_moved, movers[:_SHOWN]))}."
            )
    return [*lines, *([taken_over_sentence(moves)] if moves.tuned else [])]


#: Share of the change of the tuned concepts below which that of the others is not told.
_UNMOVED = 0.015


def taken_over_sentence(moves: ConceptMoves) -> str:
    """Return a sentence on the share of the tuned concepts' change that others offset; on both
    changes in logits if that of the tuned concepts is small."""
    share = moves.taken_over
    if math.isnan(share):
        return "The tuned concepts did not move."
    if moves.small:
        return (
            f"The tuned concepts changed the logits by {number(moves.tuned_spread)}, the other "
            f"concepts by {number(moves.others_spread)} (standard deviations)."
        )
    if abs(share) < _UNMOVED:
        return "The other concepts hardly moved."
    if share < 0:
        return (
            "The other concepts moved the same way: they add "
            f"{-100 * share:.0f} % to the change of the tuned concepts."
        )
    return f"The other concepts offset {100 * share:.0f} % of the change of the tuned concepts."


def group_sentence(group: CorrelatedGroup, report: ClassReport) -> str:
    """Return a sentence on correlated concepts, with the edits-file line that tunes all of them."""
    text = correlation_sentence(group, report)
    if not group.without(group.tuned) or len(report.directions(group)) > 1:
        return text
    intent = next(i for i in report.intents if i.concept == group.members[0].concept)
    how = intent.direction, intent.factor, intent.bound
    line = dump_intent(GroupIntent(report.class_name, group.twins, *how))
    return f"{text} To tune the group: {line}"


def correlation_sentence(group: CorrelatedGroup, report: ClassReport) -> str:
    """Return a sentence on the concepts correlated with the tuned ones."""
    tuned, twins = ", ".join(group.tuned), group.without(group.tuned)
    more = f", and {count(group.indirect, 'more concept')} through these" if group.indirect else ""
    verb = "is" if len(group.tuned) == 1 else "are"
    if len(report.directions(group)) > 1:
        return (
            f"{tuned} are correlated{more}, and were tuned in opposite directions: their "
            "effects cancel."
        )
    namesakes = group.class_words
    if not twins and len(group.tuned) == 1:
        named = _correlated(namesakes)
        return f"{tuned} is correlated with {named}, named like the class and not tuned{more}."
    names = ", ".join(m.concept for m in namesakes)
    left = f" {names}, named like the class, is not in the group." if namesakes else ""
    if not twins:
        return f"{tuned} are correlated{more}, and tuned as one.{left}"
    return f"{tuned} {verb} correlated with {_correlated(twins)}{more}.{left}"


def _correlated(members: Sequence[Member]) -> str:
    return ", ".join(
        f"{m.concept} (correlation {m.correlation:.2f}, {_figure(m.before)} → {_figure(m.after)})"
        for m in members
    )


def objective_sentence(report: ClassReport) -> str:
    """Return a sentence on the change of the training objective, and the cost of all bounds."""
    objective = report.objective
    return (
        f"The {_rise(report)} ({objective.before:.4f} → {objective.after:.4f}); all bounds "
        f"of the branch together cost {_percent(objective.rise_by_branch)}."
    )


def churn_sentence(churn: Churn) -> str:
    """Return a sentence on the predictions that changed, and how many became right."""
    images = IMAGES_OF[churn.split]
    if not churn.flips:
        return f"No prediction on {images} changed."
    return (
        f"{len(churn.flips):,} of {count(churn.images, 'prediction')} on {images} changed, "
        f"{churn.count(present=True):,} to present and {churn.count(present=False):,} to absent: "
        f"{churn_result(churn)}; {churn.count(agrees=True):,} towards the teacher, "
        f"{churn.count(agrees=False):,} away from it."
    )


def turned_sentences(before: Students, after: Students, split: str) -> list[str]:
    """Return sentences on the predictions that a refit turned: of each class that it tuned, and of
    the others, if they may have changed. Both arguments are on the ``split``."""
    tuned = [
        f"{name}: {churn_sentence(churn(before[name], after[name]))}" for name in after.node.tuned
    ]
    others = moved_sentence(moved_classes(before, after), split)
    return [*tuned, *([others] if others else [])]


def churn_result(churn: Churn) -> str:
    """Return numbers of changed predictions: ``3 to right, 1 to wrong, 1 without a label``."""
    ignored = churn.count(right=None)
    unknown = f", {ignored:,} without a label" if ignored else ""
    return f"{churn.count(right=True):,} to right, {churn.count(right=False):,} to wrong{unknown}"


def certificate_sentence(report: ClassReport) -> str:
    """Return a sentence on the weights' distance to their optimum: duality gap or KKT residual."""
    gap = power_text(report.gap)
    if not report.reached:
        return (
            f"The solver stopped at a relative gap of {gap}, above its tolerance: better weights "
            "may exist within these bounds. Factors this large may be the cause."
        )
    if report.certificate == "gap":
        return (
            f"Proved: no student within these bounds fits better by more than {gap} of the loss "
            "of a student without concepts (duality gap)."
        )
    return f"The conditions for the best student within these bounds hold to {gap} (KKT residual)."


def _rise(report: ClassReport) -> str:
    objective = report.objective
    verb = "rose" if objective.rise >= 0 else "fell"
    to = " to the targets that thumbs have changed" if report.terms.adjusted else ""
    return (
        f"training loss{to} {verb} by {_nats(abs(objective.rise))} per image, "
        f"{_percent(abs(objective.rise_share))} of the loss of a student without concepts"
    )


def _limits(bound: Bound) -> str:
    return f"{bound.concept} {limits_text((bound.lower, bound.upper))}"


def _moved(mover: Mover) -> str:
    """Return ``dog +0.089 logits (weight 1.53 → 2.79)``: a change per standard deviation of the
    score, and the weights, which are per unit of score."""
    weights = f"weight {_figure(mover.before)} → {_figure(mover.after)}"
    return f"{mover.concept} {signed(mover.change, 3)} logits ({weights})"


def _figure(value: float) -> str:
    return significant(value, 3)


def _nats(value: float) -> str:
    """Format a number as ``0.0031 nats``, with two significant digits."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} nats"
    digits = max(1, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f} nats" if digits <= 6 else f"{power_text(value)} nats"


def _percent(value: float) -> str:
    if not math.isfinite(value):
        return UNDEFINED
    return "< 0.01 %" if 0 < abs(value) < 5e-5 else f"{100 * value:.2f} %".replace("-", MINUS)


def seconds_text(seconds: float) -> str:
    """Format a duration as ``3.2 s`` or ``< 0.1 s``."""
    return "< 0.1 s" if seconds < 0.05 else f"{seconds:.1f} s"


def power_text(value: float) -> str:
    """Format a number as ``8·10⁻⁷``, with one significant digit."""
    if not math.isfinite(value):
        return UNDEFINED
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.0e}".split("e")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPT)
    return power if mantissa == "1" else f"{mantissa}·{power}"
