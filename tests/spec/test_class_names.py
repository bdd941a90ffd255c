"""Classes that a spec names, held against those of a store."""

import pytest

from inficond_panel.errors import SpecError
from inficond_panel.spec import check_against

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
