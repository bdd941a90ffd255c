"""A refit's report in sentences, for the command line and the page."""

from __future__ import annotations

import math

from inficond_panel.tuning.analysis.churn import Churn
from inficond_panel.tuning.analysis.explain import ClassReport
from inficond_panel.tuning.analysis.movers import Group, Mover, Moves
from inficond_panel.tuning.analysis.pricing import Bound, Objective
from inficond_panel.tuning.intents.conflicts import limits_text
from inficond_panel.tuning.intents.edits import dump_intent
from inficond_panel.tuning.intents.intent import GroupIntent

#: Step of a weight that prices are told for.
_STEP = 0.1
_SHOWN = 5


def sentences(report: ClassReport) -> list[str]:
    """All that a report says of one class."""
    return [
        *_stopped(report),
        *(bound_sentence(bound) for bound in report.bounds),
        *movers_sentences(report.moves),
        *(group_sentence(group, report) for group in report.groups),
        objective_sentence(report.objective),
        *(churn_sentence(churn) for churn in report.churn),
    ]


def short_sentences(report: ClassReport, split: str) -> list[str]:
    """The same in three sentences: bounds, movers, and what changed on ``split``."""
    binding = [bound for bound in report.bounds if bound.binds]
    dearest = f", the dearest {_limits(binding[0])}" if binding else ""
    bounds = f"{len(binding)} of {_count(len(report.bounds), 'bound')} binding{dearest}"
    movers = [*report.moves.up[:1], *report.moves.down[:1]]
    moved = f"; most moved {' and '.join(map(_moved, movers))}" if movers else ""
    churn = [churn_sentence(each) for each in report.churn if each.split == split]
    return [
        *_stopped(report),
        f"{bounds}; {_given(report.objective)}.",
        f"{_capital(taken_over_text(report.moves.taken_over))}{moved}.",
        *churn,
    ]


def bound_sentence(bound: Bound) -> str:
    """Whether a bound binds, and its price."""
    since = "" if bound.since is None or bound.since < 0 else f" (#{bound.since})"
    price, what = bound.price, f"{_limits(bound)}{since}"
    at = f"the weight is {bound.weight:.3g}"
    if bound.unsure:
        return (
            f"{what} may bind: the optimum is not known closely enough (price "
            f"{price.gain:.2g} ± {price.error:.2g} nats)."
        )
    if not bound.binds:
        rests = bound.weight in (bound.lower, bound.upper)
        why = "the weight would stay there without it" if rests else at
        return f"{what} does not bind: {why}."
    way = "up" if bound.upper is not None and price.right < 0 else "down"
    text = (
        f"{what} binds, the student would go {way}: a bound looser by {_STEP:g} would lower the "
        f"objective by {_nats(price.gain)}"
    )
    if not math.isnan(price.cost):
        text += f", one tighter by {_STEP:g} raise it by {_nats(price.cost)}"
    if not math.isnan(bound.lifted):
        text += f"; without it the objective would be {bound.lifted:.2g} nats lower"
    return f"{text}."


def movers_sentences(moves: Moves) -> list[str]:
    """Who took over, in logits."""
    lines = [f"Tuned: {'; '.join(map(_moved, moves.tuned))}."] if moves.tuned else []
    for name, movers in (("up", moves.up), ("down", moves.down)):
        if movers:
            lines.append(f"Others that went {name}: {'; '.join(map(_moved, movers[:_SHOWN]))}.")
    return [*lines, f"{_capital(taken_over_text(moves.taken_over))}."]


def taken_over_text(share: float) -> str:
    """How much of the tuned concepts' change the others undid."""
    if math.isnan(share):
        return "the tuned concepts did not move"
    if share < 0:
        return f"the other concepts added {-share:.0%} to the change of the tuned ones"
    return f"the other concepts took back {share:.0%} of the change of the tuned ones"


def group_sentence(group: Group, report: ClassReport) -> str:
    """Which concepts stand together, and the line that tunes them as one."""
    tuned = [m.concept for m in group.members if m.tuned]
    twins = [m for m in group.members if not m.tuned and m.concept in group.twins]
    others = len(group.members) - len(group.twins)
    more = f", and {_count(others, 'more concept')} behind these" if others else ""
    directions = {i.direction for i in report.intents if i.concept in tuned}
    if {"up", "down"} <= directions:
        return (
            f"{', '.join(tuned)} stand together{more}, and were tuned against each other: what one "
            "thumb takes from the logits the other gives back."
        )
    if not twins:
        return f"{', '.join(tuned)} stand together{more}, and were tuned as one."
    stands = ", ".join(
        f"{m.concept} (r {m.correlation:.2f}, {m.before:.3g} → {m.after:.3g})" for m in twins
    )
    verb = "stands" if len(tuned) == 1 else "stand"
    text = f"{', '.join(tuned)} {verb} with {stands}{more}"
    return f"{text}. A thumb on the group: {edits_line(group, report)}"


def edits_line(group: Group, report: ClassReport) -> str:
    """The line of an edits file that gives the group the thumb of its tuned member."""
    intent = next(i for i in report.intents if i.concept == group.members[0].concept)
    return dump_intent(GroupIntent(report.class_name, group.twins, intent.direction, intent.factor))


def objective_sentence(objective: Objective) -> str:
    """How far the fit to the teacher had to give."""
    return (
        f"{_capital(_given(objective))}: from {objective.before:.4f} to {objective.after:.4f} "
        f"(loss {objective.loss_before:.4f} → {objective.loss_after:.4f}); without any bound it "
        f"is {objective.free:.4f}."
    )


def churn_sentence(churn: Churn) -> str:
    """How many images changed sides, and whether for the better."""
    if not churn.flips:
        return f"No image of {churn.split} changed sides."
    ignored = churn.count(right=None)
    unknown = f", {ignored} without a label" if ignored else ""
    return (
        f"{len(churn.flips)} of {_count(churn.images, 'image')} of {churn.split} changed sides, "
        f"{churn.count(present=True)} to present and {churn.count(present=False)} to absent: "
        f"{churn.count(right=True)} to right, {churn.count(right=False)} to wrong{unknown}; "
        f"{churn.count(agrees=True)} towards the teacher, {churn.count(agrees=False)} away from it."
    )


def _stopped(report: ClassReport) -> list[str]:
    if report.reached:
        return []
    return [
        f"The solver stopped at a relative gap of {report.gap:.1g}, above its tolerance: these are "
        "not the best weights. Factors this large may be the cause."
    ]


def _given(objective: Objective) -> str:
    way = "rose" if objective.given >= 0 else "fell"
    return (
        f"the objective {way} by {abs(objective.given):.2g} nats, "
        f"{abs(objective.given_share):.2%} of that at w = 0"
    )


def _limits(bound: Bound) -> str:
    return limits_text((bound.lower, bound.upper)).replace("w", bound.concept, 1)


def _moved(mover: Mover) -> str:
    return f"{mover.concept} {mover.change:+.3f} ({mover.before:.3g} → {mover.after:.3g})"


def _nats(price: float) -> str:
    return f"{_STEP * price:.2g} nats"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
