"""The key dataset.metadata: where it may stand, and what is wrong with it."""

import pytest

from inficond_panel.errors import SpecError

KEY = "  labels: labels.csv\n"


def test_a_table_below_root(folder, good):
    assert folder.load(good).dataset.metadata is None
    (folder.path / "data" / "cameras.csv").write_text("")
    spec = folder.load(good.replace(KEY, KEY + "  metadata: cameras.csv\n"))
    assert spec.dataset.metadata == folder.path / "data" / "cameras.csv"
    assert "metadata: cameras.csv" in spec.to_yaml()


def test_a_table_that_is_missing_is_told_with_its_place(folder, good):
    with pytest.raises(SpecError) as error:
        folder.load(good.replace(KEY, KEY + "  metadata: cameras.csv\n"))
    place = f"{folder.path / 'a.yaml'}:6:13: dataset.metadata: no such file: "
    assert [str(p) for p in error.value.problems] == [f"{place}{folder.path}/data/cameras.csv"]


def test_columns_are_not_named_in_the_spec(folder, good):
    with pytest.raises(SpecError, match=r"6:13: dataset\.metadata: expected the path of a file"):
        folder.load(good.replace(KEY, KEY + "  metadata: [camera]\n"))


def test_scenes_have_none(folder, good):
    scenes = "dataset: {kind: scenes, metadata: a.csv, images: {fit: 9, tune: 9, holdout: 9}}\n"
    start, end = good.index("dataset:"), good.index("concepts:")
    with pytest.raises(SpecError, match="is not used with kind: scenes; it belongs to kind: table"):
        folder.load(good[:start] + scenes + good[end:])
