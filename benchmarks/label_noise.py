"""How often wrong labels are named in generated classes with right labels, and with wrong ones.

    python benchmarks/label_noise.py FILE [--first-seed 0] [--seeds 30]

A class is drawn from 12 normal scores; CLASSES says how its share depends on them. In *hard* ones
even the likeliest images show it only half of the time, or the unlikeliest ones do at times, or the
scores have long tails: no logistic curve fits. The teacher knows the share, with an error of half a
logit. Of the labels of fit none, a tenth, a fifth or a fiftieth are wrong, or a fifth of the
positives are missing. There are 600 images of fit and 250 of tune, or 1,500 and 600. Each case is
one line of JSON, added to FILE; the table is of all lines there: the share of the cases in which
wrong labels are named, with Wilson's 95 % interval, by the model of logistic curves alone, and by
the doctor.
Where the doctor names them: how many labels are listed and wrong, as the doctor ranks them, and by
the mean of the models of both splits; and how often its 95 % limits of both shares hold them.
Last, of single labels that are contradicted (``contradicted_labels``): how many are listed per
class, and wrong, by this teacher, and by one that has seen the right labels (``knows``).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import binomtest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed
from inficond_panel.distill.shift_kinds import (
    LabelNoise,
    cross_fitted_model,
    label_noise,
    wrong_chance,
)
from inficond_panel.tuning.label_noise import (
    NOISY,
    contradicted_labels,
    fit_labels_in_doubt,
    fit_noise,
    is_shown,
)
from inficond_panel.vocabulary.confidence import CONFIDENCE

Array = NDArray[np.float64]
#: Share of each class, by the scores (n, 12), and whether it is hard; "tails" has long tails.
CLASSES: dict[str, tuple[bool, Callable[[Array], Array]]] = {
    "easy": (False, lambda x: expit(-1 + 2 * x[:, 0] + 1.5 * x[:, 1])),
    "weak": (False, lambda x: expit(-0.8 + 0.5 * x[:, 0] + 0.4 * x[:, 1])),
    "product": (False, lambda x: expit(-0.5 + 1.5 * x[:, 0] * x[:, 1] + 0.4 * x[:, 2])),
    "rare": (False, lambda x: expit(-3.3 + 1.2 * x[:, 0] + 0.6 * x[:, 1])),
    "at most half": (True, lambda x: 0.5 * expit(4 * (x[:, 0] + 0.5 * x[:, 1] - 0.3))),
    "never rare": (True, lambda x: 0.15 + 0.85 * expit(4 * (x[:, 0] + 0.5 * x[:, 1] - 1))),
    "tails": (True, lambda x: expit(-0.5 + 1.1 * (x[:, 0] + x[:, 1]))),
}
#: Share of the labels that are wrong, and whether only positives are.
WRONG = {
    "none": (0.0, False),
    "a tenth": (0.1, False),
    "a fifth": (0.2, False),
    "a fifth of the positives missing": (0.2, True),
    "a fiftieth": (0.02, False),
}
SIZES = ((600, 250), (1500, 600))
CONTRADICTED = itemgetter("contradicted")
_LEAST = 20  #: positives of fit and of tune
_TAIL = 0.9  #: of a normal score, whose exponential has long tails


def main() -> None:
    """Draw all cases, and print the table of all that are in the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=30)
    args = parser.parse_args()
    with args.file.open("a") as file:
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            for case in cases(seed):
                print(json.dumps(case), file=file, flush=True)
    table([json.loads(line) for line in args.file.read_text().splitlines()])


def cases(seed: int) -> Iterator[dict[str, Any]]:
    """Yield the cases of one seed."""
    for number, (name, (hard, share)) in enumerate(CLASSES.items()):
        for fit, tune in SIZES:
            rng = np.random.default_rng([seed, number, fit])
            scores = rng.normal(size=(fit + tune, 12))
            p = share(scores)
            seen = np.exp(_TAIL * scores) if name == "tails" else scores
            seen = (seen - seen[:fit].mean(axis=0)) / seen[:fit].std(axis=0)
            label = (rng.random(fit + tune) < p).astype(int)
            teacher = logit(p) + 0.5 * rng.normal(size=fit + tune)
            noise = np.random.default_rng([seed, number, fit, 1]).normal(size=fit + tune)
            knows = 3 * (2 * label - 1) + 1.5 * noise
            model = cross_fitted_model(seen[fit:], label[fit:], seen[:fit], 0)
            for wrong, (rate, missing) in WRONG.items():
                changed = rng.random(fit) < rate
                changed &= (label[:fit] == 1) | (not missing)
                given = np.where(changed, 1 - label[:fit], label[:fit])
                if min(given.sum(), label[fit:].sum()) < _LEAST:
                    continue
                logits = {"fit": teacher[:fit], "tune": teacher[fit:]}
                photos: Any = SimpleNamespace(
                    model_of_tune=model,
                    model_of_fit=cross_fitted_model(seen[:fit], given, seen[fit:], 0),
                    teacher_log_odds=logits.__getitem__,
                    fit=np.arange(fit),
                    fit_label=given,
                    tune_label=label[fit:],
                )
                found = fit_noise(photos)
                named = is_shown(found)
                listed = lists(photos, found, changed, label[:fit]) if named else {}
                alone = label_noise(model[1][:, None], given, model[0][:, None], label[fit:])
                yield {
                    "seed": seed,
                    "class": name,
                    "hard": hard,
                    "images": fit,
                    "wrong": wrong,
                    "by curves": alone.evidence >= NOISY,
                    "by the doctor": named,
                    "contradicted": [
                        contradicted(photos, each, changed) for each in (teacher, knows)
                    ],
                    **listed,
                }


def lists(photos: Any, found: LabelNoise, changed: NDArray, label: NDArray) -> dict[str, Any]:
    """Count listed labels, and wrong ones of them, by either rank; say whether limits hold."""
    doubted = fit_labels_in_doubt(photos, photos, found, CONFIDENCE)
    mean = (photos.model_of_fit[0] + photos.model_of_tune[1]) / 2
    by_mean = wrong_chance(mean, photos.fit_label, found) > 0.5
    by_doctor = doubted.wrong > 0.5
    shares = (changed[label == 0].mean(), changed[label == 1].mean())
    held = [low <= share <= high for (low, high), share in zip(doubted.limits, shares, strict=True)]
    return {
        "listed": [int(by_mean.sum()), int(by_doctor.sum())],
        "listed and wrong": [int(changed[by_mean].sum()), int(changed[by_doctor].sum())],
        "held": [bool(each) for each in held],
    }


def contradicted(photos: Any, teacher: Array, changed: NDArray) -> tuple[int, int]:
    """Return how many labels are contradicted, and wrong ones of them, with a teacher's logits."""
    fit = len(photos.fit)
    logits = {"fit": teacher[:fit], "tune": teacher[fit:]}
    given = SimpleNamespace(**vars(photos) | {"teacher_log_odds": logits.__getitem__})
    found = contradicted_labels(given).likely_wrong  # type: ignore[arg-type]
    return len(found), int(changed[found].sum())


def table(cases: list[dict[str, Any]]) -> None:
    """Print the shares of the cases in which wrong labels are named."""
    groups = defaultdict(list)
    for case in cases:
        groups[case["wrong"], "hard" if case["hard"] else "others"].append(case)
    for (wrong, kind), held in groups.items():
        texts = []
        for rule in ("by curves", "by the doctor"):
            named = sum(case[rule] for case in held)
            ends = binomtest(named, len(held)).proportion_ci(method="wilson")
            texts.append(
                f"{rule} {named / len(held):.0%} [{100 * ends.low:.0f}, {100 * ends.high:.0f}]"
            )
        print(f"wrong labels: {wrong}; {kind} classes, {len(held)} cases: {', '.join(texts)}")
        for name, counts in zip(
            ("is near", "knows"), zip(*map(CONTRADICTED, held), strict=True), strict=True
        ):
            shown, right = np.sum(counts, axis=0)
            print(
                f"  contradicted, the teacher {name}: {shown / len(held):.1f} per class, "
                f"{right} of {shown} wrong"
            )
        listed = [case for case in held if "listed" in case]
        if listed:
            shown, right = (
                np.sum([case[key] for case in listed], axis=0)
                for key in ("listed", "listed and wrong")
            )
            inside = np.mean([case["held"] for case in listed], axis=0)
            print(
                f"  in {len(listed)} of them {right[0]} of {shown[0]} listed labels are wrong by "
                f"the mean, {right[1]} of {shown[1]} by the doctor; limits hold the shares added "
                f"and missed in {inside[0]:.0%}, {inside[1]:.0%}"
            )


if __name__ == "__main__":
    main()
