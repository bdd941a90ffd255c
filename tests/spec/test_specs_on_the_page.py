"""Whatever a spec may say, the page opens with it: state and views bound nothing more narrowly."""

from __future__ import annotations

from pathlib import Path

import pytest
from factory import small_store, spec_text
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_round_trip import made

from inficond_panel.spec import Layout, load_spec
from inficond_panel.spec.sections.students import ExactStudents, Labels, Tuning
from inficond_panel.spec.spec import Spec
from inficond_panel.state import AppState, Jobs
from inficond_panel.state.tuning import TuningState
from inficond_panel.store import Store
from inficond_panel.tuning import Intent
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.ui import upstream
from inficond_panel.views.knowledge.batch import BatchBar
from inficond_panel.views.page.page import VIEWS, make_views

pytestmark = pytest.mark.page

#: No smaller and no larger, so that no sum of a fit overflows; what is shown has no such limit.
SIZES = st.floats(1e-6, 1e6)
TITLES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Spec]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "small.yaml").write_text(spec_text())
    store = small_store(folder / "small.zarr", images=40, concepts=12, classes=3)
    return store, load_spec(folder / "small.yaml", check_files=False)


@st.composite
def students(draw: st.DrawFn) -> ExactStudents:
    return ExactStudents(
        lambda_=draw(SIZES | st.just({"default": 1e-4, "bicycle": 0.5})),
        temperature=draw(SIZES),
        threshold=draw(st.dictionaries(st.sampled_from(["bicycle", "sheep"]), SIZES)),
        labels=draw(st.none() | st.builds(Labels, alpha=SIZES)),
    )


@given(TITLES, made(Layout, Path("/")), made(Tuning, Path("/")), students())
@example("x" * 20_000, Layout(), Tuning(factor=12.0), ExactStudents())
@example("\x00\x1b]0;x\x07\u202e<b>", Layout(rows=[["configuration"]]), Tuning(factor=1000.0),
         ExactStudents())  # fmt: skip
@example("a", Layout(rows=[["detail"], ["provenance"]]),
         Tuning(factor=1.0000001, step=1e9), ExactStudents(lambda_=1e300))  # fmt: skip
@example("a", Layout(show="details"), Tuning(), ExactStudents(lambda_=1.0))  # no influences
@settings(deadline=None, max_examples=3, derandomize=True)
def test_state_and_views_open(
    small: tuple[Store, Spec], title: str, layout: Layout, tuning: Tuning, students: ExactStudents
) -> None:
    store, spec = small
    sections = {"title": title, "layout": layout, "tuning": tuning, "students": students}
    tuner = Tuner(store, Spec(path=spec.path, **{**spec.values(), **sections}), History(":memory:"))
    upstream.apply()  # as the app does
    app = AppState(tuner, Jobs(inline=True))
    views = make_views(app)
    assert set(views) == set(layout.views)
    others = [VIEWS[name](app) for name in VIEWS.keys() - views.keys()]
    for view in (*views.values(), *others):
        assert view.__panel__().get_root() is not None
    app.selection.class_name = "bicycle"
    app.tuning.toggle(Intent("bicycle", store.concepts[0], "up"))
    assert app.tuning.pending[0].factor == tuning.factor
    assert app.tuning.status.kind == "idle", app.tuning.status


def test_factors_have_one_definition() -> None:
    schema = Tuning.fields()["factor"].schema
    for other in (TuningState.param["factor"], BatchBar.param["factor"]):
        assert other.bounds == (schema["exclusiveMinimum"], schema["maximum"])
        assert other.inclusive_bounds == (False, True)
