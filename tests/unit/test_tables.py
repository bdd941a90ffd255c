"""Tables of any library are matched by name, arrays by position."""

import numpy as np
import pandas as pd
import pytest
from frames import frames

import inficond_panel
from inficond_panel import ConceptStudents
from inficond_panel.common.tables import as_array, as_table, type_name
from inficond_panel.errors import DataError, TuningError

pytestmark = pytest.mark.torch

pa = pytest.importorskip("pyarrow")
pytest.importorskip("sklearn")


def columns(frame: pd.DataFrame) -> dict[str, list]:
    """Columns of a frame without an index: the ids are one of them."""
    return frame.rename_axis("image_id").reset_index().to_dict("list")


def to_polars(frame: pd.DataFrame):
    return pytest.importorskip("polars").DataFrame(columns(frame))


def to_lazy(frame: pd.DataFrame):
    return to_polars(frame).lazy()


def to_arrow(frame: pd.DataFrame):
    return pa.table(columns(frame))


def to_dask(frame: pd.DataFrame):
    return pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=2, sort=False)


def to_xarray(frame: pd.DataFrame):
    import xarray as xr

    named = {"image": frame.index, "concept": frame.columns}
    return xr.DataArray(frame.to_numpy().T, coords=named, dims=("concept", "image"))


def to_nullable(frame: pd.DataFrame):
    return frame.convert_dtypes()


def to_arrow_backed(frame: pd.DataFrame):
    return frame.convert_dtypes(dtype_backend="pyarrow")


LIBRARIES = [to_polars, to_lazy, to_arrow, to_dask, to_xarray, to_nullable, to_arrow_backed]
each_library = pytest.mark.parametrize("convert", LIBRARIES, ids=lambda convert: convert.__name__)


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "own.zarr"
    return inficond_panel.from_frames(**frames(), path=path).fit()


@pytest.fixture(scope="module")
def scores(students) -> pd.DataFrame:
    """Concept scores of tune, with the columns in reverse."""
    images = students.images("tune")
    return pd.DataFrame(students.scores("tune"), images, students.concepts).iloc[:, ::-1]


@each_library
def test_scores_to_predict_are_matched_by_name(students, scores, convert):
    logits = students.decision_function(convert(scores))
    assert np.allclose(logits, students.decision_function("tune"), atol=1e-5)


def test_an_array_with_coordinates_on_its_concepts_alone_is_matched_by_name(students, scores):
    import xarray as xr

    named = xr.DataArray(scores, dims=("n", "c")).drop_vars(["n"], errors="ignore")
    assert np.array_equal(students.predict(named), students.predict("tune"))


def test_scores_of_to_xarray_are_taken_back(students):
    given = students.to_xarray("tune")["concept_score"]
    assert np.array_equal(students.predict(given), students.predict("tune"))


def test_an_array_with_named_fields_is_matched_by_name(students, scores):
    assert np.array_equal(students.predict(scores.to_records()), students.predict("tune"))


@pytest.mark.torch
def test_a_tensor_with_a_gradient_is_matched_by_position(students):
    import torch

    tensor = torch.tensor(students.scores("tune"), requires_grad=True)
    assert np.array_equal(students.predict(tensor), students.predict("tune"))


def sparse(frame: pd.DataFrame):
    from scipy.sparse import csr_matrix

    return csr_matrix(frame.to_numpy())


WRONG = {
    "sparse": (sparse, r"X is scipy\.sparse\.csr_matrix.*X\.toarray\(\)"),
    "missing": (lambda x: x.drop(columns="fur"), "no column for 1 concept, the first is 'fur'"),
    "twice": (lambda x: pd.concat([x, x[["fur"]]], axis=1), "two columns with one name: 'fur'"),
    "gap": (lambda x: x.where(x != x.iloc[3, 0]), "1 NaN or infinite value, .* in row 3 .* 'eye'"),
    "mapping": (lambda x: x.to_dict("list"), "X is dict, and no table"),
    "few": (lambda x: x.to_numpy()[:, :5], r"shape \(50, 5\), not \(images, 6\)"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_scores_that_cannot_be_used_are_refused_with_the_next_step(students, scores, kind):
    change, message = WRONG[kind]
    with pytest.raises(DataError, match=message):
        students.predict(change(scores))


def as_all(convert, given):
    """Arguments of ``from_frames`` as tables of one library."""
    made = {name: convert(given[name]) for name in ("scores", "logits", "labels")}
    split = given["split"].rename("split").to_frame()
    return {**made, "split": given["split"] if convert is to_xarray else convert(split)}


@each_library
def test_a_store_is_made_of_tables_of_one_library(convert, tmp_path):
    given = as_all(convert, frames())
    made = inficond_panel.from_frames(**given, path=tmp_path / "a.zarr").tuner.store
    usual = inficond_panel.from_frames(**frames(), path=tmp_path / "b.zarr").tuner.store
    assert made.content_hash == usual.content_hash


@each_library
def test_gaps_of_labels_are_unknown_labels(convert, tmp_path):
    given = frames()
    labels = given["labels"].astype(float)
    labels.iloc[5, 1] = np.nan
    made = as_all(convert, {**given, "labels": labels})
    store = inficond_panel.from_frames(**made, path=tmp_path / "own.zarr").tuner.store
    assert np.array_equal(store.label, labels.fillna(-1).to_numpy())


def test_photos_and_metadata_may_be_tables_without_an_index(tmp_path):
    given = frames()
    ids = list(given["split"].index)
    facts = {"image_id": ids, "camera": ["a", None] * 100, "year": [2020, 2021] * 100}
    made = as_all(to_arrow, given)
    store = inficond_panel.from_frames(
        **made, metadata=pa.table(facts), path=tmp_path / "own.zarr"
    ).tuner.store
    assert (store.column("camera")[:2], store.column("year")[0]) == (["a", ""], "2020")


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(image_id=range(len(frame)))


REFUSED = {
    "numbers beside an index": (
        "scores", numbered, r'scores has a column "image_id" beside .*scores\.set_index\("image_id'
    ),
    "of metadata": ("metadata", numbered, 'metadata has a column "image_id" beside its index'),
    "no ids": (
        "scores",
        lambda x: pa.table(x.to_dict("list")),
        'scores is pyarrow.Table, which has no index, and has no column "image_id"',
    ),
    "array": (
        "scores",
        lambda x: x.to_numpy(),
        r"scores is numpy\.ndarray, expected pandas\.DataFrame, .* pandas\.DataFrame\(scores,",
    ),
    "sparse": (
        "logits", sparse, r"logits is scipy\.sparse\.csr_matrix, .*logits\.toarray\(\)"
    ),
    "series": ("labels", lambda x: x["cat"], r"labels is pandas\.Series, .*labels\.to_frame\(\)"),
    "split of two columns": (
        "split",
        lambda x: pd.DataFrame({"a": x, "b": x}),
        r"split is pandas\.DataFrame, with 2 columns, expected pandas\.Series.*split\[\[COLUMN\]\]",
    ),
    "split of two columns without an index": (
        "split",
        lambda x: pa.table({"image_id": list(x.index), "a": list(x), "b": list(x)}),
        r'split is pyarrow\.Table, with 2 columns.*split\.select\(\["image_id", COLUMN\]\)',
    ),
    "leading zeros": (
        "scores",
        lambda x: x.set_axis([str(int(i)) for i in x.index]),
        "scores has no row .*; the ids of scores lost their leading zeros: read them as text",
    ),
    "split as array": ("split", np.asarray, r"split is numpy\.ndarray, expected pandas\.Series"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_table_of_images_is_refused_with_the_call_that_converts(kind, tmp_path):
    name, change, message = REFUSED[kind]
    given = {**frames(), "metadata": pd.DataFrame({"camera": "a"}, frames()["split"].index)}
    given[name] = change(given[name])
    with pytest.raises(DataError, match=message):
        inficond_panel.from_frames(**given, path=tmp_path / "own.zarr")


def test_types_are_named_by_the_module_that_users_import():
    assert [type_name(x) for x in (pd.Series(), [], pa.table({}))] == [
        "pandas.Series", "list", "pyarrow.Table"
    ]  # fmt: skip


def test_whole_numbers_keep_their_digits_beside_a_gap():
    frame = as_table(pa.table({"image_id": ["a", "b"], "n": [2**53 + 1, None]}))
    assert frame["n"].iloc[0] == 2**53 + 1


@pytest.mark.torch
def test_numbers_of_half_precision_become_an_array():
    import torch

    assert as_array(torch.ones(2, dtype=torch.bfloat16)).tolist() == [1, 1]


@each_library
def test_answers_may_be_a_table(students, convert):
    if convert is to_xarray:
        pytest.skip("an array has one type")
    images = students.images("tune")[:12]
    table = pd.DataFrame({"answer": [1, 0] * 6}, pd.Index(images))
    given = convert(table)
    if convert in (to_polars, to_lazy):
        given = given.rename({"image_id": "image"})
    elif convert is to_arrow:
        given = given.rename_columns(["image", "answer"])
    fresh = inficond_panel.open_students(students.tuner.store.path, history=":memory:").fit()
    fresh.teach("cat", given, force=True)
    labels = [edit.image for edit in fresh.node.edits if hasattr(edit, "image")]
    assert sorted(labels) == sorted(images)


def test_what_holds_no_answers_is_refused(students):
    with pytest.raises(TuningError, match="answers is list, not answers by image"):
        students.teach("cat", [1, 0])


# The estimator.


def trained(given=None):
    given = given or frames()
    return ConceptStudents().fit(given["scores"], given["logits"])


@each_library
def test_the_estimator_knows_the_names_of_a_table(convert):
    given = frames()
    fitted = ConceptStudents().fit(convert(given["scores"]), convert(given["logits"]))
    assert (list(fitted.feature_names_in_), list(fitted.class_names_)) == (
        list(given["scores"].columns), list(given["logits"].columns)
    )  # fmt: skip


@each_library
def test_the_estimator_fits_the_same_students_of_any_table(convert):
    given = frames()
    fitted = ConceptStudents().fit(convert(given["scores"]), convert(given["logits"]))
    assert np.allclose(fitted.coef_, trained().coef_)


@each_library
def test_the_estimator_refuses_columns_in_another_order(convert):
    with pytest.raises(ValueError, match="feature names should match"):
        trained().predict(convert(frames()["scores"].iloc[:, ::-1]))


def test_columns_with_numbers_as_names_are_matched_too():
    given = frames()
    given["scores"].columns = range(6)
    with pytest.raises(ValueError, match="feature names should match"):
        trained(given).predict(given["scores"].iloc[:, ::-1])


@each_library
def test_a_score_matches_classes_by_name(convert):
    given = frames()
    fitted = trained(given)
    right = fitted.score(given["scores"], given["logits"])
    assert fitted.score(convert(given["scores"]), convert(given["logits"].iloc[:, ::-1])) == right


UNFIT = {
    "ids of a pandas frame": (
        numbered,
        lambda y: y,
        r'X has a column "image_id" .*X\.set_index\("image_id"\)'
    ),
    "ids in another order": (to_arrow, lambda y: to_arrow(y.iloc[::-1]), "sort both alike"),
    "sparse scores": (sparse, lambda y: y, r"pass X\.toarray\(\)"),
    "sparse logits": (lambda x: x, sparse, r"pass y\.toarray\(\)"),
    "names that are one": (
        lambda x: x.set_axis([0, "0", *"abcd"], axis=1), lambda y: y, "number 0 and text '0'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNFIT)
def test_the_estimator_refuses_with_the_call_that_converts(kind):
    of_x, of_y, message = UNFIT[kind]
    given = frames()
    with pytest.raises((ValueError, TypeError), match=message):
        ConceptStudents().fit(of_x(given["scores"]), of_y(given["logits"]))


def test_a_wrong_penalty_is_named_as_the_parameter():
    given = frames()
    with pytest.raises(ValueError, match=r"^lambda_ must be finite and >= 0, got -1\."):
        ConceptStudents(lambda_=[1e-4, -1]).fit(given["scores"], given["logits"])


def test_bounds_of_a_wrong_shape_are_named_as_the_parameter():
    given = frames()
    with pytest.raises(ValueError, match=r"^lower has shape \(2, 6\); .* \(6, 2\)"):
        ConceptStudents(lower=np.zeros((2, 6))).fit(given["scores"], given["logits"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_a_cross_fit_that_would_replace_logits_by_ranks_says_so(method):
    from sklearn.model_selection import cross_val_predict

    given = frames()
    with pytest.raises(AttributeError, match="take its values for classes"):
        cross_val_predict(ConceptStudents(), given["scores"], given["logits"], method=method)


def test_decisions_are_cross_fitted():
    from sklearn.model_selection import KFold, cross_val_predict

    given, folds = frames(), KFold(5)
    by_hand = np.empty(given["logits"].shape)
    for train, test in folds.split(given["scores"]):
        rows = {name: given[name].iloc[train] for name in ("scores", "logits")}
        by_hand[test] = trained(rows).predict(given["scores"].iloc[test])
    found = cross_val_predict(ConceptStudents(), given["scores"], given["logits"], cv=folds)
    assert np.array_equal(found, by_hand)
