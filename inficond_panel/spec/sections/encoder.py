"""The encoder's section, and the prompts that its text side reads."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any, ClassVar

import param
from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode

from inficond_panel.spec.framework.fields import Choice, Field, Mismatch, Reading, Whole, read_text
from inficond_panel.spec.framework.lists import Size, Words
from inficond_panel.spec.framework.paths import NameOrPath
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.yaml_source import short

HUB = "hf-hub:"
#: Lists of sentences by name, with their names in open_clip.zero_shot_metadata.
TEMPLATES = {
    "imagenet": "OPENAI_IMAGENET_TEMPLATES",
    "imagenet_simple": "SIMPLE_IMAGENET_TEMPLATES",
}
_LEAST_SIDE = 32
#: Precision without a comparison.
FLOAT32 = "float32"


class Prompts(Words):
    """Sentences with ``{}``, or names of lists of them; one name may stand without brackets."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase with the names of the lists."""
        return f"a list of texts with {{}} in each, or of {', '.join(TEMPLATES)}; or one of these"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of a list's name, or of an array of names and of texts with ``{}``."""
        item = {"anyOf": [{"type": "string", "pattern": r"\{\}"}, {"enum": list(TEMPLATES)}]}
        texts = {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}
        return {"anyOf": [{"enum": list(TEMPLATES)}, texts]}

    def read(self, node: Node, reading: Reading) -> list[str]:
        """Prompts of a scalar or a sequence, always as a list; raises as ``Words.read``."""
        if isinstance(node, ScalarNode):
            return [self._word(node, (), reading)]
        return super().read(node, reading)

    def _word(self, node: Node, earlier: Container[str], reading: Reading) -> str:
        word = read_text(node, self)
        if "{}" not in word and word not in TEMPLATES:
            raise Mismatch(node, f"{self.wrong(node)}{reading.hint(word, TEMPLATES)}")
        if word in earlier:
            raise Mismatch(node, f"{short(word)} is named twice")
        return word


class ModelName(NameOrPath):
    """A model's name, its name on the hub with ``hf-hub:`` before it, or a path."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for a name, a name on the hub, or a path."""
        return f"a name, {HUB}ORG/NAME, or the path of a {self.option('exists')}"

    def read(self, node: Node, reading: Reading) -> Any:
        """Name as text, or absolute path; ``Mismatch`` for a name on the hub without two parts."""
        text = read_text(node, self)
        if not text.startswith(HUB):
            return super().read(node, reading)
        if not is_hub_name(text):
            raise self.wrong(node)
        return text


def is_hub_name(text: str) -> bool:
    """True for ``hf-hub:ORG/NAME``."""
    parts = text.removeprefix(HUB).split("/")
    return text.startswith(HUB) and len([part for part in parts if part.strip()]) == 2


class Side(Field, param.Parameter):
    """The side of a square in pixels, or a width and a height."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase with the least side."""
        return f"a whole number >= {_LEAST_SIDE}, or [width, height] of such numbers"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of a whole number, or of an array of two."""
        side = {"type": "integer", "minimum": _LEAST_SIDE}
        sides = {"type": "array", "items": side, "minItems": 2, "maxItems": 2}
        return {"anyOf": [side, sides]}

    def read(self, node: Node, reading: Reading) -> int | tuple[int, int]:
        """Side, or (width, height), in pixels; ``Mismatch`` where one is below the least side."""
        field = (
            Size()
            if isinstance(node, SequenceNode)
            else Whole(_LEAST_SIDE, bounds=(_LEAST_SIDE, None))
        )
        try:
            value = field.read(node, reading)
        except Mismatch:
            raise self.wrong(node) from None
        if not isinstance(value, tuple):
            return int(value)
        if min(value) < _LEAST_SIDE:
            raise self.wrong(node)
        return value

    def write(self, value: int | tuple[int, int]) -> int | list[int]:
        """Side as a number, or width and height as a list."""
        return list(value) if isinstance(value, tuple) else value


class Encoder(Section):
    """The image-text model whose space the concepts live in."""

    chooser: ClassVar[str] = "kind"
    usual: ClassVar[str] = "open_clip"
    kind: Any
    model: Any

    image_size = Side(
        doc="Side that images are resized to, or width and height; the model's own if left out.",
        metadata={"unit": "pixels"},
    )
    attention = Choice(
        default=None,
        objects=["value", "plain", "clearclip", "sclip"],
        doc="Attention of a vision transformer's last block, for the embeddings of places: each "
        "token's own value (MaskCLIP), as it is, query-query (ClearCLIP) or query-query and "
        "key-key (SCLIP); if left out, value where a class token is read, else plain.",
    )
    batch = Whole(32, bounds=(1, None), doc="Images encoded at a time, at most.")
    precision = Choice(
        default=FLOAT32,
        objects=[FLOAT32, "bfloat16", "float16"],
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

    kind = Choice(default="open_clip", objects=["open_clip"], doc="A model that open_clip builds.")
    model = ModelName(
        doc="open_clip's name of the model, its name on the hub (hf-hub:ORG/NAME, downloaded), or "
        "a folder with open_clip_config.json.",
        metadata={"required": True, "exists": "folder"},
    )
    pretrained = NameOrPath(
        doc="Checkpoint file, or a tag that open_clip knows, which is downloaded; left out for a "
        "model of the hub and for a folder that holds one file of weights.",
        metadata={"exists": "file"},
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
            yield "model", f"needs pretrained, {self.param['pretrained'].expected()}"
        elif isinstance(self.model, Path) and isinstance(self.pretrained, str):
            yield "pretrained", f"of a folder is to be a file; {self.pretrained!r} is none"


class HubModel(ModelName):
    """The folder of a model, or its name on the hub with ``hf-hub:`` before it."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for a folder or a name on the hub."""
        return f"the path of a folder, or {HUB}ORG/NAME"

    def read(self, node: Node, reading: Reading) -> Any:
        """Absolute path, or the name as text; ``Mismatch`` for a name without ``hf-hub:``."""
        found = super().read(node, reading)
        if isinstance(found, str) and not found.startswith(HUB):
            raise self.wrong(node)
        return found


class TransformersEncoder(Encoder):
    """A CLIP or SigLIP of the package transformers."""

    kind = Choice(
        default="transformers",
        objects=["transformers"],
        doc="A CLIP or SigLIP of the package transformers (the extra 'transformers').",
    )
    model = HubModel(
        doc="Folder as save_pretrained writes it, with weights as safetensors; or the model's name "
        "on the hub (hf-hub:ORG/NAME), which is downloaded.",
        metadata={"required": True, "exists": "folder"},
    )
