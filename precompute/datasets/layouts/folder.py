"""A folder for each class."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.dataset import FolderDataset
from inficond_panel.spec.sections.splits import ALL, REST, ColumnPart, Splits, list_name
from inficond_panel.vocabulary.splits import SPLITS
from precompute.datasets.dataset import Listing, choose_classes, label_matrix
from precompute.datasets.files import check_single, image_files, without_suffix
from precompute.datasets.layouts.tables import read_metadata


def folder_listing(dataset: FolderDataset) -> Listing:
    """Images and labels of ``kind: folder``: ``<class>/<image>`` or ``<list>/<class>/<image>``.

    An image's id is its path below root without suffix.
    """
    root = Path(dataset.root)
    notes: list[str] = []
    class_of: dict[str, str] = {}
    path_of: dict[str, Path] = {}
    members: dict[str, list[str]] = {}
    for name in _lists(dataset.splits):
        below = "" if name == ALL else f"{name.strip('/')}/"
        every = image_files(root / below)
        files = {below + without_suffix(file): file for file in every if "/" in file}
        counts = Counter(below + without_suffix(file) for file in every)
        check_single(root, [image for image in files if counts[image] > 1])
        loose = sum("/" not in file for file in every)
        if loose:
            notes.append(f"{loose} images of {root / below} are in no folder of a class: left out.")
        members[name] = list(files)
        class_of |= {image: file.partition("/")[0] for image, file in files.items()}
        path_of |= {image: root / below / file for image, file in files.items()}
    classes = choose_classes(dataset.classes, sorted(set(class_of.values())), str(root))
    return Listing(
        known=tuple(class_of),
        list_of=lambda name: members[name],
        classes=lambda _: classes,
        labels=lambda ids, names: label_matrix(ids, names, {i: {class_of[i]: 1} for i in ids}),
        paths=lambda ids: [path_of[image] for image in ids],
        metadata=read_metadata(dataset),
        notes=notes,
    )


def _lists(splits: Splits) -> list[str]:
    """Folders that hold the folders of the classes; ``all`` where that is root."""
    references = [getattr(splits, split) for split in SPLITS]
    names = [
        ALL if isinstance(reference, ColumnPart) else str(list_name(reference))
        for reference in references
        if reference != REST
    ]
    others = [name for name in names if name != ALL]
    if others and ALL in names:
        raise DataError(
            f"The splits take all images below root, and those below {others[0]} besides: which "
            "of them holds the folders of the classes?",
            "Take every split from all, or every one from folders of root.",
        )
    return list(dict.fromkeys(names))
