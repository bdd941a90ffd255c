"""The section ``dataset``: where images, labels and splits come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from inficond_panel.errors import MissingExtraError
from inficond_panel.spec.framework.fields import Choice, Flag, Number, Text, Whole, hint
from inficond_panel.spec.framework.lists import Size, Words
from inficond_panel.spec.framework.paths import FilePath, FunctionName
from inficond_panel.spec.framework.section import Nested, Section
from inficond_panel.spec.sections.splits import Splits
from inficond_panel.vocabulary.splits import SPLITS
from inficond_panel.vocabulary.tasks import TASKS

_REQUIRED = {"required": True}
_FOLDER = {"exists": "folder", "below": "root"}


def _bad_share() -> Number:
    return Number(
        0.01,
        bounds=(0, 1),
        doc="Largest share of images that may be unreadable; with more the run stops.",
    )


def _absent() -> Whole:
    return Whole(
        0,
        bounds=(-1, 0),
        doc="Cell where a class is absent: 0, or -1 as in CelebA; the 0 is then ignored.",
    )


def splits_field(lists: str, every: str = "every image") -> Nested:
    """The field ``splits`` of a kind, with what its lists are."""
    return Nested(Splits, doc=f"Names of lists: {lists}; all: {every}.", metadata=_REQUIRED)


class Dataset(Section):
    """Images with labels, divided into fit, tune and holdout."""

    chooser: ClassVar[str] = "kind"
    kind: Any
    splits: Any = None
    #: Whether a Python function may run; not a key: a spec must not allow itself to run code.
    allowed = False

    task = Choice(
        default=TASKS[0],
        objects=list(TASKS),
        doc="Whether an image has any number of the classes, or exactly one.",
    )

    def photo_folders(self) -> tuple[Path, ...]:
        """Folders in which the photos are called after their images; none where that is not so."""
        return ()


class RootedDataset(Dataset):
    """A data set below a folder."""

    root = FilePath(
        doc="Folder of the data set; of VOC the folder of the year, such as VOCdevkit/VOC2007.",
        metadata={"required": True, "exists": "folder"},
    )
    splits = splits_field("as the kind has them")
    max_bad_share = _bad_share()

    def list_place(self, name: str) -> tuple[Path, str] | None:
        """Path of a list, and "file" or "folder"; None where lists are no files of their own."""
        raise NotImplementedError

    def files(self) -> Iterator[tuple[str, Path, str]]:
        """Yield the root, what it must hold, and the lists of the splits."""
        yield from super().files()
        if self.root and self.splits:
            for name, key in self.splits.lists().items():
                place = self.list_place(name)
                if place:
                    yield f"splits.{key}", *place


class ListedDataset(RootedDataset):
    """A data set that a table of metadata can be put beside."""

    metadata = FilePath(
        doc="CSV or Parquet below root: image_id and a column of text for each thing known of an "
        "image, such as camera or place; metrics can be asked for by them, splits be taken from "
        "them.",
        metadata={"exists": "file", "below": "root"},
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield splits by a column without a table that has it."""
        yield from super().faults(given)
        if self.splits and not self.metadata:
            for key in self.splits.columns().values():
                yield f"splits.{key}", "a column of which table? Name it as dataset.metadata"


class TableDataset(ListedDataset):
    """A folder of images with a table of labels."""

    kind = Choice(default="table", objects=["table"], doc="A folder of images, a table of labels.")
    splits = splits_field("text files below root, one image_id a line")
    images = FilePath(
        Path("images"),
        doc="Folder of the images, below root; a file's stem is its image_id.",
        metadata=_FOLDER,
    )
    labels = FilePath(
        doc="CSV or Parquet below root: image_id and a column per class (1, 0 or empty = ignored).",
        metadata={"required": True, "exists": "file", "below": "root"},
    )
    classes = Words([], doc="Classes to take; empty: all columns of the labels.")
    absent = _absent()

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        if self.root and not self.images.is_absolute():
            self.images = self.root / self.images

    def photo_folders(self) -> tuple[Path, ...]:
        """The folder of the images."""
        return (self.images,) if self.root else ()

    def list_file(self, name: str) -> Path:
        """File of a list of image ids."""
        return self.root / (name if name.endswith(".txt") else f"{name}.txt")

    def list_place(self, name: str) -> tuple[Path, str]:
        """Path of a list."""
        return self.list_file(name), "file"


class VocDataset(ListedDataset):
    """A data set in the layout of PASCAL VOC."""

    kind = Choice(default="voc", objects=["voc"], doc="The layout of PASCAL VOC.")
    splits = splits_field("files of ImageSets/Main")
    classes = Words([], doc="Classes to take; empty: all that ImageSets/Main names.")

    def photo_folders(self) -> tuple[Path, ...]:
        """The folder JPEGImages."""
        return (self.root / "JPEGImages",) if self.root else ()

    def list_file(self, name: str) -> Path:
        """File of a list of image ids."""
        return self.root / "ImageSets" / "Main" / f"{name.removesuffix('.txt')}.txt"

    def list_place(self, name: str) -> tuple[Path, str]:
        """Path of a list."""
        return self.list_file(name), "file"


class CocoDataset(ListedDataset):
    """Instances in the JSON format of COCO."""

    kind = Choice(default="coco", objects=["coco"], doc="The JSON format of COCO.")
    splits = splits_field("names of the annotation files, such as instances_val2017")
    annotations = Words(
        None,
        doc="JSON files below root, such as annotations/instances_val2017.json.",
        metadata=_REQUIRED,
    )
    images = FilePath(
        Path(),
        doc="Folder of the images, below root. An image that is not in it is looked for in its "
        "folder named after the annotation file: val2017 for instances_val2017.json.",
        metadata=_FOLDER,
    )
    classes = Words([], doc="Categories to take; empty: all, in the order of their numbers.")
    crowd = Choice(
        default="present",
        objects=["present", "ignored"],
        doc="Label where a category is in an image only as iscrowd.",
    )
    image_id = Choice(
        default="file",
        objects=["file", "number"],
        doc="What an image is called in other tables: its file_name without suffix, or its id.",
    )

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        if self.root and not self.images.is_absolute():
            self.images = self.root / self.images

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

    kind = Choice(default="folder", objects=["folder"], doc="A folder for each class.")
    splits = splits_field(
        "folders of root that hold the folders of the classes", "every image, where root holds them"
    )
    classes = Words(
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

    kind = Choice(default="columns", objects=["columns"], doc="A table, read by its columns.")
    splits = splits_field("text files below root, one image_id a line")
    table = FilePath(
        doc="CSV or Parquet below root, with a row for each image.",
        metadata={"required": True, "exists": "file", "below": "root"},
    )
    images = FilePath(
        Path(), doc="Folder that the paths in the table start from.", metadata=_FOLDER
    )
    path = Text(None, doc="Column of the images' paths.", metadata=_REQUIRED)
    image_id = Text(
        None, doc="Column of the images' names; their paths without suffix if left out."
    )
    labels = Words([], doc="Columns of labels, one per class: 1, 0 or empty = ignored.")
    absent = _absent()
    label = Text(
        None,
        doc="Column of the names of the classes that an image has: one, several between "
        "separators, or (Parquet) a list. Empty = ignored.",
    )
    separator = Text(
        None, doc="What is between the names in the column label, such as a semicolon."
    )
    classes = Words([], doc="Classes to take of the column label; empty: all that it names.")
    metadata = Words([], doc="Columns of metadata; metrics can be asked for by them.")

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        if self.root and not self.images.is_absolute():
            self.images = self.root / self.images

    def photo_folders(self) -> tuple[Path, ...]:
        """The folder that the paths start from, where the images are called by them."""
        return (self.images,) if self.root and not self.image_id else ()

    def list_place(self, name: str) -> tuple[Path, str]:
        """Path of a list."""
        return self.root / (name if name.endswith(".txt") else f"{name}.txt"), "file"

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

    kind = Choice(default="python", objects=["python"], doc="A Python function of yours.")
    function = FunctionName(
        doc="Gives records (image, labels, id, split, metadata), a data set of torch, or a mapping "
        "of these by split. It runs only with --allow-python.",
        metadata=_REQUIRED,
    )
    root = FilePath(doc="Folder that the function gets; it is called without one if left out.")
    splits = splits_field("splits of the records")
    names = Words(
        [],
        doc="Names of the classes in the order of their numbers; empty: those of the data set "
        "(classes), if it has them.",
    )
    classes = Words([], doc="Classes to take; empty: all.")
    max_bad_share = _bad_share()


class StoreDataset(Dataset):
    """The images of a store, as they were encoded: for other words, another teacher, or splits."""

    kind = Choice(default="store", objects=["store"], doc="The images of an existing store.")
    path = FilePath(doc="The store.", metadata={"required": True, "exists": "folder"})
    splits = Nested(
        Splits,
        default=None,
        doc="The store's own if left out. Lists are its splits (fit, tune, holdout), columns those "
        "of its metadata; all: every image.",
    )

    @property
    def max_bad_share(self) -> float:
        """None can be unreadable."""
        return 0.0

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield lists that no store has."""
        yield from super().faults(given)
        for name, key in self.splits.lists().items() if self.splits else ():
            if name not in SPLITS:
                yield f"splits.{key}", f"lists of a store are fit, tune and holdout, not {name!r}"


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

    def check_recipe(self) -> None:
        """Raise ``MissingExtraError`` where the recipe that draws the scenes is not there."""
        package = find_spec("precompute")
        places = package.submodule_search_locations if package else []
        if not any(Path(place, "recipes").is_dir() for place in places or []):
            raise MissingExtraError(
                "Scenes are drawn by the recipe of the demo, which only the source tree has.",
                "Take the source tree of inficond-panel; the demo's store comes with it.",
            )
