"""The teacher's network with its last layer refitted to the targets of an iteration, and what that
changes on the tuning images.

Features come from ``precompute.pipeline.network_features``, the refit from ``distill.last_layer``.
Figures are of the network itself, before and after, on tuning images that the refit has not used:
in two worlds as for students, and per group of images, with and without the class and the tuned
concepts. The *control* is a refit of the same outputs to the targets of the original students,
without a thumb: it changes nothing, unless labels are part of the targets (``students.labels``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel.common.installation import missing_extra, needs
from inficond_panel.common.near_words import listed
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.distill import Outcome
from inficond_panel.distill.last_layer import LinearLayer, ShiftedOutputs, refit_layer
from inficond_panel.distill.metrics.outcome import Cutoffs, likeliest
from inficond_panel.distill.metrics.two_worlds import two_worlds
from inficond_panel.errors import REPAIR_ELSEWHERE, DataError, ExportError, Remedy
from inficond_panel.export.network.thumbs import NetworkThumb, thumb_sizes
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.targets import Shift, target_shift
from inficond_panel.results.two_worlds import HEADINGS, world_rows
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import OnnxTeacher
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.two_worlds import ClassWorlds, joint_presence, meant_since_start
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX
from inficond_panel.vocabulary.worlds import THESE

if TYPE_CHECKING:
    from precompute.pipeline.network_features import NetworkFeatures
    from precompute.teachers.last_layer import LastLayer, LayerWeights

#: Rows of the figures: the refit to the targets of the iteration, and the refit without a thumb.
THUMBS, CONTROL = "thumbs", "control, no thumbs"
WHAT = "Repairing a network"  #: the feature, in errors of missing packages
_GROUPS = {
    "class": Heading("class"),
    "group": Heading("images that show"),
    "images": Heading("images"),
    "before": Heading("named before, %", digits=0),
    "after": Heading("named after, %", digits=0),
}
#: Receives the share of the work that is done, and a line on it.
Progress = Callable[[float, str], object]


@dataclass(frozen=True, eq=False)
class NetworkRepair:
    """The network of a spec's teacher, refitted to the targets of ``node``.

    ``weights`` are the new weights of its last layer, rounded as its file holds them, ``control``
    those of the refit without a thumb. ``strengths`` are the penalties on the change by class.
    ``rows`` are the tuning images by which figures are measured, ``used`` the number of others,
    which the refit has learned from. ``added`` photos, which are not in the data set, are left out.
    ``thumbs`` have their sizes on the network, by class.
    """

    tuner: Tuner
    node: Node
    network: NetworkFeatures
    weights: LayerWeights
    control: LayerWeights
    strengths: dict[str, float]
    rows: NDArray[np.intp]
    used: int
    added: int
    thumbs: dict[str, list[NetworkThumb]]

    @property
    def layer(self) -> LastLayer:
        """The last layer of the network as it was."""
        return self.network.layer

    @cached_property
    def worlds(self) -> list[ClassWorlds]:
        """Figures of the network before and after, per class that changed."""
        return [*self._worlds(self.weights)]

    @cached_property
    def control_worlds(self) -> list[ClassWorlds]:
        """The same of the refit without a thumb."""
        return [*self._worlds(self.control)]

    @property
    def meant(self) -> str:
        """World that all thumbs are meant for, as people said; "" if they did not, or differ.

        Labels and answers alone are meant for photos like the labelled ones."""
        said = {each.meant for each in self.with_thumb} or {THESE.key}
        return said.pop() if len(said) == 1 else ""

    @property
    def with_thumb(self) -> list[ClassWorlds]:
        """Figures of the classes that have a thumb."""
        names = meant_since_start(self.tuner, self.node)
        return [each for each in self.worlds if each.class_name in names]

    @cached_property
    def agreement(self) -> dict[str, float]:
        """Share of the tuning images on which old and new network decide alike, per class."""
        old, new = self._decided(self.layer.weights), self._decided(self.weights)
        alike = (old == new).mean(axis=0)
        return {name: float(alike[self.tuner.store.classes.index(name)]) for name in self.strengths}

    @cached_property
    def top1(self) -> tuple[float, float] | None:
        """Share of the labelled tuning images of which the likeliest class is right, before and
        after: a class that calls more images takes them from others. None if an image may have
        several classes, or without a label."""
        store = self.tuner.store
        label = store.label[self.rows]
        known = (label == 1).any(axis=1)
        if store.task != SINGLE_LABEL or not known.any():
            return None
        right = label[known].argmax(axis=1)
        before, after = (
            float((likeliest(self._log_odds(weights))[known] == right).mean())
            for weights in (self.layer.weights, self.weights)
        )
        return before, after

    def figures(self) -> pd.DataFrame:
        """Return a frame of figures in both worlds, per refit, class, world and metric."""
        refits = ((THUMBS, self.worlds), (CONTROL, self.control_worlds))
        rows = (
            {"refit": kind, **row} for kind, of in refits for one in of for row in world_rows(one)
        )
        headings = {"refit": Heading("refit"), **HEADINGS}
        index = ["refit", "class", "world", "metric"]
        level = self.tuner.spec.views.noise()["level"]
        return make_frame(rows, index, headings, title=self._title("in two worlds"), level=level)

    def groups(self) -> pd.DataFrame:
        """Return a frame of the share of images that the network names, before and after, per class
        and group: with and without the class, with and without the tuned concepts."""
        return make_frame(
            self.group_rows, ["class", "group"], _GROUPS, title=self._title("by group")
        )

    @cached_property
    def group_rows(self) -> list[dict[str, Any]]:
        """Rows of ``groups``, as plain data."""
        return [row for one in self.worlds for row in self._group_rows(one)]

    def measured(self) -> NetworkRepair:
        """Compute all figures, and return this repair: call this on a worker thread."""
        _ = self.worlds, self.control_worlds, self.agreement, self.top1, self.group_rows
        return self

    def _title(self, what: str) -> str:
        return f"The network before and after #{self.node.number}, {what}"

    def _group_rows(self, worlds: ClassWorlds) -> Iterator[dict[str, Any]]:
        name, store = worlds.class_name, self.tuner.store
        k = store.classes.index(name)
        label, shows = store.label[self.rows, k], self._shows(name, worlds.concepts)
        named = [self._decided(of)[:, k] for of in (self.layer.weights, self.weights)]
        for present in (1, 0):
            for shown in (1, 0) if worlds.concepts else (None,):
                inside = (label == present) & (True if shown is None else shows == shown)
                before, after = (
                    100 * of[inside].mean() if inside.any() else np.nan for of in named
                )
                group = group_text(name, present, worlds.concepts, shown)
                sizes = {"images": int(inside.sum()), "before": before, "after": after}
                yield {"class": name, "group": group, **sizes}

    def _worlds(self, weights: LayerWeights) -> Iterator[ClassWorlds]:
        meant, noise = meant_since_start(self.tuner, self.node), self.tuner.spec.views.noise()
        for name in self.strengths:
            concepts, world = meant.get(name, ((), ""))
            before, after = (self._outcome(of, name) for of in (self.layer.weights, weights))
            shows = self._shows(name, concepts) if concepts else None
            figures = tuple(two_worlds(before, after, shows, **noise))
            yield ClassWorlds(name, concepts, by_teacher=False, figures=figures, meant=world)

    def _shows(self, name: str, concepts: Sequence[str]) -> NDArray[np.int8]:
        """Return whether each of the images shows any of the concepts of a class: 1, 0, or -1
        (unknown)."""
        if not concepts:
            return np.full(len(self.rows), -1, np.int8)
        student = self.tuner.at(self.node, TUNE)[name]
        return joint_presence(student, concepts)[self._inside]

    def _outcome(self, weights: LayerWeights, name: str) -> Outcome:
        store, logits = self.tuner.store, self._log_odds(weights)
        k = store.classes.index(name)
        cutoff = Cutoffs(logits, self.tuner.thresholds, store.task).of(k)
        group = store.groups_at(self.rows)
        return Outcome(store.label[self.rows, k], logits[:, k], cutoff=cutoff, group=group)

    def _decided(self, weights: LayerWeights) -> NDArray[np.bool_]:
        return self.tuner.decided(self._log_odds(weights))

    def _log_odds(self, weights: LayerWeights) -> NDArray:
        """Return the log-odds ``(n, K)`` of the data set's classes on the measuring images."""
        at = np.searchsorted(self.network.rows, self.rows)
        logits = LinearLayer(weights.weight, weights.bias).logits(self.network.features[at])
        odds = log_odds(logits) if self.layer.link == SOFTMAX else logits
        return np.asarray(odds[:, list(self.layer.columns[: len(self.tuner.store.classes)])])

    @property
    def _inside(self) -> NDArray[np.bool_]:
        """Mask of the measuring images among those of tune."""
        return np.isin(self.tuner.store.rows(TUNE), self.rows)


def check_inputs(spec: Spec) -> None:
    """Raise the errors of ``repair_network`` that show without loading a network: a missing file or
    folder (``DataError``), and a package that is not installed."""
    sections = {"teacher": spec.teacher, "dataset": spec.dataset}
    lost = [
        f"{name}.{key} ({path.name})"
        for name, section in sections.items()
        for key, path, _ in (section.files() if section else ())
        if not path.exists()
    ]
    if lost:
        raise DataError(f"These are not on this machine: {listed(lost, 5)}.", REPAIR_ELSEWHERE)
    packages = ("onnx", "onnxruntime") if isinstance(spec.teacher, OnnxTeacher) else ("torch",)
    for package in packages:
        if find_spec(package) is None:
            raise missing_extra(WHAT, package, "precompute")


def repair_network(
    tuner: Tuner,
    node: Node,
    progress: Progress = lambda _share, _text: None,
    cancelled: Callable[[], bool] = lambda: False,
    known: NetworkFeatures | None = None,
    layer: LastLayer | None = None,
) -> NetworkRepair:
    """Refit the last layer of the spec's teacher network to the targets of ``node``.

    Nothing is written. ``known`` are the features of an earlier repair of the same tuner; without
    them the network runs on the photos. It is loaded, unless its last ``layer`` is given. Raises
    ``ExportError`` for an iteration that changes no target, ``DataError`` for a teacher without a
    last linear layer, the errors of ``network_features``, and ``CancelledError`` once ``cancelled``
    returns True.
    """
    with needs(WHAT, "precompute"):
        from precompute.pipeline import network_features as pipeline  # noqa: PLC0415 - an extra
    if layer is None:
        pipeline.check_kind(tuner.spec.teacher)
    sizes = thumb_sizes(tuner, node)
    moved = _moved(target_shift(tuner, node, sizes.terms))
    if not moved.any():
        raise ExportError(
            f"#{node.number} changes no target of the teacher: it has no thumb that adjusts one.",
            "Choose an iteration with a thumb (tuning.refit: target), an answer or a label: "
            + Remedy("--node N", "node=N"),
        )
    store = tuner.store
    network = known
    if network is None:
        layer = layer or pipeline.last_layer(tuner.spec, store)
        every = np.sort(np.concatenate([store.rows(FIT), store.rows(TUNE)]))
        network = pipeline.network_features(tuner.spec, store, layer, every, progress, cancelled)
    progress(1.0, "Refitting the last layer")
    of_fit = network.features[np.searchsorted(network.rows, store.rows(FIT))]
    shift = target_shift(tuner, node, sizes.fitting(tuner, of_fit).terms)
    used = np.isin(store.rows(TUNE), shift.rows[moved.any(axis=1)])
    weights, strengths = _refitted(tuner, network, shift, cancelled)
    named = {int(k): store.classes[k] for k in np.flatnonzero(moved.any(axis=0))}
    without = _alone(target_shift(tuner, tuner.root()), list(named))
    control, _ = _refitted(tuner, network, without, cancelled)
    return NetworkRepair(
        tuner,
        node,
        network,
        weights,
        control,
        {name: strengths[network.layer.columns[k]] for k, name in named.items()},
        store.rows(TUNE)[~used],
        int(used.sum()),
        int(moved[shift.rows < 0].any(axis=1).sum()),
        sizes.thumbs,
    )


def _moved(shift: Shift) -> NDArray[np.bool_]:
    """Return a mask ``(n, K)`` of the images and classes whose target moves."""
    return np.asarray((shift.shift != 0) & (shift.weight > 0))


def _alone(shift: Shift, columns: Sequence[int]) -> Shift:
    """Return a shift of the classes at ``columns`` alone."""
    other = np.ones(shift.shift.shape[1], dtype=bool)
    other[list(columns)] = False
    return Shift(shift.rows, np.where(other, 0.0, shift.shift), shift.weight, shift.group)


def _refitted(
    tuner: Tuner, network: NetworkFeatures, shift: Shift, cancelled: Callable[[], bool]
) -> tuple[LayerWeights, dict[int, float]]:
    """Return the weights of the network's last layer refitted to a shift of the classes, rounded as
    its file holds them, and the strengths by output."""
    layer = network.layer
    known = shift.only(np.flatnonzero(shift.rows >= 0))
    at = np.searchsorted(network.rows, known.rows)
    columns = list(layer.columns[: len(tuner.store.classes)])
    moved = np.zeros((len(at), len(layer.weights.bias)))
    weight = np.zeros_like(moved)
    moved[:, columns], weight[:, columns] = known.shift, known.weight
    images = ShiftedOutputs(
        network.features[at],
        moved,
        weight,
        layer.link,
        float(tuner.spec.students.temperature),
        known.group,
    )
    old = LinearLayer(layer.weights.weight, layer.weights.bias)
    found = refit_layer(old, images, cancelled=cancelled)
    return layer.weights.stored(found.layer.weight, found.layer.bias), found.strengths


def group_text(name: str, present: int, concepts: Sequence[str], shown: int | None) -> str:
    """Return the words for a group of images: ``boat, without person``."""
    text = name if present else f"no {name}"
    if shown is None:
        return text
    return f"{text}, {'with' if shown else 'without'} {' or '.join(concepts[:3])}"
