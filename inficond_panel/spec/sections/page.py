"""Sections ``views`` and ``layout``: settings and arrangement of the page's views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from inficond_panel.errors import TuningError
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import OneOf, Positive, fault, option
from inficond_panel.vocabulary.confidence import (
    CONFIDENCE,
    DRAWS,
    MOST_DRAWS,
    Noise,
    confidence_word,
    draws_fault,
    least_draws,
)

VIEW_NAMES = ["configuration", "performance", "knowledge", "embedding", "detail", "provenance"]


def _once(rows: list[list[str]]) -> list[list[str]]:
    """Return ``rows`` unchanged; raise a ``fault`` if a view is named twice."""
    seen: set[str] = set()
    for at, row in enumerate(rows):
        for position, name in enumerate(row):
            if name in seen:
                raise fault(f"the view {name!r} is named twice; remove one", at, position)
            seen.add(name)
    return rows


ViewName = Annotated[str, OneOf(VIEW_NAMES)]
_Row = Annotated[list[ViewName], Field(min_length=1, json_schema_extra={"uniqueItems": True})]

#: Numbers of concepts that a list can show; 0: all.
TOPS = (5, 10, 20, 50, 100, 200, 0)


class Views(Section):
    """Settings of the views."""

    top: int = option(
        10,
        ge=0,
        le=200,
        doc="Number of concepts in the list when the page opens: "
        f"{', '.join(map(str, TOPS[:-1]))}; 0: all.",
    )
    labelled: int = option(10, ge=0, le=100, doc="Number of strongest concepts named on the map.")
    patches: int = option(5, ge=0, le=12, doc="Number of segments shown for a concept.")
    patches_of: Literal["nearest", "assigned"] = option(
        "nearest",
        doc="Segments shown first. nearest: the nearest to the concept's text; assigned: the "
        "nearest of the segments that no other concept is nearer to.",
    )
    factors: list[Positive] = option(
        [1.25, 1.5, 2.0, 3.0, 5.0, 10.0],
        doc="Factors, above 1, to choose from for a thumb; `tuning.factor` is always added.",
    )
    collinear: float = option(
        0.8, gt=0, le=1,
        doc="Correlation on fit from which concepts count as collinear, in reports and groups.",
    )  # fmt: skip
    draws: int = option(
        DRAWS, ge=20, le=MOST_DRAWS, doc="Default number of bootstrap draws for intervals."
    )
    confidence: float = option(
        CONFIDENCE,
        gt=0.5,
        lt=1,
        doc="Confidence level of the intervals: on the page, in commands, exports and tables.",
    )
    intervals: bool = option(
        True, doc="Whether the page shows intervals of changes and curves, or estimates only."
    )
    curves: bool = option(
        True,
        doc="Whether the page computes and shows curves of a metric over an influence, in the rows "
        "of knowledge and in detail.",
    )

    @property
    def shown_level(self) -> float | None:
        """Confidence level of the intervals on the page; None if the page shows no intervals."""
        return float(self.confidence) if self.intervals else None

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for a ``top`` not in ``TOPS``, a factor <= 1, and too few draws."""
        if self.top not in (None, *TOPS):
            yield "top", f"expected one of {', '.join(map(str, TOPS))}, got {self.top}"
        wrong = [factor for factor in self.factors or [] if factor <= 1]
        if wrong:
            yield "factors", f"expected numbers above 1, got {wrong[0]:g}"
        if too_sure := draws_fault(self.confidence, self.draws):
            yield "confidence", too_sure

    def noise(self, draws: int | None = None, seed: int = 0) -> Noise:
        """Return the bootstrap settings of intervals: ``draws`` (None: the spec's number), seed and
        confidence level.

        Raises ``TuningError`` for too many draws, or too few for the level, see ``least_draws``.
        """
        noise = Noise(
            draws=self.draws if draws is None else draws, seed=seed, level=float(self.confidence)
        )
        self.check_draws(noise["draws"])
        return noise

    def check_draws(self, draws: int) -> None:
        """Raise ``TuningError`` for too many draws, or too few for the confidence level."""
        if draws > MOST_DRAWS:
            raise TuningError(
                f"{draws:,} draws are too many.", f"Request at most {MOST_DRAWS:,} draws."
            )
        least = least_draws(self.confidence) if self.confidence > CONFIDENCE else 1
        if draws < least:
            raise TuningError(
                f"{draws:,} draws are too few: intervals at {confidence_word(self.confidence)} "
                f"need at least {least:,}.",
                "Request more draws, or lower views.confidence in the spec.",
            )


class Layout(Section):
    """Look of the page; users can change theme and show on the page."""

    theme: Literal["auto", "light", "dark"] = option(
        "auto", doc="Colours; auto: as template, notebook or browser."
    )
    rows: Annotated[list[_Row], Field(min_length=1), AfterValidator(_once)] = option(
        [VIEW_NAMES[:3], VIEW_NAMES[3:]],
        doc="Rows of views. Lists (performance, knowledge) get a column each, the other views of "
        "a row share one; configuration is the bar at the top.",
    )
    show: Literal["simple", "details"] = option(
        "simple",
        doc="simple: AP, names, bars, patches, thumbs and sentences; details: also intervals, all "
        "metrics and the matrix of all students.",
    )

    @property
    def views(self) -> list[str]:
        """Names of the views that are shown."""
        return [name for row in self.rows for name in row]
