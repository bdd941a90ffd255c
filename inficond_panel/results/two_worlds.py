"""Frame of an iteration's figures in two worlds: in photos like these, and without a correlation.

The caller need not count looks: the figures are of the tuning images alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from inficond_panel.common.interval import columns_of
from inficond_panel.errors import TuningError
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import facts_of
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.tuning.two_worlds import ClassWorlds, worlds_of
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.wording.two_worlds import class_sentences, few_text

#: Headings of the displayed columns.
HEADINGS = {
    **plain_headings("class", "world", "metric", "before", "after"),
    "change": Heading("change", sign=True),
    "reason": Heading(""),
}


def two_worlds(
    tuner: Tuner,
    node: Node,
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return a frame of figures before and after an iteration, per class with thumbs and world.

    ``node`` may be a preview. Each class has a row per world and metric. The worlds are ``these``,
    as in the tuning images, and ``independent``, without the correlation with the ``concepts``;
    the latter is left out without any, as where only the class's own word is raised. ``change`` has
    the limits of a paired bootstrap, ``reason`` says why a figure is missing, ``by_teacher``
    whether the teacher's decisions replace labels, ``meant`` whether a person means this world. The
    notes are a sentence per class and world.
    Raises ``TuningError`` for the original students and for an unknown class.
    """
    if node.parent is None:
        raise TuningError(
            f"#{node.number} are the original students, which no thumb has changed.",
            "Name an iteration that tunes a class.",
        )
    noise = tuner.spec.views.noise(draws, seed)
    chosen = chosen_classes(classes, tuner.store.classes)
    measured = [worlds_of(tuner, node, name, noise) for name in node.with_thumbs if name in chosen]
    frame = worlds_frame(measured, noise["level"])
    frame.attrs["title"] = f"two worlds, {node_title(tuner, node)}"
    frame.attrs["facts"] |= facts_of(tuner, node, TUNE, noise)
    return frame


def worlds_frame(measured: Sequence[ClassWorlds], level: float) -> pd.DataFrame:
    """Return a frame of figures in both worlds (``two_worlds``), with intervals of this level."""
    return make_frame(
        (row for worlds in measured for row in world_rows(worlds)),
        ["class", "world", "metric"],
        HEADINGS,
        title="two worlds",
        notes=[text for worlds in measured for text in class_sentences(worlds)],
        level=level,
    )


def world_rows(worlds: ClassWorlds) -> Iterator[dict[str, Any]]:
    """Yield the rows of one class, one per world and metric."""
    known = {"concepts": list(worlds.concepts), "by_teacher": worlds.by_teacher}
    for figure in worlds.figures:
        sides = {"before": figure.before, "after": figure.after, "change": figure.change}
        yield {
            "class": worlds.class_name,
            "world": figure.world,
            "metric": figure.metric,
            **columns_of(sides),
            "images": figure.images,
            **known,
            "meant": worlds.meant == figure.world,
            "reason": few_text(worlds, [figure]) if figure.few else "",
        }
