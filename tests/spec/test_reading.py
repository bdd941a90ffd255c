"""Input that is not a file, or none of a sensible size, is told and never read to its end."""

import os
import time

import pytest

from inficond_panel.common import files
from inficond_panel.errors import DataError, SpecError
from inficond_panel.spec import load_spec
from precompute.concepts.corpus import read_corpus
from precompute.datasets.dataset import read_list
from precompute.datasets.row_tables import read_rows

#: Of CPU, a multiple of what it takes: what grows with the square of a text takes minutes.
SECONDS = 20


def told(folder, text):
    """Problems of a spec, and the seconds of CPU that it took to tell them."""
    (folder / "a.yaml").write_text(text)
    start = time.process_time()
    with pytest.raises(SpecError) as caught:
        load_spec(folder / "a.yaml", check_files=False)
    return caught.value.problems, time.process_time() - start


def odd(folder):
    """Paths that never end, or never begin, with what is said of them."""
    os.mkfifo(folder / "pipe")
    with (folder / "sparse").open("wb") as file:
        file.truncate(3 * 10**9)
    device = "it is a device or a pipe, not a file"
    return {
        folder / "pipe": device,
        "/dev/zero": device,
        "/dev/urandom": device,
        folder / "sparse": "it has more than 1 MB",
    }


def test_specs_that_never_end(tmp_path):
    for path, words in odd(tmp_path).items():
        with pytest.raises(SpecError, match=f":1:1: cannot be read \\({words}"):
            load_spec(path)


def test_tables_and_lists_that_never_end(tmp_path):
    (tmp_path / "a.csv").symlink_to("/dev/zero")
    (tmp_path / "a.parquet").symlink_to("/dev/zero")
    for name in ("a.csv", "a.parquet"):
        pytest.importorskip("pyarrow")
        with pytest.raises(DataError, match="a device or a pipe"):
            read_rows(tmp_path / name)
    for path in odd(tmp_path):
        with pytest.raises(DataError, match=r"cannot be read: it (is a device|has more than)"):
            read_list(tmp_path / path)
        with pytest.raises(DataError, match=r"cannot be read: it (is a device|has more than)"):
            read_corpus(tmp_path / path)


def test_a_row_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_ROW", 12)
    (tmp_path / "a.csv").write_text("image_id,a\n123456789012,1\n")
    _, rows = read_rows(tmp_path / "a.csv")
    with pytest.raises(DataError, match="line 2 has more than 12 characters"):
        list(rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"# {'x' * 990_000}\n", id="comment"),
        pytest.param("# x\n" * 240_000, id="comments"),
        pytest.param(f"title: [{'a b ' * 240_000}]\n", id="text"),
        pytest.param("[" * 900_000, id="brackets"),
        pytest.param("- " * 400_000, id="dashes"),
    ],
)
def test_what_is_long_is_told_in_time(tmp_path, text):
    problems, seconds = told(tmp_path, text)
    assert problems
    assert seconds < SECONDS


def test_thousands_of_unknown_keys_are_told_in_time(tmp_path):
    keys = [f"titel{i}" for i in range(8000)]
    problems, seconds = told(tmp_path, "".join(f"{key}: 1\n" for key in keys))
    assert [p.message for p in problems if "Did you mean 'title'?" in p.message]
    unknown = {p.message.partition(":")[0] for p in problems if "unknown key" in p.message}
    assert unknown == set(keys)
    assert seconds < SECONDS
