"""The section ``concepts.filters``: words of the corpus that are left out before the students."""

from __future__ import annotations

from typing import Any

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import option


def _cosine(doc: str) -> Any:
    return option(None, ge=-1, le=1, doc=doc)


class Filters(Section):
    """Filters of Label-free CBM (Oikarinen et al., 2023), in their order; one left out drops none.

    The cosines are of the vectors that the concepts have: by the spec's encoder and prompts.
    """

    longest: int | None = option(
        None, ge=1, doc="Most characters that a concept's name may have; the paper's is 30."
    )
    class_cosine: float | None = _cosine(
        "Cosine with a class's name at which a concept falls: it would be the class itself.",
    )
    twin_cosine: float | None = _cosine(
        "Cosine with an earlier concept of the corpus at which a concept falls.",
    )
    least_score: float | None = option(
        None,
        doc="The mean of a concept's five largest scores on fit must exceed it; 0: what no image "
        "shows falls.",
    )

    def limits(self) -> dict[str, float]:
        """Limits that are set, by key."""
        return {key: value for key, value in self.values().items() if value is not None}
