"""The files that ``inficond compare --output`` writes: tables as CSV, and a page to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.commands.compare.compare_page import make_page
from inficond_panel.commands.compare.compare_text import NAMES, penalty_text
from inficond_panel.commands.compare.frame import LIMITS, three
from inficond_panel.common.numbers import defined
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.distill import SEEN_LABEL, Interval
from inficond_panel.quantify.outputs.reliability import Reliability
from inficond_panel.quantify.outputs.separation import Groups, sample, tsne
from inficond_panel.vocabulary.splits import FIT, TUNE

if TYPE_CHECKING:
    from inficond_panel.commands.compare.compared import Compared

#: Names of the files; a folder that holds others is not replaced.
FILES = {f"{name}.csv" for name in ("students", "classes", "outputs", "reliability", "map")} | {
    "compare.html"
}
#: Images of a t-SNE map; more are slow, and cover one another.
_ON_MAP = 1000
_SETTING = ("number", "targets", "mark", "alpha", "temperature", "tempered", "lambda", "node")
_LEVEL = "level"  #: column of the level of the intervals


def make_files(compared: Compared, seed: int) -> Iterator[File]:
    """The files; the map is left out without groups of images, or scikit-learn."""
    metrics = [f"{name}{limit}" for name in NAMES for limit in LIMITS]
    changes = [f"{name}_change{limit}" for name in NAMES for limit in LIMITS]
    header = [*_SETTING, "against", *metrics, *changes, _LEVEL]
    yield make_table("students", header, _students(compared))
    yield make_table("classes", ["class", *header], _classes(compared))
    kinds = [f"{kind}{limit}" for kind in ("teacher", "oracle", "change") for limit in LIMITS]
    yield make_table(
        "outputs", ["measure", "split", *kinds, "oracle_mark", _LEVEL], _outputs(compared)
    )
    columns = ("of", "mark", "class", "bins", "bin")
    numbers = ("lower", "upper", "events", "probability", "frequency")
    yield make_table("reliability", [*columns, *numbers], _reliability(compared))
    places = _places(compared, seed)
    if compared.groups:
        header = ["image_id", "group", *(f"{kind}_{axis}" for kind in places for axis in "xy")]
        yield make_table("map", header, _map(compared.outputs.images, compared.groups, places))
    yield File("compare.html", make_page(compared, places).encode())


def _students(compared: Compared) -> Iterator[list[Any]]:
    for number, r in enumerate(compared.students, start=1):
        numbers = [*_numbers(r.metrics), *_numbers(r.change)]
        yield [*_setting(compared, number), *numbers, compared.level]


def _classes(compared: Compared) -> Iterator[list[Any]]:
    for number, r in enumerate(compared.students, start=1):
        for name, metrics in r.classes.items():
            change = r.class_changes[name] if r.class_changes else None
            numbers = [*_numbers(metrics), *_numbers(change)]
            yield [name, *_setting(compared, number), *numbers, compared.level]


def _setting(compared: Compared, number: int) -> list[Any]:
    result = compared.students[number - 1]
    setting = result.setting
    against = "" if result.against is None else result.against + 1
    return [
        number,
        setting.targets,
        result.mark,
        "none" if setting.alpha is None else setting.alpha,
        setting.temperature,
        setting.tempered,
        penalty_text(setting),
        result.node.id,
        against,
    ]


def _numbers(intervals: Mapping[str, Interval] | None) -> list[Any]:
    return [value for name in NAMES for value in three(intervals[name] if intervals else None)]


def _outputs(compared: Compared) -> Iterator[list[Any]]:
    for split, measures in ((FIT, compared.measures), (TUNE, compared.on_tune)):
        for name, measure in measures.items():
            numbers = [v for each in vars(measure).values() for v in three(each)]
            mark = SEEN_LABEL if measure.oracle else ""
            yield [name, split, *numbers, mark, compared.level]


def _reliability(compared: Compared) -> Iterator[list[Any]]:
    for kind in compared.outputs.logits:
        mark = SEEN_LABEL if kind == "oracle" else ""
        for bins, mass in (("equal width", False), ("equal mass", True)):
            diagrams = {
                "": compared.outputs.pooled(kind, mass),
                **compared.outputs.by_class(kind, mass),
            }
            for name, diagram in diagrams.items():
                for row in reliability_rows(diagram):
                    yield [kind, mark, name, bins, *row]


def reliability_rows(diagram: Reliability) -> Iterator[list[Any]]:
    """Rows of a diagram: bin, lower, upper, events, probability, frequency."""
    names = ("lower", "upper", "events", "probability", "frequency")
    rows = zip(*(getattr(diagram, name).tolist() for name in names), strict=True)
    for number, row in enumerate(rows, start=1):
        yield [number, *map(defined, row)]


def _places(compared: Compared, seed: int) -> dict[str, np.ndarray]:
    """Places of some images of the groups on a t-SNE map of each kind of logits; nan: not on it."""
    if compared.groups is None:
        return {}
    inside = sample(compared.groups, _ON_MAP, seed).of >= 0
    places = {}
    for kind in compared.outputs.logits:
        places[kind] = np.full((len(inside), 2), np.nan)
        places[kind][inside] = tsne(compared.outputs.representation(kind)[inside], seed)
    return places


def _map(
    images: Sequence[str], groups: Groups, places: Mapping[str, np.ndarray]
) -> Iterator[list[Any]]:
    for row in np.flatnonzero(~np.isnan(places["teacher"][:, 0])).tolist():
        at = [value for xy in places.values() for value in xy[row].tolist()]
        yield [images[row], groups.names[groups.of[row]], *at]
