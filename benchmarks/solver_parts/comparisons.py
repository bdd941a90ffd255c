"""The comparisons of the benchmark; each prints what it found and notes its ratios."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import certify, fit, fit_joint, fit_paper
from solver_parts import edits, libraries, recipe
from solver_parts.setting import L1, Limits, Setting
from solver_parts.timing import Ratios, Seconds, interleaved, median, timed

EPOCHS = 10
#: Share of the optimum from which on the curve of a plain layer is compared: a first percent.
WITHIN = 0.015
SAGA = (20, 40, 80, 160, 320, 640, 1280, 2560, 5120)
TOLERANCES = tuple(10.0 ** -(power / 2) for power in range(2, 19))
#: The same as largest slope at the end.
STEEP = tuple(10.0 ** -(power / 2) for power in range(8, 19))
Others = Mapping[str, tuple[Callable[[libraries.OneClass], libraries.Solve], Sequence[float]]]


def against_recipe(s: Setting, limits: Limits, ratios: Ratios) -> None:
    """The paper's recipe as one layer and class by class."""
    recipe.train(s.scores[:500], s.targets[:500], L1, 1e-3, 1)  # torch warms up
    lr = recipe.best_rate(s.scores, s.targets, L1, EPOCHS)
    product = s.exact.weights.astype(s.scores.dtype)
    own: dict[str, Callable[[], Any]] = {
        "exact": partial(fit, s.scores, s.targets, l1=L1),
        "X @ W": lambda: s.scores @ product,
    }
    train = {"one_layer": recipe.train, "each_class_alone": recipe.train_each}
    times: dict[str, list[Seconds]] = {name: [] for name in (*own, *train)}
    for _ in range(limits.repeats):
        for name, function in own.items():
            times[name].append(timed(function)[0])
        runs = {name: t(s.scores, s.targets, L1, lr, EPOCHS) for name, t in train.items()}
        for name, run in runs.items():
            times[name].append(run.seconds)
    usual = recipe.train_each(s.scores, s.targets, L1, lr, EPOCHS, loader=True)  # once: it is long
    runs["each_class_alone_by_DataLoader"] = usual
    times["each_class_alone_by_DataLoader"] = [usual.seconds]
    ours, one_product = median(times["exact"]), median(times["X @ W"])
    print(f"  exact: {ours}; X @ W for all classes: {one_product}")
    ratios.add("exact_over_X@W", ours, one_product)
    for name, run in runs.items():
        above = (run.objective - s.exact.objective) / s.unit
        print(
            f"  recipe, {name}, {EPOCHS} epochs at lr {lr:g}: {median(times[name])}; objective ",
            end="",
        )
        print(f"{above.mean():.1e} above the optimum (worst class {above.max():.1e})")
        ratios.add(f"recipe_{name}_over_exact", median(times[name]), ours)
        ratios.put(f"recipe_{name}_objective_above", above.mean())


def paper_solver(s: Setting, ratios: Ratios) -> None:
    """The product's ``solver: paper`` at its defaults, with the measure of its distance."""
    fit_paper(s.scores[:500], s.targets[:500], l1=L1, epochs=1)  # torch warms up
    exact, _ = timed(partial(fit, s.scores, s.targets, l1=L1))
    seconds, reached = timed(partial(fit_paper, s.scores, s.targets, l1=L1))
    above = (reached.objective - s.exact.objective) / s.unit
    used, best = np.count_nonzero(reached.weights), np.count_nonzero(s.exact.weights)
    print(
        f"  solver: paper: {seconds}; objective {np.median(above):.1e} above the optimum in the "
        f"median (worst class {above.max():.1e}); {used} of {reached.weights.size} weights are "
        f"not 0 (exact {best})"
    )
    ratios.add("solver_paper_over_exact", seconds, exact)
    ratios.put("solver_paper_median_objective_above", float(np.median(above)))
    ratios.put("solver_paper_weights_over_exact", used / best)


def against_layer(s: Setting, limits: Limits, ratios: Ratios) -> None:
    """The whole curve of a strong plain layer, of the best learning rate at its end: for each of
    its points from ``WITHIN`` on, its time over ours to an objective at least as low."""
    ours = []
    for tolerance in (0.1, 0.03, 0.01, 1e-3, 1e-6):
        run = partial(fit, s.scores, s.targets, l1=L1, tolerance=tolerance)
        times = interleaved({"exact": run}, limits.repeats)
        ours.append((times["exact"], _above(s, run().objective)))
    print("  exact, stopped early: " + _told(ours))
    for epochs in limits.layer_epochs:
        runs = [recipe.curve(s.scores, s.targets, L1, lr, epochs) for lr in recipe.RATES]
        best = min(runs, key=lambda run: run[-1].objective.mean())
        points = [(each.seconds, _above(s, each.objective)) for each in best]
        print(f"  one layer, standardised, {epochs} epochs: " + _told(points))
        behind = [
            seconds.cpu / next((own.cpu for own, low in ours if low <= above), np.inf)
            for seconds, above in points
            if above <= WITHIN
        ]
        if behind:
            ratios.put(f"layer_{epochs}_epochs_least_over_exact_cpu", min(behind))


def _above(s: Setting, objective: NDArray) -> float:
    """How far the mean objective of the classes is above the optimum, over that."""
    return float(objective.mean() / s.exact.objective.mean() - 1)


def _told(points: Sequence[tuple[Seconds, float]]) -> str:
    return ", ".join(f"{above:.1e} above after {seconds.cpu:.2f} s" for seconds, above in points)


def against_libraries(s: Setting, limits: Limits, ratios: Ratios) -> None:
    """One class at a time; soft targets for scikit-learn, hard labels for all."""
    soft = {"saga": (libraries.saga, SAGA), "liblinear": (libraries.liblinear, TOLERANCES)}
    hard = {
        "adelie": (libraries.adelie, TOLERANCES),
        "skglm": (libraries.skglm, TOLERANCES),
        "celer": (libraries.celer, TOLERANCES),
        "liblinear": (libraries.liblinear, TOLERANCES),
    }
    classes = _compared(s, limits)
    labels = (s.logits > 0).astype(np.float64)
    race("soft", s.scores, s.targets[:, classes], soft, limits, ratios)
    race("hard", s.scores, labels[:, classes], hard, limits, ratios)


def at_other_penalties(s: Setting, limits: Limits, ratios: Ratios) -> None:
    """One class at a time against the quickest libraries, at fewer weights and at more."""
    classes = _compared(s, limits)
    labels = (s.logits > 0).astype(np.float64)
    hard = {"adelie": (libraries.adelie, TOLERANCES), "skglm": (libraries.skglm, TOLERANCES)}
    for l1 in (1e-2, 1e-3, 1e-5):
        race(f"hard_{l1:g}", s.scores, labels[:, classes], hard, limits, ratios, l1)
    smooth = {"lbfgsb": (libraries.lbfgsb, STEEP)}
    race("soft_1e-05", s.scores, s.targets[:, classes], smooth, limits, ratios, 1e-5)


def _compared(s: Setting, limits: Limits) -> NDArray[np.intp]:
    """Classes to compare, from rare to frequent."""
    by_share = np.argsort((s.logits > 0).mean(axis=0))
    middle = np.linspace(0, 1, limits.classes + 2)[1:-1]
    return by_share[np.round(middle * (len(by_share) - 1)).astype(int)]


#: L1 penalty of the softmax students, of standardised scores: Label-free CBM's.
SOFTMAX_L1 = 7e-4


def against_glm_saga(s: Setting, limits: Limits, ratios: Ratios) -> None:
    """The softmax student of hard labels against the solver of Label-free CBM."""
    problem = libraries.Softmax(s.scores, s.logits.argmax(axis=1), SOFTMAX_L1)
    scores, targets = problem.inner, problem.targets
    run = partial(fit_joint, scores, targets, l1=SOFTMAX_L1)
    ours = interleaved({"exact": run}, limits.repeats)["exact"]
    best = run(tolerance=1e-9)
    unit = problem.objective(np.zeros_like(best.weights))
    used = np.count_nonzero(best.weights)
    print(f"  softmax student: exact {ours}; {used} of {best.weights.size} weights are not 0")
    try:
        solve = libraries.glm_saga(problem)
    except ImportError as error:
        print(f"  {error.name} is not installed")
        return
    found = libraries.path(problem, solve, SAGA, best.objective, unit, limits.library)
    print(f"  softmax student: glm-saga, {found.setting:.0f} epochs: {found.seconds}, ", end="")
    print(f"{found.above:.1e} above the optimum")
    ratios.add("glm_saga_over_exact", found.seconds, ours, found.reached)
    ratios.put("glm_saga_objective_above", found.above)


def race(
    name: str,
    scores: NDArray,
    targets: NDArray,
    others: Others,
    limits: Limits,
    ratios: Ratios,
    l1: float = L1,
) -> None:
    """Sum over the classes of each solver's seconds, over ours."""
    ours = Seconds(0.0, 0.0)
    theirs = dict.fromkeys(others, ours)
    reached = dict.fromkeys(others, True)
    for k in range(targets.shape[1]):
        target = targets[:, [k]]
        ours += interleaved({"exact": partial(fit, scores, target, l1=l1)}, limits.repeats)["exact"]
        best = float(fit(scores, target, l1=l1, tolerance=1e-9).objective[0])
        unit = float(certify(scores, target, np.zeros((scores.shape[1], 1))).objective[0])
        problem = libraries.OneClass(scores, target[:, 0], l1)
        for other in list(reached):
            make, settings = others[other]
            try:
                solver = make(problem)
            except ImportError as error:
                print(f"  {error.name} is not installed")
                del reached[other]
                continue
            found = libraries.path(problem, solver, settings, best, unit, limits.library)
            print(f"  {name}, class {k}: {other} at {found.setting:.1g}: {found.seconds}, ", end="")
            print(f"{found.above:.1e} above the optimum")
            theirs[other] += found.seconds
            reached[other] &= found.reached
    print(f"  {name}: exact {ours}")
    for other, got_there in reached.items():
        ratios.add(f"{name}_{other}_over_exact", theirs[other], ours, got_there)


def edited(s: Setting, limits: Limits, ratios: Ratios) -> None:
    """One class warm after an edit, with metrics: p50 and p95 in ms, and without compiled loops as
    a multiple of this."""
    spent, plain = edits.time_edits(s.scores, s.targets, s.logits, s.exact, L1, limits.edits)
    for clock in ("wall", "cpu"):
        p50, p95 = np.quantile([getattr(t, clock) for t in spent], (0.5, 0.95)) * 1e3
        suffix = "" if clock == "wall" else "_cpu"
        print(f"  edit of one class, with metrics, {clock}: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
        ratios.put(f"edit_{s.name}_p50_ms{suffix}", p50)
        ratios.put(f"edit_{s.name}_p95_ms{suffix}", p95)
    times = np.array([without.cpu / each.cpu for without, each in zip(plain, spent, strict=True)])
    print(f"  the same without compiled loops: {np.median(times):.2f} times as long")
    ratios.put(f"edit_{s.name}_without_loops_cpu", float(np.median(times)))
