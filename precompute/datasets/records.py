"""Data sets that are a row of records: each has an id, a photo, the names of its classes, lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inficond_panel.errors import DataError
from precompute.datasets.dataset import Listing, Packed, choose_classes, label_matrix


@dataclass(frozen=True)
class Record:
    """An image; ``labels`` are the names of its classes, None where they are not known."""

    image: str
    photo: Path | Packed
    labels: tuple[str, ...] | None
    lists: tuple[str, ...]


def record_listing(
    records: Iterable[Record],
    chosen: Sequence[str],
    where: str,
    order: Sequence[str] = (),
) -> Listing:
    """Listing of records with the classes ``chosen``, else all that they name: as in ``order``, the
    others by name. Raises ``DataError`` for an id or a name that stands twice, and where there is
    no image or no label."""
    twice = [name for name, count in Counter(order).items() if count > 1]
    if twice:
        raise DataError(f"{where}: two classes are called {twice[0]!r}.", "Name each another way.")
    found: dict[str, Record] = {}
    for record in records:
        if record.image in found:
            raise DataError(f"{where} has two images {record.image!r}.", "Give each its own name.")
        found[record.image] = record
    if not found:
        raise DataError(f"{where} holds no image.", "Correct dataset in the spec.")
    named = {name for record in found.values() for name in record.labels or ()}
    if not named:
        raise DataError(
            f"{where}: no image has a label.",
            "Correct dataset.label, or dataset.field, in the spec.",
        )
    known = [name for name in order if name in named] + sorted(named - set(order))
    classes = choose_classes(chosen, known, where)
    unknown = dict.fromkeys(classes, -1)
    label_of = {
        image: unknown if record.labels is None else dict.fromkeys(record.labels, 1)
        for image, record in found.items()
    }
    lists: dict[str, list[str]] = {}
    for image, record in found.items():
        for name in record.lists:
            lists.setdefault(name, []).append(image)
    return Listing(
        known=tuple(found),
        list_of=lambda name: members(lists, name, where),
        classes=lambda _: classes,
        labels=lambda ids, names: label_matrix(ids, names, label_of),
        paths=lambda ids: [found[image].photo for image in ids],
    )


def members(lists: dict[str, list[str]], name: str, where: str) -> list[str]:
    """Images of a list; raises ``DataError`` for one that there is not."""
    if name not in lists:
        raise DataError(
            f"{where} has no list {name!r}; there are: {', '.join(sorted(lists)) or 'none'}.",
            "Correct dataset.splits in the spec.",
        )
    return lists[name]


def class_names(values: Sequence[object], names: Sequence[str], where: str) -> tuple[str, ...]:
    """Names of classes, of which whole numbers count in ``names``; raises ``DataError`` for a
    number that has no name there, and for what is neither a name nor a whole number."""
    found = []
    for value in values:
        text = _text(value, where)
        if names and text.isdecimal() and text not in names:
            if int(text) >= len(names):
                raise DataError(
                    f"{where}: class {text} is none of the {len(names)} that have names.",
                    "Name all classes, in the order of their numbers: dataset.names.",
                )
            text = names[int(text)]
        if text:
            found.append(text)
    return tuple(dict.fromkeys(found))


def _text(value: object, where: str) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str | int):
        return str(value).strip()
    raise DataError(
        f"{where}: {str(value)[:60]} is no class: neither a name nor a whole number.",
        "Correct dataset.label in the spec.",
    )
