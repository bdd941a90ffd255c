"""The cloud on the plot: computed in the worker, with the detail of the part on screen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import param

from inficond_panel.errors import CancelledError
from inficond_panel.plots.cloud import (
    NOTHING,
    WHOLE,
    Density,
    density_within,
    segment_density,
)
from inficond_panel.plots.map_layers import make_cloud
from inficond_panel.state import Job

if TYPE_CHECKING:
    from inficond_panel.errors import InficondError
    from inficond_panel.plots.cloud import Span
    from inficond_panel.state import AppState
    from inficond_panel.views.embedding.map_plot import MapPlot

_AROUND = 0.2  #: what is computed beyond each edge of the screen, as a share of what is on it


class MapCloud(param.Parameterized):
    """Keeps ``plot.cloud`` up to date with the frame and the theme."""

    fault = param.String("", doc="Why the segments cannot be drawn; empty: they can.")

    def __init__(self, app: AppState, plot: MapPlot) -> None:
        self._app, self._plot = app, plot
        self._density, self._projection = NOTHING, ""
        self._asked: tuple[Span, Span, float] | None = None
        super().__init__()
        self._draw()

    def show(self, projection: str) -> None:
        """Show the cloud of another projection, when it is computed; none until then."""
        self._projection = projection
        self._set(NOTHING)
        self.fault = self._app.store.lacks("segments")
        if not self.fault:
            self._fetch()

    @param.depends("_plot.frame", watch=True)
    def _follow(self) -> None:
        if self._projection and not self.fault and self._wanted() != self._asked:
            self._fetch()

    def _fetch(self) -> None:
        store, projection, asked = self._app.store, self._projection, self._wanted()
        x, y, shape = self._asked = asked

        def work(_: Job) -> Density:
            if (x, y) == (WHOLE, WHOLE):
                return segment_density(store, projection, shape)
            return density_within(store, projection, x, y, shape)

        self._app.jobs.submit(Job("cloud", work, self._set, self._failed))

    def _wanted(self) -> tuple[Span, Span, float]:
        frame = self._plot.frame
        width, height = frame.size
        # A power of 2: sessions share what is computed, and a spot is nearly round.
        return _around(frame.x), _around(frame.y), 2.0 ** round(math.log2(width / height))

    def _set(self, density: Density) -> None:
        self.fault = ""
        self._density = density
        self._draw()

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.fault = error.for_page

    @param.depends("_app.theme", watch=True)
    def _draw(self) -> None:
        self._plot.cloud = make_cloud(self._density, self._app.theme == "dark")


def _around(span: Span) -> Span:
    """Span to compute for the span on screen: some more, so that a small move shows no edge."""
    reach = _AROUND * (span[1] - span[0])
    return max(WHOLE[0], span[0] - reach), min(WHOLE[1], span[1] + reach)
