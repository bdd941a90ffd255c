"""Plots of students as HoloViews elements: their numbers, and that Bokeh draws them."""

import itertools
from types import SimpleNamespace

import holoviews as hv
import numpy as np
import pytest
from factory import small_spec
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import average_precision_score, confusion_matrix

from inficond_panel import TunableStudents, open_students
from inficond_panel.distill import Agreement, DecisionCounts
from inficond_panel.errors import DataError, TuningError
from inficond_panel.plots import performance_bars as bars
from inficond_panel.plots.performance_bars import (
    FILLS,
    fill_renderers,
    lay_out,
    make_performance_bars,
)
from inficond_panel.vocabulary.palette import BOTH_RIGHT, STUDENT_RIGHT, TEACHER_RIGHT_SOFT


@pytest.fixture(scope="module")
def students(tmp_path_factory) -> TunableStudents:
    students = open_students(small_spec(tmp_path_factory.mktemp("plots"))).fit()
    return students.tune([("bicycle", "wheel", "up"), ("bird", "fur", "down")])


def layer(overlay: hv.Overlay, kind: type[hv.Element]) -> hv.Element:
    """The lowest layer of that kind; areas are curves to ``isinstance``."""
    return next(each for each in overlay if type(each) is kind)


@pytest.fixture(scope="module")
def bicycle(students) -> SimpleNamespace:
    """Scores, labels and logits of the labelled tuning images, for bicycle."""
    store, node = students.tuner.store, students.node
    column = store.classes.index("bicycle")
    rows = np.flatnonzero((store.split == "tune") & (store.label[:, column] >= 0))
    score, label = store.concept_score[rows], store.label[rows, column]
    logit = score @ node.weights[:, column] + node.intercepts[column]
    return SimpleNamespace(column=column, score=score, label=label, logit=logit)


def test_what_if_has_ap_on_a_grid(students, bicycle):
    node, score, label, logit = students.node, bicycle.score, bicycle.label, bicycle.logit
    column = bicycle.column
    overlay = students.plot.what_if("bicycle", "wheel")
    line = layer(overlay, hv.Curve).dframe()
    c = students.concepts.index("wheel")
    weight = node.weights[c, column]
    for v, ap in line[["influence", "ap"]].to_numpy()[::20]:
        moved = logit + (v - weight) * score[:, c]
        assert ap == pytest.approx(average_precision_score(label, moved), abs=1e-12)


@pytest.mark.parametrize("metric", ["ap", "f1", "precision"])
def test_the_interval_of_what_if_is_within_the_values_of_a_metric(students, metric):
    area = next(iter(students.plot.what_if("bicycle", "wheel", metric)))
    band = area.dframe()[[f"{metric}_low", f"{metric}_high"]]
    assert band.min().min() >= 0
    assert band.max().max() <= 1


def test_the_interval_of_what_if_is_zero_at_the_student(students, bicycle):
    node, column = students.node, bicycle.column
    overlay = students.plot.what_if("bicycle", "wheel")
    area = layer(overlay, hv.Area).dframe()
    c = students.concepts.index("wheel")
    weight = node.weights[c, column]
    here = area["influence"] == weight
    assert here.sum() == 1
    assert area.loc[here, "ap_low"].item() == area.loc[here, "ap_high"].item()
    assert (area["ap_low"] <= area["ap_high"]).all()


def test_the_confusion_is_that_of_scikit_learn(students, bicycle):
    label, logit = bicycle.label, bicycle.logit
    cells = layer(students.plot.confusion("bicycle"), hv.HeatMap).dframe()
    (tn, fp), (fn, tp) = confusion_matrix(label, logit > 0)
    assert cells.set_index(["student", "label"])["images"].to_dict() == {
        ("decided present", "labelled present"): tp,
        ("decided present", "labelled absent"): fp,
        ("decided absent", "labelled present"): fn,
        ("decided absent", "labelled absent"): tn,
    }


def test_reliability_by_hand(students, bicycle):
    label, logit = bicycle.label, bicycle.logit
    points = layer(students.plot.reliability("bicycle"), hv.Points).dframe()
    chance = expit(logit)
    bins = np.clip(np.ceil(chance * 15).astype(int) - 1, 0, 14)
    for row, at in zip(points.itertuples(), np.unique(bins), strict=True):
        assert row.probability == pytest.approx(chance[bins == at].mean())
        assert row.positive == pytest.approx(label[bins == at].mean())
        assert row.images == (bins == at).sum()


def test_the_bars_of_a_notebook_have_a_legend_of_their_four_fills(students):
    figure = hv.render(students.plot.performance())
    assert [item.label.value for item in figure.legend[0].items] == [each.words for each in FILLS]


def test_an_iteration_is_labelled_with_its_map(students):
    shown = layer(students.plot.provenance(), hv.Labels).dimension_values("name")
    aps = [each.ap for each in students.tuner.metrics(students.tuner.root(), "tune").values()]
    assert f"mAP {np.nanmean(aps):.3f}" in shown[0]


def matrix_names(students, top: int = 0, **options) -> list[str]:
    ticks = students.plot.matrix(top=top, **options).opts.get().kwargs["yticks"]
    return [name for _, name in ticks]


def test_the_matrix_holds_the_influences(students):
    weights, strength = students.node.weights, np.abs(students.node.weights).max(axis=1)
    order = sorted(range(len(strength)), key=lambda c: -strength[c])[:5]
    shown = students.plot.matrix(top=5).dimension_values("influence", flat=False)[::-1]
    np.testing.assert_array_equal(np.nan_to_num(shown), weights[order].astype(np.float32))
    assert matrix_names(students, top=5) == [students.concepts[c] for c in order]


def test_the_matrix_is_in_the_order_of_names(students):
    expected = sorted(students.concepts, key=str.casefold)
    assert matrix_names(students, order="name") == expected


def test_the_matrix_begins_with_marked_concepts(students):
    assert matrix_names(students, order="marked", marked={("bird", "hair")})[0] == "hair"


def test_the_matrix_holds_the_concepts_that_are_found(students):
    found = {name for name in students.concepts if "wheel" in name}
    assert set(matrix_names(students, find="wheel")) == found


def test_the_embedding_holds_the_places_of_concepts(students):
    overlay, store = students.plot.embedding("bicycle", "pca"), students.tuner.store
    places = layer(overlay, hv.Points).dframe()
    raw = store.concept_projection[store.methods.index("pca")]
    unit = (raw - raw.min(axis=0)) / np.ptp(raw, axis=0)
    far = np.abs(places[["x", "y"]].to_numpy() - unit).max(axis=1)
    assert (far < 1e-9).sum() >= len(unit) - 10  # but for marks that make room for each other


def test_the_embedding_labels_the_strongest(students):
    overlay = students.plot.embedding("bicycle", "pca")
    weights = students.node.weights[:, students.classes.index("bicycle")]
    strongest = {students.concepts[c] for c in np.argsort(-np.abs(weights))[:10]}
    named = set(layer(overlay, hv.Labels).dframe()["name"])
    assert named
    assert named <= strongest


def test_the_embedding_of_a_concept_holds_its_segments_with_their_centre(students):
    store = students.tuner.store
    own = store.segment_concept == store.concepts.index("fur")
    overlay = students.plot.embedding(method="pca", concept="fur")
    _, dots, segments, centre = overlay
    assert (len(dots), len(segments)) == (len(store.concepts), own.sum())
    places = segments.dframe()[["x", "y"]].to_numpy()
    assert centre.dframe()[["x", "y"]].to_numpy()[0] == pytest.approx(places.mean(axis=0), abs=1e-5)
    title = hv.Store.lookup_options("bokeh", overlay, "plot").kwargs["title"]
    assert title == f"{own.sum()} segments assigned to fur; + is their centre."


def test_names_that_are_not_there_are_told_with_the_nearest(students):
    for plot, arguments, told in (
        ("knowledge", ["bicycel"], "Did you mean 'bicycle'"),
        ("what_if", ["bicycle", "whel"], "Did you mean 'wheel'"),
        ("what_if", ["bicycle", "wheel", "recal"], "Did you mean 'recall'"),
        ("confusion", ["bicycle", "test"], "no split 'test'"),
        ("embedding", ["bicycle", "mds"], "no projection 'mds'"),
        ("embedding", ["bicycle", "pca", "whel"], "Did you mean 'wheel'"),
        ("matrix", [5, "simlar"], "Did you mean 'similar'"),
    ):
        kind = DataError if "mds" in arguments else TuningError
        with pytest.raises(kind, match=told):
            getattr(students.plot, plot)(*arguments)


AGREEMENT = {
    "bird": Agreement(DecisionCounts(40, 5, 1, 2), DecisionCounts(1950, 0, 1, 2)),
    "car": Agreement(DecisionCounts(0, 0, 0, 0), DecisionCounts(2, 2, 2, 2)),
}


@pytest.fixture(autouse=True, scope="module")
def _bokeh():
    hv.extension("bokeh")


def drawn(element: hv.Element):
    plot = hv.renderer("bokeh").get_plot(element)
    return plot.handles["source"].data, plot.state


def test_a_bar_is_divided_by_who_decides_rightly():
    """Of 103 pixels three are gaps between four equal fills; one of two has the odd image."""
    left, right = lay_out(np.array([[[2, 2, 2, 2]], [[0, 7, 0, 0]], [[52, 0, 50, 0]]]), 103)
    assert (left[0] * 103).round().tolist() == [[0, 26, 52, 78]]
    assert (right[0] * 103).round().tolist() == [[25, 51, 77, 103]]
    assert (left[1, 0, 1], right[1, 0, 1]) == (0, 1)
    assert ((right - left)[2, 0, [0, 2]] * 103).round().tolist() == [52, 50]


@given(st.lists(st.integers(0, 5000), min_size=4, max_size=4).filter(any), st.integers(20, 400))
def test_a_fill_with_images_is_seen_and_the_bar_is_full(counts, width):
    left, right = (edges[0, 0] * width for edges in lay_out(np.array([[counts]]), width))
    there = [at for at, number in enumerate(counts) if number]
    assert left[there[0]] == pytest.approx(0)
    assert right[there[-1]] == pytest.approx(width)
    for at, number in enumerate(counts):
        assert (right - left)[at] >= 1 - 1e-9 if number else (right - left)[at] == 0
    for one, other in itertools.pairwise(there):
        assert left[other] - right[one] == pytest.approx(1)


BIRD, CAR = [[40, 5, 1, 2], [1950, 0, 1, 2]], [[0, 0, 0, 0], [2, 2, 2, 2]]


def test_bars_count_images_by_class_with_side():
    assert bars.count_images(AGREEMENT).tolist() == [BIRD, CAR]
    element = make_performance_bars(AGREEMENT)
    assert element.dimension_values("images").tolist()[:8] == [*BIRD[0], *BIRD[1]]
    assert element["class"][8] == "car"


def test_bars_are_on_white():
    _, figure = drawn(make_performance_bars(AGREEMENT))
    assert figure.border_fill_color == "#ffffff"  # the names are dark, also in a dark notebook


def test_bars_have_four_fills():
    data, figure = drawn(make_performance_bars(AGREEMENT))
    assert list(data["fill"][:5]) == [0, 1, 2, 3, 0]
    fills = fill_renderers(figure)
    assert [each.glyph.hatch_pattern for each in fills] == [None, "/", None, "\\"]
    assert [each.view.filter.group for each in fills] == [0, 1, 2, 3]
    colours = [each.glyph.fill_color for each in fills[:2]]
    assert colours == [BOTH_RIGHT.light, TEACHER_RIGHT_SOFT.light]
    assert fills[3].glyph.hatch_color == STUDENT_RIGHT.light
    assert figure.hover[0].renderers == fills  # the card tells of every fill


def test_bars_of_a_dark_page_have_its_colours():
    _, dark = drawn(make_performance_bars(AGREEMENT, dark=True))
    assert fill_renderers(dark)[0].glyph.fill_color == BOTH_RIGHT.dark


def test_bars_are_updated_as_if_made_anew():
    data, figure = drawn(make_performance_bars(AGREEMENT))
    other = {"bird": AGREEMENT["car"], "car": AGREEMENT["bird"]}
    bars.update_bars(figure, bars.Bars(other), dark=True, width=150)
    fresh, anew = drawn(make_performance_bars(other, dark=True, width=150))
    assert {n: list(c) for n, c in data.items()} == {n: list(c) for n, c in fresh.items()}
    looks, expected = (
        [each.glyph.properties_with_values() for each in fill_renderers(f)] for f in (figure, anew)
    )
    assert looks == expected
