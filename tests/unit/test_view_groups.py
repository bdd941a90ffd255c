"""Groups of the open class on the page: the table by hand, and when it is computed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from grouped import CLASS, COLUMN, grouped_frames
from sessions import session_on

from inficond_panel import from_frames
from inficond_panel.common.interval import Interval
from inficond_panel.results.worst_group import GroupCell, GroupFigures
from inficond_panel.views.knowledge.groups import make_dividers, make_groups
from inficond_panel.views.knowledge.view import KnowledgeView

pytestmark = pytest.mark.page


def share(value):
    return Interval(value, value - 0.1, value + 0.1)


def cell(group, present, images, accuracy):
    return GroupCell(group, present, images, 2 * images, share(accuracy), share(accuracy))


WATER = cell("water", True, 40, 0.9), cell("water", False, 20, 0.6)
LAND = cell("land", True, 10, 0.25), cell("land", False, 30, 0.95)
FOUND = GroupFigures((*WATER, *LAND), share(0.25), share(0.3), share(0.8))


def table(found=FOUND, level=0.95, **how):
    how = {"shown_or_not": False, **how}
    return make_groups(found, COLUMN, level, **how)


def test_the_worst_group_comes_first():
    assert [row["name"] for row in table()["rows"]] == ["place: land", "place: water"]


def test_the_worst_group_is_marked():
    assert [row["worst"] for row in table()["rows"]] == [True, False]


def test_a_group_has_its_images():
    assert table()["rows"][0]["images"] == "40, 10 with the class"


def test_a_group_has_what_is_found_of_its_images_with_the_class():
    assert table()["rows"][0]["found"] == "0.25 [0.15, 0.35]"


def test_a_group_has_what_is_called_of_its_images_without_the_class():
    """One less the accuracy: 0.05, with the limits turned."""
    assert table()["rows"][0]["called"] == "0.05 [−0.05, 0.15]"


def test_the_worst_cell_is_told_with_the_mean_of_papers():
    assert table()["told"].startswith(
        "Worst group: place: land, images with the class, accuracy 0.25 [0.15, 0.35]; at equal "
        "numbers the worst accuracy is 0.30 [0.20, 0.40]. Mean, weighted by the training groups: "
        "0.80 [0.70, 0.90]."
    )


#: The teacher's figures in the same groups: it finds 1 of 10 photos on land.
TEACHER = GroupFigures(
    (WATER[0], WATER[1], cell("land", True, 10, 0.1), cell("land", False, 30, 1.0)),
    *(share(0.1), share(0.2), share(0.7)),
)


def test_a_group_has_the_teachers_shares_beside():
    row = table(replace(FOUND, teacher=TEACHER))["rows"][0]
    assert row["teacher"] == {
        "found": ["0.10", "0.10 [0.00, 0.20]"],
        "called": ["0.00", "0.00 [−0.10, 0.10]"],
    }


def test_the_teachers_worst_group_is_told():
    told = table(replace(FOUND, teacher=TEACHER))["told"]
    assert "The teacher's worst: place: land, images with the class, accuracy 0.10" in told


def test_without_intervals_numbers_are_alone():
    assert table(level=None)["rows"][0]["found"] == "0.25"


def test_a_group_without_the_class_has_no_recall():
    found = GroupFigures((LAND[1],), share(0.95), share(0.95), Interval(*[math.nan] * 3))
    assert table(found)["rows"][0]["found"] == "–"


def test_images_that_show_a_concept_are_with_it():
    found = GroupFigures((cell("1", True, 9, 0.5), cell("0", True, 9, 0.6)), *[share(0.5)] * 3)
    names = [row["name"] for row in make_groups(found, "lake", None, shown_or_not=True)["rows"]]
    assert names == ["with lake", "without lake"]


def test_the_aim_of_the_search_is_told():
    assert "aims at the worst group by place" in table(aimed="place")["told"]


def test_without_the_aim_the_line_of_the_spec_is_told():
    assert "tuning: {aim: worst-group, groups: place}" in table()["told"]


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("groups")
    from_frames(**grouped_frames(600), path=path / "own.zarr")
    (path / "own.yaml").write_text(
        "title: Own\nstore: own.zarr\nhistory: ':memory:'\nstudents: {lambda: 1.0e-3}\n"
        f"layout: {{show: details}}\ntuning: {{aim: worst-group, groups: {COLUMN}}}\n"
    )
    return path / "own.yaml"


@pytest.fixture
def view(spec):
    return KnowledgeView(session_on(spec, CLASS))


def test_nothing_is_computed_while_the_panel_is_closed(view):
    assert view.app.groups.found is None


def test_the_page_begins_with_the_groups_of_the_spec(view):
    assert view.panels.group_by == COLUMN


def test_opened_metrics_have_the_groups(view):
    view.panels.measured = True
    assert {row["name"] for row in view.panels.groups["rows"]} == {"place: land", "place: water"}


def test_the_teachers_share_is_of_its_logits_above_0(view):
    """``grouped_frames`` has no thresholds."""
    view.panels.measured = True
    store, k = view.app.store, view.app.store.classes.index(CLASS)
    rows = store.rows("tune")
    there = np.array([store.column(COLUMN)[i] == "water" for i in rows])
    chosen = rows[there & (store.label[rows, k] == 1)]
    share = (store.teacher_logit[chosen, k] > 0).mean()
    shown = next(row for row in view.panels.groups["rows"] if row["name"] == "place: water")
    assert shown["teacher"]["found"][0] == f"{share:.2f}"


def test_another_division_is_shown(view):
    view.panels.measured = True
    view.panels.group_by = " lake "
    names = {row["name"] for row in view.panels.groups["rows"]}
    assert names == {"with a high lake", "without a high lake"}


def test_an_unknown_name_is_told_with_the_nearest(view):
    view.panels.measured = True
    view.panels.group_by = "plaice"
    assert "Did you mean 'place'?" in view.panels.groups["told"]


def test_no_name_shows_no_table(view):
    view.panels.measured = True
    view.panels.group_by = ""
    assert view.panels.groups["rows"] == []


def test_columns_come_before_concepts(view):
    student = view.app.students.student(CLASS)
    names = make_dividers(view.app.store, CLASS, student.weights)
    assert names[:2] == view.app.store.metadata_columns[:2]


@pytest.mark.slow
def test_the_pages_search_aims_at_the_groups_of_the_spec(view):
    view.app.suggestion.ask([CLASS])
    assert view.app.suggestion.latest.by == COLUMN
