"""One level at every door: after each kind of edit the page, the commands, Python and the files say
the same value before, after and of the change."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from spread_shortcut import CONTEXT
from tuners import shifted_store, unbiased_part

from inficond_panel.api.students import TunableStudents
from inficond_panel.cli import main
from inficond_panel.distill import decision_function, fit
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.export.model_card import measured
from inficond_panel.plots.performance_bars import SIDES
from inficond_panel.results.comparison import compare
from inficond_panel.results.levers import levers
from inficond_panel.results.local_explanation import take_apart
from inficond_panel.results.metrics import students_file
from inficond_panel.results.refit_report import explain
from inficond_panel.results.what_if_curves import refit_curve
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Node, Tuner, open_tuner, read_edits
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty
from inficond_panel.tuning.repairs.kinds import REPAIRS
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.suggest import levers as levers_of_a_class
from inficond_panel.tuning.suggest import suggest
from inficond_panel.ui.metric_cards import make_class_metrics, make_mean_metrics
from inficond_panel.views.knowledge.batch import make_summary
from inficond_panel.views.knowledge.measures import make_measures
from inficond_panel.views.performance.view import make_performance_rows
from inficond_panel.views.provenance.comparison import make_comparison
from inficond_panel.views.provenance.view import ProvenanceView
from inficond_panel.vocabulary.intents import DIRECTIONS, LABELS, SOURCES
from inficond_panel.vocabulary.metrics import METRICS, SHARES

pytestmark = [pytest.mark.commands, pytest.mark.page]

NAME = "truck"
#: Every kind of edit that the product has; ``learn`` once per source.
KINDS = [*DIRECTIONS, *(kind for kind in REPAIRS if kind != Learn.kind.key)]
KINDS += [f"{Learn.kind.key} {source}" for source in SOURCES]


def labels(first: int, last: int, name: str = NAME) -> list[dict[str, Any]]:
    """Labels of images of tune, which are the even numbers from 800; every third is wrong."""
    images = [f"{800 + 2 * number:04d}.jpg" for number in range(first, last)]
    return [
        {"class": name, "direction": "label", "image": image, "value": number % 2}
        for number, image in enumerate(images)
    ]


def one(direction: str, **more: Any) -> dict[str, Any]:
    return {"class": more.pop("of", NAME), "direction": direction, **more}


LEARNED = [one("learn", **{"from": LABELS, "value": "auto"}), one("lambda", value="auto")]
ROAD = CONTEXT[0]
#: Iterations per kind of edit; the last one is looked at. Then edits that meet others.
EXAMPLES: dict[str, list[list[dict[str, Any]]]] = {
    "up": [[one("up", concept="wheel")]],
    "down": [[one("down", concept=ROAD)]],
    "remove": [[one("remove", concept=ROAD)]],
    "release": [[one("remove", concept=ROAD)], [one("release", concept=ROAD)]],
    "label": [labels(0, 12)],
    "balance": [[one("balance", concepts=CONTEXT[:2], suspects=True)]],
    "groups": [[one("groups", by="bird", value=1.0)]],
    "doubt": [[one("doubt", value="auto")]],
    "lambda": [[one("lambda", value="auto")]],
    "learn labels": [LEARNED],
    "learn teacher": [[one("learn", **{"from": "teacher", "value": "auto"})]],
    "learn answers": [[*labels(0, 12), one("learn", **{"from": "answers", "value": 1.0})]],
    "learn more": [[one("learn", **{"from": "more", "value": "auto"})]],
}
MEETING = {
    "a number for lambda": [[one("lambda", value=0.003)]],
    "a thumb on a repaired student": [LEARNED, [one("remove", concept=ROAD)]],
    "a thumb and a repair in one": [[*LEARNED, one("remove", concept=ROAD)]],
    "a repair after a thumb": [[one("remove", concept=ROAD)], LEARNED],
    "a second repair": [[one("doubt", value="auto")], LEARNED],
    "labels after labels": [labels(0, 12), labels(12, 24)],
    "another class of a repaired node": [LEARNED, [one("up", of="bird", concept="feather")]],
    "repairs of two classes": [[*LEARNED, one("doubt", of="bird", value="auto")]],
}


def test_every_kind_of_edit_has_an_example() -> None:
    assert list(EXAMPLES) == KINDS


@dataclass
class Edited:
    """A store with a history on disk, tuned by the iterations of one example."""

    store: Path
    history: Path
    tuner: Tuner
    parent: Node
    node: Node

    def said(self, command: str) -> str:
        """What a command prints; STORE stands for the store and its history."""
        words = command.replace("STORE", f"{self.store} --history {self.history}").split()
        out = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:  # a command opens what is open already
            place = "inficond_panel.commands.shared.students.open_tuner"
            patch.setattr(place, lambda *_, **__: self.tuner)
            patch.setattr("sys.stdout", out)
            assert main(words) == 0
        return out.getvalue()

    def page(self, at: Node) -> AppState:
        """A session on an iteration, whose jobs are done at once."""
        app = AppState(self.tuner, Jobs(inline=True))
        app.tuning.jump(at.id)
        app.selection.class_name = NAME
        return app

    @property
    def students(self) -> TunableStudents:
        """The students in Python."""
        return TunableStudents(self.tuner, self.node)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, to which photos were added, and a history with #0."""
    folder = tmp_path_factory.mktemp("begun")
    store = shifted_store(folder)
    tuner = open_tuner(str(store), history=str(folder / "history.sqlite"))
    unbiased_part(tuner.store)
    tuner.root()
    return folder


@pytest.fixture(scope="module", params=[*EXAMPLES, *MEETING])
def edited(request, begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Edited:
    folder = tmp_path_factory.mktemp("edited")
    shutil.copytree(begun, folder, dirs_exist_ok=True)
    edits = folder / "edits.yaml"
    edits.write_text(json.dumps({**EXAMPLES, **MEETING}[request.param]))
    store, history = folder / "own.zarr", folder / "history.sqlite"
    tuner = open_tuner(str(store), history=str(history))
    nodes = [tuner.root()]
    for batch in read_edits(edits, tuner.store):
        nodes.append(tuner.fine_tune(nodes[-1], batch))
    tuner.set_head(nodes[-1])
    return Edited(store, history, tuner, nodes[-2], nodes[-1])


@pytest.fixture(scope="module")
def truth(edited: Edited) -> dict[str, dict[str, dict[str, float]]]:
    """Metrics of the classes before and after, as ``inficond metrics --json`` says."""
    said = {
        when: json.loads(edited.said(f"metrics STORE --json --node {node.id}"))["classes"]["rows"]
        for when, node in (("before", edited.parent), ("after", edited.node))
    }
    return {when: {row["class"]: row for row in rows} for when, rows in said.items()}


@pytest.fixture(scope="module")
def app(edited: Edited) -> AppState:
    return edited.page(edited.node)


Said = Iterator[tuple[str, float, float]]  #: which, its value, and half of its last digit
THREE, POINT = 0.5e-3, 0.5e-3  #: half of the last digit of ``0.792``, and of ``+15.6 points``
EXACT = 1e-9


def points(text: str) -> float:
    """The number in ``+15.6 points``, as a share."""
    return 0.0 if text == "unchanged" else float(text.replace("−", "-").split()[0]) / 100


def python(edited: Edited, app: AppState) -> Said:
    students = edited.students
    yield "after", students.metrics("tune").loc[NAME, "ap"], EXACT
    row = students.changes().loc[NAME]
    yield from ((key, row[key], EXACT) for key in ("before", "after", "change"))


def a_table(edited: Edited, app: AppState) -> Said:
    line = next(line for line in edited.said("metrics STORE").splitlines() if line.startswith(NAME))
    yield "after", float(line.split()[1]), THREE


def a_csv_file(edited: Edited, app: AppState) -> Said:
    text = edited.said("metrics STORE --csv")
    rows = csv.DictReader(io.StringIO(text.split("# classes\n")[-1].split("\n#")[0]))
    yield "after", next(float(row["ap"]) for row in rows if row["class"] == NAME), EXACT


def history_compare(edited: Edited, app: AppState) -> Said:
    nodes = f"{edited.parent.id} {edited.node.id}"
    said = edited.said(f"history compare STORE --node {nodes} --json")
    for row in json.loads(said)["changes"]["rows"]:
        if (row["class"], row["metric"]) == (NAME, "ap"):
            yield from ((key, row[key], EXACT) for key in ("before", "after", "change"))


def a_model_card(edited: Edited, app: AppState) -> Said:
    yield "after", measured(edited.tuner, edited.node, "tune")[NAME]["ap"]["estimate"], EXACT


def suggest_as_it_is(edited: Edited, app: AppState) -> Said:
    """Beside one lever: the student as it is does not depend on what it is compared with."""
    offered = levers_of_a_class._levers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(levers_of_a_class, "_levers", lambda *of: list(offered(*of))[-1:])
        patch.setattr(levers_of_a_class, "baselines_of", lambda *_: ())
        found = levers(suggest(edited.tuner, edited.node, classes=[NAME]))
    yield "after", found.loc[(NAME, "as it is"), "ap"], EXACT


def a_lambda_path(edited: Edited, app: AppState) -> Said:
    rows = json.loads(edited.said(f"lambda STORE --class {NAME} --json"))["rows"]
    yield "after", next(row["ap"] for row in rows if row["now"]), EXACT


def a_curve(edited: Edited, app: AppState) -> Said:
    student = edited.tuner.at(edited.node, "tune")[NAME]
    curve = edited.students.what_if(NAME, "wheel")
    here = curve.loc[[student.weight("wheel")]]
    assert here["change"].iloc[0] == 0
    yield "after", here["ap"].iloc[0], EXACT


def a_refitted_curve(edited: Edited, app: AppState) -> Said:
    student = edited.tuner.at(edited.node, "tune")[NAME]
    points = refit_curve(edited.tuner, student, "wheel", levels=1)
    here = next(point for point in points if point.influence == student.weight("wheel"))
    assert here.changes["accuracy"].estimate == 0
    yield "after", here.metrics.ap, EXACT


def a_row_of_the_page(edited: Edited, app: AppState) -> Said:
    rows = {row["name"]: row for row in make_performance_rows(app.students.snapshot)}
    yield "after", rows[NAME]["ap"], EXACT
    yield "before", app.students.snapshot.last[NAME].ap, EXACT


def a_card_of_the_page(edited: Edited, app: AppState) -> Said:
    changes = app.changes.last(NAME, list(SHARES))
    card = make_class_metrics(NAME, app.students.snapshot, changes)[0]
    yield "after", float(card["now"]), THREE
    told = dict(card["card"]["rows"])
    yield "before", float(told["Start, previous"].split(", ")[1]), THREE
    yield "change", points(card["change"]["text"]), POINT


def the_strip(edited: Edited, app: AppState) -> Said:
    snapshot = app.students.snapshot
    summary = make_summary(snapshot, NAME, app.changes.last(NAME, ["ap"]).get("ap"), None)
    yield "after", summary["ap"], EXACT
    yield "change", points(summary["since"]["text"]), POINT


def the_tree(edited: Edited, app: AppState) -> Said:
    made = ProvenanceView(app)._tree.results
    after, before = (made["each"][made["of"][node.id]] for node in (edited.node, edited.parent))
    yield "after", float(after["value"]), THREE
    yield "before", float(before["value"]), THREE
    if after["change"]:
        yield "change", points(after["change"]["text"]), POINT


def the_comparison(edited: Edited, app: AppState) -> Said:
    app.comparison.compare(edited.parent.id, edited.node.id)
    detail = make_comparison(app, NAME)["detail"]
    if detail["name"] == NAME:  # else another class alone differs
        row = next(row for row in detail["metrics"] if row["name"] == METRICS["ap"].name)
        yield "before", float(row["before"]), THREE
        yield "after", float(row["after"]), THREE
        yield "change", points(row["change"]["text"]), POINT


def the_table_of_metrics(edited: Edited, app: AppState) -> Said:
    made = make_measures(app.tuner, app.students.student(NAME), None)
    row = next(row for row in made["rows"] if row["name"] == METRICS["ap"].name)
    yield "after", float(row["now"]), THREE
    yield "change", points(row["changes"][-1]["text"]), POINT


def a_file_of_the_page(edited: Edited, app: AppState) -> Said:
    file = students_file(app.students.snapshot, [NAME])
    yield "after", float(next(csv.DictReader(io.StringIO(file.content.decode())))["ap"]), EXACT


def a_preview(edited: Edited, app: AppState) -> Said:
    before = edited.page(edited.parent)
    before.tuning.put(edited.node.edits)
    preview, start = before.tuning.preview, before.students.snapshot.metrics[NAME].ap
    if NAME in edited.node.tuned:
        yield "before", start, EXACT
        yield "after", preview.metrics[NAME].ap, EXACT
        yield "change", preview.of(NAME, "ap").estimate, EXACT


DOORS: list[Callable[[Edited, AppState], Said]] = [
    *(python, a_table, a_csv_file, history_compare, a_model_card, suggest_as_it_is),
    *(a_lambda_path, a_curve, a_refitted_curve, a_row_of_the_page, a_card_of_the_page, the_strip),
    *(the_tree, the_comparison, the_table_of_metrics, a_file_of_the_page, a_preview),
]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_door_says_what_the_command_says(edited, truth, app, door) -> None:
    before, after = (truth[when][NAME]["ap"] for when in ("before", "after"))
    true = {"before": before, "after": after, "change": after - before}
    said = list(door(edited, app))
    assert said or NAME not in edited.node.tuned
    for which, value, half in said:
        assert value == pytest.approx(true[which], abs=half + EXACT), which


@pytest.mark.parametrize("edited", ["learn labels"], indirect=True)
def test_another_process_shows_the_same_page(edited, truth) -> None:
    tuner = open_tuner(str(edited.store), history=str(edited.history))
    tuner.set_head(edited.node)
    shown = AppState(tuner, Jobs(inline=True)).students.snapshot
    assert shown.metrics[NAME].ap == pytest.approx(truth["after"][NAME]["ap"])


def test_two_repaired_branches_are_compared_by_their_levels(begun, tmp_path) -> None:
    shutil.copytree(begun / "own.zarr", tmp_path / "own.zarr")
    tuner = open_tuner(str(tmp_path / "own.zarr"), history=":memory:")
    one, other = (
        tuner.fine_tune(tuner.root(), [repair]) for repair in (Learn(NAME), AdaptivePenalty(NAME))
    )
    item = compare(tuner, one, other).of(NAME)
    levels = [tuner.metrics(node, "tune")[NAME].ap for node in (one, other)]
    assert [item.before["ap"], item.after["ap"]] == levels


def test_two_students_of_equal_weights_differ_if_labels_chose_one(begun, tmp_path) -> None:
    shutil.copytree(begun / "own.zarr", tmp_path / "own.zarr")
    tuner = open_tuner(str(tmp_path / "own.zarr"), history=":memory:")
    root = tuner.root()
    node = tuner.fine_tune(root, [Lambda("bird")])
    same = node.changed(settings={**node.settings})
    object.__setattr__(same, "weights", root.weights)
    object.__setattr__(same, "intercepts", root.intercepts)
    assert "bird" in tuner.spent(same, "tune")
    shown = tuner.at(same, "tune")["bird"].logits
    assert not np.array_equal(shown, tuner.at(root, "tune")["bird"].logits)


@pytest.mark.parametrize("metric", METRICS)
def test_a_row_of_the_page_has_every_metric_of_the_command(truth, app, metric) -> None:
    found = {name: getattr(each, metric) for name, each in app.students.snapshot.metrics.items()}
    told = {name: truth["after"][name][metric] for name in found}
    assert found == pytest.approx(
        {k: np.nan if v is None else v for k, v in told.items()}, nan_ok=True
    )


@pytest.mark.parametrize("key", ["both_right", "student_wrong"])
@pytest.mark.parametrize("side", SIDES)
def test_a_bar_counts_the_images_of_the_command(truth, app, side, key) -> None:
    agreement = app.students.snapshot.agreement[NAME]
    assert getattr(getattr(agreement, side), key) == truth["after"][NAME][f"{side}_{key}"]


@pytest.mark.parametrize("metric", SHARES)
def test_the_mean_of_the_page_is_the_mean_of_what_it_shows_per_class(truth, app, metric) -> None:
    cards = {card["key"]: card for card in make_mean_metrics(app.students.snapshot, {})}
    mean = np.nanmean([truth["after"][name][metric] for name in app.store.classes])
    assert float(cards[metric]["now"]) == pytest.approx(mean, abs=THREE + EXACT)


def test_images_that_turned_right_and_wrong_add_up_to_the_accuracy(edited, truth) -> None:
    if NAME in edited.node.tuned:
        churn = explain(edited.tuner, edited.node).of(NAME).churn[-1]
        turned = churn.count(right=True) - churn.count(right=False)
        right = [round(truth[w][NAME]["accuracy"] * truth[w][NAME]["images"]) for w in truth]
        assert turned == right[1] - right[0]


def test_the_holdout_is_not_spent(edited: Edited) -> None:
    store, rows = edited.tuner.store, edited.tuner.store.rows("holdout")
    own = store.concept_score[rows] @ edited.node.weights[:, 0]
    ap = average_precision_score(store.label[rows, 0], own)
    assert edited.tuner.metrics(edited.node, "holdout")[NAME].ap == pytest.approx(ap)


@pytest.fixture(scope="module")
def taught(begun: Path) -> tuple[Tuner, Node]:
    tuner = open_tuner(str(begun / "own.zarr"), history=":memory:")
    node = tuner.fine_tune(tuner.root(), [Learn(NAME, LABELS, 2.0)])
    return tuner, node


def test_the_level_is_of_students_fitted_without_the_image_by_hand(taught) -> None:
    tuner, node = taught
    store, rows, train = tuner.store, tuner.store.rows("tune"), tuner.store.rows("fit")
    label, logits = store.label[rows, 0], np.empty(len(rows))
    folds = stratified_folds(label[:, None], FOLDS, 0)
    for fold in range(FOLDS):
        inside = rows[folds != fold]
        targets = np.r_[1 / (1 + np.exp(-store.teacher_logit[train, 0])), label[folds != fold]]
        weights = np.r_[np.ones(len(train)), np.full(len(inside), 2.0)]
        scores = store.concept_score[np.r_[train, inside]]
        given = {"l1": tuner.penalties[0], "sample_weight": weights, "tolerance": 1e-8}
        made = fit(scores, targets[:, None], **given)
        shown = decision_function(
            store.concept_score[rows[folds == fold]], made.weights, made.intercepts
        )
        logits[folds == fold] = shown[:, 0]
    ap = average_precision_score(label, logits)
    assert tuner.metrics(node, "tune")[NAME].ap == pytest.approx(ap, abs=2e-3)


def test_undo_shows_the_level_of_before(edited: Edited, truth, app) -> None:
    page = edited.page(edited.node)
    page.tuning.undo()
    assert page.students.snapshot.metrics[NAME].ap == pytest.approx(truth["before"][NAME]["ap"])


def test_the_bars_of_an_images_explanation_add_up_to_its_logit(taught) -> None:
    tuner, node = taught
    row = int(tuner.store.rows("tune")[5])
    apart = take_apart(tuner.at(node, "tune")[NAME], row)
    whole = sum(part.logit for part in apart.parts) + apart.intercept + apart.unseen
    assert apart.logit == pytest.approx(whole)


def test_an_explained_decision_is_the_decision_counted(taught) -> None:
    tuner, node = taught
    student = tuner.at(node, "tune")[NAME]
    said = [take_apart(student, int(row)).present for row in student.rows[:40]]
    assert said == student.decided[:40].tolist()


@pytest.mark.parametrize("edited", ["learn labels"], indirect=True)
def test_a_move_says_while_students_are_evaluated(edited: Edited) -> None:
    tuner = open_tuner(str(edited.store), history=str(edited.history))
    tuner.set_head(tuner.root())
    app, seen = AppState(tuner, Jobs(inline=True)), list[str]()
    app.tuning.param.watch(lambda event: seen.append(event.new.text), "status")
    app.tuning.jump(edited.node.id)
    assert f"Cross-fitting {NAME}" in seen


@pytest.mark.parametrize("edited", ["learn labels"], indirect=True)
def test_a_move_says_nothing_of_students_that_are_known(edited: Edited) -> None:
    app, seen = edited.page(edited.node), list[str]()
    app.tuning.param.watch(lambda event: seen.append(event.new.text), "status")
    app.tuning.jump(edited.parent.id)
    assert not [text for text in seen if text.startswith("Cross-fitting")]
