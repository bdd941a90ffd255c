"""Names are text, compared in NFC and without blanks at the ends, at every door."""

import csv
import json
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from frames import frames

import inficond_panel
from inficond_panel.cli import main
from inficond_panel.common.names import equal_names, find_name, name_key, pair_text
from inficond_panel.common.near_words import nearest
from inficond_panel.concepts.class_names import letters_of
from inficond_panel.concepts.texts import fault_of
from inficond_panel.errors import DataError, EditsError, InficondError, TuningError
from inficond_panel.export.predictions import columns_of
from inficond_panel.results.concept_rows import find_concepts
from inficond_panel.results.slices import metadata_slices, read_ids
from inficond_panel.store.frame_checks import check_labels_kept
from inficond_panel.tuning import read_edits

pytestmark = pytest.mark.commands

#: A name in one and in two code points per accent, as Linux and macOS write it.
CAT, CAT_NFD = (unicodedata.normalize(form, "chaté") for form in ("NFC", "NFD"))
#: Pairs of equal names.
EQUAL = [(0, "0"), (np.int64(7), "7"), (1.0, "1"), ("cat ", "cat"), (CAT, CAT_NFD), (b"cat", "cat")]
#: Pairs of names that differ.
DIFFERENT = [("Cat", "cat"), ("é", "e"), ("01", 1), ("a b", "ab"), (1.5, "1")]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_names_have_one_key(one, other):
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_names_have_other_keys(one, other):
    assert name_key(one) != name_key(other)


def test_a_name_is_found_as_it_is_written_there():
    assert find_name(CAT, ["dog", f" {CAT_NFD}"]) == f" {CAT_NFD}"


def test_equal_names_are_paired_with_the_first():
    assert equal_names([0, "a", "0", 0.0]) == [(0, "0"), (0, 0.0)]


@pytest.mark.parametrize(
    ("pair", "text"),
    [
        ((0, "0"), "number 0 and text '0'"),
        (("0", np.int64(0)), "text '0' and number 0"),
        ((0, 0.0), "number 0 and number 0.0"),
        (("a", "a"), "'a'"),
        (("a", "a "), "'a' and 'a ' (they differ in blanks at the ends)"),
        ((CAT, CAT_NFD), f"'{CAT}' and '{CAT_NFD}' (they differ in accents as one or two Unicode"),
    ],
)
def test_a_pair_says_how_its_names_differ(pair, text):
    assert pair_text(*pair).startswith(text)


def written(table: str, of: str):
    """Arguments of ``from_frames``, with names in ``table`` written another way than elsewhere."""
    given, ways = frames(), {"number": (0, "0"), "nfd": (CAT, CAT_NFD), "blank": ("cat", "cat ")}
    here, other = ways[of]
    for name in ("logits", "labels"):
        given[name].columns = ["bird", other if name == table else here]
    ids = given["split"].index
    for name in ("scores", "logits", "labels", "split"):
        first = other if name == table else here
        given[name].index = [first, *ids[1:]]
    return given


@pytest.mark.parametrize("of", ["number", "nfd", "blank"])
@pytest.mark.parametrize("table", ["scores", "logits", "labels", "split"])
def test_labels_are_known_however_a_name_is_written(table, of, tmp_path):
    given = written(table, of)
    store = inficond_panel.from_frames(**given, path=tmp_path / "own.zarr").tuner.store
    assert np.array_equal(store.label, given["labels"].to_numpy())


def test_names_stay_as_they_came(tmp_path):
    given = written("labels", "nfd")
    given["scores"] = given["scores"].rename(columns={"red": " red"})
    store = inficond_panel.from_frames(**given, path=tmp_path / "own.zarr").tuner.store
    assert (store.classes, store.concepts[2]) == (["bird", CAT], " red")


TWICE = [
    ("scores", "columns", (0, "0"), "scores has duplicate column names: number 0 and text '0'"),
    ("logits", "columns", (CAT, CAT_NFD), "logits has duplicate column names: .*accents"),
    ("labels", "columns", ("cat", "cat "), "labels has duplicate column names: .*blanks"),
    ("split", "index", (0, "0"), "split has duplicate row ids: number 0 and text '0'"),
    ("labels", "index", (CAT, CAT_NFD), "labels has duplicate row ids: .*accents"),
]


@pytest.mark.parametrize(("table", "axis", "pair", "message"), TWICE)
def test_two_names_that_are_one_are_refused_with_their_difference(
    table, axis, pair, message, tmp_path
):
    given = frames()
    names = list(getattr(given[table], axis))
    setattr(given[table], axis, pd.Index([*pair, *names[2:]], dtype=object))
    with pytest.raises(DataError, match=message):
        inficond_panel.from_frames(**given, path=tmp_path / "own.zarr")


def test_a_label_that_was_lost_is_an_error():
    labels = pd.DataFrame({"bird": [1, 0], "cat": [1, np.nan]})
    with pytest.raises(DataError, match="of the classes 'cat'"):
        check_labels_kept(labels, np.array([[1, -1], [0, -1]]), ["bird", "cat"])


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Store with the classes ``chaté`` and ``0``, the concepts ``0`` to ``4`` and ``chaté``."""
    given, path = frames(), tmp_path_factory.mktemp("names") / "own.zarr"
    given["logits"].columns = given["labels"].columns = [CAT, 0]
    given["scores"].columns = [*range(5), CAT]
    for name in ("scores", "logits", "labels", "split"):
        given[name].index = [f"é{image}" for image in given[name].index]
    given["metadata"] = pd.DataFrame({CAT: ["a", "b"] * 100, 7: 1}, given["labels"].index)
    inficond_panel.from_frames(**given, path=path).fit()
    return path


@pytest.fixture
def students(store):
    return inficond_panel.open_students(store, history=":memory:").fit()


IMAGE = unicodedata.normalize("NFD", "é0002")
DOORS = {
    "remove": (lambda s: s.fit().remove(0, 0).node.id, lambda s: s.fit().remove("0", "0").node.id),
    "remove several": (
        lambda s: s.fit().remove(CAT_NFD, [0, f"{CAT_NFD} "]).node.id,
        lambda s: s.fit().remove(CAT, ["0", CAT]).node.id,
    ),
    "tuple": (
        lambda s: s.fit().tune((0, 3, "up")).node.id,
        lambda s: s.fit().tune(("0", "3", "up")).node.id,
    ),
    "label": (
        lambda s: (
            s.fit().tune({"class": 0, "image": IMAGE, "direction": "label", "value": 1}).node.id
        ),
        lambda s: (
            s.fit().tune({"class": "0", "image": "é0002", "direction": "label", "value": 1}).node.id
        ),
    ),
    "balance": (
        lambda s: s.fit().tune({"class": 0, "concept": 3, "direction": "balance"}).node.id,
        lambda s: s.fit().tune({"class": "0", "concept": "3", "direction": "balance"}).node.id,
    ),
    "student": (lambda s: s.student(CAT_NFD, "tune").class_name, lambda s: CAT),
    "concepts_of": (lambda s: len(s.concepts_of(0)), lambda s: len(s.concepts_of("0"))),
    "coverage": (lambda s: s.coverage(0).attrs, lambda s: s.coverage("0").attrs),
    "groups": (lambda s: list(s.groups(CAT_NFD).index), lambda s: list(s.groups(CAT).index)),
    "number of a column": (lambda s: len(s.groups(7)), lambda s: 2),
    "threshold": (
        lambda s: s.with_settings(threshold={CAT_NFD: 1.0, 0: 2.0}).tuner.thresholds,
        lambda s: (1.0, 2.0),
    ),
    "lambda": (
        lambda s: s.with_settings(lambda_={CAT_NFD: 0.01, "default": 0.002}).tuner.penalties,
        lambda s: (0.01, 0.002),
    ),
    "tag": (lambda s: s.tag(IMAGE, "x").tags()["image"][0], lambda s: "é0002"),
    "take_apart": (
        lambda s: s.explain(CAT_NFD, IMAGE).logit,
        lambda s: s.explain(CAT, "é0002").logit,
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_call_takes_a_name_however_it_is_written(students, door):
    call, expected = DOORS[door]
    assert call(students) == expected(students)


def test_a_group_that_names_a_concept_twice_is_refused(students):
    with pytest.raises(TuningError, match="names number 0 and text '0' twice"):
        students.remove(CAT, [0, "0"])


def test_two_thresholds_of_one_class_are_refused(students):
    with pytest.raises(TuningError, match=r"names a class twice: .*accents"):
        students.with_settings(threshold={CAT: 1.0, CAT_NFD: 2.0})


def test_an_unknown_number_is_refused_with_the_place_of_the_names(students):
    with pytest.raises(TuningError, match=r"no concept '9' .*\n.*students\.concepts"):
        students.remove(CAT, 9)


def test_an_edits_file_names_the_stores_names(students, tmp_path):
    file = tmp_path / "edits.yaml"
    file.write_text(
        f"- - {{class: {CAT_NFD}, concept: 0, direction: up}}\n"
        f"  - {{class: 0, image: {IMAGE}, direction: label, value: 1}}\n"
    )
    thumb, label = read_edits(file, students.tuner.store)[0]
    assert (thumb.class_name, label.image) == (CAT, "é0002")


def test_an_edits_file_that_names_a_concept_twice_is_refused(students, tmp_path):
    file = tmp_path / "edits.yaml"
    file.write_text(f"- - {{class: 0, concepts: [{CAT}, {CAT_NFD}], direction: up}}\n")
    with pytest.raises(EditsError, match="is named twice in its group"):
        read_edits(file, students.tuner.store)


@pytest.mark.parametrize("form", ["mapping", "frame", "file"])
def test_answers_are_of_the_stores_images(students, form, tmp_path):
    images = [unicodedata.normalize("NFD", name) for name in students.images("tune")[:12]]
    table = pd.DataFrame({"class": CAT_NFD, "image": images, "answer": 1})
    file = tmp_path / "answers.csv"
    table.to_csv(file, index=False)
    given = {"mapping": dict.fromkeys(images, 1), "frame": table, "file": file}[form]
    students.teach(CAT, given, force=True)
    labels = [edit.image for edit in students.node.edits if hasattr(edit, "image")]
    assert sorted(labels) == sorted(students.images("tune")[:12])


def test_two_answers_on_one_image_are_refused(students):
    with pytest.raises(TuningError, match="has several answers"):
        students.teach(CAT, {"é0002": 1, IMAGE: 0})


def test_a_selection_names_the_stores_images(students, tmp_path):
    file = tmp_path / "ids.txt"
    file.write_text(f"image_id\n{IMAGE}\n")
    assert read_ids(file, students.tuner.store.images) == {"é0002"}


def test_a_spec_names_the_stores_classes(store, tmp_path):
    spec = tmp_path / "own.yaml"
    spec.write_text(f"title: Own\nstore: {store}\nstudents: {{threshold: {{{CAT_NFD}: 1.5}}}}\n")
    opened = inficond_panel.open_students(spec, history=":memory:")
    assert opened.tuner.thresholds == (1.5, 0.0)


def test_a_command_takes_a_class_however_it_is_written(store, capsys):
    assert main(["thresholds", str(store), "--class", CAT_NFD, "--json"]) == 0
    assert [row["class"] for row in json.loads(capsys.readouterr().out)["rows"]] == [CAT]


def test_the_concepts_of_an_export_are_matched():
    assert columns_of("concepts", [CAT_NFD, "a"], ["a", CAT]) == [1, 0]


def test_a_column_of_metadata_is_found(students):
    assert list(metadata_slices(students.tuner.store, "tune", [f"{CAT_NFD} "])) == ["a"]


def test_a_concept_in_two_code_points_names_its_class():
    assert letters_of(CAT_NFD) == letters_of(CAT)


def test_a_search_finds_a_concept_in_another_form_of_unicode():
    assert find_concepts(np.arange(2), ["dog", CAT], CAT_NFD.upper()).tolist() == [1]


def test_a_synonym_that_repeats_the_name_is_refused():
    assert "listed twice" in fault_of([CAT, CAT_NFD.upper()])


def tables(folder: Path, **changed: dict[str, str]) -> list[str]:
    """Arguments of ``inficond init`` with tables whose header or ids are ``changed``."""
    given = frames()
    for name, table in given.items():
        text = table.rename("split") if name == "split" else table
        file = folder / f"{name}.csv"
        text.to_csv(file, index_label="image_id")
        for old, new in changed.get(name, {}).items():
            file.write_text(file.read_text().replace(old, new))
    paths = [str(folder / f"{name}.csv") for name in ("scores", "logits", "labels")]
    return [
        "init",
        *paths,
        "--splits",
        str(folder / "split.csv"),
        "--output",
        str(folder / "o.zarr"),
    ]


def test_tables_in_other_forms_of_unicode_make_a_store(tmp_path):
    words = tables(
        tmp_path,
        logits={"cat": CAT, "\n0002,": "\né,"},
        labels={"cat": CAT_NFD, "\n0002,": unicodedata.normalize("NFD", "\né,")},
        scores={"\n0002,": "\né,"},
        split={"\n0002,": unicodedata.normalize("NFD", "\né,")},
    )
    assert main(words) == 0


def test_two_columns_of_a_csv_with_one_name_are_refused(tmp_path, capsys):
    assert main(tables(tmp_path, scores={"wing,beak": "wing,wing"})) == 1
    assert "scores.csv:1: two columns have one name: 'wing'" in capsys.readouterr().err


@pytest.mark.torch
def test_a_table_of_logits_in_another_form_of_unicode_is_read(tmp_path):
    from precompute.teachers.tables import read_outputs

    file = tmp_path / "logits.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["image_id", CAT_NFD], [IMAGE, "1.5"]])
    values, _ = read_outputs(file, ["é0002"], [CAT])
    assert values.tolist() == [[1.5]]


@pytest.mark.torch
def test_two_classes_of_a_data_set_with_one_name_are_refused():
    from precompute.datasets.labels import choose_classes

    with pytest.raises(DataError, match=r"labels\.csv has two classes with one name: .*accents"):
        choose_classes((), [CAT, CAT_NFD], "labels.csv")


@pytest.mark.torch
def test_a_class_that_a_spec_chooses_is_named_as_in_the_data():
    from precompute.datasets.labels import choose_classes

    assert choose_classes([CAT_NFD], ["dog", CAT], "labels.csv") == (CAT,)


def test_the_nearest_name_of_a_refusal_is_never_the_name_itself(tmp_path):
    given = frames()
    given["labels"] = given["labels"].rename(columns={"cat": "cats"})
    with pytest.raises(InficondError) as told:
        inficond_panel.from_frames(**given, path=tmp_path / "own.zarr")
    assert f"(nearest: {nearest('cat', ['cats'])[0]!r})" in str(told.value)
