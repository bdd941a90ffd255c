"""Small networks on the page: built, kept, shown, saved, cancelled, and refused without rights."""

import base64
import io
import json
import os
import shutil
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import holoviews as hv
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("timm")

from network_factory import network_spec
from test_pocket import SIDE, trunk_file
from viewing import ask

from inficond_panel.errors import DataError, ExportError, TuningError
from inficond_panel.export.pocket.cost import timed
from inficond_panel.export.pocket.folder import MODEL
from inficond_panel.export.pocket.learn import trunk_name
from inficond_panel.export.pocket.reading import load_pocket
from inficond_panel.export.pocket.sizes import make_pockets, write_pockets
from inficond_panel.state import AppState, Jobs
from inficond_panel.state import pocket as state_of_pocket
from inficond_panel.state.jobs import Status
from inficond_panel.state.selection import Rights
from inficond_panel.try_page.page import make_page
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.ui import upstream
from inficond_panel.views.provenance.pocket import make_pocket
from inficond_panel.views.provenance.view import ProvenanceView

pytestmark = [pytest.mark.page, pytest.mark.torch]

TRUNK = "encoder"


@pytest.fixture(autouse=True)
def trunk(tmp_path_factory, monkeypatch):
    """A small network of timm in place of the spec's encoder, of which there are no weights."""
    file = trunk_file(tmp_path_factory.mktemp("trunk"))
    name = trunk_name(f"timm:test_resnet:{file}", SIDE)
    monkeypatch.setattr(state_of_pocket, "trunk_name", lambda text, side: name)


def session(spec, history=":memory:", rights=None) -> AppState:
    """A session at #1, with one thumb."""
    upstream.apply()
    tuner = open_tuner(spec, history=history)
    app = AppState(tuner, Jobs(inline=True), **({"rights": rights} if rights else {}))
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    app.tuning.fine_tune()
    return app


def shown(app):
    return app.students.node.id


@pytest.fixture
def app(tmp_path):
    return session(network_spec(tmp_path))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("pockets")


@pytest.fixture(scope="module")
def built(place):
    """A session whose history is a file, with a pocket of the iteration shown."""
    with pytest.MonkeyPatch.context() as patch:
        name = trunk_name(f"timm:test_resnet:{trunk_file(place)}", SIDE)
        patch.setattr(state_of_pocket, "trunk_name", lambda text, side: name)
        app = session(network_spec(place), place / "h.sqlite")
        app.pocket.look(shown(app))
        app.pocket.build(shown(app), TRUNK, [0])
    return app


def made_by(app, act):
    """The file that an action makes."""
    files = []
    watcher = app.pocket.param.watch(lambda event: files.append(event.new), "file")
    act()
    app.pocket.param.unwatch(watcher)
    return next(file for file in files if file is not None)


def key_of(app):
    (kept,) = app.pocket.kept
    return app.pocket.key_of(kept)


def test_the_pocket_is_that_of_the_command(built, place, tmp_path):
    name = trunk_name(f"timm:test_resnet:{place / 'trunk.pt'}", SIDE)
    files = make_pockets(built.tuner, built.students.node, [name])
    expected = load_pocket(write_pockets(files, tmp_path / "out")[MODEL]).students
    (kept,) = built.pocket.kept
    found = load_pocket(kept.folder / MODEL).students
    assert found.weights.tolist() == expected.weights.tolist()
    assert found.concepts == expected.concepts


def test_it_has_the_students_of_the_iteration_shown(built):
    (kept,) = built.pocket.kept
    assert kept.card["node"]["weights_hash"] == built.students.node.weights_hash


def test_another_session_of_the_history_finds_it(built, place):
    app = session(place / "small.yaml", place / "h.sqlite")
    app.pocket.look(shown(built))
    assert [kept.folder for kept in app.pocket.kept] == [built.pocket.kept[0].folder]


def test_another_iteration_has_none_of_it(built):
    built.pocket.look(built.tuner.root_id)
    assert built.pocket.kept == []
    built.pocket.look(shown(built))
    assert len(built.pocket.kept) == 1


def test_what_the_command_wrote_there_is_found(built, place):
    written = place / "h.pockets" / "mine"
    (kept,) = built.pocket.kept
    kept.folder.rename(written)
    built.pocket.look(shown(built))
    assert key_of(built) == "mine"


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"node": 3}'])
def test_a_card_that_is_none_is_passed_over(built, place, content):
    folder = place / "h.pockets" / "broken"
    folder.mkdir(exist_ok=True)
    (folder / "card.json").write_text(content)
    (folder / MODEL).write_bytes(b"")
    built.pocket.look(shown(built))
    assert len(built.pocket.kept) == 1


def test_a_card_that_vanishes_while_pockets_are_listed_is_passed_over(built, monkeypatch):
    listed = Path.glob

    def with_one_that_went(folder, pattern):
        return [*listed(folder, pattern), folder / "gone" / "card.json"]

    monkeypatch.setattr(Path, "glob", with_one_that_went)
    built.pocket.look(shown(built))
    assert (len(built.pocket.kept), built.pocket.missing) == (1, "")


@pytest.fixture
def copied(built, place):
    """A copy of the pocket, made later; its folder."""
    folder = place / "h.pockets" / "copy"
    shutil.copytree(built.pocket.kept[0].folder, folder)
    os.utime(folder / "card.json", (2e9, 2e9))
    yield folder
    shutil.rmtree(folder)
    built.pocket.look(shown(built))


def test_of_equal_pockets_the_newest_is_shown(built, copied):
    built.pocket.look(shown(built))
    assert [kept.folder for kept in built.pocket.kept] == [copied]


@pytest.mark.parametrize("change", [{"node": 3}, {"store": None}])
def test_a_card_with_a_wrong_part_is_passed_over(built, copied, change):
    card = json.loads((copied / "card.json").read_text())
    (copied / "card.json").write_text(json.dumps(card | change))
    built.pocket.look(shown(built))
    assert [kept.folder == copied for kept in built.pocket.kept] == [False]


def test_a_look_that_fails_leaves_the_status_of_a_build(app, monkeypatch):
    def fails(*_):
        raise DataError("It is gone.", "Look again.")

    monkeypatch.setattr(state_of_pocket, "kept_pockets", fails)
    app.pocket.status = building = Status("building", "Waiting for its turn")
    app.pocket.look(shown(app))
    assert (app.pocket.status, app.pocket.missing) == (building, "It is gone. Look again.")


def test_the_zip_has_the_network_and_its_card(built):
    file = made_by(built, lambda: built.pocket.write(key_of(built)))
    (kept,) = built.pocket.kept
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        found = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert found[MODEL] == (kept.folder / MODEL).read_bytes()
    assert {"card.md", "card.json", "reference.npz"} <= found.keys()


def test_a_pocket_is_saved_while_another_one_is_built(built, monkeypatch):
    monkeypatch.setattr(built.pocket, "status", building := Status("building", "Training"))
    file = made_by(built, lambda: built.pocket.write(key_of(built)))
    assert file.name.endswith(".zip")
    assert built.pocket.status == building
    assert make_pocket(built.pocket)["saved"].startswith(f"{file.name} is ready")


def test_the_try_page_goes_to_the_browser_as_one_file(built, monkeypatch):
    view, sent = ProvenanceView(built), []
    monkeypatch.setattr(view._tree, "_send_msg", sent.append)
    ask(view, "save_try_page", key=key_of(built))
    (message,) = sent
    assert message["save"]["name"].endswith(".html")
    content = base64.b64decode(message["save"]["content"])
    assert content == make_page(built.pocket.kept[0].folder).one_file()


def test_the_plot_has_the_costs_of_the_card(built):
    view = ProvenanceView(built)
    built.pocket.param.trigger("kept")
    points = next(
        each for each in view._tree.cost_plot[0].object if type(each) is hv.Points
    ).dframe()
    (kept,) = built.pocket.kept
    rows = {row["model"]: row["milliseconds"] for row in kept.card["cost"]["rows"]}
    assert points.set_index("model")["milliseconds"]["64 pixels"] == rows["pocket"]
    view.close()


def test_a_pocket_of_no_history_file_is_kept_for_the_session(app):
    app.pocket.look(shown(app))
    app.pocket.build(shown(app), TRUNK, [0])
    assert len(app.pocket.kept) == 1


def test_a_cancelled_build_leaves_nothing(app, monkeypatch):
    def cancels(self, job):
        job.cancel()
        return lambda share, text: None

    app.pocket.look(shown(app))
    monkeypatch.setattr(Jobs, "progress", cancels)
    app.pocket.build(shown(app), TRUNK, [0])
    assert (app.pocket.kept, app.pocket.status.kind) == ([], "idle")


def test_an_error_is_shown_with_its_remedy(app, monkeypatch):
    def fails(*_, **__):
        raise DataError("The photos are gone.", "Restore them.")

    app.pocket.look(shown(app))
    monkeypatch.setattr(state_of_pocket, "make_pockets", fails)
    app.pocket.build(shown(app), TRUNK, [0])
    assert make_pocket(app.pocket)["error"] == "The photos are gone. Restore them."


@pytest.mark.parametrize(
    ("trunk", "sides"),
    [("timm:resnet18:/etc/passwd", [0]), (TRUNK, []), (TRUNK, [100_000]), ("", [0])],
)
def test_only_what_the_page_offers_is_built(app, trunk, sides):
    app.pocket.look(shown(app))
    with pytest.raises(ExportError, match="does not offer"):
        app.pocket.build(shown(app), trunk, sides)


def test_the_usual_trunk_comes_first_with_its_reason(app, monkeypatch):
    monkeypatch.setattr(state_of_pocket, "trunks_here", lambda spec: ["efficientnet-lite0", TRUNK])
    monkeypatch.setattr(state_of_pocket, "usual_trunk", lambda tuner: (TRUNK, "It is cheaper."))
    app.pocket.look(shown(app))
    data = make_pocket(app.pocket)
    assert [name for name, _ in data["trunks"]] == [TRUNK, "efficientnet-lite0"]
    assert data["why"] == "It is cheaper."


def test_photos_that_are_missing_are_told_with_the_command(app):
    (app.spec.path.parent / "data" / "images").rename(app.spec.path.parent / "elsewhere")
    (app.spec.path.parent / "data" / "labels.csv").unlink()
    app.pocket.look(shown(app))
    assert "inficond pocket SPEC --node N --output FOLDER" in app.pocket.missing
    assert str(app.spec.path.parent) not in app.pocket.missing


def test_a_store_without_a_spec_is_offered_nothing_to_build(tmp_path):
    network_spec(tmp_path)
    app = session(tmp_path / "small.zarr")
    app.pocket.look(shown(app))
    assert make_pocket(app.pocket)["missing"].startswith("small.zarr is opened without a spec.")


def test_scores_from_elsewhere_are_offered_no_network(tmp_path, monkeypatch):
    """Its photos are there, but not the encoder that scored them."""
    network_spec(tmp_path)
    app = session(tmp_path / "small.zarr")
    assert app.pocket.offered
    monkeypatch.setattr(type(app.tuner.store), "given", True)
    assert make_pocket(app.pocket) == {}


def test_a_session_without_export_is_offered_none(tmp_path):
    app = session(network_spec(tmp_path), rights=Rights(export=False))
    assert make_pocket(app.pocket) == {}
    with pytest.raises(TuningError, match="does not allow export"):
        app.pocket.build(shown(app), TRUNK, [0])


def test_only_one_network_runs_at_a_time(app, monkeypatch):
    """That of the user's own network and a pocket share a lock."""
    monkeypatch.setattr(state_of_pocket, "turn", lambda job: SimpleNamespace())
    app.pocket.look(shown(app))
    app.pocket.build(shown(app), TRUNK, [0])
    assert app.pocket.kept == []


def test_what_the_page_gets_is_plain_data(built):
    data = make_pocket(built.pocket)
    assert json.loads(json.dumps(data, allow_nan=False)) == json.loads(json.dumps(data))


# --- the two lines of a certificate -------------------------------------------------------------


def lines(**changed):
    cost = {
        "teacher": {"milliseconds": 9.0, "megabytes": 94.0},
        "students": {"milliseconds": 29.29, "megabytes": 15.5},
        "pocket": {"milliseconds": 17.41, "megabytes": 18.7},
        **changed,
    }
    quality = [
        {"model": "students", "ap": 0.6877},
        {"model": "pocket", "ap": 0.6905, "ap_change": 0.0028, "ap_change_low": -0.014,
         "ap_change_high": 0.022},
    ]  # fmt: skip
    card = {
        "split": "tune",
        "quality": {"rows": quality},
        "cost": {"rows": [{"model": name, **row} for name, row in cost.items() if row]},
    }
    return state_of_pocket.KeptPocket(None, card).lines


def test_the_first_line_has_the_ap_before_and_after():
    assert lines()[0] == ("Mean AP 0.688 → 0.691: +0.3 points [−1.4, +2.2] on the tuning images.")


def test_the_second_line_says_what_it_is_cheaper_than():
    assert lines()[1] == (
        "17.4 ms per photo, 18.7 MB; cheaper than the students' encoder (29.3 ms), not cheaper "
        "than the teacher (9.0 ms)."
    )


def test_the_second_line_says_what_was_not_measured_and_has_8_bits():
    small = {"milliseconds": 14.31, "megabytes": 9.09}
    told = lines(teacher={"milliseconds": None, "megabytes": None}, **{"pocket, 8 bits": small})[1]
    assert told == (
        "17.4 ms per photo, 18.7 MB (in 8 bits 14.3 ms per photo, 9.1 MB); cheaper than the "
        "students' encoder (29.3 ms), the time of the teacher was not measured."
    )


def test_what_other_threads_compute_is_no_cost_of_a_network():
    """A server computes for others while it measures."""
    end = threading.Event()

    def compute():
        while not end.is_set():
            sum(range(1000))

    other = threading.Thread(target=compute)
    other.start()
    try:
        took = timed({"waits": lambda: time.sleep(0.2)}, rounds=3)["waits"]
    finally:
        end.set()
        other.join()
    assert took < 0.05
