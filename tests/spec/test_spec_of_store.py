"""A store is a spec by itself, and so is a file with a title and a store."""

import jsonschema
import pytest

from inficond_panel.spec import json_schema, load_spec
from inficond_panel.spec.sections.students import PaperStudents, Tuning
from inficond_panel.study.spec.conditions import Variation

_KINDS = {"tuning": Tuning, "students": PaperStudents}


def test_a_store_without_a_title_is_called_by_its_name(tmp_path):
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "zarr.json").write_text("{")
    assert load_spec(tmp_path / "x.zarr").title == "x"


@pytest.mark.parametrize(
    ("part", "value"),
    [({"tuning": {"factor": 3}}, 3), ({"students": {"solver": "paper"}}, "paper")],
)
def test_a_condition_of_a_study_is_over_a_title_and_a_store(folder, part, value):
    """Also where the other solver cannot have what the spec's has: lambda auto."""
    spec = folder.load("title: Own\nstore: own.zarr\n")
    variation = Variation(**{k: _KINDS[k](**v) for k, v in part.items()})
    assert not list(variation.misfits(spec))
    over = variation.over(spec)
    assert value in (over.tuning.factor, over.students.solver)
    assert (over.path, over.dataset) == (spec.path, None)


def test_the_json_schema_has_all_of_them_or_none():
    check = jsonschema.Draft202012Validator(json_schema()).is_valid
    assert check({"title": "Own", "store": "own.zarr"})
    assert not check({"title": "Own", "store": "own.zarr", "teacher": {"kind": "head"}})
