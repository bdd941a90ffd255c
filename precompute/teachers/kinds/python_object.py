"""Teacher that is a Python function: it gets photos and returns logits, where that is allowed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.teacher_outputs import outputs_of
from inficond_panel.errors import DataError
from inficond_panel.spec.framework.types import function_title
from inficond_panel.spec.sections.teacher import PythonTeacher
from precompute.datasets.python_function import load_function
from precompute.teachers.tables import from_probabilities
from precompute.teachers.teacher import check_outputs, columns_of


@dataclass(frozen=True)
class AsItIs:
    """No preprocessing: the function gets the photos themselves."""

    def prepare(self, image: Image.Image) -> Image.Image:
        """The RGB photo."""
        return image

    def plain(self) -> dict[str, Any]:
        """Nothing was done."""
        return {}


@dataclass(frozen=True)
class FunctionTeacher:
    """A function from a list of RGB photos to outputs (n, K); it is called by one thread at a time,
    since it need not stand several."""

    function: Callable[[list[Image.Image]], Any]
    name: str
    columns: tuple[int, ...]
    outputs: int
    probabilities: bool
    softmax: bool
    preprocessing: AsItIs = AsItIs()
    differentiable: bool = False
    lock: Any = field(default_factory=threading.Lock, compare=False)

    def logits(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Logits ``(B, K)`` float32; raises ``DataError`` for what the function does wrong."""
        try:
            with self.lock:
                found = self.function(list(images))
        except (Exception, SystemExit) as error:  # whatever a function of somebody's raises
            raise DataError(
                f"{self.name} fails on {len(images)} photos: {type(error).__name__}: {error}",
                "It gets a list of RGB images of Pillow, and returns logits (photos, classes).",
            ) from error
        values = check_outputs(outputs_of(found, self.name), self.outputs)
        if len(values) != len(images):
            raise DataError(
                f"{self.name} gives {len(values)} rows for {len(images)} photos.",
                "Return a row for each photo, in their order.",
            )
        chosen = values[:, list(self.columns)]
        return from_probabilities(chosen, self.softmax) if self.probabilities else chosen


def load_python(section: PythonTeacher, classes: Sequence[str], _: str) -> FunctionTeacher:
    """The function that a spec's section names; raises ``DataError`` where it is not allowed, not
    there, or no function. Where it computes is its own business."""
    function, name = load_function(section), function_title(section.function)
    columns, outputs = columns_of(classes, section.classes, section.softmax)
    probabilities = section.outputs == "probabilities"
    return FunctionTeacher(function, name, columns, outputs, probabilities, section.softmax)
