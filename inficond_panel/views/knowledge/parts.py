"""Components of the knowledge view of one student, and actions that they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import panel as pn
import param
from panel.viewable import Child, Children

from inficond_panel.common.numbers import count, number, signed
from inficond_panel.concepts.own_words import unlisted_names
from inficond_panel.concepts.typed import LEAST_EXAMPLES
from inficond_panel.results.image_sets import PATCHES_OF, image_set
from inficond_panel.spec.sections.page import TOPS
from inficond_panel.state import CHANGE_METRICS, SLICE_METRICS, AppState, Status
from inficond_panel.tuning import Intent
from inficond_panel.tuning.opening import concept_title, typed_of
from inficond_panel.ui import browser
from inficond_panel.ui.component import RefitActions, ViewComponent, action
from inficond_panel.ui.drawing import Drawing
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.metrics import AP, CONCEPT_SORTS, METRICS, WEIGHT
from inficond_panel.vocabulary.palette import INFLUENCE, INFLUENCE_SOFT, INK_2, LINE, SELECTION
from inficond_panel.vocabulary.tasks import UNLIKE_SCALES

#: Actions that are ignored if another student was selected before they arrive.
OWN = frozenset(
    {
        "ask",
        "belongs",
        "correct_label",
        "repair",
        "label_pictures",
        "mean",
        "open_label",
        "open_patch",
        "open_teacher_group",
        "open_tune_labels",
        "remove_suspect",
        "set_bound",
        "set_own_factor",
        "show_turned",
        "suggest",
        "take_lever",
        "thumb_shared",
        "toggle",
        "toggle_group",
        "try_threshold",
        "join_group",
    }
)


def make_status(status: Status, change: dict[str, Any] | None, others: str = "") -> dict[str, Any]:
    """Return the status line: status of the refit, and its effect when it is done.

    ``change`` is the change in AP by the refit; ``others`` a sentence if it tuned other classes.
    """
    return {**vars(status), "change": change if status.kind == "done" else None, "others": others}


def is_of_scales(warning: str) -> bool:
    """Return True for a store's warning of columns in unlike scales (``scale_warnings``)."""
    return warning.startswith(UNLIKE_SCALES)


def make_options(app: AppState) -> dict[str, Any]:
    """Return facts that are constant in a session: menus of numbers and metrics, and features.

    ``patchless`` is the reason why no row has patches, ``pictured`` whether images are photos,
    ``unlike`` the warning if the columns of scores have unlike scales, ``unrepairable`` why these
    students cannot be repaired, ``confidence`` the text of the intervals' level; each may be empty.
    """
    views, repairs = app.spec.views, app.tuner.repairs
    return {
        "curves": views.curves,
        "confidence": confidence_word(views.confidence) if views.intervals else "",
        "concepts": len(app.store.concepts),
        "patchless": app.store.lacks("segments"),
        "pictured": app.store.holds("photos"),
        "unlike": next(filter(is_of_scales, app.store.attrs.get("warnings", [])), ""),
        "tops": list(TOPS),
        "metrics": [[key, METRICS[key].name] for key in CHANGE_METRICS],
        "slice_metrics": [[key, METRICS[key].name] for key in SLICE_METRICS],
        "columns": app.store.metadata_columns,
        "factors": sorted({*views.factors, app.tuning.factor}),
        "previews": app.spec.tuning.preview,
        "suspecting": app.spec.tuning.suspects,
        "suggests": app.suggestion.offered,
        "unrepairable": str(repairs.refused or ""),
        "penalised": repairs.takes_lambda,
    }


class StudentPart(ViewComponent):
    """Component of a part of the knowledge view, with the student, the batch and the status."""

    student = param.String(default="", doc="Class whose student is shown; empty: none.")
    pending = param.List(default=[], item_type=dict, doc="Pending thumbs of all classes.")
    status = param.Dict(default=make_status(Status(), None))
    locked = param.String(default="", doc="Why tuning is off now; empty: it is on.")
    adding = param.Boolean(default=False, doc="Whether a concept is being added.")
    options = param.Dict(default={}, doc="As ``make_options`` gives them.")

    @classmethod
    def of(cls, app: AppState, **params: Any) -> Self:
        """Return the part for a session's page, with parameters linked to the session's state."""

        def adding(_: Status) -> bool:
            return app.concepts.busy

        return super().of(
            app,
            student=app.selection.param.class_name,
            locked=app.tuning.param.locked,
            adding=pn.bind(adding, app.concepts.param.status),
            options=make_options(app),
            **params,
        )


class StudentActions(RefitActions):
    """Actions of all parts: thumbs on concepts of ``student``, opening a concept or class."""

    @property
    def student(self) -> str:
        """Class whose student is in view; empty: none."""
        return self.app.selection.class_name

    def act(self, message: Mapping[str, Any]) -> None:
        """Call the action of a message; ignore an action for a student no longer selected.

        ``seen`` is the student that the browser showed: another student may have been selected a
        moment before, and the browser did not know yet.
        """
        arguments = dict(message)
        seen = arguments.pop("seen", self.student)
        if seen == self.student or arguments.get("action") not in OWN:
            super().act(arguments)

    @action
    def _toggle(self, concept: str, direction: str) -> None:
        self.app.tuning.toggle(Intent(self.student, concept, direction))

    @action
    def _toggle_group(self, concepts: list[str], direction: str) -> None:
        self.app.tuning.toggle_group(self.student, concepts, direction)

    @action
    def _join_group(self, of: str, concept: str) -> None:
        """Give a concept the thumb that ``of`` has in the batch, as one group with it."""
        self.app.tuning.join_group(self.student, of, concept)

    @action
    def _take_out(self, place: list[str]) -> None:
        """Remove the thumb or repair with key ``place`` from the batch."""
        self.app.tuning.take_out(place)

    @action
    def _mean(self, world: str) -> None:
        """Set for which world the thumbs on the student are meant."""
        self.app.tuning.mean(self.student, world)

    @action
    def _show_turned(self) -> None:
        """Show the images that the last refit turned, those that are right now first."""
        turned = self.app.tuning.turned[self.student]
        title = f"{self.student}: {len(turned.right)} now right, {len(turned.wrong)} now wrong"
        shown = self.app.students.student(self.student)
        rows = np.array([*turned.right, *turned.wrong], dtype=np.intp)
        self.app.selection.open_images(image_set(shown, title, rows))

    @action
    def _open(self, concept: str, student: str = "") -> None:
        """Open a concept; a class's own word that is no concept has nothing to show."""
        if concept in unlisted_names(self.app.store, student or self.student):
            return
        self.app.selection.open_concept(concept, student)

    @action
    def _select(self, student: str) -> None:
        self.app.selection.class_name = student


class AskingPart(StudentPart):
    """Component that asks a person about photos of ``student``."""

    asking = param.Dict(default={"offer": ""}, doc="As ``make_asking`` gives it.")


class StudentPanels(AskingPart):
    """Component of the panels below the top bar: finding, metrics, refit report, questions."""

    repairs = param.List(default=[], item_type=dict, doc="Pending repairs of all classes.")
    finding = param.Dict(default={}, doc="As ``make_finding`` gives it, with labels and terms.")
    repair = param.Dict(default={}, doc="As ``make_suggestion`` gives it, and its search.")
    shift = param.Dict(default={}, doc="As ``make_shift`` gives it; empty: not known yet.")
    repairing = param.Boolean(default=False, doc="Whether the panel of repairs is open.")
    path = param.Dict(default={}, doc="As ``make_path`` gives it; empty: not known yet.")

    line = param.List(default=[], item_type=dict, doc="As ``make_line`` gives it.")
    measures = param.Dict(default=None, allow_None=True, doc="As ``make_measures``.")
    measured = param.Boolean(default=False, doc="Whether the metrics are open.")
    slice_by = param.String(default="", doc="Column that slices are made by; empty: none.")
    slice_metric: param.Selector[str] = param.Selector(default=AP.key, objects=SLICE_METRICS)
    slices = param.Dict(default=None, allow_None=True, doc="As ``make_slices`` gives it.")
    group_by = param.String(
        default="", regex=r"(?s).{0,200}$", doc="What divides the images into groups; empty: none."
    )
    dividers = param.List(default=[], item_type=str, doc="As ``make_dividers`` gives them.")
    groups = param.Dict(default={}, doc="As ``make_groups`` gives it.")
    threshold = param.Dict(
        default={}, doc="``now``, ``tried`` (``make_tried``), and as ``make_threshold`` gives it."
    )

    report = param.Dict(default={}, doc="As ``make_report``; {}: no refit made the student.")
    explained = param.Boolean(default=False, doc="Whether the report is open.")

    @property
    def detailed(self) -> bool:
        """True with the setting Details, in which panels that open are shown and computed."""
        return bool(self.extent == "details")

    _taken = frozenset(
        {"explained", "group_by", "measured", "repairing", "slice_by", "slice_metric"}
    )
    _esm = browser.module(Path(__file__).with_name("panels") / "panels.js")
    _stylesheets = browser.styles(Path(__file__).with_name("panels") / "panels.css")


class KnowledgeTable(StudentPart):
    """Component of the knowledge view: heading, rows of concepts, and other parts as children."""

    overview = Child(doc="View shown while no class is selected.")
    parts = Children(doc="The top bar, and the panels below it.")
    rows = param.List(default=[], item_type=dict, doc="As ``make_concept_rows`` gives them.")
    find = param.String(
        default="", regex=r"(?s).{0,200}$", doc="Part of a concept's name; empty: rows are listed."
    )
    found = param.Dict(default={"query": "", "rows": []}, doc="A search, and its rows of concepts.")
    patches_of: param.Selector[str] = param.Selector(
        default=PATCHES_OF[0], objects=list(PATCHES_OF), doc="Kind of patches shown."
    )
    influential = param.Integer(default=0, doc="Number of concepts with influence.")
    near = param.List(default=[], item_type=str, doc="Concepts near the rows that are in view.")
    concept = param.String(default="", doc="Concept opened in the detail view.")
    top: param.Selector[int] = param.Selector(
        default=10, objects=list(TOPS), doc="Number of concepts listed; 0: all."
    )
    sort: param.Selector[str] = param.Selector(default=WEIGHT.key, objects=list(CONCEPT_SORTS))
    effects = param.Dict(default={}, doc="What-if curves by concept, so far.")
    metric: param.Selector[str] = param.Selector(
        default=AP.key, objects=CHANGE_METRICS, doc="Metric of the what-if."
    )
    ghosts = param.Dict(default={}, doc="Influence that the batch would give, by concept.")
    gained = param.Dict(default={}, doc="Change that the batch would give, by metric.")
    shift = param.Dict(default={}, doc="As ``make_shift`` gives it; empty: not known yet.")
    stability = param.Dict(default={}, doc="As ``make_stability`` gives it, by concept.")
    typing = param.Dict(default={}, doc="As ``make_typing`` gives it.")

    _taken = frozenset({"find", "metric", "near", "patches_of", "sort", "top"})
    _esm = browser.module(Path(__file__).with_name("table") / "table.js")
    _stylesheets = browser.styles(Path(__file__).with_name("table") / "table.css")


MOST = 20  #: number of concepts drawn, the first rows of the list
_ROW, _HEAD, _WIDTH = 24, 52, 500
_NAME, _ZERO, _BAR = 170, 300, 100


def draw_picture(
    student: str, rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], concept: str = ""
) -> Drawing:
    """Return a drawing of ``make_concept_rows`` for a student; ``concept`` is the open one."""
    shown = rows[:MOST]
    drawing = Drawing(_WIDTH, _HEAD + _ROW * (len(shown) + (len(rows) > MOST)) + 8)
    ap, teacher = (number(summary.get(key)) for key in (AP.key, "teacher_ap"))
    drawing.text((12, 22), student, size=14, bold=True)
    drawing.text((12, 42), f"AP {ap}, teacher {teacher}", INK_2)
    drawing.line([(_ZERO, _HEAD), (_ZERO, _HEAD + _ROW * len(shown))])
    reach = max((abs(row["influence"]) for row in shown), default=0) or 1.0
    for at, row in enumerate(shown):
        top, wide = _HEAD + at * _ROW, _BAR * row["influence"] / reach
        if row["concept"] == concept:
            drawing.box((4, top), (_WIDTH - 8, _ROW), SELECTION.light)
        drawing.text((12, top + 16), row["concept"], room=_NAME)
        colour = INFLUENCE if wide > 0 else INFLUENCE_SOFT
        left = min(_ZERO, _ZERO + wide)
        drawing.box((left, top + 6), (abs(wide), 12), colour.light, INFLUENCE.light)
        words = f"{signed(row['influence'], 2)} {row['held']}".strip()
        drawing.text((_ZERO + _BAR + 8, top + 16), words, room=90)
    if len(rows) > MOST:
        words = f"{count(len(rows) - MOST)} more concepts"
        drawing.text((12, _HEAD + MOST * _ROW + 16), words, INK_2)
    drawing.line([(12, _HEAD - 4), (_WIDTH - 12, _HEAD - 4)], LINE)
    return drawing


def make_typing(app: AppState) -> dict[str, Any]:
    """Return the content of the dialog that adds concepts: encoder, typed concepts, progress.

    ``tags`` counts images by tag, for tags with enough images to make a concept from.
    """
    state, store = app.concepts, app.store
    prompts = store.attrs.get("prompts", [])
    tagged = Counter(tag for image_tags in app.tags.tags.values() for tag in image_tags)
    enough = [tag for tag in sorted(tagged) if tagged[tag] >= LEAST_EXAMPLES]
    tags = {tag: tagged[tag] for tag in enough if store.holds("segments")}
    return {
        "encoder": store.attrs["encoder"],
        "prompt": prompts[0] if prompts else "{}",
        "prompts": len(prompts),
        "typed": {one.name: concept_title(one) for one in typed_of(store)},
        "tags": tags,
        "missing": state.missing,
        **vars(state.status),
        "carried": state.carried,
        "others": state.others,
        "busy": state.busy,
    }
