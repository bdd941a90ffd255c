"""Comparison and export as a session asks for them: by node, off the event loop."""

from __future__ import annotations

import io
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from sessions import fine_tune

from inficond_panel.results.comparison import compare, comparison_frames
from inficond_panel.state import AppState


def two_branches(app: AppState) -> tuple[str, str]:
    root = app.students.node.id
    first = fine_tune(app, "wheel")
    app.tuning.jump(root)
    return first, fine_tune(app, "sky")


def test_two_branches_are_compared_as_the_engine_does(app: AppState) -> None:
    first, second = two_branches(app)
    app.comparison.compare(first, second)
    found, tuner = app.comparison.result, app.tuner
    again = compare(tuner, tuner.node(first), tuner.node(second))
    there, here = (comparison_frames(tuner, each) for each in (found, again))
    for name, frame in there.items():
        pd.testing.assert_frame_equal(frame, here[name])
        assert frame.attrs == here[name].attrs
    assert found.ancestor.number == 0
    app.comparison.swap()
    assert app.comparison.pair == (second, first)
    turned = app.comparison.result.of("bicycle").changes["ap"].estimate
    assert turned == pytest.approx(-found.of("bicycle").changes["ap"].estimate)


def test_a_node_that_is_not_there_is_told(app: AppState) -> None:
    app.comparison.compare(app.students.node.id, "no such id")
    assert app.comparison.result is None
    assert "no iteration 'no such id'" in app.comparison.problem
    app.comparison.close()
    assert (app.comparison.pair, app.comparison.problem) == (None, "")


def test_holdout_is_compared_only_where_both_were_looked_at(app: AppState) -> None:
    first, second = two_branches(app)
    app.tuning.show_split("holdout")
    app.comparison.compare(first, second)
    assert app.comparison.result.split == "tune"
    app.tuning.jump(first)
    app.tuning.show_split("holdout")
    app.comparison.compare(first, second)
    assert app.comparison.result.split == "holdout"
    assert app.tuner.looks() == 2


def test_a_late_result_is_not_shown_after_closing(app: AppState, monkeypatch) -> None:
    root, node = app.students.node.id, fine_tune(app, "wheel")
    submitted = []
    monkeypatch.setattr(app.jobs, "submit", submitted.append)
    app.comparison.compare(root, node)
    app.comparison.close()
    [job] = submitted
    job.done(job.work(job))
    assert app.comparison.result is None


def test_the_zip_holds_what_the_command_writes(app: AppState) -> None:
    node = app.tuner.node(fine_tune(app, "wheel"))
    files = []
    app.export.param.watch(lambda event: event.new and files.append(event.new), "file")
    app.export.students(node.id, ["npz", "sklearn"])
    [file] = files
    folder = f"small-1-{node.id}"
    assert file.name == f"{folder}.zip"
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        names = {name.removeprefix(f"{folder}/") for name in archive.namelist()}
        with archive.open(f"{folder}/students.npz") as stream:
            weights = np.load(io.BytesIO(stream.read()), allow_pickle=False)["weights"]
    assert names == {
        "students.npz",
        "students.json",
        "README.md",
        "card.md",
        "card.json",
        "edits.yaml",
    }
    assert (weights == node.weights).all()
    assert app.export.file is None
    assert app.export.status.kind == "done"


def test_the_edits_file_leads_to_the_node(app: AppState) -> None:
    node = app.tuner.node(fine_tune(app, "wheel"))
    files = []
    app.export.param.watch(lambda event: event.new and files.append(event.new), "file")
    app.export.edits(node.id)
    text = files[0].content.decode()
    assert files[0].name == f"small-1-{node.id}-edits.yaml"
    assert node.weights_hash in text
    assert "wheel" in text


def test_a_format_without_its_package_says_so(app: AppState, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    app.export.look()
    missing = {made.name: made.missing for made in app.export.formats}
    assert "[onnx]'" in missing["onnx"]
    assert (missing["npz"], missing["sklearn"]) == ("", "")
    app.export.students(app.students.node.id, ["onnx"])
    assert app.export.status.kind == "error"
    assert "pip install" in app.export.status.remedy


def test_a_refused_change_is_told_until_one_succeeds(app: AppState) -> None:
    node = fine_tune(app, "wheel")
    app.tuning.delete(node)
    assert "shown is in this branch" in app.tuning.problem
    app.tuning.rename(node, "12")
    assert "cannot be named '12'" in app.tuning.problem
    app.tuning.rename(node, "no wheels")
    assert (app.tuning.problem, app.tuning.nodes[1].name) == ("", "no wheels")
