"""Concept embedding: the view over the state, without a browser."""

from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from factory import small_spec
from sessions import session_on
from viewing import ask, lines_of, saved
from waiting import PATIENCE

from inficond_panel.plots import cloud
from inficond_panel.plots.map_places import Frame
from inficond_panel.results.concept_rows import concept_rows
from inficond_panel.state import Jobs
from inficond_panel.tuning import Intent
from inficond_panel.views.embedding.map_plot import update_dots
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.vocabulary import palette

pytestmark = pytest.mark.page


@pytest.fixture
def view(app) -> EmbeddingView:
    return EmbeddingView(app)


# --- the map -----------------------------------------------------------------------------------
def test_projections_of_the_store_are_offered(view):
    *there, _ = view.panel.projections
    assert there == [["tsne", "t-SNE", ""], ["pca", "PCA", ""]]


def test_a_projection_that_the_store_lacks_says_how_to_compute_it(view):
    *_, (missing, name, how) = view.panel.projections
    assert (missing, name) == ("umap", "UMAP")
    assert "concepts.projections.methods" in how
    assert "inficond-panel[umap]" in how


def test_a_projection_that_is_chosen_moves_the_concepts(app, view):
    assert view.panel.projection == "tsne"
    view.panel.projection = "pca"
    again = EmbeddingView(app)  # as the page is made anew for a concept that is typed
    for each in (view, again):
        assert each.panel.projection == "pca"
        assert each.map.scene.xy == pytest.approx(cloud.concept_positions(app.store, "pca"))


def test_the_cloud_is_drawn_in_pixels_of_the_map(view):
    assert view.map.cloud.dimension_values(2, flat=False).shape == (320, 640)


def test_a_projection_that_the_store_lacks_is_not_drawn(app):
    app.settings.projection = "umap"  # a store may lack it
    assert EmbeddingView(app).panel.projection == "tsne"


@pytest.mark.parametrize("named", [["pca", "tsne"], ["tsne", "pca"], ["umap", "pca"]])
def test_the_map_opens_with_the_first_projection_that_the_spec_names(tmp_path, named):
    methods = f"concepts:\n  projections: {{methods: [{', '.join(named)}]}}"
    path = small_spec(tmp_path)
    path.write_text(path.read_text().replace("concepts:", methods))
    view = EmbeddingView(session_on(path))
    first = [name for name in named if name != "umap"]  # which the store lacks
    there = [name for name, _, how in view.panel.projections if not how]
    assert there == [*first, *({"pca", "tsne"} - set(first))]
    assert view.panel.projection == first[0]


def test_without_a_student_no_concept_is_marked(view):
    assert view.map.scene.shown.top == []


def test_the_selected_student_marks_its_top_concepts(app, view):
    app.selection.class_name = "sheep"
    weights = app.students.node.weights[:, app.store.classes.index("sheep")]
    assert view.map.scene.shown.top[0] == int(np.abs(weights).argmax())
    assert view.map.scene.names.texts


def test_a_thumb_of_the_selected_student_is_marked(app, view):
    app.selection.class_name = "sheep"
    app.tuning.toggle(Intent("sheep", "fur", "down"))
    app.tuning.toggle(Intent("bird", "sky", "up"))
    assert view.map.scene.shown.pending == {app.store.concepts.index("fur"): "down"}


def test_an_enlarged_map_goes_to_the_concept_that_is_opened(app, view):
    xy = view.map.scene.xy
    far = int(np.abs(xy - 0.5).max(1).argmax())
    away = int(np.abs(xy - xy[far]).sum(1).argmax())
    frame = view.map.frame.zoomed(5, xy[away])
    view.map.look_at(frame)
    assert not frame.shows(xy[far])
    app.selection.concept = app.store.concepts[far]
    assert view.map.frame.shows(xy[far])
    assert np.ptp(view.map.frame.x) == pytest.approx(np.ptp(frame.x))


def test_the_map_follows_the_concept_that_is_opened(app, view):
    app.selection.concept = "fur"
    assert view.map.scene.shown.opened == app.store.concepts.index("fur")


def test_a_tap_beside_all_concepts_opens_none(app, view):
    app.selection.concept = "fur"
    view.map.tap(-0.04, -0.04)  # beside all concepts
    assert app.selection.concept == "fur"


def test_a_tap_opens_a_concept(app, view):
    view.map.tap(*view.map.scene.xy[app.store.concepts.index("sky")])
    assert app.selection.concept == "sky"


def test_a_lasso_selects_concepts_beside_the_one_that_is_opened(app, view):
    app.selection.concept = "sky"
    view._on_lasso([1, 2])
    assert app.selection.concepts == ["spoke", "sky"]
    assert np.flatnonzero(view.map.dots["shade"] == palette.INK.light).tolist() == [1, 2]
    assert view.panel.group["count"] == 2


def test_a_group_tells_where_it_lies(app, view):
    view._on_lasso([1, 2])
    across = sorted(view.map.frame.shares(view.map.scene.xy)[[1, 2], 0])
    assert [view.panel.group["from"], view.panel.group["to"]] == pytest.approx(across)


@pytest.fixture(params=[(3, ["ColumnsPatched"]), (60, ["ColumnDataChanged"])], ids=["few", "many"])
def redrawn(request) -> SimpleNamespace:
    """Dots of which few or many were changed, and what was sent of it."""
    changed, kinds = request.param
    size, names = np.full(100, 4.0), ["a"] * 100
    source = ColumnDataSource({"diameter": size, "shade": np.full(100, "#123456"), "name": names})
    glyphs = {"selection_color": "black", "nonselection_color": "black"}
    renderer = figure().scatter("x", "y", source=source, **glyphs)
    document, sent = Document(), []
    document.add_root(source)
    new = {"diameter": size.copy(), "shade": np.full(100, "#123456"), "name": list(names)}
    new["diameter"][:changed], new["name"][:changed] = 6.0, ["b"] * changed
    given = {name: list(column) for name, column in new.items()}
    document.on_change(sent.append)
    old = dict(source.data)  # an export holds the columns of earlier states
    for _ in range(2):  # the second time nothing is left to send
        update_dots(renderer, new)
    return SimpleNamespace(
        kinds=kinds, sent=sent, source=source, renderer=renderer, new=new, given=given, old=old
    )


def test_few_dots_that_change_are_sent_one_by_one(redrawn):
    kinds = [event.kind for event in redrawn.sent]
    assert kinds == redrawn.kinds  # of diameter and name


def test_dots_become_the_given_ones(redrawn):
    shown = {name: list(column) for name, column in redrawn.source.data.items()}
    assert shown == redrawn.given


def test_columns_of_an_earlier_state_stay(redrawn):
    old = redrawn.old
    assert (list(old["diameter"]), old["name"]) == ([4.0] * 100, ["a"] * 100)


def test_columns_that_were_given_stay_when_others_follow(redrawn):
    size = np.full(100, 4.0)
    update_dots(redrawn.renderer, {**redrawn.new, "diameter": size})
    assert list(redrawn.new["diameter"]) == redrawn.given["diameter"]
    assert list(redrawn.source.data["diameter"]) == list(size)


def test_a_zoom_draws_the_cloud_of_a_part(view):
    view.map.move((0.4, 0.6), (0.4, 0.6))
    assert view.map.cloud.bounds.lbrt() == pytest.approx((0.36, 0.36, 0.64, 0.64))


def test_another_size_places_labels_anew_in_the_same_part(app, view):
    app.selection.class_name = "sheep"
    before = view.map.scene
    view.map.move((0.4, 0.6), (0.4, 0.6))
    part = view.map.cloud
    view.map.resize(411, 200)
    assert view.map.cloud is part
    assert view.map.frame == Frame((0.4, 0.6), (0.4, 0.6), (411.0, 200.0))
    assert view.map.scene.names is not before.names
    assert view.map.scene.shown.named == before.shown.named


def test_the_map_keeps_how_large_the_page_is_drawn(view):
    view.map.move((0.4, 0.6), (0.4, 0.6))
    view.panel.zoom = 1.5
    assert view.map.frame.scale == 1.5
    view.map.resize(900, 700)
    view.map.look_at(replace(view.map.frame, x=(0.0, 0.5)))
    assert view.map.frame.scale == 1.5


def test_the_cloud_follows_the_shape_of_the_map(view):
    view.map.resize(400, 800)
    assert view.map.cloud.dimension_values(2, flat=False).shape == (640, 320)


def test_the_whole_map_is_shown_again(view):
    whole = view.map.cloud
    view.map.move((0.4, 0.6), (0.4, 0.6))
    ask(view, "show_all")
    assert view.map.cloud.bounds.lbrt() == whole.bounds.lbrt()


def test_each_place_where_the_map_is_shown_is_up_to_date(app, view):
    """As in a notebook, where one explorer may be displayed twice."""
    view.panel.get_root()
    view.panel.get_root()
    app.selection.class_name = "sheep"
    app.tuning.toggle(Intent("sheep", app.store.concepts[view.map.scene.shown.top[0]], "down"))
    one, two = view.map.fronts.values()
    assert "inverted_triangle" in one.marks.data["shape"]
    assert one.marks.data == two.marks.data
    assert one.marks is not two.marks
    layers = [each.data_source for each in next(iter(view.map.fronts)).renderers]
    assert layers.index(one.centre) < layers.index(one.marks)  # a thumb is seen on the cross
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
    assert (figure.x_range.start, figure.x_range.end) == cloud.WHOLE_MAP
    (hover,) = (tool for tool in figure.tools if type(tool).__name__ == "HoverTool")
    assert "{safe}" not in hover.tooltips  # names from data stay text
    for active in ("LassoSelectTool", "PanTool"):
        ask(view, "use_lasso")
        assert type(figure.toolbar.active_drag).__name__ == active
        assert view.panel.lasso == (active == "LassoSelectTool")


def test_the_lasso_stays_on_after_a_new_cloud(view):
    view.panel.get_root()
    view.map.drag_with(lasso=True)
    view.map.cloud = view.map.cloud.clone()
    (figure,) = view.map.fronts
    assert type(figure.toolbar.active_drag).__name__ == "LassoSelectTool"


# --- the group ---------------------------------------------------------------------------------
def test_a_group_without_a_student_has_no_thumbs(app, view):
    view._on_lasso([0, 1, 2])
    assert not view.panel.group["thumbs"]
    ask(view, "thumb_group", direction="down")
    assert app.tuning.pending == []


@pytest.fixture
def group(app, view) -> list[str]:
    """The concepts that are listed of a group of sheep, in their order."""
    app.selection.class_name = "sheep"
    view._on_lasso([0, 1, 2, 3, 4])
    return [row["concept"] for row in view.panel.group["rows"]]


def test_a_lasso_opens_the_group_once(app, view, sent):
    app.selection.class_name = "sheep"
    view._on_lasso([0, 1, 2, 3, 4])
    assert sent == [{"open": "group"}]
    view._on_lasso([])
    assert sent == [{"open": "group"}]


def test_a_group_is_listed_by_influence(app, group):
    weights = app.students.node.weights[:5, app.store.classes.index("sheep")]
    order = np.argsort(-np.abs(weights), kind="stable")
    assert group == [app.store.concepts[c] for c in order]


def test_a_concept_can_leave_the_group(view, group):
    ask(view, "drop", concept=group[0])
    assert view.panel.group["count"] == 4


def test_a_concept_of_the_group_can_be_opened(app, view, group):
    ask(view, "open", concept=group[1])
    assert app.selection.concept == group[1]
    assert view.panel.group["rows"][1]["opened"] == "yes"


def test_a_group_is_thumbed_as_one(app, view, group):
    ask(view, "drop", concept=group[0])
    assert view.panel.group["thumbs"]
    ask(view, "thumb_group", direction="down")
    given = [(intent.concept, intent.direction) for intent in app.tuning.pending]
    assert given == [(name, "down") for name in app.store.concepts[:5] if name != group[0]]
    assert view.panel.group["given"] == "down"


def test_a_second_thumb_on_a_group_takes_the_first_back(app, view, group):
    ask(view, "thumb_group", direction="down")
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
    assert (images.class_name, images.title) == ("", "2 concepts of the map")
    assert sorted(images.rows) == expected


def test_without_a_student_all_concepts_are_saved_without_influence(app, view, sent):
    ask(view, "save_concepts")
    name, text = saved(sent[-1])
    assert name == f"concepts-{len(app.store.concepts)}.csv"
    assert [line["concept"] for line in lines_of(text)] == list(app.store.concepts)
    assert {line["influence"] for line in lines_of(text)} == {""}


GROUP = ["fur", "sky", "wheel"]


@pytest.fixture
def lines(app, view, sent) -> list[dict[str, str]]:
    """The saved lines of a group, of a student with a bound on fur."""
    app.selection.class_name = "sheep"
    app.tuning.toggle(Intent("sheep", "fur", "down"))
    app.tuning.fine_tune()
    app.selection.concepts = GROUP
    ask(view, "save_concepts")
    return lines_of(saved(sent[-1])[1])


def line_of_fur(lines: list[dict[str, str]]) -> dict[str, str]:
    return next(line for line in lines if line["concept"] == "fur")


def test_a_file_of_a_group_is_named_by_class_with_size(app, lines, sent):
    assert saved(sent[-1])[0] == "concepts-sheep-3.csv"


def test_a_group_is_saved_in_the_order_of_the_store(app, lines):
    assert [line["concept"] for line in lines] == [c for c in app.store.concepts if c in GROUP]


def test_a_concept_is_saved_with_its_influence(app, lines):
    fur = line_of_fur(lines)
    assert float(fur["influence"]) == app.students.weight("sheep", "fur")


def test_a_concept_is_saved_with_its_bounds(app, lines):
    fur = line_of_fur(lines)
    assert float(fur["upper_bound"]) == app.students.node.bounds["sheep", "fur"][1]
    assert (fur["lower_bound"], fur["class"]) == ("", "sheep")


def test_a_concept_is_saved_with_its_student(lines):
    assert line_of_fur(lines)["student"].startswith("#1 ")


def test_concepts_are_saved_with_their_discrepancy(app, lines):
    student = app.students.student("sheep")
    rows = concept_rows(app.tuner, student, sort="discrepancy_p", top=99)
    discrepancy = {row.concept: row.discrepancy for row in rows}
    for line in lines:
        assert float(line["discrepancy_p"]) == discrepancy[line["concept"]]


def test_a_concept_is_saved_with_the_number_of_its_segments(app, lines):
    fur = line_of_fur(lines)
    column = app.store.concepts.index("fur")
    assert int(fur["segments"]) == (app.store.segment_concept == column).sum()


def test_a_concept_is_saved_with_the_number_of_its_images(app, lines):
    fur = line_of_fur(lines)
    column = app.store.concepts.index("fur")
    assert int(fur["images"]) == (app.store.concept_score[app.store.rows("tune"), column] > 0).sum()


# --- the pointer -------------------------------------------------------------------------------
def test_pointing_sends_the_segment_or_none_also_to_who_has_left_before_the_answer(app, view, sent):
    frame = view.map.frame
    place = cloud.segment_positions(app.store, view.panel.projection)
    shown = np.flatnonzero(app.store.split[app.store.segment_image] != "holdout")
    away = np.abs(place[shown, None] - view.map.scene.xy).sum(-1).min(1)
    share = (frame.pixels(place[[shown[away.argmax()]]])[0] / frame.size).tolist()
    ask(view, "point", place=share)
    assert sent[-1]["segment"]["place"] == pytest.approx(share, abs=1e-5)
    concept = frame.pixels(view.map.scene.xy[[3]])[0] / frame.size
    ask(view, "point", place=concept.tolist())
    assert sent[-1] == {"segment": None}
    count = len(sent)
    ask(view, "point", place=None)
    assert len(sent) == count
    press(view, "segment")  # the nearest to the concept of the keyboard
    at = frame.pixels(view.map.scene.xy[[view.keys.cursor]])[0] / frame.size
    assert np.abs(np.array(sent[-1]["segment"]["place"]) - at).max() < 0.1
    ask(view, "point", place=None)
    sent.clear()
    there, updates = Event(), []
    app.jobs = Jobs(lambda update: (updates.append(update), there.set()))
    ask(view, "point", place=share)
    assert there.wait(PATIENCE)
    ask(view, "point", place=None)  # before the answer
    updates.pop()()
    assert sent == [{"segment": None}]
    ask(view, "point", place=None)
    assert len(sent) == 1
    app.jobs.close()


# --- the keyboard --------------------------------------------------------------------------------
def press(view, *keys):
    for key in keys:
        ask(view, "press", key=key)


def test_without_a_student_the_cursor_starts_in_the_middle(app, view):
    press(view, "enter", "thumb up")
    assert view.keys.cursor is not None
    assert app.tuning.pending == []


def test_the_cursor_goes_when_the_map_is_left(view):
    press(view, "enter")
    ask(view, "leave")
    assert (view.keys.cursor, view.panel.told) == (None, "")


@pytest.fixture
def entered(app, view) -> EmbeddingView:
    """The map of sheep with the cursor at its first concept."""
    app.selection.class_name = "sheep"
    press(view, "enter")
    return view


def under_cursor(app, view: EmbeddingView) -> str:
    return app.store.concepts[view.keys.cursor]


def test_the_cursor_starts_at_the_strongest_concept(app, entered):
    view = entered
    first = view.map.scene.shown.top[0]
    assert view.map.scene.shown.cursor == first
    assert view.panel.told.startswith(f"{app.store.concepts[first]}, influence ")


def test_the_cursor_tells_the_concept_that_it_reaches(app, entered):
    press(entered, "right", "left", "up", "down")
    assert entered.panel.told.startswith(f"{under_cursor(app, entered)}, ")


def test_a_key_opens_the_concept(app, entered):
    press(entered, "open")
    assert app.selection.concept == under_cursor(app, entered)


def test_a_key_puts_the_concept_into_the_group(app, entered):
    press(entered, "group")
    assert app.selection.concepts == [under_cursor(app, entered)]
    assert entered.panel.told.endswith("selected")


def test_a_second_press_takes_the_concept_out_of_the_group(app, entered):
    press(entered, "group", "group")
    assert app.selection.concepts == []


def test_a_key_gives_a_thumb(app, entered):
    press(entered, "thumb down")
    name, view = under_cursor(app, entered), entered
    assert [(i.concept, i.direction) for i in app.tuning.pending] == [(name, "down")]
    assert view.panel.told.endswith("pending: down")


def test_a_second_press_takes_the_thumb_back(app, entered):
    press(entered, "thumb down", "thumb down")
    assert app.tuning.pending == []


def test_keys_enlarge_the_map_at_the_cursor(entered):
    view = entered
    press(view, "in", "in")
    x, y = view.map.scene.xy[view.keys.cursor]
    frame = view.map.frame
    assert frame.x[0] <= x <= frame.x[1]
    assert frame.y[0] <= y <= frame.y[1]
    assert frame.x[1] - frame.x[0] == pytest.approx(1.1 / 1.5**2)


def test_the_whole_map_is_shown_after_keys_enlarged_it(entered):
    view = entered
    press(view, "in", "in")
    ask(view, "show_all")
    assert (view.map.frame.x, view.map.frame.y) == (cloud.WHOLE_MAP, cloud.WHOLE_MAP)
