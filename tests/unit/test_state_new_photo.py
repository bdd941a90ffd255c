"""A photo put on the page: decided, followed, cancelled, refused, and kept nowhere."""

import base64
import io
from base64 import b64decode
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from factory import small_arrays, small_spec
from PIL import Image
from scipy.special import expit
from tuners import tuner_of

from inficond_panel.concepts.photo_scores import PhotoScores, PhotoSegments
from inficond_panel.errors import CancelledError, MissingExtraError
from inficond_panel.predict import PagePhotos
from inficond_panel.spec.sections import dataset as sections
from inficond_panel.state import AppState, Jobs
from inficond_panel.state.networks import MOST_PHOTO_BYTES
from inficond_panel.state.selection import Rights
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.ui.images import find_photo, load_photo
from inficond_panel.views.page.photo import make_photo
from inficond_panel.views.page.shell import Shell

pytestmark = pytest.mark.page


class Scorer:
    """Scores of the first image of the store, and a teacher."""

    side = 256

    def __init__(self, store, fault: Exception | None = None) -> None:
        self.store, self.fault, self.photos = store, fault, []
        self.during = lambda: None

    def check(self, store) -> None:
        if self.fault:
            raise self.fault

    def score(self, store, photo, progress, cancelled) -> PhotoScores:
        self.photos.append(len(photo))
        progress("Encoding the photo")
        self.during()
        if cancelled():
            raise CancelledError("Cancelled.")
        own = PhotoSegments(store.mask(0), store.segment_embedding[store.segments_of(0)])
        names = {"concepts": tuple(store.concepts), "classes": tuple(store.classes)}
        names |= {"photos": ("",), "fault": ("",)}
        values = {"score": store.concept_score[[0]], "teacher": store.teacher_log_odds[[0]]}
        return PhotoScores(**names, **values, segments=(own,))


def content(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, kind)
    return buffer.getvalue()


def session(tuner, photos=None, **given) -> AppState:
    return AppState(tuner, Jobs(inline=True), photos=photos or Scorer(tuner.store), **given)


@pytest.fixture
def tuner(tmp_path):
    return open_tuner(small_spec(tmp_path))


@pytest.fixture
def app(tuner) -> AppState:
    return session(tuner)


def test_a_photo_is_decided_by_all_students_outlined_and_follows_them_encoded_once(app):
    app.photo.put(content())
    found, classes = app.photo.decided.predictions, app.store.classes
    logits = [found[name].logit for name in classes]
    np.testing.assert_allclose(logits, app.tuner.logits(app.students.node)[0], atol=1e-6)
    teacher = [found[name].teacher for name in classes]
    np.testing.assert_allclose(teacher, app.store.teacher_log_odds[0])
    assert app.photo.status.kind == "idle"
    shown, mask = make_photo(app, classes[0]), app.store.mask(0)
    assert (shown["height"], shown["width"]) == mask.shape
    part = found[classes[0]].parts[0]
    text = app.store.concept_text_embedding[app.store.concepts.index(part.concept)]
    cosine = app.store.segment_embedding[app.store.segments_of(0)].astype(float) @ text
    rows, columns = np.nonzero(mask == cosine.argmax() + 1)  # the segment nearest to the text
    path = shown["outlines"][part.concept]
    points = np.array([xy.split() for xy in path.strip("MZ").replace("ZM", "L").split("L")], float)
    assert points[:, 0].min() == pytest.approx(columns.min(), abs=1.5)
    assert points[:, 1].max() == pytest.approx(rows.max() + 1, abs=1.5)
    concept = part.concept
    node = app.tuner.fine_tune(app.students.node, [Intent(classes[0], concept, "remove")])
    app.tuning.jump(node.id)
    assert app.photo.decided.node == node
    parts = app.photo.decided.predictions[classes[0]].parts
    assert concept not in [part.concept for part in parts]
    assert len(app.photo.scorer.photos) == 1
    app.photo.close()
    assert app.photo.decided is None


def test_what_the_page_does_not_send_is_refused_and_cancels_what_runs(app):
    for photo, told in (
        (b"no image", "not a JPEG or PNG"),
        (content("BMP"), "not a JPEG or PNG"),
        (content("GIF"), "not a JPEG or PNG"),
        (content(size=(257, 2)), "257 pixels in its longer side, over 256"),
        (content() + bytes(MOST_PHOTO_BYTES), "bytes, over 600,000"),
    ):
        app.photo.put(photo)
        assert told in app.photo.status.text
        assert app.photo.decided is None
        assert app.photo.scorer.photos == []
    photo = app.photo
    photo.scorer.during = photo.cancel
    photo.put(content())
    assert (photo.decided, photo.status.kind) == (None, "idle")
    photo.scorer.during = lambda: photo.put(b"no image")
    photo.put(content())
    assert (photo.decided, photo.status.kind) == (None, "error")
    assert "not a JPEG or PNG" in photo.status.text


def test_a_photo_without_an_extra_is_refused_with_the_reason(tuner):
    fault = MissingExtraError("Packages are missing (torch).", "Install them.")
    alone = session(tuner, Scorer(tuner.store, fault))
    assert alone.photo.missing == "Packages are missing (torch). Install them."
    alone.photo.put(content())
    assert (alone.photo.decided, alone.photo.scorer.photos) == (None, [])


def test_a_page_without_an_encoder_says_so(tuner):
    none = AppState(tuner, Jobs(inline=True))
    assert none.photo.missing == "This page has no encoder. Open it with inficond serve."
    assert none.photo.side == 0


@pytest.mark.parametrize("name", ["small.yaml", "small.zarr"])
def test_a_store_whose_encoder_is_unknown_says_so_without_a_path(tuner, tmp_path, name):
    own = open_tuner(tmp_path / name, history=":memory:")
    missing = session(own, PagePhotos(own.spec)).photo.missing
    assert missing.startswith(("This page was opened", "The store does not"))
    assert str(tmp_path) not in missing


def test_a_page_that_does_not_allow_photos_takes_none(tuner):
    app = session(tuner, rights=Rights(photos=False))
    put(Shell(app, {}))
    assert (app.photo.decided, app.photo.scorer.photos) == (None, [])
    assert app.photo.missing == "This page does not allow photos."
    assert "photos" in Rights(photos=False).closed


def put(shell: Shell, *parts: str) -> None:
    """Put a photo on the page, in the parts that a browser sends."""
    whole = base64.b64encode(content()).decode()
    shell.act({"action": "put_photo", "parts": list(parts) or [whole[:7], whole[7:]]})


def test_the_dialog_tells_what_the_browser_asks_for(app):
    shell = Shell(app, {})
    assert (shell._page.photo["rows"], shell._page.photo["side"]) == ([], 256)
    put(shell)
    shown = shell._page.photo
    logits = app.tuner.logits(app.students.node)[0]
    order = np.argsort(-logits, kind="stable")
    assert [row["name"] for row in shown["rows"]] == [app.store.classes[k] for k in order]
    first = shown["rows"][0]
    assert first["probability"] == f"{expit(logits.max()):.3f}"
    assert first["student"] == ("present" if logits.max() > 0 else "absent")
    teacher = app.store.teacher_log_odds[0, order[0]]
    assert first["teacher"] == ("present" if teacher > 0 else "absent")
    assert shown["student"] == first["name"]
    other = shown["rows"][1]["name"]
    shell.act({"action": "show_photo_class", "name": other})
    assert shell._page.photo["student"] == other
    shell.act({"action": "close_photo"})
    assert shell._page.photo["rows"] == []
    for parts, told in ((["%%%"], "base64|padding"), (["A" * 90_000] * 14, "characters of base64")):
        with pytest.raises(ValueError, match=told):
            put(shell, *parts)


def least_sure(label, logit, asked: float) -> float:
    """Distance from 0 that 20 or more decisions have with that accuracy, the least one."""
    kept = label >= 0
    distance, right = np.abs(logit[kept]), (logit[kept] > 0) == label[kept]
    sure = [distance >= each for each in distance]
    enough = [distance[own].min() for own in sure if own.sum() >= 20 and right[own].mean() >= asked]
    return min(enough, default=np.inf)


@pytest.fixture
def abstaining(tmp_path) -> tuple[AppState, Shell]:
    """A session on more images, with a photo, and its page."""
    app = session(open_tuner(small_spec(tmp_path, images=400)))
    shell = Shell(app, {})
    put(shell)
    return app, shell


def decisions(shell: Shell) -> dict[str, str]:
    return {row["name"]: row["student"] for row in shell._page.photo["rows"]}


def test_a_student_decides_unless_it_may_abstain(abstaining):
    _, shell = abstaining
    assert set(decisions(shell).values()) <= {"present", "absent"}


def test_where_as_sure_decisions_are_seldom_right_the_student_does_not_know(abstaining):
    app, shell = abstaining
    tuner, plain, rows = app.tuner, decisions(shell), app.tuner.store.rows("tune")
    logits, words = tuner.logits(app.students.node), set()
    for percent in (50, 70, 80, 90, 100):
        shell.act({"action": "abstain_photo", "percent": percent})
        shown = decisions(shell)
        for k, name in enumerate(tuner.store.classes):
            least = least_sure(tuner.store.label[rows, k], logits[rows, k], percent / 100)
            assert shown[name] == (plain[name] if abs(logits[0, k]) >= least else "don't know")
            shell.act({"action": "show_photo_class", "name": name})
            worth, decision = (shell._page.photo[key] for key in ("worth", "decision"))
            assert (f"logit {least:.2f} from" in worth) == np.isfinite(least)
            assert ("no photo is answered" in worth) == np.isinf(least)
            assert decision.startswith(shown[name])
        words |= set(shown.values())
    assert {"don't know", "present"} <= words


def test_a_photo_is_encoded_once_for_all_thresholds(abstaining):
    app, shell = abstaining
    for percent in (50, 90):
        shell.act({"action": "abstain_photo", "percent": percent})
    assert len(app.photo.scorer.photos) == 1  # encoded once


def test_a_student_decides_again_when_it_may_not_abstain_any_more(abstaining):
    _, shell = abstaining
    plain = decisions(shell)
    shell.act({"action": "abstain_photo", "percent": 100})
    shell.act({"action": "abstain_photo", "percent": 0})
    assert decisions(shell) == plain
    assert shell._page.photo["worth"] == ""


def test_an_accuracy_above_all_is_refused(abstaining):
    _, shell = abstaining
    with pytest.raises(ValueError, match="asked"):
        shell.act({"action": "abstain_photo", "percent": 200})


def test_with_one_class_an_image_it_is_named(tmp_path, app):
    arrays = small_arrays()
    arrays["label"] = np.eye(4, dtype=np.int8)[arrays["teacher_logit"].argmax(axis=1)]
    facts = {"task": "single_label", "teacher_activation": "softmax"}
    tuner = tuner_of(arrays, tmp_path, **facts)
    single = session(tuner)
    single.photo.put(content())
    share = expit(tuner.logits(single.students.node)[0])
    share /= share.sum()
    outputs = share, tuner.store.teacher_logit[0]
    named, teacher = (tuner.store.classes[each.argmax()] for each in outputs)
    told = f"{named}, probability {share.max():.3f} (teacher: {teacher})"
    assert make_photo(single, "")["named"] == told
    app.photo.put(content())
    assert make_photo(app, "")["named"] == ""


ROOT = Path("/data/set")


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Make large soft patches, that stay when it is made smaller."""
    values = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "images" / "kitchen").mkdir(parents=True)
    picture(1200, 900).save(tmp_path / "images" / "kitchen" / "7.JPG", "JPEG")
    picture(300, 200).save(tmp_path / "images" / "8.png")
    picture(300, 200).save(tmp_path / "secret.png")
    return tmp_path / "images"


def stored(image: str, small: Image.Image) -> SimpleNamespace:
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    own = {"attrs": {}, "images": [image], "holds": lambda part: part == "photos"}
    return SimpleNamespace(**own, picture=lambda _: Image.open(buffer).convert("RGB"))


def spec_of(*folders: Path) -> SimpleNamespace:
    return SimpleNamespace(dataset=SimpleNamespace(photo_folders=lambda: folders))


@pytest.mark.parametrize(
    ("dataset", "given", "expected"),
    [
        (sections.TableDataset, {"images": Path("photos")}, [ROOT / "photos"]),
        (sections.TableDataset, {"images": Path("/elsewhere")}, [Path("/elsewhere")]),
        (sections.TableDataset, {"root": None}, []),
        (sections.VocDataset, {}, [ROOT / "JPEGImages"]),
        (sections.FolderDataset, {}, [ROOT]),
        (sections.ColumnsDataset, {"path": "file"}, [ROOT]),
        (sections.ColumnsDataset, {"path": "file", "image_id": "id"}, []),
        (sections.CocoDataset, {"annotations": ["a/instances_v7.json"]}, [ROOT, ROOT / "v7"]),
        (sections.CocoDataset, {"annotations": ["a.json"], "image_id": "number"}, []),
    ],
)
def test_the_folders_are_those_where_a_photo_is_called_after_its_image(dataset, given, expected):
    made = dataset.model_construct(**{"root": ROOT, **given})
    assert list(made.photo_folders()) == expected


def test_no_name_leads_out_of_the_folder(folder):
    secret = folder.parent / "secret.png"
    (folder / "link.png").symlink_to(secret)
    names = ("../secret", "kitchen/../../secret", "link", "x" * 4000, "a\0b", str(secret))
    assert [find_photo([folder], name) for name in names] == [None] * 6


def test_the_photo_is_sent_at_a_bounded_size(folder, monkeypatch):
    monkeypatch.setattr("inficond_panel.ui.images.LONGEST", 600)
    store = stored("kitchen/7", picture(1200, 900).resize((160, 120)))
    photo = load_photo(spec_of(folder), store, 0)
    assert (photo["width"], photo["height"]) == (600, 450)
    jpeg = b64decode(photo["source"].removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(jpeg)).size == (600, 450)


def test_what_shows_something_else_or_nothing_is_not_the_photo(folder):
    (folder / "9.png").write_bytes(b"no image")
    for spec, image, small in (
        (spec_of(folder), "kitchen/7", picture(160, 120, seed=1)),  # another
        (spec_of(folder), "kitchen/7", picture(120, 160)),  # turned
        (spec_of(folder), "kitchen/7", picture(160, 140)),  # cut
        (spec_of(folder), "9", picture(60, 40)),  # damaged
        (spec_of(), "8", picture(60, 40)),  # a data set without photos
    ):
        assert load_photo(spec, stored(image, small), 0) is None
