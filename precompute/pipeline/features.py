"""Features of a teacher's heads, made in the run of the photos that makes their segments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from inficond_panel.spec.sections.teacher import HeadTeacher
from precompute.batches.segmenting import Features
from precompute.batches.stages import Arrays
from precompute.pipeline.inputs import Inputs
from precompute.teachers import Photos, batch_of, check_finite, encoder_of
from precompute.teachers.photos import Batch

_NAME = "features"


@dataclass(frozen=True)
class HeadFeatures:
    """Features that are ``missing``, by batches of photos; ``work`` makes them beside segments."""

    photos: Photos
    key: str
    work: Features
    missing: frozenset[Batch]

    @cached_property
    def _id(self) -> dict[str, str]:
        return dict(zip(self.photos.keys, self.photos.dataset.ids, strict=True))

    def take(self, batch: Batch, arrays: Arrays) -> None:
        """Take the features of a batch out of what was made of it, and keep them.

        Raises ``DataError`` where they are no finite numbers.
        """
        feature = arrays.pop("feature", None)
        if feature is None:  # no image could be read
            return
        read = np.flatnonzero(arrays["reason"] == "")
        check_finite(_NAME, feature, [self._id[batch[i]] for i in read])
        values = np.full((len(batch), feature.shape[1]), np.nan, np.float32)
        values[read] = feature
        self.photos.keep(_NAME, self.key, batch, values)


def head_features(inputs: Inputs, photos: Photos) -> HeadFeatures | None:
    """Features to be made beside the segments, which needs the same batches; None for none."""
    work = features_of(inputs)
    if work is None:
        return None
    key = inputs.teacher_passes[_NAME]
    _, missing = photos.known(_NAME, key, inputs.keys, inputs.batch)
    return HeadFeatures(photos, key, work, frozenset(missing)) if missing else None


def features_of(inputs: Inputs) -> Features | None:
    """The work beside the segments for heads whose batches are the encoder's; None for others."""
    teacher = inputs.teacher
    if not isinstance(teacher, HeadTeacher) or inputs.dataset.encoded is not None:
        return None
    alike = batch_of(teacher, inputs.encoder) == inputs.batch
    return Features(encoder_of(teacher, inputs.encoder)) if alike else None
