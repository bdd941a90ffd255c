"""Which lever is taken with care, and when a baseline is better than the proposed student."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from inficond_panel.common.interval import NO_INTERVAL, Interval
from inficond_panel.tuning import Intent
from inficond_panel.tuning.lost_thresholds import LostThreshold
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.reweight_groups import ReweightGroups
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.suggest import levers
from inficond_panel.tuning.suggest.baselines import Baseline
from inficond_panel.tuning.suggest.gain import NO_CHANGE, Change
from inficond_panel.tuning.suggest.levers import AS_IT_IS, ClassRepair, Lever, _careful

NAME = "truck"
LABELS, TEACHER, ANEW = Learn(NAME, "labels"), Learn(NAME, "teacher"), Lambda(NAME)
AIM, GROUPS = ReweightGroups(NAME, "place", 0.0), ReweightGroups(NAME, "place")


@pytest.mark.parametrize(
    ("edits", "few", "expected"),
    [
        ([ANEW], False, True),
        ([Intent(NAME, "road", "remove")], False, True),
        ([TEACHER, ANEW], False, False),
        ([LABELS, ANEW], False, False),
        ([LABELS, ANEW], True, True),
        ([TEACHER, ANEW], True, False),
        ([AIM, ANEW], False, True),
        ([GROUPS], False, False),
        ([GROUPS, LABELS], False, False),
    ],
    ids=[
        "penalty",
        "thumb",
        "teacher",
        "labels",
        "few labels",
        "teacher of few",
        "only the aim",
        "groups",
        "groups with labels",
    ],
)
def test_the_unchanged_student_stays_where_no_change_was_requested(edits, few, expected):
    assert _careful(edits, few=few) is expected


@pytest.mark.parametrize(
    ("separation", "expected"), [(3.0, True), (0.0, False)], ids=["right", "by chance"]
)
def test_a_lever_is_above_chance_if_it_ranks_photos_so(separation, expected):
    """Of 100 photos 8 show the class; their logits are ``separation`` deviations higher."""
    label = (np.arange(100) < 8).astype(int)
    logits = separation * label + np.random.default_rng(0).normal(size=100)
    evidence = SimpleNamespace(tune_label=label, tune_group=None)
    assert levers._above_chance(evidence, logits) == expected


#: Draws of deviation 0.02, and what is drawn beside them.
NOISE = 0.02 * np.random.default_rng(0).normal(size=400)
OTHER = 0.002 * np.random.default_rng(1).normal(size=400)


def repair(taken: Change, *baselines: Change) -> ClassRepair:
    """A class with one lever of a gain, proposed if that is above 0, and baselines."""
    tried = (Lever(AS_IT_IS, (), "", NO_CHANGE, 0.5, 0.9, 4),)
    tried += (Lever("penalty λ", (ANEW,), "", taken, 0.5, 0.9, 4),)
    others = tuple(
        Baseline(str(at), 0.5, gain, 3, "by the word") for at, gain in enumerate(baselines)
    )
    return ClassRepair(ClassShift(NAME, "none"), tried, gain_of_best=taken, baselines=others)


@pytest.mark.parametrize(
    ("gain", "name"), [(0.05, "0"), (0.01, None), (-0.05, None)], ids=["more", "noise", "loss"]
)
def test_a_baseline_is_better_by_more_than_one_standard_error(gain, name):
    better = repair(NO_CHANGE, Change(gain, gain + NOISE)).better
    assert (better and better.name) == name


def test_a_baseline_is_compared_with_the_proposed_lever_on_the_same_draws():
    """The difference is 0.01 with an error of 0.002, while each gain has an error of 0.02."""
    found = repair(Change(0.04, 0.04 + NOISE), Change(0.05, 0.05 + NOISE + OTHER))
    assert found.better is not None


def test_a_baseline_below_the_proposed_lever_is_not_better():
    found = repair(Change(0.06, 0.06 + NOISE), Change(0.05, 0.05 + NOISE + OTHER))
    assert found.better is None


def test_the_better_baseline_is_the_one_that_gains_most():
    gains = [Change(gain, gain + OTHER) for gain in (0.02, 0.05, 0.03)]
    assert repair(NO_CHANGE, *gains).better.name == "1"


def test_without_baselines_none_is_better():
    assert repair(NO_CHANGE).better is None


@pytest.mark.parametrize(
    ("suspects", "targets", "word", "expected"),
    [
        (0, True, None, []),
        (1, True, None, ["✕ suspects"]),
        (2, True, None, ["✕ suspects", "✕ first suspect"]),
        (2, False, None, ["✕ suspects"]),
        (0, True, "lorry", ["👍 word"]),
        (1, True, "lorry", ["✕ suspects", "👍 word", "👍 word, ✕ first suspect"]),
        (1, False, "lorry", ["✕ suspects"]),
    ],
)
def test_levers_of_thumbs_are_those_that_differ(monkeypatch, suspects, targets, word, expected):
    """``targets``: a thumb adjusts targets, so a word that is no concept can have one."""
    own = None if word is None else SimpleNamespace(name=word)
    monkeypatch.setattr(levers, "own_word", lambda store, name: own)
    evidence = SimpleNamespace(class_name=NAME, student=SimpleNamespace(store=None))
    found = [SimpleNamespace(concept=c, removed=False) for c in "ab"[:suspects]]
    shift = SimpleNamespace(suspects=found)
    found = levers._thumbs(evidence, shift, (), targets=targets)
    assert [each.name for each in found] == expected


@pytest.mark.parametrize(
    ("kept", "shared", "expected"),
    [
        ((), (), ["✕ lake"]),
        (("lake",), (), []),
        ((), ("boat",), ["✕ lake", "✕ shared suspect"]),
        ((), ("lake",), ["✕ lake"]),
    ],
    ids=["divides", "belongs", "another suspect", "the same"],
)
def test_a_concept_that_divides_images_is_removed_once(monkeypatch, kept, shared, expected):
    monkeypatch.setattr(levers, "first_shared", lambda evidence, count, besides: shared)
    student = SimpleNamespace(store=SimpleNamespace(metadata_columns=["site"]))
    names = ["wing", "lake", "boat"]
    evidence = SimpleNamespace(class_name=NAME, concepts=names, student=student)
    found = levers._of_groups(evidence, "lake", kept, targets=True)
    assert [each.name for each in found if "✕" in each.name] == expected


def test_a_column_that_is_called_like_a_concept_removes_no_concept(monkeypatch):
    monkeypatch.setattr(levers, "first_shared", lambda evidence, count, besides: ())
    student = SimpleNamespace(store=SimpleNamespace(metadata_columns=["lake"]))
    evidence = SimpleNamespace(class_name=NAME, concepts=["wing", "lake"], student=student)
    found = levers._of_groups(evidence, "lake", (), targets=True)
    assert [each.name for each in found if "✕" in each.name] == []


@pytest.mark.parametrize(("gain", "proposed"), [(0.02, True), (0.001, False)])
def test_a_gain_of_less_than_a_point_is_not_worth_what_the_threshold_loses(gain, proposed):
    fall = Interval(-0.15, -0.2, -0.1)
    lost = LostThreshold(NAME, 0.0, "recall", fall, NO_INTERVAL)
    found = replace(repair(Change(gain, gain + NOISE)), lost=lost)
    assert (found.taken is not None) == proposed
