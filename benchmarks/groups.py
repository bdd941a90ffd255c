"""Does ``suggest --aim worst-group`` keep up with a regression that is balanced by groups?

    python benchmarks/groups.py FILE TABLE [--seeds 10] [--first-seed 0] [--controls 10] [--quick]

TABLE has the columns blond, male, caption; words of captions, 0 or 1, are the concepts, and photos
are parted by chance (3 : 1 : 1). The class is *blond hair*, the groups are *male*. Measured on the
holdout: the share of blond men that is found if as many photos are called as have blond hair, the
worst cell of label and group, and AP.

*original*: the student as it is. *proposed*: what suggest proposes for the groups. *random groups*:
what it proposes for groups by a column of chance (a control); --quick leaves these two out.
*reweight groups*: this lever alone; *strength s*: with this strength; *by chance*: groups by the
column of chance; *shuffled*: the groups, shuffled among the photos of equal label, so that each
cell keeps its size (controls). *all cells equal*: the four cells of label and group have equal
weight, by an L1 model of the teacher. *regression*: scikit-learn's logistic regression (L2, C by
3-fold cross-validation) of the labels of fit, or of fit and tune; its rows have equal weight per
cell, for the loss of the choice too.
*DFR*: the model of balanced labels of tune.

Each split is one line of JSON, added to FILE; the tables are of all lines there, with 95 %
intervals from draws of photos, a photo with the same count in all splits and methods.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shared_parts.captions import CLASS, caption_students, read_captions
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from inficond_panel.api.students import TunableStudents
from inficond_panel.distill import FitProblem, Outcome, Scores, solve
from inficond_panel.distill.group_balanced import dfr
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.metrics.worst_group import accuracies_at_equal_numbers
from inficond_panel.tuning.edits import Edit
from inficond_panel.tuning.repairs.reweight_groups import VALUES, ReweightGroups

DRAWS = 300
STRENGTHS = (0.01, 0.03, 0.1, 0.3)
GROUP, CHANCE, SHUFFLED = "male", "chance", "shuffled"
#: Methods that reweight groups that say nothing: by which column, at which strength (None: auto).
CONTROLS = {
    "strength 1, by chance": (CHANCE, 1.0),
    "reweight groups, shuffled": (SHUFFLED, None),
    **{f"strength {value:g}, shuffled": (SHUFFLED, value) for value in VALUES},
}
REFERENCES = ("regression", "regression, fit and tune")


def main() -> None:
    """Measure, and print the tables of all that is in the file."""
    args = parse_args()
    table, scores = read_captions(args.table)
    counts = draw_counts(len(table), DRAWS, 0)
    with args.file.open("a") as file:
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            how = {"control": seed < args.first_seed + args.controls, "quick": args.quick}
            row = Split(table, scores, seed, args.lambda_, **how).measured(counts)
            print(json.dumps(row), file=file, flush=True)
    rows = [json.loads(line) for line in args.file.read_text().splitlines()]
    show(sorted(rows, key=lambda row: int(row["seed"])))


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--controls", type=int, default=10, help="splits with random groups")
    parser.add_argument("--quick", action="store_true", help="without suggest")
    parser.add_argument("--lambda", dest="lambda_", default="auto")
    return parser.parse_args()


class Split:
    """One random split: its students, and all methods' logits on its holdout."""

    def __init__(
        self,
        table: pd.DataFrame,
        scores: pd.DataFrame,
        seed: int,
        lambda_: str,
        *,
        control: bool = False,
        quick: bool = False,
    ) -> None:
        self.control, self.quick = control, quick
        rng = np.random.default_rng([seed, 6])
        chance = rng.permutation(table["male"].to_numpy())
        shuffled = table.groupby("blond")["male"].transform(rng.permutation)
        columns = {GROUP: table["male"], CHANCE: chance, SHUFFLED: shuffled}
        metadata = pd.DataFrame(columns, table.index).astype(str)
        self.students = caption_students(table, scores, seed, lambda_, metadata)
        self.seed, self.store = seed, self.students.tuner.store
        at = [table.index.get_loc(image) for image in self.store.images]
        self.place = np.array(at)
        self.x = scores.to_numpy()[self.place]
        self.label = table["blond"].to_numpy()[self.place]
        self.cell = 2 * table["male"].to_numpy()[self.place] + (self.label == 0)
        self.fit, self.tune, self.rows = map(self.store.rows, ("fit", "tune", "holdout"))

    def measured(self, counts: NDArray) -> dict[str, Any]:
        """All that is measured, with draws by ``counts`` (draws, photos of the table)."""
        drawn = counts[:, self.place[self.rows]]
        label, cell = self.label[self.rows], self.cell[self.rows]
        found: dict[str, Any] = {"seed": self.seed, "edits": {}, "methods": {}}
        found["men"] = int((cell == 2).sum())
        found["men_drawn"] = drawn[:, cell == 2].sum(axis=1).tolist()
        for name, logits, edits in self.methods():
            shares = [
                accuracies_at_equal_numbers(label == 1, logits, cell, each)
                for each in (None, drawn)
            ]
            outcome = Outcome(label, logits)
            found["edits"][name] = edits
            found["methods"][name] = {
                "found": float(shares[0][2, 0]),
                "worst": float(shares[0].min()),
                "ap": outcome.value("ap"),
                "found_drawn": shares[1][2].round(5).tolist(),
                "ap_drawn": outcome.values("ap", drawn).round(5).tolist(),
            }
        shutil.rmtree(Path(self.store.path).parent)
        return found

    def methods(self) -> Iterator[tuple[str, NDArray, list[Any]]]:
        """Name, logits on the holdout and edits of each method."""
        yield "original", *self.after(self.students, [])
        aims = {} if self.quick else {"proposed": GROUP}
        aims |= {"random groups": CHANCE} if self.control and not self.quick else {}
        for name, by in aims.items():
            edits = list(self.students.suggest(aim="worst-group", by=by, seed=self.seed).intents)
            yield name, *self.after(self.students, edits)
        yield "reweight groups", *self.after(self.students, [ReweightGroups(CLASS, GROUP)])
        for value in VALUES:
            edit = ReweightGroups(CLASS, GROUP, value)
            yield f"strength {value:g}", *self.after(self.students, [edit])
        for name, (by, strength) in CONTROLS.items():
            yield name, *self.after(self.students, [ReweightGroups(CLASS, by, strength)])
        yield "all cells equal", self.all_cells_equal(), []
        both = np.concatenate([self.fit, self.tune])
        for name, rows in zip(REFERENCES, (self.fit, both), strict=True):
            yield name, *self.regression(rows, balanced(self.cell[rows]))
        weights, intercept = dfr(*(each[self.tune] for each in (self.x, self.label, self.cell)))
        yield "DFR", self.x[self.rows] @ weights + intercept, []

    def after(self, students: TunableStudents, edits: list[Edit]) -> tuple[NDArray, list[Any]]:
        """Logits after edits, and the edits with the settings that were chosen."""
        after = students.tune(edits) if edits else students
        terms = after.tuner.terms(after.node).get(CLASS)
        told = [] if terms is None else [each.words for each in terms.effects]
        named = [f"{each.kind.key} {getattr(each, 'concept', '')}".strip() for each in edits]
        return after.tuner.logits(after.node, self.rows)[:, 0], [*named, *told]

    def all_cells_equal(self) -> NDArray:
        """Logits of a sparse model of the teacher, whose four cells have equal weight."""
        target = 1 / (1 + np.exp(-np.asarray(self.store.teacher_log_odds[self.fit, 0], float)))
        lambda_ = self.students.tuner.repairs.class_fit(self.students.node, CLASS)
        l1 = float(lambda_.l1_under(lambda_.terms))
        weight = balanced(self.cell[self.fit])[:, None]
        problem = FitProblem(Scores(self.x[self.fit]), target[:, None], l1, sample_weight=weight)
        made = solve(problem)
        return (self.x[self.rows] @ made.weights + made.intercepts)[:, 0]

    def regression(self, rows: NDArray, weight: NDArray) -> tuple[NDArray, list[Any]]:
        """Logits of a logistic regression of the labels at ``rows``, and its C."""
        x, y, loss = self.x[rows], self.label[rows], np.zeros(len(STRENGTHS))
        folds = StratifiedKFold(3, shuffle=True, random_state=0)
        for into, out in folds.split(x, self.cell[rows]):
            for at, c in enumerate(STRENGTHS):
                made = LogisticRegression(C=c, max_iter=500).fit(x[into], y[into], weight[into])
                logits = made.decision_function(x[out])
                loss[at] += weight[out] @ (np.logaddexp(0, logits) - y[out] * logits)
        c = STRENGTHS[int(loss.argmin())]
        made = LogisticRegression(C=c, max_iter=500).fit(x, y, weight)
        return made.decision_function(self.x[self.rows]), [f"C {c:.3g}"]


def balanced(cell: NDArray) -> NDArray:
    """Weights of mean 1 that give each cell the same total."""
    weight = (1 / np.bincount(cell))[cell]
    return weight / weight.mean()


def show(rows: list[dict[str, Any]]) -> None:
    """Print each method's figures, and what *proposed* has more than the references."""
    men = np.array([row["men"] for row in rows])
    drawn = np.array([row["men_drawn"] for row in rows])
    print(f"{len(rows)} splits, {men.sum()} blond men on their holdouts")
    names = [name for name in rows[0]["methods"] if all(name in row["methods"] for row in rows)]
    values = {name: pooled(rows, name, men, drawn) for name in names}
    for name in names:
        (found, found_draws), (ap, ap_draws) = values[name]
        print(f"{name:26s} found {limits(found, found_draws)}  AP {limits(ap, ap_draws)}")
    ours = ("proposed", "reweight groups", *(f"strength {value:g}" for value in VALUES), *CONTROLS)
    for name in [each for each in ours if each in values]:
        for other in ("original", *REFERENCES, "DFR"):
            parts = zip(values[name], values[other], strict=True)
            found, ap = (limits(a[0] - b[0], a[1] - b[1]) for a, b in parts)
            print(f"{name} less {other}: found {found}, AP {ap}")
    for row in rows:
        edits = row["edits"].get("proposed", row["edits"]["reweight groups"])
        print(row["seed"], "; ".join(map(str, edits)) or "nothing proposed")
        if control := row["methods"].get("random groups"):
            print(
                "   random groups:", "; ".join(row["edits"]["random groups"]) or "nothing", end=""
            )
            found, before = control["found"], row["methods"]["original"]["found"]
            print(f", found {found:.3f}, before {before:.3f}")


def pooled(
    rows: list[dict[str, Any]], name: str, men: NDArray, drawn: NDArray
) -> list[tuple[float, NDArray]]:
    """Share of blond men found, over all splits, and mean AP; each with its draws."""
    of = [row["methods"][name] for row in rows]
    share = np.array([each["found"] for each in of])
    shares = np.nan_to_num(np.array([each["found_drawn"] for each in of]))
    ap_draws = np.array([each["ap_drawn"] for each in of]).mean(axis=0)
    return [
        (float(share @ men / men.sum()), (shares * drawn).sum(axis=0) / drawn.sum(axis=0)),
        (float(np.mean([each["ap"] for each in of])), ap_draws),
    ]


def limits(value: float, draws: NDArray) -> str:
    """A share or difference in points, with its interval."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


if __name__ == "__main__":
    main()
