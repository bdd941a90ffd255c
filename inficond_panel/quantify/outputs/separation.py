"""Separation of groups of images by outputs: silhouette, and a t-SNE map to look at.

Lee et al. (BMVC 2023, sec. 4.1, eq. 6, figures 3 and 4). Their images have one label, which is
their group. With several labels an image the groups must be chosen: ``single_label_groups`` or
``label_set_groups``. Needs scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.installation import missing_extra
from inficond_panel.errors import DataError

#: Images of a silhouette, whose time goes with the square of their number.
MOST = 4000


@dataclass(frozen=True)
class Groups:
    """Groups of images: ``of`` (n,) is the group of each image, -1 for those left out.

    ``names`` are the groups', ``rule`` tells in words how they were made.
    """

    of: NDArray[np.int64]
    names: tuple[str, ...]
    rule: str

    @property
    def images(self) -> int:
        """Number of images in a group."""
        return int((self.of >= 0).sum())


def single_label_groups(label: NDArray, classes: Sequence[str], least: int = 2) -> Groups:
    """Images that show exactly one class, by that class; labels ``(n, K)`` in {1, 0, -1}.

    Images with an ignored label are left out, as are classes with fewer than ``least`` images.
    """
    label = np.asarray(label)
    single = ((label == 1).sum(axis=1) == 1) & (label >= 0).all(axis=1)
    of = np.where(single, label.argmax(axis=1), -1)
    return large_groups(of, list(classes), least, "images with one label, by that label")


def label_set_groups(label: NDArray, classes: Sequence[str], least: int = 2) -> Groups:
    """Images by all the classes that they show together; "none" is a set too.

    Images with an ignored label are left out, as are sets with fewer than ``least`` images.
    """
    label = np.asarray(label)
    of = np.full(len(label), -1)
    known = (label >= 0).all(axis=1)
    sets, of[known] = np.unique(label[known], axis=0, return_inverse=True)
    names = [" + ".join(np.array(classes)[row == 1]) or "none" for row in sets]
    return large_groups(of, names, least, "images by the set of their labels")


def sample(groups: Groups, most: int = MOST, seed: int = 0) -> Groups:
    """At most ``most`` images of the groups, drawn without replacement; the others are left out.

    Groups of which fewer than two are drawn are left out too.
    """
    inside = np.flatnonzero(groups.of >= 0)
    if len(inside) <= most:
        return groups
    drawn = np.random.default_rng(seed).choice(inside, most, replace=False)
    of = np.full(len(groups.of), -1)
    of[drawn] = groups.of[drawn]
    return large_groups(of, list(groups.names), 2, f"{groups.rule}, {most} of {len(inside)} drawn")


def silhouette(outputs: NDArray, groups: Groups) -> NDArray[np.float64]:
    """Silhouette of each image, ``(n,)``, nan for images in no group; euclidean distances.

    ``(b - a) / max(a, b)``: a is the mean distance to the images of the image's own group, b the
    smallest of its means to another group (Rousseeuw 1987; Lee et al. 2023, eq. 6). ``outputs``
    are ``(n, d)``. The silhouette score is the mean over images. Raises ``DataError`` with fewer
    than two groups, and ``MissingExtraError``.
    """
    inside = groups.of >= 0
    if len(np.unique(groups.of[inside])) < 2:
        raise DataError(
            f"A silhouette needs two groups of two images or more; of {groups.rule} there are "
            f"{len(groups.names)}.",
            "Group the images by their sets of labels, or take a split with more images.",
        )
    try:
        from sklearn.metrics import silhouette_samples
    except ImportError as error:
        raise missing_extra("A silhouette", error, "sklearn") from error
    values = np.full(len(groups.of), np.nan)
    values[inside] = silhouette_samples(np.asarray(outputs, np.float64)[inside], groups.of[inside])
    return values


def tsne(outputs: NDArray, seed: int = 0, perplexity: float = 30.0) -> NDArray[np.float64]:
    """Places ``(n, 2)`` of outputs ``(n, d)`` on a t-SNE map, started from their main axes.

    van der Maaten and Hinton 2008, JMLR 9; by scikit-learn. With few images the perplexity is
    lowered to a third of their number. Raises ``DataError`` for fewer than 5 images, and
    ``MissingExtraError``.
    """
    outputs = np.asarray(outputs, dtype=np.float64)
    if len(outputs) < 5:
        raise DataError(f"{len(outputs)} images are too few for a map.", "Take 5 or more.")
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise missing_extra("A t-SNE map", error, "sklearn") from error
    from threadpoolctl import threadpool_limits

    start = "pca" if outputs.shape[1] > 1 else "random"
    made = TSNE(
        perplexity=min(perplexity, (len(outputs) - 1) / 3), init=start, random_state=seed, n_jobs=1
    )
    with threadpool_limits(1):  # its OpenMP knows no n_jobs, and stalls on a busy machine
        return np.asarray(made.fit_transform(outputs), dtype=np.float64)


def large_groups(of: NDArray, names: Sequence[str], least: int, rule: str) -> Groups:
    """The groups of ``least`` images or more, numbered anew."""
    counts = np.bincount(of[of >= 0], minlength=len(names))
    kept = np.flatnonzero(counts >= least)
    number = np.full(len(names) + 1, -1)  # the last is for images that are left out
    number[kept] = np.arange(len(kept))
    return Groups(number[of], tuple(names[k] for k in kept.tolist()), rule)
