"""Spec of a training run of the user, for ``inficond quantify run``."""

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
    Folder,
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
    """Architecture of a network; its weights come from the checkpoints."""

    chooser: ClassVar[str] = "kind"
    usual: ClassVar[str] = "timm"
    kind: Absent = ""

    outputs: int | None = option(
        None, ge=1, doc="Number of its outputs; default: the number of classes of the data set."
    )


class TimmNetwork(Network):
    """A model of timm, such as ``resnet18`` or ``vgg11_bn``."""

    kind: Literal["timm"] = option("timm", doc="A model that the package timm has.")
    model: Text = option(doc="Its name, of timm.list_models().")


class TorchvisionNetwork(Network):
    """A model of torchvision, such as ``vgg16`` or ``resnet50``."""

    kind: Literal["torchvision"] = option("torchvision", doc="A model of torchvision.")
    model: Text = option(doc="Its name, of torchvision.models.list_models().")


class SmallNetwork(Network):
    """The small convolutional network of ``inficond quantify experiment``."""

    kind: Literal["small"] = option("small", doc="Blocks of convolutions, and two above.")
    role: Literal["student", "teacher"] = option(
        "student", doc="Whose widths it has; a baseline has the student's."
    )


class Training(Section):
    """One training of a network."""

    checkpoints: Folder = option(
        doc="Folder of its weights, before the training and after each epoch, the epoch last in "
        "the name: epoch-000.safetensors, ...; or .pt with tensors only."
    )


class Measured(Section):
    """A network that is measured: its architecture, and one training for each seed."""

    network: Network | None = option(None, doc="Its architecture; quantify.network if left out.")
    layers: Several[Text] = option(
        [],
        doc="Names of the layers in this network, in the order of quantify.layers; the same names "
        "if left out.",
    )
    trainings: list[Training] = option(
        min_length=1,
        doc="One for each seed; from three on, intervals are over the trainings too.",
    )


class Quantify(Section):
    """Measures, and their settings."""

    network: Network | None = option(None, doc="Architecture of all networks that name none.")
    layers: Some[Text] = option(
        doc="Names of the layers, of network.named_modules(), each measured by itself."
    )
    student: Measured = option(doc="The distilled network.")
    baseline: Measured = option(doc="The same architecture, trained on the labels.")
    teacher: Measured | None = option(None, doc="The network distilled from, at its last epoch.")
    size: Size = option(
        doc="Width and height of the networks' input in pixels; photos are squashed to it."
    )
    mean: Channels = option(
        (0.485, 0.456, 0.406), doc="Mean of red, green and blue that is subtracted."
    )
    std: Deviations = option((0.229, 0.224, 0.225), doc="What red, green and blue are divided by.")
    masks: Folder | None = option(
        None,
        doc="Folder of masks IMAGE.png, of the photo's size, where what is not black is "
        "foreground; if left out, the data set's own boxes (VOC, COCO) or regions.",
    )
    split: Annotated[str, OneOf(SPLITS)] = option(TUNE, doc="Split whose images are measured.")
    images: int = option(32, ge=1, doc="Images that are measured, at most.")
    epochs: int = option(5, ge=1, doc="Checkpoints that are measured, evenly spaced.")
    tau: float = option(
        0.1,
        gt=0,
        lt=1,
        doc="Noise that measures a feature's inherent variance, in standard deviations of input.",
    )
    b: float = option(0.2, ge=0, doc="Nats below the background's entropy that make a point.")
    draws: int = option(2000, ge=1, doc="Bootstrap draws of images and trainings.")
    confidence: float = option(CONFIDENCE, gt=0, lt=1, doc="Level of the intervals.")
    seed: int = option(0, ge=0, doc="Seed of the choice of images, the noise and the draws.")

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield networks without an architecture, trainings without a pair, and too few draws."""
        for name in ("student", "baseline", "teacher"):
            part = getattr(self, name)
            if part is not None and part.network is None and self.network is None:
                yield name, "has no network, and quantify.network is left out: name one"
            if part is not None and part.layers and len(part.layers) != len(self.layers or []):
                yield (
                    name,
                    f"names {len(part.layers)} layers, and quantify.layers has another number",
                )
        if None not in (self.confidence, self.draws) and (
            fault := draws_fault(self.confidence, self.draws)
        ):
            yield "confidence", fault
        counts = [len(getattr(self, n).trainings or []) if getattr(self, n) else 0
                  for n in ("student", "baseline")]  # fmt: skip
        if all(counts) and counts[0] != counts[1]:
            yield (
                "baseline",
                f"has {counts[1]} trainings and the student {counts[0]}: they are paired by seed, "
                "in order",
            )


class RunSpec(SpecFile):
    """A training run of the user: photos with their objects, networks, checkpoints and layers."""

    remedy = "`inficond docs quantify-spec` has every key."

    title: Text = option(doc="Name in the table.")
    dataset: Dataset = option(doc="Images, labels and splits, as in a spec.")
    quantify: Quantify = option(doc="What is measured.")


def load_run(path: str | Path) -> RunSpec:
    """Read and check a run; raises ``SpecError`` with every problem of the file at once."""
    return load_file(RunSpec, path, True, _START)
