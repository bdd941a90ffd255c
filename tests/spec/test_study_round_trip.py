"""load(to_yaml(study)) equals the study, over every field of every kind of section."""

from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from test_round_trip import FITS, fit_students, made

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.schema import json_schema
from inficond_panel.study.spec.conditions import Variation
from inficond_panel.study.spec.pages import CheckPage, Completion, QuestionPage
from inficond_panel.study.spec.questions import (
    ChoiceQuestion,
    LikertQuestion,
    NumberQuestion,
    Question,
    TextQuestion,
)
from inficond_panel.study.spec.skips import SkipIf
from inficond_panel.study.spec.study_spec import StudySpec, load_study
from inficond_panel.study.spec.task_sections import AnswersGiven, Task

pytestmark = pytest.mark.page

CHECK = jsonschema.Draft202012Validator(json_schema(StudySpec, "Study"))


def fit_question(kind: type[Section], given: dict, folder: Path) -> None:
    """Scored only with a right answer."""
    given["scored"] = bool(given.get("scored")) and given.get("right") is not None


def fit_likert(kind: type[Section], given: dict, folder: Path) -> None:
    """As many labels as steps, or two."""
    labels = given.pop("labels", [])[:21]
    if len(labels) > 1:
        given["labels"] = labels
    if len(labels) > 2:
        given["points"] = len(labels)
    if given.get("right"):
        given["right"] = 1
    fit_question(kind, given, folder)


def fit_choice(kind: type[Section], given: dict, folder: Path) -> None:
    """Right is an option; the sign between several options is in none."""
    if given.get("several"):
        given["options"] = list(dict.fromkeys(o.replace(";", ",") for o in given["options"]))
    if given.get("right"):
        given["right"] = given["options"][: 2 if given.get("several") else 1]
    fit_question(kind, given, folder)


def fit_page(kind: type[Section], given: dict, folder: Path) -> None:
    """With a template, with questions, or with both; those of a check are right or wrong."""
    if kind is CheckPage:
        given.pop("template", None)
        asked = [each for each in given["questions"] if each.checks and not each.scored]
        given["questions"] = asked or [NumberQuestion(name_="n", text="?", right=1.5)]
    elif given.get("template") and len(given["questions"]) > 1:
        del given["questions"]


def fit_completion(kind: type[Section], given: dict, folder: Path) -> None:
    """A link or a code; seconds go with a link, and a code with its name in the link."""
    if given.get("url") or given.get("seconds"):
        given["url"] = "https://x.org/?c={code}" if given.get("code") else "https://x.org/"
    else:
        given |= {"url": None, "seconds": None, "code": given.get("code") or "C"}


def fit_task(kind: type[Section], given: dict, folder: Path) -> None:
    """One start, a goal that can be reached, and a way out."""
    if given.get("edits"):
        given |= {"edits": folder / "edits.yaml", "node": None}
    if isinstance(given.get("done_when"), AnswersGiven):
        given["may_ask"] = True
    if not given.get("time_limit"):
        given["may_leave"] = True
    given["after"] = without_twins(given.get("after", []))


def fit_skip(kind: type[Section], given: dict, folder: Path) -> None:
    """A question with an answer, or a condition."""
    answers = [key for key in ("is_", "below", "above") if given.get(key) is not None]
    if answers:
        given["question"] = given.get("question") or "q"
    elif given.get("question") or not given.get("condition"):
        given |= {"question": "q", "is_": ["a"]}


def possible(question: Question) -> str | float:
    """An answer that can be given to a question."""
    if isinstance(question, ChoiceQuestion):
        return question.options[0]
    if isinstance(question, NumberQuestion):
        ends = [end for end in (question.lowest, question.highest) if end is not None]
        return ends[0] if ends else 0.0
    return 1.0 if isinstance(question, LikertQuestion) else "a"


def fit_rules(given: dict) -> None:
    """Rules on questions of the form, and on conditions that there are; else none."""
    form = given.get("form", [])
    levels = (
        [level.name_ for level in given["conditions"].levels] if given.get("conditions") else []
    )
    early = {id(part) for part in [*given.get("introduction", []), given.get("comprehension")]}
    for part in sections(list(given.values())):
        if not (rule := getattr(part, "skip_if", None)):
            continue
        rule.condition = levels[:1] if levels and rule.condition else None
        if id(part) in early or not form or not rule.question:
            rule.question = rule.is_ = rule.below = rule.above = None
        else:
            rule.question, rule.below, rule.above = form[0].name_, None, None
            rule.is_ = [possible(form[0])]
        if not (rule.question or rule.condition):
            part.skip_if = None


def without_twins(pages: list[QuestionPage]) -> list[QuestionPage]:
    """A template stands on one page."""
    return list({page.template or id(page): page for page in pages}.values())


def fit_variation(kind: type[Section], given: dict, folder: Path) -> None:
    if given.get("students"):
        fit_students(given["students"], single=False)


def sections(part: object) -> Iterator[Section]:
    """A section, or those of a list, and all in it."""
    if isinstance(part, list):
        for item in part:
            yield from sections(item)
    elif isinstance(part, Section):
        yield part
        yield from sections(list(part.values().values()))


def named(part: object) -> Iterator[Section]:
    """Sections that have a name, of a section and all in it."""
    if isinstance(part, list):
        for item in part:
            yield from named(item)
    elif isinstance(part, Section):
        yield from named(list(part.values().values()))
        yield from [part] if "name" in part.fields() else []


def fit_study(kind: type[Section], given: dict, folder: Path) -> None:
    """Names of their own, and tasks that can be shared among conditions."""
    given["path"] = folder / "a.yaml"
    given["questionnaire"] = without_twins(given.get("questionnaire", []))
    for at, part in enumerate(named(list(given.values()))):
        part.name_ = f"{part.name_[:36]}-{at}"
    given["blocks"] = given.get("blocks", [])[:1]
    for block in given["blocks"]:
        block.tasks = [task.name_ for task in given["tasks"]]
        block.after = without_twins(block.after)
    fit_rules(given)
    conditions = given.get("conditions")
    if conditions and len(given["blocks"] or given["tasks"]) % len(conditions.levels):
        conditions.design = "between"


STUDY_FITS = {
    **FITS,
    LikertQuestion: fit_likert,
    ChoiceQuestion: fit_choice,
    NumberQuestion: fit_question,
    TextQuestion: fit_question,
    QuestionPage: fit_page,
    Completion: fit_completion,
    SkipIf: fit_skip,
    Task: fit_task,
    Variation: fit_variation,
    StudySpec: fit_study,
}


@given(st.data())
@settings(deadline=None, max_examples=60, derandomize=True)
def test_every_field_survives_the_round_trip(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    (folder / "edits.yaml").write_text("[]")
    spec = data.draw(made(StudySpec, folder, STUDY_FITS))
    text = spec.to_yaml()
    CHECK.validate(YAML(typ="safe", pure=True).load(text))
    file = folder / "a.yaml"
    file.write_text(text, encoding="utf-8", newline="\n")
    assert load_study(file) == spec
    assert load_study(file).to_yaml() == text
