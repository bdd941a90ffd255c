"""Properties of pictures that go with a class on fit and less so on tune."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inficond_panel.distill.scores import Array
from inficond_panel.distill.suspects import Photos, Presence, Suspicion, presence, suspicion
from inficond_panel.tuning.cures.class_photos import ClassPhotos
from inficond_panel.vocabulary.pictures import PICTURE_PROPERTIES, PictureProperty

#: Rate of false discoveries at which a property is a suspect.
CLEAR = 0.01


@dataclass(frozen=True)
class PictureSuspect:
    """A property with which the student's logit goes, and the class on fit more than on tune.

    Of the photos with the class more are ``high`` in it on fit, or low. The measures are those of
    ``distill.suspects``; ``presence`` counts the photos on that side of a threshold.
    """

    kind: PictureProperty
    high: bool
    score: float
    z: float
    q: float
    reliance: float
    presence: Presence

    @property
    def words(self) -> str:
        """What the photos on its side are called."""
        return self.kind.high if self.high else self.kind.low


def picture_suspects(photos: ClassPhotos) -> tuple[PictureSuspect, ...]:
    """Properties of the pictures that are suspects of a class, the most suspect first; none where
    the store does not know any."""
    known = photos.pictures
    if known is None or photos.lacking:
        return ()
    fit, tune = known
    folds = [Photos(fit[part], photos.fit_label[part]) for part in photos.fold_parts]
    of_tune = Photos(tune, photos.tune_label)
    none = np.zeros((len(folds), fit.shape[1]))  # no student weighs a property
    measured = suspicion(folds, of_tune, photos.tune_logits, none)
    order = measured.ranked()
    return tuple(
        _suspect(photos, int(p), (fit[:, p], tune[:, p]), measured)
        for p in order[measured.q[order] <= CLEAR]
    )


def _suspect(
    photos: ClassPhotos, p: int, values: tuple[Array, Array], measured: Suspicion
) -> PictureSuspect:
    high = bool(measured.reliance[p] > 0)
    fit, tune = (side if high else -side for side in values)
    return PictureSuspect(
        kind=PICTURE_PROPERTIES[p],
        high=high,
        score=float(measured.score[p]),
        z=float(measured.z[p]),
        q=float(measured.q[p]),
        reliance=float(measured.reliance[p]),
        presence=presence(fit, photos.fit_label, tune, photos.tune_label),
    )
