"""Run of ``inficond compare``: outputs measured, students distilled, both held side by side."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from inficond_panel.commands.compare.compare_files import FILES, make_files
from inficond_panel.commands.compare.compare_text import (
    NAMES,
    notes_on,
    outside_notes,
    setting_text,
    starred_change,
)
from inficond_panel.commands.compare.compared import Compared
from inficond_panel.commands.compare.frame import carry_out, count_looks
from inficond_panel.commands.metrics.metrics_document import interval_documents
from inficond_panel.commands.shared.output import note, progress, say, say_table
from inficond_panel.common.numbers import MINUS, defined
from inficond_panel.distill import SEEN_LABEL
from inficond_panel.errors import MissingExtraError
from inficond_panel.quantify.outputs.oracle_sweep import GROUPS
from inficond_panel.quantify.outputs.output_report import MEASURES, OutputMeasure, measure_outputs
from inficond_panel.quantify.outputs.outputs import Outputs, outputs_on
from inficond_panel.quantify.outputs.reliability import Reliability
from inficond_panel.quantify.outputs.separation import sample
from inficond_panel.results.distillations import (
    Setting,
    SettingResult,
    compare_settings,
    setting_grid,
    teacher_metrics,
)
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.metrics import ECE
from inficond_panel.vocabulary.splits import FIT, HOLDOUT, TUNE


def compare_outputs_and_students(args: argparse.Namespace) -> None:
    """Measure the outputs, distill the students of each setting, and hold them side by side."""
    carry_out(
        args,
        names=FILES,
        find=lambda tuner: _compared(tuner, args),
        files=lambda _, found: make_files(found, args.seed),
        document=lambda _, found: document(found, args),
        tell=lambda _, found: _say(found, args),
    )


def _say(compared: Compared, args: argparse.Namespace) -> None:
    _say_outputs(compared)
    say()
    _say_students(compared, args)


def _compared(tuner: Tuner, args: argparse.Namespace) -> Compared:
    settings = _settings(tuner, args)
    chosen: dict[str, Any] = {"draws": args.draws, "seed": args.seed}
    students = compare_settings(tuner, settings, args.split, progress=progress, **chosen)
    chosen["level"] = tuner.spec.views.confidence
    outputs = outputs_on(tuner.store, FIT)
    made = sample(GROUPS[args.groups](outputs.label, outputs.classes), seed=args.seed)
    groups = made if len(made.names) > 1 else None
    chosen["thresholds"] = tuner.thresholds
    if groups is None:
        note(f"No silhouette: of {made.rule} there are {len(made.names)} groups of two or more.")
    try:
        measures = measure_outputs(outputs, groups=groups, **chosen)
    except MissingExtraError as error:
        note(error.for_shell)
        groups, measures = None, measure_outputs(outputs, **chosen)
    count_looks(tuner, [result.node for result in students], args.split)
    return Compared(
        tuner=tuner,
        outputs=outputs,
        measures=measures,
        on_tune=measure_outputs(outputs_on(tuner.store, TUNE), **chosen),
        groups=groups,
        split=args.split,
        students=students,
        teacher=teacher_metrics(tuner, args.split, draws=args.draws, seed=args.seed),
    )


def _settings(tuner: Tuner, args: argparse.Namespace) -> list[Setting]:
    """The grid asked for; what is left out is as in the spec."""
    own = Setting.of(tuner.spec.students)
    there = ["teacher", *(["oracle"] if tuner.store.has("oracle_logit") else [])]
    return setting_grid(
        args.targets or there,
        args.alpha or [own.alpha],
        args.temperature or [own.temperature],
        args.lambda_ or [_penalties(tuner)],
        args.tempered or [own.tempered],
    )


def _penalties(tuner: Tuner) -> Any:
    """Penalties of the spec; those that it leaves to the data are the same in all settings."""
    if not tuner.penalties_chosen:
        return tuner.spec.students.lambda_
    return dict(zip(tuner.store.classes, tuner.penalties, strict=True))


def _say_outputs(compared: Compared) -> None:
    outputs = compared.outputs
    say(f"Outputs on the split fit: {len(outputs.images)} images, {len(outputs.classes)} classes")
    say()
    oracle = "oracle" in outputs.logits
    rows = []
    for name, measure in compared.measures.items():
        tune = compared.on_tune.get(name)
        row = [
            MEASURES[name],
            tune.teacher.written() if tune else "",
            measure.teacher.written(),
        ]
        if measure.oracle and measure.change:
            row += [measure.oracle.written(), starred_change(measure.change)]
        rows.append(row)
    header = ["", "teacher, tune", "teacher"]
    more = [f"oracle, {SEEN_LABEL}", f"oracle {MINUS} teacher"] if oracle else []
    say_table([*header, *more], rows)
    for line in [*outside_notes(rows), *notes_on(outputs, compared.groups)]:
        say(line)
    if not oracle:
        note("The store has no oracle logits: give teacher.oracle, then inficond precompute SPEC.")


def _say_students(compared: Compared, args: argparse.Namespace) -> None:
    say(f"Students on the split {args.split}, means over the classes; fidelity is to the teacher")
    say()
    rows = [
        [f"{at} {setting_text(r.setting)}", *(r.metrics[name].written() for name in NAMES)]
        for at, r in enumerate(compared.students, start=1)
    ]
    rows.append(["  the teacher itself", *(compared.teacher[name].written() for name in NAMES)])
    say_table(["students", *NAMES.values()], rows)
    for line in outside_notes(rows):
        say(line)
    changed = [(at, r) for at, r in enumerate(compared.students, start=1) if r.change]
    if changed:
        say()
        say("Differences, paired on the same draws of images; * beyond noise")
        say()
        say_table(["students", *NAMES.values()], [_difference(at, r) for at, r in changed])
    say()
    level = compared.level
    say(f"{args.draws} bootstrap draws of images, {interval_word(level)}s.")
    if any(result.mark for result in compared.students):
        say(
            f"The oracle {SEEN_LABEL}: its students learned it on fit, and are measured without it."
        )


def _difference(at: int, result: SettingResult) -> list[str]:
    against, change = result.against or 0, result.change or {}
    return [f"{at} less {against + 1}", *(starred_change(change[name]) for name in NAMES)]


def document(compared: Compared, args: argparse.Namespace) -> dict[str, Any]:
    """Everything that was measured; undefined is None."""
    groups = compared.groups
    return {
        "spec": str(compared.tuner.spec.path),
        "store_hash": compared.tuner.store.content_hash,
        "draws": args.draws,
        "seed": args.seed,
        "level": compared.level,
        "outputs": {
            "split": compared.outputs.split,
            "images": len(compared.outputs.images),
            "oracle": SEEN_LABEL if "oracle" in compared.outputs.logits else None,
            "measures": _measures(compared.measures),
            "teacher_on_tune": _measures(compared.on_tune),
            "groups": groups
            and {"rule": groups.rule, "names": list(groups.names), "images": groups.images},
            "reliability": {
                kind: _diagrams(compared.outputs, kind) for kind in compared.outputs.logits
            },
        },
        "split": args.split,
        "teacher": interval_documents(compared.teacher),
        "students": [
            {**_student(result), "looks": compared.tuner.history.looks(result.node.id, HOLDOUT)}
            for result in compared.students
        ],
    }


def _measures(measures: Mapping[str, OutputMeasure]) -> dict[str, Any]:
    return {
        name: {kind: interval and interval.json() for kind, interval in vars(found).items()}
        for name, found in measures.items()
    }


def _diagrams(outputs: Outputs, kind: str) -> dict[str, Any]:
    return {
        bins: {
            "pooled": _diagram(outputs.pooled(kind, mass)),
            "classes": {name: _diagram(d) for name, d in outputs.by_class(kind, mass).items()},
        }
        for bins, mass in (("equal_width", False), ("equal_mass", True))
    }


def _diagram(diagram: Reliability) -> dict[str, Any]:
    names = ("lower", "upper", "probability", "frequency")
    values = {name: [defined(v) for v in getattr(diagram, name).tolist()] for name in names}
    return {
        **values,
        "events": diagram.events.tolist(),
        ECE.key: defined(diagram.ece),
        "ece_if_calibrated": defined(diagram.floor),
    }


def _student(result: SettingResult) -> dict[str, Any]:
    setting = vars(result.setting).copy()
    changes = result.class_changes or {}
    return {
        "lambda": setting.pop("lambda_"),
        **setting,
        "mark": result.mark or None,
        "node": result.node.id,
        "weights_hash": result.node.weights_hash,
        "nonzero": int((result.node.weights != 0).sum()),
        "metrics": interval_documents(result.metrics),
        "against": result.against,
        "change": interval_documents(result.change),
        "classes": {
            name: {
                "metrics": interval_documents(metrics),
                "change": interval_documents(changes.get(name)),
            }
            for name, metrics in result.classes.items()
        },
    }
