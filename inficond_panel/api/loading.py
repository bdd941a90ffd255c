"""Fitted estimators from an export, or from a node. Needs scikit-learn."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.api.estimator import ConceptStudents, fitted
from inficond_panel.api.students import TunableStudents
from inficond_panel.errors import DifferenceWarning, ExportError
from inficond_panel.export import Exported, differences, load_export
from inficond_panel.export.folder import as_exported
from inficond_panel.export.model_card import model_card
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import Store, open_store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.opening import open_spec_store, usual_history
from inficond_panel.tuning.typed_concepts import with_typed


def load_students(
    path: str | Path, against: str | Path | Store | TunableStudents | None = None
) -> ConceptStudents:
    """The fitted students in an export: its folder, or its .json, .npz or .onnx file.

    ``against`` is what they are to be used with: a spec, a store or its folder, or the students
    of a spec. What differs from where they were made is said, each by a ``DifferenceWarning``;
    without ``against`` that is the library's version only. The model card is ``card_``;
    ``objective_`` and ``n_iter_`` are not kept.
    Raises ``ExportError`` for a file that holds no whole export.
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


def as_estimator(tuner: Tuner, node: Node) -> ConceptStudents:
    """The students of a node, as ``load_students`` gives them after an export."""
    return estimator(as_exported(tuner, node, model_card(tuner, node)))


def estimator(students: Exported) -> ConceptStudents:
    """Fitted ``ConceptStudents`` with the weights of ``students``, and their card as ``card_``."""
    card = students.card
    certificate = [card["certificate"][name] for name in students.classes]
    gaps = [np.nan if found["value"] is None else found["value"] for found in certificate]
    return fitted(
        _params(students),
        {
            "coef_": students.weights.T.copy(),
            "intercept_": students.intercepts.copy(),
            "class_names_": np.array(students.classes, dtype=object),
            "feature_names_in_": np.array(students.concepts, dtype=object),
            "n_features_in_": len(students.concepts),
            "gap_": np.array(gaps),
            "certificate_": tuple(found["kind"] for found in certificate),
            "card_": card,
        },
    )


def _params(students: Exported) -> dict[str, Any]:
    """What the students were fitted with, bounds included."""
    made: Mapping[str, Any] = students.card["distillation"]
    lower = np.full(students.weights.shape, -np.inf)
    upper = np.full(students.weights.shape, np.inf)
    for bound in students.card["bounds"]:
        place = students.concepts.index(bound["concept"]), students.classes.index(bound["class"])
        lower[place] = -np.inf if bound["lower"] is None else bound["lower"]
        upper[place] = np.inf if bound["upper"] is None else bound["upper"]
    held = bool(students.card["bounds"])
    usual = ConceptStudents().get_params()
    return {
        "lambda_": _by_class(made["lambda"], students.classes),
        "l2": made.get("l2", usual["l2"]),
        "temperature": made["temperature"],
        "tolerance": made.get("tolerance", usual["tolerance"]),
        "threshold": np.array(students.thresholds),
        "lower": lower if held else None,
        "upper": upper if held else None,
    }


def _by_class(value: float | Mapping[str, float], classes: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return np.array([value[name] for name in classes])
    return value


def _store(against: str | Path | Store | TunableStudents | None) -> Store | None:
    if against is None or isinstance(against, Store):
        return against
    if isinstance(against, TunableStudents):
        return against.tuner.store
    if Path(against).is_dir():
        return open_store(against)
    spec = load_spec(find_spec(against), check_files=False)
    store = open_spec_store(against, os.environ.get("INFICOND_STORE") or spec.store)
    history = os.environ.get("INFICOND_HISTORY") or usual_history(against, spec)
    return with_typed(store, history)
