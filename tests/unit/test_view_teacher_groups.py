"""The page on a group of images in which the teacher is worse: as the doctor names it."""

import numpy as np
import pandas as pd
import pytest
from cameras import of_cameras
from sessions import session_on
from viewing import ask

import inficond_panel
from inficond_panel.results.doctor import doctor
from inficond_panel.state import AppState, Jobs
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.start.view import StartView
from inficond_panel.vocabulary.splits import HOLDOUT
from inficond_panel.wording.groups import TEACHER_GROUP_WORDS

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Rows of three sites; at site B the teacher's logits of ward are noise."""
    rng = np.random.default_rng(0)
    ids = [f"{at:04d}" for at in range(1200)]
    site = rng.choice(["A", "B", "C"], 1200)
    scores = pd.DataFrame(rng.normal(size=(1200, 3)), index=ids, columns=["age", "dose", "visits"])
    noise = rng.normal(size=(1200, 2))
    label = (scores[["age", "dose"]].to_numpy() + noise > 0.5).astype(int)
    logits = 2 * scores[["age", "dose"]].to_numpy() - 1
    logits[site == "B", 0] = rng.normal(size=(site == "B").sum())
    classes = ["ward", "visit again"]
    made = inficond_panel.from_frames(
        scores,
        pd.DataFrame(logits, ids, classes),
        pd.DataFrame(label, ids, classes),
        split=pd.Series(np.repeat(["fit", "tune", "holdout"], [700, 400, 100]), ids),
        metadata=pd.DataFrame({"site": site}, index=ids),
        path=tmp_path_factory.mktemp("wards") / "own.zarr",
    )
    return made.tuner.store.path


@pytest.fixture
def app(path):
    return session_on(path, history=":memory:")


@pytest.fixture
def view(app):
    view = KnowledgeView(app)
    app.selection.class_name = "ward"
    return view


def told(view):
    return view.panels.finding["worse_group"]


def test_the_page_names_the_group_that_the_doctor_names(view, app):
    findings = doctor(app.tuner, app.students.node)["findings"]
    of_teacher = findings[findings["kind"] == TEACHER_GROUP_WORDS]
    assert list(of_teacher.index) == ["ward"]
    ap, counts = of_teacher.loc["ward", "finding"].split(" [")[0], "tuning images, "
    assert told(view)["sentence"].startswith(ap)
    assert (
        told(view)["sentence"].split(counts)[1]
        == (of_teacher.loc["ward", "finding"].split(counts)[1])
    )


def test_another_class_has_no_such_sentence(view, app):
    app.selection.class_name = "visit again"
    assert told(view) == {}


def test_its_button_picks_the_images_of_the_group(view, app):
    ask(view, "open_worse_group")
    rows = app.store.rows("tune")
    sites = app.store.column("site")
    assert sorted(app.selection.images.rows) == [row for row in rows if sites[row] == "B"]


def test_on_other_images_than_those_tested_nothing_can_be_opened(view, app):
    app.tuning.show_split(HOLDOUT)
    assert told(view)["opens"] is False
    with pytest.raises(ValueError, match="no worse group"):
        ask(view, "open_worse_group")


def test_a_spec_without_suspects_tests_no_group(path, tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"title: Wards\nstore: {path}\ntuning: {{suspects: false}}\n")
    app = session_on(spec, history=":memory:")
    view = KnowledgeView(app)
    app.selection.class_name = "ward"
    assert told(view) == {}


def test_the_start_says_in_which_images_the_teacher_is_less_often_right():
    app = AppState(of_cameras(0, noise=5.0).tuner, Jobs(inline=True))
    start = StartView(app)
    app.shifts.start()
    assert "In “camera: old” the teacher's likeliest class is right in " in start.panel.purpose


def test_the_start_says_nothing_of_equal_cameras():
    app = AppState(of_cameras(1).tuner, Jobs(inline=True))
    start = StartView(app)
    app.shifts.start()
    assert "camera" not in start.panel.purpose
