"""Answers on few photos of tune: which photos to ask about, and what the answers give.

    python benchmarks/ask.py SPEC [--store DIR] [--seeds 2] [--first-seed 0] [--pairs 8]
                             [--plain 18] [--teacher NAME] [--lambda VALUE|auto]

SPEC is a spec, or a store, with labels. Students and teachers are those of benchmarks/shift.py. The
labels of tune are hidden, and given as answers on 20 or 40 photos chosen in several ways. Gains are
in AP points (100 times AP) on the holdout, with intervals of 95 % by drawing pairs and photos, the
worst pair, and the share of the gain of all labels of tune at the share of the loss that is best in
the mean. *judged*: taught only where the loss on the answered photos falls, as the product does;
then of how many students answers are taught, and of how many they are doubted. *no answers*: the
teacher on tune. *appended*: the asked photos added to fit with their answers, one row each. Then
the same classes without a bias. The last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shift import mean_gain
from shift_parts.cases import Case, add_case_arguments, biased_cases, plain_cases
from shift_parts.repairs import holdout
from shift_parts.runs import student_of
from suggest_parts.gains import change

from inficond_panel.api.students import TunableStudents
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.answers import Answers, evaluated, photos_to_ask
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.label import Taught
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.vocabulary.intents import TEACHER

COUNTS = (20, 40)
#: Shares of the loss that all labels of tune are tried at.
SHARES = (0.2, 0.35, 0.5, 0.7, 0.9)
#: Ways of asking whose gains are compared in pairs, where a student has both.
PAIRED = (("asked", "at random"), ("asked", "least sure"), ("asked", "asked, appended"))
#: Shares of the answers that are wrong.
WRONG = (0.0, 0.1, 0.2)
#: Title of the gain of the teacher on tune, which needs no answer.
NO_ANSWERS = "no answers, the teacher on tune"


@dataclass
class Asked:
    """Gains in AP on the holdout by title, of one student whose tune labels are hidden."""

    target: str
    context: str = ""
    gains: dict[str, Change] = field(default_factory=dict)
    taught: dict[str, bool] = field(default_factory=dict)  # whether the product would teach them
    warned: dict[str, bool] = field(default_factory=dict)  # or warns that they may be wrong


def main() -> None:
    """Ask about all pairs, then about the classes without a bias, and print both tables."""
    args = parse_args()
    store = open_tuner(args.spec, store=args.store, history=":memory:").store
    shifted = [ask(case, args) for case in biased_cases(store, args)]
    plain = [ask(case, args) for case in plain_cases(store, args)]
    if not shifted:
        sys.exit("No pair of classes has enough photos of all four kinds.")
    print(
        json.dumps({"biased": table("Biased", shifted), "honest": table("Without a bias", plain)})
    )


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_case_arguments(parser)
    return parser.parse_args()


def ask(case: Case, args: argparse.Namespace) -> Asked:
    """Gains of one student by answers on photos chosen in several ways, and of all labels."""
    students = student_of(case, hidden=True, lambda_=args.lambda_)
    found = Asked(students.classes[0], ", ".join(case.store.concepts[c] for c in _words(case)))
    label, nothing = _labels(case, students), _gain(students, holdout(students, students.node))
    for share in SHARES:
        found.gains[f"all labels, share {share:g}"] = _all_labels(students, label, share)
    teacher = students.tuner.preview(students.node, [Learn(found.target, TEACHER, 1.0)])
    found.gains[NO_ANSWERS] = _gain(students, holdout(students, teacher))
    for count in COUNTS:
        for title, rows in _references(case, students, count):
            found.gains[f"{count} {title}"] = _taught(students, _answers(students, label, rows))
        student = students.tuner.repairs.class_fit(students.node, found.target)
        answers = _answers(students, label, photos_to_ask(student, count).rows)
        found.gains[f"{count} asked, appended"] = _fitted(students, Taught(1.0, answers))
        for wrong in WRONG:
            given = _with_errors(answers, wrong, case.seed)
            key = f"{count} asked, {wrong:.0%} wrong" if wrong else f"{count} asked"
            found.gains[key] = _taught(students, given)
            teaching = evaluated(students.tuner, students.node, Answers(found.target, given))
            found.taught[key], found.warned[key] = teaching.helps, bool(teaching.doubted)
            judged = found.gains[key] if found.taught[key] else nothing
            found.gains[f"{key}, judged"] = judged
    report(found)
    return found


def _words(case: Case) -> tuple[int, ...]:
    """Concepts that name the context, if the case has one."""
    return case.pair.words if case.pair else ()


def _references(
    case: Case, students: TunableStudents, count: int
) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Title and rows of photos that are asked about without a concept."""
    student = students.tuner.repairs.class_fit(students.node, students.classes[0])
    tune, rng = student.store.rows("tune"), np.random.default_rng([case.seed, case.k, 4])
    yield "at random", rng.permutation(tune)[:count]
    logit = np.abs(student.logits(student.base, tune))
    yield "least sure", tune[np.argsort(logit, kind="stable")[:count]]


def _answers(students: TunableStudents, label: NDArray, rows: NDArray[np.intp]) -> dict[str, int]:
    """Labels of these photos by image, as far as they are known."""
    images = students.tuner.store.images
    return {images[row]: int(label[row]) for row in rows if label[row] >= 0}


def _taught(students: TunableStudents, given: dict[str, int]) -> Change:
    """Gain of the answers, taught whatever they show."""
    edits = Answers(students.classes[0], given).edits
    return _gain(students, holdout(students, students.tuner.preview(students.node, edits)))


def _with_errors(answers: dict[str, int], share: float, seed: int) -> dict[str, int]:
    """The answers with a ``share`` of them turned."""
    rng, images = np.random.default_rng([seed, 5]), list(answers)
    turned = set(rng.permutation(images)[: round(share * len(images))].tolist())
    return {image: 1 - one if image in turned else one for image, one in answers.items()}


def _labels(case: Case, students: TunableStudents) -> NDArray:
    """Labels (N,) of the class, of the photos of the students' own store; -1 where unknown."""
    place = {str(image): row for row, image in enumerate(case.store.images)}
    rows = [place[str(image)] for image in students.tuner.store.images]
    return np.asarray(case.store.label)[rows, case.k]


def _all_labels(students: TunableStudents, label: NDArray, share: float) -> Change:
    """Gain of all labels of tune, which make up this share of the loss."""
    store = students.tuner.store
    tune, fit = store.rows("tune"), store.rows("fit")
    weight = share / (1 - share) * len(fit) / len(tune)
    return _fitted(students, Taught(weight, _answers(students, label, tune)))


def _fitted(students: TunableStudents, taught: Taught) -> Change:
    """Gain of labels of tune as further rows of fit, at their weight."""
    repairs, rows = students.tuner.repairs, students.tuner.store.rows("holdout")
    student = repairs.class_fit(students.node, students.classes[0], Terms((taught,)))
    return _gain(students, student.logits(student.base, rows))


def _gain(students: TunableStudents, logits: NDArray) -> Change:
    store = students.tuner.store
    label = np.asarray(store.label)[store.rows("holdout"), 0]
    return change(label, holdout(students, students.tuner.root()), logits)


def report(found: Asked) -> None:
    """One line on a student, as it comes."""
    gains = ", ".join(f"{t} {100 * g.estimate:+.1f}" for t, g in found.gains.items())
    print(f"{found.target} <- {found.context or '-'}: {gains}", file=sys.stderr)


def table(title: str, runs: list[Asked]) -> dict[str, Any]:
    """Print the mean gains, the worst, and the shares; return their numbers."""
    titles = dict.fromkeys(name for run in runs for name in run.gains)
    means = {name: mean_gain(runs, name) for name in titles}
    whole = max(means[f"all labels, share {share:g}"][0] for share in SHARES)
    print(f"{title}: AP points on the holdout, {len(runs)} students")
    print(f"{'':44s} gain [95 %] worst, share of {whole:.1f}")
    found: dict[str, Any] = {}
    for name, (mean, low, high) in means.items():
        worst = 100 * min(run.gains[name].estimate for run in runs)
        share = mean / whole if whole > 0 else None
        told = "" if share is None else f"{share:5.0%}"
        print(f"  {name:42s} {mean:+5.1f} [{low:+.1f}, {high:+.1f}] {worst:+6.1f} {told}")
        found[name] = {"gain": mean, "low": low, "high": high, "worst": worst, "share": share}
    for key in dict.fromkeys(name for run in runs for name in run.taught):
        taught = sum(run.taught[key] for run in runs)
        warned = sum(run.warned[key] for run in runs)
        print(f"  {key + ', taught; warned':42s} {taught}; {warned} of {len(runs)}")
        found[key] |= {"taught": taught, "warned": warned}
    for key, (mean, low, high) in _paired(runs):
        print(f"  {key:42s} {mean:+5.1f} [{low:+.1f}, {high:+.1f}]")
        found[key] = {"gain": mean, "low": low, "high": high}
    return found


def _paired(runs: list[Asked]) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Title and mean of the difference of two gains, over the students that have both."""
    for first, second in PAIRED:
        for count in COUNTS:
            one, other = f"{count} {first}", f"{count} {second}"
            key = f"{one} less {second}"
            both = [run for run in runs if {one, other} <= set(run.gains)]
            if both:
                yield key, mean_gain([_difference(run, key, one, other) for run in both], key)


def _difference(run: Asked, key: str, one: str, other: str) -> Asked:
    """The student with the difference of two of its gains, draw by draw."""
    first, second = run.gains[one], run.gains[other]
    drawn = Change(first.estimate - second.estimate, first.draws - second.draws)
    return Asked(run.target, gains={key: drawn})


if __name__ == "__main__":
    main()
