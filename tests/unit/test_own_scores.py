"""A store of scores from elsewhere in every view and command: what is missing is said."""

import csv
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays
from frames import frames

import inficond_panel
from inficond_panel.cli import main
from inficond_panel.errors import DataError, StoreFormatError
from inficond_panel.predict import PageEncoder
from inficond_panel.results.concepts import concepts_file
from inficond_panel.results.image_sets import showing
from inficond_panel.results.local_explanation import take_apart
from inficond_panel.spec import load_spec
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import open_store, write_store
from inficond_panel.store.schema import PARTS
from inficond_panel.tuning.opening import add_concept
from inficond_panel.views.page.page import make_views

pytestmark = [pytest.mark.commands, pytest.mark.page]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """``own.zarr``, scores from 0 to 1, and ``signed.zarr``, each with one iteration."""
    place = tmp_path_factory.mktemp("own")
    for name, signed in (("own", False), ("signed", True)):
        students = inficond_panel.from_frames(**frames(signed=signed), path=place / f"{name}.zarr")
        students.fit().tune([("bird", "beak", "remove")])
    return place


@pytest.fixture(params=["own", "signed"])
def store(request, folder):
    return folder / f"{request.param}.zarr"


EDITS = "- - {class: cat, concept: fur, direction: up}\n"
COMMANDS = {
    "check": ["{store}"],
    "info": ["{store}", "--json"],
    "distill": ["{store}", "--json"],
    "tune": ["{store}", "--edits", "edits.yaml", "--json"],
    "explain": ["{store}"],
    "metrics": ["{store}", "--split", "holdout"],
    "stability": ["{store}", "--class", "bird", "--draws", "3", "--top", "1"],
    "history list": ["{store}"],
    "history show": ["{store}", "--node", "0"],
    "history events": ["{store}"],
    "history compare": ["{store}", "--node", "0", "1"],
    "suggest": ["{store}"],
    "compare": ["{store}"],
    "concept list": ["{store}"],
    "export": ["{store}", "--format", "all", "--output", "out"],
    "page": ["{store}", "--output", "page.html"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_a_store_in_place_of_a_spec(folder, command, tmp_path, monkeypatch):
    store = folder / "signed.zarr"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("inficond_panel.views.page.exploring.STATES", 8)
    (tmp_path / "edits.yaml").write_text(EDITS)
    given = [word.format(store=store) for word in COMMANDS[command]]
    assert main([*command.split(), *given]) == 0
    assert store.with_name(f"{store.stem}.history.sqlite").exists()  # beside the store
    assert not list(tmp_path.glob("*.sqlite"))


def test_what_needs_photos_is_refused_with_its_reason(store, capsys):
    for command, message in (
        (["concept", "add", "{store}", "claw"], "No concept can be typed. This store has no segm"),
        (["precompute", "{store}"], "is opened without a spec"),
        (["precompute", "{store}", "--plan"], "is opened without a spec"),
        (["quantify", "layers", "{store}", "--network", "x"], "is opened without a spec"),
        (["study", "serve", "{store}"], "names no study"),
        (["predict", "{store}", "photo.jpg"], "photo.jpg is no table"),
        (["extend", "{store}", "new.csv"], "concept add, pocket, repair-network, quant"),
    ):
        assert main([word.format(store=store) for word in command]) in {1, 2}
        told = capsys.readouterr().err
        assert message in told
        assert "Traceback" not in told
    students = inficond_panel.open_students(store, history=":memory:")
    with pytest.raises(DataError, match=r"can be typed\. This store has no segments"):
        students.add_concept("claw")
    with pytest.raises(DataError, match=r"neither photos nor encoder, so .* cannot work: extend"):
        students.extend(["photo.jpg"])
    with pytest.raises(DataError, match="Name a table of new rows"):
        students.predict_images(["photo.jpg"])
    tuner = students.fit().tuner
    app = AppState(tuner, Jobs(inline=True), PageEncoder(tuner.spec))
    app.concepts.look()
    assert "No concept can be typed. This store has no segments" in app.concepts.missing
    with pytest.raises(DataError, match="Give the concept's scores as one more column"):
        add_concept(app.tuner, "claw", app.concepts.encoder)


def test_below_0_no_image_is_said_to_lack_a_concept_and_the_smallest_flip_flips(folder):
    store = open_store(folder / "signed.zarr")
    rows = store.rows("tune")
    shown = rows[showing(store, 0, store.concept_score[rows, 0])]
    assert sorted(shown) == sorted(rows)
    assert (np.diff(store.concept_score[shown, 0]) <= 0).all()
    file = concepts_file(store, "tune", None, [])
    line = next(csv.DictReader(io.StringIO(file.content.decode())))
    students = inficond_panel.open_students(folder / "signed.zarr").fit()
    assert not {"segments", "images"} & {*line, *students.concepts_of("bird").columns}
    tuner, node = students.tuner, students.node
    store, rows, sides = tuner.store, tuner.store.rows("tune"), set()
    for row in rows[:40].tolist():
        apart = take_apart(tuner.at(node, "tune")["bird"], row)
        edit, score = apart.edit, store.concept_score[row].astype(float)
        c = store.concepts.index(edit.concept)
        assert abs(score[c]) == np.abs(score).max()
        assert edit.raises == (score[c] > 0)
        beyond = np.sign(score[c]) * (1 if edit.present else -1) * 1e-7 * abs(edit.influence)
        moved = apart.logit + (edit.influence + beyond - edit.before) * score[c]
        assert (moved > 0) == edit.present != (apart.logit > 0)
        column = store.concept_score[rows, c].astype(float)
        old = tuner.logits(node)[rows, 0]
        new = old + (edit.influence + beyond - edit.before) * column
        assert edit.others == np.count_nonzero((old > 0) != (new > 0)) - 1
        sides.add((edit.raises, edit.present))
    assert len(sides) == 4


def test_a_part_is_there_whole_or_not_at_all_and_damaged_ones_are_told_on_opening(tmp_path):
    whole = small_arrays(images=12, concepts=4, classes=1)
    for part in ("photos", "segments", "texts", "maps"):
        lost = PARTS[part][1:] or PARTS[part]
        arrays = {name: values for name, values in whole.items() if name not in lost}
        with pytest.raises(StoreFormatError, match=r"which the store lacks|need texts"):
            write_store(tmp_path / f"{part}.zarr", arrays, ATTRS)
    write_store(tmp_path / "s.zarr", whole, ATTRS)
    shutil.rmtree(tmp_path / "s.zarr" / "mask")
    with pytest.raises(StoreFormatError, match="segment_image needs mask"):
        open_store(tmp_path / "s.zarr")


def test_a_store_with_a_map_and_photos_but_no_segments_is_shown(tmp_path):
    arrays = small_arrays(images=60, concepts=6, classes=2)
    for name in PARTS["segments"]:
        del arrays[name]
    write_store(tmp_path / "s.zarr", arrays, ATTRS)
    tuner = inficond_panel.open_students(tmp_path / "s.zarr").fit().tuner
    app = AppState(tuner, Jobs(inline=True))
    views = make_views(app)
    assert "no segments" in views["embedding"].panel.fault
    app.selection.param.update(class_name="bicycle", concept="wheel")
    tile = next(iter(views["detail"].pictures()["pictures"].values()))
    assert tile["source"].startswith("data:image/jpeg")


PAGE = Path(__file__).parents[2] / "docs" / "notebook.md"


def example(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]


def test_the_example_of_the_page_on_notebooks_makes_students(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, given in frames(60).items():
        frame = given.to_frame("split") if name == "split" else given
        frame.rename_axis("image_id").to_csv(f"{name}.csv")
    names: dict[str, object] = {}
    exec(compile(example("python"), str(PAGE), "exec"), names)
    students = names["students"]
    assert students.images("fit")[:2] == ["0000", "0001"]
    assert students.metrics("tune")["ap"].between(0.5, 1).all()
    (tmp_path / "birds.yaml").write_text(example("yaml"))
    spec = load_spec("birds.yaml")
    assert (spec.store, spec.students.lambda_) == (tmp_path / "own.zarr", 1e-3)
