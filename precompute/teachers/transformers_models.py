"""Load teachers of the package transformers, and zero-shot teachers from image-text models.

A zero-shot logit is the log-odds of the class's sentence against background sentences
(``background``, by default the words of the corpus in the same prompts), with the model's scale s:
``s cos(image, class) - log mean_j exp(s cos(image, background_j)) + bias``. A class is present if
it has more than an even share of the softmax over the background.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.common.names import by_key, equal_names, name_key
from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError
from inficond_panel.spec.framework.types import value_of
from inficond_panel.spec.sections.teacher import OpenClipTeacher, TransformersTeacher, activation_of
from inficond_panel.vocabulary.tasks import SOFTMAX
from precompute.encoder import Encoder
from precompute.encoder.hub import (
    fetch_model,
    folder_of,
    load_pretrained,
    loading,
    model_config,
    model_files,
)
from precompute.teachers.tables import near_in_list
from precompute.teachers.teacher import TorchTeacher, columns_of, section_with


def of_transformers(section: TransformersTeacher, classes: Sequence[str]) -> Any:
    """Return the teacher's section, with ``classes`` set to the model's output names.

    Output names in ``teacher.labels`` are replaced by the data set's classes. The section is
    returned unchanged if the model on the hub was never downloaded. Raises ``DataError`` for a
    model without names of outputs or without an output for one of ``classes``, for unknown
    ``labels``, and for a single-label model if the spec sets no ``activation``.
    """
    config = model_config(section.model)
    if config is None:
        return section
    names = _renamed(list(section.classes) or own_names(section.title, config), section.labels)
    lost = [f"{name!r}{near_in_list(name, names)}" for name in classes if name not in names]
    if lost:
        raise DataError(
            f"{section.title} has no output for {', '.join(lost)}.",
            "Set the model's name of the class (id2label in config.json) in teacher.labels.",
        )
    if section.activation is None and activation_of(config) == SOFTMAX:
        raise DataError(
            f"{section.title} was trained for one class per image (problem_type "
            "single_label_classification), but the spec sets no teacher.activation.",
            "Set teacher.activation: softmax with dataset.task: single_label, or sigmoid.",
        )
    return section_with(section, classes=names, labels={})


def load_transformers(
    section: TransformersTeacher, classes: Sequence[str], device: str = CPU
) -> TorchTeacher:
    """Load an image classifier of transformers as a teacher; outputs are matched by name."""
    files = model_files(fetch_model(section.model))
    with loading(section.model) as transformers, folder_of(files) as folder:
        names = of_transformers(section, classes).classes
        columns, outputs = columns_of(classes, names, section.softmax)
        hardware = torch_device(device)
        model = load_pretrained(
            transformers.AutoModelForImageClassification, folder, section.model
        ).to(hardware)
        processor = transformers.AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        preprocessing = Processor(processor)
        preprocessing.check()
    return TorchTeacher(
        lambda pixels: model(pixel_values=pixels).logits,
        preprocessing,
        columns,
        outputs,
        section.outputs == "probabilities",
        section.softmax,
        device=hardware,
        whole=model,
    )


@dataclass(frozen=True)
class Processor:
    """Preprocessing by the processor of transformers that comes with a model."""

    processor: Any

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Return the network's input of an RGB image: ``(3, height, width)`` float32."""
        pixels = self.processor(images=image, return_tensors="np")["pixel_values"]
        return np.asarray(pixels[0], dtype=np.float32)

    def plain(self) -> dict[str, Any]:
        """Return the processor's settings as JSON."""
        return dict(json.loads(self.processor.to_json_string()))

    def check(self) -> None:
        """Raise ``DataError`` if the shape of the network's input depends on the photo's shape."""
        shapes = [self.prepare(Image.new("RGB", size)).shape for size in ((64, 48), (48, 64))]
        if shapes[0] != shapes[1] or len(shapes[0]) != 3:
            raise DataError(
                f"The model's processor gives {shapes[0]} for a wide photo and {shapes[1]} for a "
                "high photo; expected one shape (3, height, width).",
                "Set size to height and width, or do_center_crop, in preprocessor_config.json.",
            )


def own_names(model: str, config: Mapping[str, Any]) -> list[str]:
    """Return a model's output names (``id2label``); ``DataError`` if missing or repeated."""
    label_of = config.get("id2label")
    names = []
    if isinstance(label_of, dict):
        names = [label_of.get(str(number)) for number in range(len(label_of))]
    texts = [str(name) for name in names if name is not None]
    if not texts or len(texts) < len(names) or equal_names(texts):
        raise DataError(
            f"{model} does not name its outputs uniquely (id2label in config.json).",
            "Name the class of each output, in order: teacher.classes.",
        )
    return texts


def _renamed(names: list[str], labels: Mapping[str, str]) -> list[str]:
    """Return the output names; names in ``labels`` are replaced by the data set's classes."""
    class_of: dict[str, str] = {}
    outputs = by_key(names)
    for class_name, label in labels.items():
        output, same = outputs.get(name_key(label)), outputs.get(name_key(class_name))
        if output is None:
            raise DataError(
                f"teacher.labels sets {class_name!r} to {label!r}, which is not an output of "
                f"the model{near_in_list(label, names)}.",
                "Correct the name in teacher.labels.",
            )
        if same not in (None, output):
            raise DataError(
                f"teacher.labels sets {class_name!r} to {label!r}, but the model also has an "
                f"output {class_name!r}.",
                f"Remove {class_name!r} from teacher.labels, or rename the data set's class.",
            )
        class_of[output] = class_name
    return [class_of.get(name, name) for name in names]


def load_zero_shot(
    section: OpenClipTeacher, classes: Sequence[str], encoder: Encoder, concepts: Sequence[str]
) -> TorchTeacher:
    """Return an image-text model as a zero-shot teacher, with one logit per class. The names of
    the ``concepts`` make the background, if the section has no ``background``."""
    _check_names(section, classes)
    word_of = {name_key(name): word for name, word in section.words.items()}
    names = [word_of.get(name_key(name), name) for name in classes]
    prompts = list(section.prompts)
    text = encoder.embed_concepts(names, prompts)
    if section.background:
        background = encoder.embed_text(list(section.background))
    else:
        background = encoder.embed_concepts(list(concepts), prompts)
    offsets = [value_of(section.bias, name) for name in classes]
    network = _network(encoder.model, text, background, np.array(offsets, np.float32))
    columns = tuple(range(len(classes)))
    return TorchTeacher(
        network, encoder.squash, columns, len(classes), softmax=section.softmax,
        device=encoder.device,
    )  # fmt: skip


def _network(model: Any, text: np.ndarray, background: np.ndarray, bias: np.ndarray) -> Any:
    import torch

    model.requires_grad_(False)
    scale = model.logit_scale.exp()
    to_text, to_background, offset = (
        torch.from_numpy(v).to(scale.device) for v in (text, background, bias)
    )

    def logits(pixels: Any) -> Any:
        image = model.encode_image(pixels, normalize=True)
        none = torch.logsumexp(scale * image @ to_background.T, 1) - np.log(len(background))
        return scale * image @ to_text.T - none[:, None] + offset

    return logits


def _check_names(section: OpenClipTeacher, classes: Sequence[str]) -> None:
    biased = {*section.bias} - {"default"} if isinstance(section.bias, dict) else set[str]()
    known = by_key(classes)
    for key, names in (("words", section.words), ("bias", biased)):
        unknown = sorted(name for name in names if name_key(name) not in known)
        if unknown:
            raise DataError(
                f"teacher.{key} names {unknown[0]!r}, which is not a class of the data set."
                f"{near(unknown[0], classes)}",
                f"Correct the name in teacher.{key}.",
            )
