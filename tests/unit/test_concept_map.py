"""The map of concepts as numbers: labels, marks, dots, the cloud, and what is pointed at."""

import math

import numpy as np
import pytest
from factory import ATTRS, small_arrays
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.concepts.scoring import SCALE
from inficond_panel.plots import cloud, map_layers, map_places
from inficond_panel.plots.map_places import Anchor, Frame, Shown, place_labels, place_names, spread
from inficond_panel.store import open_store, write_store
from inficond_panel.views.embedding.map_layers import REACH, make_segment, nearest_segment
from inficond_panel.views.embedding.map_plot import make_facts
from inficond_panel.vocabulary import palette

pytestmark = pytest.mark.page

SIZE = (600.0, 230.0)
XY = np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0], [0.2, 0.8]])
NAMES = list("abcd")
INFLUENCE = np.array([0.5, -2.0, 0.0, 1.0])


def overlap(a, b) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def rows_of(columns: dict[str, list]) -> list[dict]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_a_label_lies_right_of_its_mark():
    label = place_labels([Anchor(100, 100, 5, "chair")], SIZE)[0]
    assert label.box[0] == pytest.approx(109)
    assert label.centre[1] == pytest.approx(100)
    assert label.leader is None


def test_a_label_at_an_edge_stays_inside():
    other = place_labels([Anchor(595, 100, 5, "chair")], SIZE)[0]
    assert other.box[2] <= 590


def test_a_mark_outside_the_plot_has_no_label():
    assert place_labels([Anchor(-3, 100, 5, "chair")], SIZE) == [None]  # outside the plot


def test_a_label_covers_no_dot():
    dots = [(120.0, 100.0), (125.0, 101.0)]
    (label,) = place_labels([Anchor(100, 100, 5, "chair")], SIZE, np.array(dots))
    left, top, right, bottom = label.box
    assert not any(left <= x <= right and top <= y <= bottom for x, y in dots)


def test_a_label_far_off_has_a_leader():
    crowd = [Anchor(300 + 9 * i, 115, 5, "") for i in range(-12, 13) if i]
    crowd += [Anchor(300 + 9 * i, 115 + 18 * j, 9, "") for i in range(-12, 13) for j in (-1, 1)]
    label = place_labels([Anchor(300, 115, 5, "chair"), *crowd], SIZE)[0]
    x, y, *end = label.leader
    assert math.hypot(x - 300, y - 115) == pytest.approx(5)
    assert math.dist((x, y), end) >= map_places.LEADER_FROM - 1e-9


names = st.text("abcmwil ", min_size=1, max_size=18)
places = st.tuples(st.floats(0, 600), st.floats(0, 230), st.floats(3, 11), names)


@given(st.lists(places, max_size=14))
def test_labels_never_overlap_each_other_a_mark_or_the_edge(rows):
    anchors = [Anchor(*row) for row in rows]
    made = place_labels(anchors, SIZE)
    placed = [label for label in made if label]
    for i, label in enumerate(placed):
        left, top, right, bottom = label.box
        assert 0 <= left < right <= SIZE[0]
        assert 0 <= top < bottom <= SIZE[1]
        spaced = (left - 4, top, right + 4, bottom)  # as between words
        assert not any(overlap(spaced, other.box) for other in placed[i + 1 :])
        for a in anchors:
            mark = (a.x - a.radius, a.y - a.radius, a.x + a.radius, a.y + a.radius)
            assert not overlap(label.box, mark)


@given(st.lists(places, max_size=14))
def test_the_first_label_is_placed_first(rows):
    anchors = [Anchor(*row) for row in rows]
    made = place_labels(anchors, SIZE)
    marks_only = [Anchor(a.x, a.y, a.radius, "") for a in anchors[1:]]
    assert made[:1] == place_labels([*anchors[:1], *marks_only], SIZE)[:1]


def test_a_long_label_is_cut_more_where_there_is_no_place():
    name = "washer, automatic washer, washing machine"  # clipped, and more where there is no place
    (label,) = place_labels([Anchor(100, 100, 5, name)], SIZE)
    assert label.text == "washer, automatic washe…"
    (label,) = place_labels([Anchor(54, 24, 5, name)], (118, 68))
    assert label.text == "washer, aut…"
    assert map_places.clipped("washer", 6) == "washer"


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(0, 230)), max_size=4))
def test_few_marks_are_moved_apart_the_first_stays(points):
    places, radius = np.array(points).reshape(-1, 2), np.array([7.0, 6.0, 4.0, 3.0])[: len(points)]
    found = map_places.moved_apart(places, radius)
    assert found[:1].tolist() == places[:1].tolist()
    for i in range(len(points)):
        for j in range(i):
            assert np.hypot(*(found[i] - found[j])) >= radius[i] + radius[j]
    far = [all(math.dist(p, q) > 20 for q in points if q is not p) for p in points]
    assert np.abs(found - places)[far].sum() == 0


def test_marks_are_ordered_by_influence():
    shown = Shown(INFLUENCE)
    assert shown.top == [1, 3, 0]  # without zeros
    assert shown.order[-1] == 2


def test_a_mark_is_as_large_as_its_influence():
    shown = Shown(INFLUENCE)
    assert [shown.radius(at) for at in (1, 3, 2)] == [6.0, 4.5, 3.0]


def test_the_opened_the_top_or_a_pending_concept_is_named_once():
    assert Shown(INFLUENCE, {2: "up", 1: "down"}, opened=3).named == [3, 1, 0, 2]


def test_of_many_marks_those_that_are_neither_top_nor_opened_are_not_named():
    batch = Shown(np.linspace(1, 0.1, 40), dict.fromkeys(range(5, 40), "down"), opened=39)
    assert len(batch.marked) == 40
    assert set(batch.named) == {*range(20), 39}


def test_a_mark_of_negative_influence_is_hollow():
    marks = rows_of(map_layers.make_marks(XY, Shown(INFLUENCE), False))
    by_place = {(mark["x"], mark["y"]): mark for mark in marks}
    hollow = by_place[0.5, 0.5]  # negative
    assert (hollow["fill"], hollow["line"]) == (palette.SURFACE.light, palette.INK.light)
    assert by_place[0.2, 0.8]["fill"] == palette.INK.light


@pytest.mark.parametrize(
    ("direction", "shape", "color"),
    [("up", "triangle", palette.UPTUNE), ("down", "inverted_triangle", palette.DOWNTUNE)],
)
def test_a_mark_shows_its_thumb(direction, shape, color):
    (mark,) = rows_of(map_layers.make_marks(XY, Shown(pending={2: direction}), True))
    assert (mark["shape"], mark["fill"]) == (shape, color.dark)


def test_the_opened_concept_has_a_ring():
    marks = rows_of(map_layers.make_marks(XY, Shown(pending={2: "remove"}, opened=2), False))
    assert [mark["shape"] for mark in marks] == ["circle", "x", "circle"]
    assert (marks[-1]["across"], marks[-1]["opacity"]) == (2 * map_places.RING, 0.0)


def test_without_a_student_there_are_no_marks():
    assert rows_of(map_layers.make_marks(XY, Shown(), False)) == []


def test_dots_of_a_group_are_dark():
    usual, chosen = palette.CONCEPT.light, palette.INK.light
    dots = map_layers.make_dots(XY, Shown(), (1,), {"name": NAMES}, False)
    assert list(dots["shade"]) == [usual, chosen, usual, usual]
    assert list(dots["name"]) == NAMES


def test_below_marks_dots_are_unseen():
    usual = palette.CONCEPT.light
    dots = map_layers.make_dots(XY, Shown(INFLUENCE), (), {"name": NAMES}, False)
    assert list(dots["shade"]) == [*[map_layers.UNSEEN] * 2, usual, map_layers.UNSEEN]


def test_marks_at_one_place_lie_side_by_side():
    xy = np.array([[0.5, 0.5], [0.502, 0.5], [0.9, 0.1]])
    shown = Shown(np.array([18.5, -5.89, 2.0]))
    apart = spread(xy, shown, Frame())
    assert apart[[0, 2]].tolist() == xy[[0, 2]].tolist()
    away = np.diff(Frame().pixels(apart[:2]), axis=0)[0]
    assert np.hypot(*away) >= shown.radius(0) + shown.radius(1)
    assert spread(xy, shown, Frame((0.49, 0.51), (0.49, 0.51))).tolist() == xy.tolist()


def test_the_ring_in_a_low_map_is_whole():
    xy, shown = np.array([[0.0, 0.0], [0.5, 1.0], [1.0, 0.5]]), Shown(opened=1)
    low, high = Frame(size=(600.0, 90.0)), Frame(size=(600.0, 600.0))
    assert low.pixels(spread(xy, shown, low))[1, 1] == pytest.approx(map_places.EDGE)
    np.testing.assert_array_equal(spread(xy, shown, low)[[0, 2]], xy[[0, 2]])
    np.testing.assert_array_equal(spread(xy, shown, high), xy)


@pytest.mark.parametrize("make", [map_layers.make_texts, map_layers.make_leaders])
def test_without_labels_nothing_is_drawn(make):
    assert rows_of(make(map_places.MapNames(), False)) == []


def test_texts_lie_where_labels_were_placed():
    placed = place_names(XY, NAMES, Shown(INFLUENCE, opened=1), Frame())
    texts = rows_of(map_layers.make_texts(placed, False))
    assert {t["name"]: t["style"] for t in texts} == {"b": "bold", "d": "normal", "a": "normal"}
    assert [(t["x"], t["y"]) for t in texts] == [tuple(centre) for centre in placed.centres]
    assert {(t["ink"], t["surface"]) for t in texts} == {(palette.INK.light, palette.SURFACE.light)}


@pytest.fixture(scope="module")
def crowded() -> tuple:
    """Four long names close together: concepts, the frame, and where their labels are placed."""
    crowd = np.array([[0.5, 0.5], [0.52, 0.5], [0.5, 0.54], [0.52, 0.54]])
    frame, shown = Frame(size=(200.0, 120.0)), Shown(np.array([1.0, -0.5, 0.4, 0.3]))
    placed = place_names(crowd, [letter * 20 for letter in NAMES], shown, frame)
    return crowd, frame, placed


def test_a_text_says_in_pixels_how_far_it_lies_from_its_mark(crowded):
    crowd, frame, placed = crowded
    texts = rows_of(map_layers.make_texts(placed, False))
    for text, (x, y) in zip(texts, frame.pixels(placed.centres), strict=True):
        at = frame.pixels(np.array([[text["at_x"], text["at_y"]]]))[0]
        assert [text["at_x"], text["at_y"]] == crowd["abcd".index(text["name"][0])].tolist()
        assert [at[0] + text["right"], at[1] + text["down"]] == pytest.approx([x, y])


def test_a_leader_leads_from_its_mark_to_the_text(crowded):
    _, frame, placed = crowded
    leaders = rows_of(map_layers.make_leaders(placed, False))
    assert leaders
    for leader in leaders:
        ends = frame.pixels(np.array([[leader["x0"], leader["y0"]], [leader["x1"], leader["y1"]]]))
        (right, down), length = ends[1] - ends[0], leader["length"]
        assert length == pytest.approx(np.hypot(right, down))
        # as Bokeh counts angles: from the right, upwards
        turned = length * np.array([np.cos(leader["angle"]), -np.sin(leader["angle"])])
        assert turned == pytest.approx([right, down])


def test_a_frame_goes_to_pixels_or_back():
    frame = Frame((0.0, 0.5), (0.5, 1.0), (200.0, 100.0))
    there = frame.pixels(np.array([[0.25, 0.75], [0.0, 1.0]]))
    assert there.tolist() == [[100.0, 50.0], [0.0, 0.0]]
    assert frame.positions(frame.pixels(XY)) == pytest.approx(XY)


def test_a_tap_is_the_nearest_mark():
    assert map_places.tapped(XY, 0.505, 0.505, Shown(INFLUENCE), Frame()) == 1
    assert map_places.tapped(XY, 0.75, 0.25, Shown(INFLUENCE), Frame()) is None


@pytest.fixture(scope="module")
def large() -> tuple:
    """A map drawn a quarter larger: shown, frame, and where labels are placed."""
    shown, frame = Shown(INFLUENCE, opened=1), Frame(size=(900.0, 1100.0), scale=1.25)
    placed = place_names(XY, NAMES, shown, frame)
    return shown, frame, placed


def test_labels_are_larger_on_a_larger_page(large):
    shown, _, placed = large
    assert placed.scale == 1.25
    assert set(map_layers.make_texts(placed, False)["size"]) == {"15px"}
    assert place_names(XY, NAMES, shown, Frame()).scale == 1.0


def test_marks_are_larger_on_a_larger_page(large):
    shown, _, _ = large
    usual, large = (map_layers.make_marks(XY, shown, False, scale) for scale in (1.0, 1.25))
    assert large["across"] == [1.25 * across for across in usual["across"]]


def test_larger_labels_lie_apart_from_their_marks(large):
    shown, frame, placed = large
    pixels, centres = frame.pixels(XY), frame.pixels(placed.centres)
    for text, centre in zip(placed.texts, centres, strict=True):
        away = np.abs(centre - pixels[NAMES.index(text)])
        assert away.max() > 1.25 * shown.radius(NAMES.index(text))


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=30),
    st.sampled_from(["left", "right", "up", "down"]),
)
def test_an_arrow_key_goes_that_way_or_nowhere(points, direction):
    pixels = np.array(points, float)
    axis, sign = {"left": (0, -1), "right": (0, 1), "up": (1, -1), "down": (1, 1)}[direction]
    ahead = sign * (pixels[:, axis] - pixels[0, axis])
    found = map_places.neighbour(pixels, 0, direction)
    assert (ahead[found] > 0) == (ahead > 0).any()
    assert found == 0 or ahead[found] > 0
    aside = np.abs(pixels[:, 1 - axis] - pixels[0, 1 - axis])
    cone = (ahead > 0) & (aside <= ahead)
    if cone.any():
        away = np.hypot(*(pixels - pixels[0]).T)
        assert away[found] == pytest.approx(away[cone].min())


point = st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(st.floats(0.2, 5), point, point)
def test_zoom_and_moves_stay_on_the_map_and_show_the_concept(factor, at, then):
    frame = Frame((0.2, 0.6), (0.3, 0.5)).zoomed(factor, np.array(at)).showing(np.array(then))
    low, high = cloud.WHOLE_MAP
    for shown, (start, end) in zip(then, (frame.x, frame.y), strict=True):
        assert low - 1e-9 <= start < end <= high + 1e-9
        assert start - 1e-9 <= shown <= end + 1e-9


def test_facts_of_a_concept(store):
    influence = np.zeros(len(store.concepts))
    influence[[2, 5]] = -1.5, 0.25
    facts = make_facts(store, Shown(influence))
    told = [facts["influence"][at] for at in (2, 5, 0)]
    assert told == ["−1.50 · rank 1", "+0.25 · rank 2", "0.00"]
    assert facts["nearest"][0] == "spoke"
    assert sum(map(int, facts["segments"])) == len(store.segment_concept)


def test_facts_of_a_segment(store):
    told = make_segment(store, "pca", 5, "bird")
    image = int(store.segment_image[5])
    assert told["image"] == store.images[image]
    assert told["outline"].startswith("M")
    facts = dict(told["facts"])
    assert facts["Concept"] == store.concepts[store.segment_concept[5]]
    label = int(store.label[image, store.classes.index("bird")])
    assert facts["Class bird"] == {1: "present", 0: "absent", -1: "not labelled"}[label]


def test_facts_of_a_segment_without_a_class(store):
    assert "Class bird" not in dict(make_segment(store, "pca", 5, "")["facts"])


def test_flat_positions_stay_finite():
    unit = cloud.unit_square(np.array([[1.0, 7.0], [3.0, 7.0], [2.0, 7.0]]))
    assert unit.tolist() == [[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]]  # flat ones stay finite


def test_a_segment_lies_amid_its_three_nearest_concepts(store):
    cosine = store.segment_embedding[0].astype(float) @ store.concept_text_embedding.T
    nearest = np.argsort(cosine)[-3:]
    weight = np.exp(SCALE * cosine[nearest])
    concepts = cloud.concept_positions(store, "pca")[nearest]
    expected = (weight[:, None] * concepts).sum(axis=0) / weight.sum()
    assert cloud.segment_positions(store, "pca")[0] == pytest.approx(expected, abs=1e-4)


def test_the_cloud_is_dense_where_a_segment_lies(store):
    density = cloud.segment_density(store, "pca").values
    x, y = cloud.segment_positions(store, "pca")[7]
    column = int((x + cloud.MARGIN) / (1 + 2 * cloud.MARGIN) * density.shape[1])
    row = int((y + cloud.MARGIN) / (1 + 2 * cloud.MARGIN) * density.shape[0])
    assert density[row, column] > 0.2 * cloud.LEVELS


def test_a_part_of_the_cloud_is_dense_where_a_segment_lies(store):
    x, y = cloud.segment_positions(store, "pca")[7]
    part = cloud.density_within(store, "pca", (x - 0.01, x + 0.01), (y - 0.01, y + 0.01))
    height, width = part.values.shape
    assert part.values[height // 2, width // 2] > 0.2 * cloud.LEVELS


def test_a_part_of_the_cloud_is_drawn_in_its_place(store):
    x, y = cloud.segment_positions(store, "pca")[7]
    part = cloud.density_within(store, "pca", (x - 0.01, x + 0.01), (y - 0.01, y + 0.01))
    drawn = map_layers.make_cloud(part, dark=False)
    assert drawn.bounds.lbrt() == pytest.approx((x - 0.01, y - 0.01, x + 0.01, y + 0.01))
    assert drawn.dimension_values(2, flat=False).dtype == np.uint8


def test_a_projection_of_the_segments_is_used_where_the_store_has_one(tmp_path):
    """Those that are not in its sample are not in the cloud."""
    arrays = small_arrays()
    own = np.full((2, len(arrays["segment_image"]), 2), np.nan, np.float32)
    own[:, :5] = arrays["concept_projection"][:, :1]
    write_store(tmp_path / "own.zarr", {**arrays, "segment_projection": own}, ATTRS)
    store = open_store(tmp_path / "own.zarr")
    x, y = cloud.concept_positions(store, "tsne")[0]
    positions = cloud.segment_positions(store, "tsne")
    assert positions[:5] == pytest.approx(np.array([[x, y]] * 5), abs=1e-5)
    assert np.isnan(positions[5:]).all()
    density = cloud.segment_density(store, "tsne").values
    row, column = np.unravel_index(density.argmax(), density.shape)
    assert (column + 0.5) / density.shape[1] * 1.1 - 0.05 == pytest.approx(x, abs=0.01)
    assert (row + 0.5) / density.shape[0] * 1.1 - 0.05 == pytest.approx(y, abs=0.01)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_cloud_is_slate_that_is_at_most_half_opaque(dark):
    colours = [bytes.fromhex(colour[1:]) for colour in cloud.palette(dark)]
    assert {tuple(colour[:3]) for colour in colours} == {(122, 134, 154)}
    opacity = [colour[3] for colour in colours]
    assert opacity[0] == 0
    assert opacity == sorted(opacity)
    assert 60 < opacity[-1] <= 128


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0, 4.0])
def test_a_spot_is_as_wide_as_high_on_any_plot(store, shape):
    x, y = cloud.segment_positions(store, "pca")[7]
    reach = 1e-4  # around one segment alone
    around = ((x - reach, x + reach), (y - reach, y + reach))
    part = cloud.density_within(store, "pca", *around, shape)
    height, width = part.values.shape
    assert width / height == pytest.approx(shape, rel=0.01)
    rows, columns = np.nonzero(part.values > cloud.LEVELS // 4)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)
    assert 0 < np.ptp(rows) < 40


def test_the_segment_pointed_at_is_the_nearest_on_screen(store):
    frame, places = Frame(size=SIZE), cloud.segment_positions(store, "pca")
    shown = store.split[store.segment_image] != "holdout"
    for pixel in np.random.default_rng(0).uniform((0, 0), frame.size, (40, 2)):
        away = np.where(shown, np.linalg.norm(frame.pixels(places) - pixel, axis=1), np.inf)
        found = nearest_segment(store, "pca", frame, pixel)
        if away.min() > REACH:
            assert found is None
        else:
            assert away[found] == pytest.approx(away.min(), rel=1e-5)


def test_no_segment_of_a_holdout_image_is_pointed_at(store):
    shown = store.split[store.segment_image] != "holdout"
    segments, _ = cloud.segment_tree(store, "pca")
    np.testing.assert_array_equal(segments, np.flatnonzero(shown))
