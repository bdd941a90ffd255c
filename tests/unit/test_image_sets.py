"""Images picked out by decisions or tags; a concept's segments as patches and on the map."""

import re

import numpy as np
import pytest
from factory import ATTRS, small_arrays, small_spec, spec_text
from frames import joint_spec
from sklearn.metrics import average_precision_score

from inficond_panel.errors import DataError, SpecError, TuningError
from inficond_panel.plots.cloud import segment_positions, take_assigned
from inficond_panel.results.confusions import OF_STUDENT, OF_TEACHER, find_confused
from inficond_panel.results.gallery import take_picked
from inficond_panel.results.image_sets import (
    decided_images,
    image_set,
    patch_images,
    patches_of,
    shown_segments,
)
from inficond_panel.spec import load_spec
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Jobs
from inficond_panel.store import open_store, write_store
from inficond_panel.store.shown import shown_counts
from inficond_panel.tuning import open_tuner
from inficond_panel.ui import upstream
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.embedding.map_layers import OPEN_ONE
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.matrix.view import MatrixView
from inficond_panel.views.page.address import make_address
from inficond_panel.views.performance.view import PerformanceView

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    return open_tuner(small_spec(tmp_path_factory.mktemp("small")), history=":memory:")


@pytest.fixture
def app(tuner):
    upstream.apply()  # as the app does
    return AppState(tuner, Jobs(inline=True))


@pytest.mark.parametrize(("side", "label"), [("positives", 1), ("negatives", 0)])
def test_parts_of_a_side_are_all_of_it(tuner, side, label):
    student = tuner.at(tuner.root(), "tune")["bicycle"]
    parts = [
        decided_images(student, side, teacher_right=t, student_right=s)
        for t in (True, False)
        for s in (True, False)
    ]
    whole = np.concatenate(parts)
    assert len(set(whole)) == len(whole)
    expected = student.rows[student.labels == label]
    assert sorted(whole) == expected.tolist()


@pytest.mark.parametrize(("side", "label"), [("positives", 1), ("negatives", 0)])
def test_images_of_a_side_come_worst_first(tuner, side, label):
    student = tuner.at(tuner.root(), "tune")["bicycle"]
    right = decided_images(student, side, student_right=True)
    logits = tuner.logits(tuner.root())[right, student.column]
    assert ((logits > student.cutoff) == bool(label)).all()
    worst_first = logits if label else -logits
    assert (np.diff(worst_first) >= 0).all()


def test_a_summary_counts_picked_images(tuner):
    student = tuner.at(tuner.root(), "tune")["bicycle"]
    gallery = take_picked(student, image_set(student, "All", student.rows))
    known = student.labels >= 0
    label, logits, teacher = (
        each[known] for each in (student.labels, student.logits, student.teacher_logits)
    )
    right, by_teacher = (
        int((each == (label == 1)).sum()) for each in (student.decided[known], teacher > 0)
    )
    ap = [average_precision_score(label, each) for each in (logits, teacher)]
    assert gallery.summary() == (
        f"student right on {right}, teacher on {by_teacher} · "
        f"{(~known).sum()} without a label · AP {ap[0]:.3f}, teacher {ap[1]:.3f}"
    )
    one = take_picked(student, image_set(student, "One", student.rows[student.labels == 1][:1]))
    assert re.fullmatch(r"student right on [01], teacher on [01]", one.summary())


def test_a_part_of_a_bar_opens_its_images_until_a_concept_is_opened(app):
    performance, detail = PerformanceView(app), DetailView(app)
    app.selection.open_concept("wheel", "sheep")
    assert (detail.panel.concept, detail.panel.outlined) == ("wheel", "wheel")
    opened = {"action": "open_images", "name": "bicycle", "side": "positives"}
    performance.act({**opened, "fill": "student-wrong"})
    assert app.selection.class_name == "bicycle"
    assert detail.panel.picked == "bicycle, positives: teacher right, student wrong"
    row = next(row for row in performance.table.rows if row["name"] == "bicycle")
    assert len(detail.panel.gallery["rows"]) == row["positives"][1]
    assert detail.panel.outlined == ""
    app.selection.open_concept("wheel")
    assert (detail.panel.picked, detail.panel.outlined) == ("", "wheel")
    performance.act({**opened, "side": "negatives", "fill": ""})
    assert len(detail.panel.gallery["rows"]) == sum(row["negatives"])
    detail.act({"action": "leave_images"})
    assert detail.panel.picked == ""
    with pytest.raises(ValueError, match="unknown class, side or fill"):
        performance.act({**opened, "fill": "x"})


def test_a_patch_opens_its_photo_with_the_concept_outlined(app):
    knowledge, detail = KnowledgeView(app, MatrixView(app)), DetailView(app)
    app.selection.class_name = "bicycle"
    sent = []
    detail.panel._send_msg = sent.append
    row = knowledge.table.rows[0]
    segment = row["patches"][1]["segment"]
    knowledge.act({"action": "open_patch", "concept": row["concept"], "segment": segment})
    image = int(app.store.segment_image[segment])
    app.students.param.trigger("snapshot")  # all is shown anew
    assert sent == [{"enlarged": image}]
    assert image in detail.panel.gallery["rows"]
    assert detail.panel.outlined == row["concept"]
    shown = detail.panel.gallery["rows"]
    away = next(at for at, of in enumerate(app.store.segment_image) if of not in shown)
    with pytest.raises(ValueError, match="is no patch of"):
        knowledge.act({"action": "open_patch", "concept": row["concept"], "segment": away})


def test_confusions_count_labels_by_the_class_of_the_largest_probability(tmp_path):
    single = open_tuner(joint_spec(tmp_path, images=400), history=":memory:")
    node, store = single.root(), single.store
    found = find_confused(single, node, "tune")
    rows = store.rows("tune")
    by_teacher = store.teacher_logit[rows].argmax(1)
    named = {OF_STUDENT: single.logits(node)[rows].argmax(1), OF_TEACHER: by_teacher}
    label = store.label[rows].argmax(1)
    for who, classes in named.items():
        expected = np.zeros((3, 3), int)
        np.add.at(expected, (label, classes), 1)
        assert found.counts[who].tolist() == expected.tolist()
    pairs = found.wrong_cells(10)
    numbers = [found.counts[OF_STUDENT][pair] for pair in pairs]
    assert numbers == sorted(numbers, reverse=True)
    assert all(i != j for i, j in pairs)
    first = pairs[0]
    taken = found.taken(*first, OF_STUDENT)
    assert set(taken) == set(rows[(label == first[0]) & (named[OF_STUDENT] == first[1])])
    app = AppState(single, Jobs(inline=True))  # and a confusion opens its images
    performance, detail = PerformanceView(app), DetailView(app)
    assert performance.table.classes == app.store.classes
    assert performance.table.confusions == {}
    performance.table.confused = True
    i, j, by_student, _ = performance.table.confusions["cells"][0]
    own, other = single.store.classes[i], single.store.classes[j]
    opened = {"label": own, "named": other, "who": "student"}
    performance.act({"action": "open_confused", **opened})
    assert len(detail.panel.gallery["rows"]) == by_student
    assert detail.panel.picked.startswith(f"{own} taken for {other} by the student")


def test_the_page_tags_images_that_are_listed_and_lists_those_with_a_tag(tmp_path):
    own = open_tuner(small_spec(tmp_path), history=":memory:")
    own.root()
    for tag in ("", " \n", "x" * 41):
        with pytest.raises(TuningError, match="cannot be tagged"):
            own.tag(own.store.images[:1], tag)
    with pytest.raises(TuningError, match="There is no image 'nowhere'"):
        own.tag(["nowhere"], "odd")
    assert own.tags() == {}
    app = AppState(own, Jobs(inline=True))
    detail = DetailView(app)
    panel, act = detail.panel, detail.act
    app.selection.open_concept("wheel", "bicycle")
    shown = panel.gallery["rows"]
    rows = shown[:2]
    away = next(row for row in range(len(own.store.images)) if row not in shown)
    act({"action": "tag", "rows": [*rows, away], "tag": "odd", "on": True})
    assert panel.tagged == {str(row): ["odd"] for row in rows}
    assert panel.known_tags == ["odd"]
    assert set(own.tags()) == {own.store.images[row] for row in rows}
    act({"action": "open_tagged", "tag": "odd"})
    assert (panel.picked, panel.gallery["rows"]) == ("Tagged odd", sorted(rows))
    act({"action": "tag", "rows": rows, "tag": "odd", "on": False})
    assert panel.tagged == {}


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """Six segments of four images, the last of holdout; the third has no place on the map."""
    tmp_path = tmp_path_factory.mktemp("six")
    arrays = small_arrays(images=8, concepts=8, classes=2)
    places = np.array([[0, 0], [1, 1], [np.nan, np.nan], [0.5, 0.25], [0.2, 0.2], [1, 0.5]])
    corners = np.array([[0.0, 0.0], [1.0, 1.0], *([[0.5, 0.5]] * 6)])
    arrays |= {
        "segment_image": np.array([0, 0, 1, 2, 2, 3]),
        "segment_concept": np.array([0, 1, 0, 0, 1, 0]),  # nobody is nearest to 'leaf'
        "segment_cosine": np.array([0.3, 0.9, 0.8, 0.5, 0.7, 0.6]),
        "segment_embedding": arrays["segment_embedding"][:6],
        "segment_box": arrays["segment_box"][:6],
        "mask": np.zeros_like(arrays["mask"]),
        "concept_projection": np.stack([corners, 2 * corners]),
        "segment_projection": np.stack([places, 2 * places]),
    }
    write_store(tmp_path / "six.zarr", arrays, ATTRS)
    return open_store(tmp_path / "six.zarr")


def test_patches_are_those_assigned_by_their_cosine(six):
    segments, cosines = patches_of(six, 0, "assigned")
    assert segments.tolist() == [2, 3, 0]
    assert cosines == pytest.approx([0.8, 0.5, 0.3])


def test_a_concept_that_is_nearest_to_no_segment_has_no_patches(six):
    assert patches_of(six, 7, "assigned")[0].tolist() == []


def test_images_of_patches_are_those_of_the_segments(six):
    assert patch_images(six, six.concepts[0], "assigned").tolist() == [1, 2, 0]


def test_an_image_shows_the_concepts_that_are_nearest_to_its_segments(six):
    assert shown_counts(six, np.array([0, 1])).tolist() == [2, 1, 0, 0, 0, 0, 0, 0]


def test_segments_of_the_holdout_are_not_shown(six):
    assert 5 not in shown_segments(six)


NEAREST = [[1, 0.5], [0.5, 0.25], [0, 0]]


@pytest.mark.parametrize(
    ("most", "drawn", "told"), [(3, NEAREST, ""), (2, [NEAREST[0], NEAREST[2]], ", 2 drawn")]
)
def test_segments_on_the_map_are_those_assigned(six, most, drawn, told):
    found = take_assigned(six, "pca", six.concepts[0], drawn=most)
    assert (found.total, found.placed) == (4, 3)
    assert found.xy == pytest.approx(np.array(drawn))
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
