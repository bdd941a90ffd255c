"""Teachers of the section ``teacher`` that another package, or code of yours, makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from inficond_panel.common.reading import ANNOTATION_BYTES, read_text
from inficond_panel.spec.framework.types import (
    Absent,
    FunctionName,
    Several,
    Text,
    function_title,
    option,
)
from inficond_panel.spec.sections.encoder import HubModel
from inficond_panel.spec.sections.teacher import (
    ACTIVATION,
    ORACLE,
    OUTPUT,
    Activation,
    NamedOutputs,
    Oracle,
    Outputs,
)
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX


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
