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
from precompute.batches.results import key_of
from precompute.batches.run import Run
from precompute.batches.segmenting import encoder_key
from precompute.teachers.head import Heads, fit_heads
from precompute.teachers.inputs import (
    described,
    fit_rows,
    network_inputs,
    oracle_record,
    pass_keys,
    too_large,
)
from precompute.teachers.loading import batch_of, encoder_of, load_embedding, load_teacher
from precompute.teachers.outputs import check_order, tried_rows, with_fitting_outputs
from precompute.teachers.passes import Network, Pass, joint_keys, run_pass
from precompute.teachers.tables import (
    Columns,
    check_logits,
    left_out_text,
    other_classes,
    read_logits,
    split_columns,
)
from precompute.teachers.teacher import OutputsError, Teacher, TorchTeacher


@dataclass(frozen=True)
class Outputs:
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
    teacher: LogitsTeacher | NetworkTeacher,
    run: Run,
    encoder: EncoderSection | None = None,
    corpus: Sequence[str] = (),
    device: str = CPU,
) -> Outputs:
    """Logits of the teacher that a spec describes, of all photos of ``run``.

    ``encoder`` is the section of the concepts' encoder and ``corpus`` their words, for teachers
    that use them. Batches that are finished, or in a store near by, are not run again. Raises
    ``DataError`` for a teacher that does not fit, ``MissingExtraError`` and ``CancelledError``.
    """
    dataset = run.dataset
    inputs = network_inputs(teacher, dataset.classes, encoder, corpus)
    if isinstance(teacher, LogitsTeacher):
        logits = read_logits(teacher, dataset.ids, dataset.classes)
        told = tuple(left_out_text(teacher, logits))
        return Outputs(logits, attrs=described(teacher, inputs["settings"]), warnings=told)
    keys = pass_keys(inputs)
    if isinstance(teacher, HeadTeacher):
        return _by_head(teacher, run, encoder, inputs["settings"], keys, device)
    load = partial(load_teacher, teacher, dataset.classes, encoder, corpus, device)
    network = Network(keys["logits"], load)
    classes, more = len(dataset.classes), _others(teacher, dataset.classes)
    work = Pass("logits", keys["logits"], network, plain_logits, dataset, classes + len(more))
    logit = _checked_logits(teacher, run, work)
    oracle = None
    if "oracle" in keys:
        rows = _read_of_fit(run, logit)
        stronger = partial(_reinforced, dataset.label, teacher.oracle.gamma)
        work = replace(work, name="oracle", key=keys["oracle"], compute=stronger)
        oracle = run_pass(run, work, teacher.batch, rows, _with(run, rows, dataset.label))
    attrs = described(teacher, inputs["settings"], network.teacher.preprocessing)
    attrs |= oracle_record(teacher, dataset, logit, oracle)
    logits = split_columns(logit, classes, more)
    oracles = None if oracle is None else split_columns(oracle, classes, more)
    return Outputs(logits, oracles, None, attrs, keys, too_large(attrs))


def _checked_logits(teacher: NetworkTeacher, run: Run, work: Pass) -> np.ndarray:
    """Logits ``(N, width)`` of all photos. Of many photos some go first, so that outputs in
    another order are an error before the rest is run; their batches are kept."""
    classes = len(run.dataset.classes)
    first = None
    if run.results.folder and not teacher.order:
        first = tried_rows(run.dataset, run.keys)
    try:
        if first is not None:
            tried = run_pass(run, work, teacher.batch, first, [run.keys[i] for i in first])
            check_order(teacher, run.dataset, tried[:, :classes], tried[:, classes:])
        logit = run_pass(run, work, teacher.batch)
    except OutputsError as error:
        if not error.outputs:
            raise
        given = run.dataset, teacher.softmax, teacher.batch
        raise with_fitting_outputs(error, work.network.teacher, *given) from error
    check_logits(logit, teacher)
    return logit


def _by_head(
    teacher: HeadTeacher,
    run: Run,
    encoder: EncoderSection | None,
    settings: dict[str, Any],
    keys: dict[str, str],
    device: str,
) -> Outputs:
    """Encode, fit the heads, and for the oracle go through encoder and heads again."""
    dataset = run.dataset
    sections = [encoder_of(teacher, encoder), *([encoder] if encoder else [])]
    beside = tuple(map(encoder_key, sections))  # those of vectors and of segments, still loaded
    load = partial(load_embedding, teacher, encoder, device, kept=True)
    network, size = Network(keys["features"], load, beside), batch_of(teacher, encoder)
    work = Pass(
        "features", keys["features"], network, plain_logits, dataset, network.teacher.outputs
    )
    features = run_pass(run, work, size)
    rows = _read_of_fit(run, features)
    heads = fit_heads(features, dataset.label, rows, dataset.classes, teacher, device)
    logit, oracle = heads.logits(features), None
    if teacher.oracle:
        gamma, seen = teacher.oracle.gamma, np.hstack([dataset.label, heads.which])
        key = key_of("heads", [keys["features"], heads.digest, gamma])
        stronger = partial(_reinforced_by, heads, dataset.label, gamma)
        work = Pass("oracle", key, network, stronger, dataset, logit.shape[1])
        oracle = run_pass(run, work, size, rows, _with(run, rows, seen))
    attrs = described(teacher, settings, network.teacher.preprocessing)
    attrs["teacher_head"] = {"folds": teacher.folds, "l2": heads.l2}
    attrs |= oracle_record(teacher, dataset, logit, oracle)
    classes = len(dataset.classes)
    oracles = None if oracle is None else split_columns(oracle, classes)
    return Outputs(split_columns(logit, classes), oracles, features, attrs, keys, too_large(attrs))


def _others(teacher: NetworkTeacher, classes: Sequence[str]) -> list[str]:
    """Classes of the teacher that the data set lacks, where they are part of its softmax."""
    return other_classes(classes, getattr(teacher, "classes", ())) if teacher.softmax else []


def _read_of_fit(run: Run, values: np.ndarray) -> np.ndarray:
    """Rows of ``fit`` whose photos could be read."""
    rows = fit_rows(run.dataset)
    return rows[np.isfinite(values[rows]).all(1)]


def _with(run: Run, rows: np.ndarray, seen: np.ndarray) -> list[str]:
    """Keys of the photos at ``rows`` with what is seen beside them, such as their labels."""
    return joint_keys([run.keys[i] for i in rows], seen[rows])


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
