"""Student performance view (InFiConD, section 5, figure 5b): one row per class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import holoviews as hv
import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.common.interval import UNCHANGED, Interval
from inficond_panel.common.numbers import UNDEFINED, count, defined
from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.distill import Agreement
from inficond_panel.plots.performance_bars import (
    FILLS,
    SIDES,
    Bars,
    make_performance_bars,
    update_bars,
)
from inficond_panel.results.begin import rank_of
from inficond_panel.results.image_sets import image_set
from inficond_panel.results.metrics import students_file, too_few
from inficond_panel.results.picked_images import BAR_PARTS, bar_images
from inficond_panel.results.shared_bias import StudentShared, asked_classes
from inficond_panel.results.snapshot import Snapshot
from inficond_panel.state import AppState
from inficond_panel.state.batch import Item
from inficond_panel.state.shared import SharedState
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.ui.component import Acting, action, tie
from inficond_panel.ui.drawing import Drawing, change_figure, close_plots, make_plot_pane
from inficond_panel.ui.images import make_and_send
from inficond_panel.views.performance.table import ConfusionsPanel, PerformanceTable, draw_picture
from inficond_panel.vocabulary.metrics import AP, CLASS_SORTS, FIDELITY, METRICS
from inficond_panel.wording.metrics import change_text, make_change, teacher_sentence
from inficond_panel.wording.shared_bias import reliance_sentence, short_sentence
from inficond_panel.wording.shift_kinds import mislabelled_sentence
from inficond_panel.wording.suspects import plain_sentence, repaired_sentence
from inficond_panel.wording.things import in_words_of

_FACTS = ("constant_fidelity", "logit_correlation")


def make_performance_rows(
    snapshot: Snapshot, picked: Snapshot | None = None
) -> list[dict[str, Any]]:
    """Return one row per class: metrics (None where undefined), and counts of right decisions.

    ``positives`` and ``negatives`` are counts of all images: both right, only the teacher right,
    both wrong, only the student right. ``gap`` is AP(teacher) − AP(student), ``recall_gap`` and
    other gaps likewise; ``teacher`` has the teacher's metrics, ``unknown`` the sentence on a class
    that the teacher does not know, or is empty. ``few`` is the number of positives or negatives,
    whichever are fewer, if it is too small to conclude anything, else None. With images ``picked``
    the metrics are of these alone, and ``picked`` has their counts; else it is None.
    """
    return [_row(snapshot, picked, name) for name in snapshot.metrics]


def _counts(agreement: Agreement) -> dict[str, list[int]]:
    return {
        side: [getattr(getattr(agreement, side), fill.counts) for fill in FILLS] for side in SIDES
    }


def _row(whole: Snapshot, picked: Snapshot | None, name: str) -> dict[str, Any]:
    snapshot = picked or whole
    metrics, agreement = snapshot.metrics[name], snapshot.agreement[name]
    student = {metric: getattr(metrics, metric) for metric in METRICS}
    teacher = {AP.key: metrics.teacher_ap, FIDELITY.key: 1.0, **agreement.teacher_metrics()}
    return {
        "name": name,
        **{key: defined(sort.value(student, teacher)) for key, sort in CLASS_SORTS.items()},
        "teacher": {metric: defined(value) for metric, value in teacher.items()},
        **_counts(whole.agreement[name]),
        "picked": _counts(agreement) if picked else None,
        "images": whole.metrics[name].n,
        "few": too_few(metrics),
        "reason": "" if metrics.positives else "AP is undefined: no image shows this class.",
        "unknown": teacher_sentence(name, snapshot.teacher[name]),
    }


def make_changes(
    changes: Mapping[str, Interval | None], metric: str, untouched: Mapping[str, str]
) -> list[list[str]]:
    """Return rows [label, text] on changes in a metric: interval, and whether significant.

    ``changes`` are by start (#0) or previous; ``untouched`` has words that replace the change of a
    class that was not tuned.
    """
    rows = []
    for since, change in changes.items():
        if change is None and since not in untouched:
            continue
        known = change_text(make_change(change, unit=METRICS[metric].unit))
        text = untouched.get(since) or known or UNDEFINED
        rows.append([f"{METRICS[metric].name} since {since}", text])
    return rows


def make_touched(pending: Iterable[Item]) -> dict[str, int]:
    """Return the number of thumbs and repairs in the batch, by class."""
    return dict(Counter(item.class_name for item in pending))


def make_shifts(
    shifts: Mapping[str, ClassShift],
    shared: Mapping[str, StudentShared],
    relying: Collection[str],
    repaired: Collection[str],
    last: Collection[str] = (),
    mislabelled: Mapping[str, str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the verdict per class: whether the student may rely on the wrong thing, whether there
    are too few images to say (``unsure``), its rank in *Where to begin* (see ``rank_of``), and a
    sentence without numbers of the method. ``relying``,
    ``repaired`` and ``last`` are classes; ``mislabelled`` has the sentence on wrong
    labels, of the classes whose first finding they are."""
    asked = asked_classes(shared)

    def words(name: str) -> str:
        if name in asked and name not in relying:
            first = shared[name].found.asked[0]
            told = short_sentence(name, first, shared[name].found.things)
            return f"{reliance_sentence(name, first)} {told}"
        if mislabelled and name in mislabelled and name not in relying:
            return mislabelled[name]
        return repaired_sentence(name) if name in repaired else plain_sentence(shifts[name])

    return {
        name: {
            "relies": name in relying or name in asked,
            "unsure": shifts[name].unsure and name not in asked,
            "rank": rank_of(name, relying, asked, last),
            "words": words(name),
        }
        for name in shifts
    }


def make_unchecked(shared: SharedState, classes: int) -> str:
    """Return the words in place of an all-clear, until it is checked of all ``classes`` classes
    what all images share; "" when it is."""
    if shared.checking:
        return "not checked" if shared.problem else "looking …"
    return "none so far" if 0 < len(shared.by_class) < classes else ""


def _leave_bars(plot: Any, _: hv.Element) -> None:
    """Remove axes and grids, which the browser would make though unseen, and the background."""
    plot.state.update(left=[], below=[], center=[])
    plot.state.update(background_fill_color=None, border_fill_color=None)


@bokeh_backend()
def _draw_bars(shown: Bars, dark: bool, width: int) -> hv.Rectangles:
    """Return the plot of the bars, without axes and tools; the browser lays it over the rows.

    The first visible range (``ylim``) has no bars: a thousand bars take a second to draw.
    """
    bars = make_performance_bars(shown.whole, dark, width, shown.picked)
    hooks = [*bars.opts.get(backend="bokeh").kwargs["hooks"], _leave_bars]
    return bars.opts(
        toolbar=None,
        tools=[],
        default_tools=[],
        responsive=True,
        border=0,
        hooks=hooks,
        ylim=(-2, -1),
        backend="bokeh",
    )


class PerformanceView(Acting, Viewer):
    """View of all classes at the node shown; a click on a row sets the selected class."""

    def __init__(self, app: AppState) -> None:
        self.app = app
        self._asked = ""  # class whose card was opened last
        self.table = PerformanceTable.of(
            app,
            rows=self._rows(),
            suspecting=app.spec.tuning.suspects,
            shifts=pn.bind(
                make_shifts,
                app.shifts.param.by_class,
                app.shared.param.by_class,
                app.reliance.param.relying,
                app.reliance.param.repaired,
                app.suggestion.param.last,
                pn.bind(self._mislabelled, app.reliance.param.mislabelled),
            ),
            unchecked=pn.bind(
                lambda *_: make_unchecked(app.shared, len(app.store.classes)),
                app.shared.param.by_class,
                app.shared.param.wanted,
                app.shared.param.problem,
                app.selection.param.class_name,
            ),
            touched=pn.bind(make_touched, app.tuning.param.pending),
            sizing_mode="stretch_both",
        )
        tie(self.table, app.settings, sort="sort", descending="descending")
        tie(self.table, app.selection, selected="class_name")
        self.table.bars = self._bars = make_plot_pane(_draw_bars(*self._shown()))
        self.confusions = ConfusionsPanel(app, self.table)
        self.listen_to(self.table)
        super().__init__()

    def __panel__(self) -> Viewable:
        return self.table

    def picture(self) -> Drawing:
        """Return a picture of the table's rows in their order, drawn without a browser."""
        table = self.table
        return draw_picture(table.present, table.sort, table.selected, table.descending)

    def close(self) -> None:
        """Release the plot of the bars, at the end of the session."""
        close_plots(self._bars)

    def _mislabelled(self, names: Sequence[str]) -> dict[str, str]:
        """Return the sentence on the wrong labels of each class, as its card says it."""
        found, shifts = self.app.shifts.differences, self.app.shifts.by_class
        told = {
            name: mislabelled_sentence(found[name], shifts[name])
            for name in names
            if name in found and name in shifts
        }
        return {name: f"{name}: {in_words_of(self.app.store, told[name])}" for name in told}

    @property
    def _picked(self) -> Snapshot | None:
        """Numbers of the picked images; None while no image is picked."""
        shown = self.app.shown
        return shown.snapshot if shown.what.images else None

    def _rows(self) -> list[dict[str, Any]]:
        return make_performance_rows(self.app.shown.whole, self._picked)

    def _shown(self) -> tuple[Bars, bool, int]:
        whole, picked = self.app.shown.whole.agreement, self._picked
        return (
            Bars(whole, picked.agreement if picked else None),
            self.app.theme == "dark",
            self.table.bar_width,
        )

    @param.depends("app.shown.snapshot", watch=True)
    def _show(self) -> None:
        """Show the metrics of the split in view, or of the picked images."""
        images = self.app.shown.what.images
        self.table.show_rows(self._rows(), images.words if images else "")
        self._redraw_bars()

    @param.depends("app.theme", "table.bar_width", watch=True)
    def _redraw_bars(self) -> None:
        for plot, _ in self._bars._plots.values():
            change = partial(update_bars, plot.state, *self._shown())
            change_figure(plot.state, change)
        pn.io.push_notebook(self.table)

    @param.depends("app.shown.snapshot", "app.settings.sort", watch=True)
    def _forget_changes(self) -> None:
        self._asked = ""
        self.table.changes = {}

    @param.depends("app.changes.arrivals", watch=True)
    def _tell_changes(self) -> None:
        """Send the changes of the class whose card is open, in the metric of the sort."""
        if not self._asked:
            return
        name, changes, what = self._asked, self.app.changes, self.app.shown.what
        metric = CLASS_SORTS[self.table.sort].metric
        by_class = {
            "start": changes.total(name, [metric], what).get(metric),
            "previous": changes.last(name, [metric], what).get(metric),
        }
        snapshot, untouched = self.app.students.snapshot, {}
        if snapshot.node.parent is not None and name not in snapshot.node.tuned:
            untouched["previous"] = f"{UNCHANGED} by #{snapshot.node.number}"
            if name not in snapshot.tuned:
                untouched["start"] = "original student"
        rows = make_changes(by_class, metric, untouched)
        self.table.changes = {**self.table.changes, name: rows}

    @action
    def _find_changes(self, name: str) -> None:
        if name not in self.app.store.classes:
            raise ValueError(f"this store has no class {name!r}")
        self._asked = name
        self._tell_changes()

    @action
    def _open_images(self, name: str, side: str, fill: str) -> None:
        """Show the images of one part of a class's bar; of the whole bar for an empty ``fill``."""
        if name not in self.app.store.classes or side not in SIDES or fill not in {"", *BAR_PARTS}:
            raise ValueError(f"unknown class, side or fill: {name!r}, {side!r}, {fill!r}")
        shown = self.app.students.student(name)
        self.app.selection.open_images(bar_images(shown, side, fill))

    @action
    def _open_confused(self, label: str, named: str, who: str) -> None:
        """Show the images of class ``label`` that ``who``, student or teacher, calls ``named``."""
        known, classes = self.confusions.confused, self.table.classes
        if known is None:
            return
        if not {label, named} <= set(classes) or who not in known.classes:
            raise ValueError(f"{label!r} taken for {named!r} by {who!r}: unknown class or model")
        rows = known.taken(classes.index(label), classes.index(named), who)
        title = f"{label} taken for {named} by the {who}, {count(len(rows))}"
        labelled = self.app.students.student(label)
        self.app.selection.open_images(image_set(labelled, title, rows))

    @action
    def _save_students(self, names: list[str], kind: str) -> None:
        snapshot = self.app.shown.snapshot
        if not set(names) <= set(self.app.store.classes):
            raise ValueError(f"not all classes are in this store: {names!r:.200}")
        make_and_send(self.app, self.table, lambda: students_file(snapshot, names, kind))
