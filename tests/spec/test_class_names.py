"""Classes that a spec names, held against those of a store."""

import pytest

from inficond_panel.errors import SpecError
from inficond_panel.spec import Spec, check_against

CLASSES = ["cat", "dog", "default"]
WRONG = """\
students:
  lambda: {default: 1e-3, dgo: 1e-4}
  threshold:
    cat: 0.5
    "hors\\u0065": 1
"""


def test_unknown_classes_are_all_told_at_their_place(folder, good):
    spec = folder.load(good + WRONG)
    start = good.count("\n") + 1
    with pytest.raises(SpecError) as caught:
        check_against(spec, CLASSES, "multi_label")
    assert [(p.file, p.line, p.column, p.message) for p in caught.value.problems] == [
        (spec.path, start + 1, 27,
         "students.lambda: there is no class 'dgo' in the store. Did you mean 'dog'?"),
        (spec.path, start + 4, 5, "students.threshold: there is no class 'horse' in the store"),
    ]  # fmt: skip
    assert "inficond info" in caught.value.remedy


def test_known_classes_and_the_default_are_fine(folder, good):
    check_against(folder.load(good), CLASSES, "multi_label")
    check_against(
        folder.load(good + "students: {lambda: {default: 1, cat: 2}, threshold: {dog: 1}}"),
        ["cat", "dog"],
        "multi_label",
    )


def test_a_spec_that_no_file_holds_has_no_place():
    spec = Spec(path="made.yaml", title="a")
    spec.students.threshold = {"cow": 1.0}
    with pytest.raises(SpecError, match=r"made\.yaml:1:1: students\.threshold"):
        check_against(spec, CLASSES, "multi_label")


def test_penalty_of_each_class(folder, good):
    students = folder.load(good + "students: {lambda: {cat: 1e-2}}").students
    assert [students.penalty(name) for name in ("cat", "dog")] == [1e-2, None]
    students = folder.load(good + "students: {solver: paper, lambda: {cat: 1e-2}}").students
    assert [students.penalty(name) for name in ("cat", "dog")] == [1e-2, 1e-4]
    students = folder.load(good + "students: {lambda: {default: 1e-3, cat: auto}}").students
    assert [students.penalty(name) for name in ("cat", "dog")] == [None, 1e-3]
    students = folder.load(good + "students: {lambda: {default: 0, cat: 1}}").students
    assert [students.penalty(name) for name in ("cat", "dog")] == [1.0, 0.0]
    students = folder.load(good + "students: {lambda: auto}").students
    assert [students.penalty(name) for name in ("cat", "dog")] == [None, None]
