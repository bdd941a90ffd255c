"""Input that is not a file, or none of a sensible size, is told and never read to its end."""

import os
import time
from pathlib import Path

import pytest

from inficond_panel.common import files
from inficond_panel.errors import DataError, SpecError
from inficond_panel.spec import load_spec
from precompute.concepts.corpus import read_corpus
from precompute.datasets.splits import read_list
from precompute.datasets.table_files import read_rows

#: Of CPU, a multiple of what it takes: what grows with the square of a text takes minutes.
SECONDS = 20


def told(folder, text):
    """Problems of a spec, and the seconds of CPU that it took to tell them."""
    (folder / "a.yaml").write_text(text)
    start = time.process_time()
    with pytest.raises(SpecError) as caught:
        load_spec(folder / "a.yaml", check_files=False)
    return caught.value.problems, time.process_time() - start


def test_what_never_ends_or_never_begins_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(3 * 10**9)
    device = "it is a device or a pipe, not a file"
    odd = dict.fromkeys((tmp_path / "pipe", Path("/dev/zero"), Path("/dev/urandom")), device)
    for path, words in {**odd, tmp_path / "sparse": "it has more than 1 MB"}.items():
        with pytest.raises(SpecError, match=f":1:1: cannot be read \\({words}"):
            load_spec(path)
        for read in (read_list, read_corpus):
            with pytest.raises(DataError, match=r"cannot be read: it (is a device|has more than)"):
                read(path)
    pytest.importorskip("pyarrow")
    for name in ("a.csv", "a.parquet"):
        (tmp_path / name).symlink_to("/dev/zero")
        with pytest.raises(DataError, match="a device or a pipe"):
            read_rows(tmp_path / name)


def test_a_row_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_ROW", 12)
    (tmp_path / "a.csv").write_text("image_id,a\n123456789012,1\n")
    _, rows = read_rows(tmp_path / "a.csv")
    with pytest.raises(DataError, match="line 2 has more than 12 characters"):
        list(rows)


LONG = {
    "comment": f"# {'x' * 990_000}\n",
    "comments": "# x\n" * 240_000,
    "text": f"title: [{'a b ' * 240_000}]\n",
    "brackets": "[" * 900_000,
    "dashes": "- " * 400_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
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
