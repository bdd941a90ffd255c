"""Knowledge points over an image in the dialog: there where the store has a map of it."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from inficond_panel.spec import load_spec
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import open_store
from inficond_panel.store.write import add_arrays
from inficond_panel.tuning import History, Tuner
from inficond_panel.views.detail.images import make_heat
from inficond_panel.views.detail.view import DetailView

FACTS = {"network": "encoder <b>", "layer": "trunk.stages.2", "b": 0.2}


@pytest.fixture
def store(spec_file):
    """A store whose first image of tune has a map: knowledge points in its upper half."""
    store = open_store(load_spec(spec_file, check_files=False).store)
    row = int(store.rows("tune")[0])
    maps = np.full(int(store.mask_offset[-1]), np.nan, np.float16)
    height, width = store.thumbnail_shape[row]
    one = np.zeros((height, width), np.float16)
    one[: height // 2] = 0.5
    maps[store.mask_offset[row] : store.mask_offset[row + 1]] = one.ravel()
    add_arrays(store, {"knowledge_contrast": maps}, {"knowledge": FACTS})
    return open_store(store.path)


def test_points_are_lit_and_the_rest_is_dimmed(store):
    row = int(store.rows("tune")[0])
    heat = make_heat(store, row)
    kind, data = heat["source"].split(",")
    assert kind == "data:image/png;base64"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    height, width = store.thumbnail_shape[row]
    assert pixels.shape == (height, width, 4)
    upper, lower = pixels[: height // 2], pixels[height // 2 :]
    assert (upper[..., 3] < lower[0, 0, 3]).all()  # the image shows through where points are
    assert (lower[..., :3] == 0).all()
    assert "layer trunk.stages.2 of encoder <b>" in heat["text"]
    assert "0.20 nats" in heat["text"]


def test_an_image_without_a_map_has_none(store, spec_file):
    assert make_heat(store, int(store.rows("tune")[1])) == {}


def test_the_view_sends_the_map_with_the_prediction(store, spec_file):
    spec = load_spec(spec_file, check_files=False)
    app = AppState(Tuner(store, spec, History(":memory:")), Jobs(inline=True))
    view = DetailView(app)
    app.selection.param.update(class_name=store.classes[0], concept=store.concepts[0])
    measured, other = (int(row) for row in store.rows("tune")[:2])
    for row, there in ((measured, True), (other, False)):
        view._take_apart(row)
        assert view.panel.apart["row"] == row
        assert bool(view.panel.apart["heat"]) == there
