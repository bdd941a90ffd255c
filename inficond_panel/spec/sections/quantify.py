"""The spec of a training run of one's own, for ``inficond quantify run``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from inficond_panel.spec.framework.fields import Choice, Number, Text, Whole
from inficond_panel.spec.framework.lists import Channels, Size, Words
from inficond_panel.spec.framework.paths import FilePath
from inficond_panel.spec.framework.section import Nested, NestedList, Section
from inficond_panel.spec.framework.section_file import SpecFile, load_file
from inficond_panel.spec.sections.dataset import Dataset
from inficond_panel.vocabulary.confidence import CONFIDENCE, draws_fault
from inficond_panel.vocabulary.splits import SPLITS, TUNE

_REQUIRED = {"required": True}
_START = "a run starts with 'title: ...'"


class Network(Section):
    """The architecture of a network; its weights are those of the checkpoints."""

    chooser: ClassVar[str] = "kind"
    usual: ClassVar[str] = "timm"
    kind: Any

    outputs = Whole(
        None,
        bounds=(1, None),
        doc="Number of its outputs; that of the data set's classes if left out.",
    )


class TimmNetwork(Network):
    """A model of timm, such as ``resnet18`` or ``vgg11_bn``."""

    kind = Choice(default="timm", objects=["timm"], doc="A model that the package timm has.")
    model = Text(None, doc="Its name, of timm.list_models().", metadata=_REQUIRED)


class TorchvisionNetwork(Network):
    """A model of torchvision, such as ``vgg16`` or ``resnet50``."""

    kind = Choice(default="torchvision", objects=["torchvision"], doc="A model of torchvision.")
    model = Text(None, doc="Its name, of torchvision.models.list_models().", metadata=_REQUIRED)


class SmallNetwork(Network):
    """The small convolutional network of ``inficond quantify experiment``."""

    kind = Choice(default="small", objects=["small"], doc="Blocks of convolutions, and two above.")
    role = Choice(
        default="student",
        objects=["student", "teacher"],
        doc="Whose widths it has; a baseline has the student's.",
    )


class Training(Section):
    """One training of a network."""

    checkpoints = FilePath(
        doc="Folder of its weights, before the training and after each epoch, the epoch last in "
        "the name: epoch-000.safetensors, ...; or .pt with tensors only.",
        metadata={"required": True, "exists": "folder"},
    )


class Measured(Section):
    """A network that is measured: its architecture, and one training for each seed."""

    network = Nested(Network, default=None, doc="Its architecture; quantify.network if left out.")
    layers = Words(
        [],
        doc="Names of the layers in this network, in the order of quantify.layers; the same names "
        "if left out.",
    )
    trainings = NestedList(
        Training,
        doc="One for each seed; from three on, intervals are over the trainings too.",
        metadata=_REQUIRED,
    )


class Quantify(Section):
    """Measures, and their settings."""

    network = Nested(Network, default=None, doc="Architecture of all networks that name none.")
    layers = Words(
        None, doc="Names of the layers, of network.named_modules(), each measured by itself.",
        metadata=_REQUIRED,
    )  # fmt: skip
    student = Nested(Measured, doc="The distilled network.", metadata=_REQUIRED)
    baseline = Nested(
        Measured, doc="The same architecture, trained on the labels.", metadata=_REQUIRED
    )
    teacher = Nested(Measured, default=None, doc="The network distilled from, at its last epoch.")
    size = Size(
        None, length=2, doc="Width and height of the networks' input; photos are squashed to it.",
        metadata={"unit": "pixels", "required": True},
    )  # fmt: skip
    mean = Channels((0.485, 0.456, 0.406), doc="Mean of red, green and blue that is subtracted.")
    std = Channels(
        (0.229, 0.224, 0.225),
        doc="What red, green and blue are divided by.",
        metadata={"above": 0},
    )
    masks = FilePath(
        doc="Folder of masks IMAGE.png, of the photo's size, where what is not black is "
        "foreground; if left out, the data set's own boxes (VOC, COCO) or regions.",
        metadata={"exists": "folder"},
    )
    split = Choice(default=TUNE, objects=[*SPLITS], doc="Split whose images are measured.")
    images = Whole(32, bounds=(1, None), doc="Images that are measured, at most.")
    epochs = Whole(5, bounds=(1, None), doc="Checkpoints that are measured, evenly spaced.")
    tau = Number(
        0.1,
        bounds=(0, 1),
        inclusive_bounds=(False, False),
        doc="Noise that measures a feature's inherent variance, in standard deviations of input.",
    )
    b = Number(0.2, bounds=(0, None), doc="Nats below the background's entropy that make a point.")
    draws = Whole(2000, bounds=(1, None), doc="Bootstrap draws of images and trainings.")
    confidence = Number(
        CONFIDENCE, bounds=(0, 1), inclusive_bounds=(False, False), doc="Level of the intervals."
    )
    seed = Whole(0, bounds=(0, None), doc="Seed of the choice of images, the noise and the draws.")

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
    """A training run of one's own: photos with their objects, networks, checkpoints and layers."""

    remedy = "`inficond docs quantify-spec` has every key."

    title = Text(None, doc="Name in the table.", metadata=_REQUIRED)
    dataset = Nested(Dataset, doc="Images, labels and splits, as in a spec.", metadata=_REQUIRED)
    quantify = Nested(Quantify, doc="What is measured.", metadata=_REQUIRED)


def load_run(path: str | Path) -> RunSpec:
    """Read and check a run; raises ``SpecError`` with every problem of the file at once."""
    return load_file(RunSpec, path, True, _START)
