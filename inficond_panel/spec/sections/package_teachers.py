"""Teachers of the section ``teacher`` that another package, or code of yours, makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inficond_panel.common.reading import ANNOTATION_BYTES, read_text
from inficond_panel.spec.framework.by_name import Texts
from inficond_panel.spec.framework.fields import Choice
from inficond_panel.spec.framework.lists import Words
from inficond_panel.spec.framework.paths import FunctionName, function_title
from inficond_panel.spec.sections.encoder import HubModel
from inficond_panel.spec.sections.teacher import (
    NamedOutputs,
    activation_field,
    oracle_field,
    outputs_field,
)
from inficond_panel.vocabulary.tasks import ACTIVATIONS, SIGMOID, SOFTMAX

_REQUIRED = {"required": True}


class TransformersTeacher(NamedOutputs):
    """A classifier of images of the package transformers."""

    kind = Choice(
        default="transformers",
        objects=["transformers"],
        doc="A classifier of images of the package transformers (the extra 'transformers'), with "
        "its own preprocessing.",
    )
    model = HubModel(
        doc="Folder as save_pretrained writes it, with weights as safetensors; or the model's name "
        "on the hub (hf-hub:ORG/NAME), which is downloaded.",
        metadata={"required": True, "exists": "folder"},
    )
    classes = Words(
        [],
        doc="Class of each output of the model, in order; empty: as the model calls them "
        "(id2label). Outputs of other classes are left aside, but for a softmax.",
    )
    labels = Texts({}, doc="What the model calls a class, where it is not the class's name.")
    activation = Choice(
        default=None,
        objects=list(ACTIVATIONS),
        allow_None=True,
        doc="What turns its logits into probabilities: sigmoid, each class by itself, or softmax "
        "over all of the teacher's classes. If left out, what a model in a folder states "
        "(problem_type), else sigmoid.",
    )
    oracle = oracle_field()

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        if self.activation is None and isinstance(self.model, Path):
            self.activation = stated_activation(self.model)

    @property
    def title(self) -> str:
        """Name for people: the model's."""
        return Path(self.model).name


class PythonTeacher(NamedOutputs):
    """A function of yours. It runs only where the caller allows it: ``allowed``."""

    kind = Choice(default="python", objects=["python"], doc="A Python function of yours.")
    function = FunctionName(
        doc="Gets a list of RGB images of Pillow, at most batch, and returns logits (photos, "
        "classes). It runs only with --allow-python.",
        metadata=_REQUIRED,
    )
    outputs = outputs_field()
    activation = activation_field()
    #: Not a key: a spec must not allow itself to run code.
    allowed = False

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
