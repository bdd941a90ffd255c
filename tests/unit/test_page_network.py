"""The user's network on the page: refitted, shown, saved, cancelled, and refused without rights."""

import base64
import io
import json
import shutil
import zipfile
from types import SimpleNamespace

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

from network_factory import network_spec
from viewing import ask

from inficond_panel.errors import CancelledError, ExportError, TuningError
from inficond_panel.export.network import repair as network_repair
from inficond_panel.state import AppState, Jobs
from inficond_panel.state import network as state_of_network
from inficond_panel.state.selection import Rights
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.ui import upstream
from inficond_panel.views.provenance.network import make_network
from inficond_panel.views.provenance.view import ProvenanceView
from inficond_panel.vocabulary.worlds import INDEPENDENT, THESE

pytestmark = [pytest.mark.page, pytest.mark.torch]

NAME = "bicycle"


def session(spec, rights=None) -> AppState:
    """A session at #1, which raises one concept and removes another."""
    upstream.apply()
    tuner = open_tuner(spec, history=":memory:")
    app = AppState(tuner, Jobs(inline=True), **({"rights": rights} if rights else {}))
    app.tuning.toggle(Intent(NAME, "wheel", "up"))
    app.tuning.toggle(Intent(NAME, "leaf", "remove"))
    app.tuning.fine_tune()
    return app


@pytest.fixture
def app(tmp_path):
    return session(network_spec(tmp_path))


@pytest.fixture(scope="module")
def refitted(tmp_path_factory):
    app = session(network_spec(tmp_path_factory.mktemp("network")))
    app.network.refit(app.students.node.id)
    return app


def zip_of(file) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(file.content))


def made_by(app, world):
    files = []
    watcher = app.network.param.watch(lambda event: files.append(event.new), "file")
    app.network.write(world)
    app.network.param.unwatch(watcher)
    return next(file for file in files if file is not None)


def test_the_figures_are_those_of_the_command(refitted):
    tuner, node = refitted.tuner, refitted.students.node
    expected = network_repair.repair_network(tuner, node).agreement[NAME]
    assert refitted.network.repair.agreement[NAME] == expected


def test_the_file_is_that_of_the_command(refitted, tmp_path):
    tuner, node = refitted.tuner, refitted.students.node
    repair = network_repair.repair_network(tuner, node)
    files = state_of_network.write_network(repair, tmp_path / "out", INDEPENDENT.key)
    with zip_of(made_by(refitted, INDEPENDENT.key)) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".onnx")]
        assert archive.read(name) == files["network.onnx"].read_bytes()


def test_the_card_says_which_photos_are_meant(refitted):
    with zip_of(made_by(refitted, THESE.key)) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith("card.json")]
        assert json.loads(archive.read(name))["meant"] == THESE.key


@pytest.mark.parametrize("world", ["", "none", "these "])
def test_nothing_is_made_before_somebody_says_what_is_meant(refitted, world):
    with pytest.raises(ExportError, match="nobody has said"):
        refitted.network.write(world)


def test_nothing_is_made_without_a_refit(app):
    with pytest.raises(ExportError, match="no refitted network"):
        app.network.write(THESE.key)


def test_a_network_that_is_too_large_for_the_page_is_told_with_the_command(refitted, monkeypatch):
    monkeypatch.setattr(state_of_network, "MOST_BYTES", 100)
    refitted.network.write(THESE.key)
    assert "inficond repair-network SPEC --node 1" in refitted.network.status.remedy


def test_a_second_iteration_runs_no_network(app, monkeypatch):
    app.network.refit(app.students.node.id)
    app.tuning.toggle(Intent(NAME, "wheel", "remove"))
    app.tuning.fine_tune()
    monkeypatch.setattr("precompute.pipeline.network_features.last_layer", None)
    app.network.refit(app.students.node.id)
    assert app.network.repair.node.number == 2


def test_the_original_students_are_told_to_change_nothing(app):
    app.network.refit(app.tuner.root_id)
    assert app.network.status.text.startswith("#0 changes no target")


def test_a_cancelled_refit_shows_nothing(app, monkeypatch):
    def cancels(self, job):
        job.cancel()
        return lambda share, text: None

    monkeypatch.setattr(Jobs, "progress", cancels)
    app.network.refit(app.students.node.id)
    assert (app.network.repair, app.network.status.kind) == (None, "idle")


def test_a_session_without_export_is_offered_no_network(tmp_path):
    assert make_network(session(network_spec(tmp_path), Rights(export=False)).network) == {}


def test_a_session_without_export_loads_no_network(tmp_path, monkeypatch):
    app = session(network_spec(tmp_path), Rights(export=False))
    monkeypatch.setattr(state_of_network, "repair_network", None)
    with pytest.raises(TuningError, match="does not allow export"):
        app.network.refit(app.students.node.id)


def test_a_table_of_logits_is_offered_no_refit(tmp_path):
    teacher = "teacher: {kind: logits, path: logits.csv}"
    spec = network_spec(tmp_path)
    text = spec.read_text()
    line = next(each for each in text.splitlines() if each.startswith("teacher:"))
    (tmp_path / "logits.csv").write_text("image_id,bicycle\n")
    spec.write_text(text.replace(line, teacher))
    assert make_network(session(spec).network) == {}


@pytest.mark.parametrize("lost", ["network.onnx", "data"])
def test_a_missing_file_is_told_with_the_command(app, lost):
    place = app.spec.path.parent / lost
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    app.network.look()
    assert "inficond repair-network SPEC --node N --output FOLDER" in app.network.missing


def test_a_missing_file_is_told_without_its_folder(app):
    (app.spec.path.parent / "network.onnx").unlink()
    app.network.look()
    assert str(app.spec.path.parent) not in app.network.missing


def test_groups_are_with_and_without_class_and_concept(refitted):
    (shown,) = make_network(refitted.network)["classes"]
    assert [row["words"] for row in shown["groups"]] == [
        "bicycle, with leaf", "bicycle, without leaf", "no bicycle, with leaf",
        "no bicycle, without leaf",
    ]  # fmt: skip


def test_no_photos_are_chosen_until_somebody_says(refitted):
    assert make_network(refitted.network)["meant"] == ""


def test_the_control_stands_beside_the_figures(refitted):
    """A refit without a thumb changes nothing: AP before and after are equal."""
    (figures,) = make_network(refitted.network)["choices"][0]["figures"]
    before, after = figures["control"].removeprefix("AP ").split(" → ")
    assert before == after


def test_what_the_page_gets_is_plain_data(refitted):
    shown = make_network(refitted.network)
    assert json.loads(json.dumps(shown, allow_nan=False)) == json.loads(json.dumps(shown))


def test_the_zip_goes_to_the_browser(refitted, monkeypatch):
    view, sent = ProvenanceView(refitted), []
    monkeypatch.setattr(view._tree, "_send_msg", sent.append)
    ask(view, "save_network_file", world=INDEPENDENT.key)
    (message,) = sent
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(message["save"]["content"]))) as archive:
        assert {name.rpartition("/")[2] for name in archive.namelist()} == {
            "network.onnx", "card.md", "card.json",
        }  # fmt: skip


def test_the_view_offers_the_network_when_the_export_is_opened(app):
    view = ProvenanceView(app)
    ask(view, "find_formats")
    assert view._tree.network["name"] == "network"


def test_only_one_network_runs_at_a_time(monkeypatch):
    job = SimpleNamespace(cancelled=lambda: True)
    monkeypatch.setattr(state_of_network, "_WAIT", 0.001)
    with state_of_network._TURN, pytest.raises(CancelledError), state_of_network.turn(job):
        pass
