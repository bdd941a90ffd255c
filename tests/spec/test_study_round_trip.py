"""load(to_yaml(study)) equals the study, over every field of every kind of section."""

from collections.abc import Iterator
from pathlib import Path

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from inficond_panel.spec.sections.page import VIEWS, Layout
from inficond_panel.spec.sections.students import ExactStudents, PaperStudents, Tuning
from inficond_panel.spec.spec import json_schema, sections
from inficond_panel.study.spec import pages as p
from inficond_panel.study.spec import pages as q
from inficond_panel.study.spec import study_spec as t
from inficond_panel.study.spec.conditions import Conditions, Level, Variation
from inficond_panel.study.spec.pages import TEMPLATES
from inficond_panel.study.spec.study_spec import Arrivals, StudySpec, load_study

CHECK = jsonschema.Draft202012Validator(json_schema(StudySpec, "Study"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
SLUG = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,39}", fullmatch=True)
WORDS = st.lists(TEXT, min_size=2, max_size=2, unique=True)
SHARES = st.floats(0.001, 1)


def views() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(VIEWS), unique=True)


def page(kind) -> st.SearchStrategy:
    return st.builds(kind, title=TEXT, text=TEXT)


@st.composite
def question(draw, name: str) -> q.Question:
    common = {"name_": name, "text": draw(TEXT), "required": draw(st.booleans())}
    points = draw(st.integers(2, 11))
    labels = st.lists(TEXT, min_size=points, max_size=points, unique=True)
    kinds = [
        lambda: q.LikertQuestion(points=points, labels=draw(labels | WORDS), **common),
        lambda: q.ChoiceQuestion(options=draw(WORDS), several=draw(st.booleans()), **common),
        lambda: q.NumberQuestion(lowest=draw(st.none() | SHARES), highest=draw(SHARES), **common),
        lambda: q.TextQuestion(lines=draw(st.integers(1, 20)), **common),
    ]
    return draw(st.sampled_from(kinds))()


def rules() -> st.SearchStrategy[t.DoneWhen]:
    metric = st.sampled_from(t.GOALS)
    return st.one_of(
        st.builds(t.ReachesTeacher, margin=st.floats(0, 1)),
        st.builds(t.ReachesValue, metric=metric, value=st.floats(0, 1)),
        st.builds(t.GainsBy, metric=metric, by=SHARES),
        st.builds(t.IterationsMade, count=st.integers(1)),
        st.builds(t.AnswersGiven, count=st.integers(1)),
        st.just(t.ParticipantSays()),
    )


@st.composite
def task(draw, name: str, folder: Path) -> t.Task:
    start = draw(st.sampled_from(["edits", "node", ""]))
    limit, rule = draw(st.none() | st.floats(0.1, 1e6)), draw(rules())
    return t.Task(
        name_=name,
        title=draw(TEXT),
        text=draw(TEXT),
        spec=draw(st.none() | TEXT),
        class_=draw(st.lists(TEXT, min_size=1, max_size=3, unique=True)),
        edits=folder / "edits.yaml" if start == "edits" else None,
        node=draw(TEXT) if start == "node" else None,
        views=draw(views()),
        done_when=rule,
        time_limit=limit,
        may_leave=draw(st.booleans()) if limit else True,
        other_classes=draw(st.booleans()),
        may_type=draw(st.booleans()),
        may_ask=isinstance(rule, t.AnswersGiven) or draw(st.booleans()),
        after=draw(st.lists(question_page([draw(question("after"))]), max_size=1)),
    )


def question_page(questions: list[q.Question]) -> st.SearchStrategy:
    """With questions, or with a template."""
    common = {"title": st.none() | TEXT, "text": st.none() | TEXT}
    template = st.sampled_from(list(TEMPLATES))
    return st.one_of(
        st.builds(p.QuestionPage, questions=st.just(questions), **common),
        st.builds(p.QuestionPage, template=template, **common),
    )


@st.composite
def check(draw, names: Iterator[str]) -> p.CheckPage:
    options = draw(WORDS)
    common = {"text": draw(TEXT), "required": True}
    asked = [
        q.ChoiceQuestion(name_=next(names), options=options, right=options[:1], **common),
        q.NumberQuestion(name_=next(names), right=draw(SHARES), **common),
    ]
    return p.CheckPage(questions=asked, attempts=draw(st.none() | st.integers(1)))


@st.composite
def variation(draw, folder: Path) -> Variation:
    kind = draw(st.sampled_from([None, ExactStudents, PaperStudents]))
    tuning = Tuning(factor=draw(st.floats(1.5, 9)), preview=draw(st.booleans()))
    layout = Layout(theme=draw(st.sampled_from(["light", "dark"])))
    return Variation(
        store=draw(st.sampled_from([None, folder / "other.zarr"])),
        students=kind and kind(lambda_=draw(SHARES)),
        tuning=draw(st.sampled_from([None, tuning])),
        layout=draw(st.sampled_from([None, layout])),
    )


def end() -> st.SearchStrategy[p.EndPage]:
    codes = st.builds(p.Completion, url=st.none(), code=TEXT)
    link = st.just("https://x.org/?i={pid}&c={code}")
    links = st.builds(p.Completion, url=link, code=TEXT, seconds=st.none() | st.integers(5, 99))
    return st.builds(p.EndPage, title=TEXT, text=TEXT, completion=st.none() | codes | links)


def arrivals() -> st.SearchStrategy[Arrivals]:
    others = st.lists(st.sampled_from(["STUDY_ID", "b-2"]), unique=True)
    return st.builds(
        Arrivals,
        ids=others.map(lambda names: ["pid", *names]),
        most=st.integers(1, 9),
        per_minute=st.integers(1, 9),
        gone_after=st.none() | st.floats(0.5, 900),
    )


@st.composite
def study(draw, folder: Path) -> StudySpec:
    names = iter(draw(st.lists(SLUG, min_size=11, max_size=11, unique=True)))
    levels = st.lists(SLUG, min_size=2, max_size=2, unique=True)
    made = [
        Level(
            name_=name,
            views=draw(views()),
            spec=draw(st.none() | variation(folder)),
            may_type=draw(st.none() | st.booleans()),
            may_ask=draw(st.none() | st.booleans()),
        )
        for name in draw(levels)
    ]
    conditions = Conditions(
        design=draw(st.sampled_from(["between", "within"])),
        assignment=draw(st.sampled_from(["latin_square", "random"])),
        levels=made,
    )
    asked = [draw(question(next(names))) for _ in range(2)]
    return StudySpec(
        path=folder / "a.yaml",
        title=draw(TEXT),
        spec=draw(TEXT),
        data=draw(st.sampled_from([None, folder / "other", Path("/other place")])),
        consent=draw(st.none() | st.builds(p.ConsentPage, title=TEXT, text=TEXT, agree=TEXT)),
        introduction=draw(st.lists(page(p.TextPage), max_size=2)),
        form=draw(st.sampled_from([[], asked])),
        training=draw(st.none() | task(next(names), folder)),
        tasks=[draw(task(next(names), folder)) for _ in range(2)],
        order=draw(st.sampled_from(["fixed", "latin_square", "random"])),
        conditions=draw(st.sampled_from([None, conditions])),
        seed=draw(st.integers(0)),
        questionnaire=[draw(question_page([draw(question(next(names)))]))],
        participants=draw(arrivals()),
        comprehension=draw(st.none() | check(names)),
        end=draw(st.none() | end()),
    )


@given(st.data())
@settings(deadline=None, max_examples=30, derandomize=True)
def test_every_field_survives_the_round_trip(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    (folder / "edits.yaml").write_text("[]")
    spec = data.draw(study(folder))
    text = spec.to_yaml()
    CHECK.validate(YAML(typ="safe", pure=True).load(text))
    file = folder / "a.yaml"
    file.write_text(text, encoding="utf-8", newline="\n")
    assert load_study(file) == spec
    assert load_study(file).to_yaml() == text


def test_every_kind_of_section_is_drawn():
    kinds = {kind for _, part in sections(StudySpec) for kind in part.kinds().values() or [part]}
    own = [kind for kind in kinds if kind.__module__.startswith("inficond_panel.study")]
    modules = {q.__name__, t.__name__, p.__name__, Variation.__module__, StudySpec.__module__}
    assert {kind.__module__ for kind in own} == modules
    assert len(own) == 22
