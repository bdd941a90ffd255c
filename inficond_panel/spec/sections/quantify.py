"""Spec of a user's training run: which networks ``inficond quantify run`` measures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.section_file import SpecFile, load_file
from inficond_panel.spec.framework.types import (
    Absent,
    Channels,
    Deviations,
    FolderPath,
    OneOf,
    Several,
    Size,
    Some,
    Text,
    option,
)
from inficond_panel.spec.sections.dataset import Dataset
from inficond_panel.vocabulary.confidence import CONFIDENCE, draws_fault
from inficond_panel.vocabulary.splits import SPLITS, TUNE

_START = "a run starts with 'title: ...'"


class Network(Section):
    """Architecture of a network; the checkpoints have the weights."""

    chooser: ClassVar[str] = "kind"
    usual: ClassVar[str] = "timm"
    kind: Absent = ""

    outputs: int | None = option(
        None, ge=1, doc="Number of outputs; default: the number of classes of the data set."
    )


class TimmNetwork(Network):
    """Model of the package timm, such as ``resnet18`` or ``vgg11_bn``."""

    kind: Literal["timm"] = option("timm", doc="A model of the package timm.")
    model: Text = option(doc="Name of the model, from timm.list_models().")


class TorchvisionNetwork(Network):
    """Model of the package torchvision, such as ``vgg16`` or ``resnet50``."""

    kind: Literal["torchvision"] = option("torchvision", doc="A model of torchvision.")
    model: Text = option(doc="Name of the model, from torchvision.models.list_models().")


class SmallNetwork(Network):
    """Small convolutional network of ``inficond quantify experiment``."""

    kind: Literal["small"] = option("small", doc="Convolution blocks and two layers on top.")
    role: Literal["student", "teacher"] = option(
        "student", doc="Layer widths: of the student (also for a baseline), or of the teacher."
    )


class Training(Section):
    """Checkpoints of one training of a network."""

    checkpoints: FolderPath = option(
        doc="Folder with a file of the weights before the training and after each epoch: "
        "safetensors, or .pt with tensors only. Names end with the epoch: epoch-000.safetensors."
    )


class Measured(Section):
    """Network that is measured: its architecture, and one training per seed."""

    network: Network | None = option(None, doc="Architecture; quantify.network if left out.")
    layers: Several[Text] = option(
        [],
        doc="Names of the layers in this network, in the order of quantify.layers; the same names "
        "if left out.",
    )
    trainings: list[Training] = option(
        min_length=1,
        doc="One training per seed; with three or more, intervals include their variance.",
    )


class Quantify(Section):
    """Networks to measure, and the settings of the measurement."""

    network: Network | None = option(None, doc="Architecture of networks that name none.")
    layers: Some[Text] = option(
        doc="Names of the layers, from network.named_modules(); each is measured separately."
    )
    student: Measured = option(doc="The network that was trained by distillation.")
    baseline: Measured = option(doc="The same architecture, trained on the labels.")
    teacher: Measured | None = option(None, doc="The distillation's teacher, at its last epoch.")
    size: Size = option(
        doc="Width and height of the networks' input in pixels; photos are stretched to it."
    )
    mean: Channels = option(
        (0.485, 0.456, 0.406), doc="Mean of red, green and blue that is subtracted."
    )
    std: Deviations = option((0.229, 0.224, 0.225), doc="Divisor of red, green and blue.")
    masks: FolderPath | None = option(
        None,
        doc="Folder of masks IMAGE.png, of the photo's size; pixels that are not black are "
        "foreground. If left out: boxes (VOC, COCO) or regions of the data set.",
    )
    split: Annotated[str, OneOf(SPLITS)] = option(TUNE, doc="Split whose images are measured.")
    images: int = option(32, ge=1, doc="Largest number of images to measure.")
    epochs: int = option(5, ge=1, doc="Number of checkpoints to measure, evenly spaced.")
    tau: float = option(
        0.1,
        gt=0,
        lt=1,
        doc="Noise that measures a feature's inherent variance, in standard deviations of input.",
    )
    b: float = option(
        0.2,
        ge=0,
        doc="A knowledge point is a pixel whose entropy is more nats than this below the "
        "background's.",
    )
    draws: int = option(2000, ge=1, doc="Number of bootstrap draws of images and trainings.")
    confidence: float = option(CONFIDENCE, gt=0, lt=1, doc="Confidence level of the intervals.")
    seed: int = option(0, ge=0, doc="Seed of the choice of images, the noise and the draws.")

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for missing architectures or layers, unpaired trainings and too few
        draws."""
        for name in ("student", "baseline", "teacher"):
            part = getattr(self, name)
            if part is not None and part.network is None and self.network is None:
                yield name, "has no network, and quantify.network is left out; set one of the two"
            if part is not None and part.layers and len(part.layers) != len(self.layers or []):
                yield name, f"names {len(part.layers)} layers; name as many as quantify.layers"
        if fault := draws_fault(self.confidence, self.draws):
            yield "confidence", fault
        counts = [len(getattr(self, n).trainings or []) if getattr(self, n) else 0
                  for n in ("student", "baseline")]  # fmt: skip
        if all(counts) and counts[0] != counts[1]:
            yield (
                "baseline",
                f"has {counts[1]} trainings, the student has {counts[0]}; they are paired by seed, "
                "in order: name equal numbers",
            )


class RunSpec(SpecFile):
    """Spec of a training run: photos with objects, networks, checkpoints and layers."""

    remedy = "`inficond docs quantify-spec` has every key."

    title: Text = option(doc="Name in the table.")
    dataset: Dataset = option(doc="Images, labels and splits, as in a spec.")
    quantify: Quantify = option(doc="Networks to measure, and how.")


def load_run(path: str | Path) -> RunSpec:
    """Read and check the spec of a training run; raises ``SpecError`` with all problems."""
    return load_file(RunSpec, path, True, _START)
