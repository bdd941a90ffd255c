"""Groups of images by a column, a picture's property, a class or a concept; cells of label × group.

A cell is named like its label and its group: ``present · water``, ``absent · water``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.common.names import find_name
from inficond_panel.common.near_words import near
from inficond_panel.distill.metrics.groups import Groups, distinct
from inficond_panel.distill.suspects import dividing_score, shows
from inficond_panel.errors import DataError, FileProblem, Remedy, SpecError, precompute_command
from inficond_panel.spec import Spec
from inficond_panel.spec.framework.yaml_source import hint, short
from inficond_panel.store import Store
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES, PROPERTY_OF
from inficond_panel.vocabulary.splits import FIT
from inficond_panel.vocabulary.things import MOST_VALUES

#: What may divide images, in the order in which a name is looked up.
DIVIDES = "column, property, class or concept"


def dividing_names(store: Store) -> list[str]:
    """Return the names of all that may divide the images of a store."""
    properties = PROPERTY_OF if store.holds("pictures") else ()
    return [*store.metadata_columns, *properties, *store.classes, *store.concepts]


def check_groups(spec: Spec, store: Store) -> None:
    """Raise ``SpecError`` if ``tuning.groups`` of the spec does not divide images of the store."""
    by, names = spec.tuning.groups, dividing_names(store)
    if by is None or find_name(by, names) is not None:
        return
    fault = f"tuning.groups: there is no {DIVIDES} {short(by)} in the store{hint(by, names)}"
    raise SpecError(
        [FileProblem(spec.path, *spec.place("tuning", "groups"), fault)],
        f"Name a {DIVIDES} of the store: " + Remedy("inficond info SPEC", "students.classes"),
    )


@once(8)
def group_texts(store: Store, name: str) -> Sequence[str]:
    """Return the group of each image of the store by ``name``; "" if it is not known.

    ``name`` is a metadata column, of which many numbers are divided into quarters; a property of
    the pictures ("image brightness"), which divides into lowest quarter, highest quarter and
    others; a class, with its labels 1 and 0; or a concept, with 1 and 0: shown or not, by the score
    that divides its scores on ``fit`` (Otsu's threshold).
    Raises ``DataError`` for another name.
    """
    if find_name(name, store.metadata_columns) is not None:
        return _of_column(store.column(name))
    words = find_name(name, PROPERTY_OF) if store.holds("pictures") else None
    if words is not None:
        return _quarters(store, words)
    if (class_name := find_name(name, store.classes)) is not None:
        labels = store.label[:, store.classes.index(class_name)]
        return ["" if label < 0 else str(label) for label in labels]
    if (concept := find_name(name, store.concepts)) is not None:
        column = _scores_of(store, concept)
        there = shows(column, dividing_score(column[store.rows(FIT)]))
        return [str(int(each)) for each in there]
    if name in PROPERTY_OF:
        raise DataError(
            f"{store.path} has no properties of the pictures: tables of scores have none.",
            "They are measured where a spec with photos becomes a store: " + precompute_command(),
        )
    if hint := near(name, dividing_names(store)):
        raise DataError(f"{store.path} has no {DIVIDES} {name!r}.{hint}", f"Name a {DIVIDES}.")
    return store.column(name)  # raises: lists the columns, and says how to add a table


def is_shown_or_not(store: Store, name: str) -> bool:
    """Return True if the groups by ``name`` are the images that show a class or concept, and the
    others."""
    first = [*store.metadata_columns, *(PROPERTY_OF if store.holds("pictures") else ())]
    return find_name(name, first) is None


def divides_by_score(store: Store, name: str) -> bool:
    """Return True if ``name`` is a concept, whose scores and not labels divide the images."""
    unlabelled = is_shown_or_not(store, name) and find_name(name, store.classes) is None
    return unlabelled and find_name(name, store.concepts) is not None


def is_high_or_low(store: Store, name: str) -> bool:
    """Return True if ``name`` is a concept of a table: a number, which is high in a row or not. A
    concept of the values 0 and 1 alone is there or not."""
    return divides_by_score(store, name) and find_name(name, store.concepts) in store.numeric


def _scores_of(store: Store, concept: str) -> NDArray:
    """Return the scores (n,) of a concept in all images."""
    at = store.concepts.index(find_name(concept, store.concepts) or concept)
    return np.asarray(store.concept_score[np.arange(len(store.images)), at])


def _of_column(texts: Sequence[str]) -> Sequence[str]:
    """Return the values of a column of metadata; of more than ``MOST_VALUES`` different numbers,
    the quarter that each is in: ``quarter 1: 3 to 17``."""
    known = {text: number for text in set(texts) if (number := _number(text)) is not None}
    if len(known) <= MOST_VALUES or len(known) < len({*texts} - {""}):
        return texts
    numbers = np.array([known.get(text, np.nan) for text in texts])
    edges = np.nanquantile(numbers, [0.25, 0.5, 0.75])
    quarter = {text: int(np.searchsorted(edges, number)) for text, number in known.items()}
    words = dict[int, str]()
    for each in set(quarter.values()):
        ends = sorted((text for text in known if quarter[text] == each), key=known.__getitem__)
        span = ends[0] if len(ends) == 1 else f"{ends[0]} to {ends[-1]}"
        words[each] = f"quarter {each + 1}: {span}"
    return [words[quarter[text]] if text in known else "" for text in texts]


def _number(text: str) -> float | None:
    with suppress(ValueError):
        return float(text) if np.isfinite(float(text)) else None
    return None


def _quarters(store: Store, words: str) -> list[str]:
    kind = PROPERTY_OF[words]
    values = store.picture_property[:, PICTURE_PROPERTIES.index(kind)]
    low, high = np.quantile(values, [0.25, 0.75])
    middle = np.where(values > high, kind.high, "the others")
    return [str(part) for part in np.where(values < low, kind.low, middle)]


def cell_name(present: bool, group: str) -> str:
    """Return the name of a cell: ``present · water``."""
    return f"{'present' if present else 'absent'} · {group}"


@dataclass(frozen=True)
class GroupCells:
    """Cells of label × group: their ``names``, and the number ``of`` each image's cell (n,), -1 if
    its group is not known."""

    names: tuple[str, ...]
    of: NDArray[np.intp]

    @classmethod
    def made(cls, present: NDArray[np.bool_], texts: NDArray, groups: Sequence[str]) -> GroupCells:
        """Return the cells of images (n,) with the class ``present`` or not, by their ``texts``.

        There is a cell for both labels of each of the ``groups``, also without an image.
        """
        names = tuple(cell_name(side, group) for group in groups for side in (True, False))
        place = {group: index for index, group in enumerate(groups)}
        at = np.array([place.get(text, -1) for text in texts.tolist()], dtype=np.intp)
        return cls(names, np.where(at < 0, -1, 2 * at + ~present))

    def sizes(self, group: Groups = None) -> dict[str, int]:
        """Return the number of images of each cell; near-equal images, of equal ``group``, count
        once."""
        return {name: distinct(group, self.of == c) for c, name in enumerate(self.names)}


def too_small(sizes: Mapping[str, int], least: int, most: int = 5) -> str:
    """Return which cells have fewer than ``least`` images: ``present · 1 (2), …``; "" if none."""
    small = [f"{name} ({size})" for name, size in sizes.items() if size < least]
    more = f" and {len(small) - most} more" if len(small) > most else ""
    return ", ".join(small[:most]) + more


def known_groups(texts: NDArray) -> Iterator[str]:
    """Yield the groups of images by their ``texts``, in order, without "" (not known)."""
    yield from sorted(set(texts.tolist()) - {""})
