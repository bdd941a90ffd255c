"""Report on a refit: bounds and prices, concepts that took over, objective, changed predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inficond_panel.concepts.own_words import near_words
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.results.bound_prices import Bound, BoundPrices, JointPricing, Objective, Pricing
from inficond_panel.results.refit_changes import (
    Churn,
    ConceptMoves,
    CorrelatedGroup,
    MovedClass,
    churn,
    groups,
    moved_classes,
    moves,
)
from inficond_panel.tuning import Intent, Node, Student, Tuner, notices
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.lost_thresholds import LostThreshold, lost_threshold
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.two_worlds import ClassWorlds, worlds_of
from inficond_panel.vocabulary.splits import FIT, TUNE


@dataclass(frozen=True)
class ClassReport:
    """Report on the refit of one class's student.

    ``gap`` bounds the stored student's distance from its optimum, ``certificate`` states how;
    ``reached`` is False if the exact solver stopped above its tolerance. ``lost`` is what decisions
    on the last split lost at the threshold, None if nothing. ``repairs`` are those of
    this iteration, ``terms`` all active repairs, each kind since iteration ``repairs_since``.
    """

    class_name: str
    intents: tuple[Intent, ...]
    repairs: tuple[Repair, ...]
    terms: Terms
    repairs_since: Mapping[str, int]
    bounds: tuple[Bound, ...]
    moves: ConceptMoves
    groups: tuple[CorrelatedGroup, ...]
    objective: Objective
    churn: tuple[Churn, ...]
    lost: LostThreshold | None
    gap: float
    certificate: str
    reached: bool

    def directions(self, group: CorrelatedGroup) -> frozenset[str]:
        """Return the directions of this iteration's thumbs on members of a group."""
        return frozenset(i.direction for i in self.intents if i.concept in group.tuned)


@dataclass(frozen=True)
class RefitReport:
    """Report on the changes of an iteration against its parent, with a report per tuned class.

    ``untouched`` are the classes whose students did not change. ``notices`` name the bounds
    replaced on the branch and the thumbs on a weight of 0. ``moved`` are the untuned classes, by
    split, that the refit of a joint student changed, the largest change first. ``worlds`` are the
    figures of the classes with thumbs in two worlds, with intervals of ``level``.
    """

    node: Node
    parent: Node
    classes: tuple[ClassReport, ...]
    untouched: tuple[str, ...]
    notices: tuple[str, ...]
    moved: Mapping[str, tuple[MovedClass, ...]]
    worlds: tuple[ClassWorlds, ...]
    level: float

    def of(self, class_name: str) -> ClassReport:
        """Return the report of one tuned class; raise ``KeyError`` if it is not tuned."""
        return {report.class_name: report for report in self.classes}[class_name]


def explain(
    tuner: Tuner,
    node: Node,
    *,
    splits: Sequence[str] = (FIT, TUNE),
    threshold: float | None = None,
    top: int = 5,
    lift: bool = False,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> RefitReport:
    """Return a report on the changes of ``node``, which may be a preview, against its parent.

    ``splits`` are the splits whose changed predictions are reported; the caller counts uses of the
    holdout. ``threshold`` is the correlation of collinear concepts, the spec's if None; ``top`` the
    number of concepts reported per direction. With ``lift`` the class is solved again without each
    active bound. Raises ``TuningError`` for the original students, ``CancelledError`` if cancelled.
    """
    if node.parent is None:
        raise TuningError(
            f"#{node.number} are the original students, before any refit: no bound to explain.",
            "Name an iteration that tunes a class: "
            + Remedy("inficond explain SPEC --node ID", "students.jump(ID).report()"),
        )
    parent = tuner.node(node.parent)
    threshold = tuner.spec.views.collinear if threshold is None else threshold
    pricing: BoundPrices
    if tuner.joint:
        pricing = JointPricing(tuner, node, progress, cancelled)
    else:
        pricing = Pricing(tuner, node, node.tuned, progress, cancelled)
    sides = {split: (tuner.at(parent, split), tuner.at(node, split)) for split in (FIT, *splits)}
    reports = []
    for name in node.tuned:
        before, after = (side[name] for side in sides[FIT])
        changed = tuple(churn(*(side[name] for side in sides[split])) for split in splits)
        last = [side[name] for side in sides[splits[-1] if splits else FIT]]
        lost = lost_threshold(last[0], last[1], tuner.spec.views.noise())
        reports.append(_class_report(before, after, pricing, changed, lost, threshold, top, lift))
    untouched = tuple(n for n in tuner.store.classes if not (tuner.joint or n in node.tuned))
    notes = tuple(notices(tuner, parent, node.intents))
    moved = {split: moved_classes(*sides[split]) for split in splits}
    worlds = tuple(worlds_of(tuner, node, name) for name in node.with_thumbs)
    level = tuner.spec.views.noise()["level"]
    return RefitReport(node, parent, tuple(reports), untouched, notes, moved, worlds, level)


def _class_report(
    before: Student,
    after: Student,
    pricing: BoundPrices,
    changed: tuple[Churn, ...],
    lost: LostThreshold | None,
    threshold: float,
    top: int,
    lift: bool,
) -> ClassReport:
    images, store, node = pricing.tuner.fit_data.images, after.store, after.node
    class_name, gap = after.class_name, node.gap[after.column]
    intents = tuple(intent for intent in node.intents if intent.class_name == class_name)
    concepts = [each.concept for each in intents if each.concept in store.concepts]  # no own word
    tuned = [store.concepts.index(concept) for concept in concepts]
    namesakes = near_words(store, class_name)
    old, new = before.weights, after.weights
    return ClassReport(
        class_name=class_name,
        intents=intents,
        repairs=tuple(repair for repair in node.repairs if repair.class_name == class_name),
        terms=pricing.tuner.terms(node).get(class_name, Terms()),
        repairs_since=pricing.tuner.repairs_since(node, class_name),
        bounds=pricing.bounds(class_name, lift),
        moves=moves(images, store.concepts, old, new, tuned, top),
        groups=groups(images, store.concepts, old, new, tuned, threshold, namesakes),
        objective=pricing.objective(before, after),
        churn=changed,
        lost=lost,
        gap=gap,
        certificate=node.certificate[after.column],
        reached=bool(gap <= node.settings.get("tolerance", math.inf)),
    )


def refit_of(tuner: Tuner, node: Node, class_name: str) -> Node | None:
    """Return the last iteration on the branch of ``node`` that tuned the class, or None."""
    refit = next((at.id for at in tuner.path(node) if class_name in at.tuned), None)
    return None if refit is None else tuner.node(refit)


def group_of(tuner: Tuner, student: Student, concept: str) -> CorrelatedGroup | None:
    """Return the group of concepts correlated with ``concept`` on ``fit``; None without any, and
    for a class's own word that is no concept."""
    concepts, weights = tuner.store.concepts, student.weights
    if concept not in concepts:
        return None
    tuned = [concepts.index(concept)]
    namesakes = near_words(tuner.store, student.class_name)
    members = groups(
        tuner.fit_data.images,
        concepts,
        weights,
        weights,
        tuned,
        tuner.spec.views.collinear,
        namesakes,
    )
    return members[0] if members else None
