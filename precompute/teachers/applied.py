"""The teacher of a store on photos that are in no store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.concepts.extended_store import base_of
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import HeadTeacher, LogitsTeacher
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.segmenting import Features
from precompute.encoder import Encoder
from precompute.teachers.activations import split_columns
from precompute.teachers.head import Heads, chosen_l2, fit_heads
from precompute.teachers.loading import encoder_of, load_embedding, load_teacher
from precompute.teachers.output_names import resolved
from precompute.teachers.preprocessing import stacked
from precompute.teachers.teacher import Teacher


@dataclass(frozen=True)
class AppliedTeacher:
    """A network, and the ``heads`` on its outputs where the teacher is one of heads.

    Its first ``classes`` outputs are the data set's; with ``softmax`` others may follow. Heads
    without a ``network`` sit on what the segments' encoder gives for the whole photo.
    """

    network: Teacher | None
    classes: int
    softmax: bool = False
    heads: Heads | None = None

    def log_odds(self, images: list[Image.Image], whole: np.ndarray | None = None) -> np.ndarray:
        """Log odds ``(n, K)`` float32 of RGB images, as ``Store.teacher_log_odds`` has them.

        ``whole`` ``(n, E)``: their vectors by the segments' encoder, where there is no network.
        """
        if self.network:
            prepare = self.network.preprocessing.prepare
            values = self.network.logits(stacked([prepare(image) for image in images]))
        elif whole is not None:
            values = whole
        else:
            raise ValueError("the heads have neither a network nor vectors")
        if self.heads:
            return self.heads.of_others(values)
        columns = split_columns(values, self.classes)
        return (
            log_odds(columns.own, columns.other).astype(np.float32) if self.softmax else columns.own
        )


def teacher_of(
    spec: Spec, store: Store, segments: Encoder | None = None
) -> tuple[AppliedTeacher | None, str]:
    """The teacher that a spec names, or None and the reason why it cannot run.

    A new photo gets the head that has seen all of ``fit``. Heads have no network of their own where
    the encoder of the ``segments`` gives their vectors.
    """
    encoder = spec.concepts.encoder
    if isinstance(spec.teacher, LogitsTeacher):
        return None, "the teacher is a table of logits"
    try:
        section = resolved(spec.teacher, store.classes)
        if not isinstance(section, HeadTeacher):
            corpus = base_of(store).concepts
            network = load_teacher(section, store.classes, encoder, corpus, spec.device)
            return AppliedTeacher(network, len(store.classes), section.softmax), ""
        heads = stored_heads(section, store, spec.device)
        work = Features(encoder_of(section, encoder))
        if segments and work.from_cells(segments, encoder):
            return AppliedTeacher(None, len(store.classes), heads=heads), ""
        embedding = load_embedding(section, encoder, spec.device)
        return AppliedTeacher(embedding, len(store.classes), heads=heads), ""
    except InficondError as error:  # the students do not need it
        return None, reason_of(error)


def stored_heads(section: HeadTeacher, store: Store, device: str) -> Heads:
    """The heads of a store, fitted again from its features and labels, which gives the same ones.

    Raises ``DataError`` for a store without features.
    """
    if not store.has("teacher_feature"):
        raise DataError("The store has no features that the heads could be fitted on.")
    fit = store.rows(FIT)
    given = store.teacher_feature, store.label, fit, store.classes, section, device
    return fit_heads(*given, chosen_l2(store))


def reason_of(error: InficondError) -> str:
    """The reason why a teacher is left out, with the remedy, to end a sentence with."""
    return f"{error.message} {error.remedy}".strip().rstrip(".")
