"""Blocks of tasks, steps that are skipped, attention checks, and the size of the window."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from studies import STUDY, Person, Visitor, small_study
from studies import at as time_at

from inficond_panel.cli import main
from inficond_panel.errors import SpecError
from inficond_panel.study.pages.report import make_frames, make_page
from inficond_panel.study.pages.screens import make_question
from inficond_panel.study.pages.visitor import Visitor as AnyVisitor
from inficond_panel.study.results.codebook import codebook
from inficond_panel.study.results.differences import differences
from inficond_panel.study.results.study_tables import answers_table, export, participants_table
from inficond_panel.study.results.timeline import RightAnswer, progress_of
from inficond_panel.study.run.assignment import assign
from inficond_panel.study.run.balance import round_size
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.skips import SkipIf
from inficond_panel.study.spec.study_spec import StudySpec, load_study
from inficond_panel.version import __version__

pytestmark = [pytest.mark.commands, pytest.mark.page]

BLOCKS = """blocks:
  - name: first
    introduction: [{title: Before, text: Words.}]
    tasks: [bicycle]
    after: [{template: sus}]
  - {name: second, tasks: [sheep], after: [{template: sus}]}
"""
TWO = "conditions: {design: within, levels: [{name: a}, {name: b}]}\n"


def steps(study: Study) -> list[str]:
    """Names of all steps of the first participant that are not skipped."""
    return [step.name for step in progress_of(study, study.log.participants()[0]).shown]


def written(folder: Path, text: str) -> StudySpec:
    """The spec of a study, without its store."""
    (folder / "study.yaml").write_text(text)
    (folder / "small.yaml").touch()
    return load_study(folder / "study.yaml")


# --- skips


@pytest.mark.parametrize(
    ("rule", "answer", "condition", "skipped"),
    [
        ({"question": "q", "is_": ["a", "b"]}, "b", "", True),
        ({"question": "q", "is_": ["a", "b"]}, "c", "", False),
        ({"question": "q", "is_": ["a"]}, ["c", "a"], "", True),
        ({"question": "q", "is_": ["a"]}, None, "", False),
        ({"question": "q", "is_": [3.0]}, 3, "", True),
        ({"question": "q", "below": 18}, 17.5, "", True),
        ({"question": "q", "below": 18}, 18, "", False),
        ({"question": "q", "above": 18}, 18, "", False),
        ({"question": "q", "above": 1, "below": 3}, 2, "", True),
        ({"question": "q", "above": 1, "below": 3}, 3, "", False),
        ({"question": "q", "below": 18}, "young", "", False),
        ({"condition": ["x"]}, None, "x", True),
        ({"condition": ["x"]}, None, "", False),
        ({"condition": ["x"], "question": "q", "is_": ["a"]}, "a", "y", False),
        ({"condition": ["x"], "question": "q", "is_": ["a"]}, "a", "x", True),
    ],
)
def test_a_rule_holds(rule, answer, condition, skipped):
    assert SkipIf(**rule).holds({"q": answer}, condition) is skipped


YOUNG = "    skip_if: {question: age, below: 21}\n"


@pytest.fixture
def young(tmp_path) -> Visitor:
    """A visitor of 20 years in a study whose first task such people skip."""
    after = "    after: [{template: seq}]\n"
    text = STUDY.replace("count: 2}\n", f"count: 2}}\n{YOUNG}{after}")
    study = small_study(tmp_path, text)
    visitor = Visitor(study, study.add_participant()[1])
    visitor.next()
    visitor.next()
    visitor.send("answer", name="age", answer=20)
    visitor.next()
    return visitor


def test_a_task_is_skipped_with_its_questions(young):
    assert young.screen["title"] == "Sheep"


def test_what_is_skipped_is_in_the_table(young):
    assert participants_table(young.study).skipped.tolist() == ["bicycle; bicycle/after-1"]


def test_another_answer_brings_a_skipped_task_back(young):
    young.send("go_back", step=young.screen["step"])
    young.send("answer", name="age", answer=40)
    assert young.next()["title"] == "Bicycle"


def test_a_page_is_skipped_under_a_condition(tmp_path):
    text = STUDY.replace("text: Words.}", "text: Words., skip_if: {condition: b}}")
    study = small_study(tmp_path, f"{text}conditions: {{levels: [{{name: a}}, {{name: b}}]}}\n")
    pages = [Visitor(study, study.add_participant()[1]).next()["title"] for _ in range(2)]
    assert pages == ["Hello", "About you"]


# --- blocks


def test_a_block_has_its_pages_around_its_tasks(tmp_path):
    study = small_study(tmp_path, STUDY + BLOCKS)
    study.add_participant()
    assert steps(study)[3:-2] == [
        *("first/introduction-1", "bicycle", "first/after-1"),
        *("sheep", "second/after-1"),
    ]


def test_a_block_is_skipped_as_a_whole(tmp_path):
    study = small_study(
        tmp_path, STUDY + BLOCKS.replace("- name: first\n", "- name: first\n" + YOUNG)
    )
    visitor = Visitor(study, study.add_participant()[1])
    visitor.next()
    visitor.next()
    visitor.send("answer", name="age", answer=20)
    assert visitor.next()["title"] == "Sheep"


def four(folder: Path, more: str) -> StudySpec:
    """A study of four tasks in two blocks."""
    task = "  - {{name: t{0}, title: T, class: bicycle, text: T}}\n"
    tasks = "".join(map(task.format, range(4)))
    blocks = "blocks: [{name: x, tasks: [t0, t1]}, {name: y, tasks: [t2, t3]}]\n"
    return written(folder, f"title: Study\nspec: small.yaml\ntasks:\n{tasks}{blocks}{more}")


@pytest.mark.parametrize("order", ["latin_square", "random"])
def test_orders_change_within_blocks(tmp_path, order):
    spec = four(tmp_path, f"order: {order}\n")
    orders = {tuple(item.task for item in assign(spec, slot)) for slot in range(40)}
    assert all(set(order[:2]) == {"t0", "t1"} for order in orders)
    assert len({order[:2] for order in orders}) == 2


def test_each_task_of_a_block_comes_first_equally_often(tmp_path):
    spec = four(tmp_path, "order: latin_square\n")
    first = Counter(assign(spec, slot)[0].task for slot in range(round_size(spec)))
    assert first == {"t0": 1, "t1": 1}


def test_within_people_the_condition_changes_from_block_to_block(tmp_path):
    spec = four(tmp_path, TWO)
    plans = [[item.condition for item in assign(spec, slot)] for slot in range(2)]
    assert plans == [["a", "a", "b", "b"], ["b", "b", "a", "a"]]


def test_questions_after_a_block_have_its_condition(tmp_path):
    study = small_study(tmp_path, STUDY + BLOCKS + TWO)
    participant = study.add_participant()[0]
    conditions = {step.name: step.condition for step in progress_of(study, participant).steps}
    assert (conditions["first/after-1"], conditions["second/after-1"]) == ("a", "b")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tasks: [sheep]", "tasks: [ship]", "there is no task 'ship'. Did you mean 'sheep'?"),
        ("tasks: [sheep]", "tasks: [bicycle]", "'bicycle' is used 2 times"),
        ("name: second", "name: sheep", "'sheep' is used 2 times"),
        ("  - {name: second, tasks: [sheep], after: [{template: sus}]}\n", "", "is in no block"),
        ("name: first\n", "name: first\n    skip_if: {condition: c}\n", "no condition 'c'"),
        ("name: first\n", "name: first\n    skip_if: {question: q1, is: 1}\n", "before are age"),
        ("name: first\n", "name: first\n    skip_if: {question: age}\n", "needs an answer"),
        ("name: first\n", "name: first\n    skip_if: {below: 3}\n", "name its question"),
        ("text: Words.", "text: W., skip_if: {question: age, is: 3}", "none is asked before"),
        ("lowest: 18,", "lowest: 18, right: 3, x: 3,", "unknown key"),
        (
            "name: first\n",
            "name: first\n    <<: {tasks: [sheep]}\n",
            "merge keys are not supported",
        ),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(tmp_path, old, new, message):
    text = STUDY + BLOCKS
    assert old in text
    with pytest.raises(SpecError) as error:
        written(tmp_path, text.replace(old, new))
    assert message in str(error.value)


ASKED = """form:
  - {name: age, kind: number, text: Your age?, lowest: 18, highest: 120}
  - {name: experience, kind: choice, text: Experience?, options: [Never, Rarely]}
  - {name: tools, kind: choice, text: Tools?, options: [one, two], several: true}
  - {name: agree, kind: likert, text: I agree., points: 7}
  - {name: job, kind: text, text: Job?}
"""
FORM = STUDY[STUDY.index("form:") : STUDY.index("tasks:")]


def ruled(folder: Path, rule: str) -> list[str]:
    """Problems of a study whose second task has a rule, with their lines."""
    text = STUDY.replace(FORM, ASKED)
    text = text.replace("class: sheep\n", f"class: sheep\n    skip_if: {rule}\n")
    line = text[: text.index("skip_if")].count("\n") + 1
    try:
        written(folder, text)
    except SpecError as error:
        return [problem.message for problem in error.problems if problem.line == line]
    return []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{question: experience, is: [Nevr]}", "'Nevr' is no answer to 'experience'. Did you mean"),
        ("{question: experience, is: [Never, Nevr]}", "'Nevr' is no answer"),
        ("{question: experience, below: 3}", "the answer to 'experience' is no number; write is"),
        ("{question: job, above: 3}", "the answer to 'job' is no number"),
        ("{question: tools, is: three}", "'three' is no answer to 'tools'"),
        ("{question: agree, is: 8}", "8.0 is no answer to 'agree'"),
        ("{question: agree, is: 1.5}", "1.5 is no answer"),
        ("{question: agree, above: 7}", "no answer to 'agree' is above 7"),
        ("{question: age, below: 18}", "no answer to 'age' is below 18"),
        ("{question: age, is: 17}", "17.0 is no answer to 'age'; its answers: number, at least 18"),
        ("{question: age, above: 60, below: 50}", "no number is above 60 and below 50"),
    ],
)
def test_a_rule_that_can_never_hold_is_a_problem(tmp_path, rule, message):
    [told] = ruled(tmp_path, rule)
    assert message in told


@pytest.mark.parametrize(
    "rule",
    [
        "{question: experience, is: [Never, Rarely]}",
        "{question: tools, is: two}",
        "{question: agree, is: [1, 7]}",
        "{question: agree, above: 6}",
        "{question: age, below: 19}",
        "{question: age, above: 20, below: 30}",
        "{question: job, is: none}",
    ],
)
def test_a_rule_that_can_hold_is_none(tmp_path, rule):
    assert ruled(tmp_path, rule) == []


def test_a_questionnaire_that_comes_twice_is_one_problem(tmp_path):
    twice = STUDY.replace("questionnaire:\n", "questionnaire:\n" + 2 * "  - {template: sus}\n")
    with pytest.raises(SpecError) as error:
        written(tmp_path, twice)
    [problem] = error.value.problems
    assert "the template sus is used 2 times" in problem.message
    assert "after each task or block" in problem.message


def test_conditions_within_people_need_as_many_blocks(tmp_path):
    three = TWO.replace("{name: b}", "{name: b}, {name: c}")
    with pytest.raises(SpecError, match="2 blocks are not a multiple of 3 conditions"):
        written(tmp_path, STUDY + BLOCKS + three)


# --- attention and window

ATTENTION = STUDY.replace(
    "      - {name: remarks",
    "      - {name: look, kind: likert, text: Choose Agree., right: 4}\n      - {name: remarks",
)


@pytest.mark.parametrize(("answer", "right"), [(4, 1), (5, 0)])
def test_an_attention_check_takes_any_answer_and_counts_the_right_one(tmp_path, answer, right):
    study = small_study(tmp_path, ATTENTION)
    visitor = Visitor(study, study.add_participant()[1])
    visitor.to_task()
    visitor.leave()
    visitor.next()
    visitor.leave()
    for name, value in {"q1": 3, "look": answer}.items():
        visitor.send("answer", name=name, answer=value)
    assert visitor.next()["kind"] == "end"
    row = participants_table(study).iloc[0]
    assert (row.attention_right, row.attention_asked) == (right, 1)


SCORED = (
    STUDY.replace(
        "count: 2}\n",
        "count: 2}\n    after: [{title: T, questions: [{name: found, kind: text, text: What?, "
        "right: [Sofa, couch], scored: true}]}]\n",
    ).replace(
        "text: Improve it.\nquestionnaire",
        "text: Improve it.\n    after: [{title: T, questions: [{name: found, kind: choice, "
        "text: What?, options: [tree, sky], right: [tree], scored: true}]}]\nquestionnaire",
    )
    + "conditions: {levels: [{name: a}, {name: b}]}\n"
)


@pytest.fixture
def found(tmp_path, monkeypatch) -> Study:
    """Eight people, in turn of conditions a and b: after bicycle 3 of 4 are right under a, 1 of 4
    under b; after sheep one answered, right."""
    study = small_study(tmp_path, SCORED)
    said = [" COUCH ", "tree", "sofa", "lamp", "Couch", "couch", "bed", "?"]
    for at, word in enumerate(said):
        person = Person(study, monkeypatch)
        person.answers(1, "bicycle/after-1", found=word)
        if at == 0:
            person.answers(2, "sheep/after-1", found="tree")
    return study


def test_scored_answers_have_a_share_with_wilsons_limits(found):
    rows = make_frames(found, [])["summary"].set_index(["condition", "measure"], append=True)
    row = rows.loc["bicycle", "a", "found"]
    true = stats.binomtest(3, 4).proportion_ci(method="wilson")
    assert (row["n"], row["mean"]) == (4, 0.75)
    assert (row["mean_low"], row["mean_high"]) == pytest.approx((true.low, true.high))
    assert rows.loc["sheep", "a", "found"]["mean"] == 1


def test_the_difference_of_scored_answers_in_a_task_is_newcombes(found):
    """3 of 4 less 1 of 4: Newcombe's hybrid score limits, by hand from scipy's Wilson limits."""
    [row] = [r for _, r in make_frames(found, [])["differences"].iterrows() if r.task == "bicycle"]
    p, q = (stats.binomtest(k, 4).proportion_ci(method="wilson") for k in (1, 3))
    low = -0.5 - np.hypot(0.25 - p.low, q.high - 0.75)
    high = -0.5 + np.hypot(p.high - 0.25, 0.75 - q.low)
    assert row.method == "Newcombe"
    assert (row.difference, row.difference_low, row.difference_high) == pytest.approx(
        (-0.5, low, high)
    )


def test_a_scored_question_is_no_attention_check(found):
    assert participants_table(found).attention_asked.sum() == 0


def test_the_answers_say_what_is_right(found):
    right = [True, True, False, True, False, True, True, False, False]
    assert [*answers_table(found).right] == right


def test_the_codebook_has_a_question_of_two_kinds_twice(found):
    book = codebook(found).reset_index()
    values = book[book.name == "found"]["values"]
    assert [*values] == ["text; right: Sofa; scored", "one of: tree; sky; right: tree; scored"]


def test_the_browser_does_not_learn_what_is_scored(found):
    question = found.spec.tasks[0].after[0].asked[0]
    assert not {"right", "scored"} & set(make_question(question, {}))


def test_a_scored_question_needs_a_right_answer(tmp_path):
    with pytest.raises(SpecError, match="scored: there is no right answer"):
        small_study(tmp_path, SCORED.replace("right: [Sofa, couch], ", ""), prepare=False)


def test_a_check_is_no_result(tmp_path):
    check = (
        "comprehension: {questions: [{name: c, kind: number, text: N?, right: 3, scored: true}]}"
    )
    with pytest.raises(SpecError, match=r"'c' lets people go on .* leave scored out"):
        written(tmp_path, f"{check}\n{STUDY}")


def answers_of(task: str, *values: float) -> list[RightAnswer]:
    """Answers to a scored question of so many people, in turn of conditions a and b."""
    return [
        RightAnswer(f"P{at}", task, "ab"[at % 2], "found", value) for at, value in enumerate(values)
    ]


def test_a_question_after_one_task_is_compared_between_people_also_where_conditions_change():
    """Nobody does a task under two conditions: 2 of 2 under a, 1 of 2 under b."""
    [row] = differences([], answers_of("bicycle", 1, 0, 1, 1), ["a", "b"], within=True)
    assert (row.task, row.method, row.difference) == ("bicycle", "Newcombe", -0.5)


def test_a_question_of_the_form_and_of_a_task_has_one_difference_over_both():
    both = [*answers_of("", 1, 0, 1, 1), *answers_of("bicycle", 1, 0, 1, 1)]
    made = differences([], both, ["a", "b"], within=False)
    assert [one.task for one in made] == ["", "bicycle"]


@pytest.mark.parametrize(
    ("measure", "difference", "rc"),
    [("found", "0.5", 0), ("found", "3", 1), ("reached", "3", 1), ("lost", "0.5", 1)],
)
def test_a_scored_question_is_a_measure_of_the_size(found, measure, difference, rc):
    command = ["study", "size", str(found.spec.path), "--sd", "0.5", "--measure", measure]
    assert main([*command, "--difference", difference]) == rc


ATTENTIVE = """questionnaire:
  - {template: sus, questions: [{name: attention, kind: likert, text: Choose 2., right: 2}]}
conditions: {levels: [{name: a}, {name: b}]}
"""


@pytest.fixture
def checked(tmp_path, monkeypatch) -> Study:
    """Six people with scores of SUS; the last one missed the attention check, one more declined."""
    study = small_study(tmp_path, STUDY[: STUDY.index("questionnaire:")] + ATTENTIVE)
    for at in range(6):
        person = Person(study, monkeypatch)
        sus = {f"sus-{item}": 3 for item in range(2, 11)} | {"sus-1": 1 + at // 2}
        person.answers(1, "questionnaire-1", **sus, attention=2 if at < 5 else 3)
    Person(study, monkeypatch).notes(1, "consent", "decline")
    return study


def test_differences_come_again_without_who_missed_an_attention_check(checked):
    frames = make_frames(checked, [])
    # SUS is 2.5 times a sum; first statement 1, 2, 3 in both groups, and 3 less the last one's
    everybody, attentive = (
        frames[name].loc["sus", "difference"] for name in ("differences", "differences_attentive")
    )
    assert (everybody, attentive) == (pytest.approx(0), pytest.approx(2.5 * (1.5 - 2)))


def test_there_are_no_more_differences_if_nobody_missed_a_check(checked):
    checked.delete_participant(6)  # who missed it
    frames = make_frames(checked, [])
    assert "differences_attentive" not in frames
    assert "Differences without people" not in make_page(checked, [], frames)


def test_the_page_has_the_differences_without_who_missed_a_check(checked):
    page = make_page(checked, [], make_frames(checked, []))
    assert "Differences without people who missed an attention check" in page


TRAINED = """training:
  {name: try, title: Try, class: sheep, text: Improve it., after: [{template: seq}]}
conditions: {levels: [{name: a}, {name: b}]}
"""


@pytest.fixture
def trained(tmp_path, monkeypatch) -> Study:
    """Four people who answered SEQ after the training, with 2 and 6, and after a task with 4, 5."""
    after = "count: 2}\n    after: [{template: seq}]\n"
    study = small_study(tmp_path, STUDY.replace("count: 2}\n", after) + TRAINED)
    for at in range(4):
        person = Person(study, monkeypatch)
        person.answers(1, "try/after-1", seq=2 if at % 2 else 6)
        person.answers(2, "bicycle/after-1", seq=4 + at // 2)
    return study


def test_scores_after_the_training_are_no_difference(trained):
    frames = make_frames(trained, [])
    assert frames["differences"].loc["seq", "difference"] == pytest.approx(0)
    assert len(frames["scores"]) == 8


def test_scores_after_the_training_are_no_deviation(trained, capsys):
    command = ["study", "size", str(trained.spec.path), "--measure", "seq", "--difference", "1"]
    assert main([*command, "--json"]) == 0
    # 4 and 5 in each condition: squares 4 / 4, of 4 people less 2 means
    assert json.loads(capsys.readouterr().out)["sd"] == pytest.approx((1 / 2) ** 0.5)


def test_the_report_counts_who_came_and_went_by_condition(checked):
    flow = make_frames(checked, [])["flow"]
    assert flow.loc["a", ["came", "declined", "unfinished", "finished"]].tolist() == [4, 1, 3, 0]
    assert flow.loc["b", "came"] == 3


def test_the_report_names_the_version(checked):
    assert f"inficond {__version__}" in make_page(checked, [], make_frames(checked, []))


def test_the_order_of_conditions_is_in_the_table(tmp_path):
    study = small_study(tmp_path, STUDY + TWO)
    study.add_participant()
    study.add_participant()
    assert participants_table(study)["conditions"].tolist() == ["a; b", "b; a"]


def test_no_browser_learns_the_right_answer_of_an_attention_check(tmp_path):
    spec = written(tmp_path, ATTENTION)
    assert spec.questionnaire[0].questions[1].right_answer == 4
    with pytest.raises(SpecError, match="there is no step 6; the last is 5"):
        written(tmp_path, ATTENTION.replace("right: 4", "right: 6"))


@pytest.mark.parametrize(
    ("told", "kept"),
    [([1280, 720], (1280, 720)), ([1280], (None, None)), ([0, -5], (None, None)), (None,) * 2],
)
def test_the_window_is_recorded_if_it_is_one(tmp_path, told, kept):
    study = small_study(tmp_path)
    AnyVisitor(study, study.add_participant()[1], window=told)
    table = participants_table(study).iloc[0]
    found = tuple(
        None if pd.isna(value) else value for value in (table.window_width, table.window_height)
    )
    assert found == (kept or (None, None))


def test_the_window_is_in_whole_pixels_also_if_that_of_another_is_unknown(tmp_path):
    study = small_study(tmp_path)
    for window in ([1280, 720], None):
        AnyVisitor(study, study.add_participant()[1], window=window)
    export(study, tmp_path / "tables")
    lines = (tmp_path / "tables" / "participants.csv").read_text().splitlines()
    widths = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    assert [row["window_width"] for row in widths] == ["1280", ""]


def times_of(study: Study) -> tuple[object, ...]:
    """When the first participant began and ended, and the minutes between."""
    return tuple(participants_table(study)[["began", "ended", "minutes"]].iloc[0])


def test_the_time_of_a_person_leaves_out_when_no_page_was_open(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    person = Person(study, monkeypatch)
    person.notes(5, "consent", "agree")
    person.notes(6, "consent", "away")  # a hidden page is open
    person.notes(8, "consent", "back")
    person.opened(20, "two")
    person.notes(30, "end", "enter")
    assert times_of(study) == (time_at(0), time_at(30), 18)


def test_the_time_of_who_declined_ends_there(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    Person(study, monkeypatch).notes(2, "consent", "decline")
    assert times_of(study) == (time_at(0), time_at(2), 2)


def test_who_is_under_way_has_no_end(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    Person(study, monkeypatch)
    began, ended, minutes = times_of(study)
    assert (began, ended, pd.isna(minutes)) == (time_at(0), "", True)


def test_the_page_gets_the_least_size_of_the_window(tmp_path):
    study = small_study(tmp_path, f"window: {{width: 1024, height: 700}}\n{STUDY}")
    visitor = Visitor(study, study.add_participant()[1])
    assert visitor.page.frame.least == [1024, 700]
