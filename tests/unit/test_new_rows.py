"""Decisions on new rows of a table, for a store whose scores were given as tables."""

import csv
import io
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from frames import CONCEPTS, frames, joint_spec

import inficond_panel
from inficond_panel.cli import main
from inficond_panel.errors import DataError, UnitsWarning

pytestmark = [pytest.mark.commands]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Scores divided by their standard deviations on fit, with one iteration."""
    given = frames(signed=True)
    scores = given["scores"]
    given["scores"] = scores / scores[given["split"] == "fit"].std()
    path = tmp_path_factory.mktemp("rows") / "own.zarr"
    inficond_panel.from_frames(**given, path=path).fit().tune([("bird", "beak", "remove")])
    return path


@pytest.fixture
def students(store):
    return inficond_panel.open_students(store).resume()


@pytest.fixture
def new(tmp_path):
    """A table whose columns stand in another order, with one that is no concept."""
    table = pd.DataFrame(np.random.default_rng(1).normal(size=(25, 6)), columns=CONCEPTS)
    table = table[CONCEPTS[::-1]].assign(who="x")
    table.insert(0, "image_id", [f"{i:03d}" for i in range(25)])
    table.to_csv(tmp_path / "new.csv", index=False)
    return tmp_path / "new.csv"


def decided(capsys, *args):
    assert main(["predict", *map(str, args), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_logits_are_weights_times_raw_numbers_standardised_by_hand(students, store, tmp_path):
    given = frames(signed=True)
    deviation = given["scores"][given["split"] == "fit"].std()
    raw = pd.DataFrame(np.random.default_rng(2).normal(size=(9, 6)), columns=CONCEPTS) * 3
    table = students.predict_images(raw / deviation).table
    node, names = students.node, students.concepts
    z = (raw.to_numpy() / deviation.to_numpy())[:, [CONCEPTS.index(name) for name in names]]
    expected = z @ node.weights + node.intercepts
    found = table["student_logit"].to_numpy().reshape(9, 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)  # the store keeps 32 bits


def test_rows_of_the_store_get_its_logits(students, store, tmp_path, capsys):
    given = frames(signed=True)
    scores = given["scores"] / given["scores"][given["split"] == "fit"].std()
    own = scores.loc[students.images("tune")]
    own.rename_axis("image_id").to_csv(tmp_path / "own.csv")
    rows = decided(capsys, store, tmp_path / "own.csv")["decisions"]["rows"]
    assert [row["image"] for row in rows[::2]] == list(students.images("tune"))
    logits = np.array([row["student_logit"] for row in rows]).reshape(-1, 2)
    np.testing.assert_allclose(logits, students.decision_function("tune"), atol=1e-5)


def test_columns_are_matched_by_name(students, new, store, capsys):
    table = pd.read_csv(new, dtype={"image_id": str}, index_col="image_id")
    logits = table[students.concepts].to_numpy() @ students.node.weights + students.node.intercepts
    rows = decided(capsys, store, new)["decisions"]["rows"]
    found = np.array([row["student_logit"] for row in rows]).reshape(-1, 2)
    np.testing.assert_allclose(found, logits, atol=1e-5)


def test_decisions_are_logits_above_the_threshold(students, new, store, capsys):
    rows = decided(capsys, store, new)["decisions"]["rows"]
    assert {row["student_decision"] for row in rows} == {0, 1}
    assert all(row["student_decision"] == (row["student_logit"] > row["threshold"]) for row in rows)


def test_parts_add_up_to_the_logit(students, new):
    found = students.predict_images(new)
    total = found.parts.groupby(["image", "class"])["logit"].sum()
    logit = found.table["student_logit"]
    np.testing.assert_allclose(total.loc[logit.index], logit, atol=1e-9)


def test_an_earlier_iteration_decides_by_its_own_weights(students, new, store, capsys):
    rows = decided(capsys, store, new, "--node", "0")["decisions"]["rows"]
    table, first = pd.read_csv(new), inficond_panel.open_students(store, history=":memory:").node
    logits = table[students.concepts].to_numpy() @ first.weights + first.intercepts
    assert rows[0]["student_logit"] == pytest.approx(logits[0, 0], abs=1e-5)


def test_columns_that_are_no_concepts_are_named(new, store, capsys):
    notes = decided(capsys, store, new)["decisions"]["notes"]
    assert notes == ["Columns that are no concepts are ignored: who."]


def test_ids_of_a_frame_are_those_of_the_same_file(students, new):
    table = pd.read_csv(new, dtype={"image_id": str}).rename(columns={"image_id": "id"})
    assert students.predict_images(table).table.equals(students.predict_images(new).table)


def test_one_class_per_row_is_named_by_the_softmax_of_the_reference(tmp_path, capsys):
    spec = joint_spec(tmp_path)
    students = inficond_panel.open_students(spec, history=":memory:").fit()
    rows = np.random.default_rng(3).random((7, 5))
    pd.DataFrame(rows, columns=list("abcde")).to_csv(tmp_path / "new.csv", index=False)
    linear = rows @ students.node.weights + students.node.intercepts
    found = decided(capsys, spec, tmp_path / "new.csv")["decisions"]["rows"][::3]
    named = [students.classes[k] for k in linear.argmax(1)]
    assert [row["named_student"] for row in found] == named
    share = np.exp(linear) / np.exp(linear).sum(1, keepdims=True)
    probabilities = [row["named_probability"] for row in found]
    np.testing.assert_allclose(probabilities, share.max(1), atol=1e-5)


def test_a_terminal_calls_them_rows_and_shows_no_teacher(new, store, capsys):
    assert main(["predict", str(store), str(new), "--class", "bird", "--explain"]) == 0
    shown = capsys.readouterr().out
    assert "row  class" in shown
    assert "photo" not in shown
    assert "teacher" not in shown


def test_drift_speaks_of_rows(students, new):
    assert "25 rows compared with 100" in str(students.drift(new))


def test_an_abstaining_student_leaves_unsure_rows_undecided(students, new):
    found = students.predict_images(new, abstain=0.9)
    rule = found.rules.of("bird")
    bird = found.table.xs("bird", level="class")
    sure = (bird["student_logit"] - bird["threshold"]).abs() >= rule.threshold
    assert (bird["student_decision"].notna() == sure).all()


def wrong(tmp_path, change):
    """A table of three rows, after a change of its cells as texts."""
    cells = [["image_id", *CONCEPTS], *([f"{i}", *["0.5"] * 6] for i in range(3))]
    change(cells)
    text = io.StringIO()
    csv.writer(text).writerows(cells)
    (tmp_path / "bad.csv").write_text(text.getvalue())
    return tmp_path / "bad.csv"


def put(row, column, text):
    def change(cells):
        cells[row][column] = text

    return change


@pytest.mark.parametrize("text", ["nan", "inf", "n/a", "1e30"])
def test_a_cell_that_is_no_finite_number_is_refused_with_its_line(students, tmp_path, text):
    bad = wrong(tmp_path, put(2, 3, text))
    with pytest.raises(DataError, match=rf"bad\.csv:3: red is {text}"):
        students.predict_images(bad)


@pytest.fixture
def with_empty_cell(tmp_path):
    """A table whose second row of three has no number for red."""
    return wrong(tmp_path, put(2, 3, ""))


def test_a_row_with_an_empty_cell_is_not_decided_but_the_others_are(students, with_empty_cell):
    table = students.predict_images(with_empty_cell).table.xs("bird", level="class")
    assert table["student_decision"].isna().tolist() == [False, True, False]
    assert table["student_logit"].isna().tolist() == [False, True, False]


def test_a_row_with_an_empty_cell_is_named_with_its_column(store, with_empty_cell, capsys):
    assert main(["predict", str(store), str(with_empty_cell), "--csv"]) == 0
    printed = capsys.readouterr()
    assert "1 of 3 rows is not decided: 1 (red is empty)." in printed.err
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    undecided = [row for row in rows if row["image"] == "1"]
    assert {row["fault"] for row in undecided} == {"not decided: red is empty"}
    assert {row["student_decision"] for row in undecided} == {""}


def test_the_decided_rows_of_a_table_have_their_logits(students, with_empty_cell):
    table = pd.DataFrame(0.5, index=["0", "2"], columns=CONCEPTS).rename_axis("image_id")
    expected = students.predict_images(table).table["student_logit"]
    found = students.predict_images(with_empty_cell).table["student_logit"].dropna()
    assert found.to_dict() == expected.to_dict()


def test_a_terminal_shows_the_decided_rows(store, with_empty_cell, capsys):
    assert main(["predict", str(store), str(with_empty_cell), "--class", "bird"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if " bird " in line] == ["0", "2"]


def test_a_missing_value_of_a_frame_is_an_empty_cell(students):
    table = pd.DataFrame(0.5, index=["a", "b"], columns=CONCEPTS, dtype="Float32")
    table.loc["b", "red"] = pd.NA
    assert students.predict_images(table).faults == {"b": "red is empty"}


def test_drift_leaves_out_rows_with_an_empty_cell(students):
    table = pd.DataFrame(np.random.default_rng(8).normal(size=(30, 6)), columns=CONCEPTS)
    table.loc[4, "red"] = np.nan
    assert "29 rows compared with 100" in str(students.drift(table))


def test_a_table_whose_rows_all_have_an_empty_cell_is_refused(students):
    table = pd.DataFrame(0.5, index=["a", "b"], columns=CONCEPTS).assign(red=np.nan)
    with pytest.raises(DataError, match=r"Every row has an empty cell: a \(red is empty\)"):
        students.predict_images(table)


def test_a_sentence_on_rows_stands_once_beside_csv(store, new, capsys):
    assert main(["predict", str(store), str(new), "--csv"]) == 0
    assert capsys.readouterr().err.count("Columns that are no concepts are ignored") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(0, 1, "wnig"), r"no column for 1 of the store's 6 concepts: wing\. .*'wnig'"),
        (put(2, 0, "0"), r"bad\.csv:3: the row '0' is listed twice \(first .*bad\.csv:2\)"),
        (put(0, 2, "wing"), "called 'wing', like another column"),
        (lambda cells: cells.__delitem__(slice(1, None)), "There is no row to decide"),
    ],
)
def test_a_table_with_a_fault_is_refused(students, tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        students.predict_images(wrong(tmp_path, change))


def test_a_photo_is_refused_with_what_to_name(store, capsys):
    assert main(["predict", str(store), "photo.jpg"]) == 1
    assert "Name a table of new rows, with a column per concept" in capsys.readouterr().err


def test_outlines_are_refused(store, new, capsys):
    assert main(["predict", str(store), str(new), "--outlines", "drawn"]) == 1
    assert "There is no photo to outline." in capsys.readouterr().err


def test_rows_in_other_units_are_asked_about(students):
    near = pd.DataFrame(np.random.default_rng(4).normal(size=(30, 6)), columns=CONCEPTS)
    asked = students.predict_images(near.assign(red=near["red"] * 12 + 130)).notes
    assert asked[0].startswith("Are these columns in the units of the store's scores?")
    assert "as small: red (median 1" in asked[0]


def test_rows_in_smaller_units_are_asked_about(tmp_path):
    rng = np.random.default_rng(6)
    level = pd.DataFrame(rng.normal([140.0, 5.0], [15.0, 1.0], (300, 2)), columns=["Hb", "K"])
    label = pd.DataFrame({"low": (level["Hb"] < 125).astype(int)})
    split = pd.Series(["fit"] * 200 + ["tune"] * 100)
    made = inficond_panel.from_frames(
        level, 4 * label - 2.0 + level[["K"]].to_numpy() / 9, label, split=split
    )
    with pytest.warns(UnitsWarning, match="Hb \\(median 14"):
        made.predict_proba(level.assign(Hb=level["Hb"] / 10))


@pytest.fixture(scope="module")
def levels(tmp_path_factory):
    """Students of a table with a long tail, whose other units lie inside its range."""
    rng = np.random.default_rng(7)
    level = pd.DataFrame({"CRP": rng.lognormal(2.5, 1.2, 300), "K": rng.normal(5, 1, 300)})
    label = pd.DataFrame({"low": (level["CRP"] < 10).astype(int)})
    split = pd.Series(["fit"] * 200 + ["tune"] * 100)
    return level, inficond_panel.from_frames(level, 4 * label - 2.0, label, split=split)


def test_rows_in_other_units_inside_the_range_are_asked_about(levels):
    level, made = levels
    with pytest.warns(UnitsWarning, match="as small: CRP \\(median 1"):
        made.predict_proba(level.assign(CRP=level["CRP"] / 10))


@pytest.fixture(scope="module")
def standardised(tmp_path_factory):
    """Students of standardised levels, with the mean and deviation of the training rows."""
    rng = np.random.default_rng(9)
    level = pd.DataFrame({"ash": rng.lognormal(1.0, 0.5, 300), "K": rng.normal(5, 1, 300)})
    mean, size = level[:200].mean(), level[:200].std()
    label = pd.DataFrame({"low": (level["ash"] < 2.5).astype(int)})
    split = pd.Series(["fit"] * 200 + ["tune"] * 100)
    made = inficond_panel.from_frames((level - mean) / size, 4 * label - 2.0, label, split=split)
    return level[200:], mean, size, made


@pytest.mark.parametrize("column", ["ash", "K"])
@pytest.mark.parametrize("times", [0.1, 0.001])
def test_rows_in_larger_units_that_were_standardised_are_asked_about(standardised, column, times):
    level, mean, size, made = standardised
    rows = (level.assign(**{column: times * level[column]}) - mean) / size
    with pytest.warns(UnitsWarning, match=rf"as small: {column} \(median"):
        made.predict_proba(rows)


@pytest.fixture(scope="module")
def similarities(tmp_path_factory):
    """Students of standardised similarities, with those of new rows, as they are and
    standardised."""
    rng = np.random.default_rng(10)
    raw = pd.DataFrame(rng.normal(0.02, 0.03, size=(300, 6))).rename(columns="c{}".format)
    mean, size = raw[:200].mean(), raw[:200].std()
    label = pd.DataFrame({"dog": (raw["c0"] > 0.03).astype(int)})
    split = pd.Series(["fit"] * 200 + ["tune"] * 100)
    made = inficond_panel.from_frames((raw - mean) / size, 4 * label - 2.0, label, split=split)
    return made, raw[200:], ((raw - mean) / size)[200:]


def test_rows_that_were_not_standardised_are_asked_about(similarities):
    made, raw, _ = similarities
    with pytest.warns(UnitsWarning, match=r"c0 \(median"):
        made.predict_proba(raw)


def test_rows_that_were_standardised_are_not_asked_about(similarities):
    made, _, rows = similarities
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnitsWarning)
        made.predict_proba(rows)


def test_standardised_rows_of_the_lowest_values_are_not_asked_about(standardised):
    level, mean, size, made = standardised
    lowest = (level.nsmallest(30, "ash") - mean) / size
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnitsWarning)
        made.predict_proba(lowest)


def test_the_training_rows_themselves_are_not_asked_about():
    """Over half of the values are the lowest, which the store keeps with fewer digits."""
    rng = np.random.default_rng(8)
    site = np.where(rng.random(300) < 0.3, 1.3, -0.7547155101)
    rows = pd.DataFrame({"site": site, "age": rng.normal(size=300)})
    label = pd.DataFrame({"low": (rows["age"] > 0).astype(int)})
    split = pd.Series(["fit"] * 200 + ["tune"] * 100)
    made = inficond_panel.from_frames(rows, 4 * label - 2.0, label, split=split)
    assert np.float32(rows["site"].min()) > rows["site"].min()  # else the case is no case
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnitsWarning)
        made.predict_proba(rows)
        made.predict_proba(rows.round(3))


def test_a_single_value_in_other_units_is_told_with_its_row(students):
    near = pd.DataFrame(np.random.default_rng(4).normal(size=(30, 6)), columns=CONCEPTS)
    near.loc[6, "red"] *= 100
    (told,) = students.predict_images(near).notes
    assert told.startswith("Values that are far outside those of the training rows")
    assert "red is" in told
    assert "in row 7 (in training from" in told


def test_rows_of_sicker_people_are_not_asked_about(levels):
    level, made = levels
    notes = made.predict_images(level[level["CRP"] > 8]).notes
    assert not [each for each in notes if "units" in each]


def test_rows_like_the_training_rows_are_not_asked_about(students):
    rng = np.random.default_rng(5)
    for _ in range(50):
        assert not students.predict_images(
            pd.DataFrame(rng.normal(size=(1, 6)), columns=CONCEPTS)
        ).notes


@pytest.fixture
def moved(students):
    """Rows like the training rows, but for one concept with an influence."""
    used = CONCEPTS[np.argmax(np.abs(students.node.weights).max(axis=1))]
    rows = pd.DataFrame(np.random.default_rng(4).normal(size=(60, 6)), columns=CONCEPTS)
    rows[used] += 1.5
    return used, rows.rename_axis("image_id")


def test_rows_whose_scores_have_moved_come_with_a_sentence(students, moved):
    used, rows = moved
    (told,) = students.predict_images(rows).notes
    assert told.startswith("1 of ")
    assert f"{used} (median 1." in told


def test_a_terminal_says_so_before_the_decisions(store, moved, tmp_path, capsys):
    moved[1].to_csv(tmp_path / "moved.csv")
    assert main(["predict", str(store), str(tmp_path / "moved.csv")]) == 0
    assert f"{moved[0]} (median 1." in capsys.readouterr().err


def test_with_drift_it_is_said_once(store, moved, tmp_path, capsys):
    moved[1].to_csv(tmp_path / "moved.csv")
    assert main(["predict", str(store), str(tmp_path / "moved.csv"), "--drift"]) == 0
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("(median 1.") == 1


def test_a_concept_without_influence_may_move(store):
    students = inficond_panel.open_students(store, history=":memory:").fit()
    students = students.tune([(name, "beak", "remove") for name in students.classes])
    rows = pd.DataFrame(np.random.default_rng(4).normal(size=(60, 6)), columns=CONCEPTS)
    rows["beak"] += 3.0
    assert not students.predict_images(rows).notes


def test_of_few_rows_nothing_is_said(students, moved):
    assert not students.predict_images(moved[1][:19]).notes
