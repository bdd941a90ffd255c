"""Sections of a spec: teachers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from inficond_panel.common.files import ANNOTATION_BYTES, read_text
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import (
    Absent,
    ByClass,
    Channels,
    Deviations,
    File,
    FunctionName,
    NameOrPath,
    OneOf,
    Several,
    Size,
    Text,
    default_of,
    function_title,
    option,
)
from inficond_panel.spec.sections.encoder import Encoder, HubModel, Prompts
from inficond_panel.vocabulary.tasks import ACTIVATIONS, AS_GIVEN, OUTPUTS, SIGMOID, SOFTMAX

_Filter = Literal["nearest", "bilinear", "bicubic", "lanczos"]
_SIZE = "Width and height of the network's input, in pixels."
_MEAN = "Mean of red, green and blue that is subtracted; levels are 0 to 1."
_STD = "What red, green and blue are divided by."
_FILTER = "Filter of the resizing."
_CROP = (
    "Share of the resized photo's shorter side that is kept, from its middle; 0: the whole photo, "
    "squashed to size."
)


class Preprocessing(Section):
    """Steps from a photo to the network's input; the model's own for each omitted step."""

    size: Size | None = option(None, doc=_SIZE)
    mean: Channels | None = option(None, doc=_MEAN)
    std: Deviations | None = option(None, doc=_STD)
    interpolation: _Filter | None = option(None, doc=_FILTER)
    crop: float | None = option(None, ge=0, le=1, doc=_CROP)


class FullPreprocessing(Preprocessing):
    """Preprocessing with every step given, for a file that does not hold it."""

    size: Size = option(doc=_SIZE)
    mean: Channels = option(doc=_MEAN)
    std: Deviations = option(doc=_STD)
    interpolation: _Filter = option("bilinear", doc=_FILTER)
    crop: float = option(0.0, ge=0, le=1, doc=_CROP)


class Oracle(Section):
    """Logits on inputs that were reinforced with the help of the labels (Lee et al., 2023)."""

    gamma: float = option(
        0.5,
        gt=0,
        doc="Strength of the step: x* = x - gamma |x| dL/dx, L the loss of the one image.",
    )


class Teacher(Section):
    """The model that the students are distilled from."""

    chooser: ClassVar[str] = "kind"
    usual: ClassVar[str] = "logits"
    kind: Absent = ""
    #: What its outputs become probabilities by; those without a key of it judge each class alone.
    activation: Absent = SIGMOID
    #: What its outputs are; None: logits, which must not look like something else.
    outputs: Absent = None
    #: "as_given" where labels that speak for another order of its outputs are overruled.
    order: Absent = None

    @property
    def title(self) -> str:
        """Name of the teacher, for people."""
        raise NotImplementedError

    @property
    def softmax(self) -> bool:
        """True if it gives one distribution over all of its classes."""
        return bool(self.activation == SOFTMAX)


Activation = Annotated[str, OneOf(ACTIVATIONS)] | None
Outputs = Annotated[str, OneOf(OUTPUTS)] | None
Order = Annotated[str, OneOf([AS_GIVEN])] | None
ACTIVATION = option(
    None,
    doc="What turns its logits into probabilities: sigmoid (if left out), each class by itself, or "
    "softmax over all of the teacher's classes, also those that the data set lacks. To be said "
    "with task: single_label.",
)
OUTPUT = option(
    None,
    doc="What its outputs are; probabilities are turned into logits. If left out: logits, and what "
    "looks like probabilities or labels is an error.",
)
ORDER = option(
    None,
    doc="as_given: the names of its outputs are right, although the labels of fit and tune speak "
    "for another order. If left out, that is an error.",
)
ORACLE = option(None, doc="Oracle logits beside the teacher's, on fit only; none if left out.")


class LogitsTeacher(Teacher):
    """A teacher that is given by its logits."""

    kind: Literal["logits"] = option("logits", doc="A table of the teacher's logits.")
    path: File = option(
        doc="CSV or Parquet: image_id and a column of logits per class; or npz: arrays image_id, "
        "class_name and logit."
    )
    outputs: Outputs = OUTPUT
    activation: Activation = ACTIVATION
    order: Order = ORDER

    @property
    def title(self) -> str:
        """Name for people: the file's name without suffix."""
        return _stem(self.path)


class NetworkTeacher(Teacher):
    """A model that is run on the photos."""

    oracle: Absent = None

    batch: int = option(16, ge=1, doc="Photos that go through the model at a time, at most.")


class NamedOutputs(NetworkTeacher):
    """A model whose outputs have names."""

    classes: Several[Text] = option(
        [],
        doc="Class of each output of the model, in order; empty: as the file names them, and where "
        "it names none those of the data set, in its order. Outputs of other classes are left "
        "aside, but for a softmax.",
    )
    outputs: Outputs = OUTPUT
    order: Order = ORDER


class _FileTeacher(NamedOutputs):
    path: Absent = None
    activation: Activation = ACTIVATION
    preprocessing: FullPreprocessing = option(doc="How a photo becomes the input.")

    @property
    def title(self) -> str:
        return _stem(self.path)


class TorchScriptTeacher(_FileTeacher):
    """A TorchScript file."""

    kind: Literal["torchscript"] = option("torchscript", doc="A TorchScript file.")
    path: File = option(doc="File written by torch.jit.save.")
    oracle: Oracle | None = ORACLE


class OnnxTeacher(_FileTeacher):
    """An ONNX file, run by onnxruntime."""

    kind: Literal["onnx"] = option("onnx", doc="An ONNX file; it has no gradients.")
    path: File = option(doc="The file.")


class TorchvisionTeacher(NamedOutputs):
    """A classifier of torchvision with trained weights."""

    kind: Literal["torchvision"] = option("torchvision", doc="A classifier of torchvision.")
    model: Text = option(doc="torchvision's name of the model, such as resnet18.")
    pretrained: File = option(doc="Its weights: a state_dict in .pt or .pth, or safetensors.")
    activation: Activation = ACTIVATION
    preprocessing: Preprocessing = option(
        default_factory=Preprocessing,
        doc="How a photo becomes the input; where it says nothing, as with torchvision's own "
        "weights of the model.",
    )
    oracle: Oracle | None = ORACLE

    @property
    def title(self) -> str:
        """Name for people: the model, and the file of its weights."""
        return f"{self.model} ({_stem(self.pretrained)})"


class TimmTeacher(NamedOutputs):
    """A model of timm with trained weights."""

    kind: Literal["timm"] = option("timm", doc="A model of timm.")
    model: Text = option(doc="timm's name of the model.")
    pretrained: Annotated[str | Path, NameOrPath("file")] = option(
        doc="Checkpoint (safetensors, or a state_dict in .pt), or a tag that timm knows, which is "
        "downloaded."
    )
    head: File | None = option(
        None,
        doc="Checkpoint of a linear classifier (weight, bias) on the model's pooled features; the "
        "model's own classifier if left out.",
    )
    activation: Activation = ACTIVATION
    preprocessing: Preprocessing = option(
        default_factory=Preprocessing, doc="How a photo becomes the input."
    )
    oracle: Oracle | None = ORACLE

    @property
    def title(self) -> str:
        """Name for people: the model, and the file or tag of its head or weights."""
        return f"{self.model} ({_stem(self.head or self.pretrained)})"


class Query2LabelTeacher(NamedOutputs):
    """A checkpoint of Query2Label (Liu et al., 2021)."""

    kind: Literal["query2label"] = option("query2label", doc="A checkpoint of Query2Label.")
    path: File = option(doc="The checkpoint; layers and widths are read from it.")
    backbone: Text = option("resnet101", doc="timm's name of the backbone.")
    heads: int = option(4, ge=1, doc="Number of attention heads, which no checkpoint holds.")
    preprocessing: Preprocessing = option(
        default_factory=Preprocessing,
        doc="How a photo becomes the input; the size is the checkpoint's, the rest the backbone's.",
    )
    oracle: Oracle | None = ORACLE

    @property
    def title(self) -> str:
        """Name for people: Query2Label, its backbone, and the file of weights."""
        return f"Query2Label, {self.backbone} ({_stem(self.path)})"


class OpenClipTeacher(NetworkTeacher):
    """An image-text model that classifies by the names of the classes."""

    kind: Literal["open_clip"] = option(
        "open_clip", doc="Zero-shot classes of an image-text model."
    )
    encoder: Encoder | None = option(
        None,
        doc="The image-text model; that of the concepts, at its own image size, if left out.",
    )
    prompts: Prompts = option(
        ["a photo of a {}"],
        doc="Sentences that a class is put into, or names of lists of them; their embeddings are "
        "averaged.",
    )
    words: dict[str, Text] = option(
        {}, doc="What a class is called in the sentences, where its name will not do."
    )
    background: Several[Text] = option(
        [],
        doc="Sentences that a class is weighed against: the logit is the log-odds of the class "
        "against their mean, by the model's scale; empty: the corpus, in the same prompts.",
    )
    bias: Annotated[ByClass[float], default_of(0.0)] = option(
        0.0, doc="Added to the logits: what puts 0 where you decide."
    )
    activation: Activation = ACTIVATION
    oracle: Oracle | None = ORACLE

    @property
    def title(self) -> str:
        """Name for people: zero-shot, and the encoder's name."""
        return f"zero-shot, {_encoder_title(self.encoder)}"


class HeadTeacher(NetworkTeacher):
    """A linear classifier that is fitted here, on the labels of fit, to an encoder's features."""

    kind: Literal["head"] = option("head", doc="Logistic heads on an encoder's features.")
    encoder: Encoder | None = option(
        None,
        doc="The image-text model; that of the concepts, at its own image size, if left out.",
    )
    batch: int | None = option(  # type: ignore[assignment]
        None,
        ge=1,
        doc="Photos encoded at a time, at most; if left out, that of the encoder's own batch. With "
        "the batch of the concepts' encoder a photo is read once for segments and features.",
    )
    folds: int = option(5, ge=2, doc="Parts of fit; each gets its logits from the others.")
    l2: float | None = option(
        None,
        gt=0,
        doc="Weight of the L2 penalty beside the mean loss; chosen by the folds if left out.",
    )
    seed: int = option(0, ge=0, doc="Seed of the division into folds.")
    oracle: Oracle | None = ORACLE

    @property
    def title(self) -> str:
        """Name for people: head, and the encoder's name."""
        return f"head on {_encoder_title(self.encoder)}"


def _stem(path: Path | str | None) -> str:
    return Path(path).stem if path else ""


def _encoder_title(encoder: Encoder | None) -> str:
    return "the concepts' encoder" if encoder is None else encoder.title


class TransformersTeacher(NamedOutputs):
    """A classifier of images of the package transformers."""

    kind: Literal["transformers"] = option(
        "transformers",
        doc="A classifier of images of the package transformers (the extra 'transformers'), with "
        "its own preprocessing.",
    )
    model: Annotated[str | Path, HubModel("folder")] = option(
        doc="Folder as save_pretrained writes it, with weights as safetensors; or the model's name "
        "on the hub (hf-hub:ORG/NAME), which is downloaded."
    )
    classes: Several[Text] = option(
        [],
        doc="Class of each output of the model, in order; empty: as the model calls them "
        "(id2label). Outputs of other classes are left aside, but for a softmax.",
    )
    labels: dict[str, Text] = option(
        {}, doc="What the model calls a class, where it is not the class's name."
    )
    activation: Activation = option(
        None,
        doc="What turns its logits into probabilities: sigmoid, each class by itself, or softmax "
        "over all of the teacher's classes. If left out, what a model in a folder states "
        "(problem_type), else sigmoid.",
    )
    oracle: Oracle | None = ORACLE

    def model_post_init(self, context: object) -> None:
        """Take what the model states of itself, where the spec says nothing."""
        if self.activation is None and isinstance(self.model, Path):
            self.activation = stated_activation(self.model)

    @property
    def title(self) -> str:
        """Name for people: the model's."""
        return Path(self.model).name


class PythonTeacher(NamedOutputs):
    """A function of yours. It runs only where the caller allows it: ``allowed``."""

    kind: Literal["python"] = option("python", doc="A Python function of yours.")
    function: FunctionName = option(
        doc="Gets a list of RGB images of Pillow, at most batch, and returns logits (photos, "
        "classes). It runs only with --allow-python."
    )
    outputs: Outputs = OUTPUT
    activation: Activation = ACTIVATION
    #: Not a key: a spec must not allow itself to run code.
    allowed: Absent = False

    @property
    def title(self) -> str:
        """Name for people: the function's."""
        return function_title(self.function)


def stated_activation(folder: Path) -> str | None:
    """Activation that the configuration in a folder states; None where it states none."""
    try:
        config = json.loads(read_text(folder / "config.json", ANNOTATION_BYTES))
    except (OSError, ValueError):  # told where the model is loaded
        return None
    return activation_of(config) if isinstance(config, dict) else None


def activation_of(config: dict[str, Any]) -> str | None:
    """Activation by ``problem_type`` of a configuration; None where it states none."""
    stated = config.get("problem_type")
    return _PROBLEMS.get(stated) if isinstance(stated, str) else None


_PROBLEMS = {
    "single_label_classification": SOFTMAX,
    "multi_label_classification": SIGMOID,
}
