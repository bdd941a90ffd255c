"""Concept embedding: labels, elements, cloud, and the view over the state (no browser)."""

from __future__ import annotations

import base64
import csv
import io
import math
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from factory import small_arrays, small_spec
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import PATIENCE

from inficond_panel.concepts.scoring import SCALE
from inficond_panel.plots import cloud, concept_map, map_layers
from inficond_panel.plots.concept_map import (
    EDGE,
    LEADER_FROM,
    Anchor,
    Frame,
    Label,
    Names,
    Shown,
    clipped,
    moved_apart,
    place_labels,
    spread,
)
from inficond_panel.results.concept_rows import concept_rows
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import open_store, write_store
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.views.embedding.map_layers import REACH, make_segment, nearest_segment
from inficond_panel.views.embedding.map_plot import make_facts
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.vocabulary import palette

SIZE = (600.0, 230.0)


@pytest.fixture
def view(app) -> EmbeddingView:
    return EmbeddingView(app)


def overlap(a, b) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


# --- labels ------------------------------------------------------------------------------------


def test_a_label_lies_to_the_right_of_its_mark_and_at_the_right_edge_to_the_left():
    label, other = (place_labels([Anchor(x, 100, 5, "chair")], SIZE)[0] for x in (100, 595))
    assert label.box[0] == pytest.approx(109)
    assert label.centre[1] == pytest.approx(100)
    assert label.leader is None
    assert other.box[2] <= 590


def test_a_label_that_must_go_far_has_a_leader_from_the_edge_of_its_mark():
    crowd = [Anchor(300 + 9 * i, 115, 5, "") for i in range(-12, 13) if i]
    crowd += [Anchor(300 + 9 * i, 115 + 18 * j, 9, "") for i in range(-12, 13) for j in (-1, 1)]
    label = place_labels([Anchor(300, 115, 5, "chair"), *crowd], SIZE)[0]
    assert label is not None
    assert label.leader is not None
    x, y, *end = label.leader
    assert math.hypot(x - 300, y - 115) == pytest.approx(5)
    assert math.dist((x, y), end) >= LEADER_FROM - 1e-9


def test_among_equal_places_it_covers_the_fewest_dots():
    dots = np.array([[120.0, 100.0], [125.0, 101.0]])
    (label,) = place_labels([Anchor(100, 100, 5, "chair")], SIZE, dots)
    assert label is not None
    assert not any(
        label.box[0] <= x <= label.box[2] and label.box[1] <= y <= label.box[3] for x, y in dots
    )


def test_a_mark_outside_the_plot_has_no_label():
    assert place_labels([Anchor(-3, 100, 5, "chair")], SIZE) == [None]


names = st.text("abcmwil ", min_size=1, max_size=18)
places = st.tuples(st.floats(0, 600), st.floats(0, 230), st.floats(3, 11), names)


@given(st.lists(places, max_size=14))
def test_labels_never_overlap_each_other_a_mark_or_the_edge(rows):
    anchors = [Anchor(*row) for row in rows]
    placed = [label for label in place_labels(anchors, SIZE) if label]
    for i, label in enumerate(placed):
        left, top, right, bottom = label.box
        assert 0 <= left < right <= SIZE[0]
        assert 0 <= top < bottom <= SIZE[1]
        assert not any(overlap(label.box, other.box) for other in placed[i + 1 :])
        for a in anchors:
            mark = (a.x - a.radius, a.y - a.radius, a.x + a.radius, a.y + a.radius)
            assert not overlap(label.box, mark)


@settings(max_examples=40)
@given(st.lists(places, max_size=14))
def test_the_first_is_placed_first(rows):
    anchors = [Anchor(*row) for row in rows]
    marks_only = [Anchor(a.x, a.y, a.radius, "") for a in anchors[1:]]
    first: list[Label | None] = place_labels(anchors, SIZE)[:1]
    assert first == place_labels([*anchors[:1], *marks_only], SIZE)[:1]


def test_a_long_name_is_clipped_and_more_where_it_finds_no_place():
    name = "washer, automatic washer, washing machine"
    (label,) = place_labels([Anchor(100, 100, 5, name)], SIZE)
    assert label is not None
    assert label.text == "washer, automatic washe…"
    (label,) = place_labels([Anchor(54, 24, 5, name)], (118, 68))
    assert label is not None
    assert label.text == "washer, aut…"
    assert clipped("washer", 6) == "washer"


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(0, 230)), max_size=4))
def test_few_marks_are_moved_apart_the_first_stays(points):
    places, radius = np.array(points).reshape(-1, 2), np.array([7.0, 6.0, 4.0, 3.0])[: len(points)]
    found = moved_apart(places, radius)
    assert found[:1].tolist() == places[:1].tolist()
    for i in range(len(points)):
        for j in range(i):
            assert np.hypot(*(found[i] - found[j])) >= radius[i] + radius[j]
    far = [all(math.dist(p, q) > 20 for q in points if q is not p) for p in points]
    assert np.abs(found - places)[far].sum() == 0


# --- elements ----------------------------------------------------------------------------------

XY = np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0], [0.2, 0.8]])
INFLUENCE = np.array([0.5, -2.0, 0.0, 1.0])


def rows_of(columns: dict[str, list]) -> list[dict]:
    """Rows of a layer."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_marks_are_ordered_named_and_sized_by_absolute_influence():
    shown = Shown(INFLUENCE)
    assert shown.top == [1, 3, 0]  # without zeros
    assert shown.order[-1] == 2
    assert [shown.radius(at) for at in (1, 3, 2)] == [6.0, 4.5, 3.0]
    # the opened, the top and the pending, once each
    assert Shown(INFLUENCE, {2: "up", 1: "down"}, opened=3).named == [3, 1, 0, 2]


def test_negative_marks_are_hollow_and_positive_ones_ink():
    marks = rows_of(map_layers.make_marks(XY, Shown(INFLUENCE), False))
    by_place = {(mark["x"], mark["y"]): mark for mark in marks}
    hollow = by_place[0.5, 0.5]
    assert (hollow["fill"], hollow["line"]) == (palette.SURFACE.light, palette.INK.light)
    assert by_place[0.2, 0.8]["fill"] == palette.INK.light


@pytest.mark.parametrize(
    ("direction", "shape", "color"),
    [("up", "triangle", palette.UPTUNE.dark), ("down", "inverted_triangle", palette.DOWNTUNE.dark)],
)
def test_pending_marks_have_shape_and_colour(direction, shape, color):
    (mark,) = rows_of(map_layers.make_marks(XY, Shown(pending={2: direction}), True))
    assert (mark["shape"], mark["fill"]) == (shape, color)


def test_a_removal_is_a_cross_and_the_opened_concept_has_a_ring():
    marks = rows_of(map_layers.make_marks(XY, Shown(pending={2: "remove"}, opened=2), False))
    assert [mark["shape"] for mark in marks] == ["circle", "x", "circle"]
    assert marks[-1]["across"] == 2 * concept_map.RING
    assert marks[-1]["opacity"] == 0.0


def test_dots_are_all_concepts_and_those_of_the_group_stand_out():
    dots = map_layers.make_dots(XY, Shown(), (1,), {"name": list("abcd")}, False)
    assert list(dots["shade"]) == [
        palette.CONCEPT.light,
        palette.INK.light,
        palette.CONCEPT.light,
        palette.CONCEPT.light,
    ]
    assert list(dots["name"]) == list("abcd")


def test_frame_goes_to_pixels_and_back():
    frame = Frame((0.0, 0.5), (0.5, 1.0), (200.0, 100.0))
    assert frame.pixels(np.array([[0.25, 0.75]])).tolist() == [[100.0, 50.0]]
    assert frame.pixels(np.array([[0.0, 1.0]])).tolist() == [[0.0, 0.0]]
    assert frame.positions(frame.pixels(XY)) == pytest.approx(XY)


def test_marks_at_one_place_lie_side_by_side_until_the_map_is_enlarged():
    xy = np.array([[0.5, 0.5], [0.502, 0.5], [0.9, 0.1]])
    shown = Shown(np.array([18.5, -5.89, 2.0]))
    spread = concept_map.spread(xy, shown, Frame())
    assert spread[[0, 2]].tolist() == xy[[0, 2]].tolist()
    away = np.diff(Frame().pixels(spread[:2]), axis=0)[0]
    assert np.hypot(*away) >= shown.radius(0) + shown.radius(1)
    assert concept_map.spread(xy, shown, Frame((0.49, 0.51), (0.49, 0.51))).tolist() == xy.tolist()


def test_the_dots_of_marked_concepts_are_not_seen_beside_their_marks():
    dots = map_layers.make_dots(XY, Shown(INFLUENCE), (), {"name": list("abcd")}, False)
    assert list(dots["shade"]) == [map_layers.UNSEEN] * 2 + [
        palette.CONCEPT.light,
        map_layers.UNSEEN,
    ]


def test_texts_lie_where_the_labels_were_placed_and_may_be_none():
    for made in (map_layers.make_texts(Names(), False), map_layers.make_leaders(Names(), False)):
        assert rows_of(made) == []
    assert rows_of(map_layers.make_marks(XY, Shown(), False)) == []
    shown = Shown(INFLUENCE, opened=1)
    placed = concept_map.place_names(XY, ["a", "b", "c", "d"], shown, Frame())
    texts = rows_of(map_layers.make_texts(placed, False))
    assert {t["name"]: t["style"] for t in texts} == {"b": "bold", "d": "normal", "a": "normal"}
    assert [(t["x"], t["y"]) for t in texts] == [tuple(centre) for centre in placed.centres]
    assert {(t["ink"], t["surface"]) for t in texts} == {(palette.INK.light, palette.SURFACE.light)}


def test_texts_and_leaders_are_told_in_pixels_from_their_marks_too():
    """So they lie beside them in a map of another size, which nobody places anew."""
    crowd = np.array([[0.5, 0.5], [0.52, 0.5], [0.5, 0.54], [0.52, 0.54]])
    frame, shown = Frame(size=(200.0, 120.0)), Shown(np.array([1.0, -0.5, 0.4, 0.3]))
    placed = concept_map.place_names(crowd, [letter * 20 for letter in "abcd"], shown, frame)
    texts = rows_of(map_layers.make_texts(placed, False))
    for text, (x, y) in zip(texts, frame.pixels(placed.centres), strict=True):
        at = frame.pixels(np.array([[text["at_x"], text["at_y"]]]))[0]
        assert [text["at_x"], text["at_y"]] == crowd["abcd".index(text["name"][0])].tolist()
        assert [at[0] + text["right"], at[1] + text["down"]] == pytest.approx([x, y])
    leaders = rows_of(map_layers.make_leaders(placed, False))
    assert leaders
    for leader in leaders:
        ends = frame.pixels(np.array([[leader["x0"], leader["y0"]], [leader["x1"], leader["y1"]]]))
        (right, down), length = ends[1] - ends[0], leader["length"]
        assert length == pytest.approx(np.hypot(right, down))
        # as Bokeh counts angles: from the right, upwards
        turned = length * np.array([np.cos(leader["angle"]), -np.sin(leader["angle"])])
        assert turned == pytest.approx([right, down])


def test_on_a_page_drawn_larger_marks_and_labels_are_larger_and_still_apart():
    shown, frame = Shown(INFLUENCE, opened=1), Frame(size=(900.0, 1100.0), scale=1.25)
    placed = concept_map.place_names(XY, ["a", "b", "c", "d"], shown, frame)
    assert placed.scale == 1.25
    assert set(map_layers.make_texts(placed, False)["size"]) == {"15px"}
    usual, large = (map_layers.make_marks(XY, shown, False, scale) for scale in (1.0, 1.25))
    assert large["across"] == [1.25 * across for across in usual["across"]]
    pixels, centres = frame.pixels(XY), frame.pixels(placed.centres)
    for text, centre in zip(placed.texts, centres, strict=True):
        away = np.abs(centre - pixels["abcd".index(text)])
        assert away.max() > 1.25 * shown.radius("abcd".index(text))
    assert concept_map.place_names(XY, list("abcd"), shown, Frame()).scale == 1.0


def test_the_map_is_as_large_as_the_page_is_drawn(view):
    view.panel.zoom = 1.5
    assert view.map.frame.scale == 1.5
    view.map.resize(900, 700)
    view.map.look_at(replace(view.map.frame, x=(0.0, 0.5)))
    assert view.map.frame.scale == 1.5


def test_a_tap_means_the_nearest_concept_within_reach():
    frame = Frame()
    assert concept_map.tapped(XY, 0.505, 0.505, Shown(INFLUENCE), frame) == 1
    assert concept_map.tapped(XY, 0.75, 0.25, Shown(INFLUENCE), frame) is None


def test_facts_tell_influence_rank_segments_and_nearest(store):
    influence = np.zeros(len(store.concepts))
    influence[[2, 5]] = -1.5, 0.25
    facts = make_facts(store, Shown(influence))
    assert facts["influence"][2] == "−1.50 · rank 1"
    assert facts["influence"][5] == "+0.25 · rank 2"
    assert facts["influence"][0] == "0.00"
    assert facts["nearest"][0] == "spoke"
    assert sum(map(int, facts["segments"])) == len(store.segment_concept)


# --- cloud -------------------------------------------------------------------------------------


def test_positions_fill_the_unit_square_and_flat_ones_stay_finite():
    unit = cloud.unit_square(np.array([[1.0, 7.0], [3.0, 7.0], [2.0, 7.0]]))
    assert unit.tolist() == [[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]]


def test_a_segment_lies_at_the_weighted_mean_of_its_three_nearest_concepts(store):
    positions = cloud.segment_positions(store, "pca")
    cosine = store.segment_embedding[0].astype(float) @ store.concept_text_embedding.T
    nearest = np.argsort(cosine)[-3:]
    weight = np.exp(SCALE * cosine[nearest])
    concepts = cloud.concept_positions(store, "pca")[nearest]
    expected = (weight[:, None] * concepts).sum(axis=0) / weight.sum()
    assert positions[0] == pytest.approx(expected, abs=1e-4)


def test_a_projection_of_the_segments_is_used_where_the_store_has_one(tmp_path, store):
    arrays = small_arrays()
    own = np.zeros((2, len(arrays["segment_image"]), 2), np.float32)
    own[:] = arrays["concept_projection"][:, :1]
    write_store(tmp_path / "own.zarr", {**arrays, "segment_projection": own}, store_attrs(store))
    positions = cloud.segment_positions(open_store(tmp_path / "own.zarr"), "tsne")
    assert positions == pytest.approx(
        np.tile(cloud.concept_positions(store, "tsne")[:1], (len(positions), 1)), abs=1e-5
    )


def test_segments_that_are_not_in_the_sample_are_not_in_the_cloud(tmp_path, store):
    arrays = small_arrays()
    own = np.full((2, len(arrays["segment_image"]), 2), np.nan, np.float32)
    own[:, :5] = arrays["concept_projection"][:, :1]
    write_store(tmp_path / "own.zarr", {**arrays, "segment_projection": own}, store_attrs(store))
    density = cloud.segment_density(open_store(tmp_path / "own.zarr"), "tsne").values
    x, y = cloud.concept_positions(store, "tsne")[0]
    row, column = np.unravel_index(density.argmax(), density.shape)
    assert (column + 0.5) / density.shape[1] * 1.1 - 0.05 == pytest.approx(x, abs=0.01)
    assert (row + 0.5) / density.shape[0] * 1.1 - 0.05 == pytest.approx(y, abs=0.01)


def store_attrs(store) -> dict[str, str]:
    names = ("title", "encoder", "preprocessing", "corpus", "teacher", "inputs_hash")
    return {name: store.attrs[name] for name in names}


def test_the_cloud_is_slate_and_at_most_half_opaque():
    for dark in (False, True):
        colours = [bytes.fromhex(colour[1:]) for colour in cloud.palette(dark)]
        assert {tuple(colour[:3]) for colour in colours} == {(122, 134, 154)}
        opacity = [colour[3] for colour in colours]
        assert opacity[0] == 0
        assert opacity == sorted(opacity)
        assert 60 < opacity[-1] <= 128


def test_the_cloud_lies_where_its_segments_are(store):
    density = cloud.segment_density(store, "pca").values
    x, y = cloud.segment_positions(store, "pca")[7]
    column = int((x + cloud.MARGIN) / (1 + 2 * cloud.MARGIN) * density.shape[1])
    row = int((y + cloud.MARGIN) / (1 + 2 * cloud.MARGIN) * density.shape[0])
    assert density[row, column] > 0.2 * 255


def test_a_part_of_the_map_has_a_cloud_of_its_own_detail(store):
    x, y = cloud.segment_positions(store, "pca")[7]
    part = cloud.density_within(store, "pca", (x - 0.01, x + 0.01), (y - 0.01, y + 0.01))
    height, width = part.values.shape
    assert part.values[height // 2, width // 2] > 0.2 * 255
    drawn = map_layers.make_cloud(part, dark=False)
    assert drawn.bounds.lbrt() == pytest.approx((x - 0.01, y - 0.01, x + 0.01, y + 0.01))
    assert drawn.dimension_values(2, flat=False).dtype == np.uint8


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0, 4.0])
def test_a_spot_is_as_wide_as_it_is_high_on_a_plot_of_any_shape(store, shape):
    x, y = cloud.segment_positions(store, "pca")[7]
    reach = 1e-4  # around one segment alone
    part = cloud.density_within(store, "pca", (x - reach, x + reach), (y - reach, y + reach), shape)
    height, width = part.values.shape
    assert width / height == pytest.approx(shape, rel=0.01)
    rows, columns = np.nonzero(part.values > 60)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)
    assert 0 < np.ptp(rows) < 40


# --- segments under the pointer -----------------------------------------------------------------


def test_the_segment_pointed_at_is_the_nearest_on_screen(store):
    frame = Frame(size=(600.0, 230.0))
    places = cloud.segment_positions(store, "pca")
    shown = store.split[store.segment_image] != "holdout"
    for pixel in np.random.default_rng(0).uniform((0, 0), frame.size, (40, 2)):
        away = np.where(shown, np.linalg.norm(frame.pixels(places) - pixel, axis=1), np.inf)
        found = nearest_segment(store, "pca", frame, pixel)
        if away.min() > REACH:
            assert found is None
        else:
            assert away[found] == pytest.approx(away.min(), rel=1e-5)


def test_no_segment_of_a_holdout_image_is_pointed_at(store):
    segments, _ = cloud.segment_tree(store, "pca")
    assert set(store.split[store.segment_image[segments]]) == {"fit", "tune"}
    hidden = np.flatnonzero(store.split[store.segment_image] == "holdout")
    assert not np.isin(segments, hidden).any()
    assert len(segments) + len(hidden) == len(store.segment_image)


def test_a_segment_is_told_with_its_photo_concept_and_label(store):
    told = make_segment(store, "pca", 5, "bird")
    image = int(store.segment_image[5])
    assert told["image"] == store.images[image]
    assert told["outline"].startswith("M")
    facts = dict(told["facts"])
    assert facts["Concept"] == store.concepts[store.segment_concept[5]]
    label = int(store.label[image, store.classes.index("bird")])
    assert facts["Class bird"] == {1: "present", 0: "absent", -1: "not labelled"}[label]
    assert "Class bird" not in dict(make_segment(store, "pca", 5, "")["facts"])


# --- the view over the state -------------------------------------------------------------------


def test_projections_are_those_of_the_store_t_sne_first_and_how_to_get_the_others(view):
    *there, (missing, name, how) = view.panel.projections
    assert there == [["tsne", "t-SNE", ""], ["pca", "PCA", ""]]
    assert (missing, name) == ("umap", "UMAP")
    assert "concepts.projections.methods" in how
    assert "inficond-panel[umap]" in how
    assert view.projection == "tsne"


@pytest.mark.parametrize("named", [["pca", "tsne"], ["tsne", "pca"], ["umap", "pca"]])
def test_the_map_opens_with_the_first_projection_that_the_spec_names(tmp_path, named):
    methods = f"concepts:\n  projections: {{methods: [{', '.join(named)}]}}"
    path = small_spec(tmp_path)
    path.write_text(path.read_text().replace("concepts:", methods))
    view = EmbeddingView(AppState(open_tuner(path), Jobs(inline=True)))
    first = [name for name in named if name != "umap"]  # which the store lacks
    assert [name for name, _, how in view.panel.projections if not how] == [
        *first, *({"pca", "tsne"} - set(first)),
    ]  # fmt: skip
    assert view.projection == first[0]


def test_choosing_a_projection_moves_the_concepts(view, store):
    view.panel.projection = "pca"
    assert view.map.scene.xy == pytest.approx(cloud.concept_positions(store, "pca"))
    assert view.map.cloud.dimension_values(2, flat=False).shape == (320, 640)


def test_a_new_map_shows_the_projection_of_the_settings(app, view, store):
    """As the page is made anew for a concept that is typed; a store may lack it."""
    view.panel.projection = "pca"
    again = EmbeddingView(app)
    assert (again.projection, again.panel.projection) == ("pca", "pca")
    assert again.map.scene.xy == pytest.approx(cloud.concept_positions(store, "pca"))
    app.settings.projection = "umap"
    assert EmbeddingView(app).projection == "tsne"


def test_the_selected_student_marks_its_top_concepts(app, view):
    assert view.map.scene.shown.top == []
    app.selection.class_name = "sheep"
    weights = app.students.node.weights[:, app.store.classes.index("sheep")]
    assert view.map.scene.shown.top[0] == int(np.abs(weights).argmax())
    assert view.map.scene.names.texts
    app.tuning.toggle(Intent("sheep", "fur", "down"))
    app.tuning.toggle(Intent("bird", "sky", "up"))
    assert view.map.scene.shown.pending == {app.store.concepts.index("fur"): "down"}


def test_selection_goes_both_ways(app, view):
    app.selection.concept = "fur"
    assert view.map.scene.shown.opened == app.store.concepts.index("fur")
    x, y = view.map.scene.xy[app.store.concepts.index("sky")]
    view.map.tap(-0.04, -0.04)  # beside all concepts
    assert app.selection.concept == "fur"
    view.map.tap(x, y)
    assert app.selection.concept == "sky"
    view._on_lasso([1, 2])
    assert app.selection.concepts == ["spoke", "sky"]
    assert np.flatnonzero(view.map.dots["shade"] == palette.INK.light).tolist() == [1, 2]
    assert view.panel.group["count"] == 2


def test_an_enlarged_map_goes_to_the_concept_that_is_opened(app, view, store):
    names, xy = store.concepts, cloud.concept_positions(store, view.projection)
    far = int(np.abs(xy - 0.5).max(1).argmax())
    near = int(np.abs(xy - xy[far]).sum(1).argsort()[-1])
    frame = view.map.frame.zoomed(5, xy[near])
    view.map.look_at(frame)
    assert not frame.shows(xy[far])
    app.selection.concept = names[far]
    moved = view.map.frame
    assert moved.shows(xy[far])
    assert np.ptp(moved.x) == pytest.approx(np.ptp(frame.x))
    app.selection.concept = names[far]
    assert view.map.frame == moved


def test_the_group_tells_where_it_lies_across_the_plot(app, view):
    app.selection.concepts = ["fur", "sky"]
    shares = view.map.frame.shares(view.map.scene.xy)
    across = sorted(shares[app.store.concepts.index(name), 0] for name in ("fur", "sky"))
    group = view.panel.group
    assert [group["from"], group["to"]] == pytest.approx(across)


def test_zoom_and_size_place_the_labels_anew(app, view):
    app.selection.class_name = "sheep"
    before = view.map.scene
    view.map.move((0.4, 0.6), (0.4, 0.6))
    view.map.resize(411, 200)
    assert view.map.frame == Frame((0.4, 0.6), (0.4, 0.6), (411.0, 200.0))
    assert view.map.scene.names is not before.names
    assert view.map.scene.shown.named == before.shown.named


def test_what_does_not_change_is_not_drawn_again(app, view):
    app.selection.class_name = "sheep"
    cloud_before, dots_before = view.map.cloud, view.map.dots
    app.tuning.toggle(Intent("sheep", "fur", "down"))
    app.selection.concept = "sky"
    assert view.map.dots is dots_before
    app.selection.class_name = "bird"
    assert view.map.dots is not dots_before
    assert view.map.cloud is cloud_before


def test_a_thumb_changes_the_marks_on_the_figure(app, view):
    view.panel.get_root()
    (front,) = view.map.fronts.values()
    app.selection.class_name = "sheep"
    app.tuning.toggle(Intent("sheep", app.store.concepts[view.map.scene.shown.top[0]], "down"))
    assert "inverted_triangle" in front.marks.data["shape"]


def test_each_place_where_the_map_is_shown_is_up_to_date(app, view):
    """As in a notebook, where one explorer may be displayed twice."""
    view.panel.get_root()
    view.panel.get_root()
    app.selection.class_name = "sheep"
    one, two = view.map.fronts.values()
    assert one.marks.data == two.marks.data
    assert one.marks is not two.marks
    assert one.names.data["name"] == list(view.map.scene.names.texts)


def test_one_figure_lives_through_all_changes(app, view):
    view.panel.get_root()
    (figure,) = view.map.fronts
    app.selection.class_name = "sheep"
    app.selection.concept = "fur"
    app.theme = "dark"
    view.panel.projection = "pca"
    assert list(view.map.fronts) == [figure]
    assert figure.background_fill_color == palette.SURFACE.dark
    assert (figure.x_range.start, figure.x_range.end) == cloud.WHOLE


def test_names_from_data_stay_text_in_the_tooltip(app, view):
    view.panel.get_root()
    (figure,) = view.map.fronts
    (hover,) = (tool for tool in figure.tools if type(tool).__name__ == "HoverTool")
    assert "{safe}" not in hover.tooltips


def test_of_a_large_batch_all_are_marked_and_the_first_are_named():
    influence = np.linspace(1, 0.1, 40)
    shown = Shown(influence, dict.fromkeys(range(5, 40), "down"), opened=39)
    assert len(shown.marked) == 40
    expected = {*range(10), *range(10, 20), 39}
    assert set(shown.named) == expected


def test_an_enlarged_map_has_the_cloud_of_what_it_shows(app, view):
    whole = view.map.cloud
    view.map.move((0.4, 0.6), (0.4, 0.6))
    assert view.map.cloud.bounds.lbrt() == pytest.approx((0.36, 0.36, 0.64, 0.64))
    part = view.map.cloud
    view.map.resize(411, 200)
    assert view.map.cloud is part
    view.map.resize(400, 800)
    assert view.map.cloud.dimension_values(2, flat=False).shape == (640, 320)
    ask(view, "show_all")
    assert view.map.cloud.bounds.lbrt() == whole.bounds.lbrt()


# --- the group ---------------------------------------------------------------------------------


def ask(view, action, **arguments):
    view.act({"action": action, **arguments})


def test_the_group_is_listed_by_influence_and_opens_after_the_lasso(app, view, sent):
    app.selection.class_name = "sheep"
    view._on_lasso([0, 1, 2, 3, 4])
    assert sent == [{"open": "group"}]
    weights = app.students.node.weights[:5, app.store.classes.index("sheep")]
    order = np.argsort(-np.abs(weights), kind="stable")
    listed = [row["concept"] for row in view.panel.group["rows"]]
    assert listed == [app.store.concepts[c] for c in order]
    ask(view, "drop", concept=listed[0])
    assert view.panel.group["count"] == 4
    ask(view, "open", concept=listed[1])
    assert app.selection.concept == listed[1]
    assert view.panel.group["rows"][0]["opened"] == "yes"
    view._on_lasso([])
    assert sent == [{"open": "group"}]


def test_a_group_is_thumbed_as_one_and_taken_back(app, view):
    view._on_lasso([0, 1, 2])
    assert not view.panel.group["thumbs"]
    ask(view, "thumb_group", direction="down")
    assert app.tuning.pending == []
    app.selection.class_name = "sheep"
    assert view.panel.group["thumbs"]
    ask(view, "thumb_group", direction="down")
    assert [(i.concept, i.direction) for i in app.tuning.pending] == [
        (name, "down") for name in app.store.concepts[:3]
    ]
    assert view.panel.group["given"] == "down"
    ask(view, "thumb_group", direction="down")
    assert app.tuning.pending == []
    assert view.panel.group["given"] == ""


def test_images_with_segments_of_the_group_are_opened_for_the_student(app, view):
    view._on_lasso([0, 1])
    assert view.panel.group["images"] == 0  # nobody decides on them
    app.selection.class_name = "bicycle"
    store, rows = app.store, app.dataset.rows
    shown = store.segment_image[np.isin(store.segment_concept, [0, 1])]
    expected = sorted(set(shown.tolist()) & set(rows.tolist()))
    assert view.panel.group["images"] == len(expected) > 0
    ask(view, "open_group_images")
    images = app.selection.images
    assert (images.class_name, images.title) == ("bicycle", "2 concepts of the map")
    assert sorted(images.rows) == expected


def test_the_lasso_takes_the_drag_and_gives_it_back(view):
    view.panel.get_root()
    (figure,) = view.map.fronts
    for active in ("LassoSelectTool", "PanTool"):
        ask(view, "use_lasso")
        assert type(figure.toolbar.active_drag).__name__ == active
        assert view.panel.lasso == (active == "LassoSelectTool")


def saved(sent) -> tuple[str, list[dict[str, str]]]:
    file = sent[-1]["save"]
    text = base64.b64decode(file["content"]).decode()
    return file["name"], list(csv.DictReader(io.StringIO(text)))


def test_the_group_is_saved_with_the_numbers_of_the_student(app, view, sent):
    app.selection.class_name = "sheep"
    app.tuning.toggle(Intent("sheep", "fur", "down"))
    app.tuning.fine_tune()
    group = ["fur", "sky", "wheel"]
    app.selection.concepts = group
    ask(view, "save_concepts")
    name, lines = saved(sent)
    assert name == "concepts-sheep-3.csv"
    assert [line["concept"] for line in lines] == [c for c in app.store.concepts if c in group]
    (fur,) = (line for line in lines if line["concept"] == "fur")
    assert float(fur["influence"]) == app.students.weight("sheep", "fur")
    assert float(fur["upper_bound"]) == app.students.node.bounds["sheep", "fur"][1]
    assert (fur["lower_bound"], fur["class"]) == ("", "sheep")
    assert fur["student"].startswith("#1 ")
    rows = {
        row.concept: row
        for row in concept_rows(
            app.tuner, app.students.student("sheep"), sort="discrepancy_p", top=99
        )
    }
    for line in lines:
        assert float(line["discrepancy_p"]) == rows[line["concept"]].discrepancy
    column = app.store.concepts.index("fur")
    assert int(fur["segments"]) == (app.store.segment_concept == column).sum()
    assert int(fur["images"]) == (app.store.concept_score[app.store.rows("tune"), column] > 0).sum()


def test_without_a_group_and_a_student_all_concepts_are_saved(app, view, sent):
    ask(view, "save_concepts")
    name, lines = saved(sent)
    assert name == f"concepts-{len(app.store.concepts)}.csv"
    assert [line["concept"] for line in lines] == list(app.store.concepts)
    assert {line["influence"] for line in lines} == {""}


def off_every_concept(app, view) -> list[float]:
    """Place of a segment on the map, as shares of the plot."""
    frame = view.map.frame
    place = cloud.segment_positions(app.store, view.projection)
    shown = np.flatnonzero(app.store.split[app.store.segment_image] != "holdout")
    away = np.abs(place[shown, None] - view.map.scene.xy).sum(-1).min(1)
    return (frame.pixels(place[[shown[away.argmax()]]])[0] / frame.size).tolist()


def test_pointing_sends_the_segment_or_none(app, view, sent):
    frame, share = view.map.frame, off_every_concept(app, view)
    ask(view, "point", place=share)
    assert sent[-1]["segment"]["place"] == pytest.approx(share, abs=1e-5)
    concept = frame.pixels(view.map.scene.xy[[3]])[0] / frame.size
    ask(view, "point", place=concept.tolist())
    assert sent[-1] == {"segment": None}
    count = len(sent)
    ask(view, "point", place=None)
    assert len(sent) == count


def test_who_leaves_before_the_answer_is_shown_no_segment(app, view, sent):
    """Found after the pointer had left, or on its way to the browser then."""
    there, updates = Event(), []
    app.jobs = Jobs(lambda update: (updates.append(update), there.set()))
    ask(view, "point", place=off_every_concept(app, view))
    assert there.wait(PATIENCE)
    ask(view, "point", place=None)
    updates.pop()()
    assert sent == [{"segment": None}]
    ask(view, "point", place=None)
    assert len(sent) == 1
    app.jobs.close()


def test_the_keyboard_shows_the_segment_nearest_to_its_concept(app, view, sent):
    press(view, "segment")
    at = view.map.scene.xy[view.keys.cursor]
    share = view.map.frame.pixels(at[None])[0] / view.map.frame.size
    away = np.abs(np.array(sent[-1]["segment"]["place"]) - share).max()
    assert away < 0.1


# --- the keyboard --------------------------------------------------------------------------------


def press(view, *keys):
    for key in keys:
        ask(view, "press", key=key)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=30),
    st.sampled_from(["left", "right", "up", "down"]),
)
def test_an_arrow_key_goes_that_way_or_nowhere(points, direction):
    pixels = np.array(points, float)
    axis, sign = {"left": (0, -1), "right": (0, 1), "up": (1, -1), "down": (1, 1)}[direction]
    ahead = sign * (pixels[:, axis] - pixels[0, axis])
    found = concept_map.neighbour(pixels, 0, direction)
    assert (ahead[found] > 0) == (ahead > 0).any()
    assert found == 0 or ahead[found] > 0
    aside = np.abs(pixels[:, 1 - axis] - pixels[0, 1 - axis])
    cone = (ahead > 0) & (aside <= ahead)
    if cone.any():
        away = np.hypot(*(pixels - pixels[0]).T)
        assert away[found] == pytest.approx(away[cone].min())


@given(
    st.floats(0.2, 5),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_zoom_and_moves_stay_on_the_map_and_show_the_concept(factor, at, then):
    frame = Frame((0.2, 0.6), (0.3, 0.5)).zoomed(factor, np.array(at)).showing(np.array(then))
    low, high = cloud.WHOLE
    for shown, (start, end) in zip(then, (frame.x, frame.y), strict=True):
        assert low - 1e-9 <= start < end <= high + 1e-9
        assert start - 1e-9 <= shown <= end + 1e-9


def test_the_keyboard_starts_at_the_strongest_concept_and_moves(app, view):
    app.selection.class_name = "sheep"
    press(view, "enter")
    first = view.map.scene.shown.top[0]
    assert view.map.scene.shown.cursor == first
    assert view.panel.told.startswith(f"{app.store.concepts[first]}, influence ")
    press(view, "right", "left", "up", "down")
    assert view.panel.told.startswith(f"{app.store.concepts[view.keys.cursor]}, ")
    ask(view, "leave")
    assert view.keys.cursor is None
    assert view.panel.told == ""


def test_the_keyboard_opens_selects_and_thumbs(app, view):
    app.selection.class_name = "sheep"
    press(view, "open")
    name = app.store.concepts[view.keys.cursor]
    assert app.selection.concept == name
    press(view, "group")
    assert app.selection.concepts == [name]
    assert view.panel.told.endswith("selected")
    press(view, "group", "thumb down")
    assert app.selection.concepts == []
    assert [(i.concept, i.direction) for i in app.tuning.pending] == [(name, "down")]
    assert view.panel.told.endswith("pending: down")
    press(view, "thumb down")
    assert app.tuning.pending == []


def test_the_keyboard_zooms_at_the_concept_and_back(app, view):
    app.selection.class_name = "sheep"
    press(view, "in", "in")
    x, y = view.map.scene.xy[view.keys.cursor]
    frame = view.map.frame
    assert frame.x[0] <= x <= frame.x[1]
    assert frame.y[0] <= y <= frame.y[1]
    assert frame.x[1] - frame.x[0] == pytest.approx(1.1 / 1.5**2)
    ask(view, "show_all")
    assert (view.map.frame.x, view.map.frame.y) == (cloud.WHOLE, cloud.WHOLE)


def test_without_a_class_the_keyboard_starts_in_the_middle_and_no_thumb_is_given(app, view):
    press(view, "enter", "thumb up")
    assert view.keys.cursor is not None
    assert app.tuning.pending == []


def test_the_ring_of_the_concept_opened_is_whole_in_a_low_map():
    xy = np.array([[0.0, 0.0], [0.5, 1.0], [1.0, 0.5]])
    low = Frame(size=(600.0, 90.0))
    shown = Shown(opened=1)
    assert low.pixels(spread(xy, shown, low))[1, 1] == pytest.approx(EDGE)
    np.testing.assert_array_equal(spread(xy, shown, low)[[0, 2]], xy[[0, 2]])
    high = Frame(size=(600.0, 600.0))
    np.testing.assert_array_equal(spread(xy, shown, high), xy)
