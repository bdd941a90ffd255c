"""Repairs: what they resolve to, the fits under them, their history, and how they compose."""

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from factory import STUDENTS
from scipy.special import expit
from sklearn.metrics import average_precision_score
from spread_shortcut import CONTEXT, shifted_frames
from tuners import afresh, shifted_store

import inficond_panel
from inficond_panel.api.students import TunableStudents
from inficond_panel.cli import main
from inficond_panel.distill import average_precision, fit, mixed_targets, solve
from inficond_panel.distill.drift import balance
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.errors import TuningError
from inficond_panel.results.refit_report import explain
from inficond_panel.results.sensitivity import penalty_path
from inficond_panel.tuning import History, Intent, Node, Tuner
from inficond_panel.tuning.repairs import repair_terms
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty, SuspectPenalty
from inficond_panel.tuning.repairs.choosing import CHOICE_DRAWS, choose, chosen, errors
from inficond_panel.tuning.repairs.label import Label, Taught
from inficond_panel.tuning.repairs.penalty import Lambda, OwnPenalty
from inficond_panel.tuning.repairs.reweight import Reweight, Reweighted
from inficond_panel.tuning.replay import replay
from inficond_panel.wording.repairs import terms_words

pytestmark = pytest.mark.commands

L1, UP = 1e-4, Intent("truck", "wheel", "up")


@pytest.fixture(scope="module")
def students(tmp_path_factory) -> TunableStudents:
    made = inficond_panel.open_students(shifted_store(tmp_path_factory.mktemp("shifted")))
    return made.with_settings(tolerance=1e-9, lambda_=L1).fit()


@pytest.fixture
def tuner(students) -> Tuner:
    """Thumbs are bounds here."""
    spec = deepcopy(students.tuner.spec)
    spec.tuning.refit = "all"
    return Tuner(students.tuner.store, spec, History(":memory:"))


def tuned(tuner: Tuner, *asked) -> Node:
    return tuner.fine_tune(tuner.root(), asked)


def photo_label(tuner: Tuner, row: int, *, lie: bool = False) -> Label:
    """The label of a photo on truck, as the store has it or its contrary."""
    value = int(tuner.store.label[row, 0])
    return Label("truck", tuner.store.images[row], 1 - value if lie else value)


def slopes(tuner: Tuner, node: Node, l1: np.ndarray | float, weight=None) -> float:
    """Largest violation of the conditions of the optimum of ``truck``, by the definition.

    The loss is the weighted mean over the photos of fit; ``weight`` (n,) sums to 1.
    """
    store, rows, w = tuner.store, tuner.store.rows("fit"), node.weights[:, 0]
    weight = np.full(len(rows), 1 / len(rows)) if weight is None else weight
    scores, target = store.concept_score[rows].astype(float), expit(store.teacher_logit[rows, 0])
    gradient = scores.T @ (weight * (expit(scores @ w + node.intercepts[0]) - target))
    at_zero = np.maximum(np.abs(gradient) - l1, 0)
    return float(np.where(w == 0, at_zero, np.abs(gradient + l1 * np.sign(w))).max())


@pytest.fixture(scope="module")
def of_bounds(students) -> Tuner:
    """A tuner whose thumbs are bounds, for tests that add nothing to its history."""
    spec = deepcopy(students.tuner.spec)
    spec.tuning.refit = "all"
    return Tuner(students.tuner.store, spec, History(":memory:"))


@pytest.fixture(scope="module")
def penalised(of_bounds) -> Node:
    return tuned(of_bounds, Lambda("truck", 0.003))


def test_a_lambda_is_the_penalty_of_its_fit(of_bounds, penalised) -> None:
    assert slopes(of_bounds, penalised, 0.003) < 1e-5


def test_the_original_student_does_not_meet_the_conditions_of_another_lambda(of_bounds) -> None:
    assert slopes(of_bounds, of_bounds.root(), 0.003) > 1e-3


def test_a_lambda_is_solved_to_the_tolerance(penalised) -> None:
    assert max(penalised.gap) <= 1e-9


def test_a_lambda_leaves_the_other_class(of_bounds, penalised) -> None:
    np.testing.assert_array_equal(penalised.weights[:, 1], of_bounds.root().weights[:, 1])


def test_no_labels_choose_a_lambda_that_is_given(of_bounds, penalised) -> None:
    assert of_bounds.terms(penalised)["truck"].used == 0


def test_the_labels_of_tune_choose_a_lambda_that_is_not_given(of_bounds) -> None:
    terms = of_bounds.terms(tuned(of_bounds, Lambda("truck")))["truck"]
    assert terms.used == len(of_bounds.store.rows("tune"))


@pytest.fixture(scope="module")
def doubted(of_bounds) -> Node:
    return tuned(of_bounds, AdaptivePenalty("truck", 3.0))


def test_an_adaptive_penalty_is_by_concept_in_its_fit(of_bounds, doubted) -> None:
    evidence = of_bounds.repairs.evidence(of_bounds.repairs.class_fit(of_bounds.root(), "truck"))
    doubt = evidence.suspicion().penalty_factor
    doubt[of_bounds.store.concepts.index("truck")] = 0  # never the class's own word
    assert slopes(of_bounds, doubted, L1 * (1 + 3.0 * doubt)) < 1e-5


def test_an_adaptive_penalty_is_largest_on_a_context(of_bounds, doubted) -> None:
    factors = of_bounds.terms(doubted)["truck"].get(SuspectPenalty).factors
    assert max(factors, key=factors.get) in CONTEXT


def test_an_adaptive_penalty_is_never_on_the_class_s_own_word(of_bounds, doubted) -> None:
    assert "truck" not in of_bounds.terms(doubted)["truck"].get(SuspectPenalty).factors


@pytest.fixture(scope="module")
def reweighted(of_bounds) -> Node:
    return tuned(of_bounds, Reweight("truck", tuple(CONTEXT[:3])))


@pytest.fixture(scope="module")
def balanced(of_bounds):
    """The weights of the density ratio, from the arrays of the store."""
    store = of_bounds.store
    columns = [store.concepts.index(name) for name in CONTEXT[:3]]
    sides = [store.rows("fit"), store.rows("tune")]
    given = [(store.concept_score[rows][:, columns], store.label[rows, 0]) for rows in sides]
    return balance(*given[0], *given[1])


def test_a_reweighting_is_the_fit_with_the_weights_of_the_density_ratio(
    of_bounds, reweighted, balanced
) -> None:
    weight = balanced.weights.astype(np.float32)
    assert slopes(of_bounds, reweighted, L1, weight / weight.sum()) < 1e-5


def test_a_reweighting_says_its_effective_number_of_images(of_bounds, reweighted, balanced) -> None:
    terms = of_bounds.terms(reweighted)["truck"]
    assert terms.get(Reweighted).effective == pytest.approx(balanced.effective)


def test_a_reweighting_says_how_many_tuning_images_it_used(of_bounds, reweighted) -> None:
    assert of_bounds.terms(reweighted)["truck"].used == len(of_bounds.store.rows("tune"))


@pytest.fixture(scope="module")
def one_after_the_other(of_bounds) -> tuple[Node, Node]:
    """Reweighting of two concepts in two iterations, and in one."""
    first = tuned(of_bounds, Reweight("truck", (CONTEXT[0],)))
    second = of_bounds.fine_tune(first, [Reweight("truck", (CONTEXT[1],))])
    return second, tuned(of_bounds, Reweight("truck", tuple(CONTEXT[:2])))


def test_a_later_reweighting_adds_its_concepts(of_bounds, one_after_the_other) -> None:
    second, both = (of_bounds.terms(node)["truck"] for node in one_after_the_other)
    assert second == both


def test_reweighting_in_two_iterations_gives_the_student_of_one(one_after_the_other) -> None:
    second, both = (node.weights for node in one_after_the_other)
    np.testing.assert_allclose(second, both, atol=1e-3)


@pytest.fixture(scope="module")
def false_label(of_bounds) -> Label:
    """A label of a tuning image that contradicts the store."""
    return photo_label(of_bounds, int(of_bounds.store.rows("tune")[0]), lie=True)


@pytest.fixture(scope="module")
def taught(of_bounds, false_label) -> Node:
    return tuned(of_bounds, false_label)


def test_a_label_is_kept_with_its_image(of_bounds, taught, false_label) -> None:
    labels = of_bounds.terms(taught)["truck"].get(Taught).labels
    assert dict(labels) == {false_label.image: false_label.value}


def test_a_label_is_an_image_more_in_the_objective(of_bounds, taught, false_label) -> None:
    store, row = of_bounds.store, of_bounds.store.images.index(false_label.image)
    rows = store.rows("fit")
    target = np.append(expit(store.teacher_logit[rows, 0]), false_label.value)
    weight = np.append(np.ones(len(rows)), of_bounds.terms(taught)["truck"].get(Taught).weight)
    given = {"l1": L1, "sample_weight": weight, "tolerance": 1e-8}
    made = fit(store.concept_score[[*rows, row]], target[:, None], **given)
    np.testing.assert_allclose(taught.weights[:, 0], made.weights[:, 0], atol=1e-3)


def test_a_label_leaves_the_store_as_it_was(of_bounds, taught, false_label) -> None:
    row = of_bounds.store.images.index(false_label.image)
    assert of_bounds.store.label[row, 0] == 1 - false_label.value


@pytest.fixture(scope="module")
def lied(of_bounds):
    """The terms after 40 labels that contradict the store."""
    rows = of_bounds.store.rows("tune")[:40]
    lies = [photo_label(of_bounds, row, lie=True) for row in rows]
    return of_bounds.terms(tuned(of_bounds, *lies))["truck"]


def test_false_labels_get_no_weight(lied) -> None:
    assert lied.get(Taught).weight == 0


def test_labels_without_weight_are_told(lied) -> None:
    assert "weight 0: no weight raises AP on the other tuning images" in terms_words(lied)[0]


def test_a_taught_label_takes_the_place_of_one_mixed_in(tuner, tmp_path: Path, monkeypatch) -> None:
    """Where labels of fit are learned as well, against a fit to the labels as they should be."""
    spec = tmp_path / "own.yaml"
    students = "students: {lambda: 1e-4, labels: {alpha: 0.5}, tolerance: 1.0e-9}"
    spec.write_text(f"title: Own\nstore: {tuner.store.path}\n{students}\n")
    mixed = inficond_panel.open_students(spec, history=":memory:").tuner
    monkeypatch.setattr("inficond_panel.tuning.repairs.label.WEIGHTS", (10.0,))
    store, rows = mixed.store, mixed.store.rows("fit")
    asked = photo_label(mixed, rows[3], lie=True)
    node = tuned(mixed, asked)
    label = np.array(store.label)[rows][:, :1]
    label[3] = asked.value
    target, weight, scale = mixed_targets(label, expit(store.teacher_logit[rows, :1]), 0.5)
    more = mixed.terms(node)["truck"].get(Taught).weight * weight[:, 0].mean()
    given = {"l1": L1 * scale, "sample_weight": np.append(weight[:, 0], more), "tolerance": 1e-9}
    targets = np.append(target[:, 0], asked.value)[:, None]
    made = fit(store.concept_score[[*rows, rows[3]]], targets, **given)
    np.testing.assert_allclose(node.weights[:, 0], made.weights[:, 0], atol=1e-3)


@pytest.fixture(scope="module", params=[(1, True), (4, False)], ids=["beyond", "within"])
def noisy(request):
    """Students that differ by noise, the gain of the best over the first, by scikit-learn's AP over
    the draws, and whether it is beyond one standard error."""
    seed, beyond = request.param
    rng = np.random.default_rng(seed)
    label = (rng.random(300) < 0.2).astype(int)
    first = label + rng.normal(0, 0.8, 300)
    logits = np.array([first, *(first + rng.normal(0, 0.1, 300) for _ in range(2)), first])
    values = [average_precision_score(label, each) for each in logits]
    best = int(np.argmax(values))
    drawn = [
        [average_precision_score(label, logits[k], sample_weight=count) for k in (0, best)]
        for count in draw_counts(len(label), CHOICE_DRAWS, 0)
    ]
    gain, error = values[best] - values[0], np.std(np.diff(drawn), ddof=1)
    assert best != 0
    assert (gain > error) == beyond
    choice = choose(label, logits, None)
    return SimpleNamespace(beyond=beyond, best=best, gain=gain, error=error, choice=choice)


def test_the_best_is_taken_beyond_one_standard_error_else_the_first(noisy) -> None:
    assert noisy.choice.taken == (noisy.best if noisy.beyond else 0)


def test_the_best_is_told_whether_it_is_taken_or_not(noisy) -> None:
    assert noisy.choice.best == noisy.best


def test_the_gain_of_the_best_has_its_standard_error(noisy) -> None:
    assert [noisy.choice.gain, noisy.choice.error] == pytest.approx([noisy.gain, noisy.error])


#: Gains of 0.2 and 0.4 over the first, in three draws.
DRAWN = np.array([[0.5, 0.5, 0.5], [0.7, 0.5, np.nan], [0.6, 0.9, 0.6]])


@pytest.mark.parametrize(
    ("error", "taken"), [([0.0, 0.1, 0.3], [1, 2, 0]), ([0.0, 0.3, 0.1], [0, 2, 0])]
)
def test_the_best_of_each_draw_is_held_to_its_own_error_by_hand(error, taken) -> None:
    np.testing.assert_array_equal(chosen(DRAWN, np.array(error)), taken)


def test_the_error_of_a_student_is_the_deviation_of_its_gain_by_hand() -> None:
    assert errors(DRAWN[::2]) == pytest.approx([0, np.std([0.1, 0.4, 0.1], ddof=1)])


@pytest.fixture(scope="module")
def path(of_bounds):
    return penalty_path(of_bounds, of_bounds.root(), "truck")


@pytest.fixture(scope="module")
def at_the_third(of_bounds, path) -> Node:
    """The refit with the third λ of the path."""
    return tuned(of_bounds, Lambda("truck", path.index[2]))


def test_the_path_marks_the_present_lambda(path) -> None:
    assert list(path.index[path["now"]]) == [L1]


def test_the_path_marks_the_lambda_of_a_refit(of_bounds, at_the_third) -> None:
    assert penalty_path(of_bounds, at_the_third, "truck")["now"].iloc[2]


def test_students_on_the_path_have_fewer_concepts_from_step_to_step(path) -> None:
    assert len(path) >= 4
    assert list(path["concepts"]) == sorted(path["concepts"], reverse=True)


@pytest.fixture(scope="module")
def third_ap(of_bounds, at_the_third) -> float:
    rows = of_bounds.store.rows("tune")
    label, logits = of_bounds.store.label[rows, 0], of_bounds.logits(at_the_third)[rows, 0]
    return average_precision(label, logits)


def test_ap_on_the_path_is_that_of_the_refit(path, third_ap) -> None:
    assert path["ap"].iloc[2] == pytest.approx(third_ap, abs=2e-3)


def test_ap_of_the_refit_lies_in_the_interval_of_the_path(path, third_ap) -> None:
    assert path["ap_low"].iloc[2] < third_ap < path["ap_high"].iloc[2]


def test_a_lambda_that_is_better_by_noise_is_not_taken(of_bounds, path) -> None:
    assert path["ap"].argmax() > 0
    terms = of_bounds.terms(tuned(of_bounds, Lambda("truck")))["truck"]
    assert terms.get(OwnPenalty).value == L1


def test_the_command_says_what_auto_takes(of_bounds, capsys, tmp_path: Path) -> None:
    spec = tmp_path / "own.yaml"
    spec.write_text(f"title: Own\nstore: {of_bounds.store.path}\n{STUDENTS}")
    assert main(["lambda", str(spec), "--class", "truck", "--history", ":memory:"]) == 0
    assert "auto takes λ 0.0001, its starting value: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [Intent("truck", CONTEXT[0], "remove")],
        [Lambda("truck", 0.003)],
        [Reweight("truck", tuple(CONTEXT[:3])), AdaptivePenalty("truck", 1.0)],
        [Label("truck", f"{row:04d}.jpg", 0) for row in range(800, 840, 2)],
    ],
)
def test_the_path_tells_what_auto_takes(tuner, asked) -> None:
    """As the repair itself takes it, whatever is in force; and it marks that value alone."""
    node = tuned(tuner, *asked) if asked else tuner.root()
    path = penalty_path(tuner, node, "truck")
    taken = tuner.terms(tuner.preview(node, [Lambda("truck")]))["truck"].get(OwnPenalty).value
    auto = path.attrs["facts"]["auto"]
    assert auto["taken"] == taken
    assert list(path.index[path["auto"]]) == [taken]
    best = path["ap"][auto["best"]]
    if "truck" not in tuner.spent(node, "tune"):  # else the rows are cross-fitted
        assert best == pytest.approx(path["ap"].max())
        assert auto["gain"] == pytest.approx(best - path["ap"].iloc[0])


@pytest.fixture(scope="module")
def removed(of_bounds) -> Node:
    """A λ of its own, and a thumb that removes a context."""
    return tuned(of_bounds, Lambda("truck", 0.001), Intent("truck", CONTEXT[0], "remove"))


@pytest.fixture(scope="module")
def raised(of_bounds, removed) -> Node:
    """A thumb after the repair."""
    return of_bounds.fine_tune(removed, [UP])


def test_a_thumb_beside_a_repair_sets_its_bound(removed) -> None:
    assert removed.bounds == {("truck", CONTEXT[0]): (0.0, 0.0)}


def test_a_later_thumb_keeps_the_repair(of_bounds, removed, raised) -> None:
    assert of_bounds.terms(raised) == of_bounds.terms(removed)


def test_a_later_thumb_keeps_the_removal(of_bounds, raised) -> None:
    assert raised.weights[of_bounds.store.concepts.index(CONTEXT[0]), 0] == 0


def test_a_later_thumb_is_obeyed(of_bounds, raised) -> None:
    bound = raised.bounds["truck", "wheel"][0]
    assert raised.weights[of_bounds.store.concepts.index("wheel"), 0] >= bound


def test_a_thumb_elsewhere_has_no_repair(of_bounds) -> None:
    assert of_bounds.terms(tuned(of_bounds, UP)) == {}


def test_a_thumb_after_a_repair_gives_another_student_than_the_thumb_alone(
    of_bounds, raised
) -> None:
    assert raised.weights_hash != tuned(of_bounds, UP).weights_hash


def test_the_order_of_repairs_does_not_matter(of_bounds) -> None:
    asked = [Reweight("truck", ("road 1", "road 0")), Lambda("truck", 0.001), Lambda("truck")]
    assert tuned(of_bounds, *asked) == tuned(of_bounds, *asked[::-1])


def test_of_two_lambdas_the_value_that_is_given_counts(of_bounds) -> None:
    asked = [Reweight("truck", ("road 1", "road 0")), Lambda("truck", 0.001), Lambda("truck")]
    kept = (Reweight("truck", ("road 0", "road 1")), Lambda("truck", 0.001))
    assert tuned(of_bounds, *asked).repairs == kept


def test_an_iteration_without_repairs_has_no_terms_in_its_settings(of_bounds) -> None:
    assert "terms" not in tuned(of_bounds, UP).settings


def test_a_thumb_is_measured_by_the_weight_before_it_and_the_untouched_step(tuner) -> None:
    """down x2: half of w0 where that is above the step, which is of the student at the spec's λ."""
    root, thumb, c = tuner.root(), Intent("truck", "wheel", "down", 2.0), 1
    repaired = tuned(tuner, Lambda("truck", 0.03))
    assert tuner.store.concepts[c] == "wheel"
    assert 0.05 * np.abs(root.weights[:, 0]).max() < repaired.weights[c, 0] < root.weights[c, 0]
    found = [tuner.fine_tune(repaired, [thumb]), tuned(tuner, thumb, Lambda("truck", 0.03))]
    bounds = [node.bounds["truck", "wheel"][1] for node in found]
    assert bounds == pytest.approx([repaired.weights[c, 0] / 2, root.weights[c, 0] / 2])


def test_prices_of_bounds_are_those_of_the_repaired_student(tuner) -> None:
    asked = [
        Reweight("truck", tuple(CONTEXT[:2])),
        AdaptivePenalty("truck", 1.0),
        Lambda("truck", 0.002),
    ]
    node = tuner.fine_tune(tuned(tuner, *asked), [UP])
    report = explain(tuner, node).classes[0]
    price, limit = report.bounds[0].price.gain, node.bounds["truck", "wheel"][0]
    assert price > 0

    def least(bound: float) -> float:
        lower = np.full((len(tuner.store.concepts), 1), -np.inf)
        lower[tuner.store.concepts.index("wheel")] = bound
        problem = tuner.data_at(node).problem([0]).within(lower, None)
        made = solve(problem, tolerance=1e-12)
        return float(made.objective[0])

    step = 1e-4 * limit
    assert (least(limit) - least(limit - step)) / step == pytest.approx(price, rel=1e-2)
    assert report.objective.after == pytest.approx(least(limit), rel=1e-6)
    assert report.objective.rise > 0


@pytest.fixture
def of_repairs(tuner) -> Node:
    """An iteration of three repairs, of which the labels choose two."""
    repairs = Reweight("truck", tuple(CONTEXT[:3])), AdaptivePenalty("truck"), Lambda("truck")
    return tuned(tuner, *repairs)


def test_a_replay_chooses_nothing_anew(tuner, of_repairs, monkeypatch):
    tuner.fine_tune(of_repairs, [UP])
    again = afresh(tuner)
    monkeypatch.setattr(repair_terms, "resolve_repairs", None)
    pairs = replay(tuner, again)
    assert len(pairs) == 3
    for old, new in pairs:
        assert (old.id, old.weights_hash) == (new.id, new.weights_hash)
    assert again.terms(again.node(pairs[-1][1].id)) == tuner.terms(tuner.node(pairs[-1][0].id))


def test_a_replay_asks_for_the_same_images(tuner, of_repairs, tmp_path):
    frames = shifted_frames(seed=1)
    frames["split"].iloc[:10] = "tune"
    other = inficond_panel.from_frames(**frames, path=tmp_path / "own.zarr").tuner
    with pytest.raises(TuningError, match="belong to other images") as refused:
        replay(tuner, Tuner(other.store, other.spec, History(":memory:")))
    assert "weights of 790 photos" in str(refused.value.__cause__)


@pytest.mark.parametrize(
    ("repairs", "message"),
    [
        ([Lambda("trck")], "no class 'trck' in the store. Did you mean 'truck'"),
        ([Reweight("truck", ("road 77",))], "no concept 'road 77'"),
        ([Label("truck", "nowhere.jpg", 1)], "no image 'nowhere.jpg'"),
        ([Label("truck", "0803.jpg", 1)], "'0803.jpg' is an image of the holdout"),
        ([Label("truck", "0802.jpg", value) for value in (1, 0)], "labelled both 0 and 1"),
    ],
)
def test_repairs_that_name_what_cannot_be_are_refused(of_bounds, repairs, message):
    with pytest.raises(TuningError, match=message):
        tuned(of_bounds, *repairs)


@pytest.mark.parametrize(
    ("repair", "given", "message"),
    [
        (Lambda, (-1,), "Give a number of 0 or more, or auto"),
        (AdaptivePenalty, (float("inf"),), "Give a number of 0 or more, or auto"),
        (Label, ("0802.jpg", 2), "Give 1 where the class is present"),
        (Reweight, ((),), "names no concept"),
    ],
)
def test_repairs_of_a_wrong_value_are_refused(repair, given, message):
    with pytest.raises(TuningError, match=message):
        repair("truck", *given)


@pytest.mark.parametrize(
    ("repair", "message"),
    [
        (
            AdaptivePenalty("truck"),
            r"doubt on 'truck' needs 10 positives .*; there are 4 and \d+\.",
        ),
        (Reweight("truck", (CONTEXT[0],)), "balance on 'truck': 4 images of fit and"),
    ],
)
def test_repairs_by_few_positives_of_fit_are_refused(tuner, monkeypatch, repair, message):
    label, rows = np.array(tuner.store.label), tuner.store.rows("fit")
    label[rows[np.flatnonzero(label[rows, 0] == 1)[4:]], 0] = -1
    monkeypatch.setattr(tuner.store, "label", label)
    with pytest.raises(TuningError, match=message):
        tuned(tuner, repair)


@pytest.fixture
def unlabelled(tuner, monkeypatch) -> Tuner:
    """A tuner whose tune has no labels."""
    label = np.array(tuner.store.label)
    label[tuner.store.rows("tune")] = -1
    monkeypatch.setattr(tuner.store, "label", label)
    return tuner


@pytest.mark.parametrize(
    "repair", [Lambda("truck"), AdaptivePenalty("truck", 1.0), Reweight("truck", (CONTEXT[0],))]
)
def test_repairs_that_labels_of_tune_choose_need_some(unlabelled, repair):
    with pytest.raises(TuningError, match="on 'truck' needs labels of tuning images"):
        tuned(unlabelled, repair)


def test_a_lambda_that_is_given_needs_no_labels(unlabelled):
    assert unlabelled.terms(tuned(unlabelled, Lambda("truck", 0.001)))["truck"].used == 0


def test_a_label_without_others_to_judge_it_has_weight_3(unlabelled):
    terms = unlabelled.terms(tuned(unlabelled, Label("truck", "0802.jpg", 1)))
    assert terms["truck"].get(Taught).weight == 3.0


@pytest.fixture
def opened(students) -> TunableStudents:
    return TunableStudents(students.tuner).fit()


@pytest.fixture
def of_mappings(opened) -> TunableStudents:
    """Students tuned by mappings: two repairs, and thumbs on three concepts."""
    opened.tune(
        [
            {"class": "truck", "concepts": CONTEXT[:2], "direction": "balance"},
            {"class": "truck", "direction": "lambda", "value": 0.001},
            {"class": "truck", "concepts": CONTEXT[2:4], "direction": "down", "factor": 2},
            {"class": "bird", "concept": "feather", "direction": "up"},
        ]
    )
    return opened


def test_mappings_are_repairs(of_mappings) -> None:
    expected = (Reweight("truck", tuple(CONTEXT[:2])), Lambda("truck", 0.001))
    assert of_mappings.node.repairs == expected


def test_mappings_are_thumbs(of_mappings) -> None:
    assert len(of_mappings.node.intents) == 3


def test_the_list_of_iterations_tells_mappings(of_mappings) -> None:
    told = of_mappings.history["intents"].iloc[-1]
    assert "balance road 0, road 1 on truck; lambda 0.001 on truck" in told


ONE = {"class": "truck", "concept": CONTEXT[0], "direction": "balance"}


def test_a_mapping_may_stand_alone(opened) -> None:
    opened.tune(ONE)
    assert opened.node.repairs == (Reweight("truck", (CONTEXT[0],)),)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({**ONE, "direction": "balanse"}, "unknown direction 'balanse'"),
        ([{"class": "truck"}], "is not an intent"),
        ([{"class": "truck", "direction": "lambda"}], "is not an intent"),
        ([{"a": 1}], "is not an intent"),
    ],
)
def test_a_mapping_that_is_no_edit_is_refused(opened, wrong, message) -> None:
    with pytest.raises(TuningError, match=message):
        opened.tune(wrong)
