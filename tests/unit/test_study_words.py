"""A study on captions or rows: its report, tables, codebook and pages call them so."""

import re

import pytest
from studies import STUDY, Person, at_work, small_study

from inficond_panel.study.pages.report import write_report
from inficond_panel.study.results.codebook import codebook
from inficond_panel.study.results.results import results
from inficond_panel.study.results.study_tables import worlds_table
from inficond_panel.study.run.study import Study

pytestmark = pytest.mark.page

TEXT = (
    STUDY.replace("class: bicycle\n", "class: bicycle\n    may_ask: true\n", 1).replace(
        "{rule: iterations, count: 2}", "{rule: answers, count: 2}"
    )
    + "conditions: {levels: [{name: a}, {name: b}]}\n"
)


@pytest.fixture(params=["captions", "rows"])
def study(request, tmp_path, monkeypatch) -> Study:
    """A study on a store of captions, or of rows, with a person in each condition."""
    monkeypatch.setattr("inficond_panel.store.store.Store.things", request.param)
    study = small_study(tmp_path, TEXT)
    for _ in "ab":
        person = Person(study, monkeypatch)
        person.notes(1, "bicycle", "start")
        node = person.tune("bicycle", [2.0], ["wheel"])
        person.notes(3, "bicycle", "done", node=node, value=1.0, target=1.0)
        person.notes(4, "bicycle", "leave", outcome="done")
    return study


def thing(study: Study) -> str:
    return study.ready["bicycle"].store.things


def test_no_table_of_the_report_speaks_of_images(study, tmp_path):
    write_report(study, tmp_path / "out")
    for name in ("summary", "differences", "codebook"):
        told = (tmp_path / "out" / f"{name}.csv").read_text(encoding="utf-8")
        assert f"tuning {thing(study)}" in told
        assert not re.search(r"\bimages?\b(?!,)", told.replace("worlds,images,", ""))


def test_the_page_of_the_report_does_not_either(study, tmp_path):
    write_report(study, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))
    assert f"Gain in AP on the tuning {thing(study)}" in text
    assert not re.findall(r"\bimages?\b", text)


def test_reasons_of_missing_worlds_do_not_either(study):
    reasons = " ".join(worlds_table(study, results(study))["reason"])
    assert re.search(rf"too few to say \(\d+ {thing(study)} with", reasons)
    assert "image" not in reasons


def test_the_bar_of_a_task_counts_them(study):
    called = thing(study).capitalize()
    assert at_work(study).screen["goal"] == f"{called} answered 0, goal 2"


def test_the_words_of_a_question_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("inficond_panel.store.store.Store.things", "captions")
    study = small_study(tmp_path, TEXT.replace("It was easy.", "Which image?"))
    assert "Which image?" in set(codebook(study)["meaning"])


def test_stores_that_differ_are_of_images(study, monkeypatch):
    words = iter(["caption", *["row"] * 20])
    monkeypatch.setattr("inficond_panel.study.run.study.image_word", lambda _: next(words))
    assert study.image_word == "image"


def test_a_study_on_photos_speaks_of_images(tmp_path):
    study = small_study(tmp_path)
    assert "AP on the tuning images at the end" in set(codebook(study)["meaning"])
