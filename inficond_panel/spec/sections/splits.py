"""Section ``dataset.splits``: images of each split, by lists, columns, shares and ``rest``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema
from ruamel.yaml.nodes import ScalarNode, SequenceNode

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import Some, Text, fault, option
from inficond_panel.spec.framework.yaml_source import is_null, shown, text_of

ALL_IMAGES = "all"
REST = "rest"
_CELL = {"type": ["string", "number", "boolean"]}
_CELLS = {"type": "array", "items": _CELL, "minItems": 1, "uniqueItems": True}


def _cells(value: Any, info: ValidationInfo) -> Any:
    """Return the values as text, as the file writes them: 007 stays 007."""
    if info.context is None:
        return value
    node = info.context[1]
    nodes = node.value if isinstance(node, SequenceNode) else [node]
    for at, item in enumerate(nodes):
        if not isinstance(item, ScalarNode) or is_null(item):
            raise fault(f"expected a value or a list of values, got {shown(item)}", at)
    return [text_of(item).strip() for item in nodes]


#: One value of a column or a list of them, as text.
CellValues = Annotated[
    Some[str],
    BeforeValidator(_cells),
    WithJsonSchema({"title": "a value or a list of values", "anyOf": [_CELL, _CELLS]}),
]


class Share(Section):
    """Random share of the images of a list; ``rest`` is the remainder after all shares."""

    from_: Text = option(doc="List to divide; all: every image.")
    share: float = option(gt=0, lt=1, doc="Share of the list's images.")
    seed: int = option(0, ge=0, doc="Seed of the draw; the same for all shares of a list.")
    stratify: bool = option(
        False,
        doc="Whether the split also gets this share of each class's positives, as nearly as "
        "possible; the same for all shares of a list.",
    )

    @property
    def list_name(self) -> str | None:
        """Name of the list that is divided."""
        return self.from_


class ColumnPart(Section):
    """Images with a value in a column, or a share of them."""

    column: Text = option(doc="Column of the data set's table or metadata.")
    value: CellValues = option(doc="Value, or list of values, in this column.")
    share: float | None = option(
        None, gt=0, lt=1, doc="Share of these images; all of them if left out."
    )
    seed: int = option(0, ge=0, doc="Seed of the draw; the same for all shares of these images.")
    stratify: bool = option(False, doc="Whether the share is also taken of each class's positives.")

    @property
    def list_name(self) -> str | None:
        """Text ``column=value|value`` that names these images, like the name of a list."""
        return f"{self.column}={'|'.join(self.value)}" if self.column and self.value else None

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each key that is used only with a share."""
        if self.share is None:
            for name in ("seed", "stratify"):
                if getattr(self, name) != self.fields()[name].default:
                    yield name, "is not used without share; set share, or leave it out"


Reference = Text | Share | ColumnPart


#: Reference of a split: a list, values of a column, a share of one of these, or the rest.
SplitReference = Annotated[
    Reference,
    Field(
        title=f"a list's name, {{from: NAME, share: 0.5}}, {{column: NAME, value: VALUE}} or {REST}"
    ),
]


def list_name(reference: Reference) -> str | None:
    """Return the name of the list that a split is taken from; None for ``rest``."""
    if isinstance(reference, str):
        return None if reference == REST else reference
    return reference.list_name


def is_share(reference: Reference) -> bool:
    """Return True if a split uses only a share of its list."""
    return not isinstance(reference, str) and reference.share is not None


class Splits(Section):
    """Images of the three splits: for training, for tuning on the page, and held out."""

    fit: SplitReference = option(doc="Training images, which the students are fitted on.")
    tune: SplitReference = option(doc="Tuning images, which the page shows.")
    holdout: SplitReference = option(
        doc="Images for the final evaluation; it is counted how often somebody sees the results."
    )

    def lists(self) -> dict[str, str]:
        """Return the first split that uses a list, by the name of the list; ``all`` is left out."""
        named: dict[str, str] = {}
        for key, ref in self.values().items():
            name = list_name(ref) if ref and not isinstance(ref, ColumnPart) else None
            if name not in (None, ALL_IMAGES):
                named.setdefault(str(name), key)
        return named

    def columns(self) -> dict[str, str]:
        """Return the first split that uses a column, by the name of the column."""
        named: dict[str, str] = {}
        for key, ref in self.values().items():
            if isinstance(ref, ColumnPart) and ref.column:
                named.setdefault(ref.column, key)
        return named

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for splits that overlap, are empty, or are ``rest`` of no share."""
        references = self.values()
        if not all(ref and _complete(ref) for ref in references.values()):
            return
        shares: dict[str, list[Any]] = {}
        whole: dict[str, str] = {}
        for key, ref in references.items():
            name = list_name(ref)
            if name is None:
                continue
            if is_share(ref):
                shares.setdefault(name, []).append(ref)
                yield from _share_faults(key, shares[name])
            elif name == ALL_IMAGES:
                yield key, "all leaves no image to other splits; write {from: all, share: 0.6}"
            elif whole.setdefault(name, key) != key:
                yield key, f"the list {name!r} is used for another split; name another list"
        for name in set(whole) & set(shares):
            yield whole[name], f"the list {name!r} is used whole and also in shares; choose one"
        yield from self._rest_faults(shares)

    def _rest_faults(self, shares: dict[str, list[Any]]) -> Iterator[tuple[str, str]]:
        rests = [key for key, ref in self.values().items() if ref == REST]
        for key in rests[:1]:
            if not shares:
                yield key, "rest needs another split that is a share, as {from: all, share: 0.6}"
            elif len(shares) > 1:
                yield key, f"rest needs shares of one list, got {' and '.join(sorted(shares))}"
            elif sum(ref.share for refs in shares.values() for ref in refs) > 1 - 1e-9:
                yield key, "rest is empty: the shares add up to 1; lower a share"
        for key in rests[1:]:
            yield key, f"only one split can be rest, and {rests[0]} already is; write a share"


def _complete(ref: Reference) -> bool:
    if isinstance(ref, Share):
        return ref.from_ is not None and ref.share is not None
    return ref == REST or list_name(ref) is not None


def _share_faults(key: str, refs: list[Any]) -> Iterator[tuple[str, str]]:
    name = refs[0].list_name
    if sum(ref.share for ref in refs) > 1 + 1e-9:
        yield key, f"the shares of {name!r} add up to more than 1; lower a share"
    if refs[-1].seed != refs[0].seed:
        yield key, f"the shares of {name!r} overlap unless they have the same seed"
    if refs[-1].stratify != refs[0].stratify:
        yield key, f"the shares of {name!r} overlap unless stratify is the same"
