"""load(to_yaml(study)) equals the study, over every field of every kind of section."""

from pathlib import Path

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from inficond_panel.spec.framework.json_schema import json_schema, sections
from inficond_panel.spec.sections.students import VIEWS
from inficond_panel.study.spec import questions as q
from inficond_panel.study.spec import tasks as t
from inficond_panel.study.spec.study_spec import Conditions, Level, StudySpec, load_study

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
        st.just(t.ParticipantSays()),
    )


@st.composite
def task(draw, name: str, folder: Path) -> t.Task:
    start = draw(st.sampled_from(["edits", "node", ""]))
    limit = draw(st.none() | st.floats(0.1, 1e6))
    return t.Task(
        name_=name,
        title=draw(TEXT),
        text=draw(TEXT),
        spec=draw(st.none() | TEXT),
        class_=draw(st.lists(TEXT, min_size=1, max_size=3, unique=True)),
        edits=folder / "edits.yaml" if start == "edits" else None,
        node=draw(TEXT) if start == "node" else None,
        views=draw(views()),
        done_when=draw(rules()),
        time_limit=limit,
        may_leave=draw(st.booleans()) if limit else True,
    )


@st.composite
def study(draw, folder: Path) -> StudySpec:
    names = iter(draw(st.lists(SLUG, min_size=9, max_size=9, unique=True)))
    levels = st.lists(SLUG, min_size=2, max_size=2, unique=True)
    made = [
        Level(name_=name, views=draw(views()), preview=draw(st.none() | st.booleans()))
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
        consent=draw(st.none() | st.builds(q.ConsentPage, title=TEXT, text=TEXT, agree=TEXT)),
        introduction=draw(st.lists(page(q.TextPage), max_size=2)),
        form=draw(st.sampled_from([[], asked])),
        training=draw(st.none() | task(next(names), folder)),
        tasks=[draw(task(next(names), folder)) for _ in range(2)],
        order=draw(st.sampled_from(["fixed", "latin_square", "random"])),
        conditions=draw(st.sampled_from([None, conditions])),
        seed=draw(st.integers(0)),
        questionnaire=[
            q.QuestionPage(
                title=draw(TEXT),
                text=draw(st.none() | TEXT),
                questions=[draw(question(next(names)))],
            )
        ],
        end=draw(st.none() | page(q.TextPage)),
    )


@given(st.data())
@settings(deadline=None, max_examples=60, derandomize=True)
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
    assert {kind.__module__ for kind in kinds} <= {q.__name__, t.__name__, StudySpec.__module__}
    assert len(kinds) == 16
