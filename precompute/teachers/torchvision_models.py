"""Load teachers with an architecture of torchvision's classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inficond_panel.common.devices import CPU
from inficond_panel.common.installation import missing_extra
from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import TorchvisionTeacher
from inficond_panel.store.network_weights import load_strictly, read_state
from precompute.teachers.teacher import TorchTeacher, columns_of, frozen_teacher


def load_torchvision(
    section: TorchvisionTeacher, classes: Sequence[str], device: str = CPU
) -> TorchTeacher:
    """Load a torchvision classifier with weights from a file; nothing is downloaded."""
    columns = columns_of(classes, section.classes, section.softmax)
    models = models_with(section.model)
    model = models.get_model(section.model, weights=None, num_classes=columns[1])
    load_strictly(
        model,
        read_state(section.pretrained),
        section.pretrained,
        "Correct teacher.model, or teacher.classes: it needs a name per output, in order.",
    )
    return frozen_teacher(section, model, _usual(models, section.model), columns, device)


def models_with(name: str) -> Any:
    """Return the module ``torchvision.models``; ``DataError`` if it has no classifier ``name``."""
    try:
        from torchvision import models
    except ImportError as error:
        raise missing_extra("This teacher", error, "precompute") from error
    known = models.list_models(module=models)
    if name not in known:
        raise DataError(
            f"torchvision knows no classifier {name}.{near(name, known, most=3)}",
            "Choose one of torchvision.models.list_models(module=torchvision.models).",
        )
    return models


def _usual(models: Any, name: str) -> dict[str, Any]:
    """Return the preprocessing settings of torchvision's default weights for the model ``name``."""
    usual = models.get_model_weights(name).DEFAULT.transforms()
    size, shorter = usual.crop_size[0], usual.resize_size[0]
    return {
        "size": (size, size),
        "mean": tuple(usual.mean),
        "std": tuple(usual.std),
        "interpolation": usual.interpolation.value,
        "crop": size / shorter,
    }
