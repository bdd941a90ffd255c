"""Classes that the teacher does not know: the rule, and what each door says of such a class."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from factory import small_spec, unknown_arrays
from sklearn.metrics import average_precision_score

import inficond_panel
from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome, TeacherSkill, teacher_skill
from inficond_panel.distill.metrics.bootstrap import FEWEST, LEAST
from inficond_panel.distill.suspects import Verdict
from inficond_panel.results.levers import levers
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.suggest.levers import ClassRepair
from inficond_panel.tuning.suggest.suggestion import Suggestion
from inficond_panel.ui.metric_cards import make_class_metrics, make_mean_metrics
from inficond_panel.views.knowledge.repairs import make_shift
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.performance.view import make_performance_rows
from inficond_panel.wording.metrics import teacher_sentences
from inficond_panel.wording.suspects import plain_sentence, relies_wrongly, shift_sentence

pytestmark = pytest.mark.page

BROKEN = "sheep"
SENTENCE = f"The teacher does not know '{BROKEN}' (AP "
#: What nobody may say of a student whose teacher does not know the class.
NOTHING_TO_GAIN = ("No shift", "not expected to gain", "nothing to repair", "no gain was found")


def verdicts(images: int, positives: int, apart: float, samples: int = 200) -> list[bool | None]:
    """Verdicts on normal logits, whose means differ by ``apart`` standard deviations."""
    rng = np.random.default_rng([images, positives])
    label = np.arange(images) < positives
    logits = rng.normal(size=(samples, images)) + apart * label
    return [teacher_skill(Outcome(label.astype(int), logit)).knows for logit in logits]


@pytest.mark.parametrize(("images", "positives"), [(200, LEAST), (240, 60), (240, 180), (600, 30)])
def test_a_random_teacher_is_named_and_a_weak_one_is_not(images, positives):
    assert verdicts(images, positives, 0.0).count(False) >= 0.95 * 200
    assert verdicts(images, positives, 1.0).count(False) <= 0.05 * 200  # AUC 0.76


@pytest.mark.parametrize(
    ("images", "positives"), [(100, 0), (100, 1), (200, 4), (200, 19), (60, 59)]
)
def test_of_few_images_nobody_can_say_that_a_teacher_does_not_know(images, positives):
    found = verdicts(images, positives, 0.0, samples=100)
    assert False not in found
    if min(positives, images - positives) < FEWEST:
        assert set(found) == {None}


def test_a_ranking_that_is_clearly_reversed_is_a_verdict_of_few_images():
    label = np.arange(60) < 16
    found = teacher_skill(Outcome(label.astype(int), -2.0 * label + np.linspace(0, 1, 60)))
    assert (found.knows, found.reverses) == (False, True)


def test_a_reversed_ranking_is_said_to_be_one():
    found = TeacherSkill(Interval(0.15, 0.1, 0.2), 0.25, knows=False)
    sentence = teacher_sentences({"car": found})[0]
    assert sentence.endswith(
        "(AP 0.15, chance 0.25), and ranks images without it above those with it."
    )


def ranked(images: int, positives: int, apart: float, seed: int = 0) -> Outcome:
    label = np.arange(images) < positives
    logit = np.random.default_rng(seed).normal(size=images) + apart * label
    return Outcome(label.astype(int), logit)


def test_training_images_say_that_a_teacher_does_not_know_what_few_others_leave_open():
    few, none = ranked(60, 16, 0.0), partial(ranked, 160, 40, 0.0, 1)
    assert teacher_skill(few).knows is None
    assert teacher_skill(few, on_fit=none).knows is False


def test_training_images_never_say_that_a_teacher_knows():
    """It may have learned their labels."""
    few, all_right = ranked(60, 16, 0.0), partial(ranked, 160, 40, 3.0, 1)
    assert teacher_skill(few, on_fit=all_right).knows is None


def test_skill_is_ap_beside_the_share_of_positives_whatever_the_level_that_is_stated():
    rng = np.random.default_rng(0)
    label = rng.integers(-1, 2, 300)
    logit = rng.normal(size=300) + label
    known = label >= 0
    found = teacher_skill(Outcome(label, logit))
    assert found.ap.estimate == pytest.approx(average_precision_score(label[known], logit[known]))
    assert found.ap.low < found.ap.estimate < found.ap.high
    assert found.chance == pytest.approx(label[known].mean())
    label = np.arange(100) < 30
    outcome = Outcome(label.astype(int), np.random.default_rng(0).normal(size=100) + 0.9 * label)
    wide = teacher_skill(outcome, {"draws": 200, "seed": 0, "level": 0.9999})
    assert wide.ap.low < wide.chance < teacher_skill(outcome).ap.low
    assert wide.knows is True


def skill(*, knows: bool | None = False) -> TeacherSkill:
    return TeacherSkill(Interval(0.17, 0.12, 0.22), 0.25, knows)


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [("none", -0.02, 0.03), ("unknown", -0.02, 0.3), ("shift", 0.02, 0.3)],
)
def test_no_verdict_says_that_there_is_nothing_to_gain(kind, least, most):
    known = {"bus": skill(knows=True), "car": skill(knows=None)}  # None: of few images
    assert teacher_sentences(known) == []
    verdict = Verdict(4.0, 0.9, Interval(0.3, -0.4, 0.5), Interval(0.02, least, most))
    assert verdict.kind == kind
    of_class = ClassShift(BROKEN, kind, verdict=verdict, teacher=skill())
    shown = make_shift(of_class)
    for said in (shift_sentence(of_class), plain_sentence(of_class), shown["sentence"]):
        assert f"does not know {BROKEN!r} (AP 0.17" in said
        assert not any(words in said for words in NOTHING_TO_GAIN)
    assert "Too few" not in shift_sentence(of_class)
    assert ("Shift: " in shift_sentence(of_class)) == (kind == "shift")
    assert not relies_wrongly(of_class)


def test_a_suggestion_has_the_classes_that_the_teacher_does_not_know():
    shifts = ClassShift(BROKEN, "unknown", teacher=skill()), ClassShift("car", "unknown")
    made = Suggestion(0, "p", 600, 0.95, {each.class_name: ClassRepair(each) for each in shifts})
    assert levers(made).attrs["facts"]["unknown_to_teacher"][BROKEN]["knows"] is False
    assert "for 1 there are too few images to say" in made.summary


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_spec(tmp_path_factory.mktemp("broken"), make=unknown_arrays, images=600)


def test_frames_have_the_teachers_ap_chance_and_the_verdict(broken):
    students = inficond_panel.open_students(broken, history=":memory:")
    table = students.metrics(intervals=True)
    knows = table["teacher_knows"].to_dict()
    assert knows.pop(BROKEN) is False
    assert set(knows.values()) == {True}
    assert (table["teacher_ap_low"] <= table["teacher_ap"]).all()
    assert table.loc[BROKEN, "teacher_ap_low"] < table.loc[BROKEN, "chance"]
    shift = students.doctor([BROKEN])["classes"]
    assert not shift.loc[BROKEN, "teacher_knows"]
    assert SENTENCE in shift.loc[BROKEN, "sentence"]
    made = students.suggest(classes=[BROKEN])
    assert list(made.unknown) == [BROKEN]
    assert "nothing to repair" not in made.summary


def test_each_view_of_the_page_names_the_class(broken):
    app = AppState(open_tuner(broken, history=":memory:"), Jobs(inline=True))
    snapshot = app.students.snapshot
    unknown = {row["name"]: row["unknown"] for row in make_performance_rows(snapshot)}
    assert unknown.pop(BROKEN).startswith(SENTENCE)
    assert set(unknown.values()) == {""}
    view = KnowledgeView(app)
    app.selection.class_name = BROKEN
    assert view.panels.finding["sentence"].startswith(SENTENCE)
    app.selection.class_name = "bird"
    assert "does not know" not in view.panels.finding.get("sentence", "")
    teacher = f"teacher {snapshot.metrics[BROKEN].teacher_ap:.3f}"
    of_class = make_class_metrics(BROKEN, snapshot, {})
    assert [metric.get("teacher") for metric in of_class] == [teacher, *[None] * 5]
    assert SENTENCE in of_class[0]["card"]["text"]
    mean = np.mean([each.teacher_ap for each in snapshot.metrics.values()])
    assert make_mean_metrics(snapshot, {})[0]["teacher"] == f"teacher {mean:.3f}"


def test_a_teacher_that_calls_few_images_rightly_and_is_silent_on_the_rest_knows_the_class():
    """4 of 44 positives are called, and none of 625 negatives: p of that by chance is 2e-5."""
    label, logit = np.zeros(669, int), np.zeros(669)
    label[:44], logit[:4] = 1, [1.0, 2.0, 3.0, 4.0]
    assert teacher_skill(Outcome(label, logit)).knows


def test_copies_of_one_image_do_not_make_a_teacher_know_the_class():
    label, logit, group = np.zeros(669, int), np.zeros(669), np.arange(669)
    label[:44], logit[:4], group[:4] = 1, 1.0, 0
    assert not teacher_skill(Outcome(label, logit, group=group)).knows
