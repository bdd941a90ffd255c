"""Students of a spec that are tuned by script: what the page does, in a few calls.

students = inficond_panel.open_students("demo")
students.remove("bicycle", "traffic light")
students.metrics("tune")
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from inficond_panel.api.measures import Measures
from inficond_panel.api.names import several
from inficond_panel.api.shown_results import DriftReport, PhotoPredictions
from inficond_panel.common.files import write_whole
from inficond_panel.common.numbers import count
from inficond_panel.distill import decision_function
from inficond_panel.errors import DataError, OrderWarning
from inficond_panel.export import export
from inficond_panel.export.folder import as_exported
from inficond_panel.export.predictions import abstaining
from inficond_panel.predict import extend_store, score_photos
from inficond_panel.results.concepts import as_dataset
from inficond_panel.results.decisions import photo_drift
from inficond_panel.store.more_photos import more_photos
from inficond_panel.store.teacher_outputs import hold_store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.other_students import count_others
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY
from inficond_panel.vocabulary.splits import TUNE

if TYPE_CHECKING:
    import xarray as xr

    from inficond_panel.api.estimator import ConceptStudents
    from inficond_panel.api.plotting import StudentPlots
    from inficond_panel.app import Explorer
    from inficond_panel.store.more_photos import Extended


def open_students(
    spec: str | Path, *, store: str | Path | None = None, history: str | Path | None = None
) -> TunableStudents:
    """The students of ``spec``, a file or the name of one that comes along, such as ``"demo"``.

    ``store`` and ``history`` are the places given here, else those in ``INFICOND_STORE`` and
    ``INFICOND_HISTORY``, else the spec's. ``history=":memory:"`` keeps nothing. They are at the
    iteration that the page shows, and are distilled when they are first asked for. Raises
    ``InficondError`` for a spec, a store or a history that cannot be used; warns
    (``OrderWarning``) of a store whose teacher's outputs fit the labels in another order.

    >>> students = open_students("demo", history=":memory:")
    >>> students
    <TunableStudents 'Drawn scenes': 16 classes, 236 concepts, at the iteration of the page>
    >>> len(students.classes), len(students.concepts)
    (16, 236)
    """
    tuner = open_tuner(spec, store=store, history=history)
    if better := hold_store(tuner.store, tuner.spec.order, few=True):
        warnings.warn(better.warning, OrderWarning, stacklevel=2)
    return TunableStudents(tuner)


class TunableStudents(Measures):
    """The students of one store, at one iteration of their history.

    ``tune``, ``up``, ``down`` and ``remove`` refit them, ``undo``, ``redo`` and ``jump`` move among
    the iterations, ``fit`` goes to the untouched ones. Each of these returns the object itself.
    Iterations, moves and looks at the holdout go to the same history as those made on the page.
    """

    def with_settings(self, **settings: Any) -> TunableStudents:
        """Students of the same store and history under other settings of the spec.

        ``targets`` ("teacher" or "oracle"), ``alpha`` (None: no labels), ``temperature``,
        ``lambda_``, ...: as in ``spec.with_students``. They have iterations of their own.
        """
        return TunableStudents(self.tuner.with_students(**settings))

    def images(self, split: str) -> list[str]:
        """Ids of the images of a split, in the order of the rows of its predictions."""
        return [self.tuner.store.images[row] for row in self.tuner.store.rows(split)]

    def scores(self, split: str) -> np.ndarray:
        """Concept scores (n, C) of a split."""
        return self.tuner.store.concept_score[self.tuner.store.rows(split)]

    def decision_function(self, X: str | ArrayLike) -> np.ndarray:
        """Logits (n, K) of a split by name, or of concept scores (n, C).

        Of a joint student they are log-odds: their sigmoids add up to 1 over the classes.
        Of a data frame the columns are taken by the concepts' names. A look at the holdout is
        counted.
        """
        if isinstance(X, str):
            self.count_look(X)
            return self.tuner.logits(self.node)[self.tuner.store.rows(X)]
        node, link = self.node, self.tuner.spec.students.link
        return decision_function(self._checked(X), node.weights, node.intercepts, link)

    def predict_proba(self, X: str | ArrayLike) -> np.ndarray:
        """Probabilities (n, K) that each class is present; ``X`` as in ``decision_function``."""
        return expit(self.decision_function(X))

    def predict(self, X: str | ArrayLike) -> np.ndarray:
        """Decisions (n, K): 1 where the class is decided to be present, else 0.

        That is where the logit is above the class's threshold; with one class per image, of the
        likeliest class.

        >>> students.predict("tune").shape  # images, classes
        (600, 16)
        """
        return self.tuner.decided(self.decision_function(X)).astype(np.int64)

    def predict_images(
        self, photos: str | Path | Iterable[str | Path], *, abstain: float | None = None
    ) -> PhotoPredictions:
        """Decisions on photos (files), which need be in no store, and what made them.

        They go through encoder and segments, never by look-up, so the extra ``precompute`` and the
        encoder of the spec are needed. A photo that cannot be read is told in ``faults``, the
        others go on. With ``abstain`` a decision is given only where those on tune that are as sure
        have this accuracy. Raises ``DataError`` where none can be read, or where the store was made
        in another way than the spec says; ``MissingExtraError``; ``SpecError`` without an encoder.
        """
        students, store = as_exported(self.tuner, self.node, {}), self.tuner.store
        noise = self.tuner.spec.views.noise()
        rules = None if abstain is None else abstaining(students, store, abstain, noise)
        scores = score_photos(self.tuner.spec, store, several(photos))
        return PhotoPredictions(students, scores, rules, store.task == "single_label")

    def extend(
        self, photos: str | Path | Iterable[str | Path], *, logits: str | Path | None = None
    ) -> Extended:
        """Add photos (files, or folders of such) as training images, labelled by the teacher.

        They go through encoder and teacher, so the extra ``precompute`` and the spec's encoder are
        needed; ``logits`` is a table with a row per photo, for a teacher that is a table itself.
        They lie beside the store, which stays as it is, and so do the students. Photos that equal
        an image of tune or holdout are refused. The result names all of them. Raises as
        ``precompute.extend``.
        """
        store = self.tuner.store
        return extend_store(self.tuner.spec, store.path, several(photos), logits)

    @property
    def more_photos(self) -> pd.DataFrame:
        """Photos that were added beside the store, by name: their files and parts."""
        photos = more_photos(self.tuner.store)
        parts = [photos.place(row)[0] for row in range(len(photos))]
        columns = {
            "path": list(photos.paths),
            "part": [part.path.name for part in parts],
            "part_hash": [part.content_hash for part in parts],
        }
        return pd.DataFrame(columns, index=pd.Index(photos.images, name="image"))

    def drift(self, photos: Iterable[str | Path], *, seed: int = 0) -> DriftReport:
        """Are photos (files), 20 or more, unlike those that the students were fitted to?

        By their concept scores: concept by concept, and photo by photo; see
        ``distill.drift``. It shows itself in sentences; ``table`` has the concepts. Raises as
        ``predict_images``.
        """
        scores = score_photos(self.tuner.spec, self.tuner.store, several(photos))
        drift = photo_drift(self.tuner.store, scores, seed, self.tuner.spec.views.confidence)
        faults = zip(scores.photos, scores.fault, strict=True)
        return DriftReport(**vars(drift), faults={photo: why for photo, why in faults if why})

    def export(
        self,
        folder: str | Path,
        formats: str | Sequence[str] = "sklearn",
        *,
        holdout: bool = False,
        force: bool = False,
        license_name: str = "unknown",
    ) -> dict[str, Path]:
        """Write the students, with model card and edits file; see ``inficond_panel.export.export``.

        ``onnx-pixels`` is encoder, segments and students in one model, which is checked.

        >>> files = students.export("students", ["npz"])
        >>> sorted(file.name for file in files.values())
        ['README.md', 'card.json', 'card.md', 'edits.yaml', 'students.npz']
        """
        return export(
            self.tuner,
            self.node,
            folder,
            several(formats),
            holdout=holdout,
            force=force,
            license_name=license_name,
        )

    def page(
        self, path: str | Path, class_name: str = "", concept: str = "", *, dark: bool = False
    ) -> Path:
        """Write the page of this iteration as one HTML file, read only, and return its path.

        Other classes, concepts and iterations can be chosen in it, see ``inficond docs serving``.
        Nothing is recorded in the history. Raises ``TuningError`` for a class or a concept that is
        not there, ``ExportError`` where the file cannot be written.
        """
        from inficond_panel.app import page_html  # noqa: PLC0415 - loads Panel

        html = page_html(self.tuner, self.node, class_name, concept, dark=dark)
        write_whole(Path(path), html.encode())
        return Path(path)

    def estimator(self) -> ConceptStudents:
        """The students as a fitted scikit-learn estimator (needs scikit-learn)."""
        from inficond_panel.api.exported_estimator import as_estimator  # noqa: PLC0415 - scikit-learn

        return as_estimator(self.tuner, self.node)

    @property
    def plot(self) -> StudentPlots:
        """Plots of the students at this iteration, as HoloViews elements."""
        from inficond_panel.api.plotting import StudentPlots  # noqa: PLC0415 - loads HoloViews

        return StudentPlots(self)

    def explore(self) -> Explorer:
        """The page in a notebook cell, at this iteration and on this history."""
        from inficond_panel.api.notebook import explore  # noqa: PLC0415 - loads Panel

        if self.tuner.head() != self.node:
            self.jump(self.node.id)
        return explore(self.tuner)

    def to_xarray(self, split: str = TUNE) -> xr.Dataset:
        """Students and images of a split as one dataset, with the dimensions of the store.

        ``influence``, ``lower_bound`` and ``upper_bound`` over ``class_name`` and ``concept``;
        ``intercept`` and ``threshold`` over ``class_name``; ``student_logit``, ``teacher_logit``,
        ``label`` (-1: not known) over ``image`` and ``class_name``; ``concept_score``. A look at
        the holdout is counted.

        >>> dict(students.to_xarray("tune").sizes)
        {'class_name': 16, 'concept': 236, 'image': 600}
        """
        self.count_look(split)
        return as_dataset(self.tuner, self.node, split)

    def _repr_html_(self) -> str:
        heading = f"<p><b>{escape(repr(self))}</b></p>"
        columns = ["ap_gap", *(metric.key for metric in (AP, ACCURACY, F1, FIDELITY)), "positives"]
        table = self.metrics(TUNE)[columns]
        return f"{heading}<p>Split tune, largest gap first</p>{table.to_html(float_format='%.3f')}"

    def __repr__(self) -> str:
        store = self.tuner.store
        size = f"{len(store.classes)} classes, {len(store.concepts)} concepts"
        at = self._node
        where = f"at #{at.number} ({at.id})" if at else "at the iteration of the page"
        mark = f", oracle, {self.tuner.mark}" if self.tuner.mark else ""
        return f"<TunableStudents {store.title!r}: {size}, {where}{mark}{self._others()}>"

    def _others(self) -> str:
        iterations = sum(count_others(self.tuner).values())
        return (
            f"; {count(iterations, 'iteration')} of other students, see others"
            if iterations
            else ""
        )

    def _checked(self, X: Any) -> np.ndarray:
        if isinstance(X, pd.DataFrame):
            missing = [name for name in self.concepts if name not in X.columns]
            if missing:
                raise DataError(
                    f"{len(missing)} concepts have no column, the first is {missing[0]!r}.",
                    "Give one column for each concept.",
                )
            X = X[self.concepts]
        scores = np.asarray(X)
        if scores.ndim != 2 or scores.shape[1] != len(self.concepts):
            raise DataError(
                f"Scores have shape {scores.shape}, not (images, {len(self.concepts)}).",
                "Give one row for each image and one column for each concept.",
            )
        return scores
