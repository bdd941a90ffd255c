"""Photos added to a store are asked about, their answers taught, and the nodes replayed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from factory import small_spec, unlabelled_arrays
from more_factory import added_part
from scipy.special import expit
from spread_shortcut import shifted_frames
from tuners import afresh, shifted_store, unbiased_part

import inficond_panel
from inficond_panel.distill import Scores, fit
from inficond_panel.errors import StoreError
from inficond_panel.state import AppState, Jobs
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.answer_files import Draft, asked_rows, read_answers
from inficond_panel.tuning.answers import (
    Answers,
    decided,
    evaluated,
    photos_to_ask,
    teacher_decided,
)
from inficond_panel.tuning.repairs.cross_fit import cross_fitted_logits, steps_to
from inficond_panel.tuning.repairs.kinds import terms_from_json
from inficond_panel.tuning.repairs.label import Label, Taught
from inficond_panel.tuning.repairs.learn import Learn, Learned
from inficond_panel.tuning.replay import replay
from inficond_panel.ui.images import load_photo
from inficond_panel.views.knowledge.view import KnowledgeView

pytestmark = pytest.mark.page

ADDED = 60


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A store whose photos of tune have labels."""
    return shifted_store(tmp_path_factory.mktemp("own"))


@pytest.fixture
def tuner(path, tmp_path):
    """Students of a copy of the store, with photos that were added."""
    shutil.copytree(path, tmp_path / "own.zarr")
    tuner = inficond_panel.open_students(tmp_path / "own.zarr", history=":memory:").fit().tuner
    unbiased_part(tuner.store, ADDED, seed=4)
    return tuner


def drawn(images) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and teacher's logits of added photos, as they were drawn."""
    frames = shifted_frames(ADDED, fit=0, seed=4)
    at = [int(image.rsplit(" ", 1)[1]) for image in images]
    label, logit = frames["labels"]["truck"].to_numpy(), frames["logits"].to_numpy()[:, 0]
    return label[at], frames["scores"].to_numpy(np.float32)[at], logit[at]


def truth(images) -> dict[str, int]:
    return dict(zip(images, drawn(images)[0].tolist(), strict=True))


def asked(tuner, most=20, node=None) -> list[str]:
    rows = photos_to_ask(tuner.repairs.class_fit(node or tuner.root(), "truck"), most).rows
    return [AllImages(tuner.store).names[row] for row in rows]


def test_the_first_added_photo_has_no_row_in_the_store(tuner):
    """Photos are numbered on from those of the store, so that its number is the next one."""
    image = "more 4 0"
    assert AllImages(tuner.store).rows([image]).tolist() == [len(tuner.store.images)]
    node = tuner.fine_tune(tuner.root(), [Label("truck", image, 1)])
    assert tuner.repairs.class_fit(node, "truck").data.images.rows[-1] == -1


def test_of_labelled_photos_of_tune_and_added_ones_the_added_are_asked_about_and_judge(tuner):
    images, added = asked(tuner, 200), [f"more 4 {i}" for i in range(ADDED)]
    assert sorted(images) == sorted(added)
    root, store = tuner.root(), tuner.store
    scores = np.r_[store.concept_score[store.rows("tune")], drawn(added)[1]].astype(float)
    logits = scores @ root.weights[:, 0] + root.intercepts[0]
    word = scores[:, store.concepts.index("truck")]
    z, w = ((each - each.mean()) / each.std() for each in (logits, word))
    sides = ((z - 0.7 * w)[-ADDED:], (w - 0.7 * z)[-ADDED:])
    assert images[:2] == [added[np.argmax(side)] for side in sides]
    found = evaluated(tuner, root, Answers("truck", truth(asked(tuner))))
    images = list(found.answers.given)
    _, scores, teacher = drawn(images)
    by_hand = scores.astype(float) @ root.weights[:, 0] + root.intercepts[0]
    np.testing.assert_allclose(found.before, by_hand, atol=1e-4)
    assert not np.allclose(found.after, found.before)
    assert decided(tuner, root, "truck", images) == list(found.before > 0)
    assert teacher_decided(tuner, "truck", images) == (teacher > 0).tolist()


def test_unlabelled_photos_of_tune_are_asked_about_beside_added_ones(tmp_path):
    path = shifted_store(tmp_path, tune_labels=False)
    tuner = inficond_panel.open_students(path, history=":memory:").fit().tuner
    student, images = tuner.repairs.class_fit(tuner.root(), "truck"), len(tuner.store.images)
    before = photos_to_ask(student, 40).rows
    unbiased_part(tuner.store, 300, seed=4)
    added = photos_to_ask(tuner.repairs.class_fit(tuner.root(), "truck"), 40).rows >= images
    assert 0 < added.sum() < 40
    assert before.max() < images


def test_an_answer_on_an_added_photo_is_fitted_to_by_hand_and_comes_back_bit_for_bit(tuner):
    """The corrected teacher on tune, and the answers on theirs; each weighs as a photo of fit."""
    images = sorted(asked(tuner))
    node = tuner.fine_tune(tuner.root(), Answers("truck", truth(images)).edits)
    terms, store = tuner.terms(node)["truck"], tuner.store
    (part,) = AllImages(store).more.parts
    assert (terms.get(Taught).weight, terms.get(Taught).parts) == (1.0, (part,))
    rows, tune = store.rows("fit"), store.rows("tune")
    corrected = (
        terms.get(Learned)
        .by_source[0]
        .correction.log_odds(
            store.teacher_logit[tune, 0].astype(float), store.concept_score[tune], store.concepts
        )
    )
    label, own, _ = drawn(images)
    targets = np.r_[expit(store.teacher_logit[rows, 0]), label, expit(corrected)]
    scores = np.concatenate([store.concept_score[rows], own, store.concept_score[tune]])
    given = {"l1": tuner.penalties[0], "sample_weight": np.ones(len(targets)), "tolerance": 1e-8}
    found = fit(Scores(scores), targets[:, None], **given)
    np.testing.assert_allclose(node.weights[:, 0], found.weights[:, 0], atol=2e-2)
    assert np.abs(node.weights[:, 0] - tuner.root().weights[:, 0]).max() > 0.1
    cross_fitted = cross_fitted_logits(tuner, node, "truck", steps_to(tuner, node, "truck"), tune)
    assert np.corrcoef(cross_fitted, tuner.logits(node)[tune, 0])[0, 1] > 0.9
    tuner.fine_tune(node, [Learn("truck", "more", 1.0)])
    unbiased_part(tuner.store, 30, seed=8)  # parts that come later change nothing
    for old, new in replay(tuner, afresh(tuner)):
        assert (old.id, old.weights_hash) == (new.id, new.weights_hash)
    assert terms_from_json(terms.to_json(), len(rows)).to_json() == terms.to_json()


def test_an_added_photo_counts_as_taught_alone_and_its_part_may_not_be_gone(tuner, path):
    image = tuner.store.images[tuner.store.rows("tune")[0]]
    plain = inficond_panel.open_students(path, history=":memory:").fit().tuner
    without, node = (it.fine_tune(it.root(), [Label("truck", image, 1)]) for it in (plain, tuner))
    assert (without.id, without.weights_hash) == (node.id, node.weights_hash)
    assert set(tuner.terms(node)["truck"].to_json()["labels"]) == {"weight", "values"}
    image = asked(tuner, 1)[0]
    node = tuner.fine_tune(tuner.root(), [Label("truck", image, 1), Learn("truck", "more", 1.0)])
    data = tuner.repairs.class_fit(node, "truck").data
    more = data.images.learned["more"]
    assert (data.weight(0)[more] == 0).sum() == 1
    at = AllImages(tuner.store).rows([image])[0] - len(tuner.store.images)
    assert data.weight(0)[more][at] == 0
    images, root = asked(tuner), tuner.root()
    terms = tuner.terms(tuner.fine_tune(root, Answers("truck", truth(images)).edits))["truck"]
    shutil.rmtree(tuner.store.path.with_name("own.more"))
    with pytest.raises(StoreError, match="has no part") as told:
        afresh(tuner).repairs.class_fit(root, "truck", terms).solve()
    assert "inficond extend" in told.value.remedy
    with pytest.raises(StoreError, match="have an image 'more 4"):
        decided(tuner, root, "truck", images)


@pytest.fixture
def small(tmp_path):
    """Students of a store with pictures, whose tune has no label, and 40 photos that were added."""
    tuner = open_tuner(small_spec(tmp_path, make=unlabelled_arrays), history=":memory:")
    added_part(tuner.store, 40)
    return tuner


def test_a_table_and_the_page_take_answers_on_added_photos(small, tmp_path, monkeypatch):
    found = photos_to_ask(small.repairs.class_fit(small.root(), "bicycle"), 300)
    rows = asked_rows(small.store, "bicycle", found, tmp_path / "seen")
    (part,) = AllImages(small.store).more.stores
    pictures = {row[2]: row[3] for row in rows if row[2].startswith("new ")}
    assert len(pictures) == 40
    for image, picture in pictures.items():
        assert Path(picture).read_bytes() == part.thumbnail(part.images.index(image))
    file = tmp_path / "answers.csv"
    file.write_text("image,answer\nnew 3,1\nnew 5,no\n")
    assert read_answers(file, "bicycle", small.store).values == {"new 3": 1, "new 5": 0}
    app = AppState(small, Jobs(inline=True))
    app.selection.class_name = "bicycle"
    view, sent = KnowledgeView(app), []
    monkeypatch.setattr(type(view.panels), "_send_msg", lambda _, message: sent.append(message))
    view.act({"action": "ask"})
    draft = app.asking.draft
    images = ("new 2", "new 7", *draft.images[:1])
    app.asking.draft = Draft(draft.node, "bicycle", draft.why, images)
    app.asking._decided = app.asking._decisions(app.tuning.head, app.asking.draft)
    (part,) = AllImages(app.store).more.stores
    row = view.panels.asking["rows"][0]
    assert row == len(app.store.images) + part.images.index("new 2")
    view.act({"action": "asked_photo", "row": row})
    assert sent[-1]["photo"]["row"] == row
    assert sent[-1]["photo"]["source"].startswith("data:image/jpeg")
    view.act({"action": "answer_photo", "place": 0, "value": 1})
    assert app.asking.draft.answers.given == {"new 2": 1}


def test_the_file_of_an_added_photo_is_shown_only_if_it_is_that_photo(small, tmp_path):
    (part,) = AllImages(small.store).more.stores
    picture = part.picture(1)
    shutil.rmtree(part.path)

    def write(file: Path, width: int) -> str:
        """Write a photo that its thumbnail is of."""
        picture.resize((width, width * picture.height // picture.width)).save(file)
        return str(file)

    write(tmp_path / "new 1.jpg", 900)
    added_part(small.store, 40, folder=str(tmp_path))
    (part,) = AllImages(small.store).more.stores
    assert load_photo(small.spec, part, 0) is None  # there is no such file
    assert load_photo(small.spec, part, 1)["width"] == 900
    for other in (write(tmp_path / "other.jpg", 901), str(tmp_path)):
        part.attrs["paths"][1] = other
        assert load_photo(small.spec, part, 1) is None
