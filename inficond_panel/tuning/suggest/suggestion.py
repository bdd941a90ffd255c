"""``suggest``: the lever with the largest gain per class, if above 0, as one batch of edits.

The levers of every class, shifted or not, are compared (``levers``). The gain of a lever is the
out-of-sample gain of choosing its settings and refitting. The gain of a class also includes the
choice of the lever; no lever is proposed unless this gain is above 0. Where photos are so few that
the likelihood of labels chose, it must also rank photos better than chance.

Where labels cannot show what thumbs gain, because there are none on ``tune`` or because ``tune``
shares the bias of ``fit`` if there is one, a concept is named for a person to decide by: nothing is
proposed for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.names import name_key
from inficond_panel.common.near_words import unknown
from inficond_panel.common.numbers import count
from inficond_panel.common.threads import one_thread
from inficond_panel.distill import TeacherSkill
from inficond_panel.distill.metrics.groups import counted_once, distinct
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.distill.solver.exact import check_cancelled
from inficond_panel.distill.suspects import NONE, SHIFT, UNKNOWN
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.spec.sections.students import Tuning
from inficond_panel.store import Store
from inficond_panel.tuning.belonging import Belonging
from inficond_panel.tuning.cells import dividing_names, group_texts, known_groups, too_small
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.repairs.reweight_groups import LEAST_IN_CELL, cells_of_tune
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.suggest.baselines import Context, contexts_of
from inficond_panel.tuning.suggest.expected import ExpectedGain
from inficond_panel.tuning.suggest.gain import Gain, mean_change
from inficond_panel.tuning.suggest.levers import ClassRepair, Lever, class_repair
from inficond_panel.tuning.thumbs import Intent, chosen_classes
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.aims import AIMS, WORST_GROUP
from inficond_panel.vocabulary.intents import TARGET
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.things import CONCEPT

#: Author of iterations made by a suggestion.
AUTHOR = "machine:repair"
#: Description of the data of an expected gain.
MEASURED = "cross-fitted: on images that chose neither lever nor settings"
_UNLABELLED = (
    f"No class has {LEAST_TUNE} tuning images that are labelled as showing it and "
    f"{LEAST_TUNE} that are not: nothing is proposed. Label tuning images, or use thumbs."
)


@dataclass(frozen=True)
class Suggestion:
    """Edits for one refit from ``parent`` (an id), chosen by labels of ``images`` photos.

    ``repairs`` has the levers of each measured class, ``skipped`` a reason for each other class.
    ``contexts`` has, by class without a shift that labels show, the concept on which its student
    relies most beyond its own word. ``level`` is the level of intervals. ``by`` divides images into
    groups, if levers were compared by the worst group; else "". ``small_groups`` are the skipped
    classes of which a group has too few images.
    """

    seed: int
    parent: str
    images: int
    level: float
    repairs: dict[str, ClassRepair] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    contexts: dict[str, Context] = field(default_factory=dict)
    by: str = ""
    small_groups: tuple[str, ...] = ()

    @cached_property
    def unknown(self) -> dict[str, TeacherSkill]:
        """The teacher's skill by class that it does not know, which no edit can repair."""
        skills = {name: one.shift.teacher for name, one in self.repairs.items()}
        return {name: skill for name, skill in skills.items() if skill and skill.does_not_know}

    @property
    def taken(self) -> dict[str, Lever]:
        """Proposed lever by class, for classes with a proposal."""
        return {name: one.taken for name, one in self.repairs.items() if one.taken is not None}

    @property
    def intents(self) -> tuple[Intent | Repair, ...]:
        """All proposed edits, ordered by class."""
        return tuple(item for lever in self.taken.values() for item in lever.edits)

    @cached_property
    def gain(self) -> Gain:
        """Expected change of the mean over the measured classes, in AP or in the worst group."""
        return mean_change([one.gain for one in self.repairs.values()]).gain(self.level)

    @property
    def expected(self) -> ExpectedGain:
        """The gain as the history keeps it."""
        return ExpectedGain(self.gain, len(self.repairs), self.by)

    @cached_property
    def ap_change(self) -> Gain:
        """Expected change of the mean AP over the measured classes."""
        return mean_change([one.ap_change for one in self.repairs.values()]).gain(self.level)

    def gain_of(self, class_name: str) -> Gain:
        """Return the expected change of one class, in AP or in the worst group."""
        return self.repairs[class_name].gain.gain(self.level)

    @cached_property
    def summary(self) -> str:
        """Text on the number of shifted classes and the proposed repairs."""
        if not self.repairs:
            return self._nothing_measured
        gains = [self.gain_of(name) for name in self.taken]
        shifts = [one.shift for one in self.repairs.values()]
        return f"{shifts_sentence(shifts)} {proposed_sentence(gains, len(shifts), self.by)}"

    @property
    def _nothing_measured(self) -> str:
        """Why no class is measured, and what helps."""
        if not self.small_groups:
            return _UNLABELLED
        first, others = self.small_groups[0], len(self.skipped) - 1
        more = f" ({count(others)} other classes are left out, too)" if others else ""
        return (
            f"Nothing is proposed: {first} has {self.skipped[first]}{more}. Add such images, "
            f"divide the images by something other than {self.by}, or compare repairs by the mean "
            "AP in place of the worst group."
        )


def shifts_sentence(shifts: Sequence[ClassShift]) -> str:
    """Return a sentence on how many classes have a shift."""
    if len(shifts) == 1:
        return {
            SHIFT: "The class shows a shift from training to tuning images.",
            UNKNOWN: "There are too few images to say whether the class shows a shift.",
            NONE: "The class shows no shift from training to tuning images.",
        }[shifts[0].kind]
    shifted = sum(each.kind == SHIFT for each in shifts)
    unsure = sum(each.unsure for each in shifts)
    few = f"; for {unsure} there are too few images to say" if unsure else ""
    return f"{shifted} of {len(shifts)} classes show a shift from training to tuning images{few}."


def proposed_sentence(gains: Sequence[Gain], classes: int, by: str = "") -> str:
    """Return the sentence ``A repair is proposed for 5 of 16 classes, shifted or not.``; ``by``
    divides images into groups, if levers were compared by the worst."""
    if not gains:
        weights = f" weights of the groups by {by}," if by else ""
        return (
            "Taking the best lever gains nothing on images that did not choose it, or ranks them "
            f"no better than chance: another λ, teacher or labels of the tuning images,{weights} "
            "and thumbs were compared. Nothing is proposed."
        )
    noted = f" ({doubts})" if (doubts := " and ".join(_doubts(gains, classes))) else ""
    if classes == 1:
        return f"A repair is proposed{noted}."
    return f"A repair is proposed for {len(gains)} of {classes} classes, shifted or not{noted}."


def _doubts(gains: Sequence[Gain], classes: int) -> Iterator[str]:
    """Yield texts on the gains that may be noise: of limits around 0, and without limits."""
    unlimited = sum(np.isnan(gain.low) or np.isnan(gain.high) for gain in gains)
    unclear = sum(gain.within_noise for gain in gains) - unlimited
    if unclear:
        include = "interval includes" if unclear == 1 else "intervals include"
        yield "its interval includes 0" if classes == 1 else f"{unclear} {include} 0"
    if unlimited:
        have = "gain has" if unlimited == 1 else "gains have"
        yield "its gain has no limits" if classes == 1 else f"{unlimited} {have} no limits"


def suggest(
    tuner: Tuner,
    parent: Node | None = None,
    *,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    aim: str | None = None,
    by: str = "",
    rows: NDArray[np.intp] | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Suggestion:
    """Suggest repairs of ``classes`` (all) from ``parent`` (the original students), as one batch.

    With the ``aim`` worst-group levers are compared by the accuracy of the worst cell of label and
    group at equal numbers; ``by`` divides images into groups (``cells.group_texts``). By default
    both are those of the spec, section ``tuning``.

    Nothing is stored. Uses labels of ``tune``, or of its images at ``rows``; never labels of
    ``holdout``. The same seed gives the same suggestion. Raises ``TuningError`` for an unknown
    class or aim, an aim without groups, and for students that cannot have repairs; ``DataError``
    for an unknown ``by``; ``SolverError``; ``CancelledError``.
    """
    by = checked_groups(tuner.store, *aim_of(tuner.spec.tuning, aim, by))
    if tuner.repairs.refused is not None:
        raise tuner.repairs.refused
    seen = tuner.store.rows(TUNE) if rows is None else np.sort(np.asarray(rows))
    node = tuner.root() if parent is None else tuner.node(parent.id)
    names, skipped, small = _measurable(tuner, node, seen, classes, by)
    repairs: dict[str, ClassRepair] = {}
    check = partial(check_cancelled, cancelled, "The search was")
    said = tuner.history.belonging()
    with one_thread():
        compared = tuner.each(partial(class_repair, seen, seed, check, said, by), names, node)
        for done, name in enumerate(names):
            check()
            if progress is not None:
                at = f" ({count(done + 1)} of {count(len(names))})" if len(names) > 1 else ""
                progress(done / len(names), f"comparing repairs of {name}{at}")
            repairs[name] = next(compared)
    level = float(tuner.spec.views.confidence)
    contexts = {
        name: each
        for name, each in _contexts(tuner, node, [*repairs, *skipped], repairs).items()
        if not Belonging(tuner.store, said).has(name, CONCEPT, each.concept)
    }
    learned = repairs, skipped, contexts
    made = Suggestion(seed, node.id, len(seen), level, *learned, by, small)
    if progress is not None:
        progress(1.0, "all repairs compared")
    return made


def _contexts(
    tuner: Tuner, node: Node, names: Sequence[str], repairs: Mapping[str, ClassRepair]
) -> dict[str, Context]:
    """Return the contexts of a ``Suggestion`` of the classes ``names``; {} if thumbs are bounds."""
    if tuner.refit != TARGET:
        return {}
    unseen = [name for name in names if name not in repairs or repairs[name].shift.kind != SHIFT]
    found = contexts_of([tuner.repairs.class_fit(node, name) for name in unseen])
    return {name: each for name, each in zip(unseen, found, strict=True) if each is not None}


def aim_of(given: Tuning, aim: str | None, by: str) -> tuple[str, str]:
    """Return the aim and what divides images into groups; what is missing comes from the section
    ``tuning`` of the spec, ``given``."""
    aim = given.aim if aim is None else aim
    return aim, by or (given.groups or "") * (aim == WORST_GROUP)


def checked_groups(store: Store, aim: str, by: str) -> str:
    """Return what divides images into groups, as the store writes it; "" if levers are compared by
    AP.

    Raises ``TuningError`` for an unknown aim, and unless images are divided for worst-group alone;
    ``DataError`` for an unknown ``by``.
    """
    if aim not in AIMS:
        raise TuningError(*unknown("aim", aim, AIMS))
    if (aim == WORST_GROUP) != bool(by):
        given = f"by {by!r}" if by else "without groups"
        raise TuningError(
            f"The aim is {aim}, {given}.",
            f"Name the groups for the aim {WORST_GROUP} alone: "
            + Remedy(
                f"--aim {WORST_GROUP} --by COLUMN", f'suggest(aim="{WORST_GROUP}", by="COLUMN")'
            )
            + ". A column may also be a property of the pictures, a class or a concept.",
        )
    if by:
        rows = np.concatenate([store.rows(FIT), store.rows(TUNE)])
        if len(list(known_groups(np.array(group_texts(store, by))[rows]))) < len((True, False)):
            raise TuningError(
                f"All images of fit and tune are of one group by {by!r}.",
                "Name what divides the images into two groups or more.",
            )
        return next(name for name in dividing_names(store) if name_key(name) == name_key(by))
    return by


def _lacking_cells(tuner: Tuner, node: Node, rows: NDArray[np.intp], name: str, by: str) -> str:
    """Return which cells of label and group are too small to aim at the worst; "" if none."""
    evidence = tuner.repairs.evidence(tuner.repairs.class_fit(node, name), rows)
    of_fit = evidence.cells(by, fit := tuner.store.rows(FIT)).sizes(tuner.store.groups_at(fit))
    for split, sizes in ((FIT, of_fit), (TUNE, cells_of_tune(evidence, by))):
        if small := too_small(sizes, LEAST_IN_CELL):
            return (
                f"too few images of {split} by label and group: {small}; {LEAST_IN_CELL} of each "
                f"are needed{counted_once(tuner.store.groups_at(tuner.store.rows(split)))}"
            )
    return ""


def _measurable(
    tuner: Tuner, node: Node, rows: NDArray[np.intp], classes: Sequence[str] | None, by: str
) -> tuple[list[str], dict[str, str], tuple[str, ...]]:
    """Return the measurable classes, in the store's order, the reason for each other class, and the
    classes of which a group has too few images."""
    wanted, label = set(chosen_classes(classes, tuner.store.classes)), tuner.store.label
    skipped: dict[str, str] = {}
    small: list[str] = []
    group = tuner.store.groups_at(rows)
    for k, name in enumerate(tuner.store.classes):
        positives, negatives = (distinct(group, label[rows, k] == side) for side in (1, 0))
        if name in wanted and min(positives, negatives) < LEAST_TUNE:
            skipped[name] = (
                f"{positives} positive and {negatives} negative images; "
                f"{LEAST_TUNE} of each are needed{counted_once(group)}"
            )
        elif name in wanted and by and (lacking := _lacking_cells(tuner, node, rows, name, by)):
            skipped[name] = lacking
            small.append(name)
    measured = wanted - skipped.keys()
    return [name for name in tuner.store.classes if name in measured], skipped, tuple(small)


def carry_out(
    tuner: Tuner, suggestion: Suggestion, progress: Progress | None = None
) -> Node | None:
    """Refit with the edits of a suggestion; return the new node, or None without edits.

    The node records the expected gain. The page still shows the iteration of before.
    """
    if not suggestion.intents:
        return None
    parent = tuner.node(suggestion.parent)
    node = tuner.fine_tune(parent, suggestion.intents, progress, author=AUTHOR)
    tuner.set_expected(node.id, suggestion.expected.text, AUTHOR)
    return tuner.node(node.id)
