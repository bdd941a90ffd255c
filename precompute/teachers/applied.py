"""Run a store's teacher on new photos, and the oracle at several gammas.

The oracle is the teacher on photos after a step of size gamma against the gradient of their labels'
loss (Lee et al., BMVC 2023, figures 3 and 4). The logits of each gamma are saved in a folder next
to the store, ``NAME.oracles``; the store, its hash and its histories are unchanged.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.files import write_whole
from inficond_panel.common.names import equal_names, name_key, positions
from inficond_panel.common.near_words import first_of
from inficond_panel.common.npz import NPZ_FAULTS, open_npz
from inficond_panel.common.numbers import count
from inficond_panel.common.places import beside
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.concepts.typed import base_of
from inficond_panel.errors import DataError, InficondError, Remedy, precompute_command
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import HeadTeacher, LogitsTeacher
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.results import key_of, plain, stage_of
from precompute.batches.run import Run, Tell, gives_features, loaded
from precompute.datasets import Dataset, load_dataset
from precompute.encoder import Encoder
from precompute.teachers.head import Heads, fit_heads
from precompute.teachers.loading import TeacherSource
from precompute.teachers.stage import (
    Pass,
    joint_keys,
    reinforced,
    run_pass,
    teacher_logits,
    whole_features,
)
from precompute.teachers.tables import TableColumns, read_logits, split_columns
from precompute.teachers.teacher import Teacher, TorchTeacher, section_with, stacked

#: Most bytes of a single number or hash in a file.
_SMALL = 10_000
_NAME_TABLE = "Pass a table of logits with a row per photo: " + Remedy(
    "--logits TABLE.csv", 'logits="TABLE.csv"'
)


@dataclass(frozen=True)
class AppliedTeacher:
    """A loaded teacher for new photos: a network, and logistic ``heads`` on it for kind head.

    The first ``classes`` outputs are the data set's classes; with ``softmax`` other classes may
    follow. Heads without a ``network`` use whole-photo embeddings of the segments' encoder.
    """

    network: Teacher | None
    classes: int
    softmax: bool = False
    heads: Heads | None = None

    def log_odds(self, images: list[Image.Image], whole: np.ndarray | None = None) -> np.ndarray:
        """Return log odds ``(n, K)`` float32 of RGB images, defined as ``Store.teacher_log_odds``.

        ``whole`` ``(n, E)`` are embeddings of the whole images, needed if ``network`` is None.
        """
        values: Any = whole
        if self.network:
            prepare = self.network.preprocessing.prepare
            values = self.network.logits(stacked([prepare(image) for image in images]))
        if self.heads:
            return self.heads.of_others(values)
        own, other = values[:, : self.classes], values[:, self.classes :]
        return log_odds(own, other).astype(np.float32) if self.softmax else own


def teacher_of(
    spec: Spec, store: Store, segments: Encoder | None = None
) -> tuple[AppliedTeacher | None, str]:
    """Return a spec's teacher, loaded for new photos, or None and the reason why it cannot run,
    such as that the store was made with another one.

    Heads are those that were fitted on all of ``fit``. They get no network if the encoder
    ``segments`` can compute their embeddings.
    """
    if isinstance(spec.teacher, LogitsTeacher):
        return None, "the teacher is a table of logits"
    try:
        teacher, heads, network = checked_teacher(spec, store), None, None
        if isinstance(spec.teacher, HeadTeacher):
            heads = stored_heads(teacher, store)
        concepts = spec.concepts.encoder
        if not (heads and segments and gives_features(segments, concepts, teacher.encoder)):
            network = teacher.load()
        return AppliedTeacher(network, len(store.classes), spec.teacher.softmax, heads), ""
    except InficondError as error:  # students do not need the teacher
        return None, reason_of(error)


def source_of(spec: Spec, store: Store) -> TeacherSource:
    """Return the teacher of ``spec`` for the classes and concepts that ``store`` was made with."""
    return TeacherSource.of(spec, store.classes, base_of(store).concepts)


def checked_teacher(spec: Spec, store: Store) -> TeacherSource:
    """Return the spec's teacher; ``DataError`` if the store was made with another teacher, or with
    another content of its files.

    Batch size, oracle, and the path of a table may differ.
    """
    teacher = source_of(spec, store)
    now = json.loads(json.dumps(plain(teacher.inputs["settings"])))
    made = stage_of(store, "teacher").get("inputs", {}).get("settings", {})
    free = {"batch", "oracle", *(["path"] if spec.teacher.kind == "logits" else [])}
    for key in sorted({*now, *made} - free):
        if now.get(key) != made.get(key):
            raise DataError(
                _other_teacher(key, now.get(key), made.get(key)),
                "Set the store's teacher in the spec, or make the store again: "
                + precompute_command(),
            )
    return teacher


def _other_teacher(key: str, now: object, made: object) -> str:
    """Return the sentence on a key of the section teacher that the store was made with otherwise;
    hashes stand for the content of files."""
    if _is_content(now) and _is_content(made):
        return f"The content of teacher.{key} is not the one that the store was made with."
    return f"teacher.{key} is {now!r} in the spec, but the store was made with {made!r}."


def _is_content(value: object) -> bool:
    """Return whether a setting is a SHA-256, or has one in place of a file."""
    inner = value[-1] if isinstance(value, list) and value else value
    return isinstance(inner, str) and re.fullmatch("[0-9a-f]{64}", inner) is not None


def stored_heads(teacher: TeacherSource, store: Store) -> Heads:
    """Fit the heads of a store's teacher again from the stored features and labels.

    The heads are the same as at first. Raises ``DataError`` for a store without features.
    """
    if not store.has("teacher_feature"):
        raise DataError(
            f"{store.path} has no features to fit the teacher's heads on.",
            "Make the store again: " + precompute_command(),
        )
    training = store.teacher_feature, store.label, store.rows(FIT), store.classes
    l2 = store.attrs.get("teacher_head", {}).get("l2")
    return fit_heads(*training, teacher.section, teacher.device, l2)


def reason_of(error: InficondError) -> str:
    """Return an error's message and remedy as the end of a sentence, without a full stop."""
    return f"{error.message} {error.remedy}".strip().rstrip(".")


def network_logits(teacher: TeacherSource, store: Store, run: Run) -> TableColumns:
    """Return a teacher network's logits for the photos of ``run``; NaN for unreadable photos.

    The logits are ``(n, K)`` of the data set's classes and ``(n, M)`` of other classes. Finished
    batches are not run again. Heads are the store's, fitted on all of ``fit``. Raises ``DataError``
    if the teacher cannot run, and ``CancelledError``."""
    if not isinstance(teacher.section, HeadTeacher):
        if teacher.section.oracle:  # it needs labels, which these photos do not have
            teacher = replace(teacher, section=section_with(teacher.section, oracle=None))
        return teacher_logits(teacher, run).logits
    heads = stored_heads(teacher, store)
    features, _ = whole_features(teacher, run, store.teacher_feature.shape[1])
    return split_columns(heads.of_others(features), len(store.classes))


def table_logits(
    teacher: LogitsTeacher, store: Store, table: Path | None, names: Sequence[str]
) -> TableColumns:
    """Return logits of the photos ``names`` from ``table``, or from the spec's table if None.

    The spec states whether values are logits or probabilities. Raises ``DataError`` for photos
    without a row, and with a softmax for classes that differ from the store's.
    """
    if table is None:
        _check_own_table(teacher, store, names)
    elif twice := _twice(names):
        raise DataError(
            f"Several photos are named {twice[0]!r}, but the table has one row for that name.",
            "Pass the folder that holds them: photos are then named by their paths below it.",
        )
    outputs = teacher.outputs or "logits"  # few rows of logits may look like probabilities
    named = section_with(teacher, path=table or teacher.path, outputs=outputs)
    logits = read_logits(named, names, store.classes)
    others = [str(name) for name in store.read("other_class")]
    at = positions(logits.other_classes)
    if set(at) != set(map(name_key, others)):
        raise DataError(
            f"{named.path} has logits of {len(logits.other_classes)} classes that the data set "
            f"lacks, the store of {len(others)}; a softmax needs equal classes.",
            "Use a table with the columns of the table that the store was made with.",
        )
    order = [at[name_key(name)] for name in others]
    return TableColumns(logits.own, logits.other[:, order], tuple(others))


def _twice(names: Sequence[str]) -> list[str]:
    return [other for _, other in equal_names(names)]


def _check_own_table(teacher: LogitsTeacher, store: Store, names: Sequence[str]) -> None:
    """Raise ``DataError`` if the spec's table lacks rows for photos, or if names are not unique."""
    known = set(map(name_key, store.images))
    if alike := [*(name for name in names if name_key(name) in known), *_twice(names)]:
        raise DataError(
            f"{len(alike)} photos have the name of another image with logits in {teacher.path}, "
            f"{first_of(alike)}.",
            _NAME_TABLE,
        )
    try:
        read_logits(teacher, names, store.classes)
    except DataError as error:
        raise DataError(
            f"The teacher is a table of logits without the photos: {error.message}", _NAME_TABLE
        ) from error


def oracle_sweep(
    spec: Spec, store: Store, gammas: Sequence[float], progress: Tell = lambda _: None
) -> dict[float, TableColumns]:
    """Return the oracle's logits of the training images (``fit``) by gamma.

    The oracle is the teacher on images after a step of size gamma against the gradient of their
    labels' loss; gamma 0 gives the teacher's logits. Logits are ``(n, K)``, and ``(n, M)`` of other
    classes. Results of an earlier run of the same teacher, store and photos are reused. Raises
    ``DataError`` for a teacher without gradients, for images or classes that differ from the
    store's, and for a gamma whose logits are not finite; nothing is saved then."""
    if spec.of_store or not hasattr(spec.teacher, "oracle"):
        raise DataError(
            "An oracle needs gradients, but the spec's teacher has none.",
            "Use a teacher of kind timm, torchscript, transformers, query2label, head or "
            "open_clip in the spec; a table of logits is not enough.",
        )
    sweep = _Sweep(spec, store, progress)
    by_gamma = {gamma: sweep.kept(gamma) for gamma in dict.fromkeys(map(float, gammas))}
    missing = [gamma for gamma, values in by_gamma.items() if values is None]
    by_gamma |= sweep.computed(missing) if missing else {}
    columns = len(store.classes)
    return {
        gamma: split_columns(values, columns, sweep.others)
        for gamma, values in by_gamma.items()
        if values is not None
    }


class _Sweep:
    """Runs of a spec's teacher on a store's training images (``fit``) as an oracle."""

    def __init__(self, spec: Spec, store: Store, progress: Tell) -> None:
        self.store, self.progress = store, progress
        self.dataset = load_dataset(spec.dataset)
        self.rows = _positions(self.dataset, store)
        self.label = np.zeros((len(self.dataset.ids), len(store.classes)), np.int8)
        self.label[self.rows] = store.label[store.rows(FIT)]
        teacher = source_of(spec, store)
        self.batch, self.others = teacher.batch, teacher.others
        is_head = isinstance(teacher.section, HeadTeacher)
        self.heads = _heads(teacher, store, self.dataset) if is_head else None
        key = teacher.passes["features" if is_head else "logits"]
        self.network = partial(loaded, key, teacher.load)
        photos = [self.dataset.digest(int(i)) for i in self.rows]
        digest = self.heads.digest if self.heads else ""
        self.key = key_of("gammas", [key, digest, store.content_hash, photos])
        here = beside(store.path)
        self.folder = here.with_name(f"{here.name.removesuffix('.zarr')}.oracles")

    @property
    def width(self) -> int:
        return len(self.store.classes) + len(self.others)

    def kept(self, gamma: float) -> np.ndarray | None:
        """Return the oracle's saved logits ``(n, width)`` of an earlier run, None if missing."""
        try:
            with open_npz(self._file(gamma)) as file:
                known = str(file.read("key", _SMALL)) == self.key
                shape = len(self.rows), self.width
                if known and file.read("gamma", _SMALL) == gamma and file.shape("logit") == shape:
                    return file.read("logit")
        except NPZ_FAULTS:
            pass  # missing or damaged: computed again
        return None

    def computed(self, gammas: Sequence[float]) -> dict[float, np.ndarray]:
        """Compute the oracle's logits ``(n, width)`` by gamma; save them when all are computed."""
        if not self.network().differentiable:
            raise DataError(
                "An oracle needs gradients, but the spec's teacher has none.",
                "Use a teacher of kind timm, torchscript, transformers, query2label, head or "
                "open_clip.",
            )
        compute, width = partial(_checked, self.label, gammas, self.heads), self.width * len(gammas)
        work = Pass("oracle", self.key, self.network, compute, self.dataset, width)
        names = [self.dataset.ids[i] for i in self.rows]
        keys = joint_keys(names, self.label[self.rows])
        run = Run(self.dataset, self.dataset.ids, progress=self.progress)
        values = run_pass(run, work, self.batch, self.rows, keys)[self.rows]
        by_gamma = dict(zip(gammas, np.split(values, len(gammas), axis=1), strict=True))
        if not np.isfinite(values).all():
            lost = np.flatnonzero(~np.isfinite(values).all(axis=1))
            raise DataError(
                f"{count(len(lost), 'image')} of fit cannot be read, the first is "
                f"{names[lost[0]]!r}.",
                "Restore these images: the store was made with them.",
            )
        for gamma, logit in by_gamma.items():
            content = io.BytesIO()
            key = np.array(self.key)
            np.savez_compressed(content, key=key, gamma=np.float64(gamma), logit=logit)
            write_whole(self._file(gamma), content.getvalue())
        return by_gamma

    def _file(self, gamma: float) -> Path:
        return self.folder / f"gamma-{gamma:g}-{self.key[:12]}.npz"


def _checked(
    label: np.ndarray,
    gammas: Sequence[float],
    heads: Heads | None,
    teacher: TorchTeacher,
    images: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """Return what ``reinforced`` returns; raise ``DataError`` if it is not finite."""
    values = reinforced(label, gammas, heads, teacher, images, rows)
    for gamma, each in zip(gammas, np.split(values, len(gammas), axis=1), strict=True):
        if not np.isfinite(each).all():
            raise DataError(
                f"gamma {gamma:g} is too large: the teacher's logits on the reinforced photos are "
                "not finite numbers.",
                "Choose smaller gammas; in the paper's figure 4 they are from 0 to a few units.",
            )
    return values


def _positions(dataset: Dataset, store: Store) -> np.ndarray:
    """Return the positions in the data set of the store's training images (``fit``)."""
    position_of = {name: i for i, name in enumerate(dataset.ids)}
    names = [store.images[row] for row in store.rows(FIT)]
    lost = [name for name in names if name not in position_of]
    if lost or tuple(dataset.classes) != tuple(store.classes):
        what = f"lacks {count(len(lost), 'image')} of fit, the first is {lost[0]!r}" if lost else (
            "has other classes, or another order of classes"
        )  # fmt: skip
        raise DataError(
            f"The spec's data set {what}: {store.path} was made from other data.",
            "Use the spec that made the store, or make the store again: " + precompute_command(),
        )
    return np.array([position_of[name] for name in names], dtype=np.intp)


def _heads(teacher: TeacherSource, store: Store, dataset: Dataset) -> Heads:
    """Return the store's heads for the spec's data set: ``which`` has its images, in its order."""
    heads = stored_heads(teacher, store)
    position_of = {name: i for i, name in enumerate(dataset.ids)}
    which = np.full((len(position_of), len(store.classes)), teacher.section.folds)
    for row, name in enumerate(store.images):
        if name in position_of:
            which[position_of[name]] = heads.which[row]
    return replace(heads, which=which)
