"""Reports on refits of the joint student, its repairs and commands: prices, what-ifs, stability."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from factory import small_spec
from frames import SINGLE as CLASSES
from frames import joint_spec
from scipy.special import softmax
from sklearn.metrics import average_precision_score
from test_joint_students import L1, objective, problem, reference
from viewing import ask

from inficond_panel import distill, load_students
from inficond_panel.distill.solver.centred_bounds import ConceptAtOptimum, free_range
from inficond_panel.errors import TuningError
from inficond_panel.results.comparison import compare
from inficond_panel.results.refit_changes import MovedClass, moved_classes, moved_sentence
from inficond_panel.results.refit_report import explain
from inficond_panel.results.sensitivity import penalty_path, stability
from inficond_panel.results.what_if_curves import refit_curve
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import History, Intent, Tuner, open_tuner, read_edits
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


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    """A tuner whose history grows: each test looks at iterations of its own."""
    return open_tuner(joint_spec(tmp_path_factory.mktemp("joint")), history=":memory:")


@pytest.fixture(scope="module")
def tuned(tuner):
    return tuner.fine_tune(tuner.root(), THUMBS)


def box(bounds):
    """Lower and upper bounds (5, 3) of a node's."""
    lower, upper = np.full((5, 3), -np.inf), np.full((5, 3), np.inf)
    for (name, concept), (low, high) in bounds.items():
        place = "abcde".index(concept), CLASSES.index(name)
        lower[place] = -np.inf if low is None else low
        upper[place] = np.inf if high is None else high
    return {"lower": lower, "upper": upper}


def least(tuner, bounds):
    """Least objective within bounds, by a solve of its own."""
    return distill.fit_joint(*problem(tuner), l1=L1, **box(bounds), tolerance=1e-12).objective


@pytest.fixture(scope="module", params=[0, 1, 2], ids=[thumb.key[0] for thumb in THUMBS])
def priced(tuner, tuned, request):
    """Key of a bound, the bound in the report, whether it is active, and the least objectives with
    it as it is, and moved by a step below and above."""
    key, step = THUMBS[request.param].key, 1e-4
    (bound,) = explain(tuner, tuned, lift=True).of(key[0]).bounds

    def at(shift):
        moved = tuple(None if side is None else side + shift for side in tuned.bounds[key])
        return least(tuner, {**tuned.bounds, key: moved})

    active = request.param != 1  # dog went beyond its bound when cat lost the concept
    now = at(0)
    left, right = (now - at(-step)) / step, (at(step) - now) / step
    return SimpleNamespace(key=key, bound=bound, active=active, now=now, left=left, right=right)


def test_a_price_is_the_slope_of_the_least_objective(priced):
    assert priced.bound.price.left == pytest.approx(priced.left, abs=3e-4)
    assert priced.bound.price.right == pytest.approx(priced.right, abs=3e-4)


def test_a_bound_is_active_where_the_weight_is_at_its_limit(priced):
    assert priced.bound.active == priced.active
    assert priced.bound.at_limit == priced.active


def test_what_a_bound_costs_is_the_objective_less_that_without_it(tuner, tuned, priced):
    free = least(tuner, {key: each for key, each in tuned.bounds.items() if key != priced.key})
    if priced.active:
        assert priced.bound.lifted == pytest.approx(priced.now - free, abs=1e-8)


def test_the_price_of_a_concept_that_is_not_used_has_two_sides():
    """Two classes, nothing used: by hand, m - mean(m) within the penalty less the gradient."""
    gradient, lower, upper = map(np.array, ([0.02, -0.02], [0.0, -np.inf], [0.0, np.inf]))
    none, l1 = np.zeros(2), np.full(2, 0.1)
    found = ConceptAtOptimum(gradient, none, lower, upper, l1, none, spread=1.0, delta=0.0).price(0)
    # |-0.02 - m/2| <= 0.1 and |0.02 + m/2| <= 0.1: m from -0.24 to 0.16
    assert (found.left, found.right) == pytest.approx((-0.16, 0.24), abs=1e-8)
    assert found.gain == 0


@pytest.fixture(scope="module")
def change(tuner, tuned):
    """The objective in the report of dog."""
    return explain(tuner, tuned).of("dog").objective


def test_the_objective_without_concepts_is_the_entropy_of_the_mean_target(tuner, change):
    mean = problem(tuner)[1].mean(axis=0)
    assert change.zero == pytest.approx(-(mean * np.log(mean)).sum())


def test_the_objective_before_is_that_of_the_root(tuner, change):
    root = tuner.root()
    expected = objective(root.weights, root.intercepts, *problem(tuner))
    assert change.before == pytest.approx(expected)


def test_the_objective_after_is_that_of_the_iteration(tuner, tuned, change):
    expected = objective(tuned.weights, tuned.intercepts, *problem(tuner))
    assert change.after == pytest.approx(expected)


def test_the_objective_without_bounds_is_the_least(tuner, change):
    assert change.free == pytest.approx(reference(*problem(tuner))[0], abs=2e-6)


def test_the_optimum_is_the_least_objective_within_the_bounds(tuner, tuned, change):
    assert change.optimum == pytest.approx(least(tuner, tuned.bounds), abs=1e-8)


def test_without_labels_the_loss_is_that_to_the_teacher(change):
    assert change.teacher_after == pytest.approx(change.loss_after, rel=1e-12)


def test_stability_is_that_of_joint_students_of_drawn_images(tuner, tuned):
    report = stability(tuner, "dog", node=tuned, concepts=["b", "d"], draws=3, seed=5)
    x, t = problem(tuner)
    rng, found = np.random.default_rng(5), []
    for _ in range(3):
        rows = rng.integers(len(x), size=len(x))
        alone = distill.fit_joint(x[rows], t[rows], l1=L1, **box(tuned.bounds), tolerance=1e-9)
        found.append(alone.centred[[1, 3], 2])
    assert report["median"].tolist() == pytest.approx(np.median(found, axis=0), abs=2e-2)


@pytest.fixture(scope="module")
def dog(tuner, tuned):
    """The fit of dog, one class of the joint student."""
    return tuner.repairs.class_fit(tuned, "dog")


def test_the_logits_of_one_class_are_those_of_the_iteration(tuner, tuned, dog):
    rows = tuner.store.rows("tune")
    expected = tuner.logits(tuned)[rows, 2]
    np.testing.assert_allclose(dog.logits(dog.base, rows), expected, atol=1e-12)


def test_the_weights_of_one_class_are_those_of_the_iteration(tuned, dog):
    assert dog.weights == pytest.approx(tuned.weights[:, 2])


def test_the_fit_of_one_class_on_some_images_is_their_joint_student(tuner, tuned, dog):
    rows, out = tuner.store.rows("tune"), np.arange(60) % 5 == 0
    x, t = problem(tuner)
    alone = distill.fit_joint(x[~out], t[~out], l1=L1, **box(tuned.bounds), tolerance=1e-9)
    scores = tuner.store.concept_score[rows]
    p = softmax(scores @ alone.centred + alone.intercepts, axis=1)[:, 2]
    found = dog.logits(dog.fitted_without_each(out[None])[0], rows)
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), p, atol=3e-3)


@pytest.fixture(scope="module")
def raised(tuner):
    """The root, and an iteration with a thumb on cat."""
    return tuner.root(), tuner.fine_tune(tuner.root(), [Intent("cat", "a", "up", 4.0)])


@pytest.fixture(scope="module")
def moved(tuner, raised):
    return moved_classes(*(tuner.at(node, "tune") for node in raised))


def test_the_classes_without_a_thumb_moved(moved):
    assert sorted(each.class_name for each in moved) == ["bird", "dog"]


def test_the_class_that_moved_most_comes_first(moved):
    assert moved[0].moved >= moved[1].moved > 0


@pytest.fixture(scope="module")
def probabilities(tuner, raised):
    """Probabilities (n, 3) on tune of both iterations, by their weights."""
    x = tuner.store.concept_score[tuner.store.rows("tune")]
    return [softmax(x @ node.weights + node.intercepts, axis=1) for node in raised]


@pytest.mark.parametrize("name", ["bird", "dog"])
def test_a_class_moved_by_the_mean_change_of_its_probability(moved, probabilities, name):
    (found,) = (each for each in moved if each.class_name == name)
    old, new = (p[:, CLASSES.index(name)] for p in probabilities)
    assert found.moved == pytest.approx(np.abs(new - old).mean())


@pytest.mark.parametrize("name", ["bird", "dog"])
def test_predictions_that_turned_are_counted(moved, probabilities, name):
    (found,) = (each for each in moved if each.class_name == name)
    old, new = (p[:, CLASSES.index(name)] > 0.5 for p in probabilities)
    assert found.turned == (old != new).sum()


def test_a_report_has_the_classes_that_moved(tuner, raised, moved):
    assert explain(tuner, raised[1], splits=["tune"]).moved == {"tune": moved}


def test_the_class_that_moved_most_is_told_first(moved):
    told = moved_sentence(moved, "tune")
    assert told.index(moved[0].class_name) < told.index(moved[1].class_name)


@pytest.fixture(scope="module")
def turning(tuner):
    """Students per class of images of one class, before and after a thumb on cat."""
    plain = tuner.with_students(link="sigmoid")
    nodes = plain.root(), plain.fine_tune(plain.root(), [Intent("cat", "a", "up", 4.0)])
    moved = moved_classes(*(plain.at(each, "tune") for each in nodes))
    return SimpleNamespace(tuner=plain, nodes=nodes, moved=moved)


def test_students_per_class_turn_decisions_on_others_where_an_image_has_one_class(turning):
    """Against the likeliest class of each image, before and after."""
    store, rows = turning.tuner.store, turning.tuner.store.rows("tune")
    old, new = (turning.tuner.logits(each, rows).argmax(axis=1) for each in turning.nodes)
    label = store.label[rows].argmax(axis=1)
    expected = {}
    for k, name in enumerate(store.classes):
        turned, right = (old == k) != (new == k), (new == k) == (label == k)
        if name != "cat" and turned.any():
            expected[name] = (turned.sum(), (turned & right).sum(), (turned & ~right).sum())
    found = {each.class_name: (each.turned, each.to_right, each.to_wrong) for each in turning.moved}
    assert found == expected != {}


def test_decisions_on_other_classes_are_told_with_their_number(turning):
    first, told = turning.moved[0], moved_sentence(turning.moved, "tune")
    assert told.startswith(
        "An image has one class, so decisions on other classes changed too, on tune: "
        f"{first.class_name} on {first.turned} image"
    )


def test_a_class_of_which_only_decisions_changed_is_compared(turning):
    compared = {each.class_name for each in compare(turning.tuner, *turning.nodes).classes}
    assert compared >= {"cat", turning.moved[0].class_name}


def test_students_per_class_move_no_other_class(tmp_path):
    tuner = open_tuner(small_spec(tmp_path))
    nodes = tuner.root(), tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "remove")])
    assert moved_classes(*(tuner.at(each, "tune") for each in nodes)) == ()


STILL = MovedClass("cat", 1e-5, 0, 0, 0, 0.5, 0.5)


def test_nothing_is_told_where_no_class_moved():
    assert moved_sentence((), "tune") == ""


def test_classes_that_hardly_moved_are_told_together():
    told = "one softmax; no other moved by 0.0005 or more on tune."
    assert moved_sentence((STILL,), "tune").endswith(told)


def test_a_class_that_moved_is_told_by_its_probability():
    far = MovedClass("dog", 0.25, 1, 1, 0, np.nan, np.nan)
    assert moved_sentence((far, STILL), "tune") == (
        "The classes share one softmax, so others moved too, most on tune: dog, probability by "
        "0.250 on average, 1 prediction changed; 1 more moved less."
    )


@pytest.fixture(scope="module")
def curve(tuner):
    """The what-if curve of concept e on dog."""
    student = tuner.at(tuner.root(), "tune")["dog"]
    return list(refit_curve(tuner, student, "e", levels=2))


def test_a_what_if_curve_has_its_points(curve):
    assert len(curve) >= 5


def test_a_point_has_its_influence(curve):
    influences = [point.influence for point in curve]
    assert [point.fit.weights[4, 2] for point in curve] == pytest.approx(influences, abs=1e-12)


def test_a_point_is_the_joint_optimum_with_its_influence(tuner, curve):
    x, t = problem(tuner)
    best = [reference(x, t, (4, 2, point.influence))[0] for point in curve]
    found = [objective(point.fit.weights, point.fit.intercepts, x, t) for point in curve]
    assert found == pytest.approx(best, abs=5e-6)


def test_a_point_has_the_accuracy_of_its_student(tuner, curve):
    labels = tuner.at(tuner.root(), "tune")["dog"].labels
    scores = tuner.store.concept_score[tuner.store.rows("tune")]
    for point in curve:
        logits = scores @ point.fit.weights + point.fit.intercepts
        right = (logits.argmax(axis=1) == 2) == (labels == 1)
        assert point.metrics.accuracy == pytest.approx(right.mean())


def test_a_curve_keeps_the_bounds_of_other_classes(tuner, tuned):
    held = list(refit_curve(tuner, tuner.at(tuned, "tune")["dog"], "a", levels=1))
    assert all(abs(point.fit.weights[0, 1]) == 0 for point in held)


def test_a_curve_has_one_point_where_bounds_leave_one_influence(tuner):
    thumbs = [Intent(name, "a", "remove") for name in ("cat", "dog")]
    node = tuner.fine_tune(tuner.root(), thumbs)
    points = list(refit_curve(tuner, tuner.at(node, "tune")["bird"], "a", levels=1))
    assert [point.influence for point in points] == pytest.approx([0], abs=1e-12)


@pytest.mark.parametrize(("k", "free"), [(1, (-8.0, -1.0)), (2, (-7.0, np.inf))])
def test_what_bounds_of_the_other_classes_leave_by_hand(k, free):
    low, high = np.array([-1.0, -np.inf, 2.0]), np.array([3.0, 4.0, 5.0])
    assert free_range(low, high, k) == free


@pytest.fixture(scope="module", params=[10 * L1, L1 / 10])
def penalised(tuner, request):
    """The λ of cat, and the iteration with it."""
    return request.param, tuner.fine_tune(tuner.root(), [Lambda("cat", request.param)])


def test_a_lambda_of_one_class_is_its_penalty_in_the_one_solve(tuner, penalised):
    (value, node), (x, t) = penalised, problem(tuner)
    l1 = np.array([L1, value, L1])
    best, weights = reference(x, t, l1=l1)
    np.testing.assert_allclose(node.weights, weights, atol=2e-2)
    assert objective(node.weights, node.intercepts, x, t, l1) == pytest.approx(best, abs=2e-6)


def test_a_student_with_a_lambda_of_one_class_is_proved_optimal(penalised):
    _, node = penalised
    assert max(node.gap) <= 1e-6
    assert node.certificate == ("gap",) * 3


def test_a_lambda_is_a_repair_of_its_iteration(penalised):
    value, node = penalised
    assert node.repairs == (Lambda("cat", value),)


LAMBDAS = [2 * L1, 5 * L1, L1]


@pytest.fixture(scope="module")
def later(tuner):
    """A λ of cat; then a thumb on dog, and a λ of bird."""
    first = tuner.fine_tune(tuner.root(), [Lambda("cat", 5 * L1)])
    return tuner.fine_tune(first, [Intent("dog", "b", "up"), Lambda("bird", 2 * L1)])


def test_a_lambda_holds_for_what_follows(tuner, later):
    lower = np.full((5, 3), -np.inf)
    lower[1, 2] = later.bounds["dog", "b"][0]
    alone = distill.fit_joint(*problem(tuner), l1=LAMBDAS, lower=lower, tolerance=1e-9)
    np.testing.assert_allclose(later.weights, alone.centred, atol=5e-3)


@pytest.mark.parametrize("name", CLASSES)
def test_the_lambdas_of_all_classes_are_in_the_fit_of_each(tuner, later, name):
    assert tuner.repairs.class_fit(later, name).data.penalties.l1.tolist() == LAMBDAS


@pytest.mark.parametrize("name", CLASSES)
def test_the_fit_of_each_class_gives_the_logits_of_the_iteration(tuner, later, name):
    own, rows = tuner.repairs.class_fit(later, name), tuner.store.rows("tune")
    expected = tuner.logits(later)[rows, CLASSES.index(name)]
    np.testing.assert_allclose(own.logits(own.solve(), rows), expected, atol=5e-2)


def test_lambdas_are_replayed(tuner, later):
    pairs = replay(tuner, Tuner(tuner.store, tuner.spec, History(":memory:")))
    assert later.id in {old.id for old, _ in pairs}
    for old, new in pairs:
        assert (old.id, old.weights_hash) == (new.id, new.weights_hash)


@pytest.fixture(scope="module")
def path(tuner):
    return penalty_path(tuner, tuner.root(), "cat")


def test_a_joint_student_has_no_auto_lambda(path):
    assert path.attrs["facts"]["auto"] is None


def test_the_path_marks_the_present_lambda(path):
    assert list(path.index[path["now"]]) == [L1]


def test_the_path_ends_where_it_reaches_the_sum_of_the_other_lambdas(path):
    """By steps of √10; above the sum of 2 L1 the weights of the class are 0."""
    assert path.index.tolist() == pytest.approx([L1, L1 * 10**0.5])


def test_ap_at_the_present_lambda_is_that_of_the_root(tuner, path):
    now = path[path["now"]]
    assert now["ap"].iloc[0] == tuner.metrics(tuner.root(), "tune")["cat"].ap


def test_the_path_varies_the_lambda_of_one_class_alone(tuner, path):
    last = path.iloc[-1]
    alone = distill.fit_joint(*problem(tuner), l1=[L1, last.name, L1], tolerance=1e-9)
    rows = tuner.store.rows("tune")
    p = softmax(tuner.store.concept_score[rows] @ alone.centred + alone.intercepts, axis=1)
    label = tuner.at(tuner.root(), "tune")["cat"].labels
    assert last.name > L1
    assert last["ap"] == pytest.approx(average_precision_score(label, p[:, 1]))


def test_a_repair_of_one_class_is_not_suggested(tuner):
    with pytest.raises(TuningError, match=r"Repairs change.*\n.*link=.sigmoid"):
        suggest(tuner)


@pytest.fixture
def view(tuner):
    """Student knowledge of cat, in a session with a history of its own."""
    own = Tuner(tuner.store, tuner.spec, History(":memory:"))
    app = AppState(own, Jobs(inline=True))
    app.selection.class_name = "cat"
    return KnowledgeView(app)


def test_the_page_offers_a_lambda(view):
    assert view.table.options["penalised"]


def test_the_page_says_why_it_offers_no_other_repair(view):
    assert "link: softmax" in view.table.options["unrepairable"]


@pytest.mark.parametrize(
    "repair", [{"direction": "lambda", "value": "auto"}, {"direction": "doubt", "value": 1}]
)
def test_the_page_refuses_other_repairs(view, repair):
    with pytest.raises(ValueError, match="the message is no repair"):
        ask(view, "repair", repair=repair)


@pytest.fixture
def asked(view):
    """The view after a λ of cat was chosen."""
    ask(view, "repair", repair={"direction": "lambda", "value": 0.03})
    return view


def test_a_lambda_on_the_page_is_pending(asked):
    assert asked.app.tuning.pending == [Lambda("cat", 0.03)]


def test_a_lambda_on_the_page_has_a_preview(asked):
    assert asked.app.tuning.preview.node.repairs == (Lambda("cat", 0.03),)


@pytest.fixture
def refitted(asked):
    """The view after the refit, with its path of λ open."""
    ask(asked, "fine_tune")
    asked.panels.repairing = True
    asked.app.settings.show = "details"
    return asked


def test_a_lambda_on_the_page_is_refitted(refitted):
    assert refitted.app.students.node.repairs == (Lambda("cat", 0.03),)


def test_the_path_on_the_page_marks_the_new_lambda(refitted):
    points = refitted.panels.path["points"]
    assert [point["value"] for point in points if point["now"]] == [0.03]


def test_the_finding_on_the_page_has_the_new_lambda(refitted):
    assert refitted.panels.finding["terms"] == ["penalty λ 0.03"]


@pytest.fixture(scope="module")
def of_cat(tuner):
    """An iteration with a thumb on cat, as lists of iterations have it."""
    node = tuner.fine_tune(tuner.root(), [Intent("cat", "a", "up")])
    return next(one for one in tuner.tree()[0] if one.id == node.id)


def test_a_thumb_on_another_class_touches_a_joint_student(of_cat):
    assert touches(of_cat, "dog", joint=True)


def test_a_thumb_on_another_class_touches_no_student_of_its_own(of_cat):
    assert not touches(of_cat, "dog")


def test_the_root_touches_no_class(tuner):
    assert not touches(to_iteration(tuner.root()), "dog", joint=True)


def test_a_class_that_moved_with_another_is_told():
    assert make_others(("cat",), "dog", joint=True) == "It tuned cat; dog moved with it."


def test_the_class_of_the_thumb_needs_no_words_about_others():
    assert make_others(("cat",), "cat", joint=True) == ""


def test_the_card_says_that_all_classes_share_one_softmax(tuner, of_cat):
    card = make_student([of_cat], tuner.node(of_cat.id), [], joint=True)["card"]
    assert card["text"] == "One softmax over all classes, distilled from the teacher."


EDITS = """\
- - {class: cat, concept: a, direction: up, factor: 4}
  - {class: dog, concept: b, direction: remove}
- - {class: bird, concept: c, direction: down}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the spec of a joint student, tuned by a file of edits."""
    folder = tmp_path_factory.mktemp("commands")
    tuner = open_tuner(joint_spec(folder))
    (folder / "edits.yaml").write_text(EDITS)
    node = tuner.root()
    for batch in read_edits(folder / "edits.yaml", tuner.store):
        node = tuner.fine_tune(node, batch)
        tuner.set_head(node, "fine-tune")
    return folder


@pytest.fixture
def said(run, folder):
    """What a command says of the joint student, which it must take."""

    def said(command, *arguments):
        status, told, error = run(*command.split(), folder / "own.yaml", *arguments)
        assert status == 0, error
        return told

    return said


def test_check_names_the_joint_student(said):
    assert "one softmax over all classes" in said("check")


@pytest.fixture
def tune(said, folder):
    """What ``tune`` says of the edits."""
    return lambda *more: said("tune", "--edits", folder / "edits.yaml", *more)


def test_tune_says_that_other_classes_moved(tune):
    assert "others moved too" in tune()


def test_tune_tells_all_classes(tune):
    rows = json.loads(tune("--json"))["students"]["rows"]
    assert {row["class"] for row in rows} == set(CLASSES)


def test_tune_tells_the_certificate_of_each_class(tune):
    rows = json.loads(tune("--json"))["students"]["rows"]
    assert max(row["certificate"] for row in rows) <= 1e-6


def test_explain_tells_the_class_with_the_thumb(said):
    told = json.loads(said("explain", "--json"))
    assert [row["class"] for row in told["classes"]["rows"]] == ["bird"]


def test_explain_tells_the_classes_that_moved(said):
    told = json.loads(said("explain", "--json"))
    assert told["moved"]["rows"][0]["class"] in CLASSES
    assert "others moved too" in said("explain")


def test_top_1_of_metrics_is_that_of_the_exported_student(said, folder, tmp_path):
    together = json.loads(said("metrics", "--json", "--draws", "20"))["together"]["rows"]
    said("export", "--output", tmp_path / "out", "--format", "npz")
    store = open_tuner(folder / "own.yaml").store
    rows = store.rows("tune")
    x = pd.DataFrame(store.concept_score[rows], columns=list("abcde"))
    named = load_students(tmp_path / "out").predict_proba(x).argmax(1)
    right = (named == store.label[rows].argmax(1)).mean()
    assert {row["metric"]: row["students"] for row in together}["top1"] == pytest.approx(right)


@pytest.mark.parametrize(
    "command",
    [
        "history list",
        "history compare --node 0 2",
        "stability --class cat --draws 3",
        "lambda --class cat",
        "compare --lambda 1e-2,1e-3",
        "doctor",
        "distill",
    ],
)
def test_a_command_takes_a_joint_student(said, command):
    first, *more = command.split(" --", 1)
    assert said(first, *(f"--{more[0]}".split() if more else []))


def test_history_replay_takes_a_joint_student(said, tmp_path):
    assert said("history replay", tmp_path / "copy.sqlite")


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("direction: doubt, value: auto", "students.link: sigmoid"),
        ("concepts: [a], direction: balance", "students.link: sigmoid"),
        ("direction: lambda, value: auto", "give lambda a value"),
        ("direction: lambda, value: 0", "Give a value above 0."),
    ],
)
def test_a_repair_that_is_refused_says_what_to_do(run, folder, tmp_path, line, remedy):
    edits = tmp_path / "repair.yaml"
    edits.write_text(f"- - {{class: cat, {line}}}\n")
    before = len(open_tuner(folder / "own.yaml").nodes())
    status, _, told = run("tune", folder / "own.yaml", "--edits", edits)
    assert status != 0
    assert remedy in told
    assert len(open_tuner(folder / "own.yaml").nodes()) == before
