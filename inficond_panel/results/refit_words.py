"""A refit's report in sentences, for the command line and the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from inficond_panel.common.numbers import MINUS, UNDEFINED, count, signed, significant
from inficond_panel.results.bound_prices import Bound, Objective
from inficond_panel.results.refit_changes import Churn, Group, Mover, Moves
from inficond_panel.results.refit_report import ClassReport
from inficond_panel.tuning.edits_file import dump_intent
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.notices import limits_text
from inficond_panel.tuning.thumbs import GroupIntent
from inficond_panel.wording.cures import cure_sentences, used_words

#: Step of a weight that prices are told for.
_STEP = 0.1
_SHOWN = 5
_NAMED = 12  # classes that a sentence names
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def sentences(report: ClassReport) -> list[str]:
    """Sentences of a report on one class, all of them."""
    return [
        *([] if report.reached else [certificate_sentence(report)]),
        *cure_sentences(report.terms, report.cures_since).values(),
        *([f"{used_words(report.terms).capitalize()}."] if report.terms.used else []),
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
    bounds = f"{len(binding)} of {count(len(report.bounds), 'bound')} binding{dearest}"
    movers = [*report.moves.up[:1], *report.moves.down[:1]]
    moved = f"Most moved {' and '.join(map(_moved, movers))}." if movers else ""
    taken = taken_over_sentence(report.moves.taken_over) if report.intents else ""
    churn = [churn_sentence(each) for each in report.churn if each.split == split]
    return [
        *([] if report.reached else [certificate_sentence(report)]),
        f"{bounds}; the fit {_given(report.objective)}.",
        " ".join(filter(None, [taken, moved])),
        *churn,
    ]


def untouched_sentences(node: Node, classes: Sequence[str]) -> list[str]:
    """Sentence on the students that an iteration left as they were; none where it tuned all."""
    others = [name for name in classes if name not in node.tuned]
    rest = len(others) - _NAMED
    more = f" and {count(rest)} more" if rest > 0 else ""
    return [f"Untouched by #{node.number}: {', '.join(others[:_NAMED])}{more}."] if others else []


def headline(report: ClassReport, split: str) -> str:
    """``2 active bounds · cow took over · 14 images changed sides``, the images of ``split``."""
    binding = sum(bound.binds for bound in report.bounds)
    heir = report.moves.heir
    flips = [len(churn.flips) for churn in report.churn if churn.split == split]
    parts = [
        *([] if report.reached else ["not the best weights"]),
        f"{binding or 'no'} active bound{'s' * (binding > 1)}",
        f"{heir.concept} took over" if heir else "no concept took over",
        *(f"{count(number, 'image')} changed sides" for number in flips),
    ]
    return " · ".join(parts)


def bound_sentence(bound: Bound) -> str:
    """Sentence that tells whether a bound binds, and its price."""
    since = "" if bound.since is None or bound.since < 0 else f" (#{bound.since})"
    text = f"{_limits(bound)}{since} {holds_text(bound)}"
    if bound.binds:
        text += f"; {price_text(bound)}"
    if not math.isnan(bound.lifted):
        text += f"; without it the objective would be {_nats(bound.lifted)} lower"
    return f"{text}."


def holds_text(bound: Bound) -> str:
    """Clause that tells whether a bound binds, without its name."""
    if bound.unsure:
        price = f"{_nats(bound.price.gain)} ± {_nats(bound.price.error)}"
        return f"may be active: the optimum is not known closely enough (price {price})"
    if bound.binds:
        return f"is active, the student would go {bound.way}"
    why = "the weight would stay there without it"
    return f"is not active: {why if bound.rests else f'the weight is {_figure(bound.weight)}'}"


def price_text(bound: Bound) -> str:
    """Cost to the fit of a bound that binds, for a step of the weight on each side."""
    gain, cost = (_nats(_STEP * price) for price in (bound.price.gain, bound.price.cost))
    if gain == cost:
        return f"each {_STEP:g} of it costs the fit {gain}"
    text = f"{_STEP:g} looser: fit better by {gain}"
    return text if math.isnan(bound.price.cost) else f"{text}, {_STEP:g} tighter: worse by {cost}"


def movers_sentences(moves: Moves) -> list[str]:
    """Sentences on the concepts that moved, in logits, and on the share that was taken over."""
    lines = [f"Tuned: {'; '.join(map(_moved, moves.tuned))}."] if moves.tuned else []
    for name, movers in (("up", moves.up), ("down", moves.down)):
        if movers:
            lines.append(f"Others that went {name}: {'; '.join(map(_moved, movers[:_SHOWN]))}.")
    return [*lines, *([taken_over_sentence(moves.taken_over)] if moves.tuned else [])]


def taken_over_sentence(share: float) -> str:
    """Share of the tuned concepts' change that the others undid (``Moves.taken_over``)."""
    if math.isnan(share):
        return "The tuned concepts did not move."
    if share < 0:
        return (
            f"The others went along: they add {-100 * share:.0f} % to the change of the tuned ones."
        )
    return f"The others took back {100 * share:.0f} % of the change of the tuned ones."


def group_sentence(group: Group, report: ClassReport) -> str:
    """Concepts that stand together, and the line that tunes them as one."""
    text = stands_sentence(group, report)
    if not group.without(group.tuned) or len(report.directions(group)) > 1:
        return text
    return f"{text} A thumb on the group: {edits_line(group, report)}"


def stands_sentence(group: Group, report: ClassReport) -> str:
    """Concepts that stand together, and how the tuned ones were tuned."""
    tuned, twins = ", ".join(group.tuned), group.without(group.tuned)
    more = f", and {count(group.behind, 'more concept')} behind these" if group.behind else ""
    if len(report.directions(group)) > 1:
        return (
            f"{tuned} stand together{more}, and were tuned against each other: what one "
            "thumb takes from the logits the other gives back."
        )
    if not twins:
        return f"{tuned} stand together{more}, and were tuned as one."
    stands = ", ".join(
        f"{m.concept} (r {m.correlation:.2f}, {_figure(m.before)} → {_figure(m.after)})"
        for m in twins
    )
    namesakes = ", ".join(m.concept for m in group.own)
    left = f" The class's own word, {namesakes}, is left out of the group." if namesakes else ""
    return f"{tuned} {'stands' if len(group.tuned) == 1 else 'stand'} with {stands}{more}.{left}"


def edits_line(group: Group, report: ClassReport) -> str:
    """The line of an edits file that gives the group the thumb of its tuned member."""
    intent = next(i for i in report.intents if i.concept == group.members[0].concept)
    how = intent.direction, intent.factor, intent.bound
    return dump_intent(GroupIntent(report.class_name, group.twins, *how))


def objective_sentence(objective: Objective) -> str:
    """Sentence on how far the fit to the teacher had to give."""
    return (
        f"The fit {_given(objective)} ({objective.before:.4f} → {objective.after:.4f}); all bounds "
        f"of the branch together cost {_percent(objective.given_in_all)}."
    )


def churn_sentence(churn: Churn) -> str:
    """Number of images that changed sides, and whether for the better."""
    if not churn.flips:
        return f"No image of {churn.split} changed sides."
    return (
        f"{len(churn.flips):,} of {count(churn.images, 'image')} of {churn.split} changed sides, "
        f"{churn.count(present=True):,} to present and {churn.count(present=False):,} to absent: "
        f"{churn_result(churn)}; {churn.count(agrees=True):,} towards the teacher, "
        f"{churn.count(agrees=False):,} away from it."
    )


def churn_result(churn: Churn) -> str:
    """``3 to right, 1 to wrong, 1 without a label``."""
    ignored = churn.count(right=None)
    unknown = f", {ignored:,} without a label" if ignored else ""
    return f"{churn.count(right=True):,} to right, {churn.count(right=False):,} to wrong{unknown}"


def certificate_sentence(report: ClassReport) -> str:
    """Sentence on what is proved of the weights: duality gap, or KKT residual."""
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


def _given(objective: Objective) -> str:
    way = "gave up" if objective.given >= 0 else "won"
    return (
        f"{way} {_nats(abs(objective.given))} an image, {_percent(abs(objective.given_share))} of "
        "the loss of a student without concepts"
    )


def _limits(bound: Bound) -> str:
    return limits_text((bound.lower, bound.upper)).replace("w", bound.concept, 1)


def _moved(mover: Mover) -> str:
    change = signed(mover.change, 3)
    return f"{mover.concept} {change} ({_figure(mover.before)} → {_figure(mover.after)})"


def _figure(value: float) -> str:
    return significant(value, 3)


def _nats(value: float) -> str:
    """``0.0031 nats``: two digits that say something."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} nats"
    digits = max(1, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f} nats" if digits <= 6 else f"{power_text(value)} nats"


def _percent(value: float) -> str:
    if not math.isfinite(value):
        return UNDEFINED
    return "< 0.01 %" if 0 < abs(value) < 5e-5 else f"{100 * value:.2f} %".replace("-", MINUS)


def seconds_text(seconds: float) -> str:
    """``3.2 s``; ``< 0.1 s``."""
    return "< 0.1 s" if seconds < 0.05 else f"{seconds:.1f} s"


def power_text(value: float) -> str:
    """``8·10⁻⁷``."""
    if not math.isfinite(value):
        return UNDEFINED
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.0e}".split("e")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPT)
    return power if mantissa == "1" else f"{mantissa}·{power}"
