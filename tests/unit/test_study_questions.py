"""Questions around the tasks: checks, pages after a task, templates, answers; texts; the end."""

import base64
from pathlib import Path

import pytest
from studies import STUDY, Visitor, small_study

from inficond_panel.errors import SpecError
from inficond_panel.study.pages.report import answer_charts
from inficond_panel.study.pages.screens import to_tree
from inficond_panel.study.results.study_tables import answers_table, scores_table
from inficond_panel.study.results.timeline import board, progress_of
from inficond_panel.study.spec.pages import TEMPLATES, ChoiceQuestion, TextQuestion

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
  completion: {url: "https://panel.example/back?who={pid}", code: C0DE}
"""
FULL = STUDY.replace("form:", f"{CHECK}form:").replace("count: 2}\n", f"count: 2}}\n{AFTER}") + END


def begin(folder: Path, external: str = "", text: str = FULL) -> Visitor:
    study = small_study(folder, text)
    token = study.log.make_open_link() if external else study.add_participant()[1]
    visitor = Visitor(study, token, external=external)
    visitor.next()
    return visitor


def give(visitor: Visitor, **answers: object) -> dict:
    for name, answer in answers.items():
        visitor.send("answer", name=name, answer=answer)
    return visitor.next()


def test_a_check_is_to_be_answered_right_and_is_flagged_where_it_was_not(tmp_path):
    visitor = begin(tmp_path)
    screen = visitor.next()
    assert "right" not in str(screen["questions"])
    assert set(give(visitor, role="teacher")["faults"]) == {"best"}  # not complete: no attempt
    assert list(give(visitor, best=1)["faults"]) == ["role"]
    assert give(visitor, role="teacher")["title"] == "About you"
    attempts = [e.payload for e in visitor.study.log.events(1) if e.action == "attempt"]
    assert [attempt["wrong"] for attempt in attempts] == [["role"], ["role"]]
    assert attempts[0]["answers"] == {"role": "teacher", "best": 1}
    assert visitor.screen["back"] == ""  # not into a check that is over
    assert board(visitor.study)[0].check == "wrong"


def test_one_goes_back_to_pages_and_never_into_a_task_whose_questions_are_scored(tmp_path):
    visitor = begin(tmp_path)

    def go_back() -> dict:
        return visitor.send("go_back", step=visitor.screen["step"])

    assert visitor.next()["back"] == "Back"
    assert go_back()["title"] == "Hello"
    assert go_back()["title"] == "Hello"  # no consent
    visitor.next()
    assert give(visitor, role="student", best=1)["title"] == "About you"
    assert give(visitor, age=40)["kind"] == "brief"
    assert go_back()["title"] == "About you"
    assert visitor.screen["questions"][0]["value"] == 40
    visitor.next()
    visitor.next()
    visitor.leave()
    assert (visitor.screen["title"], visitor.screen["back"]) == ("Ease of the task", "")
    assert go_back()["title"] == "Ease of the task"
    assert progress_of(visitor.study, visitor.page.session.participant).outcome("bicycle") == "left"
    give(visitor, seq=6, why="Because.")
    assert visitor.screen["title"] == "Workload"
    assert len(visitor.screen["questions"]) == 6
    scales = {"mental": 21, "physical": 1, "temporal": 11}
    rest = {"performance": 11, "effort": 1, "frustration": 6}
    give(visitor, **{f"tlx-{name}": step for name, step in {**scales, **rest}.items()})
    scores = scores_table(visitor.study).reset_index().set_index("template")
    assert scores.score.to_dict() == {"seq": 6, "nasa_tlx": (100 + 0 + 50 + 50 + 0 + 25) / 6}
    assert set(scores.task) == {"bicycle"}
    legends = [dict(legend).values() for legend, _ in answer_charts(visitor.study)]
    labels = [label for legend in legends for label in legend]  # each scale under its own
    assert [labels.count(label) for label in ("Very difficult", "Perfect")] == [1, 1]
    assert not [label for label in labels if "disagree" in label]
    table = answers_table(visitor.study).set_index("question")
    assert table.loc["why", ["task", "answer"]].tolist() == ["bicycle", "Because."]
    assert table.loc["age", "task"] == ""


@pytest.mark.parametrize(
    ("answers", "score"),
    [([3] * 10, 50), ([5, 1] * 5, 100), ([1, 5] * 5, 0), ([4, 2, 5, 1, 4, 2, 3, 2, 4, 3], 75)],
)
def test_the_sus_is_that_of_brooke(answers, score):
    given = {f"sus-{at}": answer for at, answer in enumerate(answers, 1)}
    assert TEMPLATES["sus"].score_of(given) == score
    assert TEMPLATES["sus"].score_of({**given, "sus-3": None}) is None


NO_NUMBERS = [float("nan"), float("inf"), -float("inf"), 10**15, 10**4000, True, "40", [40]]


def test_an_answer_that_is_no_number_is_not_taken(tmp_path):
    visitor = begin(tmp_path, text=STUDY)
    visitor.next()
    before = visitor.actions
    for answer in NO_NUMBERS:
        visitor.send("answer", name="age", answer=answer)
        assert visitor.actions == before
    visitor.send("answer", name="age", answer=40)
    assert visitor.actions == [*before, "answer"]


def test_answers_have_limits():
    several = ChoiceQuestion(name_="b", text="?", options=["a", "b"], several=True)
    assert several.fault(["a", "b"]) == ""
    assert several.fault(["b"] * 2_000_000) == "Choose each option once."
    text = TextQuestion(name_="t", text="?")
    assert text.fault("fine ✓") == ""
    assert text.fault("half \ud83d") == "A character cannot be stored; write it anew."
    assert text.fault("x" * 4001) == "At most 4000 characters."


URL = "https://panel.example/back?who={pid}"
CASES = {
    "no right answer": ("right: 1", "lowest: 0", "'best' has no right answer"),
    "right is no option": ("[student]}", "[oracle]}", "'oracle' is not in options"),
    "no web link": ("https://panel", "javascript://panel", "expected a link with http"),
    "no way out": (f'{{url: "{URL}", code: C0DE}}', "{}", "expected a url or a code"),
    "an id that nobody has": ("{pid}", "{prolific}", "unknown id 'prolific'; the ids"),
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


def test_markdown_is_a_tree_without_paragraphs_in_a_tight_list_and_loads_nothing(tmp_path):
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
    [[tag, _, items]] = to_tree("- a\n- b", tmp_path)
    assert (tag, [item[2] for item in items]) == ("ul", [["a"], ["b"]])


def test_only_a_small_picture_in_the_folder_of_the_study_is_shown(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    (folder := tmp_path / "study").mkdir()
    (folder / "link.png").symlink_to(tmp_path / "a.png")
    (folder / "text.png").write_bytes(b"just text")
    (folder / "large.png").write_bytes(PNG + bytes(2_000_000))
    outside = ("../a.png", str(tmp_path / "a.png"), "link.png")
    for source in (*outside, "text.png", "large.png", "absent.png", "a" * 300 + ".png", ""):
        assert to_tree(f"![other]({source})", folder) == [["p", {"href": ""}, ["[other]"]]]
    (folder / "drawing").write_text("<?xml version='1.0'?><svg xmlns='...'/>")
    [[_, _, [[tag, facts, _]]]] = to_tree("![own](drawing)", folder)
    assert tag == "img"
    assert facts["src"].startswith("data:image/svg+xml;")
