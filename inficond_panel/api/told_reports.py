"""Reports that tell themselves: in sentences at a prompt, and as HTML in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape

import pandas as pd

from inficond_panel.analysis.refits.refit_report import ClassReport, RefitReport, explain
from inficond_panel.distill.shift.drift import Drift
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.intents.intent import check_name
from inficond_panel.wording.drift import drift_sentences
from inficond_panel.wording.refit import sentences, untouched_sentences


@dataclass(frozen=True, repr=False)
class ToldReport(RefitReport):
    """Report on an iteration against its parent; ``str`` gives the sentences of ``explain``."""

    def of(self, class_name: str) -> ClassReport:
        """The report of one tuned class; ``TuningError`` where the refit has not tuned it."""
        check_name("tuned class", class_name, [found.class_name for found in self.classes])
        return super().of(class_name)

    def __str__(self) -> str:
        heading, *notices = self._general()
        classes = (
            "\n".join([name, *(f"  {line}" for line in lines)]) for name, lines in self._classes()
        )
        return "\n\n".join(["\n".join([heading, *notices]), *classes, *self._others()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        heading, *notices = map(escape, self._general())
        parts = [f"<p><b>{heading}</b></p>", *(f"<p>{notice}</p>" for notice in notices)]
        for name, lines in self._classes():
            items = "".join(f"<li>{escape(line)}</li>" for line in lines)
            parts.append(f"<p><b>{escape(name)}</b></p><ul>{items}</ul>")
        parts += [f"<p>{escape(sentence)}</p>" for sentence in self._others()]
        return "".join(parts)

    def _general(self) -> list[str]:
        was, now = (f"#{node.number} {node.id}" for node in (self.parent, self.node))
        return [f"{now} from {was}", *self.notices]

    def _others(self) -> list[str]:
        return untouched_sentences(self.node, self.untouched)

    def _classes(self) -> Iterator[tuple[str, list[str]]]:
        for found in self.classes:
            yield found.class_name, sentences(found)


def told_report(tuner: Tuner, node: Node) -> ToldReport:
    """The report on the refit that made ``node``; raises ``TuningError`` for the untouched #0."""
    return ToldReport(**vars(explain(tuner, node)))


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
