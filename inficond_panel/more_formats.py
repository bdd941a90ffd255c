"""Formats of an export that need more than its students: their makers, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inficond_panel.export import Addition, Exported
from inficond_panel.pixel_export import pixel_export, python_export
from inficond_panel.tuning import Tuner

Maker = Callable[[Exported], Addition]


def split_formats(
    tuner: Tuner,
    names: Sequence[str],
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[list[str], dict[str, Maker]]:
    """Names of the students' own formats, and makers of the others, for ``export``."""
    makers: dict[str, Callable[[], Maker]] = {
        "onnx-pixels": lambda: pixel_export(tuner, progress),
        "python-pixels": lambda: python_export(tuner, progress),
    }
    own = [name for name in names if name not in makers]
    return own, {name: makers[name]() for name in dict.fromkeys(names) if name in makers}
