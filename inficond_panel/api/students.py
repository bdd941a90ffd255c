"""Students of a spec, tuned by script instead of on the page.

students = inficond_panel.open_students("demo")
students.remove("bicycle", "traffic light")
students.metrics("tune")
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from inficond_panel.api.arguments import as_scores, check_word, photo_files, photos_or_rows, several
from inficond_panel.api.measures import Measures
from inficond_panel.api.shown_results import DriftReport, PhotoPredictions
from inficond_panel.common.files import write_whole
from inficond_panel.common.names import equal_names, name_key, name_text, pair_text, positions
from inficond_panel.common.near_words import near
from inficond_panel.common.numbers import count
from inficond_panel.common.tables import as_table
from inficond_panel.concepts.new_rows import other_units
from inficond_panel.distill import decision_function
from inficond_panel.errors import DataError, OrderWarning, TuningError, UnitsWarning
from inficond_panel.export import export
from inficond_panel.export.folder import as_exported
from inficond_panel.export.model_card import model_card
from inficond_panel.export.predictions import abstaining
from inficond_panel.predict import extend_store, score_photos
from inficond_panel.results.concepts import as_dataset
from inficond_panel.results.decisions import noting_drift, photo_drift
from inficond_panel.store.more_photos import more_photos
from inficond_panel.store.teacher_outputs import hold_store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.other_students import count_others
from inficond_panel.tuning.thumbs import known_name
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY
from inficond_panel.vocabulary.splits import SPLITS, TUNE, Split
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

if TYPE_CHECKING:
    import xarray as xr

    from inficond_panel.api.estimator import ConceptStudents
    from inficond_panel.api.plotting import StudentPlots
    from inficond_panel.app import Explorer
    from inficond_panel.store.more_photos import Extended
    from inficond_panel.tuning import Tuner
    from inficond_panel.ui.notebook_cell import Cell


def open_students(
    spec: str | Path, *, store: str | Path | None = None, history: str | Path | None = None
) -> TunableStudents:
    """Open the students of ``spec``, a file or the name of a shipped spec, such as ``"demo"``.

    ``store`` and ``history`` are paths; by default ``INFICOND_STORE`` and ``INFICOND_HISTORY``,
    else the spec's. ``history=":memory:"`` saves nothing. The students are at the iteration that
    the page shows, and are distilled at first use. Raises ``InficondError`` for an unusable spec,
    store or history; warns (``OrderWarning``) if the teacher's outputs match the labels better in
    another order of the classes.

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

    ``tune``, ``up``, ``down`` and ``remove`` refit; ``undo``, ``redo`` and ``jump`` go to another
    iteration, ``fit`` to the original students. Each of these returns the object itself.
    Iterations, jumps and uses of the holdout are recorded in the history that the page shows.
    """

    def __reduce__(self) -> Never:
        """Refuse to be pickled or copied: the store and the history are open files."""
        path = str(self.tuner.store.path)
        raise TuningError(
            "Opened students cannot be pickled or copied: they have a store and a history open.",
            f"Open them again where you need them: inficond_panel.open_students({path!r}). Or "
            "write them to files, which load_students reads: students.export(folder). Or pickle "
            "students.estimator().",
        )

    def with_settings(self, **settings: Any) -> TunableStudents:
        """Return students of the same store and history with other settings of the spec.

        ``targets`` ("teacher" or "oracle"), ``alpha`` (None: no labels), ``temperature``,
        ``lambda_``, ...: as in ``spec.with_students``. They have a separate tree of iterations, and
        are at the iteration of it that the page shows. Settings of decisions alone, such as
        ``threshold``, leave tree and iteration as they are.
        """
        tuner = self.tuner.with_students(**settings)
        same_tree = tuner.root_id == self.tuner.root_id
        return TunableStudents(tuner, self._node if same_tree else None)

    def images(self, split: Split) -> list[str]:
        """Return the image ids of a split, in the row order of its predictions."""
        check_word("split", split, SPLITS)
        return [self.tuner.store.images[row] for row in self.tuner.store.rows(split)]

    def scores(self, split: Split) -> np.ndarray:
        """Return the concept scores (n, C) of a split, read-only."""
        check_word("split", split, SPLITS)
        return self.tuner.store.scores_of(split)

    def decision_function(self, X: str | ArrayLike) -> np.ndarray:
        """Return logits (n, K) of a split by name, or of concept scores (n, C).

        Logits of a joint student are log-odds: their sigmoids sum to 1 over the classes. On
        ``tune`` the logits of a class whose student has spent its images are cross-fitted.
        Columns of a table of any library are matched by concept name, columns of an array or tensor
        by position. Counts a use of the holdout. Raises ``DataError`` for scores that do not fit.
        Warns (``UnitsWarning``) of rows of a table that seem to be in other units than the store's.
        """
        if isinstance(X, str):
            self.count_look(X)
            return self.tuner.logits(self.node, self.tuner.store.rows(X))
        node, link = self.node, self.tuner.spec.students.link
        return decision_function(self._checked(X), node.weights, node.intercepts, link)

    def predict_proba(self, X: str | ArrayLike) -> np.ndarray:
        """Return probabilities (n, K) of the classes; ``X`` as in ``decision_function``."""
        return expit(self.decision_function(X))

    def predict(self, X: str | ArrayLike) -> np.ndarray:
        """Return decisions (n, K): 1 if the class is decided to be present, else 0.

        A class is decided to be present if its logit is above its threshold; with one class per
        image, if it is the likeliest class. ``X`` as in ``decision_function``.

        >>> students.predict("tune").shape  # images, classes
        (600, 16)
        """
        return self.tuner.decided(self.decision_function(X)).astype(np.int64)

    def predict_images(
        self,
        photos: str | Path | Iterable[str | Path] | pd.DataFrame,
        *,
        abstain: float | None = None,
    ) -> PhotoPredictions:
        """Predict on photos (files), with the contribution of each concept to each decision.

        If the concepts are words of captions, ``photos`` are captions, or tables of captions. If
        the scores were given as tables, ``photos`` is a table of new rows, or several: data frames
        of any library, or files such as CSV, with a column per concept.
        Photos are segmented and encoded anew, so the extra ``precompute`` and the spec's encoder
        are needed. Unreadable photos are listed in ``faults``. With ``abstain``, an accuracy, the
        students decide only where tune decisions of the same certainty have this accuracy. Raises
        ``DataError`` if no photo can be read, or if the store does not match the spec;
        ``MissingExtraError``; ``SpecError`` without an encoder.
        """
        students, store = as_exported(self.tuner, self.node, {}), self.tuner.store
        noise = self.tuner.spec.views.noise()
        rules = None if abstain is None else abstaining(students, store, abstain, noise)
        scores = score_photos(self.tuner.spec, store, photos_or_rows(store, photos))
        self._warn_of_units(scores.score[scores.readable], stacklevel=3)
        scores = noting_drift(store, scores, students.weights)
        return PhotoPredictions(students, scores, rules, store.task == SINGLE_LABEL)

    def extend(
        self, photos: str | Path | Iterable[str | Path], *, logits: str | Path | None = None
    ) -> Extended:
        """Add photos (files or folders) as training images that the teacher labels.

        Encoder and teacher run on the photos, so the extra ``precompute`` and the spec's encoder
        are needed. ``logits`` is a table with a row per photo, if the teacher is a table. The new
        data is kept next to the store; store and students do not change. Photos that equal an
        image of tune or holdout are refused; the result lists them. Raises as
        ``precompute.extend``.
        """
        return extend_store(self.tuner.spec, self.tuner.store.path, photo_files(photos), logits)

    @property
    def more_photos(self) -> pd.DataFrame:
        """Table of the photos added by ``extend``, by image id, with file and part of the store."""
        photos = more_photos(self.tuner.store)
        parts = [photos.place(row)[0] for row in range(len(photos))]
        columns = {
            "path": list(photos.paths),
            "part": [part.path.name for part in parts],
            "part_hash": [part.content_hash for part in parts],
        }
        return pd.DataFrame(columns, index=pd.Index(photos.images, name="image"))

    def drift(self, photos: Iterable[str | Path] | pd.DataFrame, *, seed: int = 0) -> DriftReport:
        """Test whether 20 or more photos (files) differ from the training images (drift).

        Compares concept scores per concept and per photo; see ``distill.drift``. The report
        prints as sentences; ``table`` has a row per concept. ``photos`` and errors are as for
        ``predict_images``.
        """
        store = self.tuner.store
        scores = score_photos(self.tuner.spec, store, photos_or_rows(store, photos))
        drift = photo_drift(store, scores, seed, self.tuner.spec.views.confidence)
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
        """Write students, model card and edits file to ``folder``; return the files by kind.

        The format ``onnx-pixels`` is one model from pixels to logits: encoder, segments and
        students. Arguments as in ``inficond_panel.export.export``.

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

        Its reader can choose other classes, concepts and iterations, see ``inficond docs serving``.
        Nothing is recorded in the history. Raises ``TuningError`` for an unknown class or concept,
        ``ExportError`` if the file cannot be written.
        """
        from inficond_panel.app import page_html  # noqa: PLC0415 - loads Panel

        html = page_html(self.tuner, self.node, class_name, concept, dark=dark)
        write_whole(Path(path), html.encode())
        return Path(path)

    def estimator(self) -> ConceptStudents:
        """Return the students as a fitted scikit-learn estimator (needs scikit-learn).

        Bounds are parameters of it. What thumbs and repairs change in the targets is not: to fit a
        clone again, set ``y_kind="probabilities"`` and ``temperature=1``, and pass
        ``targets()["adjusted"].unstack()`` in place of the teacher's outputs.
        """
        from inficond_panel.api.estimator import estimator  # noqa: PLC0415 - scikit-learn

        return estimator(as_exported(self.tuner, self.node, model_card(self.tuner, self.node)))

    @property
    def plot(self) -> StudentPlots:
        """Plots of the students at this iteration, as HoloViews elements."""
        from inficond_panel.api.plotting import StudentPlots  # noqa: PLC0415 - loads HoloViews

        return StudentPlots(self)

    def explore(self) -> Explorer:
        """Show the page in a notebook cell, at this iteration and with this history."""
        from inficond_panel.api.notebook import explore  # noqa: PLC0415 - loads Panel

        return explore(self._tuner_here())

    def ask_widget(self, class_name: str) -> Cell:
        """Ask about photos of a class in a notebook cell, as the page does, at this iteration.

        The answers are kept beside the history. When all photos are answered, the student learns
        them if that helps; ``resume`` goes to that iteration. Raises ``TuningError`` for an unknown
        class.
        """
        from inficond_panel.api.notebook import ask_widget  # noqa: PLC0415 - loads Panel

        name = known_name("class", class_name, self.tuner.store.classes)
        return ask_widget(self._tuner_here(), name)

    def _tuner_here(self) -> Tuner:
        """Return the tuner, whose history is now at this iteration."""
        if self.tuner.head() != self.node:
            self.jump(self.node.id)
        return self.tuner

    def to_xarray(self, split: Split = TUNE) -> xr.Dataset:
        """Return students and images of a split as one dataset, with the dimensions of the store.

        ``influence``, ``lower_bound`` and ``upper_bound`` over ``class_name`` and ``concept``;
        ``intercept`` and ``threshold`` over ``class_name``; ``student_logit``, ``teacher_logit``
        (of a softmax: log-odds), ``label`` (-1: unknown) over ``image`` and ``class_name``;
        ``concept_score``. Counts a use of the holdout.

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
        size = f"{count(len(store.classes), 'class')}, {count(len(store.concepts), 'concept')}"
        at = self._node
        where = f"at #{at.number} ({at.id})" if at else "at the iteration of the page"
        mark = f", oracle, {self.tuner.mark}" if self.tuner.mark else ""
        others = sum(count_others(self.tuner).values())
        more = f"; {count(others, 'iteration')} of other students, see others" if others else ""
        return f"<TunableStudents {store.title!r}: {size}, {where}{mark}{more}>"

    def _checked(self, X: Any) -> np.ndarray:
        """Return concept scores (n, C) of a table, by concept name, or of an array."""
        table = as_table(X)
        scores = as_scores(X) if table is None else self._by_concept(table)
        if scores.ndim != 2 or scores.shape[1] != len(self.concepts):
            raise DataError(
                f"Scores have shape {scores.shape}, not (images, {len(self.concepts)}).",
                "Give one row for each image and one column for each concept.",
            )
        if bad := int(np.count_nonzero(~np.isfinite(scores))):
            row, at = np.argwhere(~np.isfinite(scores))[0]
            raise DataError(
                f"X has {count(bad, 'NaN or infinite value')}, the first is in row {row} of the "
                f"concept {self.concepts[at]!r}.",
                "Give a finite score for each image and concept.",
            )
        self._warn_of_units(scores, stacklevel=4)
        return scores

    def _warn_of_units(self, scores: np.ndarray, stacklevel: int) -> None:
        """Emit a ``UnitsWarning`` if rows of a table seem to be in other units than the store's."""
        if self.tuner.store.given and len(scores):
            for told in other_units(self.tuner.store, scores):
                warnings.warn(told, UnitsWarning, stacklevel=stacklevel)

    def _by_concept(self, table: pd.DataFrame) -> np.ndarray:
        """Return the concepts' columns of a table, in the order of the concepts."""
        if twice := equal_names(table.columns):
            raise DataError(
                f"X has two columns with one name: {pair_text(*twice[0])}.",
                "Give one column for each concept.",
            )
        at = positions(table.columns)
        missing = [name for name in self.concepts if name_key(name) not in at]
        if missing:
            raise DataError(
                f"X has no column for {count(len(missing), 'concept')}, the first is "
                f"{missing[0]!r}.{near(missing[0], map(name_text, table.columns))}",
                "Give one column for each concept; for scores by position pass an array.",
            )
        chosen = table.iloc[:, [at[name_key(name)] for name in self.concepts]]
        return as_scores(chosen)
