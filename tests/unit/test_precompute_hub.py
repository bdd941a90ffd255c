"""Downloads: only what the spec names, and what to do on a machine without network."""

import json
import shutil
import socket
import ssl
from unittest.mock import Mock
from urllib.error import URLError

import numpy as np
import pytest
from precompute_factory import CONV, VIT, photo, photo_set, tiny_encoder

from inficond_panel.cli import main
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from precompute import encoder as encoders
from precompute.encoder import encoder_digest, encoder_name, fetch_encoder, load_encoder
from precompute.encoder.hub import check_answer, fetch_model

pytest.importorskip("torch")

import open_clip
from huggingface_hub import constants, hf_hub_download
from open_clip import factory, pretrained

pytestmark = [pytest.mark.torch, pytest.mark.commands]

SIGLIP = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "interpolation": "bilinear"}


@pytest.fixture
def asked(monkeypatch):
    """No network: what a socket is asked to reach."""
    hosts = []

    def refuse(socket_or_host, *address, **_):
        hosts.append(address)
        raise socket.gaierror("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    # The hub's client tries again and again, each time later.
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    return hosts


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A model that open_clip knows by the name tiny, with tags; its files are not on the hub."""
    section = tiny_encoder(tmp_path / "e", VIT)
    config = factory.get_model_config(f"local-dir:{section.model}")
    monkeypatch.setitem(factory._MODEL_CONFIGS, "tiny", config)
    tags = {
        "one": {"hf_hub": "some/tiny/", **SIGLIP},
        "quick": {"hf_hub": "some/tiny-quick/", "quick_gelu": True, **SIGLIP},
        "file": {"hf_hub": "some/tiny/tiny-7.pt", **SIGLIP},
    }
    monkeypatch.setitem(pretrained._PRETRAINED, "tiny", tags)
    assert "tiny" in open_clip.list_models()
    return section


def cache(monkeypatch, tmp_path, repository, files):
    home = tmp_path / "cache"
    snapshot = home / f"models--{repository.replace('/', '--')}" / "snapshots" / "0"
    refs = snapshot.parents[1] / "refs"
    for folder in (snapshot, refs):
        folder.mkdir(parents=True)
    (refs / "main").write_text(snapshot.name)
    for path in files:
        shutil.copy(path, snapshot / path.name.replace("weights", "open_clip_model"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home))
    return snapshot


def test_what_a_library_would_ask_beside_the_spec_needs_a_folder(named, asked, monkeypatch):
    monkeypatch.setattr(
        open_clip, "get_tokenizer", lambda _: hf_hub_download("some/tokenizer", "tokenizer.json")
    )
    section = OpenClipEncoder(model="tiny", pretrained=named.pretrained)
    with pytest.raises(DataError) as told:
        load_encoder(section)
    assert "tokenizer.json and tokenizer_config.json into a folder" in told.value.remedy
    assert asked == []
    other = {"hf_hub": "some/other/", "mean": (0.1, 0.2, 0.3)}
    monkeypatch.setitem(pretrained._PRETRAINED["tiny"], "other", other)
    with pytest.raises(DataError, match="differ in their preprocessing") as told:
        load_encoder(OpenClipEncoder(model="tiny", pretrained=named.pretrained))
    assert "into a folder with their open_clip_config.json" in told.value.remedy


@pytest.mark.parametrize(
    ("model", "tag"), [("tiny", "one"), ("hf-hub:some/model", None), ("tiny", "silent")]
)
def test_a_server_that_never_answers_is_not_waited_for(named, monkeypatch, model, tag):
    monkeypatch.setattr("precompute.encoder.hub._PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        tags = pretrained._PRETRAINED["tiny"]
        monkeypatch.setitem(tags, "silent", {"url": f"{address}/tiny.pt", **SIGLIP})
        with pytest.raises(DataError, match=r"failed: TimeoutError: no answer within 0.5 s"):
            fetch_encoder(OpenClipEncoder(model=model, pretrained=tag))


def test_what_was_downloaded_is_loaded_without_asking(named, asked, monkeypatch, tmp_path):
    section = OpenClipEncoder(model="tiny", pretrained="one")
    before = encoder_digest(section)
    cache(monkeypatch, tmp_path, "some/tiny", [named.pretrained])
    fetch_encoder(section)
    encoder = load_encoder(section)
    assert (encoder.name, encoder.mean) == ("tiny (one)", SIGLIP["mean"])
    assert encoder_digest(section) != before  # of the weights now
    assert encoders.encoder_inputs(section)["digest"] == encoder.text.digest
    section = OpenClipEncoder(model="hf-hub:some/model")
    before = encoder_digest(section)
    files = [named.model / "open_clip_config.json", named.pretrained]
    cache(monkeypatch, tmp_path, "some/model", files)
    encoder, folder = load_encoder(section), load_encoder(named)
    pixels = [each.prepare(photo(0))[None] for each in (encoder, folder)]
    np.testing.assert_array_equal(encoder.dense(pixels[0]), folder.dense(pixels[1]))
    assert encoder_name(section) == "hf-hub:some/model"
    assert encoder_digest(section) == encoder_digest(named) != before
    assert asked == []


def test_a_server_whose_certificate_is_not_trusted_is_left_to_the_client(monkeypatch):
    untrusted = URLError(ssl.SSLCertVerificationError("self-signed certificate"))
    asked = Mock(side_effect=untrusted)
    monkeypatch.setattr("precompute.encoder.hub.urlopen", asked)
    check_answer("https://hub.test/api/models/some/tiny")
    assert asked.call_args.args[0].get_method() == "HEAD"  # of a file only its header is fetched


def test_half_a_download_of_several_files_is_completed(monkeypatch, tmp_path):
    weights = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    files = [tmp_path / "config.json", tmp_path / "model.safetensors.index.json"]
    for file, content in zip(files, ({}, {"weight_map": weights}), strict=True):
        file.write_text(json.dumps(content))
    snapshot = cache(monkeypatch, tmp_path, "some/large", files)
    (snapshot / weights["a"]).touch()

    def download(model):
        (snapshot / weights["b"]).touch()
        return snapshot

    monkeypatch.setattr("precompute.encoder.hub._download", download)
    assert fetch_model("hf-hub:some/large") == snapshot
    assert (snapshot / weights["b"]).is_file()
    monkeypatch.setattr("precompute.encoder.hub._download", None)  # all is here now
    assert fetch_model("hf-hub:some/large") == snapshot


def test_the_way_from_a_folder_to_a_decision_asks_no_network(tmp_path, asked, monkeypatch, capsys):
    photo_set(tmp_path)
    tiny_encoder(tmp_path / "encoder", CONV)
    monkeypatch.chdir(tmp_path)
    made = ["init", "photos", "--encoder", "encoder", "--teacher", "head", "--output", "own.yaml"]
    for command in (
        made,
        ["check", "own.yaml"],
        ["precompute", "own.yaml", "--plan"],
        ["precompute", "own.yaml"],
        ["metrics", "own.yaml"],
        ["predict", "own.yaml", "photos/images/00003.jpg"],
    ):
        assert main(command) == 0, capsys.readouterr().err
        assert asked == [], command
    named = [*made[:3], "ViT-B-32:openai", *made[4:-1], "named.yaml"]  # files are not there
    assert main(named) == main(["precompute", "named.yaml", "--plan"]) == 0
    assert asked == []
    assert main(["precompute", "named.yaml"]) == 1
    assert asked
