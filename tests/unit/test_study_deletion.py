"""What a deletion says about reports and tables that were written before, by the commands."""

import shutil

import pandas as pd
import pytest
from studies import STUDY, Person, small_study

from inficond_panel.cli import main

pytestmark = [pytest.mark.commands, pytest.mark.page]


@pytest.fixture
def written(tmp_path, monkeypatch, capsys):
    """A study in the current folder with two people, a report, tables, and tables of others."""
    monkeypatch.chdir(tmp_path)
    study = small_study(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        for words in ("quite odd", "all even"):
            Person(study, patch).answers(1, "questionnaire-1", q1=4, remarks=words)
    for output in ("report", "of others"):
        assert main(["study", "report", "study.yaml", "--output", output]) == 0
    assert main(["study", "export", "study.yaml"]) == 0
    readme = tmp_path / "of others" / "README.txt"
    readme.write_text(readme.read_text().replace("study.study", "other.study"))
    capsys.readouterr()
    return tmp_path


def deleted(capsys) -> list[str]:
    """Lines of a deletion of P01, without the first one."""
    assert main(["study", "delete", "study.yaml", "P01", "--yes"]) == 0
    told = capsys.readouterr()
    assert "P01 is deleted" in told.out
    return told.err.splitlines()


def test_folders_with_earlier_tables_are_named_with_the_lines_that_write_them(written, capsys):
    assert deleted(capsys) == [
        "report has tables from before the deletion. Write them anew:",
        "  inficond study report study.yaml --output report",
        "study-events has tables from before the deletion. Write them anew:",
        "  inficond study export --format csv study.yaml --output study-events",
    ]


def test_the_lines_leave_no_word_of_the_deleted_person(written, capsys):
    lines = [line for line in deleted(capsys) if line.startswith("  ")]
    for line in lines:
        assert main(line.split()[1:]) == 0
    files = [file for name in ("report", "study-events") for file in (written / name).iterdir()]
    assert not [file for file in files if "quite odd" in file.read_text(encoding="utf-8")]
    tables = [pd.read_csv(file) for file in files if file.suffix == ".csv"]
    people = {who for table in tables for who in table.get("participant", [])}
    assert people == {"P02"}


def test_codes_that_would_stop_the_report_are_told(written, capsys):
    file = written / "report" / "remarks.csv"
    table = pd.read_csv(file, keep_default_na=False)
    table.assign(coder_1="x").to_csv(file, index=False)
    lines = deleted(capsys)
    assert lines[2] == (
        "That will stop: report/remarks.csv has codes of 1 remark that the study does not have, "
        "or no longer in these words: P01, remarks. It is left as it is."
    )
    assert lines[3].startswith("Remove these rows from it")
    assert main(["study", "report", "study.yaml", "--output", "report"]) == 1
    assert lines[3] in capsys.readouterr().err


def test_tables_beside_the_study_are_named_from_elsewhere(written, capsys, monkeypatch):
    (elsewhere := written / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    study = str(written / "study.yaml")
    assert main(["study", "delete", study, "P01", "--yes"]) == 0
    told = capsys.readouterr().err
    assert f"{written / 'report'} has tables" in told
    assert f"  inficond study report {study} --output {written / 'report'}" in told


def test_nothing_is_said_where_no_tables_are(written, capsys):
    for folder in ("report", "study-events"):
        shutil.rmtree(written / folder)
    assert deleted(capsys) == []


def test_a_report_removes_the_differences_that_it_no_longer_has(tmp_path, monkeypatch):
    """P01 alone missed the attention check."""
    monkeypatch.chdir(tmp_path)
    check = "      - {name: attention, kind: likert, text: Choose 2., right: 2}\n"
    text = STUDY + check + "conditions: {levels: [{name: a}, {name: b}]}\n"
    study = small_study(tmp_path, text)
    with pytest.MonkeyPatch.context() as patch:
        for answer in (3, 2):
            Person(study, patch).answers(1, "questionnaire-1", q1=4, attention=answer)
    assert main(["study", "report", "study.yaml"]) == 0
    file = tmp_path / "study-report" / "differences_attentive.csv"
    assert file.exists()
    study.delete_participant(1)
    assert main(["study", "report", "study.yaml"]) == 0
    assert not file.exists()
