"""A concept as the aggregate of its segments: patches, counts, and its segments on the map."""

from __future__ import annotations

import numpy as np
import pytest
from factory import ATTRS, small_arrays, small_spec, spec_text

from inficond_panel.errors import DataError, SpecError
from inficond_panel.plots.cloud import segment_positions, take_assigned
from inficond_panel.results.image_sets import patch_images, patches_of, shown_segments
from inficond_panel.spec import load_spec
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Jobs
from inficond_panel.store import open_store, write_store
from inficond_panel.tuning import open_tuner
from inficond_panel.views.embedding.map_layers import OPEN_ONE
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.page.address import make_address

#: Six segments of four images, the last of which is of holdout. Nobody is nearest to 'leaf'.
CONCEPT = [0, 1, 0, 0, 1, 0]
COSINE = [0.3, 0.9, 0.8, 0.5, 0.7, 0.6]
IMAGE = [0, 0, 1, 2, 2, 3]


@pytest.fixture
def six(tmp_path):
    """A store with those segments, each with a place of its own on the map but the third."""
    arrays = small_arrays(images=8, concepts=8, classes=2)
    places = np.array([[0, 0], [1, 1], [np.nan, np.nan], [0.5, 0.25], [0.2, 0.2], [1, 0.5]])
    corners = np.array([[0.0, 0.0], [1.0, 1.0], *([[0.5, 0.5]] * 6)])
    arrays |= {
        "segment_image": np.array(IMAGE),
        "segment_concept": np.array(CONCEPT),
        "segment_cosine": np.array(COSINE),
        "segment_embedding": arrays["segment_embedding"][:6],
        "segment_box": arrays["segment_box"][:6],
        "mask": np.zeros_like(arrays["mask"]),
        "concept_projection": np.stack([corners, 2 * corners]),
        "segment_projection": np.stack([places, 2 * places]),
    }
    write_store(tmp_path / "six.zarr", arrays, ATTRS)
    return open_store(tmp_path / "six.zarr")


@pytest.fixture
def app(spec_file) -> AppState:
    return AppState(open_tuner(spec_file, history=":memory:"), Jobs(inline=True))


def test_its_patches_are_these_but_none_of_a_holdout_image(six):
    segments, cosines = patches_of(six, 0, "assigned")
    assert segments.tolist() == [2, 3, 0]
    assert cosines == pytest.approx([0.8, 0.5, 0.3])
    assert patches_of(six, 7, "assigned")[0].tolist() == []
    assert patch_images(six, six.concepts[0], "assigned").tolist() == [1, 2, 0]
    assert 5 not in shown_segments(six)


@pytest.mark.parametrize(
    ("most", "places", "told"),
    [
        (3, [[1, 0.5], [0.5, 0.25], [0, 0]], ""),
        (2, [[1, 0.5], [0, 0]], ", 2 drawn"),
    ],
)
def test_on_the_map_are_those_placed_by_nearness_and_the_centre_of_all(six, most, places, told):
    found = take_assigned(six, "pca", six.concepts[0], drawn=most)
    assert (found.total, found.placed) == (4, 3)
    assert found.xy == pytest.approx(np.array(places))
    assert found.centre == pytest.approx([0.5, 0.25])
    said = f"4 segments assigned to {six.concepts[0]}, 3 of them on the map{told}"
    assert found.words() == f"{said}; + is their centre."


def test_the_concept_opened_is_lit_on_each_projection(app):
    view, store = EmbeddingView(app), app.store
    view.panel.get_root()
    (front,) = view.map.fronts.values()
    assert view.panel.assigned == {"words": OPEN_ONE, "lit": False}
    assert front.segments.data["x"] == []
    app.selection.concept = "fur"
    own = np.flatnonzero(store.segment_concept == store.concepts.index("fur"))
    for projection in ("tsne", "pca"):
        view.panel.projection = projection
        places = segment_positions(store, projection)[own]
        assert sorted(front.segments.data["x"]) == pytest.approx(sorted(places[:, 0]), abs=1e-5)
        assert front.centre.data["y"] == pytest.approx([places[:, 1].mean()] * 2, abs=1e-5)
        told = f"{len(own)} segments assigned to fur; + is their centre."
        assert view.panel.assigned == {"words": told, "lit": True}
    app.selection.concept = ""
    assert front.segments.data["x"] == front.centre.data["x"] == []


def test_a_concept_closed_meanwhile_and_a_fault_light_nothing(spec_file):
    jobs, waiting = Jobs(inline=True), []
    app = AppState(open_tuner(spec_file, history=":memory:"), jobs)
    view = EmbeddingView(app)
    jobs.submit = waiting.append
    app.selection.concept = "sky"
    (job,) = [job for job in waiting if job.key == "assigned"]
    app.selection.concept = ""
    job.done(job.work(job))
    assert view.panel.assigned == {"words": OPEN_ONE, "lit": False}
    app.selection.concept = "sky"
    job.failed(DataError("An array is damaged.", "Write the store again."))
    assert view.panel.assigned == {"words": "An array is damaged.", "lit": False}


@pytest.mark.parametrize(
    ("only_holdout", "told"),
    [(False, "No segment is assigned"), (True, "All its segments are of holdout images")],
)
def test_a_row_without_a_patch_says_why(tmp_path, only_holdout, told):
    def make():
        arrays = small_arrays()
        hidden = (arrays["split"] == "holdout")[arrays["segment_image"]]
        own = arrays["segment_concept"] == 0
        others = own & ~hidden if only_holdout else own
        arrays["segment_concept"] = np.where(others, 1, arrays["segment_concept"])
        return arrays

    tuner = open_tuner(small_spec(tmp_path, make=make), history=":memory:")
    app = AppState(tuner, Jobs(inline=True))
    app.selection.class_name = "bicycle"
    table = KnowledgeView(app).table
    table.patches_of, table.top = "assigned", 0
    rows = {row["concept"]: row for row in table.rows}
    assert (rows["wheel"]["patches"], rows["wheel"]["unpatched"]) == ([], told)
    assert (rows["wheel"]["assigned"] > 0) == only_holdout
    assert rows["spoke"]["unpatched"] == ""


def test_the_spec_says_which_patches_are_there_at_first(tmp_path):
    spec = small_spec(tmp_path, extra="views: {patches_of: assigned}\n")
    app = AppState(open_tuner(spec, history=":memory:"), Jobs(inline=True))
    assert KnowledgeView(app).table.patches_of == "assigned"
    assert "patches" not in make_address(app)
    app.settings.patches_of = "nearest"
    assert "patches=nearest" in make_address(app)
    (tmp_path / "wrong.yaml").write_text(spec_text("views: {patches_of: all}\n"))
    with pytest.raises(SpecError, match=r"views\.patches_of"):
        load_spec(tmp_path / "wrong.yaml", check_files=False)
