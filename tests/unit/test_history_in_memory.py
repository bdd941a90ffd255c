"""A history in memory, ``:memory:``: no command keeps an iteration or makes a file."""

import os

import pytest
from spread_shortcut import shifted_frames

from inficond_panel import from_frames
from inficond_panel.commands.serve import server
from inficond_panel.errors import InficondError
from inficond_panel.spec import load_spec
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.replay import _earlier

pytestmark = [pytest.mark.commands, pytest.mark.server]

EDITS = "- - {class: truck, concept: wheel, direction: up}\n"
COMMANDS = {
    "distill": ("distill", "own.zarr"),
    "tune": ("tune", "own.zarr", "--edits", "edits.yaml"),
    "metrics": ("metrics", "own.zarr", "--class", "truck", "--draws", 20),
    "export": ("export", "own.zarr", "--format", "npz", "--output", "out"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    from_frames(**shifted_frames(400, fit=200, seed=1), path=folder / "own.zarr")
    (folder / "edits.yaml").write_text(EDITS)
    return folder


@pytest.fixture
def here(made, monkeypatch):
    monkeypatch.chdir(made)
    monkeypatch.delenv("INFICOND_HISTORY", raising=False)
    return made


def files(folder):
    return {path.name for path in folder.iterdir()} - {"out"}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_leaves_no_history(command, here, run):
    before = files(here)
    status, _, err = run(*command, "--history", ":memory:")
    assert status == 0, err
    assert files(here) == before


def test_the_store_is_described_without_a_history(here, monkeypatch, run):
    monkeypatch.setenv("INFICOND_HISTORY", ":memory:")
    status, _, err = run("info", "own.zarr")
    assert status == 0, err


@pytest.mark.parametrize("action", ["list", "undo", "show"])
def test_an_empty_history_is_not_asked_for_iterations(action, here, run):
    more = ("--node", 1) if action == "show" else ()
    status, _, err = run("history", action, "own.zarr", "--history", ":memory:", *more)
    assert (status, "Name the file of a history" in err) == (1, True)


@pytest.fixture
def served(here, monkeypatch):
    monkeypatch.setenv("INFICOND_HISTORY", "")
    server.set_history(":memory:")
    return here


def test_a_server_has_the_history_in_memory(served):
    assert open_tuner("own.zarr").history.path == ":memory:"


def test_a_server_that_is_checked_makes_no_file(served):
    before = files(served)
    server.check_spec("own.zarr", distill=True)
    assert files(served) == before


def test_several_processes_cannot_share_memory(served):
    with pytest.raises(InficondError, match="belongs to one process"):
        server.check_spec("own.zarr", 2)


def test_the_demo_takes_it_from_the_environment(here, monkeypatch):
    monkeypatch.setenv("INFICOND_HISTORY", ":memory:")
    server.set_history(os.environ["INFICOND_HISTORY"])
    assert os.environ["INFICOND_HISTORY"] == ":memory:"


def test_a_spec_may_name_it(here):
    (here / "own.yaml").write_text('title: own\nstore: own.zarr\nhistory: ":memory:"\n')
    assert load_spec(here / "own.yaml").history == ":memory:"


def test_what_is_replaced_is_saved_in_a_file_of_another_name():
    assert not _earlier(":memory:").name.startswith(":memory:")
