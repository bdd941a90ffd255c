"""Report on the drift of new photos that tells itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape

import pandas as pd

from inficond_panel.distill.shift.drift import Drift
from inficond_panel.wording.drift import drift_sentences


@dataclass(frozen=True, repr=False)
class DriftReport(Drift):
    """Drift of photos; ``faults`` tells by photo why it could not be read."""

    faults: dict[str, str] | None = None

    @property
    def table(self) -> pd.DataFrame:
        """One row per concept, in order of p."""
        names = ["concept", "statistic", "p", "p_adjusted", "fit_median", "median"]
        rows = [{**asdict(each), "drifted": each.drifted} for each in self.concepts]
        return pd.DataFrame(rows, columns=[*names, "drifted"]).set_index("concept")

    def __str__(self) -> str:
        return "\n".join(drift_sentences(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(sentence)}</p>" for sentence in drift_sentences(self))
