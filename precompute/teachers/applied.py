"""The teacher of a store on photos that are in no store, and on photos added to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from inficond_panel.common.devices import CPU
from inficond_panel.common.near_words import first_of
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.concepts.extended_store import base_of
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.teacher import HeadTeacher, LogitsTeacher, NetworkTeacher
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.run import Run
from precompute.batches.segmenting import Features
from precompute.encoder import Encoder
from precompute.teachers.head import Heads, chosen_l2, fit_heads
from precompute.teachers.inputs import network_inputs, pass_keys
from precompute.teachers.loading import batch_of, encoder_of, load_embedding, load_teacher
from precompute.teachers.outputs import resolved, teacher_with
from precompute.teachers.passes import Network, Pass, run_pass
from precompute.teachers.preprocessing import stacked
from precompute.teachers.stage import plain_logits, teacher_logits
from precompute.teachers.tables import Columns, read_logits, split_columns
from precompute.teachers.teacher import Teacher

_NAME_TABLE = "Name a table with a row per photo: --logits TABLE.csv"


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
        teacher = resolved(spec.teacher, store.classes)
        if not isinstance(teacher, HeadTeacher):
            corpus = base_of(store).concepts
            network = load_teacher(teacher, store.classes, encoder, corpus, spec.device)
            return AppliedTeacher(network, len(store.classes), teacher.softmax), ""
        heads = stored_heads(teacher, store, spec.device)
        work = Features(encoder_of(teacher, encoder))
        if segments and work.from_cells(segments, encoder):
            return AppliedTeacher(None, len(store.classes), heads=heads), ""
        embedding = load_embedding(teacher, encoder, spec.device)
        return AppliedTeacher(embedding, len(store.classes), heads=heads), ""
    except InficondError as error:  # the students do not need it
        return None, reason_of(error)


def stored_heads(teacher: HeadTeacher, store: Store, device: str) -> Heads:
    """The heads of a store, fitted again from its features and labels, which gives the same ones.

    Raises ``DataError`` for a store without features.
    """
    if not store.has("teacher_feature"):
        raise DataError(
            f"{store.path} has no features that the heads could be fitted on.",
            "Write it again: inficond precompute SPEC",
        )
    fit = store.rows(FIT)
    given = store.teacher_feature, store.label, fit, store.classes, teacher, device
    return fit_heads(*given, chosen_l2(store))


def reason_of(error: InficondError) -> str:
    """The reason why a teacher is left out, with the remedy, to end a sentence with."""
    return f"{error.message} {error.remedy}".strip().rstrip(".")


def network_logits(
    teacher: NetworkTeacher,
    store: Store,
    run: Run,
    encoder: EncoderSection,
    device: str = CPU,
) -> Columns:
    """Logits ``(n, K)``, and ``(n, M)`` of other classes, of a network; NaN for unreadable photos.

    Batches that are finished are not run again. Heads are those of the store, fitted on all of
    ``fit``. Raises ``DataError`` where the teacher cannot run, and ``CancelledError``.
    """
    corpus = base_of(store).concepts
    if not isinstance(teacher, HeadTeacher):
        if teacher.oracle:  # it needs labels, which these photos do not have
            teacher = teacher_with(teacher, oracle=None)
        return teacher_logits(teacher, run, encoder, corpus, device).logits
    heads = stored_heads(teacher, store, device)
    key = pass_keys(network_inputs(teacher, store.classes, encoder, corpus))["features"]
    network = Network(key, partial(load_embedding, teacher, encoder, device, kept=True))
    width = store.teacher_feature.shape[1]
    work = Pass("features", key, network, plain_logits, run.dataset, width)
    features = run_pass(run, work, batch_of(teacher, encoder))
    return split_columns(heads.of_others(features), len(store.classes))


def table_logits(
    teacher: LogitsTeacher, store: Store, table: Path | None, names: Sequence[str]
) -> Columns:
    """The same from a table with a row for each of ``names``: ``table``, else the spec's own.

    Values are what the teacher's outputs are by the spec. Raises ``DataError`` for photos without
    a row, and of a softmax for other classes than the store has.
    """
    if table is None:
        _check_own_table(teacher, store, names)
    elif twice := _twice(names):
        raise DataError(
            f"Several photos are named {twice[0]!r}, and the table has one row for them.",
            "Name the folder above them: photos are then named by their paths below it.",
        )
    outputs = teacher.outputs or "logits"  # few rows of logits may look like probabilities
    named = teacher_with(teacher, path=table or teacher.path, outputs=outputs)
    found = read_logits(named, names, store.classes)
    others = [str(name) for name in store.read("other_class")]
    if set(found.other_classes) != set(others):
        raise DataError(
            f"{named.path} has logits of {len(found.other_classes)} classes that the data set "
            f"lacks, the store of {len(others)}: a softmax is over all of them.",
            "Give the table the columns of the table that the store was made with.",
        )
    order = [found.other_classes.index(name) for name in others]
    return Columns(found.own, found.other[:, order], tuple(others))


def _twice(names: Sequence[str]) -> list[str]:
    return [name for name, number in Counter(names).items() if number > 1]


def _check_own_table(teacher: LogitsTeacher, store: Store, names: Sequence[str]) -> None:
    """Raise ``DataError`` where the spec's table cannot be meant: rows go by name."""
    known = set(store.images)
    if alike := [*(name for name in names if name in known), *_twice(names)]:
        raise DataError(
            f"{len(alike)} photos are named as another image whose logits {teacher.path} has, "
            f"{first_of(alike)}.",
            _NAME_TABLE,
        )
    try:
        read_logits(teacher, names, store.classes)
    except DataError as error:
        raise DataError(
            f"The teacher is a table of logits, and the photos are not in it: {error.message}",
            _NAME_TABLE,
        ) from error
