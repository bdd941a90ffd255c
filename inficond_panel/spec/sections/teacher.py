"""The section ``teacher``: what the students learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from inficond_panel.spec.framework.by_name import ByClass, Texts
from inficond_panel.spec.framework.fields import Choice, Number, Text, Whole
from inficond_panel.spec.framework.lists import Channels, Size, Words
from inficond_panel.spec.framework.paths import FilePath, NameOrPath
from inficond_panel.spec.framework.section import Nested, Section
from inficond_panel.spec.sections.encoder import Encoder, Prompts
from inficond_panel.vocabulary.tasks import ACTIVATIONS, AS_GIVEN, OUTPUTS, SIGMOID, SOFTMAX

_REQUIRED = {"required": True}
_FILTERS = ["nearest", "bilinear", "bicubic", "lanczos"]
_SIZE = "Width and height of the network's input."
_CROP = (
    "Share of the resized photo's shorter side that is kept, from its middle; 0: the whole photo, "
    "squashed to size."
)


class Preprocessing(Section):
    """Steps from a photo to the network's input; a step left out is the model's own."""

    size = Size(None, length=2, doc=_SIZE, metadata={"unit": "pixels"})
    mean = Channels(None, doc="Mean of red, green and blue that is subtracted; levels are 0 to 1.")
    std = Channels(None, doc="What red, green and blue are divided by.", metadata={"above": 0})
    interpolation = Choice(default=None, objects=_FILTERS, doc="Filter of the resizing.")
    crop = Number(None, bounds=(0, 1), doc=_CROP)


class FullPreprocessing(Section):
    """The same for a file that says nothing of it."""

    size = Size(None, length=2, doc=_SIZE, metadata={"unit": "pixels", "required": True})
    mean = Channels(
        None,
        doc="Mean of red, green and blue that is subtracted; levels are 0 to 1.",
        metadata=_REQUIRED,
    )
    std = Channels(
        None,
        doc="What red, green and blue are divided by.",
        metadata={"above": 0, "required": True},
    )
    interpolation = Choice(default="bilinear", objects=_FILTERS, doc="Filter of the resizing.")
    crop = Number(0.0, bounds=(0, 1), doc=_CROP)


class Oracle(Section):
    """Logits on inputs that were reinforced with the help of the labels (Lee et al., 2023)."""

    gamma = Number(
        0.5,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Strength of the step: x* = x - gamma |x| dL/dx, L the loss of the one image.",
    )


class Teacher(Section):
    """The model that the students are distilled from."""

    chooser: ClassVar[str] = "kind"
    usual: ClassVar[str] = "logits"
    kind: Any
    #: What its outputs become probabilities by; those without a key of it judge each class alone.
    activation: Any = SIGMOID
    #: What its outputs are; None: logits, which must not look like something else.
    outputs: Any = None
    #: "as_given" where labels that speak for another order of its outputs are overruled.
    order: Any = None

    @property
    def title(self) -> str:
        """Name of the teacher, for people."""
        raise NotImplementedError

    @property
    def softmax(self) -> bool:
        """True if it gives one distribution over all of its classes."""
        return bool(self.activation == SOFTMAX)


def activation_field() -> Choice:
    """The field ``activation``."""
    return Choice(
        default=None,
        objects=list(ACTIVATIONS),
        allow_None=True,
        doc="What turns its logits into probabilities: sigmoid (if left out), each class by "
        "itself, or softmax over all of the teacher's classes, also those that the data set "
        "lacks. To be said with task: single_label.",
    )


def outputs_field() -> Choice:
    """The field ``outputs``."""
    return Choice(
        default=None,
        objects=list(OUTPUTS),
        allow_None=True,
        doc="What its outputs are; probabilities are turned into logits. If left out: logits, and "
        "what looks like probabilities or labels is an error.",
    )


def order_field() -> Choice:
    """The field ``order``."""
    return Choice(
        default=None,
        objects=[AS_GIVEN],
        allow_None=True,
        doc="as_given: the names of its outputs are right, although the labels of fit and tune "
        "speak for another order. If left out, that is an error.",
    )


class LogitsTeacher(Teacher):
    """A teacher known by its logits."""

    kind = Choice(default="logits", objects=["logits"], doc="A table of the teacher's logits.")
    path = FilePath(
        doc="CSV or Parquet: image_id and a column of logits per class; or npz: arrays image_id, "
        "class_name and logit.",
        metadata={"required": True, "exists": "file"},
    )
    outputs = outputs_field()
    activation = activation_field()
    order = order_field()

    @property
    def title(self) -> str:
        """Name for people: the file's name without suffix."""
        return _stem(self.path)


class NetworkTeacher(Teacher):
    """A model that is run on the photos."""

    oracle: Any = None

    batch = Whole(16, bounds=(1, None), doc="Photos that go through the model at a time, at most.")


class NamedOutputs(NetworkTeacher):
    """A model whose outputs have names."""

    classes = Words(
        [],
        doc="Class of each output of the model, in order; empty: as the file names them, and where "
        "it names none those of the data set, in its order. Outputs of other classes are left "
        "aside, but for a softmax.",
    )
    outputs = outputs_field()
    order = order_field()


def oracle_field() -> Nested:
    """The key ``oracle`` of a teacher with gradients."""
    return Nested(
        Oracle,
        default=None,
        doc="Oracle logits beside the teacher's, on fit only; none if left out.",
    )


class _FileTeacher(NamedOutputs):
    path: Any
    activation = activation_field()
    preprocessing = Nested(
        FullPreprocessing, doc="How a photo becomes the input.", metadata=_REQUIRED
    )

    @property
    def title(self) -> str:
        return _stem(self.path)


class TorchScriptTeacher(_FileTeacher):
    """A TorchScript file."""

    kind = Choice(default="torchscript", objects=["torchscript"], doc="A TorchScript file.")
    path = FilePath(
        doc="File written by torch.jit.save.", metadata={"required": True, "exists": "file"}
    )
    oracle = oracle_field()


class OnnxTeacher(_FileTeacher):
    """An ONNX file, run by onnxruntime."""

    kind = Choice(default="onnx", objects=["onnx"], doc="An ONNX file; it has no gradients.")
    path = FilePath(doc="The file.", metadata={"required": True, "exists": "file"})


class TimmTeacher(NamedOutputs):
    """A model of timm with trained weights."""

    kind = Choice(default="timm", objects=["timm"], doc="A model of timm.")
    model = Text(None, doc="timm's name of the model.", metadata=_REQUIRED)
    pretrained = NameOrPath(
        doc="Checkpoint (safetensors, or a state_dict in .pt), or a tag that timm knows, which is "
        "downloaded.",
        metadata={"required": True, "exists": "file"},
    )
    head = FilePath(
        doc="Checkpoint of a linear classifier (weight, bias) on the model's pooled features; the "
        "model's own classifier if left out.",
        metadata={"exists": "file"},
    )
    activation = activation_field()
    preprocessing = Nested(
        Preprocessing, default_factory=Preprocessing, doc="How a photo becomes the input."
    )
    oracle = oracle_field()

    @property
    def title(self) -> str:
        """Name for people: the model, and the file or tag of its head or weights."""
        return f"{self.model} ({_stem(self.head or self.pretrained)})"


class Query2LabelTeacher(NamedOutputs):
    """A checkpoint of Query2Label (Liu et al., 2021)."""

    kind = Choice(
        default="query2label", objects=["query2label"], doc="A checkpoint of Query2Label."
    )
    path = FilePath(
        doc="The checkpoint; layers and widths are read from it.",
        metadata={"required": True, "exists": "file"},
    )
    backbone = Text("resnet101", doc="timm's name of the backbone.")
    heads = Whole(4, bounds=(1, None), doc="Attention heads, which no checkpoint tells.")
    preprocessing = Nested(
        Preprocessing,
        default_factory=Preprocessing,
        doc="How a photo becomes the input; the size is the checkpoint's, the rest the backbone's.",
    )
    oracle = oracle_field()

    @property
    def title(self) -> str:
        """Name for people: Query2Label, its backbone, and the file of weights."""
        return f"Query2Label, {self.backbone} ({_stem(self.path)})"


class OpenClipTeacher(NetworkTeacher):
    """An image-text model that is told the classes' names."""

    kind = Choice(
        default="open_clip", objects=["open_clip"], doc="Zero-shot classes of an image-text model."
    )
    encoder = Nested(
        Encoder,
        default=None,
        doc="The image-text model; that of the concepts, at its own image size, if left out.",
    )
    prompts = Prompts(
        ["a photo of a {}"],
        doc="Sentences that a class is put into, or names of lists of them; their embeddings are "
        "averaged.",
    )
    words = Texts({}, doc="What a class is called in the sentences, where its name will not do.")
    background = Words(
        [],
        doc="Sentences that a class is weighed against: the logit is the log-odds of the class "
        "against their mean, by the model's scale; empty: the corpus, in the same prompts.",
    )
    bias = ByClass(
        0.0, bounds=(None, None), doc="Added to the logits: what puts 0 where you decide."
    )
    activation = activation_field()
    oracle = oracle_field()

    @property
    def title(self) -> str:
        """Name for people: zero-shot, and the encoder's name."""
        return f"zero-shot, {_encoder_title(self.encoder)}"


class HeadTeacher(NetworkTeacher):
    """A linear classifier that is fitted here, on the labels of fit, to an encoder's features."""

    kind = Choice(default="head", objects=["head"], doc="Logistic heads on an encoder's features.")
    encoder = Nested(
        Encoder,
        default=None,
        doc="The image-text model; that of the concepts, at its own image size, if left out.",
    )
    batch = Whole(
        None,
        bounds=(1, None),
        doc="Photos encoded at a time, at most; if left out, that of the encoder's own batch. With "
        "the batch of the concepts' encoder a photo is read once for segments and features.",
    )
    folds = Whole(5, bounds=(2, None), doc="Parts of fit; each gets its logits from the others.")
    l2 = Number(
        None,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Weight of the L2 penalty beside the mean loss; chosen by the folds if left out.",
    )
    seed = Whole(0, bounds=(0, None), doc="Seed of the division into folds.")
    oracle = oracle_field()

    @property
    def title(self) -> str:
        """Name for people: head, and the encoder's name."""
        return f"head on {_encoder_title(self.encoder)}"


def _stem(path: Path | str | None) -> str:
    return Path(path).stem if path else ""


def _encoder_title(encoder: Encoder | None) -> str:
    return "the concepts' encoder" if encoder is None else encoder.title
