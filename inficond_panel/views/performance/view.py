"""Student performance view (InFiConD, section 5, figure 5b): one row per class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import UNDEFINED, count, defined
from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.distill import Agreement
from inficond_panel.plots.performance_bars import FILLS, SIDES, make_performance_bars, update_bars
from inficond_panel.results.image_sets import ImageSet, decided_images, image_set
from inficond_panel.results.metrics import students_file
from inficond_panel.results.snapshot import Snapshot, on_images
from inficond_panel.state import AppState, Job
from inficond_panel.state.batch import Item
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.ui.component import Acting, action, tie
from inficond_panel.ui.drawing import Drawing, change_figure, close_plots, make_plot_pane
from inficond_panel.ui.images import FILL_NAMES as IMAGE_FILLS
from inficond_panel.ui.images import make_and_send
from inficond_panel.views.performance.table import ConfusionsPanel, PerformanceTable, draw_picture
from inficond_panel.vocabulary.metrics import AP, CLASS_SORTS, FIDELITY, METRICS
from inficond_panel.wording.metrics import UNCHANGED, change_text, make_change, teacher_sentence
from inficond_panel.wording.suspects import plain_sentence, repaired_sentence

_FACTS = ("constant_fidelity", "logit_correlation")


def make_performance_rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return one row per class: metrics (None where undefined), and counts of right decisions.

    ``positives`` and ``negatives`` are counts of images: both right, only the teacher right, both
    wrong, only the student right. ``gap`` is AP(teacher) − AP(student), ``recall_gap`` and other
    gaps likewise; ``teacher`` has the teacher's metrics, ``unknown`` the sentence on a class that
    the teacher does not know, or is empty. ``few`` is the number of positives if it is too small to
    conclude anything, else None.
    """
    return [_row(snapshot, name) for name in snapshot.metrics]


def _row(snapshot: Snapshot, name: str) -> dict[str, Any]:
    metrics, agreement = snapshot.metrics[name], snapshot.agreement[name]
    student = {metric: getattr(metrics, metric) for metric in METRICS}
    teacher = {AP.key: metrics.teacher_ap, FIDELITY.key: 1.0, **agreement.teacher_metrics()}
    return {
        "name": name,
        **{key: defined(sort.value(student, teacher)) for key, sort in CLASS_SORTS.items()},
        "teacher": {metric: defined(value) for metric, value in teacher.items()},
        **{
            side: [getattr(getattr(agreement, side), fill.counts) for fill in FILLS]
            for side in SIDES
        },
        "images": metrics.n,
        "few": metrics.positives if metrics.positives < LEAST_TUNE else None,
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
    relying: Collection[str],
    repaired: Collection[str],
    gainless: Collection[str] = (),
) -> dict[str, dict[str, Any]]:
    """Return the verdict per class: whether the student relies on the wrong thing, whether a repair
    may gain, and a sentence without numbers of the method. ``relying``, ``repaired`` and
    ``gainless`` are classes."""
    return {
        name: {
            "relies": name in relying,
            "gains": name not in gainless,
            "words": repaired_sentence(name) if name in repaired else plain_sentence(each),
        }
        for name, each in shifts.items()
    }


def _leave_bars(plot: Any, _: hv.Element) -> None:
    """Remove axes and grids, which the browser would make though unseen, and the background."""
    plot.state.update(left=[], below=[], center=[])
    plot.state.update(background_fill_color=None, border_fill_color=None)


@bokeh_backend()
def _draw_bars(agreement: dict[str, Agreement], dark: bool, width: int) -> hv.Rectangles:
    """Return the plot of the bars, without axes and tools; the browser lays it over the rows.

    The first visible range (``ylim``) has no bars: a thousand bars take a second to draw.
    """
    bars = make_performance_bars(agreement, dark, width)
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
        self._measured = app.students.snapshot  # the rows' numbers, perhaps on picked images
        self._opened: ImageSet | None = None  # images of a part of a bar, opened last
        self._asked = ""  # class whose card was opened last
        self.table = PerformanceTable.of(
            app,
            rows=make_performance_rows(self._measured),
            suspecting=app.spec.tuning.suspects,
            shifts=pn.bind(
                make_shifts,
                app.shifts.param.by_class,
                app.reliance.param.relying,
                app.reliance.param.repaired,
                app.suggestion.param.gainless,
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

    def _shown(self) -> tuple[dict[str, Agreement], bool, int]:
        known = self._measured.agreement
        by_row = {name: known[name] for name in self._measured.metrics}
        return by_row, self.app.theme == "dark", self.table.bar_width

    @property
    def _followed(self) -> ImageSet | None:
        """Picked images that the rows are measured on, with details; None: images of the split.

        A click on a part of a bar picks images too, but the rows do not follow them: no other part
        would be left to click on.
        """
        images, details = self.app.picked, self.app.settings.show == "details"
        return images if details and images is not self._opened else None

    @param.depends("app.students.snapshot", "app.selection.images", "app.settings.show", watch=True)
    def _measure(self) -> None:
        """Show the metrics on the split in view, or on the picked images of ``_followed``."""
        app, snapshot, images = self.app, self.app.students.snapshot, self._followed
        if images is None:
            if self._measured is not snapshot:
                self._show(snapshot, "")
            return

        def work(_: Job) -> Snapshot:
            return on_images(app.tuner, snapshot, images.rows)

        def done(measured: Snapshot) -> None:
            if self._followed is images and app.students.snapshot is snapshot:
                self._show(measured, f"{count(len(images.rows), 'image')}: {images.title}")

        app.jobs.submit(Job("measure", work, done, app.tuning.tell))

    def _show(self, measured: Snapshot, picked: str) -> None:
        self._measured = measured
        self.table.show_rows(make_performance_rows(measured), picked)
        self._redraw_bars()

    @param.depends("app.theme", "table.bar_width", watch=True)
    def _redraw_bars(self) -> None:
        for plot, _ in self._bars._plots.values():
            change = partial(update_bars, plot.state, *self._shown())
            change_figure(plot.state, change)
        pn.io.push_notebook(self.table)

    @param.depends("app.students.snapshot", "app.settings.sort", watch=True)
    def _forget_changes(self) -> None:
        self._asked = ""
        self.table.changes = {}

    @param.depends("app.changes.arrivals", watch=True)
    def _tell_changes(self) -> None:
        """Send the changes of the class whose card is open, in the metric of the sort."""
        if not self._asked or self.table.picked:  # changes are of all images
            return
        name, changes = self._asked, self.app.changes
        metric = CLASS_SORTS[self.table.sort].metric
        by_class = {
            "start": changes.total(name, [metric]).get(metric),
            "previous": changes.last(name, [metric]).get(metric),
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
        fills = {key: rights for rights, key in IMAGE_FILLS.items()}
        if name not in self.app.store.classes or side not in SIDES or fill not in {"", *fills}:
            raise ValueError(f"unknown class, side or fill: {name!r}, {side!r}, {fill!r}")
        teacher, student = fills.get(fill, (None, None))
        shown = self.app.students.student(name)
        rows = decided_images(shown, side, teacher_right=teacher, student_right=student)
        words = f": {FILLS[list(fills).index(fill)].words}" if fill else ""
        if self._followed is not None:
            rows = rows[np.isin(rows, self._followed.rows)]
            words += f", of {self._followed.title}"
        self._opened = image_set(shown, f"{name}, {side}{words}", rows)
        self.app.selection.open_images(self._opened)

    @action
    def _leave_images(self) -> None:
        self.app.selection.images = None

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
        snapshot = self._measured
        if not set(names) <= set(self.app.store.classes):
            raise ValueError(f"not all classes are in this store: {names!r:.200}")
        make_and_send(self.app, self.table, lambda: students_file(snapshot, names, kind))
