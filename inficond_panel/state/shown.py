"""State of what views measure: the picked images, and the thresholds that a person tries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import param

from inficond_panel.common.cache import Latest
from inficond_panel.errors import TuningError
from inficond_panel.results.image_sets import ImageSet
from inficond_panel.results.snapshot import Snapshot, measured_by
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.selection import Selection
from inficond_panel.state.students import StudentsState
from inficond_panel.state.tuning import TuningState
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.tuning.thumbs import known_name
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

#: Digits of a threshold that is tried, as in the line for the spec (``results.decisions``).
_DIGITS = 6
#: Tuners that a session keeps, each with the metrics of some images or thresholds.
_KEPT = 8


class MeasuredOn(NamedTuple):
    """What metrics are of: the ``images`` picked on the split in view (None: all of it), and the
    ``thresholds`` tried, as pairs of class and logit."""

    images: ImageSet | None = None
    thresholds: tuple[tuple[str, float], ...] = ()


#: All images of the split in view, decided by the spec's thresholds.
WHOLE_SPLIT = MeasuredOn()


class ShownState(param.Parameterized):
    """Metrics that all views show: of the picked images, decided by the thresholds tried.

    ``snapshot`` is that of the students while no image is picked and no threshold tried. It follows
    a pick or a threshold as soon as the worker has measured, together with ``what``.
    """

    snapshot = param.Parameter(doc="Metrics and counts of all classes (a ``Snapshot``).")
    what = param.ClassSelector(
        class_=MeasuredOn, default=WHOLE_SPLIT, doc="What ``snapshot`` is of."
    )

    def __init__(
        self, students: StudentsState, selection: Selection, tuning: TuningState, jobs: Jobs
    ) -> None:
        self._students, self._selection, self._tuning, self._jobs = (
            students,
            selection,
            tuning,
            jobs,
        )
        self._tuners: Latest[MeasuredOn, Tuner] = Latest(_KEPT)
        self._whole = students.snapshot
        super().__init__(snapshot=students.snapshot)

    @property
    def images(self) -> ImageSet | None:
        """Images picked on the split in view; None if no images are picked."""
        images, split = self._selection.images, self._students.snapshot.split
        return images if images and images.split == split else None

    @property
    def whole(self) -> Snapshot:
        """Metrics of all images of the split, decided by the thresholds tried."""
        return self._whole

    @property
    def wanted(self) -> MeasuredOn:
        """What the metrics are to be of."""
        return MeasuredOn(self.images, tuple(sorted(self._students.thresholds.items())))

    @property
    def tuner(self) -> Tuner:
        """The tuner whose metrics and decisions are of what is ``wanted``."""
        return self.tuner_of(self.wanted)

    def tuner_of(self, shown: MeasuredOn) -> Tuner:
        """Return the tuner whose metrics and decisions are of what is ``shown``."""
        if shown == WHOLE_SPLIT:
            return self._students.tuner
        images, thresholds = shown.images, dict(shown.thresholds)
        rows = None if images is None else np.array(images.rows, dtype=np.intp)
        return self._tuners.made(shown, lambda: self._students.tuner.measuring(rows, thresholds))

    def student(self, class_name: str, node: Node | None = None) -> Student:
        """Return the student of one class at ``node`` (None: the node shown), with the picked
        images alone."""
        split = self._students.snapshot.split
        return self.tuner.at(node or self._students.node, split)[class_name]

    @param.depends("_students.snapshot", "_students.thresholds", "_selection.images", watch=True)
    def _measure(self) -> None:
        wanted, snapshot = self.wanted, self._students.snapshot
        if wanted == WHOLE_SPLIT:
            self._jobs.cancel("measure")
            self._whole = snapshot
            self.param.update(snapshot=snapshot, what=wanted)
            return
        tuner, every = self.tuner, self.tuner_of(MeasuredOn(None, wanted.thresholds))

        def work(_: Job) -> tuple[Snapshot, Snapshot]:
            whole = measured_by(every, snapshot) if wanted.thresholds else snapshot
            return whole, measured_by(tuner, snapshot) if wanted.images else whole

        def done(measured: tuple[Snapshot, Snapshot]) -> None:
            if self.wanted == wanted and self._students.snapshot is snapshot:
                self._whole, of_shown = measured
                self.param.update(snapshot=of_shown, what=wanted)

        self._jobs.submit(Job("measure", work, done, self._tuning.tell))

    def try_threshold(self, class_name: str, threshold: float | None) -> None:
        """Let the students of a class decide by another threshold (None: the spec's again).

        Nothing is fitted or kept. Raises ``TuningError`` for a class that the session may not tune,
        with one class per image, and for a threshold that is no finite number.
        """
        tuner = self._students.tuner
        self._tuning.rights.require_class(class_name)
        if tuner.store.task == SINGLE_LABEL:
            raise TuningError("With one class per image there are no thresholds.")
        class_name = known_name("class", class_name, tuner.store.classes)
        tried = {k: v for k, v in self._students.thresholds.items() if k != class_name}
        if threshold is not None:
            threshold = float(f"{threshold:.{_DIGITS}g}")
            if not np.isfinite(threshold):
                raise TuningError(f"No threshold can be tried: {threshold} is no logit.")
            if threshold != tuner.thresholds[tuner.store.classes.index(class_name)]:
                tried[class_name] = threshold
        self._students.thresholds = tried

    def forget_thresholds(self) -> None:
        """Decide by the spec's thresholds again."""
        self._students.thresholds = {}
