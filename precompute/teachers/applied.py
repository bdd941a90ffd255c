"""The teacher of a store on other photos, and the oracle of a store at several gammas.

Lee et al., BMVC 2023, figures 3 and 4. The logits of each gamma are kept in a folder next to the
store, ``NAME.oracles``; the store, its hash and its histories are unchanged.
"""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from inficond_panel.common.devices import CPU
from inficond_panel.common.files import write_whole
from inficond_panel.common.near_words import first_of
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.concepts.typed import base_of
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.teacher import HeadTeacher, LogitsTeacher, NetworkTeacher
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.results import key_of
from precompute.batches.run import Features, Run
from precompute.datasets import Dataset, load_dataset
from precompute.encoder import Encoder
from precompute.teachers.head import Heads, chosen_l2, fit_heads
from precompute.teachers.loading import (
    batch_of,
    encoder_of,
    load_embedding,
    load_teacher,
    network_inputs,
    pass_keys,
)
from precompute.teachers.outputs import resolved, teacher_with
from precompute.teachers.stage import (
    Compute,
    Network,
    Pass,
    joint_keys,
    plain_logits,
    run_pass,
    teacher_logits,
)
from precompute.teachers.tables import Columns, other_classes, read_logits, split_columns
from precompute.teachers.teacher import Teacher, TorchTeacher, stacked

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
    """Return the teacher of a spec, or None and the reason why it cannot run.

    A new photo gets the head that was fitted on all of ``fit``. Heads have no network of their own
    if the encoder of the ``segments`` computes their vectors.
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
    """Fit the heads of a store again from its features and labels; the result is the same.

    Raises ``DataError`` for a store without features.
    """
    if not store.has("teacher_feature"):
        raise DataError(
            f"{store.path} has no features that the heads could be fitted on.",
            "Write it again: inficond precompute SPEC",
        )
    fit = store.rows(FIT)
    training = store.teacher_feature, store.label, fit, store.classes, teacher, device
    return fit_heads(*training, chosen_l2(store))


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
    """Return a network's logits ``(n, K)`` and ``(n, M)``; NaN for unreadable photos.

    Finished batches are not run again. Heads are those of the store, fitted on all of ``fit``.
    Raises ``DataError`` if the teacher cannot run, and ``CancelledError``.
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
    """Return logits from a table with a row for each of ``names``: ``table``, else the spec's.

    Values are of the kind that the spec states. Raises ``DataError`` for photos without a row, and
    with a softmax for classes that differ from the store's.
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
    logits = read_logits(named, names, store.classes)
    others = [str(name) for name in store.read("other_class")]
    if set(logits.other_classes) != set(others):
        raise DataError(
            f"{named.path} has logits of {len(logits.other_classes)} classes that the data set "
            f"lacks, the store of {len(others)}: a softmax is over all of them.",
            "Give the table the columns of the table that the store was made with.",
        )
    order = [logits.other_classes.index(name) for name in others]
    return Columns(logits.own, logits.other[:, order], tuple(others))


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


Progress = Callable[[str], None]


def oracle_sweep(
    spec: Spec, store: Store, gammas: Sequence[float], progress: Progress = lambda _: None
) -> dict[float, Columns]:
    """Return logits of the images of ``fit`` for each gamma: ``(n, K)`` and other classes.

    gamma 0 is the teacher. Results of an earlier run of the same teacher, store and photos are
    reused. Raises ``DataError`` for a teacher without gradients, for a data set whose images or
    classes differ from the store's, and for a gamma whose logits are not finite; nothing is kept of
    that one.
    """
    if spec.of_store or not hasattr(spec.teacher, "oracle"):
        raise DataError(
            "An oracle needs the teacher's gradients, and the spec's teacher shows none.",
            "Name a teacher of kind timm, torchscript, transformers, query2label, head or "
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
    """The teacher of a spec on the images of ``fit`` of a store."""

    def __init__(self, spec: Spec, store: Store, progress: Progress) -> None:
        self.store, self.progress = store, progress
        self.dataset = load_dataset(spec.dataset)
        self.rows = _positions(self.dataset, store)
        self.label = np.zeros((len(self.dataset.ids), len(store.classes)), np.int8)
        self.label[self.rows] = store.label[store.rows(FIT)]
        encoder, corpus = spec.concepts.encoder, base_of(store).concepts
        teacher = resolved(spec.teacher, store.classes)
        inputs = network_inputs(teacher, store.classes, encoder, corpus)
        keys = pass_keys(inputs)
        self.batch, self.heads, self.others = batch_of(teacher, encoder), None, []
        if isinstance(teacher, HeadTeacher):
            self.heads = _heads(teacher, store, self.dataset, spec.device)
            name = "features"
            load: Callable[[], Teacher] = partial(load_embedding, teacher, encoder, spec.device)
        else:
            name = "logits"
            load = partial(load_teacher, teacher, store.classes, encoder, corpus, spec.device)
            if teacher.softmax:
                named = getattr(teacher, "classes", ())
                self.others = other_classes(store.classes, named)
        self.network = Network(keys[name], load)
        photos = [self.dataset.digest(int(i)) for i in self.rows]
        digest = self.heads.digest if self.heads else ""
        self.key = key_of("gammas", [keys[name], digest, store.content_hash, photos])
        self.folder = store.path.with_name(f"{store.path.name.removesuffix('.zarr')}.oracles")

    @property
    def width(self) -> int:
        return len(self.store.classes) + len(self.others)

    def kept(self, gamma: float) -> np.ndarray | None:
        """Values ``(n, width)`` of an earlier run, or None."""
        try:
            with np.load(self._file(gamma), allow_pickle=False) as file:
                if str(file["key"]) == self.key and file["gamma"] == gamma:
                    values = np.asarray(file["logit"])
                    return values if values.shape == (len(self.rows), self.width) else None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # not there, or damaged: it is made anew
        return None

    def computed(self, gammas: Sequence[float]) -> dict[float, np.ndarray]:
        """Return values of each gamma, stored once all are computed."""
        teacher = self.network.teacher
        if not teacher.differentiable:
            raise DataError(
                "The spec's teacher shows no gradients, and an oracle needs them.",
                "Name a teacher of kind timm, torchscript, transformers, query2label or head.",
            )
        work = Pass(
            "oracle", self.key, self.network, self._compute(gammas), self.dataset,
            self.width * len(gammas),
        )  # fmt: skip
        names = [self.dataset.ids[i] for i in self.rows]
        keys = joint_keys(names, self.label[self.rows])
        run = Run(self.dataset, self.dataset.ids, progress=self.progress)
        values = run_pass(run, work, self.batch, self.rows, keys)[self.rows]
        by_gamma = dict(zip(gammas, np.split(values, len(gammas), axis=1), strict=True))
        if not np.isfinite(values).all():
            lost = np.flatnonzero(~np.isfinite(values).all(axis=1))
            raise DataError(
                f"{len(lost)} images of fit cannot be read, the first is {names[lost[0]]!r}.",
                "Restore them: the store has been made with them.",
            )
        for gamma, each in by_gamma.items():
            self._keep(gamma, each)
        return by_gamma

    def _compute(self, gammas: Sequence[float]) -> Compute:
        return partial(_reinforced, self.label, tuple(gammas), self.heads)

    def _keep(self, gamma: float, values: np.ndarray) -> None:
        content = io.BytesIO()
        np.savez_compressed(content, key=np.array(self.key), gamma=np.float64(gamma), logit=values)
        write_whole(self._file(gamma), content.getvalue())

    def _file(self, gamma: float) -> Path:
        return self.folder / f"gamma-{gamma:g}-{self.key[:12]}.npz"


def _reinforced(
    label: np.ndarray,
    gammas: Sequence[float],
    heads: Heads | None,
    teacher: TorchTeacher,
    images: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """Logits of all gammas side by side; with ``heads`` the teacher is an encoder below them."""
    if heads is not None:
        teacher = heads.teacher(teacher, rows)
    oracles = teacher.oracles(images, label[rows], gammas)
    for gamma, values in zip(gammas, oracles, strict=True):
        if not np.isfinite(values).all():
            raise DataError(
                f"gamma {gamma:g} is too large: the teacher's logits on the reinforced photos are "
                "no finite numbers.",
                "Take smaller ones; those of figure 4 lie between 0 and a few units.",
            )
    return np.hstack(oracles)


def _positions(dataset: Dataset, store: Store) -> np.ndarray:
    """Positions in the data set of the store's images of ``fit``."""
    position_of = {name: i for i, name in enumerate(dataset.ids)}
    names = [store.images[row] for row in store.rows(FIT)]
    lost = [name for name in names if name not in position_of]
    if lost or tuple(dataset.classes) != tuple(store.classes):
        what = f"lacks {len(lost)} images of fit, the first is {lost[0]!r}" if lost else (
            "has other classes, or in another order"
        )  # fmt: skip
        raise DataError(
            f"The spec's data set {what}: it is not what {store.path} was made from.",
            "Take the spec that the store was made from, or write it again: "
            "inficond precompute SPEC",
        )
    return np.array([position_of[name] for name in names], dtype=np.intp)


def _heads(teacher: HeadTeacher, store: Store, dataset: Dataset, device: str) -> Heads:
    """Return the heads of the store's teacher, each photo's at its position in the data set."""
    heads = stored_heads(teacher, store, device)
    position_of = {name: i for i, name in enumerate(dataset.ids)}
    which = np.full((len(position_of), len(store.classes)), teacher.folds)
    for row, name in enumerate(store.images):
        if name in position_of:
            which[position_of[name]] = heads.which[row]
    return replace(heads, which=which)
