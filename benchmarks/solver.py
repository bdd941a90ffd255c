"""The exact solver against the paper's training recipe and other solvers, all in one run.

    python benchmarks/solver.py [--quick] [--threads N] [--store STORE.zarr ...]

Only ratios mean something on another machine. Each is taken on two clocks: the wall's, and the
processor time of all threads ("_cpu"), which is the one to read on a busy machine. Runs that are
short enough are repeated in turns, and the medians compared. The exact solver is at gap <= 1e-6;
others are compared at equal objective, within 1e-6 of the optimum relative to the objective at
w = 0, except the paper's recipe, whose objective is given. A ratio "_at_least" is of one that did
get there within its limit. A library that is not installed is left out; adelie is no part of the
extra `benchmarks`, as it asks for numpy below 2: `pip install --no-deps adelie`.
Parts: solver_parts/. The last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed

from solver_parts import comparisons, data
from solver_parts.setting import FULL, QUICK, solve
from solver_parts.timing import Ratios
from threadpoolctl import threadpool_info, threadpool_limits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small limits: within 45 s")
    parser.add_argument("--threads", type=int, default=1, help="BLAS and torch threads of all")
    parser.add_argument("--store", type=Path, nargs="*", default=[], help="real scores as well")
    options = parser.parse_args()
    with threadpool_limits(options.threads):
        run(options)


def run(options: argparse.Namespace) -> None:
    import torch

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    torch.set_num_threads(options.threads)
    limits, ratios = (QUICK if options.quick else FULL), Ratios()
    blas = {f"{b['internal_api']} {b['version']}" for b in threadpool_info()}
    print(f"{os.cpu_count()} cores, {options.threads} thread(s); {', '.join(sorted(blas))}")
    sizes = {"images": 5011, "concepts": 584, "classes": 20}
    main_setting = solve("5k", *data.synthetic(*sizes.values()))
    comparisons.against_recipe(main_setting, limits, ratios)
    comparisons.against_layer(main_setting, limits, ratios)
    comparisons.paper_solver(main_setting, ratios)
    comparisons.edited(main_setting, limits, ratios)
    comparisons.against_libraries(main_setting, limits, ratios)
    comparisons.at_other_penalties(main_setting, limits, ratios)
    comparisons.against_glm_saga(main_setting, limits, ratios)
    alike, own = solve("as_clip", *data.synthetic(*sizes.values(), decay=data.AS_CLIP)), Ratios()
    comparisons.edited(alike, limits, own)
    comparisons.against_libraries(alike, limits, own)
    ratios.take("as_clip", own)
    if not options.quick:
        comparisons.edited(solve("82k", *data.synthetic(82_081, 584, 4)), limits, ratios)
        large, own = solve("50k", *data.synthetic(50_000, 2_000, 100)), Ratios()
        comparisons.against_libraries(large, replace(limits, classes=1), own)
        ratios.take("50k", own)
    for path in options.store:
        real, own = solve(path.stem, *data.of_store(path)), Ratios()
        comparisons.at_other_penalties(real, limits, own)
        comparisons.against_recipe(real, limits, own)
        comparisons.paper_solver(real, own)
        comparisons.edited(real, limits, own)
        ratios.take(path.stem, own)
    print(json.dumps({"name": "solver", "ratios": ratios.rounded(), "sizes": sizes}))


if __name__ == "__main__":
    main()
