"""``suggest``: the lever with the largest gain per class, if above 0, as one batch of edits.

The levers of every class, shifted or not, are compared (``levers``). The gain of a lever is the
out-of-sample gain of choosing its settings and refitting. The gain of a class also includes the
choice of the lever; no lever is proposed unless this gain is above 0.

Where labels cannot show what thumbs gain, because there are none on ``tune`` or because ``tune``
shares the bias of ``fit`` if there is one, a concept is named for a person to decide by: nothing is
proposed for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.threads import one_thread
from inficond_panel.distill import TeacherSkill
from inficond_panel.distill.metrics.groups import counted_once, distinct
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.distill.solver.exact import check_cancelled
from inficond_panel.distill.suspects import NONE, SHIFT, UNKNOWN
from inficond_panel.tuning.belonging import Belonging
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.suggest.baselines import Context, contexts_of
from inficond_panel.tuning.suggest.gain import Gain, mean_change
from inficond_panel.tuning.suggest.levers import ClassRepair, Lever, class_repair
from inficond_panel.tuning.thumbs import Intent, chosen_classes
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.intents import TARGET
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.things import CONCEPT

#: Author of iterations made by a suggestion.
AUTHOR = "machine:repair"
#: Description of the data of an expected gain.
MEASURED = "cross-fitted: on photos that did not choose"
_UNLABELLED = (
    f"No class has {LEAST_TUNE} tuning images that are labelled as showing it and "
    f"{LEAST_TUNE} that are not: nothing is proposed. Label tuning images, or use thumbs."
)


@dataclass(frozen=True)
class Suggestion:
    """Edits for one refit from ``parent`` (an id), chosen by labels of ``images`` photos.

    ``repairs`` has the levers of each measured class, ``skipped`` a reason for each other class.
    ``contexts`` has, by class without a shift that labels show, the concept on which its student
    relies most beyond its own word. ``level`` is the level of intervals.
    """

    seed: int
    parent: str
    images: int
    level: float
    repairs: dict[str, ClassRepair] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    contexts: dict[str, Context] = field(default_factory=dict)

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
        """Expected change of the mean AP over the measured classes."""
        return mean_change([one.gain for one in self.repairs.values()]).gain(self.level)

    def gain_of(self, class_name: str) -> Gain:
        """Return the expected change of the AP of one class."""
        return self.repairs[class_name].gain.gain(self.level)

    @cached_property
    def summary(self) -> str:
        """Text on the number of shifted classes and the proposed repairs."""
        if not self.repairs:
            return _UNLABELLED
        gains = [self.gain_of(name) for name in self.taken]
        shifts = [one.shift for one in self.repairs.values()]
        return f"{shifts_sentence(shifts)} {proposed_sentence(gains, len(shifts))}"


def shifts_sentence(shifts: Sequence[ClassShift]) -> str:
    """Return a sentence on how many classes have a shift."""
    if len(shifts) == 1:
        return {
            SHIFT: "The class shows a shift from training to tuning images.",
            UNKNOWN: "There are too few photos to say whether the class shows a shift.",
            NONE: "The class shows no shift from training to tuning images.",
        }[shifts[0].kind]
    shifted = sum(each.kind == SHIFT for each in shifts)
    unsure = sum(each.unsure for each in shifts)
    few = f"; for {unsure} there are too few photos to say" if unsure else ""
    return f"{shifted} of {len(shifts)} classes show a shift from training to tuning images{few}."


def proposed_sentence(gains: Sequence[Gain], classes: int) -> str:
    """Return the sentence ``A repair is proposed for 5 of 16 classes, shifted or not.``"""
    if not gains:
        return (
            "Taking the best lever gains nothing on photos that did not choose it: another λ, "
            "teacher or labels of the tuning images, and thumbs were compared. "
            "Nothing is proposed."
        )
    unclear = sum(gain.low <= 0 <= gain.high for gain in gains)
    if classes == 1:
        return f"A repair is proposed{' (its interval includes 0)' if unclear else ''}."
    include = "interval includes" if unclear == 1 else "intervals include"
    noted = f" ({unclear} {include} 0)" if unclear else ""
    return f"A repair is proposed for {len(gains)} of {classes} classes, shifted or not{noted}."


def suggest(
    tuner: Tuner,
    parent: Node | None = None,
    *,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    rows: NDArray[np.intp] | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Suggestion:
    """Suggest repairs of ``classes`` (all) from ``parent`` (the original students), as one batch.

    Nothing is stored. Uses labels of ``tune``, or of its images at ``rows``; never labels of
    ``holdout``. The same seed gives the same suggestion. Raises ``TuningError`` for an unknown
    class and for students that cannot have repairs; ``SolverError``; ``CancelledError``.
    """
    if tuner.repairs.refused is not None:
        raise tuner.repairs.refused
    seen = tuner.store.rows(TUNE) if rows is None else np.sort(np.asarray(rows))
    node = tuner.root() if parent is None else tuner.node(parent.id)
    names, skipped = _measurable(tuner, seen, classes)
    repairs: dict[str, ClassRepair] = {}
    check = partial(check_cancelled, cancelled, "The search was")
    said = tuner.history.belonging()
    with one_thread():
        compared = tuner.each(partial(class_repair, seen, seed, check, said), names, node)
        for done, name in enumerate(names):
            check()
            if progress is not None:
                progress(done / len(names), f"comparing repairs of {name}")
            repairs[name] = next(compared)
    level = float(tuner.spec.views.confidence)
    contexts = {
        name: each
        for name, each in _contexts(tuner, node, [*repairs, *skipped], repairs).items()
        if not Belonging(tuner.store, said).has(name, CONCEPT, each.concept)
    }
    made = Suggestion(seed, node.id, len(seen), level, repairs, skipped, contexts)
    if progress is not None:
        progress(1.0, f"{len(made.intents)} intents")
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


def _measurable(
    tuner: Tuner, rows: NDArray[np.intp], classes: Sequence[str] | None
) -> tuple[list[str], dict[str, str]]:
    """Return the measurable classes, in the store's order, and the reason for each other class."""
    wanted, label = set(chosen_classes(classes, tuner.store.classes)), tuner.store.label
    skipped: dict[str, str] = {}
    group = tuner.store.groups_at(rows)
    for k, name in enumerate(tuner.store.classes):
        positives, negatives = (distinct(group, label[rows, k] == side) for side in (1, 0))
        if name in wanted and min(positives, negatives) < LEAST_TUNE:
            skipped[name] = (
                f"{positives} positive and {negatives} negative photos; "
                f"{LEAST_TUNE} of each are needed{counted_once(group)}"
            )
    measured = wanted - skipped.keys()
    return [name for name in tuner.store.classes if name in measured], skipped


def carry_out(
    tuner: Tuner, suggestion: Suggestion, progress: Progress | None = None
) -> Node | None:
    """Refit with the edits of a suggestion; return the new node, or None without edits.

    Author and note record the suggestion, unless a person made the same node. The page still shows
    the iteration of before.
    """
    if not suggestion.intents:
        return None
    parent = tuner.node(suggestion.parent)
    node = tuner.fine_tune(parent, suggestion.intents, progress, author=AUTHOR)
    if node.author == AUTHOR and not node.note:
        expected = f"expected gain {suggestion.gain} AP points, {MEASURED}"
        note = f"By a machine (repair, seed {suggestion.seed}): {expected}."
        tuner.set_note(node.id, note, AUTHOR)
    return tuner.node(node.id)
