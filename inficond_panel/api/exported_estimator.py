"""Estimators with the weights of exported students or of an iteration. Needs scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inficond_panel.api.estimator import ConceptStudents, fitted
from inficond_panel.export import Exported
from inficond_panel.export.folder import as_exported
from inficond_panel.export.model_card import model_card
from inficond_panel.tuning import Node, Tuner


def as_estimator(tuner: Tuner, node: Node) -> ConceptStudents:
    """Return the students of an iteration as the estimator that ``load_students`` would return."""
    return estimator(as_exported(tuner, node, model_card(tuner, node)))


def estimator(students: Exported) -> ConceptStudents:
    """Return fitted ``ConceptStudents`` with weights and model card (``card_``) of an export."""
    card = students.card
    certificate = [card["certificate"][name] for name in students.classes]
    gaps = [np.nan if gap["value"] is None else gap["value"] for gap in certificate]
    return fitted(
        _params(students),
        {
            "coef_": students.weights.T.copy(),
            "intercept_": students.intercepts.copy(),
            "class_names_": np.array(students.classes, dtype=object),
            "feature_names_in_": np.array(students.concepts, dtype=object),
            "n_features_in_": len(students.concepts),
            "gap_": np.array(gaps),
            "certificate_": tuple(gap["kind"] for gap in certificate),
            "card_": card,
        },
    )


def _params(students: Exported) -> dict[str, Any]:
    """Return the parameters of ``ConceptStudents``, bounds included, from the model card."""
    made: Mapping[str, Any] = students.card["distillation"]
    lower = np.full(students.weights.shape, -np.inf)
    upper = np.full(students.weights.shape, np.inf)
    for bound in students.card["bounds"]:
        position = students.concepts.index(bound["concept"]), students.classes.index(bound["class"])
        lower[position] = -np.inf if bound["lower"] is None else bound["lower"]
        upper[position] = np.inf if bound["upper"] is None else bound["upper"]
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
        "link": students.link,
        "task": students.task,
    }


def _by_class(value: float | Mapping[str, float], classes: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return np.array([value[name] for name in classes])
    return value
