"""Questions on photos as a view by itself, and its messages in notebooks."""

import json

import pandas as pd
import pytest
from bokeh.document import Document
from factory import small_arrays, small_spec, unlabelled_arrays
from frames import frames
from panel.io.model import diff
from panel.models.esm import ESMEvent
from waiting import in_loop, until

import inficond_panel
from inficond_panel import from_frames
from inficond_panel.errors import TuningError
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import open_tuner
from inficond_panel.ui.notebook_cell import with_models
from inficond_panel.views.knowledge.asking import AskingView

pytestmark = pytest.mark.page

LABELS = small_arrays()["label"][:, 0].tolist()


@pytest.fixture
def view(tmp_path):
    spec = small_spec(tmp_path, make=unlabelled_arrays)
    app = AppState(open_tuner(spec, history=tmp_path / "h.sqlite"), Jobs(inline=True))
    app.selection.class_name = "bicycle"
    return AskingView(app)


def test_a_class_is_offered_before_it_is_asked_about(view):
    assert view.panels.asking["kind"] == ""
    assert view.panels.asking["offer"].startswith("Look at 20 photos")


def test_the_browser_opens_the_questions(view):
    view.act({"action": "ask"})
    assert view.panels.asking["place"] == 0


def test_an_answer_of_the_browser_is_kept_for_the_next_session(view):
    view.act({"action": "ask"})
    view.act({"action": "answer_photo", "place": 0, "value": 1})
    again = AppState(view.app.tuner, Jobs(inline=True))
    again.asking.open("bicycle")
    assert [reply.value for reply in again.asking.draft.replies] == [1]


def test_answers_to_all_photos_end_with_a_result(view):
    view.act({"action": "ask"})
    for place in range(20):
        row = view.app.store.images.index(view.app.asking.image)
        value = LABELS[row] if LABELS[row] >= 0 else None
        view.act({"action": "answer_photo", "place": place, "value": value})
    assert view.panels.asking["kind"] == "done"
    assert view.panels.asking["headline"] in str(view.picture()._parts)


def test_a_photo_is_sent_to_the_view(view, monkeypatch):
    sent = []
    monkeypatch.setattr(view.panels, "_send_msg", sent.append)
    view.act({"action": "ask"})
    row = view.panels.asking["rows"][0]
    view.act({"action": "asked_photo", "row": row})
    assert sent[0]["photo"]["row"] == row


@pytest.fixture
def of_captions(tmp_path):
    """The view on a store without photos, of which each image has its id in its caption."""
    given = frames()
    captions = pd.Series({image: f"a bird on branch {image}" for image in given["scores"].index})
    students = from_frames(**given, captions=captions, path=tmp_path / "own.zarr").fit()
    app = AppState(students.tuner, Jobs(inline=True))
    app.selection.class_name = "bird"
    return AskingView(app)


def test_captions_are_offered_where_there_are_no_photos(of_captions):
    assert of_captions.panels.asking["offer"].startswith("Look at 20 captions")


def test_the_caption_of_the_image_asked_about_is_sent(of_captions, monkeypatch):
    sent = []
    monkeypatch.setattr(of_captions.panels, "_send_msg", sent.append)
    of_captions.act({"action": "ask"})
    row = of_captions.panels.asking["rows"][0]
    of_captions.act({"action": "asked_photo", "row": row})
    image = of_captions.app.asking.image
    assert sent[0]["photo"] == {"row": row, "caption": f"a bird on branch {image}"}


def test_a_picture_names_the_class(view):
    assert "Photos of bicycle" in str(view.picture()._parts)


@pytest.fixture
def students(tmp_path):
    return inficond_panel.open_students(small_spec(tmp_path), history=":memory:")


@in_loop
async def test_the_widget_asks_about_its_class(students):
    cell = students.ask_widget("bicycle")
    await until(lambda: getattr(cell[0], "asking", {}).get("kind") == "asking")
    assert cell[0].asking["class_name"] == "bicycle"
    cell.publish.__self__.close()  # the session


def test_the_widget_refuses_an_unknown_class(students):
    with pytest.raises(TuningError, match="bycicle"):
        students.ask_widget("bycicle")


def content_of(view):
    """Content of the message that Panel makes of an event, with the model of the event."""
    document = Document()
    model = view.panels.get_root(document)
    document.hold()
    document.callbacks.send_event(ESMEvent(model=model, data={"photo": 1}))
    return diff(document).content_json, model


def test_an_event_names_its_model_at_the_top(view):
    content, model = content_of(view)
    (event,) = json.loads(with_models(content))["events"]
    assert event["model"] == {"id": model.id}


def test_the_rest_of_an_event_stays_as_it_is(view):
    content, _ = content_of(view)
    (event,) = json.loads(with_models(content))["events"]
    del event["model"]
    assert [event] == json.loads(content)["events"]


@pytest.mark.parametrize("data", [None, {"type": "ACK"}, '{"msgid": "1"}'])
def test_other_parts_of_a_message_stay_as_they_are(data):
    assert with_models(data) is data
