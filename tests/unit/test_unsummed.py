"""A class that no weighted sum of the columns follows, but squares, products or one softmax do."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import inficond_panel
from inficond_panel.distill.products import ranked_products, turning_point
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.export.model_card import model_card
from inficond_panel.results.shift import student_differences
from inficond_panel.state import AppState, Jobs
from inficond_panel.views.start.view import StartView
from inficond_panel.vocabulary.shift_kinds import UNSHOWN

pytestmark = pytest.mark.page

KIND = "the teacher sees more than a sum of the concepts shows"
FIT, TUNE, COLUMNS = 800, 400, 10


def middle(scores):
    return 2 - 3 * (scores[:, 2] - 0.5) ** 2


def ends(scores):
    return 3 * scores[:, 2] ** 2 - 5


def together(scores):
    return 3 * scores[:, 2] * scores[:, 4]


def missing(scores):
    """Log-odds by a column that the store does not have."""
    return 3 * np.random.default_rng(99).normal(size=len(scores)) - 1


def frames(logit_of, seed=0, columns=()):
    """Tables of one class with these log-odds, whose teacher knows them; ``columns`` are functions
    of further columns, by name."""
    rng, n = np.random.default_rng(seed), FIT + TUNE
    scores = rng.normal(size=(n, COLUMNS))
    logit = logit_of(scores)
    label = rng.random(n) < expit(logit)
    names = [f"r{at}" for at in range(n)]
    table = pd.DataFrame(scores, names, [f"c{at}" for at in range(COLUMNS)])
    table = table.assign(**{name: of(scores) for name, of in dict(columns).items()})
    teacher = logit + 0.3 * rng.normal(size=n)
    return (
        table,
        pd.DataFrame(teacher[:, None], names, ["k"]),
        pd.DataFrame(label[:, None].astype(float), names, ["k"]),
    )


def students(logit_of, seed=0, columns=()):
    made = frames(logit_of, seed, columns)
    split = pd.Series(["fit"] * FIT + ["tune"] * TUNE, made[0].index)
    return inficond_panel.from_frames(*made, split=split)


def differences(made, name="k"):
    return student_differences(made.tuner, made.node, name)


@pytest.fixture(scope="module")
def in_the_middle():
    return students(middle)


def test_a_class_in_the_middle_of_a_column_is_told_with_the_column(in_the_middle):
    [row] = in_the_middle.doctor()["findings"].query("kind == @KIND").itertuples()
    assert "if the square of c2 is added: k lies in the middle of c2, near 0." in row.finding
    assert "with the distance |c2 − 0." in row.remedy
    assert row.remedy.endswith("Add such scores as columns to the table, and make the store again.")


def test_the_middle_is_where_the_log_odds_are_highest(in_the_middle):
    turn = differences(in_the_middle).limit.unsummed.turn
    assert turn.inside
    assert turn.at == pytest.approx(0.5, abs=0.1)


def test_with_the_column_that_the_remedy_names_there_is_no_finding():
    made = students(middle, columns={"distance": lambda scores: abs(scores[:, 2] - 0.5)})
    assert differences(made).limit is None


def test_a_class_at_both_ends_is_told_so():
    found = differences(students(ends)).limit.unsummed
    assert found.pairs == (("c2", "c2"),)
    assert not found.turn.inside


def test_a_class_that_two_columns_show_together_is_told_with_both():
    [row] = students(together).doctor()["findings"].query("kind == @KIND").itertuples()
    assert "if the product of c2 and c4 is added" in row.finding
    assert "Look whether c2 and c4 are exchanged" in row.remedy


def of_sites(own_level: bool, column: str = "site", scored: bool = False):
    """Students of a class that c2 tells, which is on another level at site B; of three columns of
    metadata one is the site, others are by chance. ``scored``: the site is a score, too."""
    rng, names = np.random.default_rng(7), [f"r{at}" for at in range(FIT + TUNE)]
    scores = rng.normal(size=(FIT + TUNE, COLUMNS))
    label = rng.random(FIT + TUNE) < expit(3 * scores[:, 2] - 2)
    teacher = 3 * scores[:, 2] - 2 + rng.normal(0, 0.3, FIT + TUNE)
    site = np.where(rng.random(FIT + TUNE) < 0.4, "B", "A")
    scores[:, 2] += 4.0 * own_level * (site == "B")
    table = pd.DataFrame(scores, names).rename(columns="c{}".format)
    if scored:
        table["at B"] = (site == "B") * 1.0
    metadata = pd.DataFrame(
        {"camera": rng.choice(["x", "y", "z"], len(names)), column: site}, names
    )
    given = (pd.DataFrame({"k": values}, names) for values in (teacher, label * 1.0))
    split = pd.Series(["fit"] * FIT + ["tune"] * TUNE, names)
    return inficond_panel.from_frames(table, *given, split=split, metadata=metadata)


def test_scores_on_another_level_for_a_value_of_a_column_are_told_with_the_column():
    [row] = of_sites(own_level=True).doctor()["findings"].query("kind == @KIND").itertuples()
    assert "if each value of site has a constant of its own" in row.finding
    assert "standardised, in the same way for each site?" in row.remedy


@pytest.mark.parametrize(("own_level", "scored"), [(False, False), (True, True)])
def test_scores_on_one_level_or_with_the_column_as_a_score_have_no_finding(own_level, scored):
    assert differences(of_sites(own_level, scored=scored)).limit is None


@pytest.mark.parametrize("seed", range(3))
def test_a_column_that_is_missing_is_not_told_as_a_sum(seed):
    assert differences(students(missing, seed)).kinds == (UNSHOWN,)


@pytest.mark.parametrize("logit_of", [middle, together])
def test_the_ap_is_near_that_of_scikit_learn_on_all_squares_and_products(logit_of):
    made = students(logit_of)
    store = made.tuner.store
    fit, tune = (store.rows(split) for split in ("fit", "tune"))
    scores, label = np.asarray(store.concept_score), np.asarray(store.label)[:, 0]
    model = make_pipeline(PolynomialFeatures(2), StandardScaler(), LogisticRegression(C=0.1))
    logit = model.fit(scores[fit], label[fit]).decision_function(scores[tune])
    ap = average_precision_score(label[tune], logit)
    assert differences(made).limit.unsummed.ap.estimate == pytest.approx(ap, abs=0.05)


def one_of_seven(seed=0):
    """Students of seven classes, one per row: six are high or low in one of three columns each,
    ``rest`` in none. The teacher is the true model."""
    rng, n = np.random.default_rng(seed), FIT + TUNE
    share = np.array([0.4, *[0.1] * 6])
    means = np.vstack([np.zeros(3), 2 * np.eye(3), -2 * np.eye(3)])
    at = rng.choice(7, n, p=share)
    scores = rng.normal(size=(n, COLUMNS))
    scores[:, :3] += means[at]
    lead = scores[:, :3] @ means.T - (means**2).sum(axis=1) / 2 + np.log(share)
    names = [f"r{row}" for row in range(n)]
    classes = ["rest", *(f"{side} in c{of}" for side in ("high", "low") for of in range(3))]
    return inficond_panel.from_frames(
        pd.DataFrame(scores, names, [f"c{row}" for row in range(COLUMNS)]),
        pd.DataFrame(log_softmax(lead, axis=1), names, classes),
        pd.DataFrame(np.eye(7)[at], names, classes),
        split=pd.Series(["fit"] * FIT + ["tune"] * TUNE, names),
        task="single_label",
        activation="softmax",
    )


@pytest.fixture(scope="module")
def rest():
    return one_of_seven()


def test_a_class_that_is_what_no_other_is_is_told_so(rest):
    [row] = rest.doctor()["findings"].query("kind == @KIND").itertuples()
    assert row.finding.endswith("taken together (softmax): rest is what no other class is.")
    assert 'may show it: `students.with_settings(link="softmax")`.' in row.remedy


def test_with_the_softmax_student_that_the_remedy_names_there_is_no_finding(rest):
    assert differences(rest.with_settings(link="softmax"), "rest").limit is None


def test_its_card_and_the_model_card_say_so(in_the_middle):
    app = AppState(in_the_middle.tuner, Jobs(inline=True))
    start = StartView(app)
    app.shifts.start()
    [card] = start.panel.cards
    assert "; a sum of the concepts shows less than the teacher sees" in card["sentence"]
    text = card_markdown(model_card(in_the_middle.tuner, in_the_middle.node))
    assert "Classes of which the teacher sees more than a sum of the concepts shows:" in text


def test_the_clearest_square_and_product_are_ranked_first():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2000, 6))
    for pair in ([3, 3], [1, 4]):
        product = scores[:, pair[0]] * scores[:, pair[1]]
        residual = 0.1 * (product - product.mean()) + rng.normal(size=2000)
        assert ranked_products(scores, residual)[0].tolist() == pair


def test_the_turn_is_that_of_a_parabola_by_hand():
    score = np.linspace(-4, 6, 20_001)
    label = np.random.default_rng(2).random(len(score)) < expit(1 - (score - 2) ** 2)
    assert turning_point(score, label.astype(int)).at == pytest.approx(2, abs=0.05)


def test_a_score_along_which_nothing_turns_has_none():
    score = np.linspace(-3, 3, 5001)
    label = np.random.default_rng(3).random(len(score)) < expit(2 * score)
    assert turning_point(score, label.astype(int)) is None
