"""Reports on refits of the joint student, its repairs and commands: prices, what-ifs, stability."""

import json

import numpy as np
import pandas as pd
import pytest
from frames import SINGLE as CLASSES
from frames import joint_spec
from scipy.special import softmax
from sklearn.metrics import average_precision_score
from test_joint_students import L1, objective, problem, reference, tuner  # noqa: F401
from viewing import ask

from inficond_panel import distill, load_students
from inficond_panel.distill.solver.centred_bounds import ConceptAtOptimum, free_range
from inficond_panel.errors import TuningError
from inficond_panel.results.refit_changes import MovedClass, moved_classes, moved_sentence
from inficond_panel.results.refit_report import explain
from inficond_panel.results.sensitivity import penalty_path, stability
from inficond_panel.results.what_if_curves import refit_curve
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import History, Intent, Tuner, open_tuner
from inficond_panel.tuning.node import to_iteration
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.replay import replay
from inficond_panel.tuning.suggest import suggest
from inficond_panel.views.configuration.view import make_student
from inficond_panel.views.knowledge.batch import make_others
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.provenance.iterations import touches

pytestmark = [pytest.mark.commands, pytest.mark.page]

THUMBS = [Intent("cat", "a", "remove"), Intent("dog", "b", "up"), Intent("bird", "c", "down")]


@pytest.fixture
def tuned(tuner):  # noqa: F811
    return tuner.fine_tune(tuner.root(), THUMBS)


def box(bounds):
    """Lower and upper bounds (5, 3) of a node's."""
    lower, upper = np.full((5, 3), -np.inf), np.full((5, 3), np.inf)
    for (name, concept), (low, high) in bounds.items():
        place = "abcde".index(concept), CLASSES.index(name)
        lower[place] = -np.inf if low is None else low
        upper[place] = np.inf if high is None else high
    return {"lower": lower, "upper": upper}


def least(tuner, bounds):  # noqa: F811
    """Least objective within bounds, by a solve of its own."""
    return distill.fit_joint(*problem(tuner), l1=L1, **box(bounds), tolerance=1e-12).objective


def test_a_price_is_the_slope_of_the_least_objective(tuner, tuned):  # noqa: F811
    step = 1e-4

    def at(key, shift):
        moved = tuple(None if side is None else side + shift for side in tuned.bounds[key])
        return least(tuner, {**tuned.bounds, key: moved})

    for thumb in range(3):
        key = THUMBS[thumb].key
        (bound,) = explain(tuner, tuned, lift=True).of(key[0]).bounds
        now, below, above = at(key, 0), at(key, -step), at(key, step)
        assert bound.price.left == pytest.approx((now - below) / step, abs=3e-4)
        assert bound.price.right == pytest.approx((above - now) / step, abs=3e-4)
        assert bound.active == (thumb != 1)  # dog went beyond its bound when cat lost the concept
        assert bound.at_limit == bound.active
        if bound.active:
            free = least(tuner, {k: v for k, v in tuned.bounds.items() if k != key})
            assert bound.lifted == pytest.approx(now - free, abs=1e-8)


def test_the_price_of_a_concept_that_is_not_used_has_two_sides():
    """Two classes, nothing used: by hand, m - mean(m) within the penalty less the gradient."""
    gradient, lower, upper = map(np.array, ([0.02, -0.02], [0.0, -np.inf], [0.0, np.inf]))
    none, l1 = np.zeros(2), np.full(2, 0.1)
    found = ConceptAtOptimum(gradient, none, lower, upper, l1, none, spread=1.0, delta=0.0).price(0)
    # |-0.02 - m/2| <= 0.1 and |0.02 + m/2| <= 0.1: m from -0.24 to 0.16
    assert (found.left, found.right) == pytest.approx((-0.16, 0.24), abs=1e-8)
    assert found.gain == 0


def test_the_objective_stability_and_one_class_are_those_of_the_joint_solve(tuner, tuned):  # noqa: F811
    x, t = problem(tuner)
    found = explain(tuner, tuned).of("dog").objective
    root, mean = tuner.root(), t.mean(axis=0)
    assert found.zero == pytest.approx(-(mean * np.log(mean)).sum())
    assert found.before == pytest.approx(objective(root.weights, root.intercepts, x, t))
    assert found.after == pytest.approx(objective(tuned.weights, tuned.intercepts, x, t))
    assert found.free == pytest.approx(reference(x, t)[0], abs=2e-6)
    assert found.optimum == pytest.approx(least(tuner, tuned.bounds), abs=1e-8)
    assert found.teacher_after == pytest.approx(found.loss_after, rel=1e-12)
    report = stability(tuner, "dog", node=tuned, concepts=["b", "d"], draws=3, seed=5)
    x, t = problem(tuner)
    rng, found = np.random.default_rng(5), []
    for _ in range(3):
        rows = rng.integers(len(x), size=len(x))
        alone = distill.fit_joint(x[rows], t[rows], l1=L1, **box(tuned.bounds), tolerance=1e-9)
        found.append(alone.centred[[1, 3], 2])
    assert report["median"].tolist() == pytest.approx(np.median(found, axis=0), abs=2e-2)
    # seen from a class it ranks as the node; on some photos it is their joint student
    own, rows = tuner.repairs.class_fit(tuned, "dog"), tuner.store.rows("tune")
    expected = tuner.logits(tuned)[rows, 2]
    np.testing.assert_allclose(own.logits(own.base, rows), expected, atol=1e-12)
    assert own.weights == pytest.approx(tuned.weights[:, 2])
    out = np.arange(60) % 5 == 0
    x, t = problem(tuner)
    alone = distill.fit_joint(x[~out], t[~out], l1=L1, **box(tuned.bounds), tolerance=1e-9)
    scores = tuner.store.concept_score[rows]
    p = softmax(scores @ alone.centred + alone.intercepts, axis=1)[:, 2]
    found = own.logits(own.fitted_without_each(out[None])[0], rows)
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), p, atol=3e-3)


def test_classes_that_moved_are_told_the_most_first_and_nothing_as_nothing(tuner):  # noqa: F811
    node = tuner.fine_tune(tuner.root(), [Intent("cat", "a", "up", 4.0)])
    x, nodes = tuner.store.concept_score[tuner.store.rows("tune")], (tuner.root(), node)
    old, new = (softmax(x @ each.weights + each.intercepts, axis=1) for each in nodes)
    found = moved_classes(*(tuner.at(each, "tune") for each in nodes))
    assert sorted(each.class_name for each in found) == ["bird", "dog"]
    assert found[0].moved >= found[1].moved > 0
    for each in found:
        k = CLASSES.index(each.class_name)
        assert each.moved == pytest.approx(np.abs(new - old)[:, k].mean())
        assert each.turned == ((old[:, k] > 0.5) != (new[:, k] > 0.5)).sum()
    assert explain(tuner, node, splits=["tune"]).moved == {"tune": found}
    told = moved_sentence(found, "tune")
    assert told.index(found[0].class_name) < told.index(found[1].class_name)
    plain = tuner.with_students(link="sigmoid")
    same = plain.fine_tune(plain.root(), [Intent("cat", "a", "up", 4.0)])
    assert moved_classes(*(plain.at(each, "tune") for each in (plain.root(), same))) == ()
    still = MovedClass("cat", 1e-5, 0, 0.5, 0.5)
    assert moved_sentence((), "tune") == ""
    told = "one softmax; no other moved by 0.0005 or more on tune."
    assert moved_sentence((still,), "tune").endswith(told)
    far = MovedClass("dog", 0.25, 1, np.nan, np.nan)
    assert moved_sentence((far, still), "tune") == (
        "The classes share one softmax, so others moved too, most on tune: dog, probability by "
        "0.250 on average, 1 prediction changed; 1 more moved less."
    )


def test_what_if_solves_all_classes_within_what_the_bounds_leave(tuner, tuned):  # noqa: F811
    x, t = problem(tuner)
    student = tuner.at(tuner.root(), "tune")["dog"]
    points = list(refit_curve(tuner, student, "e", levels=2))
    assert len(points) >= 5
    for point in points:
        best, _ = reference(x, t, (4, 2, point.influence))
        fit = point.fit
        assert fit.weights[4, 2] == pytest.approx(point.influence, abs=1e-12)
        assert objective(fit.weights, fit.intercepts, x, t) == pytest.approx(best, abs=5e-6)
        rows = tuner.store.rows("tune")
        logits = tuner.store.concept_score[rows] @ fit.weights + fit.intercepts
        right = (logits.argmax(axis=1) == 2) == (student.labels == 1)
        assert point.metrics.accuracy == pytest.approx(right.mean())
    held = list(refit_curve(tuner, tuner.at(tuned, "tune")["dog"], "a", levels=1))
    assert all(abs(point.fit.weights[0, 1]) == 0 for point in held)
    thumbs = [Intent(name, "a", "remove") for name in ("cat", "dog")]
    node = tuner.fine_tune(tuner.root(), thumbs)
    points = list(refit_curve(tuner, tuner.at(node, "tune")["bird"], "a", levels=1))
    assert [point.influence for point in points] == pytest.approx([0], abs=1e-12)
    low, high = np.array([-1.0, -np.inf, 2.0]), np.array([3.0, 4.0, 5.0])
    assert free_range(low, high, 1) == (-8.0, -1.0)
    assert free_range(low, high, 2) == (-7.0, np.inf)


@pytest.mark.parametrize("value", [10 * L1, L1 / 10])
def test_a_lambda_of_one_class_is_its_penalty_in_the_one_solve(tuner, value):  # noqa: F811
    node = tuner.fine_tune(tuner.root(), [Lambda("cat", value)])
    x, t = problem(tuner)
    l1 = np.array([L1, value, L1])
    best, weights = reference(x, t, l1=l1)
    np.testing.assert_allclose(node.weights, weights, atol=2e-2)
    assert objective(node.weights, node.intercepts, x, t, l1) == pytest.approx(best, abs=2e-6)
    assert max(node.gap) <= 1e-6
    assert node.certificate == ("gap",) * 3
    assert node.repairs == (Lambda("cat", value),)


def test_a_lambda_holds_for_what_follows_is_replayed_and_varied_alone(tuner):  # noqa: F811
    """A thumb on another class, seen from either, and another lambda go on from it."""
    first = tuner.fine_tune(tuner.root(), [Lambda("cat", 5 * L1)])
    thumb = Intent("dog", "b", "up")
    node = tuner.fine_tune(first, [thumb, Lambda("bird", 2 * L1)])
    lower = np.full((5, 3), -np.inf)
    lower[1, 2] = node.bounds[thumb.key][0]
    l1 = [2 * L1, 5 * L1, L1]
    alone = distill.fit_joint(*problem(tuner), l1=l1, lower=lower, tolerance=1e-9)
    np.testing.assert_allclose(node.weights, alone.centred, atol=5e-3)
    rows = tuner.store.rows("tune")
    for k, name in enumerate(CLASSES):
        own = tuner.repairs.class_fit(node, name)
        assert own.data.penalties.l1.tolist() == l1
        again = own.logits(own.solve(), rows)
        np.testing.assert_allclose(again, tuner.logits(node)[rows, k], atol=5e-2)
    again = Tuner(tuner.store, tuner.spec, History(":memory:"))
    for old, new in replay(tuner, again):
        assert (old.id, old.weights_hash) == (new.id, new.weights_hash)
    path = penalty_path(tuner, tuner.root(), "cat")
    assert path.attrs["facts"]["auto"] is None  # it takes a value alone
    now, last = path[path["now"]], path.iloc[-1]
    assert list(now.index) == [L1]
    assert now["ap"].iloc[0] == tuner.metrics(tuner.root(), "tune")["cat"].ap
    assert last.name > L1
    alone = distill.fit_joint(*problem(tuner), l1=[L1, last.name, L1], tolerance=1e-9)
    rows = tuner.store.rows("tune")
    p = softmax(tuner.store.concept_score[rows] @ alone.centred + alone.intercepts, axis=1)
    label = tuner.at(tuner.root(), "tune")["cat"].labels
    assert last["ap"] == pytest.approx(average_precision_score(label, p[:, 1]))


def test_the_page_takes_lambda_alone_and_says_that_all_classes_changed(tuner):  # noqa: F811
    with pytest.raises(TuningError, match=r"Repairs change.*\n.*link=.sigmoid"):
        suggest(tuner)
    app = AppState(tuner, Jobs(inline=True))
    app.selection.class_name = "cat"
    view, repair = KnowledgeView(app), {"direction": "lambda", "value": 0.03}
    assert view.table.options["penalised"]
    assert "link: softmax" in view.table.options["unrepairable"]
    for refused in ({"direction": "lambda", "value": "auto"}, {"direction": "doubt", "value": 1}):
        with pytest.raises(ValueError, match="the message is no repair"):
            ask(view, "repair", repair=refused)
    ask(view, "repair", repair=repair)
    assert app.tuning.pending == [Lambda("cat", 0.03)]
    assert app.tuning.preview.node.repairs == (Lambda("cat", 0.03),)
    ask(view, "fine_tune")
    assert app.students.node.repairs == (Lambda("cat", 0.03),)
    view.panels.repairing = True
    app.settings.show = "details"
    assert [point["value"] for point in view.panels.path["points"] if point["now"]] == [0.03]
    assert view.panels.finding["terms"] == ["penalty λ 0.03"]
    node = tuner.fine_tune(tuner.root(), [Intent("cat", "a", "up")])
    (iteration,) = (one for one in tuner.tree()[0] if one.id == node.id)
    assert touches(iteration, "dog", joint=True)
    assert not touches(iteration, "dog")
    assert not touches(to_iteration(tuner.root()), "dog", joint=True)
    assert make_others(node.tuned, "dog", joint=True) == "It tuned cat; dog moved with it."
    assert make_others(node.tuned, "cat", joint=True) == ""
    card = make_student([iteration], node, [], joint=True)["card"]
    assert card["text"] == "One softmax over all classes, distilled from the teacher."


EDITS = """\
- - {class: cat, concept: a, direction: up, factor: 4}
  - {class: dog, concept: b, direction: remove}
- - {class: bird, concept: c, direction: down}
"""


def test_commands_from_check_to_export_take_a_joint_student(run, tmp_path):
    spec = joint_spec(tmp_path)

    def said(command, *arguments):
        status, told, error = run(*command.split(), spec, *arguments)
        assert status == 0, error
        return told

    (tmp_path / "edits.yaml").write_text(EDITS)
    edits = ["--edits", tmp_path / "edits.yaml"]
    assert "one softmax over all classes" in said("check")
    assert "others moved too" in said("tune", *edits)
    last = json.loads(said("tune", *edits, "--json"))["students"]["rows"]
    assert {row["class"] for row in last} == set(CLASSES)
    assert max(row["certificate"] for row in last) <= 1e-6
    said("history list")
    said("history compare", "--node", "0", "2")
    said("history replay", tmp_path / "copy.sqlite")
    told = json.loads(said("explain", "--json"))
    assert [row["class"] for row in told["classes"]["rows"]] == ["bird"]
    assert told["moved"]["rows"][0]["class"] in CLASSES
    assert "others moved too" in said("explain")
    together = json.loads(said("metrics", "--json", "--draws", "20"))["together"]["rows"]
    said("export", "--output", tmp_path / "out", "--format", "npz")
    store = open_tuner(tmp_path / "own.yaml").store
    rows = store.rows("tune")
    x = pd.DataFrame(store.concept_score[rows], columns=list("abcde"))
    named = load_students(tmp_path / "out").predict_proba(x).argmax(1)
    right = (named == store.label[rows].argmax(1)).mean()
    assert {row["metric"]: row["students"] for row in together}["top1"] == pytest.approx(right)
    more = "stability --class cat --draws 3", "lambda --class cat", "compare --lambda 1e-2,1e-3"
    for command in (*more, "doctor", "distill"):
        assert said(command)


def test_repairs_say_what_to_do(run, tmp_path):
    spec, edits = joint_spec(tmp_path), tmp_path / "repair.yaml"
    for line, remedy in (
        ("direction: doubt, value: auto", "students.link: sigmoid"),
        ("concepts: [a], direction: balance", "students.link: sigmoid"),
        ("direction: lambda, value: auto", "give lambda a value"),
        ("direction: lambda, value: 0", "Give a value above 0."),
    ):
        edits.write_text(f"- - {{class: cat, {line}}}\n")
        status, _, told = run("tune", spec, "--edits", edits)
        assert status != 0
        assert remedy in told
    assert len(open_tuner(spec).nodes()) == 1
