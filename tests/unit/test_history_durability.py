"""Work that was reported as done is in the history, whatever happens to the process."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import writers
from factory import small_spec
from histories import make_node

from inficond_panel.tuning import History, open_tuner

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.server,
]

ROOT = make_node()
KILLS_OF_A_WRITER, FILES, KILLS_OF_A_TUNER = 24, 6, 6


class Workers:
    """Processes of ``writers.py``, one at a time, to be killed."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process

    def start(self, work: str, *arguments: object) -> None:
        self.process.stdin.write(json.dumps([work, *arguments]).encode() + b"\n")
        self.process.stdin.flush()
        self.child = self.read()

    def read(self) -> Any:
        return json.loads(self.process.stdout.readline())

    def kill(self) -> list[Any]:
        """Kill the child; what it had reported since the last ``read``."""
        os.kill(self.child, signal.SIGKILL)
        return list(iter(self.read, "end"))

    def killed(self, rng: random.Random, work: str, *arguments: object) -> list[Any]:
        """Kill a child at a random moment; everything that it had reported until then."""
        self.start(work, *arguments)
        reported = [self.read() for _ in range(rng.choice([0, 0, 1, 2, 5]))]
        time.sleep(rng.uniform(0, 0.02))  # the moment of the kill, at random
        return reported + self.kill()


@pytest.fixture(scope="module")
def workers():
    command, pipe = [sys.executable, writers.__file__], subprocess.PIPE
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=paths) as process:
        yield Workers(process)  # whose input is closed, so that it ends


def stored_facts(path: str | Path, root: str) -> list[Any]:
    """Of all nodes of a history; reading them checks hashes, numbers and the chain of events."""
    nodes = History(path).nodes(root, deleted=True)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    return [writers.facts(node) for node in nodes]


def expect(stored: list[Any], before: list[Any], reported: list[Any]) -> None:
    """Nothing is lost: neither of before nor of what was reported since, which is in order."""
    assert stored[: len(before)] == before
    new = stored[len(before) :]
    assert new[: len(reported)] == reported
    assert len(new) <= len(reported) + 1  # at most the one that was not yet reported


def test_a_writer_killed_at_any_moment_loses_nothing_reported(workers, tmp_path):
    rng, total = random.Random(0), 0
    done: dict[Path, list[Any]] = {tmp_path / f"{i}.sqlite": [] for i in range(FILES)}
    for kill in range(KILLS_OF_A_WRITER):
        path = rng.choice(list(done))
        reported = workers.killed(rng, "write", str(path), kill)
        stored = stored_facts(path, ROOT.id)
        expect(stored, done[path] or stored[:1], reported)  # the root is not reported
        if reported:
            moves = [e.node for e in History(path).events(ROOT.id) if e.kind == "fine-tune"]
            assert reported[-1][0] in moves[-2:]
        done[path], total = stored, total + len(reported)
    assert total >= KILLS_OF_A_WRITER


def test_a_tuner_killed_at_any_moment_loses_no_iteration(workers, tmp_path):
    spec = small_spec(tmp_path, images=80, concepts=10, classes=2)
    tuner, rng = open_tuner(spec), random.Random(1)
    stored, path = [writers.facts(tuner.root())], tuner.history.path
    for kill in range(KILLS_OF_A_TUNER):
        reported = workers.killed(rng, "tune", str(spec), kill)
        before, stored = stored, stored_facts(path, tuner.root_id)
        expect(stored, before, reported)
        if reported:
            assert History(path).head(tuner.root_id) in {reported[-1][0], stored[-1][0]}


def test_a_forked_child_opens_the_file_anew(tmp_path):
    history = History(tmp_path / "h.sqlite")
    history.add(ROOT)
    child, status = os.fork(), 1
    if child == 0:
        try:
            history.add(make_node("child", ROOT))
            history.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    history.add(make_node("parent", ROOT))
    names = [make_node(label, ROOT).id for label in ("child", "parent")]
    assert [node.id for node in history.nodes(ROOT.id)] == [ROOT.id, *names]
