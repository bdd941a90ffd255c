"""Null students: the same students over random words, or over random mixtures of the scores."""

import json

import numpy as np
import pandas as pd
import pytest
from factory import ATTRS, small_arrays, spec_text
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from worded import MADE

from inficond_panel import from_frames
from inficond_panel.cli import main
from inficond_panel.concepts.random_words import candidates_of, write_random_words
from inficond_panel.errors import TuningError
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.export.model_card import model_card
from inficond_panel.results.doctor import doctor
from inficond_panel.results.metrics import metrics
from inficond_panel.results.null_students import no_better, null_frame
from inficond_panel.store import open_store, write_store
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.null_students import (
    MIXTURES,
    RANDOM_WORDS,
    mixed_scores,
    null_store,
    null_students,
)
from inficond_panel.wording.null_students import NO_BETTER

pytestmark = pytest.mark.commands

IMAGES, LAMBDA = 400, 1e-3
CLASSES = ("bicycle", "tv monitor", "sheep", "bird")


def written(folder, extra="students: {lambda: 0.001}\n", make=small_arrays, **sizes):
    """Spec of a small store as made from photos, without words next to it."""
    spec = folder / "small.yaml"
    spec.write_text(spec_text(extra))
    write_store(folder / "small.zarr", make(images=IMAGES, **sizes), {**ATTRS, **MADE})
    return spec


def worded(spec, vectors):
    """Random words next to the store of a spec, with these vectors for the texts of concepts."""
    store = open_store(spec.with_name("small.zarr"))
    write_random_words(store, candidates_of(store)[: len(vectors)], vectors.astype(np.float32))
    return open_tuner(spec, history=":memory:")


def texts():
    return small_arrays(images=IMAGES)["concept_text_embedding"]


def noise():
    vectors = np.random.default_rng(8).normal(size=texts().shape)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def named_like(tmp_path_factory):
    """A tuner whose random words have the concepts' scores, so that names cannot matter."""
    return worded(written(tmp_path_factory.mktemp("like")), texts())


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """A tuner whose random words have drawn vectors."""
    return worded(written(tmp_path_factory.mktemp("apart")), noise())


@pytest.fixture(scope="module")
def wordless(tmp_path_factory):
    """A tuner without random words."""
    return open_tuner(written(tmp_path_factory.mktemp("wordless")), history=":memory:")


@pytest.fixture(scope="module")
def found(apart):
    return null_frame(apart)


def sklearn_ap(tuner, k, size):
    """AP on tune of scikit-learn's sparse regression on the teacher's probabilities, at the least
    of 200 lambdas with at most ``size`` concepts."""
    store = tuner.store
    fit, tune = store.rows("fit"), store.rows("tune")
    scores = np.asarray(store.concept_score, dtype=float)
    target = 1 / (1 + np.exp(-store.teacher_logit[fit, k].astype(float)))
    rows, label = np.vstack([scores[fit]] * 2), np.repeat([1, 0], len(fit))
    weight = np.concatenate([target, 1 - target])
    largest = np.abs(scores[fit].T @ (target - target.mean())).max() / len(fit)
    model = LogisticRegression(
        l1_ratio=1, solver="saga", warm_start=True, tol=1e-5, max_iter=20000, random_state=0
    )
    known, best = store.label[tune, k] >= 0, None
    for penalty in np.geomspace(1, 1e-3, 200) * largest:
        model.C = 1 / (len(fit) * penalty)
        model.fit(rows, label, weight)
        if np.count_nonzero(model.coef_) > size:
            return best
        logits = scores[tune][known] @ model.coef_[0]
        best = average_precision_score(store.label[tune, k][known], logits)
    return best


@pytest.mark.parametrize("size", [5, 10])
def test_the_ap_of_a_size_is_that_of_scikit_learn(found, apart, size):
    row = found.loc[("bicycle", str(size))]
    assert row["named"] == pytest.approx(sklearn_ap(apart, 0, size), abs=0.005)


def test_all_is_the_student_itself(found, apart):
    expected = apart.metrics(apart.root(), "tune")["sheep"].ap
    assert found.loc[("sheep", "all"), "named"] == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", CLASSES)
def test_the_student_itself_has_the_interval_of_its_metrics(found, apart, name):
    own = metrics(apart, apart.root(), "tune").loc[name]
    row = found.loc[(name, "all")]
    limits = [row["named_low"], row["named_high"]]
    assert limits == pytest.approx([own["ap_low"], own["ap_high"]], abs=1e-9)


def test_the_null_is_the_student_of_the_random_words(found, apart):
    _, null = null_store(apart.store)
    tuner = type(apart)(null, apart.spec, type(apart.history)(":memory:"))
    expected = tuner.metrics(tuner.root(), "tune")["sheep"].ap
    assert found.loc[("sheep", "all"), "random"] == pytest.approx(expected, abs=2e-3)


def test_the_difference_is_named_less_random(found):
    np.testing.assert_allclose(found["difference"], found["named"] - found["random"], atol=1e-12)


def test_the_mean_is_over_the_sizes(found):
    rows = found.loc["bird"]
    assert rows.at["mean", "named"] == pytest.approx(rows.loc[["5", "10", "20"], "named"].mean())


def test_the_last_rows_are_means_over_the_classes(found):
    every = found.xs("10", level="size")
    expected = every.loc[list(CLASSES), "random"].mean()
    assert every.at["mean of classes", "random"] == pytest.approx(expected)


def test_the_limits_of_the_difference_are_paired(found, apart):
    compared = null_students(apart, "tune", CLASSES)
    named, random = (side["sheep"][5].outcome for side in (compared.named, compared.random))
    label, count = named.positive, len(named.positive)
    rng, draws = np.random.default_rng(0), []
    for _ in range(200):
        times = np.bincount(rng.integers(count, size=count), minlength=count)
        aps = [
            average_precision_score(label, x.logit, sample_weight=times) for x in (named, random)
        ]
        draws.append(aps[0] - aps[1])
    row = found.loc[("sheep", "5")]
    expected = np.quantile(draws, [0.025, 0.975])
    np.testing.assert_allclose([row["difference_low"], row["difference_high"]], expected, atol=1e-6)


def test_equal_scores_make_no_difference(named_like):
    frame = null_frame(named_like)
    np.testing.assert_allclose(frame["difference"], 0.0, atol=1e-6)


def test_equal_scores_are_no_better(named_like):
    assert no_better(null_frame(named_like)) == list(CLASSES)


def test_the_card_says_first_whose_names_are_worth_nothing(named_like):
    card = model_card(named_like, named_like.head())
    assert card["null"]["sentences"][0].startswith(
        "Named words lead random words by less than 0.02"
    )


def test_drawn_vectors_are_worse_than_the_concepts(found):
    assert no_better(found) == []


def table_of(lead, kind):
    """Frame of one class with this interval of the lead of named words."""
    row = {"positives": 99, "negatives": 99, "difference_low": lead[0], "difference_high": lead[1]}
    index = pd.MultiIndex.from_tuples([("sheep", "mean")], names=["class", "size"])
    frame = pd.DataFrame([row], index)
    frame.attrs["facts"] = {"null": kind}
    return frame


@pytest.mark.parametrize(
    ("lead", "called"), [((-0.03, 0.05), []), ((-0.03, 0.01), ["sheep"]), ((0.01, 0.05), [])]
)
def test_only_an_interval_without_a_lead_shows_that_names_are_worth_nothing(lead, called):
    assert no_better(table_of(lead, RANDOM_WORDS)) == called


def test_mixtures_never_show_that_names_are_worth_nothing():
    assert no_better(table_of((-0.09, -0.03), MIXTURES)) == []


def test_the_doctor_says_nothing_of_the_names_of_a_table_whose_columns_all_count():
    rng = np.random.default_rng(1)
    ids = [f"p{i}" for i in range(1200)]
    scores = pd.DataFrame(rng.normal(size=(1200, 12)), ids, list("abcdefghijkl"))
    logits = (scores @ rng.choice([-1.0, 1.0], 12)).to_frame("ill")
    labels = (rng.random((1200, 1)) < 1 / (1 + np.exp(-logits))).astype(float)
    split = pd.Series(np.repeat(["fit", "tune", "holdout"], [600, 500, 100]), ids)
    students = from_frames(scores, logits, labels, split=split).fit()
    assert NO_BETTER not in list(students.doctor()["findings"]["kind"])


def test_one_class_has_no_mean_over_classes(apart):
    frame = null_frame(apart, classes=["sheep"])
    assert set(frame.index.get_level_values("class")) == {"sheep"}


def test_a_corpus_of_eight_concepts_has_size_five_alone(tmp_path):
    tuner = open_tuner(written(tmp_path, concepts=8), history=":memory:")
    sizes = null_frame(tuner, classes=["sheep"]).index.get_level_values("size")
    assert list(sizes) == ["5", "mean", "all"]


def test_a_corpus_of_four_concepts_has_all_alone(tmp_path):
    tuner = open_tuner(written(tmp_path, concepts=4, classes=2), history=":memory:")
    sizes = null_frame(tuner, classes=["bicycle"]).index.get_level_values("size")
    assert list(sizes) == ["all"]


def test_without_the_size_by_lambda_there_are_the_numbers_alone(apart):
    found = null_students(apart, "tune", ("sheep",), by_lambda=False)
    assert list(found.named["sheep"]) == list(found.random["sheep"]) == [5, 10, 20]


def test_sizes_are_fewer_than_the_random_words_too(tmp_path):
    tuner = worded(written(tmp_path, concepts=8), noise()[:5])
    found = null_students(tuner, "tune", ("sheep",), by_lambda=False)
    assert list(found.named["sheep"]) == list(found.random["sheep"]) == ["all"]


def test_a_class_without_labels_of_tune_is_undefined(tmp_path):
    def unlabelled(**sizes):
        arrays = small_arrays(**sizes)
        arrays["label"][arrays["split"] == "tune"] = -1
        return arrays

    tuner = open_tuner(written(tmp_path, make=unlabelled), history=":memory:")
    assert null_frame(tuner, classes=["sheep"])["difference"].isna().all()


# --- the floor


def test_without_random_words_mixtures_replace_them(wordless):
    assert null_students(wordless, "tune", ("sheep",)).kind == MIXTURES


def test_with_random_words_the_null_reads_them(apart):
    assert null_students(apart, "tune", ("sheep",)).kind == RANDOM_WORDS


def test_a_mixture_has_the_spread_of_a_concept(wordless):
    store, fit = wordless.store, wordless.store.rows("fit")
    mixed = mixed_scores(store)
    np.testing.assert_allclose(mixed[fit].std(0), store.concept_score[fit].std(0), rtol=1e-3)


def test_a_mixture_is_a_sum_of_scores(wordless):
    scores = np.asarray(wordless.store.concept_score, dtype=float)
    known = np.column_stack([scores, np.ones(len(scores))])
    mixed = mixed_scores(wordless.store).astype(float)
    rest = mixed - known @ np.linalg.lstsq(known, mixed, rcond=None)[0]
    assert np.abs(rest).max() < 1e-4


def test_a_constant_concept_spoils_no_mixture(tmp_path):
    def constant(**sizes):
        arrays = small_arrays(**sizes)
        arrays["concept_score"][:, 2] = 0.25
        return arrays

    tuner = open_tuner(written(tmp_path, make=constant), history=":memory:")
    assert np.isfinite(mixed_scores(tuner.store)).all()


def test_the_null_has_the_labels_of_the_store(wordless):
    _, null = null_store(wordless.store)
    np.testing.assert_array_equal(null.label, wordless.store.label)


def test_the_null_has_another_hash(wordless):
    _, null = null_store(wordless.store)
    assert null.content_hash != wordless.store.content_hash


def test_mixtures_are_said_to_be_a_floor(wordless):
    notes = " ".join(null_frame(wordless, classes=["sheep"]).attrs["notes"])
    assert "this says nothing of the names" in notes


# --- other students


def test_students_of_the_papers_recipe_are_refused(tmp_path):
    extra = "students: {solver: paper, lambda: 0.001}\n"
    tuner = open_tuner(written(tmp_path, extra=extra), history=":memory:")
    with pytest.raises(TuningError, match="paper's recipe"):
        null_frame(tuner)


def test_the_penalty_of_the_null_is_chosen_by_the_same_rule(tmp_path):
    tuner = worded(written(tmp_path, extra="students: {lambda: auto}\n"), texts())
    frame = null_frame(tuner, classes=["sheep"])
    assert frame.loc[("sheep", "all"), "difference"] == pytest.approx(0, abs=1e-6)


# --- doors


def test_the_doctor_finds_names_without_an_advantage(named_like):
    findings = doctor(named_like, named_like.root())["findings"]
    assert NO_BETTER in list(findings["kind"])


def test_the_doctor_is_silent_on_names_that_help(apart):
    findings = doctor(apart, apart.root())["findings"]
    assert NO_BETTER not in list(findings["kind"])


def test_the_card_has_both_aps(apart):
    text = card_markdown(model_card(apart, apart.root()))
    assert "## Named words and random words" in text


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    spec = written(tmp_path_factory.mktemp("door"))
    worded(spec, noise())
    return spec


def test_the_command_prints_both_aps(shown, capsys):
    assert main(["metrics", str(shown), "--null", "--class", "sheep"]) == 0
    assert "Named words 0." in capsys.readouterr().out


def test_the_command_has_all_as_json(shown, capsys):
    main(["metrics", str(shown), "--null", "--class", "sheep", "--json"])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["size"] for row in rows] == ["5", "10", "20", "mean", "all"]


def test_a_look_at_the_holdout_is_counted(shown, capsys):
    main(["metrics", str(shown), "--null", "--split", "holdout", "--class", "sheep"])
    assert "1 look counted" in capsys.readouterr().err


def test_another_iteration_is_refused(shown, tmp_path, capsys):
    history = str(tmp_path / "tuned.sqlite")
    tuner = open_tuner(shown, history=history)
    tuner.fine_tune(tuner.root(), [Intent("sheep", "wheel", "remove", None)])
    main(["metrics", str(shown), "--history", history, "--null", "--node", "1"])
    assert "--null compares the original students" in capsys.readouterr().err
