"""Section ``encoder``, the image-text model, and the prompts for its text encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from inficond_panel.common.plugins import ENCODERS
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import (
    Absent,
    FilePath,
    FunctionName,
    NameOrPath,
    Phrase,
    PluginName,
    Some,
    function_title,
    one_or_more,
    option,
)
from inficond_panel.spec.framework.yaml_source import Reading

HUB = "hf-hub:"
#: Names of prompt lists in a spec, and in open_clip.zero_shot_metadata.
PROMPT_TEMPLATES = {
    "imagenet": "OPENAI_IMAGENET_TEMPLATES",
    "imagenet_simple": "SIMPLE_IMAGENET_TEMPLATES",
}
_LEAST_SIDE = 32


_Sentence = Annotated[
    Literal["imagenet", "imagenet_simple"] | Annotated[str, Field(pattern=r"\{\}")],
    Phrase(f"a text with {{}} in it, {' or '.join(PROMPT_TEMPLATES)}"),
]
#: Sentences with ``{}``, or names of prompt lists; a single one needs no brackets.
Prompts = Annotated[
    _Sentence | Some[_Sentence],
    AfterValidator(one_or_more),
    Field(
        title="a list of texts with {} in each, or of "
        f"{', '.join(PROMPT_TEMPLATES)}; or one of these"
    ),
]


class ModelName(NameOrPath):
    """Type of a model: a name, a name on the Hugging Face hub (``hf-hub:ORG/NAME``), or a path."""

    @property
    def phrase(self) -> str:
        """Description of valid values for messages: a name, a name on the hub, or a path."""
        return f"a name, {HUB}ORG/NAME, or the path of a {self.exists}"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Return a name as text, a path as absolute path; ``ValueError`` for a wrong hub name."""
        if not text.startswith(HUB):
            return super().read(text, reading)
        if not is_hub_name(text):
            raise ValueError
        return text


def is_hub_name(text: str) -> bool:
    """Return True if ``text`` is a model's name on the hub, ``hf-hub:ORG/NAME``."""
    parts = text.removeprefix(HUB).split("/")
    return text.startswith(HUB) and len([part for part in parts if part.strip()]) == 2


_Side = Annotated[int, Field(ge=_LEAST_SIDE)]
#: The side of a square in pixels, or a width and a height.
Side = Annotated[
    _Side | Annotated[tuple[_Side, _Side], Field(strict=False)],
    Phrase(f"a whole number >= {_LEAST_SIDE}, or [width, height] of such numbers"),
]


class Encoder(Section):
    """Image-text model that embeds segments and concepts."""

    chooser: ClassVar[str] = "kind"
    usual: ClassVar[str] = "open_clip"
    kind: Absent = ""
    #: Size of the photos in the encoder; None: its own size.
    image_size: Absent = None
    attention: Absent = None

    batch: int = option(32, ge=1, doc="Largest number of images encoded at a time.")

    @property
    def title(self) -> str:
        """Name of the model to show."""
        raise NotImplementedError


class NetworkEncoder(Encoder):
    """Encoder that is a network of torch, by the name or the files of its model."""

    model: Absent = ""

    image_size: Side | None = option(
        None,
        doc="Size of the resized images in pixels, for a square its side; if left out, the model's "
        "input size.",
    )
    attention: Literal["value", "plain", "clearclip", "sclip"] | None = option(
        None,
        doc="Attention of a vision transformer's last block for patch embeddings: value only "
        "(MaskCLIP), unchanged, query-query (ClearCLIP), or query-query and key-key (SCLIP); if "
        "left out, value for models with a class token, else plain.",
    )

    @property
    def title(self) -> str:
        """Name of the model to show."""
        return Path(self.model).name


class OpenClipEncoder(NetworkEncoder):
    """Model of the package open_clip."""

    kind: Literal["open_clip"] = option("open_clip", doc="A model of the package open_clip.")
    model: Annotated[str | Path, ModelName("folder")] = option(
        doc="Model of open_clip or of the hub (downloaded), or a folder with open_clip_config.json."
    )
    pretrained: Annotated[str | Path, NameOrPath("file")] | None = option(
        None,
        doc="Checkpoint, or a tag of open_clip, which is downloaded; left out for a model of the "
        "hub, and for a folder with one file of weights.",
    )

    @property
    def title(self) -> str:
        """Name to show: the model, and the file or tag of the weights."""
        weights = f" ({Path(self.pretrained).stem})" if self.pretrained else ""
        return f"{super().title}{weights}"

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) if ``pretrained`` does not fit the kind of ``model``."""
        if isinstance(self.model, str) and self.model.startswith(HUB):
            if self.pretrained is not None:
                yield "pretrained", f"is not used with {self.model}; the hub has the weights"
        elif isinstance(self.model, str) and self.pretrained is None:
            yield "model", f"needs pretrained, {self.fields()['pretrained'].expected}"
        elif isinstance(self.model, Path) and isinstance(self.pretrained, str):
            yield "pretrained", f"must be a file for a model's folder, got {self.pretrained!r}"


class HubModel(ModelName):
    """Type of a model: its folder, or its name on the Hugging Face hub (``hf-hub:ORG/NAME``)."""

    @property
    def phrase(self) -> str:
        """Description of valid values for messages: a folder or a name on the hub."""
        return f"the path of a folder, or {HUB}ORG/NAME"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Return a folder as absolute path, a hub name as text; else ``ValueError``."""
        model = super().read(text, reading)
        if isinstance(model, str) and not model.startswith(HUB):
            raise ValueError
        return model


SAVED_MODEL = option(
    doc="Folder written by save_pretrained, with weights as safetensors; or a model of the hub, "
    "which is downloaded."
)


class TransformersEncoder(NetworkEncoder):
    """CLIP or SigLIP model of the package transformers."""

    kind: Literal["transformers"] = option(
        "transformers",
        doc="A CLIP or SigLIP model of the package transformers (extra 'transformers').",
    )
    model: Annotated[str | Path, HubModel("folder")] = SAVED_MODEL


class _FunctionEncoder(Encoder):
    weights: FilePath | None = option(
        None,
        doc="Argument of the function: a file, such as weights, whose content counts as part of "
        "the encoder; if left out, the function has no argument.",
    )


class PythonEncoder(_FunctionEncoder):
    """Python function of the user that makes an encoder; it runs only if the caller sets
    ``allowed``."""

    kind: Literal["python"] = option("python", doc="Your Python function.")
    function: FunctionName = option(
        doc="Returns an object with size, embed_places and embed_text. It runs only with "
        "--allow-python."
    )
    #: Not a key: a spec must not allow itself to run code.
    allowed: Absent = False

    @property
    def title(self) -> str:
        """Name of the encoder to show: the function's name."""
        return function_title(self.function)


class PluginEncoder(_FunctionEncoder):
    """Encoder of an installed package, by the name of an entry point."""

    kind: Literal["plugin"] = option("plugin", doc="An encoder of an installed package.")
    name: Annotated[str, PluginName(group=ENCODERS)] = option(
        doc=f"Name of the package's function in the entry points {ENCODERS}."
    )

    @property
    def title(self) -> str:
        """Name of the encoder to show: its name in the package."""
        return self.name
