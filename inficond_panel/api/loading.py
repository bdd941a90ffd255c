"""Loading of an export as a fitted estimator. Needs scikit-learn."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from inficond_panel.api.estimator import ConceptStudents
from inficond_panel.api.exported_estimator import estimator
from inficond_panel.api.students import TunableStudents
from inficond_panel.errors import DifferenceWarning, ExportError
from inficond_panel.export import differences, load_export
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import Store, open_store
from inficond_panel.tuning.opening import open_spec_store, with_typed


def load_students(
    path: str | Path, against: str | Path | Store | TunableStudents | None = None
) -> ConceptStudents:
    """The fitted students in an export: its folder, or its .json, .npz or .onnx file.

    ``against`` is what they are to be used with: a spec, a store or its folder, or the students
    of a spec. Each difference from where they were made gives a ``DifferenceWarning``;
    without ``against`` that is the library's version only. The model card is ``card_``;
    ``objective_`` and ``n_iter_`` are not kept.
    Raises ``ExportError`` for a file that holds no whole export.

    >>> _ = students.export("students", ["npz"])
    >>> load_students("students", against=students).predict(students.scores("tune")).shape
    (600, 16)
    """
    students, store = load_export(path), _store(against)
    try:
        facts, made = list(differences(students, store)), estimator(students)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ExportError(
            f"{path} holds no whole export: its card is another's ({error!r}).",
            "Export again: inficond export SPEC",
        ) from error
    for fact in facts:
        warnings.warn(fact, DifferenceWarning, stacklevel=2)
    return made


def _store(against: str | Path | Store | TunableStudents | None) -> Store | None:
    if against is None or isinstance(against, Store):
        return against
    if isinstance(against, TunableStudents):
        return against.tuner.store
    if Path(against).is_dir():
        return open_store(against)
    spec = load_spec(find_spec(against), check_files=False)
    store = open_spec_store(against, os.environ.get("INFICOND_STORE") or spec.store)
    history = os.environ.get("INFICOND_HISTORY") or spec.history_of(against)
    return with_typed(store, history)
