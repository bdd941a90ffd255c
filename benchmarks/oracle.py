"""Effects of the oracle's step on the outputs, and on the students that learn from them.

    python benchmarks/oracle.py scenes [--gammas 1 4 16 64]
    INFICOND_DATA=... python benchmarks/oracle.py photos --store coco18.zarr

A small teacher with a gradient is made here. scenes: the demo's net, trained for less long on
other scenes, with the concept scores of the demo's store. photos: logistic heads on the encoder of
specs/coco18.yaml, with the scores of the store that `inficond precompute` wrote; an image of fit is
judged by heads that were fitted on the others. For each gamma the images of fit are reinforced,
x* = x - gamma |x| dL/dx (Lee et al., BMVC 2023, eq. 2), a store is written with the logits of
both, and outputs on fit and students on tune are measured as `inficond compare` does. The paper's
claims of the oracle are held against the outputs. The last line is JSON. Times are those of the
machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
#: What the paper says of the oracle's outputs (section 4.1): the sign of oracle less teacher.
CLAIMS = {"accuracy": 1, "ece": -1, "ece_pooled": -1, "entropy": -1, "silhouette": 1}


def main() -> None:
    options = parse()
    sys.path[:1] = [str(ROOT), str(ROOT / "benchmarks")]  # the package, not this file
    import torch
    from oracle_parts.teachers import oracle_logits_of, photos_teacher, scenes_teacher

    from inficond_panel.spec import find_spec, load_spec
    from inficond_panel.store import open_store

    torch.set_num_threads(options.threads)
    started = time.process_time()
    spec = load_spec(
        find_spec(
            "demo" if options.set == "scenes" else Path(__file__).parent / "specs" / "coco18.yaml"
        ),
        check_files=False,
    )
    base = open_store(options.store or spec.store)
    if options.set == "scenes":
        teacher = scenes_teacher(base, spec, options.scenes, options.epochs)
    else:
        teacher = photos_teacher(base, spec, options.side)
    say(f"{options.set}: {teacher.name}; {time.process_time() - started:.0f} s of CPU")
    fit = base.rows("fit")
    oracle = oracle_logits_of(teacher, fit, base.label[fit], options.gammas)
    say(f"logits made; {time.process_time() - started:.0f} s of CPU")
    found = [measured(spec, base, teacher.logit, gamma, of_fit) for gamma, of_fit in oracle.items()]
    for number, row in enumerate(found):
        say_row(row, first=number == 0)
    say(f"{time.process_time() - started:.0f} s of CPU")
    print(json.dumps({"name": "oracle", "set": options.set, "oracle": found}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=["scenes", "photos"])
    parser.add_argument("--store", type=Path, help="store with the concept scores")
    parser.add_argument("--gammas", type=float, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--scenes", type=int, default=3000, help="scenes to train the net on")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--side", type=int, default=160, help="pixels of a photo's side")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def measured(spec: Any, base: Any, logit: Any, gamma: float, of_fit: Any) -> dict[str, Any]:
    """Outputs on fit, and students on tune: plain, and beside the labels."""
    from inficond_panel.quantify.output_report import measure_outputs
    from inficond_panel.quantify.outputs import outputs_on, sample, single_label_groups
    from inficond_panel.results.distillations import (
        DistillationSetting,
        compare_settings,
        setting_grid,
    )
    from inficond_panel.spec import with_students
    from inficond_panel.store import open_store
    from inficond_panel.tuning import History, Tuner

    arrays = {str(name): base.dataset[name].to_numpy() for name in base.dataset.variables}
    arrays["teacher_logit"] = logit.astype(np.float32)
    arrays["oracle_logit"] = np.full(logit.shape, np.nan, np.float32)
    arrays["oracle_logit"][base.rows("fit")] = of_fit
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "both.zarr", arrays, base.attrs)
        store = open_store(Path(folder) / "both.zarr")
        outputs = outputs_on(store, "fit")
        groups = sample(single_label_groups(outputs.label, outputs.classes))
        penalty = spec.students.lambda_
        tuner = Tuner(store, with_students(spec, alpha=None), History(":memory:"))
        grid = setting_grid(["teacher", "oracle"], [None, 1.0], [1.0], [penalty])
        grid.append(DistillationSetting("teacher", 0.0, 1.0, penalty))
        students = compare_settings(tuner, grid)
        changes = students["changes"].set_index("number")
        return {
            "gamma": gamma,
            "groups": {"rule": groups.rule, "images": groups.images, "names": groups.names},
            "outputs": plain(measure_outputs(outputs, groups=groups)),
            "teacher": metrics(students["students"].iloc[-1]),
            "students": [
                {
                    "targets": row["targets"],
                    "alpha": None
                    if row["alpha"] is None or np.isnan(row["alpha"])
                    else row["alpha"],
                    "metrics": metrics(row),
                    "change": metrics(changes.loc[row["number"]]) if number else None,
                }
                for number, (_, row) in enumerate(students["students"].iloc[:-1].iterrows())
            ],
        }


def metrics(row: Any) -> dict[str, list[float]]:
    """Metrics of a row as lists [estimate, low, high]."""
    from inficond_panel.results.distillations import COMPARED

    return {
        name: [round(row[f"{name}{end}"], 4) for end in ("", "_low", "_high")] for name in COMPARED
    }


def write(path: Path, arrays: dict[str, Any], attrs: dict[str, Any]) -> None:
    from inficond_panel.store import write_store

    write_store(path, arrays, {**attrs, "teacher": "made by benchmarks/oracle.py"})


def plain(found: Any) -> Any:
    """Intervals and what holds them as lists [estimate, low, high]."""
    if hasattr(found, "estimate"):
        return [round(value, 4) for value in (found.estimate, found.low, found.high)]
    if isinstance(found, dict):
        return {name: plain(each) for name, each in found.items()}
    return None if found is None else {name: plain(each) for name, each in vars(found).items()}


def say_row(row: dict[str, Any], first: bool) -> None:
    if first:
        say("teacher on fit: " + told({n: m["teacher"] for n, m in row["outputs"].items()}))
        say("teacher on tune: " + told(row["teacher"]))
    say(f"\ngamma {row['gamma']:g}")
    say("  oracle on fit (has seen the label): "
        + told({n: m["oracle"] for n, m in row["outputs"].items()}))  # fmt: skip
    for name, sign in CLAIMS.items():
        low, high = row["outputs"][name]["change"][1:]
        holds = low > 0 if sign > 0 else high < 0
        against = high < 0 if sign > 0 else low > 0
        verdict = "holds" if holds else "the contrary holds" if against else "within noise"
        say(f"  {'higher' if sign > 0 else 'lower'} {name}: {verdict}, {text(row['outputs'][name]['change'])}")  # fmt: skip  # noqa: E501
    for student in row["students"]:
        alpha = "no labels" if student["alpha"] is None else f"alpha {student['alpha']:g}"
        say(f"  student of {student['targets']}, {alpha}: {told(student['metrics'])}")
        if student["targets"] == "oracle":
            say(f"    less the teacher's: {told(student['change'])}")


def told(metrics: dict[str, Any]) -> str:
    return ", ".join(f"{name} {text(values)}" for name, values in metrics.items())


def text(values: list[float]) -> str:
    return "{:.3f} [{:.3f}, {:.3f}]".format(*values)


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
