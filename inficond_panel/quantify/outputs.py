"""Outputs of teacher and oracle (the teacher on inputs reinforced with their labels) on a split:
reliability, entropy, and separation of groups of images.

The reliability diagram (Murphy and Winkler 1977, Applied Statistics 26; Guo et al. 2017, ICML, sec.
2) shows, for each bin of images, the frequency of the class against its mean probability. The
expected calibration error (ECE) is the mean distance from the diagonal, by images; bins and formula
are as in ``distill.metrics.calibration``. Lee et al. (BMVC 2023, eq. 5) use the ECE of the
softmax's likeliest class; with several labels per image each class has a separate probability.
Pooled, each pair of an image and a class is one event.

Separation is measured as in Lee et al. (BMVC 2023, sec. 4.1, eq. 6, figures 3 and 4). Their images
have one label, which is the group. With several labels per image, choose the groups:
``single_label_groups`` or ``label_set_groups``. Needs scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit

from inficond_panel.common.installation import needs
from inficond_panel.common.teacher_outputs import log_odds, logits_of, softmax_of
from inficond_panel.distill import ece, ece_floor
from inficond_panel.distill.metrics.calibration import BINS, EQUAL_MASS, bin_of
from inficond_panel.distill.metrics.formulas import ratio
from inficond_panel.distill.metrics.outcome import likeliest
from inficond_panel.distill.metrics.top_class import one_of_classes
from inficond_panel.errors import DataError
from inficond_panel.store import Store
from inficond_panel.store.checks import class_positions
from inficond_panel.store.teacher_outputs import oracle_logits, oracle_others
from inficond_panel.vocabulary.splits import FIT
from inficond_panel.vocabulary.tasks import SINGLE_LABEL


@dataclass(frozen=True)
class Outputs:
    """Labels ``(n, K)`` and outputs of teacher and oracle on the n images of a split.

    The dicts have the keys "teacher" and, if there is an oracle, "oracle". ``logits`` are the
    log-odds ``(n, K)`` of each class; ``raw`` ``(n, K + M)`` are the outputs of a softmax teacher,
    with its M other classes (without it: ``logits``); ``whole`` ``(n, K + M)`` is the distribution
    over classes, only for data with one class per image. ``images`` are image ids.
    """

    split: str
    images: tuple[str, ...]
    classes: tuple[str, ...]
    label: NDArray
    logits: dict[str, NDArray]
    raw: dict[str, NDArray] = field(default_factory=dict)
    whole: dict[str, NDArray] = field(default_factory=dict)

    def representation(self, kind: str) -> NDArray:
        """Return the outputs of ``kind``, "teacher" or "oracle", that silhouettes and t-SNE maps
        use: ``(n, K)`` or ``(n, K + M)``."""
        return self.raw.get(kind, self.logits[kind])

    def likeliest(self, kind: str) -> Reliability:
        """Return the reliability diagram of the likeliest class of ``kind``, teacher or oracle.

        For one class per image (Lee et al., eq. 5). An event is an image, with the probability of
        its predicted class; the event is present if the predicted class equals the label.
        """
        whole = self.whole[kind]
        named, confidence = likeliest(whole), whole.max(axis=1)
        label = class_positions(self.label)
        right = np.where(label < 0, -1, (named == label).astype(int))
        return reliability(right, logits_of(confidence[:, None])[:, 0])

    def pooled(self, kind: str, equal_mass: bool = EQUAL_MASS) -> Reliability:
        """Return the reliability diagram of all classes pooled; ``kind``: teacher or oracle."""
        return reliability(self.label, self.logits[kind], equal_mass=equal_mass)

    def by_class(self, kind: str, equal_mass: bool = EQUAL_MASS) -> dict[str, Reliability]:
        """Return the reliability diagram of each class, by name; ``kind``: teacher or oracle."""
        return {
            name: reliability(self.label[:, k], self.logits[kind][:, k], equal_mass=equal_mass)
            for k, name in enumerate(self.classes)
        }


def outputs_on(store: Store, split: str) -> Outputs:
    """Return the teacher's outputs on a split, and on ``fit`` the oracle's if the store has them.

    Raises ``DataError`` for oracle logits that are not finite.
    """
    rows = store.rows(split)
    logits = {"teacher": (store.teacher_logit[rows], store.other_logit[rows])}
    if split == FIT and store.has("oracle_logit"):
        logits["oracle"] = oracle_logits(store), oracle_others(store)
    return made_outputs(store, split, logits)


def made_outputs(store: Store, split: str, found: Mapping[str, tuple[NDArray, NDArray]]) -> Outputs:
    """Make ``Outputs`` on a split; ``found`` holds, by kind (teacher, oracle), logits ``(n, K)`` of
    the classes and ``(n, M)`` of the teacher's other classes."""
    rows = store.rows(split)
    images = tuple(store.images[row] for row in rows)
    facts = split, images, tuple(store.classes), store.label[rows]
    single, softmax = store.task == SINGLE_LABEL, store.activation == "softmax"
    logits, raw, whole = {}, {}, {}
    for kind, (of_classes, other) in found.items():
        logits[kind] = raw[kind] = np.asarray(of_classes)
        if softmax:
            logits[kind] = log_odds(of_classes, other).astype(np.float32)
            raw[kind] = np.hstack([of_classes, other])
        if single:
            empty = np.empty((len(of_classes), 0))
            whole[kind] = softmax_of(raw[kind], empty) if softmax else one_of_classes(of_classes)
    return Outputs(*facts, logits, raw, whole)


Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """Reliability diagram with B bins of probability; arrays ``(B,)``, nan for an empty bin.

    Bins reach from ``lower`` to ``upper`` (of equal mass: the least and largest probability in the
    bin). ``probability`` is the mean probability in a bin, ``frequency`` the share of the bin's
    ``events`` in which the class is present. ``floor`` is the ECE that perfectly calibrated logits
    would show on as many events.
    """

    lower: Array
    upper: Array
    events: NDArray[np.int64]
    probability: Array
    frequency: Array
    ece: float
    floor: float


def reliability(
    label: NDArray, logit: NDArray, bins: int = BINS, equal_mass: bool = EQUAL_MASS
) -> Reliability:
    """Compute the reliability diagram of labels (1, 0; -1 is left out) and logits of equal shape.

    The shape is ``(n,)``, or ``(n, K)``, of which the classes are pooled. Bins are of equal width,
    or with ``equal_mass`` hold equally many events."""
    label, logit = np.asarray(label).ravel(), np.asarray(logit, dtype=np.float64).ravel()
    known = label >= 0
    probability, positive = expit(logit[known]), label[known] > 0
    where = bin_of(probability, bins, equal_mass) if len(probability) else np.zeros(0, np.intp)
    events = np.bincount(where, minlength=bins)
    edges = np.linspace(0, 1, bins + 1)
    lower, upper = edges[:-1], edges[1:]
    if equal_mass:
        lower, upper = np.full((2, bins), np.nan)
        np.fmin.at(lower, where, probability)
        np.fmax.at(upper, where, probability)
    return Reliability(
        lower=lower,
        upper=upper,
        events=events,
        probability=ratio(np.bincount(where, probability, bins), events),
        frequency=ratio(np.bincount(where, positive, bins), events),
        ece=ece(label, logit, bins, equal_mass),
        floor=ece_floor(logit[known], bins, equal_mass),
    )


def pooled_errors(
    label: NDArray, logit: NDArray, equal_mass: bool = EQUAL_MASS
) -> tuple[Array, Array]:
    """Return per image the errors (probability less label) summed by bin, and its events ``(n,)``.

    The errors are ``(n, BINS)``, from labels and logits ``(n, K)``, with classes pooled. For fixed
    bins, the ECE with counts ``c`` of the images is ``abs(c @ errors).sum() / (c @ events)``."""
    label, logit = np.asarray(label), np.asarray(logit, dtype=np.float64)
    known = label >= 0
    errors = np.zeros((len(label), BINS))
    if known.any():
        probability = expit(logit[known])
        where = bin_of(probability, BINS, equal_mass)
        np.add.at(errors, (np.nonzero(known)[0], where), probability - (label[known] > 0))
    return errors, known.sum(axis=1).astype(np.float64)


def entropy(logit: NDArray) -> Array:
    """Return the entropy H(sigmoid(logit)) of each output, in nats, in the shape of the logits.

    The sum over classes is the entropy of an image's outputs if they are independent, the
    counterpart of the softmax's entropy for one label per image (Lee et al. 2023, sec. 4.1).
    """
    logit = np.asarray(logit, dtype=np.float64)
    return np.asarray(entr(expit(logit)) + entr(expit(-logit)))


#: Largest number of images for a silhouette, whose time grows with its square.
MOST = 4000


@dataclass(frozen=True)
class ImageGroups:
    """Division of n images into groups: ``of`` (n,) is the index of each image's group, or -1.

    ``names`` are the groups' names, ``rule`` describes how they were made."""

    of: NDArray[np.int64]
    names: tuple[str, ...]
    rule: str

    @property
    def images(self) -> int:
        """Number of images that are in any group."""
        return int((self.of >= 0).sum())


def single_label_groups(label: NDArray, classes: Sequence[str], least: int = 2) -> ImageGroups:
    """Group the images with exactly one class by that class; labels ``(n, K)`` in {1, 0, -1}.

    Images with an ignored label are left out, as are classes with fewer than ``least`` images.
    """
    label = np.asarray(label)
    single = ((label == 1).sum(axis=1) == 1) & (label >= 0).all(axis=1)
    of = np.where(single, label.argmax(axis=1), -1)
    return large_groups(of, list(classes), least, "images with one label, by that label")


def label_set_groups(label: NDArray, classes: Sequence[str], least: int = 2) -> ImageGroups:
    """Group the images by the set of classes that they show, from labels ``(n, K)`` in {1, 0, -1}.

    Images without any class form the group "none". Images with an ignored label are left out, as
    are sets with fewer than ``least`` images."""
    label = np.asarray(label)
    of = np.full(len(label), -1)
    known = (label >= 0).all(axis=1)
    sets, of[known] = np.unique(label[known], axis=0, return_inverse=True)
    names = [" + ".join(np.array(classes)[row == 1]) or "none" for row in sets]
    return large_groups(of, names, least, "images by the set of their labels")


def sample(groups: ImageGroups, most: int = MOST, seed: int = 0) -> ImageGroups:
    """Draw at most ``most`` of the images in groups, without replacement; return their groups.

    Groups with fewer than two drawn images are left out."""
    inside = np.flatnonzero(groups.of >= 0)
    if len(inside) <= most:
        return groups
    drawn = np.random.default_rng(seed).choice(inside, most, replace=False)
    of = np.full(len(groups.of), -1)
    of[drawn] = groups.of[drawn]
    return large_groups(of, list(groups.names), 2, f"{groups.rule}, {most} of {len(inside)} drawn")


def silhouette(outputs: NDArray, groups: ImageGroups) -> NDArray[np.float64]:
    """Return the silhouette of each image ``(n,)``, with euclidean distances between outputs.

    ``(b - a) / max(a, b)``: a is the mean distance to the images of the image's group, b the
    smallest mean distance to another group (Rousseeuw 1987; Lee et al. 2023, eq. 6). ``outputs``
    are ``(n, d)``. nan for images in no group; the silhouette score is the mean over images.
    Raises ``DataError`` with fewer than two groups, and ``MissingExtraError``.
    """
    inside = groups.of >= 0
    if len(np.unique(groups.of[inside])) < 2:
        raise DataError(
            f"A silhouette needs at least two groups of two images; there are {len(groups.names)} "
            f"({groups.rule}).",
            "Group the images by their sets of labels, or use a split with more images.",
        )
    with needs("A silhouette", "sklearn"):
        from sklearn.metrics import silhouette_samples
    values = np.full(len(groups.of), np.nan)
    values[inside] = silhouette_samples(np.asarray(outputs, np.float64)[inside], groups.of[inside])
    return values


def tsne(outputs: NDArray, seed: int = 0) -> NDArray[np.float64]:
    """Return t-SNE coordinates ``(n, 2)`` of outputs ``(n, d)``, initialised by PCA.

    van der Maaten and Hinton 2008, JMLR 9; by scikit-learn. The perplexity is 30, and with few
    images a third of their number. Raises ``DataError`` for fewer than 5 images, and
    ``MissingExtraError``.
    """
    outputs = np.asarray(outputs, dtype=np.float64)
    if len(outputs) < 5:
        raise DataError(f"{len(outputs)} images are too few for a t-SNE map.", "Use 5 or more.")
    with needs("A t-SNE map", "sklearn"):
        from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    start = "pca" if outputs.shape[1] > 1 else "random"
    perplexity = min(30.0, (len(outputs) - 1) / 3)
    made = TSNE(perplexity=perplexity, init=start, random_state=seed, n_jobs=1)
    with threadpool_limits(1):  # its OpenMP knows no n_jobs, and stalls on a busy machine
        return np.asarray(made.fit_transform(outputs), dtype=np.float64)


def large_groups(of: NDArray, names: Sequence[str], least: int, rule: str) -> ImageGroups:
    """Return ``ImageGroups`` of at least ``least`` images, renumbered from 0; ``of`` (n,) is the
    index in ``names`` of each image's group, or -1."""
    kept = np.flatnonzero(np.bincount(of[of >= 0], minlength=len(names)) >= least)
    number = np.full(len(names) + 1, -1)  # the last is for images that are left out
    number[kept] = np.arange(len(kept))
    return ImageGroups(number[of], tuple(names[k] for k in kept.tolist()), rule)
