"""Loading of an export as a fitted estimator. Needs scikit-learn."""

from __future__ import annotations

import warnings
from pathlib import Path

from inficond_panel.api.estimator import ConceptStudents, estimator
from inficond_panel.api.students import TunableStudents
from inficond_panel.common.places import is_remote
from inficond_panel.errors import DifferenceWarning, ExportError
from inficond_panel.export import EXPORT_AGAIN, differences, load_export
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import Store, open_store
from inficond_panel.tuning.opening import history_of, open_spec_store, store_place, with_typed


def load_students(
    path: str | Path, against: str | Path | Store | TunableStudents | None = None
) -> ConceptStudents:
    """Load the estimator of an export at ``path``: a folder, or a .json, .npz or .onnx file.

    ``against`` is the data on which the estimator will be used: a spec, a store or its folder, or
    ``TunableStudents``. Each difference from the exported students' spec and store gives a
    ``DifferenceWarning``; without ``against`` only the library's version is compared. ``card_`` is
    the model card; ``objective_`` and ``n_iter_`` are not exported.
    Raises ``ExportError`` for an incomplete export.

    >>> _ = students.export("students", ["npz"])
    >>> load_students("students", against=students).predict(students.scores("tune")).shape
    (600, 16)
    """
    students, store = load_export(path), _store(against)
    try:
        facts, made = list(differences(students, store)), estimator(students)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ExportError(
            f"{path} is no complete export: its card does not fit the students ({error!r}).",
            EXPORT_AGAIN,
        ) from error
    for fact in facts:
        warnings.warn(fact, DifferenceWarning, stacklevel=2)
    return made


def _store(against: str | Path | Store | TunableStudents | None) -> Store | None:
    if against is None or isinstance(against, Store):
        return against
    if isinstance(against, TunableStudents):
        return against.tuner.store
    if is_remote(against) or Path(against).is_dir():
        return open_store(against)
    spec = load_spec(find_spec(against), check_files=False)
    store = open_spec_store(against, store_place(spec, None))
    return with_typed(store, history_of(against, spec))
