"""The spec of a study and all that can be wrong with it; the questions around the tasks."""

import base64
import shutil
from pathlib import Path

import jsonschema
import pytest
from factory import ATTRS, small_arrays, spec_text
from ruamel.yaml import YAML
from studies import STUDY, Visitor, small_study

from inficond_panel.cli import main
from inficond_panel.errors import SpecError, StudyError
from inficond_panel.spec import find_spec
from inficond_panel.spec.schema import json_schema
from inficond_panel.store import write_store
from inficond_panel.study.pages.report import answer_charts
from inficond_panel.study.pages.screens import to_tree
from inficond_panel.study.results.codebook import codebook
from inficond_panel.study.results.study_tables import answers_table, scores_table
from inficond_panel.study.results.timeline import board, progress_of
from inficond_panel.study.run.study import open_study
from inficond_panel.study.spec.measures import TAKEN
from inficond_panel.study.spec.questionnaires import SCALES
from inficond_panel.study.spec.questions import ChoiceQuestion, NumberQuestion, TextQuestion
from inficond_panel.study.spec.study_spec import StudySpec, load_study

pytestmark = [pytest.mark.commands, pytest.mark.page]

CHECK = """comprehension:
  attempts: 2
  questions:
    - {name: role, kind: choice, text: Who is small?, options: [teacher, student], right: [student]}
    - {name: best, kind: number, text: The best AP?, right: 1}
"""
AFTER = """    after:
      - {template: seq, questions: [{name: why, kind: text, text: Why?}]}
      - template: nasa_tlx
"""
END = """end:
  title: Done
  text: Thanks.
  completion: {url: "https://panel.example/back?who={pid}&cc={code}", code: C0DE}
"""
FULL = STUDY.replace("form:", f"{CHECK}form:").replace("count: 2}\n", f"count: 2}}\n{AFTER}") + END


def begin(folder: Path, text: str = FULL) -> Visitor:
    study = small_study(folder, text)
    visitor = Visitor(study, study.add_participant()[1])
    visitor.next()
    return visitor


def give(visitor: Visitor, **answers: object) -> dict:
    for name, answer in answers.items():
        visitor.send("answer", name=name, answer=answer)
    return visitor.next()


def test_a_check_is_to_be_answered_right(tmp_path):
    visitor = begin(tmp_path)
    screen = visitor.next()
    assert "right" not in str(screen["questions"])
    assert set(give(visitor, role="teacher")["faults"]) == {"best"}  # not complete: no attempt
    assert list(give(visitor, best=1)["faults"]) == ["role"]
    assert give(visitor, role="teacher")["title"] == "About you"


def test_a_check_that_was_answered_wrong_is_flagged(tmp_path):
    visitor = begin(tmp_path)
    visitor.next()
    give(visitor, role="teacher")
    give(visitor, best=1)
    give(visitor, role="teacher")
    attempts = [e.payload for e in visitor.study.log.events(1) if e.action == "attempt"]
    assert [attempt["wrong"] for attempt in attempts] == [["role"], ["role"]]
    assert attempts[0]["answers"] == {"role": "teacher", "best": 1}
    assert visitor.screen["back"] == ""  # not into a check that is over
    assert board(visitor.study)[0].check == "wrong"


def go_back(visitor: Visitor) -> dict:
    return visitor.send("go_back", step=visitor.screen["step"])


def test_one_goes_back_to_pages_but_not_to_the_consent(tmp_path):
    visitor = begin(tmp_path)
    assert visitor.next()["back"] == "Back"
    assert go_back(visitor)["title"] == "Hello"
    assert go_back(visitor)["title"] == "Hello"  # no consent


@pytest.fixture
def briefed(tmp_path) -> Visitor:
    """A visitor at the first brief, all questions before it answered."""
    visitor = begin(tmp_path)
    visitor.next()
    assert give(visitor, role="student", best=1)["title"] == "About you"
    assert give(visitor, age=40)["kind"] == "brief"
    return visitor


def test_one_goes_back_from_a_brief_to_the_answers(briefed):
    assert go_back(briefed)["title"] == "About you"
    assert briefed.screen["questions"][0]["value"] == 40


@pytest.fixture
def worked(briefed) -> Visitor:
    """A visitor who has left the first task, at the questions after it."""
    briefed.next()
    briefed.leave()
    return briefed


def test_one_never_goes_back_into_a_task(worked):
    visitor = worked
    assert (visitor.screen["title"], visitor.screen["back"]) == ("Ease of the task", "")
    assert go_back(visitor)["title"] == "Ease of the task"
    assert progress_of(visitor.study, visitor.page.session.participant).outcome("bicycle") == "left"


@pytest.fixture
def scored(worked) -> Visitor:
    """A visitor who has answered all questions after the first task."""
    give(worked, seq=6, why="Because.")
    assert (worked.screen["title"], len(worked.screen["questions"])) == ("Workload", 6)
    scales = {"mental": 21, "physical": 1, "temporal": 11}
    rest = {"performance": 11, "effort": 1, "frustration": 6}
    give(worked, **{f"tlx-{name}": step for name, step in {**scales, **rest}.items()})
    return worked


def test_questions_after_a_task_are_scored(scored):
    visitor = scored
    scores = scores_table(visitor.study).reset_index().set_index("scale")
    assert scores.score.to_dict() == {"seq": 6, "nasa_tlx": (100 + 0 + 50 + 50 + 0 + 25) / 6}
    assert set(scores.task) == {"bicycle"}


def test_each_scale_is_charted_under_its_own_labels(scored):
    legends = [dict(legend).values() for legend, _ in answer_charts(scored.study)]
    labels = [label for legend in legends for label in legend]  # each scale under its own
    assert [labels.count(label) for label in ("Very difficult", "Perfect")] == [1, 1]
    assert not [label for label in labels if "disagree" in label]


def test_answers_are_listed_with_their_task(scored):
    table = answers_table(scored.study).set_index("question")
    assert table.loc["why", ["task", "answer"]].tolist() == ["bicycle", "Because."]
    assert table.loc["age", "task"] == ""


def test_an_answer_that_is_no_number_is_not_taken(tmp_path):
    visitor = begin(tmp_path, text=STUDY)
    visitor.next()
    before, inf = visitor.actions, float("inf")
    for answer in (float("nan"), inf, -inf, 2 * 10**15, 10**4000, True, "40", [40]):
        visitor.send("answer", name="age", answer=answer)
        assert visitor.actions == before
    visitor.send("answer", name="age", answer=40)
    assert visitor.actions == [*before, "answer"]


def test_the_largest_number_that_a_question_allows_can_be_given():
    question = NumberQuestion(name_="n", text="?", highest=1e15)
    assert not question.fault(1e15)


def test_options_are_chosen_once():
    several = ChoiceQuestion(name_="b", text="?", options=["a", "b"], several=True)
    assert several.fault(["a", "b"]) == ""
    assert several.fault(["b"] * 2_000_000) == "Choose each option once."


def test_a_text_has_limits():
    text = TextQuestion(name_="t", text="?")
    assert text.fault("fine ✓") == ""
    assert text.fault("half \ud83d") == "A character cannot be stored; write it anew."
    assert text.fault("x" * 4001) == "At most 4000 characters."


URL = "https://panel.example/back?who={pid}&cc={code}"
CASES = {
    "no right answer": ("right: 1", "lowest: 0", "'best' has no right answer; add the key right"),
    "right is no option": ("[student]}", "[oracle]}", "'oracle' is not in options"),
    "no web link": ("https://panel", "javascript://panel", "expected a link with http"),
    "no way out": (f'{{url: "{URL}", code: C0DE}}', "{}", "expected a url or a code"),
    "an id that nobody has": ("{pid}", "{prolific}", "unknown id 'prolific'; the ids"),
    "an empty code": (", code: C0DE", ", seconds: 9", "url: {code} is empty without a code"),
    "nothing to follow": (f'url: "{URL}"', "seconds: 9", "is used only with url"),
    "unknown template": ("template: seq", "template: sue", "Did you mean 'sus'"),
    "empty page": ("- template: nasa_tlx", "- title: Empty", "questions: missing"),
}


@pytest.mark.parametrize("case", CASES)
def test_faults_are_told(tmp_path, case):
    old, new, expected = CASES[case]
    assert old in FULL
    with pytest.raises(SpecError, match=expected):
        small_study(tmp_path, FULL.replace(old, new), prepare=False)


PNG = b"\x89PNG\r\n\x1a\n..."


def test_markdown_is_a_tree_without_scripts_or_foreign_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    text = "# A\n\n**b** <script>x</script> [l](javascript:y) ![own](a.png) ![far](http://x/y.png)"
    tree = to_tree(text, tmp_path)
    assert tree[0][0] == "h1"
    paragraph = tree[1][2]
    assert paragraph[0] == ["strong", {"href": ""}, ["b"]]
    assert "<script>x</script> [l](javascript:y)" in paragraph[1]
    source = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert paragraph[2] == ["img", {"src": source, "alt": "own"}, []]
    assert paragraph[-1] == "[far]"


def test_a_list_of_markdown_is_a_tree(tmp_path):
    [[tag, _, items]] = to_tree("- a\n- b", tmp_path)
    assert (tag, [item[2] for item in items]) == ("ul", [["a"], ["b"]])


@pytest.mark.parametrize(
    "source",
    ["../a.png", "link.png", "text.png", "large.png", "absent.png", "a" * 300 + ".png", ""],
    ids=["parent", "link", "text", "large", "absent", "long", "none"],
)
def test_only_small_pictures_of_the_study_are_loaded(tmp_path, source):
    (tmp_path / "a.png").write_bytes(PNG)
    (folder := tmp_path / "study").mkdir()
    (folder / "link.png").symlink_to(tmp_path / "a.png")
    (folder / "text.png").write_bytes(b"just text")
    (folder / "large.png").write_bytes(PNG + bytes(2_000_000))
    assert to_tree(f"![other]({source})", folder) == [["p", {"href": ""}, ["[other]"]]]


def test_a_picture_by_its_whole_path_is_not_loaded(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    (folder := tmp_path / "study").mkdir()
    tree = to_tree(f"![other]({tmp_path / 'a.png'})", folder)
    assert tree == [["p", {"href": ""}, ["[other]"]]]


def test_a_drawing_of_the_study_is_loaded(tmp_path):
    (folder := tmp_path / "study").mkdir()
    (folder / "drawing").write_text("<?xml version='1.0'?><svg xmlns='...'/>")
    [[_, _, [[tag, facts, _]]]] = to_tree("![own](drawing)", folder)
    assert tag == "img"
    assert facts["src"].startswith("data:image/svg+xml;")


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        small_study(folder, text)
    return [f"{p.line}:{p.column}: {p.message}" for p in caught.value.problems]


@pytest.fixture(scope="module")
def papers() -> StudySpec:
    """The study of the paper."""
    return load_study(find_spec("inficond", "study"))


def test_the_papers_study_has_its_tasks_with_questions(papers):
    spec = papers
    assert [task.name_ for task in spec.tasks] == ["bicycle", "tv-monitor"]
    assert [task.done_when.by for task in spec.tasks] == [0.08, 0.15]
    assert [page.template for page in spec.tasks[0].after] == ["seq", "nasa_tlx"]
    asked = [q.name_ for q in spec.questions if q.name_.startswith("q")]
    assert asked == ["q1", "q2", "q3", "q4", "q5", "q6"]


def test_the_papers_study_gives_nothing_away(papers):
    spec = papers
    told = " ".join(page.text for page in spec.introduction).lower()
    given_away = ("bicycle", "traffic light", "couch", "tv monitor", "misled", "shortcut")
    assert not [word for word in given_away if word in told]


def test_the_papers_study_survives_the_round_trip(papers, tmp_path):
    spec = papers
    again = tmp_path / "again.yaml"
    again.write_text(spec.to_yaml())
    shutil.copytree(spec.path.with_suffix(""), tmp_path / "inficond")
    read = load_study(again)
    for key in spec.fields():
        if key != "data":
            assert getattr(read, key) == getattr(spec, key), key


def test_the_papers_study_is_valid_by_the_schema(papers):
    spec = papers
    schema = json_schema(StudySpec, "Study")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(YAML(typ="safe", pure=True).load(spec.to_yaml()), schema)


IMPROVE = "text: Improve it."
FIRST = f"{IMPROVE}\n    done_when: {{rule: iterations, count: 2}}"
COUNT = "{rule: iterations, count: 2}"
THREE = "conditions: {design: within, levels: [{name: a}, {name: b}, {name: c}]}\n"
FAULTS = {
    "unknown view": (IMPROVE, "text: x\n    views: [knowlege]", "Did you mean 'knowledge'"),
    "two names alike": ("name: sheep", "name: bicycle", "the name 'bicycle' is used 2 times"),
    "questions alike": ("name: age", "name: q1", "the name 'q1' is used 2 times"),
    "labels": ("text: It was easy.", "text: x, labels: [a, b, c]", "3 labels for 5 steps"),
    "two starts": (
        IMPROVE, "text: x\n    edits: small.yaml\n    node: '1'", "is not used with edits",
    ),
    "no way out": (
        FIRST, "text: x\n    done_when: {rule: teacher}\n    may_leave: false", "set time_limit",
    ),
    "no picture": ("Improve it.", "\"![x](no.png)\"", "tasks[0].text: There is no picture"),
    "no file": (IMPROVE, "text: x\n    edits: no.yaml", "no such file"),
    "tasks of conditions": ("tasks:", f"{THREE}tasks:", "2 tasks are not a multiple of 3"),
    "scored like a measure": (
        "name: age, kind: number", "name: minutes, scored: true, right: 40, kind: number",
        "7:6: form[0].name: 'minutes' is a measure of tasks",
    ),
    "scored like a column": (
        "name: age, kind: number", "name: time, scored: true, right: 40, kind: number",
        "choose another name, such as time-right",
    ),
    "done at the start": (
        COUNT, "{rule: value, metric: ap, value: 0.01}",
        "tasks[0].done_when: is true at the start node already: ap is",
    ),
    "a gain beyond 1": (
        COUNT, "{rule: gain, by: 0.9}",
        "13:5: tasks[0].done_when: cannot be reached: ap is 0.977 at the start node and 1 at best",
    ),
    "an option with the sign between options": (
        "kind: number, text: Your age?, lowest: 18, highest: 120",
        "kind: choice, text: Pets?, several: true, options: [cat; dog, fish]",
        "7:59: form[0].options: 'cat; dog' has a ;, and answers are written with ; between",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_a_problem_is_told_with_its_words(tmp_path, case):
    old, new, expected = FAULTS[case]
    [line] = problems(tmp_path, STUDY.replace(old, new, 1))
    assert expected in line


def test_a_question_that_is_not_scored_may_be_named_like_a_measure(tmp_path):
    named = STUDY.replace("name: age", "name: minutes")
    assert small_study(tmp_path, named).spec.form[0].name_ == "minutes"


def test_no_scale_is_free_for_a_scored_question():
    assert set(TAKEN["a scale of a questionnaire"]) == set(SCALES)


def test_no_column_of_the_table_of_tasks_is_free_for_a_scored_question(tmp_path):
    tables = codebook(small_study(tmp_path)).name
    used = {name for names in TAKEN.values() for name in names}
    assert set(tables.loc["tasks"]) - used == set()


@pytest.mark.parametrize("given", ["", "no, yes", "a, b, c, d, e, f, g"])
def test_seven_steps_have_labels_without_being_told(tmp_path, given):
    labels = given.split(", ") if given else ["Strongly disagree", "Strongly agree"]
    written = f"text: It was easy., points: 7{given and f', labels: [{given}]'}"
    study = small_study(tmp_path, STUDY.replace("text: It was easy.", written)).spec
    [question] = [asked for asked in study.questions if asked.name_ == "q1"]
    assert (question.points, question.labels) == (7, labels)
    (tmp_path / "again.yaml").write_text(study.to_yaml())
    assert load_study(tmp_path / "again.yaml").questions == study.questions


def test_a_class_without_positives_is_told(tmp_path):
    arrays = small_arrays()
    arrays["label"][arrays["split"] == "tune", 0] = 0
    write_store(tmp_path / "small.zarr", arrays, ATTRS)
    (tmp_path / "small.yaml").write_text(spec_text())
    [line] = problems(tmp_path, STUDY)
    assert "tasks[0].class: 'bicycle' has no positives on tune" in line


def test_start_nodes_by_edits_and_by_node_are_the_same(tmp_path):
    small_study(tmp_path, prepare=False)
    edits = tmp_path / "edits.yaml"
    edits.write_text("- - {class: bicycle, concept: wheel, direction: down}\n")
    assert main(["tune", str(tmp_path / "small.yaml"), "--edits", str(edits)]) == 0
    by_edits = STUDY.replace(IMPROVE, "text: x\n    edits: edits.yaml", 1)
    text = by_edits.replace(IMPROVE, "text: x\n    node: '1'", 1)
    study = small_study(tmp_path, text)
    first, second = study.ready["bicycle"].start, study.ready["sheep"].start
    assert (first.id, first.number) == (second.id, 1)
    who = study.add_participant()[0]
    assert study.tuner(who, "bicycle").head().id == first.id


def test_what_is_wrong_with_files_and_tasks_is_told_in_one_pass(tmp_path):
    (tmp_path / "edits.yaml").write_text("- - {class: bicycle, concept: whel, direction: down}\n")
    text = STUDY.replace(IMPROVE, "text: x\n    edits: edits.yaml", 1)
    with pytest.raises(SpecError) as told:
        small_study(tmp_path, text.replace("class: sheep", "class: sheeep"))
    files = {problem.file.name: problem.message for problem in told.value.problems}
    assert "Did you mean 'wheel'" in files["edits.yaml"]
    assert "Did you mean 'sheep'" in files["study.yaml"]


def test_a_study_is_named_by_a_spec(tmp_path):
    small_study(tmp_path, prepare=False)
    app = tmp_path / "small.yaml"
    with pytest.raises(StudyError, match="names no study"):
        open_study(app)
    app.write_text(app.read_text() + "study: study.yaml\n")
    study = open_study(app)
    assert (study.spec.title, study.folder) == ("Small study", tmp_path / "small.study")
    study.prepare()
    assert study.ready["bicycle"].spec.title == "Small"


def test_a_study_that_comes_along_is_named_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match="Did you mean 'inficond'"):
        open_study("inficon2")
    assert open_study("inficond").folder == tmp_path / "inficond.study"


def test_a_study_stays_as_it_was_begun(tmp_path):
    small_study(tmp_path, prepare=False)
    small_study(tmp_path, STUDY.replace("Small study", "Other"))  # nobody has begun
    study = small_study(tmp_path)
    study.add_participant()
    with pytest.raises(StudyError, match="was changed since its first participant"):
        small_study(tmp_path, STUDY.replace("Improve", "Worsen"))
    small_study(tmp_path)
