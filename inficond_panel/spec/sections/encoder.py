"""The encoder's section, and the prompts that its text side reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import (
    Absent,
    NameOrPath,
    Phrase,
    Some,
    one_or_more,
    option,
)
from inficond_panel.spec.framework.yaml_source import Reading

HUB = "hf-hub:"
#: Lists of sentences by name, with their names in open_clip.zero_shot_metadata.
TEMPLATES = {
    "imagenet": "OPENAI_IMAGENET_TEMPLATES",
    "imagenet_simple": "SIMPLE_IMAGENET_TEMPLATES",
}
_LEAST_SIDE = 32
#: Precision without a comparison.
FLOAT32 = "float32"


_Sentence = Annotated[
    Literal["imagenet", "imagenet_simple"] | Annotated[str, Field(pattern=r"\{\}")],
    Phrase(f"a text with {{}} in it, {' or '.join(TEMPLATES)}"),
]
#: Sentences with ``{}``, or names of lists of them; one may stand without brackets.
Prompts = Annotated[
    _Sentence | Some[_Sentence],
    AfterValidator(one_or_more),
    Field(
        title=f"a list of texts with {{}} in each, or of {', '.join(TEMPLATES)}; or one of these"
    ),
]


class ModelName(NameOrPath):
    """A model's name, its name on the hub with ``hf-hub:`` before it, or a path."""

    @property
    def phrase(self) -> str:
        """Phrase for a name, a name on the hub, or a path."""
        return f"a name, {HUB}ORG/NAME, or the path of a {self.exists}"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Name as text, or absolute path; ``ValueError`` for half a name on the hub."""
        if not text.startswith(HUB):
            return super().read(text, reading)
        if not is_hub_name(text):
            raise ValueError
        return text


def is_hub_name(text: str) -> bool:
    """True for ``hf-hub:ORG/NAME``."""
    parts = text.removeprefix(HUB).split("/")
    return text.startswith(HUB) and len([part for part in parts if part.strip()]) == 2


_Side = Annotated[int, Field(ge=_LEAST_SIDE)]
#: The side of a square in pixels, or a width and a height.
Side = Annotated[
    _Side | Annotated[tuple[_Side, _Side], Field(strict=False)],
    Phrase(f"a whole number >= {_LEAST_SIDE}, or [width, height] of such numbers"),
]


class Encoder(Section):
    """The image-text model whose space the concepts live in."""

    chooser: ClassVar[str] = "kind"
    usual: ClassVar[str] = "open_clip"
    kind: Absent = ""
    model: Absent = ""

    image_size: Side | None = option(
        None,
        doc="Side in pixels that images are resized to, or width and height; the model's own if "
        "left out.",
    )
    attention: Literal["value", "plain", "clearclip", "sclip"] | None = option(
        None,
        doc="Attention of a vision transformer's last block, for the embeddings of places: each "
        "token's own value (MaskCLIP), as it is, query-query (ClearCLIP) or query-query and "
        "key-key (SCLIP); if left out, value where a class token is read, else plain.",
    )
    batch: int = option(32, ge=1, doc="Images encoded at a time, at most.")
    precision: Literal["float32", "bfloat16", "float16"] = option(
        FLOAT32,
        doc="Precision of the products of the image tower, for the embeddings of places. Where it "
        "is not float32, the first batch is compared with float32's, and refused where it lies too "
        "far off.",
    )

    @property
    def title(self) -> str:
        """Name for people."""
        return Path(self.model).name


class OpenClipEncoder(Encoder):
    """A model that open_clip builds."""

    kind: Literal["open_clip"] = option("open_clip", doc="A model that open_clip builds.")
    model: Annotated[str | Path, ModelName("folder")] = option(
        doc="open_clip's name of the model, its name on the hub (hf-hub:ORG/NAME, downloaded), or "
        "a folder with open_clip_config.json."
    )
    pretrained: Annotated[str | Path, NameOrPath("file")] | None = option(
        None,
        doc="Checkpoint file, or a tag that open_clip knows, which is downloaded; left out for a "
        "model of the hub and for a folder that holds one file of weights.",
    )

    @property
    def title(self) -> str:
        """Name for people: the model, and the file or tag of its weights."""
        weights = f" ({Path(self.pretrained).stem})" if self.pretrained else ""
        return f"{super().title}{weights}"

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) where ``pretrained`` does not fit the kind of ``model``."""
        if isinstance(self.model, str) and self.model.startswith(HUB):
            if self.pretrained is not None:
                yield "pretrained", f"is not used with {self.model}; the hub holds its weights"
        elif isinstance(self.model, str) and self.pretrained is None:
            yield "model", f"needs pretrained, {self.fields()['pretrained'].expected}"
        elif isinstance(self.model, Path) and isinstance(self.pretrained, str):
            yield "pretrained", f"of a folder is to be a file; {self.pretrained!r} is none"


class HubModel(ModelName):
    """The folder of a model, or its name on the hub with ``hf-hub:`` before it."""

    @property
    def phrase(self) -> str:
        """Phrase for a folder or a name on the hub."""
        return f"the path of a folder, or {HUB}ORG/NAME"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Absolute path, or the name as text; ``ValueError`` for a name without ``hf-hub:``."""
        model = super().read(text, reading)
        if isinstance(model, str) and not model.startswith(HUB):
            raise ValueError
        return model


class TransformersEncoder(Encoder):
    """A CLIP or SigLIP of the package transformers."""

    kind: Literal["transformers"] = option(
        "transformers",
        doc="A CLIP or SigLIP of the package transformers (the extra 'transformers').",
    )
    model: Annotated[str | Path, HubModel("folder")] = option(
        doc="Folder as save_pretrained writes it, with weights as safetensors; or the model's name "
        "on the hub (hf-hub:ORG/NAME), which is downloaded."
    )
