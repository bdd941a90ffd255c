"""Oracle logits of several gammas, for the images of ``fit`` of a store that is there.

Lee et al., BMVC 2023, figures 3 and 4. The logits of each gamma are kept in a folder beside the
store, ``NAME.oracles``; the store, its hash and its histories stay as they are.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from inficond_panel.common.whole_file import write_whole
from inficond_panel.concepts.extended_store import base_of
from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import HeadTeacher
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.results import key_of
from precompute.batches.run import Run
from precompute.datasets import Dataset, load_dataset
from precompute.teachers.applied import stored_heads
from precompute.teachers.head import Heads
from precompute.teachers.inputs import network_inputs, pass_keys
from precompute.teachers.loading import batch_of, load_embedding, load_teacher
from precompute.teachers.outputs import resolved
from precompute.teachers.passes import Compute, Network, Pass, joint_keys, run_pass
from precompute.teachers.tables import Columns, other_classes, split_columns
from precompute.teachers.teacher import Teacher, TorchTeacher

Progress = Callable[[str], None]


def oracle_sweep(
    spec: Spec, store: Store, gammas: Sequence[float], progress: Progress = lambda _: None
) -> dict[float, Columns]:
    """Logits ``(n, K)`` of the images of ``fit`` for each gamma, with those of other classes.

    gamma 0 gives the teacher's own. What is kept from an earlier run of the same teacher, store
    and photos is taken from there. Raises ``DataError`` for a teacher that has no gradients, for a
    data set whose images or classes are not the store's, and for a gamma whose logits are no
    finite numbers; nothing is kept of that one.
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
    own = len(store.classes)
    return {
        gamma: split_columns(values, own, sweep.others)
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
        """Values of each gamma, kept when all are there."""
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
        found = dict(zip(gammas, np.split(values, len(gammas), axis=1), strict=True))
        if not np.isfinite(values).all():
            lost = np.flatnonzero(~np.isfinite(values).all(axis=1))
            raise DataError(
                f"{len(lost)} photos of fit cannot be read, the first is {names[lost[0]]!r}.",
                "Restore them: the store has been made with them.",
            )
        for gamma, each in found.items():
            self._keep(gamma, each)
        return found

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
    found = teacher.oracles(images, label[rows], gammas)
    for gamma, values in zip(gammas, found, strict=True):
        if not np.isfinite(values).all():
            raise DataError(
                f"gamma {gamma:g} is too large: the teacher's logits on the reinforced photos are "
                "no finite numbers.",
                "Take smaller ones; those of figure 4 lie between 0 and a few units.",
            )
    return np.hstack(found)


def _positions(dataset: Dataset, store: Store) -> np.ndarray:
    """Positions in the data set of the store's images of ``fit``."""
    place = {name: i for i, name in enumerate(dataset.ids)}
    names = [store.images[row] for row in store.rows(FIT)]
    lost = [name for name in names if name not in place]
    if lost or tuple(dataset.classes) != tuple(store.classes):
        what = f"lacks {len(lost)} images of fit, the first is {lost[0]!r}" if lost else (
            "has other classes, or in another order"
        )  # fmt: skip
        raise DataError(
            f"The spec's data set {what}: it is not what {store.path} was made from.",
            "Take the spec that the store was made from, or write it again: "
            "inficond precompute SPEC",
        )
    return np.array([place[name] for name in names], dtype=np.intp)


def _heads(teacher: HeadTeacher, store: Store, dataset: Dataset, device: str) -> Heads:
    """The heads of the store's teacher; each photo's are at its place in the data set."""
    found = stored_heads(teacher, store, device)
    place = {name: i for i, name in enumerate(dataset.ids)}
    which = np.full((len(place), len(store.classes)), teacher.folds)
    for row, name in enumerate(store.images):
        if name in place:
            which[place[name]] = found.which[row]
    return replace(found, which=which)
