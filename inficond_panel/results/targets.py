"""Targets of the students: what each is fitted to, per image and class, beside the teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from inficond_panel.common.files import write_whole
from inficond_panel.distill.metrics.groups import Groups, of_rows
from inficond_panel.distill.solver.tempered import mixed_of
from inficond_panel.errors import ExportError
from inficond_panel.results.frame import Heading, make_frame, table_file
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.vocabulary.splits import FIT

#: Formats of a file of targets, by suffix.
_SUFFIXES = (".csv", ".parquet")
#: Source of photos that a person labelled; other sources of appended photos are learned.
_LABEL, _LEARN = "label", "learn"
_INDEX = ["image", "class"]
#: Least distance of a probability from 0 and 1 in log-odds.
_CERTAIN = 1e-12
_HEADINGS = {
    "image": Heading("image", image=True),
    "class": Heading("class"),
    "source": Heading("source"),
    "teacher": Heading("teacher"),
    "adjusted": Heading("adjusted"),
    "weight": Heading("weight"),
}


def targets(tuner: Tuner, node: Node) -> pd.DataFrame:
    """Return a frame of the probabilities that the students of ``node`` are fitted to.

    A row is an image and a class, of all images with a ``weight`` in the class's fit. ``teacher``
    is the teacher's probability at ``students.temperature``, ``adjusted`` what the student learns
    (order: ``tuning.fitting.adjustments``): the same, but for thumbs, answers and labels. Added
    photos and photos of ``tune`` that a class learns follow; ``source`` is ``fit``, ``label`` (a
    person labelled it), or ``learn`` and the repair's source.
    """
    data, store = tuner.data_at(node), tuner.store
    learned, classes = mixed_of(data.targets.values), np.array(store.classes, dtype=object)
    images = [*(store.images[row] for row in store.rows(FIT)), *data.images.appended]
    weight = _weights(data)
    at, k = np.nonzero(weight > 0)
    frame = pd.DataFrame(
        {
            "image": np.array(images, dtype=object)[at],
            "class": classes[k],
            "source": _sources(data)[at],
            "teacher": _teacher(tuner, node, data)[at, k],
            "adjusted": learned[at, k],
            "weight": weight[at, k],
        }
    ).set_index(_INDEX)
    facts = {"node": node.id, "temperature": float(tuner.spec.students.temperature)}
    frame.attrs = make_frame([], _INDEX, _HEADINGS, title="Targets", facts=facts).attrs
    return frame


@dataclass(frozen=True, eq=False)
class Shift:
    """How far the targets of a node are from the teacher's outputs: ``shift`` ``(n, K)`` in
    log-odds, 0 where nothing adjusts them, and ``weight`` ``(n, K)`` in the fit. ``rows`` ``(n,)``
    are the images' rows in the store, -1 for added photos."""

    rows: NDArray[np.intp]
    shift: NDArray
    weight: NDArray
    group: Groups

    def only(self, rows: NDArray) -> Shift:
        """Return the images at ``rows``, which are indices or a mask."""
        group = of_rows(self.group, rows)
        return Shift(self.rows[rows], self.shift[rows], self.weight[rows], group)


def target_shift(tuner: Tuner, node: Node, terms: Mapping[str, Terms] | None = None) -> Shift:
    """Return how far targets are from the teacher's outputs: by ``terms``, or those of ``node``."""
    data = tuner.data_at(node) if terms is None else tuner.fit_data.under(terms)
    learned, teacher = mixed_of(data.targets.values), _teacher(tuner, node, data)
    odds = (logit(np.clip(each, _CERTAIN, 1 - _CERTAIN)) for each in (learned, teacher))
    shift = np.where(learned == teacher, 0.0, np.subtract(*odds))
    return Shift(data.images.rows, shift, _weights(data), data.images.groups)


def _weights(data: FitData) -> np.ndarray:
    """Return the weight ``(n, K)`` of each image in the fit of each class."""
    given = data.weights.values
    return np.ones_like(mixed_of(data.targets.values)) if given is None else given


def _sources(data: FitData) -> np.ndarray:
    """Return the source ``(n,)`` of each image of the data."""
    sources = np.full(len(data.images), _LABEL, dtype=object)
    sources[: data.images.of_split] = FIT
    for source, block in data.images.learned.items():
        sources[block] = f"{_LEARN} {source}"
    return sources


def _teacher(tuner: Tuner, node: Node, data: FitData) -> np.ndarray:
    """Return the teacher's probabilities ``(n, K)`` on the images of the data."""
    if not data.images.appended:
        return data.targets.teacher
    parts = sorted({part for of in tuner.terms(node).values() for part in of.parts})
    every = AllImages(tuner.store, parts)
    appended = data.source.of_logits(*every.teacher_logits(every.rows(data.images.appended)))
    return np.concatenate([data.targets.teacher, appended])


def write_targets(tuner: Tuner, node: Node, file: Path) -> pd.DataFrame:
    """Write ``targets`` to a file, as CSV or Parquet by its suffix; return them.

    Raises ``ExportError`` for another suffix, and for a file that cannot be written;
    ``MissingExtraError`` for Parquet without its package.
    """
    kind = file.suffix.lower()
    if kind not in _SUFFIXES:
        raise ExportError(
            f"Targets cannot be written as {file.name}: the end of its name is no kind of table.",
            f"Name a file that ends with {' or '.join(_SUFFIXES)}.",
        )
    frame = targets(tuner, node)
    write_whole(file, table_file(frame, file.stem, kind[1:]).content)
    return frame
