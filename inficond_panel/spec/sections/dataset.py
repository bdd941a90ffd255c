"""Section ``dataset``: the source of images, labels and splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from inficond_panel.common.plugins import LAYOUTS
from inficond_panel.errors import MissingExtraError
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import (
    Absent,
    FileBelow,
    Files,
    FolderBelow,
    FolderOrAddress,
    FolderPath,
    FunctionName,
    GreyLevels,
    OneOf,
    PluginName,
    Several,
    Size,
    Some,
    Text,
    option,
)
from inficond_panel.spec.framework.yaml_source import hint
from inficond_panel.spec.sections.splits import Splits
from inficond_panel.vocabulary.splits import ACROSS, ERROR, SPLITS
from inficond_panel.vocabulary.tasks import TASKS

#: Largest share of unreadable images that stops no run.
BAD_SHARE = 0.01
_BAD_SHARE = option(
    BAD_SHARE, ge=0, le=1, doc="Largest share of unreadable images; with more, precompute stops."
)
_ARGUMENT = option(
    None, doc="Argument of the function, such as s3://BUCKET/photos; none if left out."
)
_NAMES = option(
    [], doc="Class names by class number; empty: the attribute `classes` of the data set."
)
_ABSENT = option(
    0,
    ge=-1,
    le=0,
    doc="Value in the table for an absent class: 0, or -1 as in CelebA, where 0 is ignored.",
)


def splits_field(lists: str) -> Any:
    """Return the key ``splits`` of a kind of data set; ``lists`` describes its lists."""
    return option(doc=f"Images of each split. Lists are {lists}.")


class Dataset(Section):
    """Images with labels, divided into fit, tune and holdout."""

    chooser: ClassVar[str] = "kind"
    kind: Absent = ""
    splits: Absent = None
    #: Whether a Python function may run. Not a key: a spec must not allow itself to run code.
    allowed: Absent = False

    task: Annotated[str, OneOf(TASKS)] = option(
        TASKS[0], doc="multi_label: any number of classes per image; single_label: exactly one."
    )
    near_duplicates: Text | None = option(
        None,
        doc="Column of the metadata with groups of images that are no independent evidence: a "
        "film, a patient, a place. Folds, bootstrap draws and random shares take a group whole. "
        "Near-equal images are found besides; random shares take equal files together, unless "
        "across_splits is allow.",
    )
    across_splits: Annotated[str, OneOf(ACROSS)] = option(
        ERROR, doc="What near-equal images in different splits are: error, or allow."
    )

    def photo_folders(self) -> tuple[Path, ...]:
        """Return the folders in which a photo's path is its image id; () if ids are not paths."""
        return ()


class RootedDataset(Dataset):
    """Data set in a folder, ``root``."""

    root: FolderPath = option(
        doc="Folder of the data set; for VOC, of one year, such as VOCdevkit/VOC2007."
    )
    splits: Splits = splits_field("those of the kind of data set")
    max_bad_share: float = _BAD_SHARE
    captions: Text | None = option(
        None,
        doc="Column with the captions of the images, for scores: {method: words}: in the table, or "
        "in the table of metadata. The page shows them, in place of photos that are not there.",
    )

    grey: GreyLevels | None = option(
        None,
        doc="Grey levels of more than 8 bits that become black and white, [low, high], such as [0, "
        "4095] for 12 bits; or stretch: those between 0.5 and 99.5 % of each image's pixels. If "
        "left out: 0 and 65,535; in DICOM the window of the file.",
    )

    def model_post_init(self, context: object) -> None:
        """Make a relative folder of images start from the root."""
        images = getattr(self, "images", None)
        if self.root and images and not images.is_absolute():
            self.images = self.root / images

    def list_file(self, name: str) -> Path:
        """Return the path of the text file with the list of image ids that is called ``name``."""
        return self.root / (name if name.endswith(".txt") else f"{name}.txt")

    def list_place(self, name: str) -> tuple[Path, str] | None:
        """Return (path, "file" or "folder") of the list ``name``; None if lists have no files."""
        return self.list_file(name), "file"

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for grey levels whose white is not above black."""
        yield from super().faults(given)
        if isinstance(self.grey, tuple) and not self.grey[0] < self.grey[1]:
            yield "grey", f"needs low < high, got [{self.grey[0]:g}, {self.grey[1]:g}]"

    def files(self) -> Iterator[tuple[str, Path, str]]:
        """Yield (key, path, "file" or "folder") for the root, its required files and the lists."""
        yield from super().files()
        if self.root and self.splits:
            for name, key in self.splits.lists().items():
                path = self.list_place(name)
                if path:
                    yield f"splits.{key}", *path


class ListedDataset(RootedDataset):
    """Data set in a folder that may have a separate table of metadata."""

    metadata: FileBelow | None = option(
        None,
        doc="CSV or Parquet: image_id and a column of text per property of an image, such as "
        "camera; for metrics by group, and for splits.",
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each split by a column if there is no table of metadata."""
        yield from super().faults(given)
        if self.captions and not self.metadata:
            yield "captions", "needs a table with this column; set dataset.metadata"
        if self.splits and not self.metadata:
            for key in self.splits.columns().values():
                yield f"splits.{key}", "needs a table with this column; set dataset.metadata"


class TableDataset(ListedDataset):
    """A folder of images with a table of labels."""

    kind: Literal["table"] = option("table", doc="A folder of images, a table of labels.")
    splits: Splits = splits_field("text files below root, one image_id per line")
    images: FolderBelow = option(
        Path("images"), doc="Folder of the images; an image_id is a path in it, without suffix."
    )
    labels: FileBelow = option(
        doc="CSV or Parquet: image_id and a column per class (1, 0 or empty = ignored)."
    )
    classes: Several[Text] = option([], doc="Classes to use; empty: all columns of the labels.")
    absent: int = _ABSENT

    def photo_folders(self) -> tuple[Path, ...]:
        """Return the folder of the images, in which a photo's path is its image id."""
        return (self.images,) if self.root else ()


class VocDataset(ListedDataset):
    """A data set in the layout of PASCAL VOC."""

    kind: Literal["voc"] = option("voc", doc="The layout of PASCAL VOC.")
    splits: Splits = splits_field("files of ImageSets/Main")
    classes: Several[Text] = option([], doc="Classes to use; empty: all classes of ImageSets/Main.")

    def photo_folders(self) -> tuple[Path, ...]:
        """Return the folder JPEGImages, in which a photo's path is its image id."""
        return (self.root / "JPEGImages",) if self.root else ()

    def list_file(self, name: str) -> Path:
        """Return the path of the file in ImageSets/Main with the list of image ids ``name``."""
        return self.root / "ImageSets" / "Main" / f"{name.removesuffix('.txt')}.txt"


class CocoDataset(ListedDataset):
    """Data set with annotations in the JSON format of COCO."""

    kind: Literal["coco"] = option("coco", doc="The JSON format of COCO.")
    splits: Splits = splits_field("annotation files, named like instances_val2017")
    annotations: Some[Text] = option(
        doc="JSON files below root, such as annotations/instances_val2017.json."
    )
    images: FolderBelow = option(
        Path(),
        doc="Folder of the images, or of subfolders named after the annotation files: val2017 for "
        "instances_val2017.json.",
    )
    classes: Several[Text] = option(
        [], doc="Categories to use; empty: all, in the order of their ids."
    )
    crowd: Literal["present", "ignored"] = option(
        "present", doc="Label of a category if all its annotations in an image have iscrowd: 1."
    )
    image_id: Literal["file", "number"] = option(
        "file", doc="Id of an image in other tables: its file_name without suffix, or its COCO id."
    )

    def annotation_files(self) -> dict[str, Path]:
        """Return the annotation files by list name: the file's name without suffix, or its path if
        several files have the same name."""
        stems = [PurePosixPath(name).stem for name in self.annotations]
        counts = Counter(stems)
        names = [
            stem if counts[stem] == 1 else name.removesuffix(".json")
            for name, stem in zip(self.annotations, stems, strict=True)
        ]
        return {name: self.root / path for name, path in zip(names, self.annotations, strict=True)}

    def photo_folders(self) -> tuple[Path, ...]:
        """Return the folder of the images, and its subfolders named after annotation files."""
        if not self.root or self.image_id != "file":
            return ()
        lists = [PurePosixPath(name).name.partition("_")[2] for name in self.annotation_files()]
        return (self.images, *(self.images / name for name in dict.fromkeys(lists) if name))

    def list_place(self, name: str) -> None:
        """Return None, since the annotation files are the lists."""

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each split whose list is not the name of an annotation file."""
        yield from super().faults(given)
        names = self.annotation_files() if self.annotations and self.root else {}
        for name, key in self.splits.lists().items() if self.splits and names else ():
            if name.removesuffix(".json") not in names:
                known = hint(name, names) or f"; their names are {', '.join(names)}"
                yield f"splits.{key}", f"no file of dataset.annotations is called {name!r}{known}"

    def files(self) -> Iterator[tuple[str, Path, str]]:
        """Yield (key, path, "file" or "folder") as the base class, also for annotation files."""
        yield from super().files()
        if self.root and self.annotations:
            yield from (("annotations", self.root / name, "file") for name in self.annotations)


class FolderDataset(ListedDataset):
    """Data set with one folder of images per class."""

    kind: Literal["folder"] = option("folder", doc="One folder of images per class.")
    splits: Splits = splits_field(
        "folders in root with class folders in them; if the classes are in root, use `from: all`"
    )
    classes: Several[Text] = option(
        [], doc="Classes to use; empty: all folders. Images of other folders have no class."
    )

    def photo_folders(self) -> tuple[Path, ...]:
        """Return the root, in which a photo's path is its image id."""
        return (self.root,) if self.root else ()

    def list_place(self, name: str) -> tuple[Path, str]:
        """Return the folder of the list ``name``, and the word "folder"."""
        return self.root / name, "folder"


class ColumnsDataset(RootedDataset):
    """Tables with columns of paths, labels, splits and metadata of the images."""

    kind: Literal["columns"] = option("columns", doc="Tables with columns for everything.")
    splits: Splits = splits_field(
        "the tables, named like train/metadata, if there are several; else folders of the images, "
        "or text files below root with one image_id per line"
    )
    table: Files = option(
        doc="CSV, Parquet or JSON lines below root, with a row per image; several with the same "
        "columns are a list each."
    )
    images: FolderBelow = option(
        Path(), doc="Folder that the paths in a table start from, if not from the table's folder."
    )
    path: Text | None = option(
        None,
        doc="Column with the paths of the images, with or without suffix. It may be left out if "
        "captions is set: then there are no photos.",
    )
    image_id: Text | None = option(
        None,
        doc="Column with the image ids; if left out: the paths without suffix, or without paths "
        "the numbers of the rows, from 1.",
    )
    labels: Several[Text] = option(
        [], doc="Columns of labels, one per class: 1, 0 or empty = ignored."
    )
    absent: int = _ABSENT
    label: Text | None = option(
        None,
        doc="Column with the class names of an image: one, several with separators, or (Parquet) a "
        "list. Empty or -1 = ignored.",
    )
    separator: Text | None = option(
        None, doc="Separator of class names in the column label, such as a semicolon."
    )
    classes: Several[Text] = option([], doc="Classes to use from the column label; empty: all.")
    metadata: Several[Text] = option([], doc="Columns of metadata, for metrics by group.")
    metadata_table: FileBelow | None = option(
        None,
        doc="CSV or Parquet with more metadata: image_id (or file, path, ...) and a column of text "
        "per property of an image; for metrics by group, and for splits.",
    )

    def table_files(self) -> dict[str, Path]:
        """Return the tables by list name: the path below root without suffix."""
        return {str(PurePosixPath(name).with_suffix("")): self.root / name for name in self.table}

    def list_place(self, name: str) -> tuple[Path, str] | None:
        """Return (path, "file" or "folder") of the list ``name``: a text file, or a folder of
        images; None if the lists are the tables."""
        if len(self.table or ()) > 1:
            return None
        folder = self.images / name
        return (folder, "folder") if folder.is_dir() else super().list_place(name)

    def files(self) -> Iterator[tuple[str, Path, str]]:
        """Yield (key, path, "file" or "folder") as the base class, also for the tables."""
        yield from super().files()
        if self.root and self.table:
            yield from (("table", self.root / name, "file") for name in self.table)

    def photo_folders(self) -> tuple[Path, ...]:
        """Return the folder that the paths start from, if the paths are the image ids."""
        return (self.images,) if self.root and self.path and not self.image_id else ()

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for unknown lists, rows without a photo or caption, and labels."""
        yield from super().faults(given)
        names = self.table_files() if self.root and len(self.table or ()) > 1 else {}
        for name, key in self.splits.lists().items() if self.splits and names else ():
            if name not in names:
                known = hint(name, names) or f"; their names are {', '.join(names)}"
                yield f"splits.{key}", f"no file of dataset.table is called {name!r}{known}"
        if not self.path and not self.captions:
            yield "path", "missing; expected text (or set captions, for data without photos)"
        yield from self._label_faults()

    def _label_faults(self) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for labels that are named twice or not at all, and unused keys."""
        if self.labels and self.label:
            yield "label", "is not used with dataset.labels; leave one of the two out"
        elif not self.labels and not self.label:
            yield "table", "needs the columns of the labels; write labels: [...], or label: NAME"
        for key in ("separator", "classes"):
            if getattr(self, key) and not self.label:
                yield key, "is used only with the key label; leave it out"
        if self.absent and not self.labels:
            yield "absent", "is used only with the key labels; leave it out"


class PythonDataset(Dataset):
    """Images and labels from a Python function of the user, which runs only if the caller allows
    it (``allowed``)."""

    kind: Literal["python"] = option("python", doc="Your Python function.")
    function: FunctionName = option(
        doc="Returns records (image, labels, id, split, metadata), a torch data set, or one of "
        "these per split. It runs only with --allow-python."
    )
    root: FolderOrAddress | None = _ARGUMENT
    splits: Splits = splits_field("the splits of the records")
    names: Several[Text] = _NAMES
    classes: Several[Text] = option([], doc="Classes to use; empty: all.")
    max_bad_share: float = _BAD_SHARE


class PluginDataset(Dataset):
    """Images and labels from a function of an installed package, by the name of an entry point."""

    kind: Literal["plugin"] = option("plugin", doc="A layout of an installed package.")
    name: Annotated[str, PluginName(group=LAYOUTS)] = option(
        doc=f"Name of the package's function in the entry points {LAYOUTS}; the function is as "
        "with kind: python."
    )
    root: FolderOrAddress | None = _ARGUMENT
    splits: Splits = splits_field("the splits of the records")
    names: Several[Text] = _NAMES
    classes: Several[Text] = option([], doc="Classes to use; empty: all.")
    max_bad_share: float = _BAD_SHARE


class StoreDataset(Dataset):
    """Encoded images of an existing store, for other concepts, another teacher or other splits."""

    kind: Literal["store"] = option(
        "store", doc="Encoded images of an existing store, for other concepts, teacher or splits."
    )
    path: FolderPath = option(doc="Folder of the store.")
    splits: Splits | None = option(
        None,
        doc="Images of each split; if left out, as in the store. Lists are its splits (fit, tune, "
        "holdout), columns are columns of its metadata.",
    )

    @property
    def max_bad_share(self) -> float:
        """Largest share of unreadable photos: 0, since no photo is read."""
        return 0.0

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each split whose list is not a split of the store."""
        yield from super().faults(given)
        for name, key in self.splits.lists().items() if self.splits else ():
            if name not in SPLITS:
                yield f"splits.{key}", f"lists of a store are fit, tune and holdout, not {name!r}"


class Counts(Section):
    """Number of images in each split."""

    fit: int = option(ge=1, doc="Number of images to fit the students on.")
    tune: int = option(ge=1, doc="Number of images that the page shows.")
    holdout: int = option(ge=1, doc="Number of images held out for the final evaluation.")


class ScenesDataset(Dataset):
    """Synthetic scenes that precompute draws."""

    kind: Literal["scenes"] = option("scenes", doc="Synthetic scenes, drawn from a seed.")
    seed: int = option(0, ge=0, doc="Seed of the scenes.")
    images: Counts = option(doc="Number of images per split.")
    size: Size = option((256, 192), doc="Width and height of a scene, in pixels.")
    shortcuts: bool = option(
        True, doc="Whether some concepts are correlated with a class in fit only."
    )
    max_bad_share: float = _BAD_SHARE

    def check_recipe(self) -> None:
        """Raise ``MissingExtraError`` if the recipe that draws the scenes is not installed."""
        package = find_spec("precompute")
        folders = package.submodule_search_locations if package else []
        if not any(Path(folder, "recipes").is_dir() for folder in folders or []):
            raise MissingExtraError(
                "Scenes are drawn by the recipe of the demo, which only the source tree has.",
                "Use the source tree of inficond-panel; it also has the demo's store.",
            )
