"""Section ``teacher``: the model that the students are distilled from, by kind."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from inficond_panel.common.files import ANNOTATION_BYTES, read_text
from inficond_panel.common.plugins import TEACHERS
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import (
    Absent,
    ByClass,
    Channels,
    Deviations,
    FilePath,
    FunctionName,
    NameOrPath,
    OneOf,
    PluginName,
    Several,
    Size,
    Text,
    default_of,
    function_title,
    option,
)
from inficond_panel.spec.sections.encoder import SAVED_MODEL, Encoder, HubModel, Prompts
from inficond_panel.vocabulary.tasks import ACTIVATIONS, AS_GIVEN, OUTPUTS, SIGMOID, SOFTMAX

_Filter = Literal["nearest", "bilinear", "bicubic", "lanczos"]
_SIZE = "Width and height of the network's input, in pixels."
_MEAN = "Mean of red, green and blue that is subtracted; levels are 0 to 1."
_STD = "Divisor of red, green and blue."
_FILTER = "Filter for resizing."
_CROP = (
    "Share of the resized photo's shorter side that the centre crop keeps, such as 0.889 of "
    "Resize(144) and CenterCrop(128); 0: the whole photo is stretched to size."
)
_CHANNELS = (
    "Order of the channels in the network's input: rgb (if left out), bgr (as for Caffe and "
    "OpenCV), or grey: one channel, by mean and std of red. mean and std are in the order red, "
    "green, blue in any case."
)
_Channels = Literal["rgb", "bgr", "grey"] | None


class Preprocessing(Section):
    """Steps from a photo to the network's input."""

    size: Size | None = option(None, doc=_SIZE)
    mean: Channels | None = option(None, doc=_MEAN)
    std: Deviations | None = option(None, doc=_STD)
    interpolation: _Filter | None = option(None, doc=_FILTER)
    crop: float | None = option(None, ge=0, le=1, doc=_CROP)
    channels: _Channels = option(None, doc=_CHANNELS)


class FullPreprocessing(Preprocessing):
    """Preprocessing with all steps, for a model file that does not define them."""

    size: Size = option(doc=_SIZE)
    mean: Channels = option(doc=_MEAN)
    std: Deviations = option(doc=_STD)
    interpolation: _Filter = option("bilinear", doc=_FILTER)
    crop: float = option(0.0, ge=0, le=1, doc=_CROP)
    channels: _Channels = option(None, doc=_CHANNELS)


class Oracle(Section):
    """Oracle: teacher logits on inputs that were reinforced with the labels (Lee et al., 2023)."""

    gamma: float = option(
        0.5,
        gt=0,
        doc="Step size of the reinforced input x* = x - gamma |x| dL/dx; L is the image's loss.",
    )


class Teacher(Section):
    """Teacher: the model that the students are distilled from."""

    chooser: ClassVar[str] = "kind"
    usual: ClassVar[str] = "logits"
    kind: Absent = ""
    #: Function from logits to probabilities; kinds without this key use a sigmoid per class.
    activation: Absent = SIGMOID
    #: Kind of the outputs; None: logits, which must not look like probabilities or labels.
    outputs: Absent = None
    #: "as_given": the order of the outputs is right, even if the labels fit another order better.
    order: Absent = None

    @property
    def title(self) -> str:
        """Name of the teacher to show."""
        raise NotImplementedError

    @property
    def softmax(self) -> bool:
        """True if the teacher gives one probability distribution over all its classes."""
        return bool(self.activation == SOFTMAX)


Activation = Annotated[str, OneOf(ACTIVATIONS)] | None
OutputKind = Annotated[str, OneOf(OUTPUTS)] | None
Order = Annotated[str, OneOf([AS_GIVEN])] | None
ACTIVATION = option(
    None,
    doc="Function from logits to probabilities: sigmoid (if left out), per class, or softmax over "
    "all classes of the teacher, also those that the data set lacks. Required with task: "
    "single_label.",
)
OUTPUT = option(
    None,
    doc="Kind of the outputs. If left out: logits; values that look like probabilities or labels "
    "are then an error.",
)
ORDER = option(
    None,
    doc="as_given: the outputs are in the right order, although the labels of fit and tune fit "
    "another order better. If left out, a better order is an error.",
)
ENCODER = option(
    None, doc="The image-text model; if left out, the encoder of the concepts at its default size."
)
ORACLE = option(None, doc="Also computes oracle logits, on fit.")
PREPROCESSING = option(
    default_factory=Preprocessing,
    doc="Steps from a photo to the input; omitted steps are as for the model.",
)


class LogitsTeacher(Teacher):
    """Teacher from a table of its logits."""

    kind: Literal["logits"] = option("logits", doc="A table of the teacher's logits.")
    path: FilePath = option(
        doc="CSV or Parquet: image_id and a column of logits per class; or npz: arrays image_id, "
        "class_name and logit."
    )
    outputs: OutputKind = OUTPUT
    activation: Activation = ACTIVATION
    order: Order = ORDER

    @property
    def title(self) -> str:
        """Name of the teacher to show: the file's name without suffix."""
        return _stem(self.path)


class NetworkTeacher(Teacher):
    """Teacher that is a model, run on the photos."""

    oracle: Absent = None

    batch: int = option(16, ge=1, doc="Largest number of photos that the model gets at a time.")


class NamedOutputs(NetworkTeacher):
    """Teacher that is a model with one output per class, and whose outputs have class names."""

    classes: Several[Text] = option(
        [],
        doc="Class of each output, in order; empty: the names in the model's file, else the "
        "classes of the data set. Outputs of other classes are ignored, except with a softmax.",
    )
    order: Order = ORDER


class _FileTeacher(NamedOutputs):
    path: Absent = None
    outputs: OutputKind = OUTPUT
    activation: Activation = ACTIVATION
    preprocessing: FullPreprocessing = option(
        doc="Steps from a photo to the input: size, mean and std, and interpolation (bilinear) and "
        "crop (0) if they differ."
    )

    @property
    def title(self) -> str:
        return _stem(self.path)


class TorchScriptTeacher(_FileTeacher):
    """Classifier in a TorchScript file."""

    kind: Literal["torchscript"] = option("torchscript", doc="A TorchScript file.")
    path: FilePath = option(doc="File written by torch.jit.save.")
    oracle: Oracle | None = ORACLE


class OnnxTeacher(_FileTeacher):
    """Classifier in an ONNX file, run by onnxruntime."""

    kind: Literal["onnx"] = option("onnx", doc="An ONNX file, run by onnxruntime.")
    path: FilePath = option(doc="The ONNX file.")


class TorchvisionTeacher(NamedOutputs):
    """Classifier of torchvision with trained weights."""

    kind: Literal["torchvision"] = option("torchvision", doc="A classifier of torchvision.")
    model: Text = option(doc="Name of the model in torchvision, such as resnet18.")
    pretrained: FilePath = option(doc="Weights: a state_dict in .pt or .pth, or safetensors.")
    outputs: OutputKind = OUTPUT
    activation: Activation = ACTIVATION
    preprocessing: Preprocessing = PREPROCESSING
    oracle: Oracle | None = ORACLE

    @property
    def title(self) -> str:
        """Name of the teacher to show: the model, and the file of its weights."""
        return f"{self.model} ({_stem(self.pretrained)})"


class TimmTeacher(NamedOutputs):
    """Classifier of timm with trained weights."""

    kind: Literal["timm"] = option("timm", doc="A model of timm.")
    model: Text = option(doc="Name of the model in timm.")
    pretrained: Annotated[str | Path, NameOrPath("file")] = option(
        doc="Checkpoint (safetensors, or a state_dict in .pt), or a tag of timm, which is "
        "downloaded."
    )
    head: FilePath | None = option(
        None,
        doc="Checkpoint of a linear classifier (weight, bias) on the model's pooled features; the "
        "model's own classifier if left out.",
    )
    outputs: OutputKind = OUTPUT
    activation: Activation = ACTIVATION
    preprocessing: Preprocessing = PREPROCESSING
    oracle: Oracle | None = ORACLE

    @property
    def title(self) -> str:
        """Name of the teacher to show: the model, and the file or tag of its head or weights."""
        return f"{self.model} ({_stem(self.head or self.pretrained)})"


class Query2LabelTeacher(NamedOutputs):
    """Query2Label model (Liu et al., 2021) from a checkpoint."""

    kind: Literal["query2label"] = option(
        "query2label", doc="A checkpoint of Query2Label (Liu et al., 2021)."
    )
    path: FilePath = option(doc="The checkpoint, which defines layers and widths.")
    backbone: Text = option("resnet101", doc="Name of the backbone in timm.")
    heads: int = option(4, ge=1, doc="Number of attention heads, which is not in a checkpoint.")
    preprocessing: Preprocessing = option(
        default_factory=Preprocessing,
        doc="Steps from a photo to the input; an omitted size is the checkpoint's, other omitted "
        "steps are as for the backbone.",
    )
    oracle: Oracle | None = ORACLE

    @property
    def title(self) -> str:
        """Name of the teacher to show: Query2Label, the backbone, and the file of weights."""
        return f"Query2Label, {self.backbone} ({_stem(self.path)})"


class OpenClipTeacher(NetworkTeacher):
    """Zero-shot classifier: an image-text model with the names of the classes."""

    kind: Literal["open_clip"] = option(
        "open_clip", doc="Zero-shot classes of an image-text model."
    )
    encoder: Encoder | None = ENCODER
    prompts: Prompts = option(
        ["a photo of a {}"],
        doc="Sentences with {} for the class, or names of prompt lists; their text embeddings are "
        "averaged.",
    )
    words: dict[str, Text] = option(
        {}, doc="By class: words for the class in the sentences, in place of its name."
    )
    background: Several[Text] = option(
        [],
        doc="Sentences to compare a class with: the logit is the log-odds of the class against the "
        "mean of these sentences, by the model's scale; empty: the corpus, in the same prompts.",
    )
    bias: Annotated[ByClass[float], default_of(0.0)] = option(
        0.0, doc="Added to the logits, so that a class is present where its logit is above 0."
    )
    activation: Activation = ACTIVATION
    oracle: Oracle | None = ORACLE

    @property
    def title(self) -> str:
        """Name of the teacher to show: zero-shot, and the encoder's name."""
        return f"zero-shot, {_encoder_title(self.encoder)}"


class HeadTeacher(NetworkTeacher):
    """Linear classifiers on an encoder's features, fitted by precompute to the labels of fit."""

    kind: Literal["head"] = option(
        "head", doc="Logistic regression on an encoder's features, fitted to the labels of fit."
    )
    encoder: Encoder | None = ENCODER
    batch: int | None = option(  # type: ignore[assignment]
        None,
        ge=1,
        doc="Largest number of photos encoded at a time; if left out, the encoder's batch. With "
        "the batch of the concepts' encoder a photo is read once for segments and features.",
    )
    folds: int = option(5, ge=2, doc="Number of folds of fit; its logits are out-of-fold.")
    l2: float | None = option(
        None,
        gt=0,
        doc="Weight of the L2 penalty in the mean loss; if left out, chosen by cross-validation.",
    )
    seed: int = option(0, ge=0, doc="Seed of the folds.")
    oracle: Oracle | None = ORACLE

    @property
    def title(self) -> str:
        """Name of the teacher to show: head, and the encoder's name."""
        return f"head on {_encoder_title(self.encoder)}"


def _stem(path: Path | str | None) -> str:
    return Path(path).stem if path else ""


def _encoder_title(encoder: Encoder | None) -> str:
    return "the concepts' encoder" if encoder is None else encoder.title


class TransformersTeacher(NamedOutputs):
    """Image classifier of the package transformers."""

    kind: Literal["transformers"] = option(
        "transformers",
        doc="An image classifier of the package transformers (extra 'transformers').",
    )
    model: Annotated[str | Path, HubModel("folder")] = SAVED_MODEL
    classes: Several[Text] = option(
        [],
        doc="Class of each output, in order; empty: the model's names (id2label). Outputs of "
        "other classes are ignored, except with a softmax.",
    )
    labels: dict[str, Text] = option(
        {}, doc="By class: the model's name of the class, if that differs."
    )
    outputs: OutputKind = OUTPUT
    activation: Activation = option(
        None,
        doc="Function from logits to probabilities: sigmoid per class, or softmax over all classes "
        "of the teacher. If left out, by problem_type of a model in a folder, else sigmoid.",
    )
    oracle: Oracle | None = ORACLE

    def model_post_init(self, context: object) -> None:
        """Set an omitted activation to the activation that the model's folder states."""
        if self.activation is None and isinstance(self.model, Path):
            with suppress(OSError, ValueError):  # loading the model reports the fault
                config = json.loads(read_text(self.model / "config.json", ANNOTATION_BYTES))
                self.activation = activation_of(config) if isinstance(config, dict) else None

    @property
    def title(self) -> str:
        """Name of the teacher to show: the model's name."""
        return Path(self.model).name


class PythonTeacher(NamedOutputs):
    """Python function of the user as teacher, which runs only if the caller sets ``allowed``."""

    kind: Literal["python"] = option("python", doc="Your Python function.")
    function: FunctionName = option(
        doc="Gets a list of Pillow's RGB images, at most batch, and returns logits (photos, "
        "classes). It runs only with --allow-python."
    )
    outputs: OutputKind = OUTPUT
    activation: Activation = ACTIVATION
    #: Not a key: a spec must not allow itself to run code.
    allowed: Absent = False

    @property
    def title(self) -> str:
        """Name of the teacher to show: the function's name."""
        return function_title(self.function)


class PluginTeacher(NamedOutputs):
    """Teacher of an installed package, by the name of an entry point."""

    kind: Literal["plugin"] = option("plugin", doc="A function of an installed package.")
    name: Annotated[str, PluginName(group=TEACHERS)] = option(
        doc=f"Name of the package's function in the entry points {TEACHERS}; the function is as "
        "with kind: python."
    )
    outputs: OutputKind = OUTPUT
    activation: Activation = ACTIVATION

    @property
    def title(self) -> str:
        """Name of the teacher to show: its name in the package."""
        return self.name


def activation_of(config: dict[str, Any]) -> str | None:
    """Return the activation for the ``problem_type`` of a model's configuration, None if absent."""
    problems = {"single_label_classification": SOFTMAX, "multi_label_classification": SIGMOID}
    stated = config.get("problem_type")
    return problems.get(stated) if isinstance(stated, str) else None


#: Kinds of networks whose last linear layer can be refitted.
REFITTED = ("onnx", "torchscript", "timm", "torchvision", "transformers")


def is_refitted(teacher: Teacher | None) -> bool:
    """Return True if the last linear layer of a spec's teacher can be refitted."""
    return teacher is not None and teacher.kind in REFITTED


def is_file(teacher: Teacher) -> bool:
    """Return True if a teacher is a network in a file on this machine."""
    weights = getattr(teacher, "pretrained", None) or getattr(teacher, "path", None)
    return isinstance(teacher, NamedOutputs) and isinstance(weights, Path)
