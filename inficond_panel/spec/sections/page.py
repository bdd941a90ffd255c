"""Sections ``views`` and ``layout``: numbers and arrangement of the page's views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from inficond_panel.errors import TuningError
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import OneOf, Positive, fault, option
from inficond_panel.vocabulary.confidence import (
    CONFIDENCE,
    Noise,
    confidence_word,
    draws_fault,
    least_draws,
)

VIEWS = ["configuration", "performance", "knowledge", "embedding", "detail", "provenance"]


def _once(rows: list[list[str]]) -> list[list[str]]:
    """Rows of views, each at most once."""
    seen: set[str] = set()
    for at, row in enumerate(rows):
        for position, name in enumerate(row):
            if name in seen:
                raise fault(f"the view {name!r} is named twice", at, position)
            seen.add(name)
    return rows


View = Annotated[str, OneOf(VIEWS)]
_Row = Annotated[list[View], Field(min_length=1, json_schema_extra={"uniqueItems": True})]

#: Numbers of concepts that a list may show; 0 is all.
TOPS = (5, 10, 20, 50, 100, 200, 0)


class Views(Section):
    """Numbers that the views start from or go by."""

    top: int = option(
        10,
        ge=0,
        le=200,
        doc=f"Concepts listed at first: {', '.join(map(str, TOPS[:-1]))}; 0: all.",
    )
    labelled: int = option(10, ge=0, le=100, doc="Strongest concepts that are marked on the map.")
    patches: int = option(5, ge=0, le=12, doc="Segments shown beside a concept.")
    patches_of: Literal["nearest", "assigned"] = option(
        "nearest",
        doc="Which at first: those nearest to its text, or those whose best concept it is.",
    )
    factors: list[Positive] = option(
        [1.25, 1.5, 2.0, 3.0, 5.0, 10.0],
        doc="Factors of a thumb to choose from, above 1; `tuning.factor` is always among them.",
    )
    collinear: float = option(
        0.8,
        gt=0,
        le=1,
        doc="Correlation over fit from which concepts count as collinear, in reports and groups.",
    )
    draws: int = option(
        200,
        ge=20,
        le=10_000,
        doc="Default number of bootstrap draws of the stated intervals.",
    )
    confidence: float = option(
        CONFIDENCE,
        gt=0.5,
        lt=1,
        doc="Level of the intervals that are stated: on the page, by commands, exports and tables.",
    )
    intervals: bool = option(
        True,
        doc="Whether the page shows intervals, of changes and of curves; else estimates alone.",
    )

    @property
    def shown_level(self) -> float | None:
        """Level of the intervals that the page shows; None where it shows none."""
        return float(self.confidence) if self.intervals else None

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield a number that no list has, and factors that leave a weight or turn it back."""
        if self.top not in (None, *TOPS):
            yield "top", f"expected one of {', '.join(map(str, TOPS))}, got {self.top}"
        wrong = [factor for factor in self.factors or [] if factor <= 1]
        if wrong:
            yield "factors", f"expected numbers above 1, got {wrong[0]:g}"
        yield from self._too_sure()

    def noise(self, draws: int | None = None, seed: int = 0) -> Noise:
        """Noise of the intervals that are stated: ``draws``, or as many as the spec says.

        Raises ``TuningError`` for fewer than the level needs, see ``least_draws``.
        """
        noise = Noise(
            draws=self.draws if draws is None else draws, seed=seed, level=float(self.confidence)
        )
        self.check_draws(noise["draws"])
        return noise

    def check_draws(self, draws: int) -> None:
        """Raise ``TuningError`` if the draws are too few to estimate the limits at the level."""
        least = least_draws(self.confidence) if self.confidence > CONFIDENCE else 1
        if draws < least:
            raise TuningError(
                f"{draws:,} draws are too few: intervals at {confidence_word(self.confidence)} "
                f"need at least {least:,}.",
                "Ask for as many, or lower views.confidence in the spec.",
            )

    def _too_sure(self) -> Iterator[tuple[str, str]]:
        """Yield a level that needs more draws: each limit needs at least one draw beyond it."""
        if None in (self.confidence, self.draws):
            return
        if fault := draws_fault(self.confidence, self.draws):
            yield "confidence", fault


class Layout(Section):
    """Look of the page; theme and show can be changed there."""

    theme: Literal["auto", "light", "dark"] = option("auto", doc="Colours; auto: the browser's.")
    rows: Annotated[list[_Row], Field(min_length=1), AfterValidator(_once)] = option(
        [VIEWS[:3], VIEWS[3:]],
        doc="Views that are shown. Lists (performance, knowledge) get a column each, the others of "
        "a row share one; configuration is the strip above.",
    )
    show: Literal["simple", "details"] = option(
        "simple",
        doc="Amount that is shown: simple has AP, names, bars, patches, thumbs and sentences; "
        "details adds intervals, all metrics, the matrix of all students.",
    )

    @property
    def views(self) -> list[str]:
        """Names of the views that are shown."""
        return [name for row in self.rows for name in row]
