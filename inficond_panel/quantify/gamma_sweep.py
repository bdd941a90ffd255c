"""Oracles with several values of gamma, compared on ``fit`` (Lee et al., BMVC 2023, sec. 4.1).

The oracle is the teacher on inputs that are reinforced with their labels, in steps of size gamma.
It has seen the labels that it is measured on. Measured are accuracy, calibration, entropy, and the
silhouette of the outputs by sub-class and by super-class; the paper chooses the gamma of the
largest silhouette (figure 4).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel.common.files import ANNOTATION_BYTES, read_text
from inficond_panel.common.installation import needs
from inficond_panel.common.interval import NO_INTERVAL, Interval, columns_of
from inficond_panel.common.names import name_key
from inficond_panel.common.near_words import near, unknown
from inficond_panel.errors import DataError, Remedy
from inficond_panel.quantify.output_report import (
    MEASURES,
    OutputMeasure,
    compare_outputs,
    drawn_measures,
)
from inficond_panel.quantify.outputs import (
    ImageGroups,
    Outputs,
    Reliability,
    label_set_groups,
    large_groups,
    made_outputs,
    sample,
    single_label_groups,
    tsne,
)
from inficond_panel.store import Store
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import CONFIDENCE, DRAWS
from inficond_panel.vocabulary.splits import FIT

#: Rules of sub-classes: images with one label, by that label; images by the set of their labels.
GROUPS = {"single": single_label_groups, "sets": label_set_groups}


def oracle_sweep(
    tuner: Tuner,
    gammas: Sequence[float],
    *,
    groups: str = "single",
    above: str = "",
    draws: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> GammaSweep:
    """Make an oracle for each gamma from the spec's teacher, and measure its outputs on ``fit``.

    ``groups`` is the rule of sub-classes, a key of ``GROUPS``. ``above`` names the super-classes: a
    metadata column, or a CSV file (``super_groups``). Logits are cached next to the store. Raises
    ``DataError`` for a gamma that is negative or not finite and for a teacher without gradients,
    and the errors of ``precompute.teachers.applied``, or ``MissingExtraError``.
    """
    tuner.spec.check_photos()
    noise = tuner.spec.views.noise(draws, seed)
    values = [float(gamma) for gamma in gammas]
    wrong = [gamma for gamma in values if not (np.isfinite(gamma) and gamma >= 0)]
    if wrong or not values:
        raise DataError(
            f"gamma is {wrong[0]:g}." if wrong else "No gamma was passed.",
            "Give finite gammas, 0 or more; gamma 0 is the teacher.",
        )
    store, label = tuner.store, tuner.store.label[tuner.store.rows(FIT)]
    made = sample(GROUPS[groups](label, store.classes), seed=seed)
    super_classes = made if len(made.names) > 1 else None
    if above and super_classes is None:
        raise DataError(
            f"There are too few sub-classes: {len(made.names)} ({made.rule}).",
            "Use " + Remedy("--groups sets", 'groups="sets"') + ", or leave the super-classes out.",
        )
    higher = super_groups(store, made, above) if above else None
    with needs("Making oracle logits", "precompute"):
        from precompute.teachers.applied import oracle_sweep as swept
    sweep = swept(tuner.spec, store, [gamma for gamma in values if gamma], progress)
    return measure_gammas(
        store, sweep, groups=super_classes, above=higher, thresholds=tuner.thresholds, **noise
    )


#: Measures by which a gamma is chosen: the largest value is best.
CHOOSERS = ("silhouette", "silhouette_super")
_Key = TypeVar("_Key")
#: Largest number of images on a t-SNE map; more are slow, and overlap.
ON_MAP = 1000


class Logits(Protocol):
    """Outputs of one oracle on n images: logits of the data set's K classes, and of M others."""

    @property
    def own(self) -> NDArray:
        """Logits (n, K) of the data set's classes."""

    @property
    def other(self) -> NDArray:
        """Logits (n, M) of the teacher's classes that the data set lacks."""


@dataclass(frozen=True)
class GammaOutputs:
    """Outputs of the oracle with one gamma, its measures, and their changes from the teacher.

    For gamma 0, which is the teacher, ``changes`` is empty. ``reliability`` is the diagram of the
    likeliest class if each image has one class, else of all classes pooled.
    """

    gamma: float
    outputs: Outputs
    measures: dict[str, Interval]
    changes: dict[str, Interval]
    reliability: Reliability

    @property
    def representation(self) -> NDArray:
        """Outputs that silhouettes and t-SNE maps use: ``(n, K)``, of a softmax ``(n, K + M)``."""
        return self.outputs.representation("oracle" if self.gamma else "teacher")


@dataclass(frozen=True, repr=False)
class GammaSweep:
    """Results of oracles with several gammas, ascending, the teacher (gamma 0) first.

    ``groups`` are the sub-classes of the images of ``fit`` and ``above`` their super-classes, or
    None. ``rows`` are the images' indices in the store; ``level`` is the level of the intervals.
    """

    oracles: tuple[GammaOutputs, ...]
    groups: ImageGroups | None
    above: ImageGroups | None
    rows: NDArray[np.intp]
    level: float = CONFIDENCE

    @property
    def gammas(self) -> list[float]:
        """Values of gamma, ascending, 0 included."""
        return [each.gamma for each in self.oracles]

    @property
    def table(self) -> pd.DataFrame:
        """Values of the measures, and changes from the teacher, a row per measure and gamma."""
        rows = {
            (key, each.gamma): {
                "value": each.measures[key],
                "change": each.changes.get(key, NO_INTERVAL),
            }
            for key in self.oracles[0].measures
            for each in self.oracles
        }
        index = pd.MultiIndex.from_tuples(rows, names=["measure", "gamma"])
        return pd.DataFrame(map(columns_of, rows.values()), index)

    def __repr__(self) -> str:
        return str(self.table)

    def best(self, measure: str = CHOOSERS[0]) -> float | None:
        """Return the gamma with the largest value of ``measure`` (the smallest of equal ones), None
        if the measure is undefined for all. Raises ``DataError`` for an unknown measure."""
        if measure not in MEASURES:
            raise DataError(*unknown("measure", measure, MEASURES))
        values = [
            each.measures[measure].estimate if measure in each.measures else np.nan
            for each in self.oracles
        ]
        return None if np.isnan(values).all() else self.gammas[int(np.nanargmax(values))]

    def places(self, seed: int = 0, most: int = ON_MAP) -> dict[float, NDArray]:
        """Return t-SNE coordinates ``(n, 2)`` by gamma; nan for images that are not on the map.

        All maps show the same images, at most ``most`` of the images in a group.
        """
        if self.groups is None:
            return {}
        shown = {each.gamma: each.representation for each in self.oracles}
        return tsne_positions(shown, self.groups, seed, most)


def tsne_positions(
    shown: Mapping[_Key, NDArray], groups: ImageGroups, seed: int = 0, most: int = ON_MAP
) -> dict[_Key, NDArray]:
    """Return t-SNE coordinates ``(n, 2)`` by key, of each array of outputs ``(n, d)`` in ``shown``.

    All maps show the same images, at most ``most`` of the images in ``groups``; nan for others."""
    inside = sample(groups, most, seed).of >= 0
    positions = {}
    for key, outputs in shown.items():
        positions[key] = np.full((len(inside), 2), np.nan)
        positions[key][inside] = tsne(outputs[inside], seed)
    return positions


def measure_gammas(
    store: Store,
    logits: Mapping[float, Logits],
    *,
    groups: ImageGroups | None = None,
    above: ImageGroups | None = None,
    thresholds: Sequence[float] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> GammaSweep:
    """Compare the oracle of each gamma with the teacher on the images of ``fit``.

    ``logits`` are the oracles' outputs by gamma. All other arguments are as in ``measure_outputs``,
    and so are the errors.
    """
    rows = store.rows(FIT)
    teacher = store.teacher_logit[rows], store.other_logit[rows]
    options: dict[str, Any] = {"groups": groups, "above": above, "thresholds": thresholds}
    options |= {"draws": draws, "seed": seed}
    alone = made_outputs(store, FIT, {"teacher": teacher})
    first = drawn_measures(alone, "teacher", **options)  # once: each gamma is compared with it
    measured = [_of_gamma(0.0, alone, compare_outputs(first, level=level))]
    for gamma in sorted({*logits} - {0.0}):
        oracle = logits[gamma].own, logits[gamma].other
        outputs = made_outputs(store, FIT, {"teacher": teacher, "oracle": oracle})
        measures = drawn_measures(outputs, "oracle", **options)
        measured.append(_of_gamma(gamma, outputs, compare_outputs(first, measures, level=level)))
    return GammaSweep(tuple(measured), groups, above, rows, level)


def super_groups(store: Store, groups: ImageGroups, source: str) -> ImageGroups:
    """Return super-classes of the images in ``groups``, from a metadata column or a CSV file.

    The file has the columns ``class`` (a group's name) and ``group``, or ``image_id`` and
    ``group``. An image with an empty cell is left out. Raises ``DataError`` for unknown names, and
    for classes that the file lacks.
    """
    rows = store.rows(FIT)
    if source in store.metadata_columns:
        column = store.column(source)
        names = [column[row] for row in rows]
        rule = f"images by the column {source!r}"
    else:
        names, rule = _from_file(store, groups, Path(source)), f"images by {Path(source).name}"
    kinds, of = np.unique(names, return_inverse=True)
    inside = (groups.of >= 0) & (np.array(names) != "")
    large = large_groups(np.where(inside, of, -1), kinds.tolist(), 2, rule)
    if len(large.names) < 2:
        raise DataError(
            f"{source} has {len(large.names)} super-classes of two images or more: a silhouette "
            "needs two.",
            "Name at least two super-classes of two images or more.",
        )
    return large


def _from_file(store: Store, groups: ImageGroups, path: Path) -> list[str]:
    """Return the super-class of each image of ``fit``, read from a CSV file; "" without one."""
    try:
        table = list(csv.DictReader(read_text(path, ANNOTATION_BYTES).splitlines()))
    except FileNotFoundError:
        columns = ", ".join(map(repr, store.metadata_columns)) or "none"
        raise DataError(
            f"There is no metadata column and no file {str(path)!r}; columns are: {columns}.",
            "Name a column of the store, or a CSV file with the columns class and group.",
        ) from None
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}.", "Write it as CSV in UTF-8.") from error
    key = "class" if table and "class" in table[0] else "image_id"
    if not table or not {key, "group"} <= {*table[0]}:
        raise DataError(
            f"{path} has no rows, or lacks the columns class (or image_id) and group.",
            "Give one row per class: class,group.",
        )
    group_of = {name_key(row[key]): str(row["group"] or "").strip() for row in table}
    if key == "image_id":
        return [group_of.get(name_key(store.images[row]), "") for row in store.rows(FIT)]
    lost = [name for name in groups.names if name_key(name) not in group_of]
    if lost:
        raise DataError(
            f"{path} has no super-class of {lost[0]!r}.{near(lost[0], list(group_of))}",
            "Give each class one row: class,group.",
        )
    return [group_of[name_key(groups.names[at])] if at >= 0 else "" for at in groups.of.tolist()]


def _of_gamma(
    gamma: float, outputs: Outputs, measured: Mapping[str, OutputMeasure]
) -> GammaOutputs:
    kind = "oracle" if gamma else "teacher"
    levels = {name: getattr(m, kind) for name, m in measured.items()}
    changes = {name: m.change for name, m in measured.items()}
    return GammaOutputs(
        gamma,
        outputs,
        {name: level for name, level in levels.items() if level is not None},
        {name: change for name, change in changes.items() if change is not None},
        outputs.likeliest(kind) if outputs.whole else outputs.pooled(kind),
    )
