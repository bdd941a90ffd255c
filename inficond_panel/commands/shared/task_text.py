"""The task of a data set and the teacher's activation, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TASKS = {"multi_label": "any number of classes an image", "single_label": "one class an image"}


def task_text(document: Mapping[str, Any]) -> str:
    """Task, activation, and the number of the teacher's other classes, of a store's document."""
    others = len(document["other_classes"])
    over = f" over {len(document['classes']) + others} classes" if others else ""
    return (
        f"{document['task']} ({_TASKS[document['task']]}); the teacher ends in a "
        f"{document['activation']}{over}"
    )
