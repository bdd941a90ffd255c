"""Captions whose classes are topics: words of a topic are questions unless they are its own."""

import csv

import numpy as np
import pytest
from sessions import session_on

import precompute
from inficond_panel import open_students
from inficond_panel.results.shared_bias import student_shared, unnamed_topics
from inficond_panel.spec import load_spec
from inficond_panel.views.start.view import StartView

pytestmark = [pytest.mark.page, pytest.mark.slow]

SPEC = """\
title: News
dataset:
  kind: columns
  root: .
  table: news.csv
  captions: text
  image_id: id
  labels: [climate]
  splits:
    fit: {from: all, share: 0.6, seed: 0, stratify: true}
    tune: {from: all, share: 0.2, seed: 0, stratify: true}
    holdout: rest
concepts: {corpus: words.txt, scores: {method: words}}
teacher: {kind: head}
"""
WORDS = ["reef", "flood", "solar", "goal", "coach", "medal"]


def made(folder, *more):
    """Students of texts: two of three on climate have two of its three words, the others words of
    sports; ``more`` are more lines of the corpus."""
    rng = np.random.default_rng(0)
    climate = rng.random(900) < 0.4
    own = np.where(rng.random(900) < 0.85, climate, ~climate)
    texts = [" and ".join(rng.choice(WORDS[:3] if of else WORDS[3:], 2, False)) for of in own]
    with (folder / "news.csv").open("w", newline="") as file:
        rows = zip(range(900), texts, climate.astype(int), strict=True)
        csv.writer(file).writerows([["id", "text", "climate"], *rows])
    (folder / "words.txt").write_text("\n".join([*WORDS, *more]))
    (folder / "a.yaml").write_text(SPEC)
    spec = load_spec(folder / "a.yaml")
    precompute.run(spec, spec.store)
    return open_students(folder / "a.yaml", history=":memory:").fit()


def topics(students):
    shared = student_shared(students.tuner, students.node, "climate")
    return unnamed_topics(students.tuner.store, {"climate": shared})


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory):
    return made(tmp_path_factory.mktemp("unnamed"))


def test_a_word_of_a_class_that_no_concept_is_named_like_may_mean_the_class(unnamed):
    assert topics(unnamed)["climate"] in WORDS[:3]


def test_the_doctor_says_that_words_of_the_class_are_questions(unnamed):
    notes = unnamed.doctor()["findings"].attrs["notes"]
    assert len(notes) == 1
    assert notes[0].startswith("No concept is named like climate. ")
    assert "`inficond precompute SPEC` in a shell" in notes[0]


def test_the_page_says_it_beside_the_questions(unnamed):
    app = session_on(unnamed.tuner.spec.path, history=":memory:")
    start = StartView(app)
    app.shifts.start()
    assert start.panel.checking["hint"].startswith("No concept is named like climate. ")


def test_words_that_a_line_of_the_corpus_gives_the_class_are_no_questions(tmp_path):
    students = made(tmp_path, "climate, reef, flood, solar")
    assert topics(students) == {}
    assert students.doctor()["findings"].attrs["notes"] == []
    asked = student_shared(students.tuner, students.node, "climate").found.called
    assert not [each for each in asked if each.name in WORDS[:3]]
