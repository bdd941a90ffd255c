"""A store is a spec by itself, and so is a file with a title and a store."""

import jsonschema
import pytest
from factory import small_store
from good_spec import GOOD

from inficond_panel.errors import SpecError
from inficond_panel.spec import find_spec, json_schema, load_spec
from inficond_panel.spec.sections.students import PaperStudents, Tuning
from inficond_panel.study.spec.conditions import Variation

_KINDS = {"tuning": Tuning, "students": PaperStudents}


def test_the_folder_of_a_store_is_a_spec(tmp_path):
    small_store(tmp_path / "x.zarr", title="My store", images=8, concepts=4, classes=1)
    spec = load_spec(find_spec(tmp_path / "x.zarr"))
    assert (spec.title, spec.store) == ("My store", tmp_path / "x.zarr")
    assert spec.history == tmp_path / "x.history.sqlite"
    assert spec.students.lambda_ == "auto"
    assert spec.dataset is spec.concepts is spec.teacher is None


def test_a_store_without_a_title_is_called_by_its_name(tmp_path):
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "zarr.json").write_text("{")
    assert load_spec(tmp_path / "x.zarr").title == "x"


def test_the_spec_of_a_store_is_written_as_one_that_can_be_read(tmp_path):
    small_store(tmp_path / "x.zarr", title="My store", images=8, concepts=4, classes=1)
    spec = load_spec(tmp_path / "x.zarr")
    (tmp_path / "y.yaml").write_text(spec.to_yaml())
    again = load_spec(tmp_path / "y.yaml")
    assert (again.title, again.store, again.history) == (spec.title, spec.store, spec.history)


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


def test_a_title_and_a_store_are_enough(folder):
    spec = folder.load("title: Own\nstore: own.zarr\nstudents: {lambda: 1e-3}\n")
    assert (spec.store.name, spec.history.name) == ("own.zarr", "own.history.sqlite")
    assert spec.dataset is None


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("title: Own\n", ["dataset", "concepts", "teacher"]),
        (GOOD[: GOOD.index("concepts:")] + "store: own.zarr\n", ["concepts", "teacher"]),
    ],
)
def test_without_a_store_or_in_part_the_rest_is_missing(folder, text, missing):
    with pytest.raises(SpecError) as told:
        folder.load(text)
    for key in missing:
        assert f"{key}: missing; expected a mapping" in str(told.value)
    assert len(told.value.problems) == len(missing)


def test_such_a_spec_makes_no_store(folder):
    spec = folder.load("title: Own\nstore: own.zarr\n")
    with pytest.raises(SpecError, match="concepts, dataset, teacher are missing: it names a store"):
        spec.check_making()
    folder.load(GOOD).check_making()


def test_the_json_schema_has_all_of_them_or_none():
    check = jsonschema.Draft202012Validator(json_schema()).is_valid
    assert check({"title": "Own", "store": "own.zarr"})
    assert not check({"title": "Own", "store": "own.zarr", "teacher": {"kind": "head"}})
