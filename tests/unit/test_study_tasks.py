"""Rights of a task and its condition: keys of the app's spec, photos answered, concepts typed."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from factory import ATTRS, small_arrays, small_spec, spec_text
from precompute_factory import NumpyEncoder
from studies import STUDY, Visitor, at_work, small_study

from inficond_panel.errors import SpecError, TuningError
from inficond_panel.spec import load_spec
from inficond_panel.spec.sections.students import PaperStudents, Tuning
from inficond_panel.state import AppState
from inficond_panel.store import write_store
from inficond_panel.study.pages.report import write_report
from inficond_panel.study.results.results import results, with_holdout
from inficond_panel.study.results.study_tables import events_table, worlds_table
from inficond_panel.study.results.timeline import board, rebuild, timeline
from inficond_panel.study.run.named_concepts import named_concepts
from inficond_panel.study.run.shown_views import page_spec
from inficond_panel.study.run.training import training_warnings
from inficond_panel.study.spec.conditions import Variation
from inficond_panel.tuning import History, Intent, Tuner
from inficond_panel.tuning.opening import open_spec_store
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.knowledge.view import KnowledgeView

pytestmark = pytest.mark.page

LEVELS = """conditions:
  levels:
    - name: usual
    - name: strong
      spec:
        tuning: {factor: 4, preview: true}
        students: {lambda: 0.02}
        views: {intervals: false}
        layout: {rows: [[performance], [knowledge, detail]]}
"""


def test_a_condition_changes_any_key_and_keeps_the_rest(tmp_path):
    study = small_study(tmp_path, STUDY + LEVELS)
    usual, strong = at_work(study), at_work(study)
    one, other = usual.page.work.app, strong.page.work.app
    assert (one.tuning.factor, other.tuning.factor) == (2, 4)
    assert other.spec.layout.rows == [["performance"], ["knowledge", "detail"]]
    assert other.spec.tuning.step == one.spec.tuning.step
    assert (one.spec.views.intervals, other.spec.views.intervals) == (True, False)
    assert other.spec.views.draws == one.spec.views.draws
    spec = load_spec(tmp_path / "small.yaml", check_files=False)
    spec.students.lambda_ = 0.02
    root = Tuner(open_spec_store(spec.path, spec.store), spec, History(":memory:")).root()
    assert other.students.node.id == root.id != one.students.node.id
    np.testing.assert_array_equal(other.students.node.weights, root.weights)
    strong.tune("wheel")
    assert all(item.equal for item in rebuild(study, strong.page.session.participant))


@pytest.mark.parametrize(
    ("part", "value"),
    [({"tuning": Tuning(factor=3)}, 3), ({"students": PaperStudents(solver="paper")}, "paper")],
)
def test_a_condition_is_over_a_title_and_a_store_also_by_the_other_solver(tmp_path, part, value):
    (tmp_path / "own.yaml").write_text("title: Own\nstore: own.zarr\n")
    spec = load_spec(tmp_path / "own.yaml")
    variation = Variation(**part)
    assert not list(variation.misfits(spec))
    over = variation.over(spec)
    assert value in (over.tuning.factor, over.students.solver)
    assert (over.path, over.dataset) == (spec.path, None)


def test_places_of_a_task_or_condition_leave_how_much_is_shown(tmp_path):
    small_spec(tmp_path, extra="layout: {show: simple}\n")
    bare = STUDY.replace("class: bicycle", "class: bicycle\n    views: [performance, detail]")
    study = small_study(tmp_path, bare + LEVELS, prepare=False)
    spec = load_spec(tmp_path / "small.yaml", check_files=False)
    layout = page_spec(spec, study.spec.all_tasks[0], None).layout
    assert (layout.views, layout.show) == (["performance", "detail"], "simple")
    assert study.spec.levels[1].spec.over(spec).layout.show == "simple"


def test_a_condition_hides_views_preview_suspects_and_suggestions(tmp_path):
    spec = "{tuning: {preview: false, suspects: false, suggest: false}}"
    bare = f"[{{name: bare, views: [performance, knowledge], spec: {spec}}}]"
    visitor = at_work(small_study(tmp_path, f"{STUDY}conditions: {{levels: {bare}}}\n"))
    app = visitor.page.work.app
    assert visitor.page.work.shell._page.names == ["performance", "knowledge"]
    app.selection.class_name = "bicycle"
    assert app.shifts.by_class == {}
    knowledge = KnowledgeView(app)
    knowledge.act({"action": "repair", "repair": {"direction": "lambda", "value": 0.1}})
    knowledge.act({"action": "suggest"})
    assert app.tuning.pending == []
    assert not app.suggestion.running
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    assert app.tuning.preview is None


def condition_app(folder, views: str) -> AppState:
    """State of a task's page in a condition with these keys of ``views``, with a class and a
    concept open."""
    bare = f"[{{name: bare, spec: {{views: {views}}}}}]"
    visitor = at_work(small_study(folder, f"{STUDY}conditions: {{levels: {bare}}}\n"))
    app = visitor.page.work.app
    app.selection.param.update(class_name="bicycle", concept="wheel")
    return app


@pytest.mark.parametrize("curves", [True, False])
def test_a_condition_without_curves_sends_none_of_the_rows(tmp_path, curves):
    table = KnowledgeView(condition_app(tmp_path, f"{{curves: {str(curves).lower()}}}")).table
    assert table.rows
    assert bool(table.effects) is curves


@pytest.mark.parametrize("curves", [True, False])
def test_a_condition_without_curves_sends_none_of_the_detail(tmp_path, curves):
    panel = DetailView(condition_app(tmp_path, f"{{curves: {str(curves).lower()}}}")).panel
    assert panel.influence
    assert panel.curves is curves
    assert [bool(sent) for sent in (panel.steps, panel.bands, panel.captions)] == [curves] * 3


def test_a_condition_has_a_store_of_its_own(tmp_path):
    write_store(tmp_path / "other.zarr", small_arrays(concepts=20, seed=5), ATTRS)
    text = LEVELS.replace("tuning: {factor: 4, preview: true}", "store: other.zarr")
    study = small_study(tmp_path, STUDY + text)
    assert len(study.ready["bicycle"].store.concepts) == 30
    assert len(study.varied["bicycle", "strong"].store.concepts) == 20


#: One of the conditions below shows no view in which a goal can be reached.
GOALLESS = STUDY.replace("    done_when: {rule: iterations, count: 2}\n", "")
TRAINING = """training:
  {name: warm-up, title: Try, text: Try it., class: bird, done_when: {rule: iterations, count: 1}}
"""
WITHIN = """conditions:
  design: within
  levels:
    - name: map
      views: [performance, embedding]
      may_type: false
      spec: {tuning: {suspects: false, preview: true}, views: {intervals: false}}
    - name: no-map
      views: [performance, knowledge]
      may_type: false
      spec: {tuning: {suspects: false, preview: false}}
"""


def trained(folder, levels: str) -> AppState:
    """State of the training's page of a participant who sees all conditions."""
    study = small_study(folder, GOALLESS.replace("tasks:", f"{TRAINING}tasks:") + levels)
    return at_work(study).page.work.app


def test_a_training_closes_what_every_condition_closes(tmp_path):
    app = trained(tmp_path, WITHIN)
    assert not app.spec.tuning.suspects


def test_a_training_keeps_what_one_condition_opens(tmp_path):
    app = trained(tmp_path, WITHIN)
    assert (app.spec.tuning.preview, app.spec.views.intervals) == (True, True)


def test_a_training_shows_each_view_of_a_condition(tmp_path):
    app = trained(tmp_path, WITHIN)
    assert set(app.spec.layout.views) == {"performance", "embedding", "knowledge"}


def test_conditions_without_anything_in_common_leave_the_training_as_it_is(tmp_path):
    levels = WITHIN.replace("suspects: false, preview: true", "factor: 3", 1)
    assert trained(tmp_path, levels).spec.tuning.suspects


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("class: bird", "class: sheep", ["it has the class of sheep; take another class"]),
        ("class: bird", "class: bird, other_classes: true", ["other_classes lets"]),
        ("suspects: false, preview: true", "preview: true", ["hidden under no-map"]),
        ("class: bird", "class: bird", []),
    ],
)
def test_what_a_training_shows_of_the_tasks_is_told(tmp_path, old, new, told):
    text = GOALLESS.replace("tasks:", f"{TRAINING}tasks:") + WITHIN
    study = small_study(tmp_path, text.replace(old, new, 1))
    warnings = list(training_warnings(study.spec, study.ready))
    assert len(warnings) == len(told)
    assert all(words in warning for words, warning in zip(told, warnings, strict=True))


CASES = {
    "unknown key": ("factor: 4", "facter: 4", "tuning.facter: unknown key. Did you mean 'factor'"),
    "out of bounds": ("factor: 4", "factor: 0.5", "tuning.factor: expected a number > 1"),
    "does not fit": ("factor: 4", "epochs: 4", "tuning.epochs: is not used with solver"),
    "no section": ("tuning:", "tunning:", "Did you mean 'tuning'"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_condition_is_checked_where_it_stands(tmp_path, case):
    old, new, expected = CASES[case]
    text = STUDY + LEVELS
    with pytest.raises(SpecError) as caught:
        small_study(tmp_path, text.replace(old, new, 1))
    [problem] = caught.value.problems
    assert expected in problem.message
    assert problem.line == 1 + text[: text.index("tuning:")].count("\n")


def test_a_participant_cannot_do_what_is_no_part_of_the_task(tmp_path):
    visitor = at_work(small_study(tmp_path))
    app, shell = visitor.page.work.app, visitor.page.work.shell
    closed = "export holdout photos asking typing forgetting targets class"
    assert visitor.screen["closed"] == closed.split()
    for name in ("sheep", ""):
        with pytest.raises(TuningError):
            app.selection.class_name = name
    save = {"action": "save_students", "names": ["bicycle"], "kind": "csv"}
    refused: list[tuple[str, Callable[[], object]]] = [
        ("allows bicycle only", lambda: app.tuning.toggle(Intent("sheep", "wheel", "down"))),
        ("not allow holdout", lambda: app.tuning.show_split("holdout")),
        ("not allow export", lambda: app.export.edits(app.students.node.id)),
        ("not allow export", lambda: app.export.students(app.students.node.id, ["npz"])),
        ("not allow export", lambda: visitor.page.work._views["performance"].act(save)),
        ("not allow asking", lambda: app.asking.open("bicycle")),
    ]
    for told, act in refused:
        with pytest.raises(TuningError, match=told):
            act()
    sent = []
    shell._page._send_msg = sent.append
    shell.act({"action": "open_export"})
    assert sent == []
    assert (app.selection.class_name, sum(app.tuning.looks.values())) == ("bicycle", 0)
    assert app.tuning.pending == []


NO_THUMBS = STUDY.replace("done_when: {rule: iterations, count: 2}", "views: [performance, detail]")


@pytest.fixture
def looking(tmp_path) -> Visitor:
    """A participant in a task without the view that has the thumbs and *Fine-tune*."""
    return at_work(small_study(tmp_path, NO_THUMBS))


def test_a_thumb_of_another_view_is_refused_without_the_view_of_thumbs(looking):
    concept = looking.page.work.app.store.concepts[0]
    looking.page.work._views["detail"].act(
        {"action": "toggle", "concept": concept, "direction": "down"}
    )
    assert looking.page.work.app.tuning.pending == []


def test_the_page_knows_that_nobody_may_tune_without_the_view_of_thumbs(looking):
    assert "tuning" in looking.screen["closed"]


@pytest.mark.parametrize("key", ["fine_tune", "clear", "undo", "redo"])
def test_a_key_does_nothing_that_no_button_does(looking, key, monkeypatch):
    tuning, done = looking.page.work.app.tuning, []
    for name in ("fine_tune", "clear", "undo", "redo"):
        monkeypatch.setattr(tuning, name, lambda name=name: done.append(name))
    looking.page.work.shell.act({"action": key})
    assert done == []


@pytest.mark.parametrize(("show", "closed"), [("simple", True), ("details", False)])
def test_a_participant_switches_to_details_only_if_the_spec_shows_them(tmp_path, show, closed):
    small_spec(tmp_path, extra=f"layout: {{show: {show}}}\n")
    assert ("details" in at_work(small_study(tmp_path)).screen["closed"]) is closed


ASKING = STUDY.replace("class: bicycle", "class: bicycle\n    may_ask: true")
ITERATIONS = "{rule: iterations, count: 2}"


def recorded(visitor: Visitor) -> list[tuple[str, dict]]:
    events = visitor.study.log.events(1)
    about = re.compile("ask|photo|teacher-answers")
    return [(e.action, dict(e.payload)) for e in events if about.match(e.action)]


def test_each_answer_is_recorded_with_its_time_and_found_again(tmp_path):
    study = small_study(tmp_path, ASKING)
    visitor = at_work(study)
    asking = visitor.page.work.app.asking
    asking.open("bicycle")
    images = list(asking.draft.images)
    asking.answer(0, 1)
    says = asking.student_says(images[0])
    asking.undo()
    asking.answer(0, None)
    asking.close()
    answer = {"place": 1, "image": images[0], "student": says}
    assert recorded(visitor) == [
        ("ask", {"class": "bicycle", "images": images, "replies": 0}),
        ("photo-answer", {**answer, "answer": 1}),
        ("photo-undo", {"place": 0, "images": [images[0]]}),
        ("photo-answer", {**answer, "answer": None}),
        ("photos-left", {"replies": 1}),
    ]
    moments = timeline(study, visitor.page.session.participant)
    times = [moment.time for moment in moments if moment.action == "photo-answer"]
    assert (len(times), times) == (2, sorted(times))
    again = Visitor(study, study.log.new_token(1)).page.work.app.asking
    again.open("bicycle")
    assert len(again.draft.replies) == 1
    assert len(list(tmp_path.rglob("*.answers/*.json"))) == 1
    study.delete_participant(1)
    assert list(tmp_path.rglob("*.answers/*.json")) == []


def test_what_was_taught_is_in_the_timeline_and_comes_back_bit_for_bit(tmp_path):
    arrays = small_arrays()
    arrays["label"][np.flatnonzero(arrays["split"] == "tune")[8:]] = -1  # eight have labels
    small_spec(tmp_path)
    write_store(tmp_path / "small.zarr", arrays, ATTRS)
    visitor = at_work(small_study(tmp_path, ASKING))
    app = visitor.page.work.app
    wheel = app.store.concept_score[:, app.store.concepts.index("wheel")]
    app.asking.open("bicycle")
    while image := app.asking.image:
        shown = wheel[app.store.images.index(image)] > np.median(wheel)
        app.asking.answer(len(app.asking.draft.replies), int(shown))
    action, judged = recorded(visitor)[-1]
    taught = app.tuning.head
    assert (action, judged["node"], taught.number) == ("photos-judge", taught.id, 1)
    assert judged["answers"] == sum(isinstance(repair, Label) for repair in taught.repairs)
    participant = visitor.page.session.participant
    moments = timeline(visitor.study, participant)
    added = [one.payload for one in moments if one.source == "history" and one.action == "add"]
    assert [one["node"] for one in added] == [taught.id]
    assert [one.equal for one in rebuild(visitor.study, participant)] == [True, True]


def test_a_task_is_done_by_the_number_of_answers(tmp_path):
    text = ASKING.replace(ITERATIONS, "{rule: answers, count: 2}")
    visitor = at_work(small_study(tmp_path, text))
    asking = visitor.page.work.app.asking
    asking.open("bicycle")
    asking.answer(0, None)
    asking.answer(1, 0)
    assert visitor.screen["goal"] == "Images answered 1, goal 2"
    asking.undo()
    assert visitor.screen["goal"] == "Images answered 0, goal 2"
    asking.undo()
    asking.answer(0, 1)
    asking.answer(1, 0)
    assert visitor.screen["goal"] == "Done: Images answered 2, goal 2"
    assert visitor.actions.count("done") == 1


def test_a_study_in_which_nobody_can_answer_is_refused(tmp_path):
    closed = STUDY.replace(ITERATIONS, "{rule: answers}")
    with pytest.raises(SpecError, match="cannot be answered in this task; write may_ask: true"):
        small_study(tmp_path, closed)
    small_spec(tmp_path, extra="students: {tempered: both, temperature: 2}\n")
    with pytest.raises(SpecError, match=r"may_ask: .* cannot learn answers\. Repairs reweight"):
        small_study(tmp_path, ASKING)


BARE = "{name: bare, views: [configuration, performance]}"
ASKED = ASKING.replace(ITERATIONS, "{rule: answers}")
WITHOUT = "only in knowledge; add it to the views"


@pytest.mark.parametrize(
    ("text", "levels", "message"),
    [
        (STUDY, BARE, f"'bare' the views are configuration, performance, .*change {WITHOUT}"),
        (STUDY, BARE.replace("]", "], spec: {tuning: {factor: 3}}"), f"'bare' .*{WITHOUT}"),
        (STUDY, "{name: b, spec: {layout: {rows: [[detail]]}}}", "'b' the views are detail, .*"),
        (ASKED, BARE, f"'bare' .*images are answered {WITHOUT}"),
        (ASKED, "{name: mute, may_ask: false}", "'mute' images cannot be answered"),
    ],
)
def test_a_goal_that_the_views_of_a_condition_hide_is_refused(tmp_path, text, levels, message):
    text += f"conditions: {{levels: [{{name: usual}}, {levels}]}}\n"
    with pytest.raises(SpecError, match=message) as told:
        small_study(tmp_path, text)
    assert [one.message.split(":")[0] for one in told.value.problems] == ["tasks[0].done_when"]


def test_a_goal_that_the_views_of_a_task_hide_is_refused(tmp_path):
    bare = STUDY.replace("class: bicycle", "class: bicycle\n    views: [performance]")
    with pytest.raises(SpecError, match="cannot be reached: the views are performance, and"):
        small_study(tmp_path, bare)


@pytest.mark.parametrize(
    ("views", "told"),
    [
        ("[performance, detail, embedding]", "(bare: detail and embedding)"),
        ("[performance]", ""),
        ("[knowledge, detail]", ""),
    ],
)
def test_a_condition_that_still_names_concepts_is_told(tmp_path, views, told):
    levels = f"conditions: {{levels: [{{name: usual}}, {{name: bare, views: {views}}}]}}\n"
    study = small_study(tmp_path, GOALLESS + levels)
    assert named_concepts(study.spec, study.ready).endswith(told)
    assert bool(told) == bool(named_concepts(study.spec, study.ready))


def test_views_of_a_condition_that_hold_the_goal_replace_those_of_the_task(tmp_path):
    bare = STUDY.replace("class: bicycle", "class: bicycle\n    views: [performance]")
    levels = "conditions: {levels: [{name: full, views: [performance, knowledge]}]}\n"
    assert set(small_study(tmp_path, bare + levels).ready) == {"bicycle", "sheep"}


class Encoder(NumpyEncoder):
    """In place of the encoder of a spec."""

    digest = "d" * 64

    def __init__(self, spec: object) -> None:
        super().__init__()

    def check(self) -> None:
        """It is there."""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study in whose first task concepts can be typed."""
    monkeypatch.setattr("inficond_panel.study.pages.work.PageEncoder", Encoder)
    attrs = {**ATTRS, "encoder_digest": Encoder.digest, "prompts": ["a photo of a {}"]}
    write_store(tmp_path / "small.zarr", small_arrays(concepts=10), attrs)
    (tmp_path / "small.yaml").write_text(spec_text())
    text = STUDY.replace("class: bicycle", "class: bicycle\n    may_type: true")
    return small_study(tmp_path, text)


def typed(visitor: Visitor, text: str) -> None:
    visitor.page.work._views["knowledge"].act({"action": "add", "text": text})


def test_a_closed_browser_finds_its_concepts_again(study):
    first = at_work(study)
    first.tune("spoke")
    typed(first, "moss")
    first.page.work.app.tuning.toggle(Intent("bicycle", "moss", "up"))
    node = first.page.work.app.students.node.id
    first.page.close()
    again = Visitor(study, study.log.new_token(1))
    app = again.page.work.app
    assert (app.students.node.id, app.selection.concept) == (node, "moss")
    assert app.tuning.thumbs == [Intent("bicycle", "moss", "up", factor=2.0)]
    assert again.screen["goal"] == "Fine-tunes 1, goal 2"
    app.tuning.fine_tune()
    assert again.screen["goal"].startswith("Done")
    assert again.leave()["kind"] == "brief"
    assert "moss" not in at_work(study).page.work.app.store.concepts


def test_figures_are_of_the_concepts_that_there_were(study):
    visitor = at_work(study)
    visitor.tune("spoke")
    typed(visitor, "moss")
    app = visitor.page.work.app
    app.tuning.toggle(Intent("bicycle", "moss", "up"))
    app.tuning.fine_tune()
    app.tuning.undo()
    last = app.students.node
    visitor.leave()
    [result] = results(study)
    assert (result.typed, result.iterations, result.undos) == (1, 2, 0)  # done at the second
    assert [place.iterations for place in board(study)] == [None]
    [seen] = with_holdout(study, [result])
    tuner = study.tuner(visitor.page.session.participant, "bicycle")
    node = tuner.node(result.node)
    assert node.parent == last.id
    assert seen.holdout_end == tuner.metrics(node, "holdout")["bicycle"].ap
    tuner.history.close()


def test_a_task_that_ends_with_a_typed_concept_has_the_figures_of_its_students(study):
    visitor = at_work(study)
    visitor.tune("spoke")
    typed(visitor, "moss")
    app = visitor.page.work.app
    node, shown = app.students.node.id, app.tuner.metrics(app.students.node, "tune")["bicycle"].ap
    visitor.leave()
    [result] = results(study)
    assert (result.outcome, result.typed, result.iterations, result.thumbs) == ("left", 1, 1, 1)
    assert (result.node, result.ap_end) == (node, shown)


def test_the_second_world_lacks_concepts_lowered_before_and_after_typing(study):
    visitor = at_work(study)
    visitor.tune("spoke")
    typed(visitor, "moss")
    visitor.tune("sky")
    visitor.leave()
    assert worlds_table(study, results(study))["concepts"].iloc[0] == ["sky", "spoke"]


def test_the_figures_of_a_typed_concept_begin_at_the_task_s_start(study):
    visitor = at_work(study)
    typed(visitor, "moss")
    visitor.tune("sky")
    visitor.leave()
    [result] = results(study)
    found = worlds_table(study, [result]).query("world == 'these' and metric == 'ap'")
    assert found["before"].item() == result.ap_start


def test_everything_is_rebuilt_and_told_with_its_concepts(study, tmp_path):
    visitor = at_work(study)
    visitor.tune("spoke")
    typed(visitor, "moss")
    visitor.tune("sky")
    typed(visitor, "lichen, green crust")
    who = visitor.page.session.participant
    rebuilt = rebuild(study, who)
    assert len(rebuilt) == 2 + 3 + 3  # each root, with what was carried on
    assert all(item.equal for item in rebuilt)
    told = [m for m in timeline(study, who) if m.action in {"fine-tune", "type", "add"}]
    assert [(m.source, m.action, m.typed) for m in told] == [
        ("study", "fine-tune", ()), ("history", "add", ()), ("history", "fine-tune", ()),
        ("study", "type", ("moss",)), ("study", "fine-tune", ("moss",)),
        ("history", "add", ("moss",)), ("history", "fine-tune", ("moss",)),
        ("study", "type", ("moss", "lichen")),
    ]  # fmt: skip
    assert events_table(study).typed.iloc[-1] == "moss; lichen"
    visitor.leave()
    (page, *_), _ = write_report(study, tmp_path / "report")
    assert "<h2>Concepts typed</h2>" in page.read_text()
    rows = pd.read_csv(tmp_path / "report" / "typed.csv")
    assert rows.concept.tolist() == ["moss", "lichen"]
    assert rows.synonyms.fillna("").tolist() == ["", "green crust"]
    summary = pd.read_csv(tmp_path / "report" / "summary.csv")
    assert set(summary.typed) == {1}  # the other came when it was done


def test_an_encoder_that_does_not_fit_is_told_before_anybody_comes(study, monkeypatch):
    study.prepare(encoder=Encoder)
    monkeypatch.setattr(Encoder, "digest", "e" * 64)
    study.prepare()  # a report needs no encoder
    with pytest.raises(SpecError, match=r"tasks\[0\].may_type: .*another encoder"):
        study.check(encoder=Encoder)
