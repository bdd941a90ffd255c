"""The stage that computes the logits of teacher and oracle, in batches of photos."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from scipy.special import logsumexp

from inficond_panel.errors import DataError, StoreError
from inficond_panel.spec.sections.teacher import HeadTeacher, LogitsTeacher, NetworkTeacher
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.results import Arrays, Batch, batches_of, key_of, keys_in, stage_of
from precompute.batches.run import Run, encoder_key, loaded
from precompute.datasets import Dataset
from precompute.datasets.dataset import readable
from precompute.teachers.head import Heads, fit_heads
from precompute.teachers.loading import TeacherSource, fit_rows
from precompute.teachers.outputs import check_order, tried_rows, with_fitting_outputs
from precompute.teachers.tables import (
    TableColumns,
    check_logits,
    left_out_text,
    read_logits,
    split_columns,
)
from precompute.teachers.teacher import OutputsError, Prepares, Teacher, TorchTeacher, stacked

#: Function from a teacher, prepared images (n, 3, H, W) or photos, and their rows in the data set
#: (n,) to values (n, width).
Compute = Callable[[Teacher, Any, np.ndarray], np.ndarray]
#: Names of a store's arrays with the values of each pass; a store may lack the second array.
TEACHER_ARRAYS = {
    "logits": ("teacher_logit", "other_logit"),
    "oracle": ("oracle_logit", "other_oracle_logit"),
    "features": ("teacher_feature",),
}


#: Row whose batch is where a network of the user is asked about one image alone: one batch of each
#: data set.
_FIRST_PHOTO = 0
#: Largest difference of an image's values alone and in a batch, as a share of the spread over the
#: batch, beyond rounding.
_LARGEST_APART, _ROUNDING = 0.02, 1e-3


@dataclass(frozen=True)
class Pass:
    """Work on a batch (``precompute.batches.run.Work``): run photos through a network.

    It gives ``values`` (n, width) float32, NaN for unreadable photos. ``name`` is the kind of
    values (logits, oracle, features), ``key`` the hash of all inputs but the photos. ``network``
    returns the teacher, which each process loads at first use. ``title`` begins progress lines.
    """

    name: str
    key: str
    network: Callable[[], Teacher]
    compute: Compute
    dataset: Dataset
    width: int
    title: str = "Teacher"

    def __call__(self, rows: list[int]) -> Arrays:
        """Return the batch's array ``values``; ``DataError`` if outputs are not finite."""
        teacher = self.network()
        prepare = teacher.preprocessing.prepare
        images, faults = readable(lambda row: prepare(self.dataset.load(row)), rows)
        values = np.full((len(rows), self.width), np.nan, np.float32)
        if images:
            read = np.array([not fault for fault in faults])
            seen = np.array(rows)[read]
            batch = stacked(images)
            del images  # as large as the batch
            values[read] = outputs = self.compute(teacher, batch, seen)
            what = "oracle logits" if self.name == "oracle" else self.name
            check_finite(what, outputs, [self.dataset.ids[row] for row in seen])
            if self.name == "logits" and _FIRST_PHOTO in rows and len(seen) > 1:
                alone = self.compute(teacher, batch[:1], seen[:1])[0]
                _check_alone(self.dataset.ids[seen[0]], alone, outputs)
        return {"values": values}


def _check_alone(image: str, alone: np.ndarray, together: np.ndarray) -> None:
    """Raise ``DataError`` if a network gives an image other values ``alone`` (width,) than in a
    batch, whose are ``together`` (n, width), its own first: batch normalisation in training mode
    depends on the other images, and dropout on chance."""
    apart = np.abs(alone - together[0])
    if (apart > _LARGEST_APART * together.std(axis=0) + _ROUNDING).any():
        raise DataError(
            f"The teacher gives the image {image!r} other values alone than among others: they "
            f"differ by {apart.max():.2g}.",
            "Export the network in evaluation mode (model.eval() in torch), and name the new file "
            "in the spec: in training mode its values depend on other images, and on chance.",
        )


def check_finite(what: str, values: np.ndarray, ids: Sequence[str]) -> None:
    """Raise ``DataError`` if values ``(n, width)`` are not finite; ``what`` names the values."""
    broken = sorted(ids[int(i)] for i in np.flatnonzero(~np.isfinite(values).all(1)))
    if broken:
        raise DataError(
            f"The teacher's {what} are not finite numbers for the images {', '.join(broken[:5])}.",
            "Check the teacher's weights, mean and std; for an oracle set a smaller gamma.",
        )


def run_pass(
    run: Run, work: Pass, size: int, rows: np.ndarray | None = None, keys: Sequence[str] = ()
) -> np.ndarray:
    """Return values ``(N, width)`` float32 of all photos of a run, or of ``rows``; NaN elsewhere.

    Batches have at most ``size`` photos and depend on ``keys``, by default the photos' keys. A
    batch is read from the run's results or a nearby store, or computed. Raises ``CancelledError``.
    """
    rows = np.arange(len(run.keys)) if rows is None else rows
    keys = keys or run.keys
    first = dict(zip(reversed(keys), reversed(rows.tolist()), strict=True))
    values, missing = known_batches(run, work.name, work.key, keys, size)
    before = len(first) - sum(map(len, missing)) - run.images["teacher"]

    def keep(batch: Batch, arrays: Arrays) -> None:
        values[batch] = arrays["values"]
        keep_batch(run, work.name, work.key, batch, arrays["values"])
        run.images["teacher"] += len(batch)
        done = before + run.images["teacher"]
        run.progress(f"{work.title}: {done} of {len(first)} images ({work.name})")

    run.each(work, missing, f"{work.title} ({work.name})", keep, first)
    of_key = {
        key: row for batch, some in values.items() for key, row in zip(batch, some, strict=True)
    }
    result = np.full((len(run.keys), work.width), np.nan, np.float32)
    result[rows] = np.array([of_key[key] for key in keys]).reshape(len(rows), work.width)
    return result


def keep_batch(run: Run, name: str, key: str, batch: Batch, values: np.ndarray) -> None:
    """Save the values of a batch of a pass, so that a later run resumes after it."""
    run.results.put(name, _key(key, batch), {"values": values})


def known_batches(
    run: Run, name: str, key: str, keys: Iterable[str], size: int
) -> tuple[dict[Batch, np.ndarray], list[Batch]]:
    """Return the values of the finished batches of a pass, by batch, and the unfinished batches."""
    batches, values = batches_of(keys, size), {}
    for batch in batches:
        if arrays := run.results.get(name, _key(key, batch)):
            values[batch] = arrays["values"]
    for store in run.near:
        held = _held(store, name, key)
        if held is None:
            continue
        of_key = dict(zip(*held, strict=True))
        for batch in {*batches_of(held[0], size)} & {*batches} - {*values}:
            values[batch] = np.stack([of_key[one] for one in batch])
    return values, [batch for batch in batches if batch not in values]


def joint_keys(keys: Sequence[str], seen: np.ndarray) -> list[str]:
    """Return keys of photos that also depend on integers ``(n, K)``, such as the photos' labels."""
    return [
        hashlib.sha256(key.encode() + row.astype(np.int16).tobytes()).hexdigest()
        for key, row in zip(keys, seen, strict=True)
    ]


def _key(key: str, batch: Batch) -> str:
    return key_of("batch", [key, batch])


def _held(store: Store, name: str, key: str) -> tuple[list[str], np.ndarray] | None:
    """Return photo keys and values of a pass that a store holds; None if it holds none.

    For the oracle these are the readable photos of ``fit``.
    """
    passes = stage_of(store, "teacher").get("told", {}).get("passes", {})
    arrays = [array for array in TEACHER_ARRAYS[name] if store.has(array)]
    if passes.get(name) != key or TEACHER_ARRAYS[name][0] not in arrays:
        return None
    try:
        keys, values = keys_in(store), np.hstack([store.read(array) for array in arrays])
        if keys is None:
            return None
        if name == "oracle":
            fit = store.rows(FIT)
            return joint_keys([keys[i] for i in fit], store.label[fit]), values[fit]
    except StoreError:
        return None
    skipped = np.full((len(keys) - len(values), values.shape[1]), np.nan, np.float32)
    return keys, np.concatenate([values, skipped])


@dataclass(frozen=True)
class TeacherOutputs:
    """Result of the teacher's stage. ``logits``: (N, K), and (N, M) of other classes, float32, NaN
    for unreadable photos; ``oracles``: the same of the oracle, NaN outside ``fit``, or None;
    ``features``: (N, E) that heads were fitted on, or None; ``attrs``: store attributes, as JSON;
    ``passes``: hash of the inputs of each pass; ``warnings``: lines to print."""

    logits: TableColumns
    oracles: TableColumns | None = None
    features: np.ndarray | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    passes: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def teacher_logits(teacher: TeacherSource, run: Run) -> TeacherOutputs:
    """Return the logits of a teacher for all photos of ``run``.

    Batches that are finished, or in a nearby store, are not run again. Raises ``DataError`` for an
    unusable teacher, ``MissingExtraError`` and ``CancelledError``.
    """
    section, dataset = teacher.section, run.dataset
    if isinstance(section, LogitsTeacher):
        logits = read_logits(section, dataset.ids, dataset.classes)
        notes = tuple(left_out_text(section, logits))
        return TeacherOutputs(logits, attrs=described(teacher), warnings=notes)
    keys, classes, others = teacher.passes, len(dataset.classes), teacher.others
    heads = features = oracle = None
    facts: dict[str, Any] = {}
    if isinstance(section, HeadTeacher):
        features, work = whole_features(teacher, run)
        rows = _read_of_fit(run, features)
        heads = fit_heads(features, dataset.label, rows, dataset.classes, section, teacher.device)
        logit = heads.logits(features)
        facts["teacher_head"] = {"folds": section.folds, "l2": heads.l2}
    else:
        network = partial(loaded, keys["logits"], teacher.load)
        width = classes + len(others)
        work = Pass("logits", keys["logits"], network, plain_logits, dataset, width)
        logit = _checked_logits(section, run, work)
        rows = _read_of_fit(run, logit)
    attrs = described(teacher, work.network().preprocessing) | facts
    warnings: tuple[str, ...] = ()
    if section.oracle:
        gamma = section.oracle.gamma
        key = key_of("heads", [work.key, heads.digest, gamma]) if heads else keys["oracle"]
        stronger = partial(reinforced, dataset.label, (gamma,), heads)
        seen = np.hstack([dataset.label, heads.which]) if heads else dataset.label
        work = Pass("oracle", key, work.network, stronger, dataset, logit.shape[1])
        photos = joint_keys([run.keys[i] for i in rows], seen[rows])
        oracle = run_pass(run, work, teacher.batch, rows, photos)
        attrs["oracle"] = oracle_record(section, dataset, logit, oracle)
        warnings = too_large(attrs["oracle"])
    logits = split_columns(logit, classes, others)
    oracles = None if oracle is None else split_columns(oracle, classes, others)
    return TeacherOutputs(logits, oracles, features, attrs, keys, warnings)


def _checked_logits(teacher: NetworkTeacher, run: Run, work: Pass) -> np.ndarray:
    """Return logits ``(N, width)`` of all photos. With many photos a sample is run first, so that
    outputs in a wrong order raise early; the sample's batches are reused."""
    classes = len(run.dataset.classes)
    first = None
    if run.results.folder and not teacher.order:
        first = tried_rows(run.dataset, run.keys)
    try:
        if first is not None:
            sample = run_pass(run, work, teacher.batch, first, [run.keys[i] for i in first])
            check_order(teacher, run.dataset, sample[:, :classes], sample[:, classes:])
        logit = run_pass(run, work, teacher.batch)
    except OutputsError as error:
        if not error.outputs:
            raise
        facts = run.dataset, teacher.softmax, teacher.batch
        raise with_fitting_outputs(error, work.network(), *facts) from error
    check_logits(logit, teacher)
    return logit


def whole_features(teacher: TeacherSource, run: Run, width: int = 0) -> tuple[np.ndarray, Pass]:
    """Return the embeddings ``(N, E)`` of whole photos that a teacher's heads take, NaN for
    unreadable photos, and the pass that computes them. Finished batches are not run again.

    ``width`` is E; 0: read from the network."""
    sections = filter(None, (teacher.encoder, teacher.concept_encoder))
    beside = tuple(map(encoder_key, sections))  # encoders of features and segments stay loaded
    key = teacher.passes["features"]
    network = partial(loaded, key, partial(teacher.load, kept=True), beside)
    work = Pass("features", key, network, plain_logits, run.dataset, width or network().outputs)
    return run_pass(run, work, teacher.batch), work


def _read_of_fit(run: Run, values: np.ndarray) -> np.ndarray:
    """Return the rows of ``fit`` whose photos were readable: their ``values`` are finite."""
    rows = fit_rows(run.dataset)
    return rows[np.isfinite(values[rows]).all(1)]


def plain_logits(teacher: Teacher, images: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Return the teacher's logits of prepared photos: the ``compute`` of a pass of logits."""
    return teacher.logits(images)


def reinforced(
    label: np.ndarray,
    gammas: Sequence[float],
    heads: Heads | None,
    teacher: TorchTeacher,
    images: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """Return the oracle's logits at all gammas, side by side, for prepared ``images`` at ``rows``.
    With ``heads``, ``teacher`` is their encoder."""
    if heads is not None:
        teacher = heads.teacher(teacher, rows)
    return np.hstack(teacher.oracles(images, label[rows], gammas))


def described(teacher: TeacherSource, preprocessing: Prepares | None = None) -> dict[str, Any]:
    """Return a store's attributes on its teacher: name, kind, digest of settings, preprocessing."""
    plain = preprocessing.plain() if preprocessing else None
    text = json.dumps([teacher.inputs["settings"], plain], sort_keys=True)
    attrs: dict[str, Any] = {
        "teacher": teacher.section.title,
        "teacher_kind": teacher.section.kind,
        "teacher_digest": hashlib.sha256(text.encode()).hexdigest(),
    }
    if teacher.section.softmax:
        attrs["teacher_activation"] = "softmax"
    return {**attrs, "teacher_preprocessing": plain} if plain else attrs


def oracle_record(
    teacher: NetworkTeacher, dataset: Dataset, logit: np.ndarray, oracle: np.ndarray
) -> dict[str, Any]:
    """Return the store attribute ``oracle``: gamma (step size), mean losses of teacher and oracle
    on ``fit``.

    ``logit`` and ``oracle`` have the data set's classes, with a softmax also the other classes.
    """
    rows = fit_rows(dataset)
    rows = rows[np.isfinite(oracle[rows]).all(1)]
    label = dataset.label[rows]
    return {
        "gamma": teacher.oracle.gamma,
        "images": len(rows),
        "loss": "cross-entropy of an image's class"
        if teacher.softmax
        else "sum over an image's known labels of the binary cross-entropy",
        "task_loss": _mean_loss(logit[rows], label, teacher.softmax),
        "reinforced_task_loss": _mean_loss(oracle[rows], label, teacher.softmax),
    }


def _mean_loss(logit: np.ndarray, label: np.ndarray, softmax: bool) -> float | None:
    wide = logit.astype(np.float64)
    if softmax:
        known = (label == 1).any(axis=1)
        chosen = np.take_along_axis(wide, label.argmax(axis=1)[:, None], 1)[:, 0]
        losses = np.where(known, logsumexp(wide, axis=1) - chosen, 0)
    else:
        losses = np.where(label >= 0, np.logaddexp(0, wide) - (label == 1) * logit, 0).sum(1)
    return round(float(losses.mean()), 6) if len(label) else None


def too_large(oracle: dict[str, Any]) -> tuple[str, ...]:
    """Return a warning if the oracle's mean loss is not below the teacher's, () otherwise."""
    if not oracle["images"] or oracle["reinforced_task_loss"] < oracle["task_loss"]:
        return ()
    return (
        f"the oracle's mean loss, {oracle['reinforced_task_loss']:g}, is not below the teacher's, "
        f"{oracle['task_loss']:g}: gamma {oracle['gamma']:g} is too large, or no image has a label",
    )
