"""The stage that makes the teacher's logits, and the oracle's, of all images of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from inficond_panel.common.devices import CPU
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.teacher import HeadTeacher, LogitsTeacher, NetworkTeacher
from precompute.batches.segmenting import encoder_key
from precompute.batches.stages import key_of
from precompute.teachers.activations import Columns, check_logits, other_classes, split_columns
from precompute.teachers.head import Heads, fit_heads
from precompute.teachers.inputs import network_inputs, pass_keys
from precompute.teachers.loading import batch_of, encoder_of, load_embedding, load_teacher
from precompute.teachers.network import Network, Pass
from precompute.teachers.output_order import check_order, tried_rows, with_fitting_outputs
from precompute.teachers.photos import Photos, joint_keys
from precompute.teachers.record import described, fit_rows, oracle_record, too_large
from precompute.teachers.tables import left_out_text, read_logits
from precompute.teachers.teacher import OutputsError, Teacher, TorchTeacher


@dataclass(frozen=True)
class Result:
    """``logits`` (N, K) and of other classes (N, M) float32, NaN where the photo cannot be read;
    ``oracles`` likewise, NaN but in ``fit``, or None; ``features`` (N, E) that heads were fitted
    on, or None; ``attrs`` for the store, as JSON; ``passes`` the keys of what photos were run for;
    ``warnings`` for people."""

    logits: Columns
    oracles: Columns | None = None
    features: np.ndarray | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    passes: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def logit(self) -> np.ndarray:
        """Logits of the data set's classes."""
        return self.logits.own

    @property
    def oracle(self) -> np.ndarray | None:
        """The oracle's logits of the data set's classes."""
        return None if self.oracles is None else self.oracles.own


def teacher_logits(
    section: LogitsTeacher | NetworkTeacher,
    photos: Photos,
    encoder: EncoderSection | None = None,
    corpus: Sequence[str] = (),
    device: str = CPU,
) -> Result:
    """Logits of the teacher that a spec's section describes, of all ``photos``.

    ``encoder`` is the section of the concepts' encoder and ``corpus`` their words, for teachers
    that use them. Batches that are finished, or in a store near by, are not run again. Raises
    ``DataError`` for a teacher that does not fit, ``MissingExtraError`` and ``CancelledError``.
    """
    dataset = photos.dataset
    network = network_inputs(section, dataset.classes, encoder, corpus)
    if isinstance(section, LogitsTeacher):
        logits = read_logits(section, dataset.ids, dataset.classes)
        told = tuple(left_out_text(section, logits))
        return Result(logits, attrs=described(section, network["settings"]), warnings=told)
    keys = pass_keys(network)
    if isinstance(section, HeadTeacher):
        return _by_head(section, photos, encoder, network["settings"], keys, device)
    load = partial(load_teacher, section, dataset.classes, encoder, corpus, device)
    run = Network(keys["logits"], load)
    classes, more = len(dataset.classes), _others(section, dataset.classes)
    work = Pass("logits", keys["logits"], run, plain_logits, dataset, classes + len(more))
    logit = _checked_logits(section, photos, work)
    oracle = None
    if "oracle" in keys:
        rows = _read_of_fit(photos, logit)
        stronger = partial(_reinforced, dataset.label, section.oracle.gamma)
        work = replace(work, name="oracle", key=keys["oracle"], compute=stronger)
        oracle = photos.run(work, section.batch, rows, _with(photos, rows, dataset.label))
    attrs = described(section, network["settings"], run.teacher.preprocessing)
    attrs |= oracle_record(section, dataset, logit, oracle)
    logits = split_columns(logit, classes, more)
    oracles = None if oracle is None else split_columns(oracle, classes, more)
    return Result(logits, oracles, None, attrs, keys, too_large(attrs))


def _checked_logits(section: NetworkTeacher, photos: Photos, work: Pass) -> np.ndarray:
    """Logits ``(N, width)`` of all photos. Of many photos some go first, so that outputs in
    another order are an error before the rest is run; their batches are kept."""
    classes = len(photos.dataset.classes)
    first = None
    if photos.finished and not section.order:
        first = tried_rows(photos.dataset, photos.keys)
    try:
        if first is not None:
            tried = photos.run(work, section.batch, first, [photos.keys[i] for i in first])
            check_order(section, photos.dataset, tried[:, :classes], tried[:, classes:])
        logit = photos.run(work, section.batch)
    except OutputsError as error:
        if not error.outputs:
            raise
        given = photos.dataset, section.softmax, section.batch
        raise with_fitting_outputs(error, work.network.teacher, *given) from error
    check_logits(logit, section)
    return logit


def _by_head(
    section: HeadTeacher,
    photos: Photos,
    encoder: EncoderSection | None,
    settings: dict[str, Any],
    keys: dict[str, str],
    device: str,
) -> Result:
    """Encode, fit the heads, and for the oracle go through encoder and heads again."""
    dataset = photos.dataset
    sections = [encoder_of(section, encoder), *([encoder] if encoder else [])]
    beside = tuple(map(encoder_key, sections))  # those of vectors and of segments, still loaded
    load = partial(load_embedding, section, encoder, device, kept=True)
    run, size = Network(keys["features"], load, beside), batch_of(section, encoder)
    work = Pass("features", keys["features"], run, plain_logits, dataset, run.teacher.outputs)
    features = photos.run(work, size)
    rows = _read_of_fit(photos, features)
    heads = fit_heads(features, dataset.label, rows, dataset.classes, section, device)
    logit, oracle = heads.logits(features), None
    if section.oracle:
        gamma, seen = section.oracle.gamma, np.hstack([dataset.label, heads.which])
        key = key_of("heads", [keys["features"], heads.digest, gamma])
        stronger = partial(_reinforced_by, heads, dataset.label, gamma)
        work = Pass("oracle", key, run, stronger, dataset, logit.shape[1])
        oracle = photos.run(work, size, rows, _with(photos, rows, seen))
    attrs = described(section, settings, run.teacher.preprocessing)
    attrs["teacher_head"] = {"folds": section.folds, "l2": heads.l2}
    attrs |= oracle_record(section, dataset, logit, oracle)
    classes = len(dataset.classes)
    oracles = None if oracle is None else split_columns(oracle, classes)
    return Result(split_columns(logit, classes), oracles, features, attrs, keys, too_large(attrs))


def _others(section: NetworkTeacher, classes: Sequence[str]) -> list[str]:
    """Classes of the teacher that the data set lacks, where they are part of its softmax."""
    return other_classes(classes, getattr(section, "classes", ())) if section.softmax else []


def _read_of_fit(photos: Photos, values: np.ndarray) -> np.ndarray:
    """Rows of ``fit`` whose photos could be read."""
    rows = fit_rows(photos.dataset)
    return rows[np.isfinite(values[rows]).all(1)]


def _with(photos: Photos, rows: np.ndarray, seen: np.ndarray) -> list[str]:
    """Keys of the photos at ``rows`` with what is seen beside them, such as their labels."""
    return joint_keys([photos.keys[i] for i in rows], seen[rows])


def plain_logits(teacher: Teacher, images: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Logits of prepared photos, whatever their rows in the data set."""
    return teacher.logits(images)


def _reinforced(
    label: np.ndarray, gamma: float, teacher: TorchTeacher, images: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    return teacher.oracle(images, label[rows], gamma)


def _reinforced_by(
    heads: Heads, label: np.ndarray, gamma: float, embedding: TorchTeacher, images: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:  # fmt: skip
    return heads.teacher(embedding, rows).oracle(images, label[rows], gamma)
