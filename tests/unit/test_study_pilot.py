"""A pilot with simulated people, apart from people; the codebook; previews that record nothing."""

import json
from collections import Counter

import pandas as pd
import pytest
from studies import STUDY, small_study

from inficond_panel.cli import main
from inficond_panel.errors import StudyError
from inficond_panel.study.pages.pilot import begin_pilot, run_pilot
from inficond_panel.study.pages.report import make_page, write_report
from inficond_panel.study.pages.simulated_person import GivesUp, SimulatedPerson
from inficond_panel.study.pages.visitor import Visitor
from inficond_panel.study.results.codebook import codebook
from inficond_panel.study.results.results import results
from inficond_panel.study.results.study_tables import answers_table, export
from inficond_panel.study.results.timeline import board, progress_of, timeline
from inficond_panel.study.run.study import Study

pytestmark = [pytest.mark.commands, pytest.mark.page]

CHECK = """comprehension:
  attempts: 2
  questions:
    - {name: role, kind: choice, text: Who is small?, options: [teacher, student], right: [student]}
"""
FULL = (
    STUDY.replace("form:", f"{CHECK}form:")
    .replace("class: sheep\n", "class: sheep\n    time_limit: 5\n")
    .replace("{rule: iterations, count: 2}", "{rule: value, metric: fidelity, value: 1}", 1)
    .replace("questionnaire:\n", "questionnaire:\n  - {template: ueq_s}\n")
)
PEOPLE = 3


def piloted(folder, text: str = FULL, people: int = PEOPLE) -> tuple[Study, pd.DataFrame]:
    """A study after a pilot, and the table of steps."""
    real = small_study(folder, text, prepare=False)
    study = Study(real.spec, folder / "study.pilot")
    begin_pilot(study)
    study.prepare()
    return study, run_pilot(study, people)


@pytest.fixture(scope="module")
def pilot(tmp_path_factory) -> tuple[Study, pd.DataFrame]:
    """The pilot of a study with a check, a goal out of reach, a limit and a questionnaire."""
    return piloted(tmp_path_factory.mktemp("pilot"))


def test_everybody_of_a_pilot_is_named_as_simulated(pilot):
    assert [who.label for who in pilot[0].log.participants()][:2] == ["S01", "S02"]


def test_times_of_a_pilot_are_of_no_day_on_which_people_came(pilot):
    times = {event.time[:4] for n in range(1, PEOPLE + 1) for event in pilot[0].log.events(n)}
    assert times == {"2000"}


def test_the_table_counts_who_came_to_a_step(pilot):
    study, steps = pilot
    entered = Counter(
        step
        for number in range(1, PEOPLE + 1)
        for step in {e.step for e in study.log.events(number) if e.action == "enter"}
    )
    assert steps.came.to_dict() == {name: entered[name] for name in steps.index}


def test_who_declines_has_skipped_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("inficond_panel.study.pages.simulated_person.DECLINE", 1.0)
    text = FULL + "conditions: {levels: [{name: a}]}\n"
    text = text.replace("class: sheep\n", "class: sheep\n    skip_if: {condition: a}\n")
    study, steps = piloted(tmp_path, text, 1)
    assert progress_of(study, study.log.participants()[0]).declined
    assert steps.skipped.sum() == 0


def test_the_list_of_a_pilot_that_runs_has_simulated_minutes(tmp_path, monkeypatch):
    """Another process looks at it: its clock is not the pilot's."""

    def stops(self: SimulatedPerson, _: object) -> None:
        self._spend(60)
        raise GivesUp

    monkeypatch.setattr(SimulatedPerson, "_refit", stops)
    study, _ = piloted(tmp_path, people=4)
    minutes = [row.minutes for row in board(study) if row.step == "bicycle"]
    assert minutes
    assert max(minutes) < 5


def test_a_goal_that_nobody_reaches_is_told(pilot):
    notes = " ".join(pilot[1].attrs["notes"])
    assert "reached the goal of bicycle" in notes
    assert "goal of sheep" not in notes


def test_a_task_without_a_goal_counts_who_said_that_it_is_done(pilot):
    study, steps = pilot
    left = [e for who in study.log.participants() for e in study.log.events(who.number)]
    said = [e for e in left if e.step == "sheep" and e.payload.get("outcome") == "done"]
    assert said
    assert (steps.done["sheep"], steps.said["sheep"]) == (0, len(said))


def test_the_time_that_is_left_is_told_after_the_first_people(tmp_path, monkeypatch):
    """Each person takes ten seconds."""
    seconds = iter(range(0, 1000, 10))
    monkeypatch.setattr("inficond_panel.study.pages.pilot.monotonic", lambda: next(seconds))
    monkeypatch.setattr(SimulatedPerson, "take_part", lambda person: person.visitor.close())
    study = Study(small_study(tmp_path).spec, tmp_path / "study.pilot")
    begin_pilot(study)
    study.prepare()
    lines = []
    run_pilot(study, 12, told=lambda _, line: lines.append(line))
    assert lines[1:3] == ["person 2 of 12", "person 3 of 12, about 1 min 30 s left"]
    assert lines[10:] == ["person 11 of 12, about 10 s left", "person 12 of 12"]


def test_the_same_seed_gives_the_same_answers(pilot, tmp_path):
    again = answers_table(piloted(tmp_path, people=3)[0])
    first = answers_table(pilot[0])
    pd.testing.assert_frame_equal(first[first.index.isin(again.index.unique())], again)


def test_nobody_of_a_pilot_works_after_the_time_is_up(tmp_path):
    text = FULL.replace("class: bicycle\n", "class: bicycle\n    time_limit: 0.7\n")
    study, _ = piloted(tmp_path, text, 6)
    late = []
    for who in study.log.participants():
        events = [event for event in timeline(study, who) if event.step == "bicycle"]
        ends = [event.time for event in events if event.action == "time-up"]
        late += [e.action for e in events for end in ends if e.time > end]
    assert set(late) == {"leave"}
    timed = [one for one in results(study) if one.task == "bicycle" and one.outcome == "time"]
    assert timed
    assert [one.minutes for one in timed] == pytest.approx([0.7] * len(timed), abs=1e-4)


def test_a_task_that_cannot_be_left_is_told(tmp_path, monkeypatch):
    unfair = FULL.replace(
        "{rule: value, metric: fidelity, value: 1}",
        "{rule: value, metric: fidelity, value: 1}\n    may_leave: false",
    )
    unfair = unfair.replace("class: bicycle\n", "class: bicycle\n    time_limit: 1\n")
    monkeypatch.setattr("inficond_panel.study.pages.work.TaskSession.left", lambda _: 1e9)
    assert "could not leave bicycle" in " ".join(piloted(tmp_path, unfair, 2)[1].attrs["notes"])


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Study:
    """A pilot under a condition that shows no view in which students are tuned."""
    levels = "conditions: {levels: [{name: bare, views: [configuration, performance]}]}\n"
    text = STUDY.replace("    done_when: {rule: iterations, count: 2}\n", "") + levels
    return piloted(tmp_path_factory.mktemp("bare"), text, 4)[0]


def test_nobody_of_a_pilot_tunes_in_a_view_that_is_not_shown(bare):
    moments = [moment for who in bare.log.participants() for moment in timeline(bare, who)]
    assert {moment.view for moment in moments} <= {"", "configuration", "performance"}
    assert not {"fine-tune", "batch", "undo"} & {moment.action for moment in moments}
    assert not {one.iterations for one in results(bare)} - {0}


def test_nobody_of_a_pilot_compares_thumbs_where_there_is_no_preview(tmp_path, monkeypatch):
    def compared(*_: object) -> float:
        raise AssertionError

    monkeypatch.setattr("inficond_panel.study.pages.simulated_person.CAREFUL", 1.0)
    for chance in ("DECLINE", "GIVE_UP"):
        monkeypatch.setattr(f"inficond_panel.study.pages.simulated_person.{chance}", 0.0)
    monkeypatch.setattr("inficond_panel.study.pages.simulated_person._effect", compared)
    plain = "conditions: {levels: [{name: plain, spec: {tuning: {preview: false}}}]}\n"
    study, _ = piloted(tmp_path, STUDY + plain, 1)
    assert sum(one.iterations for one in results(study)) > 0


def test_photos_are_answered_until_the_goal(tmp_path):
    asking = STUDY.replace("class: bicycle", "class: bicycle\n    may_ask: true")
    asking = asking.replace("{rule: iterations, count: 2}", "{rule: answers, count: 2}", 1)
    study, steps = piloted(tmp_path, asking, 2)
    answers = [e.payload for e in study.log.events(2) if e.action == "photo-answer"]
    assert {answer["answer"] for answer in answers} <= {0, 1}
    assert len(answers) == 2
    assert steps.done["bicycle"] == 1


def test_the_report_says_that_no_person_took_part(pilot, tmp_path):
    _, frames = write_report(pilot[0], tmp_path)
    assert "No person took part" in (tmp_path / "report.html").read_text()
    assert frames["participants"].simulated.all()
    assert frames["summary"].simulated.all()


def test_a_report_of_people_does_not_say_so(tmp_path):
    study = small_study(tmp_path)
    study.add_participant()
    _, frames = write_report(study, tmp_path / "report")
    assert "simulated" not in make_page(study, results(study), frames).lower()


# --- apart from people


def test_a_pilot_leaves_the_records_of_people_as_they_are(tmp_path):
    study = small_study(tmp_path)
    study.add_participant()
    with pytest.raises(StudyError, match="holds no pilot"):
        begin_pilot(study)
    assert len(study.log.participants()) == 1


def test_a_pilot_replaces_an_earlier_one(tmp_path):
    piloted(tmp_path, people=2)
    assert len(piloted(tmp_path, people=1)[0].log.participants()) == 1


@pytest.mark.parametrize(
    "action", [["add"], ["serve"], ["link", "1"], ["size", "--difference", "1"]]
)
def test_no_person_comes_to_a_pilot(pilot, action, capsys):
    study = pilot[0]
    name, *more = action
    arguments = ["study", name, str(study.spec.path), *more, "--data", str(study.folder)]
    assert main(arguments) == 1
    assert "records of simulated people" in capsys.readouterr().err


def test_the_command_writes_beside_the_study(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_study(tmp_path, prepare=False)
    assert main(["study", "pilot", "study.yaml", "--people", "2", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["steps"]["rows"][0]["came"] == 2
    assert "person 1 of 2" in told.err
    made = {file.name for file in (tmp_path / "study-pilot").iterdir()}
    assert {"report.html", "events.csv", "codebook.csv", "participants.csv"} <= made
    assert not (tmp_path / "study.study").exists()


@pytest.fixture
def with_people(tmp_path, monkeypatch):
    """A study with a participant and a pilot, in the current folder."""
    monkeypatch.chdir(tmp_path)
    piloted(tmp_path, people=1)
    small_study(tmp_path, FULL).add_participant()
    return tmp_path


@pytest.mark.parametrize("action", ["report", "export"])
def test_tables_of_a_pilot_leave_those_of_people_as_they_are(with_people, action, capsys):
    what = {"report": "report", "export": "events"}[action]
    assert main(["study", action, "study.yaml"]) == 0
    assert main(["study", action, "study.yaml", "--data", "study.pilot"]) == 0
    assert {path.name for path in with_people.glob(f"*-{what}")} == {
        f"study-{what}",
        f"study.pilot-{what}",
    }
    assert "No person" not in (with_people / f"study-{what}" / "README.txt").read_text()
    assert "No person" in (with_people / f"study.pilot-{what}" / "README.txt").read_text()


def test_tables_of_other_records_are_never_replaced(with_people, capsys):
    assert main(["study", "export", "study.yaml"]) == 0
    over = ["study", "export", "study.yaml", "--data", "study.pilot", "--output", "study-events"]
    assert main(over) == 1
    assert "holds tables of the records in ../study.study" in capsys.readouterr().err
    assert pd.read_csv("study-events/participants.csv")["participant"].tolist() == ["P01"]
    assert main(["study", "export", "study.yaml"]) == 0


def test_tables_that_do_not_say_whose_they_are_are_never_replaced(with_people, capsys):
    assert main(["study", "export", "study.yaml"]) == 0
    (with_people / "study-events" / "README.txt").unlink()
    assert main(["study", "export", "study.yaml"]) == 1
    assert "records that it does not name" in capsys.readouterr().err


# --- codebook


def test_the_codebook_has_every_column(pilot, tmp_path):
    study = pilot[0]
    write_report(study, tmp_path)
    export(study, tmp_path)
    written = {
        file.stem: set(pd.read_csv(file, nrows=1).columns)
        for file in tmp_path.glob("*.csv")
        if file.stem != "codebook"
    }
    book = codebook(study).reset_index()
    told = {name: set(group.name) for name, group in book.groupby("table")}
    assert {name: told[name] for name in written} == written


def test_the_codebook_has_every_question_with_its_answers(pilot):
    book = codebook(pilot[0])
    questions = book.loc[["question"]].set_index("name")["values"]
    assert questions["role"] == "one of: teacher; student; right: student"
    assert questions["age"] == "number, at least 18, at most 120"
    assert questions["ueq-1"] == "1 to 7: 1 = obstructive, 7 = supportive"
    assert questions["remarks"] == "text"


def test_the_codebook_has_the_scales_in_use(pilot):
    book = codebook(pilot[0])
    assert book.loc[["scale"], "name"].tolist() == ["ueq_s", "ueq_s_pragmatic", "ueq_s_hedonic"]


# --- preview


@pytest.fixture
def study(tmp_path) -> Study:
    """A study with two conditions, and nobody in it."""
    return small_study(tmp_path, f"{STUDY}conditions: {{levels: [{{name: a}}, {{name: b}}]}}\n")


def recorded(study: Study) -> dict[str, bytes]:
    """Files of a study."""
    return {str(file): file.read_bytes() for file in study.folder.rglob("*") if file.is_file()}


def test_a_preview_records_nothing(study):
    token = study.log.make_preview_link()
    study.log.close()
    before = recorded(study)
    visitor = Visitor(study, token, preview="")
    for _ in range(2):
        visitor.next()
    visitor.send("answer", name="age", answer=40)
    visitor.next()
    assert visitor.next()["kind"] == "task"
    visitor.close()
    study.log.close()
    assert recorded(study) == before


def test_a_preview_leaves_no_file_behind(study):
    visitor = Visitor(study, study.log.make_preview_link(), preview="")
    folder = visitor.page.study.folder
    assert folder.exists()
    visitor.close()
    assert not folder.exists()


@pytest.mark.parametrize(("number", "told"), [("", "1 (a)"), ("2", "2 (b)"), ("x", "1 (a)")])
def test_a_preview_says_whose_plan_it_shows(study, number, told):
    visitor = Visitor(study, study.log.make_preview_link(), preview=number)
    assert visitor.page.frame.preview == f"Preview of person {told}: nothing is recorded"


def test_the_link_alone_makes_a_preview(study):
    Visitor(study, study.log.make_preview_link())
    assert study.log.participants() == []


def test_a_participant_cannot_look_in_advance(study):
    token = study.add_participant()[1]
    screen = Visitor(study, token, preview="").screen
    assert (screen["kind"], screen["title"]) == ("message", "This is not a link for previews.")


def test_the_first_command_of_a_study_makes_its_folder(tmp_path, capsys):
    study = small_study(tmp_path, prepare=False)
    assert main(["study", "add", str(study.spec.path)]) == 0
    assert study.folder.exists()


@pytest.mark.parametrize(
    ("given", "address", "notes"),
    [([], "http://localhost:5006", True), (["--url", "http://here:1/"], "http://here:1", False)],
)
def test_a_link_without_an_address_says_where_it_leads(tmp_path, capsys, given, address, notes):
    study = small_study(tmp_path)
    assert main(["study", "add", str(study.spec.path), *given]) == 0
    told = capsys.readouterr()
    assert f"{address}/study#" in told.out
    assert ("name it by --url" in told.err) is notes


def test_the_command_prints_a_link_for_previews(tmp_path, capsys):
    study = small_study(tmp_path)
    assert main(["study", "add", str(study.spec.path), "--preview"]) == 0
    address, token = capsys.readouterr().out.strip().split("#")
    assert address == "http://localhost:5006/study?preview"
    assert study.log.is_preview_link(token)
