"""The section ``dataset``: where images, labels and splits come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from inficond_panel.errors import MissingExtraError
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import (
    Absent,
    AnyPath,
    FileBelow,
    Folder,
    FolderBelow,
    FunctionName,
    OneOf,
    Several,
    Size,
    Some,
    Text,
    option,
)
from inficond_panel.spec.framework.yaml_source import hint
from inficond_panel.spec.sections.splits import Splits
from inficond_panel.vocabulary.splits import SPLITS
from inficond_panel.vocabulary.tasks import TASKS


def _bad_share() -> Any:
    return option(
        0.01,
        ge=0,
        le=1,
        doc="Largest share of images that may be unreadable; with more the run stops.",
    )


def _absent() -> Any:
    return option(
        0,
        ge=-1,
        le=0,
        doc="Cell where a class is absent: 0, or -1 as in CelebA; the 0 is then ignored.",
    )


def splits_field(lists: str, every: str = "every image") -> Any:
    """The field ``splits`` of a kind, with what its lists are."""
    return option(doc=f"Names of lists: {lists}; all: {every}.")


class Dataset(Section):
    """Images with labels, divided into fit, tune and holdout."""

    chooser: ClassVar[str] = "kind"
    kind: Absent = ""
    splits: Absent = None
    #: Whether a Python function may run; no key: a spec must not allow itself to run code.
    allowed: Absent = False

    task: Annotated[str, OneOf(TASKS)] = option(
        TASKS[0], doc="any number of classes per image, or exactly one."
    )

    def photo_folders(self) -> tuple[Path, ...]:
        """Return the root: an image is named by its path in it."""
        return ()


class RootedDataset(Dataset):
    """A data set below a folder."""

    root: Folder = option(
        doc="Folder of the data set; of VOC the folder of the year, such as VOCdevkit/VOC2007."
    )
    splits: Splits = splits_field("as the kind has them")
    max_bad_share: float = _bad_share()

    def model_post_init(self, context: object) -> None:
        """Take a relative folder of images below the root."""
        images = getattr(self, "images", None)
        if self.root and images and not images.is_absolute():
            self.images = self.root / images

    def list_file(self, name: str) -> Path:
        """File of a list of image ids."""
        return self.root / (name if name.endswith(".txt") else f"{name}.txt")

    def list_place(self, name: str) -> tuple[Path, str] | None:
        """Return the path of a list, and "file" or "folder"; None if lists are not files."""
        return self.list_file(name), "file"

    def files(self) -> Iterator[tuple[str, Path, str]]:
        """Yield the root, its required content, and the lists of the splits."""
        yield from super().files()
        if self.root and self.splits:
            for name, key in self.splits.lists().items():
                path = self.list_place(name)
                if path:
                    yield f"splits.{key}", *path


class ListedDataset(RootedDataset):
    """A data set that may have a separate table of metadata."""

    metadata: FileBelow | None = option(
        None,
        doc="CSV or Parquet below root: image_id and a column of text per property of an "
        "image, such as camera or place; for metrics by group, and for splits.",
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield splits by a column without a table that has it."""
        yield from super().faults(given)
        if self.splits and not self.metadata:
            for key in self.splits.columns().values():
                yield f"splits.{key}", "a column of which table? Name it as dataset.metadata"


class TableDataset(ListedDataset):
    """A folder of images with a table of labels."""

    kind: Literal["table"] = option("table", doc="A folder of images, a table of labels.")
    splits: Splits = splits_field("text files below root, one image_id a line")
    images: FolderBelow = option(
        Path("images"), doc="Folder of the images, below root; a file's stem is its image_id."
    )
    labels: FileBelow = option(
        doc="CSV or Parquet below root: image_id and a column per class (1, 0 or empty = ignored)."
    )
    classes: Several[Text] = option([], doc="Classes to take; empty: all columns of the labels.")
    absent: int = _absent()

    def photo_folders(self) -> tuple[Path, ...]:
        """The folder of the images."""
        return (self.images,) if self.root else ()


class VocDataset(ListedDataset):
    """A data set in the layout of PASCAL VOC."""

    kind: Literal["voc"] = option("voc", doc="The layout of PASCAL VOC.")
    splits: Splits = splits_field("files of ImageSets/Main")
    classes: Several[Text] = option(
        [], doc="Classes to take; empty: all that ImageSets/Main names."
    )

    def photo_folders(self) -> tuple[Path, ...]:
        """The folder JPEGImages."""
        return (self.root / "JPEGImages",) if self.root else ()

    def list_file(self, name: str) -> Path:
        """File of a list of image ids."""
        return self.root / "ImageSets" / "Main" / f"{name.removesuffix('.txt')}.txt"


class CocoDataset(ListedDataset):
    """Instances in the JSON format of COCO."""

    kind: Literal["coco"] = option("coco", doc="The JSON format of COCO.")
    splits: Splits = splits_field("names of the annotation files, such as instances_val2017")
    annotations: Some[Text] = option(
        doc="JSON files below root, such as annotations/instances_val2017.json."
    )
    images: FolderBelow = option(
        Path(),
        doc="Folder of the images, below root. An image that is not in it is looked for in its "
        "folder named after the annotation file: val2017 for instances_val2017.json.",
    )
    classes: Several[Text] = option(
        [], doc="Categories to take; empty: all, in the order of their numbers."
    )
    crowd: Literal["present", "ignored"] = option(
        "present", doc="Label where a category is in an image only as iscrowd."
    )
    image_id: Literal["file", "number"] = option(
        "file",
        doc="Name of an image in other tables: its file_name without suffix, or its id.",
    )

    def annotation_files(self) -> dict[str, Path]:
        """Annotation files by the name of their list: the file's name, or, of several like it, the
        path; without suffix."""
        stems = [PurePosixPath(name).stem for name in self.annotations]
        often = Counter(stems)
        names = [
            stem if often[stem] == 1 else name.removesuffix(".json")
            for name, stem in zip(self.annotations, stems, strict=True)
        ]
        return {name: self.root / path for name, path in zip(names, self.annotations, strict=True)}

    def photo_folders(self) -> tuple[Path, ...]:
        """The folder of the images, and those in it named after the annotation files."""
        if not self.root or self.image_id != "file":
            return ()
        lists = [PurePosixPath(name).name.partition("_")[2] for name in self.annotation_files()]
        return (self.images, *(self.images / name for name in dict.fromkeys(lists) if name))

    def list_place(self, name: str) -> None:
        """Lists are in the annotation files."""

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield lists that no annotation file is called after."""
        yield from super().faults(given)
        names = self.annotation_files() if self.annotations and self.root else {}
        for name, key in self.splits.lists().items() if self.splits and names else ():
            if name.removesuffix(".json") not in names:
                there = hint(name, names) or f"; there are {', '.join(names)}"
                yield f"splits.{key}", f"no file of dataset.annotations is called {name!r}{there}"

    def files(self) -> Iterator[tuple[str, Path, str]]:
        """Yield also the annotation files."""
        yield from super().files()
        if self.root and self.annotations:
            yield from (("annotations", self.root / name, "file") for name in self.annotations)


class FolderDataset(ListedDataset):
    """A folder for each class, with its images."""

    kind: Literal["folder"] = option("folder", doc="A folder for each class.")
    splits: Splits = splits_field(
        "folders of root that hold the folders of the classes", "every image, where root holds them"
    )
    classes: Several[Text] = option(
        [], doc="Classes to take; empty: all folders. Images of other folders have none of them."
    )

    def photo_folders(self) -> tuple[Path, ...]:
        """Root: an image is called by its path below it."""
        return (self.root,) if self.root else ()

    def list_place(self, name: str) -> tuple[Path, str]:
        """Path of a list."""
        return self.root / name, "folder"


class ColumnsDataset(RootedDataset):
    """One table that holds, by column, the images' paths, labels, splits and metadata."""

    kind: Literal["columns"] = option("columns", doc="A table, read by its columns.")
    splits: Splits = splits_field("text files below root, one image_id a line")
    table: FileBelow = option(doc="CSV or Parquet below root, with a row for each image.")
    images: FolderBelow = option(Path(), doc="Folder that the paths in the table start from.")
    path: Text = option(doc="Column of the images' paths.")
    image_id: Text | None = option(
        None, doc="Column of the images' names; their paths without suffix if left out."
    )
    labels: Several[Text] = option(
        [], doc="Columns of labels, one per class: 1, 0 or empty = ignored."
    )
    absent: int = _absent()
    label: Text | None = option(
        None,
        doc="Column of the names of the classes that an image has: one, several between "
        "separators, or (Parquet) a list. Empty = ignored.",
    )
    separator: Text | None = option(
        None, doc="What is between the names in the column label, such as a semicolon."
    )
    classes: Several[Text] = option(
        [], doc="Classes to take of the column label; empty: all that it names."
    )
    metadata: Several[Text] = option([], doc="Columns of metadata, for metrics by group.")

    def photo_folders(self) -> tuple[Path, ...]:
        """The folder that the paths start from, where the images are called by them."""
        return (self.images,) if self.root and not self.image_id else ()

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield labels that are given twice or not at all."""
        yield from super().faults(given)
        if self.labels and self.label:
            yield "label", "labels are in columns of their own already (dataset.labels)"
        elif not self.labels and not self.label:
            yield "table", "where are the labels? Name their columns: labels: [...], or label: NAME"
        for key in ("separator", "classes"):
            if getattr(self, key) and not self.label:
                yield key, "is used with label only"
        if self.absent and not self.labels:
            yield "absent", "is used with labels only"


class PythonDataset(Dataset):
    """The images that a function of yours gives. It runs only where the caller allows it:
    ``allowed``."""

    kind: Literal["python"] = option("python", doc="A Python function of yours.")
    function: FunctionName = option(
        doc="Gives records (image, labels, id, split, metadata), a data set of torch, or a mapping "
        "of these by split. It runs only with --allow-python."
    )
    root: AnyPath | None = option(
        None, doc="Folder that the function gets; it is called without one if left out."
    )
    splits: Splits = splits_field("splits of the records")
    names: Several[Text] = option(
        [],
        doc="Names of the classes in the order of their numbers; empty: those of the data set "
        "(classes), if it has them.",
    )
    classes: Several[Text] = option([], doc="Classes to take; empty: all.")
    max_bad_share: float = _bad_share()


class StoreDataset(Dataset):
    """The images of a store, as they were encoded: for other words, another teacher, or splits."""

    kind: Literal["store"] = option("store", doc="The images of an existing store.")
    path: Folder = option(doc="The store.")
    splits: Splits | None = option(
        None,
        doc="The store's own if left out. Lists are its splits (fit, tune, holdout), columns those "
        "of its metadata; all: every image.",
    )

    @property
    def max_bad_share(self) -> float:
        """Share of unreadable photos: 0, since none can be unreadable."""
        return 0.0

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield lists that no store has."""
        yield from super().faults(given)
        for name, key in self.splits.lists().items() if self.splits else ():
            if name not in SPLITS:
                yield f"splits.{key}", f"lists of a store are fit, tune and holdout, not {name!r}"


class Counts(Section):
    """Number of images in each split."""

    fit: int = option(ge=1, doc="Images to fit on.")
    tune: int = option(ge=1, doc="Images that the screen shows.")
    holdout: int = option(ge=1, doc="Images held out.")


class ScenesDataset(Dataset):
    """Scenes that precompute draws."""

    kind: Literal["scenes"] = option("scenes", doc="Scenes drawn from a seed.")
    seed: int = option(0, ge=0, doc="Seed of the drawing.")
    images: Counts = option(doc="Number of images in each split.")
    size: Size = option((256, 192), doc="Width and height of a scene, in pixels.")
    shortcuts: bool = option(True, doc="Whether some concepts go with a class in fit only.")
    max_bad_share: float = _bad_share()

    def check_recipe(self) -> None:
        """Raise ``MissingExtraError`` if the recipe that draws the scenes is not installed."""
        package = find_spec("precompute")
        places = package.submodule_search_locations if package else []
        if not any(Path(folder, "recipes").is_dir() for folder in places or []):
            raise MissingExtraError(
                "Scenes are drawn by the recipe of the demo, which only the source tree has.",
                "Take the source tree of inficond-panel; the demo's store comes with it.",
            )
