"""Weights from files: nested or not, read without running code, loaded to the last tensor."""

import argparse
import shlex
import subprocess
import sys

import numpy as np
import pytest

from inficond_panel.errors import DataError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def state_of(seed=0):
    torch.manual_seed(seed)
    return {k: v.clone() for k, v in torch.nn.Linear(3, 2).state_dict().items()}


def test_safetensors_are_read(tmp_path):
    from safetensors.torch import save_file

    from inficond_panel.store.network_weights import read_state

    save_file(state_of(), tmp_path / "a.safetensors")
    assert torch.equal(read_state(tmp_path / "a.safetensors")["weight"], state_of()["weight"])
    (tmp_path / "a.safetensors").write_bytes(b"no such thing")
    with pytest.raises(DataError, match="cannot be read as weights"):
        read_state(tmp_path / "a.safetensors")


class Harmful:
    def __reduce__(self):
        return print, ("this must not run",)


def test_objects_are_refused_and_the_remedy_converts_the_file(tmp_path, capfd):
    from inficond_panel.store.network_weights import read_state

    published = {
        "state_dict": state_of(),
        "best": np.float64(0.849),
        "args": argparse.Namespace(lr=1),
    }
    torch.save({**published, "x": Harmful()}, tmp_path / "check point.pkl")
    with pytest.raises(DataError, match="could run code") as told:
        read_state(tmp_path / "check point.pkl")
    assert "this must not run" not in capfd.readouterr().out
    command = shlex.split(told.value.remedy.splitlines()[-1])
    assert command[0] == "python"
    subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, check=True)
    read = read_state(tmp_path / "check point.safetensors")
    assert torch.equal(read["bias"], state_of()["bias"])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (torch.nn.Linear(3, 2), "could run code"),
        ([1, 2], "not a state_dict"),
        ({"epoch": 3}, "not a state_dict"),
    ],
)
def test_what_is_no_state_dict_is_told(tmp_path, content, fault):
    from inficond_panel.store.network_weights import read_state

    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(DataError, match=fault):
        read_state(tmp_path / "a.pt")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04"])
def test_damaged_files_are_told(tmp_path, content):
    from inficond_panel.store.network_weights import read_state

    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.pt"):
        read_state(tmp_path / "a.pt")
    with pytest.raises(DataError, match=r"cannot be read"):
        read_state(tmp_path / "b.pt")
