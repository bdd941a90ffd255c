"""Checkpoints as trainers save them: which are read, and what the others are told."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("open_clip")

import torch

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from inficond_panel.store.network_weights import load_strictly, read_state
from precompute.encoder.source import find_source

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")]


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Linear(4, 2))


WEIGHTS = network().state_dict()


def named(prefix):
    return {prefix + name: value for name, value in WEIGHTS.items()}


OTHER = {"criterion.weight": torch.ones(2)}
READ = {
    "torch's tutorial": {"model_state_dict": WEIGHTS, "optimizer_state_dict": {"state": {}}},
    "net": {"net": WEIGHTS, "acc": 0.9, "epoch": 3},
    "net beside an average": {"net": WEIGHTS, "ema": named("x.")},
    "net beside tensors of the optimizer": {"net": WEIGHTS, "optimizer": {"a": torch.ones(1)}},
    "DeepSpeed": {"module": WEIGHTS, "ds_version": "1"},
    "parallel": named("module."),
    "compiled": named("_orig_mod."),
    "parallel and compiled": named("module._orig_mod."),
    "Lightning": {"state_dict": named("model."), "pytorch-lightning_version": "2"},
    "Lightning with a loss": {"state_dict": {**named("model."), **OTHER}},
    "Lightning with another name": {"state_dict": {**named("net."), **OTHER}},
    "Lightning, compiled, with a loss": {"state_dict": {**named("net._orig_mod."), **OTHER}},
    "the epoch beside the weights": {**WEIGHTS, "epoch": 5},
}


@pytest.mark.parametrize("trainer", READ)
def test_weights_of_a_trainer_are_read(tmp_path, trainer):
    torch.save(READ[trainer], tmp_path / "a.pt")
    empty = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Linear(4, 2))
    load_strictly(empty, read_state(tmp_path / "a.pt"), tmp_path / "a.pt", "")
    assert all(torch.equal(value, WEIGHTS[name]) for name, value in empty.state_dict().items())


def fault(tmp_path, content, name="a.pt"):
    """Message and remedy for a checkpoint that cannot be loaded."""
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        torch.save(content, tmp_path / name)
    with pytest.raises(DataError) as told:
        load_strictly(network(), read_state(tmp_path / name), tmp_path / name, "Next step.")
    return told.value


class Harmful:
    def __reduce__(self):
        return print, ("this must not run",)


NOT_READ = {
    "two networks": {"state_dict": {**named("student."), **named("teacher.")}},
    "another network": {"state_dict": {"x": torch.ones(2)}},
    "very many tensors": {f"k{i}": torch.ones(1) for i in range(500)},
    "other objects": {"state_dict": WEIGHTS, "x": Harmful()},
    "a whole model": network(),
    "a list": [WEIGHTS],
    "no file of torch": b"<html>not found</html>",
    "text": b"hello",
    "a cut file": b"PK\x03\x04",
    "nothing": b"",
}


@pytest.mark.parametrize("what", NOT_READ)
def test_the_message_names_the_file(tmp_path, what):
    assert str(tmp_path / "a.pt") in fault(tmp_path, NOT_READ[what]).message


@pytest.mark.parametrize("what", NOT_READ)
def test_the_message_is_short(tmp_path, what):
    assert len(fault(tmp_path, NOT_READ[what]).message.replace(str(tmp_path), "")) < 300


@pytest.mark.parametrize("what", NOT_READ)
def test_the_message_gives_no_advice_of_torch(tmp_path, what):
    message = fault(tmp_path, NOT_READ[what]).message
    assert not {"weights_only", "Re-running", "torch.load"} & set(message.split())


@pytest.mark.parametrize("what", NOT_READ)
def test_there_is_a_next_step(tmp_path, what):
    assert fault(tmp_path, NOT_READ[what]).remedy


def test_torchscript_is_named_as_torchscript(tmp_path):
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(tmp_path / "a.pt"))
    with pytest.raises(DataError, match="holds TorchScript, not only weights"):
        read_state(tmp_path / "a.pt")


@pytest.mark.parametrize("config", ["", "{", "[]", "{}", json.dumps({"model_cfg": 3})])
def test_a_broken_configuration_is_not_called_broken_weights(tmp_path, config):
    (tmp_path / "open_clip_config.json").write_text(config)
    torch.save(WEIGHTS, tmp_path / "open_clip_model.pt")
    with pytest.raises(DataError, match=r"open_clip_config\.json is not a configuration of"):
        find_source(OpenClipEncoder(model=tmp_path))
