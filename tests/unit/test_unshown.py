"""A class of which the teacher sees more than the concepts show, or less than its student: doctor,
page and model card."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

import inficond_panel
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.export.model_card import model_card
from inficond_panel.results.shift import student_differences, student_shift
from inficond_panel.state import AppState, Jobs
from inficond_panel.views.start.view import StartView
from inficond_panel.vocabulary.shift_kinds import LOST, OUTDONE, UNSHOWN
from inficond_panel.wording.shift_kinds import finding_sentence

pytestmark = pytest.mark.page

KIND = "the teacher sees more than the concepts show"
FIT, TUNE = 800, 400


def students(seed=0, *, shown=0.7, known=4.0, noise=1.0, context=False):
    """Students of one class. Its logit is a sum of three columns of scores, by ``shown``, and of
    something that no column has; the teacher knows the label, by ``known``, with ``noise``. In
    ``context`` a column goes with the class in fit only."""
    rng = np.random.default_rng(seed)
    n = FIT + TUNE
    scores = rng.normal(size=(n, 10))
    hidden = rng.normal(size=n)
    logit = 3 * (shown * scores[:, :3].sum(axis=1) / 3**0.5 + (1 - shown) * hidden) - 1
    label = rng.random(n) < expit(3 * logit)
    if context:
        scores[:FIT, 5] += 2.5 * label[:FIT]
    names = [f"r{at}" for at in range(n)]
    teacher = known * (2.0 * label - 1) + noise * rng.normal(size=n)
    return inficond_panel.from_frames(
        pd.DataFrame(scores, names, [f"c{at}" for at in range(10)]),
        pd.DataFrame(teacher[:, None], names, ["k"]),
        pd.DataFrame(label[:, None].astype(float), names, ["k"]),
        split=pd.Series(["fit"] * FIT + ["tune"] * TUNE, names),
    )


def differences(made):
    return student_differences(made.tuner, made.node, "k")


@pytest.fixture(scope="module")
def weak():
    return students(shown=0.2)


def test_it_is_a_finding_with_both_figures(weak):
    [row] = weak.doctor()["findings"].query("kind == @KIND").itertuples()
    limit = differences(weak).limit
    assert row.finding.startswith(f"The teacher's AP of k is {limit.teacher.text(2)}. ")
    assert f"a model of the labels reaches more than {limit.reached.text(2)}. " in row.finding
    assert row.finding.endswith("do not clearly close half of the gap.")
    assert row.remedy.endswith("thumbs and labels help little: add columns that tell it apart.")


def test_what_is_reached_is_near_a_regression_on_the_labels(weak):
    store = weak.tuner.store
    fit, tune = (store.rows(split) for split in ("fit", "tune"))
    scores, label = np.asarray(store.concept_score), np.asarray(store.label)[:, 0]
    model = LogisticRegression(C=1.0).fit(scores[fit], label[fit])
    ap = average_precision_score(label[tune], model.decision_function(scores[tune]))
    assert differences(weak).limit.reached.estimate == pytest.approx(ap, abs=0.04)


@pytest.mark.parametrize(
    "how",
    [{"shown": 0.95}, {"shown": 0.2, "known": 0.3}],
    ids=["the concepts show it", "the teacher knows little more"],
)
def test_else_it_is_none(how):
    for seed in range(3):
        assert UNSHOWN not in differences(students(seed, **how)).kinds


@pytest.fixture(scope="module")
def noisy():
    return students(shown=0.95, known=0.6, noise=2.0)


def test_a_teacher_that_is_worse_than_its_student_is_named_first(noisy):
    assert differences(noisy).kinds[0] == OUTDONE


def test_the_sentence_on_a_worse_teacher_has_the_ap_that_metrics_show(noisy):
    told = finding_sentence(differences(noisy), student_shift(noisy.tuner, noisy.node, "k"))
    ap = noisy.metrics("tune").loc["k", "ap"]
    assert f"below that of its student, {ap:.2f} [" in told


def test_the_model_card_has_a_worse_teacher(noisy):
    card = card_markdown(model_card(noisy.tuner, noisy.node))
    assert "Classes of which the teacher is worse than its student:" in card


def test_a_correlation_in_fit_only_is_named_in_its_place():
    kinds = differences(students(shown=0.2, context=True)).kinds
    assert LOST in kinds
    assert UNSHOWN not in kinds


def test_the_page_tells_a_beginner_that_thumbs_help_little(weak):
    shift = student_shift(weak.tuner, weak.node, "k")
    told = finding_sentence(differences(weak), shift)
    assert told.startswith("The teacher's AP of k is")
    assert "thumbs and labels help little" in told


def test_its_card_on_the_start_page_says_why_it_is_behind(weak):
    app = AppState(weak.tuner, Jobs(inline=True))
    start = StartView(app)
    app.shifts.start()
    [card] = start.panel.cards
    assert "; the concepts show less than the teacher sees" in card["sentence"]


def test_the_model_card_has_it_apart_from_what_differs_between_the_splits(weak):
    card = card_markdown(model_card(weak.tuner, weak.node))
    _, told = card.split("Classes of which the teacher sees more than the concepts show:")
    assert told.strip().startswith("- The teacher's AP of k is")
