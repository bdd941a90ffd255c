"""A pocket: a small network from pixels to the scores of the concepts that students use.

A trunk gives features of the whole photo (``precompute.pipeline.pocket_features``), a linear layer
in closed form the scores (``distill.ridge``), learned on the images of ``fit`` from the store's own
scores, without a label. The trunk is frozen, or was fine-tuned to give these scores before
(``precompute.teachers.trunk_tuning``). On the scores stand students: those of the iteration as they
are, or refitted to the same targets within the same bounds; the pair with the higher mean AP on
``tune`` is chosen. A refit learns from scores that the layer gives to images it has not seen, since
those are the scores that it will get.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.arrays import empty
from inficond_panel.common.installation import needs
from inficond_panel.common.numbers import count
from inficond_panel.common.progress import Progress, no_progress, part_of
from inficond_panel.distill import Outcome, Scores, decision_function, solve
from inficond_panel.distill.metrics.bootstrap import class_mean
from inficond_panel.distill.metrics.outcome import Cutoffs
from inficond_panel.distill.ridge import Ridge, explained, fit_ridge
from inficond_panel.distill.solver.joint import joint_students
from inficond_panel.distill.sources import Array
from inficond_panel.errors import DataError, ExportError, Remedy
from inficond_panel.export.exported import Exported
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.thumbs import box
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import FIT, HOLDOUT, TUNE
from inficond_panel.vocabulary.tasks import SIGMOID

if TYPE_CHECKING:
    from precompute.pipeline.pocket_features import TrunkFeatures
    from precompute.teachers.trunk import TrunkName

#: Kinds of students over a pocket's scores.
SAME, REFITTED = "students as they are", "students refitted"
#: Factor from which a score of a layer counts as constant.
_LARGEST_FACTOR = 1e6


@dataclass(frozen=True, eq=False)
class LinearStudents:
    """Linear students over the used concepts: ``weights`` ``(C, K)``, ``intercepts`` ``(K,)``."""

    weights: Array
    intercepts: Array


@dataclass(frozen=True, eq=False)
class Pocket:
    """A small network with students of ``node``.

    ``network`` has the trunk with its features of images of the store, ``used`` are the indices
    ``(C,)`` of the concepts that the students use, ``layer`` gives their scores, ``kinds`` are the
    students over them, and ``kind`` is the key of the chosen ones. ``head`` is a layer from the
    features straight to the teacher's logits, without concepts, to compare with. ``errors`` are the
    errors of fine-tuning on ``tune``, at first and after each epoch; empty for a frozen trunk.
    """

    tuner: Tuner
    node: Node
    network: TrunkFeatures
    used: NDArray[np.intp]
    layer: Ridge
    head: Ridge
    kinds: Mapping[str, LinearStudents]
    kind: str = SAME
    errors: tuple[float, ...] = ()

    @property
    def concepts(self) -> list[str]:
        """Names of the used concepts."""
        return [self.tuner.store.concepts[c] for c in self.used]

    @property
    def students(self) -> LinearStudents:
        """The chosen students."""
        return self.kinds[self.kind]

    @cached_property
    def mean_score(self) -> Array:
        """Mean ``(C,)`` of the scores of unseen images of ``fit``."""
        return np.asarray(self.layer.unseen.mean(axis=0))

    def features(self, split: str) -> NDArray:
        """Return the features ``(n, F)`` of the images of a split, as the layers take them."""
        return features_on(self.network, self.tuner.store.rows(split))

    def scores(self, split: str) -> Array:
        """Return the scores ``(n, C)`` of the images of a split; of ``fit`` those of a layer that
        has not seen the image."""
        return self.layer.unseen if split == FIT else self.layer.values(self.features(split))

    def logits(self, split: str, kind: str = "") -> Array:
        """Return the logits ``(n, K)`` of the chosen students, or of another kind, on a split."""
        return self.logits_of(self.scores(split), kind)

    def logits_of(self, scores: Array, kind: str = "") -> Array:
        """Return the logits ``(n, K)`` of the students for scores ``(n, C)``."""
        of, link = self.kinds[kind or self.kind], self.tuner.spec.students.link
        return decision_function(scores, of.weights, of.intercepts, link)

    def explained(self, split: str = TUNE) -> Array:
        """Return the share ``(C,)`` of the variance of each score on a split that the layer
        explains (R²)."""
        store = self.tuner.store
        own = store.concept_score[store.rows(split)][:, self.used]
        return explained(own, self.scores(split))

    def exported(self, card: Mapping[str, Any]) -> Exported:
        """Return the chosen students as an export over the used concepts."""
        tuner = self.tuner
        return Exported(
            weights=self.students.weights,
            intercepts=self.students.intercepts,
            classes=tuple(tuner.store.classes),
            concepts=tuple(self.concepts),
            thresholds=tuner.thresholds,
            card=card,
            link=tuner.spec.students.link,
            task=tuner.store.task,
        )


def has_roots(network: TrunkFeatures) -> bool:
    """Return True if layers take the square roots of a trunk's features: if none is below 0, as
    after a ReLU. Such features are skewed, and their roots give better linear layers."""
    return bool((network.features >= 0).all())


def features_on(network: TrunkFeatures, rows: NDArray[np.intp]) -> NDArray:
    """Return the features ``(n, F)`` of images of the store, as the layers take them."""
    features = network.features[np.searchsorted(network.rows, rows)]
    return np.sqrt(features) if has_roots(network) else features


def trunk_name(text: str, side: int = 0) -> TrunkName:
    """Return the trunk that a text names (``precompute.teachers.trunk``); raises ``DataError`` for
    one that names none, and for a file that is missing."""
    with needs("A pocket", "precompute", "onnx"):
        from precompute.teachers.trunk import TrunkName  # noqa: PLC0415 - an extra
    return TrunkName.of(text, side)


def usual_trunk(tuner: Tuner) -> tuple[str, str]:
    """Return the name of the trunk that is taken unless one is named, and a sentence on why; raises
    as ``precompute.teachers.trunk.usual_trunk``."""
    with needs("A pocket", "precompute", "onnx"):
        from precompute.pipeline.pocket_features import usual_trunk_of  # noqa: PLC0415 - an extra
    tuner.spec.check_making()
    return usual_trunk_of(tuner.spec, tuner.store)


def trunk_names(tuner: Tuner, text: str, sides: Sequence[int]) -> tuple[list[TrunkName], list[str]]:
    """Return the trunk that a text names, or the usual one if it is empty, for each side of the
    input once, and sentences on the choice. Raises ``DataError`` for a store without photos, and as
    ``trunk_name`` and ``usual_trunk``."""
    if lacking := tuner.store.lacks("photos"):
        raise DataError(
            f"A small network decides on photos. {lacking}",
            "Export the students: " + Remedy("`inficond export`", "`students.export(folder)`"),
        )
    chosen, *sentences = (text,) if text else usual_trunk(tuner)
    return [trunk_name(chosen, side) for side in dict.fromkeys(sides)], sentences


def outcomes_of(
    tuner: Tuner, logits: NDArray, split: str, *, of_students: bool = True
) -> list[Outcome]:
    """Return labels, logits ``(n, K)`` and decisions by class on a split, beside the teacher's
    decisions; ``of_students`` is False for log-odds of the teacher or of a head."""
    store, rows = tuner.store, tuner.store.rows(split)
    link = tuner.spec.students.link if of_students else SIGMOID
    cutoffs, group = Cutoffs(logits, tuner.thresholds, store.task, link), store.groups_on(split)
    teacher = tuner.decided(store.teacher_log_odds[rows])
    return [
        Outcome(store.label[rows, k], logits[:, k], teacher[:, k], cutoffs.of(k), group=group)
        for k in range(len(store.classes))
    ]


def learn_pocket(
    tuner: Tuner,
    node: Node,
    name: TrunkName,
    *,
    holdout: bool = False,
    epochs: int = 0,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Pocket:
    """Learn a pocket for the students of ``node`` with a trunk; no pocket is written.

    With ``holdout`` it can be measured there, too. With ``epochs`` the trunk is fine-tuned before,
    for so many epochs at most. Raises ``ExportError`` if no student uses a
    concept, ``DataError`` without images or photos, and the errors of ``load_trunk``.
    """
    with needs("A pocket", "precompute", "onnx"):
        from precompute.pipeline import pocket_features as pipeline  # noqa: PLC0415 - an extra
        from precompute.teachers.trunk_tuning import Start  # noqa: PLC0415 - an extra
    tuner.spec.check_making()
    used = used_concepts(tuner, node)
    _check(tuner, node, used)
    store = tuner.store
    splits = (FIT, TUNE, *((HOLDOUT,) if holdout else ()))
    progress(0.0, "Loading the trunk")
    trunk = pipeline.trunk_of(tuner.spec, store, name)
    seen, trained = (0.9, 0.9) if not epochs else (0.2, 0.9)
    network = pipeline.pocket_features(
        tuner.spec, store, trunk, splits, part_of(progress, 0.0, seen)
    )
    layer = _layer(tuner, network, used, part_of(progress, seen, trained))
    errors: tuple[float, ...] = ()
    if epochs:
        weights, roots = node.weights[used], has_roots(network)
        start = Start(network.trunk, layer.weight, layer.bias, weights, roots)
        network, errors = pipeline.fine_tuned(
            tuner.spec,
            store,
            network,
            splits,
            start,
            used,
            epochs,
            seed,
            part_of(progress, seen, trained),
        )
        layer = _layer(tuner, network, used, part_of(progress, trained, 1.0))
    fit = store.rows(FIT)
    head = fit_ridge(features_on(network, fit), store.teacher_log_odds[fit], store.groups_on(FIT))
    same = LinearStudents(node.weights[used], node.intercepts)
    kinds = {SAME: same, REFITTED: refitted_students(tuner, node, layer.unseen, used)}
    pocket = Pocket(tuner, node, network, used, layer, head, kinds, errors=errors)
    return replace(pocket, kind=max(kinds, key=lambda kind: _mean_ap(pocket, kind)))


def _layer(
    tuner: Tuner, network: TrunkFeatures, used: NDArray[np.intp], progress: Progress
) -> Ridge:
    """Return the layer from a trunk's features to the scores of the used concepts."""
    store, fit = tuner.store, tuner.store.rows(FIT)
    progress(0.0, f"Fitting {count(len(used), 'score')} on {count(len(fit), 'image')}")
    return fit_ridge(
        features_on(network, fit), store.concept_score[fit][:, used], store.groups_on(FIT)
    )


def _check(tuner: Tuner, node: Node, used: NDArray[np.intp]) -> None:
    """Raise an error for students or a store from which no pocket can be learned."""
    if not node.weights.any():
        raise ExportError(
            f"No student of #{node.number} uses a concept: all its weights are 0.",
            "Take a smaller students.lambda, or another iteration.",
        )
    if not tuner.store.rows(TUNE).size:
        raise DataError(
            "The split 'tune' has no images to measure a pocket on.",
            "Name images in the spec, dataset.splits.tune.",
        )


def _mean_ap(pocket: Pocket, kind: str) -> float:
    logits = pocket.logits(TUNE, kind)
    value = float(class_mean(outcomes_of(pocket.tuner, logits, TUNE), AP.key)[0])
    return -1.0 if np.isnan(value) else value


def used_concepts(tuner: Tuner, node: Node) -> NDArray[np.intp]:
    """Return the indices of the concepts that a pocket of ``node`` has scores of: those that its
    students use, and those of its thumbs."""
    adjusted = [thumb for of in tuner.terms(node).values() for thumb in of.adjusted]
    names = {name for thumb in adjusted for name in thumb.concepts}
    with_thumb = np.isin(np.array(tuner.store.concepts), [*names])
    return np.flatnonzero((node.weights != 0).any(axis=1) | with_thumb)


def refitted_students(
    tuner: Tuner, node: Node, scores: Array, used: NDArray[np.intp]
) -> LinearStudents:
    """Return students fitted to the targets of ``node`` over scores ``(n, C)`` of ``fit``, within
    its bounds; images that repairs added are left out.

    A score that a layer gives varies less than the store's. For the fit it is scaled to vary as
    much, so that influences cost and are bounded as before. Thumbs change the targets by these
    scores, not by the store's: of a score that the layer knows in part, students would learn only
    this part of a thumb.
    """
    own = tuner.store.scores_of(FIT)[:, used].astype(np.float64)
    factor = own.std(axis=0) / np.maximum(scores.std(axis=0), np.finfo(float).tiny)
    factor = np.where((factor > 0) & (factor < _LARGEST_FACTOR), factor, 1.0)
    scaled = own.mean(axis=0) + (scores - scores.mean(axis=0)) * factor
    data = tuner.data_at(node, _with_columns(tuner, node, used, scaled))
    inside = np.arange(len(data.images)) < data.images.of_split
    classes = range(len(tuner.store.classes))
    problem = data.joint_problem(inside) if tuner.joint else data.problem([*classes], inside)
    table = np.zeros((len(inside), len(used)))
    table[inside] = scores * factor
    table[~inside] = table[inside].mean(axis=0)  # images of weight 0
    limits = box(node.bounds, tuner.store.classes, tuner.store.concepts)
    l1 = np.asarray(problem.l1)
    over = replace(problem, scores=Scores(table), l1=l1[used] if l1.ndim == 2 else l1)
    over = over.within(*(side[used] for side in limits))
    fitted = joint_students(over) if tuner.joint else solve(over)
    return LinearStudents(fitted.weights * factor[:, None], fitted.intercepts)


def _with_columns(
    tuner: Tuner, node: Node, used: NDArray[np.intp], scores: Array
) -> NDArray | None:
    """Return the store's scores of ``fit`` with ``scores`` in the columns ``used``; None if no
    thumb of ``node`` reads them."""
    if not any(of.adjusted for of in tuner.terms(node).values()):
        return None
    own = tuner.store.scores_of(FIT)
    table = empty(own.shape, np.float32)
    table[:] = own
    table[:, used] = scores
    return table
