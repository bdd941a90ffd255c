"""The kinds of repair. A new kind is one file, one line in ``KINDS``, and its form in the help of
``inficond tune`` (``commands/tune.py``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inficond_panel.store import Store
from inficond_panel.tuning.fitting.effect import Effect
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty, SuspectPenalty
from inficond_panel.tuning.repairs.label import Label, Taught
from inficond_panel.tuning.repairs.learn import Learn, Learned
from inficond_panel.tuning.repairs.penalty import Lambda, OwnPenalty
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.repairs.reweight import Reweight, Reweighted
from inficond_panel.tuning.repairs.reweight_groups import GroupWeights, ReweightGroups
from inficond_panel.vocabulary.splits import FIT

#: Kinds of repair with their effects, in the order in which the repairs of one iteration are
#: applied.
KINDS: dict[type[Repair], type[Effect]] = {
    Label: Taught,
    Reweight: Reweighted,
    ReweightGroups: GroupWeights,
    Learn: Learned,
    AdaptivePenalty: SuspectPenalty,
    Lambda: OwnPenalty,
}
#: Kinds of repair by key, in the same order.
REPAIRS = {repair.kind.key: repair for repair in KINDS}
_EFFECTS = {effect.key: effect for effect in KINDS.values()}


def repair_from_json(item: Mapping[str, Any]) -> Repair:
    """Return the repair that its ``to_json`` wrote; ``KeyError`` for the direction of a thumb."""
    return REPAIRS[item["direction"]].from_json(item)


def canonical_repairs(repairs: Iterable[Repair]) -> tuple[Repair, ...]:
    """Return the repairs of one iteration, merged per key and sorted.

    A class keeps one ``balance``, ``groups``, ``lambda`` and ``doubt``, one ``learn`` per source,
    and one ``label`` per photo. Raises ``TuningError`` if a photo has two labels.
    """
    by_place: dict[tuple[str, ...], list[Repair]] = {}
    for repair in repairs:
        by_place.setdefault(repair.place, []).append(repair)
    return tuple(of[0].merged(of) for _, of in sorted(by_place.items()))


def terms_from_json(item: Mapping[str, Any], photos: int) -> Terms:
    """Return the terms that their ``to_json`` wrote; ``photos`` is the number of training images.

    Raises ``ValueError``, ``KeyError`` or ``TypeError`` for invalid data.
    """
    terms = Terms(used=int(item["used"]))
    for key, effect in _EFFECTS.items():
        given = item[key] if effect is OwnPenalty else item.get(key)  # always written
        if given is not None:
            terms = terms.having(effect.from_json(given, photos))
    return terms


def in_order(terms: Terms) -> list[Effect]:
    """Return the effects of terms in the order in which repairs of one iteration are applied."""
    return [made for kind in KINDS.values() if (made := terms.get(kind)) is not None]


def terms_of(items: Mapping[str, Any], store: Store) -> dict[str, Terms]:
    """Return terms by class from plain data by class; raises as ``terms_from_json``."""
    photos = len(store.rows(FIT))
    return {name: terms_from_json(item, photos) for name, item in items.items()}
