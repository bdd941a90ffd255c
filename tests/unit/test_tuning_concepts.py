"""Typed concepts and the tree of iterations: each set of concepts has its own, none is lost."""

from __future__ import annotations

import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from factory import ATTRS, small_arrays, spec_text

from inficond_panel import cli
from inficond_panel.errors import TuningError
from inficond_panel.store import write_store
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.opening import add_concept, remove_concept, typed_folder, typed_of

DIGEST = "d" * 64


class Encoder:
    """Vectors drawn from the text."""

    digest = DIGEST

    def embed_text(self, texts):
        rngs = [np.random.default_rng(list(text.encode())) for text in texts]
        vectors = np.stack([rng.normal(size=24) for rng in rngs]).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("typed")
    attrs = {**ATTRS, "encoder_digest": DIGEST, "prompts": ["a photo of a {}"]}
    write_store(folder / "small.zarr", small_arrays(images=80, concepts=10, classes=2), attrs)
    (folder / "small.yaml").write_text(spec_text())
    return folder


@pytest.fixture
def spec(made, tmp_path):
    shutil.copytree(made, tmp_path / "own")
    return tmp_path / "own" / "small.yaml"


def test_they_lie_beside_the_history(spec, tmp_path):
    add_concept(open_tuner(spec, history=tmp_path / "ann.history.sqlite"), "moss", Encoder())
    assert len(list((tmp_path / "ann.concepts").glob("*.npz"))) == 1
    assert typed_of(open_tuner(spec).store) == ()
    assert typed_folder("bob.sqlite").path.name == "bob.concepts"
    kept_nowhere = open_tuner(spec, history=":memory:")
    assert typed_concepts_of(add_concept(kept_nowhere, "moss", Encoder())) == ["moss"]
    assert typed_folder(":memory:") is None


def typed_concepts_of(tuner):
    return [one.name for one in typed_of(tuner.store)]


def test_only_typed_concepts_can_be_removed(spec):
    tuner = add_concept(open_tuner(spec), "moss", Encoder())
    with pytest.raises(TuningError, match=r"no typed concept 'mos'. Did you mean 'moss'\?"):
        remove_concept(tuner, "mos")
    with pytest.raises(TuningError, match="no typed concept 'wheel'"):
        remove_concept(tuner, "wheel")


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setattr(
        "inficond_panel.commands.concept.concept_actions.text_encoder", lambda _: Encoder()
    )

    def call(*arguments):
        status = cli.main([str(a) for a in arguments])
        said = capsys.readouterr()
        return SimpleNamespace(status=status, out=said.out, err=said.err)

    return call


def test_the_command(spec, run):
    assert "No concept was typed" in run("concept", "list", spec).out
    added = run("concept", "add", spec, "red bus, scarlet bus")
    assert added.out.startswith("Added red bus (scarlet bus): scores 0.")
    assert "nearest concepts: " in added.out
    document = json.loads(run("concept", "list", spec, "--json").out)
    assert document["typed"][0]["synonyms"] == ["scarlet bus"]
    assert document["root"] == open_tuner(spec).root_id
    assert document["store_hash"] == open_tuner(spec).store.content_hash
    again = run("concept", "add", spec, "Red bus")
    assert (again.status, again.out) == (1, "")
    assert "'red bus' already exists" in again.err
    assert run("concept", "remove", spec, "red bus").status == 0
    assert json.loads(run("concept", "list", spec, "--json").out)["typed"] == []


def test_a_history_replayed_elsewhere_takes_its_concepts_along(spec, run, tmp_path):
    run("concept", "add", spec, "red bus")
    tuner = open_tuner(spec)
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "red bus", "remove")])
    assert run("history", "replay", spec, tmp_path / "new.sqlite").status == 0
    there = open_tuner(spec, history=tmp_path / "new.sqlite")
    assert [found.id for found in there.nodes()] == [tuner.root_id, node.id]


def test_without_the_encoder_it_is_said_what_is_missing(spec, capsys):
    pytest.importorskip("torch")
    assert cli.main(["concept", "add", str(spec), "red bus"]) == 1
    assert "weights.pt" in capsys.readouterr().err


def test_without_the_extra_it_is_said_what_to_install(spec, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "precompute.encoder", None)
    assert cli.main(["concept", "add", str(spec), "red bus"]) == 1
    assert "[precompute]'" in capsys.readouterr().err
    assert cli.main(["concept", "list", str(spec)]) == 0
