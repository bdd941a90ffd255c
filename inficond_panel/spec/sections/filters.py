"""The section ``concepts.filters``: words of the corpus that are left out before the students."""

from __future__ import annotations

from inficond_panel.spec.framework.fields import Number, Whole
from inficond_panel.spec.framework.section import Section


def _cosine(doc: str) -> Number:
    return Number(None, bounds=(-1, 1), doc=doc)


class Filters(Section):
    """Filters of Label-free CBM (Oikarinen et al., 2023), in their order; one left out drops none.

    The cosines are of the vectors that the concepts have: by the spec's encoder and prompts.
    """

    longest = Whole(
        None,
        bounds=(1, None),
        doc="Most characters that a concept's name may have; the paper's is 30.",
    )
    class_cosine = _cosine(
        "Cosine with a class's name at which a concept falls: it would be the class itself.",
    )
    twin_cosine = _cosine(
        "Cosine with an earlier concept of the corpus at which a concept falls.",
    )
    least_score = Number(
        None,
        doc="The mean of a concept's five largest scores on fit must exceed it; 0: what no image "
        "shows falls.",
    )

    def limits(self) -> dict[str, float]:
        """Limits that are set, by key."""
        return {key: value for key, value in self.values().items() if value is not None}
