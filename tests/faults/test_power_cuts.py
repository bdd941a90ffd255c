"""After a power cut at any moment a history opens, and holds every iteration that was reported."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from histories import make_node
from power import Operation, cut, record

from inficond_panel.tuning import History

WAYS = ("synced", "all", "some", "torn")
#: Iterations, moves, notes; an iteration is reported when the method has returned. Closing the
#: file in between writes the log back into it.
WORK = """
import os, sys
from histories import make_node
from inficond_panel.tuning import History

folder = sys.argv[1]
told = os.open(f"{folder}/reported", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
history = History(f"{folder}/h.sqlite")
parent = history.add(make_node())
for number in range(40):
    node = history.add(make_node(f"n{number}", parent, seed=number))
    os.write(told, f"{node.id} ".encode())
    history.set_head(parent.root, node.id, "fine-tune")
    history.set_note(node.id, "x" * 3000)
    parent = node if number % 3 else parent
    if number % 9 == 8:
        history.close()
"""


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> list[Operation]:
    work, folder = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        return record(WORK, folder, work, str(folder))


def named(files: Mapping[str, bytes], name: str) -> str:
    return next((path for path in files if path.endswith(name)), "")


def reported(operations: list[Operation], moment: int) -> set[str]:
    told = [one.content for one in operations[:moment] if one.path.endswith("reported")]
    return set(b"".join(told).decode().split())


def check(operations: list[Operation], moment: int, how: str, place: Path, seed: str) -> None:
    files = cut(operations, moment, how, random.Random(seed))
    place.mkdir()
    for path, content in files.items():
        (place / Path(path).name).write_bytes(content)
    history = History(place / "h.sqlite")
    root = make_node().id
    nodes = history.nodes(root, deleted=True)  # checks every checksum and the chain of events
    missing = reported(operations, moment) - {node.id for node in nodes}
    assert not missing, f"{how} before operation {moment}"
    parent = nodes[-1] if nodes else history.add(make_node())
    assert history.add(make_node("after", parent)).number == max(len(nodes), 1)
    history.close()


def test_the_record_holds_what_was_written(operations, tmp_path) -> None:
    """Without a power cut the rebuilt files are a history of 41 nodes; syncs were recorded."""
    assert len(reported(operations, len(operations))) == 40
    check(operations, len(operations), "all", tmp_path / "whole", "0")
    assert sum(one.kind == "s" for one in operations) > 120  # one for each change at least


def test_a_history_that_was_never_synced_would_be_found(operations, tmp_path) -> None:
    """The test can fail: with its syncs left out of the record reported iterations are missing."""
    unsafe = [one for one in operations if one.kind != "s"]
    with pytest.raises(Exception, match=r"synced before|damaged|not a history"):
        check(unsafe, len(unsafe), "synced", tmp_path / "unsafe", "0")


def test_nothing_reported_is_lost_in_a_power_cut(operations, mutants, tmp_path) -> None:
    for number, (name, generator) in enumerate(mutants.generators(40)):
        moment = generator.randrange(len(operations) + 1)
        for how in WAYS:
            check(operations, moment, how, tmp_path / f"{number}-{how}", name)
