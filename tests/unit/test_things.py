"""What images are called where a store has no photos: captions, rows or images, never photos."""

import csv
import io
import re
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import pandas as pd
import pytest
from photoless import WORDS, captions_spec, table_store
from sessions import session_on

from inficond_panel import from_frames, open_students
from inficond_panel.cli import main
from inficond_panel.errors import DataError
from inficond_panel.views.start.view import StartView
from inficond_panel.wording.groups import words_of_group
from inficond_panel.wording.things import in_words_of

pytestmark = [pytest.mark.commands, pytest.mark.page, pytest.mark.slow]

#: What may speak of photos: that there are none.
ALLOWED = ("This store has no photos: ",)
#: Commands with what comes after the store, in the order in which they run.
COMMANDS = (
    ("info",),
    ("check",),
    ("doctor",),
    ("doctor", "--class", "dog"),
    ("metrics", "--by", "site"),
    ("thresholds",),
    ("lambda", "--class", "dog"),
    ("stability", "--class", "dog", "--draws", "8"),
    ("compare",),
    ("ask", "--class", "dog"),
    ("tune", "--edits", "EDITS"),
    ("explain",),
    ("suggest",),
    ("history list",),
    ("history show",),
    ("history compare", "--node", "0", "1"),
    ("metrics", "--html"),
    ("metrics", "--null"),
)
EDITS = "[[{class: dog, concept: ball, direction: remove}, {class: dog, meant: these}]]"


@pytest.fixture(scope="module", params=[captions_spec, table_store], ids=["captions", "table"])
def place(request, tmp_path_factory):
    """Path of a spec of captions, or of a store of a table."""
    return request.param(tmp_path_factory.mktemp("photoless"))


@pytest.fixture(scope="module")
def said(place):
    """What each command says of a store, by its words."""
    edits = place.parent / "edits.yaml"
    edits.write_text(EDITS)
    known = {}
    for command, *more in COMMANDS:
        words = [str(edits) if word == "EDITS" else word for word in more]
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
            assert main([*command.split(), str(place), *words]) == 0, out.getvalue()
        known[" ".join([command, *more])] = out.getvalue()
    return known


def photos_in(text: str) -> list[str]:
    """The lines of a text that speak of photos, without what may."""
    for allowed in ALLOWED:
        text = text.replace(allowed, "")
    return [line for line in text.splitlines() if re.search(r"\bphotos?\b", line, re.IGNORECASE)]


@pytest.mark.parametrize("command", [" ".join(words) for words in COMMANDS])
def test_a_command_speaks_of_no_photos(said, command):
    assert photos_in(said[command]) == []


def test_the_doctor_in_python_speaks_of_no_photos(place):
    tables = open_students(place, history=":memory:").doctor()
    assert photos_in("\n".join(map(repr, tables.values()))) == []


@pytest.mark.parametrize(
    "kind", ["a correlation in the training {} only", "shared by all {}", "too few {}"]
)
def test_the_doctor_has_what_to_say(said, things, kind):
    """Else the tests above see little."""
    assert kind.format(things) in said["doctor"]


@pytest.fixture(scope="module")
def things(place):
    return "captions" if place.suffix == ".yaml" else "rows"


def test_what_is_found_is_said_of_captions_or_rows(said, things):
    assert f"of the dog {things} with" in said["doctor --class dog"]
    assert f"of the dog {things} it learned from" in said["doctor"]


SPEAKING = [
    "doctor",
    "metrics --by site",
    "metrics --html",
    "thresholds",
    "suggest",
    "explain",
    "history list",
    "history compare --node 0 1",
]


@pytest.mark.parametrize("command", SPEAKING)
def test_a_command_calls_the_images_captions_or_rows(said, things, command):
    assert things in said[command]
    shown = re.sub("<style>.*?</style>", "", said[command], flags=re.DOTALL)
    assert not re.search(r"\bimages?\b", shown, re.IGNORECASE)


def test_the_concepts_of_a_table_are_columns_beside_random_mixtures(said, things):
    named = "Columns" if things == "rows" else "Named words"
    assert f"{named} and random mixtures, AP on tuning {things}" in said["metrics --null"]


def test_suggest_says_where_it_began_if_the_page_stands_elsewhere(said):
    assert "From #0; the page stands at #1: --node 1 goes on from there." in said["suggest"]


def test_a_word_is_in_a_caption_and_a_column_of_0_and_1_in_a_row(said):
    assert "dog relies on ball: it is in " in said["doctor"]


def test_a_teacher_decides_on_captions_or_rows(place, things):
    app = session_on(place, history=":memory:")
    view = StartView(app)
    app.shifts.start()
    what = {"captions": "a caption belongs to", "rows": "a row belongs to"}[things]
    assert view.panel.purpose.startswith(f"A teacher decides which classes {what}.")


def test_a_small_network_is_refused_at_once(place, tmp_path, capsys):
    assert main(["pocket", str(place), "--output", str(tmp_path / "pocket")]) == 1
    assert "A small network decides on photos." in capsys.readouterr().err


def test_the_article_follows_the_word(place, things):
    store = open_students(place, history=":memory:").tuner.store
    assert in_words_of(store, "An image, an image") == f"A {things[:-1]}, a {things[:-1]}"


def test_the_content_of_a_store_counts_captions_or_rows(said, things):
    facts = dict(line.split(None, 1) for line in said["info"].splitlines() if " " in line)
    assert facts[things] == "800 fit, 400 tune, 400 holdout"
    assert f"Positive {things}, and the teacher" in said["info"]


def test_a_person_is_told_the_values_of_a_row(said, things):
    header, first, *_ = csv.reader(said["ask --class dog"].splitlines())
    strong = set(header) & set(WORDS)
    assert bool(strong) == (things == "rows")
    assert {first[header.index(word)] for word in strong} <= {"0.0", "1.0"}


def test_groups_by_a_concept_of_0_and_1_are_with_and_without_it(place):
    store = open_students(place, history=":memory:").tuner.store
    assert words_of_group(store, "ball", "1") == "with ball"
    assert words_of_group(store, "dog", "0") == "without dog"


def test_groups_by_a_number_of_a_table_are_high_or_not(tmp_path):
    store = table_of(tmp_path, ["ball", "b"]).tuner.store
    assert words_of_group(store, "ball", "1") == "with a high ball"
    assert words_of_group(store, "ball", "0") == "without a high ball"


def test_a_yes_and_no_is_no_number_as_it_is_or_standardised(tmp_path):
    ids = [f"{i:03d}" for i in range(60)]
    yes = (np.arange(60) % 3 == 0).astype(float)
    values = {"as it is": yes, "standardised": (yes - yes.mean()) / yes.std(), "coded": yes + 1}
    values["number"] = np.arange(60.0)
    store = table_of(tmp_path, ["a", "b"], scores=pd.DataFrame(values, ids)).tuner.store
    assert store.numeric == {"coded", "number"}


def test_python_and_the_model_card_speak_of_no_images(place, tmp_path):
    students = open_students(place, history=":memory:")
    tables = students.doctor()
    texts = [
        text
        for each in tables.values()
        for text in (each.attrs["title"], *each.attrs["notes"], *each.reset_index().to_numpy().flat)
        if isinstance(text, str)
    ]
    students.export(tmp_path / "out")
    texts += [repr(students.suggest()), (tmp_path / "out" / "card.md").read_text()]
    assert not re.search(r"\bimages?\b", "\n".join(texts), re.IGNORECASE)


def table_of(folder, concepts, **more):
    """Students of a small table of random numbers."""
    ids = [f"{i:03d}" for i in range(60)]
    scores = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), ids, concepts)
    label = pd.DataFrame({"dog": np.arange(60) % 2}, ids)
    split = pd.Series(np.resize(["fit", "tune", "holdout"], 60), ids)
    given = {"scores": scores, "logits": 4.0 * label - 2, "labels": label, "split": split, **more}
    return from_frames(**given, near_duplicates=False, path=folder / "own.zarr")


def test_an_error_on_a_table_speaks_of_rows_and_keeps_what_it_quotes(tmp_path):
    short = pd.DataFrame({"an image": [0.5]}, ["000"])
    with pytest.raises(DataError) as raised:
        table_of(tmp_path, ["a", "b"], metadata=short, scores=short.astype(str))
    with pytest.raises(DataError) as missing:
        table_of(tmp_path, ["a", "b"], metadata=short)
    assert "not numeric: 'an image'" in raised.value.message
    assert "metadata has no row for 59 rows of split" in missing.value.message


def test_a_name_with_the_word_image_is_not_changed(tmp_path):
    store = table_of(tmp_path, ["image size", "b"]).tuner.store
    assert in_words_of(store, "image size of 3 images") == "image size of 3 images"


def test_the_sentence_over_two_cards_of_one_student_counts_students(place):
    app = session_on(place, history=":memory:")
    view = StartView(app)
    app.shifts.start()
    assert [card["class_name"] for card in view.panel.cards] == ["dog", "dog"]
    assert view.panel.purpose.endswith("1 of them may rely on the wrong thing:")
