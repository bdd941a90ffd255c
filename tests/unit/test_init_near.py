"""Flags of inficond init on near-equal images: of three tables, a table of captions, a folder."""

import pandas as pd
import pytest
from test_init import FORM, data, home, init, refused  # noqa: F401
from test_near_duplicates import films, wide_frames

from inficond_panel.cli import main
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from precompute.datasets import load_dataset

pytestmark = pytest.mark.commands


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Three tables with their splits, of which the second row, of fit as the first one, is its
    copy; and the films of all rows, two of a split each."""
    monkeypatch.chdir(tmp_path)
    given = wide_frames(1)
    for name in ("scores", "logits", "labels"):
        given[name].iloc[1] = given[name].iloc[0]
    for name, one in (given | {"films": films(given)}).items():
        frame = one.to_frame("split") if name == "split" else one
        frame.rename_axis("image_id").to_csv(f"{name}.csv")


@pytest.mark.parametrize(
    ("flags", "groups"),
    [
        ([], 1),
        (["--near-duplicates", "false"], 0),
        (["--metadata", "films.csv", "--near-duplicates", "film"], 200),
    ],
)
def test_near_equal_rows_are_found_denied_or_named_as_in_python(tables, flags, groups):
    assert main(["init", *FORM, *flags]) == 0
    assert open_store("own.zarr").near_images.groups == groups


def test_a_copy_in_another_split_is_refused_with_the_flags_that_help(tables, capsys):
    split = pd.read_csv("split.csv", dtype=str, index_col="image_id")
    split.iloc[1] = "tune"
    split.to_csv("split.csv")
    told = refused(capsys, *FORM)
    assert "To allow them: --across-splits allow." in told
    assert "If they are no copies: --near-duplicates false" in told
    assert main(["init", *FORM, "--across-splits", "allow"]) == 0
    assert len(open_store("own.zarr").near_images.across) == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["film"], "--metadata TABLE is missing, with the column of --near-duplicates"),
        (["reel", "--metadata", "films.csv"], "names 'reel'; columns of metadata: 'film'"),
    ],
)
def test_a_column_that_is_not_there_is_told(tables, capsys, flags, message):
    assert message in refused(capsys, *FORM, "--near-duplicates", *flags)


CAPTIONS = [f"{at},a fox by the {place}" for at, place in enumerate(["fence", "tree", "gate"] * 80)]


@pytest.fixture
def captions(tmp_path, monkeypatch):
    """A table of 240 captions of 120 films, two of each."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{row},{at % 2},f{at // 2}" for at, row in enumerate(CAPTIONS)]
    (tmp_path / "seen.csv").write_text("\n".join(["id,caption,fox,film", *rows]))


def test_shares_of_captions_take_a_film_whole(captions):
    assert main(["init", "seen.csv", "--near-duplicates", "film"]) == 0
    section = load_spec("seen.yaml").dataset
    assert (section.near_duplicates, section.metadata) == ("film", ["film"])
    dataset = load_dataset(section)
    splits = pd.Series(dataset.split).groupby(list(dataset.group)).nunique()
    assert (len(splits), set(splits)) == (120, {1})


def test_false_is_of_three_tables_alone(captions, capsys):
    told = refused(capsys, "seen.csv", "--near-duplicates", "false")
    assert "--near-duplicates false is only for the three tables" in told


def test_of_a_folder_the_spec_has_both_keys(data, capsys):  # noqa: F811
    ids = sorted(path.stem for path in data.rglob("*.jpg"))
    rows = [f"{name},reel {at // 2}" for at, name in enumerate(ids)]
    (data / "facts.csv").write_text("\n".join(["image_id,film", *rows]))
    flags = "--near-duplicates", "film", "--across-splits", "allow"
    section = init(capsys, "data", *flags)[0].dataset
    assert (section.near_duplicates, section.across_splits) == ("film", "allow")


def test_a_column_that_a_folder_lacks_is_named(data, capsys):  # noqa: F811
    told = refused(capsys, "data", "--near-duplicates", "reel")
    assert "dataset.near_duplicates names the column 'reel'" in told
