"""Filters of a list of concepts: too long, too like a class, too like another, never active.

They are those of Label-free CBM (Oikarinen et al., 2023, section 3), in its order. Of two concepts
that are alike the earlier one of the list stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inficond_panel.concepts.texts import EmbedsText, embed_concepts
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.concepts import Filters

#: Images that a concept must be active on, as in Label-free CBM.
_MOST_ACTIVE = 5
_SHOWN = 8
#: Keys of ``Filters``, in the order in which they are applied, for people.
REASONS = {
    "longest": "too long",
    "class_cosine": "too like a class",
    "twin_cosine": "too like another concept",
    "least_score": "not active on fit",
}
#: A concept that fell: its name, the filter's key, and the number that it fell by, for people.
Dropped = tuple[str, str, str]


@dataclass(frozen=True)
class Filtered:
    """Positions of the concepts that stay, in order, and those that fell."""

    kept: list[int]
    dropped: list[Dropped]


def class_texts(
    encoder: EmbedsText, classes: Sequence[str], prompts: Sequence[str], filters: Filters
) -> np.ndarray | None:
    """Vectors ``(class, embed)`` of the names of classes; None where no filter asks for them."""
    if filters.class_cosine is None:
        return None
    return embed_concepts(encoder, [(name,) for name in classes], prompts)


def filter_texts(
    names: Sequence[str],
    text: np.ndarray,
    classes: Sequence[str],
    class_text: np.ndarray | None,
    filters: Filters,
) -> Filtered:
    """Apply what needs no image; vectors ``(concept, embed)`` and ``(class, embed)`` are unit.

    ``class_text`` may be None where ``filters.class_cosine`` is.
    """
    dropped: list[Dropped] = []
    kept: list[int] = []
    to_class = None if class_text is None else text @ class_text.T
    for i, name in enumerate(names):
        if filters.longest is not None and len(name) > filters.longest:
            dropped.append((name, "longest", f"{len(name)} characters"))
            continue
        if to_class is not None and (
            fell := _too_like("class_cosine", name, to_class[i], classes, filters.class_cosine)
        ):
            dropped.append(fell)
            continue
        if filters.twin_cosine is not None:
            others, cosines = [names[j] for j in kept], text[kept] @ text[i]
            if fell := _too_like("twin_cosine", name, cosines, others, filters.twin_cosine):
                dropped.append(fell)
                continue
        kept.append(i)
    return Filtered(kept, dropped)


def filter_inactive(names: Sequence[str], score: np.ndarray, least: float) -> Filtered:
    """Drop concepts by their scores ``(image, concept)`` on the images of ``fit``."""
    top = np.sort(score, axis=0)[-_MOST_ACTIVE:].mean(0) if len(score) else np.zeros(len(names))
    active = top > least
    return Filtered(
        np.flatnonzero(active).tolist(),
        [(names[i], "least_score", f"{top[i]:.3f}") for i in np.flatnonzero(~active).tolist()],
    )


def check_left(kept: Sequence[object], dropped: Sequence[Dropped]) -> None:
    """Raise ``DataError`` where no concept is left."""
    if not kept:
        raise DataError(
            f"concepts.filters leave no concept: {'; '.join(filter_lines(0, dropped))}",
            "Loosen the filter that most fall by.",
        )


def filter_lines(kept: int, dropped: Iterable[Dropped]) -> list[str]:
    """Effect of the filters for people: how many fell, by which and why."""
    dropped = list(dropped)
    lines = [f"concepts.filters: {kept} of {kept + len(dropped)} concepts stay"]
    for key, some in by_filter(dropped).items():
        shown = ", ".join(f"{name} ({why})" for name, why in some[:_SHOWN])
        more = f" and {len(some) - _SHOWN} more" if len(some) > _SHOWN else ""
        lines.append(f"{len(some)} {REASONS[key]} ({key}): {shown}{more}")
    return lines


def by_filter(dropped: Iterable[Dropped]) -> Mapping[str, list[tuple[str, str]]]:
    """Names and reasons of those that fell, by the filter's key, in the order of the filters."""
    found: dict[str, list[tuple[str, str]]] = {key: [] for key in REASONS}
    for name, key, why in dropped:
        found[key].append((name, why))
    return {key: some for key, some in found.items() if some}


def _too_like(
    key: str, name: str, cosines: np.ndarray, others: Sequence[str], limit: float | None
) -> Dropped | None:
    if limit is None or not len(cosines) or cosines.max() < limit:
        return None
    return name, key, f"{others[int(cosines.argmax())]}, {cosines.max():.3f}"
