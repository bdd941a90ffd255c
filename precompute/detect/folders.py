"""Detect folders of classes, and folders that hold no class: those of splits, or of data parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError
from precompute.detect.layout import FolderLayout, role_of

_AROUND = r"(images?|imgs?|photos?|pics?|pictures?|jpe?gs?|pngs?|data|dataset|set|split|folder)"
_SPLIT = (
    r"(fit|train(ing|val)?|tune|val(id|idation)?|dev|eval(uation)?|holdout|test(ing)?|unlabell?ed)"
)
#: Names of folders of splits: train, Test, val2017, train_images, images-test, trainA.
_SPLIT_NAME = re.compile(
    rf"({_AROUND}[-_ ]?)?{_SPLIT}([-_ ]?({_AROUND}|{_SPLIT}))*([-_ ]?\d+)*([-_ ]?[ab])?"
)
#: Names of folders with parts of a data set, such as all photos, or all files of labels.
_PART_NAME = re.compile(
    rf"{_AROUND}|jpegimages|labels?|annotations?|annots?|masks|segmentations?|bboxes|thumb(nail)?s"
    r"|segmentation(class|object)|ground[-_ ]?truth|gt|json|xml|txt"
)
#: The only name of a split that is also a thing in photos.
_VEHICLE = "train"


def is_split_name(name: str) -> bool:
    """Return True if a folder is named like a split, and like nothing else."""
    return _SPLIT_NAME.fullmatch(name.lower()) is not None


def class_folders(
    folder: Path, files: Iterable[str], classes: Sequence[str] = (), unused: Sequence[str] = ()
) -> FolderLayout | None:
    """Return the layout if images lie in a folder per class, else None; ``files`` are the images'
    paths. The image ``train/1.jpg`` alone makes ``train`` a class if others lie beside it.

    Raises ``DataError`` if folders are named like splits or parts of a data set, unless a person
    named ``classes``; ``unused`` are notes on tables that were not used.
    """
    tops: dict[str, set[str]] = {}
    for top, *below in (name.split("/")[:-1] for name in files if "/" in name):
        tops.setdefault(top, set()).update(below[:1])
    inner = set().union(*tops.values())
    by_class = bool(inner) and all(map(role_of, inner))
    splits = {} if by_class else {top: tops[top] for top in tops if role_of(top) and tops[top]}
    rest = sorted(tops.keys() - splits.keys())
    if again := sorted(set(rest) & set().union(*splits.values())):
        raise DataError(
            f"{folder} holds folders of classes ({listed(again, 5)}), and the same again in "
            f"{listed(sorted(splits))}.",
            "Put the first into a folder train beside it, so that each split has its folder.",
        )
    if splits and (all(map(role_of, tops)) or not any(map(role_of, rest))):
        _ask(folder / sorted(splits)[0], set().union(*splits.values()), classes, unused)
        title = f"folders of splits ({', '.join(sorted(splits))}) that hold folders of classes"
        left = [f"not used: the folders {listed(rest)} beside those of the splits"] * bool(rest)
        return FolderLayout("folder", folder, title, lists=sorted(splits), assumed=left)
    if len(tops) < 2:
        return None
    _ask(folder, tops, classes, unused)
    assumed = ["each image has one class, that of its folder"]
    if by_class:
        assumed.append(f"the folders {listed(sorted(inner))} in those of the classes are no splits")
    return FolderLayout(
        "folder", folder, f"folders of classes: {listed(sorted(tops), 5)}", assumed=assumed
    )


def _ask(folder: Path, names: Iterable[str], classes: Sequence[str], unused: Sequence[str]) -> None:
    """Raise ``DataError`` if folders ``names`` have names that no class has, and are not among the
    ``classes`` that a person named."""
    names = sorted(names)
    odd = [name for name in names if is_split_name(name) or _PART_NAME.fullmatch(name.lower())]
    sure = [name for name in odd if name.lower() != _VEHICLE]
    if set(odd) <= set(classes) or not (sure or len(odd) == len(names)):
        return
    kind = "splits" if all(map(is_split_name, odd)) else "parts of a data set"
    left = "".join(f" ({note})" for note in unused)
    flags = " ".join(f"--class {name}" for name in names[:5]) + " ..." * (len(names) > 5)
    if len(odd) < len(names):
        remedy = "Move them elsewhere, or put the folders of classes into each split (train/cat)."
    else:
        remedy = (
            "Put a table of labels beside them (image_id, and a column of 1 and 0 per class), or "
            "the photos of each split into a folder per class (train/cat)."
        )
    raise DataError(
        f"{folder}: folders named like {kind}, not like classes: {listed(odd, 5)}. No labels of "
        f"their photos were found{left}.",
        f"{remedy} If they are classes, say so: {flags}",
    )
