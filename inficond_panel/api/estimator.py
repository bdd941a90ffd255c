"""Concept students as a scikit-learn estimator. Needs scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, MultiOutputMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from inficond_panel.api.matched_names import (
    by_class,
    check_rows,
    class_names,
    named_rows,
    named_table,
    names_of,
)
from inficond_panel.common.names import name_key, positions
from inficond_panel.common.ordering import strongest
from inficond_panel.common.teacher_outputs import (
    is_labels,
    logits_fault,
    logits_of,
    probabilities_fault,
)
from inficond_panel.distill import Fit, FitProblem, Scores, decision_function, soft_targets, solve
from inficond_panel.distill.metrics.outcome import decided
from inficond_panel.distill.solver.exact import MAX_ITERATIONS
from inficond_panel.distill.solver.joint import joint_students
from inficond_panel.distill.solver.problem import penalties_of
from inficond_panel.vocabulary.tasks import (
    LINKS,
    MULTI_LABEL,
    SIGMOID,
    SINGLE_LABEL,
    SOFTMAX,
    TASKS,
)

if TYPE_CHECKING:
    from inficond_panel.export import Exported

NO_CLASSES = (
    "ConceptStudents has no classes_, for which scikit-learn's cross_val_predict (but with "
    "method='predict') and CalibratedClassifierCV ask: y holds logits, and these would take its "
    "values for classes. For probabilities by fold, fit and predict_proba on each split of KFold. "
    "To calibrate, fit LogisticRegression to decision_function(X)"
)
#: Number of concepts per student in the notebook table.
_SHOWN = 5

LIKE_LABELS = (
    "y has only the values 0 and 1 and is taken as labels. To confirm this, pass "
    "y_kind='probabilities'; for logits of a teacher pass y_kind='logits'."
)
LIKE_INDICES = (
    "y has only whole numbers, 0 or more, and is taken as logits of one class. To confirm this, "
    "pass y_kind='logits'; of class indices pass a column per class: pandas.get_dummies(y)."
)
LIKE_SIGNS = (
    "y has only the values -1 and 1 and is taken as logits. To confirm this, pass y_kind='logits'; "
    "labels are 0 and 1: pass (y > 0).astype(int)."
)

_UNCLEAR = "y: values {}; pass y_kind='probabilities' or y_kind='logits'"
#: Fewest numbers that a score tells from logits: a few logits look like probabilities by chance.
_MANY = 20


class ConceptStudents(MultiOutputMixin, BaseEstimator):
    """One linear student per class over concept scores, distilled from a teacher's logits.

    Solved exactly (InFiConD, sec. 4.4): mean cross-entropy against ``sigmoid(y / T)`` plus
    ``lambda_`` times the L1 norm, plus ``l2 / 2`` times the squared L2 norm, within bounds.

    Parameters
    ----------
    lambda_ : float or array (K,), default 1e-4
        Weight of the L1 norm of each student.
    l2 : float, default 0.0
        Weight of the squared L2 norm.
    temperature : float, default 1.0
        Divides the teacher's logits only; the students' logits are on the scale of ``y / T``.
    lower, upper : None, float or array broadcast to (C, K), default None
        Bounds on the weights. ``lower=0`` allows no negative influence; equal bounds fix a weight.
    threshold : float or array (K,), default 0.0
        Logit above which a class is decided to be present; used with ``task`` "multi_label".
    tolerance : float, default 1e-6
        Duality gap at which the solver stops, relative to the objective at w = 0.
    max_iter : int, default 100
        Maximum number of Newton steps per student.
    link : "sigmoid" or "softmax", default "sigmoid"
        "sigmoid": one independent student per class. "softmax": one joint student of two or more
        classes, fitted to ``softmax(y / T)``. Its influences are *centred*: the influences of a
        concept sum to 0 over the classes. ``lower`` and ``upper`` bound centred influences, so a
        bound on one class also moves the others. ``l2`` and ``threshold`` are not used. With ``y``
        of one column this is the student of "sigmoid": the softmax of a logit and 0 is its sigmoid.
    task : "multi_label" or "single_label", default "multi_label"
        "multi_label": each class is decided independently. "single_label" (always so with ``link``
        "softmax"): only the likeliest class is decided to be present; of a tie the first.
    y_kind : None, "logits" or "probabilities", default None
        Meaning of ``y``. None: logits; values 0 and 1 are taken as labels (probabilities), whole
        numbers (n,) as logits, both with a warning; other values from 0 to 1 are an error.

    Attributes
    ----------
    coef_ : array (K, C)
        Influences: one row per class, one column per concept.
    intercept_ : array (K,)
    gap_, objective_, n_iter_ : arrays (K,)
        Duality gap, objective, and number of passes over the scores, of each student.
    certificate_ : tuple of str
        For each class ``"gap"``, or ``"kkt"`` if no duality gap exists (see ``distill.fit``).
    class_names_ : array (K,) of str
        Names in ``y`` if ``y`` is a table or series, else ``class0``, ``class1``, ...
    n_features_in_ : int
        Number of concepts C.
    feature_names_in_ : array (C,) of str
        Names of the concepts, if ``X`` is a table of any library.

    Notes
    -----
    ``y`` holds the teacher's *logits*: real numbers (n, K), or (n,) for a single class; with
    ``y_kind="probabilities"`` the teacher's probabilities. The estimator is declared neither
    classifier nor regressor: scikit-learn allows classifiers no continuous targets, and regressors
    no ``predict_proba``.
    """

    def __init__(
        self,
        lambda_: ArrayLike = 1e-4,
        *,
        l2: float = 0.0,
        temperature: float = 1.0,
        lower: ArrayLike | None = None,
        upper: ArrayLike | None = None,
        threshold: ArrayLike = 0.0,
        tolerance: float = 1e-6,
        max_iter: int = MAX_ITERATIONS,
        link: str = SIGMOID,
        task: str = MULTI_LABEL,
        y_kind: str | None = None,
    ) -> None:
        self.lambda_ = lambda_
        self.l2 = l2
        self.temperature = temperature
        self.lower = lower
        self.upper = upper
        self.threshold = threshold
        self.tolerance = tolerance
        self.max_iter = max_iter
        self.link = link
        self.task = task
        self.y_kind = y_kind

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Distill students of scores ``X`` (n, C) from the teacher's logits ``y`` (n,) or (n, K).

        ``sample_weight`` (n,) weights the loss of each image. Raises ``ValueError`` for
        data that cannot be used (``SolverError`` for a problem without a solution).
        """
        X, y = named_table(X, "X"), named_table(y, "y")
        check_rows(X, y)
        names = names_of(y)
        scores, logits = validate_data(
            self, X, y, multi_output=True, y_numeric=True, dtype=[np.float64, np.float32]
        )
        if not 0 < self.temperature < np.inf:
            raise ValueError(f"temperature must be a positive number, got {self.temperature!r}")
        if self.link not in LINKS:
            raise ValueError(f"link must be 'sigmoid' or 'softmax', got {self.link!r}")
        if self.task not in TASKS:
            raise ValueError(f"task must be 'multi_label' or 'single_label', got {self.task!r}")
        self._single = logits.ndim == 1
        logits = logits.reshape(len(scores), -1)
        self._joint = self.link == SOFTMAX and logits.shape[1] > 1
        logits = self._logits(logits)
        weight = None
        if sample_weight is not None:
            check_rows(X, sample_weight, "sample_weight")
            weight = _check_sample_weight(sample_weight, scores, dtype=np.float64)
        classes = logits.shape[1]
        named = list(class_names(names, classes))
        l1 = penalties_of(by_class(self.lambda_, named, "lambda_"), classes, "lambda_")
        by_class(self.threshold, named, "threshold")
        bounds = [self._bound(side, named) for side in ("lower", "upper")]
        options: dict[str, Any] = {"tolerance": self.tolerance, "max_iterations": self.max_iter}
        others = np.empty((len(logits), 0)) if self._joint else None
        targets = soft_targets(logits, self.temperature, others)
        problem = FitProblem(Scores.of(scores), targets, l1, self.l2, weight, *bounds)
        if self.link == SOFTMAX and self.l2:
            raise ValueError("l2 is not used with link='softmax'")
        students = (joint_students if self._joint else solve)(problem, **options)
        self._y_named = names is not None
        return self._take(students, np.array(named, dtype=object))

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the students' logits on scores ``X``, (n,) or (n, K) like the ``y`` of ``fit``."""
        check_is_fitted(self)
        X = named_table(X, "X")
        scores = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        logits = decision_function(scores, self.coef_.T, self.intercept_)
        return logits[:, 0] if self._single else logits

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class; rows sum to 1 only with link "softmax"."""
        logits = self.decision_function(X)
        return softmax(logits, axis=1) if self._joint else expit(logits)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return decisions: 1 where the logit is above ``threshold``, else 0; with task
        "single_label" 1 for the likeliest class."""
        return self._decide(self.decision_function(X))

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean fidelity: share of decisions on which students and teacher agree.

        ``y`` holds teacher logits; with labels in {0, 1} the score is the mean accuracy, unless
        ``y_kind`` is "logits". Columns of a table ``y`` are matched by class name. Raises
        ``ValueError`` for probabilities, unless ``y_kind`` says that ``y`` has them.
        """
        X, y = named_table(X, "X"), named_table(y, "y")
        check_rows(X, y)
        decided = self.predict(X)
        logits = self._in_order(y)
        if self.y_kind == "probabilities":
            logits = logits_of(logits, self._joint)
        elif self.y_kind is None and (fault := self._score_fault(logits)):
            raise ValueError(_UNCLEAR.format(fault))
        if logits.shape != decided.shape:
            raise ValueError(f"y has shape {logits.shape}, the predictions have {decided.shape}")
        labels = self.y_kind is None and is_labels(logits)
        right = logits if labels else self._decide(logits)
        alike = (decided == right).reshape(len(decided), -1).mean(axis=1)
        weight = None if sample_weight is None else np.asarray(sample_weight)
        return float(np.average(alike, weights=weight))

    @property
    def classes_(self) -> np.ndarray:
        """Not available: ``y`` holds logits, not classes. ``class_names_`` has the names."""
        raise AttributeError(NO_CLASSES)

    def _in_order(self, y: Any) -> np.ndarray:
        """Return ``y`` as array, the columns of a table in the order of the classes."""
        named = names_of(y) if isinstance(y, pd.Series) and self._y_named else None
        if named and named != list(self.class_names_):
            classes = ", ".join(self.class_names_[:5])
            raise ValueError(f"y is named {named[0]!r}; the classes are {classes}")
        if not isinstance(y, pd.DataFrame) or not self._y_named:
            return np.asarray(y)
        at = positions(y.columns)
        lost = [name for name in self.class_names_ if name_key(name) not in at]
        if lost or len(at) > len(self.class_names_):
            wrong = f"no column for the class {lost[0]!r}" if lost else "columns of other classes"
            raise ValueError(f"y has {wrong}; the classes are {', '.join(self.class_names_[:5])}")
        return y.iloc[:, [at[name_key(name)] for name in self.class_names_]].to_numpy()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Return scikit-learn's display of the parameters, and a table of fitted students."""
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle and self.__sklearn_is_fitted__():
            bundle["text/html"] += self._students().to_html(float_format="%.2g", na_rep="–")
        return bundle

    def _repr_html_(self) -> str | None:
        return self._repr_mimebundle_().get("text/html")

    def _students(self) -> pd.DataFrame:
        """Return a row per class: number of concepts, strongest concepts, duality gap."""
        usual = [f"concept{j}" for j in range(self.n_features_in_)]
        concepts = getattr(self, "feature_names_in_", usual)
        influences = [
            ", ".join(f"{concepts[j]} {row[j]:+.2f}" for j in strongest(row)[:_SHOWN] if row[j])
            for row in self.coef_
        ]
        columns = {
            "concepts": np.count_nonzero(self.coef_, axis=1),
            "strongest": influences,
            "duality gap": self.gap_,
        }
        return pd.DataFrame(columns, index=pd.Index(self.class_names_, name="class"))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")  # scikit-learn would take parameter lambda_ for a result

    def _logits(self, values: np.ndarray) -> np.ndarray:
        if self.y_kind not in (None, "logits", "probabilities"):
            raise ValueError(f"y_kind must be None, 'logits' or 'probabilities': {self.y_kind!r}")
        if values.dtype.kind not in "fiub":
            raise ValueError(f"y must be numbers, got {values[0, 0]!r}: pandas.get_dummies(y)")
        labels = self.y_kind is None and is_labels(values)
        if labels:
            warnings.warn(LIKE_LABELS, UserWarning, stacklevel=3)
        elif self.y_kind is None and (fault := logits_fault(values)):
            raise ValueError(_UNCLEAR.format(fault))
        elif self.y_kind is None and (doubt := self._doubt(values)):
            warnings.warn(doubt, UserWarning, stacklevel=3)
        if self.y_kind != "probabilities" and not labels:
            return values
        if fault := probabilities_fault(values, self._joint):
            raise ValueError(f"y: values {fault}")
        return logits_of(values, self._joint)

    def _doubt(self, values: np.ndarray) -> str:
        """Return why what is taken as logits (n, K) may be none; "" if nothing tells so."""
        if (np.abs(values) == 1).all():
            return LIKE_SIGNS
        if values.shape[1] == 1 and (values == abs(values) // 1).all():
            return LIKE_INDICES
        together = self._joint or self.task == SINGLE_LABEL
        fault = logits_fault(values, together) if len(values) >= _MANY else ""
        return fault and f"y: values {fault}. To confirm them as logits, pass y_kind='logits'."

    @staticmethod
    def _score_fault(values: np.ndarray) -> str:
        """Return why ``y`` of a score is neither logits nor labels; "" if it may be."""
        clear = values.size < _MANY or is_labels(values)
        return "" if clear else logits_fault(values.reshape(len(values), -1))

    def _decide(self, logits: np.ndarray) -> np.ndarray:
        table = logits.reshape(len(logits), -1)
        threshold = by_class(self.threshold, list(self.class_names_), "threshold")
        limits = np.broadcast_to(threshold, table.shape[1:])
        task = self.task
        if self.link == SOFTMAX:
            task = SINGLE_LABEL if self._joint else MULTI_LABEL
        return decided(table, limits, task).reshape(logits.shape).astype(np.int64)

    def _bound(self, name: str, classes: list[str]) -> np.ndarray | None:
        """Return the bounds (C, K) of the argument ``name``, a table by the names of concepts and
        classes; None if it is None."""
        bound, shape = getattr(self, name), (self.n_features_in_, len(classes))
        if isinstance(bound, pd.DataFrame):
            concepts = list(getattr(self, "feature_names_in_", []))
            bound = named_rows(by_class(bound.T, classes, name).T, concepts, name)
        try:
            return None if bound is None else np.broadcast_to(np.asarray(bound, np.float64), shape)
        except ValueError:
            what = f"has shape {np.shape(bound)}" if np.shape(bound) else f"is {bound!r}"
            raise ValueError(
                f"{name} {what}; expected a number, or an array (concepts, classes), {shape}"
            ) from None

    def _take(self, fit: Fit, names: np.ndarray) -> Self:
        self.coef_, self.intercept_ = fit.weights.T.copy(), fit.intercepts
        self.gap_, self.certificate_, self.objective_ = fit.gap, fit.certificate, fit.objective
        self.n_iter_ = fit.iterations + 1  # the last pass certifies
        self.class_names_ = names
        late = names[~fit.converged]
        if len(late):
            warnings.warn(
                f"Gap above {self.tolerance:g} after {self.max_iter} steps: {', '.join(late)}. "
                "Raise max_iter or tolerance.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self


def estimator(students: Exported) -> ConceptStudents:
    """Return fitted ``ConceptStudents`` with weights and model card (``card_``) of an export."""
    card = students.card
    certificate = [card["certificate"][name] for name in students.classes]
    gaps = [np.nan if gap["value"] is None else gap["value"] for gap in certificate]
    made = ConceptStudents(**_params(students))
    made.__dict__.update(
        coef_=students.weights.T.copy(),
        intercept_=students.intercepts.copy(),
        class_names_=np.array(students.classes, dtype=object),
        feature_names_in_=np.array(students.concepts, dtype=object),
        n_features_in_=len(students.concepts),
        gap_=np.array(gaps),
        certificate_=tuple(gap["kind"] for gap in certificate),
        card_=card,
        _single=False,
        _joint=students.link == SOFTMAX,
        _y_named=True,
    )
    return made


def _params(students: Exported) -> dict[str, Any]:
    """Return the parameters of ``ConceptStudents``, bounds included, from the model card."""
    made: Mapping[str, Any] = students.card["distillation"]
    lower = np.full(students.weights.shape, -np.inf)
    upper = np.full(students.weights.shape, np.inf)
    for bound in students.card["bounds"]:
        position = students.concepts.index(bound["concept"]), students.classes.index(bound["class"])
        lower[position] = -np.inf if bound["lower"] is None else bound["lower"]
        upper[position] = np.inf if bound["upper"] is None else bound["upper"]
    held, penalty = bool(students.card["bounds"]), made["lambda"]
    if isinstance(penalty, Mapping):
        penalty = np.array([penalty[name] for name in students.classes])
    usual = ConceptStudents().get_params()
    return {
        "lambda_": penalty,
        "l2": made.get("l2", usual["l2"]),
        "temperature": made["temperature"],
        "tolerance": made.get("tolerance", usual["tolerance"]),
        "threshold": np.array(students.thresholds),
        "lower": lower if held else None,
        "upper": upper if held else None,
        "link": students.link,
        "task": students.task,
    }
