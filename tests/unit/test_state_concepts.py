"""Concepts typed on the page: what is told, what is carried on, and what stays as it was."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, EMBED, small_arrays, spec_text

import inficond_panel.app
from inficond_panel.app import Explorer
from inficond_panel.errors import CancelledError, MissingExtraError, Problem, SpecError
from inficond_panel.results.concept_rows import concept_rows
from inficond_panel.state import AppState, Jobs, Status
from inficond_panel.store import write_store
from inficond_panel.tuning import Intent, open_tuner, shared_tuner
from inficond_panel.tuning.opening import typed_of

DIGEST = "d" * 64


class Encoder:
    """A vector from the text; that of 'wheels' is nearly the one of 'wheel'."""

    digest = DIGEST

    def __init__(self, near: np.ndarray, fault: Exception | None = None) -> None:
        self.near, self.fault = near, fault

    def check(self) -> None:
        if self.fault:
            raise self.fault

    def embed_text(self, texts):
        vectors = [self._vector(text) for text in texts]
        return np.stack(vectors).astype(np.float32)

    def _vector(self, text: str) -> np.ndarray:
        drawn = np.random.default_rng(list(text.encode())).normal(size=EMBED)
        vector = self.near + 0.01 * drawn if "wheels" in text else drawn
        return vector / np.linalg.norm(vector)


@pytest.fixture
def spec(tmp_path):
    attrs = {
        **ATTRS,
        "encoder_digest": DIGEST,
        "prompts": ["a photo of a {}"],
        "synonyms": {"sky": ["heaven"]},
    }
    write_store(tmp_path / "small.zarr", small_arrays(images=120, concepts=12, classes=2), attrs)
    path = tmp_path / "small.yaml"
    path.write_text(spec_text())
    return path


@pytest.fixture
def app(spec):
    tuner = open_tuner(spec)
    return AppState(tuner, Jobs(inline=True), Encoder(tuner.store.concept_text_embedding[0]))


def after(app: AppState) -> AppState:
    """The state that the page goes on with."""
    found = AppState(app.concepts.tuner, app.jobs, app.concepts.encoder)
    found.go_on_from(app)
    return found


def test_a_typed_concept_is_a_column_with_patches_and_a_place(app):
    app.concepts.add("wheels, tyres")
    grown = after(app)
    assert grown.concepts.typed == ["wheels"]
    assert grown.store.concepts[-1] == "wheels"
    assert grown.students.node.weights.shape == (13, 2)
    assert grown.store.concept_projection.shape[1] == 13
    (row,) = concept_rows(
        grown.tuner, grown.students.student("bicycle"), sort="weight", top=5, find="wheels"
    )
    assert row.concept == "wheels"
    assert len(row.patches) > 0
    assert np.isfinite(grown.students.effect("bicycle", "wheels").estimate).all()
    told = " ".join(grown.concepts.outcome)
    assert "Added wheels (tyres): scores 0." in told
    assert "Nearest concepts by text: wheel (0." in told
    assert "fitted again" not in told


def test_an_iteration_that_gets_another_number_says_which_it_had(app):
    app.tuning.toggle(Intent("bicycle", "sky", "down"))
    app.tuning.fine_tune()
    app.tuning.undo()
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    app.tuning.fine_tune()
    assert app.students.node.number == 2
    app.concepts.add("wheels")
    node = after(app).students.node
    assert (node.number, node.name) == (1, "was #2")


def test_the_branch_is_carried_on_and_stays_without_the_concept(app):
    app.tuning.toggle(Intent("bicycle", "sky", "down"))
    app.tuning.fine_tune()
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    app.tuning.set_note(app.students.node.id, "less sky")
    app.tuner.count_look(app.students.node, "holdout")
    before = app.students.node
    app.concepts.add("wheels")
    grown = after(app)
    node = grown.students.node
    assert (node.number, node.note, node.intents) == (1, "less sky", before.intents)
    assert node.id != before.id
    assert grown.tuner.looks() == 1
    assert [intent.concept for intent in grown.tuning.pending] == ["wheel"]
    assert "up to #1" in grown.concepts.outcome[-1]
    grown.concepts.forget("wheels")
    back = after(grown)
    assert back.students.node.id == before.id
    assert back.concepts.typed == []
    assert back.tuner.looks() == 1
    back.concepts.add("wheels")  # nothing is fitted, labelled or counted twice
    again = after(back)
    assert again.students.node.id == node.id
    assert again.tuner.looks() == 1


def test_each_run_of_the_app_s_file_finds_the_same_tuner(spec, tmp_path):
    history = str(tmp_path / "shared.sqlite")  # a server runs the file anew for each session
    first, second = (runpy.run_path(inficond_panel.app.__file__) for _ in range(2))
    assert first["Explorer"] is not second["Explorer"]
    assert first["shared_tuner"](spec, history) is second["shared_tuner"](spec, history)


def test_a_spec_or_store_that_has_changed_is_opened_anew(spec, tmp_path):
    history = str(tmp_path / "shared.sqlite")
    before = shared_tuner(spec, history)
    spec.write_text(spec.read_text().replace("title: ", "title: New "))
    edited = shared_tuner(spec, history)
    assert (edited.store, edited.spec.title) == (before.store, f"New {before.spec.title}")
    place = before.store.path
    shutil.copytree(place, place.with_name("copy"))
    shutil.rmtree(place)
    place.with_name("copy").rename(place)
    assert shared_tuner(spec, history).store is not before.store


def test_other_sessions_stay_and_later_ones_see_it(spec, app):
    history = app.tuner.history.path
    other = shared_tuner(str(spec), str(history))
    app.concepts.add("moss")
    assert "moss" not in other.store.concepts
    later = shared_tuner(str(spec), str(history))
    assert [one.name for one in typed_of(later.store)] == ["moss"]
    assert shared_tuner(str(spec), str(history)) is later
    assert later.root_id == app.concepts.tuner.root_id
    after(app).concepts.forget("moss")
    assert typed_of(shared_tuner(str(spec), str(history)).store) == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Wheel", "'wheel' already exists"),
        ("heaven", "'heaven' is a synonym of the concept 'sky'"),
        ("moss, heaven", "'heaven' is a synonym of the concept 'sky'"),
        ("moss, ", "empty"),
        ("", "empty"),
    ],
)
def test_faults_are_told_with_a_remedy_and_add_nothing(app, text, fault):
    app.concepts.add(text)
    assert app.concepts.status.kind == "error"
    assert fault in app.concepts.status.text
    assert app.concepts.status.remedy
    assert app.concepts.tuner is None
    assert typed_of(open_tuner(app.spec.path).store) == ()


def test_what_is_carried_on_and_what_stays_is_known_before(app):
    for concept in ("wheel", "sky"):
        app.tuning.toggle(Intent("bicycle", concept, "remove"))
        app.tuning.fine_tune()
    app.tuning.undo()
    assert (app.concepts.carried, app.concepts.others) == (1, 1)
    app.concepts.add("moss")
    assert len(after(app).tuning.nodes) == 2


def test_cancelled_nothing_is_added(app, monkeypatch):
    def cancelled(*_, **__):
        raise CancelledError("Cancelled.")

    monkeypatch.setattr("inficond_panel.state.networks.carry_on", cancelled)
    app.concepts.add("moss")
    assert app.concepts.status.kind == "idle"
    assert app.concepts.tuner is None
    assert typed_of(open_tuner(app.spec.path).store) == ()


def test_without_the_extra_it_is_said_what_to_install(app):
    app.concepts.look()
    assert app.concepts.missing == ""
    app.concepts.encoder.fault = MissingExtraError("Needs torch.", "Install it: pip install x")
    app.concepts.look()
    assert app.concepts.missing == "Needs torch. Install it: pip install x"
    problem = Problem(Path("/srv/private/own.yaml"), 1, 1, "encoder is missing")
    app.concepts.encoder.fault = SpecError([problem], "Name it.")
    app.concepts.look()
    assert app.concepts.missing == "own.yaml:1:1: encoder is missing Name it."
    app.concepts.encoder = None
    app.concepts.add("moss")
    assert "inficond serve" in app.concepts.missing


def test_the_dialog_opened_again_does_not_lose_what_runs(app):
    app.concepts.status = Status("adding", "Encoding moss", 0.1)
    app.concepts.look()
    assert app.concepts.busy
    app.concepts.add("wheels")
    assert app.concepts.tuner is None


def test_the_page_goes_on_with_the_same_class_and_theme(spec, tmp_path):
    explorer = Explorer([str(spec)], tmp_path / "own.sqlite")
    explorer.jobs = Jobs(inline=True)
    explorer.open(str(spec))
    app = explorer.app
    app.theme = "dark"
    app.selection.class_name = "bicycle"
    app.concepts.encoder = Encoder(app.store.concept_text_embedding[0])
    app.concepts.add("wheels")
    assert explorer.app is not app
    assert explorer.app.selection.class_name == "bicycle"
    assert explorer.app.selection.concept == "wheels"
    assert explorer.app.theme == "dark"
    assert explorer.app.concepts.outcome == app.concepts.outcome
    explorer.close()
