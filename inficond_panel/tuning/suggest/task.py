"""Task of a strategy: the classes, the photos that it may look at, and its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Outcome, TeacherSkill, teacher_skill
from inficond_panel.distill.scores.scores import Array
from inficond_panel.errors import CancelledError, TuningError
from inficond_panel.tuning.fitting.held_out import learns_from_tune
from inficond_panel.tuning.intents.asked import Asked
from inficond_panel.tuning.intents.bounds import check_together, in_force
from inficond_panel.tuning.intents.intent import check_name
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.suggest.suggestion import ClassSuggestion, Gain, Suggestion
from inficond_panel.tuning.suggest.trial import Trial
from inficond_panel.tuning.tuner import Tuner

#: Reason why thumbs on a class cannot be measured.
LEARNED = "its student was fitted to photos of tune"
#: A class with fewer positive or negative photos cannot be measured.
LEAST_PHOTOS = 5


class Task:
    """Suggest at most ``budget`` thumbs for each class, by the labels of the photos at ``rows``.

    ``columns`` are the classes that can be measured on these photos; ``skipped`` says why the
    others cannot; ``unknown`` are those that the teacher does not know. For ``thumbs`` also those
    cannot that were fitted to photos of ``tune``: they have seen what would measure the thumbs.
    Raises ``TuningError`` for a class that the store does not have.
    """

    def __init__(
        self,
        tuner: Tuner,
        parent: Node,
        rows: NDArray[np.intp],
        classes: Sequence[str] | None,
        budget: int,
        seed: int,
        progress: Callable[[float, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        thumbs: bool = False,
    ) -> None:
        self.tuner, self.parent, self.rows = tuner, parent, rows
        self.budget, self.seed = budget, seed
        self._progress, self._cancelled = progress, cancelled
        self.columns, self.skipped = _measurable(tuner, rows, classes)
        if thumbs:
            self._leave_out_learned()
        self._trials: dict[int, Trial] = {}
        self.unknown = self._unknown_to_teacher()
        self._done = 0.0

    def _leave_out_learned(self) -> None:
        terms, store = self.tuner.terms(self.parent), self.tuner.store
        for k in self.columns:
            if self.name(k) in terms and learns_from_tune(terms[self.name(k)], store):
                self.skipped[self.name(k)] = LEARNED
        self.columns = tuple(k for k in self.columns if self.name(k) not in self.skipped)

    def name(self, k: int) -> str:
        """Name of a class."""
        return self.tuner.store.classes[k]

    @property
    def scope(self) -> tuple[str, ...]:
        """Names of the classes that can be measured."""
        return tuple(self.name(k) for k in self.columns)

    @property
    def level(self) -> float:
        """Level of the intervals of gains that are stated."""
        return float(self.tuner.spec.views.confidence)

    def _unknown_to_teacher(self) -> dict[str, TeacherSkill]:
        """Classes that the teacher does not know, by the labels of these photos."""
        logits = self.tuner.store.teacher_log_odds[self.rows]
        skills = {
            self.name(k): teacher_skill(Outcome(self.label(k), logits[:, k])) for k in self.columns
        }
        return {name: skill for name, skill in skills.items() if skill.does_not_know}

    def label(self, k: int) -> NDArray:
        """Labels (n,) of the photos: 1, 0, or -1 where ignored."""
        return np.asarray(self.tuner.store.label[self.rows, k])

    def logit(self, k: int) -> Array:
        """Logits (n,) of the parent's student."""
        trial = self.trial(k)
        return trial.logits(trial.base, self.rows)

    def trial(self, k: int) -> Trial:
        """The student of one class, for trying."""
        if k not in self._trials:
            self._trials[k] = Trial(self.tuner, self.parent, k)
        return self._trials[k]

    def tell(self, share: float, text: str) -> None:
        """Report progress. Raises ``CancelledError`` where the search was cancelled."""
        self.check()
        self._done = max(self._done, share)
        if self._progress is not None:
            self._progress(self._done, text)

    def suggested(
        self,
        strategy: str,
        gain: Gain,
        measured: str,
        conclusion: str,
        classes: dict[str, ClassSuggestion],
        photos: dict[str, tuple[str, ...]] | None = None,
        tried: dict[str, Gain] | None = None,
    ) -> Suggestion:
        """The suggestion that a strategy makes of this task."""
        return Suggestion(
            strategy=strategy,
            seed=self.seed,
            budget=self.budget,
            parent=self.parent.id,
            images=len(self.rows),
            scope=self.scope,
            gain=gain,
            measured=measured,
            conclusion=conclusion,
            tried=tried or {},
            alone=self.tuner.joint,
            classes=classes,
            skipped=self.skipped,
            photos=photos or {},
            unknown=self.unknown,
        )

    def together(self, suggestions: Mapping[str, ClassSuggestion]) -> dict[str, ClassSuggestion]:
        """Those of the suggestions whose bounds can all be kept, the largest gains first.

        Only those of a joint student can be at odds; ``skipped`` then names the classes left out.
        """
        if not self.tuner.joint:
            return dict(suggestions)
        taken: set[str] = set()
        for name in sorted(suggestions, key=lambda name: -suggestions[name].gain.estimate):
            if self._can_be_kept([i for each in (*taken, name) for i in suggestions[each].intents]):
                taken.add(name)
            else:
                self.skipped[name] = "its bounds and those of other classes cannot all be kept"
        return {name: each for name, each in suggestions.items() if name in taken}

    def _can_be_kept(self, intents: Sequence[Asked]) -> bool:
        bounds = in_force(self.parent.bounds, self.tuner.resolve(self.parent, intents))
        try:
            check_together(bounds, self.tuner.store.classes, self.tuner.store.concepts)
        except TuningError:
            return False
        return True

    def check(self) -> None:
        """Raise ``CancelledError`` where the search was cancelled."""
        if self._cancelled is not None and self._cancelled():
            raise CancelledError("The search was cancelled.", "Nothing was changed.")

    def rng(self, k: int) -> np.random.Generator:
        """Random numbers of one class; other classes in the task do not change them."""
        return np.random.default_rng([self.seed, k])


def _measurable(
    tuner: Tuner, rows: NDArray[np.intp], classes: Sequence[str] | None
) -> tuple[tuple[int, ...], dict[str, str]]:
    known = tuner.store.classes
    columns: list[int] = []
    skipped: dict[str, str] = {}
    for name in known if classes is None else dict.fromkeys(classes):
        check_name("class", name, known)
        label = tuner.store.label[rows, known.index(name)]
        positives, negatives = int((label == 1).sum()), int((label == 0).sum())
        if min(positives, negatives) < LEAST_PHOTOS:
            skipped[name] = (
                f"{positives} positive and {negatives} negative photos; "
                f"{LEAST_PHOTOS} of each are needed"
            )
        else:
            columns.append(known.index(name))
    return tuple(sorted(columns)), skipped
