"""Concept students as a scikit-learn estimator."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

import inficond_panel
from inficond_panel import ConceptStudents, distill
from inficond_panel.errors import MissingExtraError, SolverError


@pytest.mark.filterwarnings("ignore:y has only the values 0 and 1")
@pytest.mark.parametrize(
    "estimator",
    [
        ConceptStudents(),
        ConceptStudents(l2=0.1, temperature=2.0, lower=0),
        ConceptStudents(link="softmax"),
    ],
)
def test_scikit_learns_own_checks(estimator):
    """As docs/notebook.md has it; the checks' ``y`` are labels or numbers beyond 0 and 1."""
    checks = check_estimator(estimator, on_skip=None)
    assert {each["status"] for each in checks} <= {"passed", "skipped"}
    assert sum(each["status"] == "passed" for each in checks) > 40


@pytest.mark.parametrize("shape", [(150,), (150, 1)])
def test_a_softmax_of_one_class_is_its_sigmoid(data, shape):
    """softmax (z, 0) = (sigmoid z, sigmoid -z)."""
    scores, logits = data
    z = logits[:, 0]
    made = ConceptStudents(link="softmax").fit(scores, z.reshape(shape))
    other = ConceptStudents().fit(scores, z.reshape(shape))
    np.testing.assert_array_equal(made.predict_proba(scores), other.predict_proba(scores))


def test_a_softmax_of_one_class_decides_at_one_half(data):
    scores, logits = data
    made = ConceptStudents(link="softmax").fit(scores, logits[:, 0])
    np.testing.assert_array_equal(made.predict(scores), made.predict_proba(scores) > 0.5)


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    """Concept scores (150, 12) and teacher logits (150, 3) that follow some of them."""
    rng = np.random.default_rng(3)
    scores = np.maximum(0, rng.normal(0.1, 0.2, (150, 12)))
    logits = 12 * scores[:, [0, 4, 7]] - 8 * scores[:, [1, 5, 8]] - 1 + rng.normal(size=(150, 3))
    return scores, logits


def test_it_is_the_solver_for_logits_and_for_probabilities(data):
    scores, logits = data
    students = ConceptStudents(0.003, l2=0.01, temperature=1.5).fit(scores, logits)
    fit = distill.fit(scores, distill.soft_targets(logits, 1.5), l1=0.003, l2=0.01)
    np.testing.assert_array_equal(students.coef_, fit.weights.T)
    np.testing.assert_array_equal(students.intercept_, fit.intercepts)
    assert (students.gap_ <= 1e-6).all()
    assert students.certificate_ == ("gap",) * 3
    by_logits, share = ConceptStudents().fit(scores, logits), expit(logits)
    by_share = ConceptStudents(y_kind="probabilities").fit(scores, share)
    np.testing.assert_allclose(by_share.coef_, by_logits.coef_, atol=1e-5)
    assert by_share.score(scores, share) == by_logits.score(scores, logits)


def test_a_score_refuses_probabilities_that_nothing_calls_so(data):
    scores, logits = data
    with pytest.raises(ValueError, match="y: values look like probabilities"):
        ConceptStudents().fit(scores, logits).score(scores, expit(logits))


def test_a_logit_from_0_to_1_is_no_probability(data):
    scores, logits = data
    students = ConceptStudents().fit(scores, logits)
    assert students.score(scores[:1], [[0.5, 0.5, 0.5]]) <= 1


def in_tables(data) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The data with image ids and names of classes."""
    ids = pd.Index([f"{i:03d}" for i in range(150)], name="image_id")
    scores, logits = data
    return pd.DataFrame(scores, ids).add_prefix("c"), pd.DataFrame(logits, ids, ["a", "b", "c"])


def test_a_score_refuses_logits_of_images_in_another_order(data):
    scores, logits = in_tables(data)
    students = ConceptStudents().fit(scores, logits)
    with pytest.raises(ValueError, match="the same in another order"):
        students.score(scores, logits.sort_values("a"))


def test_a_score_of_one_class_refuses_logits_of_another(data):
    scores, logits = in_tables(data)
    students = ConceptStudents().fit(scores, logits["a"])
    with pytest.raises(ValueError, match="y is named 'b'; the classes are a"):
        students.score(scores, logits["b"])


def test_bounds_in_a_table_are_matched_by_the_names_of_concepts_and_classes(data):
    scores, logits = in_tables(data)
    lower = pd.DataFrame(-np.inf, scores.columns, logits.columns)
    lower.loc["c4", "b"] = 9.0
    turned = ConceptStudents(lower=lower.iloc[::-1, ::-1]).fit(scores, logits)
    np.testing.assert_array_equal(
        turned.coef_, ConceptStudents(lower=lower.to_numpy()).fit(scores, logits).coef_
    )


@pytest.mark.parametrize("key", ["threshold", "lambda_"])
def test_a_series_of_settings_is_matched_by_the_names_of_classes(data, key):
    scores, logits = in_tables(data)
    values = pd.Series({"a": 0.01, "b": 0.1, "c": 0.5})
    turned = ConceptStudents(**{key: values[::-1]}).fit(scores, logits)
    plain = ConceptStudents(**{key: values.to_numpy()}).fit(scores, logits)
    np.testing.assert_array_equal(turned.predict(scores), plain.predict(scores))


def test_a_series_of_other_classes_is_refused(data):
    scores, logits = in_tables(data)
    with pytest.raises(ValueError, match="lambda_ has other names than the students: 'x'"):
        ConceptStudents(lambda_=pd.Series({"x": 0.1, "b": 0.1, "c": 0.1})).fit(scores, logits)


def test_weights_of_rows_in_another_order_are_refused(data):
    scores, logits = in_tables(data)
    weights = pd.Series(np.arange(150.0), scores.index)
    with pytest.raises(ValueError, match="X and sample_weight have other image ids"):
        ConceptStudents().fit(scores, logits, sample_weight=weights[::-1])


def test_a_score_on_labels_is_the_accuracy_at_any_threshold(data):
    scores, logits = data
    students = ConceptStudents(threshold=-2.0).fit(scores, logits)
    labels = (logits > 0).astype(int)
    assert students.score(scores, labels) == (students.predict(scores) == labels).mean()


def test_logs_of_probabilities_are_said_to_be_taken_as_logits(data):
    scores, logits = data
    with pytest.warns(UserWarning, match="never above 0.*give log"):
        ConceptStudents().fit(scores, np.log(expit(logits)))


def test_logits_of_classes_that_are_never_called_are_not_doubted(data):
    scores, logits = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ConceptStudents().fit(scores, logits - logits.max() - 0.5)


def test_percentages_are_said_to_be_taken_as_logits(data):
    scores, logits = data
    with pytest.warns(UserWarning, match="never below 0.*divide them by 100"):
        ConceptStudents().fit(scores, 100 * expit(logits))


def test_dates_are_no_scores(data):
    scores, logits = in_tables(data)
    with pytest.raises(ValueError, match="X has columns that are not numeric: 'day'"):
        ConceptStudents().fit(scores.assign(day=pd.Timestamp("2024-01-01")), logits)


def test_a_notebook_shows_the_students_by_their_largest_influences():
    rng = np.random.default_rng(0)
    scores = pd.DataFrame(rng.uniform(size=(60, 3)), columns=["wheel", "<b>", "sky"])
    logits = pd.DataFrame({"<i>": 5 * scores["wheel"] - 9 * scores["<b>"]})
    students = ConceptStudents(0.01)
    assert "strongest" not in students._repr_html_()
    students.fit(scores, logits)
    wheel, other = students.coef_[0, :2]
    assert abs(other) > abs(wheel) > 0 == students.coef_[0, 2]
    shown = students._repr_html_()
    assert f"<td>2</td>\n      <td>&lt;b&gt; {other:+.2f}, wheel {wheel:+.2f}</td>" in shown
    assert "<th>&lt;i&gt;</th>" in shown
    assert "<i>" not in shown
    bundle = students._repr_mimebundle_()
    assert bundle["text/plain"] == repr(students)
    assert bundle["text/html"].endswith(shown[shown.rindex("<table") :])
    with config_context(display="text"):
        assert students._repr_html_() is None


def test_predictions_follow_from_the_logits_of_one_class_too(data):
    scores, logits = data
    students = ConceptStudents(threshold=[0, 1, -1]).fit(scores, logits)
    decision = scores @ students.coef_.T + students.intercept_
    np.testing.assert_allclose(students.decision_function(scores), decision, atol=1e-12)
    np.testing.assert_allclose(students.predict_proba(scores), expit(decision), atol=1e-12)
    np.testing.assert_array_equal(students.predict(scores), decision > [0, 1, -1])
    alike = np.mean((decision > [0, 1, -1]) == (logits > [0, 1, -1]))
    assert students.score(scores, logits) == pytest.approx(alike, abs=1e-12)
    one = ConceptStudents().fit(scores, logits[:, 1])
    assert one.predict(scores).shape == one.predict_proba(scores).shape == (150,)
    assert one.coef_.shape == (1, 12)
    np.testing.assert_allclose(one.decision_function(scores), decision[:, 1], atol=1e-9)
    assert 0.5 < one.score(scores, logits[:, 1]) <= 1


SOFTMAX = {"link": "softmax"}


def test_names_come_from_data_frames_and_what_cannot_be_used_is_said(data):
    scores, logits = data
    frame = pd.DataFrame(scores, columns=[f"concept {c}" for c in range(12)])
    students = ConceptStudents().fit(frame, pd.DataFrame(logits, columns=["cat", "dog", "tv"]))
    assert list(students.class_names_) == ["cat", "dog", "tv"]
    assert list(students.feature_names_in_) == list(frame.columns)
    one = ConceptStudents().fit(frame, pd.Series(logits[:, 0], name="cat"))
    assert list(one.class_names_) == ["cat"]
    with pytest.raises(ValueError, match="feature names should match"):
        students.predict(frame[frame.columns[::-1]])
    with pytest.raises(NotFittedError):
        ConceptStudents().predict(scores)
    with pytest.raises(ValueError, match="shape"):
        students.score(frame, logits[:, 0])
    with pytest.warns(ConvergenceWarning, match="class0"):
        ConceptStudents(max_iter=1, tolerance=1e-12).fit(scores, logits)
    for settings, given, error, fault in (
        ({"temperature": 0}, "logits", ValueError, "temperature"),
        ({"lambda_": -1.0}, "logits", SolverError, "lambda_ must be finite"),
        ({"lambda_": "auto"}, "logits", SolverError, "lambda_ is 'auto' for 3 classes"),
        ({}, "names", ValueError, "y must be numbers, got .*'cat'.*get_dummies"),
        ({}, "shares", ValueError, "look like probabilities"),
        ({"y_kind": "probabilities"}, "logits", ValueError, "these are not probabilities"),
        ({"y_kind": "odds"}, "logits", ValueError, "y_kind must be"),
        ({**SOFTMAX, "l2": 0.1}, "logits", ValueError, "l2 is not used with link='softmax'"),
        ({"link": "probit"}, "logits", ValueError, "link must be 'sigmoid' or 'softmax'"),
        ({**SOFTMAX, "y_kind": "probabilities"}, "shares", ValueError, "in a softmax to 1"),
    ):
        scores, logits = data
        y = {"logits": logits, "shares": expit(logits)}
        y["names"] = np.array(["cat", "dog", "tv"])[logits.argmax(axis=1)]
        with pytest.raises(error, match=fault):
            ConceptStudents(**settings).fit(scores, y[given])


def test_without_scikit_learn_the_remedy_is_said(monkeypatch):
    for name in [*sys.modules, "sklearn"]:
        if name.partition(".")[0] == "sklearn":
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "inficond_panel.api.estimator")
    with pytest.raises(MissingExtraError, match=r"\[sklearn\]"):
        _ = inficond_panel.ConceptStudents
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inficond_panel.open_students is not None


def test_labels_of_minus_1_and_1_are_said_to_be_taken_as_logits(data):
    scores, logits = data
    with pytest.warns(UserWarning, match=r"values -1 and 1.*\(y > 0\)"):
        ConceptStudents().fit(scores, np.sign(logits))


def test_labels_are_taken_as_labels_and_said_to_be(data):
    """As logits they would be probabilities of 0.5 and 0.73. The same as scikit-learn's fit."""
    scores, logits = data
    labels = (logits[:, 0] > 0).astype(int)
    with pytest.warns(UserWarning, match="y_kind='logits'"):
        students = ConceptStudents(0, l2=0.05, tolerance=1e-12).fit(scores, labels)
    strength = 1 / (len(scores) * 0.05)
    other = LogisticRegression(C=strength, tol=1e-12, max_iter=10_000).fit(scores, labels)
    np.testing.assert_allclose(students.coef_, other.coef_, atol=1e-4)
    assert students.score(scores, labels) == other.score(scores, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = ConceptStudents(0, l2=0.05, tolerance=1e-12, y_kind="probabilities")
        np.testing.assert_array_equal(same.fit(scores, labels).coef_, students.coef_)
    with pytest.warns(UserWarning, match="class indices"):
        ConceptStudents().fit(scores, labels + 1)


def test_one_softmax_student(data):
    scores, logits = data
    p = softmax(logits, axis=1)
    students = ConceptStudents(1e-3, link="softmax", tolerance=1e-8).fit(scores, logits)
    shifted = clone(students).fit(scores, logits + 5)
    np.testing.assert_allclose(students.coef_, shifted.coef_, atol=1e-6)
    np.testing.assert_allclose(students.coef_.sum(axis=0), 0, atol=1e-12)
    found = students.predict_proba(scores)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found.mean(axis=0), p.mean(axis=0), atol=1e-8)  # free intercepts
    assert (students.predict(scores).argmax(axis=1) == found.argmax(axis=1)).all()
    assert students.predict(scores).sum(axis=1).tolist() == [1] * len(scores)
    agree = np.mean(found.argmax(axis=1) == logits.argmax(axis=1))
    assert students.score(scores, logits) == pytest.approx((1 + 2 * agree) / 3)  # of 3 decisions
    by_share = clone(students).set_params(y_kind="probabilities").fit(scores, p)
    np.testing.assert_allclose(by_share.coef_, students.coef_, atol=1e-5)
    upper = np.full((12, 3), np.inf)  # a bound is one of the centred influence
    c, k = np.unravel_index(students.coef_.T.argmax(), upper.shape)
    upper[c, k] = students.coef_[k, c] / 2
    held = clone(students).set_params(upper=upper).fit(scores, logits)
    assert held.coef_[k, c] == pytest.approx(upper[c, k], abs=1e-9)
    assert np.abs(np.delete(held.coef_ - students.coef_, k, axis=0)[:, c]).max() > 1e-6
