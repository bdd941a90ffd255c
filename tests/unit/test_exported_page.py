"""The page as a file: which states are in it, what they hold, and how large it gets."""

import base64
import io
import json
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.io.doc import patch_curdoc
from factory import small_arrays, small_spec
from panel.io import state as panel_state
from PIL import Image

from inficond_panel.app import page_html
from inficond_panel.common.files import File
from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.errors import TuningError
from inficond_panel.state import AppState, Job, Jobs
from inficond_panel.state.export import ExportState
from inficond_panel.state.selection import Rights
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.views.page import exploring
from inficond_panel.views.page.exploring import WaitingJobs, choose_nodes
from inficond_panel.views.page.exported_page import ExportedPage, pack

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    spec = small_spec(folder, images=80, concepts=12, classes=3)
    opened = open_tuner(spec, history=folder / "h.sqlite")
    opened.fine_tune(opened.root(), [Intent("sheep", "wheel", "remove")])
    return opened


@pytest.fixture(scope="module", autouse=True)
def _few_states():
    """Two iterations of three classes, and two concepts of each class."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exploring, "STATES", 8)
        yield


@pytest.fixture(scope="module")
def html(tuner):
    return page_html(tuner, tuner.nodes()[1], "sheep")


def record_of(html: str) -> dict:
    packed = re.search(r'<script id="explored"[^>]*>(.*?)</script>', html, re.DOTALL)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def as_plain(value):
    """A value of Bokeh's as Python has it."""
    if isinstance(value, dict) and value.get("type") == "map":
        return {key: as_plain(each) for key, each in value.get("entries", [])}
    return [as_plain(each) for each in value] if isinstance(value, list) else value


def lists(record: dict, node: str, name: str) -> list:
    """Values of a state in the order of the places, without pictures and what is in all files."""
    numbers = next(state[3] for state in record["states"] if state[:3] == [node, name, ""])
    plain = [as_plain(record["values"][number]) for number in numbers]
    return [value for value in plain if isinstance(value, list) and value]


@pytest.fixture(scope="module")
def record(html):
    return record_of(html)


def test_states_hold_the_ap_of_the_tuner(tuner, record):
    for node in tuner.nodes():
        metrics = tuner.metrics(tuner.node(node.id), "tune")
        for name in tuner.store.classes:
            values = lists(record, node.id, name)
            told = {row["name"]: row["ap"] for row in next(v for v in values if "gap" in v[0])}
            assert told == pytest.approx({each: of.ap for each, of in metrics.items()})


def test_states_hold_the_influences_of_the_tuner(tuner, record):
    for node in tuner.nodes():
        students = tuner.at(tuner.node(node.id), "tune")
        for name in tuner.store.classes:
            values = lists(record, node.id, name)
            for row in next(v for v in values if "rank" in v[0]):
                assert row["influence"] == pytest.approx(students[name].weight(row["concept"]))


def test_a_picture_is_in_a_page_once(record):
    pictures = record["pictures"]
    assert len(set(pictures)) == len(pictures) > 0


def test_pictures_of_a_page_are_photos_or_patches(record):
    pictures = [each.partition(",")[2] for each in record["pictures"]]
    files = [io.BytesIO(base64.b64decode(each)) for each in pictures]
    assert {Image.open(file).format for file in files} == {"JPEG", "WEBP"}


@pytest.fixture(scope="module")
def recorded(tuner, html):
    """Records of a page, of one that begins elsewhere, and of one of another iteration; and what
    Panel holds of them more than before."""
    before, sheets = len(panel_state._views), set(panel_state._stylesheets)
    first = record_of(html)
    other = record_of(page_html(tuner, tuner.root(), "bicycle", "wheel"))
    again = record_of(page_html(tuner, tuner.nodes()[1], "sheep"))
    views = len(panel_state._views) - before
    return first, other, again, views, set(panel_state._stylesheets) - sheets


def test_nothing_stays_of_recorded_pages(recorded):
    *_, views, sheets = recorded
    assert views == 0
    assert sheets == set()


def test_reading_a_record_leaves_it_as_it_is(recorded, html):
    first, *_ = recorded
    assert pack(first) == pack(record_of(html))


def test_a_state_is_recorded_alike_where_another_concept_was_open(tuner, recorded):
    first, other, *_ = recorded
    for name in tuner.store.classes:
        assert lists(first, tuner.root_id, name) == lists(other, tuner.root_id, name)


@pytest.mark.parametrize("part", ["states", "values", "pictures", "numbers"])
def test_a_record_is_the_same_from_another_iteration(recorded, part):
    first, _, again, *_ = recorded
    assert again[part] == first[part]


def test_a_record_from_another_iteration_has_the_same_places(recorded):
    first, _, again, *_ = recorded
    assert [name for _, name in again["places"]] == [name for _, name in first["places"]]


def test_text_of_data_cannot_become_html(tmp_path):
    name = "</script><b>bad</b>"
    arrays = small_arrays(images=40, concepts=6, classes=2)
    arrays["class_name"] = np.array([name, "bird"])
    tuner = open_tuner(small_spec(tmp_path, make=lambda: arrays), history=":memory:")
    html = page_html(tuner, tuner.root(), name)
    assert "<b>bad" not in html
    assert name in {state[1] for state in record_of(html)["states"]}


def test_on_the_holdout_no_other_iteration_is_looked_at_without_right_no_file(tuner):
    app = AppState(tuner, Jobs(inline=True))
    app.tuning.show_split("holdout")
    assert choose_nodes(app) == [app.students.node.id]
    export = ExportState(tuner, Jobs(inline=True), Rights(export=False))
    for make in (lambda: export.make(pytest.fail), lambda: export.make_in_steps(pytest.fail, iter)):
        with pytest.raises(TuningError, match="does not allow export"):
            make()
    assert export.file is None


def test_the_page_that_the_server_is_busy_with_has_no_part_in_a_file(tuner, monkeypatch, caplog):
    """On a thread it would be the current document, and Panel would log an error per change."""
    jobs = WaitingJobs()
    with bokeh_backend():
        page = ExportedPage(AppState(tuner, jobs), jobs)
    busy = Document()
    busy._session_context = lambda: SimpleNamespace(session=object())
    monkeypatch.setitem(panel_state._loaded, busy, True)
    with bokeh_backend(), patch_curdoc(busy), ThreadPoolExecutor() as worker:
        *shares, html = worker.submit(lambda: list(page.steps())).result()
    assert shares == sorted(shares)
    assert html.startswith("<!DOCTYPE html>")
    assert [
        record.getMessage() for record in caplog.records if record.name.startswith("panel")
    ] == []


def test_other_work_comes_between_the_steps_of_a_file(tuner):
    jobs, done = WaitingJobs(), []
    export, saved = ExportState(tuner, jobs), []
    export.param.watch(lambda event: saved.append(event.new), "file")

    def steps(prepared):
        done.append(prepared)
        jobs.submit(Job("other", lambda _: done.append("other"), lambda _: None, lambda _: None))
        yield 0.5
        done.append("last")
        yield File("page.html", b"content")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("inficond_panel.state.export.SLICE", 0)
        export.make_in_steps(lambda: "prepared", steps)
        jobs.work_off()
    assert done == ["prepared", "other", "last"]
    assert saved[0] == File("page.html", b"content")
    assert export.status.kind == "done"
