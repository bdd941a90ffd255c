"""Resolution of the repairs of one iteration to terms, by labelled photos.

First each kind that stands by itself is applied: labels, then reweighting. Then reweighted groups,
learn, adaptive penalty and lambda are resolved together: free values are chosen by AP, or by
likelihood if few photos show the class, on the photos of ``tune`` whose labels are not taught,
cross-fitted if the student learns from ``tune``; with reweighted groups by the worst group. The
original lambda without adaptive penalty stays unless another choice gains more than one standard
error; of the strengths of reweighted groups the mildest is taken that is within one of the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from inficond_panel.distill.sources import Array
from inficond_panel.tuning.fitting.class_fit import Box
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.choosing import (
    Cell,
    choose,
    compared_by_ap,
    counted,
    enough,
    logits_of_tune,
    need,
    to_choose_by,
)
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.repairs.kinds import KINDS
from inficond_panel.tuning.repairs.repair import Repair, Request
from inficond_panel.tuning.repairs.reweight_groups import GroupWeights


def resolve_repairs(evidence: Evidence, repairs: Iterable[Repair], box: Box, least: int) -> Terms:
    """Return the terms of one class after canonical ``repairs``, from its student's terms.

    ``evidence`` holds the student and the photos of ``tune`` to choose by; at least ``least`` of
    each label are needed. ``box`` are the active bounds afterwards. Raises ``TuningError`` if
    labels of ``tune`` or ``fit`` are too few, or if reweighting would leave too few effective
    photos of ``fit``.
    """
    request, terms = Request(tuple(repairs), box, least), evidence.student.terms
    for kind in KINDS:
        if not kind.compared and request.of_kind(kind):
            terms = kind.applied(request, evidence, terms)
    together = [each for kind in KINDS if kind.compared for each in request.of_kind(kind)]
    return _chosen(together, request, evidence, terms) if together else terms


def _chosen(repairs: Sequence[Repair], request: Request, evidence: Evidence, terms: Terms) -> Terms:
    """Return the combination of candidates that ``choose`` takes by the labels of ``tune``.

    If photos of ``tune`` are learned, logits are cross-fitted.
    """
    others = to_choose_by(evidence, terms)
    needing = [repair for repair in repairs if repair.needs_labels]
    if needing:
        what = " and ".join(repair.kind.key for repair in needing)
        need(others, f"{what} on {evidence.class_name!r}", request.least)
    able = enough(others, request.least)
    tried = compared_terms(evidence, repairs, terms, able=able)
    free = [repair for repair in repairs if repair.free]
    if len(tried) > 1:
        logits = logits_of_tune(others, tried, request.box)
        given = others.tune_label, logits, others.tune_group
        by_ap, cell = compared_by_ap(others, request.least), _cell(others, tried[0])
        made = choose(*given, by_ap=by_ap, cell=cell, strength=strengths(tried))
        best = any(repair.best_taken for repair in free)
        tried = [tried[made.best if best else made.taken]]
    return counted(tried[0], others) if needing or (free and able) else tried[0]


def strengths(tried: Iterable[Terms]) -> Array:
    """Return the strength (m,) with which each of the terms reweights groups; 0 if it does not."""
    weights = (terms.get(GroupWeights) for terms in tried)
    return np.array([0.0 if each is None else each.value for each in weights])


def _cell(evidence: Evidence, terms: Terms) -> Cell:
    """Return the cells by which students under ``terms`` are compared; None without groups."""
    groups = terms.get(GroupWeights)
    return None if groups is None else evidence.cells(groups.by, evidence.tune).of


def compared_terms(
    evidence: Evidence, repairs: Iterable[Repair], terms: Terms | None = None, *, able: bool = True
) -> list[Terms]:
    """Return the candidate terms that ``resolve_repairs`` compares by AP for ``repairs``, after
    ``terms`` (the student's); one if AP cannot choose (not ``able``) or has nothing to."""
    tried = [evidence.student.terms if terms is None else terms]
    for repair in repairs:
        tried = [
            each for before in tried for each in repair.candidates(evidence, before, able=able)
        ]
    return tried
