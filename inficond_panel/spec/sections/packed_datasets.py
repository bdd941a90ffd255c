"""Kinds of ``dataset`` that other packages write: read as formats, without the packages."""

from __future__ import annotations

from pathlib import Path

from inficond_panel.spec.framework.fields import Choice, Text
from inficond_panel.spec.framework.lists import Words
from inficond_panel.spec.sections.dataset import RootedDataset, splits_field


def _classes() -> Words:
    return Words(
        [], doc="Classes to take; empty: all that are named. Images of others have none of them."
    )


class PackedDataset(RootedDataset):
    """A data set whose lists are told by its own files."""

    def list_place(self, name: str) -> None:
        """Lists are no files of their own."""


class WebDataset(PackedDataset):
    """Shards of WebDataset: tar files with the photo and the label of each key."""

    kind = Choice(default="webdataset", objects=["webdataset"], doc="Tar files with photos.")
    splits = splits_field("shards by name, such as train-*")
    shards = Words(["*.tar"], doc="Names of the tar files below root; * stands for anything.")
    label = Text(
        "cls",
        doc="Member with the classes of a key: cls, txt (a class on each line), or json.KEY. A "
        "number counts in names, from 0.",
    )
    names = Words([], doc="Names of the classes in the order of their numbers.")
    classes = _classes()


class HuggingFaceDataset(PackedDataset):
    """A folder of the package datasets: what ``save_to_disk`` writes, its cache, or Parquet."""

    kind = Choice(default="huggingface", objects=["huggingface"], doc="Folder of datasets.")
    splits = splits_field("its splits, such as train and test")
    image = Text("image", doc="Column of the photos.")
    label = Text("label", doc="Column of the classes: numbers, names, or lists of these.")
    names = Words([], doc="Names of the classes by number, where the folder does not tell them.")
    classes = _classes()


class CifarDataset(PackedDataset):
    """CIFAR-10 or CIFAR-100 in the binary version, which holds no pickle."""

    kind = Choice(default="cifar", objects=["cifar"], doc="CIFAR's binary version.")
    splits = splits_field("train and test")
    classes = _classes()


class FiftyOneDataset(PackedDataset):
    """FiftyOne's export FiftyOneDataset: samples.json beside the photos."""

    kind = Choice(default="fiftyone", objects=["fiftyone"], doc="An export of FiftyOne.")
    splits = splits_field("tags of the samples, such as train")
    field = Text(
        "ground_truth", doc="Field of the labels: Classification, Classifications or Detections."
    )
    classes = _classes()

    def photo_folders(self) -> tuple[Path, ...]:
        """Root: an image is called by its path below it."""
        return (self.root,) if self.root else ()
