"""The section ``dataset``: where images, labels and splits come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import param
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from inficond_panel.spec.fields import Choice, Field, Flag, Number, Reading, Text, Whole
from inficond_panel.spec.lists import Size, Words
from inficond_panel.spec.paths import FilePath
from inficond_panel.spec.section import Nested, Section, read_section

REST = "rest"
_REQUIRED = {"required": True}


def _bad_share() -> Number:
    return Number(
        0.01,
        bounds=(0, 1),
        doc="Largest share of images that may be unreadable; with more the run stops.",
    )


class Share(Section):
    """A part of a list, drawn at random without repeats; for any of the three splits."""

    from_ = Text(None, doc="The list that is divided.", metadata=_REQUIRED)
    share = Number(
        None,
        bounds=(0, 1),
        inclusive_bounds=(False, False),
        doc="Share of the list's images.",
        metadata=_REQUIRED,
    )
    seed = Whole(0, bounds=(0, None), doc="Seed of the draw; the same for all shares of a list.")


class SplitReference(Field, param.ClassSelector):
    """A split: a list, a share of one, or the rest of a shared list."""

    __slots__ = ()

    def __init__(self, default: Any = None, **options: Any) -> None:
        super().__init__(default=default, class_=(str, Share), **options)

    def expected(self) -> str:
        return f"a list's name, {{from: NAME, share: 0.5}} or {REST}"

    def json_schema(self) -> dict[str, Any]:
        return {"oneOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/Share"}]}

    def read(self, node: Node, reading: Reading) -> str | Share:
        if isinstance(node, MappingNode):
            return read_section(Share, node, reading.inside(self.attribute))
        if isinstance(node, ScalarNode) and node.value.strip():
            return Text().read(node, reading)
        raise self.wrong(node)


class Splits(Section):
    """Which images students fit on, which the screen shows, and which are held out."""

    fit = SplitReference(doc="Students are fitted on these.", metadata=_REQUIRED)
    tune = SplitReference(doc="The screen shows these.", metadata=_REQUIRED)
    holdout = SplitReference(doc="Looked at on purpose only; looks count.", metadata=_REQUIRED)

    def lists(self) -> dict[str, str]:
        """Lists named, each with the (first) split that names it."""
        names = {
            key: ref.from_ if isinstance(ref, Share) else ref
            for key, ref in reversed(self.values().items())
        }
        return {name: key for key, name in names.items() if name not in (REST, None)}

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield splits that overlap, are empty, or are the rest of nothing."""
        if not all(ref and _complete(ref) for ref in self.values().values()):
            return
        shares: dict[str, list[Share]] = {}
        whole: list[str] = []
        for key, ref in self.values().items():
            if isinstance(ref, Share):
                shares.setdefault(ref.from_, []).append(ref)
                yield from _share_faults(key, shares[ref.from_])
            elif ref != REST:
                if ref in whole:
                    yield key, f"the list {ref!r} is another split already"
                whole.append(ref)
        for name in set(whole) & set(shares):
            yield self.lists()[name], f"the list {name!r} is taken whole and shared too"
        yield from self._rest_faults(shares)

    def _rest_faults(self, shares: dict[str, list[Share]]) -> Iterator[tuple[str, str]]:
        rests = [key for key, ref in self.values().items() if ref == REST]
        for key in rests[:1]:
            if not shares:
                yield key, "rest of nothing: no other split is a share {from: NAME, share: 0.5}"
            elif len(shares) > 1:
                yield key, f"rest of which list? Shared are {' and '.join(sorted(shares))}"
            elif sum(ref.share for refs in shares.values() for ref in refs) > 1 - 1e-9:
                yield key, "nothing is left: the shares add up to 1"
        for key in rests[1:]:
            yield key, f"only one split can be the rest; {rests[0]} is already"


def _complete(ref: str | Share) -> bool:
    return isinstance(ref, str) or (ref.from_ is not None and ref.share is not None)


def _share_faults(key: str, refs: list[Share]) -> Iterator[tuple[str, str]]:
    name = refs[0].from_
    if sum(ref.share for ref in refs) > 1 + 1e-9:
        yield key, f"the shares of {name!r} add up to more than 1"
    if refs[-1].seed != refs[0].seed:
        yield key, f"the shares of {name!r} must have the same seed, or they would overlap"


class Dataset(Section):
    """Images with labels, divided into fit, tune and holdout."""

    chooser: ClassVar[str] = "kind"


class ListedDataset(Dataset):
    """A data set whose splits are lists in files below its root."""

    root = FilePath(
        doc="Folder of the data set; of VOC the folder of the year, such as VOCdevkit/VOC2007.",
        metadata={"required": True, "exists": "folder"},
    )
    splits = Nested(
        Splits,
        doc="Lists are text files, one image_id a line: below root, or VOC's ImageSets/Main.",
        metadata=_REQUIRED,
    )
    metadata = FilePath(
        doc="CSV below root: image_id and a column of text for each thing known of an image, such "
        "as camera or place; metrics can be asked for by them.",
        metadata={"exists": "file", "below": "root"},
    )
    max_bad_share = _bad_share()

    def list_file(self, name: str) -> Path:
        """File of a list of image ids."""
        raise NotImplementedError

    def files(self) -> Iterator[tuple[str, Path, str]]:
        """Yield the root, what it must hold, and the lists of the splits."""
        yield from super().files()
        if self.root and self.splits:
            for name, key in self.splits.lists().items():
                yield f"splits.{key}", self.list_file(name), "file"


class TableDataset(ListedDataset):
    """A folder of images with a table of labels."""

    kind = Choice(default="table", objects=["table"], doc="A folder of images and a CSV of labels.")
    images = FilePath(
        Path("images"),
        doc="Folder of the images, below root; a file's stem is its image_id.",
        metadata={"exists": "folder", "below": "root"},
    )
    labels = FilePath(
        doc="CSV below root: image_id and a column per class (1, 0 or empty = ignored).",
        metadata={"required": True, "exists": "file", "below": "root"},
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.root and not self.images.is_absolute():
            self.images = self.root / self.images

    def list_file(self, name: str) -> Path:
        """File of a list of image ids."""
        return self.root / (name if name.endswith(".txt") else f"{name}.txt")


class VocDataset(ListedDataset):
    """A data set in the layout of PASCAL VOC."""

    kind = Choice(default="voc", objects=["voc"], doc="The layout of PASCAL VOC.")
    classes = Words([], doc="Classes to take; empty: all that ImageSets/Main names.")

    def list_file(self, name: str) -> Path:
        """File of a list of image ids."""
        return self.root / "ImageSets" / "Main" / f"{name.removesuffix('.txt')}.txt"


class Counts(Section):
    """Number of images in each split."""

    fit = Whole(None, bounds=(1, None), doc="Images to fit on.", metadata=_REQUIRED)
    tune = Whole(None, bounds=(1, None), doc="Images that the screen shows.", metadata=_REQUIRED)
    holdout = Whole(None, bounds=(1, None), doc="Images held out.", metadata=_REQUIRED)


class ScenesDataset(Dataset):
    """Scenes that precompute draws."""

    kind = Choice(default="scenes", objects=["scenes"], doc="Scenes drawn from a seed.")
    seed = Whole(0, bounds=(0, None), doc="Seed of the drawing.")
    images = Nested(Counts, doc="Number of images in each split.", metadata=_REQUIRED)
    size = Size((256, 192), doc="Width and height of a scene.", metadata={"unit": "pixels"})
    shortcuts = Flag(True, doc="Whether some concepts go with a class in fit only.")
    max_bad_share = _bad_share()
