"""Gain on the holdout, which participants never see: measured once, by the report, and counted.

A student is measured when its task is over, and never again: what came of it is kept with the
study. So a report that is made twice looks at no student twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from inficond_panel.common import clock
from inficond_panel.study.results.results import Result, metrics_of
from inficond_panel.study.run.study import Study
from inficond_panel.vocabulary.splits import HOLDOUT

SPLIT = HOLDOUT


@dataclass(frozen=True)
class Looks:
    """Looks of the researcher at the holdout: students measured, and the first and last time."""

    count: int
    first: str = ""
    last: str = ""


def with_holdout(study: Study, results: Sequence[Result], *, look: bool = True) -> list[Result]:
    """``results`` with AP on the holdout for every task that is over.

    Those not yet seen are seen now; without ``look`` they stay undefined. Results of one who is
    deleted meanwhile are left out.
    """
    known = study.holdout()
    made = []
    for result in results:
        key = f"{result.participant}/{result.task}"
        missing = result.outcome and key not in known
        if look and missing and study.has(result.participant):
            known[key] = _measure(study, result)
            study.keep_holdout(key, known[key])
        seen = known.get(key) if result.outcome else None
        ends = {f"holdout_{at}": seen[at] for at in ("start", "end")} if seen else {}
        made.append(replace(result, **ends))
    here = {who.label for who in study.log.participants()}
    return [result for result in made if result.participant in here]


def looks_of(study: Study) -> Looks:
    """Looks so far."""
    times = sorted(one["time"] for one in study.holdout().values())
    return Looks(len(times), times[0], times[-1]) if times else Looks(0)


def _measure(study: Study, result: Result) -> dict[str, Any]:
    """AP of a task's class at its start and at the participant's last student."""
    who = study.log.participant(int(result.participant[1:]))
    nodes = study.ready_for(who, result.task).start.id, result.node
    sets = study.concept_sets(who, result.task)
    start, end = (one.ap for one in metrics_of(study, who, result.task, nodes, SPLIT, sets))
    return {"time": clock.now(), "node": result.node, "start": float(start), "end": float(end)}
