"""Concepts that a person types: each set of them has its own tree of iterations and none is lost;
by the command and on the page, where it is told what is carried on and what stays as it was."""

import json
import runpy
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from factory import ATTRS, EMBED, small_arrays, spec_text
from sessions import fine_tune

import inficond_panel.app
from inficond_panel.app import Explorer
from inficond_panel.errors import (
    CancelledError,
    FileProblem,
    MissingExtraError,
    SpecError,
    TuningError,
)
from inficond_panel.results.concept_rows import concept_rows
from inficond_panel.state import AppState, Jobs, Status
from inficond_panel.store import write_store
from inficond_panel.tuning import Intent, Tuner, open_tuner, shared_tuner
from inficond_panel.tuning.opening import add_concept, remove_concept, typed_folder, typed_of

pytestmark = [pytest.mark.commands, pytest.mark.page]

DIGEST = "d" * 64


class Encoder:
    """A vector from the text; that of 'wheels' is nearly the one of 'wheel'."""

    digest = DIGEST

    def __init__(self, near: np.ndarray) -> None:
        self.near, self.fault = near, None

    def check(self) -> None:
        if self.fault:
            raise self.fault

    def embed_text(self, texts):
        return np.stack([self._vector(text) for text in texts]).astype(np.float32)

    def _vector(self, text: str) -> np.ndarray:
        drawn = np.random.default_rng(list(text.encode())).normal(size=EMBED)
        vector = self.near + 0.01 * drawn if "wheels" in text else drawn
        return vector / np.linalg.norm(vector)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder, arrays = tmp_path_factory.mktemp("typed"), small_arrays(120, concepts=12, classes=2)
    own = {"encoder_digest": DIGEST, "prompts": ["a photo of a {}"]}
    write_store(folder / "small.zarr", arrays, {**ATTRS, **own, "synonyms": {"sky": ["heaven"]}})
    (folder / "small.yaml").write_text(spec_text())
    return folder


@pytest.fixture
def spec(made, tmp_path) -> Path:
    shutil.copytree(made, tmp_path / "own")
    return tmp_path / "own" / "small.yaml"


@pytest.fixture
def encoder(spec) -> Encoder:
    return Encoder(open_tuner(spec).store.concept_text_embedding[0])


@pytest.fixture
def app(spec, encoder) -> AppState:
    return AppState(open_tuner(spec), Jobs(inline=True), encoder)


def typed(tuner: Tuner) -> list[str]:
    return [one.name for one in typed_of(tuner.store)]


# -- by Python and by the command -----------------------------------------------------------
def test_typed_concepts_lie_beside_the_history(spec, encoder, tmp_path):
    add_concept(open_tuner(spec, history=tmp_path / "ann.history.sqlite"), "moss", encoder)
    assert len(list((tmp_path / "ann.concepts").glob("*.npz"))) == 1
    assert typed(open_tuner(spec)) == []
    assert typed_folder("bob.sqlite").path.name == "bob.concepts"


@pytest.fixture
def kept_nowhere(spec, encoder) -> Tuner:
    """A tuner with a typed concept whose history is in memory."""
    return add_concept(open_tuner(spec, history=":memory:"), "moss", encoder)


def test_typed_concepts_of_a_history_in_memory_lie_nowhere(kept_nowhere):
    tuner = kept_nowhere
    assert typed(tuner) == ["moss"]
    assert typed_folder(":memory:") is None


def test_only_typed_concepts_can_be_removed(kept_nowhere):
    tuner = kept_nowhere
    with pytest.raises(TuningError, match=r"no typed concept 'mos'. Did you mean 'moss'\?"):
        remove_concept(tuner, "mos")
    with pytest.raises(TuningError, match="no typed concept 'wheel'"):
        remove_concept(tuner, "wheel")


@pytest.fixture
def command(spec, run, encoder, monkeypatch):
    """``inficond concept`` with the encoder."""
    place = "inficond_panel.commands.concept.concept_actions.text_encoder"
    monkeypatch.setattr(place, lambda _: encoder)
    return lambda action, *more: run("concept", action, spec, *more)


def test_the_command_says_that_no_concept_was_typed(command):
    assert "No concept was typed" in command("list")[1]


def test_the_command_adds_a_concept(command):
    _, out, _ = command("add", "red bus, scarlet bus")
    assert out.startswith("Added red bus (scarlet bus): scores 0.")
    assert "nearest concepts: " in out


def test_the_command_lists_typed_concepts_with_their_root(command, spec):
    command("add", "red bus, scarlet bus")
    document, tuner = json.loads(command("list", "--json")[1]), open_tuner(spec)
    assert document["typed"][0]["synonyms"] == ["scarlet bus"]
    assert (document["root"], document["store_hash"]) == (tuner.root_id, tuner.store.content_hash)


def test_the_command_adds_no_concept_twice(command):
    command("add", "red bus")
    status, out, err = command("add", "Red bus")
    assert (status, out) == (1, "")
    assert "'red bus' already exists" in err


def test_a_replay_elsewhere_has_the_typed_concepts(command, spec, run, tmp_path):
    command("add", "red bus")
    tuner = open_tuner(spec)
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "red bus", "remove")])
    assert run("history", "replay", spec, tmp_path / "new.sqlite")[0] == 0
    there = open_tuner(spec, history=tmp_path / "new.sqlite")
    assert [found.id for found in there.nodes()] == [tuner.root_id, node.id]


def test_the_command_removes_a_concept(command):
    command("add", "red bus")
    assert command("remove", "red bus")[0] == 0
    assert json.loads(command("list", "--json")[1])["typed"] == []


def test_without_encoder_or_extra_it_is_said_what_is_missing(spec, run, monkeypatch):
    pytest.importorskip("torch")
    for told in ("weights.pt", "[precompute]'"):
        status, _, err = run("concept", "add", spec, "red bus")
        assert (status, told in err) == (1, True)
        monkeypatch.setitem(sys.modules, "precompute.encoder", None)
    assert run("concept", "list", spec)[0] == 0


# -- on the page ----------------------------------------------------------------------------
def after(app: AppState) -> AppState:
    """The state that the page goes on with."""
    found = AppState(app.concepts.tuner, app.jobs, app.concepts.encoder)
    found.go_on_from(app)
    return found


@pytest.fixture
def grown(app) -> AppState:
    """The state after a concept was typed."""
    app.concepts.add("wheels, tyres")
    return after(app)


def test_a_typed_concept_is_a_column(grown):
    assert (grown.concepts.typed, grown.store.concepts[-1]) == (["wheels"], "wheels")
    assert grown.students.node.weights.shape == (13, 2)
    assert grown.store.concept_projection.shape[1] == 13


def test_a_typed_concept_has_a_row_with_patches(grown):
    student = grown.students.student("bicycle")
    (row,) = concept_rows(grown.tuner, student, sort="weight", top=5, find="wheels")
    assert row.concept == "wheels"
    assert len(row.patches) > 0


def test_a_typed_concept_has_a_curve(grown):
    assert np.isfinite(grown.students.effect("bicycle", "wheels").estimate).all()


def test_what_was_added_is_told_with_the_nearest_concepts(grown):
    told = " ".join(grown.concepts.outcome)
    assert "Added wheels (tyres): scores 0." in told
    assert "Nearest concepts by text: wheel (0." in told
    assert "fitted again" not in told


@pytest.fixture
def branched(app) -> SimpleNamespace:
    """A session with an iteration, a note, a look and a batch, and after a concept was typed."""
    before = app.tuner.node(fine_tune(app, "sky", "down"))
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    app.tuning.set_note(before.id, "less sky")
    app.tuner.count_look(before, "holdout")
    app.concepts.add("wheels")
    grown = after(app)
    return SimpleNamespace(before=before, grown=grown)


def test_the_branch_is_carried_on_with_a_typed_concept(branched):
    before, grown = branched.before, branched.grown
    node = grown.students.node
    assert (node.number, node.note, node.intents) == (1, "less sky", before.intents)
    assert node.id != before.id
    assert grown.tuner.looks() == 1
    assert [intent.concept for intent in grown.tuning.pending] == ["wheel"]
    assert "up to #1" in grown.concepts.outcome[-1]


def test_the_branch_stays_without_the_concept(branched):
    before, grown = branched.before, branched.grown
    grown.concepts.forget("wheels")
    back = after(grown)
    assert (back.students.node.id, back.concepts.typed) == (before.id, [])
    assert back.tuner.looks() == 1


def test_a_branch_that_was_carried_on_is_found_again(branched):
    grown = branched.grown
    node = grown.students.node
    grown.concepts.forget("wheels")
    back = after(grown)
    back.concepts.add("wheels")  # nothing is fitted, labelled or counted twice
    again = after(back)
    assert (again.students.node.id, again.tuner.looks()) == (node.id, 1)


def test_what_is_carried_on_and_what_stays_is_known_before(app):
    """An iteration that gets another number says which it had."""
    fine_tune(app, "sky", "down")
    app.tuning.undo()
    fine_tune(app, "wheel", "down")
    fine_tune(app, "fur")
    app.tuning.undo()
    assert app.students.node.number == 2
    assert (app.concepts.carried, app.concepts.others) == (1, 2)
    app.concepts.add("moss")
    later = after(app)
    numbers = [(node.number, node.name) for node in later.tuning.nodes]
    assert numbers == [(0, ""), (1, "was #2")]
    assert later.students.node.name == "was #2"


def test_each_run_of_the_app_s_file_finds_the_same_tuner_until_spec_or_store_change(spec, tmp_path):
    history = str(tmp_path / "shared.sqlite")  # a server runs the file anew for each session
    first, second = (runpy.run_path(inficond_panel.app.__file__) for _ in range(2))
    assert first["Explorer"] is not second["Explorer"]
    before = first["shared_tuner"](spec, history)
    assert before is second["shared_tuner"](spec, history)
    spec.write_text(spec.read_text().replace("title: ", "title: New "))
    edited = shared_tuner(spec, history)
    assert (edited.store, edited.spec.title) == (before.store, f"New {before.spec.title}")
    place = before.store.path
    shutil.copytree(place, place.with_name("copy"))
    shutil.rmtree(place)
    place.with_name("copy").rename(place)
    assert shared_tuner(spec, history).store is not before.store


@pytest.fixture
def shared(spec, app):
    """Give the tuner that sessions of one file share."""
    return lambda: shared_tuner(str(spec), str(app.tuner.history.path))


def test_other_sessions_stay_without_a_typed_concept(app, shared):
    other = shared()
    app.concepts.add("moss")
    assert "moss" not in other.store.concepts


def test_later_sessions_see_a_typed_concept(app, shared):
    shared()
    app.concepts.add("moss")
    later = shared()
    assert typed(later) == ["moss"]
    assert shared() is later
    assert later.root_id == app.concepts.tuner.root_id


def test_later_sessions_see_that_it_was_forgotten(app, shared):
    app.concepts.add("moss")
    after(app).concepts.forget("moss")
    assert typed(shared()) == []


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
def test_a_faulty_concept_is_told_with_a_remedy(app, text, fault):
    app.concepts.add(text)
    assert app.concepts.status.kind == "error"
    assert fault in app.concepts.status.text
    assert app.concepts.status.remedy
    assert app.concepts.tuner is None
    assert typed(open_tuner(app.spec.path)) == []


def test_a_cancelled_concept_adds_nothing(app, monkeypatch):
    cancelled = Mock(side_effect=CancelledError("Cancelled."))
    monkeypatch.setattr("inficond_panel.state.networks.carry_on", cancelled)
    app.concepts.add("moss")
    assert app.concepts.status.kind == "idle"
    assert app.concepts.tuner is None
    assert typed(open_tuner(app.spec.path)) == []


def test_what_is_missing_is_said_when_the_dialog_is_opened(app):
    problem = FileProblem(Path("/srv/private/own.yaml"), 1, 1, "encoder is missing")
    for fault, missing in (
        (None, ""),
        (MissingExtraError("Needs torch.", "Install it: x"), "Needs torch. Install it: x"),
        (SpecError([problem], "Name it."), "own.yaml:1:1: encoder is missing Name it."),
    ):
        app.concepts.encoder.fault = fault
        app.concepts.look()
        assert app.concepts.missing == missing
    app.concepts.encoder.fault = None
    app.concepts.status = Status("adding", "Encoding moss", 0.1)
    app.concepts.look()  # opened again, it does not lose what runs
    assert app.concepts.busy
    app.concepts.add("wheels")
    assert app.concepts.tuner is None
    app.concepts.status, app.concepts.encoder = Status(), None
    app.concepts.add("moss")
    assert "inficond serve" in app.concepts.missing


def test_the_page_goes_on_with_the_same_class_and_theme(spec, encoder, tmp_path):
    explorer = Explorer([str(spec)], tmp_path / "own.sqlite")
    explorer.jobs = Jobs(inline=True)
    explorer.open(str(spec))
    app = explorer.app
    app.theme = "dark"
    app.selection.class_name = "bicycle"
    app.concepts.encoder = encoder
    app.concepts.add("wheels")
    now = explorer.app
    assert now is not app
    shown = (now.selection.class_name, now.selection.concept, now.theme)
    assert shown == ("bicycle", "wheels", "dark")
    assert now.concepts.outcome == app.concepts.outcome
    explorer.close()
