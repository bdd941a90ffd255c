"""A refit that ranks images as well as before, and decides worse at the threshold, says so."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.cli import main
from inficond_panel.distill import Outcome
from inficond_panel.results.levers import levers
from inficond_panel.tuning.lost_thresholds import lost_threshold
from inficond_panel.vocabulary.confidence import USUAL_NOISE
from inficond_panel.wording.lost_thresholds import ON_PAGE, lost_sentence
from inficond_panel.wording.repairs import repair_notes

pytestmark = [pytest.mark.commands]


def student(label, logit, task="multi_label", threshold=0.5, spent=False):
    evaluation = {"thresholds": (threshold,), "has_spent": lambda node, split, k: spent}
    return SimpleNamespace(
        class_name="ward",
        node=None,
        split="tune",
        column=0,
        store=SimpleNamespace(task=task),
        evaluation=SimpleNamespace(**evaluation),
        outcome=Outcome(label, logit, cutoff=threshold),
    )


def drawn(rng, images=400):
    label = rng.integers(0, 2, images).astype(np.int8)
    return label, 2.0 * label - 0.5 + rng.normal(size=images)


def found(before, after, label, **settings):
    pair = [student(label, logit, **settings) for logit in (before, after)]
    return lost_threshold(*pair, USUAL_NOISE)


def test_logits_that_all_fall_lose_recall_and_no_ap():
    label, logit = drawn(np.random.default_rng(0))
    lost = found(logit, logit - 1, label)
    recalls = [np.mean(each[label == 1] > 0.5) for each in (logit, logit - 1)]
    assert lost.metric == "recall"
    assert lost.change.estimate == pytest.approx(recalls[1] - recalls[0])
    assert lost.ap.estimate == 0


def test_logits_that_all_rise_lose_f1():
    label, logit = drawn(np.random.default_rng(0))
    assert found(logit, logit + 3, label).metric == "f1"


@pytest.mark.parametrize("change", [0.0, 0.01])
def test_decisions_that_hardly_change_lose_nothing(change):
    label, logit = drawn(np.random.default_rng(0))
    assert found(logit, logit - change, label) is None


def test_a_worse_ranking_is_not_blamed_on_the_threshold():
    rng = np.random.default_rng(0)
    label, logit = drawn(rng)
    assert found(logit, rng.normal(size=len(label)) - 1, label) is None


def test_recall_that_f1_more_than_pays_for_is_no_loss():
    label, logit = drawn(np.random.default_rng(0))
    assert found(logit + 3, logit + 0.5, label) is None


def test_the_likeliest_class_has_no_threshold():
    label, logit = drawn(np.random.default_rng(0))
    assert found(logit, logit - 1, label, task="single_label") is None


def test_chance_alone_rarely_loses_a_threshold():
    """Two students of equal worth: at most 2 of 2.5 % for recall and as many for F1."""
    lost = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        label = rng.integers(0, 2, 200).astype(np.int8)
        before, after = (2.0 * label - 0.5 + rng.normal(size=200) for _ in range(2))
        noise = {**USUAL_NOISE, "draws": 200}
        lost += lost_threshold(student(label, before), student(label, after), noise) is not None
    assert lost <= 7  # 5 % of 60 give more than 7 once in 100


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A rare class, with a shortcut that goes with it on fit alone: without the shortcut, the
    student ranks the images of tune better, and is less sure: it finds fewer at the threshold."""
    rng = np.random.default_rng(0)
    fit = np.arange(1600) < 800
    label = rng.random(1600) < 0.2
    shortcut = np.where(fit, label, 0.6) + rng.normal(size=1600)
    columns = {"sign": 1.2 * label + rng.normal(size=1600), "shortcut": shortcut}
    teacher = 1.5 * columns["sign"] + shortcut - 2.5
    ids = [f"{i:04d}" for i in range(1600)]
    split = np.where(fit, "fit", np.where(np.arange(1600) < 1500, "tune", "holdout"))
    path = tmp_path_factory.mktemp("lost") / "own.zarr"
    inficond_panel.from_frames(
        pd.DataFrame(columns | {"other": rng.normal(size=1600)}, index=ids),
        pd.DataFrame({"ward": teacher}, index=ids),
        pd.DataFrame({"ward": label * 1}, index=ids),
        split=pd.Series(split, ids),
        path=path,
    )
    return path


def test_the_terminal_says_it_after_a_removal(store, tmp_path, capsys):
    edits = tmp_path / "edits.yaml"
    edits.write_text("- - {class: ward, concept: shortcut, direction: remove}\n")
    assert main(["tune", str(store), "--edits", str(edits)]) == 0
    told = capsys.readouterr().out
    assert "#1 ward: Recall at the threshold of 0 falls (−9.5 points [−" in told
    assert "Choose it again: `inficond thresholds`" in told


def test_the_terminal_does_not_say_it_after_the_way_back(store, capsys):
    students = inficond_panel.open_students(store, history=":memory:").fit()
    report = students.remove("ward", "shortcut").release("ward", "shortcut").report()
    assert not any("at the threshold of" in note for note in report["classes"].attrs["notes"])


def test_the_sentence_names_both_changes():
    label, logit = drawn(np.random.default_rng(0))
    told = lost_sentence(found(logit, logit - 1, label), choose="there")
    assert told.startswith("Recall at the threshold of 0.5 falls (−37.6 points [−43.2, −32.1])")
    assert "and AP not clearly (0.0 points [0.0, 0.0])" in told
    assert told.endswith("Choose it again: there.")


def test_images_that_the_student_has_used_choose_no_threshold():
    """The figures are of the students of folds: the delivered one has other logits."""
    label, logit = drawn(np.random.default_rng(0))
    told = lost_sentence(found(logit, logit - 1, label, spent=True), choose="there")
    assert "there" not in told.split()
    assert told.endswith("look at its decisions on others, such as holdout.")


@pytest.fixture(scope="module")
def suggestion(store):
    return inficond_panel.open_students(store, history=":memory:").fit().suggest("ward")


@pytest.fixture
def suggested(store, tmp_path, capsys):
    def printed(*flags):
        history = str(tmp_path / "suggested.sqlite")
        assert main(["suggest", str(store), "--history", history, *flags]) == 0
        return capsys.readouterr().out

    return printed


def test_a_proposal_says_what_its_threshold_would_lose(suggested):
    told = suggested("--dry-run")
    assert "ward: With the proposed repair: Recall at the threshold of 0 falls (−" in told


def test_an_applied_proposal_says_what_its_threshold_lost(suggested, store, tmp_path):
    told = suggested()
    students = inficond_panel.open_students(store, history=tmp_path / "suggested.sqlite")
    before = students.fit().metrics()["recall"]["ward"]
    after = students.jump(1).metrics()["recall"]["ward"]
    fall = f"ward: Recall at the threshold of 0 falls (−{100 * (before - after):.1f} points"
    assert fall in told
    assert "With the proposed repair" not in told


def test_a_proposal_in_python_says_it(suggestion):
    assert "ward: With the proposed repair: Recall at the threshold of 0 falls" in str(suggestion)
    assert "students.thresholds()" in str(suggestion)


def test_the_page_says_it_of_a_proposal(suggestion):
    notes = repair_notes(suggestion, "ward", limits=False)
    told = next(each for each in notes if each.startswith("With the proposed repair: Recall at"))
    assert told.endswith(f"Choose it again: {ON_PAGE}.")


def test_all_classes_that_an_applied_proposal_lost_are_named(suggestion):
    lost = suggestion.repairs["ward"].lost
    notes = levers(suggestion, [lost, replace(lost, class_name="bed")]).attrs["notes"]
    assert [each.partition(":")[0] for each in notes if "Choose it again" in each] == [
        "ward",
        "bed",
    ]


def test_what_a_lever_removes_is_named(suggestion):
    """The fixture's repair removes the shortcut; its lever is called ✕ suspects."""
    assert "ward: ✕ suspects: shortcut." in levers(suggestion).attrs["notes"]


def test_a_proposal_that_loses_nothing_says_nothing(suggestion):
    repair = replace(suggestion.repairs["ward"], lost=None)
    unchanged = replace(suggestion, repairs={"ward": repair})
    assert "threshold" not in str(unchanged)
