"""inficond check says what precompute would refuse: all at once, with the lines of the spec."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from precompute_factory import CLASSES, SPEC, named_encoder, photo_set, write_table
from scipy.special import expit

from inficond_panel.cli import main
from inficond_panel.errors import DataError
from precompute.datasets import check_files, no_file

pytestmark = pytest.mark.commands

TEACHER_LINE = 1 + SPEC.splitlines().index("teacher: {kind: logits, path: logits.csv}")
SPLITS_LINE = 1 + next(i for i, line in enumerate(SPEC.splitlines()) if "splits:" in line)


@pytest.fixture
def folder(tmp_path):
    photo_set(tmp_path)
    named_encoder(tmp_path / "encoder")
    return tmp_path


@pytest.fixture
def check(folder, capsys):
    """Exit status and standard error of the command ``check``, or another."""

    def run(command="check"):
        status = main([command, str(folder / "spec.yaml")])
        return status, capsys.readouterr().err

    return run


IDS = [f"{i:05d}" for i in range(12)]
VALUES = np.random.default_rng(0).normal(size=(12, 2))


def half(folder):
    write_table(folder / "logits.csv", IDS[:6], VALUES[:6])


def renamed(folder):
    write_table(folder / "logits.csv", IDS, VALUES, ("bicycle", "bus"))


def probabilities(folder):
    write_table(folder / "logits.csv", IDS, expit(VALUES))


TABLES = {
    half: "has no logits for 6 of 12 images",
    renamed: "has no column for the class 'train'",
    probabilities: "look like probabilities: all lie from 0 to 1",
}


@pytest.mark.parametrize("fault", TABLES, ids=lambda fault: fault.__name__)
def test_a_teachers_table_that_does_not_fit_is_a_problem_at_its_line(folder, check, fault):
    fault(folder)
    status, told = check()
    assert (status, TABLES[fault] in told) == (1, True)
    assert told.startswith(f"{folder / 'spec.yaml'}:{TEACHER_LINE}:")


@pytest.mark.parametrize("fault", TABLES, ids=lambda fault: fault.__name__)
def test_precompute_refuses_it_in_the_same_words(folder, check, fault):
    fault(folder)
    assert check("precompute")[1].endswith(check()[1])


def test_classes_and_images_that_a_table_lacks_are_told_together(folder, check):
    write_table(folder / "logits.csv", IDS[:6], VALUES[:6], ("bicycle", "bus"))
    told = check()[1]
    assert all(TABLES[fault] in told for fault in (half, renamed))


def by_column(folder, fit="old", tune="new"):
    """Splits by a column of the table of labels."""
    rows = (folder / "photos/labels.csv").read_text().splitlines()
    ages = ["age", *["old"] * 6, *["new"] * 6]
    text = "\n".join(f"{row},{age}" for row, age in zip(rows, ages, strict=True))
    (folder / "photos/labels.csv").write_text(text)
    lines = SPEC.splitlines()
    names = f"[{', '.join(CLASSES)}]"
    lines[SPLITS_LINE - 1 : SPLITS_LINE] = [
        f"  classes: {names}",
        "  metadata: labels.csv",
        "  splits:",
        f"    fit: {{column: age, value: {fit}}}",
        f"    tune: {{column: age, value: {tune}, share: 0.5}}",
        "    holdout: rest",
    ]
    (folder / "spec.yaml").write_text("\n".join(lines))


def test_the_value_of_a_column_can_be_divided(folder, check):
    by_column(folder)
    assert check()[0] == 0


def test_a_value_that_no_image_has_is_a_problem_at_its_line(folder, check):
    by_column(folder, tune="newer")
    status, told = check()
    assert status == 1
    assert told.startswith(f"{folder / 'spec.yaml'}:{SPLITS_LINE + 4}:5: No image has 'newer'")


def test_the_faults_of_all_splits_are_told_at_once(folder, check):
    by_column(folder, "older", "newer")
    told = check()[1]
    assert [f":{SPLITS_LINE + at}:5: No image has" in told for at in (3, 4)] == [True, True]


def test_faults_of_splits_and_of_the_list_of_words_are_told_at_once(folder, check):
    by_column(folder, tune="newer")
    (folder / "words.txt").write_text("")
    told = check()[1]
    assert ("words.txt" in told, "No image has 'newer'" in told) == (True, True)


def test_the_few_photos_without_a_file_are_told(folder, check):
    (folder / "photos" / "images" / "00003.jpg").unlink()
    status, told = check()
    assert status == 0
    assert "1 image to be skipped" in told
    assert "00003" in told


def without_files(folder):
    """Data set of two photos that are not in the folder."""
    return SimpleNamespace(file=lambda i: folder / f"{i}.jpg", ids=["0", "1"])


def test_a_photo_whose_name_differs_in_case_is_told_where_none_may_lack(tmp_path):
    """As photos that were copied from Windows, where the case of a name does not matter."""
    (tmp_path / "0.JPG").touch()
    with pytest.raises(DataError, match=r"0\.jpg; only the case differs: 0\.JPG\."):
        check_files(without_files(tmp_path), 0.0)


def test_a_broken_link_has_no_other_case(tmp_path):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert no_file(tmp_path / "a.jpg") == f"There is no file {tmp_path / 'a.jpg'}"


def test_a_run_does_not_list_the_folder_of_each_photo_without_a_file(tmp_path, monkeypatch):
    """A folder of many photos is slow to read."""
    monkeypatch.setattr(Path, "iterdir", lambda _: pytest.fail("a folder is read"))
    assert check_files(without_files(tmp_path), 1.0) == [tmp_path / "0.jpg", tmp_path / "1.jpg"]


def test_a_class_that_no_image_shows_is_told(folder, check):
    labels = np.array([[i % 2, 0] for i in range(12)])
    write_table(folder / "photos" / "labels.csv", IDS, labels)
    status, told = check()
    assert (status, f"no positive in fit (metrics undefined): {CLASSES[1]}" in told) == (0, True)


def test_nothing_is_told_of_classes_that_images_show(check):
    assert "no positive" not in check()[1]
