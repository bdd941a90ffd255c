"""The certificate of a pocket: what it costs in AP and agreement, beside teacher and students.

Figures are on ``tune``, or on the holdout, never on ``fit``, from which the pocket has learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel.common.interval import Interval
from inficond_panel.common.ordering import strongest
from inficond_panel.concepts.own_words import class_words
from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.bootstrap import class_mean, mean_change
from inficond_panel.distill.sources import Array
from inficond_panel.export.network.repair import group_text
from inficond_panel.export.pocket.cost import Cost
from inficond_panel.export.pocket.learn import Pocket, outcomes_of
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.tuning.two_worlds import joint_presence, meant_since_start
from inficond_panel.vocabulary.metrics import AP, FIDELITY
from inficond_panel.vocabulary.splits import FIT, TUNE

#: Names of rows of the certificate; a pocket's other rows name its kind of students.
TEACHER_ROW, STUDENTS_ROW, HEAD_ROW = "teacher", "students", "trunk without concepts"
POCKET_ROW, SMALL_ROW = "pocket", "pocket, 8 bits"
#: Concepts of a photo, and of a class, whose agreement is measured.
OF_PHOTO, OF_CLASS = 3, 10
_QUALITY = {
    "model": Heading("model"),
    AP.key: Heading("AP"),
    "ap_change": Heading("change from the students", sign=True),
    "worst_class": Heading("worst class"),
    "worst_change": Heading("its change", sign=True),
    FIDELITY.key: Heading("agrees with the teacher"),
    "same_three": Heading("same three concepts"),
    "of_three": Heading("of three in common", digits=2),
    "top_concepts": Heading("top ten in common"),
}
COST_TITLE = "Cost of one photo on this machine: onnxruntime, one thread, median processor time"
COST_HEADINGS = {
    "model": Heading("model"),
    "milliseconds": Heading("ms per photo", digits=1),
    "megabytes": Heading("MB", digits=1),
    "multiplications": Heading("million multiplications", digits=0),
    AP.key: Heading("AP"),
    "note": Heading("what is measured", missing=""),
}


def average_precisions(pocket: Pocket) -> dict[str, Any]:
    """Return the mean AP over classes of the pocket, and of the students that it stands for, on the
    images of ``tune``, with their number; as plain data. An undefined AP is None."""
    tuner = pocket.tuner
    rows = tuner.store.rows(TUNE)
    logits = {"students": tuner.logits(pocket.node, rows), "pocket": pocket.logits(TUNE)}
    means = {
        name: float(class_mean(outcomes_of(tuner, each, TUNE), AP.key)[0])
        for name, each in logits.items()
    }
    return {name: None if np.isnan(ap) else ap for name, ap in means.items()} | {
        "images": len(rows)
    }


@dataclass(frozen=True, eq=False)
class Certificate:
    """Figures of a ``pocket`` on one ``split``; ``costs`` by model, and ``notes`` on what could not
    be measured, by model. ``small`` are logits ``(n, K)`` and scores ``(n, C)`` of the network of
    8-bit integers, None if there is none."""

    pocket: Pocket
    split: str = TUNE
    costs: dict[str, Cost] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    small: tuple[Array, Array] | None = None

    @cached_property
    def outcomes(self) -> dict[str, list[Outcome]]:
        """Outcomes by class of each row of the certificate."""
        pocket, split = self.pocket, self.split
        tuner, rows = pocket.tuner, pocket.tuner.store.rows(split)
        made = {
            TEACHER_ROW: outcomes_of(
                tuner, tuner.store.teacher_log_odds[rows], split, of_students=False
            ),
            STUDENTS_ROW: outcomes_of(tuner, tuner.logits(pocket.node, rows), split),
        }
        for kind in (pocket.kind, *(each for each in pocket.kinds if each != pocket.kind)):
            made[self.title(kind)] = outcomes_of(tuner, pocket.logits(split, kind), split)
        if self.small is not None:
            made[SMALL_ROW] = outcomes_of(tuner, self.small[0], split)
        head = pocket.head.values(pocket.features(split))
        return made | {HEAD_ROW: outcomes_of(tuner, head, split, of_students=False)}

    def title(self, kind: str) -> str:
        """Return the name of the row of a kind of students."""
        return POCKET_ROW if kind == self.pocket.kind else f"{POCKET_ROW}, {kind}"

    def quality(self) -> pd.DataFrame:
        """Return a frame of AP, agreement with the teacher, and agreement of reasons per model."""
        noise = self.pocket.tuner.spec.views.noise()
        rows = [self._row(name, outcomes, noise) for name, outcomes in self.outcomes.items()]
        images = len(self.pocket.tuner.store.rows(self.split))
        title = f"Teacher, students and pocket, mean over classes on {images:,} images"
        title += f" of {self.split}; the pocket's {self.pocket.kind}"
        return make_frame(rows, "model", _QUALITY, title=title, level=noise["level"])

    @property
    def ap_change(self) -> Interval:
        """Change of the mean AP from the students to the pocket."""
        before, after = self.outcomes[STUDENTS_ROW], self.outcomes[POCKET_ROW]
        return mean_change(before, after, **self.pocket.tuner.spec.views.noise())

    def _row(self, name: str, outcomes: list[Outcome], noise: Any) -> dict[str, Any]:
        before = self.outcomes[STUDENTS_ROW]
        change = mean_change(before, outcomes, **noise)
        each = [
            new.value(AP.key) - old.value(AP.key) for old, new in zip(before, outcomes, strict=True)
        ]
        worst = int(np.nanargmin(each)) if not np.isnan(each).all() else -1
        other = name != STUDENTS_ROW and worst >= 0
        return {
            "model": name,
            AP.key: float(class_mean(outcomes, AP.key)[0]),
            **change.columns("ap_change"),
            "worst_class": self.pocket.tuner.store.classes[worst] if other else "",
            "worst_change": each[worst] if other else np.nan,
            FIDELITY.key: float(class_mean(outcomes, FIDELITY.key)[0]),
            **self._reasons(name),
        }

    def _reasons(self, name: str) -> dict[str, float]:
        """Return the agreement of a pocket's reasons with the students', nan for other models."""
        pocket = self.pocket
        kinds = {self.title(kind): kind for kind in pocket.kinds} | {SMALL_ROW: pocket.kind}
        if name not in kinds:
            return dict.fromkeys(("same_three", "of_three", "top_concepts"), np.nan)
        of = pocket.kinds[kinds[name]]
        scores = self.small[1] if name == SMALL_ROW and self.small else pocket.scores(self.split)
        ours = _three(self._surest, scores - pocket.mean_score, of.weights)
        common = [
            len(np.intersect1d(a, b)) for a, b in zip(self._three_of_students, ours, strict=True)
        ]
        spread = pocket.layer.unseen.std(axis=0)[:, None]
        return {
            "same_three": float(np.mean(np.array(common) == len(ours[0]))),
            "of_three": float(np.mean(common)),
            "top_concepts": _top_in_common(self._influence, of.weights * spread),
        }

    @cached_property
    def _surest(self) -> NDArray[np.intp]:
        """Class ``(n,)`` of each image whose logit is farthest above its cutoff, by students."""
        margin = [each.all_logits - each.cutoff for each in self.outcomes[STUDENTS_ROW]]
        return np.stack(margin, axis=1).argmax(axis=1)

    @cached_property
    def _three_of_students(self) -> NDArray[np.intp]:
        pocket, store = self.pocket, self.pocket.tuner.store
        own = store.concept_score[store.rows(self.split)][:, pocket.used].astype(np.float64)
        return _three(self._surest, own - self._fit_scores.mean(axis=0), self._weights)

    @cached_property
    def _fit_scores(self) -> Array:
        return np.asarray(self.pocket.tuner.store.scores_of(FIT)[:, self.pocket.used], np.float64)

    @property
    def _weights(self) -> Array:
        return np.asarray(self.pocket.node.weights[self.pocket.used])

    @property
    def _influence(self) -> Array:
        return self._weights * self._fit_scores.std(axis=0)[:, None]

    def concepts(self) -> pd.DataFrame:
        """Return a frame of the concept layer: the share of each score's variance that it explains
        (R²), least first."""
        pocket = self.pocket
        share = pocket.explained(self.split)
        rows = [
            {
                "concept": pocket.concepts[c],
                "r2": float(share[c]),
                "strength": pocket.layer.strength[c],
            }
            for c in np.argsort(share, kind="stable")
        ]
        headings = {
            "concept": Heading("concept"),
            "r2": Heading("R²", digits=2),
            "strength": Heading("penalty", significant=1),
        }
        title = f"Scores by the pocket's concept layer on {self.split}: median R² "
        return make_frame(
            rows, "concept", headings, title=f"{title}{np.nanmedian(share):.2f}, the least ten",
            shown=range(min(10, len(rows))),
        )  # fmt: skip

    def groups(self) -> pd.DataFrame:
        """Return a frame of the share of images that teacher, students and pocket name, per class
        and group: with and without the class, with and without its concepts (those of thumbs, else
        the strongest one that is not the class's own word)."""
        rows = [row for k in range(len(self.pocket.tuner.store.classes)) for row in self._groups(k)]
        headings = {
            "class": Heading("class"),
            "group": Heading("images that show"),
            "images": Heading("images"),
            **{
                name: Heading(f"named by the {name}, %", digits=0)
                for name in (TEACHER_ROW, STUDENTS_ROW, POCKET_ROW)
            },
        }
        return make_frame(
            rows, ["class", "group"], headings, title=f"Images named by group, on {self.split}"
        )

    def _groups(self, k: int) -> Iterator[dict[str, Any]]:
        tuner, node = self.pocket.tuner, self.pocket.node
        name = tuner.store.classes[k]
        concepts = meant_since_start(tuner, node).get(name, ((), ""))[0] or self._first(k)
        student = tuner.at(node, self.split)[name]
        shows = joint_presence(student, concepts) if concepts else None
        decided = {
            each: self.outcomes[each][k].all_decided
            for each in (TEACHER_ROW, STUDENTS_ROW, POCKET_ROW)
        }
        label = self.outcomes[STUDENTS_ROW][k].label
        for present in (1, 0):
            for shown in (1, 0) if shows is not None else (None,):
                inside = (label == present) & (True if shown is None else shows == shown)
                group = group_text(name, present, concepts, shown)
                share = {
                    each: 100 * float(of[inside].mean()) if inside.any() else np.nan
                    for each, of in decided.items()
                }
                yield {"class": name, "group": group, "images": int(inside.sum()), **share}

    def _first(self, k: int) -> tuple[str, ...]:
        store, influence = self.pocket.tuner.store, self._influence[:, k].copy()
        own = {store.concepts[c] for c in class_words(store, store.classes[k])}
        influence[[name in own for name in self.pocket.concepts]] = 0.0
        return (self.pocket.concepts[strongest(influence)[0]],) if influence.any() else ()

    def cost(self) -> pd.DataFrame:
        """Return a frame of what each model costs on this machine, beside its AP."""
        return make_frame(self.cost_rows(), "model", COST_HEADINGS, title=COST_TITLE)

    def cost_rows(self) -> list[dict[str, Any]]:
        """Return the rows of ``cost``: cost and AP by model, nan for what was not measured."""
        ap = {name: float(class_mean(each, AP.key)[0]) for name, each in self.outcomes.items()}
        names = dict.fromkeys([*self.notes, *self.costs])  # teacher and students first
        return [
            {
                "model": name,
                "milliseconds": cost.milliseconds if (cost := self.costs.get(name)) else np.nan,
                "megabytes": cost.bytes / 1e6 if cost else np.nan,
                "multiplications": cost.multiplications / 1e6 if cost else np.nan,
                AP.key: ap.get(name, np.nan),
                "note": self.notes.get(name, ""),
            }
            for name in names
        ]


def _three(classes: NDArray[np.intp], centred: NDArray, weights: NDArray) -> NDArray[np.intp]:
    """Return, per image, the three concepts ``(n, 3)`` that add or take most for its class, from
    scores ``(n, C)`` less their mean; fewer if there are fewer concepts."""
    added = np.abs(centred * weights.T[classes])
    return np.argsort(-added, axis=1, kind="stable")[:, :OF_PHOTO]


def _top_in_common(ours: NDArray, theirs: NDArray) -> float:
    """Return the mean share of a class's ten strongest influences ``(C, K)`` that two students have
    in common; of fewer, if a student uses fewer; nan if none uses any."""
    shares = []
    for a, b in zip(ours.T, theirs.T, strict=True):
        most = min(OF_CLASS, np.count_nonzero(a))
        if most:
            shares.append(np.isin(strongest(a)[:most], strongest(b)[:most]).mean())
    return float(np.mean(shares)) if shares else np.nan
