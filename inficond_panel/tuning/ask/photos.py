"""Photos to ask about: those where the student and the concept named like the class disagree.

Of the photos of tune, half have the largest z(logit) - 0.7 z(word), half the largest z(word) - 0.7
z(logit). ``word`` is the score of the concept named like the class, z(x) = (x - mean) / standard
deviation over tune. Without a concept named like the class, the photos are those of which the
student is least sure (Lewis and Gale 1994, "A sequential algorithm for training text classifiers").
docs/ask.md has what each gains.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.concepts.texts import words_for
from inficond_panel.distill.scores.scores import Array
from inficond_panel.errors import TuningError
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.vocabulary.splits import TUNE

#: Photos that are asked about at once.
ASKED = 20
#: Weight of the score that is to be low beside the one that is to be high: below 1, so that photos
#: that rank high come first, since errors there cost most AP.
AGAINST = 0.7


@dataclass(frozen=True)
class AskedPhotos:
    """Rows of the store, the photo that would teach most first, and why they are asked.

    The reason does not tell what the student decides on a photo.
    """

    rows: NDArray[np.intp]
    why: str


def photos_to_ask(
    student: ClassFit, most: int = ASKED, without: Collection[str] = ()
) -> AskedPhotos:
    """Return up to ``most`` photos of tune that have no label; where all have one, of all of tune.

    Photos whose label the student has learned, and the images ``without``, are left out. Raises
    ``TuningError`` for ``most`` below 1.
    """
    if most < 1:
        raise TuningError(f"The number of photos is {most}.", "Ask for 1 photo or more.")
    tune = student.store.rows(TUNE)
    sides, why = _sides(student, tune)
    free = _free(student, tune, without)
    return AskedPhotos(tune[free][_in_turn([side[free] for side in sides], most)], why)


def _free(student: ClassFit, tune: NDArray[np.intp], without: Collection[str]) -> NDArray[np.intp]:
    """Positions in ``tune`` of the photos that can be asked about."""
    store, taught = student.store, student.terms.taught
    learned = {*without, *(() if taught is None else taught.labels)}
    known = np.asarray(store.label[tune, student.k]) >= 0
    free = np.array([store.images[row] not in learned for row in tune], dtype=bool)
    return np.flatnonzero(free & ~known if (free & ~known).any() else free)


def _sides(student: ClassFit, tune: NDArray[np.intp]) -> tuple[list[Array], str]:
    """Values of the photos of tune, by each of which the largest are asked; and the reason."""
    store, logit = student.store, student.logits(student.base, tune)
    words = words_for(student.name, store.concepts, store.synonyms)
    if not words:
        return [-np.abs(logit)], "the student is least sure"
    scores = np.asarray(store.concept_score[tune][:, words], dtype=np.float64)
    z, word = _standard(logit), _standard(scores.max(axis=1))
    why = f"the student and {store.concepts[words[0]]!r} disagree"
    return [z - AGAINST * word, word - AGAINST * z], why


def _standard(values: NDArray) -> Array:
    """Values less their mean, in standard deviations; 0 where all are equal."""
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))


def _in_turn(sides: list[Array], most: int) -> NDArray[np.intp]:
    """Positions of up to ``most`` photos: of each side in turn the largest that is not taken."""
    orders = [iter(np.argsort(-side, kind="stable").tolist()) for side in sides]
    taken: dict[int, None] = {}
    while len(taken) < min(most, len(sides[0])):
        order = orders[len(taken) % len(orders)]
        taken[next(place for place in order if place not in taken)] = None
    return np.array(list(taken), dtype=np.intp)
