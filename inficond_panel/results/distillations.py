"""Students distilled under several settings, compared on one split.

``compare_settings`` varies the targets (teacher, or oracle: the teacher on inputs reinforced with
the labels), the teacher's weight alpha (labels have 1), the temperature and the L1 penalty. It is
the grid of Lee et al. (BMVC 2023), for linear students and the loss ``CE(label) + alpha CE(teacher
at T)``. Fidelity is always measured to the plain teacher.

``compare_links`` compares a student per class with the one softmax student, on data with one class
per image. Both are the original students of one store under the same other settings. For students
per class the probabilities of an image are divided by their sum (``distill.metrics.top_class``).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL, Interval, columns_of
from inficond_panel.common.numbers import MINUS
from inficond_panel.distill import SEEN_LABEL, Outcome, change_intervals, metric_intervals
from inficond_panel.distill.metrics.bootstrap import mean_change, mean_interval
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.distill.refits import Progress
from inficond_panel.results.confusions import check_single_label, teacher_top_class, top_class
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.spec.sections.students import Students
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.confidence import Noise, interval_word
from inficond_panel.vocabulary.metrics import (
    ACCURACY,
    AGREEMENT,
    AP,
    BALANCED,
    BRIER,
    ECE,
    FIDELITY,
    METRICS,
    TOP1,
    TOP_ECE,
    TOP_METRICS,
    keys,
)
from inficond_panel.vocabulary.splits import HOLDOUT, IMAGES_OF, TUNE
from inficond_panel.vocabulary.tasks import LINKS, SIGMOID, SOFTMAX

#: Metrics of the table. Only the labels of a class decide whether a metric is defined, so that
#: the means of all students are over the same classes.
COMPARED = keys(AP, ACCURACY, FIDELITY, BRIER, ECE)
_WORDS = {key: METRICS[key].word for key in COMPARED} | {AP.key: AP.mean}
_HEADINGS = plain_headings("students", **_WORDS)
_CHANGES = _HEADINGS | {key: Heading(w, sign=True, star=True) for key, w in _WORDS.items()}


@dataclass(frozen=True)
class DistillationSetting:
    """Settings under which students are distilled, as in the spec's section ``students``.

    ``targets`` is ``teacher`` or ``oracle``. ``alpha`` is the teacher's weight (labels have 1);
    None: no labels, 0: labels alone. ``lambda_`` is one L1 penalty, or penalties by class as in the
    spec. ``tempered`` names the logits that the temperature divides: ``teacher``, or ``both`` the
    teacher's and the student's.
    """

    targets: str
    alpha: float | None
    temperature: float
    lambda_: Any
    tempered: str = "teacher"

    @classmethod
    def of(cls, students: Students) -> DistillationSetting:
        """Return the settings in a spec's section ``students``."""
        labels = getattr(students, "labels", None)
        alpha = None if labels is None else float(labels.alpha)
        temperature = float(students.temperature)
        return cls(students.targets, alpha, temperature, students.lambda_, students.tempered)

    @property
    def words(self) -> str:
        """Settings as text: ``oracle (has seen the label), alpha 1, T 2, lambda 0.001``."""
        learned = f"oracle ({SEEN_LABEL})" if self.targets == "oracle" else self.targets
        learned = "labels alone" if self.alpha == 0 else learned
        alpha = "" if self.alpha is None else f", alpha {self.alpha:g}"
        both = " on both" if self.tempered == "both" else ""
        penalty = "by class" if isinstance(self.lambda_, dict) else f"{self.lambda_:g}"
        return f"{learned}{alpha}, T {self.temperature:g}{both}, lambda {penalty}"


def setting_grid(
    targets: Sequence[str],
    alphas: Sequence[float | None],
    temperatures: Sequence[float],
    penalties: Sequence[Any],
    tempered: Sequence[str] = ("teacher",),
) -> list[DistillationSetting]:
    """Return all combinations of settings; settings that differ only in targets are neighbours.

    With alpha 0 only labels are learned, so that targets and temperature do not matter: one setting
    per penalty is kept. At temperature 1 ``tempered`` does not matter, and its first value is kept.
    """
    settings: list[DistillationSetting] = []
    for penalty, alpha, temperature, divided, learned in itertools.product(
        penalties, alphas, temperatures, tempered, targets
    ):
        if temperature == 1 and divided != tempered[0]:
            continue
        first = (temperature, divided, learned) == (temperatures[0], tempered[0], targets[0])
        setting = DistillationSetting(learned, alpha, temperature, penalty, divided)
        if (first or alpha != 0) and setting not in settings:
            settings.append(setting)
    return settings


def compare_settings(
    tuner: Tuner,
    settings: Sequence[DistillationSetting],
    split: str = TUNE,
    *,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, pd.DataFrame]:
    """Return frames that compare students distilled under each setting, by metrics on ``split``.

    ``students`` has a row per setting and one of the teacher: means over the classes. ``changes``
    has a row per setting except the first: its metrics minus those of the setting ``against``,
    which is the same setting with the teacher's targets if the targets are the oracle's, otherwise
    the first setting. ``classes`` has metrics and changes by class. All use the same draws of
    images. Students missing in the history are distilled, and stored only if ``split`` is the
    holdout; a look (an evaluation on the holdout) is then counted for each. Raises ``TuningError``
    for impossible settings, for a split without images, and if a setting needs oracle logits that
    the store lacks.
    """
    tuner.check_images(split)
    noise = tuner.spec.views.noise(draws, seed)
    measured: list[dict[str, Outcome]] = []
    students, changes, classes = [], [], []
    for index, setting in enumerate(settings):
        distilled = tuner.with_students(**vars(setting))
        node = distilled.original()
        _count_look(distilled, node, split)
        now, against = distilled.at(node, split).outcomes, _reference(settings, index)
        old = {} if against is None else measured[against]
        students.append(_row(distilled, node, setting, index + 1) | _means(now, noise))
        if against is not None:
            was, new = list(old.values()), list(now.values())
            change = {key: mean_change(was, new, key, **noise) for key in COMPARED}
            number = {"number": index + 1, "against": against + 1}
            name = f"{index + 1} less {against + 1}"
            changes.append({"students": name, **number, **columns_of(change)})
        classes += [
            {
                "number": index + 1,
                "class": name,
                "lambda": penalty,
                **_of_class(now[name], old.get(name), noise),
            }
            for name, penalty in zip(tuner.store.classes, distilled.penalties, strict=True)
        ]
        measured.append(now)
        if progress:
            progress((index + 1) / len(settings), f"Students {index + 1} of {len(settings)}")
    of_teacher = {"students": "the teacher itself", **_means(tuner.teacher_outcomes(split), noise)}
    students.append(dict.fromkeys(students[0], pd.NA) | of_teacher)
    facts = common_facts(tuner, noise) | {"split": split}
    title = f"Students on {IMAGES_OF[split]}, means over the classes; fidelity is to the teacher"
    paired = "Differences, paired on the same draws of images; * the interval excludes 0"
    level = noise["level"]
    return {
        "students": make_frame(
            students, "students", _HEADINGS, title=title, notes=_notes(settings, noise),
            facts=facts, level=level,
        ),
        "changes": make_frame(
            changes, "students", _CHANGES, title=paired, facts=facts, level=level
        ),
        "classes": make_frame(
            classes, ["number", "class"], _HEADINGS, title=f"Classes on {IMAGES_OF[split]}",
            facts=facts, level=level,
        ),
    }  # fmt: skip


def _count_look(tuner: Tuner, node: Node, split: str) -> None:
    """If the split is the holdout, store the students and count a look (an evaluation on it)."""
    if split == HOLDOUT:
        tuner.history.add(node)
        tuner.count_look(node, split)


def common_facts(tuner: Tuner, noise: Noise) -> dict[str, Any]:
    """Return the facts that every comparison states: spec, store, draws and seed."""
    store, drawn = tuner.store, {key: noise[key] for key in ("draws", "seed")}
    return {"spec": str(tuner.spec.path), "store_hash": store.content_hash, **drawn}


def draws_note(noise: Noise) -> str:
    """Return a sentence on the number of draws and the level of the intervals."""
    return f"{noise['draws']} bootstrap draws of images, {interval_word(noise['level'])}s."


def _row(distilled: Tuner, node: Node, setting: DistillationSetting, number: int) -> dict[str, Any]:
    penalty = pd.NA if isinstance(setting.lambda_, dict) else setting.lambda_
    return {
        "students": f"{number} {setting.words}",
        "number": number,
        "targets": setting.targets,
        "alpha": setting.alpha,
        "temperature": setting.temperature,
        "tempered": setting.tempered,
        "lambda": penalty,
        "mark": distilled.mark,
        "node": node.id,
        "weights_hash": node.weights_hash,
        "nonzero": int(np.count_nonzero(node.weights)),
        "looks": distilled.history.looks(node.id, HOLDOUT),
    }


def _notes(settings: Sequence[DistillationSetting], noise: Noise) -> list[str]:
    learned = f"The oracle {SEEN_LABEL} on fit; its students see no label when they are measured."
    return [draws_note(noise), *([learned] if any(s.targets == "oracle" for s in settings) else [])]


def _means(outcomes: Mapping[str, Outcome], noise: Noise) -> dict[str, float]:
    """Return the columns of the metrics' means over the classes."""
    each = list(outcomes.values())
    return columns_of({key: mean_interval(each, key, **noise) for key in COMPARED})


def _of_class(outcome: Outcome, old: Outcome | None, noise: Noise) -> dict[str, float]:
    """Return the columns of one class's metrics, and of their changes (no ``old``: undefined)."""
    changes = dict.fromkeys(COMPARED, NO_INTERVAL)
    if old is not None:
        changes = change_intervals(old, outcome, COMPARED, **noise)
    return {
        **columns_of(metric_intervals(outcome, COMPARED, **noise)),
        **columns_of({f"{key}_change": each for key, each in changes.items()}),
    }


def _reference(settings: Sequence[DistillationSetting], number: int) -> int | None:
    """Return the index of the setting that setting ``number`` is compared with; None: no setting.

    For the oracle's targets it is the earlier setting that differs only in the targets, if any.
    """
    setting = settings[number]
    if setting.targets == "oracle":
        twin = {**vars(setting), "targets": "teacher"}
        for earlier, other in enumerate(settings[:number]):
            if vars(other) == twin:
                return earlier
    return 0 if number else None


#: Metrics of the students as one classifier; the table adds the mean AP of the classes.
TOGETHER = keys(TOP1, BALANCED, TOP_ECE, AGREEMENT)
LINK_WORDS = {SIGMOID: "a student per class", SOFTMAX: "one softmax student"}
_LINK_METRICS = {key: TOP_METRICS[key].word for key in TOGETHER} | {AP.key: AP.mean}
_LINK_HEADINGS = {
    **plain_headings(words="", **LINK_WORDS),
    "change": Heading(f"softmax {MINUS} per class", sign=True, star=True),
    "teacher": Heading("teacher"),
}


@dataclass(frozen=True)
class _Students:
    """Original students with one link (sigmoid or softmax): one classifier, outcomes by class."""

    link: str
    node: Node
    together: TopClass
    classes: list[Outcome]


def compare_links(
    tuner: Tuner,
    split: str = TUNE,
    *,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return a frame that compares students per class with the softmax student, by metric.

    Columns with limits are ``sigmoid`` and ``softmax`` (the students), ``change`` (softmax minus
    sigmoid on the same draws of images) and ``teacher`` (undefined for agreement with the teacher).
    The fact ``links`` has node, weights and looks of both. Students missing in the history are
    distilled, and stored only if ``split`` is the holdout; a look is then counted for both. Raises
    ``TuningError`` for data with several classes per image, for a split without images, and for
    settings that the softmax student does not support.
    """
    tuner.check_images(split)
    check_single_label(tuner.store)
    first, second = (_distilled(tuner, link, split, progress) for link in LINKS)
    labelled = teacher_top_class(tuner.store, split)
    noise = tuner.spec.views.noise(draws, seed)
    change = change_intervals(first.together, second.together, TOGETHER, **noise)
    change[AP.key] = mean_change(first.classes, second.classes, **noise)
    outcomes = list(tuner.teacher_outcomes(split).values())
    columns = {
        **{each.link: _metrics(each.together, each.classes, **noise) for each in (first, second)},
        "change": change,
        "teacher": _metrics(labelled, outcomes, AGREEMENT.key, **noise),
    }
    rows = [
        {
            "metric": key,
            "words": words,
            **columns_of({name: each.get(key, NO_INTERVAL) for name, each in columns.items()}),
        }
        for key, words in _LINK_METRICS.items()
    ]
    links = {each.link: _facts(tuner, each) for each in (first, second)}
    images, known = len(tuner.store.rows(split)), len(labelled.label)
    return make_frame(
        rows,
        "metric",
        _LINK_HEADINGS,
        title=f"Students on {known} labelled {IMAGES_OF[split]}; * the interval excludes 0",
        notes=[*_link_notes(links), draws_note(noise)],
        facts=common_facts(tuner, noise)
        | {"split": split, "images": images, "labelled": known, "links": links},
        level=noise["level"],
    )


def _distilled(tuner: Tuner, link: str, split: str, progress: Progress | None) -> _Students:
    distilled = tuner.with_students(link=link)
    node = distilled.original(progress)
    _count_look(distilled, node, split)
    outcomes = list(distilled.at(node, split).outcomes.values())
    return _Students(link, node, top_class(distilled, node, split), outcomes)


def _metrics(
    together: TopClass, classes: Sequence[Outcome], without: str = "", **noise: Any
) -> dict[str, Interval]:
    names = [key for key in TOGETHER if key != without]
    return metric_intervals(together, names, **noise) | {AP.key: mean_interval(classes, **noise)}


def _facts(tuner: Tuner, students: _Students) -> dict[str, Any]:
    node = students.node
    return {
        "node": node.id,
        "weights_hash": node.weights_hash,
        "nonzero": int(np.count_nonzero(node.weights)),
        "gap": float(max(node.gap)),
        "looks": tuner.history.looks(node.id, HOLDOUT),
    }


def _link_notes(links: dict[str, dict[str, Any]]) -> list[str]:
    """Return sentences on the comparison: shared settings, and differences beyond the metrics."""
    nonzero = [f"{links[link]['nonzero']} with {words}" for link, words in LINK_WORDS.items()]
    return [
        "Agreement is with the teacher. The change is the softmax student less the students per "
        "class, paired on the same draws of images.",
        f"Influences that are not 0: {', '.join(nonzero)}, under the same lambda.",
        "Of students per class the probabilities of an image are divided by their sum.",
    ]
