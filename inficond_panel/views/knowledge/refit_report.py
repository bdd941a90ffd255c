"""Report on the refit of one student, as plain data; ``refit_words`` writes its sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import param

from inficond_panel.common.numbers import bound, number, signed
from inficond_panel.results import refit_words as words
from inficond_panel.results.bound_prices import Bound
from inficond_panel.results.image_sets import image_set
from inficond_panel.results.refit_changes import CorrelatedGroup
from inficond_panel.results.refit_report import ClassReport, RefitReport
from inficond_panel.state import AppState, Job
from inficond_panel.tuning import Node
from inficond_panel.ui.component import action
from inficond_panel.views.knowledge.parts import StudentActions, StudentPanels
from inficond_panel.wording.lost_thresholds import ON_PAGE, lost_sentence
from inficond_panel.wording.two_worlds import both_sentences

MOVERS = 3  #: number of other concepts listed that rose most, and that fell most


def make_report(
    report: ClassReport, refit: int, shown: int, split: str, worlds: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the report on a refit: ``line`` for the closed panel, sections for the open panel.

    ``refit`` is the number of the reported iteration, ``shown`` of the iteration shown; ``worlds``
    are the sentences on the refit in two worlds, if it has thumbs.
    """
    later = "" if refit == shown else f"The last that tuned it; #{shown} left it as it was."
    return {
        "number": refit,
        "line": words.headline(report, split),
        "later": later,
        "bounds": [make_bound(each) for each in report.bounds],
        "moved": make_moved(report),
        "groups": [make_group(group, report) for group in report.groups],
        "fit": words.objective_sentence(report),
        "images": [
            {"split": churn.split, "text": words.churn_sentence(churn), "count": len(churn.flips)}
            for churn in report.churn
        ],
        "worlds": list(worlds),
        "lost": lost_sentence(report.lost, choose=ON_PAGE) if report.lost else "",
        "certificate": words.certificate_sentence(report),
    }


def make_bound(each: Bound) -> dict[str, Any]:
    """Return data on one bound: text, whether it is active, and its shadow price as text."""
    since = "" if each.since is None or each.since < 0 else f"#{each.since}"
    return {
        "concept": each.concept,
        "bound": bound(each.lower, each.upper),
        "since": since,
        "binds": each.active,
        "text": words.active_text(each),
        "price": words.price_text(each) if each.active else "",
    }


def make_moved(report: ClassReport) -> dict[str, Any]:
    """Return the largest changes of influence; ``share`` is relative to the largest change."""
    moves = report.moves
    others = sorted(
        [*moves.up[:MOVERS], *moves.down[:MOVERS]], key=lambda mover: -abs(mover.change)
    )
    rows = [(mover, True) for mover in moves.tuned] + [(mover, False) for mover in others]
    most = max((abs(mover.change) for mover, _ in rows), default=0.0) or 1.0
    return {
        "text": words.taken_over_sentence(moves),
        "rows": [
            {
                "concept": mover.concept,
                "tuned": tuned,
                "share": mover.change / most if math.isfinite(mover.change) else 0.0,
                "change": signed(mover.change, 3),
                "weights": f"{number(mover.before, 2)} → {number(mover.after, 2)}",
            }
            for mover, tuned in rows
        ],
    }


def make_group(group: CorrelatedGroup, report: ClassReport) -> dict[str, Any]:
    """Return a sentence on a group of correlated concepts, and the thumb offered for all."""
    directions = report.directions(group)
    offered = len(directions) == 1 and group.without(group.tuned)
    return {
        "text": words.correlation_sentence(group, report),
        "direction": next(iter(directions)) if offered else "",
        "concepts": list(group.twins),
    }


class ReportPanel(param.Parameterized):
    """Updater of ``panels.report``: effects of the refit that made the selected student."""

    def __init__(self, app: AppState, panels: StudentPanels) -> None:
        self.app, self.panels = app, panels
        super().__init__()

    @property
    def refit(self) -> Node | None:
        """Iteration whose refit made the selected student; None for an original or no student."""
        name = self.panels.student
        return self.app.students.refit_of(name) if name else None

    @property
    def known(self) -> ClassReport | None:
        """Report on that refit of the selected student; None if it is not computed yet."""
        known = self.app.students.known_report(self.refit) if self.refit else None
        return known.of(self.panels.student) if known else None

    def show(self) -> None:
        """Show the report on the selected student's refit, if it is computed already."""
        refit, known, shown = self.refit, self.known, self.app.students.snapshot
        report = {"number": refit.number} if refit else {}
        if refit and known:
            where = refit.number, shown.node.number, shown.split
            report = make_report(known, *where, self._worlds(refit))
        self.panels.report = report

    def _worlds(self, refit: Node) -> list[str]:
        """Return the sentences on the selected student in two worlds; empty without thumbs.

        The world that is meant can have changed since the report was computed."""
        name, known = self.panels.student, self.app.students.known_report(refit)
        every = known.worlds if known else ()
        worlds = next((each for each in every if each.class_name == name), None)
        if worlds is None:
            return []
        shown = worlds if self.app.spec.views.intervals else worlds.alone
        return both_sentences(shown.meant_for(refit.worlds_meant.get(name, "")))

    @param.depends("panels.explained", "panels.extent", watch=True)
    def ask(self) -> None:
        """Start computing the report for an open panel, unless a person waits for another job."""
        panels, refit = self.panels, self.refit
        if (
            not panels.detailed
            or refit is None
            or "line" in panels.report
            or self.app.tuning.awaited
        ):
            return

        def work(job: Job) -> RefitReport:
            return self.app.students.report(refit, job.cancelled)

        self.app.jobs.submit(Job("report", work, lambda _: self.show(), self.app.tuning.tell))


class ReportActions(StudentActions):
    """Actions of the browser on the report on a refit."""

    report: ReportPanel

    @action
    def _open_churn(self, split: str) -> None:
        """Show the images of a split whose prediction the reported refit changed."""
        name, refit, known = self.student, self.report.refit, self.report.known
        if refit is None or known is None:
            raise ValueError(f"no report on {name!r} is computed")
        churn = next(each for each in known.churn if each.split == split)
        title = f"{name}, prediction changed by #{refit.number}"
        rows = [flip.row for flip in churn.flips]
        self.app.selection.open_images(image_set(self.app.students.student(name), title, rows))
