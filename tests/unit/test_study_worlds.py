"""Participants' last students in two worlds: rows of the report and of the exported tables."""

import csv

import numpy as np
import pytest
from studies import STUDY, Person, small_study

from inficond_panel.results.two_worlds import two_worlds
from inficond_panel.study.pages.report import make_frames, make_page
from inficond_panel.study.results.results import results
from inficond_panel.study.results.study_tables import export, worlds_table
from inficond_panel.tuning.repairs.penalty import Lambda

pytestmark = pytest.mark.page

FIGURES = ["before", "after", "change", "change_low", "change_high"]


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path)


@pytest.fixture
def person(study, monkeypatch):
    return Person(study, monkeypatch)


def work(person, *concepts, task="bicycle"):
    """Fine-tune with one concept removed each time, and be done; the last node's id."""
    person.notes(1.0, task, "start")
    node = person.tune(task, [2.0 + at for at in range(len(concepts))], concepts)
    person.notes(9.0, task, "done", node=node, value=1.0, target=1.0)
    return node


def table(study):
    return worlds_table(study, results(study))


def test_a_result_with_one_thumb_has_the_figures_of_its_iteration(study, person):
    node = work(person, "wheel")
    tuner = study.tuner(person.participant, "bicycle")
    expected = two_worlds(tuner, tuner.node(node))
    np.testing.assert_allclose(table(study)[FIGURES], expected[FIGURES])


def test_a_result_has_three_figures_in_each_world(study, person):
    work(person, "wheel")
    found = table(study)
    assert found.groupby("world")["metric"].nunique().to_dict() == {"these": 3, "independent": 3}


def test_the_second_world_lacks_the_concepts_of_all_iterations(study, person):
    work(person, "wheel", "sky")
    assert table(study)["concepts"].iloc[0] == ["sky", "wheel"]


def test_the_figures_before_are_those_of_the_start(study, person):
    work(person, "wheel", "sky")
    found = table(study).query("world == 'these' and metric == 'ap'")
    assert found["before"].item() == pytest.approx(results(study)[0].ap_start)


def test_the_figures_after_are_those_of_the_last_students(study, person):
    work(person, "wheel", "sky")
    found = table(study).query("world == 'these' and metric == 'ap'")
    assert found["after"].item() == pytest.approx(results(study)[0].ap_end)


def test_the_world_that_a_participant_means_is_marked(study, person):
    node = work(person, "wheel")
    tuner = study.tuner(person.participant, "bicycle")
    tuner.set_meant(node, {"bicycle": "independent"})
    assert table(study).query("meant")["world"].unique().tolist() == ["independent"]


def test_the_world_meant_earlier_on_the_branch_counts(study, person):
    work(person, "wheel", "sky")
    tuner = study.tuner(person.participant, "bicycle")
    tuner.set_meant(tuner.nodes()[1].id, {"bicycle": "these"})
    assert table(study).query("meant")["world"].unique().tolist() == ["these"]


def test_a_task_without_a_thumb_has_no_rows(study, person):
    person.notes(1.0, "bicycle", "start")
    person.notes(9.0, "bicycle", "leave", outcome="left")
    assert table(study).empty


def test_a_task_without_an_end_has_no_rows(study, person):
    person.notes(1.0, "bicycle", "start")
    person.tune("bicycle", [2.0], ["wheel"])
    assert table(study).empty


def test_an_iteration_without_a_thumb_has_no_rows(study, person):
    person.notes(1.0, "bicycle", "start")
    tuner = study.tuner(person.participant, "bicycle")
    node = tuner.fine_tune(tuner.head(), [Lambda("bicycle", 1e-3)])
    person.notes(9.0, "bicycle", "done", node=node.id, value=1.0, target=1.0)
    assert table(study).empty


def test_thumbs_of_the_start_are_not_the_participant_s(tmp_path, monkeypatch):
    given = STUDY.replace(
        "    text: Improve it.\n    done_when",
        "    text: Improve it.\n    edits: start.yaml\n    done_when",
    )
    (tmp_path / "start.yaml").write_text("- - {class: bicycle, concept: cloud, direction: down}\n")
    person = Person(study := small_study(tmp_path, given), monkeypatch)
    work(person, "wheel")
    assert table(study)["concepts"].iloc[0] == ["wheel"]


def test_a_deleted_participant_has_no_rows(study, person):
    work(person, "wheel")
    found = results(study)
    study.delete_participant(person.participant.number)
    assert worlds_table(study, found).empty


def test_the_report_has_the_table(study, person):
    work(person, "wheel")
    found = results(study)
    page = make_page(study, found, make_frames(study, found))
    assert "Each participant in two worlds" in page


def test_the_exported_tables_have_it(study, person, tmp_path):
    work(person, "wheel")
    export(study, tmp_path / "tables")
    with (tmp_path / "tables" / "worlds.csv").open(encoding="utf-8") as file:
        assert {row["world"] for row in csv.DictReader(file)} == {"these", "independent"}
