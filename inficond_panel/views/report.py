"""What a refit did to one student, as plain data in the words and numbers of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inficond_panel.views.theme import bound, count, number, share, signed

if TYPE_CHECKING:
    from inficond_panel.state import Bound, Churn, ClassReport, Group, Mover

STEP = 0.1  #: of a weight that prices are told for
MOVERS = 3  #: of those that are not tuned, each way
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TOOK = 0.05  #: share from which a concept is said to have taken over


def make_report(report: ClassReport, refit: int, shown: int, split: str) -> dict[str, Any]:
    """The panel: ``line`` when closed, sections when open.

    ``refit`` is the number of the iteration that the report is on, ``shown`` of the one shown.
    """
    later = "" if refit == shown else f"The last that tuned it; #{shown} left it as it was."
    return {
        "number": refit,
        "line": make_line(report, split),
        "later": later,
        "bounds": [make_bound(each) for each in report.bounds],
        "moved": make_moved(report),
        "groups": [make_members(group, report) for group in report.groups],
        "fit": fit_sentence(report),
        "images": [churn_sentence(churn) for churn in report.churn],
        "certificate": certificate_sentence(report),
    }


def make_line(report: ClassReport, split: str) -> str:
    """``2 bounds bind · cow took over · 14 images changed sides``."""
    binding = sum(bound.binds for bound in report.bounds)
    binds = f"{binding or 'no'} {'bounds bind' if binding > 1 else 'bound binds'}"
    flips = next((len(churn.flips) for churn in report.churn if churn.split == split), None)
    sides = [] if flips is None else [_images(flips, "changed sides")]
    stopped = [] if report.reached else ["not the best weights"]
    return " · ".join([*stopped, binds, took_over(report), *sides])


def took_over(report: ClassReport) -> str:
    """Which concept took over most of what the tuned ones lost or gained."""
    others = [m for m in (*report.moves.up, *report.moves.down) if not math.isnan(m.takes_over)]
    most = max(others, key=lambda mover: mover.takes_over, default=None)
    if most is None or most.takes_over < _TOOK:
        return "no concept took over"
    return f"{most.concept} took over"


def make_bound(each: Bound) -> dict[str, Any]:
    """One bound in force: its name, whether it binds, and its price for a step."""
    since = "" if each.since is None or each.since < 0 else f"#{each.since}"
    return {
        "concept": each.concept,
        "bound": bound(each.lower, each.upper),
        "since": since,
        "binds": each.binds,
        "text": _holds(each),
        "price": _price(each),
    }


def _holds(each: Bound) -> str:
    if each.unsure:
        return "may bind: the optimum is not known closely enough"
    if not each.binds:
        rests = each.weight in (each.lower, each.upper)
        return (
            "costs nothing: it would stay" if rests else f"does not bind at {signed(each.weight)}"
        )
    up = each.upper is not None and each.price.right < 0
    return "binds: it would go up" if up else "binds: it would go down"


def _price(each: Bound) -> str:
    if not each.binds:
        return ""
    gain, cost = (_nats(STEP * price) for price in (each.price.gain, each.price.cost))
    if gain == cost:
        return f"Each {STEP:g} of it costs the fit {gain}"
    text = f"{STEP:g} looser: fit better by {gain}"
    return text if math.isnan(each.price.cost) else f"{text}; {STEP:g} tighter: worse by {cost}"


def make_moved(report: ClassReport) -> dict[str, Any]:
    """The tuned concepts and the others that moved most; ``share`` relative to the largest."""
    moves = report.moves
    others = sorted(
        [*moves.up[:MOVERS], *moves.down[:MOVERS]], key=lambda mover: -abs(mover.change)
    )
    rows = [(mover, True) for mover in moves.tuned] + [(mover, False) for mover in others]
    most = max((abs(mover.change) for mover, _ in rows), default=0.0) or 1.0
    return {
        "text": taken_over_sentence(moves.taken_over),
        "rows": [_mover(mover, tuned, most) for mover, tuned in rows],
    }


def _mover(mover: Mover, tuned: bool, most: float) -> dict[str, Any]:
    return {
        "concept": mover.concept,
        "tuned": tuned,
        "share": mover.change / most if math.isfinite(mover.change) else 0.0,
        "change": signed(mover.change, 3),
        "weights": f"{number(mover.before, 2)} → {number(mover.after, 2)}",
    }


def taken_over_sentence(taken: float) -> str:
    """How much of the tuned concepts' change the others undid."""
    if math.isnan(taken):
        return "The tuned concepts did not move."
    if taken < 0:
        return f"The others went along: they add {share(-taken)} to the change of the tuned ones."
    return f"The others took back {share(taken)} of the change of the tuned ones."


def make_members(group: Group, report: ClassReport) -> dict[str, Any]:
    """A group of collinear concepts, and the thumb that all that are near can be given."""
    tuned = [m.concept for m in group.members if m.tuned]
    twins = [m for m in group.members if not m.tuned and m.concept in group.twins]
    directions = {i.concept: i.direction for i in report.intents if i.concept in tuned}
    agreed = len(set(directions.values())) == 1
    return {
        "of": tuned,
        "twins": [
            {
                "concept": m.concept,
                "r": number(m.correlation, 2).replace("0.", ".", 1),
                "weights": f"{number(m.before, 2)} → {number(m.after, 2)}",
            }
            for m in twins
        ],
        "more": len(group.members) - len(group.twins),
        "direction": directions[tuned[0]] if agreed and twins else "",
        "concepts": list(group.twins),
    }


def fit_sentence(report: ClassReport) -> str:
    """How far the fit to the targets had to give."""
    fit = report.objective
    way = "gave up" if fit.given >= 0 else "won"
    return (
        f"The fit {way} {_nats(abs(fit.given))} an image, {_percent(abs(fit.given_share))} of the "
        f"loss of a student without concepts; all bounds of the branch together cost "
        f"{_percent(fit.given_in_all)}."
    )


def churn_sentence(churn: Churn) -> str:
    """How many images of one split changed sides, and whether for the better."""
    if not churn.flips:
        return f"{churn.split}: none of {count(churn.images)} changed sides."
    ignored = churn.count(right=None)
    unknown = f", {count(ignored)} without a label" if ignored else ""
    return (
        f"{churn.split}: {count(len(churn.flips))} of {_images(churn.images, 'changed sides')}, "
        f"{count(churn.count(right=True))} to right and {count(churn.count(right=False))} to wrong"
        f"{unknown}; {count(churn.count(agrees=True))} towards the teacher, "
        f"{count(churn.count(agrees=False))} away from it."
    )


def certificate_sentence(report: ClassReport) -> str:
    """What is proved of the weights."""
    gap = _power(report.gap)
    if not report.reached:
        return (
            f"The solver stopped at a gap of {gap}, above its tolerance: better weights may exist "
            "within these bounds. A factor this large may be the cause."
        )
    if report.certificate == "gap":
        return (
            f"Proved: no student within these bounds fits better by more than {gap} of that "
            "loss (duality gap)."
        )
    return f"The conditions for the best student within these bounds hold to {gap} (KKT residual)."


def make_group_offer(
    group: Group | None, taken: Sequence[str], direction: str
) -> dict[str, Any] | None:
    """The group of the concept thumbed last: members without a thumb, and the one for all.

    ``taken`` are the concepts that have this thumb. None where nobody is left.
    """
    if group is None:
        return None
    near = [m for m in group.members if m.concept in group.twins]
    free = [m for m in near if m.concept not in taken]
    if not free:
        return None
    return {
        "of": group.members[0].concept,
        "members": [{"concept": m.concept, "r": m.correlation} for m in free],
        "concepts": [m.concept for m in near],
        "more": len(group.members) - len(near),
        "direction": direction,
    }


def _images(number: int, what: str) -> str:
    return f"{count(number)} image{'' if number == 1 else 's'} {what}"


def _nats(value: float) -> str:
    """``0.0031 nats``, two digits that say something."""
    if value == 0 or not math.isfinite(value):
        return f"{number(value, 0)} nats"
    digits = max(1, 1 - math.floor(math.log10(abs(value))))
    return f"{number(value, digits)} nats" if digits <= 6 else f"{_power(value)} nats"


def _percent(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    if 0 < abs(value) < 5e-5:
        return "< 0.01 %"
    return f"{number(100 * value, 2)} %"


def _power(value: float) -> str:
    """``8·10⁻⁷``."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.0e}".split("e")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPT)
    return power if mantissa == "1" else f"{mantissa}·{power}"
