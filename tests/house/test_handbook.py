"""ARCHITECTURE.md and CONTRIBUTING.md name what is in the tree, and say where it is."""

import re
from pathlib import Path

import pytest
from modules import ROOT
from test_imports import ARROWS

CHANGES = "CONTRIBUTING.md"
PAGES = ("ARCHITECTURE.md", CHANGES, "THIRD-PARTY-NOTICES.md")
FORMS = (".py", ".js", ".css", ".md", ".toml", ".yaml", ".cff", ".txt", ".woff2", ".zarr")
#: A name and the file that it is in: ``(`name`, `file`)`` or ```name` (`file`)``.
PLACED = re.compile(r"`([\w.]+)`(?:,| \()\s*`([\w./-]+\.(?:py|js))`")
WORD = re.compile(r"`([^`\n]+)`")
ROW = re.compile(r"^\| (`.+?`) \| (.+) \|$", re.MULTILINE)
#: Paths of other repositories.
FOREIGN = {"data/broden_labels_clean.txt"}


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def is_path(word):
    """Words with a slash or a file's ending, but for placeholders such as ``STORE.partial``."""
    return bool(re.fullmatch(r"[\w.-]+(/[\w.-]*)*", word)) and ("/" in word or word.endswith(FORMS))


def paths_in(text):
    return [word for word in WORD.findall(text) if is_path(word) and word not in FOREIGN]


def told_in_tables():
    """Files and words of each row of CONTRIBUTING.md's tables."""
    rows = [(paths_in(files), WORD.findall(told)) for files, told in ROW.findall(read(CHANGES))]
    return [pytest.param(files, words, id=files[0]) for files, words in rows if files]


@pytest.mark.parametrize("page", PAGES)
def test_paths_are_there(page):
    """From the root, or below the folder that the line begins with."""
    lost = []
    for line in read(page).splitlines():
        paths = paths_in(line)
        places = [ROOT, ROOT / paths[0]] if paths else []
        lost += [path for path in paths if not any((place / path).exists() for place in places)]
    assert lost == []
    assert paths_in(read(page))


@pytest.mark.parametrize(("files", "words"), told_in_tables())
def test_files_hold_what_the_lists_say(files, words):
    """Each word is in one of the files at least, and each file has one of the words."""
    texts = {file: read(file) for file in files}
    assert [word for word in words if not any(word in text for text in texts.values())] == []
    idle = [file for file, text in texts.items() if not any(word in text for word in words)]
    assert idle == [] or not words


def test_a_kind_of_change_has_its_files():
    """Each is a row with its name, and rows of files below."""
    changes = read(CHANGES).split("## Kinds of change")[1].split("\n## ")[0]
    _, *parts = re.split(r"^\| \*\*.+\*\* \| \|$", changes, flags=re.MULTILINE)
    assert len(parts) > 15
    assert all(ROW.search(part) for part in parts)


def test_functions_on_the_way_are_where_the_map_says():
    placed = PLACED.findall(read("ARCHITECTURE.md"))
    lost = [
        (name, file)
        for name, file in placed
        if not re.search(rf"\b{name.split('.')[-1]}\b", (ROOT / file).read_text(encoding="utf-8"))
    ]
    assert lost == []
    assert len(placed) > 20


def test_the_map_has_every_room_above_those_that_import_it():
    """Its table goes from the ground up, as the arrows of ``test_imports`` do."""
    table = read("ARCHITECTURE.md").split("## Rooms")[1].split("## The way")[0]
    order = [
        Path(path).stem
        for row in re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
        for path in paths_in(row)
    ]
    rows = {room: room.split(".")[0] for room in ARROWS if not room.startswith(("_", "precompute"))}
    assert {*rows.values()} <= set(order)
    for room, row in rows.items():
        others = {rows[other] for other in ARROWS[room] & rows.keys()}
        later = [other for other in others if order.index(other) > order.index(row)]
        assert later == [], room


def test_make_has_the_targets_that_are_named():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", read(CHANGES)))
    assert named - targets == set()
    assert "test-fast" in named


def test_test_files_that_make_names_are_there():
    listed = re.findall(r"addprefix (tests/\w+/test_),([^)]*)\)", read("Makefile"))
    files = [
        f"{prefix}{name}" for prefix, names in listed for name in names.split() if name != "\\"
    ]
    assert len(files) > 20
    assert [file for file in files if not (ROOT / file).exists()] == []
